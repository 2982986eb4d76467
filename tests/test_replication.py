"""The comparison with the publication, the numbers in the book's text, and the data behind its
figures.
"""

import json
import shutil
import tarfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from epidl import figures
from epidl.grid import contrasts, publish, results
from epidl.grid.params import CELL_TYPES, Cell, load_grids, same_settings
from epidl_book import agreement as agreement_page
from epidl_book import correlation, dilution, phrases
from epidl_book import scaling as scaling_page

DATA = ROOT / "book" / "data"
R = {"mlp": [0.9, 0.8, 0.3, 0.2], "ridge_sgd": [0.6, 0.5, 0.25, 0.2], "ridge": [0.6, 0.6, 0.3, 0.3]}


@pytest.fixture
def table() -> pd.DataFrame:
    """Two replicates at two scalings (first two and last two values of R), for an epistatic and an
    additive trait.
    """
    rows = [
        {
            "experiment": "scaling",
            "profile": "quick",
            "cell": f"n1000_scaling{scaling:g}",
            "protocol": "published",
            "n_samples": 1000,
            "scaling": scaling,
            "n_qtl": n_qtl,
            "rel_aa": rel_aa,
            "trait": trait,
            "replicate": replicate,
            "model": model,
            "hidden_width": 512 if model == "mlp" else 0,
            "va_over_vg": 1 / (1 + 2 * rel_aa),
            "vaa_over_vg": 2 * rel_aa / (1 + 2 * rel_aa),
            "pearson_r": r[2 * k + replicate - 1] + (0.05 if rel_aa == 0 else 0),
        }
        for model, r in R.items()
        for k, (scaling, n_qtl) in enumerate([(0.1, 16), (20.0, 202)])
        for replicate in (1, 2)
        for trait, rel_aa in enumerate((0.0, 3.0), start=1)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def digitised() -> pd.DataFrame:
    return pd.read_csv(DATA / "figure_1_digitised.csv")


def test_relative_gain(table):
    gain = contrasts.paired(table, "mlp", "ridge_sgd").query("rel_aa == 3")
    np.testing.assert_allclose(gain["relative_gain"], [0.5, 0.6, 0.2, 0.0], atol=1e-12)


def test_comparison_with_the_digitised_figure(table):
    published = pd.DataFrame(
        {
            "n_samples": 1000,
            "rel_aa": 3.0,
            "model": "mlp",
            "r_low": 0.7,
            "r_mid": 0.8,
            "r_high": 0.9,
            "scaling": [0.1, 7],
        }
    )
    result = agreement_page.compare_with_figure_1(table, published)
    assert len(result) == 1, "only what both tables hold"
    row = result.iloc[0]
    assert row["r"] == pytest.approx(0.85)
    assert row["standard_error"] == pytest.approx(0.05)  # of 0.9 and 0.8
    assert row["standard_error_published"] == pytest.approx(0.2 / 3.078 / np.sqrt(10))
    assert row["difference"] == pytest.approx(0.05)
    assert row["bound"] == pytest.approx(2 * np.hypot(0.05, 0.2 / 3.078 / np.sqrt(10)) + 0.02)
    assert row["agrees"]
    assert agreement_page.comparison_table(
        result, ["scaling"], "rel_aa", "difference"
    ).to_numpy().tolist() == [["+0.050"]]
    far = agreement_page.compare_with_figure_1(table, published.assign(r_mid=0.6))
    assert not far["agrees"].any()
    assert agreement_page.comparison_table(
        far, ["scaling"], "rel_aa", "difference"
    ).to_numpy().tolist() == [["+0.250 *"]]


def test_agreement_of_models_by_its_closed_forms():
    x, y = np.array([0.1, 0.5, 0.6, 0.9]), np.array([0.2, 0.4, 0.6, 0.8])
    keys = {
        "cell": "a",
        "replicate": 1,
        "protocol": "published",
        "n_samples": 1000,
        "trait": range(4),
    }
    both = pd.concat(
        [
            pd.DataFrame(keys | {"model": model, "pearson_r": r})
            for model, r in (("ridge", x), ("ridge_sgd", y))
        ]
    )
    row = contrasts.agreement_of_models(both, "ridge_sgd", "ridge").loc[(1000, "published")]
    difference = y - x
    assert row["pairs"] == 4
    assert row["mean_difference"] == pytest.approx(difference.mean())
    assert row["upper_limit"] - row["mean_difference"] == pytest.approx(
        1.96 * difference.std(ddof=1)
    )
    assert row["lower_limit"] + row["upper_limit"] == pytest.approx(2 * row["mean_difference"])
    expected = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert row["concordance"] == pytest.approx(expected)
    same = both.assign(pearson_r=np.tile(x, 2))
    assert contrasts.agreement_of_models(same, "ridge_sgd", "ridge")["concordance"].iloc[
        0
    ] == pytest.approx(1)
    shifted = both.assign(pearson_r=np.concatenate([x, x + 0.3]))
    assert contrasts.agreement_of_models(shifted, "ridge_sgd", "ridge")["concordance"].iloc[0] < 0.8


def test_pairs_are_of_the_same_cohort_trait_and_protocol(table):
    both = pd.concat([table, table.assign(protocol="held_out", pearson_r=table["pearson_r"] - 0.1)])
    pairs = contrasts.paired(both.sample(frac=1, random_state=1), "mlp", "ridge")
    assert len(pairs) == 2 * 2 * 2 * 2
    single = contrasts.paired(table, "mlp", "ridge")
    for protocol in ("published", "held_out"):
        part = pairs[pairs["protocol"] == protocol].sort_values(["cell", "replicate", "trait"])
        expected = single.sort_values(["cell", "replicate", "trait"])
        np.testing.assert_allclose(part["difference"], expected["difference"], atol=1e-12)
    without = table.assign(pearson_r=table["pearson_r"].where(table["model"] != "ridge"))
    assert contrasts.paired(without, "mlp", "ridge").empty


@pytest.fixture
def diluted() -> pd.DataFrame:
    """One replicate with 100 and with 1000 markers; the MLP's lead over ridge is 0.3 and 0.1, half
    that for trait 2.
    """
    lead = {"ridge": 0.0, "mlp": 0.3, "lasso": -0.06, "lasso_pruned": 0.01, "mlp_pruned": 0.24}
    rows = [
        {
            "experiment": "dilution",
            "profile": "quick",
            "cell": f"m{n_markers}",
            "protocol": "published",
            "n_samples": 10000,
            "n_markers": n_markers,
            "n_qtl": 100,
            "trait": trait,
            "rel_aa": float(trait - 1),
            "replicate": 1,
            "model": model,
            "hidden_width": 0,
            "va_over_vg": 1 / (2 * trait - 1),
            "pearson_r": 0.6 - 0.1 * trait + (value - 0.2 * k * (model == "mlp")) / trait,
            "learning_rate": 0.01 if "mlp" in model else np.nan,
            "n_features": 150.0,
            "n_markers_kept": 88,
            "epochs": 30,
            "seconds": 2.0,
            "status": "converged",
            "selection_precision": (0.9 - 0.1 * k) * (model == "mlp_pruned"),
            "selection_recall": 1 / trait * (model == "mlp_pruned"),
            "pair_recall": 0.5 / trait * (model == "mlp_pruned"),
        }
        for k, n_markers in enumerate((100, 1000))
        for model, value in lead.items()
        for trait in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_comparison_with_figure_2(diluted):
    published = pd.read_csv(DATA / "figure_2_digitised.csv")
    result = agreement_page.compare_with_figure_2(diluted, published).set_index(
        ["n_markers", "rel_aa", "model"]
    )
    assert len(result) == 2 * 2 * 3
    epistatic = result.loc[(100, 1.0, "mlp")]
    assert epistatic["difference"] == pytest.approx(0.15)
    assert epistatic["excess"] == pytest.approx(0.15 - 0.395)
    assert epistatic["bound"] == pytest.approx(
        2 * (0.405 - 0.38) / 2.326 * np.sqrt(1 / 5 + 1) + 0.02
    )
    assert not epistatic["agrees"]
    additive = result.loc[(1000, 0.0, "lasso_pruned")]
    assert additive["bound"] == pytest.approx(0.02), "no range could be read off the figure"
    assert additive["agrees"]
    shown = agreement_page.comparison_table(
        result.reset_index(), ["rel_aa", "n_markers"], "model", "excess"
    )
    assert shown.loc[(1.0, 100), "mlp"] == "-0.245 *"
    assert agreement_page.compare_with_figure_2(diluted.assign(n_samples=200), published).empty


@pytest.fixture
def correlated() -> pd.DataFrame:
    """Two cohorts of ten traits for each of three conditions; the MLP's mean r is 0.6, 0.7 and 0.8,
    ridge's r 0.5.
    """
    rows = [
        {
            "experiment": "correlation",
            "profile": "quick",
            "cell": f"rho{pleiotropy}_{shared}",
            "protocol": "published",
            "n_samples": 10000,
            "n_markers": 100,
            "n_qtl": 100,
            "n_traits": 10,
            "pleiotropy": pleiotropy,
            "shared_pairs": shared,
            "trait": trait,
            "rel_aa": 1.0,
            "replicate": replicate,
            "model": model,
            "hidden_width": 0,
            "pearson_r": 0.5
            + (r - 0.5 + 0.01 * (trait - 5.5) + 0.02 * (replicate - 1.5)) * (model == "mlp"),
        }
        for pleiotropy, shared, r in ((0.0, False, 0.6), (0.0, True, 0.7), (0.95, True, 0.8))
        for model in ("ridge", "mlp")
        for replicate in (1, 2)
        for trait in range(1, 11)
    ]
    return pd.DataFrame(rows)


def test_comparison_with_figure_3(correlated):
    published = pd.read_csv(DATA / "figure_3_digitised.csv")
    result = agreement_page.compare_with_figure_3(correlated, published).set_index("pleiotropy")
    assert result.index.tolist() == [0, 0.95], (
        "the control that shares pairs is not the publication's"
    )
    assert result.loc[0, "median_relative_gain"] == pytest.approx(0.2)
    assert result.loc[0, "excess"] == pytest.approx(0.2 - 0.62)
    assert result.loc[0.95, "excess"] == pytest.approx(0.6 - 0.56)
    sd = 0.04 / np.sqrt(2)  # of the cohorts' medians, 0.18 and 0.22
    assert result["bound"].tolist() == pytest.approx([2 * sd * np.sqrt(1 / 2 + 1 / 5) + 0.02] * 2)
    assert result["agrees"].tolist() == [False, True]
    assert agreement_page.compare_with_figure_3(correlated.assign(n_samples=200), published).empty


def test_one_cohort_has_no_bound(correlated):
    published = pd.read_csv(DATA / "figure_3_digitised.csv")
    single = agreement_page.compare_with_figure_3(correlated.query("replicate == 1"), published)
    assert single["bound"].isna().all()
    shown = agreement_page.comparison_table(single, ["n_traits", "n_qtl"], "pleiotropy", "excess")
    assert shown.to_numpy().tolist() == [["-0.440 °", "+0.020 °"]], "no star without a bound"


def test_sharing_pairs_and_correlating_effects_are_told_apart(correlated):
    steps = correlation.correlation_steps(correlated, "difference")
    assert steps.columns.tolist() == [
        "0",
        "0, shared pairs",
        "0.95",
        "sharing pairs",
        "correlation",
    ]
    np.testing.assert_allclose(steps.to_numpy(), [[0.1, 0.2, 0.3, 0.1, 0.1]])
    r = correlation.correlation_steps(correlated, "pearson_r")
    np.testing.assert_allclose(r.to_numpy(), [[0.6, 0.7, 0.8, 0.1, 0.1]])
    steps = correlation.step_table(correlated)
    assert steps.index.tolist() == [(10, 100, "sharing pairs"), (10, 100, "correlation")]
    assert steps.loc[(10, 100, "sharing pairs")].tolist() == ["+0.100 [+0.039, +0.161]"] * 2
    single = correlation.step_table(correlated.query("replicate == 1 or pleiotropy > 0"))
    assert single["MLP's r"].str.endswith("(one cohort)").all()
    more = correlated.assign(
        pearson_r=correlated["pearson_r"] + 0.2 * correlated["shared_pairs"], n_qtl=200
    )
    more = more[more["replicate"] == 1].assign(cell=more["cell"] + "_200")
    both = pd.concat([correlated, more])
    assert correlation.steps_in_words(both) == {
        "pairs": "+0.10 to +0.30",
        "effects": "+0.10",
        "cohorts": "1 to 2",
    }
    assert correlation.steps_in_words(both.query("pleiotropy > 0"))["pairs"] == "not computed"
    # at 100 QTL alone
    lower = correlated[correlated["pleiotropy"] > 0].assign(pleiotropy=0.25, cell="lower")
    assert (10, 200, "correlation") in correlation.step_table(pd.concat([both, lower])).index
    without = correlated[(correlated["pleiotropy"] > 0) | ~correlated["shared_pairs"]]
    assert correlation.step_table(without).empty, "not without all three kinds of traits"


def test_values_by_model_list_all_replicates(diluted):
    second = diluted.assign(replicate=2, learning_rate=diluted["learning_rate"] * 10, epochs=60)
    second.loc[second["model"] == "mlp", ["pearson_r", "status"]] = [np.nan, "diverged"]
    values = phrases.values_by_model(pd.concat([diluted, second]), ["n_markers"])
    assert values.loc[(100, "mlp_pruned")].tolist() == [
        0.74,
        0.52,
        0.33,
        "0.01, 0.1",
        "150",
        "45",
        "converged",
    ]
    assert values.loc[(100, "mlp"), "status"] == "converged, diverged"
    alone = phrases.values_by_model(second, ["n_markers"])
    assert alone.loc[(100, "mlp"), "status"] == "diverged", "a model that failed stays in the table"


def test_how_often_the_limit_of_features_limited(diluted):
    keys = {"cell": "m100", "replicate": 1, "protocol": "published", "model": "mlp_pruned"}
    trials = pd.DataFrame([keys | {"max_features": limit} for limit in (100, 149, 150, 900)])
    assert dilution.selection_limit(diluted, trials).endswith(
        "columns that pass the threshold in 2 of 4"
    )


def points(axes, marker: str) -> list[tuple[float, float]]:
    """The points of a panel with a marker, each line's apart."""
    return [
        [(round(float(x), 3), round(float(y), 3)) for x, y in zip(*line.get_data(), strict=True)]
        for line in axes.get_lines()
        if line.get_marker() == marker and len(line.get_xdata())
    ]


def test_the_data_behind_figure_2(diluted):
    figures.use_style()
    published = pd.read_csv(DATA / "figure_2_digitised.csv")
    epistatic, theirs = diluted.query("rel_aa == 1"), published.query("rel_aa == 1")
    (panel,) = figures.figure_2(epistatic, theirs).axes
    assert points(panel, "D")[0] == [(100, 0.15), (1000, 0.05)]
    medians = [y for _, y in points(panel, "D")[2]]
    assert medians == theirs.query("model == 'mlp'")["median"].round(3).tolist()
    assert points(panel, "P")[0] == [(100, 0.12), (1000, 0.12)]
    assert [text.get_text() for text in panel.texts] == ["only the publication"]
    elsewhere = figures.figure_2(epistatic.assign(n_samples=200), theirs)
    assert not any("publication" in text.get_text() for text in elsewhere.legends[0].get_texts())


def test_the_data_behind_accuracy_by_markers(diluted):
    figures.use_style()
    pairs = diluted.query("model == 'ridge' and n_markers == 100")
    beyond = pairs.assign(model="pairs", n_markers=2500, pearson_r=0.99)
    drawn = dilution.with_held_out(diluted, beyond)
    assert set(drawn["model"]) == {"ridge", "mlp", "mlp_pruned", "pairs"}
    assert (drawn["rel_aa"] == 1).all()
    (panel,) = figures.accuracy_by_markers(drawn, 10_000).axes
    assert points(panel, "D")[-1] == [(100, 0.55), (1000, 0.45)]
    names = {text.get_text() for text in panel.texts}
    assert {"Ridge", "MLP", "Pruned MLP", "Sparse pairs", "network not computed"} == names
    assert dilution.selection_table(diluted).loc["1,000"].tolist() == [
        *("88", "80%", "100%", "50%", "25%")
    ]


def test_the_data_behind_figure_3(correlated):
    figures.use_style()
    figure = figures.figure_3(correlated, pd.read_csv(DATA / "figure_3_digitised.csv"))
    (panel,) = figure.axes
    assert panel.get_title() == "A. 10 traits"
    theirs = sorted(point for line in points(panel, "o") for point in line)
    assert theirs == [(-0.14, 0.62), (0.14, 0.56)], (
        "the publication's medians for 0 and 0.95, none for our control"
    )
    middle = [
        line
        for line in panel.get_lines()
        if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2
    ]
    medians = {
        (round(float(np.mean(line.get_xdata())), 2), round(float(line.get_ydata()[0]), 2))
        for line in middle
        if max(line.get_xdata()) < 0.9  # not the line of parity
    }
    assert {(-0.14, 0.2), (0.0, 0.4), (0.14, 0.6)} <= medians


def test_the_data_behind_sharing_and_correlation(correlated):
    figures.use_style()
    lower = correlated[correlated["pleiotropy"] > 0].assign(n_qtl=200, cell="200 QTL")
    (panel,) = figures.sharing_and_correlation(pd.concat([correlated, lower])).axes
    ours, ridge = (line.get_data() for line in panel.get_lines() if line.get_linestyle() == "-")
    np.testing.assert_allclose(ours, [[0, 1, 2], [0.6, 0.7, 0.8]])
    np.testing.assert_allclose(ridge[1], [0.5, 0.5, 0.5])
    assert {text.get_text() for text in panel.texts} == {"100 QTL", "ridge"}, (
        "not without a control"
    )
    words = correlation.in_words(correlated)
    assert words == {
        "own": "0.60",
        "shared": "0.70",
        "correlated": "0.80",
        "highest": "0.95",
        "shown": "100",
        "lowered": "",
        "pairs": "+0.10",
        "effects": "+0.10",
    }


def test_the_pictures_of_agreement(table):
    figures.use_style()
    both = pd.concat([table, table.assign(protocol="held_out")])
    for draw in (figures.parity, figures.differences):
        figure = draw(both, "ridge_sgd", "ridge")
        assert [ax.get_title() for ax in figure.axes] == [
            "Protocol: published",
            "Protocol: held_out",
        ]
    limits = contrasts.agreement_of_models(both, "ridge_sgd", "ridge", by=["protocol"])
    horizontal = [
        line.get_ydata()[0]
        for line in figure.axes[0].get_lines()
        if list(line.get_xdata()) == [0, 1]
    ]
    expected = limits.loc["published", ["mean_difference", "lower_limit", "upper_limit"]]
    np.testing.assert_allclose(sorted(horizontal), sorted([0, *expected]))


def test_protocols_are_not_pooled(table, digitised):
    mixed = pd.concat([table, table.assign(protocol="held_out")])
    for use in (
        lambda: agreement_page.compare_with_figure_1(mixed, digitised),
        lambda: figures.figure_1a(mixed, digitised),
        lambda: figures.figure_1b(mixed, digitised),
        lambda: figures.figure_2(mixed, pd.read_csv(DATA / "figure_2_digitised.csv")),
        lambda: figures.figure_3(mixed, pd.read_csv(DATA / "figure_3_digitised.csv")),
        lambda: scaling_page.leads_by_scaling(mixed),
    ):
        with pytest.raises(
            ValueError, match="table must hold one protocol, got published, held_out"
        ):
            use()


def test_words_about_a_run(table, tmp_path):
    records = [
        {"device": "a chip", "commit": "abc", "seconds": 1800},
        {"device": "a chip", "commit": "abc", "seconds": 1800},
    ]
    table = table.assign(experiment="scaling", profile="standard")
    (tmp_path / "p.json").write_text(json.dumps(records))
    words = phrases.describe_run(table, tmp_path / "p.json")
    assert words["left"].endswith(
        "18 are not computed yet and 2 have fewer replicates or models than planned"
    )
    assert words == {
        "profile": "standard",
        "width": "512",
        "cells": "2 cells of 1,000 individuals, cohorts in each: 2",
        "left": words["left"],
        "device": "a chip",
        "time": "60 minutes",
        "commit": "abc",
    }


def test_only_cohorts_that_both_tables_have_are_compared(table):
    one, other = table[table["replicate"] == 1], table[table["scaling"] == 20]
    found = contrasts.common_cohorts(one, other)
    wanted = table[(table["replicate"] == 1) & (table["scaling"] == 20)].reset_index(drop=True)
    for part in found:
        pd.testing.assert_frame_equal(part, wanted)


def test_ridge_on_the_networks_individuals_replaces_that_on_random_splits(table):
    table = table.assign(seed=7 * table["replicate"])
    ridge = table[table["model"] == "ridge"]
    held_out = ridge.assign(protocol="held_out", pearson_r=ridge["pearson_r"] - 0.05)
    known = held_out[held_out["scaling"] == 20]
    found = contrasts.ridge_on_test_individuals(
        table, pd.concat([ridge, known, known.assign(model="mlp")])
    )
    assert set(found["protocol"]) == {"published"}
    assert found.columns.tolist() == table.columns.tolist()
    leads = contrasts.mean_difference(found, "mlp", "ridge", ["scaling"])
    before = contrasts.mean_difference(table, "mlp", "ridge", ["scaling"])
    assert leads.index.tolist() == [20], "no ridge where the other table has none"
    assert leads.loc[20, "difference"] == pytest.approx(before.loc[20, "difference"] + 0.05)
    others = found[found["model"] != "ridge"]
    pd.testing.assert_frame_equal(others, table[table["model"] != "ridge"].reset_index(drop=True))
    of_other_cohorts = contrasts.ridge_on_test_individuals(table, known.assign(seed=0))
    assert "ridge" not in set(of_other_cohorts["model"])


def test_other_settings_are_models_beside_the_table_s(table):
    table = table.assign(learning_rate=0.01)
    mlp = table[table["model"] == "mlp"]
    width, rate = mlp["hidden_width"].iloc[0], 0.01
    worse = mlp["pearson_r"] - 0.1 - 0.002 * mlp["replicate"]
    narrow = mlp.assign(hidden_width=16, pearson_r=worse, cell=mlp["cell"] + "_narrow")
    both = narrow.assign(learning_rate=0.5, cell=mlp["cell"] + "_both")
    others = pd.concat(
        [
            narrow,
            both,
            narrow.assign(hidden_width=width, learning_rate=0.5),
            table[table["model"] == "ridge"],
        ]
    )
    found = contrasts.settings_as_models(table, others)
    assert set(found["model"]) == {"mlp", "16 units", "rate 0.5", "16 units, rate 0.5"}
    assert found.loc[found["model"] == "mlp", "hidden_width"].unique() == [width]
    assert found.loc[found["model"] == "16 units", "learning_rate"].unique() == [rate]
    shown = scaling_page.settings_table(table, others)
    assert shown.columns.tolist() == ["16 units", "16 units, rate 0.5", "rate 0.5"]
    assert shown["16 units"].str.startswith("-0.103 [").all()


def test_leads_stand_beside_individuals_per_qtl(table):
    larger = table.assign(
        n_samples=10_000, n_qtl=10 * table["n_qtl"], cell=table["cell"] + "_large"
    )
    both = pd.concat([table, larger[larger["replicate"] == 1]])
    leads = scaling_page.leads_by_scaling(both)
    assert leads["QTL"].tolist() == [16, 202, 160, 2020]
    assert leads["individuals per QTL"].tolist() == [62.5, 5.0, 62.5, 5.0]
    assert leads["cohorts"].tolist() == [2, 2, 1, 1]
    assert leads.loc[(1000, 0.1), "r, MLP"] == pytest.approx(0.85)
    assert leads.loc[(1000, 0.1), "MLP minus ridge"].startswith("+0.250 [")
    # its V_AA / V_G is 6 / 7
    of_epistatic = {model: np.array(R[model][:2]) for model in ("mlp", "ridge")}
    share = np.mean(of_epistatic["mlp"] ** 2 - of_epistatic["ridge"] ** 2) / 0.999 / (6 / 7)
    assert leads.loc[(1000, 0.1), "share of interactions"] == pytest.approx(share, abs=0.005)
    assert leads.loc[(10_000, 20), "MLP minus ridge"].endswith("(one cohort)")
    assert scaling_page.share_in_words(both, 0.1) == f"{share:.0%}"


def test_cells_with_fewer_replicates_are_not_all_computed(table):
    grid = {cell.name: cell for cell in load_grids(ROOT / "params" / "scaling.yml")["standard"]}
    cells = [grid[name].model_copy(update={"n_replicates": 2}) for name in table["cell"].unique()]
    assert phrases.not_computed(table, cells) == "All is computed"
    more = [cell.model_copy(update={"n_replicates": 3}) for cell in cells[:1]]
    assert (
        phrases.not_computed(table, more)
        == "Of the 1 cells of this profile, 1 have fewer replicates or models than planned"
    )
    part = table[(table["scaling"] == 20) & (table["replicate"] == 1)]
    assert phrases.not_computed(part, cells) == (
        "Of the 2 cells of this profile, 1 are not computed yet and 1 have fewer replicates or models than planned"
    )
    assert " 2 have fewer" in phrases.not_computed(table[table["model"] != "mlp"], cells)


def test_single_fits_stand_beside_the_publication_s_replicates(digitised):
    fits = pd.DataFrame(
        {
            "n_samples": [10_000, 10_000, 100_000, 7],
            "n_qtl": [142, 142, 448, 2],
            "model": ["mlp", "ridge", "mlp", "mlp"],
            "r_0.1": [0.945, 0.1, 0.934, 0.5],
            "r_3": [0.789, 0.1, 0.5, 0.5],
        }
    )
    found = agreement_page.single_fits(fits, digitised)
    assert found.index.tolist() == [
        (10_000, 1.0, 0.1),
        (10_000, 1.0, 3.0),
        (100_000, 1.0, 0.1),
        (100_000, 1.0, 3.0),
    ]
    np.testing.assert_allclose(found["difference"], [-0.002, 0, 0, -0.166], atol=1e-9)
    assert found["in range"].tolist() == [True, True, True, False]


def lines(axes) -> dict[str, list[np.ndarray]]:
    """The lines of a panel by their style: our centres are solid, the publication's values dotted,
    replicates bare.
    """
    found = {}
    for line in axes.get_lines():
        found.setdefault(line.get_linestyle(), []).append(np.array(line.get_data()))
    return found


def test_the_data_behind_figure_1(table, digitised):
    figures.use_style()
    b = figures.figure_1b(table, digitised).axes[-1]
    a = figures.figure_1a(table, digitised).axes[0]
    assert b.get_title() == "Mostly interactions"
    ceiling, ridge, network = lines(b)["--"][1], *lines(b)["-"]
    np.testing.assert_allclose(network, [[0.1, 20], [0.85, 0.25]])
    np.testing.assert_allclose(ridge[1], [0.6, 0.3])
    np.testing.assert_allclose(ceiling[1], np.sqrt(1 / 7))
    theirs = digitised.query("model == 'mlp' and n_samples == 1000 and rel_aa == 3").sort_values(
        "scaling"
    )
    np.testing.assert_allclose(lines(b)[":"][0], theirs[["scaling", "r_mid"]].to_numpy().T)
    np.testing.assert_allclose(lines(a)["-"][1], [[16, 202], [0.55, 0.1]])
    np.testing.assert_allclose(sorted(lines(a)["None"][1][1]), [0, 0.2, 0.5, 0.6], atol=1e-12)
    assert b.get_xscale() == a.get_xscale() == "log"


def test_figures_of_a_sample_size_that_the_publication_lacks(table, digitised):
    other = table.assign(n_samples=200)
    for draw in (figures.figure_1a, figures.figure_1b):
        figure = draw(other, digitised)
        assert not any(len(line[0]) for line in lines(figure.axes[0]).get(":", []))
        assert "publication" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_published_table_replicates_figure_1(digitised):
    """The issue's bounds: scaling 0.1, 1 and 20 at 1000 samples, ten cohorts each with the published
    network.
    """
    table = results.read_table(DATA / "scaling.csv").query(
        "protocol == 'published' and n_samples == 1000"
    )
    comparison = agreement_page.compare_with_figure_1(table, digitised)
    nine = comparison[comparison["scaling"].isin([0.1, 1, 20]) & (comparison["rel_aa"] >= 0.5)]
    assert len(nine) == 9
    assert (nine["replicates"] == 10).all()
    assert nine["agrees"].all(), nine[~nine["agrees"]]
    assert abs(nine["difference"].mean()) < 0.015


@pytest.mark.parametrize(
    "experiment", sorted(CELL_TYPES.keys() - {"real"})
)  # see tests/test_real.py
def test_the_published_tables_have_their_provenance(experiment):
    grids = load_grids(ROOT / "params" / f"{experiment}.yml")
    for fit in results.read_collected(DATA / f"{experiment}.csv"):
        parameters, rows = fit.record["parameters"], fit.table
        cells = {cell.name: cell for cell in grids[parameters["profile"]]}
        cell = cells[fit.cell]
        assert same_settings(parameters, cell)
        assert not fit.record["commit"].endswith("-dirty")
        assert rows["replicate"].iloc[0] <= cell.n_replicates
        control = getattr(cell, "all_pairs", False) or cell.broad_sense_heritability < 0.99
        # the publication's, but for controls and questions of our own
        width = 512 if control or experiment in ("ragged", "survey", "worlds") else 4096
        if experiment == "hyperparameters":
            width = cell.hidden_width
        assert set(rows.loc[rows["model"] == "mlp", "hidden_width"]) <= {width}


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A project of which scaling cells are finished: `finish(cell, r, runs)` writes one with one fit a
    replicate.
    """
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results, "commit", lambda: "abc")
    return tmp_path


STANDARD, FULL = (
    load_grids(ROOT / "params" / "scaling.yml")[profile] for profile in ("standard", "full")
)
SEARCHED, FIXED = (
    load_grids(ROOT / "params" / "correlation.yml")[profile] for profile in ("full", "standard")
)


def finish(
    cell: Cell,
    r: float,
    runs: str = "runs",
    models=("ridge",),
    started: str = "2026-01-01",
    **changes,
) -> None:
    """Write a finished cell with one trait."""
    fits = [
        {
            "experiment": cell.experiment,
            "profile": cell.profile,
            "cell": cell.name,
            "replicate": k,
            "trait": 1,
        }
        | {"model": model, "protocol": cell.protocols[0], "pearson_r": r}
        for k in range(1, cell.n_replicates + 1)
        for model in models
    ]
    parameters = cell.model_dump(mode="json") | changes
    results.write_cell(
        Path(runs, cell.profile, cell.experiment, cell.name),
        pd.DataFrame(fits),
        parameters,
        datetime.fromisoformat(f"{started}T00:00:00+00:00"),
    )


def of_replicates(cell: Cell, number: int, **changes: object) -> Cell:
    return cell.model_copy(update={"n_replicates": number} | changes)


def published(experiment: str = "scaling") -> dict[str, float]:
    fits = results.read_collected(Path("book/data", f"{experiment}.csv"))
    return {fit.name: fit.table["pearson_r"].iloc[0] for fit in fits}


def named(cell: Cell, replicates: range, model: str = "ridge", r: float = 0.5) -> dict[str, float]:
    return {f"{cell.name} {k} {cell.protocols[0]} {model}": r for k in replicates}


def test_publishing_refuses_what_was_computed_otherwise(book, monkeypatch, capsys):
    assert publish.main(["standard"]) == 1
    assert "No fit of the profile standard is finished" in capsys.readouterr().err
    for commit, changes, message in (
        ("abc-dirty", {}, "must have been computed by committed code, got commit abc-dirty"),
        ("abc", {"hidden_width": 8}, "must have been computed with the parameters of its profile"),
    ):
        monkeypatch.setattr(results, "commit", lambda commit=commit: commit)
        finish(STANDARD[0], 0.5, **changes)
        assert publish.main(["standard"]) == 1
        assert message in capsys.readouterr().err
        assert not Path("book").exists()


def test_a_standard_cell_over_a_full_one_loses_nothing(book, capsys):
    """Five published cohorts of a search stay beside three of a fixed rate; models that are new come
    to them.
    """
    cell, full = of_replicates(FIXED[0], 3), of_replicates(SEARCHED[0], 5)
    assert cell.name == full.name
    finish(full, 0.5, models=("ridge", "mlp"))
    assert publish.main(["full"]) == 0
    before = published("correlation")
    assert before == named(full, range(1, 6)) | named(full, range(1, 6), "mlp")
    finish(cell, 0.1, models=("ridge", "mlp", "kernel"), started="2026-02-01")
    assert publish.main(["standard"]) == 0
    assert "correlation: 3 fits published" in capsys.readouterr().out
    assert published("correlation") == before | named(cell, range(1, 4), "kernel", 0.1)
    by_profile = (
        pd.read_csv("book/data/correlation.csv")
        .groupby(["model", "profile"])["replicate"]
        .nunique()
    )
    assert by_profile.to_dict() == {
        ("ridge", "full"): 5,
        ("mlp", "full"): 5,
        ("kernel", "standard"): 3,
    }
    # computed again, with the same parameters
    finish(full, 0.6, models=("ridge", "mlp"), started="2026-03-01")
    assert publish.main(["full"]) == 0
    assert published("correlation") == (
        named(full, range(1, 6), r=0.6)
        | named(full, range(1, 6), "mlp", 0.6)
        | named(cell, range(1, 4), "kernel", 0.1)
    )


def test_a_search_takes_the_place_of_a_fixed_rate_and_never_the_reverse(book):
    fixed, searched = of_replicates(FIXED[0], 2), of_replicates(SEARCHED[0], 1)
    finish(fixed, 0.1, models=("mlp",), started="2026-02-01")
    assert publish.main(["standard"]) == 0
    finish(searched, 0.5, models=("mlp",))
    assert publish.main(["full"]) == 0
    both = named(searched, range(1, 2), "mlp", 0.5) | named(fixed, range(2, 3), "mlp", 0.1)
    assert published("correlation") == both
    rates = [
        len(record["parameters"]["mlp_learning_rates"]) for record in records_of("correlation")
    ]
    assert rates == [7, 1]  # told apart
    finish(fixed, 0.2, models=("mlp",), started="2026-03-01")
    assert publish.main(["standard"]) == 0
    assert published("correlation") == both | named(fixed, range(2, 3), "mlp", 0.2)


def records_of(experiment: str) -> list[dict]:
    return results.read_records(Path("book/data", f"{experiment}.provenance.json"))


def test_cells_stand_in_the_grid_s_order_and_those_of_other_machines_and_profiles_stay(
    book, capsys
):
    first, second = STANDARD[:2]
    [larger] = [cell for cell in FULL if cell.n_samples == 100_000][:1]
    for cell, profile in ((second, "standard"), (larger, "full"), (first, "standard")):
        finish(cell, 0.1 + 0.2)  # a number that needs all its digits
        assert publish.main([profile]) == 0
        shutil.rmtree("runs")
    wanted = {
        name
        for cell in (first, second, larger)
        for name in named(cell, range(1, cell.n_replicates + 1))
    }
    assert set(published()) == wanted
    assert set(published().values()) == {0.1 + 0.2}
    in_order = list(dict.fromkeys(name.split()[0] for name in published()))
    assert in_order == [first.name, second.name, larger.name]
    assert "kept, though" not in capsys.readouterr().out
    before = Path("book/data/scaling.csv").read_bytes()
    finish(first, 0.1 + 0.2)
    assert publish.main(["standard"]) == 0
    assert "scaling: 0 fits published; not complete: n1000_scaling0.1, " in capsys.readouterr().out
    assert Path("book/data/scaling.csv").read_bytes() == before


def test_what_is_no_longer_the_profile_s_is_named(book, capsys):
    first, second = STANDARD[:2]
    for cell in (first, second):
        finish(cell, 0.5)
    publish.main(["standard"])
    path = Path("params/scaling.yml")
    changed = path.read_text().replace("scaling: [0.1, 0.2,", "scaling: [0.2,")
    path.write_text(changed.replace("hidden_width: 4096", "hidden_width: 2048"))
    shutil.rmtree("runs")
    finish(of_replicates(second, 1, hidden_width=2048), 0.6, started="2026-02-01")
    capsys.readouterr()
    assert publish.main(["standard"]) == 0
    said = capsys.readouterr().out
    assert f"kept, though the profile standard has no such cell now: {first.name}" in said
    assert f"kept, though the profile standard gives it other parameters now: {second.name}" in said
    assert published() == (
        named(first, range(1, 11)) | named(second, range(1, 2), r=0.6) | named(second, range(2, 11))
    )


def test_fits_of_several_machines_merge_and_conflicts_are_refused(book, capsys):
    one, two, three = (of_replicates(cell, 2) for cell in STANDARD[:3])
    finish(one, 0.1)
    finish(two, 0.2, "elsewhere")
    finish(of_replicates(one, 3), 0.1 + 1e-9, "elsewhere")  # a processor that rounds otherwise
    finish(three, 0.3, "third")
    with tarfile.open("third.tar.gz", "w:gz") as archive:
        archive.add("third", ".")
    command = ["standard", "--also", "elsewhere", "--also", "third.tar.gz"]
    assert publish.main(command) == 0
    wanted = named(one, range(1, 3), r=0.1) | named(one, range(3, 4), r=0.1 + 1e-9)
    assert published() == (
        wanted | named(two, range(1, 3), r=0.2) | named(three, range(1, 3), r=0.3)
    )

    finish(two, 0.25, "third")
    before = Path("book/data/scaling.csv").read_bytes()
    assert publish.main([*command, "--also", "third"]) == 1
    assert "must have the same numbers wherever it was computed" in capsys.readouterr().err
    assert publish.main(["standard", "--also", "nothing"]) == 1
    assert "--also must be a folder or an archive (tar) that is there" in capsys.readouterr().err
    assert Path("book/data/scaling.csv").read_bytes() == before


# --- All of it ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared():
    names = ("scaling", "dilution", "correlation")
    tables = {
        name: results.read_table(DATA / f"{name}.csv").query("protocol == 'published'")
        for name in names
    }
    published = {
        name: pd.read_csv(DATA / f"figure_{k}_digitised.csv")
        for k, name in enumerate(names, start=1)
    }
    return agreement_page.against_publication(tables, published), tables, published


def test_every_value_of_the_publication_stands_once_computed_or_not(compared):
    found, tables, published = compared
    middles = {"scaling": "r_mid", "dilution": "median", "correlation": "median_relative_gain"}
    assert len(found) == sum(published[name][column].count() for name, column in middles.items())
    assert not found.duplicated(["comparison", "place"]).any()
    ours = agreement_page.compare_with_figure_1(tables["scaling"], published["scaling"])
    part = found[found["comparison"] == "r of the MLP, figure 1"]
    assert part["ours"].count() == len(ours)
    np.testing.assert_allclose(np.sort(part["difference"].dropna()), np.sort(ours["difference"]))
    assert part["agrees"].sum() == ours["agrees"].sum()
    assert part["place"].iloc[0] == "1,000 individuals, scaling 0.1, relAA 0"


def test_the_summary_counts_what_is_there(compared):
    found, _, _ = compared
    table = agreement_page.agreement_table(found)
    parts = found.groupby("comparison", sort=False)
    assert table["values"].tolist() == parts.size().tolist()
    assert table["computed"].tolist() == parts["ours"].count().tolist()
    assert table["within bound"].tolist() == parts["agrees"].sum().tolist()
    assert (table["within bound"] < table["with bound"]).any()
    words = agreement_page.in_words(found)
    assert (words["values"], words["computed"]) == (str(len(found)), str(found["ours"].count()))


def test_the_figure_draws_what_was_computed(compared):
    found, _, _ = compared
    figure = agreement_page.draw(found)
    # the first is the parity line
    drawn = sum(len(line.get_xdata()) for ax in figure.axes for line in ax.lines[1:])
    assert drawn == found["ours"].count()
