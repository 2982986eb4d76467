"""More models on the scaling experiment's cohorts: what quantitative genetics and sparse regression have to offer.

The same individuals are the test split of all models. Those that need no validation split train on all others.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from epidl import kernels, networks, pairs, theory, training
from epidl.experiments import core
from epidl.experiments.scaling import simulate_replicate

if TYPE_CHECKING:
    from epidl.params import BeyondCell

SPARSE_WIDTH = 1024  # of the sparse MLP, or the cell's where that is narrower
# chosen among 0.0003, 0.001, 0.003 by the validation loss of other cohorts
MLP_PENALTY, PAIR_PENALTY = 0.0003, 0.001


def run(cell: "BeyondCell", **options: Any) -> core.CellResult:
    """Run one cell; options and result are those of `core.run_cell`."""
    return core.run_cell(cell, simulate_replicate, FITS, unsteered=UNSTEERED, **options)


def fit_kernel(run: core.Run) -> core.Score:
    """Score epistatic BLUP, its variance components estimated by REML."""
    cohort, started = run.cohort, time.perf_counter()
    fit = kernels.fit_kernel(
        cohort.genotypes, cohort.phenotypes, run.all_but_test, device=run.device, seed=run.seed % 2**32
    )
    shares = fit.components / fit.components.sum(axis=1, keepdims=True)
    columns = {"reml_additive": shares[:, 0], "reml_epistatic": shares[:, 1]}
    return _scored(run, fit, "exact" if fit.converged.all() else "not_converged", started, columns)


def fit_pairs(run: core.Run) -> core.Score:
    """Score sparse regression on pairs; beside it, how many pairs it kept and how many of these are true."""
    cohort, started = run.cohort, time.perf_counter()
    fit = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, run.all_but_test, device=run.device)
    return _scored(run, fit, "exact", started, pairs.precision_and_recall(fit.pairs, cohort.traits))


def fit_sparse_mlp(run: core.Run) -> core.Score:
    """Score a plain network that an L1 penalty makes sparse: one hidden layer, and a linear path around it."""
    n_markers = run.cohort.genotypes.n_markers
    width = min(SPARSE_WIDTH, run.cell.hidden_width)
    model = networks.SkipMlp(n_markers, run.n_traits, width, run.generator("weights", "sparse_mlp"))
    fit = core.train_network(run, model, run.cohort.genotypes, training.sparse_plan(MLP_PENALTY), "sparse_mlp")
    return replace(core.score_network(run, fit), hidden_width=width)


def fit_pair_network(run: core.Run) -> core.Score:
    """Score a network of multiplicative units under an L1 penalty."""
    model = networks.PairNetwork(run.cohort.genotypes.n_markers, run.n_traits)
    plan = training.sparse_plan(PAIR_PENALTY)
    return core.score_network(run, core.train_network(run, model, run.cohort.genotypes, plan, "pair_network"))


def fit_oracle(run: core.Run) -> core.Score:
    """Score the model that knows the true loci and pairs and estimates their effects."""
    cohort, started = run.cohort, time.perf_counter()
    fit = pairs.fit_oracle(cohort.genotypes, cohort.phenotypes, run.all_but_test, cohort.traits, device=run.device)
    return _scored(run, fit, "exact", started)


def expect(model: theory.Model) -> Callable[[core.Run], core.Score]:
    """Return what scores a model by its expected accuracy, from the shares of variance that the sample has."""

    def score(run: core.Run) -> core.Score:
        genetic, phenotypic = run.cohort.genetic_values.var(axis=0), run.cohort.phenotypes.var(axis=0)
        h2 = np.minimum(genetic / phenotypic, 1)
        parts = np.stack([run.additive.var(axis=0), run.epistatic.var(axis=0)])
        shares = h2 * parts / parts.sum(axis=0)
        n_markers = run.cohort.genotypes.n_markers
        expected = theory.expected_accuracy(len(run.all_but_test), n_markers, *shares, model=model)
        # the prediction is the sum of parts whose variance and covariance with the truth are both v_c r2_c
        with_parts = np.sqrt(shares) * np.stack(expected[1:])
        r_additive, r_epistatic = np.divide(
            with_parts, expected.pearson_r, out=np.full_like(shares, np.nan), where=shares > 0
        )
        return core.Score(expected.pearson_r, "expected", r_additive, r_epistatic)

    return score


FITS = core.FITS | {
    "sparse_mlp": fit_sparse_mlp,
    "pair_network": fit_pair_network,
    "kernel": fit_kernel,
    "pairs": fit_pairs,
    "oracle": fit_oracle,
    "theory_ridge": expect("ridge"),
    "theory_kernel": expect("kernel"),
    "theory_oracle": expect("oracle"),
}
UNSTEERED = ("kernel", "pairs", "oracle", "theory_ridge", "theory_kernel", "theory_oracle")


def _scored(run: core.Run, fit: Any, status: str, started: float, columns: dict[str, Any] | None = None) -> core.Score:
    """Return the score of a fitted model on the test samples; started: when its fit began."""
    seconds = time.perf_counter() - started
    predicted = fit.predict(run.cohort.genotypes, run.split.test)
    return core.Score(
        **core.accuracy(run, run.split.test, predicted), status=status, seconds=seconds, columns=columns or {}
    )
