"""The comparison of models on a cohort of one's own."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from epidl.figures.style import MODEL_COLORS, MODEL_MARKERS, MODEL_NAMES, PARITY, models_of, select
from epidl.own_data import measure_of

MEASURES = {"pearson_r": "Pearson's r, test individuals", "auc": "AUC, test individuals"}


def scores_by_split(table: pd.DataFrame) -> Figure:
    """Draw every model's score on every split, a split's joined by a line, with the means; a panel a kind of splits."""
    measure, kinds, models = measure_of(table), list(table["split_kind"].unique()), models_of(table)
    figure, axes = plt.subplots(1, len(kinds), figsize=(1 + 3.6 * len(kinds), 4.2), sharey=True, squeeze=False)
    for ax, kind in zip(axes[0], kinds, strict=True):
        scores = select(table, split_kind=kind).pivot(index="replicate", columns="model", values=measure)[models]
        ax.plot(range(len(models)), scores.T, color=PARITY["color"], linewidth=0.5, alpha=0.5, zorder=0)
        for k, model in enumerate(models):
            x = [k] * len(scores)
            ax.plot(x, scores[model], MODEL_MARKERS[model], color=MODEL_COLORS[model], markersize=4.5, alpha=0.75)
            ax.hlines(scores[model].mean(), k - 0.25, k + 0.25, color=MODEL_COLORS[model], linewidth=2)
        ax.set_xticks(range(len(models)), [MODEL_NAMES[model] for model in models], rotation=30, ha="right")
        ax.set_title(f"{kind.capitalize()} splits ({len(scores)})")
    axes[0, 0].set_ylabel(MEASURES[measure])
    return figure
