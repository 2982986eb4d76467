"""The path that the cells of all experiments take: simulate a replicate, fit its models, score them, make tidy rows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.stats
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from epidl import networks, ridge, seeds, training
from epidl.simulate import Cohort, variance_components
from epidl.splits import Protocol, Split, random_split, split_samples

if TYPE_CHECKING:  # the compute path works without pydantic
    from epidl.params import Cell

N_RIDGE_SPLITS = 10


@dataclass(frozen=True)
class Run:
    """One cohort and how its models are fitted: what every model's fit is given."""

    cell: "Cell"
    cohort: Cohort
    protocol: Protocol
    seed: int
    device: str
    progress: bool

    @property
    def split(self) -> Split:
        """The fixed split of the protocol."""
        return split_samples(self.cohort.genotypes.n_samples, self.protocol)


@dataclass(frozen=True)
class Score:
    """How well one model predicts each trait, and how it was fitted; arrays are (n_traits,).

    pearson_r: Pearson's r between prediction and phenotype of test samples, NaN for a diverged fit and where all
    samples are predicted alike. effect_r: Pearson's r between estimated and true additive effects over all markers, NaN
    for a model without effects. penalty: the one that ridge chose (the lower median over its splits), NaN elsewhere.
    hidden_width, learning_rate, epochs: a network's.
    """

    pearson_r: NDArray[np.float64]
    status: str
    effect_r: NDArray[np.float64] | float = np.nan
    penalty: NDArray[np.float64] | float = np.nan
    hidden_width: int = 0
    learning_rate: float = np.nan
    epochs: int = 0


def run_cell(cell: "Cell", simulate_replicate: Callable[[int], Cohort], progress: bool = False) -> pd.DataFrame:
    """Run all replicates of a cell; a row of the returned table is one replicate, trait, model and protocol.

    simulate_replicate: makes the cohort of a replicate from its seed.
    """
    device = resolve_device(cell.device)
    tables = []
    with threadpool_limits(cell.n_threads), _torch_threads(cell.n_threads):
        for replicate in range(1, cell.n_replicates + 1):
            seed = seeds.derive(cell.seed, cell.experiment, cell.name, replicate)
            cohort = simulate_replicate(seed)
            truth = _truth(cell, cohort, replicate, seed)
            for model in cell.models:
                for protocol in cell.protocols:
                    run = Run(cell, cohort, protocol, seed, device, progress)
                    tables.append(truth.assign(**_outcome(model, run)))
    return pd.concat(tables, ignore_index=True)


def resolve_device(device: str) -> str:
    """Return 'cuda' or 'cpu'; 'auto' takes the GPU where there is one. Raises ValueError where CUDA is missing."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ValueError("device must be 'cpu' or 'auto' on this machine: torch finds no CUDA device, got 'cuda'")
    return "cuda" if available and device != "cpu" else "cpu"


def fit_ridge(run: Run) -> Score:
    """Score exact ridge: over 10 random 85/15 splits (published), or on the fixed test split (held_out)."""
    cohort = run.cohort
    if run.protocol == "published":
        rng = seeds.generator(run.seed, "ridge_splits")
        splits = [random_split(cohort.genotypes.n_samples, rng) for _ in range(N_RIDGE_SPLITS)]
    else:  # leave-one-out needs no validation split: it trains too
        splits = [(np.concatenate([run.split.train, run.split.validation]), run.split.test)]
    fits = [ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, train) for train, _ in splits]
    predictions = [fit.predict(cohort.genotypes, test) for fit, (_, test) in zip(fits, splits, strict=True)]
    scores = [pearson_r(cohort.phenotypes[test], p) for p, (_, test) in zip(predictions, splits, strict=True)]
    return Score(
        pearson_r=np.mean(scores, axis=0),
        status="exact",
        effect_r=np.mean([_effect_r(cohort, fit.effects) for fit in fits], axis=0),
        penalty=np.quantile([fit.penalties for fit in fits], 0.5, axis=0, method="lower"),  # one that was chosen
    )


def fit_ridge_sgd(run: Run) -> Score:
    """Score the linear layer that stochastic gradient descent trains with ridge's penalty."""
    model = networks.linear_model(run.cohort.genotypes.n_markers, len(run.cohort.traits), _generator(run, "weights"))
    score = _train_and_score(model, run, training.RIDGE_SGD)
    effects = (model.weight[1] - model.weight[0]).detach().cpu().double().numpy().T  # a change of allele 0 to 1
    return replace(score, effect_r=_effect_r(run.cohort, effects))


def fit_mlp(run: Run) -> Score:
    """Score the MLP, all traits in one network."""
    n_markers, n_traits = run.cohort.genotypes.n_markers, len(run.cohort.traits)
    model = networks.mlp(n_markers, n_traits, run.cell.hidden_width, _generator(run, "weights"))
    plan = training.mlp_plan(
        learning_rate=run.cell.mlp_learning_rate,
        max_epochs=run.cell.mlp_max_epochs,
        drop_ragged_batch=run.cell.drop_ragged_batch,
    )
    return replace(_train_and_score(model, run, plan), hidden_width=run.cell.hidden_width)


FITS: dict[str, Callable[[Run], Score]] = {"ridge": fit_ridge, "ridge_sgd": fit_ridge_sgd, "mlp": fit_mlp}


def pearson_r(observed: NDArray, predicted: NDArray) -> NDArray[np.float64]:
    """Return Pearson's r of each column; NaN where either column does not vary, or is not finite."""
    usable = np.isfinite(predicted).all(axis=0) & (np.ptp(predicted, axis=0) > 0) & (np.ptp(observed, axis=0) > 0)
    r = np.full(observed.shape[1], np.nan)
    if usable.any():
        r[usable] = scipy.stats.pearsonr(observed[:, usable], predicted[:, usable], axis=0).statistic
    return r


@contextmanager
def _torch_threads(n_threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _outcome(model: str, run: Run) -> dict:
    started = time.perf_counter()
    score = FITS[model](run)
    seconds = time.perf_counter() - started
    constant = np.isnan(score.pearson_r) & (score.status != "diverged")
    status = np.where(constant, "constant", score.status)  # a trait for which all test samples are predicted alike
    outcome = {"model": model, "protocol": run.protocol} | vars(score)
    return outcome | {"status": status, "seconds": seconds, "device": run.device}


def _truth(cell: "Cell", cohort: Cohort, replicate: int, seed: int) -> pd.DataFrame:
    """Return what is known of the traits before any fit: a row a trait."""
    components = [variance_components(cohort.genotypes, trait) for trait in cohort.traits]
    return pd.DataFrame(
        {
            "experiment": cell.experiment,
            "profile": cell.profile,
            "cell": cell.name,
            "n_samples": cohort.genotypes.n_samples,
            "n_markers": cohort.genotypes.n_markers,
            "n_qtl": [len(trait.qtl) for trait in cohort.traits],
            "scaling": getattr(cell, "scaling", None),
            "n_traits": len(cohort.traits),
            "pleiotropy": getattr(cell, "pleiotropy", 0.0),
            "shared_pairs": getattr(cell, "shared_pairs", False),
            "replicate": replicate,
            "seed": seed,
            "trait": range(1, len(cohort.traits) + 1),
            "rel_aa": [trait.rel_aa for trait in cohort.traits],
            "va_over_vg": [c.additive / c.genetic for c in components],
            "vaa_over_vg": [c.epistatic / c.genetic for c in components],
        }
    )


def _train_and_score(model: torch.nn.Module, run: Run, plan: training.TrainingPlan) -> Score:
    cohort, split = run.cohort, run.split
    record = training.train(
        model,
        cohort.genotypes,
        cohort.phenotypes,
        split,
        plan,
        generator=_generator(run, "batches"),
        device=run.device,
        progress=run.progress,
    )
    r = np.full(len(cohort.traits), np.nan)
    if record.status != "diverged":
        r = pearson_r(cohort.phenotypes[split.test], training.predict(model, cohort.genotypes, split.test, run.device))
    return Score(pearson_r=r, status=record.status, learning_rate=plan.learning_rate, epochs=record.epochs)


def _generator(run: Run, purpose: str) -> torch.Generator:
    return seeds.torch_generator(run.seed, run.protocol, purpose)


def _effect_r(cohort: Cohort, effects: NDArray[np.float64]) -> NDArray[np.float64]:
    true = np.stack([trait.additive_by_marker(len(effects)) for trait in cohort.traits], axis=1)
    return pearson_r(true, effects)
