"""Figures of the dilution experiment, and the publication's figure 2."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import (
    MODEL_COLORS,
    OPEN,
    PARITY,
    draw_models,
    label_ends,
    label_scale,
    legend_below,
    model_handles,
    model_style,
    models_of,
    select,
)
from epidl.grid.contrasts import one_protocol, paired

COMPARED = ("mlp", "lasso_pruned", "mlp_pruned")  # with ridge, in figure 2


def accuracy_by_markers(table: pd.DataFrame, most: int) -> Figure:
    """Draw the mean r of each model against the number of markers, with a point for each cohort and
    the models' names at the right. The part without computed models of the publication is grey.

    table: of one trait. Sparse pairs may have more markers than the others. most: the largest
    number of markers of the publication.
    """
    figure, ax = plt.subplots(figsize=(8, 4.8))
    for model in models_of(table):
        part = select(table, model=model)
        ax.plot(
            part["n_markers"],
            part["pearson_r"],
            **model_style(model),
            linestyle="",
            markersize=3,
            alpha=0.45,
        )
    draw_models(ax, table, "n_markers", "pearson_r", markersize=5)
    last = table.loc[table["model"] == "mlp", "n_markers"].max()
    if last < most:
        _grey_from(ax, last, most, "network not computed")
    ax.set(xlabel="Markers", ylabel="Pearson's r", ylim=(0, 1.05))
    label_scale(ax, pd.concat([table["n_markers"], pd.Series([most])]), most=4)
    ends = table.loc[table.groupby("model")["n_markers"].transform("max") == table["n_markers"]]
    label_ends(ax, ends.assign(n_markers=most), "n_markers", "pearson_r", apart=0.07, fontsize=13)
    return figure


def figure_2(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw r of three models minus r of ridge against the number of markers, for one trait.

    table: results under one protocol. published: the digitised figure 2 of the same trait, drawn as
    bars from the lowest to the highest cohort with an open marker at the median. A small point is
    one of our cohorts, a large one their mean. The part that we did not compute is grey.
    """
    table = one_protocol(table)
    # of cohorts like these
    published = published.merge(table[["n_samples", "n_qtl", "rel_aa"]].drop_duplicates())
    figure, ax = plt.subplots(figsize=(8, 4.8))
    ax.axhline(0, **PARITY)
    for k, model in enumerate(COMPARED):
        ours, theirs = paired(table, model, "ridge"), select(published, model=model)
        mean = ours.groupby("n_markers")["difference"].mean()
        points = model_style(model) | {"linestyle": ""}
        ax.plot(mean.index, mean, **points, markersize=7)
        ax.plot(ours["n_markers"], ours["difference"], **points, markersize=3, alpha=0.45)
        x = theirs["n_markers"] * 1.06 ** (k + 1)  # models next to each other
        ax.vlines(
            x, theirs["low"], theirs["high"], color=MODEL_COLORS[model], linewidth=3, alpha=0.3
        )
        ax.plot(x, theirs["median"], **points, markersize=5, **OPEN)
    ax.set(xlabel="Markers", ylabel="Pearson's r minus that of ridge")
    counts = pd.concat([table["n_markers"], published["n_markers"]])
    label_scale(ax, counts, most=5)
    if counts.max() > table["n_markers"].max():
        _grey_from(ax, table["n_markers"].max(), 1.3 * counts.max(), "only the publication")
    handles = model_handles(COMPARED)
    if len(published):
        label = "publication: range, and median (open)"
        bar = {"color": "gray", "marker": "D", "linewidth": 3, "alpha": 0.6}
        handles.append(Line2D([], [], **bar, **OPEN, label=label))
    return legend_below(figure, handles)


def _grey_from(ax: Axes, last: float, most: float, words: str) -> None:
    """Shade what is right of the last number of markers that is computed, and say what it is."""
    ax.axvspan(1.35 * last, most, color="0.93", zorder=-1, linewidth=0)
    ax.text(0.99, 0.03, words, transform=ax.transAxes, ha="right", fontsize=13, color="0.35")


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
