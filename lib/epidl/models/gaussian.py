"""Gaussian kernel regression (RKHS): individuals of similar genotypes are expected to have similar
traits, whatever the order of interactions.

With d^2_ij the squared distance between the allele shares of two individuals (see `genotypes`) and
M its median among training individuals,

    y = mu + g + e,    V(y) = s (K + r I),    K_ij = exp(-d^2_ij / (h M)).

Expanded in powers of the distance, K is a sum of products of markers of every order. The wider the
bandwidth h, the less high orders weigh. h, one of `MULTIPLES`, and r maximise the restricted
likelihood on at most `LIKELIHOOD_ROWS` training individuals. The weights of all training
individuals then come from one Cholesky factor of K + r I for each trait (16 n^2 bytes). Shares have
one unit for all markers and are not scaled further, so rare alleles count only as much as they
vary.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from epidl import checks
from epidl.cohorts.genotypes import Genotypes, row_blocks
from epidl.devices import checked_device
from epidl.models.kernels import LOG_RATIOS, checked_training, draw_rows, minimise
from epidl.models.recipes import Model
from epidl.models.ridge import checked_rows
from epidl.models.task import Prediction, Task, of_test_samples

MULTIPLES = (0.3, 1.0, 3.0, 10.0, 30.0)  # bandwidths h that are tried
LIKELIHOOD_ROWS = 2000  # training samples that choose h and r: five decompositions of them


@dataclass(frozen=True)
class GaussianFit:
    """Gaussian kernel regression of all traits.

    genotypes, rows: the training individuals. weights: (len(rows), n_traits). intercepts,
    bandwidths (h), ratios (r): (n_traits,). median: M. device: where predictions are computed.
    """

    genotypes: Genotypes
    rows: NDArray[np.integer]
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    bandwidths: NDArray[np.float64]
    ratios: NDArray[np.float64]
    median: float
    device: str = "cpu"

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some individuals."""
        rows = checked_rows(genotypes, self.genotypes.n_markers, rows)
        weights = torch.as_tensor(self.weights, device=self.device)
        predicted = np.tile(self.intercepts, (len(rows), 1))
        for part in row_blocks(len(rows), len(self.rows)):
            distances = _distances(genotypes, rows[part], self.genotypes, self.rows, self.device)
            for t, h in enumerate(self.bandwidths):
                kernel = torch.exp(distances / (-h * self.median))
                predicted[part, t] += (kernel @ weights[:, t]).cpu().numpy()
        return predicted


def predict(task: Task, model: Model) -> Prediction:
    """Predict by Gaussian kernel regression. columns: the bandwidth h of each trait."""
    fit = fit_gaussian(
        task.genotypes, task.phenotypes, task.all_but_test, device=task.device, seed=task.seed
    )
    return of_test_samples(task, fit, columns={"bandwidth": fit.bandwidths})


def fit_gaussian(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    *,
    device: str = "cpu",
    seed: int = 0,
) -> GaussianFit:
    """Fit Gaussian kernel regression to the individuals `rows`.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. device: where matrices
    are decomposed. seed: of the random choice of `LIKELIHOOD_ROWS` rows if there are more.

    Raises MemoryError if the machine cannot hold a kernel of the rows. Raises ValueError for fewer
    than 3 rows or 2 markers, rows that do not exist or are given twice, phenotypes of another
    length, not finite or constant among the rows, a missing device and a negative seed.
    """
    phenotypes, rows = checked_training(genotypes, phenotypes, rows)
    checked_device(device)
    seed = checks.integer("seed", seed, minimum=0)
    checks.memory("len(rows)", len(rows), 16 * len(rows) ** 2)
    some = draw_rows(phenotypes, rows, LIKELIHOOD_ROWS, seed)
    bandwidths, ratios, median = _by_likelihood(genotypes, phenotypes[some], some, device)
    weights, intercepts = np.empty((len(rows), len(ratios))), np.empty(len(ratios))
    y = torch.as_tensor(phenotypes[rows], device=device)
    for h in np.unique(bandwidths):
        kernel = _distances(genotypes, rows, genotypes, rows, device)
        kernel.div_(-h * median).exp_()
        for t in np.flatnonzero(bandwidths == h):
            kernel.fill_diagonal_(1 + ratios[t])
            columns = torch.stack([torch.ones_like(y[:, t]), y[:, t]], dim=1)
            ones, solved = torch.cholesky_solve(columns, torch.linalg.cholesky(kernel)).T
            intercepts[t] = solved.sum() / ones.sum()
            weights[:, t] = (solved - intercepts[t] * ones).cpu().numpy()
    return GaussianFit(genotypes, rows, weights, intercepts, bandwidths, ratios, median, device)


def _by_likelihood(
    genotypes: Genotypes, y: NDArray[np.float64], rows: NDArray[np.integer], device: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return h and r of each trait, and M, from the individuals `rows`.

    With K = Q L Q', all traits share Q'[1 y]. Minus twice the restricted log likelihood is log|K +
    r I| + log 1'(K + r I)^-1 1 + (n - 1) log y'P y, up to a constant.
    """
    distances = _distances(genotypes, rows, genotypes, rows, device)
    median = float(distances[np.triu_indices(len(rows), 1)].median()) or 1.0
    columns = torch.as_tensor(np.column_stack([np.ones(len(y)), y - y.mean(axis=0)]), device=device)
    best = np.full((3, y.shape[1]), np.inf)  # deviance, h, r
    for h in MULTIPLES:
        values, vectors = torch.linalg.eigh(torch.exp(distances / (-h * median)))
        values, rotated = values.clamp(min=0).cpu().numpy(), (vectors.T @ columns).cpu().numpy()
        for t in range(y.shape[1]):

            def deviance(log_ratio: float, one=rotated[:, 0], own=rotated[:, 1 + t], values=values):
                inverse = 1 / (values + np.exp(log_ratio))
                information, total = inverse @ one**2, inverse @ own**2
                total -= (inverse @ (one * own)) ** 2 / information
                determinant = np.log(information) - np.log(inverse).sum()
                return determinant + (len(own) - 1) * np.log(max(total, np.finfo(float).tiny))

            log_ratio = minimise(deviance, LOG_RATIOS)
            found = deviance(log_ratio), h, np.exp(log_ratio)
            best[:, t] = min(tuple(best[:, t]), found)
    return best[1], best[2], median


def _distances(
    one: Genotypes,
    rows: NDArray[np.integer],
    other: Genotypes,
    other_rows: NDArray[np.integer],
    device: str,
) -> Tensor:
    """Return d^2 (len(rows), len(other_rows)) between two sets of individuals, decoded in blocks."""
    held, others = one.on(device), other.on(device)
    rows, other_rows = (torch.as_tensor(each, device=device) for each in (rows, other_rows))
    squares = torch.empty(len(rows), len(other_rows), dtype=torch.float64, device=device)
    for part in row_blocks(len(rows), held.n_markers):
        shares = held.block(rows[part]).double()
        for column in row_blocks(len(other_rows), held.n_markers):
            compared = others.block(other_rows[column]).double()
            squares[part, column] = torch.cdist(shares, compared).square_()
    return squares
