"""The page of provenance: where, when and by which code each table was computed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epidl import seeds
from epidl.grid import results
from epidl.grid.params import CELL_TYPES, Cell, same_settings
from epidl_book.phrases import each

Records = Sequence[Mapping[str, Any]]


def read_records(path: Path) -> Records:
    """Return the provenances of a collected table, none if the file is missing."""
    return json.loads(path.read_text()) if path.exists() else []


def cell_of(record: Mapping[str, Any]) -> Cell:
    """Return the cell that a record's parameters are of."""
    return CELL_TYPES[record["parameters"]["experiment"]](**record["parameters"])


def count_computed(records: Records, cells: Sequence[Cell]) -> int:
    """Return how many planned cells have all their fits with the same parameters, under whatever
    profile's name.
    """
    found = 0
    for cell in cells:
        alike = [r["fits"] for r in records if same_settings(r["parameters"], cell)]
        found += cell.fits <= set().union(*alike)
    return found


def provenance_table(
    records: Mapping[str, Records],
    grids: Mapping[str, Mapping[str, Sequence[Cell]]],
    profiles: Sequence[str],
) -> pd.DataFrame:
    """Return one row per experiment: how much of some profiles is computed, by which code, where, and
    at what cost.

    records: provenances by experiment. grids: the cells of each profile by experiment. Hours are of
    computing, one job at a time. Peak memory is of the largest job, in GiB.
    """
    rows = {}
    for experiment, done in records.items():
        row = {"cells": len({cell_of(record).name for record in done})}
        for profile in profiles:
            planned = grids[experiment][profile]
            row[f"of {profile}"] = f"{count_computed(done, planned)} of {len(planned)}"
        if done:
            runs = pd.json_normalize(done)
            row |= {"profile": each(runs["parameters.profile"]), "commit": each(runs["commit"])}
            row |= {"device": each(runs["device"]), "hours": f"{runs['seconds'].sum() / 3600:.3g}"}
            row["peak memory, GiB"] = f"{runs['peak_memory_mb'].max() / 1024:.1f}"
        rows[experiment] = row
    return pd.DataFrame(rows).T.fillna("–").rename(index=_in_words)


def versions_table(records: Mapping[str, Records]) -> pd.DataFrame:
    """Return the versions of Python and the packages, one column per experiment that has any."""
    columns = {}
    for experiment, done in records.items():
        if done:
            columns[experiment] = pd.DataFrame([record["versions"] for record in done]).agg(each)
    return pd.DataFrame(columns).sort_index().fillna("–").rename(columns=_in_words)


def _in_words(experiment: str) -> str:
    return experiment.replace("_", " ")


def count_repeated_seeds(table: pd.DataFrame, records: Records) -> tuple[int, int]:
    """Return how many of a collected table's cohorts have the seed that the rule gives, and how many
    there are.

    records: the provenances of its fits.
    """
    right = total = 0
    for name, cell in {cell.name: cell for cell in map(cell_of, records)}.items():
        for replicate, seed in (
            table[table["cell"] == name].groupby("replicate")["seed"].first().items()
        ):
            right += seed == seeds.derive(cell.seed, cell.cohorts, cell.cohort_name, replicate)
            total += 1
    return int(right), total


def repeat_commands(table: pd.DataFrame, record: Mapping[str, Any]) -> str:
    """Return the shell commands that compute a published cell again. table: its results."""
    experiment, profile, cell = table[["experiment", "profile", "cell"]].iloc[0]
    return "\n".join(
        [
            f"git checkout {record['commit']}",
            "make setup && source .venv/bin/activate",
            f"python -m epidl.grid {profile} runs/{profile}/{experiment}/{cell}/{results.TABLE}",
        ]
    )
