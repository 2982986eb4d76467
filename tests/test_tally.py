"""The suite's own figures: the plugin counts what ran, and writes nothing where a test failed."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

import tally
from conftest import ROOT


def report(nodeid: str, duration: float, skipped: bool = False) -> SimpleNamespace:
    return SimpleNamespace(nodeid=nodeid, duration=duration, skipped=skipped, when="call")


def test_a_test_is_counted_once_with_its_setup():
    found = tally.count(
        [report("a", 1), report("b", 2), report("a", 1.5), report("c", 0, skipped=True)]
    )
    assert found == {"tests": 3, "skipped": 1, "slowest": "a", "slowest_seconds": 2.5}


def test_a_tier_s_row_takes_the_place_of_its_former_one(tmp_path):
    path = tmp_path / "tests.csv"
    row = {
        "tests": 3,
        "skipped": 0,
        "slowest": "a",
        "slowest_seconds": 1.0,
        "seconds": 9.6,
        "cpu_seconds": 5.2,
    }
    for tier, tests in (("fast", 3), ("slow", 4), ("fast", 5)):
        tally.with_row(path, row | {"tier": tier, "tests": tests}).to_csv(path, index=False)
    table = pd.read_csv(path).set_index("tier")
    assert table["tests"].to_dict() == {"slow": 4, "fast": 5}
    assert table.loc["fast", ["seconds", "cpu_seconds"]].tolist() == [10, 5]
    assert {"device", "commit"} <= set(table.columns)


@pytest.mark.slow
@pytest.mark.parametrize("body", ["pass", "assert False"])
def test_only_a_run_that_passes_is_written(tmp_path, body):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_one.py").write_text(f"def test_one():\n    {body}\n")
    (tests / "tally.py").write_text((ROOT / "tests" / "tally.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tally", "--tally", "fast", "tests"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": "tests"}, capture_output=True
    )
    table = tmp_path / "book" / "data" / "tests.csv"
    assert (done.returncode == 0) == (body == "pass") == table.exists()
    if body == "pass":
        assert pd.read_csv(table)["slowest"].tolist() == ["tests/test_one.py::test_one"]
