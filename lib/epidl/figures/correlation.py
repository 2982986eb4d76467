"""Figures of the correlation experiment; the publication's figure 3, A and B."""

from collections.abc import Callable

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import OPEN, PARITY, legend_below, select
from epidl.grid.contrasts import CONTROL, condition, one_protocol, paired

WIDTH = 0.14  # of the place of one condition, where those of a number of QTL stand side by side


def figure_3(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's relative gain over ridge by QTL and correlation of effects, a panel a number of traits.

    A box holds the traits of all replicates: the middle half, its median, and whiskers to the lowest and highest.
    published: the digitised medians of figure 3, drawn as open markers. The control that shares pairs is ours alone.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    like = gain[["n_samples", "n_qtl", "n_traits", "rel_aa"]].drop_duplicates()
    theirs = published.merge(like).assign(shared_pairs=False)

    def draw(ax: Axes, part: pd.DataFrame, position: float, color: str) -> None:
        boxes = ax.boxplot(
            part["relative_gain"],
            positions=[position],
            widths=0.7 * WIDTH,
            whis=(0, 100),
            showfliers=False,
            manage_ticks=False,
        )
        for line in (line for lines in boxes.values() for line in lines):
            line.set(color=color, linewidth=1.3)

    def draw_theirs(ax: Axes, part: pd.DataFrame, position: float, color: str) -> None:
        ax.plot([position] * len(part), part["median_relative_gain"], "o", color=color, markersize=6, **OPEN)

    figure, axes = _panels(gain)
    _draw_groups(axes, gain, draw)
    _draw_groups(axes, theirs, draw_theirs, like=gain)
    for ax in axes:
        ax.axhline(0, **PARITY)
    axes[0].set_ylabel("Relative gain of the MLP\n(r MLP - r ridge) / r ridge")
    handles = _handles(gain)
    if len(theirs):
        handles.append(Line2D([], [], color="black", marker="o", linestyle="", **OPEN, label="publication (median)"))
    legend_below(figure, handles)
    return figure


def _conditions(table: pd.DataFrame) -> dict[str, tuple[float, ...] | str]:
    """Return the conditions of a table in order, with their colours: the controls first."""
    found = table.assign(condition=condition(table)).sort_values(["pleiotropy", "shared_pairs"])
    ramp = apc.gradients.viridis.to_mpl_cmap()
    controls = {"0": str(apc.slate), CONTROL: str(apc.cinnabar)}
    return {name: controls.get(name) or ramp(0.7 * float(name)) for name in found["condition"].unique()}


def _panels(table: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    n_traits, n_qtl = sorted(table["n_traits"].unique()), sorted(table["n_qtl"].unique())
    figure, axes = plt.subplots(1, len(n_traits), figsize=(1 + 5 * len(n_traits), 4.8), sharey=True, squeeze=False)
    for ax, letter, count in zip(axes[0], "ABCDEFGH", n_traits, strict=False):
        ax.set(title=f"{letter}. {count} traits", xlabel="QTL")
        ax.set_xticks(range(len(n_qtl)), [str(q) for q in n_qtl])
    return figure, list(axes[0])


def _draw_groups(axes: list[Axes], table: pd.DataFrame, draw: Callable, like: pd.DataFrame | None = None) -> None:
    """Call `draw` for each panel, number of QTL and condition of `like`, with what `table` holds of it."""
    like = table if like is None else like
    conditions = _conditions(like)
    table = table.assign(condition=condition(table))
    for ax, n_traits in zip(axes, sorted(like["n_traits"].unique()), strict=True):
        for q, n_qtl in enumerate(sorted(like["n_qtl"].unique())):
            for k, (name, color) in enumerate(conditions.items()):
                part = select(table, n_traits=n_traits, n_qtl=n_qtl, condition=name)
                if len(part):
                    draw(ax, part, q + WIDTH * (k - (len(conditions) - 1) / 2), color)


def _handles(table: pd.DataFrame) -> list[Line2D]:
    return [
        Line2D([], [], color=color, linewidth=4, label=f"correlation {'0, drawn apart' if name == '0' else name}")
        for name, color in _conditions(table).items()
    ]
