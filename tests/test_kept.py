"""Finished fits of a cell that was stopped are kept, and none of another code or parameter is mixed
with them.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from epidl import storage
from epidl.grid import cell, core, fingerprint, kept, publish, results
from epidl.grid.params import BeyondCell, DilutionCell, ScalingCell, make_cell
from test_experiments import CELL, DILUTION

# 3 x 2 x 2 fits
SMALL = CELL | {"n_samples": 100, "models": ["ridge", "ridge_sgd"], "n_replicates": 3}
STARTED = datetime.now(UTC)


class Stopped(BaseException):
    """What a kill is to a cell."""


def run(folder="", stop_after=None, **changes):
    """Run a cell and stop it after so many fits; return its result and how many fits and cohorts were
    made.
    """
    made, simulated = {"fits": 0, "cohorts": 0}, core.make_cohort

    def counted(fit):
        def call(run):
            if made["fits"] == stop_after:
                raise Stopped
            made["fits"] += 1
            return fit(run)

        return call

    def counted_cohort(*arguments):
        made["cohorts"] += 1
        return simulated(*arguments)

    wanted = make_cell(ScalingCell, **SMALL | changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "make_cohort", counted_cohort)
        patch.setattr(core, "FITS", {name: counted(fit) for name, fit in core.FITS.items()})
        try:
            result = core.run(wanted, folder=folder)
        except Stopped:
            result = None
    return result, made


@pytest.fixture(scope="module")
def whole():
    """What a cell gives that is not stopped."""
    return run()[0]


@pytest.mark.parametrize("stop_after", [0, 1, 4, 7, 11])
def test_a_stopped_cell_goes_on_where_it_was(tmp_path, stop_after, capsys, whole):
    _, made = run(tmp_path, stop_after)
    assert made["fits"] == stop_after
    result, made = run(tmp_path)
    assert made["fits"] == 12 - stop_after
    # a replicate that is all kept is not simulated again
    assert made["cohorts"] == 3 - stop_after // 4
    assert (f"continues after {stop_after} finished fits" in capsys.readouterr().err) == (
        stop_after > 0
    )
    path, other = tmp_path / "one.csv", tmp_path / "other.csv"
    storage.write_table(path, result.table.drop(columns="seconds"))
    storage.write_table(other, whole.table.drop(columns="seconds"))
    assert path.read_text() == other.read_text()


def test_side_tables_are_kept_too(tmp_path, monkeypatch):
    wanted = make_cell(
        DilutionCell,
        **DILUTION | {"models": ["ridge", "lasso", "mlp_pruned"], "protocols": ["published"]},
    )
    first = core.run(wanted, folder=tmp_path)
    monkeypatch.setattr(core, "FITS", {})  # nothing to fit with
    again = core.run(wanted, folder=tmp_path)
    pd.testing.assert_frame_equal(first.table, again.table)
    assert set(first.side) == {"trials", "importances", "provenance"}
    for name, table in first.side.items():
        pd.testing.assert_frame_equal(table, again.side[name])


@pytest.mark.parametrize("change", [{"seed": 2}, {"broad_sense_heritability": 0.5}])
def test_fits_of_other_parameters_are_not_mixed_in(tmp_path, change, capsys):
    run(tmp_path, stop_after=5)
    result, made = run(tmp_path, **change)
    assert made["fits"] == 12
    assert "fits of other code or parameters are left out" in capsys.readouterr().err
    whole, _ = run(**change)
    pd.testing.assert_series_equal(result.table["pearson_r"], whole.table["pearson_r"])


def test_fits_of_other_parameters_are_there_again_for_these(tmp_path):
    run(tmp_path, stop_after=5)
    run(tmp_path, seed=2, stop_after=3)
    assert run(tmp_path)[1]["fits"] == 12 - 5


def test_fits_of_other_code_are_not_mixed_in(tmp_path, monkeypatch):
    run(tmp_path, stop_after=5)
    monkeypatch.setattr(fingerprint, "_code", lambda module: "another")
    assert run(tmp_path)[1]["fits"] == 12


def test_more_replicates_or_models_keep_what_is_there(tmp_path):
    run(tmp_path, models=["ridge"], n_replicates=2)
    assert run(tmp_path)[1]["fits"] == 12 - 4


def test_a_finished_cell_keeps_its_fits_for_one_with_more(tmp_path):
    result, _ = run(tmp_path, models=["ridge"], n_replicates=2)
    parameters = make_cell(ScalingCell, **SMALL | {"models": ["ridge"], "n_replicates": 2})
    results.write_cell(
        tmp_path, result.table, parameters.model_dump(mode="json"), STARTED, result.side
    )
    whole, made = run(tmp_path)
    assert made["fits"] == 12 - 4
    assert whole.table.groupby(["replicate", "model", "protocol"]).ngroups == 12
    with pytest.raises(ValueError, match="holds a finished table of others"):
        run(tmp_path, seed=2)


def test_a_full_disk_loses_the_fit_at_work_alone(tmp_path, monkeypatch):
    run(tmp_path, stop_after=3)
    with monkeypatch.context() as patch:
        patch.setattr(
            results.os,
            "fsync",
            lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")),
        )
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path)
    assert run(tmp_path)[1]["fits"] == 9


def write(folder, **parameters):
    results.write_cell(folder, pd.DataFrame({"pearson_r": [0.5]}), parameters, STARTED)


def test_a_folder_is_free_for_the_same_results_and_for_no_others(tmp_path, monkeypatch):
    kept.claim(tmp_path, {"n_samples": 20})
    write(tmp_path, n_samples=20)
    kept.claim(tmp_path, {"n_samples": 20})
    with pytest.raises(
        ValueError,
        match=r"output must be a folder for results of these parameters, but .* of others",
    ):
        kept.claim(tmp_path, {"n_samples": 30})
    # there a cell whose parameters changed is made again
    monkeypatch.setenv(results.GRID, "a project")
    kept.claim(tmp_path, {"n_samples": 30})


@pytest.mark.parametrize("name", ["table.csv", "trials.csv", "report.csv", "provenance.json"])
def test_a_folder_with_files_of_a_user_is_not_taken(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(
        ValueError, match=rf"output must be a folder without other files .* holds {name}: move it"
    ):
        run(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {name, ".lock"}
    assert (tmp_path / name).read_text() == "mine"


def test_a_damaged_result_gives_its_place_to_others(tmp_path, capsys):
    write(tmp_path, n_samples=20)
    (tmp_path / "table.csv").write_text("pearson_r\n0.6\n")
    kept.claim(tmp_path, {"n_samples": 30})
    assert "It is made again" in capsys.readouterr().err
    assert (tmp_path / "table.damaged").exists()


# --- Published fits are not computed again -------------------------------------------------------------------------


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """The fits and cohorts that cells compute from now on, in a project without tables and by
    committed code.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results, "commit", lambda: "abc")
    made = []
    simulated, fit = core.make_cohort, core._fit

    def counted_cohort(cell, seed, replicate=1):
        made.append(f"cohort {replicate}")
        return simulated(cell, seed, replicate)

    def counted_fit(runs, protocol, model, *others):
        made.append(f"{protocol} {model}")
        return fit(runs, protocol, model, *others)

    monkeypatch.setattr(core, "make_cohort", counted_cohort)
    monkeypatch.setattr(core, "_fit", counted_fit)
    return made


def publish_cell(wanted, folder="first"):
    """Compute a cell in a folder, publish its fits, and return what is published, by name."""
    cell.compute(wanted, Path(folder))
    path = Path("book/data", f"{wanted.experiment}.csv")
    before = results.read_collected(path) if path.exists() else []
    publish.publish([wanted], publish.fits_in(Path(folder), wanted), before, path)
    return {fit.name: fit for fit in results.read_collected(path)}


SHOWN = {
    "profile": "standard",
    "protocols": ["published"],
    "models": ["ridge", "mlp"],
    "n_replicates": 3,
}


def test_five_cohorts_after_three_compute_two(computed):
    three = make_cell(ScalingCell, **SMALL | SHOWN)
    before = publish_cell(three)
    assert computed.count("published mlp") == 3
    computed.clear()
    five = make_cell(ScalingCell, **SMALL | SHOWN | {"n_replicates": 5, "profile": "full"})
    after = publish_cell(five, "second")
    assert computed == [
        "published ridge",
        "cohort 4",
        "published mlp",
        "published ridge",
        "cohort 5",
        "published mlp",
    ]
    assert len(after) == 10
    for name, fit in before.items():
        pd.testing.assert_frame_equal(fit.table, after[name].table)
    [first, second] = results.read_records(Path("second/provenance.json"))  # which fits are whose
    assert [record["parameters"]["n_replicates"] for record in (first, second)] == [3, 5]
    assert set(first["fits"]) == set(before)
    assert set(results.read_table(Path("second/table.csv"))["profile"]) == {"full"}
    alone, _ = run(models=["ridge", "mlp"], protocols=["published"], n_replicates=5)
    whole = results.read_table(Path("second/table.csv"))
    assert whole["pearson_r"].tolist() == pytest.approx(
        alone.table["pearson_r"].tolist(), abs=1e-12
    )


def test_five_cohorts_in_the_folder_of_three_compute_two(computed):
    cell.compute(make_cell(ScalingCell, **SMALL | SHOWN | {"profile": "quick"}), Path("here"))
    computed.clear()
    cell.compute(
        make_cell(ScalingCell, **SMALL | SHOWN | {"profile": "quick", "n_replicates": 5}),
        Path("here"),
    )
    assert [made for made in computed if "cohort" in made] == ["cohort 4", "cohort 5"]
    (Path("here") / "table.csv").rename("held.csv")
    shutil.rmtree("here/fits")  # a finished cell of before fits were kept
    Path("held.csv").rename("here/table.csv")
    computed.clear()
    cell.compute(
        make_cell(ScalingCell, **SMALL | SHOWN | {"profile": "quick", "n_replicates": 6}),
        Path("here"),
    )
    assert [made for made in computed if "cohort" in made] == ["cohort 6"]


def test_one_more_model_alone_is_fitted_to_the_same_cohorts(computed):
    beyond = SMALL | {"profile": "standard", "protocols": ["held_out"], "n_replicates": 2}
    before = publish_cell(make_cell(BeyondCell, **beyond | {"models": ["ridge", "kernel"]}))
    computed.clear()
    after = publish_cell(
        make_cell(BeyondCell, **beyond | {"models": ["ridge", "kernel", "oracle"]}), "second"
    )
    assert computed == ["held_out oracle", "cohort 1", "held_out oracle", "cohort 2"]
    seeds = results.read_table(Path("book/data/beyond.csv")).groupby("replicate")["seed"].unique()
    assert [len(found) for found in seeds] == [1, 1]
    assert set(after) - set(before) == {f"n100_scaling1 {k} held_out oracle" for k in (1, 2)}
    for name, fit in before.items():
        pd.testing.assert_frame_equal(
            after[name].table.reset_index(drop=True), fit.table.reset_index(drop=True)
        )


def test_another_protocol_is_added_to_a_published_cell(computed):
    publish_cell(make_cell(ScalingCell, **SMALL | SHOWN | {"n_replicates": 1}))
    computed.clear()
    both = make_cell(
        ScalingCell, **SMALL | SHOWN | {"n_replicates": 1, "protocols": ["published", "held_out"]}
    )
    after = publish_cell(both, "second")
    assert computed == ["held_out ridge", "cohort 1", "held_out mlp"]
    assert len(after) == 4


def test_finished_fits_of_an_unfinished_cell_are_published(computed, monkeypatch, capsys):
    wanted = make_cell(ScalingCell, **SMALL | SHOWN)
    with monkeypatch.context() as patch:
        patch.setitem(core.FITS, "mlp", lambda _: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            core.run(wanted, folder="stopped")
    path = Path("book/data/scaling.csv")
    publish.publish([wanted], publish.fits_in(Path("stopped"), wanted), [], path)
    assert "scaling: 1 fits published; not complete: n100_scaling1" in capsys.readouterr().out
    assert [fit.name for fit in results.read_collected(path)] == ["n100_scaling1 1 published ridge"]
    monkeypatch.setattr(results, "commit", lambda: "abc-dirty")
    computed.clear()
    cell.compute(wanted, Path("else"))
    assert computed.count("published ridge") == 2
    kept_only = Path("else/table.csv")
    kept_only.unlink()
    commits = {fit.record["commit"] for fit in publish.fits_in(Path("else"), wanted)}
    assert commits == {"abc"}  # not those of code that was not committed


@pytest.mark.parametrize("change", [{"seed": 2}, {"hidden_width": 4}, {"profile": "quick"}])
def test_published_fits_of_other_parameters_are_not_taken_nor_by_other_profiles(computed, change):
    publish_cell(make_cell(ScalingCell, **SMALL | SHOWN | {"n_replicates": 1}))
    computed.clear()
    cell.compute(
        make_cell(ScalingCell, **SMALL | SHOWN | {"n_replicates": 1} | change), Path("second")
    )
    assert computed == ["published ridge", "cohort 1", "published mlp"]


def test_a_cell_lacks_a_fit_though_each_model_and_each_protocol_has_one():
    changes = {"models": ["ridge", "mlp"], "protocols": ["published", "held_out"]}
    wanted = make_cell(ScalingCell, **SMALL | changes | {"n_replicates": 1})
    there = wanted.fits - {f"{wanted.name} 1 held_out mlp"}
    assert len(wanted.fits) == 4
    assert len(there) == 3
    assert not wanted.fits <= there
    everything = make_cell(ScalingCell, **SMALL | changes | {"n_replicates": 2}).fits
    assert wanted.fits < everything


def test_models_that_the_publication_lacks_are_fitted_under_one_protocol(tmp_path):
    changes = {"models": ["ridge", "oracle"], "protocols": ["published", "held_out"]}
    wanted = make_cell(BeyondCell, **SMALL | changes | {"n_replicates": 1})
    table = core.run(wanted, folder=tmp_path).table
    assert set(results.names(table)) == wanted.fits
    assert f"{wanted.name} 1 published oracle" not in wanted.fits
