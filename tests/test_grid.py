"""The grid's command on a small project: it resumes after a kill, goes on past a failed cell, refuses
mistakes.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import filelock
import nbformat
import pandas as pd
import psutil
import pytest
import yaml

from conftest import ROOT
from epidl.grid import cell, results, workflow
from epidl.grid.params import load_grids, planned_cells

pytestmark = pytest.mark.slow
FOLDER = Path("runs/smoke/scaling")
TWO_CELLS = {"n_samples": 200, "scaling": [0.5, 1], "n_replicates": 1}
ONE_CELL = {"n_samples": 200, "scaling": 1, "n_replicates": 1}


def make_project(folder: Path) -> Path:
    for name in ("params", "notebooks", "profiles", "book"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the grid needs, in a folder whose name has a space."""
    return make_project(tmp_path / "a project")


@pytest.fixture(scope="module")
def computed_once(tmp_path_factory) -> Path:
    project = make_project(tmp_path_factory.mktemp("computed") / "a project")
    set_grids(project, ONE_CELL)
    status, output = finish(project)
    assert status == 0, output
    return project


@pytest.fixture
def finished(computed_once, tmp_path: Path) -> Path:
    """A project whose one cell the grid has finished, a copy for each test."""
    return shutil.copytree(computed_once, tmp_path / "a project")


def set_grids(
    project: Path, *grids: dict, experiment: str = "scaling", changes: dict | None = None
) -> None:
    path = project / "params" / f"{experiment}.yml"
    content = yaml.safe_load(path.read_text())
    content["profiles"]["smoke"]["grids"] = list(grids)
    content["profiles"]["smoke"]["changes"].update(changes or {})
    path.write_text(yaml.safe_dump(content))


def start(project: Path, *more: str, cores: int = 2) -> subprocess.Popen:
    """Start the command for one experiment; its output goes to a file, which orphans may keep open."""
    with (project / "output.txt").open("w") as output:
        command = [
            sys.executable,
            "-m",
            "epidl.grid",
            "smoke",
            "--cores",
            str(cores),
            "runs/smoke/scaling.csv",
            *more,
        ]
        return subprocess.Popen(command, cwd=project, stdout=output, stderr=subprocess.STDOUT)


def finish(project: Path, *more: str) -> tuple[int, str]:
    status = start(project, *more).wait(timeout=300)
    return status, (project / "output.txt").read_text()


def numbers(project: Path, table: str = "scaling.csv") -> pd.DataFrame:
    return pd.read_csv(project / "runs" / "smoke" / table).drop(columns="seconds")


def undisturbed(project: Path, experiment: str, *tables: str) -> list[pd.DataFrame]:
    """Return the tables of an experiment's cells as one process computes them, without Jupyter or
    Snakemake.
    """
    folder, cells = (
        project / "runs" / "smoke" / "undisturbed",
        load_grids(project / "params" / f"{experiment}.yml"),
    )
    names = [planned.name for planned in cells["smoke"]]
    for planned in cells["smoke"]:
        cell.compute(planned, folder / planned.name)
    results.collect(
        [fit for name in names for fit in results.read_cell(folder / name)],
        folder / f"{experiment}.csv",
    )
    return [numbers(project, f"undisturbed/{table}") for table in tables]


def kill_all_but_the_jobs(process: psutil.Process) -> None:
    """Kill Snakemake and its master as `kill -9` would; their jobs live on, which is worse for the
    next run than no job.
    """
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if "snakemake" in member.cmdline()[:4] or member == process:
                os.kill(member.pid, signal.SIGKILL)


def test_a_killed_run_continues_without_repeating_finished_cells(project):
    set_grids(project, TWO_CELLS)
    process = start(project, cores=1)
    deadline = time.monotonic() + 120
    while not list((project / FOLDER).glob("*/table.csv")):
        assert process.poll() is None, (project / "output.txt").read_text()
        assert time.monotonic() < deadline, "no cell finished"
        time.sleep(0.05)
    # Snakemake has noted the cell as finished
    while " steps (" not in (project / "output.txt").read_text():
        time.sleep(0.05)
    kill_all_but_the_jobs(psutil.Process(process.pid))
    process.wait()
    noted = int(re.findall(r"(\d+) of \d+ steps", (project / "output.txt").read_text())[-1])
    finished = {
        path: path.stat().st_mtime_ns for path in (project / FOLDER).glob("*/notebook.ipynb")
    }
    assert 0 < noted <= len(finished) < 2, "killed too late to test anything"

    status, output = finish(project)
    assert status == 0, output
    untouched = [path for path, time_ns in finished.items() if path.stat().st_mtime_ns == time_ns]
    # one that ended in the moment of the kill, not yet noted, may run again
    assert len(untouched) >= noted
    assert re.search(rf"^cell +{2 - len(untouched)}$", output, re.MULTILINE), output
    [whole] = undisturbed(project, "scaling", "scaling.csv")
    pd.testing.assert_frame_equal(numbers(project), whole, check_exact=True)


def test_a_killed_cell_resumes_its_trials(project, monkeypatch):
    """By the command: that the grid keeps a cell's folder is tested with a grid that is stopped."""
    monkeypatch.chdir(project)
    set_grids(
        project,
        {"n_samples": 400, "n_markers": 40, "n_replicates": 1},
        experiment="dilution",
        changes={"n_trials": 3, "n_trials_pruned": 8, "hidden_width": 64, "mlp_max_epochs": 30},
    )
    arguments = ["dilution", "smoke", "n400_q20_m40"]
    process = subprocess.Popen([sys.executable, "-m", "epidl.grid.cell", *arguments])
    study = project / "runs/smoke/dilution/n400_q20_m40/studies.sqlite"
    deadline = time.monotonic() + 120
    while finished_trials(study) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline, "no trial finished"
        time.sleep(0.02)
    process.kill()
    process.wait()
    kept = finished_trials(study)
    assert 5 <= kept < 11, "killed too late to test anything"

    assert cell.main(arguments) == 0
    assert finished_trials(study) == 11
    results.collect(results.read_cell(study.parent), study.parent.with_suffix(".csv"))
    names = ("dilution.csv", "dilution.trials.csv")
    for name, whole in zip(names, undisturbed(project, "dilution", *names), strict=True):
        found = numbers(project, name.replace("dilution", "dilution/n400_q20_m40"))
        pd.testing.assert_frame_equal(found, whole, check_exact=True)


def finished_trials(study: Path) -> int:
    if not study.exists():
        return 0
    with contextlib.closing(sqlite3.connect(study)) as database:
        try:
            return database.execute(
                "select count(*) from trials where state = 'COMPLETE'"
            ).fetchone()[0]
        except sqlite3.OperationalError:  # its tables are being made
            return 0


def test_the_grid_gives_the_command_s_table_and_a_changed_parameter_recomputes_its_cells(finished):
    before = numbers(finished)
    [by_command] = undisturbed(finished, "scaling", "scaling.csv")
    pd.testing.assert_frame_equal(before, by_command, check_exact=True)
    set_grids(finished, ONE_CELL | {"hidden_width": 16})
    assert finish(finished)[0] == 0
    after = numbers(finished)
    exact = before["model"] != "mlp"
    pd.testing.assert_frame_equal(before[exact], after[exact])
    assert (before.loc[~exact, "pearson_r"] != after.loc[~exact, "pearson_r"]).all()


def test_a_mistake_stops_before_anything_runs(project):
    set_grids(project, {"n_samples": 200, "scalling": 1, "n_replicates": 1})
    status, output = finish(project)
    assert status == 2
    assert "scalling is not a parameter; did you mean scaling?" in output
    assert "params/scaling.yml, profile smoke" in output
    assert not (project / "runs").exists()


def test_a_second_run_at_the_same_time_is_refused(project):
    (project / "runs").mkdir()
    with filelock.FileLock(project / "runs" / ".lock"):
        status, output = finish(project)
    assert status == 2
    assert "Another run works in" in output


def test_only_the_grid_s_own_processes_are_leftovers(project):
    command = [sys.executable, "-c", "import time; time.sleep(60)", "papermill", "snakemake"]
    markers = {
        "reader": {},
        "elsewhere": {workflow.MARKER: "/elsewhere"},
        "ours": {workflow.MARKER: str(project)},
    }
    running = {
        name: subprocess.Popen(command, cwd=project, env=os.environ | extra)
        for name, extra in markers.items()
    }
    try:
        time.sleep(0.5)  # until each has its environment
        workflow.clear_leftovers(project, [])
        assert {name for name, process in running.items() if process.poll() is None} == {
            "reader",
            "elsewhere",
        }
    finally:
        for process in running.values():
            process.kill()
            process.wait()


# of a terminal, and of a scheduler
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_in_good_order(project, number):
    set_grids(project, ONE_CELL)
    process = start(project)
    while not list((project / FOLDER).glob("*/log.txt")):
        assert process.poll() is None, (project / "output.txt").read_text()
        time.sleep(0.05)
    process.send_signal(number)  # Snakemake has a session of its own
    assert process.wait(timeout=120) == 1
    assert "Run the same command again to continue" in (project / "output.txt").read_text()
    assert "Traceback" not in (project / "output.txt").read_text()
    assert not workflow._workers(project)


def test_a_grid_that_is_stopped_in_time_goes_on_after_its_finished_fits(
    project, monkeypatch, capfd
):
    set_grids(
        project,
        {"n_samples": 200, "scaling": 1, "n_replicates": 20},
        changes={"hidden_width": 64},
    )
    cell, wait = project / FOLDER / "n200_scaling1", workflow._wait

    def wait_for_a_fit(process: subprocess.Popen, root: Path, stop_after: float):
        """Let the time be up when a fit has ended: how long a kernel's start takes nobody knows."""
        deadline = time.monotonic() + stop_after
        while not list(cell.glob("fits/*/*.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline, "no fit finished"
            time.sleep(0.02)
        return wait(process, root, 0.1)

    monkeypatch.chdir(project)
    monkeypatch.setattr(workflow, "_wait", wait_for_a_fit)
    command = ["smoke", "--cores", "1", "runs/smoke/scaling.csv", "--stop-after", "120s"]
    assert workflow.main(command) == 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert re.search(r"Stopped after 120 s with (\d+) of \1 cells of the profile left\.", said), (
        said
    )
    kept = len(list(cell.glob("fits/*/*.json")))
    assert 0 < kept < 60
    assert finish(project)[0] == 0
    assert f"continues after {kept} finished fits" in (cell / "log.txt").read_text() + executed(
        cell
    )
    assert numbers(project).groupby("model")["replicate"].nunique().tolist() == [20, 20, 20]


def executed(cell: Path) -> str:
    """Return what an executed notebook printed."""
    cells = nbformat.read(cell / "notebook.ipynb", as_version=4).cells
    return "".join(output.get("text", "") for c in cells for output in c.get("outputs", []))


@pytest.mark.parametrize("text", ["9", "m", "-1m", "0s", "1d", "nine"])
def test_a_wrong_duration_is_refused(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"must be a number above 0 and s, m or h, as 9m"
    ):
        workflow.duration(text)
    assert [workflow.duration(right) for right in ("90s", "9m", "1.5h")] == [90, 540, 5400]


def test_a_book_of_the_tables_that_ship_computes_no_cell(project):
    """Its pages are those of every profile, which `make test` renders, but for one."""
    pages = [path.stem for path in (project / "book").glob("*.ipynb")]
    targets = [f"runs/published/pages/book/{page}.ipynb" for page in pages]
    your_run = targets[pages.index("your_run")]
    command = [sys.executable, "-m", "epidl.grid", "published", "--cores", "2"]
    for arguments in ([*targets, "--dry-run"], [your_run]):
        done = subprocess.run([*command, *arguments], cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"^cell +\d+$", done.stdout + done.stderr, re.MULTILINE), (
            "a cell was computed"
        )
    executed = nbformat.read(project / your_run, as_version=4)
    assert "Nothing was computed for this copy of the book" in str(executed.cells)


def test_prose_recomputes_nothing_and_code_recomputes_cells(finished):
    path = finished / "notebooks" / "scaling.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for part, more, recomputed in ((0, "\n\nMore prose.", False), (-1, "\nanother = 1", True)):
        notebook.cells[part].source += more
        nbformat.write(notebook, path)
        status, output = finish(finished, "--dry-run")
        assert status == 0
        assert bool(re.search(r"^cell +1$", output, re.MULTILINE)) == recomputed, output


WRONG_TARGETS = ["scaling/nope/table.csv", "nonsense.csv", "scaling", "../quick/scaling.csv"]


@pytest.mark.parametrize("target", [f"runs/smoke/{target}" for target in WRONG_TARGETS])
def test_a_target_that_no_cell_has_is_refused(project, monkeypatch, capsys, target):
    monkeypatch.chdir(project)
    assert workflow.main(["smoke", target]) == 2
    assert (
        f"{target} must be a table of this profile, such as runs/smoke/scaling.csv"
        in capsys.readouterr().err
    )
    assert not (project / "runs").exists()


def test_targets_that_there_are_and_values_of_options_are_handed_on(project, monkeypatch):
    monkeypatch.chdir(project)
    folder, cells = project / "runs" / "smoke", list(planned_cells(project, "smoke"))
    table = str((cells[0] / "table.csv").relative_to(project))
    page = "runs/smoke/pages/book/scaling.ipynb"
    workflow.check_targets(
        folder,
        cells,
        ["runs/smoke/scaling.csv", f"./{table}", page, "book", "--report", "runs/x.html"],
    )
