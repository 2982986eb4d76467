"""The figures' common style: colours, markers, legends, axes.

Traits and models are told apart by colour and marker, the publication's digitised values by open
markers.
"""

import contextlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import arcadia_pycolor as apc
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from epidl.models.recipes import MODELS

MODEL_NAMES, MODEL_COLORS, MODEL_MARKERS = {}, {}, {}
for _name, _model in MODELS.items():
    if _model.label:
        MODEL_NAMES[_name], MODEL_MARKERS[_name] = _model.label, _model.marker
        MODEL_COLORS[_name] = str(getattr(apc, _model.color))
TRAIT_COLORS = list(map(str, (apc.dusk, apc.aegean, apc.seaweed, apc.mustard, apc.cinnabar)))
TRAIT_MARKERS = "osD^v"
COHORT_MARKERS = "osD^vPX*"
OPEN = {"markerfacecolor": "none", "markeredgewidth": 1.1}  # a marker of the publication's
PUBLICATION = OPEN | {"markersize": 6, "linestyle": ":", "linewidth": 1.2}
PARITY = {"color": str(apc.slate), "linewidth": 0.8, "linestyle": (0, (5, 3)), "zorder": 0}


def use_style() -> None:
    """Set matplotlib to the publication's style, on white, so that figures are readable in dark mode
    too.
    """
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        apc.mpl.setup()  # says so where the publication's fonts are missing; the default ones serve
    mpl.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "savefig.bbox": "tight",
            "figure.dpi": 64,  # of what is drawn as pixels within an SVG
            "savefig.facecolor": "white",
            "figure.facecolor": "white",
            "svg.hashsalt": "epidl",  # the same figure is the same file
        }
    )


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, to `path` without a suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


def expected_va_over_vg(rel_aa: float) -> float:
    """Return 1 / (1 + 2 relAA), about the share of the genetic variance that is additive."""
    return 1 / (1 + 2 * rel_aa)


def select(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows in which each named column has the given value."""
    return table[(table[list(values)] == pd.Series(values, dtype=object)).all(axis=1)]


def handle(label: str, color: str, marker: str, linestyle: str = "") -> Line2D:
    """Return a legend's handle for points, or for a line with points."""
    return Line2D([], [], linestyle=linestyle, marker=marker, color=color, label=label)


def row_of_panels(n: int, width: float, height: float) -> tuple[Figure, NDArray[np.object_]]:
    """Return a figure with n axes next to each other that share y, and the axes."""
    figure, axes = plt.subplots(1, n, figsize=(width, height), sharey=True, squeeze=False)
    return figure, axes[0]


def models_of(table: pd.DataFrame) -> list[str]:
    """Return the models that a table holds, in the order of `MODEL_NAMES`."""
    return sorted(MODEL_NAMES.keys() & set(table["model"]), key=list(MODEL_NAMES).index)


def draw_models(ax: Axes, table: pd.DataFrame, x: str, value: str, markersize: float) -> None:
    """Draw the mean of a column for every model against another column."""
    for model in models_of(table):
        mean = select(table, model=model).groupby(x)[value].mean()
        ax.plot(mean.index, mean, **model_style(model), markersize=markersize)


def label_ends(
    ax: Axes, table: pd.DataFrame, x: str, value: str, apart: float = 0.04, fontsize: float = 9
) -> None:
    """Write each model's name at the right end of its line, labels at least so far apart, as a share of
    the height.

    table: as in `draw_models`. The axes' limits must be set.
    """
    last = table[table[x] == table[x].max()]
    ends = last.groupby("model")[value].mean()[models_of(last)].dropna()
    words = [(MODEL_NAMES[model], end, MODEL_COLORS[model]) for model, end in ends.items()]
    write_at_right(ax, words, apart, fontsize)


def write_at_right(
    ax: Axes, words: Iterable[tuple[str, float, str]], apart: float, fontsize: float
) -> None:
    """Write words to the right of the axes, at least so far apart, as a share of the height.

    words: each text, the value that it belongs to, and its colour. The axes' limits must be set.
    """
    words = sorted(words, key=lambda each: each[1])
    low, high = ax.get_ylim()
    places = np.array([(value - low) / (high - low) for _, value, _ in words])
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + apart)
    places -= max(0, places[-1:].sum() - 1)  # back from the upper edge
    look = {"transform": ax.transAxes, "va": "center", "fontsize": fontsize}
    for (text, _, color), y in zip(words, places, strict=True):
        ax.text(1.02, y, text, color=color, **look)


def model_handles(models: Iterable[str], linestyle: str = "") -> list[Line2D]:
    """Return a legend's handles for the points of some models, or for their lines."""
    return [handle(MODEL_NAMES[m], MODEL_COLORS[m], MODEL_MARKERS[m], linestyle) for m in models]


def trait_name(rel_aa: float) -> str:
    """Return the name of a trait in legends and titles."""
    return f"relAA {rel_aa:g} ($V_A/V_G$ {expected_va_over_vg(rel_aa):.2g})"


def model_style(model: str) -> dict[str, str]:
    """Return colour and marker of a model."""
    return {"color": MODEL_COLORS[model], "marker": MODEL_MARKERS[model]}


def trait_style(k: int) -> dict[str, str]:
    """Return colour and marker of the k-th trait."""
    return {
        "color": TRAIT_COLORS[k % len(TRAIT_COLORS)],
        "marker": TRAIT_MARKERS[k % len(TRAIT_MARKERS)],
    }


def cohort_style(k: int) -> dict[str, str]:
    """Return colour and marker of the k-th real cohort, at most eight."""
    return {"color": TRAIT_COLORS[k % len(TRAIT_COLORS)], "marker": COHORT_MARKERS[k]}


def trait_handles(ratios: Sequence[float]) -> list[Line2D]:
    """Return a legend's handles for traits of these relAA."""
    return [
        Line2D([], [], linestyle="", **trait_style(k), label=trait_name(ratio))
        for k, ratio in enumerate(ratios)
    ]


def panel_title(column: str, value: object) -> str:
    """Return the title of a panel that shows one value of a column."""
    return (
        f"{value:,} individuals"
        if column == "n_samples"
        else f"{column.replace('_', ' ').capitalize()}: {value}"
    )


def legend_below(figure: Figure, handles: list[Line2D]) -> Figure:
    """Put a legend under a figure, and return the figure."""
    columns = min(len(handles), int(figure.get_figwidth() / 2.6))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    return figure


def evenly_spread(n: int, most: int) -> NDArray[np.int64]:
    """Return at most this many of n places, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


def label_scale(ax: Axes, values: pd.Series, most: int = 6) -> None:
    """Make x logarithmic and label at most `most` of the values that were simulated, the first and
    last included.
    """
    values = np.sort(values.unique())
    ax.set(xscale="log", xticks=values[evenly_spread(len(values), most)])
    ax.xaxis.set_major_formatter("{x:,.12g}")
    ax.xaxis.set_minor_locator(NullLocator())
