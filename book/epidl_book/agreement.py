"""The page of agreement: our values and the publication's digitised ones."""

from collections.abc import Mapping, Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import PARITY, select
from epidl.grid.contrasts import one_protocol, paired
from epidl_book.phrases import OUTCOMES, place

# expected range of k independent normal values in standard deviations (the control-chart constant
# d2)
RANGE_IN_SD = {3: 1.693, 5: 2.326, 10: 3.078}
PUBLISHED_REPLICATES = {1_000: 10, 10_000: 10, 100_000: 5, 1_000_000: 3}  # of figure 1
DIGITISING_ERROR = 0.02
PUBLISHED_REPLICATES_LATER = 5  # of figures 2 and 3
PUBLISHED_NAME = {"mlp": "mlp", "ridge_sgd": "linear_sgd"}


def compare_with_figure_1(
    table: pd.DataFrame, published: pd.DataFrame, model: str = "mlp"
) -> pd.DataFrame:
    """Return our mean r with the middle of the digitised cohorts, one row per number of
    individuals, scaling and relAA.

    Columns: r and its standard error, r_published and its standard error from the range of the
    digitised cohorts, difference, and its bound: two combined standard errors plus the error of
    digitising, 0.02. Only rows that both hold are returned. Raises ValueError if the table mixes
    protocols.
    """
    keys = ["n_samples", "scaling", "rel_aa"]
    table = one_protocol(table)
    ours = table[table["model"] == model].groupby(keys)["pearson_r"].agg(["mean", "sem", "count"])
    theirs = published[published["model"] == PUBLISHED_NAME[model]].set_index(keys)
    both = ours.join(theirs[["r_low", "r_mid", "r_high"]], how="inner").reset_index()
    count = both["n_samples"].map(PUBLISHED_REPLICATES)
    error = (both["r_high"] - both["r_low"]) / count.map(RANGE_IN_SD) / np.sqrt(count)
    result = both[keys].assign(
        replicates=both["count"],
        r=both["mean"],
        standard_error=both["sem"],
        r_published=both["r_mid"],
        standard_error_published=error,
        difference=both["mean"] - both["r_mid"],
    )
    result["bound"] = 2 * np.hypot(result["standard_error"], error) + DIGITISING_ERROR
    result["agrees"] = result["difference"].abs() <= result["bound"]
    return result


def compare_with_figure_2(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return our mean difference in r from ridge with figure 2's median, one row per number of
    markers, relAA and model.

    Columns: r, r_baseline and their difference, difference_published with low and high, its lowest
    and highest of five cohorts, excess, ours minus theirs, and its bound: two standard errors, from
    the range of the digitised cohorts for their five and for ours, plus the error of digitising. If
    no range could be read off, the bound is that error alone. Only rows that both hold are
    returned. Raises ValueError if the table mixes protocols.
    """
    keys = ["n_samples", "n_qtl", "n_markers", "rel_aa", "model"]
    table = one_protocol(table)
    ours = pd.concat(paired(table, model, "ridge") for model in published["model"].unique())
    ours = ours.groupby(keys).agg(
        replicates=("difference", "size"),
        r=("pearson_r", "mean"),
        r_baseline=("pearson_r_baseline", "mean"),
        difference=("difference", "mean"),
    )
    theirs = published.set_index(keys)[["low", "median", "high"]].rename(
        columns={"median": "difference_published"}
    )
    both = ours.join(theirs, how="inner").reset_index()
    sd = (both["high"] - both["low"]).fillna(0) / RANGE_IN_SD[PUBLISHED_REPLICATES_LATER]
    both["excess"] = both["difference"] - both["difference_published"]
    both["bound"] = (
        2 * sd * np.sqrt(1 / PUBLISHED_REPLICATES_LATER + 1 / both["replicates"]) + DIGITISING_ERROR
    )
    both["agrees"] = both["excess"].abs() <= both["bound"]
    return both


def compare_with_figure_3(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return our median relative gain of the MLP over ridge with figure 3's, one row per number of
    traits, QTL and rho.

    Columns: cohorts, mean r and r_baseline, median_relative_gain, median_relative_gain_published,
    excess, ours minus theirs, and its bound: two standard errors, from the standard deviation of
    our cohorts' medians for our cohorts and for the publication's five, plus the error of
    digitising. The traits of a cohort share a network, individuals and variances, and are no
    independent sample. With one cohort the bound is NaN. Only rows that both hold are returned,
    without the control that shares pairs without correlation, which the publication lacks. Raises
    ValueError if the table mixes protocols.
    """
    keys = ["n_samples", "n_traits", "n_qtl", "rel_aa", "pleiotropy"]
    gain = paired(one_protocol(table), "mlp", "ridge")
    gain = gain[(gain["pleiotropy"] > 0) | ~gain["shared_pairs"]]
    ours = gain.groupby(keys).agg(
        cohorts=("replicate", "nunique"),
        r=("pearson_r", "mean"),
        r_baseline=("pearson_r_baseline", "mean"),
        median_relative_gain=("relative_gain", "median"),
    )
    cohort_medians = gain.groupby([*keys, "replicate"])["relative_gain"].median()
    ours["sd"] = cohort_medians.groupby(keys).std()
    theirs = published.set_index(keys)["median_relative_gain"].rename(
        "median_relative_gain_published"
    )
    both = ours.join(theirs, how="inner").reset_index()
    standard_error = both["sd"] * np.sqrt(1 / both["cohorts"] + 1 / PUBLISHED_REPLICATES_LATER)
    both["excess"] = both["median_relative_gain"] - both["median_relative_gain_published"]
    both["bound"] = 2 * standard_error + DIGITISING_ERROR
    both["agrees"] = both["excess"].abs() <= both["bound"]
    return both.drop(columns="sd")


def single_fits(fits: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's r in single fits with the digitised cohorts of figure 1, by size, scaling
    and relAA.

    fits: as `benchmarks.on_gpu` writes them, a column `r_<relAA>` per trait. Only values that both
    hold are returned. in range: of the publication's cohorts, or off by no more than the error of
    digitising.
    """
    columns = fits.filter(like="r_").columns
    ours = fits[fits["model"] == "mlp"].melt(["n_samples", "n_qtl"], columns, "rel_aa", "r")
    ours["rel_aa"] = ours["rel_aa"].str.removeprefix("r_").astype(float)
    theirs = published[published["model"] == PUBLISHED_NAME["mlp"]]
    both = theirs.merge(ours, on=["n_samples", "n_qtl", "rel_aa"]).dropna(subset=["r", "r_mid"])
    both["difference"] = both["r"] - both["r_mid"]
    both["in range"] = both["r"].between(
        both["r_low"] - DIGITISING_ERROR, both["r_high"] + DIGITISING_ERROR
    )
    both = both.set_index(["n_samples", "scaling", "rel_aa"]).sort_index()
    return both[["r", "r_low", "r_mid", "r_high", "difference", "in range"]]


def against_publication(
    tables: Mapping[str, pd.DataFrame], published: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return every value of the publication's figures with ours, one per row, also those that we
    have not computed.

    tables: of scaling, dilution and correlation, computed with the published network and protocol.
    published: the digitised figures of the same names.

    Columns: comparison (what is compared), place (the cell, trait and model in words), ours,
    published, difference, bound (what the difference should be within, see the functions that
    compare with each figure), agrees. If ours is missing, it was not computed.
    """
    parts = []
    keys, values = ["n_samples", "scaling", "rel_aa"], ("r", "r_mid")
    for model, name in (("mlp", "r of the MLP"), ("ridge_sgd", "r of ridge by SGD")):
        figure = select(published["scaling"], model=PUBLISHED_NAME[model])
        compared = compare_with_figure_1(tables["scaling"], figure, model)
        parts.append(_beside(f"{name}, figure 1", compared, figure, keys, values))
    keys, values = ["n_markers", "rel_aa", "model"], ("difference", "median")
    compared = compare_with_figure_2(tables["dilution"], published["dilution"])
    parts.append(
        _beside("lead over ridge, figure 2", compared, published["dilution"], keys, values)
    )
    keys, values = (
        ["n_traits", "n_qtl", "pleiotropy"],
        ("median_relative_gain", "median_relative_gain"),
    )
    compared = compare_with_figure_3(tables["correlation"], published["correlation"])
    parts.append(
        _beside("relative gain, figure 3", compared, published["correlation"], keys, values)
    )
    return pd.concat(parts, ignore_index=True)


def _beside(
    name: str,
    comparison: pd.DataFrame,
    published: pd.DataFrame,
    keys: list[str],
    columns: tuple[str, str],
) -> pd.DataFrame:
    """Return one figure's rows of `against_publication`. columns: of our values, and of the
    publication's.
    """
    ours, digitised = columns
    compared = comparison[[*keys, ours, "bound", "agrees"]].rename(columns={ours: "ours"})
    rows = published[[*keys, digitised]].dropna().rename(columns={digitised: "published"})
    rows = rows.merge(compared, on=keys, how="left", validate="one_to_one")
    rows["agrees"] = rows["agrees"].astype("boolean").where(rows["bound"].notna())
    rows["place"] = rows[keys].apply(place, axis=1)
    rows = rows.assign(comparison=name, difference=rows["ours"] - rows["published"])
    return rows[["comparison", "place", "ours", "published", "difference", "bound", "agrees"]]


def agreement_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison: how many values there are, have a bound, and are within it,
    and their mean difference.

    compared: from `against_publication`.
    """
    compared = compared.assign(
        within=compared["agrees"].astype("boolean") & compared["bound"].notna()
    )
    table = compared.groupby("comparison", sort=False).agg(
        values=("published", "size"),
        computed=("ours", "count"),
        with_bound=("bound", "count"),
        within_bound=("within", "sum"),
        mean_difference=("difference", "mean"),
    )
    return table.rename(columns=lambda name: name.replace("_", " ")).round(3)


def comparison_table(
    comparison: pd.DataFrame, rows: Sequence[str], columns: str, value: str
) -> pd.DataFrame:
    """Return differences from the publication: one row per combination of `rows`, one column per value
    of `columns`.

    comparison: from a function that compares with a figure. value: its column with the differences.
    A star marks one beyond its bound, a ring one without a bound, and a dash a value that could not
    be read off the publication's figure.
    """
    mark = (
        (~comparison["agrees"]).map({True: " *", False: ""}).mask(comparison["bound"].isna(), " °")
    )
    shown = comparison.assign(shown=comparison[value].map("{:+.3f}".format) + mark)
    table = shown.pivot_table(
        index=list(rows), columns=columns, values="shown", aggfunc="first", sort=False
    )
    return table.fillna("–")


def draw(compared: pd.DataFrame) -> Figure:
    """Draw our values against the publication's, a panel for each comparison, with the bound of each as
    a grey bar.

    compared: from `against_publication`. Values that we have not computed are left out. A value
    without a bound is drawn open.
    """
    compared = compared.dropna(subset="difference")
    names = list(compared["comparison"].unique())
    n_rows = -(-len(names) // 2)
    figure, axes = plt.subplots(n_rows, 2, figsize=(8, 0.6 + 3.7 * n_rows), squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        _against(ax, select(compared, comparison=name))
        ax.set_title(name, fontsize=12)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    figure.supxlabel("The publication's value", fontsize=13)
    figure.supylabel("Ours", fontsize=13)
    labels = {
        "shown": "within its bound",
        "contradicted": "beyond it",
        "open": "no bound: one cohort",
    }
    handles = []
    for outcome, text in labels.items():
        handles.append(Line2D([], [], linestyle="", **OUTCOMES[outcome], label=text))
    axes[0, 0].legend(handles=handles, frameon=False, fontsize=10, loc="lower right")
    return figure


def _against(ax: Axes, part: pd.DataFrame) -> None:
    """Draw the values of one comparison around the diagonal, on which both agree."""
    ends = part[["ours", "published"]].agg(["min", "max"])
    low, high = ends.loc["min"].min() - 0.04, ends.loc["max"].max() + 0.04
    ax.plot([low, high], [low, high], **PARITY)
    x, bound = part["published"], part["bound"]
    ax.vlines(x, part["ours"] - bound, part["ours"] + bound, color=str(apc.cloud), linewidth=2)
    bare = bound.isna()
    masks = {
        "shown": part["agrees"].eq(True).fillna(False) & ~bare,
        "contradicted": part["agrees"].eq(False).fillna(False) & ~bare,
        "open": bare,
    }
    for outcome, mask in masks.items():
        here = part[mask.to_numpy(bool)]
        ax.plot(here["published"], here["ours"], **OUTCOMES[outcome], linestyle="", markersize=4)
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.tick_params(labelsize=11)


def beyond_bound(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the values that are beyond their bound, to show."""
    found = compared[compared["agrees"].eq(False).fillna(False)].drop(columns="agrees")
    return found.set_index(["comparison", "place"]).round(2)


def in_words(compared: pd.DataFrame) -> dict[str, str]:
    """Return how many values the publication has, how many are computed, and how many of those with
    a bound are within it.
    """
    total = agreement_table(compared).sum()
    columns = {
        "values": "values",
        "computed": "computed",
        "bound": "with bound",
        "within": "within bound",
    }
    return {name: str(int(total[column])) for name, column in columns.items()}
