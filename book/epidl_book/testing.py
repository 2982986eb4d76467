"""The page of tests: what was tried, and what it cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epidl import figures
from epidl_book.phrases import each

# what `make trust` and `make audit` write about the tests: the columns of each table
TRUST = {
    "faults": ["fault", "tried", "survived"],
    "bad_input": ["where", "kind", "example", "message", "refused"],
    "mutants": ["mutant", "module", "killed_by"],
    "repeats": ["model", "repeated", "two_threads"],
    "tests": [
        "tier",
        "tests",
        "skipped",
        "seconds",
        "cpu_seconds",
        "slowest",
        "slowest_seconds",
        "device",
    ],
    "audit": ["package", "version", "known"],
}


def read_trust(data: Path, name: str) -> pd.DataFrame:
    """Return one of the tables that `make trust` and `make audit` write about the tests. name: a
    key of `TRUST`.

    Raises ValueError if it is missing, empty or lacks a column.
    """
    path = Path(data, f"{name}.csv")
    try:
        table = pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} must be a table that `make {_made_by(name)}` writes: {error}"
        ) from None
    missing = [column for column in TRUST[name] if column not in table]
    if missing or table.empty:
        what = f"lacks the columns {', '.join(missing)}" if missing else "has no row"
        raise ValueError(f"{path} must be a table that `make {_made_by(name)}` writes, but {what}")
    return table


def _made_by(name: str) -> str:
    return "audit" if name == "audit" else "trust"


def audit_table(audit: pd.DataFrame, record: Mapping[str, Any]) -> pd.DataFrame:
    """Return how many pinned versions were looked up where, when and with what, and which have a known
    vulnerability.

    record: the table's provenance.
    """
    asked = record["parameters"]
    known = audit[audit["known"] != ""]
    words = known["package"] + " " + known["version"] + " (" + known["known"] + ")"
    row = {
        "versions": f"{len(audit):,}",
        "known to be vulnerable": ", ".join(words) or "none",
        "database": asked["database"],
        "as of": asked["as_of"],
        "tool": asked["tool"],
    }
    return pd.DataFrame([row]).style.hide(axis="index")


def trust_in_words(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the numbers of the page on the tests, in words. tables: by the names of `TRUST`."""
    faults, bad = tables["faults"], tables["bad_input"]
    mutants, repeats = tables["mutants"], tables["repeats"]
    killed = (mutants["killed_by"] != "").sum()
    cost = tables["tests"].set_index("tier")
    return {
        "faults": f"{faults['survived'].sum():,} of {faults['tried'].sum():,}",
        "bad_input": f"{_true(bad['refused']).sum():,} of {len(bad):,}",
        "mutants": f"{killed} of {len(mutants)}",
        "known": str((tables["audit"]["known"] != "").sum() or "none"),
        "repeated": _same_numbers(repeats, "repeated"),
        "two_threads": _same_numbers(repeats, "two_threads"),
        "fast": f"{cost.loc['fast', 'seconds'] / 60:.0f} minutes",
        "all": f"{cost['seconds'].sum() / 60:.0f} minutes",
        "device": each(cost["device"]),
    }


def mutants_by_module(mutants: pd.DataFrame) -> pd.DataFrame:
    """Return one row per module: how many mutants of it were tried, how many died, and by the tests of
    which files.
    """
    files = mutants["killed_by"].str.extract(r"tests/([^:]+)::", expand=False)
    groups = mutants.assign(died=mutants["killed_by"] != "", file=files).groupby(
        "module", sort=False
    )
    table = groups.agg(tried=("mutant", "size"), killed=("died", "sum"))
    return table.assign(**{"tests of": groups["file"].agg(lambda names: each(names.dropna()))})


def mutant_list(mutants: pd.DataFrame) -> pd.DataFrame:
    """Return one row per mutant: its module, what it breaks, and the test that killed it, by its name."""
    test = mutants["killed_by"].str.replace(r".*::(?:test_)?", "", regex=True).str.split("[").str[0]
    names = test.str.replace("_", " ").replace("", "none: it survived")
    return pd.DataFrame({"what is broken": mutants["mutant"], "killed by": names}).set_index(
        mutants["module"]
    )


def bad_input_by_place(bad_input: pd.DataFrame) -> pd.DataFrame:
    """Return one row per place that takes input: how many kinds of bad input were tried there, and
    refused.
    """
    groups = bad_input.assign(refused=_true(bad_input["refused"])).groupby("where", sort=False)
    return groups.agg(kinds=("kind", "size"), refused=("refused", "sum"))


def examples_of_messages(bad_input: pd.DataFrame, count: int = 3) -> pd.DataFrame:
    """Return some refused kinds of bad input with their messages, from places spread over the
    table.
    """
    refused = bad_input[_true(bad_input["refused"])].drop_duplicates("where")
    some = refused.iloc[np.linspace(0, len(refused) - 1, min(count, len(refused))).astype(int)]
    return some.set_index("where")[["kind", "example", "message"]]


def cost_of_tests(tests: pd.DataFrame) -> pd.DataFrame:
    """Return one row per tier of the tests: how many, their minutes, and the slowest with its seconds."""
    minutes = (tests[["seconds", "cpu_seconds"]] / 60).round(1)
    slowest = tests["slowest"].str.replace(r".*::(?:test_)?", "", regex=True).str.replace("_", " ")
    table = tests[["tier", "tests", "skipped"]].assign(
        minutes=minutes["seconds"], **{"CPU minutes": minutes["cpu_seconds"]}
    )
    return table.assign(
        **{"the slowest": slowest, "seconds of the slowest": tests["slowest_seconds"].round(1)}
    ).set_index("tier")


def differences_of_repeats(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model: the largest difference in r of any trait when repeated, and on two
    threads.
    """
    names = repeats["model"].map(lambda model: figures.MODEL_NAMES.get(model, model))
    columns = {
        "the same again": repeats["repeated"],
        "two threads, not one": repeats["two_threads"],
    }
    return pd.DataFrame(columns).map("{:.1g}".format).set_index(names)


def _true(values: pd.Series) -> pd.Series:
    return values.astype(str) == "True"


def _same_numbers(repeats: pd.DataFrame, column: str) -> str:
    return f"{(repeats[column] == 0).sum()} of {len(repeats)} models"
