"""The tuned network: its layers, its members, and that its random draws are its own."""

import numpy as np
import pytest
import torch

from conftest import make_cohort
from epidl.cohorts.splits import split_samples
from epidl.models import ensemble
from epidl.models.recipes import MODELS
from epidl.models.task import Task, pearson_r

ROW = MODELS["mlp_ensemble"]


def task_of(n_samples: int, **changes) -> Task:
    cohort = make_cohort(n_samples, 16, rel_aa=[0], broad_sense_heritability=0.8)
    split = split_samples(n_samples, "held_out")
    return Task(cohort.genotypes, cohort.phenotypes, split, seed=1, **changes)


@pytest.fixture
def trained(monkeypatch):
    """Return what is noted of each training: its split, its settings and its networks."""
    notes, train = [], ensemble._train

    def noted(task, split, candidates, *purpose):
        fits = train(task, split, candidates, *purpose)
        notes.append((split, candidates, fits))
        return fits

    monkeypatch.setattr(ensemble, "_train", noted)
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 30)
    return notes


def mean_of(task: Task, members: list) -> np.ndarray:
    return np.mean([member.of(task).parts[0][1] for member in members], axis=0)


def test_the_network_is_layers_of_relu_on_centred_codes():
    settings = ensemble.DEFAULTS | {"width": 7, "depth": 2, "dropout": 0.9}
    centre = np.linspace(0.1, 0.9, 5, dtype=np.float32)
    network = ensemble.DropoutMlp(5, 2, centre, settings, torch.Generator().manual_seed(1)).eval()
    shares = np.random.default_rng(1).integers(0, 3, size=(11, 5)) / 2
    weights = [parameter.detach().double().numpy() for parameter in network.parameters()]
    hidden = 2 * (shares - centre)
    for weight, bias in ((weights[0], weights[1]), (weights[2], weights[3])):
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    with torch.no_grad():
        found = network(torch.as_tensor(shares, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, hidden @ weights[4].T + weights[5], atol=1e-5)


@pytest.mark.parametrize("n_samples", [12, 20, 300])
def test_members_leave_out_other_samples_and_see_all_together(n_samples):
    task = task_of(n_samples)
    splits = ensemble.member_splits(task, ROW.name)
    left_out = np.concatenate([split.validation for split in splits])
    assert len(set(left_out)) == len(left_out) > 0
    for split in splits:
        both = np.concatenate([split.train, split.validation])
        assert sorted(both) == task.all_but_test.tolist()
        np.testing.assert_array_equal(split.test, task.split.test)


def test_few_samples_take_the_default_settings_and_predict(trained):
    task = task_of(400)
    ((test, predicted),) = ROW.predict(task).parts
    assert [candidates for _, candidates, _ in trained] == [[ensemble.DEFAULTS]] * 5
    assert pearson_r(task.phenotypes[test], predicted)[0] > 0.7


def test_settings_are_searched_and_the_best_train_all_members(trained):
    task = task_of(500)
    prediction = ROW.predict(task)
    _, candidates, tried = trained[0]
    assert len(candidates) == ensemble.N_SETTINGS
    order = np.argsort([fit.record.comparable_loss for fit in tried])[: ensemble.N_FINALISTS]
    best = [candidates[i] for i in order]
    assert [finalists for _, finalists, _ in trained[1:]] == [best] * 4
    members = [[tried[i] for i in order], *(fits for _, _, fits in trained[1:])]
    losses = [[fit.record.comparable_loss for fit in fits] for fits in members]
    winner = np.mean(losses, axis=0).argmin()
    assert prediction.columns["hidden_width"] == best[winner]["width"]
    assert prediction.columns["learning_rate"] == best[winner]["learning_rate"]
    expected = mean_of(task, [fits[winner] for fits in members])
    np.testing.assert_array_equal(prediction.parts[0][1], expected)


def test_a_network_does_not_depend_on_the_other_settings_that_are_tried():
    task, other = task_of(60), ensemble.DEFAULTS | {"width": 64, "dropout": 0.1}
    (split, *_) = ensemble.member_splits(task, ROW.name)
    (alone,) = ensemble._train(task, split, [ensemble.DEFAULTS], ROW.name, 0)
    _, second = ensemble._train(task, split, [other, ensemble.DEFAULTS], ROW.name, 0)
    assert second.record.validation_losses == alone.record.validation_losses


def test_a_seed_gives_the_same_prediction_whatever_torch_drew_before(trained):
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(ROW.predict(task_of(60)).parts[0][1])
        assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(seed))
    np.testing.assert_array_equal(*found)


def test_diverged_members_have_no_part_in_the_mean(trained, monkeypatch):
    choose = ensemble._choose

    def first_diverges(*given):
        settings, members = choose(*given)
        members[0].record.status = "diverged"
        return settings, members

    monkeypatch.setattr(ensemble, "_choose", first_diverges)
    task = task_of(60)
    prediction = ROW.predict(task)
    assert prediction.status != "diverged"
    others = [fit for _, _, (fit,) in trained[1:]]
    np.testing.assert_array_equal(prediction.parts[0][1], mean_of(task, others))


def test_a_network_all_of_whose_members_diverged_predicts_nothing(trained, monkeypatch):
    settings = ensemble.DEFAULTS | {"learning_rate": 1e30}
    monkeypatch.setattr(ensemble, "DEFAULTS", settings)
    prediction = ROW.predict(task_of(60))
    assert prediction.status == "diverged"
    assert np.isnan(prediction.parts[0][1]).all()
