"""What several pages say and show: words about a run, tables of differences, figures to glue into a
page.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import arcadia_pycolor as apc
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from epidl import figures
from epidl.grid import results
from epidl.grid.contrasts import mean_difference, one_protocol
from epidl.grid.params import PUBLISHED_H2, Cell, load_grids

DATA = Path("book/data")
# how a tested value is drawn
OUTCOMES = {
    "shown": {"color": str(apc.seaweed), "marker": "o"},
    "contradicted": {"color": str(apc.cinnabar), "marker": "X"},
    "open": {
        "color": str(apc.slate),
        "marker": "o",
        "markerfacecolor": "white",
        "markeredgewidth": 0.9,
    },
}

# a value of a column, in words
NAMES = {
    "scaling": "scaling {:g}",
    "rel_aa": "relAA {:g}",
    "n_samples": "{:,.0f} individuals",
    "n_markers": "{:,.0f} markers",
    "n_traits": "{:,.0f} traits",
    "n_qtl": "{:,.0f} QTL",
    "condition": "correlation {}",
    "partners": "{}",
    "broad_sense_heritability": "H² {:g}",
    "hidden_width": "{:,.0f} units",
    "learning_rate": "rate {:g}",
    "last_batch": "last batch of {:g}",
    "pleiotropy": "correlation {:g}",
    "model": "{}",
    "dataset": "{}",
    "population": "{}",
    "expected_share_1": "{:.0%} additive",
}

# a column of a table, as a reader is shown it
LABELS = {
    "n_samples": "individuals",
    "n_markers": "markers",
    "n_qtl": "QTL",
    "n_traits": "traits",
    "rel_aa": "relAA",
    "pleiotropy": "correlation",
    "shared_pairs": "shared pairs",
    "learning_rate": "learning rate",
    "trait_kind": "trait",
    "above": "share above pairs",
    "n_pairs": "pairs found",
    "ours_seconds": "ours, seconds",
    "reference_seconds": "reference, seconds",
    "memory_mb": "memory, MB",
    "ours_memory_mb": "ours, MB",
    "reference_memory_mb": "reference, MB",
    "memory_gib": "memory, GiB",
    "step_overhead_ms": "overhead of a step, ms",
    "n_features": "features",
    "max_features": "features at most",
    "r_low": "publication, lowest r",
    "r_mid": "middle r",
    "r_high": "highest r",
}


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table to show, with its rows and columns in words, models by their names, and thousands
    with a comma.
    """
    table = table.rename_axis(index=LABELS, columns=LABELS)
    table = table.rename(index=figures.MODEL_NAMES, columns=figures.MODEL_NAMES | LABELS)
    return table.rename(index=_label, columns=_label)


def _label(value: object) -> object:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    # not in V_A
    return re.sub("(?<=[a-z])_(?=[a-z0-9])", " ", value) if isinstance(value, str) else value


def replicated(compared: pd.DataFrame) -> str:
    """Return how many of the values with a bound are within it, as "7 of 9". The values are from a
    function of `agreement` that compares with a figure.
    """
    bounded = compared[compared["bound"].notna()]
    return f"{int(bounded['agrees'].sum())} of {len(bounded)}"


def place(values: Mapping) -> str:
    """Return the values of some columns in words, from a row of a table or a mapping."""
    return ", ".join(NAMES[column].format(value) for column, value in values.items())


def tell_run(prefix: str, experiment: str) -> pd.DataFrame:
    """Return an experiment's table, and give the page words about its run, as <prefix>_<word>."""
    table = results.read_table(DATA / f"{experiment}.csv")
    say(prefix, describe_run(table, DATA / f"{experiment}.provenance.json"))
    return table


def describe_run(table: pd.DataFrame, provenance: Path | str) -> dict[str, str]:
    """Return words about a run: profile, width, cells, what is left, device, time, commit, how
    networks were tuned.

    table: its results. provenance: the list that `results.collect` wrote with them.
    """
    records = json.loads(Path(provenance).read_text())
    runs = pd.DataFrame(records)
    planned = load_grids(Path(f"params/{table['experiment'].iloc[0]}.yml")).get(
        table["profile"].iloc[0], ()
    )
    replicates = table.groupby("cell")["replicate"].nunique()
    sizes, cohorts = ends(table["n_samples"]), ends(replicates)
    widths = table["hidden_width"] if "hidden_width" in table else pd.Series(dtype=int)
    words = {
        "profile": each(table["profile"]),
        "width": each(widths[widths > 0]),
        "cells": f"{len(replicates)} cells of {sizes} individuals, cohorts in each: {cohorts}",
        "left": not_computed(table, planned),
        "device": each(runs["device"]),
        "time": duration(runs["seconds"].sum()),
        "commit": each(runs["commit"]),
    }
    parameters = records[0].get("parameters", {})
    if "n_trials" in parameters:
        rates = each(parameters["mlp_learning_rates"])
        searched = len(parameters["mlp_learning_rates"]) > 1
        words["rate"] = f"{parameters['n_trials']} trials among {rates}" if searched else rates
        words["pruned_trials"] = f"{parameters.get('n_trials_pruned')} trials"
    return words


def not_computed(table: pd.DataFrame, cells: Sequence[Cell]) -> str:
    """Return how many of a profile's cells a table lacks, or has with less than the profile asks for,
    in words.
    """
    there, started = set(results.names(table)), set(table["cell"])
    absent = partly = 0
    for cell in cells:
        if cell.name not in started:
            absent += 1
        elif not cell.fits <= there:
            partly += 1
    lacking = {
        "are not computed yet": absent,
        "have fewer replicates or models than planned": partly,
    }
    told = [f"{number} {words}" for words, number in lacking.items() if number]
    if not told:
        return "All is computed"
    return f"Of the {len(cells)} cells of this profile, {' and '.join(told)}"


def values_by_model(table: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """Return each model's mean r for each kind of trait and how it was fitted, one row per combination
    of `rows`.

    A further column has V_A / V_G of the most epistatic trait, on which any lead over a linear
    model depends. Settings are those of all cohorts, listed if they differ. Features and epochs are
    medians.
    """
    keys = [*rows, "model"]
    table = one_protocol(table).sort_values(list(rows), kind="stable")
    r = (
        table.groupby([*keys, "rel_aa"], sort=False)["pearson_r"]
        .mean()
        .round(3)
        .unstack("rel_aa", sort=False)
    )
    r.columns = r.columns.map("r, relAA {:g}".format)
    epistatic = table[table["rel_aa"] == table["rel_aa"].max()]
    r["V_A / V_G"] = epistatic.groupby(keys, sort=False)["va_over_vg"].mean().round(2)
    groups = table.groupby(keys, sort=False)
    settings = groups[["learning_rate", "status"]].agg(each)
    medians = groups[[name for name in ("n_features", "epochs") if name in table]].median().round(0)
    medians = medians.apply(lambda column: column.map("{:.0f}".format, na_action="ignore"))
    return r.join(settings["learning_rate"]).join(medians.fillna("")).join(settings["status"])


def epistatic_traits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of traits with epistasis, of the scaling experiment's own cohorts, without
    controls.
    """
    return own_cohorts(table[table["rel_aa"] > 0])


def own_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the scaling experiment's own cohorts, without the controls of the experiment
    beyond.
    """
    return table[~table["all_pairs"] & (table["broad_sense_heritability"] == PUBLISHED_H2)]


def smallest_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the fewest individuals, or raise ValueError if the table mixes protocols."""
    return one_protocol(table)[table["n_samples"] == table["n_samples"].min()]


def difference_table(
    table: pd.DataFrame, models: Sequence[str], baseline: str, by: Sequence[str]
) -> pd.DataFrame:
    """Return models' mean differences in r to a baseline, one column per model, with an interval
    from two cohorts on.
    """
    columns = {}
    for model in models:
        found = mean_difference(table, model, baseline, by)
        columns[figures.MODEL_NAMES.get(model, model)] = found.apply(with_interval, axis=1)
    return pd.DataFrame(columns)


def with_interval(found: Mapping[str, float]) -> str:
    """Return an estimate with its interval in words, from a row of `mean_difference` or what
    `claims.interval` returns.
    """
    estimate = found["difference"] if "difference" in found else found["estimate"]
    if np.isnan(found["low"]):
        return f"{estimate:+.3f} (one cohort)"
    return f"{estimate:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


def say(prefix: str, words: Mapping[str, object]) -> None:
    """Make words available to a page as <prefix>_<name>."""
    from myst_nb import glue  # late: it belongs to the book

    for name, text in words.items():
        glue(f"{prefix}_{name}", str(text), display=False)


def show(name: str, figure: Figure, folder: Path) -> None:
    """Make a figure available to a page under its name, and write it to a folder for download."""
    from myst_nb import glue

    figures.save(figure, folder / name)
    glue(name, figure, display=False)


def duration(seconds: float) -> str:
    """Return some seconds in the unit that suits them."""
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"


def span(values: pd.Series) -> str:
    """Return the lowest and the highest of some differences in r, in words."""
    low, high = f"{values.min():+z.2f}", f"{values.max():+z.2f}"
    return low if low == high else f"{low} to {high}"


def ends(values: pd.Series) -> str:
    """Return the lowest and the highest of some counts, in words."""
    return " to ".join(map("{:,}".format, sorted({values.min(), values.max()})))


def each(values: Iterable) -> str:
    """Return the different values, each once, joined by commas."""
    return ", ".join(map(str, pd.Series(list(values), dtype=object).dropna().unique()))
