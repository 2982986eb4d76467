"""Epistatic BLUP: prediction from an additive and an additive-by-additive kernel, with variance
components by REML.

With codes x = 2 (g - centre) of allele shares g (see `genotypes`), X (n, m), and # the element-wise
power,

    y = mu + g_A + g_AA + e,    V(y) = s_A K_A + s_AA K_AA + s_E I,
    K_A = XX' / c_A,    K_AA = [(XX')#2 - (X#2)(X#2)'] / c_AA,

where the numerator of K_AA is 2 ZZ' for the products Z of all pairs of markers, none ever formed.
c_A and c_AA make the mean of each diagonal 1 over the training individuals, so that the components
are variances. Haploids have codes -1 and +1: X#2 is 1, c_A = m, c_AA = m (m - 1), and both
diagonals are 1 throughout. The best predictor of the parts of other individuals is g_A = s_A K_A w
and g_AA = s_AA K_AA w, with w = P y the dual weights, V w = y - mu and 1'w = 0. Both kernels are
the same whichever allele is counted. Haploid codes are not centred by allele frequency. Centring
would leave K_A alone, since the intercept takes up the mean, but change K_AA. Dosages are centred
by the frequency in the training individuals, so that products of unlinked markers are uncorrelated
with either marker.

REML (`estimate_components`) factors once for all traits. K_AA = Q T Q' with T tridiagonal, so that
K_AA plus any noise is solved in O(n), and K_A = FF' adds a low rank. The weights then come from a
Cholesky factor of V for each trait (if n <= `EXACT_LIMIT`, in 12 n^2 bytes, 24 n^2 for dosages).
For more individuals they come from conjugate gradients that never hold n x n numbers: since diag(X
W X') = (XX')#2 v for W = X' diag(v) X, a product with K_AA takes O(n m^2) operations and O(m^2)
memory.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from epidl import checks, seeds
from epidl.cohorts.genotypes import Genotypes, check_genotypes, row_blocks
from epidl.devices import checked_device
from epidl.models.recipes import Model
from epidl.models.ridge import checked_rows
from epidl.models.task import REML_ROWS, Prediction, Task, of_test_samples

EXACT_LIMIT = 20_000  # training samples; V then takes 3.2 GB
TOLERANCE = 1e-6  # of conjugate gradients: |V w - (y - mu)| relative to |y - mean|
MAX_ITERATIONS = 2000
SMALLEST_RESIDUAL = 1e-7  # s_E as a share of the sum: below it V may be singular to rounding
SMALLEST_ESTIMATE = 1e-6  # of REML, as a share of the sum: stands for 0
LOG_RATIOS = np.linspace(-14, 14, 29)  # where REML looks for a first: e^-14 is about 1e-6
LOG_ODDS = LOG_RATIOS[::2]  # and for r, of which a value costs a factorisation


@dataclass(frozen=True)
class KernelFit:
    """Epistatic BLUP of all traits.

    genotypes, rows: the training individuals. weights: (len(rows), n_traits), w of each trait.
    intercepts: (n_traits,), mu. components: (n_traits, 3), s_A, s_AA, s_E. iterations, converged:
    (n_traits,), of conjugate gradients, 0 and True for exact fits. scales: c_A, c_AA. device: where
    predictions are computed.
    """

    genotypes: Genotypes
    rows: NDArray[np.integer]
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    components: NDArray[np.float64]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    scales: tuple[float, float]
    device: str = "cpu"

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some individuals."""
        return self.intercepts + sum(self.predict_parts(genotypes, rows))

    def predict_parts(
        self, genotypes: Genotypes, rows: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the additive and the epistatic part, both (len(rows), n_traits) and without the
        intercept.
        """
        rows = checked_rows(genotypes, self.genotypes.n_markers, rows)
        source = _Codes(self.genotypes, self.rows, self.device)
        # a kernel is of one kind of codes
        target = _Codes(genotypes, rows, self.device, source.centre)
        additive, epistatic = _times_kernels(
            target, source, torch.from_numpy(self.weights).to(self.device), self.scales
        )
        s_a, s_aa, _ = self.components.T
        return additive.cpu().numpy() * s_a, epistatic.cpu().numpy() * s_aa


def predict(task: Task, model: Model) -> Prediction:
    """Predict by epistatic BLUP, its variance components estimated by REML. columns: their shares."""
    fit = fit_kernel(
        task.genotypes,
        task.phenotypes,
        task.all_but_test,
        device=task.device,
        reml_rows=task.reml_rows,
        seed=task.seed,
    )
    shares = fit.components / fit.components.sum(axis=1, keepdims=True)
    return of_test_samples(
        task,
        fit,
        status="exact" if fit.converged.all() else "not_converged",
        columns={"reml_additive": shares[:, 0], "reml_epistatic": shares[:, 1]},
    )


def fit_kernel(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    components: ArrayLike | None = None,
    *,
    method: Literal["auto", "exact", "cg"] = "auto",
    device: str = "cpu",
    reml_rows: int = REML_ROWS,
    seed: int = 0,
) -> KernelFit:
    """Fit epistatic BLUP to the individuals `rows`.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. components: (n_traits,
    3), s_A, s_AA, s_E of each trait. Without it, REML estimates them on the rows, or on a random
    `reml_rows` of them if there are more. With m^2 well above reml_rows, REML hardly tells s_AA
    from s_E. method: Cholesky factors, conjugate gradients (on `device`), or chosen by the number
    of rows (`EXACT_LIMIT`).

    Warns (RuntimeWarning) and says so in `converged` if conjugate gradients end short of
    `TOLERANCE`. Raises ValueError for fewer than 3 rows or 2 markers (for dosages, 2 that vary),
    rows that do not exist or are given twice, phenotypes of another length, not finite or constant
    among the rows, components negative or with a share of s_E below `SMALLEST_RESIDUAL`, and an
    exact fit of more than `EXACT_LIMIT` rows.
    """
    checks.choice("method", method, ("auto", "exact", "cg"))
    if method == "exact":
        checks.integer(
            "len(rows)",
            np.size(rows),
            minimum=0,
            maximum=EXACT_LIMIT,
            why="the bound of method exact",
        )
    phenotypes, rows = checked_training(genotypes, phenotypes, rows)
    checked_device(device)
    checks.integer("seed", seed, minimum=0)
    checks.integer("reml_rows", reml_rows, minimum=3)
    if components is None:
        some = draw_rows(phenotypes, rows, reml_rows, seed)
        components = estimate_components(genotypes, phenotypes, some)
    components = _checked_components(components, phenotypes.shape[1])
    if method == "exact" or (method == "auto" and len(rows) <= EXACT_LIMIT):
        products = Products.of(genotypes, rows)
        weights, intercepts = _solve_exactly(products, phenotypes[rows], components)
        scales = products.scales
        iterations, converged = np.zeros(len(components), int), np.ones(len(components), bool)
    else:
        codes = _Codes(genotypes, rows, device)
        scales = codes.scales()
        weights, intercepts, iterations, converged = _solve_iteratively(
            codes, phenotypes[rows], components, scales
        )
    return KernelFit(
        genotypes, rows, weights, intercepts, components, iterations, converged, scales, device
    )


def draw_rows(
    phenotypes: NDArray[np.float64], rows: NDArray[np.integer], size: int, seed: int
) -> NDArray[np.integer]:
    """Draw some rows, again until every trait varies among them, as a rare trait may not. Of few
    rows all are taken.
    """
    if len(rows) <= size:
        return rows
    rng = seeds.generator(seed, "reml")
    while True:
        some = np.sort(rng.choice(rows, size=size, replace=False))
        if np.ptp(phenotypes[some], axis=0).all():
            return some


@dataclass(frozen=True)
class Products:
    """The products that both kernels are made of: inner, XX' (n, n), and self_terms, (X#2)(X#2)',
    or m if all its entries are m.

    For haploids these are whole numbers, exact in single precision. The products of dosages are
    not, and are kept in double precision. Rounding would give K_AA eigenvalues below 0 if pairs are
    fewer than individuals.
    """

    inner: NDArray[np.floating]
    self_terms: NDArray[np.floating] | float

    @classmethod
    def of(cls, genotypes: Genotypes, rows: NDArray[np.integer]) -> "Products":
        """Return the products of the individuals `rows`."""
        check_genotypes(genotypes)
        rows = checked_rows(genotypes, genotypes.n_markers, rows)
        codes = _codes(genotypes, rows)
        inner = codes @ codes.T
        if genotypes.whole:
            return cls(inner, float(genotypes.n_markers))
        np.square(codes, out=codes)
        return cls(inner, codes @ codes.T)

    @property
    def scales(self) -> tuple[float, float]:
        """c_A and c_AA: the means of the diagonals of XX' and of (XX')#2 - (X#2)(X#2)'."""
        diagonal = np.diag(self.inner).astype(float)
        own = (
            self.self_terms
            if np.ndim(self.self_terms) == 0
            else np.diag(self.self_terms).astype(float)
        )
        return _checked_scales(diagonal, own)

    def additive(self, part: slice = slice(None)) -> NDArray[np.float64]:
        """Return K_A (n, n), or some rows of it."""
        return self.inner[part].astype(np.float64) / self.scales[0]

    def epistatic(self, part: slice = slice(None)) -> NDArray[np.float64]:
        """Return K_AA (n, n), or some rows of it."""
        kernel = self.inner[part].astype(np.float64)
        np.square(kernel, out=kernel)
        kernel -= self.self_terms if np.ndim(self.self_terms) == 0 else self.self_terms[part]
        kernel /= self.scales[1]
        return kernel


def _codes(genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.floating]:
    kind = np.float32 if genotypes.whole else np.float64
    codes = genotypes.block(rows).astype(kind)
    codes -= kind(genotypes.centre)
    codes *= 2
    return codes


# --- Variance components -------------------------------------------------------------------------------------------


def estimate_components(
    genotypes: Genotypes, phenotypes: ArrayLike, rows: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the REML estimates (n_traits, 3) of s_A, s_AA and s_E from the individuals `rows`.

    V = s (B + a K_A), B = (1 - r) K_AA + r I: s has a closed form, a is searched at every r, and r
    is searched on a grid shared by all traits, then between its neighbours. A component is at least
    `SMALLEST_ESTIMATE` of their sum. Takes 20 n^2 bytes (32 n^2 for dosages) and 4/3 n^3
    operations. Each of some 25 values of r then takes 2 n k^2 + 4/3 k^3, k = min(m, n). With m
    above a few thousand, few rows are better. A trait without noise has no finite maximum, and its
    ratios end at a bound.

    Raises ValueError as `fit_kernel` does.
    """
    phenotypes, rows = checked_training(genotypes, phenotypes, rows)
    phenotypes = phenotypes[rows]
    scale = phenotypes.std(axis=0)
    likelihood = _Likelihood(genotypes, (phenotypes - phenotypes.mean(axis=0)) / scale, rows)
    components = np.array(list(map(likelihood.maximise, range(len(scale)))))
    components *= scale[:, None] ** 2
    return np.maximum(components, SMALLEST_ESTIMATE * components.sum(axis=1, keepdims=True))


class _Likelihood:
    """The restricted likelihood of all traits, with K_AA tridiagonal and all else rotated alike."""

    def __init__(
        self, genotypes: Genotypes, y: NDArray[np.float64], rows: NDArray[np.integer]
    ) -> None:
        products = Products.of(genotypes, rows)
        if genotypes.n_markers < len(rows):
            root = _codes(genotypes, rows).astype(float) / np.sqrt(products.scales[0])
        else:
            values, vectors = scipy.linalg.eigh(products.additive())
            root = vectors * np.sqrt(values.clip(min=0))
        kernel = products.epistatic()
        del products
        self._diagonal, self._beside, self._columns = _tridiagonal(
            kernel, np.column_stack([np.ones(len(y)), root, y])
        )
        self._n_traits = y.shape[1]
        # shared by the traits, and gone with this object
        self._slice = functools.cache(self._evaluate)

    def maximise(self, trait: int) -> NDArray[np.float64]:
        """Return s_A, s_AA, s_E of a trait."""
        log_odds = minimise(lambda x: self._slice(x).best(trait)[0], LOG_ODDS)
        best = self._slice(log_odds)
        _, log_ratio = best.best(trait)
        r = 1 / (1 + np.exp(-log_odds))
        return best.scale(log_ratio, trait) * np.array([np.exp(log_ratio), 1 - r, r])

    def _evaluate(self, log_odds: float) -> "_Slice":
        r = 1 / (1 + np.exp(-log_odds))
        pivots, factors, _ = scipy.linalg.lapack.dpttrf(
            (1 - r) * self._diagonal + r, (1 - r) * self._beside
        )
        solved, _ = scipy.linalg.lapack.dpttrs(pivots, factors, self._columns)
        gram = self._columns.T @ solved  # [1 F y]' B^-1 [1 F y]
        projected = gram[1:, 1:] - np.outer(gram[1:, 0], gram[0, 1:]) / gram[0, 0]
        k = len(projected) - self._n_traits
        diagonal, beside, columns = _tridiagonal(projected[:k, :k], projected[:k, k:])
        return _Slice(
            degrees=len(self._diagonal) - 1,
            constant=np.log(pivots).sum() + np.log(gram[0, 0]),
            diagonal=diagonal,
            beside=beside,
            columns=columns,
            totals=np.diag(projected)[k:],
        )


@dataclass(frozen=True)
class _Slice:
    """The restricted likelihood at one r, as a function of a.

    With K_A = FF', P the projection for B and F'PF = Q T Q': diagonal (k,) and `beside` (k - 1,) of
    the tridiagonal T, columns Q'F'Py (k, n_traits), totals y'Py (n_traits,), constant log|B| + log
    1'B^-1 1.
    """

    degrees: int
    constant: float
    diagonal: NDArray[np.float64]
    beside: NDArray[np.float64]
    columns: NDArray[np.float64]
    totals: NDArray[np.float64]

    def scale(self, log_ratio: float, trait: int) -> float:
        """Return s."""
        return self._solve(log_ratio, trait)[0]

    def deviance(self, log_ratio: float, trait: int) -> float:
        """Return minus twice the restricted log likelihood, up to a constant."""
        scale, determinant = self._solve(log_ratio, trait)
        return self.constant + determinant + self.degrees * np.log(scale)

    def _solve(self, log_ratio: float, trait: int) -> tuple[float, float]:
        """Return s and log |I + a T|."""
        a = np.exp(log_ratio)
        pivots, factors, _ = scipy.linalg.lapack.dpttrf(1 + a * self.diagonal, a * self.beside)
        column = self.columns[:, trait]
        solved, _ = scipy.linalg.lapack.dpttrs(pivots, factors, column)
        floor = np.finfo(float).eps * self.totals[trait]  # of a trait explained to rounding
        left = max(self.totals[trait] - a * column @ solved, floor)
        return left / self.degrees, np.log(pivots).sum()

    def best(self, trait: int) -> tuple[float, float]:
        """Return the smallest deviance and its log a."""
        log_ratio = minimise(lambda x: self.deviance(x, trait), LOG_RATIOS)
        return self.deviance(log_ratio, trait), log_ratio


def minimise(function: Callable[[float], float], grid: NDArray[np.float64]) -> float:
    """Return where a function of one variable is smallest. A grid finds the valley, a bounded
    search its bottom.
    """
    values = list(map(function, grid.tolist()))
    best = int(np.argmin(values))
    found = minimize_scalar(
        function,
        bounds=(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(found.x if found.fun < values[best] else grid[best])


def _tridiagonal(
    symmetric: NDArray[np.float64], columns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the diagonal and off-diagonal of T = Q'SQ, and Q' times the columns, overwriting S."""
    n = len(symmetric)
    packed, diagonal, beside, tau, _ = scipy.linalg.lapack.dsytrd(
        symmetric.T, lower=1, lwork=64 * n, overwrite_a=1
    )
    rotated = np.array(columns, order="F")
    # Q leaves the first sample alone; its reflectors stand below the diagonal, as those of a QR
    # factorisation do
    rotated[1:], _, _ = scipy.linalg.lapack.dormqr(
        "L", "T", packed[1:, :-1], tau, columns[1:], lwork=64 * n
    )
    return diagonal, beside, rotated


# --- Dual weights --------------------------------------------------------------------------------------------------


def _solve_exactly(
    products: Products, y: NDArray[np.float64], components: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (n, n_traits) and intercepts (n_traits,)."""
    weights, intercepts = np.empty_like(y), np.empty(len(components))
    for t, (additive, epistatic, residual) in enumerate(components):
        covariance = np.empty((len(y), len(y)))
        for part in row_blocks(len(y), len(y)):
            covariance[part] = epistatic * products.epistatic(part) + additive * products.additive(
                part
            )
        covariance.flat[:: len(y) + 1] += residual
        weights[:, t], intercepts[t] = blup_weights(covariance, y[:, t])
    return weights, intercepts


def blup_weights(
    covariance: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return w (n,) and mu of V w = y - mu with 1'w = 0, by a Cholesky factor of V (n, n), which is
    overwritten.
    """
    factor = scipy.linalg.cho_factor(covariance.T, lower=True, overwrite_a=True, check_finite=False)
    ones, solved = scipy.linalg.cho_solve(factor, np.column_stack([np.ones(len(y)), y])).T
    intercept = solved.sum() / ones.sum()
    return solved - intercept * ones, intercept


class _Codes:
    """Codes of some individuals on a torch device, decoded in blocks. centre: the genotypes' own
    unless given.
    """

    def __init__(
        self,
        genotypes: Genotypes,
        rows: NDArray[np.integer],
        device: str,
        centre: torch.Tensor | None = None,
    ) -> None:
        self.n_markers, self.device = genotypes.n_markers, device
        self._held, self._rows = (
            genotypes.on(device),
            torch.as_tensor(rows, dtype=torch.int64, device=device),
        )
        self.centre = self._held.centre.double() if centre is None else centre

    def __len__(self) -> int:
        return len(self._rows)

    def blocks(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield slices and the codes (rows, n_markers) of each."""
        for part in row_blocks(len(self), self.n_markers):
            yield part, (self._held.block(self._rows[part]).double() - self.centre) * 2

    def added(self, function: Callable[[torch.Tensor, slice], torch.Tensor]) -> torch.Tensor:
        """Return the sum of a function of each block of codes and its slice."""
        return sum(function(x, part) for part, x in self.blocks())

    def stacked(self, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Return a function of each block of codes, (rows, ...), stacked over all individuals."""
        return torch.cat([function(x) for _, x in self.blocks()])

    def scales(self) -> tuple[float, float]:
        """Return c_A and c_AA of these individuals (see `Products`)."""
        squares = self.stacked(lambda x: torch.stack([(x**2).sum(dim=1), (x**4).sum(dim=1)], dim=1))
        return _checked_scales(*squares.T.cpu().numpy())


def _times_kernels(
    target: _Codes, source: _Codes, weights: torch.Tensor, scales: tuple[float, float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return K_A w and K_AA w (len(target), n_traits), the kernels between two sets."""
    linear = source.added(lambda x, part: x.T @ weights[part])
    own = source.added(lambda x, part: (x**2).T @ weights[part])
    additive = target.stacked(lambda x: x @ linear)
    self_terms = target.stacked(lambda x: x**2 @ own)
    # either way costs little where the other would not: few samples or few markers
    squared = _by_samples if len(source) <= 2 * source.n_markers else _by_markers
    return additive / scales[0], (squared(target, source, weights) - self_terms) / scales[1]


def _by_samples(target: _Codes, source: _Codes, weights: torch.Tensor) -> torch.Tensor:
    """Return (XX')#2 w from the kernel itself, a block of target individuals at a time."""
    codes = source.stacked(lambda x: x)
    return target.stacked(lambda x: (x @ codes.T) ** 2 @ weights)


def _by_markers(target: _Codes, source: _Codes, weights: torch.Tensor) -> torch.Tensor:
    """Return (XX')#2 w as diag(X W X'), W = X' diag(w) X (m, m): the effects of all pairs, a trait at
    a time.
    """
    products = weights.new_empty(len(target), weights.shape[1])
    for t, w in enumerate(weights.T):
        pairs = source.added(lambda x, part, w=w: x.T @ (w[part, None] * x))
        for part, x in target.blocks():
            products[part, t] = (x @ pairs * x).sum(dim=1)
    return products


def _solve_iteratively(
    codes: _Codes,
    y: NDArray[np.float64],
    components: NDArray[np.float64],
    scales: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return weights, intercepts, iterations and whether these sufficed, each trait by its own
    conjugate gradients.

    With C the centring matrix, w solves C V C w = C y: the intercept needs no second system.
    """
    y = torch.from_numpy(y).to(codes.device)
    column_means = codes.added(lambda x, part: x.sum(dim=0)) / len(codes)
    gram = codes.added(lambda x, part: x.T @ x)
    gram = gram - len(codes) * torch.outer(column_means, column_means)
    solutions = []
    for t, (additive, epistatic, residual) in enumerate(components.tolist()):

        def covariance(v: torch.Tensor, parts=(additive, epistatic, residual)) -> torch.Tensor:
            k_a, k_aa = _times_kernels(codes, codes, v[:, None], scales)
            return parts[0] * k_a[:, 0] + parts[1] * k_aa[:, 0] + parts[2] * v

        precondition = _preconditioner(codes, gram, additive / scales[0], epistatic + residual)
        w, iterations, error = _conjugate_gradients(
            covariance, precondition, y[:, t] - y[:, t].mean()
        )
        if not error <= TOLERANCE:
            warnings.warn(
                f"trait {t + 1}: conjugate gradients ended at a relative error of {error:.2g} after {iterations} "
                f"iterations, above {TOLERANCE:g}: a larger s_E makes the equations easier",
                RuntimeWarning,
                stacklevel=3,
            )
        intercept = (y[:, t] - covariance(w)).mean()
        solutions.append((w.cpu().numpy(), float(intercept), iterations, error <= TOLERANCE))
    weights, intercepts, iterations, converged = zip(*solutions, strict=True)
    return (
        np.stack(weights, axis=1),
        np.array(intercepts),
        np.array(iterations),
        np.array(converged),
    )


def _preconditioner(
    codes: _Codes, gram: torch.Tensor, additive: float, rest: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return v -> (additive C XX' C + rest I)^-1 v: the badly conditioned additive part, solved
    exactly.
    """
    ratio = additive / rest
    inner = torch.linalg.cholesky(
        torch.eye(codes.n_markers, dtype=gram.dtype, device=gram.device) + ratio * gram
    )

    def apply(v: torch.Tensor) -> torch.Tensor:
        projected = codes.added(lambda x, part: x.T @ v[part])  # X'v is centred, since v is
        effects = torch.cholesky_solve(projected[:, None], inner)[:, 0]
        fitted = codes.stacked(lambda x: x @ effects)
        return (v - ratio * (fitted - fitted.mean())) / rest

    return apply


def _conjugate_gradients(
    covariance: Callable[[torch.Tensor], torch.Tensor],
    precondition: Callable[[torch.Tensor], torch.Tensor],
    y: torch.Tensor,
) -> tuple[torch.Tensor, int, float]:
    """Return w of C V w = y with 1'w = 0 for centred y, the iterations, and |C V w - y| / |y|."""
    w, left, iterations = torch.zeros_like(y), y.clone(), 0
    size, direction, previous = y.norm(), torch.zeros_like(y), 1.0
    while left.norm() > TOLERANCE * size and iterations < MAX_ITERATIONS:
        conditioned = precondition(left)
        along = left @ conditioned
        direction = conditioned + along / previous * direction
        image = covariance(direction)
        image -= image.mean()
        step = along / (direction @ image)
        w += step * direction
        left -= step * image
        previous, iterations = along, iterations + 1
    return w, iterations, float(left.norm() / size)


# --- Checks --------------------------------------------------------------------------------------------------------


def checked_training(
    genotypes: Genotypes, phenotypes: ArrayLike, rows: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return phenotypes and rows, or raise ValueError as `fit_kernel` does."""
    check_genotypes(genotypes)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    checks.integer("genotypes.n_markers", genotypes.n_markers, minimum=2)
    rows = checks.rows("rows", rows, genotypes.n_samples, minimum=3)
    constant = np.flatnonzero(np.ptp(phenotypes[rows], axis=0) == 0)
    if constant.size:
        raise ValueError(f"phenotypes must vary among the rows, trait {constant[0] + 1} does not")
    return phenotypes, rows


def _checked_scales(
    diagonal: NDArray[np.float64], own: NDArray[np.float64] | float
) -> tuple[float, float]:
    """Return the means of the diagonals of XX' and of (XX')#2 - (X#2)(X#2)'. own: the diagonal of
    the latter product.
    """
    additive, epistatic = float(diagonal.mean()), float((diagonal**2 - own).mean())
    checks.require(
        epistatic > 1e-6 * additive**2,  # a single marker leaves rounding
        "genotypes must have at least 2 markers that vary among the rows",
    )
    return additive, epistatic


def _checked_components(components: ArrayLike, n_traits: int) -> NDArray[np.float64]:
    components = checks.matrix("components", components, rows=n_traits)
    checks.require(
        components.shape[1] == 3,
        f"components must have 3 columns, s_A, s_AA and s_E, got {components.shape[1]}",
    )
    checks.require(
        components.min() >= 0, f"components must be at least 0, got {components.min():g}"
    )
    for t, parts in enumerate(components):
        checks.real(f"components[{t}, 2]", parts[2], above=0)
        checks.real(
            f"the share of components[{t}, 2]", parts[2] / parts.sum(), minimum=SMALLEST_RESIDUAL
        )
    return components
