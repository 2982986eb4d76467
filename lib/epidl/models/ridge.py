"""Exact ridge regression of any number of individuals: one decomposition serves all penalties and
traits.

For centred training genotypes X = U S V' and a centred trait y, the fit at penalty p is U F U'y
with F = diag(f), f_k = s_k^2 / (s_k^2 + p). The leave-one-out residual of individual i is (y_i -
fit_i) / (1 - h_i), with leverage h_i = 1/n + sum_k u_ik^2 f_k, where 1/n is the intercept's. The
answer is that of scikit-learn's `RidgeCV(alphas=PENALTIES)` for each trait.

Three things keep the fit cheap. Cross-products of alleles are whole numbers, exact in single
precision, and computed once for all splits. Each split subtracts those of the individuals that it
leaves out. The filters f of all penalties, as functions of s, are combinations of a few, so that
leave-one-out needs only a few products. X is decoded in blocks of individuals on the device that
multiplies it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from epidl import checks, seeds
from epidl.cohorts.genotypes import DeviceGenotypes, Genotypes, check_genotypes, row_blocks
from epidl.cohorts.splits import N_RIDGE_SPLITS, random_split
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task

PENALTIES = np.logspace(-5, 5, 100)


@dataclass(frozen=True)
class RidgeFit:
    """Ridge of all traits. effects: (n_markers, n_traits), the change of the trait from none to all
    copies of the counted allele. intercepts, penalties chosen, cv_error, the mean squared error of
    cross-validation at that penalty, leave-one-out: (n_traits,).
    """

    effects: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    penalties: NDArray[np.float64]
    cv_error: NDArray[np.float64]

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some individuals.

        Raises ValueError for genotypes of another number of markers, and rows that do not exist.
        """
        rows = checked_rows(genotypes, len(self.effects), rows)
        predicted = np.empty((len(rows), len(self.intercepts)))
        for part in row_blocks(len(rows), genotypes.n_markers):
            predicted[part] = genotypes.block(rows[part]) @ self.effects + self.intercepts
        return predicted


def predict(task: Task, model: Model) -> Prediction:
    """Predict by exact ridge: over 10 random 85/15 splits (published), or on the task's test split.

    Leave-one-out needs no validation part, so that part trains too.
    """
    splits = [(task.all_but_test, task.split.test)]
    if task.protocol == "published":
        rng = seeds.generator(task.seed, "ridge_splits")
        n_samples = task.genotypes.n_samples
        splits = [random_split(n_samples, rng) for _ in range(N_RIDGE_SPLITS[task.protocol])]
    trained, tested = zip(*splits, strict=True)
    fits = fit_ridge_splits(task.genotypes, task.phenotypes, trained, device=task.device)
    parts, effects, penalties = [], [], []
    for fit, test in zip(fits, tested, strict=True):
        parts.append((test, fit.predict(task.genotypes, test)))
        effects.append(fit.effects)
        penalties.append(fit.penalties)
    return Prediction(
        parts,
        effects=effects,
        # one that was chosen
        columns={"penalty": np.quantile(penalties, 0.5, axis=0, method="lower")},
    )


def fit_ridge(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    penalties: ArrayLike = PENALTIES,
    device: str = "cpu",
) -> RidgeFit:
    """Fit ridge to the individuals `rows`, each trait with the penalty of its smallest
    leave-one-out error.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. penalties: greater than
    0. device: where matrices are multiplied and decomposed.

    Raises ValueError for fewer than 2 rows, rows that do not exist or are given twice, phenotypes
    of another length or not finite, penalties not finite or not above 0, and a missing device.
    """
    return next(fit_ridge_splits(genotypes, phenotypes, [rows], penalties, device))


def fit_ridge_splits(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    splits: Sequence[NDArray[np.integer]],
    penalties: ArrayLike = PENALTIES,
    device: str = "cpu",
) -> Iterator[RidgeFit]:
    """Fit ridge to each of several sets of individuals, with the arguments and errors of
    `fit_ridge`.
    """
    check_genotypes(genotypes)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    penalties = np.atleast_1d(checks.floats("penalties", penalties))
    checks.require(
        penalties.ndim == 1 and penalties.size and (np.isfinite(penalties) & (penalties > 0)).all(),
        f"penalties must be greater than 0, finite and in a list, got {checks.shown(penalties.tolist())}",
    )
    checks.integer("len(splits)", len(splits), minimum=1)
    splits = [checks.rows("rows", rows, genotypes.n_samples, minimum=2) for rows in splits]
    used = np.unique(np.concatenate(splits))
    # the smaller of the two matrices is decomposed
    kind = _Gram if genotypes.n_markers <= max(map(len, splits)) else _Kernel
    products = kind(genotypes, used, device)
    traits = torch.as_tensor(phenotypes, device=device)
    return (
        _fit(
            products.spectrum(rows),
            traits[torch.as_tensor(rows, device=device)],
            torch.as_tensor(penalties, device=device),
        )
        for rows in splits
    )


def checked_rows(genotypes: Genotypes, n_markers: int, rows: ArrayLike) -> NDArray[np.int64]:
    """Return the rows to predict, or raise ValueError for genotypes of other markers than a fit's,
    and missing rows.
    """
    check_genotypes(genotypes)
    checks.require(
        genotypes.n_markers == n_markers,
        f"genotypes.n_markers must be that of the training individuals, {n_markers}, got {genotypes.n_markers}",
    )
    return checks.rows("rows", rows, genotypes.n_samples, minimum=0, different=False)


@dataclass(frozen=True)
class _Spectrum:
    """Of centred genotypes X = U S V', singular values s (k,) and the mean (n_markers,).

    left: blocks of U, the rows of each and the block (rows, k). project: U'y (k, n_traits) of
    centred traits. effects: V S^-1 weights (n_markers, n_traits) from weights (k, n_traits).
    """

    singular: Tensor
    mean: Tensor
    left: Callable[[], Iterator[tuple[slice, Tensor]]]
    project: Callable[[Tensor], Tensor]
    effects: Callable[[Tensor], Tensor]


def _fit(spectrum: _Spectrum, phenotypes: Tensor, penalties: Tensor) -> RidgeFit:
    y_mean = phenotypes.mean(dim=0)
    y = phenotypes - y_mean
    squares = spectrum.singular[:, None] ** 2
    filters = squares / (squares + penalties)  # (k, penalties)
    projected = spectrum.project(y)
    errors = _loo_errors(spectrum, y, projected, filters)
    best = errors.argmin(dim=0)
    effects = spectrum.effects(filters[:, best] * projected)
    return RidgeFit(
        effects=effects.cpu().numpy(),
        intercepts=(y_mean - spectrum.mean @ effects).cpu().numpy(),
        penalties=penalties[best].cpu().numpy(),
        cv_error=errors.gather(0, best[None])[0].cpu().numpy(),
    )


def _loo_errors(spectrum: _Spectrum, y: Tensor, projected: Tensor, filters: Tensor) -> Tensor:
    """Return the mean squared leave-one-out error (penalties, n_traits)."""
    basis, weights = _few(filters)  # filters = basis @ weights
    scaled = (projected[:, :, None] * basis[:, None, :]).flatten(1)
    total = y.new_zeros(filters.shape[1], y.shape[1])
    for part, u in spectrum.left():
        kept = 1 - 1 / len(y) - u**2 @ basis @ weights  # 1 - h (rows, penalties)
        fitted = (u @ scaled).unflatten(1, (y.shape[1], -1))
        for t in range(y.shape[1]):
            total[:, t] += ((y[part, t, None] - fitted[:, t] @ weights) / kept).square_().sum(dim=0)
    return total / len(y)


def _few(filters: Tensor) -> tuple[Tensor, Tensor]:
    """Return a basis (k, few) and weights (few, penalties) whose product is `filters`, 0 to 1, up
    to rounding.
    """
    u, s, vt = torch.linalg.svd(filters, full_matrices=False)
    kept = s > s.amax() * torch.finfo(s.dtype).eps if len(s) else s > 0
    return u[:, kept] * s[kept], vt[kept]


class _Gram:
    """X'X of some individuals, if markers are no more than individuals."""

    def __init__(self, genotypes: Genotypes, used: NDArray[np.integer], device: str) -> None:
        self._genotypes, self._used = genotypes.on(device), used
        self._counts, self._gram = self._of(used)

    def spectrum(self, rows: NDArray[np.integer]) -> _Spectrum:
        counts, gram = self._of(np.setdiff1d(self._used, rows))  # of those that are left out
        counts, gram = self._counts - counts, self._gram - gram
        mean = counts / len(rows)
        squares, v = torch.linalg.eigh(gram.addr_(mean, mean, alpha=-len(rows)))
        kept = _positive(squares)
        singular, v = squares[kept].sqrt(), v[:, kept]
        to_left = v / singular

        def left() -> Iterator[tuple[slice, Tensor]]:
            for part, alleles in _blocks(self._genotypes, rows):
                yield part, (alleles.double() - mean) @ to_left

        return _Spectrum(
            singular,
            mean,
            left,
            # y sums to 0 over samples, so that X needs no centring
            project=lambda y: to_left.T @ _product(self._genotypes, rows, y),
            effects=lambda weights: to_left @ weights,
        )

    def _of(self, rows: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Return the sums of alleles (n_markers,) and X'X, not centred."""
        n_markers = self._genotypes.n_markers
        gram = torch.zeros(n_markers, n_markers, dtype=torch.float64, device=self._genotypes.device)
        counts = gram.new_zeros(n_markers)
        for _, alleles in _blocks(self._genotypes, rows):
            counts += alleles.sum(dim=0)
            gram += alleles.T @ alleles
        return counts, gram


class _Kernel:
    """XX' of some individuals, if markers are more than individuals."""

    def __init__(self, genotypes: Genotypes, used: NDArray[np.integer], device: str) -> None:
        self._genotypes, self._used = genotypes.on(device), used
        alleles = torch.cat([block for _, block in _blocks(self._genotypes, used)])
        self._kernel = (alleles @ alleles.T).double()

    def spectrum(self, rows: NDArray[np.integer]) -> _Spectrum:
        place = torch.as_tensor(np.searchsorted(self._used, rows), device=self._kernel.device)
        kernel = self._kernel[place[:, None], place]
        row_means = kernel.mean(dim=0)
        kernel += row_means.mean() - row_means - row_means[:, None]
        squares, u = torch.linalg.eigh(kernel)
        kept = _positive(squares)  # centring leaves one null direction at least
        squares, u = squares[kept], u[:, kept]

        blocks = _blocks(self._genotypes, rows)
        total = sum(alleles.double().sum(dim=0) for _, alleles in blocks)
        return _Spectrum(
            squares.sqrt(),
            total / len(rows),
            left=lambda: iter([(slice(None), u)]),
            project=lambda y: u.T @ y,
            # V = X'U S^-1, and U sums to 0 over samples, so that X needs no centring
            effects=lambda w: _product(self._genotypes, rows, u @ (w / squares[:, None])),
        )


def _blocks(
    genotypes: DeviceGenotypes, rows: NDArray[np.integer]
) -> Iterator[tuple[slice, Tensor]]:
    """Yield blocks of allele shares (individuals, n_markers), in single precision if all are 0 or
    1.

    Sums and products of alleles stay exact, as whole numbers below 2^24.
    """
    on_device = torch.as_tensor(rows, device=genotypes.device)
    for part in row_blocks(len(rows), genotypes.n_markers):
        block = genotypes.block(on_device[part])
        yield part, block if genotypes.whole else block.double()


def _product(genotypes: DeviceGenotypes, rows: NDArray[np.integer], y: Tensor) -> Tensor:
    """Return G'y (n_markers, n_traits) of the allele shares G of some individuals."""
    return sum(alleles.double().T @ y[part] for part, alleles in _blocks(genotypes, rows))


def _positive(squares: Tensor) -> Tensor:
    """Tell which squared singular values are more than rounding."""
    return squares > squares[-1] * len(squares) * torch.finfo(squares.dtype).eps
