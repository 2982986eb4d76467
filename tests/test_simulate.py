"""The native simulator: its equations, AlphaSimR's golden output, and its errors."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import REL_AA, ROOT, make_cohort
from epidl import checks
from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes
from epidl.cohorts.simulate import (
    Cohort,
    Trait,
    check_cohort,
    draw_joint_traits,
    genetic_parts,
    genetic_values,
    simulate,
    simulate_on,
    variance_components,
)

GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture(scope="module")
def golden() -> tuple[Cohort, pd.DataFrame]:
    """AlphaSimR's cohort as ours, with its table of traits."""
    additive = pd.read_csv(GOLDEN / "cohort_additive_effects.csv")
    epistatic = pd.read_csv(GOLDEN / "cohort_epistatic_effects.csv")
    table = pd.read_csv(GOLDEN / "cohort_traits.csv")
    traits = []
    for row in table.itertuples():
        a = additive[additive["trait"] == row.trait]
        e = epistatic[epistatic["trait"] == row.trait]
        traits.append(
            Trait(
                rel_aa=row.rel_aa,
                qtl=a["marker"].to_numpy() - 1,
                additive_effects=a["additive_effect"].to_numpy(),
                pairs=e[["marker_1", "marker_2"]].to_numpy() - 1,
                pair_effects=e["epistatic_effect"].to_numpy(),
                intercept=row.intercept,
            )
        )
    haplotypes = Haplotypes.from_alleles(pd.read_csv(GOLDEN / "cohort_haplotypes.csv").to_numpy())
    values = pd.read_csv(GOLDEN / "cohort_genetic_values.csv").to_numpy()
    phenotypes = pd.read_csv(GOLDEN / "cohort_phenotypes.csv").to_numpy()
    return Cohort(haplotypes, phenotypes, values, tuple(traits)), table


def test_golden_effects_give_golden_genetic_values(golden):
    cohort, _ = golden
    recomputed = genetic_values(cohort.genotypes, cohort.traits)
    np.testing.assert_allclose(recomputed, cohort.genetic_values, rtol=0, atol=1e-10)
    check_cohort(cohort)


def test_golden_variance_components(golden):
    cohort, table = golden
    components = variance_components(cohort)
    np.testing.assert_allclose([c.additive for c in components], table["var_a"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        [c.epistatic for c in components], table["var_aa"], rtol=0, atol=1e-10
    )
    np.testing.assert_allclose([c.genetic for c in components], table["var_g"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_qtl", [16, 100])
def test_variance_ratios_are_distributed_as_alphasimr_s(n_qtl):
    golden = pd.read_csv(GOLDEN / "variance_ratio_distribution.csv").query("n_qtl == @n_qtl")
    ours = {ratio: [] for ratio in REL_AA}
    for seed in range(200):
        cohort = make_cohort(1000, n_qtl, seed=seed)
        for trait, components in zip(cohort.traits, variance_components(cohort), strict=True):
            ours[trait.rel_aa].append(
                (components.additive / components.genetic, components.epistatic)
            )
    np.testing.assert_allclose(np.array(ours[0]), [[1, 0]] * 200, atol=1e-10)
    for ratio in REL_AA[1:]:
        expected = golden.query("rel_aa == @ratio")[
            ["var_a_over_var_g", "var_aa_over_var_g"]
        ].to_numpy()
        for column in range(2):
            test = scipy.stats.ks_2samp(np.array(ours[ratio])[:, column], expected[:, column])
            assert test.pvalue > 0.01, f"relAA {ratio}, column {column}: {test}"


@pytest.mark.parametrize("n_qtl", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pleiotropy", [0, 0.25, 0.5, 0.75, 0.95])
def test_correlations_between_traits_are_distributed_as_alphasimr_s(n_qtl, pleiotropy):
    golden = pd.read_csv(GOLDEN / "pleiotropy_distribution.csv").query(
        "n_qtl == @n_qtl and pleiotropy == @pleiotropy"
    )
    assert len(golden) == 20
    upper = np.triu_indices(10, k=1)
    ours = []
    for seed in range(20):
        cohort = simulate(
            n_samples=1000,
            n_qtl=n_qtl,
            rel_aa=[1] * 10,
            broad_sense_heritability=0.999,
            seed=seed,
            shared_pairs=pleiotropy > 0,
            pleiotropy=pleiotropy,
        )
        additive = np.stack([trait.additive_effects for trait in cohort.traits])
        epistatic = np.stack([trait.pair_effects for trait in cohort.traits])
        ours.append(
            [np.corrcoef(x)[upper].mean() for x in (additive, epistatic, cohort.genetic_values.T)]
        )
    columns = [
        "additive_effect_correlation",
        "epistatic_effect_correlation",
        "genetic_value_correlation",
    ]
    for k, column in enumerate(columns):
        test = scipy.stats.ks_2samp(np.array(ours)[:, k], golden[column])
        assert test.pvalue > 0.01, f"{column}: {test}"


def test_separate_traits_share_causal_markers_by_chance_only():
    golden = pd.read_csv(GOLDEN / "dilution_qtl_overlap.csv")
    for n_markers, rows in golden.groupby("n_markers"):
        shared = []
        for seed in range(20):
            rng = np.random.default_rng([seed, n_markers])
            one, two = (
                draw_joint_traits(100, n_markers, [1], np.eye(1), rng)[0].qtl for _ in range(2)
            )
            shared.append(len(np.intersect1d(one, two)))
        share = 100 / n_markers  # the count is hypergeometric
        variance = 100 * share * (1 - share) * (n_markers - 100) / (n_markers - 1)
        for values in (shared, rows["qtl_shared_by_both_traits"]):
            assert abs(np.mean(values) - 100 * share) <= 4 * np.sqrt(variance / len(values))


@given(
    n_samples=st.integers(20, 80),
    half_qtl=st.integers(1, 10),
    extra_markers=st.integers(0, 20),
    shared=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_every_cohort_keeps_its_promises(n_samples, half_qtl, extra_markers, shared, seed):
    n_qtl, n_markers = 2 * half_qtl, 2 * half_qtl + extra_markers
    cohort = simulate(
        n_samples=n_samples,
        n_qtl=n_qtl,
        n_markers=n_markers,
        rel_aa=[0, 1],
        broad_sense_heritability=1,
        seed=seed,
        shared_pairs=shared,
    )
    assert cohort.genotypes.n_markers == n_markers
    np.testing.assert_array_equal(cohort.phenotypes, cohort.genetic_values)  # H2 = 1: no noise
    np.testing.assert_allclose(cohort.genetic_values.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(cohort.genetic_values.var(axis=0), 1, atol=1e-10)
    for trait in cohort.traits:
        # each QTL in exactly one pair
        np.testing.assert_array_equal(np.sort(trait.pairs.ravel()), trait.qtl)
        assert len(set(trait.qtl)) == n_qtl
        assert trait.qtl.max() < n_markers
    assert not cohort.traits[0].pair_effects.any()  # relAA 0 is purely additive
    assert variance_components(cohort)[0].additive == pytest.approx(1)
    if shared:
        np.testing.assert_array_equal(cohort.traits[0].pairs, cohort.traits[1].pairs)


@st.composite
def any_genotypes(draw):
    """Haplotypes, or dosages of either ploidy at any frequencies with some missing."""
    n_samples, n_markers = draw(st.integers(20, 60)), draw(st.integers(4, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ploidy = draw(st.integers(0, 2))
    if not ploidy:
        return Haplotypes.from_alleles(rng.integers(0, 2, size=(n_samples, n_markers)))
    counts = rng.binomial(
        ploidy, rng.uniform(0.2, 0.8, size=n_markers), size=(n_samples, n_markers)
    ).astype(np.int8)
    counts[rng.random(counts.shape) < 0.1] = MISSING
    return Dosages.from_counts(counts, ploidy)


@given(
    genotypes=any_genotypes(),
    half_qtl=st.integers(1, 2),
    rel_aa=st.lists(st.floats(0, 5), min_size=1, max_size=3),
    h2=st.floats(0.05, 1),
    pleiotropy=st.none() | st.floats(0, 1),
    all_pairs=st.booleans(),
    seed=st.integers(0, 2**63),
)
@settings(max_examples=60)
def test_every_cohort_is_what_its_effects_say_in_double_precision(
    genotypes, half_qtl, rel_aa, h2, pleiotropy, all_pairs, seed
):
    arguments = {"n_qtl": 2 * half_qtl, "rel_aa": rel_aa, "seed": seed, "all_pairs": all_pairs}
    if pleiotropy is not None:
        arguments |= {"shared_pairs": True, "pleiotropy": pleiotropy}
    cohort = simulate_on(genotypes, broad_sense_heritability=h2, **arguments)
    x = 2 * genotypes.block(slice(None)).astype(float) - 1
    additive, epistatic = genetic_parts(cohort)
    for t, (trait, values) in enumerate(zip(cohort.traits, cohort.genetic_values.T, strict=True)):
        first, second = trait.pairs.T
        expected = trait.intercept + x[:, trait.qtl] @ trait.additive_effects
        expected = expected + (x[:, first] * x[:, second]) @ trait.pair_effects
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)
        # A and AA are the genetic value, split
        np.testing.assert_allclose(
            additive[:, t] + epistatic[:, t], values - values.mean(), rtol=0, atol=1e-10
        )
        centred = x - x.mean(axis=0)
        products = (centred[:, first] * centred[:, second]) @ trait.pair_effects
        np.testing.assert_allclose(epistatic[:, t], products - products.mean(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(cohort.genetic_values.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(cohort.genetic_values.var(axis=0), 1, atol=1e-10)
    # the noise of a seed is one draw, scaled to the heritability
    half = simulate_on(genotypes, broad_sense_heritability=0.5, **arguments)
    np.testing.assert_array_equal(half.genetic_values, cohort.genetic_values)
    noise = np.sqrt((1 - h2) / h2) * (half.phenotypes - half.genetic_values)
    np.testing.assert_allclose(cohort.phenotypes - cohort.genetic_values, noise, rtol=0, atol=1e-10)


def test_effects_have_the_expected_distribution():
    trait = draw_joint_traits(40_000, 40_000, [3], np.eye(1), np.random.default_rng(1))[0]
    assert scipy.stats.kstest(trait.additive_effects, "norm").pvalue > 0.01
    assert scipy.stats.kstest(trait.pair_effects / np.sqrt(4 * 3), "norm").pvalue > 0.01


def test_pairs_are_a_uniformly_random_matching():
    rng = np.random.default_rng(1)
    partners = [draw_joint_traits(4, 4, [1], np.eye(1), rng)[0].pairs for _ in range(3000)]
    partner_of_0 = [int(pair[pair != 0][0]) for pairs in partners for pair in pairs if 0 in pair]
    assert scipy.stats.chisquare(np.bincount(partner_of_0, minlength=4)[1:]).pvalue > 0.01


def test_expected_variance_ratio_is_one_over_one_plus_two_rel_aa():
    cohort = make_cohort(2000, 2000, seed=3)  # many QTL: little spread around the expectation
    for trait, components in zip(cohort.traits, variance_components(cohort), strict=True):
        assert components.additive / components.genetic == pytest.approx(
            1 / (1 + 2 * trait.rel_aa), abs=0.06
        )


def test_heritability_is_the_share_of_the_phenotypic_variance_that_is_genetic():
    cohort = make_cohort(20_000, 10, broad_sense_heritability=0.4, seed=2)
    noise = cohort.phenotypes - cohort.genetic_values
    np.testing.assert_allclose(noise.var(axis=0), 0.6 / 0.4, rtol=0.05)
    assert np.abs(np.corrcoef(noise.T) - np.eye(5)).max() < 0.03  # independent between traits


def test_a_seed_is_one_cohort():
    one, again, other = make_cohort(seed=5), make_cohort(seed=5), make_cohort(seed=6)
    np.testing.assert_array_equal(one.phenotypes, again.phenotypes)
    np.testing.assert_array_equal(one.genotypes.packed, again.genotypes.packed)
    assert not np.array_equal(one.genotypes.packed, other.genotypes.packed)
    noise = [cohort.phenotypes - cohort.genetic_values for cohort in (one, other)]
    # 1500 draws: 4 standard errors
    assert np.abs(np.corrcoef(*(draw.ravel() for draw in noise))[0, 1]) < 0.1
    effects = [
        np.concatenate([trait.additive_effects for trait in cohort.traits])
        for cohort in (one, other)
    ]
    assert not np.allclose(*effects)


def test_blocks_do_not_change_the_values(monkeypatch):
    whole = make_cohort(seed=4)
    monkeypatch.setattr("epidl.cohorts.genotypes.BLOCK_BYTES", 8 * 16 * 7)  # seven samples a block
    np.testing.assert_allclose(make_cohort(seed=4).phenotypes, whole.phenotypes, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 1}, "n_samples must be at least 2, got 1"),
        ({"n_samples": 10.5}, "n_samples must be a whole number, got 10.5"),
        ({"n_samples": "10"}, "n_samples must be a whole number, got '10'"),
        ({"n_qtl": 5}, "n_qtl must be even, since every QTL has one partner, got 5"),
        ({"n_qtl": 0}, "n_qtl must be at least 2, got 0"),
        ({"n_qtl": 12}, r"n_qtl must be at most 10 \(n_markers\), got 12"),
        ({"n_markers": 0}, "n_markers must be at least 1, got 0"),
        ({"rel_aa": [1, -0.1]}, r"rel_aa\[1\] must be at least 0, got -0.1"),
        ({"rel_aa": [float("nan")]}, r"rel_aa\[0\] must be finite, got nan"),
        ({"rel_aa": [0, 1e308]}, r"rel_aa\[1\] must be at most 1e\+12, got 1e\+308"),
        ({"rel_aa": []}, "rel_aa must name at least one trait, got none"),
        ({"rel_aa": [[1], [1, 2]]}, r"rel_aa\[0\] must be a number, got \[1\]"),
        ({"rel_aa": ["high"]}, r"rel_aa\[0\] must be a number, got 'high'"),
        ({"broad_sense_heritability": 0}, "broad_sense_heritability must be at least 1e-06, got 0"),
        (
            {"broad_sense_heritability": 1e-320},
            r"broad_sense_heritability must be at least 1e-06, got 9\.99989e-321",
        ),
        (
            {"broad_sense_heritability": 1e-77},
            "broad_sense_heritability must be at least 1e-06, got 1e-77",
        ),
        (
            {"broad_sense_heritability": [[1], [1, 2]]},
            r"broad_sense_heritability must be a number, got \[\[1\], \[",
        ),
        (
            {"broad_sense_heritability": 1.01},
            "broad_sense_heritability must be at most 1, got 1.01",
        ),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"pleiotropy": "high"}, "pleiotropy must hold numbers only, got 'high'"),
        ({"shared_pairs": "no"}, "shared_pairs must be True or False, got 'no'"),
        ({"pleiotropy": 0.5}, "pleiotropy must be 0 if shared_pairs is False"),
        ({"shared_pairs": True, "pleiotropy": 1.5}, "pleiotropy must be at most 1, got 1.5"),
        (
            {"shared_pairs": True, "pleiotropy": [[1, 0.5], [0.4, 1]]},
            "pleiotropy must be a correlation matrix: finite",
        ),
        ({"shared_pairs": True, "pleiotropy": [[2, 0.5], [0.5, 2]]}, "with ones on its diagonal"),
        (
            {"shared_pairs": True, "pleiotropy": np.eye(3)},
            r"one number or a 2 x 2 matrix, got shape \(3, 3\)",
        ),
        (
            {"shared_pairs": True, "pleiotropy": -0.9, "rel_aa": [1, 1, 1]},
            "smallest eigenvalue must be at least 0",
        ),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(changes, message):
    arguments = {
        "n_samples": 20,
        "n_qtl": 4,
        "n_markers": 10,
        "rel_aa": [0, 1],
        "broad_sense_heritability": 0.5,
        "seed": 1,
    }
    with pytest.raises(ValueError, match=message):
        simulate(**arguments | changes)


def test_more_pairs_than_fit_into_memory_are_refused():
    arguments = {
        "n_samples": 20,
        "rel_aa": [1],
        "broad_sense_heritability": 0.5,
        "seed": 1,
        "all_pairs": True,
    }
    with pytest.raises(
        MemoryError, match=r"n_qtl must be small enough for the .*, got 10000000, which"
    ):
        simulate(n_qtl=10**7, **arguments)


def test_lists_of_unequal_lengths_are_no_rows():
    with pytest.raises(
        ValueError, match=r"rows must be whole numbers, one per individual, got \[\[1\], \[1, 2\]\]"
    ):
        checks.rows("rows", [[1], [1, 2]], 10)


def test_a_sample_without_genetic_variance_is_refused():
    failing = 0
    for seed in range(40):
        try:
            simulate(n_samples=2, n_qtl=2, rel_aa=[0], broad_sense_heritability=1, seed=seed)
        except ValueError as error:
            assert "n_samples must be large enough for genetic variance" in str(error)  # noqa: PT017
            failing += 1
    assert 0 < failing < 40  # two samples of two loci are alike about every fourth time


def test_a_cohort_with_wrong_values_is_noticed(cohort):
    shifted = [*cohort.traits]
    shifted[2] = Trait(**{**vars(shifted[2]), "pair_effects": -shifted[2].pair_effects})
    with pytest.raises(ValueError, match="trait 3 is off by"):
        check_cohort(
            Cohort(cohort.genotypes, cohort.phenotypes, cohort.genetic_values, tuple(shifted))
        )
    with pytest.raises(ValueError, match="mean 0 and variance 1"):
        check_cohort(
            Cohort(cohort.genotypes, cohort.phenotypes, 2 * cohort.genetic_values, cohort.traits)
        )


def test_phenotypes_that_are_not_finite_are_noticed(cohort):
    phenotypes = np.where(
        np.arange(len(cohort.phenotypes))[:, None] == 3, np.inf, cohort.phenotypes
    )
    with pytest.raises(
        ValueError, match="the cohort's phenotypes must be finite, got 5 values that are not"
    ):
        check_cohort(replace(cohort, phenotypes=phenotypes))


@pytest.mark.parametrize("changes", [{"broad_sense_heritability": 1e-6}, {"rel_aa": [1e12]}])
def test_the_bounds_of_the_traits_are_taken(changes):
    arguments = {
        "n_samples": 200,
        "n_qtl": 10,
        "rel_aa": [0, 1],
        "broad_sense_heritability": 0.5,
        "seed": 1,
    }
    assert np.isfinite(simulate(**arguments | changes).phenotypes.astype(np.float32)).all()


def test_singular_correlation_makes_identical_traits():
    cohort = simulate(
        n_samples=50,
        n_qtl=8,
        rel_aa=[1, 1],
        broad_sense_heritability=1,
        seed=1,
        shared_pairs=True,
        pleiotropy=1,
    )
    one, two = cohort.genetic_values.T
    np.testing.assert_allclose(one, two, atol=1e-6)
    assert all(a is not b for a, b in pairwise(cohort.traits))


def test_all_pairs_interact_with_the_same_ratio_of_variances():
    cohort = simulate(
        n_samples=4000,
        n_qtl=12,
        n_markers=20,
        rel_aa=[1] * 30,
        broad_sense_heritability=1,
        seed=2,
        all_pairs=True,
    )
    pairs = np.sort(cohort.traits[0].pairs, axis=1)
    assert len({tuple(pair) for pair in pairs.tolist()}) == 12 * 11 // 2
    assert set(pairs.ravel()) == set(cohort.traits[0].qtl)
    components = variance_components(cohort)
    for part in components:
        assert part.additive + part.epistatic == pytest.approx(part.genetic, rel=0.05)
    ratio = np.mean([part.epistatic for part in components]) / np.mean(
        [part.additive for part in components]
    )
    assert ratio == pytest.approx(2, rel=0.25)


def test_the_parts_of_genetic_values_are_those_of_a_regression():
    cohort = simulate(n_samples=500, n_qtl=6, rel_aa=[0, 2], broad_sense_heritability=1, seed=4)
    additive, epistatic = genetic_parts(cohort)
    np.testing.assert_allclose(additive + epistatic, cohort.genetic_values, atol=1e-9)
    assert (epistatic[:, 0] == 0).all()
    x = 2.0 * cohort.genotypes.block(slice(None)) - 1
    x -= x.mean(axis=0)
    trait = cohort.traits[1]
    expected = sum(
        e * x[:, one] * x[:, other]
        for (one, other), e in zip(trait.pairs, trait.pair_effects, strict=True)
    )
    np.testing.assert_allclose(epistatic[:, 1], expected - expected.mean(), atol=1e-9)
