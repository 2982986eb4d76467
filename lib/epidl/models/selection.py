"""Selection of features: the one-hot columns that a LASSO finds important, and how many of them are
causal.

Column 2j + g is allele g of marker j, so that a marker may keep one of its two columns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epidl import checks
from epidl.cohorts.genotypes import Genotypes, Haplotypes, check_genotypes, row_blocks
from epidl.cohorts.simulate import Trait
from epidl.models.networks import OneHotLinear


def importances(layer: OneHotLinear) -> NDArray[np.float64]:
    """Return the importance of each one-hot column (2 n_markers,): its largest absolute weight over
    the traits.

    Raises ValueError for another layer than a `OneHotLinear`.
    """
    checks.instance("layer", layer, OneHotLinear, "a OneHotLinear")
    return layer.weight.detach().abs().amax(dim=1).T.flatten().cpu().double().numpy()


def select(
    importance: NDArray[np.floating], threshold: float, max_features: int
) -> NDArray[np.int64]:
    """Return the at most `max_features` columns of the greatest importance above `threshold`,
    ascending.

    importance: of each column. Raises ValueError if one is not finite, and for a wrong threshold or
    max_features.
    """
    importance = checks.floats("importance", importance)
    checks.require(
        importance.ndim == 1 and np.isfinite(importance).all(),
        f"importance must be a finite number for each column, got {checks.shown(importance.tolist())}",
    )
    threshold = checks.real("threshold", threshold, minimum=0)
    max_features = checks.integer("max_features", max_features, minimum=1)
    ranked = np.argsort(-importance, kind="stable")[:max_features]
    return np.sort(ranked[importance[ranked] > threshold])


def take_columns(genotypes: Genotypes, columns: NDArray[np.integer]) -> Haplotypes:
    """Return some one-hot columns of haploid genotypes, one bit each, as genotypes of len(columns)
    markers.

    Raises ValueError for no column, one that the genotypes lack, and genotypes with more than two
    values per marker.
    """
    check_genotypes(genotypes)
    columns, n_columns = checks.array("columns", columns), 2 * genotypes.n_markers
    whole = columns.ndim == 1 and columns.dtype.kind in "iu"
    checks.require(
        whole and columns.size and columns.min() >= 0 and columns.max() < n_columns,
        f"columns must name at least one of the {n_columns} one-hot columns, got {checks.shown(columns.tolist())}",
    )
    checks.require(
        genotypes.whole,
        "genotypes must be of alleles 0 and 1, got dosages: two columns per marker cannot hold them",
    )
    markers, alleles = np.divmod(columns, 2)
    blocks = [
        np.packbits(genotypes.block(rows)[:, markers] == alleles, axis=1, bitorder="little")
        for rows in row_blocks(genotypes.n_samples, genotypes.n_markers)
    ]
    return Haplotypes(np.concatenate(blocks), len(columns))


def precision_and_recall(
    columns: NDArray[np.integer], traits: Sequence[Trait]
) -> dict[str, object]:
    """Return how good a selection of columns is, given the true architecture.

    selection_precision: the share of the kept markers that are causal for any trait, NaN if none is
    kept. selection_recall: the share of each trait's QTL that are kept (n_traits,). pair_recall:
    the share of each trait's pairs, of effect 0 or not, of which both markers are kept (n_traits,).
    """
    markers = np.unique(np.asarray(columns) // 2)
    causal = np.unique(np.concatenate([trait.qtl for trait in traits]))
    return {
        "n_features": len(columns),
        "n_markers_kept": len(markers),
        "selection_precision": np.isin(markers, causal).mean() if len(markers) else np.nan,
        "selection_recall": np.array([np.isin(trait.qtl, markers).mean() for trait in traits]),
        "pair_recall": np.array(
            [np.isin(trait.pairs, markers).all(axis=1).mean() for trait in traits]
        ),
    }
