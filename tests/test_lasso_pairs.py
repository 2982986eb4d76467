"""The LASSO with pairs against coordinate descent by hand and against the truth."""

import numpy as np
import pytest

from conftest import make_cohort
from epidl.cohorts.genotypes import Dosages, Haplotypes
from epidl.models import lasso_pairs, lasso_path, pairs
from test_pairs import correlations

TRAIN, TEST = np.arange(850), np.arange(850, 1000)


def soft(value, penalty):
    return np.sign(value) * max(abs(value) - penalty, 0)


def test_the_lasso_is_that_of_coordinate_descent():
    """Against a plain loop at the penalty that was chosen."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, size=(120, 15)) * 2.0 - 1
    y = x[:, 0] - 0.5 * x[:, 3] + rng.normal(size=120) + 4
    fit = lasso_path.fit_lasso(x, y)
    centred, effects = x - x.mean(axis=0), np.zeros(15)
    for _ in range(200):
        for j, column in enumerate(centred.T):
            rest = y - y.mean() - centred @ effects + column * effects[j]
            square = column @ column / 120
            effects[j] = soft(column @ rest / 120, fit.alpha_) / square
    np.testing.assert_allclose(fit.coef_, effects, atol=0.01)
    assert fit.intercept_ == pytest.approx(y.mean() - x.mean(axis=0) @ effects, abs=0.01)
    assert np.argsort(-np.abs(effects))[:2].tolist() == [0, 3]


def test_smaller_penalties_are_tried_where_the_smallest_is_best():
    x = np.random.default_rng(1).normal(size=(300, 20))
    fit = lasso_path.fit_lasso(x, x.sum(axis=1))
    assert fit.alpha_ < 1e-3 * fit.alphas_.max()
    np.testing.assert_allclose(fit.coef_, 1, atol=1e-3)


def test_of_columns_that_correlate_the_first_in_order_is_kept():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 200))
    columns = np.stack([one, other, one + 0.1 * other, np.ones(200), -one], axis=1)
    order = np.array([2, 0, 4, 1, 3])
    assert lasso_pairs.clumped(columns, order, 0.64).tolist() == [2, 1, 3]
    assert lasso_pairs.clumped(columns, order, 1.1).tolist() == order.tolist()
    x = rng.integers(0, 2, size=(200, 40)).cumsum(axis=1) % 2  # neighbours correlate by chance
    x[:, 1::2] = np.where(rng.random((200, 20)) < 0.03, 1 - x[:, ::2], x[:, ::2])
    kept = lasso_pairs.clumped(x.astype(float), np.arange(40), 0.64)
    r2 = np.corrcoef(x[:, kept].T) ** 2 - np.eye(len(kept))
    assert r2.max() <= 0.64
    assert len(kept) == 20


@pytest.mark.parametrize(("n_qtl", "n_markers"), [(46, 46), (20, 200)])
def test_pairs_are_found_and_predict_as_well_as_the_first_version(n_qtl, n_markers):
    cohort = make_cohort(1000, n_qtl, n_markers=n_markers)
    fit = lasso_pairs.fit_lasso_pairs(cohort.genotypes, cohort.phenotypes, TRAIN)
    quality = pairs.precision_and_recall(fit.pairs, cohort.traits)
    assert quality["pair_variance_recall"][1:].min() > 0.99
    assert quality["n_pairs"][0] == 0
    first = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, TRAIN)
    np.testing.assert_allclose(
        correlations(fit, cohort, TEST), correlations(first, cohort, TEST), atol=0.005
    )


def test_a_pair_whose_loci_have_no_effect_is_found_in_linked_dosages():
    rng = np.random.default_rng(1)
    alleles = rng.integers(0, 2, size=(400, 30)).repeat(3, axis=1)
    alleles[rng.random(alleles.shape) < 0.01] ^= 1
    x = 2.0 * alleles - 1
    y = x[:, 31] + x[:, 4] * x[:, 70] + 0.5 * rng.normal(size=400)
    for genotypes in (Haplotypes.from_alleles(alleles), Dosages.from_counts(2 * alleles, 2)):
        fit = lasso_pairs.fit_lasso_pairs(genotypes, y[:, None], np.arange(300))
        strongest = np.abs(fit.pair_effects[0]).argmax()
        assert sorted(fit.pairs[0][strongest] // 3) == [1, 23]  # the right segments
        assert np.corrcoef(fit.predict(genotypes, np.arange(300, 400))[:, 0], y[300:])[0, 1] > 0.9


@pytest.mark.parametrize("h2", [0.999, 0.5])
def test_traits_without_epistasis_seldom_have_a_pair(h2):
    found, given = 0, {"n_markers": 100, "rel_aa": [0] * 5, "broad_sense_heritability": h2}
    for seed in range(6):
        cohort = make_cohort(300, 16, seed=seed, **given)
        fit = lasso_pairs.fit_lasso_pairs(cohort.genotypes, cohort.phenotypes, np.arange(255))
        found += sum(len(kept) > 0 for kept in fit.pairs)
    assert found <= 6  # of 30 traits


def test_what_does_not_converge_is_told(monkeypatch):
    cohort = make_cohort(300, 10, rel_aa=[1])
    arguments = cohort.genotypes, cohort.phenotypes, np.arange(250)
    assert lasso_pairs.fit_lasso_pairs(*arguments).converged
    monkeypatch.setattr(lasso_path, "MAX_ITERATIONS", 1)
    assert not lasso_pairs.fit_lasso_pairs(*arguments).converged
