"""Figures of the scaling experiment; the publication's figures 1A and 1B."""

from collections.abc import Callable, Sequence

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
    draw_models,
    label_scale,
    legend_below,
    model_handles,
    models_of,
    panel_title,
    select,
    trait_handles,
    trait_style,
)
from epidl.grid.contrasts import one_protocol, paired

SCALING_LABEL = "Scaling (possible pairs per individual)"


def figure_1a(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's relative gain over ridge by SGD against the number of QTL, a panel a sample size.

    table: results under the published protocol. published: the digitised figure 1.
    """
    ours = paired(one_protocol(table), model="mlp", baseline="ridge_sgd")
    ours = ours.rename(columns={"relative_gain": "value"})
    r = published.pivot_table(
        index=["n_samples", "n_qtl", "rel_aa"], columns="model", values="r_mid"
    )
    theirs = ((r["mlp"] - r["linear_sgd"]) / r["linear_sgd"]).rename("value").reset_index()
    figure, axes = _sample_size_panels(ours, theirs, x="n_qtl", center=np.median)
    drawn = [
        line.get_ydata() for ax in axes for line in ax.get_lines() if line.get_linestyle() != "None"
    ]
    highest = 1.6 * np.nanmax(np.concatenate(drawn))
    for ax, (_, part) in zip(axes, ours.groupby("n_samples"), strict=True):
        ax.axhline(0, **PARITY)
        ax.set(xlabel="QTL", ylim=(-1, highest))
        beyond = int((~part["value"].between(-1, highest)).sum())
        if beyond:  # where ridge's r is next to nothing, a replicate's gain is huge, of either sign
            ax.text(
                0.98,
                0.95,
                f"{beyond} replicates beyond",
                transform=ax.transAxes,
                ha="right",
                fontsize="small",
            )
    axes[0].set_ylabel("Relative gain of the MLP\n(r MLP - r ridge) / r ridge")
    return figure


def figure_1b(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's Pearson's r against the scaling, a panel a sample size; arguments as in
    `figure_1a`.
    """
    ours = one_protocol(table)[table["model"] == "mlp"].rename(columns={"pearson_r": "value"})
    theirs = published[published["model"] == "mlp"].rename(columns={"r_mid": "value"})
    figure, axes = _sample_size_panels(ours, theirs, x="scaling", center=np.mean)
    for ax in axes:
        ax.axvline(1, **PARITY)
        ax.set(xlabel=SCALING_LABEL, ylim=(min(0, ours["value"].min()), 1.03))
    axes[0].set_ylabel("Pearson's r of the MLP")
    return figure


def accuracy_by_scaling(table: pd.DataFrame) -> Figure:
    """Draw the mean Pearson's r of every model against the scaling, a column a trait, a row a sample
    size.

    Beside them the additive ceiling: the square root of V_A / V_G, the largest r that a linear
    model can reach without noise, as a mean over the cohorts.
    """
    table = one_protocol(table)
    figure, axes, sizes, ratios = trait_panels(table)
    for row, n_samples in zip(axes, sizes, strict=True):
        for ax, ratio in zip(row, ratios, strict=True):
            part = select(table, n_samples=n_samples, rel_aa=ratio)
            draw_models(ax, part, "scaling", "pearson_r", markersize=3.5)
            ceiling = np.sqrt(part.groupby("scaling")["va_over_vg"].mean())
            ax.plot(ceiling.index, ceiling, **PARITY)
            ax.set(ylim=(min(0, table["pearson_r"].min()), 1.03))
            label_scale(ax, table["scaling"], most=3)
        row[0].set_ylabel(f"r, {n_samples:,} individuals")
    ceiling = Line2D([], [], **PARITY, label="additive ceiling")
    return legend_below(figure, [*model_handles(models_of(table), "-"), ceiling])


def trait_panels(table: pd.DataFrame) -> tuple[Figure, np.ndarray, Sequence[int], Sequence[float]]:
    """Return a figure with a row of panels a sample size and a column a trait, its axes, the sizes and
    the relAA.
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


def _sample_size_panels(
    ours: pd.DataFrame, theirs: pd.DataFrame, x: str, center: Callable
) -> tuple[Figure, Sequence[Axes]]:
    """Draw `value` against x, a panel a sample size: our replicates and their centre, the digitised
    values beside.
    """
    sizes, ratios = sorted(ours["n_samples"].unique()), sorted(ours["rel_aa"].unique())
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(1 + 4.8 * len(sizes), 5), sharey=True, squeeze=False
    )
    for ax, n_samples in zip(axes[0], sizes, strict=True):
        for k, ratio in enumerate(ratios):
            style = trait_style(k)
            part = select(ours, n_samples=n_samples, rel_aa=ratio)
            middle = part.groupby(x)["value"].agg(center)
            # many small dots: as pixels they take a fraction of the page
            ax.plot(
                part[x],
                part["value"],
                linestyle="",
                **style,
                markersize=3,
                alpha=0.45,
                rasterized=True,
            )
            ax.plot(middle.index, middle, **style, markersize=5, linewidth=1.4)
            reference = select(theirs, n_samples=n_samples, rel_aa=ratio).sort_values(x)
            ax.plot(reference[x], reference["value"], **style, **PUBLICATION)
        ax.set(title=panel_title("n_samples", n_samples))
        label_scale(ax, select(ours, n_samples=n_samples)[x])
    handles = trait_handles(ratios)
    handles.append(Line2D([], [], color=str(apc.slate), marker="o", label="this code"))
    if theirs["n_samples"].isin(sizes).any():
        handles.append(
            Line2D([], [], color=str(apc.slate), marker="o", **PUBLICATION, label="publication")
        )
    return legend_below(figure, handles), axes[0]
