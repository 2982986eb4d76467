"""More models on the cohorts of the three experiments: what quantitative genetics and sparse regression have to offer.

The same individuals are the test split of all models. Those that need no validation split train on all others.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from epidl.cohorts.splits import BATCH_SIZE
from epidl.grid.experiments import core, correlation, dilution, scaling
from epidl.models import kernels, networks, pairs, theory, training

if TYPE_CHECKING:
    from epidl.grid.params import BeyondCell, BeyondCorrelationCell, BeyondDilutionCell, RaggedCell, SurveyCell

MOST_WIDTH = 512  # of the networks here, or the cell's where that is narrower
MOST_STEPS = 6000  # of their training, and 300 epochs at most
PATIENT = ("mlp_patient", "skip_mlp", "sparse_mlp", "pair_network")  # networks trained for `patient_epochs`
PENALTIES = {"sparse_mlp": (0.0001, 0.0003, 0.001, 0.003), "pair_network": (0.001, 0.003, 0.01, 0.03, 0.1)}
PAIR_RATE = 0.2  # over the number of markers

ARCHITECTURES = {
    "scaling": scaling.architecture,
    "dilution": dilution.architecture,
    "survey": dilution.architecture,
    "correlation": correlation.architecture,
}


def run(
    cell: "BeyondCell | BeyondDilutionCell | BeyondCorrelationCell | SurveyCell", **options: Any
) -> core.CellResult:
    """Run one cell; options and result are those of `core.run_cell`."""
    return core.run_cell(cell, ARCHITECTURES[cell.cohorts], FITS, held_out_only=HELD_OUT_ONLY, **options)


def run_ragged(cell: "RaggedCell", **options: Any) -> core.CellResult:
    """Run one cell of the ragged batch: under each protocol, since it is the published one that is asked about."""
    return core.run_cell(cell, scaling.architecture, FITS, **options)


def fit_kernel(run: core.Run) -> core.Score:
    """Score epistatic BLUP, its variance components estimated by REML."""
    cohort, started = run.cohort, time.perf_counter()
    fit = kernels.fit_kernel(cohort.genotypes, cohort.phenotypes, run.all_but_test, device=run.device, seed=run.seed)
    shares = fit.components / fit.components.sum(axis=1, keepdims=True)
    columns = {"reml_additive": shares[:, 0], "reml_epistatic": shares[:, 1]}
    return _scored(run, fit, "exact" if fit.converged.all() else "not_converged", started, columns)


def fit_pairs(run: core.Run) -> core.Score:
    """Score sparse regression on pairs; beside it, how many pairs it kept and how many of these are true."""
    cohort, started = run.cohort, time.perf_counter()
    fit = pairs.fit_pairs(cohort.genotypes, cohort.phenotypes, run.all_but_test, device=run.device)
    return _scored(run, fit, "exact", started, pairs.precision_and_recall(fit.pairs, cohort.traits))


def fit_mlp_recomputed(run: core.Run) -> core.Score:
    """Score the MLP with its batch norm's statistics recomputed over the training samples."""
    fit, _ = run.once("mlp", core.train_mlp)
    model = copy.deepcopy(fit.model)
    training.recompute_batch_norm(model, fit.genotypes, run.split.train, run.device)
    return replace(core.score_network(run, replace(fit, model=model)), hidden_width=run.cell.hidden_width)


def fit_mlp_patient(run: core.Run) -> core.Score:
    """Score the MLP's architecture trained longer, on the squared error, at a smaller rate that falls to 0."""
    return _with_best_penalty(run, "mlp_patient", networks.mlp, [0.0])


def fit_skip_mlp(run: core.Run) -> core.Score:
    """Score a plain network without batch norm: one hidden layer, and a linear path around it."""
    return _with_best_penalty(run, "skip_mlp", networks.SkipMlp, [0.0])


def fit_sparse_mlp(run: core.Run) -> core.Score:
    """Score the same network under an L1 penalty, which makes it sparse."""
    return _with_best_penalty(run, "sparse_mlp", networks.SkipMlp, PENALTIES["sparse_mlp"])


def fit_pair_network(run: core.Run) -> core.Score:
    """Score a network of multiplicative units, an L1 penalty on its gates; with more markers its steps are smaller."""

    def make(n_markers: int, n_traits: int, *_: object) -> nn.Module:
        return networks.PairNetwork(n_markers, n_traits)

    rate = PAIR_RATE / run.cohort.genotypes.n_markers
    return replace(
        _with_best_penalty(run, "pair_network", make, PENALTIES["pair_network"], learning_rate=rate), hidden_width=0
    )


def patient_epochs(n_train: int) -> int:
    """Return the epochs of the networks here: 300, or fewer where samples are many, but 1 at least."""
    return max(1, min(300, MOST_STEPS // -(-n_train // BATCH_SIZE)))


def _with_best_penalty(
    run: core.Run, name: str, make: Callable[..., nn.Module], penalties: Sequence[float], **plan: float
) -> core.Score:
    """Train with each L1 penalty and score the network of the smallest validation loss; seconds: of all of them."""
    genotypes, width = run.cohort.genotypes, min(MOST_WIDTH, run.cell.hidden_width)
    plan["max_epochs"] = patient_epochs(len(run.split.train))
    models = [make(genotypes.n_markers, run.n_traits, width, run.generator("weights", name)) for _ in penalties]
    plan["drop_ragged_batch"] = run.cell.drop_ragged_batch
    plans = [training.patient_plan(penalty, **plan) for penalty in penalties]
    fits = core.train_networks(run, models, genotypes, plans, name)
    best = min(fits, key=lambda fit: fit.record.comparable_loss)
    return replace(
        core.score_network(run, best),
        hidden_width=width,
        seconds=sum(fit.record.seconds for fit in fits),
        columns={"l1_penalty": best.plan.l1_penalty},
    )


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
        # the oracle leaves out markers without effect
        n_markers = len(run.cohort.traits[0].qtl) if model == "oracle" else run.cohort.genotypes.n_markers
        # where all pairs interact, to know the true ones is to know nothing more than the kernel
        known = "kernel" if model == "oracle" and getattr(run.cell, "all_pairs", False) else model
        expected = theory.expected_accuracy(len(run.all_but_test), n_markers, *shares, model=known)
        # the prediction is the sum of parts whose variance and covariance with the truth are both v_c r2_c
        with_parts = np.sqrt(shares) * np.stack(expected[1:])
        r_additive, r_epistatic = np.divide(
            with_parts, expected.pearson_r, out=np.full_like(shares, np.nan), where=shares > 0
        )
        return core.Score(expected.pearson_r, "expected", r_additive, r_epistatic)

    return score


FITS = core.FITS | {
    "mlp_recomputed": fit_mlp_recomputed,
    "mlp_patient": fit_mlp_patient,
    "skip_mlp": fit_skip_mlp,
    "sparse_mlp": fit_sparse_mlp,
    "pair_network": fit_pair_network,
    "kernel": fit_kernel,
    "pairs": fit_pairs,
    "oracle": fit_oracle,
    "theory_ridge": expect("ridge"),
    "theory_kernel": expect("kernel"),
    "theory_oracle": expect("oracle"),
}
HELD_OUT_ONLY = tuple(set(FITS) - set(core.FITS))  # the publication has none of these


def _scored(run: core.Run, fit: Any, status: str, started: float, columns: dict[str, Any] | None = None) -> core.Score:
    """Return the score of a fitted model on the test samples; started: when its fit began."""
    seconds = time.perf_counter() - started
    predicted = fit.predict(run.cohort.genotypes, run.split.test)
    return core.Score(
        **core.accuracy(run, run.split.test, predicted), status=status, seconds=seconds, columns=columns or {}
    )
