"""Pictures of a reader's own cohort, and the comparison of models on it."""

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from epidl.cohorts.genotypes import Dosages, known_and_copies
from epidl.figures.style import (
    MODEL_COLORS,
    MODEL_NAMES,
    PARITY,
    evenly_spread,
    handle,
    legend_below,
    model_style,
    models_of,
    row_of_panels,
    select,
)
from epidl.own.comparison import measure_of
from epidl.own.genotype_files import GenotypeFile

MEASURES = {"pearson_r": "Pearson's r, test individuals", "auc": "AUC, test individuals"}
GROUP_COLORS = [
    *map(str, (apc.aegean, apc.amber, apc.seaweed, apc.rose)),
    *map(str, (apc.lapis, apc.mustard, apc.umber, apc.tanzanite)),
]
MOST_SAMPLES, MOST_MARKERS = 1000, 2000  # that a picture looks at
N_BINS = 25


def allele_frequencies(genotypes: GenotypeFile) -> Figure:
    """Draw how frequent the rarer alleles are, and how many genotypes each marker lacks."""
    n = len(genotypes.counts)
    known, copies = known_and_copies(genotypes.counts, np.arange(n))
    frequency = copies / (genotypes.ploidy * np.maximum(known, 1))
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    axes[0].hist(
        np.minimum(frequency, 1 - frequency), bins=np.linspace(0, 0.5, 26), color=str(apc.aegean)
    )
    axes[0].set(xlabel="Frequency of the rarer allele", ylabel="Markers")
    axes[1].hist(100 * (1 - known / n), bins=12, color=str(apc.amber))
    axes[1].set(xlabel="Missing genotypes, %", ylabel="Markers")
    return figure


def ld_decay(genotypes: GenotypeFile) -> Figure:
    """Draw the mean squared correlation of pairs of markers against their distance on a chromosome.

    The dashed line is the mean between chromosomes: correlation due to structure and sample size,
    without linkage.
    """
    table = linkage(genotypes)
    figure, ax = plt.subplots(figsize=(6, 3.4))
    within = table[table["distance"].notna()]
    ax.plot(
        within["distance"],
        within["r2"],
        "o-",
        color=str(apc.aegean),
        markersize=4,
        label="same chromosome",
    )
    for r2 in table.loc[table["distance"].isna(), "r2"]:
        ax.axhline(r2, **PARITY, label="between chromosomes")
    ax.legend(frameon=False)
    ax.set(xlabel=table.attrs["unit"], ylabel="Mean $r^2$ of pairs of markers", ylim=(0, None))
    return figure


def linkage(genotypes: GenotypeFile) -> pd.DataFrame:
    """Return mean r^2 of pairs of markers by their distance: one row per bin, and one of distance
    NaN between chromosomes.

    If the file has no positions, the distance is the number of markers between, plus one.
    """
    markers = genotypes.markers
    chosen = evenly_spread(len(markers), MOST_MARKERS)
    correlation = np.corrcoef(_shares(genotypes, chosen), rowvar=False)
    first, second = np.triu_indices(len(chosen), k=1)
    r2 = correlation[first, second] ** 2
    chromosome = markers["chromosome"].to_numpy()[chosen]
    known = (markers["position"] > 0).all()
    position = markers["position"].to_numpy()[chosen] / 1000 if known else chosen
    same = chromosome[first] == chromosome[second]
    distance = np.abs(position[first] - position[second]).astype(float)
    bins = np.unique(np.quantile(distance[same], np.linspace(0, 1, N_BINS + 1)))
    pairs = pd.DataFrame({"distance": distance[same], "r2": r2[same]})
    table = pairs.groupby(np.digitize(distance[same], bins[1:-1])).mean()
    if not same.all():
        table.loc[len(table)] = [np.nan, r2[~same].mean()]
    table.attrs["unit"] = "Distance, kb" if known else "Distance, markers"
    return table


def relatedness(genotypes: GenotypeFile, groups: ArrayLike | None = None) -> Figure:
    """Draw the first two principal components of genotypes, and the relationships of pairs of
    individuals.

    A relationship is an element of G = Z Z' / c, Z the centred dosages and c the sum of their
    variances: about 1 with oneself in a random-mating population, and 0 for the average pair.
    """
    rows = evenly_spread(len(genotypes.counts), MOST_SAMPLES)
    shares = _shares(genotypes, evenly_spread(genotypes.counts.shape[1], MOST_MARKERS))[rows]
    labels = np.full(len(rows), "") if groups is None else np.asarray(groups, dtype=str)[rows]
    names, sizes = np.unique(labels, return_counts=True)
    shown = list(names[np.argsort(-sizes, kind="stable")][: len(GROUP_COLORS)])
    figure, axes = plt.subplots(1, 2, figsize=(9, 4))
    _components(axes[0], shares, labels, shown)
    centred = shares[np.argsort(labels, kind="stable")] - shares.mean(axis=0)
    relationships = centred @ centred.T / centred.var(axis=0).sum()
    image = axes[1].imshow(relationships, cmap="RdBu_r", vmin=-1.5, vmax=1.5, interpolation="none")
    axes[1].set(
        xlabel="Individual, by group" if groups is not None else "Individual", ylabel="Individual"
    )
    figure.colorbar(image, ax=axes[1], label="Relationship", shrink=0.8)
    if groups is not None:
        legend_below(figure, list(map(handle, shown, GROUP_COLORS, "o" * len(shown))))
    return figure


def _components(ax: plt.Axes, shares: NDArray, labels: NDArray, shown: list[str]) -> None:
    from sklearn.decomposition import PCA  # late: another figure need not wait for it

    pca = PCA(n_components=2, random_state=0)
    scores = pca.fit_transform(shares)
    share = 100 * pca.explained_variance_ratio_
    for name in np.unique(labels):
        color = GROUP_COLORS[shown.index(name)] if name in shown else str(apc.slate)
        ax.plot(*scores[labels == name].T, "o", color=color, markersize=3.5, alpha=0.7)
    ax.set(
        xlabel=f"Component 1 ({share[0]:.1f} % of variance)",
        ylabel=f"Component 2 ({share[1]:.1f} %)",
    )


def _shares(genotypes: GenotypeFile, markers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the allele shares of all individuals at some markers, missing ones filled."""
    return (
        Dosages.from_counts(genotypes.counts[:, markers], genotypes.ploidy)
        .block(slice(None))
        .astype(float)
    )


def scores_by_split(table: pd.DataFrame) -> Figure:
    """Draw every model's score on every split, a split's joined by a line, with the means, one
    panel per kind of splits.
    """
    measure, kinds, models = measure_of(table), list(table["split_kind"].unique()), models_of(table)
    figure, axes = row_of_panels(len(kinds), 1 + 3.6 * len(kinds), 4.2)
    for ax, kind in zip(axes, kinds, strict=True):
        scores = select(table, split_kind=kind).pivot(
            index="replicate", columns="model", values=measure
        )[models]
        ax.plot(
            range(len(models)), scores.T, color=PARITY["color"], linewidth=0.5, alpha=0.25, zorder=0
        )
        for k, model in enumerate(models):
            ax.plot(
                [k] * len(scores),
                scores[model],
                **model_style(model),
                linestyle="",
                markersize=4.5,
                alpha=0.75,
            )
            ax.hlines(
                scores[model].mean(), k - 0.25, k + 0.25, color=MODEL_COLORS[model], linewidth=2
            )
        ax.set_xticks(
            range(len(models)), list(map(MODEL_NAMES.get, models)), rotation=30, ha="right"
        )
        ax.set_title(f"{kind.capitalize()} splits ({len(scores)})")
    axes[0].set_ylabel(MEASURES[measure])
    return figure
