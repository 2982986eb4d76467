"""Figures of the publication's claims and values: the intervals of conditions, our values beside its own."""

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import PARITY, legend_below, select

OUTCOMES = {
    "shown": {"color": str(apc.seaweed), "marker": "o"},
    "contradicted": {"color": str(apc.cinnabar), "marker": "X"},
    "open": {"color": str(apc.slate), "marker": "o", "markerfacecolor": "white", "markeredgewidth": 0.9},
}
BOUND = {"color": str(apc.crow), "marker": "|", "linestyle": "", "markersize": 5, "markeredgewidth": 1}


def forest(conditions: pd.DataFrame) -> Figure:
    """Draw the estimate of every tested condition with its interval, a row a claim, a panel a scale.

    conditions: from `claims.all_conditions`. The bounds that a condition asks for are vertical ticks; conditions
    without an interval are left out.

    Raises ValueError where none has one.
    """
    tested = conditions[conditions["outcome"] != "untested"]
    if tested.empty:
        raise ValueError("conditions must hold at least one with an interval, got none")
    scales = list(tested["scale"].unique())
    rows = [_rows(part) for part in (select(tested, scale=scale) for scale in scales)]
    figure, axes = plt.subplots(len(scales), 1, figsize=(8, 1.5 + 0.13 * sum(rows)), height_ratios=rows, squeeze=False)
    for ax, scale in zip(axes[:, 0], scales, strict=True):
        _draw(ax, select(tested, scale=scale))
        ax.set_xlabel(scale.capitalize())
    handles = [Line2D([], [], linestyle="-", **style, label=name) for name, style in OUTCOMES.items()]
    bound = Line2D([], [], **BOUND, label="bound that the claim asks for")
    legend_below(figure, [*handles, bound])
    return figure


def agreement(compared: pd.DataFrame) -> Figure:
    """Draw our values less the publication's, a panel a comparison, each over the bound that it should lie within.

    compared: from `replication.against_publication`; values that we have not computed are left out. A value without
    a bound is drawn open.
    """
    compared = compared.dropna(subset="difference")
    names = list(compared["comparison"].unique())
    counts = [max(17, (compared["comparison"] == name).sum()) for name in names]
    figure, axes = plt.subplots(1, len(names), figsize=(11, 3.8), width_ratios=counts, sharey=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        part = select(compared, comparison=name).reset_index(drop=True)
        ax.axhline(0, **PARITY)
        ax.vlines(part.index, -part["bound"], part["bound"], color=str(apc.cloud), linewidth=3)
        for outcome, kept in (("shown", True), ("contradicted", False)):
            here = part["agrees"].eq(kept).fillna(False).to_numpy(bool)
            ax.plot(part.index[here], part["difference"][here], **OUTCOMES[outcome], linestyle="", markersize=4)
        bare = part["bound"].isna().to_numpy()
        ax.plot(part.index[bare], part["difference"][bare], **OUTCOMES["open"], linestyle="", markersize=4)
        ax.set(title=name.replace(", ", "\n"), xticks=[])
        ax.title.set_fontsize(9)
    axes[0, 0].set_ylabel("Ours less the publication's")
    labels = {"shown": "within its bound", "contradicted": "beyond it", "open": "no bound: one cohort"}
    legend_below(figure, [Line2D([], [], linestyle="", **OUTCOMES[key], label=text) for key, text in labels.items()])
    return figure


def _rows(part: pd.DataFrame) -> int:
    """Return the height of a panel, in conditions: two for each claim's margins."""
    return len(part) + 2 * part["id"].nunique()


def _draw(ax: Axes, part: pd.DataFrame) -> None:
    """Draw the conditions from top to bottom, each claim's in the order of the table."""
    claim = part["id"].map({id: k for k, id in enumerate(part["id"].unique())}).to_numpy()
    y = np.arange(len(part)) + 2 * claim
    ax.axvline(0, **PARITY)
    for outcome, style in OUTCOMES.items():
        here = (part["outcome"] == outcome).to_numpy()
        drawn, heights = part[here], y[here]
        ax.hlines(heights, drawn["low"], drawn["high"], color=style["color"], linewidth=1.1)
        ax.plot(drawn["estimate"], heights, **style, linestyle="", markersize=3.6, gid="estimates")
    for column in ("lower", "upper"):
        ax.plot(part[column].where(np.isfinite(part[column])), y, **BOUND)
    middles = pd.Series(y).groupby(part["id"].to_numpy(), sort=False).mean()
    ax.set_yticks(middles, middles.index)
    ax.set_ylim(y.max() + 1.5, -1.5)
    for edge in np.flatnonzero(np.diff(claim)):
        ax.axhline(y[edge] + 1.5, color=str(apc.slate), linewidth=0.3, alpha=0.5)
