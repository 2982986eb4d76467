"""The oracle, which knows the true loci and what interacts, and estimates the effects.

For the publication's traits, the oracle is `pairs.fit_oracle`. For traits of `orders`, it is the
best linear prediction with the true variances. With Z_k the centred products of the order k (of its
true groups of loci),

    y = mu + sum_k Z_k e_k + e,    V(y) = sum_k s_k Z_k Z_k' + s_E I,

where s_k is the mean square of the true effects of the order k and s_E that of the true noise. This
prediction is ridge on all products, the columns of each order weighted by its variance.
"""

import numpy as np
from numpy.typing import NDArray

from epidl.cohorts.genotypes import Genotypes, row_blocks
from epidl.cohorts.orders import order_terms
from epidl.cohorts.simulate import Trait, products
from epidl.models.kernels import blup_weights
from epidl.models.pairs import fit_oracle
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task, of_test_samples

LEAST_NOISE = 1e-6  # so that V has an inverse without noise too


def predict(task: Task, model: Model) -> Prediction:
    """Predict by the model that knows the true loci and what interacts."""
    truth, rows, test = task.truth, task.all_but_test, task.split.test
    if all(trait.is_pairwise for trait in truth.traits):
        fit = fit_oracle(task.genotypes, task.phenotypes, rows, truth.traits, device=task.device)
        return of_test_samples(task, fit)
    noise = ((task.phenotypes - truth.genetic_values) ** 2).mean(axis=0)
    predicted = np.empty((len(test), task.n_traits))
    for t, trait in enumerate(truth.traits):
        y = task.phenotypes[rows, t]
        predicted[:, t] = predict_orders(truth.causal_genotypes, trait, y, noise[t], rows, test)
    return Prediction([(test, predicted)])


def predict_orders(
    genotypes: Genotypes,
    trait: Trait,
    y: NDArray[np.float64],
    noise: float,
    rows: NDArray[np.integer],
    test: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Return the best linear prediction (len(test),) of a trait of `orders`.

    genotypes: those that hold the QTL. y: phenotypes (len(rows),) of the training individuals.
    noise: the variance of their noise.
    """
    n_train, chosen = len(rows), np.concatenate([rows, test])
    z = (2 * genotypes.block(chosen).astype(float) - 1 - trait.centre).T
    kernel = np.zeros((n_train, len(chosen)))
    for loci, effects in order_terms(trait).values():
        variance = np.mean(effects**2)
        for part in row_blocks(len(loci), len(chosen)):
            columns = products(z, loci[part])
            kernel += variance * columns[:, :n_train].T @ columns
    covariance = kernel[:, :n_train].copy()
    covariance.flat[:: n_train + 1] += max(noise, LEAST_NOISE)
    weights, intercept = blup_weights(covariance, y)
    return intercept + kernel[:, n_train:].T @ weights
