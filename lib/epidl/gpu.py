"""Training on an NVIDIA GPU: a step captured as a CUDA graph, and the MLP's step in few kernels.

A step of a wide network on a small batch waits for memory: AdamW reads and writes more than the products do. The MLP's
step is therefore written out, in Triton. A weight's gradient, d' x over the samples of a batch, is a product that its
update computes tile by tile, and it never reaches memory; batch norm and what stands around it are a kernel forward and
one back. `training.train` imports this module where it trains on a GPU: Triton comes with PyTorch's CUDA builds alone.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from epidl import networks

BETAS = 0.9, 0.999  # of AdamW, as is the next: PyTorch's defaults
EPSILON = 1e-8
TILE_OUT, TILE_IN, TILE_ROWS, WARPS = 64, 64, 64, 4  # of a weight and of a batch, that one program updates at a time
COLUMN_VALUES = 4096  # that one program of batch norm holds

_BETA1, _BETA2, _EPSILON = (tl.constexpr(value) for value in (*BETAS, EPSILON))
_LOG2_BETA1, _LOG2_BETA2 = (tl.constexpr(math.log2(beta)) for beta in BETAS)


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
    of the backward pass.
    """

    def __init__(self, model: networks.Mlp, optimizer: torch.optim.Optimizer, loss: str) -> None:
        (group,) = optimizer.param_groups
        self._layers = list(
            zip(model[::3], model[1::3], (networks.LEAKY_SLOPE, networks.LEAKY_SLOPE, 1.0), strict=True)
        )
        self._loss = loss
        for parameter in model.parameters():
            moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = moments
        self._step = torch.zeros((), dtype=torch.float64, device=parameter.device)
        optimizer.state[parameter]["step"] = self._step
        self._state, self._rate, self._decay = optimizer.state, group["lr"], group["weight_decay"]

    @torch.no_grad()
    def __call__(self, alleles: Tensor, phenotypes: Tensor) -> Tensor:
        """Take the step on a batch; return its loss."""
        self._step.add_(1)
        inputs, sums, statistics = [alleles], [], []
        for layer, norm, slope in self._layers:
            sums.append(_outputs(layer, inputs[-1]))
            normalised, found = _normalise(sums[-1], norm, slope)
            inputs.append(normalised)
            statistics.append(found)
        loss = nn.functional.l1_loss if self._loss == "absolute" else nn.functional.mse_loss
        value = loss(inputs.pop(), phenotypes)
        upstream, kind = phenotypes, self._loss
        here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
        for k in reversed(range(len(self._layers))):
            layer, norm, slope = self._layers[k]
            errors = self._normalise_back(sums[k], statistics[k], layer, norm, slope, upstream, kind)
            upstream, kind = errors @ layer.weight if k else None, "none"
            beside.wait_stream(here)  # the weight as it was is read above
            with torch.cuda.stream(beside):
                self._update_weight(layer.weight, errors, inputs[k])
        here.wait_stream(beside)
        return value

    def _normalise_back(
        self,
        sums: Tensor,
        statistics: Tensor,
        layer: nn.Module,
        norm: nn.BatchNorm1d,
        slope: float,
        upstream: Tensor,
        kind: str,
    ) -> Tensor:
        """Return the gradient of a layer's outputs, and update its bias and batch norm.

        kind: 'none' where `upstream` is the gradient of what follows; else the loss, and `upstream` the phenotypes.
        """
        n_rows, n_columns = sums.shape
        errors = torch.empty_like(sums)
        updated = [
            tensor for parameter in (norm.weight, norm.bias, layer.bias) for tensor in self._with_moments(parameter)
        ]
        block, grid = _column_blocks(n_rows, n_columns)
        _back[grid](
            sums,
            statistics,
            upstream,
            errors,
            *updated,
            self._rate,
            self._step,
            self._decay,
            slope,
            n_rows,
            n_columns,
            LOSS=kind,
            ROWS=triton.next_power_of_2(n_rows),
            COLUMNS=block,
        )
        return errors

    def _update_weight(self, weight: Tensor, errors: Tensor, inputs: Tensor) -> None:
        n_rows, n_out = errors.shape
        n_in = inputs.shape[1]
        tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
        _update[triton.cdiv(n_in, TILE_IN), triton.cdiv(n_out, TILE_OUT)](
            *self._with_moments(weight),
            errors,
            inputs,
            self._rate,
            self._step,
            self._decay,
            n_rows,
            n_out,
            n_in,
            ONE_HOT=weight.ndim == 3,
            N_BLOCKS=triton.cdiv(n_rows, TILE_ROWS),
            ROWS=TILE_ROWS,
            OUT=TILE_OUT,
            IN=TILE_IN,
            PRECISION="tf32" if tf32 else "ieee",
            num_warps=WARPS,
        )

    def _with_moments(self, parameter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        state = self._state[parameter]
        return parameter, state["exp_avg"], state["exp_avg_sq"]


def _outputs(layer: nn.Module, inputs: Tensor) -> Tensor:
    if isinstance(layer, networks.OneHotLinear):
        return networks.folded_product(inputs, layer.weight, layer.bias)
    return nn.functional.linear(inputs, layer.weight, layer.bias)


def _normalise(sums: Tensor, norm: nn.BatchNorm1d, slope: float) -> tuple[Tensor, Tensor]:
    """Return a batch through batch norm and leaky ReLU, and its means and inverse deviations (2, n_columns)."""
    n_rows, n_columns = sums.shape
    normalised, statistics = torch.empty_like(sums), sums.new_empty(2, n_columns)
    block, grid = _column_blocks(n_rows, n_columns)
    _forward[grid](
        sums,
        normalised,
        statistics,
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
        ROWS=triton.next_power_of_2(n_rows),
        COLUMNS=block,
    )
    return normalised, statistics


def _column_blocks(n_rows: int, n_columns: int) -> tuple[int, tuple[int]]:
    """Return how many columns a program takes, and the grid of programs."""
    block = max(1, COLUMN_VALUES // triton.next_power_of_2(n_rows))
    return block, (triton.cdiv(n_columns, block),)


@triton.jit
def _forward(
    sums,
    normalised,
    statistics,
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
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Batch norm of some columns, then leaky ReLU."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)
    here = column < n_columns
    inside = (row[:, None] < n_rows) & here[None, :]
    place = row[:, None] * n_columns + column[None, :]
    values = tl.load(sums + place, inside, 0.0)
    mean = tl.sum(values, 0) / n_rows
    centred = tl.where(inside, values - mean[None, :], 0.0)
    variance = tl.sum(centred * centred, 0) / n_rows
    inverse = 1.0 / tl.sqrt(variance + epsilon)
    tl.store(statistics + column, mean, here)
    tl.store(statistics + n_columns + column, inverse, here)
    scaled = centred * inverse[None, :] * tl.load(gain + column, here)[None, :] + tl.load(shift + column, here)[None, :]
    tl.store(normalised + place, tl.where(scaled > 0, scaled, scaled * slope), inside)
    old_mean, old_variance = tl.load(running_mean + column, here), tl.load(running_variance + column, here)
    unbiased = variance * n_rows / (n_rows - 1)
    tl.store(running_mean + column, old_mean + momentum * (mean - old_mean), here)
    tl.store(running_variance + column, old_variance + momentum * (unbiased - old_variance), here)
    if tl.program_id(0) == 0:
        tl.store(n_batches, tl.load(n_batches) + 1)


@triton.jit
def _back(
    sums,
    statistics,
    upstream,
    errors,
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
    step,
    decay,
    slope,
    n_rows,
    n_columns,
    LOSS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The gradient through leaky ReLU and batch norm of some columns; AdamW of their gain, shift and bias."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, ROWS)
    here = column < n_columns
    inside = (row[:, None] < n_rows) & here[None, :]
    place = row[:, None] * n_columns + column[None, :]
    mean, inverse = tl.load(statistics + column, here, 0.0), tl.load(statistics + n_columns + column, here, 0.0)
    gains = tl.load(gain + column, here, 0.0)
    normal = tl.where(inside, (tl.load(sums + place, inside, 0.0) - mean[None, :]) * inverse[None, :], 0.0)
    scaled = normal * gains[None, :] + tl.load(shift + column, here, 0.0)[None, :]
    above = tl.load(upstream + place, inside, 0.0)
    if LOSS == "absolute":
        above = ((scaled > above).to(tl.float32) - (scaled < above).to(tl.float32)) / (n_rows * n_columns)
    elif LOSS == "squared":
        above = 2.0 * (scaled - above) / (n_rows * n_columns)
    above = tl.where(inside, tl.where(scaled > 0, above, above * slope), 0.0)
    of_shift, of_gain = tl.sum(above, 0), tl.sum(above * normal, 0)
    below = (above - (of_shift[None, :] + normal * of_gain[None, :]) / n_rows) * (gains * inverse)[None, :]
    below = tl.where(inside, below, 0.0)
    tl.store(errors + place, below, inside)
    _adamw(gain + column, gain_1 + column, gain_2 + column, of_gain, rate, step, decay, here)
    _adamw(shift + column, shift_1 + column, shift_2 + column, of_shift, rate, step, decay, here)
    _adamw(bias + column, bias_1 + column, bias_2 + column, tl.sum(below, 0), rate, step, decay, here)


@triton.jit
def _update(
    weight,
    first,
    second,
    errors,
    inputs,
    rate,
    step,
    decay,
    n_rows,
    n_out,
    n_in,
    ONE_HOT: tl.constexpr,
    N_BLOCKS: tl.constexpr,
    ROWS: tl.constexpr,
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
        known = row < n_rows
        above = tl.load(
            errors + row[None, :] * n_out + output[:, None], known[None, :] & (output < n_out)[:, None], 0.0
        )
        below = tl.load(inputs + row[:, None] * n_in + column[None, :], known[:, None] & (column < n_in)[None, :], 0.0)
        gradient = tl.dot(above, below, gradient, input_precision=PRECISION)
        total += tl.sum(above, 1)
    place = output[:, None] * n_in + column[None, :]
    inside = (output < n_out)[:, None] & (column < n_in)[None, :]
    if ONE_HOT:  # the columns of allele 0 stand before those of allele 1
        _adamw(weight + place, first + place, second + place, total[:, None] - gradient, rate, step, decay, inside)
        place += n_out * n_in
    _adamw(weight + place, first + place, second + place, gradient, rate, step, decay, inside)


@triton.jit
def _adamw(value, first, second, gradient, rate, step, decay, inside):
    """Update values and their two moments in place, as torch.optim.AdamW does."""
    values = tl.load(value, inside, 0.0)
    mean = tl.load(first, inside, 0.0)
    square = tl.load(second, inside, 0.0)
    rate, step = tl.load(rate), tl.load(step)
    of_mean = (1.0 - tl.exp2(step * _LOG2_BETA1)).to(tl.float32)
    of_square = (1.0 - tl.exp2(step * _LOG2_BETA2)).to(tl.float32)
    mean += (1.0 - _BETA1) * (gradient - mean)
    square = _BETA2 * square + (1.0 - _BETA2) * gradient * gradient
    values -= rate * decay * values
    values -= rate / of_mean * mean / (tl.sqrt(square) / tl.sqrt(of_square) + _EPSILON)
    tl.store(value, values, inside)
    tl.store(first, mean, inside)
    tl.store(second, square, inside)
