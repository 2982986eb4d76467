"""The task that every model is given, and the prediction that it returns, for a grid's cohort and
for a reader's own.

A model's recipe (see `recipes`) is a function `predict(task, model)` of a `Task` and the model's
row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl import seeds
from epidl.cohorts.genotypes import Genotypes
from epidl.cohorts.simulate import Cohort, Trait
from epidl.cohorts.splits import Protocol, Split

if TYPE_CHECKING:  # torch takes seconds: parameters and tables are read without it
    import torch

REML_ROWS = 10_000  # samples that estimate variance components: 2 GB, of dosages 3.2 GB
UNNAMED = ("ridge_sgd", "mlp")  # in a grid their random draws are those of no name


@dataclass(frozen=True)
class Task:
    """One cohort, and how models are fitted to it.

    phenotypes: (n_samples, n_traits), of all individuals. In own data they are the standardised
    residuals of one trait. protocol: of a grid's fits, None for own data. rates to max_features and
    all_pairs: parameters of a cell, see `params`. reml_rows: individuals that estimate variance
    components. truth: a simulated cohort. parts: the additive and the epistatic part of its genetic
    values, (n_samples, n_traits). studies: where Optuna's trials are kept, None for in memory only.
    study: the name of a model's. shared: work that several models need.
    """

    genotypes: Genotypes
    phenotypes: NDArray[np.float64]
    split: Split
    seed: int
    device: str = "cpu"
    protocol: Protocol | None = None
    hidden_width: int = 512
    rates: tuple[float, ...] = (0.01,)
    mlp_max_epochs: int = 100
    drop_ragged_batch: bool = False
    n_trials: int = 1
    n_trials_pruned: int = 1
    importance_threshold: float = 0.03
    max_features: tuple[int, int] = (100, 1000)
    reml_rows: int = REML_ROWS
    all_pairs: bool = False
    truth: Cohort | None = None
    parts: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    studies: Path | None = None
    study: Callable[[str], str] = str
    progress: bool = False
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def n_traits(self) -> int:
        """The number of traits, all of which a network learns."""
        return self.phenotypes.shape[1]

    @property
    def known_traits(self) -> tuple[Trait, ...]:
        """The true traits, if they are known and their QTL are among the markers."""
        return self.truth.traits if self.truth and self.truth.unseen is None else ()

    @property
    def all_but_test(self) -> NDArray[np.int64]:
        """The rows that train a model that needs no validation part."""
        return np.setdiff1d(
            np.concatenate([self.split.train, self.split.validation]), self.split.test
        )

    def generator(self, draw: str, model: str, *purpose: object) -> "torch.Generator":
        """Return the generator of a model's weights or batches. purpose: which of its fits they are
        for.
        """
        if self.protocol is None:
            return seeds.torch_generator(self.seed, draw, model, *purpose)
        name = () if model in UNNAMED else (model,)
        return seeds.torch_generator(self.seed, self.protocol, draw, *name, *purpose)

    def once(self, name: str, make: Callable[["Task"], Any]) -> Any:
        """Return what `make` makes of this task, calling it at most once."""
        if name not in self.shared:
            self.shared[name] = make(self)
        return self.shared[name]


@dataclass(frozen=True)
class Prediction:
    """What a fitted model predicts, and how it was fitted.

    parts: rows and their predicted phenotypes (len(rows), n_traits), of the test individuals of
    each split, NaN for a diverged fit. expected: instead of parts, the correlations that a closed
    form gives, each (n_traits,). effects: estimated additive effects (n_markers, n_traits) of each
    split, none for a model without. columns: of the table, one value in all or for each trait:
    penalty that ridge chose, hidden_width, learning_rate and epochs of a network, seconds of this
    fit without a search, and more. side: tables of more detail, such as trials.
    """

    parts: Sequence[tuple[NDArray[np.integer], NDArray[np.float64]]] = ()
    status: str = "exact"
    expected: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    effects: Sequence[NDArray[np.float64]] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    side: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def of_test_samples(task: Task, fit: Any, **more: Any) -> Prediction:
    """Return what a fit with a method `predict` predicts for a task's test individuals. more: of
    the `Prediction`.
    """
    test = task.split.test
    return Prediction([(test, fit.predict(task.genotypes, test))], **more)


def pearson_r(observed: NDArray, predicted: NDArray) -> NDArray[np.float64]:
    """Return Pearson's r of each column, NaN if either column does not vary or is not finite."""
    import scipy.stats  # late: whatever draws a figure imports this module

    usable = np.isfinite(predicted).all(axis=0)
    usable &= (np.ptp(predicted, axis=0) > 0) & (np.ptp(observed, axis=0) > 0)
    r = np.full(observed.shape[1], np.nan)
    if usable.any():
        r[usable] = scipy.stats.pearsonr(
            observed[:, usable], predicted[:, usable], axis=0
        ).statistic
    return r
