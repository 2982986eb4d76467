"""The page of your machine's run: what a profile computed here, compared with the shipped tables."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from epidl import figures
from epidl.grid import contrasts, results
from epidl.planner import surface
from epidl_book import ledger, phrases
from epidl_book.provenance import Records

KEYS = ["cell", "replicate", "protocol", "model", "trait"]
UNITS = {"hidden_width": "units here", "hidden_width_shipped": "units shipped"}
CLOSE = 0.01  # in r
NAMES = figures.MODEL_NAMES | {"mlp_dropped": "MLP, last batch left out"}
QUESTIONS = {  # of each experiment: what tells its conditions apart, and what to look for
    "scaling": (
        ["scaling"],
        "**Scaling.** Does the network lead ridge if pairs are few for each individual, and lose its "
        "lead if they are many ({doc}`scaling <scaling>`)?",
    ),
    "dilution": (
        ["n_markers"],
        "**Dilution.** Do markers without effect take the network's lead ({doc}`dilution <dilution>`)?",
    ),
    "correlation": (
        ["n_qtl", "n_traits", "condition"],
        "**Correlation.** Does the network gain when traits share their pairs ({doc}`correlation <correlation>`)?",
    ),
    "ridge_vs_sgd": (
        ["scaling"],
        "**Ridge by SGD.** Does it fall behind exact ridge if QTL are many ({doc}`ridge by SGD <ridge_vs_sgd>`)?",
    ),
    "hyperparameters": (
        ["scaling", "hidden_width", "learning_rate"],
        "**Settings.** Does another network predict the scaling cohorts as well ({doc}`scaling <scaling>`)?",
    ),
    "beyond": (
        ["scaling", "partners", "broad_sense_heritability"],
        "**More models.** Are the epistatic kernel and sparse pairs ahead of the network? Which of "
        "them leads when all pairs interact ({doc}`beyond <beyond>`)?",
    ),
    "beyond_dilution": (
        ["n_markers"],
        "**More models, diluted.** Do sparse pairs stay at the oracle among many markers ({doc}`beyond <beyond>`)?",
    ),
    "beyond_correlation": (
        ["n_qtl", "n_traits", "condition"],
        "**More models, many traits.** Do sparse pairs need more than one trait at a time ({doc}`beyond <beyond>`)?",
    ),
    "ragged": (
        ["scaling", "last_batch"],
        "**The last batch.** Does the network gain if training leaves out a small last batch ({doc}`ledger <ledger>`)?",
    ),
    "survey": (
        ["n_markers", "n_qtl", "broad_sense_heritability"],
        "**Forecasts.** Does the planner forecast what is found ({doc}`planner <planner>`)? "
        "It knows no study of the quick grid.",
    ),
    "worlds": (
        ["population", "n_qtl", "expected_share_1"],
        "**Worlds closer to life.** Which model leads in a cross, and if more than two loci interact "
        "({doc}`worlds`)?",
    ),
    "real": (
        ["dataset"],
        "**Real cohorts.** Which model predicts the example that ships best ({doc}`real data <real_data>`)?",
    ),
}


def read_run(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables that a profile computed, by experiment, or none if nothing was computed."""
    paths = {name: folder / f"{name}.csv" for name in QUESTIONS}
    return {name: results.read_table(path) for name, path in paths.items() if path.exists()}


def beside_shipped(name: str, run: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an experiment's run with the r of the same fits in the shipped table.

    The columns are `here` and `shipped`. The same fit is of the same simulated individuals, trait,
    model and protocol. `shipped` is NaN if the table lacks the fit.
    """
    shipped = with_conditions(name, results.read_table(phrases.DATA / f"{name}.csv"))
    both = with_conditions(name, run).merge(
        shipped[[*KEYS, "pearson_r", "hidden_width"]],
        on=KEYS,
        how="left",
        suffixes=("", "_shipped"),
        validate="one_to_one",
    )
    return both.rename(columns={"pearson_r": "here", "pearson_r_shipped": "shipped"})


def with_conditions(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return an experiment's table with columns for its conditions in words."""
    if name == "ragged":
        return ledger.variants_of_the_last_batch(table)
    if name.endswith("correlation"):
        return table.assign(condition=contrasts.condition(table))
    if name == "beyond":
        partners = np.where(table["all_pairs"], "all pairs interact", "one partner each")
        return table.assign(partners=partners)
    if name == "real":  # of unknown architecture; not counted, for its table has no width
        return table.assign(rel_aa=np.nan, hidden_width=np.nan)
    return table


def compare(run: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all experiments whose fits ship, as `beside_shipped` has them."""
    columns = ["model", *UNITS, "here", "shipped"]
    parts = [pd.DataFrame(columns=columns).astype({"here": float, "shipped": float})]
    for name, table in run.items():
        parts.append(beside_shipped(name, table)[columns])
    values = pd.concat(parts, ignore_index=True).dropna()
    return values[values["model"].isin(NAMES)]


def run_in_words(values: pd.DataFrame, records: Mapping[str, Records]) -> dict[str, str]:
    """Return how many values of `compare` agree, and what the run took, in words."""
    done = list(itertools.chain.from_iterable(records.values()))
    cells = {(name, fit.split()[0]) for name in records for r in records[name] for fit in r["fits"]}
    close = ((values["here"] - values["shipped"]).abs() <= CLOSE).sum()
    verdict = "No shipped accuracy is of what was computed here"
    if len(values):
        verdict = (
            f"{close:,} of {len(values):,} accuracies came out within {CLOSE:g} of the shipped ones"
        )
    return {
        "verdict": verdict if done else "Nothing was computed for this copy of the book",
        "cells": f"{len(cells)} cells",
        "time": phrases.duration(sum(record["seconds"] for record in done)),
        "device": phrases.each(record["device"] for record in done) or "no device",
    }


def agreement_by_model(values: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and the largest difference in r, here minus shipped.

    One row per model and width of its network, here and in the shipped table. A dash is no network.
    """
    units = values[list(UNITS)].astype(int).map("{:,}".format).replace("0", "–")
    keys = [values["model"].map(NAMES), *(units[column] for column in UNITS)]
    found = (values["here"] - values["shipped"]).groupby(keys)
    shown = found.agg(["size", "mean", lambda difference: difference.abs().max()])
    shown.columns = ["values", "mean difference in r", "largest difference"]
    shown = shown.round(3).map("{:zg}".format).reset_index(names=["model", *UNITS.values()])
    return shown.set_index("model").rename_axis(None)


def condition_table(both: pd.DataFrame, places: Sequence[str], other: str) -> pd.DataFrame:
    """Return the mean r over the traits with epistasis under one protocol, one column per model.

    Two rows per condition: of the column `here`, and of the column `other` of the same fits. A dash
    marks what is not there for all of them.
    """
    one = both[both["protocol"] == both["protocol"].min()]  # held_out, if there
    epistatic = one[(one["rel_aa"] != 0) & one["model"].isin(NAMES)]
    keys = ["n_samples", *places]
    long = epistatic.melt([*keys, "model"], ["here", other], var_name="r")
    r = long.groupby([*keys, "r", "model"])["value"].agg(lambda part: part.mean(skipna=False))
    shown = r.unstack("model").rename(columns=NAMES)
    shown = shown[[name for name in NAMES.values() if name in shown]]
    words = [phrases.place(dict(zip(keys, row[:-1], strict=True))) for row in shown.index]
    shown.index = pd.MultiIndex.from_arrays([words, list(shown.index.get_level_values("r"))])
    return shown.rename_axis(columns=None).map("{:.2f}".format, na_action="ignore").fillna("–")


def show_experiments(run: Mapping[str, pd.DataFrame]) -> None:
    """Show each experiment's question with its table."""
    for name, table in run.items():
        places, question = QUESTIONS[name]
        if name == "survey":
            both, other = surface.tried(table).rename(columns={"pearson_r": "here"}), "forecast"
        else:
            both, other = beside_shipped(name, table), "shipped"
        display(Markdown(question), condition_table(both, places, other))
