"""Comparisons of models, for any experiment."""

import pandas as pd
from matplotlib.figure import Figure

from epidl.figures.style import (
    MODEL_COLORS,
    MODEL_NAMES,
    PARITY,
    legend_below,
    model_handles,
    model_style,
    models_of,
    panel_title,
    row_of_panels,
    select,
    trait_handles,
    trait_style,
)
from epidl.grid.contrasts import agreement_of_models, paired


def accuracy_by_trait(table: pd.DataFrame) -> Figure:
    """Draw Pearson's r of every cohort and model against the traits' relAA, one panel per protocol."""
    protocols, models = list(table["protocol"].unique()), models_of(table)
    ratios = sorted(table["rel_aa"].unique())
    figure, axes = row_of_panels(len(protocols), 1 + 3.8 * len(protocols), 4.2)
    for ax, protocol in zip(axes, protocols, strict=True):
        for k, model in enumerate(models):
            part = select(table, protocol=protocol, model=model)
            x = part["rel_aa"].map(ratios.index) + 0.22 * (k - (len(models) - 1) / 2)
            ax.plot(
                x, part["pearson_r"], **model_style(model), linestyle="", alpha=0.75, markersize=4.5
            )
            mean = part["pearson_r"].groupby(x).mean()
            ax.hlines(
                mean, mean.index - 0.1, mean.index + 0.1, color=MODEL_COLORS[model], linewidth=1.5
            )
        ax.set(
            title=f"Protocol: {protocol}",
            xlabel="relAA of the trait",
            ylim=(min(0, table["pearson_r"].min()), 1.03),
        )
        ax.set_xticks(range(len(ratios)), list(map("{:g}".format, ratios)))
    axes[0].set_ylabel("Pearson's r, test individuals")
    return legend_below(figure, model_handles(models))


def parity(table: pd.DataFrame, model: str, baseline: str, by: str = "protocol") -> Figure:
    """Draw Pearson's r of one model against that of another, one point per trait and cohort, with
    the 1:1 line.

    by: the column that each panel has one value of.
    """
    pairs = paired(table, model, baseline)
    values, ratios = list(pairs[by].unique()), sorted(pairs["rel_aa"].unique())
    low = min(0, pairs[["pearson_r", "pearson_r_baseline"]].min(axis=None))
    figure, axes = row_of_panels(len(values), 1 + 3.8 * len(values), 4.4)
    for ax, value in zip(axes, values, strict=True):
        ax.plot([low, 1], [low, 1], **PARITY)
        for k, ratio in enumerate(ratios):
            part = select(pairs, rel_aa=ratio, **{by: value})
            ax.plot(
                part["pearson_r_baseline"],
                part["pearson_r"],
                **trait_style(k),
                linestyle="",
                markersize=4,
                alpha=0.6,
            )
        ax.set(title=panel_title(by, value), xlabel=f"r, {MODEL_NAMES[baseline]}", aspect="equal")
    axes[0].set_ylabel(f"r, {MODEL_NAMES[model]}")
    return legend_below(figure, trait_handles(ratios))


def differences(table: pd.DataFrame, model: str, baseline: str, by: str = "protocol") -> Figure:
    """Draw the difference in r of two models against their mean (Bland and Altman), one panel per
    value of `by`.

    The solid line is the mean difference, the dotted lines are the limits of agreement, 1.96
    standard deviations on either side.
    """
    pairs = paired(table, model, baseline)
    limits = agreement_of_models(table, model, baseline, by=[by])
    ratios = sorted(pairs["rel_aa"].unique())
    figure, axes = row_of_panels(len(limits), 1 + 3.8 * len(limits), 4.2)
    for ax, (value, limit) in zip(axes, limits.iterrows(), strict=True):
        for k, ratio in enumerate(ratios):
            part = select(pairs, rel_aa=ratio, **{by: value})
            middle = (part["pearson_r"] + part["pearson_r_baseline"]) / 2
            ax.plot(
                middle, part["difference"], **trait_style(k), linestyle="", markersize=4, alpha=0.6
            )
        ax.axhline(0, **PARITY)
        ax.axhline(limit["mean_difference"], color=MODEL_COLORS[model], linewidth=1.4)
        for side in ("lower_limit", "upper_limit"):
            ax.axhline(limit[side], color=MODEL_COLORS[model], linewidth=1.2, linestyle=":")
        ax.set(title=panel_title(by, value), xlabel="Mean of the two r")
    axes[0].set_ylabel(f"r {MODEL_NAMES[model]} - r {MODEL_NAMES[baseline]}")
    return legend_below(figure, trait_handles(ratios))
