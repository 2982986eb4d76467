"""The page that compares ridge by SGD with exact ridge: its main figure and its words."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from epidl.figures.style import PARITY, label_scale, legend_below, trait_style
from epidl.grid.contrasts import agreement_of_models, mean_difference
from epidl_book.phrases import labelled


def by_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean difference in r, ridge by SGD minus exact ridge, with its interval over cohorts.

    table: of one protocol. One row per number of individuals and scaling.
    """
    return mean_difference(table, "ridge_sgd", "ridge", ["n_samples", "scaling"])


def draw_by_scaling(found: pd.DataFrame) -> Figure:
    """Draw the differences of `by_scaling`, one line for each number of individuals, with a band for
    the interval.
    """
    figure, ax = plt.subplots(figsize=(9, 4.4))
    ax.axhline(0, **PARITY)
    for k, (n_samples, part) in enumerate(found.groupby(level="n_samples")):
        part, style = part.droplevel("n_samples"), trait_style(k + 1)
        ax.fill_between(
            part.index, part["low"], part["high"], color=style["color"], alpha=0.2, linewidth=0
        )
        ax.plot(part.index, part["difference"], **style, label=f"{n_samples:,} individuals")
    label_scale(ax, found.index.get_level_values("scaling").to_series(), most=10)
    ax.set(
        xlabel="Possible pairs per individual",
        ylabel="r, ridge by SGD minus exact ridge",
    )
    return legend_below(figure, ax.get_legend_handles_labels()[0])


def in_words(found: pd.DataFrame) -> dict[str, str]:
    """Return the difference of `by_scaling` with the most pairs, of the fewest individuals."""
    fewest = found.xs(found.index.get_level_values("n_samples").min(), level="n_samples")
    return {
        "many": f"{fewest['difference'].iloc[-1]:+z.2f}",
        "n": f"{found.index.get_level_values('n_samples').min():,}",
    }


def agreement_table(
    table: pd.DataFrame, by: Sequence[str] = ("n_samples", "protocol")
) -> pd.DataFrame:
    """Return `contrasts.agreement_of_models` of ridge by SGD and exact ridge, to show."""
    found = agreement_of_models(table, "ridge_sgd", "ridge", by).rename(columns={"pairs": "values"})
    return labelled(found.round(3))
