"""Boosted trees: a sum of many small decision trees, each fitted to what those before it left over.

A path to a leaf that asks for several markers is an interaction of any order and scale. The first
question is asked of a marker alone, so a pair of loci without effects of their own is not found.
The trees are scikit-learn's `HistGradientBoostingRegressor`. Genotypes have two or three values and
many redundant neighbours, which suits few leaves, and a random part of the markers for each split.
How many trees help is measured on 15% of the training individuals, drawn here, whichever part a
task has for validation. As many trees are then grown on all training individuals. Each trait has
its own.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from epidl import checks, seeds
from epidl.cohorts.genotypes import Genotypes, check_genotypes, row_blocks
from epidl.cohorts.splits import random_split
from epidl.devices import one_cell_threads
from epidl.models.recipes import Model
from epidl.models.ridge import checked_rows
from epidl.models.task import Prediction, Task, of_test_samples

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

SETTINGS = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 10,
    "max_features": 0.2,  # of the markers, for each split
    "l2_regularization": 1.0,
}
MOST_ROUNDS = 1000
PATIENCE = 30  # rounds without gain on the validation part
CELL_BYTES = 16  # a genotype in double precision, its bin, and copies on the way


@dataclass(frozen=True)
class TreesFit:
    """Boosted trees of all traits, each with one sum of trees in `trees`. n_markers: of the
    training individuals.
    """

    n_markers: int
    trees: tuple["HistGradientBoostingRegressor", ...]

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some individuals, or raise as
        ridge's does.
        """
        rows = checked_rows(genotypes, self.n_markers, rows)
        predicted = np.empty((len(rows), len(self.trees)))
        with one_cell_threads(torch.get_num_threads()):
            for part in row_blocks(len(rows), self.n_markers):
                shares = genotypes.block(rows[part])
                for t, trees in enumerate(self.trees):
                    predicted[part, t] = trees.predict(shares)
        return predicted


def predict(task: Task, model: Model) -> Prediction:
    """Predict by boosted trees. columns: the trees of each trait."""
    fit = fit_trees(task.genotypes, task.phenotypes, task.all_but_test, seed=task.seed)
    return of_test_samples(task, fit, columns={"rounds": [each.n_iter_ for each in fit.trees]})


def fit_trees(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    *,
    most_rounds: int = MOST_ROUNDS,
    seed: int = 0,
) -> TreesFit:
    """Fit boosted trees to the individuals `rows`, on as many threads as torch has.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. most_rounds: trees of a
    trait at most. seed: of the individuals that decide how many, and of the markers that splits are
    offered.

    Raises MemoryError if the machine cannot hold dense genotypes of the rows. Raises ValueError for
    fewer than 10 rows, rows that do not exist or are given twice, phenotypes of another length or
    not finite, most_rounds below 1, and a negative seed.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # late: other models need none

    check_genotypes(genotypes)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    rows = checks.rows("rows", rows, genotypes.n_samples, minimum=10)
    most_rounds = checks.integer("most_rounds", most_rounds, minimum=1)
    fit, validation = random_split(len(rows), seeds.generator(seed, "trees"))
    checks.memory("len(rows)", len(rows), CELL_BYTES * len(rows) * genotypes.n_markers)
    state = seeds.derive(seed, "trees", "markers") % 2**32
    grower = partial(HistGradientBoostingRegressor, **SETTINGS, random_state=state)
    x, trees = genotypes.block(rows), []
    # scikit-learn's own pool, which is there by now
    with one_cell_threads(torch.get_num_threads()):
        for y in phenotypes[rows].T:
            stopped = grower(
                max_iter=most_rounds, early_stopping=True, n_iter_no_change=PATIENCE, tol=0
            ).fit(x[fit], y[fit], X_val=x[validation], y_val=y[validation])
            rounds = max(1, int(np.argmax(stopped.validation_score_)))  # the first is of no tree
            trees.append(grower(max_iter=rounds, early_stopping=False).fit(x, y))
    return TreesFit(genotypes.n_markers, tuple(trees))
