"""Tuning: Optuna's search for a network's settings, with every trial stored as it ends.

A stored search continues after an interruption and finds what it would have found without: the
sampler of each trial has its own seed, derived from the search's seed and the number of finished
trials.
"""

import contextlib
import functools
import importlib.util
import sqlite3
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from epidl import seeds
from epidl import storage as epidl_storage

if TYPE_CHECKING:  # Optuna is imported where a search begins: fixed settings do without it
    import optuna

Space = Mapping[str, tuple[float, ...] | range]
Objective = Callable[[Mapping[str, Any], int], tuple[float, Mapping[str, Any]]]


def search(
    objective: Objective,
    space: Space,
    *,
    n_trials: int,
    seed: int,
    name: str,
    file: Path | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Minimise an objective with Optuna's TPE sampler, and return the best settings and a table of
    all finished trials.

    objective: given the settings and the number of the trial, from 0, returns the loss, inf for a
    diverged fit, and what else is worth a column. space: for each setting the values to choose
    from, a tuple or a range of whole numbers. name: of the study within `file`, an SQLite database
    that keeps the trials. Without a file, trials are kept in memory. An existing search is
    continued.

    Columns of the table: trial, each setting, loss, seconds, and the objective's own.
    """
    optuna = _import_optuna()
    study = optuna.create_study(storage=_storage(file), study_name=name, load_if_exists=True)
    for trial in study.get_trials(deepcopy=False):
        if trial.state == optuna.trial.TrialState.RUNNING:  # was interrupted; it runs again
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    distributions = dict(zip(space, map(_distribution, space.values()), strict=True))
    for number in range(len(_finished(study)), n_trials):
        study.sampler = optuna.samplers.TPESampler(
            seed=seeds.derive(seed, "sampler", number) % 2**32
        )
        trial = study.ask(distributions)
        started = time.perf_counter()
        loss, attributes = objective(trial.params, number)
        for key, value in (attributes | {"seconds": time.perf_counter() - started}).items():
            trial.set_user_attr(key, value)
        study.tell(trial, loss)
    table = pd.DataFrame(
        {"trial": number, **trial.params, "loss": trial.value, **trial.user_attrs}
        for number, trial in enumerate(_finished(study))
    )
    return study.best_params, table


def check_installed() -> None:
    """Raise ImportError if Optuna, which searches, is not installed."""
    if not importlib.util.find_spec("optuna"):
        raise ImportError("a search for settings needs the package optuna: pip install optuna")


def _import_optuna() -> ModuleType:
    """Import Optuna without the warning about its progress bar."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import optuna
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _finished(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]


def _storage(file: Path | None) -> "optuna.storages.RDBStorage | None":
    if file is None:
        return None
    optuna = _import_optuna()
    file.parent.mkdir(parents=True, exist_ok=True)
    epidl_storage.set_damaged_aside(file, functools.partial(_check_database, file))
    connect = functools.partial(sqlite3.connect, file, check_same_thread=False)
    # the address names the kind of database alone: within it, a ? or # of the path would be read as
    # the path's end
    return optuna.storages.RDBStorage(
        "sqlite:///studies.sqlite", engine_kwargs={"creator": connect}
    )


def _check_database(file: Path) -> None:
    """Raise ValueError if a database cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            found = database.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok" and "locked" not in found:
        raise ValueError(f"{file} must hold Optuna's trials: {found}")


def _distribution(values: tuple[float, ...] | range) -> "optuna.distributions.BaseDistribution":
    optuna = _import_optuna()
    if isinstance(values, range):
        return optuna.distributions.IntDistribution(values.start, values.stop - 1)
    return optuna.distributions.CategoricalDistribution(values)
