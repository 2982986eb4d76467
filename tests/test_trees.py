"""Boosted trees: what they find, that they repeat, and that only training samples reach them."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

from conftest import make_cohort
from epidl.cohorts.genotypes import Dosages
from epidl.models import trees
from epidl.models.trees import fit_trees

TRAIN, TEST = np.arange(500), np.arange(500, 600)


@pytest.fixture(scope="module")
def table():
    """Dosages and two traits: one of markers alone, and one of a threshold that no product has."""
    counts = np.random.default_rng(3).integers(0, 3, size=(600, 30)).astype(np.int8)
    both = (counts[:, 0] > 0) & (counts[:, 1] > 0)
    y = np.column_stack([counts[:, 2] - counts[:, 3], both])
    return Dosages.from_counts(counts, ploidy=2).trained_on(TRAIN), y.astype(float)


def test_effects_and_thresholds_of_two_markers_are_found(table):
    genotypes, y = table
    predicted = fit_trees(genotypes, y, TRAIN).predict(genotypes, TEST)
    for t in range(2):
        assert np.corrcoef(predicted[:, t], y[TEST, t])[0, 1] > 0.97


def test_as_many_trees_as_helped_a_validation_part_are_grown_on_all_samples(table):
    genotypes, y = table
    y = y + np.random.default_rng(4).normal(size=y.shape)
    fit = fit_trees(genotypes, y, TRAIN, seed=5)
    for t, own in enumerate(fit.trees):
        assert 1 < own.n_iter_ < trees.MOST_ROUNDS
        alone = HistGradientBoostingRegressor(
            **trees.SETTINGS,
            max_iter=own.n_iter_,
            early_stopping=False,
            random_state=own.random_state,
        ).fit(genotypes.block(TRAIN), y[TRAIN, t])
        np.testing.assert_array_equal(
            fit.predict(genotypes, TEST)[:, t], alone.predict(genotypes.block(TEST))
        )


def test_the_unit_of_a_trait_does_not_matter(table):
    genotypes, y = table
    y = y + np.random.default_rng(4).normal(size=y.shape)
    predicted = [
        fit_trees(genotypes, y * unit, TRAIN).predict(genotypes, TEST) / unit for unit in (1, 1e-4)
    ]
    np.testing.assert_allclose(*predicted, rtol=1e-6)


def test_noise_stops_early(table):
    genotypes, _ = table
    noise = np.random.default_rng(6).normal(size=(600, 1))
    assert fit_trees(genotypes, noise, TRAIN).trees[0].n_iter_ < 30


def test_fits_repeat_with_their_seed_whatever_the_threads_and_test_samples(table):
    genotypes, y = table
    y = y + np.random.default_rng(4).normal(size=y.shape)
    changed = y.copy()
    changed[TEST] = 1e6
    few = {"most_rounds": 40}
    one = fit_trees(genotypes, y, TRAIN, seed=1, **few).predict(genotypes, TEST)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        same = fit_trees(genotypes, changed, TRAIN, seed=1, **few).predict(genotypes, TEST)
    finally:
        torch.set_num_threads(threads)
    other = fit_trees(genotypes, y, TRAIN, seed=2, **few).predict(genotypes, TEST)
    np.testing.assert_allclose(same, one, rtol=1e-9)
    assert not np.allclose(other, one)


def test_blocks_do_not_change_predictions(table, monkeypatch):
    genotypes, y = table
    fit = fit_trees(genotypes, y, TRAIN, most_rounds=20)
    whole = fit.predict(genotypes, TEST)
    monkeypatch.setattr("epidl.cohorts.genotypes.BLOCK_BYTES", 8 * 30 * 7)  # seven samples a block
    np.testing.assert_array_equal(fit.predict(genotypes, TEST), whole)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phenotypes": np.zeros((299, 5))}, "phenotypes must have 300 rows"),
        ({"rows": np.arange(9)}, r"len\(rows\) must be at least 10, got 9"),
        ({"most_rounds": 0}, "most_rounds must be at least 1, got 0"),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(cohort, changes, message):
    arguments = {"phenotypes": cohort.phenotypes, "rows": np.arange(255)} | changes
    with pytest.raises(ValueError, match=message):
        fit_trees(cohort.genotypes, **arguments)


def test_other_genotypes_are_refused(table):
    genotypes, y = table
    fit = fit_trees(genotypes, y, TRAIN, most_rounds=2)
    with pytest.raises(ValueError, match=r"must be that of the training individuals, 30, got 18"):
        fit.predict(make_cohort(20, 18).genotypes, np.arange(20))


def test_genotypes_that_no_memory_holds_are_refused(table, monkeypatch):
    genotypes, y = table
    monkeypatch.setattr("epidl.checks.memory_bytes", lambda: 1000.0)
    with pytest.raises(MemoryError, match=r"len\(rows\) must be small enough for .* got 500"):
        fit_trees(genotypes, y, TRAIN)
