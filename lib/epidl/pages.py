"""What the book's pages need beside figures: words about a run, computed from its table and provenance."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from matplotlib.figure import Figure

from epidl import costs, figures, pairs, theory
from epidl.claims import WIDTH
from epidl.params import CELL_TYPES, PUBLISHED_H2, Cell
from epidl.replication import (
    CONTROL,
    DIGITISING_ERROR,
    agreement_of_models,
    condition,
    epistatic_shares,
    mean_difference,
    one_protocol,
    paired,
    settings_as_models,
)
from epidl.splits import split_samples

POINTS = {  # what the cells of an experiment differ in, beside the number of individuals
    "scaling": ("scaling", "scalings"),
    "ridge_vs_sgd": ("scaling", "scalings"),
    "hyperparameters": ("combination of scaling, width and rate", "combinations of scaling, width and rate"),
    "beyond": ("scaling or control", "scalings and controls"),
    "beyond_dilution": ("number of markers", "numbers of markers"),
    "beyond_correlation": ("combination of traits, QTL and correlation", "combinations of traits, QTL and correlation"),
    "survey": ("study", "studies"),
    "ragged": ("scaling, its last batch trained on or dropped", "scalings, their last batch trained on or dropped"),
    "dilution": ("number of markers", "numbers of markers"),
    "correlation": ("combination of traits, QTL and correlation", "combinations of traits, QTL and correlation"),
}


def describe_run(table: pd.DataFrame, provenance: Path | str) -> dict[str, str]:
    """Return words about a run: profile, width, cells, device, computing time, commit.

    table: its results. provenance: the list that `results.collect` wrote beside them.
    """
    records = json.loads(Path(provenance).read_text())
    seconds = sum(record["seconds"] for record in records)
    return {
        "profile": _join(table["profile"]),
        "width": _join(table.loc[table["hidden_width"] > 0, "hidden_width"]),
        "cells": cells_in_words(table, *POINTS[table["experiment"].iloc[0]]),
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


def headline(table: pd.DataFrame) -> dict[str, str]:
    """Return the numbers of the book's first page, from the smallest cohorts of a table of one protocol.

    Mean r of MLP and exact ridge for the most epistatic trait at the lowest and the highest scaling; for the additive
    trait, the MLP's mean r less ridge's at best and at worst over the scalings.
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
        "additive_best": f"{difference.max():+.3f}",
        "additive_worst": f"{difference.min():+.3f}",
        "n_samples": f"{table['n_samples'].iloc[0]:,}",
        "replicates": str(table["replicate"].max()),
    }


def baseline_gap(table: pd.DataFrame) -> dict[str, str]:
    """Return by how much models differ in r, averaged over traits and replicates, at the lowest and highest scaling.

    Of the smallest cohorts of a table of one protocol.
    low, high: exact ridge less ridge by SGD; mlp_sgd, mlp_exact: the MLP less either, at the highest scaling. cohorts:
    at the one and the other scaling.
    """
    part = _smallest_cohorts(table)
    r = part.pivot_table(index="scaling", columns="model", values="pearson_r")
    cohorts = part.groupby("scaling")["replicate"].nunique()
    first, last = r.iloc[0], r.iloc[-1]
    return {
        "cohorts": f"{cohorts.iloc[0]} and {cohorts.iloc[-1]}",
        "n_samples": f"{part['n_samples'].iloc[0]:,}",
        "scaling_low": f"{r.index[0]:g}",
        "scaling_high": f"{r.index[-1]:g}",
        "low": f"{first['ridge'] - first['ridge_sgd']:.3f}",
        "high": f"{last['ridge'] - last['ridge_sgd']:.3f}",
        "mlp_sgd": f"{last['mlp'] - last['ridge_sgd']:+.3f}",
        "mlp_exact": f"{last['mlp'] - last['ridge']:+.3f}",
    }


def leads_by_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's lead over exact ridge for the epistatic traits, a row a number of individuals and scaling.

    table: of one protocol. Beside the lead, with its 95 % interval over cohorts, stand both models' mean r, the mean of
    `epistatic_shares`, QTL and individuals per QTL.
    """
    part = one_protocol(table)[table["rel_aa"] > 0]
    keys = ["n_samples", "scaling"]
    r = part.pivot_table(index=keys, columns="model", values="pearson_r")
    found = mean_difference(part, "mlp", "ridge", keys)
    shares = epistatic_shares(part, "mlp", "ridge", keys).groupby(keys)["share"].mean()
    n_qtl = part.groupby(keys)["n_qtl"].first()
    return pd.DataFrame(
        {
            "QTL": n_qtl,
            "individuals per QTL": (n_qtl.index.get_level_values("n_samples") / n_qtl).round(1),
            "r, exact ridge": r["ridge"].round(3),
            "r, MLP": r["mlp"].round(3),
            "MLP less ridge": found.apply(_with_interval, axis=1),
            "share of V_AA": shares.round(2) + 0.0,  # no -0.00
            "cohorts": found["cohorts"].astype(int),
        }
    )


def shares_in_words(table: pd.DataFrame, scalings: Sequence[float]) -> dict[str, str]:
    """Return the mean share of the epistatic variance that the MLP predicts beyond exact ridge, at some scalings.

    small, large: with the fewest and the most individuals, whose numbers are small_n and large_n. cohorts: of either,
    at the scaling that has fewest.
    """
    shares = epistatic_shares(one_protocol(table), "mlp", "ridge", ["n_samples", "scaling"])
    found = shares.groupby(["n_samples", "scaling"])["share"].agg(["mean", "count"])
    words = {"scalings": ", ".join(f"{scaling:g}" for scaling in scalings)}
    sizes = sorted({shares["n_samples"].min(), shares["n_samples"].max()})
    for name, n_samples in (("small", sizes[0]), ("large", sizes[-1])):
        at = 100 * found.loc[n_samples].reindex(scalings)["mean"].dropna()
        words |= {f"{name}_n": f"{n_samples:,}", name: f"{', '.join(at.map('{:z.0f}'.format))} %"}
    fewest = found["count"].groupby("n_samples").min()
    return words | {"cohorts": " and ".join(str(fewest[n_samples]) for n_samples in sizes)}


def at_highest_scaling(leads: pd.DataFrame) -> dict[str, str]:
    """Return what `leads_by_scaling` has at the highest scaling, in words: of the smallest and the largest cohorts."""
    leads = leads.reset_index()
    found = leads[leads["scaling"] == leads["scaling"].max()].sort_values("n_samples")
    words = {"scaling": f"{found['scaling'].iloc[0]:g}"}
    for name, row in (("small", found.iloc[0]), ("large", found.iloc[-1])):
        words[f"{name}_n"] = f"{row['n_samples']:,}"
        words[f"{name}_per_qtl"] = f"{row['individuals per QTL']:g}"
        words[f"{name}_ridge"] = f"{row['r, exact ridge']:.2f}"
        words[f"{name}_mlp"] = f"{row['r, MLP']:.2f}"
        words[f"{name}_cohorts"] = str(row["cohorts"])
    return words


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


def dilution_takeaway(table: pd.DataFrame) -> str:
    """Return what dilution does, in one sentence: r for the epistatic trait with the fewest and the most markers."""
    r = one_protocol(table)[table["rel_aa"] == table["rel_aa"].max()]
    r = r.groupby(["n_markers", "model"])["pearson_r"].mean().unstack("model").sort_index()
    r = r.map(lambda value: f"{value:.2f}" if value == value else "no r (its fits failed)")
    few, many = r.iloc[0], r.iloc[-1]
    return (
        f"For the epistatic trait the MLP reaches r = {few['mlp']} with {r.index[0]:,} markers, where ridge reaches "
        f"{few['ridge']}, and {many['mlp']} with {r.index[-1]:,}, where ridge reaches {many['ridge']}, the MLP on "
        f"features that a LASSO selects {many['mlp_pruned']}, and the LASSO on them {many['lasso_pruned']}."
    )


def selection_limit(table: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return in how many trials the number of features was limited by what Optuna chose, in words.

    Where fewer columns pass the threshold than the trial allows, the trial's limit does nothing.
    """
    passing = table[table["model"] == "lasso"].groupby(["cell", "replicate", "protocol"])["n_features"].first()
    tried = trials[trials["model"] == "mlp_pruned"].join(passing, on=["cell", "replicate", "protocol"])
    limited = int((tried["max_features"] < tried["n_features"]).sum())
    return (
        f"{passing.min():.0f} to {passing.max():.0f} columns pass the threshold, and the limit that a trial set was "
        f"lower than that in {limited} of {len(tried)} trials"
    )


def correlation_takeaway(table: pd.DataFrame) -> str:
    """Return the mean r of ridge and MLP in each condition, in words, for the fewest QTL and traits of a table."""
    table = one_protocol(table)
    few = table[table["n_qtl"] == table["n_qtl"].min()]
    few = few[few["n_traits"] == few["n_traits"].min()].sort_values(["pleiotropy", "shared_pairs"])
    r = few.assign(condition=condition(few)).pivot_table(
        index="condition", columns="model", values="pearson_r", sort=False
    )
    r = r.rename(index={"0": "0, drawn apart"})
    conditions = [f"{row['mlp']:.2f} against {row['ridge']:.2f} ({name})" for name, row in r.iterrows()]
    return (
        f"With {few['n_qtl'].iloc[0]} QTL and {few['n_traits'].iloc[0]} traits, the mean r of the MLP against that of "
        f"ridge is, by correlation of effects: {'; '.join(conditions)}."
    )


def correlation_steps(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return the MLP's mean r (`pearson_r`) or its mean lead over ridge's (`difference`) and what two steps change.

    A row a number of traits and QTL, a column a condition. sharing pairs: shared pairs less drawn apart, both without
    correlation; correlation: the highest one less shared pairs without correlation. NaN where a condition is missing.
    """
    gain = paired(one_protocol(table), "mlp", "ridge").sort_values(["n_traits", "n_qtl", "pleiotropy", "shared_pairs"])
    means = gain.assign(condition=condition(gain)).pivot_table(
        index=["n_traits", "n_qtl"], columns="condition", values=value, sort=False
    )
    highest = f"{table['pleiotropy'].max():g}"
    steps = means.reindex(columns=["0", CONTROL, highest])
    return means.assign(
        **{"sharing pairs": steps[CONTROL] - steps["0"], "correlation": steps[highest] - steps[CONTROL]}
    )


def both_steps(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the two steps of `correlation_steps` change in the MLP's r, where both are computed."""
    return correlation_steps(table, "pearson_r").reindex(columns=["sharing pairs", "correlation"]).dropna()


def steps_in_words(table: pd.DataFrame) -> dict[str, str]:
    """Return the range of what each step of `correlation_steps` changes in the MLP's r, of how many comparisons.

    cohorts: a condition, from the fewest to the most; width: the network's.
    """
    steps = both_steps(table)
    counts = table.groupby("cell")["replicate"].nunique()
    return {
        "pairs": span(steps["sharing pairs"]) if len(steps) else "not computed",
        "effects": span(steps["correlation"]) if len(steps) else "not computed",
        "comparisons": str(len(steps)),
        "cohorts": " to ".join(map(str, sorted({counts.min(), counts.max()}))),
        "width": _join(table.loc[table["hidden_width"] > 0, "hidden_width"]),
    }


def correlation_steps_in_words(table: pd.DataFrame) -> str:
    """Return what the steps of `correlation_steps` change, a number of traits and QTL each, from how many cohorts.

    With Welch's 95 % interval where both conditions of a step have several cohorts.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    by_cohort = gain.assign(condition=condition(gain)).groupby(["n_traits", "n_qtl", "condition", "replicate"])
    means = by_cohort[["pearson_r", "difference"]].mean()
    sentences = []
    for n_traits, n_qtl in both_steps(table).index:
        at = means.loc[n_traits, n_qtl]
        apart, shared, highest = (at.loc[name] for name in ("0", CONTROL, f"{table['pleiotropy'].max():g}"))
        cohorts = " to ".join(map(str, sorted({len(part) for part in (apart, shared, highest)})))
        sharing, correlating = (
            [_step(after[value], before[value]) for value in ("pearson_r", "difference")]
            for before, after in ((apart, shared), (shared, highest))
        )
        sentences.append(
            f"With {n_traits} traits and {n_qtl} QTL (cohorts a condition: {cohorts}), sharing pairs changes the "
            f"MLP's r by {sharing[0]} (its lead over ridge by {sharing[1]}), and correlating the effects by "
            f"{correlating[0]} ({correlating[1]})."
        )
    return " ".join(sentences) or "No number of traits and QTL has all three kinds of traits computed."


def _step(after: pd.Series, before: pd.Series) -> str:
    """Return a difference of means over cohorts, with Welch's 95 % interval where both have several."""
    words = f"{after.mean() - before.mean():+.2f}"
    if min(len(after), len(before)) == 1:
        return words
    low, high = scipy.stats.ttest_ind(after, before, equal_var=False).confidence_interval()
    return f"{words} [{low:.2f}, {high:.2f}]"


def epistatic_traits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of traits with epistasis, of the scaling experiment's own cohorts: no control."""
    return table[(table["rel_aa"] > 0) & ~table["all_pairs"] & (table["broad_sense_heritability"] == PUBLISHED_H2)]


def beyond_takeaway(table: pd.DataFrame) -> str:
    """Return what sets the models apart, at the scaling nearest 1 of the smallest cohorts, in one sentence."""
    part = _smallest_cohorts(epistatic_traits(table))
    scaling = min(part["scaling"].unique(), key=lambda value: abs(np.log(value)))
    r = part[part["scaling"] == scaling].groupby("model")["pearson_r"].mean().map("{:.3f}".format)
    return (
        f"At {part['n_samples'].iloc[0]:,} individuals and a scaling of {scaling:g}, where ridge reaches a mean r of "
        f"{r['ridge']} over the epistatic traits and the MLP {r['mlp']}, the epistatic kernel reaches {r['kernel']}, "
        f"sparse regression on pairs {r['pairs']}, and a network with an L1 penalty on its pairs {r['pair_network']}; "
        f"a model that knows the true pairs would reach {r['oracle']}."
    )


def models_in_words(table: pd.DataFrame) -> str:
    """Return the mean r of each model that a table holds, expectations left out, in words."""
    r = table.groupby("model")["pearson_r"].mean()
    return ", ".join(f"{figures.MODEL_NAMES[model]} {r[model]:.3f}" for model in figures.MODEL_NAMES if model in r)


def diluted_models(table: pd.DataFrame) -> str:
    """Return the mean r of each model for the most epistatic trait, with the fewest and the most markers of a table."""
    part = table[table["rel_aa"] == table["rel_aa"].max()]
    ends = part["n_markers"].min(), part["n_markers"].max()
    return " ".join(f"With {m:,} markers: {models_in_words(part[part['n_markers'] == m])}." for m in ends)


def advice_numbers(n_train: int, n_markers: int, additive: float, epistatic: float) -> dict[str, str]:
    """Return what theory expects of ridge and the kernel, and the variance v that a pair must make to be found.

    The latter: n v is what the first of all pairs to be found must pass by the rule of `pairs.fit_pairs`, which divides
    its level by their number; once some are found, others need less.
    """
    shares = n_train, n_markers, additive, epistatic
    r = {model: theory.expected_accuracy(*shares, model=model).pearson_r for model in ("ridge", "kernel")}
    words = {model: f"{value:.3f}" for model, value in r.items()}
    threshold = scipy.stats.chi2.isf(pairs.LEVEL / math.comb(n_markers, 2), df=1)
    return words | {"n": f"{n_train:,}", "m": f"{n_markers:,}", "pair": f"{100 * threshold / n_train:.1f} %"}


def reach(table: pd.DataFrame, least: float = 0.9) -> str:
    """Return up to which scaling each model keeps a mean r, in the smallest cohorts, in one sentence."""
    part = _smallest_cohorts(table)
    r = part.pivot_table(index="scaling", columns="model", values="pearson_r")
    words = []
    for model in (model for model in figures.MODEL_NAMES if model in r):
        below = r.index[r[model] < least]
        kept = r.index[r.index < below[0]] if len(below) else r.index
        words.append(f"{figures.MODEL_NAMES[model]} {f'{kept[-1]:g}' if len(kept) else 'nowhere'}")
    return (
        f"At {part['n_samples'].iloc[0]:,} individuals the mean r is at least {least:g} up to a scaling of: "
        f"{', '.join(words)} (of {r.index[-1]:g} at most)."
    )


def lead_of_networks(differences: Mapping[str, pd.DataFrame]) -> str:
    """Return in how many traits and cells each network's interval lies above and below 0, in a sentence a network."""
    sentences = []
    for model, table in differences.items():
        tested = table[table["cohorts"] > 1]
        ahead = tested[tested["low"] > 0]
        behind = tested[tested["high"] < 0]
        sentences.append(
            f"{figures.MODEL_NAMES[model]}: above in {len(ahead)} of {len(tested)}, below in {len(behind)}, in "
            f"{(behind['difference'] < -0.01).sum()} of these by more than 0.01."
        )
    return " ".join(sentences)


def ladder_table(table: pd.DataFrame, by: Sequence[str] = ("scaling",)) -> pd.DataFrame:
    """Return the mean r of every model over traits, a row a model and a column a value of `by`; a dash: not fitted."""
    r = table.pivot_table(index="model", columns=list(by), values="pearson_r")
    order = [model for model in figures.MODEL_NAMES if model in r.index]
    expectations = [model for model in r.index if model.startswith("theory_")]
    expected = {model: f"expected: {model.removeprefix('theory_')}" for model in expectations}
    shown = r.loc[order + expectations].rename(index=figures.MODEL_NAMES | expected)
    return shown.map("{:.3f}".format, na_action="ignore").fillna("–")


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


def settings_table(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return how the MLP's mean r with other settings differs from that in a table, over all traits, with intervals.

    A row a number of individuals and scaling, a column a setting; the tables are those of `settings_as_models`.
    """
    settings = settings_as_models(one_protocol(table), one_protocol(others))
    models = [model for model in settings["model"].unique() if model != "mlp"]
    return difference_table(settings, models, "mlp", ["n_samples", "scaling"])


def ridge_takeaway(table: pd.DataFrame) -> str:
    """Return by how much ridge by SGD falls behind exact ridge on the same individuals, in words, by sample size."""
    by_scaling = agreement_of_models(
        table[table["protocol"] == "held_out"], "ridge_sgd", "ridge", by=["n_samples", "scaling"]
    )
    sentences = []
    for n_samples, part in by_scaling["mean_difference"].groupby(level=0):
        part = part.droplevel(0).sort_index()
        sentences.append(
            f"With {n_samples:,} individuals (protocol held_out) the mean r of ridge by SGD differs from exact "
            "ridge's by "
            f"{part.iloc[0]:+.3f} at a scaling of {part.index[0]:g} and by {part.iloc[-1]:+.3f} at a scaling of "
            f"{part.index[-1]:g}."
        )
    return " ".join(sentences)


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


def agreement_in_words(compared: pd.DataFrame) -> str:
    """Return in a sentence how many of the publication's values are computed, and how many lie within their bound."""
    found = agreement(compared)
    return (
        f"Of {found['values']} values {compared['ours'].count()} are computed; of the {found['compared']} that have a "
        f"bound {found['agree']} lie within it."
    )


def agreement_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return a row a comparison of `replication.against_publication`: how many values, computed, within their bound."""
    grouped = compared.groupby("comparison", sort=False)
    table = grouped.agg(
        in_publication=("published", "size"),
        computed=("ours", "count"),
        with_bound=("bound", "count"),
        within_bound=("agrees", "sum"),
        mean_difference=("difference", "mean"),
    )
    table["not_computed"] = table["in_publication"] - table["computed"]
    return table.rename(columns=lambda name: name.replace("_", " ")).round(3)


def single_fits_in_words(single: pd.DataFrame) -> str:
    """Return how near the publication's replicates single fits lie, and what both make of more individuals, in words.

    single: from `replication.single_fits`. The latter at the scaling that most sample sizes have, as the mean r over
    the epistatic traits.
    """
    error = DIGITISING_ERROR
    near = (single["r"] >= single["r_low"] - error) & (single["r"] <= single["r_high"] + error)
    epistatic = single[single.index.get_level_values("rel_aa") > 0]
    means = epistatic.groupby(["scaling", "n_samples"])[["r", "r_mid"]].mean()
    scaling = means.groupby("scaling").size().idxmax()
    steps = [
        f"{row['r']:.3f} at {n:,} (the publication: {row['r_mid']:.3f})" for n, row in means.loc[scaling].iterrows()
    ]
    return (
        f"{near.sum()} of {len(single)} values lie in the range of the publication's replicates or within {error:g} of "
        f"it, what reading its figure can be off by; the mean difference to their middle is "
        f"{single['difference'].mean():+.3f}. At a scaling of {scaling:g} the mean r over the epistatic traits is "
        f"{' and '.join(steps)}."
    )


def beyond_bounds(compared: pd.DataFrame) -> str:
    """Return the values beyond their bound as a Markdown list."""
    beyond = compared[compared["agrees"].eq(False).fillna(False)]
    rows = [
        f"- {row.comparison}: `{row.place}`: {row.ours:+.3f}, in the publication {row.published:+.3f}; "
        f"difference {row.difference:+.3f}, bound {row.bound:.3f}"
        for row in beyond.itertuples()
    ]
    return "\n".join(rows) or "None."


def _smallest_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    return one_protocol(table)[table["n_samples"] == table["n_samples"].min()]


def side_by_side(benchmarks: pd.DataFrame) -> pd.DataFrame:
    """Return the benchmarks' table with three digits, a row a work and reference."""
    columns = ["ours_seconds", "reference_seconds", "ratio", "rounds"]
    shown = benchmarks.set_index(["work", "n_samples", "n_qtl", "reference"])[columns]
    return shown.apply(lambda column: column.map("{:.3g}".format))


def gpu_words(gpu: pd.DataFrame, precision: pd.DataFrame) -> dict[str, str]:
    """Return what the performance page says of a GPU: a step over its floor, fits side by side, r by precision.

    Of the fits side by side, those that the library trains so: networks of the published width are too large.
    """
    floor = 1 / gpu.loc[gpu["reference"] == "floor of a step", "ratio"]
    spread = precision_against_replicates(precision)
    small = ~gpu["work"].str.contains(f"{WIDTH} wide")
    together = gpu.loc[small & (gpu["reference"] == "one after another"), "ratio"]
    difference = _precision_difference(precision).groupby(["n_samples", "n_qtl", "replicate"]).mean()
    return {
        "floor": f"{floor.min():.2f} to {floor.max():.2f}",
        "together": f"{together.min():.2f} to {together.max():.2f}",
        "precision_mean": f"{difference.mean():+.4f}",
        "precision_error": f"{difference.sem():.4f}",
        "precision_fits": str(len(difference)),
        "precision_within": f"{(spread['SD of differences'] < spread['SD of replicates']).sum()} of {len(spread)}",
    }


def gpu_estimates(fits: pd.DataFrame, machines: pd.DataFrame) -> str:
    """Return the range of estimate over seconds of the MLPs that a GPU has fitted, given its rates and their epochs.

    fits: as `benchmarks.on_gpu` measures them. machines: the measured rates.
    """
    rates, ratios, n_traits = machines.drop(columns="commit").set_index("device"), [], fits.filter(like="r_").shape[1]
    for row in fits[fits["model"] == "mlp"].itertuples():
        split = split_samples(row.n_samples, "published")
        layers = row.n_qtl * WIDTH, WIDTH * (WIDTH + n_traits)
        epoch = costs.network_epoch(len(split.train), len(split.validation), row.n_qtl, *layers)
        machine = costs.Machine(row.device, **rates.loc[row.device])
        ratios.append((epoch * row.epochs).seconds(machine) / row.seconds)
    return f"{min(ratios):.1f} to {max(ratios):.1f}"


def precision_against_replicates(precision: pd.DataFrame) -> pd.DataFrame:
    """Return of each size and trait the difference in r, 10 bits less single precision, beside that of replicates.

    precision: as `benchmarks.on_gpu` measures it.
    """
    by = ["n_samples", "n_qtl", "rel_aa"]
    difference = _precision_difference(precision).groupby(by)
    exact = precision[precision["products"] == "ieee"].groupby(by)["pearson_r"]
    return pd.DataFrame(
        {
            "r": exact.mean(),
            "mean difference": difference.mean(),
            "SD of differences": difference.std(),
            "SD of replicates": exact.std(),
            "replicates": exact.count(),
        }
    ).round(4)


def _precision_difference(precision: pd.DataFrame) -> pd.Series:
    index = ["n_samples", "n_qtl", "rel_aa", "replicate"]
    r = precision.pivot(index=index, columns="products", values="pearson_r")
    return r["tf32"] - r["ieee"]


def growth_exponents(growth: pd.DataFrame) -> pd.DataFrame:
    """Return how seconds and memory of each work grow: b of cost ~ size^b, from the points in which one size grows.

    The points that grow in n_samples are those of the smallest n_qtl, and the other way round those of the n_samples
    that has the most n_qtl.
    """
    rows = []
    for work, points in growth.groupby("work", sort=False):
        steady = {"n_samples": points["n_qtl"].min(), "n_qtl": points["n_samples"].mode().iloc[0]}
        for size, other in (("n_samples", "n_qtl"), ("n_qtl", "n_samples")):
            grown = points[points[other] == steady[size]].sort_values(size)
            slopes = {
                f"{cost}, exponent": np.polyfit(np.log(grown[size]), np.log(grown[cost]), 1)[0].round(2)
                for cost in ("seconds", "memory_mb")
            }
            span = f"{grown[size].min():,} to {grown[size].max():,}"
            rows.append({"work": work, "growing": size, "from, to": span, "points": len(grown)} | slopes)
    return pd.DataFrame(rows).set_index(["work", "growing"])


def hours_by_machine(machines: pd.DataFrame, cells: Mapping[str, Sequence[Cell]], epochs: Mapping) -> pd.DataFrame:
    """Return the estimated hours of each profile's experiments on each measured machine, a job at a time."""
    rows = []
    for values in machines.drop(columns="commit").to_dict("records"):
        for profile, planned in cells.items():
            hours = costs.estimates(planned, costs.Machine(**values), epochs).groupby("experiment", sort=False)["hours"]
            rows.append({"device": values["device"], "profile": profile} | hours.sum().to_dict())
    return pd.DataFrame(rows).set_index(["device", "profile"]).map("{:.3g}".format)


def estimate_against_seconds(records: Sequence[Mapping], machine: costs.Machine, epochs: Mapping) -> pd.Series:
    """Return the estimated seconds of cells over those that they took, by their provenances: a number a cell."""
    ratios = {}
    for record in records:
        cell = CELL_TYPES[record["parameters"]["experiment"]](**record["parameters"])
        estimated = 3600 * costs.estimates([cell], machine, epochs)["hours"].sum()
        ratios[f"{cell.experiment} {cell.name}"] = estimated / record["seconds"]
    return pd.Series(ratios)


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


def accuracies(table: pd.DataFrame) -> dict[str, str]:
    """Return each model's mean r over the rows of a table of one protocol, in words."""
    r = one_protocol(table).groupby("model")["pearson_r"].mean()
    return {model: f"{value:.2f}" if value == value else "no r (its fits failed)" for model, value in r.items()}


def lead_over_scalings(table: pd.DataFrame, model: str, baseline: str) -> dict[str, str]:
    """Return a model's mean lead in r over another at the lowest and the highest scaling of the smallest cohorts.

    Of a table of one protocol, paired by cohort. until: the highest scaling up to which every 95 % interval of the mean
    lead lies above 0.
    """
    leads = mean_difference(_smallest_cohorts(table), model, baseline, ["scaling"])
    ahead = leads.index[(leads["low"] > 0).cummin()]
    return {
        "low": f"{leads['difference'].iloc[0]:+z.2f}",
        "high": f"{leads['difference'].iloc[-1]:+z.2f}",
        "scaling_low": f"{leads.index[0]:g}",
        "scaling_high": f"{leads.index[-1]:g}",
        "until": f"{ahead[-1]:g}" if len(ahead) else "nowhere",
    }


def span(values: pd.Series) -> str:
    """Return the lowest and the highest of some differences in r, in words."""
    low, high = f"{values.min():+z.2f}", f"{values.max():+z.2f}"
    return low if low == high else f"{low} to {high}"


NO_SETTINGS = {"experiment", "profile", "device", "n_threads"}  # parameters that say where and as what a cell is run


def parameter_table(grids: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    """Return the values of each parameter over the cells of experiments, a row a parameter, a column an experiment.

    Beside them what the parameter means, in the first experiment that has it. A dash: the experiment has no such
    parameter. Semicolons separate the values of different cells, commas those of a parameter that is a list.
    """
    columns, meanings = {}, {}
    for experiment, cells in grids.items():
        fields = {name: field for name, field in type(cells[0]).model_fields.items() if name not in NO_SETTINGS}
        columns[experiment] = {
            name: "; ".join(dict.fromkeys(_value(getattr(cell, name)) for cell in cells)) for name in fields
        }
        meanings = {name: field.description for name, field in fields.items()} | meanings
    return pd.DataFrame({"meaning": meanings} | columns).fillna("–")


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
