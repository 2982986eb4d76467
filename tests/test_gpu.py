"""The GPU's steps against PyTorch's own; without a GPU, Triton's interpreter runs the kernels, where
it is there.
"""

import copy
from contextlib import nullcontext
from functools import partial
from unittest import mock

import numpy as np
import pytest
import torch

from epidl.cohorts.splits import split_samples
from epidl.models import networks, training

ON_GPU = torch.cuda.is_available()
pytest.importorskip("triton", reason="Triton comes with PyTorch's CUDA builds")
from epidl.models import gpu  # noqa: E402  (it imports Triton)

DEVICE = "cuda" if ON_GPU else "cpu"
needs_gpu = pytest.mark.skipif(not ON_GPU, reason="there is no GPU")


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    monkeypatch.setattr(training, "PRECISION", "ieee")
    monkeypatch.setattr(gpu, "PART_INPUTS", 32)  # small products in parts too
    if not ON_GPU:
        monkeypatch.setattr(torch, "bmm", product_in_single_precision)
        monkeypatch.setattr(torch.cuda, "Stream", mock.MagicMock)
        monkeypatch.setattr(torch.cuda, "current_stream", mock.Mock)
        monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())


def product_in_single_precision(one, other, out_dtype):
    """Multiply as torch.bmm does on a GPU: a CPU does not know the type of the outputs."""
    return torch.matmul(one.to(out_dtype), other.to(out_dtype))


@pytest.mark.parametrize(
    ("loss", "first", "low", "n_traits", "n_samples", "batch_size", "n_markers", "width"),
    [
        ("absolute", networks.OneHotLinear, torch.float32, 3, 130, 50, 70, 128),
        ("squared", networks.OneHotLinear, torch.float16, 3, 130, 130, 40, 64),
        ("absolute", networks.column_linear, torch.float16, 1, 50, 50, 40, 128),
        ("squared", networks.column_linear, torch.float32, 3, 37, 37, 16, 144),
        # a batch of two blocks, traits of two programs
        ("absolute", networks.OneHotLinear, torch.float32, 20, 203, 200, 17, 48),
        ("squared", networks.OneHotLinear, torch.float16, 1, 40, 40, 5, 16),
    ],
)
def test_the_mlps_step_is_pytorchs_step_after_step(
    monkeypatch, loss, first, low, n_traits, n_samples, batch_size, n_markers, width
):
    """But for biases: batch norm takes them away, so that their gradients are rounding.

    low: half precision is what an update multiplies where products are in TF32.
    """
    monkeypatch.setattr(gpu, "_low", lambda: low)
    generator = torch.Generator().manual_seed(1)
    plain = networks.mlp(n_markers, n_traits, width, generator, first).to(DEVICE)
    ours = copy.deepcopy(plain)
    plan = training.TrainingPlan("adamw", 0.01, 5, 5, 0.0, weight_decay=0.1, loss=loss)
    optimizers = {model: training._optimizer(model, plan) for model in (plain, ours)}
    optimizers[ours].param_groups[0]["lr"] = torch.tensor(0.01, device=DEVICE)  # as it is on a GPU
    take_steps = gpu.MlpSteps(ours, optimizers[ours], loss, batch_size)
    alleles = torch.randint(0, 2, (n_samples, n_markers), generator=generator).float().to(DEVICE)
    # no error is next to 0
    phenotypes = 10 * torch.randn(n_samples, n_traits, generator=generator).sign().to(DEVICE)
    take_step = partial(training._step, plain, optimizers[plain], plan)
    # what half precision rounds grows from step to step
    for _ in range(2 if low == torch.float32 else 1):
        expected = training._steps(take_step, batch_size, alleles, phenotypes)
        torch.testing.assert_close(take_steps(alleles, phenotypes), expected, rtol=1e-3, atol=1e-6)
    found = ours.state_dict()
    biases = {"0.bias", "3.bias", "6.bias", "1.running_mean", "4.running_mean", "7.running_mean"}
    off = [
        (found[name] - value).abs().flatten()
        for name, value in plain.state_dict().items()
        if name not in biases
    ]
    off = torch.cat(off).sort().values
    # AdamW divides a gradient that is next to 0 by its own size, rounding included; the rate is
    # 0.01
    assert off[int(0.99 * len(off))] < 1e-3
    assert off[-1] < 0.03


@pytest.mark.parametrize(
    ("width", "batch_size", "taken"),
    [(64, 256, True), (65, 128, False), (64, 257, False), (8, 16, False)],
)
def test_what_the_kernels_cannot_hold_is_left_to_pytorch(width, batch_size, taken):
    model = networks.mlp(4, 2, width, torch.Generator().manual_seed(1))
    assert gpu.takes(model, batch_size) == taken
    assert not gpu.takes(
        networks.SkipMlp(4, 2, width, torch.Generator().manual_seed(1)), batch_size
    )


@pytest.mark.parametrize("change", ["none", "a dead unit", "a unit far above the others"])
def test_errors_of_the_hidden_layer_stay_in_the_range_of_half_precision(monkeypatch, change):
    monkeypatch.setattr(gpu, "_low", lambda: torch.float16)
    generator, kept, real = torch.Generator().manual_seed(1), [], gpu.MlpSteps._back
    model = networks.mlp(40, 3, 64, generator).to(DEVICE)
    with torch.no_grad():
        if change == "a dead unit":
            model[6].weight[:, 0] = 0
        if change == "a unit far above the others":
            model[4].weight[0] = 1000

    def noting(self, layer, *arguments):
        found = real(self, layer, *arguments)
        kept.extend([found.errors.float()] * (layer == 1))
        return found

    monkeypatch.setattr(gpu.MlpSteps, "_back", noting)
    optimizer = training._optimizer(model, training.mlp_plan())
    optimizer.param_groups[0]["lr"] = torch.tensor(0.01, device=DEVICE)
    alleles = torch.randint(0, 2, (128, 40), generator=generator).float().to(DEVICE)
    phenotypes = torch.randn(128, 3, generator=generator).to(DEVICE)
    gpu.MlpSteps(model, optimizer, "squared", 128)(alleles, phenotypes)
    (errors,) = kept
    assert 1 < errors.abs().max() <= gpu.TOP
    if change == "a dead unit":
        assert (errors[:, 0] == 0).all()
        errors = errors[:, 1:]
    assert (errors == 0).float().mean() < 0.01


PLANS = {
    "mlp": training.mlp_plan(max_epochs=8),
    "mlp, SGD": training.TrainingPlan("sgd", 0.1, 8, 8, 0.0),
    "patient mlp": training.patient_plan(max_epochs=8),
    "ridge": training.TrainingPlan("sgd", 0.1, 8, 8, 0.0, weight_decay=0.1),
    "lasso": training.TrainingPlan("sgd", 0.1, 8, 8, 0.0, l1_penalty=0.001),
    "pairs": training.patient_plan(l1_penalty=0.001, max_epochs=8),
    "skip_mlp": training.patient_plan(l1_penalty=0.001, max_epochs=8, drop_ragged_batch=True),
}


def make_model(name, cohort):
    n_markers, n_traits, generator = (
        cohort.genotypes.n_markers,
        len(cohort.traits),
        torch.Generator().manual_seed(1),
    )
    if name in ("ridge", "lasso"):
        return networks.OneHotLinear(n_markers, n_traits, generator)
    if name == "pairs":
        return networks.PairNetwork(n_markers, n_traits)
    if name == "skip_mlp":
        return networks.SkipMlp(n_markers, n_traits, 8, generator)
    return networks.mlp(n_markers, n_traits, 64, generator)


@needs_gpu
@pytest.mark.parametrize("name", PLANS)
def test_training_on_a_gpu_is_training_on_the_cpu(monkeypatch, cohort, name):
    # two graphs, of a whole batch and of the ragged one
    monkeypatch.setattr(training, "DECODED_ROWS", 128)
    records, predictions = [], []
    split = split_samples(cohort.genotypes.n_samples, "held_out")
    for device in ("cpu", "cuda"):
        model, generator = make_model(name, cohort), torch.Generator().manual_seed(1)
        data = cohort.genotypes, cohort.phenotypes
        records.append(
            training.train(model, *data, split, PLANS[name], generator=generator, device=device)
        )
        predictions.append(training.predict(model, cohort.genotypes, split.test, device))
    one, other = records
    assert other.epochs == one.epochs
    np.testing.assert_allclose(other.train_losses[:2], one.train_losses[:2], rtol=2e-3)
    np.testing.assert_allclose(other.validation_losses, one.validation_losses, rtol=0.1)
    if "mlp" not in name:  # rounding grows from step to step in a network
        np.testing.assert_allclose(predictions[1], predictions[0], rtol=1e-3, atol=1e-3)


@needs_gpu
def test_a_seed_is_one_fit_on_a_gpu(cohort):
    losses = []
    for _ in range(2):
        model, generator = make_model("mlp", cohort), torch.Generator().manual_seed(1)
        split = split_samples(cohort.genotypes.n_samples, "published")
        data = cohort.genotypes, cohort.phenotypes, split, PLANS["mlp"]
        losses.append(
            training.train(model, *data, generator=generator, device="cuda").validation_losses
        )
    assert losses[0] == losses[1]


@needs_gpu
def test_a_gpu_multiplies_in_tf32_in_training_alone(monkeypatch):
    monkeypatch.setattr(training, "PRECISION", "tf32")
    x = torch.full((64, 64), 1 + 2**-12, device="cuda")
    before = x @ x
    with training.fast_products("cuda"):
        assert not torch.equal(x @ x, before)
    assert torch.equal(x @ x, before)
