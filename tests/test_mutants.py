"""The list of mutants and its table: each still applies, each died, and two of them die once more."""

import importlib.util
import random

import pandas as pd
import pytest

from conftest import ROOT
from epidl.grid import fingerprint, results
from mutants import DATA, MUTANTS, TESTS, Mutant, find_killer, killers


@pytest.fixture
def library(tmp_path):
    """A folder to apply a mutant in: the modules' real text."""
    for mutant in MUTANTS:
        (tmp_path / mutant.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mutant.path).write_text((ROOT / mutant.path).read_text())
    return tmp_path


def test_every_mutant_applies_and_changes_what_its_module_does(library):
    for mutant in MUTANTS:
        path = library / mutant.path
        source = path.read_text()
        mutant.apply(library)
        assert fingerprint._meaning(path.read_text()) != fingerprint._meaning(source), mutant
        path.write_text(source)
    assert len({mutant.breaks for mutant in MUTANTS}) == len(MUTANTS) >= 30
    assert {mutant.module for mutant in MUTANTS} == set(TESTS)


@pytest.mark.parametrize(("original", "count"), [("no such text", 0), ("plan", 2)])
def test_a_mutant_whose_text_is_not_there_once_fails_loudly(library, original, count):
    (library / "lib/epidl/cohorts/simulate.py").write_text("plan = plan\n")
    with pytest.raises(
        ValueError,
        match=rf"must stand once in lib/epidl/cohorts/simulate.py, occurs {count} times",
    ):
        Mutant("cohorts/simulate", original, "", "a text").apply(library)


def test_the_table_lists_every_mutant_and_the_test_that_killed_it():
    table = pd.read_csv(DATA / "mutants.csv", keep_default_na=False)
    assert table["mutant"].tolist() == [mutant.breaks for mutant in MUTANTS]
    assert table["module"].tolist() == [mutant.module for mutant in MUTANTS]
    for row in table.itertuples():
        file, test = row.killed_by.split("::")
        assert f"def {test.split('[')[0]}(" in (ROOT / file).read_text(), (
            f"{row.mutant}: no {row.killed_by}"
        )


@pytest.mark.slow
def test_two_mutants_die_once_more():
    """Others at every commit, the same at the same one."""
    there = [
        mutant for mutant in MUTANTS if mutant.module != "gpu" or importlib.util.find_spec("triton")
    ]
    for mutant in random.Random(results.commit()).sample(there, 2):
        assert find_killer(mutant, killers()[mutant.breaks]), mutant


@pytest.mark.slow
def test_a_mutant_that_changes_nothing_survives():
    (harmless,) = (mutant for mutant in MUTANTS if mutant.breaks == "all seeds draw alike")
    harmless = Mutant(
        "seeds", harmless.original, f"{harmless.original.replace('(seed', '(int(seed)')}", "nothing"
    )
    assert find_killer(harmless) == ""
