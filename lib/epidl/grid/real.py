"""The cells of real cohorts: one trait, its splits of each kind, and the fit of each model to each
split, kept as the fits of a simulated cohort are.

`random` splits are 85/15 draws. A column of groups makes ten folds of whole groups, and published
folds are taken as they are. All estimates come from the training individuals of each split,
including effects of covariates and the means that fill missing genotypes.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import tqdm

from epidl import seeds
from epidl.cohorts.splits import Split
from epidl.grid import core, results
from epidl.grid.core import CellResult
from epidl.grid.params import RealCell
from epidl.own import comparison, public, registry
from epidl.own.reader import OwnCohort

ReadSplits = Callable[[str], tuple[OwnCohort, list[tuple[str, Split]]]]


def read(cell: RealCell, protocol: str) -> OwnCohort:
    """Return the cell's cohort with the groups of a kind of splits, for random splits those of the
    first column of groups.
    """
    group = protocol
    if protocol == registry.RANDOM:
        group = next(iter(cell.cohort.groups), "")
    return public.read_public(cell.dataset, cell.trait, group=group)


def splits(cell: RealCell, protocol: str) -> tuple[OwnCohort, list[tuple[str, Split]]]:
    """Return the cohort, and the named splits of a kind. Published folds are no groups of the
    cohort.
    """
    cohort = read(cell, protocol)
    kind = "random" if protocol == registry.RANDOM else "folds"
    seed = seeds.derive(cell.seed, cell.cohorts, cell.cohort_name)
    if cell.n_train:
        return cohort, comparison.draws(cohort.observed, cell.n_train, cell.n_replicates, seed)
    named = comparison.make_splits(cohort.observed, kind, cell.n_replicates, seed)
    if protocol == cell.cohort.folds:
        cohort = replace(cohort, observed=replace(cohort.observed, groups=None))
    return cohort, named


def run(cell: RealCell, folder: Path | str = "", progress: bool = False) -> CellResult:
    """Fit and score a cell's models, with the arguments and errors of `core.run`.

    Also raises what `public.read_public`, `comparison.make_splits` and `comparison.make_task` do.
    """
    return core.run_fits(cell, partial(_each_fit, cell, progress), folder, progress)


def _each_fit(
    cell: RealCell, progress: bool, device: str, origin: dict[str, Any]
) -> Iterator[tuple[str, Callable[[], results.Fitted]]]:
    """Yield the fits of a cell, one kind of splits after the other, as `core.EachFit` says."""
    # the last alone: large cohorts are read for one kind of splits after the other
    split = lru_cache(maxsize=1)(partial(splits, cell))
    task = lru_cache(maxsize=1)(partial(_task, cell, split, device))
    origin = origin | {"data": cell.cohort.hashes}
    kind_by_kind = sorted(cell.each_fit(), key=lambda each: cell.protocols.index(each[2]))
    for name, number, protocol, model in tqdm.tqdm(kind_by_kind, disable=not progress):
        yield name, partial(_fit, task, protocol, number, model, origin)


def _task(
    cell: RealCell, split: ReadSplits, device: str, protocol: str, number: int
) -> tuple[dict[str, Any], tuple]:
    """Return what is known of a split before any fit, and the arguments of `fit_and_score`."""
    cohort, named = split(protocol)
    name, rows = named[number - 1]
    seed = seeds.derive(cell.seed, cell.cohorts, cell.cohort_name, number)
    task, *scales = comparison.make_task(cohort.observed, rows, cell.hidden_width, device, seed)
    known = {
        "experiment": cell.experiment,
        "profile": cell.profile,
        "cell": cell.name,
        "dataset": cell.dataset,
        "trait": cell.trait,
        "n_samples": cohort.dosages.n_samples,
        "n_markers": cohort.dosages.n_markers,
        "protocol": protocol,
        "grouped": protocol in cell.cohort.groups,
        "replicate": number,
        "split": name,
        "seed": seed,
    }
    return known, (cohort.observed, task, *scales)


def _fit(
    task: Callable[[str, int], tuple[dict[str, Any], tuple]],
    protocol: str,
    number: int,
    model: str,
    origin: dict[str, Any],
) -> results.Fitted:
    started = datetime.now(UTC)
    known, arguments = task(protocol, number)
    row = known | {"model": model} | comparison.fit_and_score(*arguments, model)
    row |= {"device": arguments[1].device}
    columns = dict.fromkeys([*row, *comparison.REML])
    table = pd.DataFrame([row], columns=list(columns))
    return results.Fitted(table, {}, origin | results.measured(started))
