"""Exact ridge regression at any number of samples: one decomposition serves all penalties and all traits.

For centred training genotypes X = U S V' and a centred trait y, the fit at penalty p is U F U'y with F = diag(f),
f_k = s_k^2 / (s_k^2 + p). The leave-one-out residual of sample i is (y_i - fit_i) / (1 - h_i), with leverage
h_i = 1/n + sum_k u_ik^2 f_k, where 1/n stands for the intercept. The answer is that of scikit-learn's
`RidgeCV(alphas=PENALTIES)`, a trait at a time.

Three things keep it cheap. Cross-products of alleles are whole numbers, exact in single precision, and computed once
for all splits: a split takes away those of the samples that it leaves out. The filters f of all penalties, as functions
of s, are combinations of a few, so that leave-one-out needs a few products, not one a penalty. And X is read in blocks.
"""

from collections.abc import Callable, Iterator, Sequence
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
    return next(fit_ridge_splits(genotypes, phenotypes, [rows], penalties))


def fit_ridge_splits(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    splits: Sequence[NDArray[np.integer]],
    penalties: ArrayLike = PENALTIES,
) -> Iterator[RidgeFit]:
    """Fit ridge to each of several sets of samples; arguments and errors are those of `fit_ridge`."""
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    penalties = np.atleast_1d(np.asarray(penalties, dtype=float))
    if penalties.size == 0 or not (penalties > 0).all():
        raise ValueError(f"penalties must be greater than 0, got {penalties}")
    for rows in splits:
        checks.integer("len(rows)", len(rows), minimum=2)
    used = np.unique(np.concatenate(splits))
    products = (_Gram if genotypes.n_markers <= len(used) else _Kernel)(genotypes, used)
    return (_fit(products.spectrum(rows), phenotypes[rows], penalties) for rows in splits)


@dataclass(frozen=True)
class _Spectrum:
    """Of centred genotypes: singular values s (k,), blocks of left singular vectors U (rows, k), the mean (n_markers,),
    and the map from U'y weights (k, n_traits) to effects V S^-1 weights (n_markers, n_traits).
    """

    singular: NDArray[np.float64]
    mean: NDArray[np.float64]
    left: Callable[[], Iterator[tuple[slice, NDArray[np.float64]]]]
    effects: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _fit(spectrum: _Spectrum, phenotypes: NDArray[np.float64], penalties: NDArray[np.float64]) -> RidgeFit:
    y_mean = phenotypes.mean(axis=0)
    y = phenotypes - y_mean
    squares = spectrum.singular[:, None] ** 2
    filters = squares / (squares + penalties)  # (k, penalties)
    projected = sum(u.T @ y[part] for part, u in spectrum.left())  # U'y (k, n_traits)
    errors = _loo_errors(spectrum, y, projected, filters)
    best = errors.argmin(axis=0)
    effects = spectrum.effects(filters[:, best] * projected)
    return RidgeFit(
        effects=effects,
        intercepts=y_mean - spectrum.mean @ effects,
        penalties=penalties[best],
        loo_error=errors[best, np.arange(y.shape[1])],
    )


def _loo_errors(
    spectrum: _Spectrum, y: NDArray[np.float64], projected: NDArray[np.float64], filters: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean squared leave-one-out error (penalties, n_traits)."""
    basis, weights = _few(filters)  # filters = basis @ weights
    scaled = (projected[:, :, None] * basis[:, None, :]).reshape(len(basis), y.shape[1] * basis.shape[1])
    total = np.zeros((filters.shape[1], y.shape[1]))
    for part, u in spectrum.left():
        kept = 1 - 1 / len(y) - u**2 @ basis @ weights  # 1 - h (rows, penalties)
        fitted = (u @ scaled).reshape(len(u), y.shape[1], basis.shape[1])
        for t in range(y.shape[1]):
            total[:, t] += (((y[part, t, None] - fitted[:, t] @ weights) / kept) ** 2).sum(axis=0)
    return total / len(y)


def _few(filters: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a basis (k, few) and weights (few, penalties) whose product is `filters` to rounding (they are 0 to 1)."""
    u, s, vt = np.linalg.svd(filters, full_matrices=False)
    kept = s > s.max(initial=0) * np.finfo(float).eps
    return u[:, kept] * s[kept], vt[kept]


def _exact(alleles: NDArray) -> NDArray:
    """Return alleles as floats whose products add up without rounding: whole numbers stay whole below 2^24."""
    return alleles.astype(np.float32 if np.issubdtype(alleles.dtype, np.integer) else np.float64)


class _Gram:
    """X'X of some samples: for no more markers than samples."""

    def __init__(self, genotypes: Genotypes, used: NDArray[np.integer]) -> None:
        self._genotypes, self._used = genotypes, used
        self._total = self._of(used)

    def spectrum(self, rows: NDArray[np.integer]) -> _Spectrum:
        counts, gram = (a - b for a, b in zip(self._total, self._of(np.setdiff1d(self._used, rows)), strict=True))
        mean = counts / len(rows)
        squares, v = scipy.linalg.eigh(gram - len(rows) * np.outer(mean, mean), overwrite_a=True)
        kept = _positive(squares)
        singular, v = np.sqrt(squares[kept]), v[:, kept]
        to_left = v / singular

        def left() -> Iterator[tuple[slice, NDArray[np.float64]]]:
            for part in row_blocks(len(rows), self._genotypes.n_markers):
                yield part, (self._genotypes.block(rows[part]) - mean) @ to_left

        return _Spectrum(singular, mean, left, effects=lambda weights: to_left @ weights)

    def _of(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sums of alleles (n_markers,) and X'X, not centred."""
        n_markers = self._genotypes.n_markers
        counts, gram = np.zeros(n_markers), np.zeros((n_markers, n_markers))
        for part in row_blocks(len(rows), n_markers):
            block = _exact(self._genotypes.block(rows[part]))
            counts += block.sum(axis=0, dtype=float)
            gram += block.T @ block
        return counts, gram


class _Kernel:
    """XX' of some samples: for more markers than samples."""

    def __init__(self, genotypes: Genotypes, used: NDArray[np.integer]) -> None:
        self._genotypes, self._used = genotypes, used
        alleles = _exact(genotypes.block(used))
        self._kernel = (alleles @ alleles.T).astype(float)

    def spectrum(self, rows: NDArray[np.integer]) -> _Spectrum:
        place = np.searchsorted(self._used, rows)
        kernel = self._kernel[np.ix_(place, place)]
        row_means = kernel.mean(axis=0)
        kernel += row_means.mean() - row_means - row_means[:, None]
        squares, u = scipy.linalg.eigh(kernel, overwrite_a=True)
        kept = _positive(squares)  # centring leaves one null direction at least
        singular, u = np.sqrt(squares[kept]), u[:, kept]
        blocks = list(row_blocks(len(rows), self._genotypes.n_markers))

        def effects(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            per_sample = u @ (weights / squares[kept, None])  # V = X'U S^-1
            # per_sample sums to 0 over samples, so that X needs no centring
            return sum(self._genotypes.block(rows[part]).T @ per_sample[part] for part in blocks)

        mean = sum(self._genotypes.block(rows[part]).sum(axis=0, dtype=float) for part in blocks) / len(rows)
        return _Spectrum(singular, mean, left=lambda: iter([(slice(None), u)]), effects=effects)


def _positive(squares: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which squared singular values are more than rounding."""
    return squares > squares[-1] * len(squares) * np.finfo(float).eps
