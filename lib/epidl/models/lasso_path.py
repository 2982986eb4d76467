"""LASSO at its exact minimum: least squares with an L1 penalty, chosen by cross-validation along the
path of penalties.

    min_b  sum (y - mu - G b)^2 / (2 n) + penalty sum abs(b),    G the allele shares (see `genotypes`),

by scikit-learn's coordinate descent. The path of penalties starts at the one that keeps no marker
and goes down. The penalty of the smallest mean squared error in five folds of the training
individuals is taken. The publication's LASSO (see `pruned`) differs: it has one given penalty, is
trained by stochastic gradient descent on two columns per marker, and learns all traits together.
Here each trait is fitted by itself. If markers are fewer than individuals, all products G'G are
computed first.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epidl import checks, seeds
from epidl.cohorts.genotypes import Genotypes, check_genotypes
from epidl.models.recipes import Model
from epidl.models.ridge import RidgeFit
from epidl.models.task import Prediction, Task, of_test_samples

if TYPE_CHECKING:
    from sklearn.linear_model import LassoCV

N_FOLDS = 5
PENALTIES_A_DECADE = 15
FIRST_DECADES = 1.0  # of penalties below the least one that leaves no effect
MOST_DECADES = 5.0
TOLERANCE = 1e-6  # of the duality gap, over the sum of squares of the trait
MAX_ITERATIONS = 1000  # sweeps over the markers, at each penalty


@dataclass(frozen=True)
class LassoFit(RidgeFit):
    """LASSO of all traits, as `ridge.RidgeFit`, its cross-validation in folds. converged: (n_traits,)."""

    converged: NDArray[np.bool_]


def predict(task: Task, model: Model) -> Prediction:
    """Predict by the LASSO. columns: the penalty of each trait."""
    fit = fit_lasso_path(task.genotypes, task.phenotypes, task.all_but_test, seed=task.seed)
    return of_test_samples(
        task,
        fit,
        status="exact" if fit.converged.all() else "not_converged",
        effects=[fit.effects],
        columns={"penalty": fit.penalties},
    )


def fit_lasso_path(
    genotypes: Genotypes, phenotypes: ArrayLike, rows: NDArray[np.integer], *, seed: int = 0
) -> LassoFit:
    """Fit the LASSO to the individuals `rows`.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. seed: of the folds.

    Raises MemoryError if the machine cannot hold dense genotypes of the rows. Raises ValueError for
    fewer than 10 rows, rows that do not exist or are given twice, phenotypes of another length or
    not finite, and a negative seed.
    """
    check_genotypes(genotypes)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    rows = checks.rows("rows", rows, genotypes.n_samples, minimum=10)
    state = seeds.derive(seed, "folds") % 2**32
    checks.memory("len(rows)", len(rows), 24 * len(rows) * genotypes.n_markers)
    x = np.asfortranarray(genotypes.block(rows), dtype=np.float64)
    found = []
    for y in phenotypes[rows].T:
        lasso = fit_lasso(x, y, state)
        error, is_done = lasso.mse_path_.mean(axis=1).min(), lasso.n_iter_ < MAX_ITERATIONS
        found.append((lasso.coef_, lasso.intercept_, lasso.alpha_, error, is_done))
    effects, *rest = zip(*found, strict=True)
    return LassoFit(np.stack(effects, axis=1), *map(np.array, rest))


def fit_lasso(
    columns: NDArray[np.float64],
    y: NDArray[np.float64],
    state: int = 0,
    decades: float = FIRST_DECADES,
) -> "LassoCV":
    """Return scikit-learn's cross-validated LASSO of y (n_samples,) on columns (n_samples,
    n_columns).

    state: of the folds, which are the same in each call with it. decades: of penalties, down from
    the least one that leaves no effect. Small penalties take the time. If none is better than the
    smallest, half a decade more is tried.
    """
    from sklearn.exceptions import ConvergenceWarning  # late: they take a second to import
    from sklearn.linear_model import LassoCV
    from sklearn.model_selection import KFold

    largest = np.abs((columns - columns.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
    penalties = np.logspace(0, -decades, round(PENALTIES_A_DECADE * decades))
    lasso = LassoCV(
        alphas=max(largest, np.finfo(np.float32).tiny) * penalties,
        cv=KFold(N_FOLDS, shuffle=True, random_state=state),
        tol=TOLERANCE,
        max_iter=MAX_ITERATIONS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of small penalties, seldom chosen
        lasso.fit(columns, y)
    errors = lasso.mse_path_.mean(axis=1)
    if errors[-1] == errors.min() and decades < MOST_DECADES:
        return fit_lasso(columns, y, state, decades + 0.5)
    return lasso
