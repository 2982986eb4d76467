"""Training on an NVIDIA GPU: a step captured as a CUDA graph, and the MLP's step in few kernels.

A step of a wide network on a small batch waits for memory: AdamW reads and writes more than the products do. The MLP's
step is therefore written out, in Triton. A weight's gradient, d' x over the samples of a batch, is a product that its
update computes tile by tile, so that it never reaches memory; batch norm and what stands around it are a kernel forward
and one back; and the hidden weight, by far the largest, is updated while the next batch goes through the first layer.

Products are in TF32, whose factors keep 10 bits of their 23 and whose sums keep all: PyTorch's, where
`training.fast_products` asks for it, and an update's in half precision, which has the same 10 bits, with each output's
gradients scaled into its range by a power of 2.

`training.train` imports this module where it trains on a GPU: Triton comes with PyTorch's CUDA builds for Linux.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from epidl import networks

BETAS = 0.9, 0.999  # of AdamW, as is the next: PyTorch's defaults
EPSILON = 1e-8
SLOPES = networks.LEAKY_SLOPE, networks.LEAKY_SLOPE, 1.0  # behind the batch norm of each layer
# sizes that were fastest on an H200
TILE_OUT, TILE_IN, WARPS = 32, 64, 4  # of a weight, that one program updates
COLUMN_VALUES = 2048  # that one program of batch norm holds
MOST_ROWS = 1024  # of a batch
# a product is cut along its inputs into parts, so that all processors work: how many outputs they have in all, and how
# many inputs each at least
PART_OUTPUTS, PART_INPUTS = 8192, 512
ALIGNED = 16  # columns of a matrix are a multiple of this, so that its rows are read in the widest steps
FIRST = -1  # the priority of a stream whose work goes before others'

_BETA1, _BETA2, _EPSILON = (tl.constexpr(value) for value in (*BETAS, EPSILON))
_LOG2_BETA1, _LOG2_BETA2 = (tl.constexpr(math.log2(beta)) for beta in BETAS)
Kind = Literal["absolute", "squared", "product", "sum"]


class CapturedSteps:
    """Training steps as CUDA graphs, one for each number of samples; the model and the optimiser stay as they were.

    take_steps: takes a step on each batch of some samples, given alleles (n_samples, n_inputs) and phenotypes
    (n_samples, n_traits), and returns the losses (n_batches,). n_samples: the numbers that calls will bring; any other
    raises KeyError.
    """

    def __init__(
        self,
        take_steps: Callable[[Tensor, Tensor], Tensor],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        n_samples: Iterable[int],
        device: torch.device | str,
    ) -> None:
        before = {name: value.clone() for name, value in model.state_dict().items()}
        n_inputs, n_traits = networks.sizes(model)
        self._graphs = {}
        for size in n_samples:
            inputs = torch.zeros(size, n_inputs, device=device), torch.zeros(size, n_traits, device=device)
            _warm_up(take_steps, optimizer, inputs)
            optimizer.zero_grad()  # so that the graph makes gradients of its own
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.Stream(priority=FIRST)):
                losses = take_steps(*inputs)
            self._graphs[size] = graph, inputs, losses
        model.load_state_dict(before)
        for value in itertools.chain.from_iterable(state.values() for state in optimizer.state.values()):
            value.zero_()

    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Return the losses (n_batches,) of a step on each batch of alleles (n_samples, n_inputs), before it."""
        graph, inputs, losses = self._graphs[len(alleles)]
        for place, values in zip(inputs, (alleles, phenotypes), strict=True):
            place.copy_(values)
        graph.replay()
        return losses.clone()


def _warm_up(
    take_steps: Callable[[Tensor, Tensor], Tensor], optimizer: torch.optim.Optimizer, inputs: tuple[Tensor, Tensor]
) -> None:
    """Take steps on a stream of their own, as capturing asks for: libraries make their workspaces here."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        optimizer.zero_grad()
        optimizer.step()  # without gradients, of nothing: a schedule of the rate waits for one that it has seen
        take_steps(*inputs)
    torch.cuda.current_stream().wait_stream(stream)


def takes(model: nn.Module, batch_size: int) -> bool:
    """Tell whether `MlpSteps` takes a model: its kernels count in 32 bits, and hold some columns of a batch at once."""
    return isinstance(model, networks.Mlp) and model[0].weight.numel() < 2**30 and batch_size <= MOST_ROWS


class MlpSteps:
    """Steps of `networks.mlp` by AdamW, its moments kept in the optimiser's state.

    loss: 'absolute' or 'squared'. batch_size: samples a step. The rate is the optimiser's, a tensor. Three streams: the
    forward and backward pass; `beside` it what is small, and the first weight, which the next batch needs first;
    `behind` it the hidden weight.
    """

    def __init__(
        self,
        model: networks.Mlp,
        optimizer: torch.optim.Optimizer,
        loss: Literal["absolute", "squared"],
        batch_size: int,
    ) -> None:
        (group,) = optimizer.param_groups
        self._layers, self._norms, self._loss, self._batch_size = model[::3], model[1::3], loss, batch_size
        for parameter in model.parameters():
            like = _padded(parameter) if parameter is model[0].weight else parameter
            optimizer.state[parameter] = {name: torch.zeros_like(like) for name in ("exp_avg", "exp_avg_sq")}
        self._count = torch.zeros((), dtype=torch.float64, device=parameter.device)
        optimizer.state[parameter]["step"] = self._count
        self._state, self._rate, self._decay = optimizer.state, group["lr"], group["weight_decay"]

    @torch.no_grad()
    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Return the losses (n_batches,) of a step on each batch of alleles (n_samples, n_inputs), before it."""
        here = torch.cuda.current_stream()
        beside, behind = torch.cuda.Stream(priority=FIRST), torch.cuda.Stream()
        first, hidden, output = (layer.weight for layer in self._layers)
        entry = _Entry.of(self._layers[0])
        alleles = _padded(alleles)
        low = alleles.to(_low())
        beside.wait_stream(here)
        behind.wait_stream(here)
        losses, used = [], ()
        for batch, batch_low, observed in zip(
            *(x.split(self._batch_size) for x in (alleles, low, phenotypes)), strict=True
        ):
            here.wait_stream(beside)  # the first weight is the last step's
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                factors = self._factors()
                offset = entry.offset()
            parts = _product_parts(batch, entry.folded)
            here.wait_stream(beside)
            of_first = self._normalise(0, parts, offset)
            here.wait_stream(behind)  # the hidden weight is the last step's
            of_hidden = self._normalise(1, _product_parts(of_first.outputs, hidden), self._layers[1].bias)
            of_output = self._normalise(2, _product_parts(of_hidden.outputs, output), self._layers[2].bias)

            back_output = self._back(2, of_output, observed, self._loss, factors)
            back_hidden = self._back(1, of_hidden, back_output.errors, "product", factors, output)
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                losses.append(back_output.losses.sum())
                self._update(output, self._state[output], back_output, of_hidden.low, factors)
            parts = _product_parts(back_hidden.errors, hidden.T)
            behind.wait_stream(here)
            with torch.cuda.stream(behind):
                self._update(hidden, self._state[hidden], back_hidden, of_first.low, factors)
            back_first = self._back(0, of_first, parts, "sum", factors)
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                self._update(entry.weight, self._state[first], back_first, batch_low, factors, entry)
            used = back_hidden, of_first, factors, back_first  # until the next step has waited for `behind`
        here.wait_stream(beside)
        here.wait_stream(behind)
        del used
        first.copy_(entry.weight[..., : first.shape[-1]])
        return torch.stack(losses)

    def _factors(self) -> Tensor:
        """Count a step; return the factors of AdamW's moments that correct for their start at 0."""
        factors = torch.empty(2, device=self._count.device)
        _correct[1,](self._count, factors)
        return factors

    def _normalise(self, layer: int, parts: Tensor, offset: Tensor) -> "_Forward":
        """Take a layer's products (n_parts, n_samples, n_out), whose sum is one, through batch norm and leaky ReLU."""
        n_parts, n_rows, n_columns = parts.shape
        normal, outputs = (parts.new_empty(n_rows, n_columns) for _ in range(2))
        found = _Forward(normal, parts.new_empty(n_columns), outputs, torch.empty_like(outputs, dtype=_low()))
        norm = self._norms[layer]
        block, grid = _column_blocks(n_rows, n_columns)
        _forward[grid](
            parts,
            offset,
            *vars(found).values(),
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
            norm.num_batches_tracked,
            norm.eps,
            norm.momentum,
            SLOPES[layer],
            n_rows,
            n_columns,
            N_PARTS=n_parts,
            ROWS=triton.next_power_of_2(n_rows),
            COLUMNS=block,
        )
        return found

    def _back(
        self,
        layer: int,
        forward: "_Forward",
        upstream: Tensor,
        kind: Kind,
        factors: Tensor,
        weight: Tensor | None = None,
    ) -> "_Backward":
        """Take a gradient back to a layer's products; update the layer's bias and batch norm.

        upstream, by kind: the phenotypes of a loss, gradients that are to be multiplied by a weight, or parts of a sum.
        """
        normal = forward.normal
        n_rows, n_columns = normal.shape
        block, grid = _column_blocks(n_rows, n_columns)
        errors, vectors = torch.empty_like(normal), normal.new_empty(2, n_columns)
        found = _Backward(errors, torch.empty_like(errors, dtype=_low()), *vectors, normal.new_empty(grid))
        norm, bias = self._norms[layer], self._layers[layer].bias
        moved = [tensor for parameter in (norm.weight, norm.bias, bias) for tensor in self._moved(parameter)]
        n_parts = {"sum": len(upstream), "product": upstream.shape[1]}.get(kind, 0)
        _back[grid](
            normal,
            forward.inverse,
            upstream,
            upstream if weight is None else weight,
            *vars(found).values(),
            *moved,
            self._rate,
            factors,
            self._decay,
            SLOPES[layer],
            n_rows,
            n_columns,
            KIND=kind,
            N_PARTS=n_parts,
            ROWS=triton.next_power_of_2(n_rows),
            COLUMNS=block,
        )
        return found

    def _update(
        self,
        weight: Tensor,
        moments: Mapping[str, Tensor],
        back: "_Backward",
        inputs: Tensor,
        factors: Tensor,
        entry: "_Entry | None" = None,
    ) -> None:
        """Update a weight by the gradients of its products and what it multiplied, and what else an entry holds."""
        n_samples, n_out = back.low.shape
        n_in = inputs.shape[1]
        samples = max(16, triton.next_power_of_2(n_samples))
        one_hot = weight.ndim == 3
        folded, sums, n_markers = (entry.folded, entry.sums, entry.n_markers) if one_hot else (weight, weight, n_in)
        grid = triton.cdiv(n_in, TILE_IN), triton.cdiv(n_out, TILE_OUT)
        _update[grid](
            weight,
            moments["exp_avg"],
            moments["exp_avg_sq"],
            back.low,
            back.scale,
            back.total,
            inputs,
            folded,
            sums,
            self._rate,
            factors,
            self._decay,
            n_samples,
            n_out,
            n_in,
            n_markers,
            ONE_HOT=one_hot,
            ROWS=min(samples, 128),
            N_BLOCKS=triton.cdiv(samples, 128),
            OUT=TILE_OUT,
            IN=TILE_IN,
            num_warps=WARPS,
        )

    def _moved(self, parameter: Tensor) -> list[Tensor]:
        return [parameter, *(self._state[parameter][name] for name in ("exp_avg", "exp_avg_sq"))]


@dataclass(frozen=True)
class _Forward:
    """What a batch leaves behind a layer (n_samples, n_out), low: the outputs for `_update`; inverse: (n_out,)."""

    normal: Tensor
    inverse: Tensor
    outputs: Tensor
    low: Tensor


@dataclass(frozen=True)
class _Backward:
    """The gradient of a layer's products (n_samples, n_out); low: times scale (n_out,), for `_update`; total: its sums.

    losses: parts of the loss, where the gradient is that of one.
    """

    errors: Tensor
    low: Tensor
    scale: Tensor
    total: Tensor
    losses: Tensor


def _low() -> torch.dtype:
    """Return the type of what `_update` multiplies: half precision, scaled to its range, has the 10 bits of TF32."""
    return torch.float16 if torch.backends.cuda.matmul.fp32_precision == "tf32" else torch.float32


@dataclass(frozen=True)
class _Entry:
    """The first layer, with markers padded to `ALIGNED`: what multiplies a batch changes with the weight.

    weight: as the layer's; folded: (n_out, n_columns), see `networks`; sums: (n_tiles, n_out), those of the columns of
    allele 0, tile by tile.
    """

    weight: Tensor
    folded: Tensor
    sums: Tensor
    bias: Tensor
    n_markers: int

    @classmethod
    def of(cls, layer: nn.Module) -> "_Entry":
        weight, n_markers = _padded(layer.weight), layer.weight.shape[-1]
        if weight.ndim == 2:  # no one-hot columns
            return cls(weight, weight, weight.new_empty(0, len(weight)), layer.bias, n_markers)
        sums = weight.new_zeros(triton.cdiv(weight.shape[2], TILE_IN), weight.shape[1])
        sums[0] = weight[0].sum(dim=1)
        return cls(weight, weight[1] - weight[0], sums, layer.bias, n_markers)

    def offset(self) -> Tensor:
        """Return what the layer adds to its products: nothing that batch norm would leave, but its mean."""
        return self.sums.sum(dim=0) + self.bias


def _padded(values: Tensor) -> Tensor:
    """Return a copy with columns of 0 up to a multiple of `ALIGNED`."""
    n_columns = values.shape[-1]
    padded = values.new_zeros(*values.shape[:-1], triton.cdiv(n_columns, ALIGNED) * ALIGNED)
    padded[..., :n_columns] = values
    return padded


def _product_parts(inputs: Tensor, weight: Tensor) -> Tensor:
    """Return parts (n_parts, n_samples, n_out) whose sum is the product of a batch and a weight (n_out, n_in)."""
    n_out, n_in = weight.shape
    n_parts = 1
    while n_in % (2 * n_parts) == 0 and 2 * n_parts <= min(PART_OUTPUTS / n_out, n_in / PART_INPUTS):
        n_parts *= 2
    return inputs.unflatten(1, (n_parts, -1)).movedim(1, 0) @ weight.unflatten(1, (n_parts, -1)).permute(1, 2, 0)


def _column_blocks(n_rows: int, n_columns: int) -> tuple[int, tuple[int]]:
    """Return how many columns a program takes, and the grid of programs."""
    block = min(max(1, COLUMN_VALUES // triton.next_power_of_2(n_rows)), triton.next_power_of_2(n_columns))
    return block, (triton.cdiv(n_columns, block),)


@triton.jit
def _correct(count, factors):
    """Count a step; find the factors that correct AdamW's moments for their start at 0."""
    step = tl.load(count) + 1
    tl.store(count, step)
    tl.store(factors, (1.0 / (1.0 - tl.exp2(step * _LOG2_BETA1))).to(tl.float32))
    tl.store(factors + 1, (1.0 / tl.sqrt(1.0 - tl.exp2(step * _LOG2_BETA2))).to(tl.float32))


@triton.jit
def _columns(n_rows, n_columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return what a program holds of a batch: rows, columns, which columns there are; places, and which there are."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)
    here = column < n_columns
    inside = (row[:, None] < n_rows) & here[None, :]
    return row, column, here, row[:, None] * n_columns + column[None, :], inside


@triton.jit
def _forward(
    parts,
    offset,
    normal,
    inverse,
    outputs,
    low,
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
    _, column, here, place, inside = _columns(n_rows, n_columns, ROWS, COLUMNS)
    values = tl.load(parts + place, inside, 0.0)
    for part in tl.static_range(1, N_PARTS):
        values += tl.load(parts + part * n_rows * n_columns + place, inside, 0.0)
    mean = tl.sum(values, 0) / n_rows
    centred = tl.where(inside, values - mean[None, :], 0.0)
    variance = tl.sum(centred * centred, 0) / n_rows
    scale = 1.0 / tl.sqrt(variance + epsilon)
    scaled = centred * scale[None, :]
    tl.store(normal + place, scaled, inside)
    tl.store(inverse + column, scale, here)
    scaled = scaled * tl.load(gain + column, here)[None, :] + tl.load(shift + column, here)[None, :]
    scaled = tl.where(scaled > 0, scaled, scaled * slope)
    tl.store(outputs + place, scaled, inside)
    tl.store(low + place, scaled.to(low.dtype.element_ty), inside)
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
    low,
    low_scale,
    total,
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
    factors,
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
    row, column, here, place, inside = _columns(n_rows, n_columns, ROWS, COLUMNS)
    scale, gains = tl.load(inverse + column, here, 0.0), tl.load(gain + column, here, 0.0)
    normals = tl.load(normal + place, inside, 0.0)
    scaled = normals * gains[None, :] + tl.load(shift + column, here, 0.0)[None, :]
    above = tl.zeros((ROWS, COLUMNS), tl.float32)
    if KIND == "sum":
        for part in tl.static_range(N_PARTS):
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
    largest = tl.max(tl.abs(below), 0)  # scaled by a power of 2 to just below the largest number of half precision
    power = tl.exp2(tl.floor(15.0 - tl.log2(tl.where(largest > 0, largest, 1.0))))
    tl.store(low + place, (below * power[None, :]).to(low.dtype.element_ty), inside)
    tl.store(low_scale + column, power, here)
    of_bias = tl.sum(below, 0)
    tl.store(total + column, of_bias, here)
    _adamw(gain + column, gain_1 + column, gain_2 + column, of_gain, rate, factors, decay, here)
    _adamw(shift + column, shift_1 + column, shift_2 + column, of_shift, rate, factors, decay, here)
    _adamw(bias + column, bias_1 + column, bias_2 + column, of_bias, rate, factors, decay, here)


@triton.jit
def _update(
    weight,
    first,
    second,
    errors,
    scale,
    total,
    inputs,
    folded,
    sums,
    rate,
    factors,
    decay,
    n_samples,
    n_out,
    n_in,
    n_markers,
    ONE_HOT: tl.constexpr,
    ROWS: tl.constexpr,
    N_BLOCKS: tl.constexpr,
    OUT: tl.constexpr,
    IN: tl.constexpr,
):
    """AdamW of a tile of a weight, whose gradient is a product over the batch; of a folded weight with it."""
    column = tl.program_id(0) * IN + tl.arange(0, IN)
    output = tl.program_id(1) * OUT + tl.arange(0, OUT)
    gradient = tl.zeros((OUT, IN), tl.float32)
    for block in tl.static_range(N_BLOCKS):
        row = block * ROWS + tl.arange(0, ROWS)
        known = (row < n_samples)[:, None]
        above = tl.load(errors + row[:, None] * n_out + output[None, :], known & (output < n_out)[None, :], 0.0)
        below = tl.load(inputs + row[:, None] * n_in + column[None, :], known & (column < n_in)[None, :], 0.0)
        gradient = tl.dot(tl.trans(above), below, gradient, input_precision="ieee")
    gradient *= 1.0 / tl.load(scale + output, output < n_out, 1.0)[:, None]
    place = output[:, None] * n_in + column[None, :]
    inside = (output < n_out)[:, None] & (column < n_in)[None, :]
    if ONE_HOT:  # the columns of allele 0 stand before those of allele 1
        of_zero = tl.load(total + output, output < n_out, 0.0)[:, None] - gradient
        zero = _adamw(weight + place, first + place, second + place, of_zero, rate, factors, decay, inside)
        one_place = place + n_out * n_in
        one = _adamw(weight + one_place, first + one_place, second + one_place, gradient, rate, factors, decay, inside)
        tl.store(folded + place, one - zero, inside)
        of_tile = tl.sum(tl.where((column < n_markers)[None, :], zero, 0.0), 1)
        tl.store(sums + tl.program_id(0) * n_out + output, of_tile, output < n_out)
    else:
        _adamw(weight + place, first + place, second + place, gradient, rate, factors, decay, inside)


@triton.jit
def _adamw(value, first, second, gradient, rate, factors, decay, inside):
    """Update values and their two moments in place, as torch.optim.AdamW does; return the values."""
    values = tl.load(value, inside, 0.0)
    mean = tl.load(first, inside, 0.0, eviction_policy="evict_first")
    square = tl.load(second, inside, 0.0, eviction_policy="evict_first")
    rate, of_mean, of_square = tl.load(rate), tl.load(factors), tl.load(factors + 1)
    mean += (1.0 - _BETA1) * (gradient - mean)
    square = _BETA2 * square + (1.0 - _BETA2) * gradient * gradient
    values -= rate * decay * values
    values -= rate * of_mean * mean / (tl.sqrt(square) * of_square + _EPSILON)
    tl.store(value, values, inside)
    tl.store(first, mean, inside, eviction_policy="evict_first")
    tl.store(second, square, inside, eviction_policy="evict_first")
    return values
