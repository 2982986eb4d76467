"""The folded one-hot layer against the plain layer on one-hot input, and the published architecture."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from epidl.models import networks

N_MARKERS, N_TRAITS, N_SAMPLES = 12, 3, 40


def one_hot(alleles: torch.Tensor) -> torch.Tensor:
    """All columns of allele 0, then all columns of allele 1."""
    return torch.cat([1 - alleles, alleles], dim=1)


def plain_copy(layer: networks.OneHotLinear) -> nn.Linear:
    plain = nn.Linear(2 * layer.weight.shape[2], layer.weight.shape[1])
    with torch.no_grad():
        plain.weight.copy_(torch.cat([layer.weight[0], layer.weight[1]], dim=1))
        plain.bias.copy_(layer.bias)
    return plain


@pytest.fixture
def alleles() -> torch.Tensor:
    return torch.randint(
        0, 2, (N_SAMPLES, N_MARKERS), generator=torch.Generator().manual_seed(1)
    ).float()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_folded_mlp_trains_as_the_plain_one_step_by_step(alleles, optimizer):
    generator = torch.Generator().manual_seed(2)
    folded = networks.mlp(N_MARKERS, N_TRAITS, 16, generator).double()
    plain = copy.deepcopy(folded)
    plain[0] = plain_copy(folded[0]).double()
    target = torch.randn(N_SAMPLES, N_TRAITS, generator=generator).double()
    inputs = {folded: alleles.double(), plain: one_hot(alleles.double())}
    optimizers = {
        model: optimizer(model.parameters(), lr=0.01, weight_decay=1e-5) for model in inputs
    }
    for _ in range(20):
        for model, x in inputs.items():
            optimizers[model].zero_grad()
            functional.l1_loss(model(x), target).backward()
            optimizers[model].step()
        both = torch.cat([folded[0].weight[0], folded[0].weight[1]], dim=1)
        torch.testing.assert_close(both, plain[0].weight, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(folded[6].weight, plain[6].weight, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_markers", [1, 12, 300])
def test_the_folded_layer_is_the_plain_one_in_double_precision(n_markers):
    """Outputs too: in an MLP, batch norm would hide a constant that is missing."""
    generator = torch.Generator().manual_seed(n_markers)
    folded = networks.OneHotLinear(n_markers, N_TRAITS, generator).double()
    plain = plain_copy(folded).double()
    alleles = torch.randint(0, 2, (50, n_markers), generator=generator).double()
    upstream = torch.randn(50, N_TRAITS, generator=generator, dtype=torch.float64)
    outputs = folded(alleles), plain(one_hot(alleles))
    torch.testing.assert_close(*outputs, rtol=1e-13, atol=1e-13)
    for output in outputs:
        output.backward(upstream)
    torch.testing.assert_close(
        folded.weight.grad,
        plain.weight.grad.unflatten(1, (2, -1)).movedim(1, 0),
        rtol=0,
        atol=1e-13,
    )
    torch.testing.assert_close(folded.bias.grad, plain.bias.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("n_samples", "width"), [(128, 512), (1, 3), (37, 64)])
@pytest.mark.parametrize("set_to_none", [True, False])
def test_a_hidden_layer_is_pytorchs_linear_one_step_after_step(n_samples, width, set_to_none):
    """Where the gradient's memory is kept, and where it is anew each step."""
    generator = torch.Generator().manual_seed(7)
    hidden = networks.column_linear(width, width, generator, kind=networks.HiddenLinear)
    plain = nn.Linear(width, width)
    plain.load_state_dict(hidden.state_dict())
    optimizers = {layer: torch.optim.SGD(layer.parameters(), lr=0.01) for layer in (hidden, plain)}
    for _ in range(3):
        x, upstream = (torch.randn(n_samples, width, generator=generator) for _ in range(2))
        of_inputs = []
        for layer, optimizer in optimizers.items():
            optimizer.zero_grad(set_to_none=set_to_none)
            inputs = x.clone().requires_grad_()
            layer(inputs).backward(upstream)
            optimizer.step()
            of_inputs.append(inputs.grad)
        torch.testing.assert_close(*of_inputs, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(hidden.weight, plain.weight, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(hidden.bias, plain.bias, rtol=1e-4, atol=1e-5)


def test_a_frozen_hidden_layer_stays_as_it_is():
    hidden = networks.column_linear(
        8, 8, torch.Generator().manual_seed(8), kind=networks.HiddenLinear
    )
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(9), requires_grad=True)
    hidden(x).sum().backward()
    once = hidden.weight.grad.clone()
    hidden.weight.requires_grad_(False)
    hidden(x).sum().backward()
    torch.testing.assert_close(hidden.weight.grad, once, rtol=0, atol=0)


def test_gradients_of_two_backward_passes_add_up():
    hidden = networks.column_linear(
        8, 8, torch.Generator().manual_seed(8), kind=networks.HiddenLinear
    )
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(9))
    hidden(x).sum().backward()
    once = hidden.weight.grad.clone()
    hidden(x).sum().backward()
    torch.testing.assert_close(hidden.weight.grad, 2 * once)


def test_gradients_are_exact(alleles):
    layer = networks.OneHotLinear(N_MARKERS, N_TRAITS, torch.Generator().manual_seed(3))
    output = layer(alleles)
    upstream = torch.randn_like(output)
    output.backward(upstream)
    torch.testing.assert_close(layer.weight.grad[1], upstream.T @ alleles)
    torch.testing.assert_close(layer.weight.grad[0], upstream.T @ (1 - alleles))
    torch.testing.assert_close(layer.bias.grad, upstream.sum(dim=0))


def test_initial_weights_are_those_of_pytorch_with_all_one_hot_columns_as_inputs():
    layer = networks.OneHotLinear(500, 40, torch.Generator().manual_seed(4))
    bound = 1 / (2 * 500) ** 0.5
    for parameter in layer.parameters():
        assert parameter.abs().max() <= bound
        assert parameter.abs().max() > 0.8 * bound
    # a uniform distribution's
    assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_initial_weights_come_from_the_generator_alone():
    torch.manual_seed(1)
    one = networks.mlp(N_MARKERS, N_TRAITS, 8, torch.Generator().manual_seed(5))
    torch.manual_seed(2)
    two = networks.mlp(N_MARKERS, N_TRAITS, 8, torch.Generator().manual_seed(5))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_the_published_architecture():
    model = networks.mlp(100, 5, 64, torch.Generator().manual_seed(6))
    kinds = [type(module).__name__ for module in model]
    hidden = ["BatchNorm1d", "LeakyReLU"]
    assert kinds == [
        "OneHotLinear",
        *hidden,
        "HiddenLinear",
        *hidden,
        "ColumnLinear",
        "BatchNorm1d",
    ]
    assert {module.momentum for module in model if isinstance(module, nn.BatchNorm1d)} == {0.8}
    assert {module.negative_slope for module in model if isinstance(module, nn.LeakyReLU)} == {0.01}
    n_parameters = sum(p.numel() for p in model.parameters())
    assert n_parameters == (200 * 64 + 64) + 2 * 64 + (64 * 64 + 64) + 2 * 64 + (64 * 5 + 5) + 2 * 5


def test_the_pair_network_is_a_linear_model_on_all_pairs(alleles):
    model = networks.PairNetwork(N_MARKERS, N_TRAITS)
    assert torch.equal(model(alleles), torch.zeros(N_SAMPLES, N_TRAITS))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    x, gates = 2 * alleles - 1, model.gate_weight.view(N_TRAITS, N_MARKERS, N_MARKERS)
    expected = x @ model.linear.weight.T + model.linear.bias
    for i in range(N_MARKERS):
        for j in range(N_MARKERS):
            expected = expected + (x[:, i] * x[:, j])[:, None] * gates[:, i, j]
    torch.testing.assert_close(model(alleles), expected, rtol=1e-4, atol=1e-4)


def test_the_skip_mlp_has_a_linear_path(alleles):
    model = networks.SkipMlp(N_MARKERS, N_TRAITS, 16, torch.Generator().manual_seed(8))
    with torch.no_grad():
        model.hidden[2].weight.zero_()
    x = 2 * alleles - 1
    expected = x @ model.linear.weight.T + model.linear.bias + model.hidden[2].bias
    torch.testing.assert_close(model(alleles), expected)
    assert not networks.has_batch_norm(model)
