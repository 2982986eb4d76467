"""Interactive charts: what their specifications hold."""

import io
import json
import re

import pandas as pd
import pytest

from conftest import ROOT
from epidl.figures.style import MODEL_NAMES
from epidl.planner import surface
from epidl_book import charts

CHARTS = {"scaling": 1, "dilution": 2, "correlation": 3}


def tables(experiment: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    data = ROOT / "book" / "data"
    table = pd.read_csv(data / f"{experiment}.csv").query("protocol == 'published'")
    return table, pd.read_csv(data / f"figure_{CHARTS[experiment]}_digitised.csv")


def specify(experiment: str, table: pd.DataFrame, published: pd.DataFrame) -> dict:
    return charts.specification(getattr(charts, f"{experiment}_chart")(table, published))


def dataset(spec: dict, name: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(spec["datasets"][name]), dtype={"condition": str})


def controls(spec: dict) -> dict[str, list]:
    return {param["name"]: param["bind"]["options"] for param in spec["params"] if "bind" in param}


def start(spec: dict) -> dict[str, object]:
    return {param["name"]: param.get("value") for param in spec["params"]}


@pytest.mark.parametrize("experiment", CHARTS)
def test_each_replicate_is_held_once_with_its_value(experiment):
    table, published = tables(experiment)
    held = dataset(specify(experiment, table, published), "replicates")
    assert len(held) == len(table)
    place = {
        "scaling": ["n_samples", "scaling", "rel_aa"],
        "dilution": ["n_markers", "rel_aa"],
        "correlation": ["n_qtl", "condition"],
    }
    assert not held.duplicated([*place[experiment], "model", "trait", "replicate"]).any()
    assert held["pearson_r"].tolist() == pytest.approx(table["pearson_r"].tolist(), abs=5.1e-4)
    assert held["model"].tolist() == table["model"].map(MODEL_NAMES).tolist()
    for column in ("replicate", "trait", "status"):
        assert held[column].tolist() == table[column].tolist()


def test_controls_list_all_traits_sizes_and_models():
    table, published = tables("scaling")
    spec = specify("scaling", table, published)
    assert controls(spec) == {
        "rel_aa": [0, 0.1, 0.5, 1, 3],
        "n_samples": [1000, 10_000, 100_000, 1_000_000],
        "model": [None, "Ridge", "Ridge by SGD", "MLP"],
    }
    assert start(spec)["rel_aa"] == 3
    assert start(spec)["n_samples"] == table["n_samples"].min()
    spec = specify("correlation", *tables("correlation"))
    assert controls(spec)["n_traits"] == [10, 100]
    assert controls(spec)["n_qtl"] == [100, 200, 300, 500, 1000]
    assert controls(spec)["quantity"] == ["pearson_r", "relative_gain"]
    assert controls(specify("dilution", *tables("dilution")))["rel_aa"] == [0, 1]


def test_controls_grow_with_the_table_and_start_with_what_is_computed():
    table, published = tables("scaling")
    larger = table.assign(n_samples=10_000, cell="larger")
    spec = specify("scaling", larger, published[published["n_samples"] < 10_000])
    assert controls(spec)["n_samples"] == [1000, 10_000]
    assert start(spec)["n_samples"] == 10_000


@pytest.mark.parametrize(("experiment", "column"), [("scaling", "r_mid"), ("dilution", "median")])
def test_the_publications_values_are_held(experiment, column):
    table, published = tables(experiment)
    held = dataset(specify(experiment, table, published), "publication")
    assert held["value"].tolist() == published[column].tolist()
    assert held["rel_aa"].tolist() == published["rel_aa"].tolist()
    assert set(held["model"]) <= set(MODEL_NAMES.values())
    ranges = ["r_low", "r_high"] if experiment == "scaling" else ["low", "high"]
    pd.testing.assert_frame_equal(
        held[["low", "high"]], published[ranges].set_axis(["low", "high"], axis=1)
    )


def test_the_publications_correlations_are_no_control_with_shared_pairs():
    table, published = tables("correlation")
    held = dataset(specify("correlation", table, published), "publication")
    assert len(held) == len(published)
    assert sorted(held["condition"].unique()) == ["0", "0.25", "0.5", "0.75", "0.95"]
    assert held["low"].isna().all()  # the figure has a box for the traits, no range of replicates


def test_the_publications_values_of_other_cohorts_are_left_out():
    table, published = tables("dilution")
    assert dataset(specify("dilution", table.assign(n_samples=200), published), "publication").empty


def test_gains_are_over_ridge_on_the_same_cohort_and_trait():
    table, published = tables("dilution")
    held = dataset(specify("dilution", table, published), "replicates")
    place = ["n_markers", "rel_aa", "replicate", "model"]
    scores = table.set_index(place)["pearson_r"].unstack()
    gains = held.set_index(place)["difference"].unstack()["Pruned MLP"].dropna()
    assert len(gains) == table["model"].eq("mlp_pruned").sum()
    expected = (scores["mlp_pruned"] - scores["ridge"])[gains.index]
    assert gains.tolist() == pytest.approx(expected.tolist(), abs=5.1e-4)
    assert (held.loc[held["model"] == "Ridge", "difference"] == 0).all()


def test_a_failed_fit_is_held_without_a_value():
    table, published = tables("dilution")
    failed = (table["model"] == "mlp") & (table["n_markers"] == 1000)
    table.loc[failed, ["pearson_r", "status"]] = [float("nan"), "diverged"]
    held = dataset(specify("dilution", table, published), "replicates")
    assert len(held) == len(table)
    shown = held[held["status"] == "diverged"]
    assert len(shown) == failed.sum()
    assert shown[["pearson_r", "difference"]].isna().all(axis=None)


def test_what_is_not_computed_is_listed():
    table, published = tables("dilution")
    table = table[table["n_markers"] == 100]
    gaps = dataset(specify("dilution", table, published), "gaps")
    assert not (gaps["n_markers"] == 100).any()
    assert set(gaps["n_markers"]) == set(published["n_markers"]) - {100}
    assert len(gaps) == 2 * published["n_markers"].nunique() - 2  # two traits


@pytest.mark.parametrize("experiment", CHARTS)
def test_no_address_outside_the_book_is_in_a_page(experiment):
    table, published = tables(experiment)
    page = charts.show_chart(getattr(charts, f"{experiment}_chart")(table, published), "Chart").data
    assert "//" not in page
    assert len(page) < 150_000


def test_the_html_is_safe_and_named():
    table, published = tables("dilution")
    table["status"] = "</script><b>"
    page = charts.show_chart(charts.dilution_chart(table, published), 'r "by" <markers>').data
    assert page.count("</script>") == 2
    assert 'role="group" aria-label="r &quot;by&quot; &lt;markers&gt;"' in page
    assert "needs JavaScript" in page
    content = re.search(r"<script type=[^>]*>(.*?)</script>", page).group(1)
    assert "</script><b>" in json.loads(content)["datasets"]["replicates"]


def test_the_command_writes_the_script_and_makes_its_folder(tmp_path):
    file = tmp_path / "static" / "charts.js"
    assert charts.main([str(file)]) == 0
    assert file.read_text() == charts.script()


@pytest.mark.parametrize("command", [charts.main, surface.main])
def test_a_command_that_is_asked_for_help_writes_nothing(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(surface, "build", lambda _: pytest.fail("the surface was measured"))
    with pytest.raises(SystemExit) as ended:
        command(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m epidl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("absent", ["beyond", "real", "figure_1_digitised"])
def test_the_surface_is_not_measured_without_all_of_its_tables(
    absent, tmp_path, monkeypatch, capsys
):
    for name in (*surface.TABLES, "real", "figure_1_digitised"):
        if name != absent:
            (tmp_path / f"{name}.csv").symlink_to(ROOT / "book" / "data" / f"{name}.csv")
    monkeypatch.setattr(surface, "DATA", tmp_path)
    monkeypatch.setattr(
        surface, "fit_efficiency", lambda _: pytest.fail("the surface was measured")
    )
    assert surface.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/{absent}.csv" in line


def test_a_table_of_two_protocols_is_refused():
    table, published = tables("scaling")
    both = pd.concat([table, table.assign(protocol="held_out")])
    with pytest.raises(ValueError, match="table must hold one protocol, got published, held_out"):
        charts.scaling_chart(both, published)


def test_the_script_is_one_small_file_that_leaves_no_names_behind():
    script = charts.script()
    assert charts.SPEC_TYPE in script
    assert len(script) < 1_500_000
    assert script.splitlines()[1].startswith("(() => {")
    assert script.endswith("})();\n")
    assert "import(" not in script
