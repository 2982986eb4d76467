"""The page of genetic correlation: its computed words and tables."""

import pandas as pd

from epidl.grid.contrasts import CONTROL, condition, one_protocol, paired
from epidl_book.claims import interval
from epidl_book.phrases import each, ends, span, with_interval


def correlation_steps(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return the MLP's mean r (`pearson_r`) or its mean lead over ridge's (`difference`) and what two
    steps change.

    One row per number of traits and QTL, one column per condition. sharing pairs: shared pairs
    minus own pairs, both without correlation. correlation: the highest one minus shared pairs
    without correlation. NaN without a condition.
    """
    means = _leads(table).pivot_table(
        index=["n_traits", "n_qtl"], columns="condition", values=value, sort=False
    )
    highest = f"{table['pleiotropy'].max():g}"
    steps = means.reindex(columns=["0", CONTROL, highest])
    return means.assign(
        **{
            "sharing pairs": steps[CONTROL] - steps["0"],
            "correlation": steps[highest] - steps[CONTROL],
        }
    )


def _leads(table: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's rows with their lead over ridge and their condition, in the order of the
    conditions.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    gain = gain.sort_values(["n_traits", "n_qtl", "pleiotropy", "shared_pairs"])
    return gain.assign(condition=condition(gain))


def both_steps(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the two steps of `correlation_steps` change in the MLP's r, where both are computed."""
    return (
        correlation_steps(table, "pearson_r")
        .reindex(columns=["sharing pairs", "correlation"])
        .dropna()
    )


def steps_in_words(table: pd.DataFrame) -> dict[str, str]:
    """Return the range of what each step of `correlation_steps` changes in the MLP's r.

    cohorts: per condition, from the fewest to the most.
    """
    steps = both_steps(table)
    counts = table.groupby("cell")["replicate"].nunique()
    return {
        "pairs": span(steps["sharing pairs"]) if len(steps) else "not computed",
        "effects": span(steps["correlation"]) if len(steps) else "not computed",
        "cohorts": ends(counts),
    }


def step_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the steps of `correlation_steps` change in the MLP's r and in its lead over ridge.

    One row per step and number of traits and QTL that has all three conditions, with Welch's 95%
    interval over cohorts if both conditions of the step have several.
    """
    found, columns = {}, {"MLP's r": "pearson_r", "its lead over ridge": "difference"}
    for name, value in columns.items():
        changes = _changes(table, value)
        found[name] = list(map(with_interval, changes.to_dict("records")))
    return pd.DataFrame(found, changes.index)


def _changes(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return what `claims.interval` does of each step of `correlation_steps`, in mean r
    (`pearson_r`) or lead (`difference`) of cohorts.
    """
    keys = ["n_traits", "n_qtl", "condition", "replicate"]
    means = _leads(table).groupby(keys)[value].mean()
    steps = {
        "sharing pairs": ("0", CONTROL),
        "correlation": (CONTROL, f"{table['pleiotropy'].max():g}"),
    }
    rows = []
    for n_traits, n_qtl in both_steps(table).index:
        for step, (before, after) in steps.items():
            samples = [means[n_traits, n_qtl, after], means[n_traits, n_qtl, before]]
            rows.append({"traits": n_traits, "QTL": n_qtl, "step": step})
            rows[-1] |= interval(samples, [1, -1])
    index = ["traits", "QTL", "step"]
    return pd.DataFrame(rows, columns=[*index, "estimate", "low", "high"]).set_index(index)


def in_words(table: pd.DataFrame) -> dict[str, str]:
    """Return what the page says of the steps of `correlation_steps`, with the fewest QTL and over all.

    own, shared, correlated: the MLP's mean r with the fewest QTL, the last at the highest correlation.
    pairs, effects: the range of what each step changes in the MLP's lead over ridge. shown, lowered:
    the numbers of QTL at which the first of these changes has an interval above 0, and the second
    one below.
    """
    r = correlation_steps(table, "pearson_r").dropna(subset=["sharing pairs", "correlation"])
    leads = correlation_steps(table, "difference").loc[r.index]
    highest = f"{table['pleiotropy'].max():g}"
    fewest = r.iloc[0]
    kinds = {"own": "0", "shared": CONTROL, "correlated": highest}
    words = {name: f"{fewest[column]:.2f}" for name, column in kinds.items()}
    change = _changes(table, "difference")
    first, second = (change.xs(step, level="step") for step in ("sharing pairs", "correlation"))
    return words | {
        "highest": highest,
        "shown": each(first.index.get_level_values("QTL")[first["low"] > 0]),
        "lowered": each(second.index.get_level_values("QTL")[second["high"] < 0]),
        "pairs": span(leads["sharing pairs"]),
        "effects": span(leads["correlation"]),
    }
