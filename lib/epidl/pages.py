"""What the book's pages need beside figures: words about a run, computed from its table and provenance."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from epidl.params import Cell
from epidl.replication import CONTROL, agreement_of_models, condition, one_protocol

POINTS = {  # what the cells of an experiment differ in, beside the number of individuals
    "scaling": ("scaling", "scalings"),
    "ridge_vs_sgd": ("scaling", "scalings"),
    "dilution": ("number of markers", "numbers of markers"),
    "correlation": ("condition", "conditions"),
}


def describe_run(table: pd.DataFrame, provenance: Path | str) -> dict[str, str]:
    """Return words about a run: profile, width, rates, cells, device, computing time, commit.

    table: its results. provenance: the list that `results.collect` wrote beside them.
    """
    records = json.loads(Path(provenance).read_text())
    replicates = table.groupby("n_samples").agg(cells=("cell", "nunique"), most=("replicate", "max"))
    points = POINTS[table["experiment"].iloc[0]]
    cells = [
        f"{_count(row.cells, *points)} with {_count(row.most, 'replicate', 'replicates')} at {n_samples:,} individuals"
        for n_samples, row in replicates.iterrows()
    ]
    seconds = sum(record["seconds"] for record in records)
    return {
        "profile": _join(table["profile"]),
        "width": _join(table.loc[table["hidden_width"] > 0, "hidden_width"]),
        "cells": " and ".join(cells),
        "device": _join(pd.Series([record["device"] for record in records])),
        "time": _duration(seconds),
        "commit": _join(pd.Series([record["commit"] for record in records])),
    }


def search_settings(provenance: Path | str) -> dict[str, str]:
    """Return words about how a run's networks were tuned: the rates that were tried, and in how many trials.

    provenance: the list that `results.collect` wrote, of cells with the same settings.
    """
    parameters = json.loads(Path(provenance).read_text())[0]["parameters"]
    rates = parameters["mlp_learning_rates"]
    words = {"rates": ", ".join(f"{rate:g}" for rate in rates), "pruned_trials": str(parameters.get("n_trials_pruned"))}
    tried = f"chosen in {_count(parameters['n_trials'], 'trial', 'trials')} from {words['rates']}"
    return words | {"rate": tried if len(rates) > 1 else f"{words['rates']}, not searched for"}


def not_computed(table: pd.DataFrame, cells: Sequence[Cell]) -> str:
    """Return how many of a profile's cells a table lacks, in words."""
    missing = [cell.name for cell in cells if cell.name not in set(table["cell"])]
    return (
        f"{len(missing)} of {len(cells)} cells of this profile are not computed yet" if missing else "All is computed"
    )


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


def values_by_model(table: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """Return each model's mean r for each kind of trait and how it was fitted, a row a combination of `rows`."""
    groups = one_protocol(table).groupby([*rows, "model"], sort=False)
    r = table.pivot_table(index=[*rows, "model"], columns="rel_aa", values="pearson_r", sort=False).round(3)
    r.columns = [f"r, relAA {ratio:g}" for ratio in r.columns]
    details = [name for name in ("learning_rate", "n_features", "epochs", "seconds", "status") if name in table]
    return r.join(groups[details].first().round({"seconds": 0}))


def dilution_takeaway(table: pd.DataFrame) -> str:
    """Return what dilution does, in words: r for the most epistatic trait with the fewest and with the most markers."""
    r = one_protocol(table)[table["rel_aa"] == table["rel_aa"].max()]
    r = r.pivot_table(index="n_markers", columns="model", values="pearson_r")
    few, many = r.iloc[0], r.iloc[-1]
    return (
        f"With {r.index[0]:,} markers the MLP reaches r = {few['mlp']:.2f} for the epistatic trait, and ridge "
        f"{few['ridge']:.2f}. With {r.index[-1]:,} markers the MLP is left with {many['mlp']:.2f} and ridge with "
        f"{many['ridge']:.2f}; on features that a LASSO selects, the MLP reaches {many['mlp_pruned']:.2f} and the "
        f"LASSO {many['lasso_pruned']:.2f}."
    )


def correlation_takeaway(table: pd.DataFrame) -> str:
    """Return the mean r of ridge and MLP in each condition, in words, for the fewest QTL and traits of a table."""
    table = one_protocol(table)
    few = table[table["n_qtl"] == table["n_qtl"].min()]
    few = few[few["n_traits"] == few["n_traits"].min()]
    r = few.assign(condition=condition(few)).pivot_table(
        index="condition", columns="model", values="pearson_r", sort=False
    )
    conditions = [f"{row['mlp']:.2f} against {row['ridge']:.2f} ({name})" for name, row in r.iterrows()]
    return (
        f"With {few['n_qtl'].iloc[0]} QTL and {few['n_traits'].iloc[0]} traits, the mean r of the MLP against that of "
        f"ridge is, by correlation of effects: {'; '.join(conditions)}."
    )


def correlation_steps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's mean r by condition and what the steps between them change, a row a number of traits and QTL.

    sharing pairs: shared pairs less drawn apart, both without correlation; correlation: the highest one less shared
    pairs without correlation.
    """
    mlp = one_protocol(table)[table["model"] == "mlp"]
    mlp = mlp.sort_values(["n_traits", "n_qtl", "pleiotropy", "shared_pairs"])
    r = mlp.assign(condition=condition(mlp)).pivot_table(
        index=["n_traits", "n_qtl"], columns="condition", values="pearson_r", sort=False
    )
    highest = f"{mlp['pleiotropy'].max():g}"
    return r.assign(**{"sharing pairs": r[CONTROL] - r["0"], "correlation": r[highest] - r[CONTROL]})


def correlation_steps_in_words(table: pd.DataFrame) -> str:
    """Return by how much each step of `correlation_steps` changes the MLP's mean r: its mean and range."""
    steps = correlation_steps(table)
    words = {
        name: f"{steps[name].mean():+.3f} (from {steps[name].min():+.3f} to {steps[name].max():+.3f})"
        for name in ("sharing pairs", "correlation")
    }
    return (
        f"Over the {len(steps)} combinations of traits and QTL of this run, sharing pairs changes the MLP's mean r by "
        f"{words['sharing pairs']}, and correlating the effects of traits that share pairs, up to "
        f"{table['pleiotropy'].max():g}, by {words['correlation']}."
    )


def ridge_takeaway(table: pd.DataFrame) -> str:
    """Return by how much ridge by SGD falls behind exact ridge on the same individuals, in words, by sample size."""
    by_scaling = agreement_of_models(
        table[table["protocol"] == "held_out"], "ridge_sgd", "ridge", by=["n_samples", "scaling"]
    )
    sentences = []
    for n_samples, part in by_scaling["mean_difference"].groupby(level=0):
        part = part.droplevel(0).sort_index()
        sentences.append(
            f"With {n_samples:,} individuals the mean r of ridge by SGD differs from exact ridge's by "
            f"{part.iloc[0]:+.3f} at a scaling of {part.index[0]:g} and by {part.iloc[-1]:+.3f} at a scaling of "
            f"{part.index[-1]:g}."
        )
    return " ".join(sentences)


def comparison_table(comparison: pd.DataFrame, rows: Sequence[str], columns: str, value: str) -> pd.DataFrame:
    """Return differences from the publication: a row a combination of `rows`, a column a value of `columns`.

    comparison: from a function of `replication`; value: its column with the differences. A star marks one beyond its
    bound; a dash a value that could not be read off the publication's figure.
    """
    star = comparison["agrees"].map({True: "", False: " *"})
    shown = comparison.assign(shown=comparison[value].map("{:+.3f}".format) + star)
    table = shown.pivot_table(index=list(rows), columns=columns, values="shown", aggfunc="first", sort=False)
    return table.fillna("–")


def agreement(comparison: pd.DataFrame, value: str = "difference") -> dict[str, str]:
    """Return how many compared values keep their bound, of how many, and their mean signed difference."""
    return {
        "agree": str(int(comparison["agrees"].sum())),
        "compared": str(len(comparison)),
        "mean_difference": f"{comparison[value].mean():+.3f}",
    }


def _smallest_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    return one_protocol(table)[table["n_samples"] == table["n_samples"].min()]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _duration(seconds: float) -> str:
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}" if unit == 3600 else f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"


def _join(values: pd.Series) -> str:
    return ", ".join(str(value) for value in values.unique())
