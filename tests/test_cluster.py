"""The grid on a real scheduler, where one is there: Slurm of one node is enough."""

import importlib.util
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from conftest import ROOT
from epidl.grid import cell, costs
from epidl.grid.params import load_grids

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("params", "notebooks", "profiles", "book"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def slurm():
    found = shutil.which("sinfo") and subprocess.run(
        ["sinfo", "-h", "-t", "idle"], capture_output=True, text=True
    )
    if not found or not found.stdout.strip():
        pytest.skip("no Slurm with an idle node here")
    for plugin in ("slurm", "cluster_generic"):
        if not importlib.util.find_spec(f"snakemake_executor_plugin_{plugin}"):
            pytest.skip(
                f"snakemake-executor-plugin-{plugin} is not installed: pip install -e .[cluster]"
            )


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize("profile", ["slurm", "cluster"])
def test_slurm_computes_what_the_command_computes(project, profile):
    command = [
        "-m",
        "epidl.grid",
        "smoke",
        "--workflow-profile",
        f"profiles/{profile}",
        "runs/smoke/scaling.csv",
    ]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "submitted" in done.stderr.lower()
    table = pd.read_csv(project / "runs/smoke/scaling.csv").drop(columns="seconds")
    for wanted in load_grids(ROOT / "params/scaling.yml")["smoke"]:
        cell.compute(wanted, project / "alone" / wanted.name)
        alone = pd.read_csv(project / "alone" / wanted.name / "table.csv").drop(columns="seconds")
        pd.testing.assert_frame_equal(
            table[table["cell"] == wanted.name].reset_index(drop=True), alone
        )


def test_requests_grow_with_the_cell():
    small, large = (
        costs.requests(c)
        for c in load_grids(ROOT / "params/scaling.yml")["full"]
        if c.name in ("n1000_scaling1", "n1000000_scaling20")
    )
    assert small["mem_mb"] < 4000 < large["mem_mb"] < 32_000
    assert 10 < small["runtime"] < large["runtime"]
