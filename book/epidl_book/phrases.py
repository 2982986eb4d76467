"""Words about a run, computed from its table and provenance, that several pages say."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from epidl import figures
from epidl.grid.contrasts import (
    mean_difference,
    one_protocol,
)
from epidl.grid.params import EXPERIMENTS, PUBLISHED_H2, Cell


def describe_run(table: pd.DataFrame, provenance: Path | str) -> dict[str, str]:
    """Return words about a run: profile, width, cells, device, computing time, commit.

    table: its results. provenance: the list that `results.collect` wrote beside them.
    """
    records = json.loads(Path(provenance).read_text())
    seconds = sum(record["seconds"] for record in records)
    return {
        "profile": _join(table["profile"]),
        "width": _join(table.loc[table["hidden_width"] > 0, "hidden_width"]),
        "cells": cells_in_words(table, *EXPERIMENTS[table["experiment"].iloc[0]].points),
        "device": _join(pd.Series([record["device"] for record in records])),
        "time": _duration(seconds),
        "commit": _join(pd.Series([record["commit"] for record in records])),
    }


def cells_in_words(table: pd.DataFrame, one: str, many: str) -> str:
    """Return how many cells a table has and how many replicates they have, by sample size; one, many: their name."""
    replicates = table.groupby(["n_samples", "cell"])["replicate"].max()
    return " and ".join(
        f"{_count(number, one, many)} with {_count(most, 'replicate', 'replicates')} at {n_samples:,} individuals"
        for (n_samples, most), number in replicates.groupby("n_samples").value_counts().sort_index().items()
    )


def origin(profile: str) -> str:
    """Return when the small-scale tables of a book built from a profile were computed, in words."""
    if profile == "published":
        return "when this version of the book was published"
    return "on this machine, when this copy of the book was built"


def search_settings(provenance: Path | str) -> dict[str, str]:
    """Return words about how a run's networks were tuned: the rate or how it was searched for, and the pruned trials.

    provenance: the list that `results.collect` wrote, of cells with the same settings.
    """
    parameters = json.loads(Path(provenance).read_text())[0]["parameters"]
    rates = ", ".join(f"{rate:g}" for rate in parameters["mlp_learning_rates"])
    searched = len(parameters["mlp_learning_rates"]) > 1
    words = {"rate": f"{_count(parameters['n_trials'], 'trial', 'trials')} among {rates}" if searched else rates}
    if "n_trials_pruned" in parameters:
        words["pruned_trials"] = _count(parameters["n_trials_pruned"], "trial", "trials")
    return words


def not_computed(table: pd.DataFrame, cells: Sequence[Cell]) -> str:
    """Return how many of a profile's cells a table lacks, or has with less than the profile asks for, in words."""
    groups = table.groupby("cell")
    replicates, models = groups["replicate"].nunique(), groups["model"].agg(set)
    there = [cell for cell in cells if cell.name in replicates]
    less = sum(replicates[cell.name] < cell.n_replicates or set(cell.models) > models[cell.name] for cell in there)
    counts = {"not computed yet": len(cells) - len(there), "with fewer replicates or models than planned": less}
    words = [f"{what}: {number}" for what, number in counts.items() if number]
    return f"Of the {len(cells)} cells of this profile, {'; '.join(words)}" if words else "All is computed"


def values_by_model(table: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """Return each model's mean r for each kind of trait and how it was fitted, a row a combination of `rows`.

    Beside them V_A / V_G of the most epistatic trait, on which any lead over a linear model depends. Settings are those
    of all replicates, listed where they differ; features and epochs are medians.
    """
    keys = [*rows, "model"]
    table = one_protocol(table).sort_values(list(rows), kind="stable")
    r = table.groupby([*keys, "rel_aa"], sort=False)["pearson_r"].mean().round(3).unstack("rel_aa", sort=False)
    r.columns = [f"r, relAA {ratio:g}" for ratio in r.columns]
    epistatic = table[table["rel_aa"] == table["rel_aa"].max()]
    r["V_A / V_G"] = epistatic.groupby(keys, sort=False)["va_over_vg"].mean().round(2)
    groups = table.groupby(keys, sort=False)
    settings = groups[["learning_rate", "status"]].agg(lambda values: _join(values.dropna()))
    medians = groups[[name for name in ("n_features", "epochs") if name in table]].median().round(0)
    medians = medians.apply(lambda column: column.map("{:.0f}".format, na_action="ignore"))
    return r.join(settings["learning_rate"]).join(medians.fillna("")).join(settings["status"])


def epistatic_traits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of traits with epistasis, of the scaling experiment's own cohorts: no control."""
    return table[(table["rel_aa"] > 0) & ~table["all_pairs"] & (table["broad_sense_heritability"] == PUBLISHED_H2)]


def difference_table(table: pd.DataFrame, models: Sequence[str], baseline: str, by: Sequence[str]) -> pd.DataFrame:
    """Return models' mean differences in r to a baseline, as words, a column a model; two cohorts have an interval."""
    columns = {}
    for model in models:
        found = mean_difference(table, model, baseline, by)
        columns[figures.MODEL_NAMES.get(model, model)] = found.apply(_with_interval, axis=1)
    return pd.DataFrame(columns)


def _with_interval(row: pd.Series) -> str:
    if np.isnan(row["low"]):
        return f"{row['difference']:+.3f} (one cohort)"
    return f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"


def comparison_table(comparison: pd.DataFrame, rows: Sequence[str], columns: str, value: str) -> pd.DataFrame:
    """Return differences from the publication: a row a combination of `rows`, a column a value of `columns`.

    comparison: from a function of `replication`; value: its column with the differences. A star marks one beyond its
    bound, a ring one without a bound; a dash a value that could not be read off the publication's figure.
    """
    mark = (~comparison["agrees"]).map({True: " *", False: ""}).mask(comparison["bound"].isna(), " °")
    shown = comparison.assign(shown=comparison[value].map("{:+.3f}".format) + mark)
    table = shown.pivot_table(index=list(rows), columns=columns, values="shown", aggfunc="first", sort=False)
    return table.fillna("–")


def disagreements(comparison: pd.DataFrame, ours: str, theirs: str, place: Sequence[str]) -> str:
    """Return the compared values beyond their bound, in words: where, ours, and the publication's."""
    beyond = comparison[comparison["bound"].notna() & ~comparison["agrees"]]
    if beyond.empty:
        return "None lies beyond its bound."
    found = [
        f"{', '.join(f'{name} {row[name]}' for name in place)}: {row[ours]:+.2f}, in the publication {row[theirs]:+.2f}"
        for _, row in beyond.iterrows()
    ]
    return f"Beyond their bound: {'; '.join(found)}."


def agreement(comparison: pd.DataFrame, value: str = "difference") -> dict[str, str]:
    """Return how many compared values lie within their bound, of how many that have one, and the mean difference."""
    bounded = comparison[comparison["bound"].notna()]
    return {
        "agree": str(int(bounded["agrees"].sum())),
        "compared": str(len(bounded)),
        "values": str(len(comparison)),
        "unbounded": str(len(comparison) - len(bounded)),
        "mean_difference": f"{comparison[value].mean():+.3f}",
    }


def _smallest_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    return one_protocol(table)[table["n_samples"] == table["n_samples"].min()]


def say(prefix: str, words: Mapping[str, object]) -> None:
    """Make words available to a page's text as <prefix>_<name>."""
    from myst_nb import glue  # late: it belongs to the book

    for name, text in words.items():
        glue(f"{prefix}_{name}", str(text), display=False)


def show(name: str, figure: Figure, folder: Path) -> None:
    """Make a figure available to a page under its name, and write it to a folder for download."""
    from myst_nb import glue

    figures.save(figure, folder / name)
    glue(name, figure, display=False)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _duration(seconds: float) -> str:
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}" if unit == 3600 else f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"


def _join(values: pd.Series) -> str:
    return ", ".join(str(value) for value in values.unique())


def span(values: pd.Series) -> str:
    """Return the lowest and the highest of some differences in r, in words."""
    low, high = f"{values.min():+z.2f}", f"{values.max():+z.2f}"
    return low if low == high else f"{low} to {high}"


def each(values: Any) -> str:
    """Return the different values, each once, joined by commas."""
    return ", ".join(dict.fromkeys(str(value) for value in values if value is not None))


def listed(values: Sequence[int]) -> str:
    """Return the values joined by commas, or none."""
    return ", ".join(map(str, values)) or "none"
