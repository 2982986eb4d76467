"""The planner's forecasts compared with what was found."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from epidl.figures.style import (
    MODEL_COLORS,
    MODEL_MARKERS,
    MODEL_NAMES,
    OPEN,
    PARITY,
    PUBLICATION,
    cohort_style,
    handle,
    legend_below,
    model_handles,
    select,
    trait_handles,
    trait_name,
    trait_style,
)
from epidl.planner import planning


def forecast_and_found(forecasts: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Draw the forecast and its interval for each trait and model, and the r of each cohort as points.

    forecasts: of `planning.forecast_table`. table: results of the same study.
    """
    models = sorted(set(planning.MODELS) & set(table["model"]), key=planning.MODELS.index)
    ratios = list(forecasts["rel_aa"].unique())
    figure, ax = plt.subplots(figsize=(1.5 + 1.7 * len(ratios), 4.2))
    for k, model in enumerate(models):
        color, part = MODEL_COLORS[model], select(forecasts, model=model)
        x = np.arange(len(ratios)) + 0.2 * (k - (len(models) - 1) / 2)
        ax.vlines(x, part["low"], part["high"], color=color, alpha=0.25, linewidth=7)
        ax.hlines(part["pearson_r"], x - 0.08, x + 0.08, color=color, linewidth=2)
        found = select(table[table["rel_aa"].isin(ratios)], model=model)
        ax.plot(
            x[found["rel_aa"].map(ratios.index)],
            found["pearson_r"],
            MODEL_MARKERS[model],
            color=color,
            markersize=4,
            alpha=0.8,
        )
    ax.set_xticks(range(len(ratios)), [trait_name(ratio).replace(" (", "\n(") for ratio in ratios])
    ax.set_ylabel("Pearson's r, test individuals")
    return legend_below(figure, model_handles(models))


def forecasts_on_real(found: pd.DataFrame) -> Figure:
    """Draw the mean r of real traits against its forecast, a panel for each model, a point for each trait.

    found: of `surface.on_real_cohorts`. Open points are for splits that leave out whole families.
    """
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.9), sharex=True, sharey=True)
    styles = {name: cohort_style(k) for k, name in enumerate(found["dataset"].unique())}
    for ax, model in zip(axes, planning.MODELS, strict=True):
        ax.plot([0, 1], [0, 1], **PARITY)
        part = select(found, model=model)
        for (name, grouped), rows in part.groupby(["dataset", "grouped"]):
            form = styles[name] | {"linestyle": "", "markersize": 5, "alpha": 0.8}
            form |= OPEN if grouped else {}
            ax.plot(rows["forecast"], rows["found"], **form)
        ax.set(title=MODEL_NAMES[model], aspect="equal", xlim=(0, 1), ylim=(0, 1))
    label_outside(axes[None], "Forecast r", "r that came")
    handles = [handle(name.capitalize(), **style) for name, style in styles.items()]
    return legend_below(figure, handles)


def forecast_of_publication(compared: pd.DataFrame) -> Figure:
    """Draw the MLP's forecast as lines, the publication's values as open markers, one panel per
    number of individuals.

    compared: of `surface.publication_forecast`.
    """
    sizes, ratios = sorted(compared["n_samples"].unique()), sorted(compared["rel_aa"].unique())
    figure, axes = plt.subplots(2, 2, figsize=(8, 7), sharex=True, sharey=True)
    for ax, size in zip(axes.flat, sizes, strict=True):
        for k, ratio in enumerate(ratios):
            part = select(compared, n_samples=size, rel_aa=ratio).sort_values("scaling")
            style = trait_style(k)
            ax.plot(part["scaling"], part["forecast"], color=style["color"])
            ax.plot(part["scaling"], part["found"], **(PUBLICATION | {"linestyle": ""}), **style)
        ax.set(title=f"{size:,} individuals", xscale="log")
    label_outside(axes, "Possible pairs per individual", "Pearson's r of the MLP")
    return legend_below(figure, trait_handles(ratios))


def label_outside(axes: NDArray, x: str, y: str) -> None:
    """Label the lowest row of panels and the first column."""
    plt.setp(axes[-1], xlabel=x)
    plt.setp(axes[:, 0], ylabel=y)
