"""Training on an NVIDIA GPU: a step captured as a CUDA graph, and the MLP's step in few kernels.

A step of a wide network on a small batch waits for memory: AdamW reads and writes more than the products do. The MLP's
step is therefore written out, in Triton. A weight's gradient, d' x over the samples of a batch, is a product that its
update computes tile by tile, and it never reaches memory; batch norm and what stands around it are a kernel forward and
one back; and the hidden weight is updated in chunks, each while the gradient goes back through the next, so that it is
read once for both. `training.train` imports this module where it trains on a GPU: Triton comes with PyTorch's CUDA
builds alone.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Literal

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from epidl import networks

BETAS = 0.9, 0.999  # of AdamW, as is the next: PyTorch's defaults
EPSILON = 1e-8
SLOPES = networks.LEAKY_SLOPE, networks.LEAKY_SLOPE, 1.0  # behind the batch norm of each layer
TILE_OUT, TILE_IN, WARPS = 32, 64, 4  # of a weight, that one program updates
COLUMN_VALUES = 2048  # that one program of batch norm holds
# a product is cut along its inputs into parts, so that all processors work: how many outputs they have in all, and how
# many inputs each at least
PART_OUTPUTS, PART_INPUTS = 8192, 64
CHUNKS = 4  # of the hidden weight

_BETA1, _BETA2, _EPSILON = (tl.constexpr(value) for value in (*BETAS, EPSILON))
_LOG2_BETA1, _LOG2_BETA2 = (tl.constexpr(math.log2(beta)) for beta in BETAS)
Kind = Literal["absolute", "squared", "product", "sum"]


class CapturedStep:
    """A training step as CUDA graphs, one for each size of a batch; the model and the optimiser stay as they were.

    take_step: what is captured. sizes: of the batches that will come. Called as `take_step` is.
    """

    def __init__(
        self,
        take_step: Callable[[Tensor, Tensor], Tensor],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        sizes: Iterable[int],
        device: torch.device | str,
    ) -> None:
        before = {name: value.clone() for name, value in model.state_dict().items()}
        n_inputs, n_traits = networks.sizes(model)
        self._graphs = {}
        for size in sizes:
            inputs = torch.zeros(size, n_inputs, device=device), torch.zeros(size, n_traits, device=device)
            _warm_up(take_step, inputs)
            optimizer.zero_grad()  # so that the graph makes gradients of its own
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                loss = take_step(*inputs)
            self._graphs[size] = graph, inputs, loss
        model.load_state_dict(before)
        for value in itertools.chain.from_iterable(state.values() for state in optimizer.state.values()):
            value.zero_()

    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Take the step on a batch; return its loss."""
        graph, inputs, loss = self._graphs[len(alleles)]
        for place, values in zip(inputs, (alleles, phenotypes), strict=True):
            place.copy_(values)
        graph.replay()
        return loss.clone()


def _warm_up(take_step: Callable[[Tensor, Tensor], Tensor], inputs: tuple[Tensor, Tensor]) -> None:
    """Take some steps on a stream of their own, as capturing asks for: libraries make their workspaces here."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This instance was constructed with capturable=True")
        for _ in range(2):
            take_step(*inputs)
    torch.cuda.current_stream().wait_stream(stream)


class MlpStep:
    """A step of `networks.mlp` by AdamW, its moments kept in the optimiser's state.

    loss: 'absolute' or 'squared'. The rate is the optimiser's, a tensor. Weights are updated on a stream beside the one
    of the forward and backward pass.
    """

    def __init__(
        self, model: networks.Mlp, optimizer: torch.optim.Optimizer, loss: Literal["absolute", "squared"]
    ) -> None:
        (group,) = optimizer.param_groups
        self._layers, self._norms, self._loss = model[::3], model[1::3], loss
        for parameter in model.parameters():
            optimizer.state[parameter] = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        self._count = torch.zeros((), dtype=torch.float64, device=parameter.device)
        optimizer.state[parameter]["step"] = self._count
        self._state, self._decay = optimizer.state, group["weight_decay"]
        # what a step multiplies by: the rate over the first correction, the root of the second
        self._rate, self._corrections = group["lr"], torch.ones(2, device=parameter.device)

    @torch.no_grad()
    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Take the step on a batch; return its loss."""
        here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        beside.wait_stream(here)
        with torch.cuda.stream(beside):
            _correct[1,](self._count, self._corrections)
            offsets = [_offset(layer) for layer in self._layers]
        inputs, normals, inverses = [alleles], [], []
        for layer, norm, offset, slope in zip(self._layers, self._norms, offsets, SLOPES, strict=True):
            parts = _product_parts(layer, inputs[-1])
            here.wait_stream(beside)
            normal, inverse, outputs = _normalise(parts, norm, offset, slope)
            inputs.append(outputs)
            normals.append(normal)
            inverses.append(inverse)
        hidden, output = self._layers[1].weight, self._layers[2].weight

        of_output, losses = self._back(2, normals[2], inverses[2], phenotypes, self._loss)
        of_hidden, _ = self._back(1, normals[1], inverses[1], of_output, "product", output)
        beside.wait_stream(here)
        with torch.cuda.stream(beside):
            loss = losses.sum()
            self._update(output, of_output, inputs[2])
        chunks = slice_into(len(hidden), CHUNKS)
        parts = hidden.new_empty(len(chunks), len(alleles), hidden.shape[1])
        for part, rows in zip(parts, chunks, strict=True):
            torch.mm(of_hidden[:, rows], hidden[rows], out=part)
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                self._update(hidden, of_hidden, inputs[1], rows)
        of_entry, _ = self._back(0, normals[0], inverses[0], parts, "sum")
        beside.wait_stream(here)
        with torch.cuda.stream(beside):
            self._update(self._layers[0].weight, of_entry, alleles)
        here.wait_stream(beside)
        return loss

    def _back(
        self, layer: int, normal: Tensor, inverse: Tensor, upstream: Tensor, kind: Kind, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient of a layer's products and parts of the loss; update the bias and batch norm.

        upstream, by kind: phenotypes of a loss, gradients that are to be multiplied by a weight, or parts of a sum.
        """
        n_rows, n_columns = normal.shape
        block, grid = _column_blocks(n_rows, n_columns)
        errors, losses = torch.empty_like(normal), normal.new_empty(grid)
        norm, bias = self._norms[layer], self._layers[layer].bias
        updated = [tensor for parameter in (norm.weight, norm.bias, bias) for tensor in self._moved(parameter)]
        n_parts = {"sum": len(upstream), "product": upstream.shape[1]}.get(kind, 0)
        _back[grid](
            normal,
            inverse,
            upstream,
            upstream if weight is None else weight,
            errors,
            losses,
            *updated,
            self._rate,
            self._corrections,
            self._decay,
            SLOPES[layer],
            n_rows,
            n_columns,
            KIND=kind,
            N_PARTS=n_parts,
            ROWS=triton.next_power_of_2(n_rows),
            COLUMNS=block,
        )
        return errors, losses

    def _update(self, weight: Tensor, errors: Tensor, inputs: Tensor, rows: slice = slice(None)) -> None:
        """Update some rows of a weight by the gradients of its products (n_samples, n_out), and what it multiplied."""
        n_samples, n_out = errors.shape
        n_in = inputs.shape[1]
        one_hot = weight.ndim == 3
        moved = self._moved(weight)
        if not one_hot:
            moved, errors = [tensor[rows] for tensor in moved], errors[:, rows]
        tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
        samples = max(16, triton.next_power_of_2(n_samples))
        _update[triton.cdiv(n_in, TILE_IN), triton.cdiv(errors.shape[1], TILE_OUT)](
            *moved,
            errors,
            inputs,
            self._rate,
            self._corrections,
            self._decay,
            n_samples,
            errors.shape[1],
            n_out,
            n_in,
            ONE_HOT=one_hot,
            ROWS=min(samples, 128),
            N_BLOCKS=triton.cdiv(samples, 128),
            OUT=TILE_OUT,
            IN=TILE_IN,
            PRECISION="tf32" if tf32 else "ieee",
            num_warps=WARPS,
        )

    def _moved(self, parameter: Tensor) -> list[Tensor]:
        return [parameter, *(self._state[parameter][name] for name in ("exp_avg", "exp_avg_sq"))]


def slice_into(n: int, n_chunks: int) -> list[slice]:
    """Return slices that cut n rows into about so many chunks, fewer where there are fewer rows."""
    step = -(-n // n_chunks)
    return [slice(start, min(n, start + step)) for start in range(0, n, step)]


def _offset(layer: nn.Module) -> Tensor:
    """Return what a layer adds to its products: nothing that batch norm would leave, but its mean."""
    return layer.weight[0].sum(dim=1) + layer.bias if isinstance(layer, networks.OneHotLinear) else layer.bias


def _product_parts(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Return the products of a layer's weight and a batch (n_parts, n_samples, n_out), whose sum is one product."""
    weight = layer.weight[1] - layer.weight[0] if isinstance(layer, networks.OneHotLinear) else layer.weight
    n_out, n_in = weight.shape
    n_parts = 1
    while n_in % (2 * n_parts) == 0 and 2 * n_parts <= min(PART_OUTPUTS / n_out, n_in / PART_INPUTS):
        n_parts *= 2
    return inputs.unflatten(1, (n_parts, -1)).movedim(1, 0) @ weight.unflatten(1, (n_parts, -1)).permute(1, 2, 0)


def _normalise(parts: Tensor, norm: nn.BatchNorm1d, offset: Tensor, slope: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch of products normalised, its inverse standard deviations, and the batch behind leaky ReLU."""
    n_parts, n_rows, n_columns = parts.shape
    normal, outputs = (parts.new_empty(n_rows, n_columns) for _ in range(2))
    inverse = parts.new_empty(n_columns)
    block, grid = _column_blocks(n_rows, n_columns)
    _forward[grid](
        parts,
        offset,
        normal,
        inverse,
        outputs,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        norm.num_batches_tracked,
        norm.eps,
        norm.momentum,
        slope,
        n_rows,
        n_columns,
        N_PARTS=n_parts,
        ROWS=triton.next_power_of_2(n_rows),
        COLUMNS=block,
    )
    return normal, inverse, outputs


def _column_blocks(n_rows: int, n_columns: int) -> tuple[int, tuple[int]]:
    """Return how many columns a program takes, and the grid of programs."""
    block = max(1, COLUMN_VALUES // triton.next_power_of_2(n_rows))
    return block, (triton.cdiv(n_columns, block),)


@triton.jit
def _correct(count, corrections):
    """Count a step, and correct AdamW's moments for their start at 0."""
    step = tl.load(count) + 1
    tl.store(count, step)
    tl.store(corrections, (1.0 / (1.0 - tl.exp2(step * _LOG2_BETA1))).to(tl.float32))
    tl.store(corrections + 1, (1.0 / tl.sqrt(1.0 - tl.exp2(step * _LOG2_BETA2))).to(tl.float32))


@triton.jit
def _forward(
    parts,
    offset,
    normal,
    inverse,
    outputs,
    gain,
    shift,
    running_mean,
    running_variance,
    n_batches,
    epsilon,
    momentum,
    slope,
    n_rows,
    n_columns,
    N_PARTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Batch norm of some columns, then leaky ReLU."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)
    here = column < n_columns
    inside = (row[:, None] < n_rows) & here[None, :]
    place = row[:, None] * n_columns + column[None, :]
    values = tl.load(parts + place, inside, 0.0)
    for part in range(1, N_PARTS):
        values += tl.load(parts + part * n_rows * n_columns + place, inside, 0.0)
    mean = tl.sum(values, 0) / n_rows
    centred = tl.where(inside, values - mean[None, :], 0.0)
    variance = tl.sum(centred * centred, 0) / n_rows
    scale = 1.0 / tl.sqrt(variance + epsilon)
    scaled = centred * scale[None, :]
    tl.store(normal + place, scaled, inside)
    tl.store(inverse + column, scale, here)
    scaled = scaled * tl.load(gain + column, here)[None, :] + tl.load(shift + column, here)[None, :]
    tl.store(outputs + place, tl.where(scaled > 0, scaled, scaled * slope), inside)
    mean += tl.load(offset + column, here)
    variance = variance * n_rows / (n_rows - 1)
    old_mean, old_variance = tl.load(running_mean + column, here), tl.load(running_variance + column, here)
    tl.store(running_mean + column, old_mean + momentum * (mean - old_mean), here)
    tl.store(running_variance + column, old_variance + momentum * (variance - old_variance), here)
    if tl.program_id(0) == 0:
        tl.store(n_batches, tl.load(n_batches) + 1)


@triton.jit
def _back(
    normal,
    inverse,
    upstream,
    weight,
    errors,
    losses,
    gain,
    gain_1,
    gain_2,
    shift,
    shift_1,
    shift_2,
    bias,
    bias_1,
    bias_2,
    rate,
    corrections,
    decay,
    slope,
    n_rows,
    n_columns,
    KIND: tl.constexpr,
    N_PARTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The gradient through leaky ReLU and batch norm of some columns; AdamW of their gain, shift and bias."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)
    here = column < n_columns
    inside = (row[:, None] < n_rows) & here[None, :]
    place = row[:, None] * n_columns + column[None, :]
    scale, gains = tl.load(inverse + column, here, 0.0), tl.load(gain + column, here, 0.0)
    normals = tl.load(normal + place, inside, 0.0)
    scaled = normals * gains[None, :] + tl.load(shift + column, here, 0.0)[None, :]
    above = tl.zeros((ROWS, COLUMNS), tl.float32)
    if KIND == "sum":
        for part in range(N_PARTS):
            above += tl.load(upstream + part * n_rows * n_columns + place, inside, 0.0)
    elif KIND == "product":
        for part in range(N_PARTS):
            one = tl.load(upstream + row * N_PARTS + part, row < n_rows, 0.0)
            above += one[:, None] * tl.load(weight + part * n_columns + column, here, 0.0)[None, :]
    else:
        n_values = n_rows * n_columns
        error = tl.where(inside, scaled - tl.load(upstream + place, inside, 0.0), 0.0)
        if KIND == "absolute":
            above = ((error > 0).to(tl.float32) - (error < 0).to(tl.float32)) / n_values
            loss = tl.abs(error) / n_values
        else:
            above = 2.0 * error / n_values
            loss = error * error / n_values
        tl.store(losses + tl.program_id(0), tl.sum(loss))
    above = tl.where(scaled > 0, above, above * slope)
    of_shift, of_gain = tl.sum(above, 0), tl.sum(above * normals, 0)
    below = (above - (of_shift[None, :] + normals * of_gain[None, :]) / n_rows) * (gains * scale)[None, :]
    below = tl.where(inside, below, 0.0)
    tl.store(errors + place, below, inside)
    rates, of_mean, of_square = tl.load(rate), tl.load(corrections), tl.load(corrections + 1)
    _adamw(gain + column, gain_1 + column, gain_2 + column, of_gain, rates, of_mean, of_square, decay, here)
    _adamw(shift + column, shift_1 + column, shift_2 + column, of_shift, rates, of_mean, of_square, decay, here)
    _adamw(bias + column, bias_1 + column, bias_2 + column, tl.sum(below, 0), rates, of_mean, of_square, decay, here)


@triton.jit
def _update(
    weight,
    first,
    second,
    errors,
    inputs,
    rate,
    corrections,
    decay,
    n_samples,
    n_rows,
    n_out,
    n_in,
    ONE_HOT: tl.constexpr,
    ROWS: tl.constexpr,
    N_BLOCKS: tl.constexpr,
    OUT: tl.constexpr,
    IN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """AdamW of a tile of a weight, whose gradient is a product over the batch."""
    column = tl.program_id(0) * IN + tl.arange(0, IN)
    output = tl.program_id(1) * OUT + tl.arange(0, OUT)
    gradient = tl.zeros((OUT, IN), tl.float32)
    total = tl.zeros((OUT,), tl.float32)
    for block in range(N_BLOCKS):
        row = block * ROWS + tl.arange(0, ROWS)
        known = row < n_samples
        above = tl.load(
            errors + row[None, :] * n_out + output[:, None], known[None, :] & (output < n_rows)[:, None], 0.0
        )
        below = tl.load(inputs + row[:, None] * n_in + column[None, :], known[:, None] & (column < n_in)[None, :], 0.0)
        gradient = tl.dot(above, below, gradient, input_precision=PRECISION)
        if ONE_HOT:
            total += tl.sum(above, 1)
    place = output[:, None] * n_in + column[None, :]
    inside = (output < n_rows)[:, None] & (column < n_in)[None, :]
    rates, of_mean, of_square = tl.load(rate), tl.load(corrections), tl.load(corrections + 1)
    if ONE_HOT:  # the columns of allele 0 stand before those of allele 1
        of_zero = total[:, None] - gradient
        _adamw(weight + place, first + place, second + place, of_zero, rates, of_mean, of_square, decay, inside)
        place += n_out * n_in
    _adamw(weight + place, first + place, second + place, gradient, rates, of_mean, of_square, decay, inside)


@triton.jit
def _adamw(value, first, second, gradient, rate, of_mean, of_square, decay, inside):
    """Update values and their two moments in place, as torch.optim.AdamW does."""
    values = tl.load(value, inside, 0.0)
    mean = tl.load(first, inside, 0.0, eviction_policy="evict_first")
    square = tl.load(second, inside, 0.0, eviction_policy="evict_first")
    mean += (1.0 - _BETA1) * (gradient - mean)
    square = _BETA2 * square + (1.0 - _BETA2) * gradient * gradient
    values -= rate * decay * values
    values -= rate * of_mean * mean / (tl.sqrt(square) * of_square + _EPSILON)
    tl.store(value, values, inside)
    tl.store(first, mean, inside, eviction_policy="evict_first")
    tl.store(second, square, inside, eviction_policy="evict_first")
