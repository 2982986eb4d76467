"""What the book's pages need beside figures: words about a run, computed from its table and provenance."""

import json
from pathlib import Path

import pandas as pd

from epidl.replication import one_protocol


def describe_run(table: pd.DataFrame, provenance: Path | str) -> dict[str, str]:
    """Return words about a run: profile, width, cells, device, computing time, commit.

    table: its results. provenance: the list that `results.collect` wrote beside them.
    """
    records = json.loads(Path(provenance).read_text())
    replicates = table.groupby("n_samples").agg(cells=("cell", "nunique"), most=("replicate", "max"))
    cells = [
        f"{row.cells} scalings with {row.most} replicate{'s' if row.most > 1 else ''} at {n_samples:,} samples"
        for n_samples, row in replicates.iterrows()
    ]
    seconds = sum(record["seconds"] for record in records)
    return {
        "profile": _join(table["profile"]),
        "width": _join(table.loc[table["model"] == "mlp", "hidden_width"]),
        "cells": " and ".join(cells),
        "device": _join(pd.Series([record["device"] for record in records])),
        "time": f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds",
        "commit": _join(pd.Series([record["commit"] for record in records])),
    }


def headline(table: pd.DataFrame) -> dict[str, str]:
    """Return the numbers of the book's first page, from the smallest cohorts of a table of one protocol.

    Mean r of MLP and exact ridge for the most epistatic trait at the lowest and the highest scaling; for the additive
    trait, by how much the MLP's mean r is above ridge's at best, and below it at worst, over the scalings.
    """
    table = _smallest_cohorts(table)
    r = table.pivot_table(index="scaling", columns=["rel_aa", "model"], values="pearson_r")
    epistatic, additive = r[table["rel_aa"].max()], r[0.0]
    first, last = epistatic.iloc[0], epistatic.iloc[-1]
    difference = additive["mlp"] - additive["ridge"]
    return {
        "mlp_low": f"{first['mlp']:.2f}",
        "ridge_low": f"{first['ridge']:.2f}",
        "mlp_high": f"{last['mlp']:.2f}",
        "ridge_high": f"{last['ridge']:.2f}",
        "scaling_low": f"{r.index[0]:g}",
        "scaling_high": f"{r.index[-1]:g}",
        "additive_best": f"{max(0, difference.max()):.3f}",
        "additive_worst": f"{max(0, -difference.min()):.3f}",
        "n_samples": f"{table['n_samples'].iloc[0]:,}",
    }


def baseline_gap(table: pd.DataFrame) -> dict[str, str]:
    """Return by how much models differ in r, averaged over traits and replicates, at the lowest and highest scaling.

    Of the smallest cohorts of a table of one protocol.
    low, high: exact ridge less ridge by SGD; mlp_sgd, mlp_exact: the MLP less either, at the highest scaling.
    """
    r = _smallest_cohorts(table).pivot_table(index="scaling", columns="model", values="pearson_r")
    first, last = r.iloc[0], r.iloc[-1]
    return {
        "scaling_low": f"{r.index[0]:g}",
        "scaling_high": f"{r.index[-1]:g}",
        "low": f"{first['ridge'] - first['ridge_sgd']:.3f}",
        "high": f"{last['ridge'] - last['ridge_sgd']:.3f}",
        "mlp_sgd": f"{last['mlp'] - last['ridge_sgd']:+.3f}",
        "mlp_exact": f"{last['mlp'] - last['ridge']:+.3f}",
    }


def comparison_table(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the differences of `replication.compare_with_figure_1`, a row a scaling, a column a trait.

    A star marks a difference beyond its bound; a dash a value that could not be read off the publication's figure.
    """
    star = comparison["agrees"].map({True: "", False: " *"})
    shown = comparison.assign(shown=comparison["difference"].map("{:+.3f}".format) + star)
    table = shown.pivot_table(index=["n_samples", "scaling"], columns="rel_aa", values="shown", aggfunc="first")
    table.columns = [f"relAA {ratio:g}" for ratio in table.columns]
    return table.fillna("–")


def agreement(comparison: pd.DataFrame) -> dict[str, str]:
    """Return how many compared values keep their bound, of how many, and their mean signed difference."""
    return {
        "agree": str(int(comparison["agrees"].sum())),
        "compared": str(len(comparison)),
        "mean_difference": f"{comparison['difference'].mean():+.3f}",
    }


def _smallest_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    return one_protocol(table)[table["n_samples"] == table["n_samples"].min()]


def _join(values: pd.Series) -> str:
    return ", ".join(str(value) for value in values.unique())
