"""The path that the cells of all experiments take: simulate a replicate, fit its models, score them, make tidy rows."""

import importlib.util
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.stats
import torch
from numpy.typing import NDArray

from epidl import checks, seeds
from epidl.cohorts import alphasimr, zenodo
from epidl.cohorts.genotypes import Genotypes
from epidl.cohorts.simulate import Cohort, genetic_parts, simulate
from epidl.cohorts.splits import N_RIDGE_SPLITS, Protocol, Split, random_split, split_samples
from epidl.grid import costs, kept, results
from epidl.grid.fingerprint import run_fingerprint
from epidl.models import networks, ridge, training, tuning

if TYPE_CHECKING:  # the compute path works without pydantic
    from epidl.grid.params import Cell

STUDIES = "studies.sqlite"


@dataclass(frozen=True)
class Run:
    """One cohort and how its models are fitted: what every model's fit is given.

    additive, epistatic: the parts of the genetic values, (n_samples, n_traits). studies: where Optuna's trials are
    kept, None for in memory only. shared: work that several models' fits need.
    """

    cell: "Cell"
    cohort: Cohort
    additive: NDArray[np.float64]
    epistatic: NDArray[np.float64]
    protocol: Protocol
    replicate: int
    seed: int
    device: str
    studies: Path | None = None
    progress: bool = False
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def split(self) -> Split:
        """The fixed split of the protocol."""
        return split_samples(self.cohort.genotypes.n_samples, self.protocol)

    @property
    def all_but_test(self) -> NDArray[np.int64]:
        """The rows that train a model that needs no validation split: the same 85 % under each protocol."""
        return np.setdiff1d(np.concatenate([self.split.train, self.split.validation]), self.split.test)

    @property
    def n_traits(self) -> int:
        """The number of traits, all of which a network learns."""
        return len(self.cohort.traits)

    def generator(self, *purpose: object) -> torch.Generator:
        """Return the generator of one purpose of this run."""
        return seeds.torch_generator(self.seed, self.protocol, *purpose)

    def once(self, name: str, make: Callable[["Run"], Any]) -> Any:
        """Return what `make` makes of this run, made at most once."""
        if name not in self.shared:
            self.shared[name] = make(self)
        return self.shared[name]


@dataclass(frozen=True)
class Fit:
    """A trained network, the genotypes that it reads, and how it was trained."""

    model: torch.nn.Module
    genotypes: Genotypes
    plan: training.TrainingPlan
    record: training.TrainingRecord


@dataclass(frozen=True)
class Score:
    """How well one model predicts each trait, and how it was fitted; arrays are (n_traits,).

    pearson_r: Pearson's r between prediction and phenotype of test samples, NaN for a diverged fit and where all
    samples are predicted alike. r_additive, r_epistatic: Pearson's r between prediction and each part of the genetic
    value; NaN also where a trait lacks the part. effect_r: Pearson's r between estimated and true additive effects over
    all markers, NaN for a model without effects. penalty: the one that ridge chose (the lower median over its splits),
    NaN elsewhere. hidden_width, learning_rate, epochs: a network's. seconds: of this fit alone, without a search.
    columns: further columns of the table, a value or one a trait. side: tables of more detail, such as Optuna's trials.
    """

    pearson_r: NDArray[np.float64]
    status: str
    r_additive: NDArray[np.float64] | float = np.nan
    r_epistatic: NDArray[np.float64] | float = np.nan
    effect_r: NDArray[np.float64] | float = np.nan
    penalty: NDArray[np.float64] | float = np.nan
    hidden_width: int = 0
    learning_rate: float = np.nan
    epochs: int = 0
    seconds: float = 0.0
    columns: Mapping[str, Any] = field(default_factory=dict)
    side: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the columns of the table."""
        values = vars(self) | self.columns
        return {name: value for name, value in values.items() if name not in ("columns", "side")}


@dataclass(frozen=True)
class CellResult:
    """table: a row a replicate, trait, model and protocol. side: further tables by name, such as trials.

    Of side, `provenance` has a row for each origin of fits, its record as JSON (`results.join`).
    """

    table: pd.DataFrame
    side: dict[str, pd.DataFrame]


FitModel = Callable[[Run], Score]
Architecture = Callable[[Any], dict[str, Any]]


def run_cell(
    cell: "Cell",
    architecture: Architecture,
    fits: Mapping[str, FitModel],
    folder: Path | str = "",
    progress: bool = False,
    held_out_only: Collection[str] = (),
) -> CellResult:
    """Run all replicates of a cell.

    architecture: what the cell's cohorts are simulated with. fits: fits and scores each model.
    held_out_only: models that are fitted under `held_out` alone where the cell has that protocol too.
    folder: where finished fits and Optuna's trials are kept, so that a killed cell resumes; in memory only where it is
    empty.

    Raises ValueError for a device that is not there and a `progress` that is not True or False, MemoryError where the
    cell does not fit the machine, ImportError where it searches without Optuna, and what `make_cohort` and `kept.claim`
    do.
    """
    folder, progress = checks.folder("output", folder), checks.boolean("progress", progress)
    device = resolve_device(cell.device)
    costs.check_memory(cell, device)
    if _searches(cell):
        tuning.check_installed()
    parameters = cell.model_dump(mode="json")
    kept.claim(folder, parameters)
    there, origin = kept.Kept.of(folder, cell, device), results.provenance(parameters, datetime.now(UTC))
    done: list[results.Fitted] = []
    with costs.one_cell_threads(cell.n_threads):
        for replicate in range(1, cell.n_replicates + 1):
            # a replicate of which all is kept is not simulated again
            runs = cache(partial(_runs, cell, architecture, replicate, device, folder, progress))
            for model in cell.models:
                for protocol in _one(cell.protocols) if model in held_out_only else cell.protocols:
                    fit = partial(_fit, runs, protocol, model, fits[model], origin)
                    done.append(there.once(f"{cell.name} {replicate} {protocol} {model}", fit))
    table, side, records = results.join(done)
    provenance = pd.DataFrame({"record": [json.dumps(record) for record in records]})
    return CellResult(table, side | {"provenance": provenance})


def _searches(cell: "Cell") -> bool:
    """Tell whether a cell's models have settings to choose from: rates, and the pruned ones the number of features."""
    networks, pruned = {"mlp", "mlp_recomputed"} & set(cell.models), {"lasso_pruned", "mlp_pruned"} & set(cell.models)
    if pruned and cell.max_features[0] < cell.max_features[1]:
        return True
    return bool(networks | pruned) and len(cell.rates) > 1


def _runs(
    cell: "Cell", architecture: Architecture, replicate: int, device: str, folder: Path | str, progress: bool
) -> tuple[pd.DataFrame, dict[Protocol, Run]]:
    """Return what is known of a replicate's traits before any fit, and a run for each protocol."""
    seed = seeds.derive(cell.seed, cell.cohorts, cell.cohort_name, replicate)
    cohort = make_cohort(cell, architecture, seed, replicate)
    parts = genetic_parts(cohort)
    studies = Path(folder) / STUDIES if folder else None
    runs = {
        protocol: Run(cell, cohort, *parts, protocol, replicate, seed, device, studies, progress)
        for protocol in cell.protocols
    }
    return _truth(cell, cohort, parts, replicate, seed), runs


def _fit(
    runs: Callable[[], tuple[pd.DataFrame, dict[Protocol, Run]]],
    protocol: Protocol,
    model: str,
    fit: FitModel,
    origin: Mapping[str, Any],
) -> results.Fitted:
    started = datetime.now(UTC)
    truth, by_protocol = runs()
    run = by_protocol[protocol]
    score = fit(run)
    side = {name: _labelled(table, run, model) for name, table in score.side.items()}
    table = truth.assign(**_outcome(model, run, score))
    return results.Fitted(table, side, {**origin, **results.measured(started)})


def make_cohort(cell: "Cell", architecture: Architecture, seed: int, replicate: int = 1) -> Cohort:
    """Simulate the cohort of a replicate by the cell's backend, or read the authors' one; raises what these raise."""
    arguments = architecture(cell)
    if cell.source == "zenodo":
        return zenodo.read_replicate(cell, replicate, arguments)
    backend = alphasimr.simulate if cell.backend == "alphasimr" else simulate
    return backend(**arguments, seed=seed)


def resolve_device(device: str) -> str:
    """Return 'cuda' or 'cpu'; 'auto' takes the GPU where there is one, and Triton to train on it.

    Raises ValueError for 'cuda' where either is missing.
    """
    checks.choice("device", device, ("auto", "cpu", "cuda"))
    missing = [] if torch.cuda.is_available() else ["torch finds no CUDA device"]
    missing += [] if importlib.util.find_spec("triton") else ["there is no package triton"]
    if device == "cuda" and missing:
        raise ValueError(f"device must be 'cpu' or 'auto' on this machine: {missing[0]}, got 'cuda'")
    return "cpu" if missing or device == "cpu" else "cuda"


def fit_ridge(run: Run) -> Score:
    """Score exact ridge: over 10 random 85/15 splits (published), or on the fixed test split (held_out)."""
    cohort, started = run.cohort, time.perf_counter()
    if run.protocol == "published":
        rng = seeds.generator(run.seed, "ridge_splits")
        splits = [random_split(cohort.genotypes.n_samples, rng) for _ in range(N_RIDGE_SPLITS[run.protocol])]
    else:  # leave-one-out needs no validation split: it trains too
        splits = [(run.all_but_test, run.split.test)]
    training_rows = [train for train, _ in splits]
    fits = list(ridge.fit_ridge_splits(cohort.genotypes, cohort.phenotypes, training_rows, device=run.device))
    predictions = [fit.predict(cohort.genotypes, test) for fit, (_, test) in zip(fits, splits, strict=True)]
    scores = [accuracy(run, test, p) for p, (_, test) in zip(predictions, splits, strict=True)]
    return Score(
        **{name: np.mean([score[name] for score in scores], axis=0) for name in scores[0]},
        status="exact",
        effect_r=np.mean([_effect_r(cohort, fit.effects) for fit in fits], axis=0),
        penalty=np.quantile([fit.penalties for fit in fits], 0.5, axis=0, method="lower"),  # one that was chosen
        seconds=time.perf_counter() - started,
    )


def fit_ridge_sgd(run: Run) -> Score:
    """Score the linear layer that stochastic gradient descent trains with ridge's penalty."""
    return fit_linear(run, training.RIDGE_SGD)[1]


def fit_linear(run: Run, plan: training.TrainingPlan, *purpose: object) -> tuple[Fit, Score]:
    """Train one linear layer from all one-hot columns to all traits; return it with its score."""
    genotypes = run.cohort.genotypes
    model = networks.OneHotLinear(genotypes.n_markers, run.n_traits, run.generator("weights", *purpose))
    fit = train_network(run, model, genotypes, plan, *purpose)
    effects = (model.weight[1] - model.weight[0]).detach().cpu().double().numpy().T  # a change of allele 0 to 1
    return fit, replace(score_network(run, fit), effect_r=_effect_r(run.cohort, effects))


def fit_mlp(run: Run) -> Score:
    """Score the MLP, all traits in one network, with the cell's rate or with Optuna's choice of its rates."""
    fit, trials = run.once("mlp", train_mlp)
    return replace(score_network(run, fit), hidden_width=run.cell.hidden_width, side=trials)


def train_mlp(run: Run) -> tuple[Fit, dict[str, pd.DataFrame]]:
    """Train the MLP; return it and the trials of its search."""
    genotypes = run.cohort.genotypes

    def fit(settings: Mapping[str, Any], *purpose: object) -> Fit:
        model = networks.mlp(
            genotypes.n_markers, run.n_traits, run.cell.hidden_width, run.generator("weights", *purpose)
        )
        return train_network(run, model, genotypes, mlp_plan(run, settings), *purpose)

    settings, trials = tune(run, "mlp", fit, {"learning_rate": run.cell.rates}, getattr(run.cell, "n_trials", 1))
    return fit(settings), trials


FITS: dict[str, FitModel] = {"ridge": fit_ridge, "ridge_sgd": fit_ridge_sgd, "mlp": fit_mlp}


def mlp_plan(run: Run, settings: Mapping[str, Any], **changes: Any) -> training.TrainingPlan:
    """Return the plan of an MLP with the settings that a search chose."""
    cell = run.cell
    return training.mlp_plan(
        settings["learning_rate"], max_epochs=cell.mlp_max_epochs, drop_ragged_batch=cell.drop_ragged_batch, **changes
    )


def tune(
    run: Run, model: str, fit: Callable[..., Fit], space: tuning.Space, n_trials: int
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Choose settings by the validation loss of trial fits; return them and the trials as a side table.

    fit: trains with given settings; what follows them is the purpose that its random draws are for. Where each setting
    has one value only, nothing is tried.
    """
    if all(len(values) == 1 for values in space.values()):
        return {name: values[0] for name, values in space.items()}, {}

    def objective(settings: Mapping[str, Any], number: int) -> tuple[float, dict[str, Any]]:
        record = fit(settings, "trial", number).record
        return record.comparable_loss, {"epochs": record.epochs, "status": record.status}

    settings, trials = tuning.search(
        objective,
        space,
        n_trials=n_trials,
        seed=seeds.derive(run.seed, run.protocol, model),
        # trials of other parameters or of other code are another study, never mixed with these
        name=f"{model} replicate {run.replicate} {run.protocol} {run_fingerprint(run.cell, run.device)}",
        file=run.studies,
    )
    return settings, {"trials": trials}


def train_network(
    run: Run, model: torch.nn.Module, genotypes: Genotypes, plan: training.TrainingPlan, *purpose: object
) -> Fit:
    """Train a network on the run's split; purpose: what its random draws are for."""
    return train_networks(run, [model], genotypes, [plan], *purpose)[0]


def train_networks(
    run: Run,
    models: Sequence[torch.nn.Module],
    genotypes: Genotypes,
    plans: Sequence[training.TrainingPlan],
    *purpose: object,
) -> list[Fit]:
    """Train networks, each by its own plan, on the run's split and with the same draws; small ones side by side."""
    records = training.train_together(
        models,
        genotypes,
        run.cohort.phenotypes,
        run.split,
        plans,
        generators=[run.generator("batches", *purpose) for _ in models],
        device=run.device,
        progress=run.progress,
    )
    fitted = zip(models, plans, records, strict=True)
    return [Fit(model, genotypes, plan, record) for model, plan, record in fitted]


def score_network(run: Run, fit: Fit) -> Score:
    """Score a trained network on the test samples; a diverged one has no r."""
    predicted = np.full((len(run.split.test), run.n_traits), np.nan)
    if fit.record.status != "diverged":
        predicted = training.predict(fit.model, fit.genotypes, run.split.test, run.device)
    return Score(
        **accuracy(run, run.split.test, predicted),
        status=fit.record.status,
        learning_rate=fit.plan.learning_rate,
        epochs=fit.record.epochs,
        seconds=fit.record.seconds,
    )


def accuracy(run: Run, rows: NDArray[np.integer], predicted: NDArray) -> dict[str, NDArray[np.float64]]:
    """Return Pearson's r between the prediction of some samples and their phenotypes, and each genetic part."""
    truth = {"pearson_r": run.cohort.phenotypes, "r_additive": run.additive, "r_epistatic": run.epistatic}
    return {name: pearson_r(values[rows], predicted) for name, values in truth.items()}


def pearson_r(observed: NDArray, predicted: NDArray) -> NDArray[np.float64]:
    """Return Pearson's r of each column; NaN where either column does not vary, or is not finite."""
    usable = np.isfinite(predicted).all(axis=0) & (np.ptp(predicted, axis=0) > 0) & (np.ptp(observed, axis=0) > 0)
    r = np.full(observed.shape[1], np.nan)
    if usable.any():
        r[usable] = scipy.stats.pearsonr(observed[:, usable], predicted[:, usable], axis=0).statistic
    return r


def _one(protocols: Sequence[Protocol]) -> Sequence[Protocol]:
    return ["held_out"] if "held_out" in protocols else protocols[:1]


def _labelled(table: pd.DataFrame, run: Run, model: str) -> pd.DataFrame:
    """Return a side table with columns before its own that say which fit it belongs to."""
    cell = run.cell
    labels = {"experiment": cell.experiment, "profile": cell.profile, "cell": cell.name, "replicate": run.replicate}
    return pd.DataFrame(labels | {"protocol": run.protocol, "model": model}, table.index).join(table)


def _outcome(model: str, run: Run, score: Score) -> dict[str, Any]:
    constant = np.isnan(score.pearson_r) & np.isin(score.status, ["diverged", "no_features"], invert=True)
    status = np.where(constant, "constant", score.status)  # a trait for which all test samples are predicted alike
    outcome = {"model": model, "protocol": run.protocol} | score.row()
    return outcome | {"status": status, "device": run.device}


def _truth(cell: "Cell", cohort: Cohort, parts: tuple[NDArray, NDArray], replicate: int, seed: int) -> pd.DataFrame:
    """Return what is known of the traits before any fit: a row a trait."""
    total = cohort.genetic_values.var(axis=0)
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
            "all_pairs": getattr(cell, "all_pairs", False),
            "broad_sense_heritability": cell.broad_sense_heritability,
            "replicate": replicate,
            "seed": seed,
            "trait": range(1, len(cohort.traits) + 1),
            "rel_aa": [trait.rel_aa for trait in cohort.traits],
            "va_over_vg": parts[0].var(axis=0) / total,
            "vaa_over_vg": parts[1].var(axis=0) / total,
        }
    )


def _effect_r(cohort: Cohort, effects: NDArray[np.float64]) -> NDArray[np.float64]:
    true = np.stack([trait.additive_by_marker(len(effects)) for trait in cohort.traits], axis=1)
    return pearson_r(true, effects)
