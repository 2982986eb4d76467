"""Repeats: by how much a cell's table changes when it is computed again, and on two threads instead of
one.

`python tests/repeats.py` writes book/data/repeats.csv, a row a model: the largest difference in any
trait's r.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from epidl import storage
from epidl.grid import core, results
from epidl.grid.params import CELL_TYPES, make_cell

DATA = Path(__file__).parents[1] / "book" / "data"
COMMON = {
    "n_samples": 500,
    "n_replicates": 1,
    "broad_sense_heritability": 0.999,
    "protocols": ["held_out"],
    "hidden_width": 256,
    "mlp_max_epochs": 30,  # until it is trained: before, rounding decides more
    "device": "cpu",
    "seed": 1,
}
# every model of the experiments, each once; large enough that two threads share its work
CELLS = {
    "beyond": {
        "scaling": 0.5,
        "rel_aa": [0, 1],
        "models": [
            "ridge",
            "ridge_sgd",
            "mlp",
            "mlp_recomputed",
            "skip_mlp",
            "sparse_mlp",
            "pair_network",
            "mlp_ensemble",
            "kernel",
            "gaussian",
            "orders",
            "pairs",
            "trees",
            "lasso_path",
            "lasso_pairs",
            "oracle",
        ],
    },
    "dilution": {
        "n_qtl": 20,
        "n_markers": 100,
        "rel_aa": [0, 1],
        "models": ["lasso", "lasso_pruned", "mlp_pruned"],
        "n_trials": 2,
        "n_trials_pruned": 2,
        "max_features": [10, 50],
    },
}
ACCURACY = ["pearson_r", "r_additive", "r_epistatic"]


def compute(experiment: str, n_threads: int, **changes: object) -> pd.DataFrame:
    """Return the table of an experiment's cell, computed on so many threads."""
    cell = make_cell(
        CELL_TYPES[experiment], **COMMON | CELLS[experiment] | {"n_threads": n_threads} | changes
    )
    return core.run(cell).table.set_index(["model", "trait"])


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Return the largest difference in any accuracy of any trait, a row a model; NaN must stand where
    NaN stood.
    """
    apart = (one[ACCURACY] - other[ACCURACY]).abs()
    apart = apart.mask(one[ACCURACY].isna() & other[ACCURACY].isna(), 0)
    return apart.max(axis=1, skipna=False).groupby(level="model", sort=False).max()


def main() -> None:
    """Compute every cell twice on one thread and once on two, and write the table."""
    started, rows = datetime.now(UTC), []
    for experiment in CELLS:
        one, again, two = (compute(experiment, n_threads) for n_threads in (1, 1, 2))
        found = pd.DataFrame(
            {"repeated": differences(one, again), "two_threads": differences(one, two)}
        )
        rows.append(found.reset_index())
        print(found, flush=True)
    record = results.provenance({"common": COMMON, "cells": CELLS}, started)
    storage.write_text(DATA / "repeats.provenance.json", json.dumps(record, indent=1) + "\n")
    storage.write_table(DATA / "repeats.csv", pd.concat(rows))


if __name__ == "__main__":
    main()
