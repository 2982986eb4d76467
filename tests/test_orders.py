"""The kernel of products against products that are formed, a dense likelihood and least squares."""

import itertools
import math

import numpy as np
import pytest
import scipy.optimize

from conftest import make_cohort
from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes
from epidl.models import kernels, orders
from epidl.models.orders import fit_orders, symmetric_sums

TRAIN, TEST = np.arange(150), np.arange(150, 220)


@pytest.fixture(scope="module")
def triples():
    """Haploids with six loci, all 64 genotypes many times over, and a trait of a marker and a triple."""
    rng = np.random.default_rng(3)
    alleles = rng.integers(0, 2, size=(220, 6)).astype(np.int8)
    x = 2.0 * alleles - 1
    y = x[:, [0]] + 2 * x[:, [1]] * x[:, [2]] * x[:, [3]] + 0.5 * rng.normal(size=(220, 1))
    return Haplotypes.from_alleles(alleles), y


@pytest.fixture(scope="module")
def diploid():
    rng = np.random.default_rng(8)
    counts = rng.binomial(2, rng.uniform(0.1, 0.9, size=9), size=(220, 9)).astype(np.int8)
    x = counts - counts.mean(axis=0)
    y = np.column_stack([x @ np.ones(9), x[:, 1] * x[:, 2] * x[:, 3]]) + rng.normal(size=(220, 2))
    counts[rng.random(counts.shape) < 0.1] = MISSING
    return Dosages.from_counts(counts, ploidy=2).trained_on(TRAIN), y


def dense_kernels(genotypes, one, other, n_orders):
    """The kernels from the products themselves, each set of markers a column."""
    codes = 2 * (genotypes.block(np.arange(genotypes.n_samples)).astype(float) - genotypes.centre)
    found = []
    for k in range(1, n_orders + 1):
        sets = itertools.combinations(range(codes.shape[1]), k)
        products = np.column_stack([codes[:, list(each)].prod(axis=1) for each in sets])
        scale = (products[TRAIN] ** 2).sum(axis=1).mean()
        found.append(products[one] @ products[other].T / scale)
    return found


def deviance(covariance, y):
    inverse, ones = np.linalg.inv(covariance), np.ones(len(y))
    information = ones @ inverse @ ones
    p = inverse - np.outer(inverse @ ones, ones @ inverse) / information
    return np.linalg.slogdet(covariance)[1] + np.log(information) + (len(y) - 1) * np.log(y @ p @ y)


@pytest.mark.parametrize("n_markers", [4, 7])
def test_sums_are_those_of_all_sets_of_markers(n_markers):
    rng = np.random.default_rng(n_markers)
    one, other = rng.normal(size=(3, n_markers)), rng.normal(size=(5, n_markers))
    for k, found in enumerate(symmetric_sums(one, other, 4), start=1):
        sets = [list(each) for each in itertools.combinations(range(n_markers), k)]
        expected = sum(np.outer(one[:, s].prod(axis=1), other[:, s].prod(axis=1)) for s in sets)
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_of_haploids_a_kernel_s_diagonal_counts_the_sets(triples):
    genotypes, _ = triples
    _, scales = orders._kernels(genotypes, TRAIN)
    np.testing.assert_allclose(scales, [math.comb(6, k) for k in range(1, 5)])


def test_the_first_two_are_the_kernels_of_epistatic_blup(diploid):
    genotypes, _ = diploid
    found, _ = orders._kernels(genotypes, TRAIN)
    products = kernels.Products.of(genotypes, TRAIN)
    np.testing.assert_allclose(found[0], products.additive(), atol=1e-10)
    np.testing.assert_allclose(found[1], products.epistatic(), atol=1e-10)


@pytest.mark.parametrize("kind", ["haploid", "diploid"])
def test_predictions_are_the_best_linear_ones(kind, triples, diploid):
    genotypes, y = triples if kind == "haploid" else diploid
    fit = fit_orders(genotypes, y, TRAIN)
    among = dense_kernels(genotypes, TRAIN, TRAIN, 4)
    between = dense_kernels(genotypes, TEST, TRAIN, 4)
    for t, parts in enumerate(fit.components):
        covariance = sum(s * k for s, k in zip(parts, among, strict=False))
        covariance += parts[-1] * np.eye(len(TRAIN))
        ones = np.linalg.solve(covariance, np.ones(len(TRAIN)))  # generalised least squares
        mean = ones @ y[TRAIN, t] / ones.sum()
        dual = np.linalg.solve(covariance, y[TRAIN, t] - mean)
        expected = mean + sum(s * k for s, k in zip(parts, between, strict=False)) @ dual
        np.testing.assert_allclose(fit.predict(genotypes, TEST)[:, t], expected, atol=1e-8)
        # where the restricted likelihood is greatest, y'Py is the degrees of freedom
        assert y[TRAIN, t] @ dual == pytest.approx(len(TRAIN) - 1)


@pytest.mark.parametrize("kind", ["haploid", "diploid"])
def test_variances_maximise_the_likelihood(kind, triples, diploid):
    genotypes, y = triples if kind == "haploid" else diploid
    fit = fit_orders(genotypes, y, TRAIN)
    among = dense_kernels(genotypes, TRAIN, TRAIN, 4)

    def dense(log_ratios, own):
        covariance = sum(np.exp(a) * k for a, k in zip(log_ratios, among, strict=True))
        return deviance(covariance + np.eye(len(TRAIN)), own)

    for t, parts in enumerate(fit.components):
        own = y[TRAIN, t] - y[TRAIN, t].mean()
        found = dense(np.log(parts[:-1] / parts[-1]), own)
        searched = scipy.optimize.minimize(
            dense, np.zeros(4), args=(own,), method="Nelder-Mead", options={"maxiter": 2000}
        )
        assert found <= searched.fun + 1e-3


def test_a_triple_is_found_where_pairs_see_nothing(triples):
    genotypes, y = triples
    r = {}
    for name, fit in (
        ("orders", fit_orders(genotypes, y, TRAIN)),
        ("pairs", kernels.fit_kernel(genotypes, y, TRAIN)),
    ):
        r[name] = np.corrcoef(fit.predict(genotypes, TEST)[:, 0], y[TEST, 0])[0, 1]
    assert r["orders"] > 0.9 > 0.6 > r["pairs"]
    parts = fit_orders(genotypes, y, TRAIN).components[0]
    assert parts[2] == max(parts)


def test_variances_are_chosen_on_some_samples_of_many_and_weights_on_all(triples, monkeypatch):
    genotypes, y = triples
    whole = fit_orders(genotypes, y, TRAIN)
    monkeypatch.setattr(orders, "LIKELIHOOD_ROWS", 80)
    fit = fit_orders(genotypes, y, TRAIN)
    assert fit.weights.shape == whole.weights.shape
    assert not np.allclose(fit.components, whole.components)
    np.testing.assert_array_equal(fit.weights, fit_orders(genotypes, y, TRAIN).weights)
    assert not np.allclose(fit.components, fit_orders(genotypes, y, TRAIN, seed=1).components)


def test_predictions_do_not_depend_on_how_the_predicted_samples_are_centred(diploid):
    genotypes, y = diploid
    counts = np.where(genotypes.counts == MISSING, 1, genotypes.counts)
    whole = Dosages.from_counts(counts, ploidy=2)
    trained = whole.trained_on(TRAIN)
    fit = fit_orders(trained, y, TRAIN)
    np.testing.assert_allclose(fit.predict(whole, TEST), fit.predict(trained, TEST), rtol=1e-9)


def test_two_markers_have_two_orders():
    cohort = make_cohort(n_qtl=2)
    fit = fit_orders(cohort.genotypes, cohort.phenotypes, TRAIN)
    assert fit.components.shape == (cohort.phenotypes.shape[1], 3)
    assert np.isfinite(fit.predict(cohort.genotypes, TEST)).all()


def test_markers_that_do_not_vary_are_refused():
    same = Dosages.from_counts(np.ones((200, 10), dtype=np.int8), ploidy=2)
    with pytest.raises(ValueError, match="genotypes must have at least 4 markers that vary"):
        fit_orders(same, np.random.default_rng(1).normal(size=(200, 1)), TRAIN)
