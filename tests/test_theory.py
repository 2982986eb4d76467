"""Expected accuracy against simulated cohorts, and its bounds."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import REL_AA, make_cohort
from epidl.cohorts.genotypes import Dosages
from epidl.cohorts.simulate import simulate_on, variance_components
from epidl.models import pairs, theory
from epidl.models.pairs import fit_pairs
from epidl.models.ridge import fit_ridge
from epidl.models.theory import expected_accuracy, expected_pairs_accuracy, expected_shares

MODELS = ["ridge", "kernel", "oracle"]
share = st.floats(0, 0.5)
samples = st.integers(1, 10**6)
markers = st.integers(2, 10**4)


def kernel_blup(x, y, train, test, shares):
    """Best linear prediction from additive and epistatic kernels with known components."""
    m, products = x.shape[1], x @ x.T
    kernel = shares.additive * products / m + shares.epistatic * (products**2 - m) / (m * (m - 1))
    mean = y[train].mean()
    inner = kernel[np.ix_(train, train)] + shares.residual * np.eye(len(train))
    return mean + kernel[np.ix_(test, train)] @ np.linalg.solve(inner, y[train] - mean)


def correlations(one, other):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)])


@pytest.mark.parametrize(("n_qtl", "h2"), [(16, 0.999), (46, 0.999), (200, 0.999), (46, 0.5)])
def test_ridge_reaches_its_expectation(n_qtl, h2):
    train, test = np.arange(850), np.arange(850, 1000)
    differences = []
    for seed in range(25):
        cohort = make_cohort(1000, n_qtl, broad_sense_heritability=h2, seed=seed)
        predicted = fit_ridge(cohort.genotypes, cohort.phenotypes, train).predict(
            cohort.genotypes, test
        )
        # the shares of the sample, so that few cohorts are enough
        shares = np.array([(v.additive, v.epistatic) for v in variance_components(cohort)]).T * h2
        # the two components correlate a little in a sample
        shares /= max(1, shares.sum(axis=0).max())
        expected = expected_accuracy(850, n_qtl, *shares, model="ridge").pearson_r
        differences.append(correlations(predicted, cohort.phenotypes[test]) - expected)
    np.testing.assert_allclose(np.mean(differences, axis=0), 0, atol=0.05)
    # single test samples of 150 scatter by about 0.08 where r is small
    assert np.square(differences).mean(axis=0).max() < 0.12**2


@pytest.mark.parametrize("n_qtl", [16, 46, 90])
def test_the_epistatic_kernel_reaches_its_expectation(n_qtl):
    train, test = np.arange(510), np.arange(510, 600)
    accuracies, h2 = [], 0.999
    for seed in range(15):
        cohort = make_cohort(600, n_qtl, broad_sense_heritability=h2, seed=seed)
        x = 2.0 * cohort.genotypes.block(slice(None)) - 1
        predicted = [
            kernel_blup(x, y, train, test, expected_shares(rel_aa, h2))
            for rel_aa, y in zip(REL_AA, cohort.phenotypes.T, strict=True)
        ]
        accuracies.append(correlations(np.transpose(predicted), cohort.phenotypes[test]))
    shares = expected_shares(REL_AA, h2)
    expected = expected_accuracy(510, n_qtl, shares.additive, shares.epistatic, model="kernel")
    np.testing.assert_allclose(np.mean(accuracies, axis=0), expected.pearson_r, atol=0.06)


def test_expected_shares():
    shares = expected_shares([0, 0.5, 1], 0.9)
    np.testing.assert_allclose(shares.additive, [0.9, 0.45, 0.3])
    np.testing.assert_allclose(shares.epistatic, [0, 0.45, 0.6])
    np.testing.assert_allclose(shares.residual, 0.1)


def test_without_noise_as_many_samples_as_effects_are_enough():
    n = np.array([25, 50, 100, 10_000])
    found = expected_accuracy(n, 100, 1, 0, model="ridge")
    np.testing.assert_allclose(found.r2_additive, [0.25, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(found.pearson_r, np.sqrt(found.r2_additive))


def test_ridge_without_an_epistatic_share_is_the_law_of_marchenko_and_pastur():
    n, m, v = 300, 120, 0.6
    penalty = m / n * (1 - v) / v
    # the eigenvalues' density on its support, for m < n
    ratio = m / n
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    edges = np.linspace(low, high, 100_001)
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.sqrt((high - middle) * (middle - low)) / (2 * np.pi * ratio * middle)
    unknown = (density * penalty / (middle + penalty)).sum() * (edges[1] - edges[0])
    assert expected_accuracy(n, m, v, 0, model="ridge").r2_additive == pytest.approx(
        1 - unknown, abs=1e-5
    )


@given(samples, markers, share, share, st.sampled_from(MODELS))
def test_the_condition_holds_within_bounds(n, m, additive, epistatic, model):
    r, r2_a, r2_aa = expected_accuracy(n, m, additive, epistatic, model=model)
    assert 0 <= r <= 1
    assert 0 <= r2_a <= 1
    assert 0 <= r2_aa <= 1
    left = 1 - additive * r2_a - epistatic * r2_aa
    assert r == pytest.approx(np.sqrt(1 - left), abs=1e-6)
    assert r2_a == pytest.approx(
        n * additive / (n * additive + m * left) if additive else 0, abs=1e-6
    )
    if model == "ridge":
        assert r2_aa == 0
    else:
        effects = {"kernel": m * (m - 1) / 2, "oracle": m / 2}[model]
        expected = n * epistatic / (n * epistatic + effects * left) if epistatic else 0
        assert r2_aa == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(samples, samples, markers, markers, share, share, st.sampled_from(MODELS))
def test_more_samples_help_and_more_markers_do_not(n1, n2, m1, m2, additive, epistatic, model):
    n, m = sorted((n1, n2)), sorted((m1, m2))
    fewer, more = expected_accuracy(n, m1, additive, epistatic, model=model).pearson_r
    assert fewer <= more + 1e-7
    few, many = expected_accuracy(n1, m, additive, epistatic, model=model).pearson_r
    assert few >= many - 1e-7


@given(samples, markers, share, share)
def test_a_model_that_knows_more_predicts_better(n, m, additive, epistatic):
    ridge, kernel, oracle = (
        expected_accuracy(n, m, additive, epistatic, model=name).pearson_r for name in MODELS
    )
    assert ridge <= kernel + 1e-7
    assert kernel <= oracle + 1e-7


def test_arguments_broadcast():
    r = expected_accuracy(
        np.array([[100], [1000]]), [10, 20, 30], 0.3, 0.6, model="kernel"
    ).pearson_r
    assert r.shape == (2, 3)
    assert r[1, 2] == expected_accuracy(1000, 30, 0.3, 0.6, model="kernel").pearson_r


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_train": 0}, "n_train must be at least 1, got 0"),
        ({"n_markers": [5, 1]}, "n_markers must be at least 2, got 1"),
        ({"additive": -0.1}, "additive must be at least 0, got -0.1"),
        ({"epistatic": np.nan}, "epistatic must be at least 0, got nan"),
        (
            {"additive": 0.5, "epistatic": 0.6},
            r"additive \+ epistatic must be within \[0, 1\], got 1.1",
        ),
        ({"model": "forest"}, "model must be one of ridge, kernel, oracle, got 'forest'"),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(changes, message):
    arguments = {
        "n_train": 10,
        "n_markers": 5,
        "additive": 0.3,
        "epistatic": 0.3,
        "model": "kernel",
    } | changes
    with pytest.raises(ValueError, match=message):
        expected_accuracy(**arguments)


def test_invalid_shares_name_argument_value_and_bound():
    with pytest.raises(ValueError, match="rel_aa must be at least 0, got -1"):
        expected_shares([0, -1], 0.5)
    with pytest.raises(
        ValueError, match=r"broad_sense_heritability must be within \[0, 1\], got 1.5"
    ):
        expected_shares(1, 1.5)


@pytest.mark.parametrize("kind", ["haploid", "inbred", "diploid"])
def test_variances_at_other_frequencies_are_those_of_the_genotypes(kind):
    """One pair by hand: all genotypes with their probabilities, the additive part by weighted
    regression.
    """
    p, effects, e = np.array([0.2, 0.7]), np.array([0.8, -1.1]), 0.9
    copies = [-1.0, 1.0] if kind != "diploid" else [-1.0, 0.0, 1.0]
    chance = [[1 - q, q] if kind != "diploid" else [(1 - q) ** 2, 2 * q * (1 - q), q**2] for q in p]
    x = np.array(list(itertools.product(copies, copies)))
    weight = np.array([a * b for a, b in itertools.product(*chance)])
    g = x @ effects + e * x[:, 0] * x[:, 1]
    design = np.column_stack([np.ones(len(x)), x])
    root = np.sqrt(weight)[:, None]
    additive = design @ np.linalg.lstsq(design * root, g * root[:, 0], rcond=None)[0]

    def variance(values):
        return weight @ (values - weight @ values) ** 2

    m, v = 2 * p - 1, (2 if kind == "diploid" else 4) * p * (1 - p)
    average = effects + e * m[::-1]  # the average effects of `simulate.genetic_parts`
    assert variance(additive) == pytest.approx((average**2 * v).sum())
    assert variance(g - additive) == pytest.approx(e**2 * v.prod())
    # and their expectation over effects, a ~ N(0, 1) and e ~ N(0, 4 relAA)
    expected = theory.expected_components(p, 0.7, kind=kind)
    assert expected.additive == pytest.approx((v * (1 + 4 * 0.7 * m[::-1] ** 2)).sum())
    assert expected.epistatic == pytest.approx(4 * 0.7 * v.prod())


@pytest.mark.parametrize(("ploidy", "kind"), [(1, "haploid"), (2, "diploid")])
def test_simulated_traits_on_given_genotypes_have_the_expected_variances(ploidy, kind):
    rng = np.random.default_rng(2)
    p = rng.uniform(0.05, 0.95, size=40)
    genotypes = Dosages.from_counts(
        rng.binomial(ploidy, p, size=(2000, 40)).astype(np.int8), ploidy
    )
    cohort = simulate_on(
        genotypes, n_qtl=40, rel_aa=[1] * 300, broad_sense_heritability=0.5, seed=3
    )
    parts = variance_components(cohort)
    expected = theory.expected_components(p, 1, kind=kind)
    ratio = np.mean([part.epistatic for part in parts]) / np.mean([part.additive for part in parts])
    assert ratio == pytest.approx(expected.epistatic / expected.additive, rel=0.06)
    # the ratio at a frequency of 1/2
    assert expected.epistatic / expected.additive < (2 if ploidy == 1 else 1)
    np.testing.assert_allclose(cohort.genetic_values.var(axis=0), 1)


def test_at_a_frequency_of_one_half_the_ratio_is_twice_rel_aa():
    expected = theory.expected_components(np.full(10, 0.5), 0.4, kind="haploid")
    assert expected.epistatic / expected.additive == pytest.approx(0.8)
    expected = theory.expected_components(np.full(10, 0.5), 0.4, kind="diploid")
    assert expected.epistatic / expected.additive == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frequencies": [0.5, 1.1]}, "frequencies must be within \\[0, 1\\], got 1.1"),
        ({"frequencies": [0.5]}, "frequencies must be one for each of at least 2 QTL"),
        ({"rel_aa": -1}, "rel_aa must be at least 0"),
        ({"kind": "tetraploid"}, "kind must be one of haploid, inbred, diploid, got 'tetraploid'"),
    ],
)
def test_impossible_components_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        theory.expected_components(
            **({"frequencies": [0.5, 0.5], "rel_aa": 1, "kind": "haploid"} | changes)
        )


@pytest.mark.parametrize(("n_markers", "h2"), [(40, 0.8), (40, 0.4), (120, 0.6)])
def test_sparse_pairs_reach_their_expectation(n_markers, h2):
    train, test, n_qtl = np.arange(850), np.arange(850, 1000), 20
    differences = []
    for seed in range(12):
        cohort = make_cohort(
            1000, n_qtl, n_markers=n_markers, broad_sense_heritability=h2, seed=seed
        )
        predicted = fit_pairs(cohort.genotypes, cohort.phenotypes, train).predict(
            cohort.genotypes, test
        )
        parts = np.array([(v.additive, v.epistatic) for v in variance_components(cohort)]).T
        expected = expected_pairs_accuracy(
            850, n_markers, n_qtl, *(h2 * parts / parts.sum(axis=0))
        ).pearson_r
        differences.append(correlations(predicted, cohort.phenotypes[test]) - expected)
    np.testing.assert_allclose(np.mean(differences, axis=0), 0, atol=0.06)


@given(n=samples, m=markers, additive=st.floats(0.001, 0.5), noise=st.floats(0, 0.4))
def test_without_epistasis_sparse_pairs_are_ridge(n, m, additive, noise):
    assert expected_pairs_accuracy(n, m, 2, additive, 0.0).pearson_r == pytest.approx(
        expected_accuracy(n, m, additive, 0.0, model="ridge").pearson_r, abs=2e-3
    )


@given(n=samples, m=markers, additive=share, epistatic=share)
def test_sparse_pairs_lie_between_ridge_and_all_that_is_genetic(n, m, additive, epistatic):
    q = min(m, 20)
    r = expected_pairs_accuracy(n, m, q, additive, epistatic).pearson_r
    assert r <= np.sqrt(additive + epistatic) + 1e-9
    assert r >= expected_accuracy(n, m, additive, epistatic, model="ridge").pearson_r - 2e-3
    more = expected_pairs_accuracy(2 * n, m, q, additive, epistatic).pearson_r
    assert more >= r - 2e-3


def test_sparse_pairs_find_all_or_nothing_where_samples_are_many_or_few():
    few, many = (expected_pairs_accuracy(n, 100, 80, 0.3, 0.6) for n in (60, 100_000))
    assert few.r2_epistatic < 0.01
    assert many.r2_epistatic > 0.99
    assert many.pearson_r == pytest.approx(np.sqrt(0.9), abs=0.005)


def test_causal_loci_are_among_the_markers():
    with pytest.raises(ValueError, match=r"n_qtl must be at most n_markers \(10\), got 12"):
        expected_pairs_accuracy(100, 10, [4, 12], 0.5, 0.2)


@given(n=samples, m=markers, additive=share, epistatic=share, part=st.floats(0.1, 1))
def test_an_efficiency_is_worth_that_part_of_the_samples(n, m, additive, epistatic, part):
    wasting = expected_accuracy(n, m, additive, epistatic, model="kernel", efficiency=(part, part))
    fewer = expected_accuracy(max(1, n * part), m, additive, epistatic, model="kernel")
    if n * part >= 1:
        assert wasting.pearson_r == pytest.approx(fewer.pearson_r, abs=1e-9)


@pytest.mark.parametrize("efficiency", [(0, 1), (1, -0.5), (np.nan, 1)])
def test_an_efficiency_must_be_positive(efficiency):
    with pytest.raises(ValueError, match="efficiency must be at least"):
        expected_accuracy(100, 10, 0.5, 0.2, model="kernel", efficiency=efficiency)


def test_theory_and_search_have_the_same_level_of_false_discovery():
    assert theory.LEVEL == pairs.LEVEL
