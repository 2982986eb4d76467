"""The comparison with the publication, the numbers in the book's text, and the data behind its figures."""

import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from epidl import figures, pages, publish, replication, results
from epidl.params import load_grids

DATA = ROOT / "book" / "data"
R = {"mlp": [0.9, 0.8, 0.3, 0.2], "ridge_sgd": [0.6, 0.5, 0.25, 0.2], "ridge": [0.6, 0.6, 0.3, 0.3]}


@pytest.fixture
def table() -> pd.DataFrame:
    """Two replicates at two scalings (first two and last two values of R), for an epistatic and an additive trait."""
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
    gain = replication.paired(table, "mlp", "ridge_sgd").query("rel_aa == 3")
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
    result = replication.compare_with_figure_1(table, published)
    assert len(result) == 1, "only what both tables hold"
    row = result.iloc[0]
    assert row["r"] == pytest.approx(0.85)
    assert row["standard_error"] == pytest.approx(0.05)  # of 0.9 and 0.8
    assert row["standard_error_published"] == pytest.approx(0.2 / 3.078 / np.sqrt(10))
    assert row["difference"] == pytest.approx(0.05)
    assert row["bound"] == pytest.approx(2 * np.hypot(0.05, 0.2 / 3.078 / np.sqrt(10)) + 0.02)
    assert row["agrees"]
    assert pages.comparison_table(result).to_numpy().tolist() == [["+0.050"]]
    assert pages.agreement(result) == {"agree": "1", "compared": "1", "mean_difference": "+0.050"}
    far = replication.compare_with_figure_1(table, published.assign(r_mid=0.6))
    assert not far["agrees"].any()
    assert pages.comparison_table(far).to_numpy().tolist() == [["+0.250 *"]]


def test_protocols_are_not_pooled(table, digitised):
    mixed = pd.concat([table, table.assign(protocol="held_out")])
    for use in (
        lambda: replication.compare_with_figure_1(mixed, digitised),
        lambda: figures.figure_1a(mixed, digitised),
        lambda: figures.figure_1b(mixed, digitised),
        lambda: pages.headline(mixed),
        lambda: pages.baseline_gap(mixed),
    ):
        with pytest.raises(ValueError, match="table must hold one protocol, got published, held_out"):
            use()


def test_numbers_in_the_text(table):
    assert pages.headline(table) == {
        "mlp_low": "0.85",
        "ridge_low": "0.60",
        "mlp_high": "0.25",
        "ridge_high": "0.30",
        "scaling_low": "0.1",
        "scaling_high": "20",
        "additive_best": "0.250",
        "additive_worst": "0.050",
        "n_samples": "1,000",
    }
    gap = pages.baseline_gap(table)
    assert (gap["low"], gap["high"], gap["mlp_sgd"], gap["mlp_exact"]) == ("0.050", "0.075", "+0.025", "-0.050")


def test_words_about_a_run(table, tmp_path):
    records = [
        {"device": "a chip", "commit": "abc", "seconds": 1800},
        {"device": "a chip", "commit": "abc", "seconds": 1800},
    ]
    (tmp_path / "p.json").write_text(json.dumps(records))
    assert pages.describe_run(table, tmp_path / "p.json") == {
        "profile": "quick",
        "width": "512",
        "cells": "2 scalings with 2 replicates at 1,000 samples",
        "device": "a chip",
        "time": "60 minutes",
        "commit": "abc",
    }


def lines(axes) -> dict[str, list[np.ndarray]]:
    """The lines of a panel by their style: our centres are solid, the publication's values dotted, replicates bare."""
    found = {}
    for line in axes.get_lines():
        found.setdefault(line.get_linestyle(), []).append(np.array(line.get_data()))
    return found


def test_the_data_behind_figure_1(table, digitised):
    figures.use_style()
    b, a = (draw(table, digitised).axes[0] for draw in (figures.figure_1b, figures.figure_1a))
    epistatic = lines(b)["-"][1]
    np.testing.assert_allclose(epistatic, [[0.1, 20], [0.85, 0.25]])
    theirs = digitised.query("model == 'mlp' and n_samples == 1000 and rel_aa == 3").sort_values("scaling")
    np.testing.assert_allclose(lines(b)[":"][1], theirs[["scaling", "r_mid"]].to_numpy().T)
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
    """The issue's bounds: scaling 0.1, 1 and 20 at 1000 samples, ten cohorts each with the published network."""
    table = results.read_table(DATA / "scaling.csv").query("protocol == 'published' and n_samples == 1000")
    comparison = replication.compare_with_figure_1(table, digitised)
    nine = comparison[comparison["scaling"].isin([0.1, 1, 20]) & (comparison["rel_aa"] >= 0.5)]
    assert len(nine) == 9
    assert (nine["replicates"] == 10).all()
    assert nine["agrees"].all(), nine[~nine["agrees"]]
    assert abs(nine["difference"].mean()) < 0.015


def test_the_published_table_has_its_provenance():
    table = results.read_table(DATA / "scaling.csv")
    records = json.loads((DATA / "scaling.provenance.json").read_text())
    cells = {cell.name: cell for cell in load_grids(ROOT / "params" / "scaling.yml")["standard"]}
    assert len(records) == table["cell"].nunique()
    for name, record in zip(table["cell"].unique(), records, strict=True):
        assert record["parameters"] == cells[name].model_dump(mode="json")
        assert not record["commit"].endswith("-dirty")
    assert set(table.loc[table["model"] == "mlp", "hidden_width"]) == {4096}
    assert table.groupby("cell")["replicate"].nunique().eq(10).all()


def test_publishing_refuses_what_was_computed_otherwise(tmp_path, monkeypatch, table, capsys):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "DATA", tmp_path / "data")
    assert publish.main(["standard"]) == 1
    assert "No cell of the profile standard is finished" in capsys.readouterr().err

    cells = publish.planned_cells(tmp_path, "standard")
    folder, cell = next(iter(cells.items()))
    for commit, parameters, message in (
        ("abc-dirty", {}, "must have been computed by committed code, got commit abc-dirty"),
        ("abc", {"hidden_width": 8}, "must have been computed with the parameters of its profile"),
    ):
        monkeypatch.setattr(results, "commit", lambda commit=commit: commit)
        results.write_cell(folder, table, cell.model_dump(mode="json") | parameters, datetime.now(UTC))
        assert publish.main(["standard"]) == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / "data").exists()

    results.write_cell(folder, table, cell.model_dump(mode="json"), datetime.now(UTC))
    assert publish.publish("scaling", cells)
    assert "1 cells published; not computed: n1000_scaling0.2" in capsys.readouterr().out
    pd.testing.assert_frame_equal(results.read_table(tmp_path / "data" / "scaling.csv"), table)
