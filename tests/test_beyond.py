"""The comparison of many models: its statistics, its words and the data behind its figures."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from epidl import figures
from epidl.grid import contrasts, costs
from epidl.grid.params import BeyondCell, ScalingCell, make_cell
from epidl_book import beyond, performance, phrases

MODELS = {
    "ridge": 0.5,
    "kernel": 0.7,
    "pairs": 0.95,
    "mlp": 0.6,
    "pair_network": 0.94,
    "oracle": 0.97,
}
BY = ["n_samples", "rel_aa", "scaling"]


@pytest.fixture
def table() -> pd.DataFrame:
    """Four cohorts, two traits with epistasis, at two scalings; ridge is the best cheap model at the
    second.
    """
    rng, rows = np.random.default_rng(1), []
    for scaling in (1.0, 20.0):
        for replicate in range(1, 5):
            for rel_aa in (1.0, 3.0):
                cohort = {
                    "cell": f"n1000_scaling{scaling:g}",
                    "n_samples": 1000,
                    "scaling": scaling,
                    "replicate": replicate,
                    "trait": int(rel_aa),
                    "rel_aa": rel_aa,
                    "protocol": "held_out",
                    "all_pairs": False,
                    "broad_sense_heritability": 0.999,
                    "va_over_vg": 1 / (1 + 2 * rel_aa),
                }
                for model, r in MODELS.items():
                    r = 0.96 if model == "ridge" and scaling == 20 else r
                    seconds = 100.0 if model == "mlp" else 1.0
                    r += rng.normal(scale=0.01)
                    rows.append(
                        cohort
                        | {"model": model, "pearson_r": r, "r_epistatic": r / 2, "seconds": seconds}
                    )
                rows += [
                    cohort | {"model": theory, "pearson_r": 0.5, "r_epistatic": 0.1}
                    for theory in ("theory_ridge", "theory_kernel", "theory_oracle")
                ]
    return pd.DataFrame(rows)


def test_the_interval_of_a_mean_difference_is_student_s_over_cohorts(table):
    found = contrasts.mean_difference(table, "mlp", "ridge", ["scaling"]).loc[1.0]
    r = table[table["scaling"] == 1].pivot_table(
        index=["replicate", "trait"], columns="model", values="pearson_r"
    )
    # traits of a cohort are not independent
    by_cohort = (r["mlp"] - r["ridge"]).groupby("replicate").mean()
    expected = (
        by_cohort.mean() + np.array([-1, 1]) * scipy.stats.t.ppf(0.975, 3) * by_cohort.std() / 2
    )
    assert found["difference"] == pytest.approx(by_cohort.mean())
    np.testing.assert_allclose([found["low"], found["high"]], expected)
    assert found["cohorts"] == 4
    single = contrasts.mean_difference(table[table["replicate"] == 1], "mlp", "ridge", ["scaling"])
    assert single[["low", "high"]].isna().all(axis=None)


def test_a_model_is_set_against_the_best_of_the_others_where_that_is_best(table):
    found = contrasts.against_best(table, "mlp", ["ridge", "kernel", "pairs"], BY)
    assert found["best"].xs(1.0, level="scaling").unique().tolist() == ["pairs"]
    assert found["best"].xs(20.0, level="scaling").unique().tolist() == ["ridge"]
    to_ridge = contrasts.mean_difference(table, "mlp", "ridge", BY).xs(20.0, level="scaling")
    pd.testing.assert_frame_equal(found.xs(20.0, level="scaling").drop(columns="best"), to_ridge)


def test_where_a_model_was_not_fitted_nothing_is_compared(table):
    missing = table[(table["model"] != "mlp") | (table["scaling"] == 1)]
    found = contrasts.against_best(missing, "mlp", ["ridge", "kernel", "pairs"], BY)
    assert set(found.index.get_level_values("scaling")) == {1.0}


def test_words_about_the_models(table):
    leads = {
        model: contrasts.against_best(table, model, ["ridge", "kernel", "pairs"], BY)
        for model in ("mlp",)
    }
    assert beyond.lead_counts(leads).loc["MLP"].tolist() == [4, 0, 4, 4]
    words = phrases.difference_table(table, ["mlp", "kernel"], "ridge", ["scaling"])
    assert words.shape == (2, 2)
    assert words.loc[1.0, "MLP"].startswith("+0.")


def test_the_ladder_lists_models_in_order_and_theory_last(table):
    ladder = beyond.ladder_table(table)
    assert ladder.index[0] == "Ridge"
    assert ladder.index[-1] == "expected: ridge"
    assert float(ladder.loc["Epistatic kernel", 1.0]) == pytest.approx(0.7, abs=0.02)
    lacking = table[(table["model"] != "kernel") | (table["scaling"] != 1)]
    assert beyond.ladder_table(lacking).loc["Epistatic kernel", 1.0] == "–"


def test_the_data_behind_the_ladder(table):
    figure = figures.ladder(table)
    assert len(figure.axes) == 2
    kernel = (
        table[(table["model"] == "kernel") & (table["rel_aa"] == 1)]
        .groupby("scaling")["pearson_r"]
        .mean()
    )
    lines = [line.get_ydata() for line in figure.axes[0].get_lines()]
    assert any(np.array_equal(y, kernel) for y in lines)
    # what theory expects of three models
    assert sum(np.array_equal(y, [0.5, 0.5]) for y in lines) == 3
    seconds = figures.accuracy_by_seconds(table[~table["model"].str.startswith("theory")]).axes[0]
    assert seconds.get_xscale() == "log"
    assert max(line.get_xdata().max() for line in seconds.get_lines()) == 100


def test_the_models_by_markers_and_their_words(table):
    diluted = table.assign(n_markers=table["scaling"].map({1.0: 100, 20.0: 5000}))
    panels = {f"relAA {ratio:g}": diluted["rel_aa"] == ratio for ratio in (1.0, 3.0)}
    figure = figures.ladder_by(diluted, "n_markers", panels, "Markers")
    assert [ax.get_title() for ax in figure.axes] == ["relAA 1", "relAA 3"]
    kernel = (
        diluted[(diluted["model"] == "kernel") & (diluted["rel_aa"] == 3)]
        .groupby("n_markers")["pearson_r"]
        .mean()
    )
    lines = figure.axes[1].get_lines()
    assert any(
        np.array_equal(line.get_ydata(), kernel) and list(line.get_xdata()) == [100, 5000]
        for line in lines
    )
    assert sum(np.array_equal(line.get_ydata(), [0.5, 0.5]) for line in lines) == 3


def test_the_data_behind_the_leads(table):
    difference = contrasts.against_best(table, "mlp", ["ridge", "pairs"], BY)
    ax = figures.leads({"mlp": difference}).axes[0]
    drawn = difference.xs(1.0, level="rel_aa").sort_index()
    assert any(np.allclose(line.get_ydata(), drawn["difference"]) for line in ax.get_lines())
    low = ax.collections[0].get_segments()[0][:, 1].min()
    assert low == pytest.approx(drawn["low"].iloc[0])


def test_growth_exponents_are_those_of_a_power_law():
    points = [(1000, 100), (2000, 100), (4000, 100), (2000, 200), (2000, 400)]
    rows = [
        {"work": "w", "n_samples": n, "n_qtl": q, "seconds": n * q**2.0, "memory_mb": n**0.5}
        for n, q in points
    ]
    found = performance.growth_exponents(pd.DataFrame(rows)).loc["w"]
    assert found["seconds, exponent"].to_dict() == {"n_samples": 1.0, "n_qtl": 2.0}
    assert found["memory_mb, exponent"].to_dict() == {"n_samples": 0.5, "n_qtl": 0.0}
    assert found["points"].to_dict() == {"n_samples": 3, "n_qtl": 3}


def test_hours_and_the_quality_of_estimates():
    cell = make_cell(
        ScalingCell,
        n_samples=1000,
        scaling=1,
        n_replicates=2,
        rel_aa=[0, 1],
        broad_sense_heritability=0.999,
        models=["ridge"],
        protocols=["published"],
        hidden_width=64,
        seed=1,
    )
    rates = {"products": 1e11, "exact_products": 5e10, "bandwidth": 4e10, "step_overhead": 2e-4}
    rates |= {"decomposition": 2e-10, "simulation": 2e-9, "memory": 2e10}
    machines = pd.DataFrame([{"device": "fast", "commit": "c"} | rates])
    seconds = sum(
        costs.cell_seconds(cell, costs.Machine("fast", **rates), lambda model: 1).values()
    )
    hours = performance.hours_by_machine(machines, {"quick": [cell]}, {})
    assert float(hours.loc[("fast", "quick"), "scaling"]) == pytest.approx(seconds / 3600, rel=0.01)
    record = {"parameters": cell.model_dump(mode="json"), "seconds": 2 * seconds}
    records = [record | {"fits": sorted(cell.fits)}, record | {"fits": sorted(cell.fits)[1:]}]
    ratio = performance.estimate_against_seconds(records, costs.Machine("fast", **rates), {})
    assert ratio.to_dict() == {"scaling n1000_scaling1": pytest.approx(0.5)}


def test_names_of_controls():
    point = {
        "n_samples": 1000,
        "scaling": 1,
        "n_replicates": 1,
        "rel_aa": [1],
        "protocols": ["held_out"],
    }
    point |= {"models": ["ridge"], "hidden_width": 8, "seed": 1}
    names = [
        make_cell(BeyondCell, **point, broad_sense_heritability=h2, all_pairs=all_pairs).name
        for h2, all_pairs in ((0.999, False), (0.5, False), (0.999, True), (0.2, True))
    ]
    expected = [
        "n1000_scaling1",
        "n1000_scaling1_H0.5",
        "n1000_scaling1_all_pairs",
        "n1000_scaling1_H0.2_all_pairs",
    ]
    assert names == expected
