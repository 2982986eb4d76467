"""The exact LASSO against its conditions of optimality, and what its path chooses."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold, cross_val_score

from conftest import make_cohort
from epidl import seeds
from epidl.cohorts.genotypes import Haplotypes
from epidl.models import lasso_path
from epidl.models.lasso_path import fit_lasso_path

TRAIN, TEST = np.arange(200), np.arange(200, 260)


def sparse(n_markers, seed=1):
    """Haploids, of which five markers have effects on the first trait and none on the second."""
    rng = np.random.default_rng(seed)
    alleles = rng.integers(0, 2, size=(260, n_markers))
    y = np.column_stack([alleles[:, :5] @ [2.0, -2, 1.5, 1, -1], np.zeros(260)])
    return Haplotypes.from_alleles(alleles), y + 0.5 * rng.normal(size=y.shape)


@pytest.mark.parametrize("n_markers", [40, 400], ids=["by_products", "by_columns"])
def test_effects_are_at_the_minimum(n_markers):
    """Each kept marker's product with the residual is the penalty, every other's is no more."""
    genotypes, y = sparse(n_markers)
    fit = fit_lasso_path(genotypes, y, TRAIN)
    assert fit.converged.all()
    residuals = y[TRAIN] - fit.predict(genotypes, TRAIN)
    np.testing.assert_allclose(residuals.mean(axis=0), 0, atol=1e-10)
    slopes = genotypes.block(TRAIN).T.astype(float) @ residuals / len(TRAIN)
    for slope, effects, penalty in zip(slopes.T, fit.effects.T, fit.penalties, strict=True):
        kept = effects != 0
        np.testing.assert_allclose(slope[kept], penalty * np.sign(effects[kept]), rtol=0.02)
        assert (np.abs(slope) <= 1.02 * penalty).all()


def test_few_effects_are_found_among_many_markers_and_noise_has_next_to_none():
    genotypes, y = sparse(400)
    fit = fit_lasso_path(genotypes, y, TRAIN)
    assert (fit.effects[:5, 0] != 0).all()
    assert np.corrcoef(fit.predict(genotypes, TEST)[:, 0], y[TEST, 0])[0, 1] > 0.93
    assert np.abs(fit.effects[:, 1]).max() < 0.2
    assert fit.cv_error[0] == pytest.approx(0.25, rel=0.5)  # the noise


def test_the_error_is_the_mean_of_the_folds():
    genotypes, y = sparse(40)
    fit = fit_lasso_path(genotypes, y, TRAIN)
    folds = KFold(5, shuffle=True, random_state=seeds.derive(0, "folds") % 2**32)
    for t, penalty in enumerate(fit.penalties):
        scores = cross_val_score(
            Lasso(penalty, tol=1e-6),
            genotypes.block(TRAIN),
            y[TRAIN, t],
            scoring="neg_mean_squared_error",
            cv=folds,
        )
        assert fit.cv_error[t] == pytest.approx(-scores.mean(), rel=1e-3)


def test_a_trait_the_other_way_round_has_the_effects_the_other_way_round():
    genotypes, y = sparse(40)
    one, other = (fit_lasso_path(genotypes, trait, TRAIN) for trait in (y, -y))
    np.testing.assert_allclose(other.effects, -one.effects, atol=1e-8)


def test_folds_follow_the_seed_and_test_samples_do_not_reach_the_fit():
    genotypes, y = sparse(40)
    changed = y.copy()
    changed[200:] = 1e6
    one, same, other = (
        fit_lasso_path(genotypes, phenotypes, TRAIN, seed=seed)
        for phenotypes, seed in ((y, 1), (changed, 1), (y, 2))
    )
    np.testing.assert_array_equal(one.effects, same.effects)
    assert (one.cv_error != other.cv_error).all()


def test_what_does_not_converge_is_told(monkeypatch):
    monkeypatch.setattr(lasso_path, "MAX_ITERATIONS", 1)
    cohort = make_cohort(300, 100, rel_aa=[0])
    assert not fit_lasso_path(cohort.genotypes, cohort.phenotypes, TRAIN).converged.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phenotypes": np.zeros((299, 5))}, "phenotypes must have 300 rows"),
        ({"rows": np.arange(9)}, r"len\(rows\) must be at least 10, got 9"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(cohort, changes, message):
    arguments = {"phenotypes": cohort.phenotypes, "rows": np.arange(255)} | changes
    with pytest.raises(ValueError, match=message):
        fit_lasso_path(cohort.genotypes, **arguments)


def test_genotypes_that_no_memory_holds_are_refused(cohort, monkeypatch):
    monkeypatch.setattr("epidl.checks.memory_bytes", lambda: 1000.0)
    with pytest.raises(MemoryError, match=r"len\(rows\) must be small enough for .* got 200"):
        fit_lasso_path(cohort.genotypes, cohort.phenotypes, TRAIN)
