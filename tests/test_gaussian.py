"""Gaussian kernel regression against scikit-learn's Gaussian process and the dense likelihood."""

import numpy as np
import pytest
import scipy.optimize
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from conftest import make_cohort
from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes
from epidl.models import gaussian
from epidl.models.gaussian import MULTIPLES, fit_gaussian

TRAIN, TEST = np.arange(200), np.arange(200, 300)


def squares(genotypes, rows=TRAIN, others=TRAIN):
    return cdist(genotypes.block(rows), genotypes.block(others), "sqeuclidean")


def dense_deviance(covariance, y):
    """Minus twice the restricted log likelihood of s (covariance), s at its best."""
    inverse, ones = np.linalg.inv(covariance), np.ones((len(y), 1))
    information = ones.T @ inverse @ ones
    p = inverse - inverse @ ones @ ones.T @ inverse / information
    degrees = len(y) - 1
    log_determinants = np.linalg.slogdet(covariance)[1] + np.log(information[0, 0])
    return log_determinants + degrees * np.log(y @ p @ y)


@pytest.fixture(scope="module")
def noisy():
    return make_cohort(rel_aa=(0, 0.5, 3), broad_sense_heritability=0.7)


@pytest.fixture(scope="module")
def diploid():
    """Diploids at many allele frequencies, a tenth of their genotypes missing, an additive trait and one
    of a pair alone.
    """
    rng = np.random.default_rng(8)
    counts = rng.binomial(2, rng.uniform(0.1, 0.9, size=14), size=(300, 14)).astype(np.int8)
    x = counts - counts.mean(axis=0)
    y = np.column_stack([x @ np.ones(14), 3 * x[:, 1] * x[:, 2]]) + rng.normal(size=(300, 2))
    counts[rng.random(counts.shape) < 0.1] = MISSING
    return Dosages.from_counts(counts, ploidy=2).trained_on(TRAIN), y


@pytest.mark.parametrize("kind", ["haploid", "diploid"])
def test_predictions_are_those_of_scikit_learn_s_gaussian_process(kind, noisy, diploid):
    genotypes, y = (noisy.genotypes, noisy.phenotypes) if kind == "haploid" else diploid
    fit = fit_gaussian(genotypes, y, TRAIN)
    predicted = fit.predict(genotypes, TEST)
    distances = squares(genotypes)
    median = np.median(distances[np.triu_indices(200, 1)])
    x = genotypes.block(slice(None)).astype(float)
    for t, (h, ratio) in enumerate(zip(fit.bandwidths, fit.ratios, strict=True)):
        covariance = np.exp(-distances / (h * median)) + ratio * np.eye(200)
        ones = np.linalg.solve(covariance, np.ones(200))  # generalised least squares
        assert fit.intercepts[t] == pytest.approx(ones @ y[TRAIN, t] / ones.sum())
        known = RBF(np.sqrt(h * median / 2)) + WhiteKernel(ratio)
        process = GaussianProcessRegressor(known, alpha=0, optimizer=None)
        process.fit(x[TRAIN], y[TRAIN, t] - fit.intercepts[t])
        expected = fit.intercepts[t] + process.predict(x[TEST])
        np.testing.assert_allclose(predicted[:, t], expected, rtol=1e-5, atol=1e-7)


def test_bandwidth_and_ratio_maximise_the_dense_restricted_likelihood(noisy):
    fit = fit_gaussian(noisy.genotypes, noisy.phenotypes, TRAIN)
    distances = squares(noisy.genotypes)
    scaled = distances / np.median(distances[np.triu_indices(200, 1)])
    for t, y in enumerate(noisy.phenotypes[TRAIN].T):

        def deviance(log_ratio, h, y=y):
            return dense_deviance(np.exp(-scaled / h) + np.exp(log_ratio) * np.eye(200), y)

        ours = deviance(np.log(fit.ratios[t]), fit.bandwidths[t])
        for h in MULTIPLES:
            best = scipy.optimize.minimize_scalar(deviance, bounds=(-14, 14), args=(h,)).fun
            assert ours <= best + 1e-3


def test_epistasis_is_predicted_and_the_kernel_is_no_narrower_than_it_needs():
    cohort = make_cohort(400, 10, rel_aa=(0, 3))
    train, test = np.arange(300), np.arange(300, 400)
    fit = fit_gaussian(cohort.genotypes, cohort.phenotypes, train)
    assert fit.bandwidths[0] == max(MULTIPLES)
    predicted = fit.predict(cohort.genotypes, test)
    r = [np.corrcoef(predicted[:, t], cohort.phenotypes[test, t])[0, 1] for t in range(2)]
    assert r[0] > 0.99
    assert r[1] > 0.8  # where ridge has 0.4 and less


def test_blocks_and_the_names_of_alleles_leave_predictions(noisy, monkeypatch):
    fits = [fit_gaussian(noisy.genotypes, noisy.phenotypes, TRAIN)]
    flipped = Haplotypes.from_alleles(1 - noisy.genotypes.block(slice(None)))
    fits.append(fit_gaussian(flipped, noisy.phenotypes, TRAIN))
    monkeypatch.setattr("epidl.cohorts.genotypes.BLOCK_BYTES", 8 * 16 * 7)  # seven samples a block
    fits.append(fit_gaussian(noisy.genotypes, noisy.phenotypes, TRAIN))
    one, *others = (fit.predict(fit.genotypes, TEST) for fit in fits)
    for other in others:
        np.testing.assert_allclose(other, one, atol=1e-6)


def test_a_random_part_of_many_samples_chooses_and_all_of_them_train(noisy, monkeypatch):
    monkeypatch.setattr(gaussian, "LIKELIHOOD_ROWS", 100)
    rare = np.zeros((300, 1))
    rare[:3] = 1
    phenotypes = np.hstack([noisy.phenotypes, rare])
    one, same, other = (
        fit_gaussian(noisy.genotypes, phenotypes, TRAIN, seed=seed) for seed in (1, 1, 2)
    )
    assert one.weights.shape == (200, 4)
    np.testing.assert_array_equal(one.weights, same.weights)
    assert not np.array_equal(one.ratios, other.ratios)


def test_test_samples_do_not_reach_the_fit(noisy):
    changed = noisy.phenotypes.copy()
    changed[200:] = 1e6
    one, two = (fit_gaussian(noisy.genotypes, y, TRAIN) for y in (noisy.phenotypes, changed))
    np.testing.assert_array_equal(one.weights, two.weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phenotypes": np.zeros((299, 3))}, "phenotypes must have 300 rows"),
        ({"phenotypes": np.zeros((300, 2))}, "must vary among the rows, trait 1 does not"),
        ({"rows": np.array([3, 4])}, r"len\(rows\) must be at least 3, got 2"),
        ({"device": "tpu"}, "device must be 'cpu' or 'cuda', got 'tpu'"),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(noisy, changes, message):
    arguments = {"phenotypes": noisy.phenotypes, "rows": TRAIN} | changes
    with pytest.raises(ValueError, match=message):
        fit_gaussian(noisy.genotypes, **arguments)


def test_a_kernel_that_no_memory_holds_is_refused_before_it_is_computed(noisy, monkeypatch):
    monkeypatch.setattr("epidl.checks.memory_bytes", lambda: 16 * 200**2 - 1)
    with pytest.raises(MemoryError, match=r"len\(rows\) must be small enough for .* got 200"):
        fit_gaussian(noisy.genotypes, noisy.phenotypes, TRAIN)
