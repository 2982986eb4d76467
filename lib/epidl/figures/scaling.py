"""Figures of the scaling experiment, and the publication's figures 1A and 1B."""

from collections.abc import Mapping, Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import (
    PARITY,
    PUBLICATION,
    label_scale,
    legend_below,
    panel_title,
    row_of_panels,
    select,
    trait_handles,
    trait_style,
)
from epidl.grid.contrasts import one_protocol, paired

SCALING_LABEL = "Scaling (possible pairs per individual)"
SCALING_WORDS = "Possible pairs per individual (0.1: ten individuals per pair)"
GREY = "#8c8c8c"  # of what a network is compared with
TRAITS = {  # of figure 1B, by relAA
    0: "All additive",
    0.5: "Half interactions",
    3: "Mostly interactions",
}


def figure_1a(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's relative gain over ridge by SGD against the number of QTL, a panel for each number
    of individuals.

    table: results under the published protocol. published: the digitised figure 1.
    """
    ours = paired(one_protocol(table), model="mlp", baseline="ridge_sgd")
    ours = ours.rename(columns={"relative_gain": "value"})
    r = published.pivot_table(
        index=["n_samples", "n_qtl", "rel_aa"], columns="model", values="r_mid"
    )
    theirs = ((r["mlp"] - r["linear_sgd"]) / r["linear_sgd"]).rename("value").reset_index()
    sizes, ratios = sorted(ours["n_samples"].unique()), sorted(ours["rel_aa"].unique())
    figure, axes = row_of_panels(len(sizes), 1 + 4.8 * len(sizes), 5)
    # if ridge's r is almost nothing, a cohort's gain is huge, of either sign
    medians = ours.groupby(["n_samples", "rel_aa", "n_qtl"])["value"].median()
    shown = theirs[theirs["n_samples"].isin(sizes) & theirs["rel_aa"].isin(ratios)]
    highest = 1.6 * max(medians.max(), shown["value"].max())
    for ax, n_samples in zip(axes, sizes, strict=True):
        ax.axhline(0, **PARITY)
        here = select(ours, n_samples=n_samples)
        for k, ratio in enumerate(ratios):
            style, part = trait_style(k), select(here, rel_aa=ratio)
            _draw_cohorts(ax, part["n_qtl"], part["value"], style)
            middle = medians[n_samples, ratio]
            ax.plot(middle.index, middle, **style, markersize=5, linewidth=1.4)
            reference = select(theirs, n_samples=n_samples, rel_aa=ratio).sort_values("n_qtl")
            ax.plot(reference["n_qtl"], reference["value"], **style, **PUBLICATION)
        ax.set(title=panel_title("n_samples", n_samples), xlabel="QTL", ylim=(-1, highest))
        label_scale(ax, here["n_qtl"])
        beyond = int((~here["value"].between(-1, highest)).sum())
        if beyond:
            words = {"transform": ax.transAxes, "ha": "right", "fontsize": "small"}
            ax.text(0.98, 0.95, f"{beyond} values beyond", **words)
    axes[0].set_ylabel("Relative gain of the MLP\n(r MLP - r ridge) / r ridge")
    handles = trait_handles(ratios)
    handles.append(Line2D([], [], color=str(apc.slate), marker="o", label="this code"))
    if theirs["n_samples"].isin(sizes).any():
        handles.append(
            Line2D([], [], color=str(apc.slate), marker="o", **PUBLICATION, label="publication")
        )
    return legend_below(figure, handles)


def interaction_shares(shares: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the share of the interaction variance that the MLP captures against the scaling: a line for
    each number of individuals, with the range of its cohorts as a band.

    shares: of `contrasts.epistatic_shares`, by n_samples and scaling. published: the publication's
    shares, by the same columns, drawn as open markers.
    """
    figure, ax = plt.subplots(figsize=(8, 4.8))
    sizes = sorted(shares["n_samples"].unique())
    for level in (0, 1):
        ax.axhline(level, **PARITY)
    ax.axvline(1, **PARITY)
    ax.text(1.03, 1.12, "as many pairs as individuals", fontsize=13, va="center")
    for n_samples in sizes:
        style = _size_style(sizes, n_samples)
        found = select(shares, n_samples=n_samples).groupby("scaling")["share"]
        low, high = found.min(), found.max()
        ax.fill_between(low.index, low, high, color=style["color"], alpha=0.18, linewidth=0)
        ax.plot(found.mean().index, found.mean(), **style, markersize=5, linewidth=1.6)
        theirs = select(published, n_samples=n_samples).sort_values("scaling")
        ax.plot(theirs["scaling"], theirs["share"], **style, **PUBLICATION)
    ax.set(xlabel=SCALING_WORDS, ylabel="Share of the interaction variance", ylim=(-0.15, 1.2))
    label_scale(ax, shares["scaling"], most=10)
    return legend_below(figure, _size_handles(sizes, published))


def figure_1b(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's Pearson's r against the scaling, a panel for each kind of trait in `TRAITS`, a
    line for each number of individuals. Ridge and the additive ceiling are grey.

    The additive ceiling is the square root of V_A / V_G, which a linear model cannot pass in
    expectation. table: results under the published protocol. published: the digitised figure 1.
    """
    table = one_protocol(table)
    sizes = sorted(table["n_samples"].unique())
    ratios = [ratio for ratio in TRAITS if ratio in set(table["rel_aa"])]
    theirs = published[published["model"] == "mlp"]
    figure, axes = row_of_panels(len(ratios), 1.4 + 3.2 * len(ratios), 4.8)
    for ax, ratio in zip(axes, ratios, strict=True):
        part = select(table, rel_aa=ratio)
        ax.axvline(1, **PARITY)
        ceiling = np.sqrt(part.groupby("scaling")["va_over_vg"].mean())
        if ratio > 0:
            ax.plot(ceiling.index, ceiling, color="black", linewidth=1, linestyle="--")
        for n_samples in sizes:
            style, here = _size_style(sizes, n_samples), select(part, n_samples=n_samples)
            ridge = select(here, model="ridge").groupby("scaling")["pearson_r"].mean()
            ax.plot(ridge.index, ridge, **style | {"color": GREY}, markersize=3, linewidth=1.2)
            network = select(here, model="mlp")
            _draw_cohorts(ax, network["scaling"], network["pearson_r"], style)
            r = network.groupby("scaling")["pearson_r"].mean()
            ax.plot(r.index, r, **style, markersize=4.5, linewidth=1.4)
            reference = select(theirs, n_samples=n_samples, rel_aa=ratio).sort_values("scaling")
            ax.plot(reference["scaling"], reference["r_mid"], **style, **PUBLICATION)
        ax.set_title(TRAITS[ratio])
        ax.set_ylim(min(0, table["pearson_r"].min()), 1.04)
        label_scale(ax, part["scaling"], most=4)
    axes[0].set_ylabel("Pearson's r on test individuals")
    axes[len(ratios) // 2].set_xlabel(SCALING_WORDS)
    handles = _size_handles(sizes, theirs)
    handles.append(Line2D([], [], color=GREY, label="ridge"))
    handles.append(
        Line2D([], [], color="black", linewidth=1, linestyle="--", label="additive ceiling")
    )
    return legend_below(figure, handles)


def _draw_cohorts(ax: Axes, x: pd.Series, y: pd.Series, style: Mapping[str, str]) -> None:
    """Draw a small dot for each cohort, as pixels: so many take a fraction of the page."""
    ax.plot(x, y, **style, linestyle="", markersize=3, alpha=0.4, rasterized=True)


def _size_style(sizes: Sequence[int], n_samples: int) -> dict[str, str]:
    """Return colour and marker of a number of individuals."""
    return trait_style(1 + 3 * list(sizes).index(n_samples))


def _size_handles(sizes: Sequence[int], published: pd.DataFrame) -> list[Line2D]:
    """Return a legend's handles for numbers of individuals, and for the publication if it has them."""
    handles = []
    for n_samples in sizes:
        label = f"network, {n_samples:,} individuals"
        handles.append(Line2D([], [], **_size_style(sizes, n_samples), label=label))
    if published["n_samples"].isin(sizes).any():
        label = "publication (open)"
        handles.append(Line2D([], [], color=GREY, marker="o", **PUBLICATION, label=label))
    return handles


def trait_panels(table: pd.DataFrame) -> tuple[Figure, np.ndarray, Sequence[int], Sequence[float]]:
    """Return a figure with a row of panels for each number of individuals and a column for each trait,
    its axes, the numbers and the relAA.
    """
    ratios, sizes = sorted(table["rel_aa"].unique()), sorted(table["n_samples"].unique())
    figure, axes = plt.subplots(
        len(sizes),
        len(ratios),
        figsize=(2 * len(ratios) + 1, 1 + 2.6 * len(sizes)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax, ratio in zip(axes[0], ratios, strict=True):
        ax.set_title(f"relAA {ratio:g}")
    axes[-1, len(ratios) // 2].set_xlabel(SCALING_LABEL)
    return figure, axes, sizes, ratios
