"""Kernel of products: interactions of every order up to four, each order with its own variance.

With codes x as in `kernels`, # the element-wise power and e_k the sum of the products of all sets
of k values,

    y = mu + g_1 + ... + g_4 + e,    V(y) = sum_k s_k K_k + s_E I,    K_k,ij = e_k(x_i x_j) / c_k,

so that K_k is ZZ' / c_k for the products Z of all sets of k markers, none ever formed: Newton's
identities give them from the power sums p_j = (X#j)(X#j)',

    k e_k = e_(k-1) p_1 - e_(k-2) p_2 + ... ± e_0 p_k.

c_k makes the mean diagonal 1 over the training individuals, so that the s are variances. The
higher an order, the closer its K to the identity: its variance and the residual's are hard to tell
apart. The variances maximise the restricted likelihood on at most `LIKELIHOOD_ROWS` training individuals. The
weights of all training individuals then come from one Cholesky factor of V for each trait (48 n^2
bytes in all).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import ArrayLike, NDArray

from epidl import checks
from epidl.cohorts.genotypes import Genotypes, row_blocks
from epidl.models.gaussian import LIKELIHOOD_ROWS
from epidl.models.kernels import LOG_RATIOS, blup_weights, checked_training, draw_rows
from epidl.models.recipes import Model
from epidl.models.ridge import checked_rows
from epidl.models.task import Prediction, Task, of_test_samples

MOST_ORDER = 4
CELL_BYTES = 8 * (MOST_ORDER + 2)  # of each pair of training samples: kernels, V and a copy


@dataclass(frozen=True)
class OrdersFit:
    """Kernel of products of all traits.

    genotypes, rows: the training individuals. weights: (len(rows), n_traits). intercepts:
    (n_traits,). components: (n_traits, n_orders + 1), s_1 to s_k and s_E. scales: (n_orders,), c_k.
    """

    genotypes: Genotypes
    rows: NDArray[np.integer]
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    components: NDArray[np.float64]
    scales: NDArray[np.float64]

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some individuals."""
        rows = checked_rows(genotypes, self.genotypes.n_markers, rows)
        training = _codes(self.genotypes, self.rows, self.genotypes)
        predicted = np.tile(self.intercepts, (len(rows), 1))
        for part in row_blocks(len(rows), MOST_ORDER * len(self.rows)):
            own = _codes(genotypes, rows[part], self.genotypes)
            sums = symmetric_sums(own, training, len(self.scales))
            for kernel, scale, components in zip(
                sums, self.scales, self.components.T, strict=False
            ):
                predicted[part] += kernel @ (self.weights * (components / scale))
        return predicted


def predict(task: Task, model: Model) -> Prediction:
    """Predict by the kernel of products."""
    fit = fit_orders(task.genotypes, task.phenotypes, task.all_but_test, seed=task.seed)
    return of_test_samples(task, fit)


def fit_orders(
    genotypes: Genotypes, phenotypes: ArrayLike, rows: NDArray[np.integer], *, seed: int = 0
) -> OrdersFit:
    """Fit the kernel of products to the individuals `rows`, with k < 4 markers up to order k.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. seed: of the random
    choice of `LIKELIHOOD_ROWS` rows if there are more.

    Raises MemoryError if the machine cannot hold the kernels of the rows. Raises ValueError for
    fewer than 3 rows or 2 markers, fewer that vary than orders, rows that do not exist or are given
    twice, phenotypes of another length, not finite or constant among the rows, and a negative seed.
    """
    phenotypes, rows = checked_training(genotypes, phenotypes, rows)
    seed = checks.integer("seed", seed, minimum=0)
    checks.memory("len(rows)", len(rows), CELL_BYTES * len(rows) ** 2)
    some = draw_rows(phenotypes, rows, LIKELIHOOD_ROWS, seed)
    kernels, scales = _kernels(genotypes, some)
    components = np.array([estimate_components(kernels, y) for y in phenotypes[some].T])
    if some is not rows:
        kernels, scales = _kernels(genotypes, rows)
    weights, intercepts = np.empty((len(rows), len(components))), np.empty(len(components))
    for t, parts in enumerate(components):
        covariance = np.tensordot(parts[:-1], kernels, axes=1)
        covariance.flat[:: len(rows) + 1] += parts[-1]
        weights[:, t], intercepts[t] = blup_weights(covariance, phenotypes[rows, t])
    return OrdersFit(genotypes, rows, weights, intercepts, components, scales)


def symmetric_sums(
    one: NDArray[np.float64], other: NDArray[np.float64], n_orders: int
) -> list[NDArray[np.float64]]:
    """Return e_1 to e_k (n, n_other) of the products of codes (n, n_markers) of two sets of
    individuals.
    """
    powers = [one**j @ (other**j).T for j in range(1, n_orders + 1)]
    sums = [np.ones_like(powers[0])]
    for k in range(1, n_orders + 1):
        total = sum((-1) ** (j - 1) * sums[k - j] * powers[j - 1] for j in range(1, k + 1))
        sums.append(total / k)
    return sums[1:]


def _codes(
    genotypes: Genotypes, rows: NDArray[np.integer], training: Genotypes
) -> NDArray[np.float64]:
    return 2 * (genotypes.block(rows) - np.asarray(training.centre, dtype=np.float64))


def _kernels(
    genotypes: Genotypes, rows: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return K_1 to K_k (n_orders, n, n), and c_1 to c_k."""
    codes = _codes(genotypes, rows, genotypes)
    kernels = np.stack(symmetric_sums(codes, codes, min(MOST_ORDER, genotypes.n_markers)))
    scales = np.trace(kernels, axis1=1, axis2=2) / len(rows)
    checks.require(
        (scales > 0).all(),
        f"genotypes must have at least {len(scales)} markers that vary among the rows",
    )
    kernels /= scales[:, None, None]
    return kernels, scales


def estimate_components(
    kernels: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the variances of the kernels (n_orders, n, n) and of the residual that maximise the
    restricted likelihood of a trait y (n,).

    The estimates are s_E e^a_k and s_E, with B = I + sum e^a_k K_k and P its projection. Minus
    twice the log likelihood, log|B| + log 1'B^-1 1 + (n - 1) log y'Py up to a constant, has the
    derivative tr(P K_k) - (n - 1) y'P K_k P y / y'Py in e^a_k.
    """
    y = y - y.mean()
    degrees = len(y) - 1

    def deviance(log_ratios: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        ratios = np.exp(log_ratios)
        covariance = np.tensordot(ratios, kernels, axes=1)
        covariance.flat[:: len(y) + 1] += 1
        factor, _ = scipy.linalg.lapack.dpotrf(covariance, lower=1)
        inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1)
        inverse += np.tril(inverse, -1).T
        ones = inverse.sum(axis=1)
        projected = inverse @ y - ones * (ones @ y) / ones.sum()
        total = y @ projected
        determinant = 2 * np.log(np.diag(factor)).sum() + np.log(ones.sum())
        slopes = []
        for kernel in kernels:
            trace = np.vdot(inverse, kernel) - ones @ kernel @ ones / ones.sum()
            slopes.append(trace - degrees * (projected @ kernel @ projected) / total)
        return determinant + degrees * np.log(total), ratios * slopes

    found = scipy.optimize.minimize(
        deviance,
        np.full(len(kernels), -np.log(len(kernels))),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LOG_RATIOS[0], LOG_RATIOS[-1])] * len(kernels),
    )
    ratios = np.exp(found.x)
    covariance = np.tensordot(ratios, kernels, axes=1)
    covariance.flat[:: len(y) + 1] += 1
    weights, _ = blup_weights(covariance, y)
    return np.append(ratios, 1.0) * (y @ weights / degrees)
