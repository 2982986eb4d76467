"""Figures of the correlation experiment, and the publication's figure 3, A and B."""

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl.figures.style import (
    OPEN,
    PARITY,
    legend_below,
    row_of_panels,
    select,
    trait_style,
    write_at_right,
)
from epidl.grid.contrasts import CONTROL, condition, one_protocol, paired

BOX_WIDTH = 0.14  # of the place of one condition, where those of a number of QTL stand side by side


def sharing_and_correlation(table: pd.DataFrame) -> Figure:
    """Draw the MLP's r for traits of own pairs, of shared pairs and of correlated effects: a line
    for each number of QTL, a point for each trait. Ridge is grey.

    table: of one protocol and one number of traits. Correlated is the highest correlation. Numbers
    of QTL without all three kinds of traits are left out.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    gain = gain.assign(condition=condition(gain))
    kinds = ["0", CONTROL, f"{gain['pleiotropy'].max():g}"]
    gain = gain[gain["condition"].isin(kinds)]
    gain = gain.assign(place=gain["condition"].map(kinds.index))
    complete = gain.groupby("n_qtl")["condition"].nunique() == len(kinds)
    counts = list(complete.index[complete])
    figure, ax = plt.subplots(figsize=(8, 5))
    ends = []
    for k, n_qtl in enumerate(counts):
        part = select(gain, n_qtl=n_qtl)
        style = trait_style(k + 1)
        shift = 0.05 * (k - (len(counts) - 1) / 2)
        ax.plot(
            part["place"] + shift,
            part["pearson_r"],
            style["marker"],
            color=style["color"],
            markersize=3,
            alpha=0.3,
        )
        means = part.groupby("place")[["pearson_r", "pearson_r_baseline"]].mean()
        x = means.index + shift
        ax.plot(x, means["pearson_r"], **style, markersize=8, linewidth=1.8)
        ax.plot(x, means["pearson_r_baseline"], color="0.6", linewidth=1.2)
        ends.append((f"{n_qtl:,} QTL", means["pearson_r"].iloc[-1], style["color"]))
    ends.append(("ridge", gain.loc[gain["place"] == 2, "pearson_r_baseline"].mean(), "0.45"))
    labels = ["own pairs", "shared pairs", "shared pairs,\ncorrelated effects"]
    ax.set_xticks(range(len(kinds)), labels)
    ax.set(xlim=(-0.25, 2.25), ylabel="Pearson's r", ylim=(None, 1.03))
    write_at_right(ax, ends, apart=0.06, fontsize=13)
    return figure


def figure_3(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's relative gain over ridge by QTL and correlation of effects, one panel for each
    number of traits.

    A box shows the traits of all cohorts: the middle half, its median, and whiskers to the lowest
    and highest. published: the digitised medians of figure 3, drawn as open markers. The control
    that shares pairs is ours alone.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    like = gain[["n_samples", "n_qtl", "n_traits", "rel_aa"]].drop_duplicates()
    theirs = published.merge(like).assign(shared_pairs=False)
    gain, theirs = gain.assign(condition=condition), theirs.assign(condition=condition)
    colors, counts = _colors(gain), sorted(gain["n_qtl"].unique())
    n_traits = sorted(gain["n_traits"].unique())
    figure, axes = row_of_panels(len(n_traits), max(8.5, 1 + 5 * len(n_traits)), 4.8)
    for ax, letter, count in zip(axes, "ABCDEFGH", n_traits, strict=False):
        for (n_qtl, name), part in select(gain, n_traits=count).groupby(["n_qtl", "condition"]):
            position = counts.index(n_qtl) + BOX_WIDTH * (
                list(colors).index(name) - (len(colors) - 1) / 2
            )
            _draw_box(ax, part["relative_gain"], position, colors[name])
            medians = select(theirs, n_traits=count, n_qtl=n_qtl, condition=name)[
                "median_relative_gain"
            ]
            ax.plot(
                [position] * len(medians), medians, "o", color=colors[name], markersize=6, **OPEN
            )
        ax.axhline(0, **PARITY)
        ax.set(title=f"{letter}. {count} traits", xlabel="QTL")
        ax.set_xticks(range(len(counts)), counts)
    axes[0].set_ylabel("Relative gain of the MLP\n(r MLP - r ridge) / r ridge")
    handles = []
    for name, color in colors.items():
        label = f"correlation {'0, own pairs' if name == '0' else name}"
        handles.append(Line2D([], [], color=color, linewidth=4, label=label))
    if len(theirs):
        handles.append(
            Line2D(
                [],
                [],
                color="black",
                marker="o",
                linestyle="",
                **OPEN,
                label="publication (median)",
            )
        )
    return legend_below(figure, handles)


def _draw_box(ax: Axes, values: pd.Series, position: float, color: str) -> None:
    style = {
        "showfliers": False,
        "manage_ticks": False,
        "whis": (0, 100),
        "widths": 0.7 * BOX_WIDTH,
    }
    for lines in ax.boxplot(values, positions=[position], **style).values():
        for line in lines:
            line.set(color=color, linewidth=1.3)


def _colors(gain: pd.DataFrame) -> dict[str, tuple[float, ...] | str]:
    """Return the conditions of a table in order, the controls first, with their colours."""
    found = gain.sort_values(["pleiotropy", "shared_pairs"])["condition"].unique()
    ramp = apc.gradients.viridis.to_mpl_cmap()
    controls = {"0": str(apc.slate), CONTROL: str(apc.cinnabar)}
    return {name: controls.get(name) or ramp(0.7 * float(name)) for name in found}
