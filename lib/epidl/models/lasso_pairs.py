"""Sparse pairs, second version: a LASSO on markers, and on pairs of them if that predicts better.

The model of a trait is that of `pairs`, but most markers have no effect. Three things differ:

- *Base.* All effects have the LASSO's penalty (Tibshirani 1996), the one of the smallest
  cross-validated error. One marker represents all that correlate with it: otherwise its neighbours
  would share its effect, and their pairs the effect of its pair. Clumping goes by r^2 and needs no
  positions.
- *Candidates.* Each round tests the residual of the fit so far twice: on the few pairs of markers
  that have an effect, and on all pairs, which finds loci that have none of their own. At the end
  all pairs of the strongest markers are tried without a test.
- *Choice.* The LASSO is fitted again with the candidates. Candidates stay if its cross-validated
  error falls, for untested ones by at least 0.5% of the trait's variance.

Tested candidates are found on all training individuals, so the error with them is somewhat too
small. The level of the tests bounds how often a trait without pairs gets any.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from epidl import checks
from epidl.cohorts.genotypes import Genotypes
from epidl.devices import checked_device
from epidl.models import lasso_path
from epidl.models.pairs import (
    MAX_ROUNDS,
    Design,
    PairFit,
    precision_and_recall,
    searched_rows,
    survivors,
)
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task, of_test_samples

MARKER_R2 = 0.81  # at most, between two markers of the base
PAIR_R2 = 0.64  # at most, between two pairs, and two markers whose pairs are tested by themselves
N_STRONGEST = 10  # markers whose pairs are tried without a test
MOST_TESTED = 500  # pairs that a test adds at most before they are clumped: bounds the memory
LEAST_GAIN = 0.005  # of the trait's variance, by which pairs without a test lower the error


def predict(task: Task, model: Model) -> Prediction:
    """Predict by a LASSO on markers and chosen pairs. columns: those of `pairs.predict_pairs`."""
    fit = fit_lasso_pairs(task.genotypes, task.phenotypes, task.all_but_test, device=task.device)
    columns = precision_and_recall(fit.pairs, task.known_traits) if task.known_traits else {}
    status = "exact" if fit.converged else "not_converged"
    return of_test_samples(task, fit, status=status, columns=columns)


def fit_lasso_pairs(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    *,
    device: str = "cpu",
) -> PairFit:
    """Fit a LASSO on markers and on the pairs that lower its cross-validated error, to the
    individuals `rows`.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. device: where pairs are
    tested. The LASSO is fitted on the CPU, to codes in double precision. The pairs of the fit are
    those with an effect other than 0.

    Raises ValueError for fewer than 5 rows, rows that do not exist or are given twice, phenotypes
    of another length or not finite, a missing device, and a single marker.
    """
    rows = searched_rows(genotypes, rows)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    checked_device(device)
    codes = 2.0 * (genotypes.block(rows) - np.float64(genotypes.centre))
    n_traits = phenotypes.shape[1]
    additive, intercepts = np.zeros((genotypes.n_markers, n_traits)), np.zeros(n_traits)
    pairs, effects, converged = [], [], True
    for t, y in enumerate(phenotypes[rows].T):
        relevance = np.abs(codes.T @ (y - y.mean()))
        base = clumped(codes, np.argsort(-relevance, kind="stable"), MARKER_R2)
        fit = _add_pairs(genotypes, _Sparse(codes, y, base), rows, device)
        additive[base, t] = fit.effects[: len(base)]
        intercepts[t] = fit.lasso.intercept_
        found = fit.effects[len(base) :]
        pairs.append(fit.pairs[found != 0])
        effects.append(found[found != 0])
        converged &= fit.lasso.n_iter_ < lasso_path.MAX_ITERATIONS
    return PairFit(
        additive, tuple(pairs), tuple(effects), intercepts, genotypes.centre, bool(converged)
    )


@dataclass
class _Sparse:
    """The LASSO of a trait y on the codes of some markers and some pairs.

    codes: (n_samples, n_markers), of all markers. error: the mean squared error of the
    folds, at the penalty that was chosen.
    """

    codes: NDArray[np.float64]
    y: NDArray[np.float64]
    markers: NDArray[np.int64]
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))

    def __post_init__(self) -> None:
        columns = np.hstack([self.codes[:, self.markers], _products(self.codes, self.pairs)])
        self.lasso = lasso_path.fit_lasso(columns, self.y)
        self.effects = self.lasso.coef_
        self.residual = self.y - self.lasso.predict(columns)
        self.error = self.lasso.mse_path_.mean(axis=1).min()

    def strongest(self) -> NDArray[np.int64]:
        """Return the markers with an effect, the largest first, clumped."""
        effects = np.abs(self.effects[: len(self.markers)])
        order = np.argsort(-effects, kind="stable")[: np.count_nonzero(effects)]
        return clumped(self.codes, self.markers[order], PAIR_R2)

    def with_pairs(self, new: NDArray[np.int64], least: float = 0.0) -> "_Sparse":
        """Return the LASSO with more pairs, or this one if they do not lower its error.

        least: by how much at least, as a share of the trait's variance.
        """
        pairs = np.concatenate([self.pairs, new])
        pairs = pairs[clumped(_products(self.codes, pairs), np.arange(len(pairs)), PAIR_R2)]
        if len(pairs) == len(self.pairs):
            return self
        fit = _Sparse(self.codes, self.y, self.markers, pairs)
        return fit if fit.error < self.error - least * self.y.var() else self


def _add_pairs(
    genotypes: Genotypes, fit: _Sparse, rows: NDArray[np.integer], device: str
) -> _Sparse:
    """Add pairs to a LASSO, round by round, while they lower its error."""
    for _ in range(MAX_ROUNDS):
        found = []
        for markers in (fit.strongest(), fit.markers):
            if len(markers) > 1:
                some = Design(genotypes, torch.from_numpy(markers), torch.empty(0, 2).long(), 1)
                (new,) = survivors(some, fit.residual[:, None], rows, device)
                found.append(markers[new[:MOST_TESTED]])
        grown = fit.with_pairs(np.concatenate(found)) if found else fit
        if grown is fit:
            break
        fit = grown
    best = fit.strongest()[:N_STRONGEST]
    return fit.with_pairs(best[np.stack(np.triu_indices(len(best), k=1), axis=1)], LEAST_GAIN)


def clumped(
    columns: NDArray[np.float64], order: NDArray[np.integer], most: float
) -> NDArray[np.int64]:
    """Return those of the columns `order` that correlate with no returned column before them by
    more than r^2 = `most`. Constant columns correlate with none.
    """
    columns = columns[:, order] - columns[:, order].mean(axis=0)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), np.finfo(float).tiny)
    free, kept = np.ones(len(order), dtype=bool), []
    for j in range(len(order)):
        if free[j]:
            kept.append(order[j])
            free &= (columns[:, j] @ columns) ** 2 <= most
    return np.array(kept, dtype=np.int64)


def _products(codes: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    return codes[:, pairs[:, 0]] * codes[:, pairs[:, 1]]
