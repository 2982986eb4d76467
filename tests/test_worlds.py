"""Worlds closer to life: interactions of several orders, crosses, and the experiment on them."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from epidl.cohorts import crosses, orders, simulate, worlds
from epidl.cohorts.genotypes import Dosages, Haplotypes
from epidl.cohorts.splits import split_samples
from epidl.grid import core, costs, fingerprint
from epidl.grid.params import ParameterError, ScalingCell, WorldCell, load_grids, make_cell
from epidl.models import oracle
from epidl.models.recipes import MODELS
from epidl.models.task import Task
from epidl.planner import planning

SHARES = (0.3, 0.1, 0.2, 0.15, 0.25)
UNLINKED = {
    "population": "unlinked",
    "genome": "",
    "n_samples": 300,
    "n_markers": 12,
    "n_qtl": 7,
    "shares": SHARES,
    "grouping": "all",
    "qtl_between": False,
    "broad_sense_heritability": 0.8,
    "seed": 1,
}
SEGREGANTS = UNLINKED | {"population": "segregants", "genome": "yeast", "n_markers": 60}
GRIDS = load_grids(ROOT / "params" / "worlds.yml")


def every_genotype(n_loci: int, alleles: tuple[int, ...] = (0, 1)) -> Haplotypes:
    """Return a population in which each combination of alleles is there once: its loci are independent."""
    return Haplotypes.from_alleles(list(itertools.product(alleles, repeat=n_loci)))


# ---- orders of interactions ----


@pytest.mark.parametrize("grouping", orders.GROUPINGS)
def test_each_order_has_its_share_exactly_where_loci_are_independent(grouping):
    genotypes = every_genotype(8)
    cohort = orders.simulate_orders(
        genotypes, n_qtl=7, shares=SHARES, grouping=grouping, broad_sense_heritability=1, seed=1
    )
    (covariances,) = orders.order_covariances(cohort)
    np.testing.assert_allclose(covariances, np.diag(SHARES), atol=1e-12)
    # products of codes -1 and +1 are orthogonal, of variance 1: a part's is the sum of squares
    for order, (_, effects) in orders.order_terms(cohort.traits[0]).items():
        assert (effects**2).sum() == pytest.approx(SHARES[order - 1])


def test_shares_are_those_of_a_sample_but_for_the_covariance_of_its_parts():
    cohort = worlds.simulate_world(**UNLINKED | {"n_samples": 4000, "n_qtl": 12})
    (covariances,) = orders.order_covariances(cohort)
    shares = np.diag(covariances)
    np.testing.assert_allclose(shares / shares.sum(), SHARES)
    assert covariances.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, SHARES, atol=0.03)


@pytest.mark.parametrize("frequency", [(0, 1), (0, 1, 1, 1)])
@pytest.mark.parametrize("grouping", orders.GROUPINGS)
def test_parts_add_up_to_the_genetic_values_and_the_first_is_the_additive_one(frequency, grouping):
    """At any allele frequency; the additive part is that of the regression on the loci."""
    genotypes = every_genotype(5, frequency)
    cohort = orders.simulate_orders(
        genotypes, n_qtl=5, shares=SHARES, grouping=grouping, broad_sense_heritability=1, seed=2
    )
    parts = orders.order_parts(genotypes, cohort.traits[0])
    np.testing.assert_allclose(parts.sum(axis=1), cohort.genetic_values[:, 0], atol=1e-10)
    additive, epistatic = simulate.genetic_parts(cohort)
    np.testing.assert_allclose(parts[:, 0], additive[:, 0], atol=1e-10)
    np.testing.assert_allclose(parts[:, 1:].sum(axis=1), epistatic[:, 0], atol=1e-10)
    np.testing.assert_allclose(regressed(genotypes, cohort.genetic_values), additive, atol=1e-10)


def regressed(genotypes: Haplotypes, values: np.ndarray) -> np.ndarray:
    """Return what the regression on all loci explains, of mean 0."""
    design = genotypes.block(slice(None)).astype(float)
    design -= design.mean(axis=0)
    return design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_codes_that_are_not_centred_turn_interactions_into_additive_variance():
    genotypes, rng = every_genotype(4, (0, 1, 1, 1)), np.random.default_rng(1)
    triples = np.array(list(itertools.combinations(range(4), 3)))
    trait = simulate.Trait(
        rel_aa=1.0,
        qtl=np.arange(4),
        additive_effects=rng.normal(size=4),
        pairs=np.array([[0, 1], [2, 3]]),
        pair_effects=rng.normal(size=2),
        higher=((triples, rng.normal(size=4)),),
    )
    traits, values = simulate.standardise(genotypes, [trait])
    cohort = simulate.check_cohort(simulate.Cohort(genotypes, values, values, traits))
    additive, _ = simulate.genetic_parts(cohort)
    np.testing.assert_allclose(additive, regressed(genotypes, values), atol=1e-10)


def test_genetic_values_are_the_sum_of_products_of_centred_codes():
    cohort = worlds.simulate_world(**UNLINKED | {"n_samples": 40, "shares": (0.5, 0.2, 0.3)})
    x = 2.0 * cohort.genotypes.block(slice(None)) - 1
    z, (trait,) = x - x.mean(axis=0), cohort.traits
    expected = np.full(40, trait.intercept)
    for sample in range(40):
        for loci, effects in orders.order_terms(trait).values():
            for one, effect in zip(loci, effects, strict=True):
                expected[sample] += effect * math.prod(z[sample, locus] for locus in one)
    np.testing.assert_allclose(cohort.genetic_values[:, 0], expected, atol=1e-10)
    assert [loci.shape for loci, _ in trait.higher] == [(35, 3)]
    assert np.isnan(trait.rel_aa)


def test_a_partition_has_each_qtl_in_at_most_one_product_of_an_order():
    trait = worlds.simulate_world(**UNLINKED | {"n_qtl": 11, "grouping": "disjoint"}).traits[0]
    for order, (loci, effects) in orders.order_terms(trait).items():
        assert len(effects) == orders.count_products(11, order, "disjoint") == 11 // order
        assert len(set(loci.ravel())) == loci.size
        assert set(loci.ravel()) <= set(trait.qtl)


def test_all_sets_of_qtl_interact():
    trait = worlds.simulate_world(**UNLINKED).traits[0]
    for order, (loci, _) in orders.order_terms(trait).items():
        expected = list(itertools.combinations(trait.qtl.tolist(), order))
        assert list(map(tuple, loci.tolist())) == expected


def test_a_trait_without_share_above_one_locus_is_additive():
    cohort = worlds.simulate_world(**UNLINKED | {"shares": (1, 0, 0)})
    assert len(cohort.traits[0].pairs) == len(cohort.traits[0].higher) == 0
    additive, epistatic = simulate.genetic_parts(cohort)
    assert additive.var() == pytest.approx(1)
    assert not epistatic.any()


def test_a_trait_without_share_of_one_locus_has_no_additive_part():
    cohort = worlds.simulate_world(**UNLINKED | {"shares": (0, 0.5, 0.5)})
    additive, epistatic = simulate.genetic_parts(cohort)
    assert not additive.any()  # nor its rounding, with which a prediction could correlate
    np.testing.assert_allclose(epistatic, cohort.genetic_values, atol=1e-12)


def test_effects_that_do_not_give_the_genetic_values_are_found_out():
    cohort = worlds.simulate_world(**UNLINKED)
    (trait,) = cohort.traits
    loci, effects = trait.higher[-1]
    wrong = replace(trait, higher=(*trait.higher[:-1], (loci, effects * 1.01)))
    with pytest.raises(ValueError, match="effects must give its genetic values: trait 1 is off"):
        simulate.check_cohort(replace(cohort, traits=(wrong,)))


def test_a_cohort_is_that_of_its_seed():
    one, again, other = (worlds.simulate_world(**SEGREGANTS | {"seed": s}) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.phenotypes, again.phenotypes)
    assert (one.genotypes.packed == again.genotypes.packed).all()
    assert (one.phenotypes != other.phenotypes).all()
    assert (one.genotypes.packed != other.genotypes.packed).any()


# ---- crosses ----


@pytest.mark.parametrize("cross", crosses.CROSSES)
def test_codes_correlate_with_distance_as_the_map_function_has_it(cross):
    places = np.array([0.0, 5, 20, 50, 100, 0])
    genetic_map = crosses.GeneticMap(np.array([0, 0, 0, 0, 0, 1]), places)
    genotypes = crosses.draw_cross(cross, 20_000, genetic_map, np.random.default_rng(1))
    shares = genotypes.block(slice(None)).astype(float)
    r = (1 - np.exp(-2 * np.abs(np.subtract.outer(places, places)) / 100)) / 2
    expected = (1 - 2 * r) / (1 + 2 * r) if cross == "inbred" else 1 - 2 * r
    expected[-1, :-1] = expected[:-1, -1] = 0  # another chromosome
    np.testing.assert_allclose(np.corrcoef(shares.T), expected, atol=0.03)
    np.testing.assert_allclose(shares.mean(axis=0), 0.5, atol=0.02)


def test_the_f2_has_genotypes_one_to_two_to_one():
    genotypes = crosses.draw_cross(
        "f2", 20_000, crosses.even_map((100,), 4), np.random.default_rng(1)
    )
    assert isinstance(genotypes, Dosages)
    for counts in genotypes.counts.T:
        np.testing.assert_allclose(np.bincount(counts) / 20_000, [0.25, 0.5, 0.25], atol=0.02)


def test_a_line_is_hardly_heterozygous():
    assert 2.0**-crosses.N_SELFINGS < 1e-3


def test_markers_are_spread_evenly():
    genetic_map = crosses.even_map((100, 100, 100), 7)
    assert genetic_map.chromosomes.tolist() == [0, 0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(genetic_map.places, [100 / 6, 50, 500 / 6, 25, 75, 25, 75])
    assert genetic_map.recombination[[0, 3, 5]].tolist() == [0.5] * 3


def test_qtl_are_at_random_places_of_all_chromosomes():
    lengths = (100.0, 300.0)
    qtl = crosses.random_map(lengths, 20_000, np.random.default_rng(1))
    assert (qtl.chromosomes == 1).mean() == pytest.approx(0.75, abs=0.01)
    for number, length in enumerate(lengths):
        places = qtl.places[qtl.chromosomes == number]
        assert (np.diff(places) >= 0).all()
        assert places.min() >= 0
        assert places.max() < length
        assert places.mean() == pytest.approx(length / 2, rel=0.03)
    both, is_qtl = crosses.even_map(lengths, 10).with_loci(qtl)
    np.testing.assert_array_equal(both.places[is_qtl], qtl.places)
    np.testing.assert_array_equal(both.places[~is_qtl], crosses.even_map(lengths, 10).places)


@pytest.mark.parametrize("cross", crosses.CROSSES)
def test_qtl_between_markers_are_seen_by_no_model_and_linked_to_them(cross):
    cohort = worlds.simulate_world(
        **SEGREGANTS | {"population": cross, "qtl_between": True, "n_samples": 2000}
    )
    assert (cohort.genotypes.n_markers, cohort.unseen.n_markers) == (60, 7)
    assert cohort.causal_genotypes is cohort.unseen
    assert cohort.traits[0].qtl.tolist() == list(range(7))
    markers = cohort.genotypes.block(slice(None)).astype(float)
    qtl = cohort.unseen.block(slice(None)).astype(float)
    r = np.corrcoef(np.hstack([markers, qtl]).T)[:60, 60:]
    # 60 markers on 44 Morgans: none is further than 55 cM
    assert (np.abs(r).max(axis=0) > 0.2).all()
    assert (np.abs(r).max(axis=0) < 1).all()


def test_segments_of_a_cross_are_those_that_its_cohorts_show():
    lengths, rng = (170.0,) * 10, np.random.default_rng(1)
    kinds = {"segregants": "gametes", "f2": "gametes", "inbred": "selfed"}
    for cross, kind in kinds.items():
        genotypes = crosses.draw_cross(cross, 1000, crosses.even_map(lengths, 600), rng)
        expected = planning.cross_segments([1.7] * 10, kind)
        assert planning.observed_segments(genotypes) == pytest.approx(expected, rel=0.05)
    assert planning.cross_segments([1e-6], "selfed") == 1
    # l / 2 over the integral of the squared correlation, (1 - log 2) / 2
    assert planning.cross_segments([1e4], "selfed") == pytest.approx(1e4 / (1 - math.log(2)), 1e-3)
    with pytest.raises(ValueError, match="kind must be one of gametes, selfed, got 'f2'"):
        planning.cross_segments([1.0], "f2")


# ---- the oracle ----


def task_of(cohort: simulate.Cohort) -> Task:
    split = split_samples(cohort.genotypes.n_samples, "held_out")
    return Task(cohort.genotypes, cohort.phenotypes, split, seed=1, truth=cohort)


def test_the_oracle_is_ridge_on_the_true_products_with_the_true_variances():
    cohort = worlds.simulate_world(**SEGREGANTS | {"qtl_between": True, "shares": (0.5, 0.3, 0.2)})
    task, (trait,) = task_of(cohort), cohort.traits
    ((test, predicted),) = oracle.predict(task, MODELS["oracle"]).parts
    z = 2.0 * cohort.unseen.block(slice(None)) - 1 - trait.centre
    columns, variances = [], []
    for loci, effects in orders.order_terms(trait).values():
        columns.append(z[:, loci].prod(axis=2))
        variances += [np.mean(effects**2)] * len(effects)
    noise = np.mean((cohort.phenotypes - cohort.genetic_values) ** 2)
    design = np.hstack([np.ones((300, 1)), *columns])
    rows, penalties = task.all_but_test, noise / np.array(variances)
    squares = design[rows].T @ design[rows] + np.diag([0.0, *penalties])
    effects = np.linalg.solve(squares, design[rows].T @ cohort.phenotypes[rows])
    np.testing.assert_allclose(predicted, design[test] @ effects, atol=1e-8)


def test_the_oracle_knows_interactions_that_no_pair_shows():
    cohort = worlds.simulate_world(
        **UNLINKED
        | {"shares": (0, 0, 1), "grouping": "disjoint", "broad_sense_heritability": 0.999}
    )
    ((test, predicted),) = oracle.predict(task_of(cohort), MODELS["oracle"]).parts
    assert np.corrcoef(predicted[:, 0], cohort.phenotypes[test, 0])[0, 1] > 0.99


# ---- cells ----

CELL = UNLINKED | {
    "n_samples": 120,
    "n_replicates": 1,
    "models": ["ridge", "pairs", "oracle"],
    "protocols": ["held_out"],
    "hidden_width": 8,
    "device": "cpu",
}
CROSS = CELL | {"population": "f2", "genome": "maize", "shares": [0.5, 0.5], "qtl_between": True}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": [0.5, 0.4]}, "shares must sum to 1, got 0.9"),
        ({"shares": [1.5, -0.5]}, r"shares.1: .*greater than or equal to 0, got -0.5"),
        ({"shares": [0.5] * 6}, "shares: .*at most 5 items"),
        ({"shares": 1}, r"shares must be a list, in \[ \], got 1"),
        (
            {"n_qtl": 3},
            r"shares must be 0 above order 3 \(n_qtl\), got 0.15 for order 4",
        ),
        (
            {"n_qtl": 50, "n_markers": 50},
            "n_qtl must make at most 20,000 products of order 4, got 50, which makes 230,300",
        ),
        ({"n_qtl": 13}, r"n_qtl must be at most 12 \(n_markers\), got 13"),
        ({"population": "backcross"}, "population: Input should be 'unlinked', .*got 'backcross'"),
        ({"population": "inbred"}, "genome must be one of yeast, maize, got ''"),
        ({"genome": "yeast"}, "genome must be empty for the population unlinked, got 'yeast'"),
        ({"qtl_between": True}, "qtl_between must be False for the population unlinked, got True"),
        ({"grouping": "some"}, "grouping: Input should be 'disjoint' or 'all', got 'some'"),
        (
            {"backend": "alphasimr"},
            "backend must be native, since AlphaSimR has no interactions above pairs, got alphasimr",
        ),
        (
            {"source": "zenodo", "data": "folder"},
            "source must be simulated, since the authors have no such cohorts, got zenodo",
        ),
        ({"models": ["theory_ridge"]}, "models.0: Input should be 'ridge', .*got 'theory_ridge'"),
        ({"n_samples": 12}, "n_samples: Input should be greater than or equal to 20, got 12"),
    ],
)
def test_what_no_world_can_be_is_refused_before_anything_is_computed(changes, message):
    with pytest.raises(ParameterError, match=message):
        make_cell(WorldCell, **CELL | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": 0.5}, "shares must be a list, got 0.5"),
        ({"shares": []}, r"len\(shares\) must be at least 1, got 0"),
        ({"shares": ["all"]}, r"shares\[0\] must be a number, got 'all'"),
        ({"n_samples": 1}, "n_samples must be at least 2, got 1"),
        ({"qtl_between": 1}, "qtl_between must be True or False, got 1"),
        ({"broad_sense_heritability": 2}, "broad_sense_heritability must be at most 1, got 2"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"n_samples": 2, "grouping": "disjoint"}, "n_samples must be large enough for variance"),
    ],
)
def test_a_wrong_argument_is_named_with_value_and_bound(changes, message):
    with pytest.raises(ValueError, match=message):
        worlds.simulate_world(**UNLINKED | changes)


def test_markers_must_be_of_the_same_individuals():
    given = {"n_qtl": 2, "shares": [1], "grouping": "all", "broad_sense_heritability": 1, "seed": 1}
    with pytest.raises(ValueError, match=r"markers must be of 8 individuals, .* got 16"):
        orders.simulate_orders(every_genotype(3), **given, markers=every_genotype(4))


def test_a_name_says_what_a_cell_is():
    assert make_cell(WorldCell, **CELL | {"shares": [0.25, 0, 0.75]}).name == (
        "unlinked_n120_q7_m12_all_0.25_0_0.75_H0.8"
    )
    assert make_cell(WorldCell, **CROSS).name == "f2_maize_n120_q7_m12_between_all_0.5_0.5_H0.8"


def test_the_table_holds_population_shares_and_covariances():
    table = core.run(make_cell(WorldCell, **CELL)).table
    assert table["model"].tolist() == CELL["models"]
    assert set(table["status"]) == {"exact"}
    row = table.iloc[0]
    assert (row["population"], row["genome"], row["grouping"]) == ("unlinked", "", "all")
    assert [row[f"expected_share_{k}"] for k in range(1, 6)] == list(SHARES)
    shares = np.array([row[f"share_{k}"] for k in range(1, 6)])
    np.testing.assert_allclose(shares / shares.sum(), SHARES)
    covariances = sum(
        row[f"covariance_{k}_{other}"] for k, other in itertools.combinations(range(1, 6), 2)
    )
    assert shares.sum() + 2 * covariances == pytest.approx(1)
    assert row["va_over_vg"] == pytest.approx(shares[0])
    assert table.set_index("model").loc["ridge", "effect_r"] > 0
    assert table.set_index("model").loc["pairs", "n_pairs"] >= 0


def test_models_of_a_cross_are_not_scored_on_loci_that_they_do_not_see():
    table = core.run(make_cell(WorldCell, **CROSS)).table
    assert table["pearson_r"].notna().all()
    assert table["effect_r"].isna().all()
    assert "n_pairs" not in table
    assert table["qtl_between"].all()


def test_codes_of_an_f2_are_centred_on_those_that_train(monkeypatch):
    given = []
    monkeypatch.setitem(
        core.FITS, "ridge", lambda task: given.append(task) or MODELS["ridge"].predict(task)
    )
    core.run(make_cell(WorldCell, **CROSS | {"models": ["ridge"]}))
    (task,) = given
    shares = task.genotypes.block(task.all_but_test)
    np.testing.assert_allclose(task.genotypes.centre, shares.mean(axis=0), rtol=1e-5)


def test_a_fit_depends_on_the_code_of_crosses_where_there_may_be_one(monkeypatch):
    scaling = {name: CELL[name] for name in ("n_samples", "n_replicates", "protocols", "seed")}
    scaling |= {"scaling": 1, "rel_aa": [1], "models": ["ridge"], "hidden_width": 8}
    cells = (
        make_cell(WorldCell, **CELL),
        make_cell(ScalingCell, **scaling, broad_sense_heritability=0.9),
    )
    before = [fingerprint.run_fingerprint(cell, "cpu") for cell in cells]
    read = fingerprint._read
    monkeypatch.setattr(
        fingerprint,
        "_read",
        lambda name: ("other", []) if name == "epidl.cohorts.crosses" else read(name),
    )
    world, other = (fingerprint.run_fingerprint(cell, "cpu") for cell in cells)
    assert world != before[0]
    assert other == before[1]


def test_costs_count_all_that_interacts():
    few, many = (
        make_cell(WorldCell, **CELL | {"grouping": grouping}) for grouping in orders.GROUPINGS
    )
    assert (few.n_products, many.n_products) == (3 + 2 + 1 + 1, 21 + 35 + 35 + 21)
    works = [costs.cell_work(cell, lambda model: 1)["oracle"] for cell in (few, many)]
    assert works[0].products < works[1].products


def test_the_standard_grid_asks_about_orders_and_about_crosses():
    cells = pd.DataFrame([cell.model_dump() for cell in GRIDS["standard"]])
    by_order = cells[cells["grouping"] == "all"]
    assert len(by_order) == 2 * 2 * 5
    assert (by_order["n_qtl"] == by_order["n_markers"]).all()
    assert {sum(shares[2:]) for shares in by_order["shares"]} == {0, 0.25, 0.5, 0.75, 1}
    crossed = cells[cells["grouping"] == "disjoint"]
    assert (crossed["qtl_between"] == (crossed["population"] != "unlinked")).all()
    assert set(crossed["population"] + crossed["genome"]) == {
        "unlinked",
        "segregantsyeast",
        "inbredmaize",
    }
