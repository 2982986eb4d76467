"""Models on features that a LASSO selects, as the publication prunes them.

A LASSO by SGD ranks the one-hot columns. Optuna chooses how many of them the MLP keeps, and its
learning rate. The LASSO and the MLP are then fitted again to the kept columns alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl.models import deep, networks, selection, training
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task

PRUNED_PATIENCE = 25  # of the MLP; the publication gives it 10 elsewhere


def predict_lasso(task: Task, model: Model) -> Prediction:
    """Predict by the LASSO on all markers, with the importance of each column, and how many pass
    the threshold.
    """
    importance, prediction = task.once("lasso", _lasso)
    columns = selection.select(importance, task.importance_threshold, len(importance))
    found = selection.precision_and_recall(columns, task.truth.traits)
    return replace(
        prediction,
        columns=prediction.columns | found,
        side={"importances": _importance_table(task, importance)},
    )


def predict_lasso_pruned(task: Task, model: Model) -> Prediction:
    """Predict by the LASSO fitted again to the columns that were kept for the MLP."""
    settings, _ = task.once("pruning", _tune_pruning)
    columns = _kept(task, settings)
    if not len(columns):
        return _nothing_kept(task, settings)
    genotypes = selection.take_columns(task.genotypes, columns)
    layer = networks.column_linear(
        len(columns), task.n_traits, task.generator("weights", model.name)
    )
    trained = deep.train(task, layer, genotypes, training.LASSO_SGD, model.name)
    return trained.of(task, **_report(task, settings, columns))


def predict_mlp_pruned(task: Task, model: Model) -> Prediction:
    """Predict by the MLP on the columns that Optuna's best trial kept, trained at its rate."""
    settings, trials = task.once("pruning", _tune_pruning)
    columns = _kept(task, settings)
    if not len(columns):
        return _nothing_kept(task, settings)
    known = {"hidden_width": task.hidden_width} | _report(task, settings, columns)
    return _train_mlp(task, settings).of(task, side=trials, **known)


def _lasso(task: Task) -> tuple[NDArray[np.float64], Prediction]:
    trained, prediction = deep.train_linear(task, training.LASSO_SGD, "lasso")
    return selection.importances(trained.network), prediction


def _kept(task: Task, settings: Mapping[str, Any]) -> NDArray[np.int64]:
    importance, _ = task.once("lasso", _lasso)
    return selection.select(importance, task.importance_threshold, settings["max_features"])


def _tune_pruning(task: Task) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    low, high = task.max_features
    space = {"learning_rate": task.rates, "max_features": range(low, high + 1)}
    if not len(_kept(task, {"max_features": high})):
        return {"learning_rate": task.rates[0], "max_features": high}, {}  # nothing to tune

    def fit(settings: Mapping[str, Any], *purpose: object) -> deep.Trained:
        return _train_mlp(task, settings, *purpose)

    return deep.tune(task, "mlp_pruned", fit, space, task.n_trials_pruned)


def _train_mlp(task: Task, settings: Mapping[str, Any], *purpose: object) -> deep.Trained:
    columns = _kept(task, settings)
    generator = task.generator("weights", "mlp_pruned", *purpose)
    network = networks.mlp(
        len(columns), task.n_traits, task.hidden_width, generator, first=networks.column_linear
    )
    genotypes = selection.take_columns(task.genotypes, columns)
    plan = deep.mlp_plan(task, settings, patience=PRUNED_PATIENCE)
    return deep.train(task, network, genotypes, plan, "mlp_pruned", *purpose)


def _report(task: Task, settings: Mapping[str, Any], columns: NDArray[np.int64]) -> dict[str, Any]:
    return {"max_features": settings["max_features"]} | selection.precision_and_recall(
        columns, task.truth.traits
    )


def _nothing_kept(task: Task, settings: Mapping[str, Any]) -> Prediction:
    """Return the prediction of a model without input, if the LASSO found no column above the
    threshold.
    """
    missing = np.full((len(task.split.test), task.n_traits), np.nan)
    report = _report(task, settings, np.array([], dtype=int))
    return Prediction([(task.split.test, missing)], "no_features", columns=report)


def _importance_table(task: Task, importance: NDArray[np.float64]) -> pd.DataFrame:
    marker, allele = np.divmod(np.arange(len(importance)), 2)
    causal = sum(np.isin(marker, trait.qtl).astype(int) for trait in task.truth.traits)
    return pd.DataFrame(
        {"marker": marker, "allele": allele, "importance": importance, "causal_for": causal}
    )
