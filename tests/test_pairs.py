"""Sparse regression on pairs against brute force and against the truth, and its errors."""

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.stats

from conftest import make_cohort
from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes
from epidl.cohorts.simulate import Trait, genetic_values
from epidl.models import pairs
from epidl.models.ridge import fit_ridge


def correlations(fit, cohort, rows):
    predicted = fit.predict(cohort.genotypes, rows)
    return np.array(
        [
            np.corrcoef(a, b)[0, 1]
            for a, b in zip(predicted.T, cohort.phenotypes[rows].T, strict=True)
        ]
    )


def brute_force_t(x, residual):
    """The t of the product in a regression, a pair at a time."""
    found = {}
    for j, k in itertools.combinations(range(x.shape[1]), 2):
        design = np.column_stack([np.ones(len(x)), x[:, j], x[:, k], x[:, j] * x[:, k]])
        effects, (square,), _, _ = np.linalg.lstsq(design, residual, rcond=None)
        error = np.sqrt(square / (len(x) - 4) * np.linalg.inv(design.T @ design)[3, 3])
        found[j, k] = effects[3] / error
    return found


@pytest.mark.parametrize("strip", [3, 128])
def test_statistics_are_those_of_regressions(strip, monkeypatch):
    monkeypatch.setattr(pairs, "STRIP", strip)
    # thirteen samples a block
    monkeypatch.setattr("epidl.cohorts.genotypes.BLOCK_BYTES", 8 * 7 * 13)
    rng = np.random.default_rng(1)
    alleles, rows = rng.integers(0, 2, size=(80, 7)), rng.permutation(80)[:60]
    residuals = rng.normal(size=(60, 2)) + 0.3
    genotypes = Haplotypes.from_alleles(alleles)
    expected = [brute_force_t(2 * alleles[rows] - 1.0, r) for r in residuals.T]
    seen = set()
    for first, statistics in pairs.interaction_statistics(genotypes, residuals, rows):
        for t, statistic in enumerate(statistics):
            for (j, k), value in np.ndenumerate(statistic):
                if j < k:
                    assert value == pytest.approx(
                        expected[t][first + j, first + k], rel=1e-4, abs=1e-5
                    )
                    seen.add((first + j, first + k))
                if j == k:
                    assert value == 0
    assert len(seen) == 21


def test_survivors_are_those_of_scipy(monkeypatch):
    monkeypatch.setattr(pairs, "LEVEL", 0.2)
    rng = np.random.default_rng(2)
    alleles = rng.integers(0, 2, size=(200, 30))
    x = 2 * alleles - 1.0
    y = x[:, 0] * x[:, 1] + 0.5 * x[:, 3] * x[:, 9] + 0.3 * x[:, 4] * x[:, 5] + rng.normal(size=200)
    (kept,) = pairs.survivors(Haplotypes.from_alleles(alleles), y[:, None], np.arange(200))
    t = brute_force_t(x, y)
    p = 2 * scipy.stats.t.sf(np.abs(list(t.values())), 196)
    surviving = itertools.compress(t, scipy.stats.false_discovery_control(p) <= 0.2)
    assert kept.tolist() == [
        list(pair) for pair in sorted(surviving, key=lambda pair: -abs(t[pair]))
    ]
    assert kept[0].tolist() == [0, 1]
    assert len(kept) > 1


def test_a_pair_without_all_four_genotypes_is_never_found():
    alleles = np.random.default_rng(1).integers(0, 2, size=(100, 3))
    alleles[:, 1], alleles[:, 2] = alleles[:, 0], 1
    ((_, statistics),) = pairs.interaction_statistics(
        Haplotypes.from_alleles(alleles), alleles[:, :1] - 0.5, np.arange(100)
    )
    np.testing.assert_array_equal(statistics, 0)


@pytest.mark.parametrize(("n_qtl", "n_markers"), [(46, 46), (16, 260)])
def test_traits_without_epistasis_seldom_have_a_pair(n_qtl, n_markers):
    found = 0
    for seed in range(20):
        cohort = make_cohort(300, n_qtl, n_markers=n_markers, rel_aa=[0] * 5, seed=seed)
        fit = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, np.arange(255))
        found += sum(len(kept) > 0 for kept in fit.pairs)
    # a trait without any has one with a probability of 0.05: P(X > 11) = 0.004 for 100 traits
    assert found <= 11


@pytest.mark.parametrize(("n_qtl", "n_markers"), [(46, 46), (120, 120), (20, 200)])
def test_pairs_are_found_and_predict_as_well_as_the_truth(n_qtl, n_markers):
    cohort = make_cohort(1000, n_qtl, n_markers=n_markers)
    train, test = np.arange(850), np.arange(850, 1000)
    fit = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, train)
    quality = pairs.precision_and_recall(fit.pairs, cohort.traits)
    n_pairs = quality["n_pairs"]
    false = n_pairs * (1 - np.nan_to_num(quality["pair_precision"]))
    assert false.sum() < 0.15 * n_pairs.sum()  # 0.05 expected
    assert quality["pair_recall"][1:].min() > 0.8
    assert quality["pair_variance_recall"][1:].min() > 0.99

    sparse, ridge, oracle = (
        correlations(model, cohort, test)
        for model in (
            fit,
            fit_ridge(cohort.genotypes, cohort.phenotypes, train),
            pairs.fit_oracle(cohort.genotypes, cohort.phenotypes, train, cohort.traits),
        )
    )
    assert sparse.min() > 0.995
    assert (sparse[1:] > ridge[1:] + 0.02).all()
    np.testing.assert_allclose(sparse, oracle, atol=0.004)
    effects = dict(zip(map(tuple, np.sort(fit.pairs[4])), fit.pair_effects[4], strict=True))
    for pair, effect in zip(
        map(tuple, np.sort(cohort.traits[4].pairs)), cohort.traits[4].pair_effects, strict=True
    ):
        assert effects.get(pair, 0) == pytest.approx(effect, abs=0.03)


def test_an_interaction_that_is_all_there_is_is_found():
    alleles = np.random.default_rng(1).integers(0, 2, size=(200, 6))
    x = 2 * alleles - 1.0
    fit = pairs.fit_pairs(
        Haplotypes.from_alleles(alleles), 3 + 2 * x[:, [2]] * x[:, [4]], np.arange(100)
    )
    assert fit.pairs[0].tolist() == [[2, 4]]
    assert fit.pair_effects[0] == pytest.approx(2)
    assert fit.intercepts == pytest.approx(3)
    np.testing.assert_allclose(fit.additive_effects, 0, atol=1e-6)


def test_a_constant_phenotype_has_no_pair(cohort):
    fit = pairs.fit_pairs(cohort.genotypes, np.ones((300, 1)), np.arange(300))
    assert len(fit.pairs[0]) == 0
    np.testing.assert_allclose(fit.predict(cohort.genotypes, np.arange(5)), 1)


def test_no_more_pairs_than_the_samples_allow(monkeypatch):
    cohort = make_cohort(500, 60, rel_aa=[3])
    monkeypatch.setattr(pairs, "PAIRS_PER_SAMPLE", 0.02)
    fit = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, np.arange(400))
    assert len(fit.pairs[0]) == 8


def test_test_samples_do_not_reach_the_fit(cohort):
    rows = np.arange(255)
    changed = cohort.phenotypes.copy()
    changed[255:] = 1e6
    one, two = (pairs.fit_pairs(cohort.genotypes, y, rows) for y in (cohort.phenotypes, changed))
    np.testing.assert_array_equal(one.additive_effects, two.additive_effects)
    for a, b in zip(one.pair_effects, two.pair_effects, strict=True):
        np.testing.assert_array_equal(a, b)


def test_traits_together_are_traits_alone(cohort):
    rows = np.arange(255)
    together = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, rows)
    for t in range(5):
        alone = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes[:, [t]], rows)
        np.testing.assert_array_equal(alone.pairs[0], together.pairs[t])
        np.testing.assert_allclose(alone.pair_effects[0], together.pair_effects[t], rtol=1e-6)


def test_a_fit_with_the_true_effects_gives_the_genetic_values(cohort):
    truth = pairs.PairFit(
        np.stack([trait.additive_by_marker(16) for trait in cohort.traits], axis=1),
        tuple(trait.pairs for trait in cohort.traits),
        tuple(trait.pair_effects for trait in cohort.traits),
        np.array([trait.intercept for trait in cohort.traits]),
        0.5,
    )
    rows = np.array([7, 3, 299])
    expected = genetic_values(cohort.genotypes, cohort.traits)[rows]
    np.testing.assert_allclose(truth.predict(cohort.genotypes, rows), expected)


def test_the_oracle_is_least_squares_where_noise_is_little(cohort):
    rows = np.arange(255)
    fit = pairs.fit_oracle(cohort.genotypes, cohort.phenotypes, rows, cohort.traits)
    x = 2.0 * cohort.genotypes.block(slice(None)) - 1
    for t, trait in enumerate(cohort.traits[1:], start=1):
        design = np.column_stack(
            [np.ones(300), x, x[:, trait.pairs[:, 0]] * x[:, trait.pairs[:, 1]]]
        )
        effects = np.linalg.lstsq(design[rows], cohort.phenotypes[rows, t], rcond=None)[0]
        np.testing.assert_allclose(fit.pair_effects[t], effects[17:], atol=5e-4)
        np.testing.assert_allclose(fit.additive_effects[:, t], effects[1:17], atol=5e-4)
    assert (fit.pair_effects[0] == 0).all()  # it knows that the first trait has none


def test_the_oracle_of_a_trait_without_noise_is_exact():
    # its ratio is no power of 2
    cohort = make_cohort(1000, 100, rel_aa=[0.1], broad_sense_heritability=1, seed=3)
    fit = pairs.fit_oracle(cohort.genotypes, cohort.phenotypes, np.arange(850), cohort.traits)
    test = np.arange(850, 1000)
    np.testing.assert_allclose(
        fit.predict(cohort.genotypes, test), cohort.phenotypes[test], atol=1e-6
    )


def test_the_oracle_exists_with_more_effects_than_samples():
    cohort = make_cohort(100, 120, n_markers=150)
    fit = pairs.fit_oracle(cohort.genotypes, cohort.phenotypes, np.arange(85), cohort.traits)
    assert np.isfinite(fit.predict(cohort.genotypes, np.arange(85, 100))).all()
    for t, trait in enumerate(cohort.traits):
        assert (np.delete(fit.additive_effects[:, t], trait.qtl) == 0).all()


def test_precision_and_recall_of_a_known_selection():
    trait = Trait(
        1.0, np.arange(6), np.ones(6), np.array([[0, 1], [5, 2], [3, 4]]), np.array([2.0, 1.0, 0.0])
    )
    null = Trait(0.0, np.arange(2), np.ones(2), np.array([[0, 1]]), np.zeros(1))
    none = np.empty((0, 2), dtype=int)
    kept = np.array([[1, 0], [3, 4], [2, 4], [0, 5]])  # the second pair has no effect
    found = pairs.precision_and_recall([kept, none, kept, none], [trait, trait, null, null])
    np.testing.assert_array_equal(found["n_pairs"], [4, 0, 4, 0])
    np.testing.assert_array_equal(found["pair_precision"], [1 / 4, np.nan, 0, np.nan])
    np.testing.assert_array_equal(found["pair_recall"], [1 / 2, 0, np.nan, np.nan])
    np.testing.assert_array_equal(found["pair_variance_recall"], [4 / 5, 0, np.nan, np.nan])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"phenotypes": np.zeros((299, 5))},
            "phenotypes must have 300 rows, one per individual, got 299",
        ),
        ({"phenotypes": np.full((300, 1), np.nan)}, "phenotypes must be finite, got 300 values"),
        ({"rows": np.arange(4)}, r"len\(rows\) must be at least 5, got 4"),
        (
            {"genotypes": Haplotypes.from_alleles(np.ones((300, 1), dtype=int))},
            "genotypes.n_markers must be at least 2, got 1",
        ),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(cohort, changes, message):
    arguments = {
        "genotypes": cohort.genotypes,
        "phenotypes": cohort.phenotypes,
        "rows": np.arange(255),
    } | changes
    with pytest.raises(ValueError, match=message):
        pairs.fit_pairs(**arguments)


def test_other_numbers_of_traits_are_refused(cohort):
    with pytest.raises(ValueError, match="traits must be 5, one a column of phenotypes, got 4"):
        pairs.fit_oracle(cohort.genotypes, cohort.phenotypes, np.arange(255), cohort.traits[:4])
    with pytest.raises(ValueError, match="pairs must have one entry per trait, 5, got 0"):
        pairs.precision_and_recall([], cohort.traits)


def test_any_shares_give_the_t_of_least_squares():
    rng = np.random.default_rng(3)
    counts = rng.binomial(2, [0.1, 0.5, 0.7, 0.3, 0.9], size=(80, 5))
    counts[:, 4] = counts[:, 3]  # no pair: the two are the same
    counts[rng.random(counts.shape) < 0.1] = MISSING
    counts[:, 4] = counts[:, 3]
    dosages = Dosages.from_counts(counts, ploidy=2)
    rows, y = np.arange(5, 75), rng.normal(size=(80, 2))
    ((first, t),) = pairs.interaction_statistics(dosages, y[rows], rows)
    assert first == 0
    x = dosages.block(rows).astype(float)
    for trait in range(2):
        for (j, k), expected in brute_force_t(x[:, :4], y[rows, trait]).items():
            assert t[trait, j, k] == pytest.approx(expected, abs=1e-7)
    assert (t[:, 3, 4] == 0).all()


def test_haploid_dosages_are_treated_as_haplotypes(cohort):
    counts = cohort.genotypes.block(slice(None)).astype(np.int8)
    dosages = dataclasses.replace(
        Dosages.from_counts(counts, ploidy=1), centre=np.full(16, 0.5, np.float32)
    )
    rows, test = np.arange(255), np.arange(255, 300)
    one, other = (
        pairs.fit_pairs(genotypes, cohort.phenotypes, rows)
        for genotypes in (cohort.genotypes, dosages)
    )
    for ours, theirs in zip(one.pairs, other.pairs, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(
        one.predict(cohort.genotypes, test), other.predict(dosages, test), rtol=1e-5, atol=1e-6
    )


def test_pairs_of_diploids_at_any_frequency_are_found():
    rng = np.random.default_rng(4)
    counts = rng.binomial(2, rng.uniform(0.2, 0.8, size=12), size=(900, 12)).astype(np.int8)
    x = counts - counts[:700].mean(axis=0)
    y = x[:, 0] - x[:, 3] + x[:, 1] * x[:, 5] - x[:, 2] * x[:, 7] + 0.3 * rng.normal(size=900)
    dosages = Dosages.from_counts(counts, ploidy=2).trained_on(np.arange(700))
    fit = pairs.fit_pairs(dosages, y[:, None], np.arange(700))
    assert {tuple(pair) for pair in fit.pairs[0]} >= {(1, 5), (2, 7)}
    assert len(fit.pairs[0]) <= 3
    assert (
        np.corrcoef(fit.predict(dosages, np.arange(700, 900))[:, 0], y[700:])[0, 1] > 0.94
    )  # noise leaves 0.967 at most
