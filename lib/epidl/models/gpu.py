"""Training on an NVIDIA GPU: a step captured as a CUDA graph, and the MLP's step in few kernels.

A step of a wide network on a small batch waits for memory: AdamW reads and writes more than the
products do. The MLP's step is therefore written in Triton. A weight's gradient is d' x over the
individuals of a batch. The weight's update computes this product tile by tile, so that it never
reaches memory. Batch norm and its surroundings are one kernel forward and one back, and a single
one after the last layer. The hidden weight, by far the largest, is updated while the gradient goes
back and the next batch goes through the first layer.

If `training.fast_products` asks for it, products have factors of 10 bits instead of 23, and sums in
full precision. PyTorch's products use TF32, the MLP's half precision, which has the same bits in a
narrower range. An update writes a copy of its weight in half precision for the next step's
products, and powers of 2 scale gradients into its range.

`training.train` imports this module only on a GPU: Triton comes with PyTorch's CUDA builds for
Linux.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
import triton
import triton.language as tl
from torch import Tensor, nn
from triton.tools.tensor_descriptor import TensorDescriptor

from epidl.models import networks

BETAS = 0.9, 0.999  # of AdamW, as is the next: PyTorch's defaults
EPSILON = 1e-8
MOMENTS = "exp_avg", "exp_avg_sq"  # as PyTorch's optimiser names them
# sizes that were fastest on an H200
# of a weight: tiles that one program updates
TILE_OUT, TILE_IN, N_TILES, UPDATE_WARPS = 32, 64, 2, 4
COLUMN_VALUES, NORM_WARPS = 2048, 4  # that one program of batch norm holds
MOST_ROWS = 256  # of a batch: more do not fit the memory of a processor
# a product is cut along its inputs into parts, so that all processors work: how many outputs they
# have in all, and how many inputs each at least
PART_OUTPUTS, PART_INPUTS = 8192, 256
# columns of a matrix are a multiple of this, so that its rows are read in the widest steps
ALIGNED = 16
UNROLL = tl.constexpr(8)  # steps of a loop at once
# what the largest number of a gradient is scaled to at most, half of half precision's range
TOP = 2.0**15
FIRST = -1  # the priority of a stream whose work goes before others'

_BETA1, _BETA2, _EPSILON, _TOP = (tl.constexpr(value) for value in (*BETAS, EPSILON, TOP))
_LOG2_BETA1, _LOG2_BETA2, _LOG2_TOP = (tl.constexpr(math.log2(value)) for value in (*BETAS, TOP))


class CapturedSteps:
    """Training steps as CUDA graphs, one for each number of individuals. Making them leaves model
    and optimiser as they were.

    take_steps: takes a step on each batch of some individuals, given alleles (n_samples, n_inputs)
    and phenotypes (n_samples, n_traits), and returns the losses (n_batches,). n_samples: the
    numbers of individuals that calls will bring. Any other raises KeyError.
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
        self._captured = take_steps, model, optimizer  # a graph writes to their memory
        self._graphs = {}
        for size in n_samples:
            inputs = (
                torch.zeros(size, n_inputs, device=device),
                torch.zeros(size, n_traits, device=device),
            )
            _warm_up(take_steps, optimizer, inputs)
            optimizer.zero_grad()  # so that the graph makes gradients of its own
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.Stream(priority=FIRST)):
                losses = take_steps(*inputs)
            self._graphs[size] = graph, inputs, losses
        model.load_state_dict(before)
        for value in itertools.chain.from_iterable(
            state.values() for state in optimizer.state.values()
        ):
            value.zero_()

    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Return the losses (n_batches,) of a step on each batch of alleles (n_samples, n_inputs),
        before it.
        """
        graph, inputs, losses = self._graphs[len(alleles)]
        for place, values in zip(inputs, (alleles, phenotypes), strict=True):
            place.copy_(values)
        graph.replay()
        return losses.clone()


def _warm_up(
    take_steps: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: tuple[Tensor, Tensor],
) -> None:
    """Take steps on a stream of their own, as capturing demands, so that libraries make their
    workspaces.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        optimizer.zero_grad()
        # without gradients, of nothing: a schedule of the rate waits for one that it has seen
        optimizer.step()
        take_steps(*inputs)
    torch.cuda.current_stream().wait_stream(stream)


def takes(model: nn.Module, batch_size: int) -> bool:
    """Tell whether `MlpSteps` takes a model: its kernels read rows of multiples of `ALIGNED` and
    hold a batch.
    """
    return (
        isinstance(model, networks.Mlp)
        and len(model[0].bias) % ALIGNED == 0
        and batch_size <= MOST_ROWS
    )


class MlpSteps:
    """Steps of `networks.mlp` by AdamW, its moments kept in the optimiser's state.

    loss: 'absolute' or 'squared'. batch_size: individuals per step. The rate is the optimiser's, a
    tensor. There are three streams. The main one has the forward and backward pass. `beside` has
    what is small, and the first weight, which the next batch needs first. `behind` has the hidden
    weight.
    """

    def __init__(
        self,
        model: networks.Mlp,
        optimizer: torch.optim.Optimizer,
        loss: Literal["absolute", "squared"],
        batch_size: int,
    ) -> None:
        (group,) = optimizer.param_groups
        self._layers, self._norms, self._loss, self._batch_size = (
            model[::3],
            model[1::3],
            loss,
            batch_size,
        )
        for parameter in model.parameters():
            like = _own_moments(parameter) if parameter is model[0].weight else parameter
            optimizer.state[parameter] = {name: torch.zeros_like(like) for name in MOMENTS}
        self._count = torch.zeros((), dtype=torch.float64, device=parameter.device)
        optimizer.state[parameter]["step"] = self._count
        self._state, self._rate, self._decay = optimizer.state, group["lr"], group["weight_decay"]

    @torch.no_grad()
    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Return the losses (n_batches,) of a step on each batch of alleles (n_samples, n_inputs),
        before it.
        """
        here = torch.cuda.current_stream()
        beside, behind = torch.cuda.Stream(priority=FIRST), torch.cuda.Stream()
        first, hidden, output = (layer.weight for layer in self._layers)
        entry = _Entry.of(self._layers[0])
        alleles = _padded(alleles.to(_low()))
        # what the products of a step read, while its update writes the next's
        now = hidden.to(_low(), copy=True)
        after, of_output = torch.empty_like(now), output.to(_low(), copy=True)
        beside.wait_stream(here)
        behind.wait_stream(here)
        losses, used = [], ()
        for batch, observed in zip(
            *(x.split(self._batch_size) for x in (alleles, phenotypes)), strict=True
        ):
            here.wait_stream(beside)  # the first weight is the last step's
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                factors = self._factors()
                offset = entry.offset()
            parts = _product(batch, entry.folded)
            here.wait_stream(beside)
            of_first = self._forward(0, parts, offset)
            here.wait_stream(behind)  # the hidden weight is the last step's
            of_hidden = self._forward(1, _product(of_first.outputs, now), self._layers[1].bias)
            back_output = self._last(_product(of_hidden.outputs, of_output), observed, factors)
            back_hidden = self._back(1, of_hidden, back_output.errors, back_output.unscale, factors)
            beside.wait_stream(here)
            behind.wait_stream(here)
            parts = _product(back_hidden.errors, now.T)
            with torch.cuda.stream(behind):
                self._update(1, back_hidden, of_first.outputs, factors, after)
            with torch.cuda.stream(beside):
                losses.append(back_output.losses.sum())
                self._update(2, back_output, of_hidden.outputs, factors, of_output)
            back_first = self._back(0, of_first, parts, back_hidden.unscale, factors)
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                self._update(0, back_first, batch, factors, entry.folded, entry)
            now, after = after, now
            used = of_first, factors  # until the next step has waited for `behind`
        here.wait_stream(beside)
        here.wait_stream(behind)
        del used
        first.copy_(entry.weight[..., : first.shape[-1]])
        return torch.stack(losses)

    def _factors(self) -> Tensor:
        """Count a step and return the factors that correct AdamW's moments for their start at 0."""
        factors = torch.empty(2, device=self._count.device)
        _correct[1,](self._count, factors)
        return factors

    def _forward(self, layer: int, parts: Tensor, offset: Tensor) -> "_Forward":
        """Take products (n_parts, n_samples, n_out), whose sum is a layer's, through batch norm and
        leaky ReLU.
        """
        n_parts, n_rows, n_columns = parts.shape
        normal, following = parts.new_empty(n_rows, n_columns), self._layers[layer + 1].weight
        grid, sizes = _sizes(n_rows, n_columns)
        found = _Forward(
            normal,
            parts.new_empty(n_columns),
            torch.empty_like(normal, dtype=_low()),
            parts.new_empty(grid),
        )
        _forward[grid](
            parts,
            offset,
            *vars(found).values(),
            following,
            self._norms[layer].weight,
            self._norms[layer].bias,
            *self._running(layer),
            networks.LEAKY_SLOPE,
            n_rows,
            n_columns,
            N_PARTS=n_parts,
            N_NEXT=len(following) if layer == 1 else 0,
            **sizes,
        )
        return found

    def _last(self, parts: Tensor, phenotypes: Tensor, factors: Tensor) -> "_Backward":
        """Take the last layer's products through batch norm to the loss and back, and update all
        but the layer's weight.
        """
        n_parts, n_rows, n_columns = parts.shape
        grid, sizes = _sizes(n_rows, n_columns)
        found = _Backward.like(parts[0], grid)
        _last[grid](
            parts,
            self._layers[2].bias,
            phenotypes,
            *vars(found).values(),
            *self._running(2),
            *self._moved(2, factors),
            found.errors.stride(0),
            n_rows,
            n_columns,
            SQUARED=self._loss == "squared",
            N_PARTS=n_parts,
            **sizes,
        )
        return found

    def _back(
        self, layer: int, forward: "_Forward", upstream: Tensor, unscale: Tensor, factors: Tensor
    ) -> "_Backward":
        """Take a gradient back to a layer's products, and update the layer's bias and batch norm.

        upstream: errors of the last layer, or parts of the gradient of the first layer's outputs.
        unscale: of these.
        """
        n_rows, n_columns = forward.normal.shape
        grid, sizes = _sizes(n_rows, n_columns)
        found = _Backward.like(forward.normal, grid)
        _back[grid](
            forward.normal,
            forward.inverse,
            forward.bounds,
            upstream,
            unscale,
            self._layers[2].weight,
            found.errors,
            found.unscale,
            *self._moved(layer, factors),
            networks.LEAKY_SLOPE,
            upstream.stride(0),
            found.errors.stride(0),
            n_rows,
            n_columns,
            N_PARTS=upstream.shape[0 if layer == 0 else 1],
            SUMMED=layer == 0,
            N_BOUNDS=triton.next_power_of_2(len(forward.bounds)),
            **sizes,
        )
        return found

    def _update(
        self,
        layer: int,
        back: "_Backward",
        inputs: Tensor,
        factors: Tensor,
        product: Tensor,
        entry: "_Entry | None" = None,
    ) -> None:
        """Update a layer's weight by the gradients of its products and its inputs, and update what
        an entry holds.

        product: what the next batch is multiplied by, written in the same pass.
        """
        parameter = self._layers[layer].weight
        weight = parameter if entry is None else entry.weight
        n_samples, n_out, one_hot = len(inputs), len(product), weight.ndim == 3
        rows = max(16, triton.next_power_of_2(min(n_samples, 128)))
        weights = (weight[0], weight[1]) if one_hot else (weight, weight)
        tiles = [TILE_OUT, TILE_IN]
        grid = triton.cdiv(inputs.shape[1], TILE_IN), triton.cdiv(n_out, TILE_OUT * N_TILES)
        _update[grid](
            *(
                TensorDescriptor.from_tensor(array, tiles)
                for array in (*weights, *self._moments(parameter), product)
            ),
            TensorDescriptor.from_tensor(back.errors, [rows, TILE_OUT]),
            TensorDescriptor.from_tensor(inputs, [rows, TILE_IN]),
            back.unscale,
            weight if entry is None else entry.sums,
            self._rate,
            factors,
            self._decay,
            n_out,
            ONE_HOT=one_hot,
            ROWS=rows,
            N_BLOCKS=triton.cdiv(n_samples, rows),
            OUT=TILE_OUT,
            IN=TILE_IN,
            N_TILES=N_TILES,
            num_warps=UPDATE_WARPS,
        )

    def _running(self, layer: int) -> tuple:
        """Return what a forward kernel takes of a layer's batch norm besides gain and shift."""
        norm = self._norms[layer]
        return (
            norm.running_mean,
            norm.running_var,
            norm.num_batches_tracked,
            norm.eps,
            norm.momentum,
        )

    def _moved(self, layer: int, factors: Tensor) -> tuple:
        """Return what a backward kernel updates of a layer, with its moments and factors."""
        moved = self._norms[layer].weight, self._norms[layer].bias, self._layers[layer].bias
        values = [tensor for one in moved for tensor in (one, *self._moments(one))]
        return *values, self._rate, factors, self._decay

    def _moments(self, parameter: Tensor) -> list[Tensor]:
        return [self._state[parameter][name] for name in MOMENTS]


@dataclass(frozen=True)
class _Forward:
    """What a batch leaves after a layer (n_samples, n_out). outputs: those that products take.
    inverse: (n_out,).

    bounds: of each program's columns, the largest gain times inverse times sum of the absolute
    weights that follow. This number times the largest error of the last layer and the root of
    n_samples bounds the errors of the hidden layer.
    """

    normal: Tensor
    inverse: Tensor
    outputs: Tensor
    bounds: Tensor


@dataclass(frozen=True)
class _Backward:
    """The gradient of a layer's products, errors (n_samples, n_out) times unscale (n_out,).

    losses: parts of the loss, after the last layer.
    """

    errors: Tensor
    unscale: Tensor
    losses: Tensor

    @classmethod
    def like(cls, products: Tensor, grid: tuple[int]) -> "_Backward":
        (n_rows, n_columns), device = products.shape, products.device
        errors = torch.empty(
            n_rows, triton.cdiv(n_columns, ALIGNED) * ALIGNED, dtype=_low(), device=device
        )
        return cls(errors[:, :n_columns], products.new_empty(n_columns), products.new_empty(grid))


def _low() -> torch.dtype:
    """Return the type of what products multiply: half precision has the 10 bits of TF32."""
    return torch.float16 if torch.backends.cuda.matmul.fp32_precision == "tf32" else torch.float32


@dataclass(frozen=True)
class _Entry:
    """The first layer, with markers padded to `ALIGNED`: what multiplies a batch changes with the
    weight.

    weight: as the layer's. folded: (n_out, n_columns), see `networks`. sums: (n_tiles, n_out), of
    the columns of allele 0, tile by tile.
    """

    weight: Tensor
    folded: Tensor
    sums: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Module) -> "_Entry":
        weight = _padded(layer.weight)
        if weight.ndim == 2:  # no one-hot columns
            return cls(
                weight, weight.to(_low(), copy=True), weight.new_empty(0, len(weight)), layer.bias
            )
        sums = weight.new_zeros(triton.cdiv(weight.shape[2], TILE_IN), weight.shape[1])
        sums[0] = weight[0].sum(dim=1)
        return cls(weight, (weight[1] - weight[0]).to(_low()), sums, layer.bias)

    def offset(self) -> Tensor:
        """Return what the layer adds to its products, which batch norm subtracts but keeps in its
        running mean.
        """
        return self.sums.sum(dim=0) + self.bias


def _own_moments(weight: Tensor) -> Tensor:
    """Return which of the first layer's weights have their own moments: for one-hot columns, those
    of allele 1.

    With batch norm, the errors of an output sum to 0 over a batch. The gradients of a marker's two
    columns, and so their moments, are then opposite but for rounding.
    """
    return _padded(weight[-1] if weight.ndim == 3 else weight)


def _padded(values: Tensor) -> Tensor:
    """Return a copy with columns of 0 up to a multiple of `ALIGNED`."""
    n_columns = values.shape[-1]
    padded = values.new_zeros(*values.shape[:-1], triton.cdiv(n_columns, ALIGNED) * ALIGNED)
    padded[..., :n_columns] = values
    return padded


def _product(inputs: Tensor, weight: Tensor) -> Tensor:
    """Return parts (n_parts, n_samples, n_out) whose sum is the product of a batch and a weight
    (n_out, n_in).
    """
    n_out, n_in = weight.shape
    n_parts = 1
    while n_in % (2 * n_parts) == 0 and 2 * n_parts <= min(
        PART_OUTPUTS / n_out, n_in / PART_INPUTS
    ):
        n_parts *= 2
    factors = (
        inputs.unflatten(1, (n_parts, -1)).movedim(1, 0),
        weight.unflatten(1, (n_parts, -1)).permute(1, 2, 0),
    )
    return torch.bmm(*factors, out_dtype=torch.float32)


def _sizes(n_rows: int, n_columns: int) -> tuple[tuple[int], dict[str, int]]:
    """Return the grid of programs of batch norm, and what each of them takes."""
    rows = triton.next_power_of_2(n_rows)
    columns = min(COLUMN_VALUES // rows, triton.next_power_of_2(n_columns))
    return (triton.cdiv(n_columns, columns),), {
        "ROWS": rows,
        "COLUMNS": columns,
        "num_warps": NORM_WARPS,
    }


@triton.jit
def _correct(count, factors):
    """Count a step and find the factors that correct AdamW's moments for their start at 0."""
    step = tl.load(count) + 1
    tl.store(count, step)
    tl.store(factors, (1.0 / (1.0 - tl.exp2(step * _LOG2_BETA1))).to(tl.float32))
    tl.store(factors + 1, (1.0 / tl.sqrt(1.0 - tl.exp2(step * _LOG2_BETA2))).to(tl.float32))


@triton.jit
def _columns(n_rows, n_columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return what a program holds of a batch: rows, columns, which columns exist, places, and which
    places exist.
    """
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)
    here = column < n_columns
    inside = (row[:, None] < n_rows) & here[None, :]
    return row, column, here, row[:, None] * n_columns + column[None, :], inside


@triton.jit
def _sum(parts, place, inside, size, N_PARTS: tl.constexpr):
    """Return the sum of parts, each of a size."""
    values = tl.load(parts + place, inside, 0.0)
    for part in tl.static_range(1, N_PARTS):
        values += tl.load(parts + part * size + place, inside, 0.0)
    return values


@triton.jit
def _normalise(
    values,
    offset,
    running_mean,
    running_variance,
    n_batches,
    epsilon,
    momentum,
    n_rows,
    column,
    here,
    inside,
):
    """Return batch-normalised columns, before gain and shift, and what they were multiplied by."""
    mean = tl.sum(values, 0) / n_rows
    centred = tl.where(inside, values - mean[None, :], 0.0)
    variance = tl.sum(centred * centred, 0) / n_rows
    scale = 1.0 / tl.sqrt(variance + epsilon)
    mean += tl.load(offset + column, here)
    variance = variance * n_rows / (n_rows - 1)
    old_mean, old_variance = (
        tl.load(running_mean + column, here),
        tl.load(running_variance + column, here),
    )
    tl.store(running_mean + column, old_mean + momentum * (mean - old_mean), here)
    tl.store(running_variance + column, old_variance + momentum * (variance - old_variance), here)
    if tl.program_id(0) == 0:
        tl.store(n_batches, tl.load(n_batches) + 1)
    return centred * scale[None, :], scale


@triton.jit
def _forward(
    parts,
    offset,
    normal,
    inverse,
    outputs,
    bounds,
    following,
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
    N_NEXT: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Batch norm of some columns, then leaky ReLU."""
    _, column, here, place, inside = _columns(n_rows, n_columns, ROWS, COLUMNS)
    gains, shifts = tl.load(gain + column, here, 0.0), tl.load(shift + column, here, 0.0)
    size = tl.zeros((COLUMNS,), tl.float32)
    for output in tl.range(0, N_NEXT, loop_unroll_factor=UNROLL):
        size += tl.abs(tl.load(following + output * n_columns + column, here, 0.0))
    values = _sum(parts, place, inside, n_rows * n_columns, N_PARTS)
    normals, scale = _normalise(
        values,
        offset,
        running_mean,
        running_variance,
        n_batches,
        epsilon,
        momentum,
        n_rows,
        column,
        here,
        inside,
    )
    tl.store(normal + place, normals, inside)
    tl.store(inverse + column, scale, here)
    scaled = normals * gains[None, :] + shifts[None, :]
    scaled = tl.where(scaled > 0, scaled, scaled * slope)
    tl.store(outputs + place, scaled.to(outputs.dtype.element_ty), inside)
    if N_NEXT > 0:
        tl.store(bounds + tl.program_id(0), tl.max(size * tl.abs(gains) * scale, 0))


@triton.jit
def _last(
    parts,
    offset,
    phenotypes,
    errors,
    unscale,
    losses,
    running_mean,
    running_variance,
    n_batches,
    epsilon,
    momentum,
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
    width,
    n_rows,
    n_columns,
    SQUARED: tl.constexpr,
    N_PARTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Batch norm of some traits, their part of the loss, its gradient through batch norm, and AdamW
    as in `_back`.
    """
    row, column, here, place, inside = _columns(n_rows, n_columns, ROWS, COLUMNS)
    observed = tl.load(phenotypes + place, inside, 0.0)
    gains, shifts = tl.load(gain + column, here, 0.0), tl.load(shift + column, here, 0.0)
    values = _sum(parts, place, inside, n_rows * n_columns, N_PARTS)
    normals, scale = _normalise(
        values,
        offset,
        running_mean,
        running_variance,
        n_batches,
        epsilon,
        momentum,
        n_rows,
        column,
        here,
        inside,
    )
    error = tl.where(inside, normals * gains[None, :] + shifts[None, :] - observed, 0.0)
    n_values = n_rows * n_columns
    if SQUARED:
        above, loss = 2.0 * error / n_values, error * error / n_values
    else:
        above, loss = (
            ((error > 0).to(tl.float32) - (error < 0).to(tl.float32)) / n_values,
            tl.abs(error) / n_values,
        )
    tl.store(losses + tl.program_id(0), tl.sum(loss))
    below, of_shift, of_gain = _gradient(above, normals, gains * scale, n_rows, inside)
    _keep(below, tl.max(tl.abs(below), 0), errors, unscale, width, row, inside, column, here)
    _adamw(gain + column, gain_1 + column, gain_2 + column, of_gain, rate, factors, decay, here)
    _adamw(shift + column, shift_1 + column, shift_2 + column, of_shift, rate, factors, decay, here)
    _adamw(
        bias + column,
        bias_1 + column,
        bias_2 + column,
        tl.sum(below, 0),
        rate,
        factors,
        decay,
        here,
    )


@triton.jit
def _back(
    normal,
    inverse,
    bounds,
    upstream,
    upstream_unscale,
    weight,
    errors,
    unscale,
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
    upstream_width,
    width,
    n_rows,
    n_columns,
    N_PARTS: tl.constexpr,
    SUMMED: tl.constexpr,
    N_BOUNDS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The gradient through leaky ReLU and batch norm of some columns, and AdamW of their gain,
    shift and bias.

    SUMMED: upstream holds parts of a sum, all of one scale. Otherwise it is multiplied by a weight.
    """
    row, column, here, place, inside = _columns(n_rows, n_columns, ROWS, COLUMNS)
    scale, gains = tl.load(inverse + column, here, 0.0), tl.load(gain + column, here, 0.0)
    normals = tl.load(normal + place, inside, 0.0)
    scaled = normals * gains[None, :] + tl.load(shift + column, here, 0.0)[None, :]
    if SUMMED:
        above = _sum(upstream, place, inside, n_rows * n_columns, N_PARTS) * tl.load(
            upstream_unscale
        )
    else:
        above = tl.zeros((ROWS, COLUMNS), tl.float32)
        of_errors = 0.0  # at least the largest of the errors above, at most twice that
        for part in tl.range(0, N_PARTS, loop_unroll_factor=UNROLL):
            factor = tl.load(upstream_unscale + part)
            one = tl.load(upstream + row * upstream_width + part, row < n_rows, 0.0) * factor
            above += one[:, None] * tl.load(weight + part * n_columns + column, here, 0.0)[None, :]
            of_errors = tl.maximum(of_errors, factor * _TOP)
    above = tl.where(scaled > 0, above, above * slope)
    below, of_shift, of_gain = _gradient(above, normals, gains * scale, n_rows, inside)
    if SUMMED:
        largest = tl.max(tl.abs(below), 0)
    else:  # one scale for all columns, as a product adds them up; batch norm makes no column longer, but for its scale
        block = tl.arange(0, N_BOUNDS)
        bound = tl.max(tl.load(bounds + block, block < tl.num_programs(0), 0.0), 0)
        largest = tl.zeros((COLUMNS,), tl.float32) + of_errors * bound * tl.sqrt(1.0 * n_rows)
    _keep(below, largest, errors, unscale, width, row, inside, column, here)
    _adamw(gain + column, gain_1 + column, gain_2 + column, of_gain, rate, factors, decay, here)
    _adamw(shift + column, shift_1 + column, shift_2 + column, of_shift, rate, factors, decay, here)
    _adamw(
        bias + column,
        bias_1 + column,
        bias_2 + column,
        tl.sum(below, 0),
        rate,
        factors,
        decay,
        here,
    )


@triton.jit
def _gradient(above, normals, scale, n_rows, inside):
    """Return the gradient before batch norm, given the one after it, and the gradients of shift and
    gain.
    """
    of_shift, of_gain = tl.sum(above, 0), tl.sum(above * normals, 0)
    below = (above - (of_shift[None, :] + normals * of_gain[None, :]) / n_rows) * scale[None, :]
    return tl.where(inside, below, 0.0), of_shift, of_gain


@triton.jit
def _keep(below, largest, errors, unscale, width, row, inside, column, here):
    """Store a gradient, scaled by powers of 2 that take `largest` to at most `TOP`."""
    power = tl.minimum(tl.floor(-tl.log2(tl.where(largest == 0, 1.0, largest)) + _LOG2_TOP), 120.0)
    tl.store(
        errors + row[:, None] * width + column[None, :],
        (below * tl.exp2(power)[None, :]).to(errors.dtype.element_ty),
        inside,
    )
    tl.store(unscale + column, tl.where(largest == 0, 0.0, tl.exp2(-power)), here)


@triton.jit
def _update(
    weight,
    other,
    first,
    second,
    product,
    errors,
    inputs,
    unscale,
    sums,
    rate,
    factors,
    decay,
    n_out,
    ONE_HOT: tl.constexpr,
    ROWS: tl.constexpr,
    N_BLOCKS: tl.constexpr,
    OUT: tl.constexpr,
    IN: tl.constexpr,
    N_TILES: tl.constexpr,
):
    """AdamW of tiles of a weight, whose gradient is a product over the batch, and of what
    multiplies the next batch.

    weight, other: one-hot columns of allele 0 and of allele 1, whose gradients are opposite, else
    both the weight.
    """
    column = tl.program_id(0) * IN
    below = inputs.load([0, column])
    for tile in tl.range(N_TILES, num_stages=2):
        start = (tl.program_id(1) * N_TILES + tile) * OUT
        gradient = tl.dot(tl.trans(errors.load([0, start])), below, input_precision="ieee")
        for block in tl.static_range(1, N_BLOCKS):
            above, more = errors.load([block * ROWS, start]), inputs.load([block * ROWS, column])
            gradient = tl.dot(tl.trans(above), more, gradient, input_precision="ieee")
        output = start + tl.arange(0, OUT)
        gradient *= tl.load(unscale + output, output < n_out, 0.0)[:, None]
        values, mean, square = (
            weight.load([start, column]),
            first.load([start, column]),
            second.load([start, column]),
        )
        mean, square = _moments(mean, square, gradient)
        first.store([start, column], mean)
        second.store([start, column], square)
        change = _change(mean, square, rate, factors)
        decayed = tl.load(rate) * decay
        values -= decayed * values
        if ONE_HOT:
            one = other.load([start, column])
            values += change
            one -= decayed * one
            one -= change
            other.store([start, column], one)
            tl.store(sums + tl.program_id(0) * n_out + output, tl.sum(values, 1), output < n_out)
            product.store([start, column], (one - values).to(product.dtype))
        else:
            values -= change
            product.store([start, column], values.to(product.dtype))
        weight.store([start, column], values)


@triton.jit
def _adamw(value, first, second, gradient, rate, factors, decay, inside):
    """Update values and their two moments in place, as torch.optim.AdamW does."""
    values, mean, square = (
        tl.load(value, inside, 0.0),
        tl.load(first, inside, 0.0),
        tl.load(second, inside, 0.0),
    )
    mean, square = _moments(mean, square, gradient)
    change = _change(mean, square, rate, factors)
    values -= tl.load(rate) * decay * values
    values -= change
    tl.store(value, values, inside)
    tl.store(first, mean, inside)
    tl.store(second, square, inside)


@triton.jit
def _moments(mean, square, gradient):
    """Return AdamW's two moments after a gradient."""
    mean += (1.0 - _BETA1) * (gradient - mean)
    square = _BETA2 * square + (1.0 - _BETA2) * gradient * gradient
    return mean, square


@triton.jit
def _change(mean, square, rate, factors):
    """Return what is subtracted from values, given their moments."""
    return (
        tl.load(rate)
        * tl.load(factors)
        * mean
        / (tl.sqrt(square) * tl.load(factors + 1) + _EPSILON)
    )
