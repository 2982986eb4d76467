"""Finished fits of a cell that was stopped are kept, and none of another code or parameter is mixed with them."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from epidl import storage
from epidl.grid import fingerprint, kept, results
from epidl.grid.experiments import core
from epidl.grid.params import DilutionCell, ScalingCell, make_cell
from test_experiments import CELL, DILUTION

SMALL = CELL | {"n_samples": 100, "models": ["ridge", "ridge_sgd"], "n_replicates": 3}  # 3 x 2 x 2 fits
STARTED = datetime.now(UTC)


class Stopped(BaseException):
    """What a kill is to a cell."""


def run(folder="", stop_after=None, fits=core.FITS, **changes):
    """Run a cell and stop it after so many fits; return its result and how many fits and cohorts were made."""
    made = {"fits": 0, "cohorts": 0}

    def counted(fit):
        def call(run):
            if made["fits"] == stop_after:
                raise Stopped
            made["fits"] += 1
            return fit(run)

        return call

    def architecture(cell):
        made["cohorts"] += 1
        return cell.architecture()

    cell = make_cell(ScalingCell, **SMALL | changes)
    try:
        result = core.run_cell(cell, architecture, {name: counted(fit) for name, fit in fits.items()}, folder=folder)
    except Stopped:
        result = None
    return result, made


@pytest.mark.parametrize("stop_after", [0, 1, 4, 7, 11])
def test_a_stopped_cell_goes_on_where_it_was(tmp_path, stop_after, capsys):
    _, made = run(tmp_path, stop_after)
    assert made["fits"] == stop_after
    result, made = run(tmp_path)
    assert made["fits"] == 12 - stop_after
    assert made["cohorts"] == 3 - stop_after // 4  # a replicate that is all kept is not simulated again
    assert (f"continues after {stop_after} finished fits" in capsys.readouterr().err) == (stop_after > 0)
    whole, _ = run()
    path, other = tmp_path / "one.csv", tmp_path / "other.csv"
    storage.write_table(path, result.table.drop(columns="seconds"))
    storage.write_table(other, whole.table.drop(columns="seconds"))
    assert path.read_text() == other.read_text()


def test_side_tables_are_kept_too(tmp_path):
    cell = make_cell(
        DilutionCell, **DILUTION | {"models": ["ridge", "lasso", "mlp_pruned"], "protocols": ["published"]}
    )
    fits = {name: core.FITS[name] for name in cell.models}
    first = core.run_cell(cell, DilutionCell.architecture, fits, folder=tmp_path)
    again = core.run_cell(cell, DilutionCell.architecture, dict.fromkeys(fits), folder=tmp_path)  # nothing to fit with
    pd.testing.assert_frame_equal(first.table, again.table)
    assert set(first.side) == {"trials", "importances"}
    for name, table in first.side.items():
        pd.testing.assert_frame_equal(table, again.side[name])


@pytest.mark.parametrize("change", [{"seed": 2}, {"broad_sense_heritability": 0.5}])
def test_fits_of_other_parameters_are_not_mixed_in(tmp_path, change, capsys):
    run(tmp_path, stop_after=5)
    result, made = run(tmp_path, **change)
    assert made["fits"] == 12
    assert "of other code or parameters are left out" in capsys.readouterr().err
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


def test_a_written_table_ends_what_was_kept(tmp_path):
    result, _ = run(tmp_path)
    assert list((tmp_path / results.UNFINISHED).glob("*/*.json"))
    results.write_cell(tmp_path, result.table, {}, STARTED, result.side)
    assert not (tmp_path / results.UNFINISHED).exists()
    assert (tmp_path / "table.csv").exists()


def test_a_full_disk_loses_the_fit_at_work_alone(tmp_path, monkeypatch):
    run(tmp_path, stop_after=3)
    with monkeypatch.context() as patch:
        patch.setattr(results.os, "fsync", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path)
    assert run(tmp_path)[1]["fits"] == 9


def write(folder, **parameters):
    results.write_cell(folder, pd.DataFrame({"pearson_r": [0.5]}), parameters, STARTED)


def test_a_folder_is_free_for_the_same_results_and_for_no_others(tmp_path, monkeypatch):
    kept.claim(tmp_path, {"n_samples": 20})
    write(tmp_path, n_samples=20)
    kept.claim(tmp_path, {"n_samples": 20})
    with pytest.raises(ValueError, match=r"output must be a folder for results of these parameters, but .* of others"):
        kept.claim(tmp_path, {"n_samples": 30})
    monkeypatch.setenv(results.GRID, "a project")  # there a cell whose parameters changed is made again
    kept.claim(tmp_path, {"n_samples": 30})


@pytest.mark.parametrize("name", ["table.csv", "trials.csv", "report.csv", "provenance.json"])
def test_a_folder_with_files_of_a_user_is_not_taken(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=rf"output must be a folder without other files .* holds {name}: move it"):
        run(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {name, ".lock"}
    assert (tmp_path / name).read_text() == "mine"


def test_a_damaged_result_gives_its_place_to_others(tmp_path, capsys):
    write(tmp_path, n_samples=20)
    (tmp_path / "table.csv").write_text("pearson_r\n0.6\n")
    kept.claim(tmp_path, {"n_samples": 30})
    assert "It is made again" in capsys.readouterr().err
    assert (tmp_path / "table.damaged").exists()
