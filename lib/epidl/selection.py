"""Selection of features: the one-hot columns that a LASSO finds important, and how many of them are causal.

Column 2j + g stands for allele g of marker j, so that a marker may keep one of its two columns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epidl import checks
from epidl.genotypes import Genotypes, Haplotypes, row_blocks
from epidl.networks import OneHotLinear
from epidl.simulate import Trait


def importances(layer: OneHotLinear) -> NDArray[np.float64]:
    """Return the importance of each one-hot column (2 n_markers,): its largest absolute weight over the traits."""
    return layer.weight.detach().abs().amax(dim=1).T.flatten().cpu().double().numpy()


def select(importance: NDArray[np.floating], threshold: float, max_features: int) -> NDArray[np.int64]:
    """Return the columns of an importance above `threshold`, of these the `max_features` most important, ascending."""
    threshold = checks.real("threshold", threshold, minimum=0)
    max_features = checks.integer("max_features", max_features, minimum=1)
    ranked = np.argsort(-importance, kind="stable")[:max_features]
    return np.sort(ranked[importance[ranked] > threshold])


def take_columns(genotypes: Genotypes, columns: NDArray[np.integer]) -> Haplotypes:
    """Return some one-hot columns of haploid genotypes, a bit each, as genotypes of len(columns) markers.

    Raises ValueError where no column is named, or one that the genotypes do not have.
    """
    columns = np.asarray(columns)
    if not columns.size or columns.min() < 0 or columns.max() >= 2 * genotypes.n_markers:
        raise ValueError(
            f"columns must name at least one of the {2 * genotypes.n_markers} one-hot columns, got {columns}"
        )
    markers, alleles = np.divmod(columns, 2)
    blocks = [
        np.packbits(genotypes.block(rows)[:, markers] == alleles, axis=1, bitorder="little")
        for rows in row_blocks(genotypes.n_samples, genotypes.n_markers)
    ]
    return Haplotypes(np.concatenate(blocks), len(columns))


def precision_and_recall(columns: NDArray[np.integer], traits: Sequence[Trait]) -> dict[str, object]:
    """Return how good a selection of columns is, given the true architecture.

    selection_precision: the share of the kept markers that are causal for any trait, NaN where none is kept.
    selection_recall: the share of each trait's QTL that are kept (n_traits,). pair_recall: the share of each trait's
    interacting pairs of which both markers are kept (n_traits,).
    """
    markers = np.unique(np.asarray(columns) // 2)
    causal = np.unique(np.concatenate([trait.qtl for trait in traits]))
    return {
        "n_features": len(columns),
        "n_markers_kept": len(markers),
        "selection_precision": np.isin(markers, causal).mean() if len(markers) else np.nan,
        "selection_recall": np.array([np.isin(trait.qtl, markers).mean() for trait in traits]),
        "pair_recall": np.array([np.isin(trait.pairs, markers).all(axis=1).mean() for trait in traits]),
    }
