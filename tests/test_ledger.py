"""The ledger and its experiment: seeds that stay, cohorts that are shared, words and tables that are
computed.
"""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from epidl import seeds
from epidl.cohorts.splits import split_samples
from epidl.grid import core, results
from epidl.grid.params import CELL_TYPES, RaggedCell, ScalingCell, last_batch, load_grids, make_cell
from epidl_book import correlation, phrases, provenance
from epidl_book import ledger as ledger_page
from epidl_book.ledger import printed_label

mpl.use("Agg")
DATA = ROOT / "book" / "data"
CELL = {
    "n_samples": 153,
    "scaling": 0.5,
    "n_replicates": 2,
    "rel_aa": [0, 1],
    "broad_sense_heritability": 0.999,
    "models": ["ridge", "mlp", "mlp_recomputed"],
    "protocols": ["published"],
    "hidden_width": 16,
    "mlp_max_epochs": 5,
    "seed": 1,
}


def fitted(**changes) -> pd.DataFrame:
    return core.run(make_cell(RaggedCell, **CELL | changes)).table


@pytest.mark.parametrize(
    "experiment", [name for name in CELL_TYPES if (DATA / f"{name}.csv").exists()]
)
def test_published_cohorts_keep_their_seeds(experiment):
    """The seed rule: the cell's seed, whose cohorts these are, the cohorts' name, the replicate."""
    table = results.read_table(DATA / f"{experiment}.csv")
    for name, record in {
        fit.cell: fit.record for fit in results.read_collected(DATA / f"{experiment}.csv")
    }.items():
        cell = make_cell(CELL_TYPES[experiment], **record["parameters"])
        drawn = table[table["cell"] == name].groupby("replicate")["seed"].unique()
        # of a cell whose fits are not all published yet there are fewer cohorts
        assert 0 < len(drawn) <= cell.n_replicates
        assert {k: list(v) for k, v in drawn.items()} == {
            k: [seeds.derive(cell.seed, cell.cohorts, cell.cohort_name, k)]
            for k in range(1, len(drawn) + 1)
        }


def test_cells_with_and_without_the_last_batch_share_their_cohorts():
    kept, dropped = (
        make_cell(RaggedCell, **CELL),
        make_cell(RaggedCell, **CELL | {"drop_ragged_batch": True}),
    )
    assert (kept.name, dropped.name) == ("n153_scaling0.5", "n153_scaling0.5_dropped")
    assert kept.cohort_name == dropped.cohort_name == kept.name
    with_it, without = fitted(), fitted(drop_ragged_batch=True)
    same = ["seed", "rel_aa", "va_over_vg"]
    pd.testing.assert_frame_equal(with_it[same], without[same])
    r = [
        table.set_index(["model", "replicate", "trait"])["pearson_r"]
        for table in (with_it, without)
    ]
    assert r[0]["ridge"].equals(r[1]["ridge"])
    assert (r[0]["mlp"] != r[1]["mlp"]).all()
    assert (r[0]["mlp"] != r[0]["mlp_recomputed"]).all()


def test_where_no_sample_is_left_over_dropping_changes_nothing():
    assert last_batch(150, "published") == 128  # 127.5 rounds to an even number
    kept, dropped = fitted(n_samples=150), fitted(n_samples=150, drop_ragged_batch=True)
    pd.testing.assert_frame_equal(
        kept.drop(columns=["cell", "seconds"]), dropped.drop(columns=["cell", "seconds"])
    )


def test_the_grid_of_last_batches_is_what_its_file_says():
    grid = load_grids(ROOT / "params" / "ragged.yml")["standard"]
    cells = [cell for cell in grid if cell.n_samples < 10_000]
    assert {
        (cell.n_samples, last_batch(cell.n_samples, "published"))
        for cell in grid
        if cell not in cells
    } == {(100_000, 8)}
    assert sorted({last_batch(cell.n_samples, "published") for cell in cells}) == [
        2,
        4,
        8,
        16,
        32,
        64,
        127,
        128,
    ]
    assert {(cell.scaling, cell.n_qtl) for cell in cells} == {(0.1, 16), (0.93, 46)}
    for cell in cells:
        assert (
            len(split_samples(cell.n_samples, "published").train) % 128
            == last_batch(cell.n_samples, "published") % 128
        )


@pytest.fixture(scope="module")
def ragged() -> pd.DataFrame:
    return pd.concat(
        [fitted(n_samples=n, drop_ragged_batch=drop) for n in (153, 200) for drop in (False, True)]
    )


def test_variants_of_the_last_batch_are_paired_by_cohort(ragged):
    variants = ledger_page.variants_of_the_last_batch(ragged)
    assert set(variants["model"]) == {"ridge", "mlp", "mlp_recomputed", "mlp_dropped"}
    assert not variants.duplicated(["cell", "replicate", "trait", "model"]).any()
    assert variants.groupby("n_samples")["last_batch"].unique().map(list).to_dict() == {
        153: [2],
        200: [42],
    }
    words = phrases.difference_table(variants, ["mlp_dropped"], "mlp", ["last_batch"])
    mlp = ragged[(ragged["model"] == "mlp") & (ragged["n_samples"] == 153)]
    dropped = mlp["cell"].str.endswith("_dropped")
    expected = mlp.loc[dropped, "pearson_r"].mean() - mlp.loc[~dropped, "pearson_r"].mean()
    assert words.loc[2, "mlp_dropped"].startswith(f"{expected:+.3f} [")
    with pytest.raises(ValueError, match="one protocol"):
        ledger_page.variants_of_the_last_batch(
            pd.concat([ragged, ragged.assign(protocol="held_out")])
        )


def test_epochs_by_the_last_batch(ragged):
    variants = ledger_page.variants_of_the_last_batch(ragged)
    part = variants[(variants["last_batch"] == 2) & (variants["rel_aa"] > 0)]
    epochs = ledger_page.epochs_by_last_batch(variants)
    assert (
        epochs.loc[(14, 2), "as published"]
        == part[part["model"] == "mlp"].groupby("replicate")["epochs"].first().mean()
    )


def test_the_figure_of_the_last_batch_draws_means_over_epistatic_traits(ragged):
    variants = ledger_page.variants_of_the_last_batch(ragged)
    figure = ledger_page.draw_last_batch(variants)
    assert len(figure.axes) == 2  # 14 and 16 QTL
    means = (
        variants[(variants["rel_aa"] > 0) & (variants["n_qtl"] == 14)]
        .groupby("model")["pearson_r"]
        .mean()
    )
    drawn = [line.get_ydata() for line in figure.axes[0].get_lines() if line.get_linestyle() == "-"]
    np.testing.assert_allclose(
        [y[0] for y in drawn], means[["mlp", "mlp_recomputed", "mlp_dropped"]]
    )


def test_words_of_the_last_batch(ragged):
    variants = ledger_page.variants_of_the_last_batch(ragged)
    words = ledger_page.last_batch_in_words(variants)
    changes = phrases.difference_table(
        variants[variants["rel_aa"] > 0], ["mlp_dropped"], "mlp", ["last_batch"]
    )
    assert words["smallest"] == "2"
    assert (
        words["dropped"] == f"{float(changes.loc[2, 'mlp_dropped'].split()[0]):+z.2f}"
    )  # one number of QTL
    is_mlp = variants["model"] == "mlp"
    alike = variants.assign(pearson_r=0.5 + 0.0001 * (-1) ** variants["replicate"] * is_mlp)
    assert ledger_page.last_batch_in_words(alike)["harmless"] == "2"
    worse = alike.assign(pearson_r=alike["pearson_r"] - 0.2 * (is_mlp & (alike["last_batch"] == 2)))
    assert ledger_page.last_batch_in_words(worse) | {"recomputed": ""} == {
        "smallest": "2",
        "dropped": "+0.20",
        "recomputed": "",
        "harmless": "42",
    }


def test_what_deciding_is_worth_is_drawn_with_its_interval():
    index = pd.MultiIndex.from_product([[1000, 2000], [0.1, 1.0]], names=["n_samples", "scaling"])
    found = pd.DataFrame(
        {"difference": [0.01, 0.02, 0.03, 0.04], "low": 0.0, "high": 0.06, "cohorts": 5}, index
    )
    figure = ledger_page.draw_deciding(found)
    lines = figure.axes[0].containers
    assert [list(line.lines[0].get_ydata()) for line in lines] == [[0.01, 0.02], [0.03, 0.04]]
    ends = lines[0].lines[2][0].get_segments()
    np.testing.assert_allclose([end[:, 1] for end in ends], [[0, 0.06], [0, 0.06]])


def test_the_output_s_batch_norm_is_compared_within_cohorts():
    rows = [
        (k, output, r + 0.1 * k) for k in range(3) for output, r in (("code", 0.5), ("text", 0.4))
    ]
    scores = pd.DataFrame(rows, columns=["cohort", "output", "r"])
    words = ledger_page.output_norm_in_words(scores)
    assert words == {"change": "+0.10", "shown": "excludes"}
    level = scores.assign(r=[0.5, 0.4, 0.4, 0.5, 0.5, 0.5])
    assert ledger_page.output_norm_in_words(level)["shown"] == "includes"
    *cohorts, mean = ledger_page.draw_output_norm(scores).axes[0].get_lines()
    assert len(cohorts) == 3
    np.testing.assert_allclose(mean.get_ydata(), [0.6, 0.5])


def test_the_label_is_right_where_the_correlation_has_two_digits():
    simulated = [0, 0.25, 0.5, 0.75, 0.95]
    assert [printed_label(value) for value in simulated] == [0, 0.25, 0.05, 0.75, 0.95]


def test_the_figure_of_the_label_marks_the_wrong_one():
    table = results.read_table(DATA / "correlation.csv")
    figure = ledger_page.draw_mislabelled(
        [0, 0.25, 0.5], table, pd.read_csv(DATA / "figure_3_digitised.csv")
    )
    labels = [(*line.get_xdata(), *line.get_ydata()) for line in figure.axes[0].get_lines()[:3]]
    assert labels == [(0, 0), (0.25, 0.25), (0.5, 0.05)]
    (note,) = figure.axes[0].texts
    assert note.get_text() == "0.5 is printed as 0.05"


def test_closed_forms():
    cells = [make_cell(ScalingCell, **point) for point in (scaling_point(0.1), scaling_point(1))]
    # 14.65 and 45.22 before rounding: 16 and 46 QTL where the nearest even numbers are 14 and 46
    assert ledger_page.rounding(cells).startswith(
        "1 of 2 grid points have another number of QTL than the nearest even one"
    )
    exponent = np.log(1035 / 120) / np.log(46 / 16)
    assert f"to the power of {exponent:.2f}" in ledger_page.growth_of_pairs(cells)
    assert "0.0045 higher" in ledger_page.ceiling(0.999)
    assert "would need relAA 2.83, not 1" in ledger_page.caption_share(1)
    tuned = load_grids(ROOT / "params" / "dilution.yml")["full"][0]
    assert f"{100 * (6 / 7) ** 10:.0f} % of searches" in ledger_page.untried_rates(tuned)


def scaling_point(scaling: float) -> dict:
    return CELL | {"models": ["ridge"], "n_samples": 1000, "scaling": scaling}


def rows(**columns) -> pd.DataFrame:
    base = {
        "experiment": "scaling",
        "n_samples": 1000,
        "scaling": 1.0,
        "cell": "a",
        "replicate": 1,
        "trait": 1,
    }
    return pd.DataFrame(base | {"model": "mlp", "protocol": "published", "rel_aa": 1.0} | columns)


def test_effects_of_small_tables():
    fits = rows(
        replicate=[1, 1, 2],
        trait=[1, 2, 1],
        status=["max_epochs", "max_epochs", "converged"],
        epochs=[9, 9, 5],
    )
    assert ledger_page.epoch_limit(fits) == "1 of 2 fits of the published MLP ran into the limit"
    shares = rows(replicate=[1, 2, 2], va_over_vg=[0.2, 0.4, 0.4])
    assert ledger_page.additive_shares([shares], 1) == (
        "V_A/V_G is 0.33 in expectation, not 0.50, and the mean over our traits is 0.30"
    )
    published, held_out = (
        rows(replicate=[1, 2], pearson_r=[0.8, 0.9]),
        rows(replicate=[1, 2], pearson_r=[0.7, 0.9]),
    )
    ridge = published.assign(model="ridge")
    effect = ledger_page.steering(
        pd.concat([published, ridge]), held_out.assign(protocol="held_out")
    )
    assert effect.endswith("by +0.05 at 1,000 individuals")
    splits = pd.concat([ridge, held_out.assign(model="ridge", protocol="held_out")])
    assert ledger_page.random_splits(splits).endswith("0.071 at 1,000 individuals")


def test_effects_that_no_table_has_are_not_measured():
    lone = rows(pearson_r=[0.8])
    assert ledger_page.steering(lone, lone.assign(protocol="held_out", cell="b")) == "not measured"
    apart = rows(n_traits=2, n_qtl=10, pleiotropy=0.0, shared_pairs=False, pearson_r=[0.8])
    correlated = apart.assign(cell="b", pleiotropy=0.5, shared_pairs=True)
    table = pd.concat(
        [part.assign(model=model) for part in (apart, correlated) for model in ("mlp", "ridge")]
    )
    assert correlation.steps_in_words(table)["pairs"] == "not computed"  # for want of the control
    assert ledger_page.kinds_of_gain(table).endswith(
        "by numbers of traits and QTL, the relative gain +0.00"
    )


def record(cell, **changes) -> dict:
    parts = {"commit": "abc", "device": "a machine", "seconds": 1800.0, "peak_memory_mb": 1024}
    parts["fits"] = sorted(cell.fits)
    return (
        {"parameters": cell.model_dump(mode="json"), "versions": {"torch": "2", "numpy": "1"}}
        | parts
        | changes
    )


def test_the_table_of_provenance_counts_cells_of_each_profile():
    cells = {
        "standard": [
            make_cell(ScalingCell, profile="standard", **scaling_point(s)) for s in (0.1, 1)
        ],
        "full": [make_cell(ScalingCell, profile="full", **scaling_point(s)) for s in (0.1, 1, 2)],
    }
    cells["full"][0] = cells["full"][0].model_copy(update={"n_replicates": 9})
    done = [record(cell) for cell in cells["standard"]]
    done[1] |= {"commit": "def", "peak_memory_mb": 2048}
    table = provenance.provenance_table(
        {"scaling": done, "beyond": []}, {"scaling": cells, "beyond": cells}, cells
    )
    assert table.loc["scaling"].to_dict() == {
        "cells": 2,
        "of standard": "2 of 2",
        "of full": "1 of 3",
        "profile": "standard",
        "commit": "abc, def",
        "device": "a machine",
        "hours": "1",
        "peak memory, GiB": "2.0",
    }
    assert table.loc["beyond", ["of standard", "commit"]].tolist() == ["0 of 2", "–"]
    versions = provenance.versions_table({"scaling": done, "beyond": []})
    assert versions["scaling"].to_dict() == {"numpy": "1", "torch": "2"}
    assert list(versions.columns) == ["scaling"]


def test_seeds_are_counted_and_a_wrong_one_shows(ragged):
    table = ragged[ragged["n_samples"] == 153]
    cells = [make_cell(RaggedCell, **CELL | {"drop_ragged_batch": drop}) for drop in (False, True)]
    records = [record(cell) for cell in cells]
    assert provenance.count_repeated_seeds(table, records) == (4, 4)
    wrong = table.assign(seed=table["seed"].where(table["replicate"] == 1, 5))
    assert provenance.count_repeated_seeds(wrong, records) == (2, 4)


def test_the_commands_that_repeat_a_cell():
    table = rows(profile=["standard"])
    assert provenance.repeat_commands(table, {"commit": "abc"}).splitlines() == [
        "git checkout abc",
        "make setup && source .venv/bin/activate",
        "python -m epidl.grid standard runs/standard/scaling/a/table.csv",
    ]


def test_a_missing_provenance_holds_no_record(tmp_path):
    assert provenance.read_records(tmp_path / "none.json") == []
