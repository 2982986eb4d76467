"""The ledger's page: what each disagreement of text, code and figures is worth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from epidl.grid import contrasts
from epidl.grid.params import Cell, last_batch, qtl_for_scaling
from epidl.models import theory
from epidl_book import correlation
from epidl_book import scaling as scaling_page
from epidl_book.ledger_figures import printed_label
from epidl_book.phrases import each, listed

NOT_MEASURED = "not measured"
TEXT_H2, TEXT_REL_AA, CAPTION_SHARE = 0.99, 0.5, 0.15  # what the publication's text and captions say


def epoch_limit(table: pd.DataFrame) -> str:
    """Return how many fits of the MLP ended at the limit of epochs (row 1)."""
    fits = table[table["model"] == "mlp"].groupby(["experiment", "cell", "replicate", "protocol"])
    ended = int((fits["status"].first() == "max_epochs").sum())
    longest = fits["epochs"].first().max()
    return f"{ended} of {fits.ngroups} fits of the published MLP ran into the limit (the longest: {longest} epochs)"


def ceiling(*heritabilities: float) -> str:
    """Return how far the ceiling of r, sqrt(H2), is above the one of the text's H2 (row 2)."""
    lifts = ", ".join(f"{np.sqrt(h2) - np.sqrt(TEXT_H2):+.4f} for {h2:g}" for h2 in heritabilities)
    return f"in closed form: the ceiling sqrt(H2) of r changes by {lifts}"


def additive_shares(tables: Sequence[pd.DataFrame], rel_aa: float) -> str:
    """Return V_A / V_G as expected with the code's relAA and with the text's, and as drawn (rows 3 and 4)."""
    code, text = theory.expected_shares([rel_aa, TEXT_REL_AA], 1).additive
    drawn = [_traits(table[table["rel_aa"] == rel_aa]) for table in tables]
    values = "; ".join(
        f"{part['va_over_vg'].mean():.3f} over {len(part)} traits of {len(part.groupby(['cell', 'replicate']))} cohorts"
        for part in drawn
    )
    return f"V_A/V_G expected {code:.3f} with relAA {rel_aa:g}, {text:.3f} with {TEXT_REL_AA:g}; drawn, mean {values}"


def caption_share(rel_aa: float) -> str:
    """Return which relAA would give the captions' V_A / V_G, and what the code's gives (row 4)."""
    return (
        f"in closed form: {CAPTION_SHARE:g} would need relAA {(1 / CAPTION_SHARE - 1) / 2:.2f}; relAA {rel_aa:g} gives "
        f"{theory.expected_shares(rel_aa, 1).additive:.3f}"
    )


def steering(published: pd.DataFrame, held_out: pd.DataFrame) -> str:
    """Return the MLP's r under `published` less that under `held_out`, on the same cohorts (row 5)."""
    mlp = published[published["model"] == "mlp"]
    both = pd.concat([mlp.assign(model="mlp_published", protocol="held_out"), held_out])  # paired by protocol, too
    found = contrasts.mean_difference(both, "mlp_published", "mlp", ["n_samples", "scaling"])
    if found.empty:
        return NOT_MEASURED
    words = []
    for n_samples, part in found.groupby(level="n_samples"):
        part = part.droplevel("n_samples").sort_values("difference")
        ends = " to ".join(
            f"{row['difference']:+.3f} (scaling {scaling:g}, cohorts: {row['cohorts']:.0f})"
            for scaling, row in part.iloc[[0, -1]].iterrows()
        )
        words.append(f"r under published less held_out at {n_samples:,} individuals, {len(part)} scalings: {ends}")
    return "; ".join(words)


def labels(simulated: Sequence[float]) -> str:
    """Return which correlations are printed as others (row 7)."""
    wrong = [
        f"{value:g} as {printed_label(value):g}" for value in sorted(set(simulated)) if printed_label(value) != value
    ]
    return f"{len(wrong)} of {len(set(simulated))} correlations is printed as another: {', '.join(wrong)}"


def rounding(cells: Sequence[Cell]) -> str:
    """Return how many of the scaling grid's points have another number of QTL than the nearest even one (row 8)."""
    points = sorted({(cell.n_samples, cell.scaling) for cell in cells})
    ours = np.array([qtl_for_scaling(scaling, n_samples) for n_samples, scaling in points])
    nearest = np.array([_nearest_even(scaling, n_samples) for n_samples, scaling in points])
    more = _pairs(ours) / _pairs(nearest) - 1
    return (
        f"{(ours != nearest).sum()} of {len(points)} grid points have another number of QTL than the nearest even one, "
        f"at most {np.abs(ours - nearest).max()} more; the number of pairs is up to {100 * more.max():.0f} % larger "
        f"({points[more.argmax()][0]:,} individuals, scaling {points[more.argmax()][1]:g})"
    )


def pair_sharing(table: pd.DataFrame) -> str:
    """Return what sharing pairs and what correlating effects changes in the MLP's r (row 9)."""
    steps = correlation.both_steps(table)
    if steps.empty:
        return NOT_MEASURED
    words = [
        f"{row['sharing pairs']:+.3f} and {row['correlation']:+.3f} ({n_qtl} QTL, {n_traits} traits)"
        for (n_traits, n_qtl), row in steps.iterrows()
    ]
    return (
        f"MLP's r, by sharing pairs and then by correlating effects up to {table['pleiotropy'].max():g}: "
        f"{'; '.join(words)}; cohorts a condition: {correlation.steps_in_words(table)['cohorts']}"
    )


def kinds_of_gain(table: pd.DataFrame) -> str:
    """Return the mean difference in r and the median relative gain of the same traits (row 12)."""
    gain = contrasts.paired(contrasts.one_protocol(table), "mlp", "ridge")
    apart = gain[(gain["pleiotropy"] == 0) & ~gain["shared_pairs"]].groupby(["n_traits", "n_qtl"])
    words = [
        f"{part['difference'].mean():+.2f} and {100 * part['relative_gain'].median():+.0f} % "
        f"({n_qtl} QTL, {n_traits} traits)"
        for (n_traits, n_qtl), part in apart
    ]
    return f"mean difference in r and median relative gain, traits drawn apart: {'; '.join(words)}"


def random_splits(table: pd.DataFrame) -> str:
    """Return the difference of exact ridge's r over ten random splits and on the last 15 % (row 13)."""
    r = table[table["model"] == "ridge"].pivot_table(
        index=["n_samples", "cell", "replicate", "trait"], columns="protocol", values="pearson_r"
    )
    words = [
        f"mean {part.mean():+.4f}, standard deviation {part.std():.3f} "
        f"({len(part)} traits at {n_samples:,} individuals)"
        for n_samples, part in (r["published"] - r["held_out"]).groupby(level="n_samples")
    ]
    return f"exact ridge's r over ten random splits less that on the last 15 %: {'; '.join(words)}"


def growth_of_pairs(cells: Sequence[Cell]) -> str:
    """Return how the number of possible pairs grows over the grid's numbers of QTL (row 14)."""
    q = np.array(sorted({cell.n_qtl for cell in cells}))
    exponent = np.polyfit(np.log(q), np.log(_pairs(q)), 1)[0]
    return (
        f"in closed form: from {q[0]} to {q[-1]:,} QTL pairs grow from {_pairs(q[0]):,} to "
        f"{_pairs(q[-1]):,}, as q to the power of {exponent:.2f}"
    )


def variants_of_the_last_batch(table: pd.DataFrame) -> pd.DataFrame:
    """Return the ragged experiment's table with a column last_batch, and the variants of the MLP as models.

    mlp, mlp_recomputed: of the cells that train on the last batch; mlp_dropped: the MLP of those that leave it out.
    Rows of the same cohort have the same cell, so that models are paired by it. Ridge is kept once.

    Raises ValueError where the table mixes protocols.
    """
    table = contrasts.one_protocol(table)
    dropped = table["cell"].str.endswith("_dropped")
    variants = pd.concat(
        [table[~dropped], table[dropped & (table["model"] == "mlp")].assign(model="mlp_dropped")], ignore_index=True
    )
    protocol = variants["protocol"].iloc[0]
    sizes = variants["n_samples"].map({n: last_batch(n, protocol) for n in variants["n_samples"].unique()})
    return variants.assign(cell=variants["cell"].str.removesuffix("_dropped"), last_batch=sizes)


def describe_variants(variants: pd.DataFrame) -> dict[str, str]:
    """Return words about a table of the ragged experiment: profile, width, what its cells are."""
    sizes, n_samples = sorted(variants["last_batch"].unique()), variants["n_samples"]
    return {
        "profile": each(variants["profile"].unique()),
        "width": each(variants.loc[variants["hidden_width"] > 0, "hidden_width"].unique()),
        "cells": (
            f"{variants['replicate'].max()} replicates at each of {len(sizes)} sizes of the last batch, "
            f"{n_samples.min():,} to {n_samples.max():,} individuals"
        ),
    }


def ragged_effect(variants: pd.DataFrame) -> str:
    """Return the mean r over epistatic traits of each variant of the MLP, at the smallest last batch (row 15).

    Of each number of QTL: the smallest for which all variants are computed.
    """
    columns = ["mlp", "mlp_recomputed", "mlp_dropped"]
    r = variants[variants["rel_aa"] > 0].pivot_table(index=["n_qtl", "last_batch"], columns="model", values="pearson_r")
    smallest = r.reindex(columns=columns).dropna().groupby(level="n_qtl").head(1)
    words = [
        f"{row['mlp']:.3f} as published, {row['mlp_recomputed']:.3f} with statistics recomputed, "
        f"{row['mlp_dropped']:.3f} with the batch left out ({n_qtl} QTL, {size} samples in the last batch)"
        for (n_qtl, size), row in smallest.iterrows()
    ]
    return f"MLP's r, mean of epistatic traits: {'; '.join(words)}" if words else NOT_MEASURED


def where_the_last_batch_matters(variants: pd.DataFrame) -> str:
    """Return with which sizes of the last batch the intervals of the variants' gains exclude 0, in sentences."""
    sentences = []
    for model, name in (("mlp_dropped", "Last batch left out"), ("mlp_recomputed", "Statistics recomputed")):
        found = contrasts.mean_difference(variants[variants["rel_aa"] > 0], model, "mlp", ["n_qtl", "last_batch"])
        for n_qtl, part in found.droplevel("n_qtl").groupby(found.index.get_level_values("n_qtl")):
            above, below = part.index[part["low"] > 0], part.index[part["high"] < 0]
            sentences.append(
                f"{name}, {n_qtl} QTL: above 0 at {listed(above)}, below at {listed(below)}, of {len(part)} sizes."
            )
    return " ".join(sentences)


def epochs_by_last_batch(variants: pd.DataFrame) -> pd.DataFrame:
    """Return the mean epochs of the MLP's fits, a row a number of QTL and size of the last batch."""
    fits = variants[variants["model"].isin(["mlp", "mlp_dropped"]) & (variants["trait"] == 1)]
    epochs = fits.pivot_table(index=["n_qtl", "last_batch"], columns="model", values="epochs")
    return epochs.rename(columns={"mlp": "as published", "mlp_dropped": "last batch left out"}).round(1)


def ragged_in_large_cohorts(table: pd.DataFrame, digitised: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's mean r in the largest cohorts of the ragged experiment, a row a scaling and trait, by variant.

    Beside them the publication's value. Empty where no cohort has the size of one of the publication's.
    """
    theirs = digitised[digitised["model"] == "mlp"]
    large = table[table["n_samples"].isin(theirs["n_samples"]) & (table["n_samples"] == table["n_samples"].max())]
    if large.empty:
        return pd.DataFrame()
    variants = variants_of_the_last_batch(large)
    keys = ["n_samples", "scaling", "rel_aa"]
    r = variants.pivot_table(index=keys, columns="model", values="pearson_r")
    names = {"mlp": "as published", "mlp_recomputed": "statistics recomputed", "mlp_dropped": "last batch left out"}
    r = r.reindex(columns=[*names, "ridge"]).rename(columns=names)
    return r.join(theirs.set_index(keys)["r_mid"].rename("publication, 4096 units"))


def untried_rates(cell: Cell) -> str:
    """Return how often random trials leave a given rate untried."""
    n_rates = len(cell.mlp_learning_rates)
    untried = (1 - 1 / n_rates) ** cell.n_trials
    return (
        f"in closed form: {cell.n_trials} random trials of {n_rates} rates leave a given rate untried in "
        f"{100 * untried:.0f} % of searches"
    )


def untuned_baseline(table: pd.DataFrame) -> str:
    """Return by how much exact ridge is ahead of ridge by SGD, at the lowest and the highest scaling."""
    gap = scaling_page.baseline_gap(table)
    return (
        f"with {gap['n_samples']} individuals, r of exact ridge less that of ridge by SGD, mean of traits: "
        f"{gap['low']} at a scaling of "
        f"{gap['scaling_low']}, {gap['high']} at {gap['scaling_high']}; there the MLP's r less that of ridge by "
        f"SGD is {gap['mlp_sgd']}, less that of exact ridge {gap['mlp_exact']}"
    )


def _traits(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop_duplicates(["cell", "replicate", "trait"])


def _pairs(q: Any) -> Any:
    return q * (q - 1) // 2


def _nearest_even(scaling: float, n_samples: int) -> int:
    return 2 * round((1 + np.sqrt(1 + 8 * scaling * n_samples)) / 4)
