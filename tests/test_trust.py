"""The page on the tests: its words and tables, from small tables as `make trust` writes them."""

import pandas as pd
import pytest

from conftest import ROOT
from epidl_book import testing as testing_page

TABLES = {
    "faults": pd.DataFrame({"fault": ["kill", "disk full"], "tried": [30, 1], "survived": [30, 0]}),
    "bad_input": pd.DataFrame(
        {
            "where": ["simulate", "simulate", "params", "files"],
            "kind": ["a", "b", "c", "d"],
            "example": ["n_samples=-1", "n_qtl=3", "seed: x", "empty"],
            "message": ["must be at least 2", "must be even", "must be", "holds no"],
            "refused": [True, True, True, False],
        }
    ),
    "mutants": pd.DataFrame(
        {
            "mutant": ["a sign", "a scale", "an index"],
            "module": ["ridge", "ridge", "pairs"],
            "killed_by": [
                "tests/test_ridge.py::test_a_fit[3-x]",
                "",
                "tests/test_pairs.py::test_t",
            ],
        }
    ),
    "repeats": pd.DataFrame(
        {"model": ["ridge", "mlp"], "repeated": [0.0, 0.0], "two_threads": [1e-15, 0.0021]}
    ),
    "tests": pd.DataFrame(
        {
            "tier": ["fast", "slow"],
            "tests": [900, 60],
            "skipped": [2, 0],
            "seconds": [150, 330],
            "cpu_seconds": [240, 500],
            "slowest": ["tests/test_a.py::test_it_takes_long[4]", "tests/test_b.py::test_grid"],
            "slowest_seconds": [7.04, 60.0],
            "device": ["a machine"] * 2,
        }
    ),
    "audit": pd.DataFrame(
        {"package": ["a", "b"], "version": ["1.0", "2.0.1"], "known": ["", "<3"]}
    ),
}


def test_the_figures_in_words():
    assert testing_page.trust_in_words(TABLES) == {
        "faults": "30 of 31",
        "bad_input": "3 of 4",
        "mutants": "2 of 3",
        "known": "1",
        "repeated": "2 of 2 models",
        "two_threads": "0 of 2 models",
        "fast": "2 minutes",
        "all": "8 minutes",
        "device": "a machine",
    }


def test_the_tables_of_mutants_say_what_survived():
    table = testing_page.mutants_by_module(TABLES["mutants"])
    assert table.loc["ridge"].tolist() == [2, 1, "test_ridge.py"]
    assert table.loc["pairs"].tolist() == [1, 1, "test_pairs.py"]
    assert testing_page.mutant_list(TABLES["mutants"])["killed by"].tolist() == [
        "a fit",
        "none: it survived",
        "t",
    ]


def test_the_tables_of_bad_input():
    table = testing_page.bad_input_by_place(TABLES["bad_input"])
    assert table["refused"].to_dict() == {"simulate": 2, "params": 1, "files": 0}
    assert table["kinds"].tolist() == [2, 1, 1]
    examples = testing_page.examples_of_messages(TABLES["bad_input"])
    assert examples["message"].to_dict() == {"simulate": "must be at least 2", "params": "must be"}


def test_the_tables_of_costs_and_repeats():
    table = testing_page.cost_of_tests(TABLES["tests"])
    assert table.loc["fast"].tolist() == [900, 2, 2.5, 4.0, "it takes long[4]", 7.0]
    table = testing_page.differences_of_repeats(TABLES["repeats"])
    assert table.loc["MLP"].tolist() == ["0", "0.002"]
    assert table.loc["Ridge", "two threads, not one"] == "1e-15"


def test_what_the_headings_of_the_page_say_is_so():
    shipped = {
        name: testing_page.read_trust(ROOT / "book" / "data", name) for name in testing_page.TRUST
    }
    assert (shipped["mutants"]["killed_by"] != "").all(), "the tests notice each mistake"
    assert (shipped["faults"]["survived"] == shipped["faults"]["tried"]).all()
    assert (shipped["bad_input"]["refused"].astype(str) == "True").all()
    assert (shipped["repeats"]["repeated"] == 0).all(), "on one thread every number repeats"
    minutes = shipped["tests"].set_index("tier")["seconds"] / 60
    assert 1 < minutes["fast"] < 10


@pytest.mark.parametrize("name", testing_page.TRUST)
def test_a_table_is_read_as_it_was_written_and_a_missing_or_broken_one_is_named(tmp_path, name):
    with pytest.raises(
        ValueError, match=rf"{name}.csv must be a table that `make \w+` writes: .*No such file"
    ):
        testing_page.read_trust(tmp_path, name)
    table = TABLES[name]
    table.to_csv(tmp_path / f"{name}.csv", index=False)
    pd.testing.assert_frame_equal(testing_page.read_trust(tmp_path, name), table)
    table.head(0).to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(ValueError, match="but has no row"):
        testing_page.read_trust(tmp_path, name)
    table.drop(columns=testing_page.TRUST[name][1]).to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(ValueError, match=f"but lacks the columns {testing_page.TRUST[name][1]}"):
        testing_page.read_trust(tmp_path, name)
