"""The page of the approach: its drawings, and the tables of experiments and parameters."""

from collections.abc import Mapping, Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from epidl.cohorts.splits import N_RIDGE_SPLITS, random_split, split_samples
from epidl.figures.style import PARITY, expected_va_over_vg, legend_below
from epidl.grid.params import Cell
from epidl_book.phrases import ends

# parameters that say where and as what a cell is run
NO_SETTINGS = {"experiment", "profile", "device", "n_threads"}
# what individuals are for: colour, hatching
PARTS = {
    "train": (str(apc.ice), ""),
    "decide when training stops": (str(apc.mustard), ""),
    "decide, and are scored": (str(apc.mustard), "xxx"),
    "are scored": (str(apc.aegean), ""),
}
PROTOCOLS = {
    "published": "published: those who are scored also decide",
    "held_out": "held_out: those who are scored decide nothing",
}
ALLELES = ("#73B5E3", "#094468")  # as in the notebook by_hand
VARIED = {  # what makes the cells of the publication's experiments differ, in words
    "scaling": "possible pairs per individual, individuals",
    "dilution": "markers without effect",
    "correlation": "correlation of effects, shared pairs, QTL, traits",
}


# --- Drawings ----------------------------------------------------------------------------------------


def who_is_scored(n_samples: int = 200) -> Figure:
    """Draw both protocols: a bar of individuals for a network and for exact ridge, coloured by what
    they are for.

    The parts are those that `split_samples` and `random_split` make of a cohort.
    """
    figure, axes = plt.subplots(2, 1, figsize=(9, 4.4), sharex=True)
    for ax, protocol in zip(axes, ("published", "held_out"), strict=True):
        split = split_samples(n_samples, protocol)
        parts = np.full(n_samples, "train", dtype=object)
        parts[split.validation] = "decide when training stops"
        shared = np.isin(split.test, split.validation)
        parts[split.test] = np.where(shared, "decide, and are scored", "are scored")
        _bar(ax, parts, 0.62, 0.38)
        _ridge_bars(ax, split.test, n_samples, protocol)
        ax.set(ylim=(-0.05, 1.05), title=PROTOCOLS[protocol])
        n_splits = N_RIDGE_SPLITS[protocol]
        name = f"exact ridge,\n{n_splits} random splits" if n_splits > 1 else "exact ridge"
        ax.set_yticks([0.81, 0.24], ["network", name])
        ax.tick_params(left=False)
        ax.spines[["left", "right", "top"]].set_visible(False)
    axes[1].set(xlabel="Individuals of a cohort, %", xlim=(0, 100))
    handles = [
        Patch(facecolor=color, hatch=hatch, edgecolor="white", label=name)
        for name, (color, hatch) in PARTS.items()
    ]
    return legend_below(figure, handles)


def _ridge_bars(ax: Axes, test: NDArray[np.int64], n_samples: int, protocol: str) -> None:
    """Draw a thin bar for each split of exact ridge: random ones, or the fixed test individuals."""
    n_splits, rng = N_RIDGE_SPLITS[protocol], np.random.default_rng(1)
    for k in range(n_splits):
        rows = random_split(n_samples, rng)[1] if n_splits > 1 else test
        parts = np.full(n_samples, "train", dtype=object)
        parts[rows] = "are scored"
        _bar(ax, parts, 0.48 * k / n_splits, 0.48 / n_splits * 0.8)


def _bar(ax: Axes, parts: NDArray[np.object_], bottom: float, height: float) -> None:
    """Draw individuals in a row, a rectangle for each run of the same part."""
    starts = np.flatnonzero(np.append(True, parts[1:] != parts[:-1]))
    ends_ = np.append(starts[1:], len(parts))
    share = 100 / len(parts)
    for start, end in zip(starts, ends_, strict=True):
        color, hatch = PARTS[parts[start]]
        ax.broken_barh(
            [(start * share, (end - start) * share)],
            (bottom, height),
            facecolor=color,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
        )


def interaction() -> Figure:
    """Draw the genetic value of two loci by the alleles of both: added up, and as an interaction alone.

    The dashed line is the mean over the second locus, all that a sum of effects can follow.
    """
    traits = {
        "Effects add up": lambda x, partner: x + 0.6 * partner,
        "Both": lambda x, partner: 0.6 * x + 0.3 * partner + 0.7 * x * partner,
        "Interaction alone": lambda x, partner: x * partner,
    }
    x = np.array([-1, 1])
    figure, axes = plt.subplots(1, len(traits), figsize=(9, 3.4), sharey=True)
    for ax, (title, value) in zip(axes, traits.items(), strict=True):
        for allele, color in zip(x, ALLELES, strict=True):
            ax.plot(
                x,
                value(x, allele),
                "o-",
                color=color,
                label=f"second locus: allele {(allele + 1) // 2}",
            )
        mean = (value(x, -1) + value(x, 1)) / 2
        ax.plot(x, mean, **PARITY | {"linewidth": 1.6}, label="mean over the second locus")
        ax.set(title=title, xlabel="Allele at the first locus", xlim=(-1.4, 1.4))
        ax.set_xticks(x, ["0", "1"])
    axes[0].set_ylabel("Genetic value")
    return legend_below(figure, axes[0].get_legend_handles_labels()[0])


def predicted_and_measured(
    predicted: ArrayLike, measured: ArrayLike, titles: Sequence[str]
) -> Figure:
    """Draw predictions of test individuals against their phenotypes (both (n_test, n_traits)), a panel
    for each trait.
    """
    predicted, measured = np.asarray(predicted), np.asarray(measured)
    figure, axes = plt.subplots(1, len(titles), figsize=(8, 3.8), sharex=True, sharey=True)
    for ax, title, x, y in zip(axes, titles, measured.T, predicted.T, strict=True):
        ax.axline((0, 0), slope=1, **PARITY)
        ax.plot(x, y, "o", color=str(apc.slate), markersize=4, alpha=0.7)
        ax.set(title=f"{title}: r = {np.corrcoef(x, y)[0, 1]:.2f}", xlabel="Phenotype")
    axes[0].set_ylabel("Prediction")
    return figure


# --- Tables ------------------------------------------------------------------------------------------


def experiment_table(grids: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    """Return what each experiment of the publication simulates, one row for each."""
    rows = {}
    for name, varied in VARIED.items():
        cells = grids[name]
        ratios = {ratio for cell in cells for ratio in np.atleast_1d(cell.rel_aa)}
        shares = sorted(f"{expected_va_over_vg(ratio):.2g}" for ratio in ratios)
        n_traits = [getattr(cell, "n_traits", None) or len(cell.rel_aa) for cell in cells]
        rows[name] = {
            "what varies": varied,
            "individuals": ends(pd.Series([cell.n_samples for cell in cells])),
            "QTL": ends(pd.Series([cell.n_qtl for cell in cells])),
            "traits": ends(pd.Series(n_traits)),
            "additive share": " to ".join(dict.fromkeys((shares[0], shares[-1]))),
            "H²": f"{cells[0].broad_sense_heritability:g}",
        }
    return pd.DataFrame(rows).T


def parameter_table(grids: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    """Return the values of each parameter over the cells of experiments, one row per parameter, one
    column per experiment.

    A further column says what the parameter means, in the first experiment that has it. A dash
    means that the experiment has no such parameter. Semicolons separate the values of different
    cells, commas those of a parameter that is a list.
    """
    columns, meanings = {}, {}
    for experiment, cells in grids.items():
        columns[experiment], own = {}, {}
        for name, field in type(cells[0]).model_fields.items():
            if name not in NO_SETTINGS:
                values = [_value(getattr(cell, name)) for cell in cells]
                columns[experiment][name] = "; ".join(dict.fromkeys(values))
                own[name] = field.description
        meanings = own | meanings
    table = pd.DataFrame({"meaning": meanings} | columns).fillna("–")
    return table.rename(columns=lambda name: name.replace("_", " "))


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
