"""Figures of the ledger: the correlation that was printed as another, and the last batch of an epoch."""

from collections.abc import Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from epidl.figures.style import MODEL_COLORS, PARITY, PUBLICATION, legend_below, select, trait_style
from epidl.grid.contrasts import one_protocol, paired

VARIANTS = {  # of the MLP: name, colour, marker
    "mlp": ("as published", MODEL_COLORS["mlp"], "D"),
    "mlp_recomputed": ("batch norm recomputed", MODEL_COLORS["mlp_recomputed"], "o"),
    "mlp_dropped": ("last batch left out", MODEL_COLORS["lasso"], "^"),
}
APART = 0.015  # between the two kinds of traits without correlation


def printed_label(pleiotropy: float) -> float:
    """Return the correlation that the publication's figure script reads from a cohort's file name.

    It takes the digits right before the word, those after the point, as hundredths: 0.25 is right, 0.5 becomes 0.05.
    """
    return int(f"{pleiotropy:g}".split(".")[-1]) / 100


def mislabelled(simulated: Sequence[float], table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the printed label of each simulated correlation, and beside it the MLP's median relative gain over ridge.

    simulated: the correlations of a grid. table: results of the correlation experiment. published: the digitised
    figure 3, its labels corrected; of it, the numbers of traits and QTL that the table holds.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    places = gain[["n_traits", "n_qtl"]].drop_duplicates().sort_values(["n_traits", "n_qtl"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), width_ratios=(1, 1.5))
    _draw_labels(left, simulated)
    keys = ["n_traits", "n_qtl", "pleiotropy", "shared_pairs"]
    ours = gain.groupby(keys)["relative_gain"].median().reset_index()
    for k, place in enumerate(places.to_dict("records")):
        style = trait_style(k)
        theirs = select(published, **place).sort_values("pleiotropy")
        right.plot(theirs["pleiotropy"], theirs["median_relative_gain"], **style, **PUBLICATION)
        for shared, shape, shift in ((True, {}, APART), (False, {"marker": "X"}, -APART)):
            part = select(ours, shared_pairs=shared, **place)
            x = part["pleiotropy"] + shift * (part["pleiotropy"] == 0)
            right.plot(x, part["relative_gain"], linestyle="", **style | shape, markersize=9)
    right.axhline(0, **PARITY)
    right.set(xlabel="Correlation that was simulated", ylabel="Median relative gain\nof the MLP over ridge")
    right.set_title("What the cohorts gave")
    shade = {"color": str(apc.slate), "linestyle": ""}
    legend_below(
        figure,
        [
            *(
                Line2D(
                    [], [], linestyle="", **trait_style(k), label=f"{place['n_qtl']} QTL, {place['n_traits']} traits"
                )
                for k, place in enumerate(places.to_dict("records"))
            ),
            Line2D([], [], **shade, marker="X", markersize=9, label="this code, pairs drawn apart"),
            Line2D([], [], **shade, marker="o", markersize=9, label="this code, shared pairs"),
            Line2D([], [], color=str(apc.slate), marker="o", **PUBLICATION, label="publication"),
        ],
    )
    return figure


def last_batch(table: pd.DataFrame) -> Figure:
    """Draw the mean r over epistatic traits against the size of the last batch, a panel a number of QTL.

    table: from `appendix.variants_of_the_last_batch`. Small points are cohorts, lines their means; dashed: ridge.
    """
    epistatic = one_protocol(table)[table["rel_aa"] > 0]
    cohorts = epistatic.groupby(["n_qtl", "last_batch", "model", "replicate"])["pearson_r"].mean().reset_index()
    panels = sorted(cohorts["n_qtl"].unique())
    figure, axes = plt.subplots(1, len(panels), figsize=(1.5 + 4.2 * len(panels), 4.6), sharey=True, squeeze=False)
    for ax, n_qtl in zip(axes[0], panels, strict=True):
        part = select(cohorts, n_qtl=n_qtl)
        ridge = select(part, model="ridge").groupby("last_batch")["pearson_r"].mean()
        ax.plot(ridge.index, ridge, **PARITY)
        for model, (_, color, marker) in VARIANTS.items():
            _draw_cohorts(ax, select(part, model=model), color, marker)
        ax.set(xscale="log", xlabel="Samples in the last batch", title=f"{n_qtl} QTL")
        sizes = sorted(part["last_batch"].unique())
        ax.set_xticks([size for size in sizes if size != 127 or 128 not in sizes])  # their labels would overlap
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0, 0].set_ylabel("Pearson's r, mean of epistatic traits")
    handles = [
        Line2D([], [], color=color, marker=marker, label=f"MLP, {name}") for name, color, marker in VARIANTS.values()
    ]
    legend_below(figure, [*handles, Line2D([], [], **PARITY, label="ridge")])
    return figure


def _draw_labels(ax: Axes, simulated: Sequence[float]) -> None:
    """Draw the label against the simulated correlation; the wrong ones in red, with what they should say."""
    for value in sorted(set(simulated)):
        label = printed_label(value)
        right = label == value
        ax.plot(value, label, "o" if right else "X", color=str(apc.slate if right else apc.cinnabar), markersize=9)
        if not right:
            ax.annotate(
                f"{value:g} is printed as {label:g}", (value, label), (0, 10), textcoords="offset points", ha="center"
            )
    ax.axline((0, 0), slope=1, **PARITY)
    ax.set(xlabel="Correlation that was simulated", ylabel="Label in the figure", ylim=(-0.05, 1.05))
    ax.set(xlim=(-0.05, 1.05), title="What the figure prints")


def _draw_cohorts(ax: Axes, cohorts: pd.DataFrame, color: str, marker: str) -> None:
    mean = cohorts.groupby("last_batch")["pearson_r"].mean()
    ax.plot(cohorts["last_batch"], cohorts["pearson_r"], marker, color=color, markersize=3, alpha=0.45)
    ax.plot(mean.index, mean, marker, linestyle="-", color=color, markersize=5)
