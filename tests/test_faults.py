"""Faults: a seeded few of those that `python tests/faults.py` tries on the real runner, and its table."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import faults
from conftest import ROOT
from epidl import storage
from epidl.grid import cell, kept, publish, results, workflow

STARTED = datetime.now(UTC)
FIT = {"cell": "a", "replicate": 1, "protocol": "published", "model": "m"}
TABLE = pd.DataFrame([FIT | {"experiment": "scaling", "trait": 1, "pearson_r": 0.5}])
TRIALS = {"trials": pd.DataFrame([FIT | {"loss": 0.25}])}


def write(folder: Path, r: float = 0.5) -> None:
    results.write_cell(folder, TABLE.assign(pearson_r=r), {"n_samples": 20}, STARTED, TRIALS)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(params=faults.DAMAGES)
def how(request) -> str:
    return request.param


@pytest.mark.parametrize("name", ["table.csv", "provenance.json", "trials.csv", "table.sha256"])
def test_a_damaged_cell_is_refused_and_set_aside(tmp_path, name, how, capsys):
    write(tmp_path)
    faults.damage(tmp_path / name, np.random.default_rng(1), how)
    with pytest.raises(ValueError, match=r"must be as it was written.*: restore it, or remove"):
        results.read_cell(tmp_path)
    assert results.main([str(tmp_path / "all.csv"), str(tmp_path)]) == 1
    assert not (tmp_path / "all.csv").exists()
    before = (tmp_path / "table.csv").read_bytes()
    storage.set_damaged_aside(tmp_path / "table.csv", lambda: results.read_cell(tmp_path))
    assert not (tmp_path / "table.csv").exists()
    assert (tmp_path / "table.damaged").read_bytes() == before
    assert "It is made again" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["all.csv", "all.provenance.json", "all.trials.csv"])
def test_a_damaged_collection_is_refused(tmp_path, name, how):
    write(tmp_path / "a")
    results.collect(results.read_cell(tmp_path / "a"), tmp_path / "all.csv")
    faults.damage(tmp_path / name, np.random.default_rng(1), how)
    with pytest.raises(ValueError, match="must be as it was written"):
        results.read_collected(tmp_path / "all.csv")


@pytest.mark.parametrize("name", ["table.csv", "provenance.json"])
@pytest.mark.parametrize("how", ["cut in half", "emptied", "zero bytes", "other text"])
def test_a_cell_from_before_there_were_checksums_is_read_and_its_damage_found(tmp_path, name, how):
    write(tmp_path)
    (tmp_path / "table.sha256").unlink()
    assert results.read_cell(tmp_path)[0].table.equals(TABLE)
    (tmp_path / name).write_bytes(
        faults.DAMAGES[how]((tmp_path / name).read_bytes(), np.random.default_rng(2))
    )
    with pytest.raises(ValueError, match=f"{name} must be a (result table|provenance)"):
        results.read_cell(tmp_path)


@pytest.mark.parametrize("replaced", range(5))
def test_a_kill_between_two_files_leaves_no_mixture_that_passes(tmp_path, monkeypatch, replaced):
    write(tmp_path, r=0.1)
    real, moved = os.replace, []

    def killed(source, target):
        if Path(source).parent.name.startswith(".new.") and Path(target).parent == tmp_path:
            if len(moved) == replaced:
                raise SystemExit
            moved.append(target)
        real(source, target)

    with monkeypatch.context() as patch, contextlib.suppress(SystemExit):
        patch.setattr(os, "replace", killed)
        write(tmp_path, r=0.9)
    try:
        found = results.read_cell(tmp_path)[0].table["pearson_r"].iloc[0]
    except ValueError:
        found = None
    assert found == {0: 0.1, 4: 0.9}.get(len(moved))


def test_a_full_disk_changes_no_collected_table(tmp_path, monkeypatch):
    write(tmp_path / "a")
    results.collect(results.read_cell(tmp_path / "a"), tmp_path / "all.csv")
    before = content(tmp_path)
    write(tmp_path / "a", r=0.9)
    monkeypatch.setattr(
        os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert results.main([str(tmp_path / "all.csv"), str(tmp_path / "a")]) == 1
    assert content(tmp_path) == before


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    write(tmp_path / "a")
    (tmp_path / "closed").mkdir(mode=0o555)
    command = [
        sys.executable,
        "-m",
        "epidl.grid.results",
        str(tmp_path / "closed" / "all.csv"),
        str(tmp_path / "a"),
    ]
    done = subprocess.run(
        command, preexec_fn=faults.obey_permissions, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert str(tmp_path / "closed") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_finished_fit_alone_is_made_again(tmp_path, how, capsys):
    made = []

    def fit(replicate: int, r: float) -> results.Fitted:
        made.append(r)
        table = TABLE.assign(model="ridge", replicate=replicate, pearson_r=r)
        return results.Fitted(table, dict(TRIALS), {"commit": "c"})

    def run() -> list[float]:
        there, found = kept.Kept(tmp_path, {}), []
        for replicate, r in ((1, 0.1), (2, 0.2)):
            name = f"a {replicate} published ridge"
            kept_or_made = there.once(name, lambda k=replicate, r=r: fit(k, r))
            found.append(kept_or_made.table["pearson_r"].iloc[0])
        return found

    assert run() == [0.1, 0.2]
    (second,) = tmp_path.glob("2_published_ridge_*.json")
    faults.damage(second, np.random.default_rng(3), how)
    assert run() == [0.1, 0.2]
    assert made == [0.1, 0.2, 0.2]
    assert f"{second.name} is damaged: its fit is made again" in capsys.readouterr().err


def test_a_damaged_cell_is_collected_again(tmp_path):
    folder = tmp_path / "scaling" / "a"
    write(folder)
    results.collect(results.read_cell(folder), tmp_path / "scaling.csv")
    workflow.check_finished(tmp_path, [folder])
    assert (tmp_path / "scaling.csv").exists()
    faults.damage(folder / "table.csv", np.random.default_rng(1), "cut in half")
    workflow.check_finished(tmp_path, [folder])
    assert not (tmp_path / "scaling.csv").exists()
    assert (tmp_path / "scaling.outdated").exists()


def test_a_damaged_notebook_is_named_and_its_table_stands(tmp_path, capsys):
    write(tmp_path / "cell")
    for text, said in (('{"cells": []}', False), ('{"cells": [', True), ("", True)):
        (tmp_path / "cell" / "notebook.ipynb").write_text(text)
        workflow.check_finished(tmp_path, [tmp_path / "cell"])
        assert ("notebook.ipynb cannot be read as a notebook" in capsys.readouterr().err) == said
        assert results.read_cell(tmp_path / "cell")[0].table.equals(TABLE)


@pytest.mark.parametrize("stop_after", [0.5, None])
def test_what_hangs_is_killed(tmp_path, monkeypatch, capsys, stop_after):
    ignored = "".join(
        f"signal.signal({number:d}, signal.SIG_IGN); " for number in (signal.SIGINT, signal.SIGTERM)
    )
    hanging = f"import signal, time; {ignored} time.sleep(60)"
    monkeypatch.setattr(workflow, "_snakemake", lambda: [sys.executable, "-c", hanging])
    monkeypatch.setattr(workflow, "GRACE", 0.5)
    if stop_after is None:  # an interrupt comes while it waits
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
    assert workflow.run(tmp_path, [], [], stop_after) == 1
    said = capsys.readouterr().err
    assert "Killed what did not stop" in said
    assert "Run the same command again" in said


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (MemoryError(), 2, "Out of memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            1,
            "Out of memory. Finished fits are kept",
        ),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (KeyboardInterrupt(), 1, "Run the same command again to continue"),
    ],
)
def test_what_stops_a_cell_is_said(tmp_path, monkeypatch, capsys, error, status, said):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cell.core, "run", lambda *_, **__: (_ for _ in ()).throw(error))
    assert cell.main(["scaling", "smoke", "n200_scaling1"]) == status
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", [workflow, publish])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(30, "Read-only file system"), "Read-only file system"),
        (KeyboardInterrupt(), "Stopped"),
    ],
)
def test_what_stops_a_command_is_said(tmp_path, monkeypatch, capsys, command, error, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "planned_cells", lambda *_: (_ for _ in ()).throw(error))
    assert command.main(["standard"]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_full_disk_is_named_whatever_error_it_ends_in(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(storage, "is_full", lambda _: True)
    monkeypatch.setattr(
        cell.core, "run", lambda *_, **__: (_ for _ in ()).throw(ValueError("of a database"))
    )
    assert cell.main(["scaling", "smoke", "n200_scaling1"]) == 1
    assert "is full: make room. Finished fits are kept." in capsys.readouterr().err


def test_another_error_of_a_cell_is_not_taken_for_want_of_memory(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        cell.core, "run", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("a defect"))
    )
    with pytest.raises(RuntimeError, match="a defect"):
        cell.main(["scaling", "smoke", "n200_scaling1"])


def test_a_second_command_on_the_same_cell_is_refused(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    arguments = ["scaling", "smoke", "n200_scaling1"]
    monkeypatch.setattr(cell.core, "run", lambda *_, **__: cell.core.CellResult(TABLE, {}))
    code = "from epidl.grid import kept; kept.hold('runs/smoke/scaling/n200_scaling1'); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        assert cell.main(arguments) == 2
        assert "Another process works in" in capsys.readouterr().err
        other.stdin.close()
        other.wait()
    assert cell.main(arguments) == 0


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> faults.Project:
    """The small project of the fault tests, its cell computed once without a fault."""
    project = faults.make_project(tmp_path_factory.mktemp("faults"))
    faults.run_undisturbed(project, faults.CELL)
    yield project
    workflow.kill(project.root)


@pytest.mark.slow
def test_a_cell_that_is_killed_at_a_random_moment_ends_the_same(project):
    rng = np.random.default_rng(1)
    [(_, problems)] = faults.until_hit(lambda: faults.kill_once(project, rng, "cell"))
    assert not problems


@pytest.mark.slow
def test_a_grid_whose_kernel_is_killed_says_so_and_ends_the_same(project):
    project.seconds["cell"] = 1.0  # after the kernel began: it has not computed yet
    rng = np.random.default_rng(1)
    [(_, problems)] = faults.until_hit(lambda: faults.kill_once(project, rng, "kernel"))
    assert not problems


def test_the_table_of_faults_holds_all_and_all_were_survived():
    table = pd.read_csv(ROOT / "book/data/faults.csv").set_index("fault")
    assert list(table.index) == list(faults.FAULTS)
    assert (table["survived"] == table["tried"]).all()
    assert (table["tried"] >= 2).all()
    assert table.loc["SIGKILL", "tried"] >= 30
    record = json.loads((ROOT / "book/data/faults.provenance.json").read_text())
    assert record["parameters"] == {"seed": 1}
    assert not table["commit"].str.contains("unknown|-dirty").any()
