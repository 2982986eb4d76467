"""The path that the cells of all experiments take: simulate a cohort, fit its models, score them,
make tidy rows.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl import checks, seeds
from epidl.cohorts import alphasimr, zenodo
from epidl.cohorts.genotypes import Dosages
from epidl.cohorts.orders import MOST_ORDER, order_covariances
from epidl.cohorts.simulate import Cohort, genetic_parts, simulate
from epidl.cohorts.splits import Protocol, split_samples
from epidl.cohorts.worlds import simulate_world
from epidl.devices import one_cell_threads, resolve_device
from epidl.grid import costs, kept, results
from epidl.grid.fingerprint import model_fingerprint, run_fingerprint
from epidl.grid.params import EXPERIMENTS, Cell, WorldCell
from epidl.models import tuning
from epidl.models.recipes import MODELS
from epidl.models.task import Prediction, Task, pearson_r

STUDIES = "studies.sqlite"


@dataclass(frozen=True)
class CellResult:
    """table: one row per cohort, trait, model and protocol. side: further tables by name, such as
    trials.

    side's table `provenance` has one row per origin of fits, its record as JSON (`results.join`).
    """

    table: pd.DataFrame
    side: dict[str, pd.DataFrame]


# given the device, and the provenance of what is computed now: each fit's name and what computes it
EachFit = Callable[[str, dict[str, Any]], Iterator[tuple[str, Callable[[], results.Fitted]]]]
FITS: dict[str, Callable[[Task], Prediction]] = {
    name: model.predict for name, model in MODELS.items()
}


def run(cell: Cell, folder: Path | str = "", progress: bool = False) -> CellResult:
    """Simulate a cell's cohorts, and fit and score its models, but for fits that are kept.

    folder: where finished fits and Optuna's trials are kept, so that a killed cell resumes. An
    empty folder keeps them in memory only.

    Raises ValueError for a missing device and a `progress` that is not True or False, MemoryError
    if the cell does not fit the machine, ImportError if it searches without Optuna, and what
    `make_cohort` and `kept.claim` do.
    """
    if any(MODELS[model].searches(cell) for model in cell.models):
        tuning.check_installed()
    result = run_fits(cell, partial(_each_fit, cell, folder, progress), folder, progress)
    columns = dict.fromkeys([*result.table, *EXPERIMENTS[cell.experiment].columns])
    return replace(result, table=result.table.reindex(columns=list(columns)))


def run_fits(cell: Cell, each_fit: EachFit, folder: Path | str, progress: bool) -> CellResult:
    """Compute those of a cell's fits that are not kept, and return all. Arguments and errors are
    those of `run`.
    """
    folder, _ = checks.folder("output", folder), checks.boolean("progress", progress)
    device = resolve_device(cell.device)
    costs.check_memory(cell, device)
    parameters = cell.model_dump(mode="json")
    kept.claim(folder, parameters)
    there = kept.Kept.of(folder, cell, device)
    origin = results.provenance(parameters, datetime.now(UTC))
    done = []
    with one_cell_threads(cell.n_threads):
        for name, fit in each_fit(device, origin):
            done.append(there.once(name, fit))
    table, side, records = results.join(done)
    provenance = pd.DataFrame({"record": [json.dumps(record) for record in records]})
    return CellResult(table, side | {"provenance": provenance})


def _each_fit(
    cell: Cell, folder: Path | str, progress: bool, device: str, origin: dict[str, Any]
) -> Iterator[tuple[str, Callable[[], results.Fitted]]]:
    """Yield the fits of a simulated cell, cohort by cohort, as `EachFit` says."""
    for replicate, planned in itertools.groupby(cell.each_fit(), key=lambda each: each[1]):
        # a replicate of which all is kept is not simulated again; the one before is let go
        tasks = cache(partial(_tasks, cell, replicate, device, folder, progress))
        for name, _, protocol, model in planned:
            yield name, partial(_fit, tasks, protocol, model, origin)


def _tasks(
    cell: Cell, replicate: int, device: str, folder: Path | str, progress: bool
) -> tuple[pd.DataFrame, dict[Protocol, Task]]:
    """Return what is known of a cohort's traits before any fit, and the task of each protocol."""
    seed = seeds.derive(cell.seed, cell.cohorts, cell.cohort_name, replicate)
    cohort = make_cohort(cell, seed, replicate)
    parts = genetic_parts(cohort)
    asked = {
        each.name: getattr(cell, each.name) for each in fields(Task) if hasattr(cell, each.name)
    }
    given = asked | {
        "genotypes": cohort.genotypes,
        "phenotypes": cohort.phenotypes,
        "truth": cohort,
        "parts": parts,
        "seed": seed,
        "device": device,
        "studies": Path(folder) / STUDIES if folder else None,
        "progress": progress,
    }
    tasks = {}
    for protocol in cell.protocols:
        split = split_samples(cohort.genotypes.n_samples, protocol)
        study = partial(_study, cell, device, replicate, protocol)
        task = Task(**given, protocol=protocol, split=split, study=study)
        if isinstance(cohort.genotypes, Dosages):  # whose codes are centred on those that train
            task = replace(task, genotypes=cohort.genotypes.trained_on(task.all_but_test))
        tasks[protocol] = task
    truth = _truth(cell, cohort, parts, replicate, seed)
    return truth.assign(**_world(cell, cohort)), tasks


def _study(cell: Cell, device: str, replicate: int, protocol: Protocol, model: str) -> str:
    """Return the name of a search, which differs for other parameters or code, so that trials never
    mix.
    """
    code = f"{run_fingerprint(cell, device)} {model_fingerprint(model)}"
    return f"{model} replicate {replicate} {protocol} {code}"


def _fit(
    tasks: Callable[[], tuple[pd.DataFrame, dict[Protocol, Task]]],
    protocol: Protocol,
    model: str,
    origin: Mapping[str, Any],
) -> results.Fitted:
    started = datetime.now(UTC)
    truth, by_protocol = tasks()
    task = by_protocol[protocol]
    prediction = FITS[model](task)
    labels = truth.iloc[0][["experiment", "profile", "cell", "replicate"]].to_dict()
    labels |= {"protocol": protocol, "model": model}
    side = {}
    for name, table in prediction.side.items():
        side[name] = pd.DataFrame(labels, table.index).join(table)
    table = truth.assign(**_outcome(model, task, prediction))
    return results.Fitted(table, side, {**origin, **results.measured(started)})


def make_cohort(cell: Cell, seed: int, replicate: int = 1) -> Cohort:
    """Simulate the cohort of a replicate by the cell's backend, or read the authors', raising what
    these raise.
    """
    arguments = cell.architecture()
    if cell.source == "zenodo":
        return zenodo.read_replicate(cell, replicate, arguments)
    if isinstance(cell, WorldCell):
        return simulate_world(**arguments, seed=seed)
    backend = alphasimr.simulate if cell.backend == "alphasimr" else simulate
    return backend(**arguments, seed=seed)


def _outcome(model: str, task: Task, prediction: Prediction) -> dict[str, Any]:
    """Return the columns of the table that say how well a model predicts each trait, and how it was
    fitted.

    pearson_r: Pearson's r between prediction and phenotype of test individuals, the mean over
    splits, NaN for a diverged fit or if all are predicted alike. r_additive, r_epistatic: the same
    with each part of the genetic value, NaN also if a trait lacks the part. effect_r: between
    estimated and true additive effects over all markers, NaN for a model without effects.
    """
    scores = prediction.expected or _accuracy(task, prediction)
    effect_r = [_effect_r(task.truth, effects) for effects in prediction.effects]
    # a trait for which all test samples are predicted alike
    constant = np.isnan(scores["pearson_r"]) & (
        prediction.status not in ("diverged", "no_features")
    )
    return {
        "model": model,
        "protocol": task.protocol,
        "pearson_r": scores["pearson_r"],
        "status": np.where(constant, "constant", prediction.status),
        "r_additive": scores["r_additive"],
        "r_epistatic": scores["r_epistatic"],
        "effect_r": np.mean(effect_r, axis=0) if effect_r else np.nan,
        **{
            "penalty": np.nan,
            "hidden_width": 0,
            "learning_rate": np.nan,
            "epochs": 0,
            "seconds": 0.0,
        },
        **prediction.columns,
        "device": task.device,
    }


def _accuracy(task: Task, prediction: Prediction) -> dict[str, NDArray[np.float64]]:
    """Return the mean over splits of Pearson's r with the phenotypes, and with each genetic part."""
    scores, names = {}, ("pearson_r", "r_additive", "r_epistatic")
    for name, values in zip(names, (task.phenotypes, *task.parts), strict=True):
        of_splits = [pearson_r(values[rows], predicted) for rows, predicted in prediction.parts]
        scores[name] = np.mean(of_splits, axis=0)
    return scores


def _truth(
    cell: Cell, cohort: Cohort, parts: tuple[NDArray, NDArray], replicate: int, seed: int
) -> pd.DataFrame:
    """Return what is known of the traits before any fit, one row per trait."""
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


def _world(cell: Cell, cohort: Cohort) -> dict[str, Any]:
    """Return the further columns of a world: its population and, for each order of interactions,
    the expected share of V_G, the variance of its part in the sample, and the covariances of parts.
    """
    if not isinstance(cell, WorldCell):
        return {}
    names = ("population", "genome", "grouping", "qtl_between")
    columns = {name: getattr(cell, name) for name in names}
    covariances, orders = order_covariances(cohort), range(1, MOST_ORDER + 1)
    for k in orders:
        columns[f"expected_share_{k}"] = cell.shares[k - 1] if k <= len(cell.shares) else 0.0
    for k in orders:
        columns[f"share_{k}"] = covariances[:, k - 1, k - 1]
    for k, other in itertools.combinations(orders, 2):
        columns[f"covariance_{k}_{other}"] = covariances[:, k - 1, other - 1]
    return columns


def _effect_r(truth: Cohort, effects: NDArray[np.float64]) -> NDArray[np.float64]:
    if truth.unseen is not None:  # the markers have no true effects
        return np.full(len(truth.traits), np.nan)
    true = np.stack([trait.additive_by_marker(len(effects)) for trait in truth.traits], axis=1)
    return pearson_r(true, effects)
