"""Exact ridge against scikit-learn's RidgeCV, and its errors."""

import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import RidgeCV

from conftest import make_cohort
from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes
from epidl.models.ridge import PENALTIES, fit_ridge, fit_ridge_splits

# n_samples, n_qtl, H2: ten cohorts, three of them with more markers than training samples
COHORTS = [
    (200, 10, 0.999),
    (300, 46, 0.999),
    (1000, 16, 0.999),
    (1000, 202, 0.9),
    (500, 120, 0.5),
    (150, 64, 0.3),
    (400, 300, 0.8),
    (120, 202, 0.999),
    (100, 156, 0.5),
    (60, 90, 0.2),
]


@pytest.mark.parametrize("number", range(len(COHORTS)))
def test_penalty_and_accuracy_are_those_of_ridge_cv(number):
    n_samples, n_qtl, h2 = COHORTS[number]
    cohort = make_cohort(n_samples, n_qtl, broad_sense_heritability=h2, seed=number)
    rng = np.random.default_rng(number)
    order = rng.permutation(n_samples)
    train, test = order[: int(0.85 * n_samples)], order[int(0.85 * n_samples) :]
    ours = fit_ridge(cohort.genotypes, cohort.phenotypes, train)
    predicted = ours.predict(cohort.genotypes, test)

    x = cohort.genotypes.block(slice(None)).astype(float)
    x -= x[train].mean(axis=0)
    for t, y in enumerate(cohort.phenotypes.T):
        theirs = RidgeCV(alphas=PENALTIES).fit(x[train], y[train])
        assert ours.penalties[t] == theirs.alpha_
        np.testing.assert_allclose(ours.effects[:, t], theirs.coef_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(ours.cv_error[t], -theirs.best_score_, rtol=1e-6)
        expected = theirs.predict(x[test])
        np.testing.assert_allclose(predicted[:, t], expected, atol=1e-8)
        r = [scipy.stats.pearsonr(y[test], p).statistic for p in (predicted[:, t], expected)]
        assert abs(r[0] - r[1]) < 1e-6


@pytest.mark.parametrize("n_markers", [12, 120], ids=["few_markers", "many_markers"])
@pytest.mark.parametrize("ploidy", [1, 2])
def test_dosages_with_missing_genotypes_are_ridge_cv_s_too(ploidy, n_markers):
    rng = np.random.default_rng(n_markers + ploidy)
    shape, train, test = (100, n_markers), np.arange(70), np.arange(70, 100)
    counts = rng.binomial(ploidy, rng.uniform(0.1, 0.9, size=n_markers), size=shape).astype(np.int8)
    y = counts[:, :3] @ rng.normal(size=(3, 2)) + rng.normal(size=(100, 2))
    counts[rng.random(shape) < 0.1] = MISSING
    dosages = Dosages.from_counts(counts, ploidy).trained_on(train)
    known = np.where(counts == MISSING, np.nan, counts / ploidy)
    x = np.where(counts == MISSING, np.nanmean(known[train], axis=0).astype(np.float32), known)
    ours = fit_ridge(dosages, y, train)
    for t in range(2):
        theirs = RidgeCV(alphas=PENALTIES).fit(x[train] - x[train].mean(axis=0), y[train, t])
        assert ours.penalties[t] == theirs.alpha_
        # shares are float32
        np.testing.assert_allclose(ours.effects[:, t], theirs.coef_, rtol=1e-5, atol=1e-6)
        expected = theirs.predict(x[test] - x[train].mean(axis=0))
        np.testing.assert_allclose(ours.predict(dosages, test)[:, t], expected, atol=1e-5)


@pytest.mark.parametrize("n_markers", [10, 80])
def test_fits_solve_the_normal_equations_in_extended_precision(n_markers):
    cohort = make_cohort(60, 10, n_markers=n_markers, broad_sense_heritability=0.5, seed=5)
    train = np.arange(50)
    x = cohort.genotypes.block(train).astype(np.longdouble)
    y = cohort.phenotypes[train].astype(np.longdouble)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    for penalty in (1e-2, 1.0, 1e3):
        effects = fit_ridge(cohort.genotypes, cohort.phenotypes, train, [penalty]).effects
        left = x.T @ (y - x @ effects) - penalty * effects.astype(np.longdouble)  # 0 at the minimum
        assert np.abs(left).max() < 1e-10 * np.abs(x.T @ y).max()


def test_leave_one_out_error_is_the_error_of_refits():
    cohort = make_cohort(40, 6, broad_sense_heritability=0.5, seed=3)
    rows, penalty = np.arange(40), 2.0
    fit = fit_ridge(cohort.genotypes, cohort.phenotypes, rows, [penalty])
    errors = []
    for left_out in rows:
        refit = fit_ridge(cohort.genotypes, cohort.phenotypes, np.delete(rows, left_out), [penalty])
        errors.append(
            cohort.phenotypes[left_out] - refit.predict(cohort.genotypes, rows[[left_out]])[0]
        )
    np.testing.assert_allclose(fit.cv_error, np.square(errors).mean(axis=0), rtol=1e-10)


def test_duplicated_and_constant_markers_share_and_get_no_effect():
    rng = np.random.default_rng(1)
    alleles = rng.integers(0, 2, size=(50, 4))
    alleles[:, 1], alleles[:, 3] = alleles[:, 0], 1
    y = alleles @ [[1.0], [1.0], [0.5], [0.0]] + rng.normal(size=(50, 1))
    effects = fit_ridge(Haplotypes.from_alleles(alleles), y, np.arange(50)).effects[:, 0]
    assert effects[0] == pytest.approx(effects[1])
    assert effects[3] == pytest.approx(0, abs=1e-12)


def test_genotypes_without_variation_leave_the_mean():
    y = np.random.default_rng(1).normal(size=(30, 2))
    fit = fit_ridge(Haplotypes.from_alleles(np.ones((30, 3), dtype=int)), y, np.arange(30))
    np.testing.assert_allclose(fit.effects, 0)
    np.testing.assert_allclose(fit.intercepts, y.mean(axis=0))


@pytest.mark.parametrize("n_qtl", [20, 400])
def test_splits_together_are_splits_alone(n_qtl):
    cohort = make_cohort(200, n_qtl, broad_sense_heritability=0.6)
    rng = np.random.default_rng(1)
    splits = [np.sort(rng.permutation(200)[:170]) for _ in range(3)] + [rng.permutation(200)[:150]]
    for rows, together in zip(
        splits, fit_ridge_splits(cohort.genotypes, cohort.phenotypes, splits), strict=True
    ):
        alone = fit_ridge(cohort.genotypes, cohort.phenotypes, rows)
        np.testing.assert_array_equal(together.penalties, alone.penalties)
        np.testing.assert_allclose(together.effects, alone.effects, rtol=1e-7, atol=1e-12)


def test_blocks_do_not_change_the_fit(cohort, monkeypatch):
    rows = np.arange(255)
    whole = fit_ridge(cohort.genotypes, cohort.phenotypes, rows)
    monkeypatch.setattr("epidl.cohorts.genotypes.BLOCK_BYTES", 8 * 16 * 7)  # seven samples a block
    in_blocks = fit_ridge(cohort.genotypes, cohort.phenotypes, rows)
    np.testing.assert_allclose(in_blocks.effects, whole.effects, rtol=1e-9)
    np.testing.assert_array_equal(in_blocks.penalties, whole.penalties)


def test_test_samples_do_not_reach_the_fit(cohort):
    rows = np.arange(255)
    changed = cohort.phenotypes.copy()
    changed[255:] = 1e6
    one, two = (fit_ridge(cohort.genotypes, y, rows) for y in (cohort.phenotypes, changed))
    np.testing.assert_array_equal(one.effects, two.effects)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"phenotypes": np.zeros((299, 5))},
            "phenotypes must have 300 rows, one per individual, got 299",
        ),
        ({"phenotypes": np.full((300, 1), np.nan)}, "phenotypes must be finite, got 300 values"),
        ({"phenotypes": np.zeros(300)}, "phenotypes must be a matrix"),
        ({"penalties": [1.0, 0.0]}, "penalties must be greater than 0"),
        ({"penalties": []}, "penalties must be greater than 0"),
        ({"rows": np.array([3])}, r"len\(rows\) must be at least 2, got 1"),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(cohort, changes, message):
    arguments = {"phenotypes": cohort.phenotypes, "rows": np.arange(255)} | changes
    with pytest.raises(ValueError, match=message):
        fit_ridge(cohort.genotypes, **arguments)
