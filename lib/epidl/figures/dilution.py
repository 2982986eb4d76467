"""Figures of the dilution experiment; the publication's figure 2."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import (
    MODEL_COLORS,
    MODEL_MARKERS,
    OPEN,
    PARITY,
    label_scale,
    legend_below,
    model_handles,
    select,
    trait_handles,
    trait_style,
)
from epidl.grid.contrasts import one_protocol, paired

COMPARED = ("mlp", "lasso_pruned", "mlp_pruned")  # with ridge, in figure 2
SELECTION = {
    "selection_precision": "Precision",
    "selection_recall": "Recall of QTL",
    "pair_recall": "Recall of whole pairs",
}


def figure_2(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw r of three models less r of ridge, one panel per number of markers, one group per trait.

    table: results under one protocol. published: the digitised figure 2, drawn as an open marker
    (median) and a bar (lowest to highest replicate) beside ours.
    """
    table = one_protocol(table)
    # of cohorts like these
    published = published.merge(table[["n_samples", "n_qtl"]].drop_duplicates())
    counts, ratios = sorted(table["n_markers"].unique()), sorted(table["rel_aa"].unique())
    columns = min(4, len(counts))
    rows = -(-len(counts) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(1 + 2.6 * columns, 1 + 2.7 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    plt.setp(axes.flat[len(counts) :], visible=False)
    plt.setp(axes[:, 0], ylabel="r - r of ridge")
    for ax, n_markers in zip(axes.flat, counts, strict=False):
        ax.axhline(0, **PARITY)
        for k, model in enumerate(COMPARED):
            ours = paired(select(table, n_markers=n_markers), model, "ridge")
            theirs = select(published, n_markers=n_markers, model=model)
            style = {"color": MODEL_COLORS[model], "marker": MODEL_MARKERS[model], "linestyle": ""}
            for part, column, shift, open_marker in (
                (ours, "difference", 0.0, {}),
                (theirs, "median", 0.13, OPEN),
            ):
                x = part["rel_aa"].map(ratios.index) + 0.28 * (k - 1) - 0.05 + shift
                ax.plot(x, part[column], **style, markersize=5, **open_marker)
                if open_marker:
                    ax.vlines(x, part["low"], part["high"], color=style["color"], linewidth=1)
        ax.set_title(f"{n_markers:,} markers")
        ax.set_xticks(range(len(ratios)), list(map("relAA {:g}".format, ratios)))
    handles = model_handles(COMPARED)
    if published["n_markers"].isin(counts).any():
        handles.append(
            Line2D(
                [], [], color="gray", marker="D", linestyle="", **OPEN, label="publication (open)"
            )
        )
    return legend_below(figure, handles)


def selection_by_markers(table: pd.DataFrame) -> Figure:
    """Draw precision, recall and pair recall of the pruned models' features against the number of
    markers.

    One panel per measure, one line per trait; precision is that of the selection, the same for
    both. Dashed: the precision of markers kept at random.
    """
    kept = select(one_protocol(table), model="mlp_pruned")
    ratios = sorted(kept["rel_aa"].unique())
    figure, axes = plt.subplots(
        1, len(SELECTION), figsize=(1 + 3.6 * len(SELECTION), 4.2), sharey=True
    )
    for ax, (column, label) in zip(axes, SELECTION.items(), strict=True):
        for k, ratio in enumerate(ratios):
            part = select(kept, rel_aa=ratio)
            mean = part.groupby("n_markers")[column].mean()
            ax.plot(
                part["n_markers"],
                part[column],
                **trait_style(k),
                linestyle="",
                markersize=3,
                alpha=0.45,
            )
            ax.plot(mean.index, mean, **trait_style(k), markersize=5)
        ax.set(title=label, xlabel="Markers", ylim=(-0.03, 1.03))
        label_scale(ax, kept["n_markers"], most=4)
    n_qtl, markers = kept["n_qtl"].iloc[0], np.sort(kept["n_markers"].unique())
    by_chance = 1 - (1 - n_qtl / markers) ** len(ratios)  # causal for one of the traits at least
    axes[0].plot(markers, by_chance, **PARITY)
    axes[0].set_ylabel("Share")
    return legend_below(figure, trait_handles(ratios))


def importances(table: pd.DataFrame, threshold: float) -> Figure:
    """Draw how the importance of one-hot columns in the LASSO is distributed, of causal markers and of
    others.
    """
    figure, ax = plt.subplots(figsize=(5.5, 3.4))
    causal = table["causal_for"] > 0
    bins = np.linspace(0, table["importance"].max(), 60)
    for part, label, color in (
        (table[causal], "causal for a trait", MODEL_COLORS["mlp"]),
        (table[~causal], "without effect", MODEL_COLORS["ridge"]),
    ):
        ax.hist(part["importance"], bins=bins, label=label, color=color, alpha=0.6)
    ax.axvline(threshold, **PARITY)
    ax.set(
        xlabel="Importance: largest absolute weight over the traits",
        ylabel="One-hot columns",
        yscale="log",
    )
    ax.legend(frameon=False)
    return figure
