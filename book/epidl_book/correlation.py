"""The page of genetic correlation: its computed words and tables."""

import pandas as pd
import scipy.stats

from epidl.grid.contrasts import (
    CONTROL,
    condition,
    one_protocol,
    paired,
)
from epidl_book.phrases import _join, span


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
