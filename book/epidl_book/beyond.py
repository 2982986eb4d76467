"""The page beyond the publication: its computed words and tables."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from epidl import figures
from epidl.models import pairs, theory
from epidl_book.phrases import _smallest_cohorts, epistatic_traits


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
