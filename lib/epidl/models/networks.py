"""The networks: a linear layer on one-hot genotypes, the publication's multilayer perceptron (MLP),
and sparse ones.

One-hot input has two columns per marker, 1 - g and g for a haploid allele g. A layer on it equals,
without building it,

    W0 (1 - g) + W1 g + b = (W1 - W0) g + sum_j W0_j + b,

with the gradients dW1 = d g' and dW0 = d (1 - g)' = d 1' - dW1 of the plain layer, so that the
optimiser sees both columns.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

from epidl import checks

BATCH_NORM_MOMENTUM = 0.8
LEAKY_SLOPE = 0.01


class OneHotLinear(nn.Module):
    """A linear layer on the one-hot columns of haploid genotypes.

    weight: (2, n_outputs, n_markers), the columns of allele 0 and of allele 1. bias: (n_outputs,).
    """

    def __init__(self, n_markers: int, n_outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        _check_sizes(generator, n_markers=n_markers, n_outputs=n_outputs)
        self.weight = nn.Parameter(torch.empty(2, n_outputs, n_markers))
        self.bias = nn.Parameter(torch.empty(n_outputs))
        _initialise(self.weight, self.bias, fan_in=2 * n_markers, generator=generator)

    def forward(self, alleles: Tensor) -> Tensor:
        """Return the outputs (individuals, n_outputs) for alleles (individuals, n_markers) given as
        0.0 and 1.0.
        """
        return _FoldedProduct.apply(alleles, self.weight, self.bias)


class _FoldedProduct(torch.autograd.Function):
    """The equation at the top of the module, with both gradients written in their final place."""

    @staticmethod
    def forward(ctx: FunctionCtx, alleles: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(alleles)
        return folded_product(alleles, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, upstream: Tensor) -> tuple[None, Tensor, Tensor]:
        (alleles,) = ctx.saved_tensors
        return None, *folded_gradients(alleles, upstream)  # alleles are data


def folded_product(alleles: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a one-hot layer's outputs (individuals, n_outputs), by the equation at the top of the
    module.
    """
    zero, one = weight
    return functional.linear(alleles, one - zero, zero.sum(dim=1) + bias)


def folded_gradients(alleles: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of a one-hot layer's weight and bias, given that of its outputs
    (individuals, n_outputs).
    """
    per_output = upstream.sum(dim=0)
    gradient = upstream.new_empty(2, upstream.shape[1], alleles.shape[1])
    torch.mm(upstream.T, alleles, out=gradient[1])
    torch.sub(per_output[:, None], gradient[1], out=gradient[0])
    return gradient, per_output


class ColumnLinear(nn.Linear):
    """A linear layer on columns taken as they are, such as those that a selection of features keeps.

    PyTorch would draw its weights from a generator for all: whoever makes the layer draws them.
    """

    def reset_parameters(self) -> None:
        """Leave the weights undrawn."""


class HiddenLinear(ColumnLinear):
    """A linear layer on activations, for batches that are small compared with its weight.

    On the CPU in single precision, oneDNN computes the products with the weight, fast for small
    batches too. The gradient is summed in existing memory, since a new array each step costs more
    than the sum. Use `backward()` alone: `torch.autograd.grad` finds no gradient of the weight once
    it has one.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs (individuals, n_outputs) for inputs (individuals, n_inputs)."""
        if (
            inputs.device.type == "cpu"
            and inputs.dtype == torch.float32
            and torch.backends.mkldnn.is_available()
        ):
            return _HiddenProduct.apply(inputs, self.weight, self.bias)
        return super().forward(inputs)


class _HiddenProduct(torch.autograd.Function):
    """A linear layer's outputs and gradients. `backward` itself adds the weight's gradient to its
    `grad`.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _onednn_linear(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, upstream: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        inputs, weight = ctx.saved_tensors
        of_inputs, of_bias = _onednn_linear(upstream, weight.T, None), upstream.sum(dim=0)
        if not ctx.needs_input_grad[1]:
            return of_inputs, None, of_bias
        if weight.grad is None:
            return of_inputs, upstream.T @ inputs, of_bias
        weight.grad.addmm_(upstream.T, inputs)
        return of_inputs, None, of_bias


def _onednn_linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return inputs @ weight.T + bias by oneDNN, for which PyTorch has no public name in single
    precision.
    """
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")


LayerMaker = Callable[[int, int, torch.Generator], nn.Module]  # inputs, outputs, generator


def column_linear(
    n_columns: int,
    n_outputs: int,
    generator: torch.Generator,
    kind: type[ColumnLinear] = ColumnLinear,
) -> ColumnLinear:
    """Return a linear layer on columns, its weights drawn from a generator."""
    _check_sizes(generator, n_columns=n_columns, n_outputs=n_outputs)
    layer = kind(n_columns, n_outputs)
    _initialise(layer.weight, layer.bias, fan_in=n_columns, generator=generator)
    return layer


class Mlp(nn.Sequential):
    """The layers that `mlp` makes: three times a linear one, batch norm and, but after the last, leaky
    ReLU.
    """


def mlp(
    n_inputs: int,
    n_traits: int,
    hidden_width: int,
    generator: torch.Generator,
    first: LayerMaker = OneHotLinear,
) -> Mlp:
    """Return the publication's MLP: the layer `first` on the genotypes, a hidden one of the same
    width, all traits.

    n_inputs: markers for an `OneHotLinear`, columns for a `column_linear`. Batch norm and leaky
    ReLU follow each of the two layers. Batch norm follows the output too, as in the authors' code.

    Raises ValueError for sizes below 1 and a wrong generator, as the other networks here do.
    """
    _check_sizes(generator, n_inputs=n_inputs, n_traits=n_traits, hidden_width=hidden_width)
    return Mlp(
        first(n_inputs, hidden_width, generator),
        nn.BatchNorm1d(hidden_width, momentum=BATCH_NORM_MOMENTUM),
        nn.LeakyReLU(LEAKY_SLOPE),
        column_linear(hidden_width, hidden_width, generator, kind=HiddenLinear),
        nn.BatchNorm1d(hidden_width, momentum=BATCH_NORM_MOMENTUM),
        nn.LeakyReLU(LEAKY_SLOPE),
        column_linear(hidden_width, n_traits, generator),
        nn.BatchNorm1d(n_traits, momentum=BATCH_NORM_MOMENTUM),
    )


class SkipMlp(nn.Module):
    """One hidden layer of leaky ReLU and a linear path around it, y = b + W x + C f(U x + a), on
    codes x = 2g
    - 1.

    Without batch norm, so that an L1 penalty on the weights can leave each hidden unit few markers.
    """

    def __init__(
        self, n_markers: int, n_traits: int, hidden_width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        _check_sizes(generator, n_markers=n_markers, n_traits=n_traits, hidden_width=hidden_width)
        self.linear = column_linear(n_markers, n_traits, generator)
        self.hidden = nn.Sequential(
            column_linear(n_markers, hidden_width, generator),
            nn.LeakyReLU(LEAKY_SLOPE),
            column_linear(hidden_width, n_traits, generator),
        )

    def forward(self, alleles: Tensor) -> Tensor:
        """Return the outputs (individuals, n_traits) for alleles (individuals, n_markers) given as
        0.0 and 1.0.
        """
        codes = 2 * alleles - 1
        return self.linear(codes) + self.hidden(codes)


class PairNetwork(nn.Module):
    """A network of multiplicative units: each marker's effect is gated by all others, y_t = b_t +
    x'(w_t + M_t x).

    Codes x = 2g - 1. linear.weight: (n_traits, n_markers), w. gate_weight: (n_traits * n_markers,
    n_markers), M. The effect of the pair i, j is M_ij + M_ji, and the diagonal adds a constant. All
    weights start at 0. With the squared error and an L1 penalty on the gates the network is a LASSO
    on all pairs, by gradient descent and without columns of pairs.
    """

    def __init__(self, n_markers: int, n_traits: int) -> None:
        super().__init__()
        n_markers = checks.integer("n_markers", n_markers, minimum=1)
        n_traits = checks.integer("n_traits", n_traits, minimum=1)
        self.linear = ColumnLinear(n_markers, n_traits)
        self.gate_weight = nn.Parameter(torch.zeros(n_traits * n_markers, n_markers))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, alleles: Tensor) -> Tensor:
        """Return the outputs (individuals, n_traits) for alleles (individuals, n_markers) given as
        0.0 and 1.0.
        """
        codes = 2 * alleles - 1
        gates = functional.linear(codes, self.gate_weight).unflatten(1, (-1, codes.shape[1]))
        return self.linear(codes) + (gates @ codes[:, :, None]).squeeze(2)


def penalised_weights(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights that an L1 penalty acts on: a pair network's gates, in other networks all but
    biases.

    Few of many pairs interact, so gates need the penalty. Additive effects are many, and shrinking
    them costs accuracy.
    """
    if isinstance(model, PairNetwork):
        return [model.gate_weight]
    return [parameter for name, parameter in model.named_parameters() if name.endswith("weight")]


def has_batch_norm(model: nn.Module) -> bool:
    """Tell whether a model normalises by batch and so cannot train on a batch of one."""
    return any(isinstance(module, nn.BatchNorm1d) for module in model.modules())


def sizes(model: nn.Module) -> tuple[int, int]:
    """Return how many inputs (markers or columns) and how many outputs (traits) a network here has."""
    # the first is a weight on the inputs, the last a bias, or batch norm's
    parameters = list(model.parameters())
    return parameters[0].shape[-1], len(parameters[-1])


def _check_sizes(generator: torch.Generator, **sizes: int) -> None:
    for name, size in sizes.items():
        checks.integer(name, size, minimum=1)
    checks.instance("generator", generator, torch.Generator, "a torch.Generator")


@torch.no_grad()
def _initialise(weight: Tensor, bias: Tensor, fan_in: int, generator: torch.Generator) -> None:
    """Draw as PyTorch's Linear does, uniform in +-1/sqrt(fan_in), but from a generator of our own."""
    bound = 1 / math.sqrt(fan_in)
    weight.uniform_(-bound, bound, generator=generator)
    bias.uniform_(-bound, bound, generator=generator)
