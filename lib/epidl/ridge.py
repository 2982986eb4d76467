"""Exact ridge regression: one decomposition serves all penalties and all traits.

For centred training genotypes X = U S V' and a centred trait y, the fit at penalty p is Z D Z'y with scores
Z = X V = U S and D = diag(1 / (s^2 + p)). The leave-one-out residual of sample i is (y_i - fit_i) / (1 - h_i), with
leverage h_i = 1/n + sum_k z_ik^2 / (s_k^2 + p), where 1/n stands for the intercept. The answer is that of
scikit-learn's `RidgeCV(alphas=PENALTIES)`, a trait at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from epidl import checks
from epidl.genotypes import Genotypes, row_blocks

PENALTIES = np.logspace(-5, 5, 100)


@dataclass(frozen=True)
class RidgeFit:
    """Ridge of all traits. effects: (n_markers, n_traits), the change of the trait per dosage; intercepts, penalties
    (the ones chosen) and loo_error (mean squared leave-one-out error at that penalty): (n_traits,).
    """

    effects: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    penalties: NDArray[np.float64]
    loo_error: NDArray[np.float64]

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some samples."""
        predicted = np.empty((len(rows), len(self.intercepts)))
        for part in row_blocks(len(rows), genotypes.n_markers):
            predicted[part] = genotypes.block(rows[part]) @ self.effects + self.intercepts
        return predicted


def fit_ridge(
    genotypes: Genotypes, phenotypes: ArrayLike, rows: NDArray[np.integer], penalties: ArrayLike = PENALTIES
) -> RidgeFit:
    """Fit ridge to the samples `rows`, each trait with the penalty of its smallest leave-one-out error.

    phenotypes: (n_samples, n_traits), for all samples of `genotypes`. penalties: greater than 0.

    Raises ValueError for fewer than 2 rows, phenotypes of another length or not finite, penalties not above 0.
    """
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    penalties = np.atleast_1d(np.asarray(penalties, dtype=float))
    if penalties.size == 0 or not (penalties > 0).all():
        raise ValueError(f"penalties must be greater than 0, got {penalties}")
    checks.integer("len(rows)", len(rows), minimum=2)

    x = _Centred(genotypes, rows)
    y_mean = phenotypes[rows].mean(axis=0)
    y = phenotypes[rows] - y_mean
    spectrum = _dual(x) if genotypes.n_markers > len(rows) else _primal(x)
    shrink = 1 / (spectrum.squares[:, None] + penalties)  # (k, penalties)
    scores_y = sum(z.T @ y[part] for part, z in spectrum.scores())  # Z'y (k, n_traits)

    errors = _loo_errors(spectrum, y, scores_y, shrink)
    best = errors.argmin(axis=0)
    effects = spectrum.effects(shrink[:, best] * scores_y)
    return RidgeFit(
        effects=effects,
        intercepts=y_mean - x.mean @ effects,
        penalties=penalties[best],
        loo_error=errors[best, np.arange(y.shape[1])],
    )


class _Centred:
    """The training genotypes less their means, read in blocks."""

    def __init__(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> None:
        self.shape = (len(rows), genotypes.n_markers)
        self._genotypes, self._rows = genotypes, rows
        self.mean = np.zeros(genotypes.n_markers)
        self.mean = sum(block.sum(axis=0) for _, block in self.blocks()) / len(rows)

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        for part in row_blocks(*self.shape):
            yield part, self._genotypes.block(self._rows[part]) - self.mean


@dataclass(frozen=True)
class _Spectrum:
    """Squared singular values (k,), blocks of scores Z (rows, k), and the map from D Z'y (k, n_traits) to effects."""

    squares: NDArray[np.float64]
    scores: Callable[[], Iterator[tuple[slice, NDArray[np.float64]]]]
    effects: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _primal(x: _Centred) -> _Spectrum:
    """Decompose X'X (n_markers, n_markers): for fewer markers than samples."""
    gram = np.zeros((x.shape[1],) * 2)
    for _, block in x.blocks():
        gram += block.T @ block
    squares, v = scipy.linalg.eigh(gram, overwrite_a=True)
    return _Spectrum(
        squares=squares.clip(min=0),
        scores=lambda: ((part, block @ v) for part, block in x.blocks()),
        effects=lambda weights: v @ weights,
    )


def _dual(x: _Centred) -> _Spectrum:
    """Decompose XX' (n_samples, n_samples): for more markers than samples."""
    dense = np.concatenate([block for _, block in x.blocks()])
    squares, u = scipy.linalg.eigh(dense @ dense.T, overwrite_a=True)
    kept = squares > squares[-1] * len(u) * np.finfo(float).eps  # centring leaves one null direction at least
    singular, u = np.sqrt(squares[kept]), u[:, kept]
    return _Spectrum(
        squares=squares[kept],
        scores=lambda: iter([(slice(None), u * singular)]),
        effects=lambda weights: dense.T @ (u @ (weights / singular[:, None])),
    )


def _loo_errors(
    spectrum: _Spectrum, y: NDArray[np.float64], scores_y: NDArray[np.float64], shrink: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean squared leave-one-out error (penalties, n_traits)."""
    total = np.zeros((shrink.shape[1], y.shape[1]))
    for part, z in spectrum.scores():
        kept = 1 - 1 / len(y) - z**2 @ shrink  # 1 - h, (rows, penalties)
        for t in range(y.shape[1]):
            residual = y[part, t, None] - z @ (shrink * scores_y[:, t, None])
            total[:, t] += ((residual / kept) ** 2).sum(axis=0)
    return total / len(y)
