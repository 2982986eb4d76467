"""Figures of the models beyond the publication, all on one axis, with what theory expects."""

from collections.abc import Mapping

import arcadia_pycolor as apc
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.scaling import trait_panels
from epidl.figures.style import (
    MODEL_COLORS,
    PARITY,
    draw_models,
    label_scale,
    legend_below,
    model_handles,
    model_style,
    models_of,
    row_of_panels,
    select,
)

# and the model whose accuracy it expects
THEORY = {"theory_ridge": "ridge", "theory_kernel": "kernel", "theory_oracle": "oracle"}
_EXPECTED = {"linewidth": 2.4, "alpha": 0.35, "linestyle": "--", "zorder": 1}
_THEORY_HANDLE = Line2D([], [], color=str(apc.slate), label="theory", **_EXPECTED)


def ladder(table: pd.DataFrame, value: str = "pearson_r") -> Figure:
    """Draw the mean r of every model against the scaling, one column per trait, one row per number
    of individuals.

    Dashed lines in the models' colours show what theory expects of ridge, the kernel and the
    oracle. value: the column that is drawn, pearson_r, r_additive or r_epistatic.
    """
    table = table.dropna(subset=value)
    figure, axes, sizes, ratios = trait_panels(table)
    for row, n_samples in zip(axes, sizes, strict=True):
        for ax, ratio in zip(row, ratios, strict=True):
            _draw_with_theory(
                ax, select(table, n_samples=n_samples, rel_aa=ratio), "scaling", value
            )
            label_scale(ax, table["scaling"], most=3)
            ax.set(ylim=(min(0, table[value].min()), 1.03))
        row[0].set_ylabel(f"r, {n_samples:,} individuals")
    return legend_below(figure, [*model_handles(models_of(table), "-"), _THEORY_HANDLE])


def ladder_by(table: pd.DataFrame, x: str, panels: Mapping[str, pd.Series], xlabel: str) -> Figure:
    """Draw the mean r of every model and what theory expects against a column, as `ladder` does.

    panels: the rows of each panel by its title, as a mask of the table.
    """
    figure, axes = row_of_panels(len(panels), 1 + 4 * len(panels), 4.6)
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        _draw_with_theory(ax, table[rows], x, "pearson_r", markersize=5)
        label_scale(ax, table[x], most=5)
        ax.set(title=title, xlabel=xlabel, ylim=(min(0, table["pearson_r"].min()), 1.03))
    axes[0].set_ylabel("Pearson's r, test individuals")
    return legend_below(figure, [*model_handles(models_of(table), "-"), _THEORY_HANDLE])


def leads(differences: dict[str, pd.DataFrame]) -> Figure:
    """Draw models' mean differences in r with their intervals against the scaling, panels as in
    `ladder`.

    differences: by the model's name, from `contrasts.against_best` by n_samples, rel_aa and
    scaling.
    """
    table = pd.concat(differences, names=["model"]).reset_index()
    figure, axes, sizes, ratios = trait_panels(table)
    for row, n_samples in zip(axes, sizes, strict=True):
        for ax, ratio in zip(row, ratios, strict=True):
            ax.axhline(0, **PARITY)
            for k, model in enumerate(differences):
                part = select(table, n_samples=n_samples, rel_aa=ratio, model=model).sort_values(
                    "scaling"
                )
                _draw_interval(ax, part, model, shift=1 + 0.08 * k)
            label_scale(ax, table["scaling"], most=3)
        row[0].set_ylabel(f"Difference in r,\n{n_samples:,} individuals")
    return legend_below(figure, model_handles(differences))


def accuracy_by_seconds(table: pd.DataFrame) -> Figure:
    """Draw the mean r of every model against the seconds of its fit, all traits of a cohort, one
    panel per number of individuals.
    """
    sizes = sorted(table["n_samples"].unique())
    figure, axes = row_of_panels(len(sizes), 2.5 + 4 * len(sizes), 4.2)
    for ax, n_samples in zip(axes, sizes, strict=True):
        for model in models_of(table):
            cells = (
                select(table, n_samples=n_samples, model=model)
                .groupby("scaling")
                .agg(seconds=("seconds", "mean"), r=("pearson_r", "mean"))
            )
            ax.plot(cells["seconds"], cells["r"], **model_style(model), linestyle="", alpha=0.75)
        ax.set(
            xscale="log", xlabel="Seconds of a fit, all traits", title=f"{n_samples:,} individuals"
        )
    axes[0].set_ylabel("Pearson's r, mean of traits")
    return legend_below(figure, model_handles(models_of(table)))


def _draw_with_theory(
    ax: Axes, part: pd.DataFrame, x: str, value: str, markersize: float = 3.5
) -> None:
    for theory, model in THEORY.items():
        r = select(part, model=theory).groupby(x)[value].mean()
        ax.plot(r.index, r, color=MODEL_COLORS[model], **_EXPECTED)
    draw_models(ax, part, x, value, markersize)


def _draw_interval(ax: Axes, part: pd.DataFrame, model: str, shift: float) -> None:
    bounds = np.abs(part[["low", "high"]].to_numpy().T - part["difference"].to_numpy())
    ax.errorbar(
        shift * part["scaling"],
        part["difference"],
        yerr=np.nan_to_num(bounds),
        **model_style(model),
        markersize=3.5,
        linewidth=1,
    )
