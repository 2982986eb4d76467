"""The training loop: what it optimises, when it stops, what it restores, and its errors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from conftest import make_cohort
from epidl import seeds
from epidl.cohorts.splits import random_split, split_samples
from epidl.models import networks, training
from epidl.models.training import TrainingPlan, mlp_plan, predict, train

WIDTH = 16


def fit_mlp(cohort, plan=None, protocol="published", seed=1, **options):
    split = split_samples(cohort.genotypes.n_samples, protocol)
    generator = seeds.torch_generator(seed, "test")
    model = networks.mlp(cohort.genotypes.n_markers, cohort.phenotypes.shape[1], WIDTH, generator)
    plan = plan or mlp_plan(max_epochs=8)
    record = train(
        model, cohort.genotypes, cohort.phenotypes, split, plan, generator=generator, **options
    )
    return model, record, split


def validation_loss(model, cohort, rows, batch_size=128):
    error = np.abs(predict(model, cohort.genotypes, rows) - cohort.phenotypes[rows])
    return np.mean([error[i : i + batch_size].mean() for i in range(0, len(rows), batch_size)])


class Watched(nn.Module):
    """A linear model that notes the size of each training batch."""

    def __init__(self, n_markers, n_traits):
        super().__init__()
        self.layer = networks.OneHotLinear(n_markers, n_traits, torch.Generator().manual_seed(1))
        self.sizes = []

    def forward(self, alleles):
        if self.training:
            self.sizes.append(len(alleles))
        return self.layer(alleles)


@pytest.mark.parametrize("n_samples", [10, 99, 1000, 10_001])
def test_splits(n_samples):
    published, held_out = (
        split_samples(n_samples, protocol) for protocol in ("published", "held_out")
    )
    rows = np.arange(n_samples)
    np.testing.assert_array_equal(np.concatenate([published.train, published.test]), rows)
    np.testing.assert_array_equal(published.validation, published.test)
    assert len(published.train) == round(0.85 * n_samples)
    np.testing.assert_array_equal(
        np.concatenate([held_out.train, held_out.validation, held_out.test]), rows
    )
    np.testing.assert_array_equal(held_out.test, published.test)
    assert len(held_out.train) == round(0.85 * len(published.train))


@given(st.integers(2, 2000), st.integers(0, 2**32))
def test_a_random_split_holds_every_sample_once(n_samples, seed):
    train, test = random_split(n_samples, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n_samples))
    assert len(train) == int(0.85 * n_samples)
    for part in (train, test):
        assert (np.diff(part) > 0).all()


def test_random_splits_score_every_sample_alike():
    rng, scored = np.random.default_rng(1), np.zeros(40)
    for _ in range(2000):
        scored[random_split(40, rng)[1]] += 1
    np.testing.assert_allclose(scored / 2000, 6 / 40, atol=4 * np.sqrt(0.15 * 0.85 / 2000))


@pytest.mark.parametrize("loss", ["absolute", "squared"])
@pytest.mark.parametrize("penalty", [{"weight_decay": 0.1}, {"l1_penalty": 0.01}])
def test_a_linear_layers_steps_in_closed_form_are_those_of_autograd(cohort, loss, penalty):
    plan = TrainingPlan(
        "sgd", learning_rate=0.1, max_epochs=1, patience=1, min_gain=0, loss=loss, **penalty
    )
    alleles = torch.from_numpy(cohort.genotypes.block(np.arange(100))).double()
    phenotypes = torch.from_numpy(cohort.phenotypes[:100])
    layers = []
    for step in (training._step, training._linear_step):
        layer = networks.OneHotLinear(16, 5, torch.Generator().manual_seed(1)).double()
        optimizer = training._optimizer(layer, plan)
        losses = [step(layer, optimizer, plan, alleles, phenotypes) for _ in range(20)]
        layers.append((layer.weight, layer.bias, torch.stack(losses)))
    for expected, found in zip(*layers, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("drop", "sizes"), [(False, [128, 127]), (True, [128])])
def test_the_ragged_last_batch_is_kept_unless_it_is_to_be_dropped(cohort, drop, sizes):
    model = Watched(16, 5)
    plan = TrainingPlan(
        "sgd", learning_rate=0.1, max_epochs=2, patience=5, min_gain=0, drop_ragged_batch=drop
    )
    split = split_samples(300, "published")
    train(
        model,
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=torch.Generator().manual_seed(1),
    )
    assert model.sizes == sizes * 2


def test_each_epoch_visits_every_training_sample_once_in_a_new_order(cohort):
    seen = []

    class Noting(Watched):
        def forward(self, alleles):
            if self.training:
                seen.append(alleles)
            return super().forward(alleles)

    plan = TrainingPlan("sgd", learning_rate=0.1, max_epochs=2, patience=5, min_gain=0)
    split = split_samples(300, "published")
    train(
        Noting(16, 5),
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=torch.Generator().manual_seed(1),
    )
    first, second = torch.cat(seen[:2]), torch.cat(seen[2:])
    assert not torch.equal(first, second)
    for epoch in (first, second):
        expected = cohort.genotypes.block(split.train)
        np.testing.assert_array_equal(
            sorted(map(tuple, epoch.numpy())), sorted(map(tuple, expected))
        )


def test_the_best_epoch_is_restored_and_its_loss_is_the_mean_of_the_batches(monkeypatch):
    cohort = make_cohort(1100, 16)  # 165 test samples: a whole batch and a ragged one
    model, record, split = fit_mlp(cohort, mlp_plan(max_epochs=30), "held_out")
    assert record.best_loss == pytest.approx(
        validation_loss(model, cohort, split.validation), rel=1e-5
    )
    assert record.best_loss == record.validation_losses[record.best_epoch - 1]
    assert len(record.validation_losses) == len(record.train_losses) == record.epochs
    # chunks of evaluation are no part of the protocol
    monkeypatch.setattr(training, "DECODED_ROWS", 50)
    _, again, _ = fit_mlp(cohort, mlp_plan(max_epochs=30), "held_out")
    np.testing.assert_allclose(again.validation_losses, record.validation_losses, rtol=1e-4)


def test_validation_batches_are_redrawn_each_epoch_under_published_only():
    cohort = make_cohort(1100, 16)
    # only the batches change
    frozen = TrainingPlan("sgd", learning_rate=1e-30, max_epochs=4, patience=5, min_gain=0)
    for protocol, n_losses in (("published", 4), ("held_out", 1)):
        model = networks.OneHotLinear(16, 5, torch.Generator().manual_seed(1))
        split, generator = split_samples(1100, protocol), torch.Generator().manual_seed(1)
        record = train(
            model, cohort.genotypes, cohort.phenotypes, split, frozen, generator=generator
        )
        assert len(set(record.validation_losses)) == n_losses


def test_training_stops_after_patience_epochs_without_the_least_gain():
    cohort = make_cohort(300, 16)
    plan = TrainingPlan("adamw", learning_rate=0.01, max_epochs=200, patience=4, min_gain=0.01)
    _, record, _ = fit_mlp(cohort, plan)
    assert record.status == "converged"
    assert record.epochs == record.best_epoch + 4
    best = record.best_loss
    assert all(loss >= best - 0.01 for loss in record.validation_losses[record.best_epoch :])


def test_a_rate_that_a_graph_reads_from_memory_is_lowered_there():
    rate = torch.tensor(0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=rate)
    plan = TrainingPlan(
        "sgd", learning_rate=0.1, max_epochs=9, patience=9, min_gain=0, schedule_patience=0
    )
    lower_rate = training._schedule(optimizer, plan)
    for _ in range(2):
        lower_rate(1.0)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.05)


def test_a_gain_below_the_least_one_is_none(cohort, monkeypatch):
    losses = iter([1.0, 0.995, 0.98, 0.975, 0.971, 0.5])
    monkeypatch.setattr(
        training, "_validation_loss", lambda *_: torch.tensor(next(losses), dtype=torch.float64)
    )
    plan = TrainingPlan("sgd", learning_rate=1e-6, max_epochs=6, patience=2, min_gain=0.0125)
    _, record, _ = fit_mlp(cohort, plan)
    # the third epoch gains 0.02 on the first; the next two gain less than 0.0125 on the third
    assert (record.status, record.epochs, record.best_epoch, record.best_loss) == (
        "converged",
        5,
        3,
        0.98,
    )


def test_a_fit_that_never_stops_early_says_so(cohort):
    _, record, _ = fit_mlp(cohort, mlp_plan(max_epochs=3))
    assert (record.status, record.epochs) == ("max_epochs", 3)


def test_a_diverged_fit_says_so_and_keeps_finite_weights(cohort):
    model = networks.OneHotLinear(16, 5, torch.Generator().manual_seed(1))
    plan = TrainingPlan(
        "sgd", learning_rate=1e30, weight_decay=0.1, max_epochs=20, patience=20, min_gain=0
    )
    split = split_samples(300, "published")
    record = train(
        model,
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=torch.Generator().manual_seed(1),
    )
    assert record.status == "diverged"
    assert record.epochs < 20
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_a_seed_is_one_fit(cohort):
    one, again, other = (fit_mlp(cohort, seed=seed)[1].validation_losses for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_held_out_touches_the_test_samples_never():
    cohort = make_cohort(300, 16)
    before, _, split = fit_mlp(cohort, protocol="held_out")
    cohort.phenotypes[split.test] = 1e6
    after, _, _ = fit_mlp(cohort, protocol="held_out")
    for a, b in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_published_steers_by_the_test_samples():
    cohort = make_cohort(300, 16)
    _, before, split = fit_mlp(cohort)
    cohort.phenotypes[split.test] += 1
    _, after, _ = fit_mlp(cohort)
    assert before.train_losses[0] == after.train_losses[0]
    assert before.validation_losses != after.validation_losses


def test_penalties_are_those_of_the_publication(cohort):
    """One full-batch step by hand: MAE + 0.1 * 0.5 * sum of squares over all parameters, or 0.001 *
    sum |weight|.
    """
    split = split_samples(300, "published")
    x = torch.from_numpy(cohort.genotypes.block(split.train)).float()
    y = torch.from_numpy(cohort.phenotypes[split.train]).float()
    for name, weight in (("weight_decay", 0.1), ("l1_penalty", 0.001)):
        plan = TrainingPlan(
            "sgd",
            learning_rate=0.1,
            max_epochs=1,
            patience=1,
            min_gain=0,
            batch_size=1000,
            **{name: weight},
        )
        trained, expected = (
            networks.OneHotLinear(16, 5, torch.Generator().manual_seed(1)) for _ in range(2)
        )
        loss = (expected(x) - y).abs().mean()
        error = loss
        if name == "weight_decay":
            loss = loss + weight * 0.5 * ((expected.weight**2).sum() + (expected.bias**2).sum())
        else:
            loss = error = loss + weight * expected.weight.abs().sum()
        loss.backward()
        with torch.no_grad():
            for parameter in expected.parameters():
                parameter -= 0.1 * parameter.grad
        generator = torch.Generator().manual_seed(1)
        record = train(
            trained, cohort.genotypes, cohort.phenotypes, split, plan, generator=generator
        )
        assert record.train_losses[0] == pytest.approx(error.item(), rel=1e-5)
        for a, b in zip(trained.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_published_settings_are_the_defaults():
    ridge, mlp = training.RIDGE_SGD, mlp_plan()
    assert (ridge.optimizer, ridge.learning_rate, ridge.weight_decay) == ("sgd", 0.1, 0.1)
    assert (ridge.max_epochs, ridge.patience, ridge.min_gain, ridge.batch_size) == (
        200,
        20,
        0.001,
        128,
    )
    assert (mlp.optimizer, mlp.learning_rate, mlp.weight_decay) == ("adamw", 0.01, 1e-5)
    assert (mlp.max_epochs, mlp.patience, mlp.min_gain, mlp.batch_size) == (100, 10, 0.003, 128)
    lasso = training.LASSO_SGD
    assert (lasso.optimizer, lasso.learning_rate, lasso.l1_penalty, lasso.weight_decay) == (
        "sgd",
        0.1,
        0.001,
        0,
    )
    assert (lasso.max_epochs, lasso.patience, lasso.min_gain, lasso.batch_size) == (
        200,
        20,
        0.001,
        128,
    )
    for plan in (ridge, lasso, mlp):
        assert (plan.schedule_factor, plan.schedule_patience, plan.drop_ragged_batch) == (
            0.5,
            3,
            False,
        )


def test_an_mlp_learns_what_a_linear_model_cannot():
    cohort = make_cohort(1000, 8, rel_aa=[3])
    split = split_samples(1000, "held_out")
    generator = seeds.torch_generator(1, "test")
    models = networks.OneHotLinear(8, 1, generator), networks.mlp(8, 1, 64, generator)
    r = []
    for model, plan in zip(models, (training.RIDGE_SGD, mlp_plan()), strict=True):
        train(model, cohort.genotypes, cohort.phenotypes, split, plan, generator=generator)
        predicted = predict(model, cohort.genotypes, split.test)
        r.append(np.corrcoef(predicted[:, 0], cohort.phenotypes[split.test, 0])[0, 1])
    assert r[1] > 0.95
    assert r[0] < r[1] - 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adam"}, "optimizer must be one of sgd, adamw, got 'adam'"),
        ({"learning_rate": 0}, "learning_rate must be greater than 0, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be finite, got nan"),
        ({"max_epochs": 0}, "max_epochs must be at least 1, got 0"),
        ({"patience": 2.5}, "patience must be a whole number, got 2.5"),
        ({"batch_size": -1}, "batch_size must be at least 1, got -1"),
        ({"min_gain": -0.1}, "min_gain must be at least 0, got -0.1"),
        ({"schedule_patience": -1}, "schedule_patience must be at least 0, got -1"),
    ],
)
def test_an_invalid_plan_names_argument_value_and_bound(changes, message):
    arguments = {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "max_epochs": 5,
        "patience": 2,
        "min_gain": 0.0,
    }
    with pytest.raises(ValueError, match=message):
        TrainingPlan(**arguments | changes)


def test_a_last_batch_of_one_is_refused_for_batch_norm():
    cohort = make_cohort(152, 4)  # 129 training samples
    with pytest.raises(
        ValueError,
        match="n_samples must not leave a last batch of one individual for batch norm, as 129 tr",
    ):
        fit_mlp(cohort)
    fit_mlp(cohort, mlp_plan(max_epochs=1, drop_ragged_batch=True))
    with pytest.raises(
        ValueError, match="drop_ragged_batch must be False with 85 training individuals"
    ):
        fit_mlp(make_cohort(100, 4), mlp_plan(max_epochs=1, drop_ragged_batch=True))


def test_invalid_data_is_refused(cohort):
    for phenotypes, message in (
        (cohort.phenotypes[:-1], "phenotypes must have 300 rows"),
        (np.where(cohort.phenotypes > 2, np.inf, cohort.phenotypes), "phenotypes must be finite"),
    ):
        model = networks.OneHotLinear(16, 5, torch.Generator().manual_seed(1))
        with pytest.raises(ValueError, match=message):
            train(
                model,
                cohort.genotypes,
                phenotypes,
                split_samples(300, "published"),
                training.RIDGE_SGD,
                generator=torch.Generator().manual_seed(1),
            )
    with pytest.raises(ValueError, match="protocol must be one of published, held_out, got 'test'"):
        split_samples(300, "test")
    with pytest.raises(ValueError, match="n_samples must be at least 10, got 9"):
        split_samples(9, "published")


def test_the_squared_error_and_a_rate_that_falls_to_0(monkeypatch):
    cohort = make_cohort(300, 16)
    rates = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW,
        "step",
        lambda self: rates.append(self.param_groups[0]["lr"]) or step(self),
    )
    plan = training.patient_plan(l1_penalty=0.001, learning_rate=0.01, max_epochs=20)
    model, split = networks.PairNetwork(16, 5), split_samples(300, "held_out")
    record = train(
        model,
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=torch.Generator().manual_seed(1),
    )
    n_batches = 2
    expected = [
        0.005 * (1 + np.cos(np.pi * epoch / 20)) for epoch in range(20) for _ in range(n_batches)
    ]
    np.testing.assert_allclose(rates, expected, atol=1e-9)
    assert (record.status, record.epochs) == ("max_epochs", 20)
    error = predict(model, cohort.genotypes, split.validation) - cohort.phenotypes[split.validation]
    assert record.best_loss == pytest.approx((error**2).mean(), rel=1e-4)


def test_an_l1_penalty_makes_a_pair_network_find_the_pairs():
    cohort = make_cohort(600, 12, rel_aa=[3])
    model, split = networks.PairNetwork(12, 1), split_samples(600, "held_out")
    plan = training.patient_plan(l1_penalty=0.003, learning_rate=0.02)
    train(
        model,
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=torch.Generator().manual_seed(1),
    )
    gates = (model.gate_weight + model.gate_weight.T).detach().numpy()
    np.fill_diagonal(gates, 0)
    strongest = np.argsort(-np.abs(gates[np.triu_indices(12, 1)]))[:6]
    found = {tuple(pair) for pair in np.stack(np.triu_indices(12, 1), axis=1)[strongest].tolist()}
    assert found == {tuple(sorted(pair)) for pair in cohort.traits[0].pairs.tolist()}


def test_the_penalty_of_a_pair_network_spares_additive_effects():
    cohort = make_cohort(600, 12, rel_aa=[0])
    model, split = networks.PairNetwork(12, 1), split_samples(600, "held_out")
    plan = training.patient_plan(l1_penalty=1.0, learning_rate=0.02)
    train(
        model,
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=torch.Generator().manual_seed(1),
    )
    true = cohort.traits[0].additive_by_marker(12)
    np.testing.assert_allclose(model.linear.weight[0].detach(), true, atol=0.01)
    assert model.gate_weight.abs().max() < 0.01


def test_recomputed_batch_norm_has_the_statistics_of_the_samples(cohort, monkeypatch):
    model = nn.Sequential(
        networks.OneHotLinear(16, 4, torch.Generator().manual_seed(1)),
        nn.BatchNorm1d(4, momentum=0.8),
    )
    rows = np.arange(200)
    training.recompute_batch_norm(model, cohort.genotypes, rows)
    outputs = model[0](torch.from_numpy(cohort.genotypes.block(rows)).float())
    torch.testing.assert_close(model[1].running_mean, outputs.mean(dim=0))
    torch.testing.assert_close(model[1].running_var, outputs.var(dim=0))
    assert model[1].momentum == 0.8
    monkeypatch.setattr(training, "DECODED_ROWS", 100)
    training.recompute_batch_norm(model, cohort.genotypes, rows)
    torch.testing.assert_close(model[1].running_mean, outputs.mean(dim=0))
