"""The command that computes a cell without a notebook."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nbformat
import pytest

from conftest import ROOT
from epidl.grid import cell, kept, plain
from epidl.grid.params import NOTEBOOKS, load_grids, planned_cells


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def smoke(experiment):
    return load_grids(ROOT / "params" / f"{experiment}.yml")["smoke"][-1]


def test_it_needs_neither_jupyter_nor_snakemake_nor_optuna(project):
    name = smoke("scaling").name
    forbidden = "IPython ipykernel jupyter_client nbclient nbformat papermill snakemake optuna matplotlib rpy2 sklearn"
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({forbidden.split()!r}))\n"  # None: importing it fails
        f"from epidl.grid import cell\nsys.exit(cell.main(['scaling', 'smoke', {name!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (project / "runs" / "smoke" / "scaling" / name / "table.csv").exists()


ABSENT = "psutil IPython ipykernel jupyter_client nbclient nbformat papermill snakemake matplotlib rpy2 sklearn joblib"


@pytest.mark.slow
def test_a_profile_runs_in_a_time_box_without_jupyter_snakemake_and_psutil(project, tmp_path):
    (project / "absent").mkdir()
    for name in ABSENT.split():
        # in every process
        (project / "absent" / f"{name}.py").write_text("raise ImportError('absent')")
    shutil.copytree(ROOT / "book/data", project / "book/data")
    cells = ["scaling/n200_scaling4", "scaling/n200_scaling1"]
    command = [
        sys.executable,
        "-m",
        "epidl.grid",
        "smoke",
        "--plain",
        *cells,
        "--jobs",
        "2",
        "--archive",
        "fits.tar",
    ]
    env = os.environ | {"PYTHONPATH": f"{project / 'absent'}:{ROOT / 'lib'}"}
    stopped = subprocess.run(
        [*command, "--stop-after", "0.1s"], env=env, capture_output=True, text=True
    )
    assert stopped.returncode == 1
    assert "Stopped after 0.1 s with 2 of 2 cells left" in stopped.stdout
    done = subprocess.run([*command, "--stop-after", "9m"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"2 of 2 cells in \d+\.\d min, about 0\.0 min to come: scaling/", done.stdout)
    assert "Traceback" not in done.stderr
    with tarfile.open("fits.tar") as archive:
        archive.extractall("elsewhere", filter="data")
    for planned in load_grids(project / "params" / "scaling.yml")["smoke"]:
        found = kept.read_all(Path("elsewhere/smoke/scaling", planned.name))
        assert len(found) == (6 if f"scaling/{planned.name}" in cells else 0)
    assert not list(Path("elsewhere").rglob(".*"))


def test_cells_are_run_in_the_order_in_which_they_are_named(project, capsys):
    planned = planned_cells(project, "smoke")
    names = [
        cell.experiment
        for cell in plain.chosen(planned, ["survey", "scaling/n200_scaling4", "scaling"]).values()
    ]
    assert list(dict.fromkeys(names)) == ["survey", "scaling"]
    assert list(plain.chosen(planned, [])) == list(planned)
    assert plain.main(["smoke", "dilution/n5"]) == 2
    assert (
        "cells must be EXPERIMENT or EXPERIMENT/CELL of this profile, got dilution/n5"
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_cell_that_fails_is_named_and_the_others_go_on(project, capsys):
    shutil.copytree(ROOT / "book/data", project / "book/data")
    there = smoke("ridge_vs_sgd")
    large = there.model_copy(update={"scaling": 2.0, "n_samples": 10**9})  # no memory holds it
    folders = {Path("runs/ridge_vs_sgd", cell.name): cell for cell in (large, there)}
    assert plain.run(folders, 1, None) == 1
    assert f"Failed: ridge_vs_sgd/{large.name}" in capsys.readouterr().err
    assert Path("runs/ridge_vs_sgd", there.name, "table.csv").exists()


def test_a_finished_cell_is_not_computed_again(project, monkeypatch, capsys):
    name = smoke("scaling").name
    assert cell.main(["scaling", "smoke", name]) == 0
    monkeypatch.setattr(cell.core, "run", lambda *_, **__: pytest.fail("computed again"))
    assert cell.main(["scaling", "smoke", name]) == 0
    assert "holds this cell already" in capsys.readouterr().err


def test_a_finished_cell_of_other_parameters_is_never_overwritten(project, capsys):
    first, second = load_grids(project / "params" / "scaling.yml")["smoke"][:2]
    assert cell.main(["scaling", "smoke", first.name, "--output", "mine"]) == 0
    before = (project / "mine" / "table.csv").read_bytes()
    assert cell.main(["scaling", "smoke", second.name, "--output", "mine"]) == 2
    assert (
        f"output must be a folder for {second.name} with these parameters"
        in capsys.readouterr().err
    )
    assert (project / "mine" / "table.csv").read_bytes() == before


def test_an_unknown_cell_is_refused_and_the_known_are_listed(project, capsys):
    assert cell.main(["scaling", "smoke", "n5_scaling1"]) == 2
    assert (
        "cell must be one of n200_scaling1, n200_scaling4, got n5_scaling1"
        in capsys.readouterr().err
    )
    assert cell.main(["scaling", "smoke"]) == 0
    assert capsys.readouterr().out.split() == ["n200_scaling1", "n200_scaling4"]


def test_each_notebook_has_its_command():
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(NOTEBOOKS.values()) == notebooks - {"by_hand", "simulate", "own_data"}
    for name in NOTEBOOKS.values():
        source = "".join(
            c.source
            for c in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
        )
        assert "results.write_cell(output, table" in source


def test_a_search_without_optuna_is_refused_before_any_fit(project, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "optuna" else found(name)
    )
    needed = "a search for settings needs the package optuna: pip install optuna"
    name = smoke("dilution").name
    assert cell.main(["dilution", "smoke", name]) == 2
    assert needed in capsys.readouterr().err
    assert not list(Path("runs/smoke/dilution", name).rglob("*.json"))
    pruned = smoke("dilution").model_copy(
        update={"models": ("lasso_pruned",), "mlp_learning_rates": (0.01,)}
    )
    with pytest.raises(ImportError, match=needed):
        cell.compute(pruned, Path("runs", "pruned"))
    fixed = pruned.model_copy(update={"max_features": (5, 5), "models": ("ridge", "lasso_pruned")})
    cell.compute(fixed, Path("runs", "fixed"))  # one choice of each: nothing is searched


def test_an_output_that_is_empty_is_refused(project, capsys):
    assert cell.main(["ridge_vs_sgd", "smoke", smoke("ridge_vs_sgd").name, "--output", ""]) == 2
    assert "--output must be a folder, got ''" in capsys.readouterr().err
