"""Figures of the models beyond the publication: all on one axis, with what theory expects of them."""

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.scaling import trait_panels
from epidl.figures.style import (
    MODEL_COLORS,
    MODEL_MARKERS,
    MODEL_NAMES,
    PARITY,
    draw_models,
    handle,
    label_scale,
    legend_below,
    model_handles,
    models_of,
    select,
)

# and the model whose accuracy it expects
THEORY = {"theory_ridge": "ridge", "theory_kernel": "kernel", "theory_oracle": "oracle"}


def ladder(table: pd.DataFrame, value: str = "pearson_r") -> Figure:
    """Draw the mean r of every model against the scaling, a column a trait, a row a sample size.

    Behind the models, dashed and in their colours, what theory expects of ridge, the kernel and the oracle. value: the
    column that is drawn, pearson_r, r_additive or r_epistatic.
    """
    table = table.dropna(subset=value)
    figure, axes, sizes, ratios = trait_panels(table)
    for row, n_samples in zip(axes, sizes, strict=True):
        for ax, ratio in zip(row, ratios, strict=True):
            part = select(table, n_samples=n_samples, rel_aa=ratio)
            for theory, model in THEORY.items():
                r = select(part, model=theory).groupby("scaling")[value].mean()
                ax.plot(r.index, r, color=MODEL_COLORS[model], linewidth=2.4, alpha=0.35, linestyle="--", zorder=1)
            draw_models(ax, part, "scaling", value, markersize=3.5)
            label_scale(ax, table["scaling"], most=3)
            ax.set(ylim=(min(0, table[value].min()), 1.03))
        row[0].set_ylabel(f"r, {n_samples:,} individuals")
    expected = Line2D([], [], color=str(apc.slate), linewidth=2.4, alpha=0.4, linestyle="--", label="theory")
    legend_below(figure, [*model_handles(table), expected])
    return figure


def leads(differences: dict[str, pd.DataFrame]) -> Figure:
    """Draw models' mean differences in r with their intervals against the scaling, panels as in `ladder`.

    differences: by the model's name, from `replication.against_best` by n_samples, rel_aa and scaling.
    """
    table = pd.concat([part.reset_index().assign(model=model) for model, part in differences.items()])
    figure, axes, sizes, ratios = trait_panels(table)
    for row, n_samples in zip(axes, sizes, strict=True):
        for ax, ratio in zip(row, ratios, strict=True):
            ax.axhline(0, **PARITY)
            for k, model in enumerate(differences):
                part = select(table, n_samples=n_samples, rel_aa=ratio, model=model).sort_values("scaling")
                _draw_interval(ax, part, model, shift=1 + 0.08 * k)
            label_scale(ax, table["scaling"], most=3)
        row[0].set_ylabel(f"Difference in r,\n{n_samples:,} individuals")
    legend_below(figure, [handle(MODEL_NAMES[m], MODEL_COLORS[m], MODEL_MARKERS[m]) for m in differences])
    return figure


def accuracy_by_seconds(table: pd.DataFrame) -> Figure:
    """Draw the mean r of every model against the seconds of its fit, all traits of a cohort, a panel a sample size."""
    sizes = sorted(table["n_samples"].unique())
    figure, axes = plt.subplots(1, len(sizes), figsize=(2.5 + 4 * len(sizes), 4.2), sharey=True, squeeze=False)
    for ax, n_samples in zip(axes[0], sizes, strict=True):
        for model in models_of(table):
            part = select(table, n_samples=n_samples, model=model)
            cells = part.groupby("scaling").agg(seconds=("seconds", "mean"), r=("pearson_r", "mean"))
            ax.plot(cells["seconds"], cells["r"], MODEL_MARKERS[model], color=MODEL_COLORS[model], alpha=0.75)
        ax.set(xscale="log", xlabel="Seconds of a fit, all traits", title=f"{n_samples:,} individuals")
    axes[0, 0].set_ylabel("Pearson's r, mean of traits")
    legend_below(figure, [handle(MODEL_NAMES[m], MODEL_COLORS[m], MODEL_MARKERS[m]) for m in models_of(table)])
    return figure


def _draw_interval(ax: Axes, part: pd.DataFrame, model: str, shift: float) -> None:
    bounds = np.abs(part[["low", "high"]].to_numpy().T - part["difference"].to_numpy())
    ax.errorbar(
        shift * part["scaling"],
        part["difference"],
        yerr=np.nan_to_num(bounds),
        color=MODEL_COLORS[model],
        marker=MODEL_MARKERS[model],
        markersize=3.5,
        linewidth=1,
    )
