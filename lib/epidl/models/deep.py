"""Networks as models of a task: trained, tuned, and scored on its test individuals."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from epidl import seeds
from epidl.cohorts.genotypes import Genotypes
from epidl.models import networks, training, tuning
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task

PAIR_RATE = 0.2  # over the number of markers: with more of them the steps are smaller


@dataclass(frozen=True)
class Trained:
    """A trained network, the genotypes that it reads, and how it was trained."""

    network: nn.Module
    genotypes: Genotypes
    plan: training.TrainingPlan
    record: training.TrainingRecord

    def of(
        self, task: Task, side: Mapping[str, pd.DataFrame] | None = None, **columns: Any
    ) -> Prediction:
        """Return the prediction of a task's test individuals, none for a diverged network."""
        test = task.split.test
        predicted = np.full((len(test), task.n_traits), np.nan)
        if self.record.status != "diverged":
            predicted = training.predict(self.network, self.genotypes, test, task.device)
        known = {
            "learning_rate": self.plan.learning_rate,
            "epochs": self.record.epochs,
            "seconds": self.record.seconds,
        }
        return Prediction(
            [(test, predicted)], self.record.status, columns=known | columns, side=side or {}
        )


def predict_linear(task: Task, model: Model) -> Prediction:
    """Predict by the linear layer that stochastic gradient descent trains with ridge's penalty."""
    return train_linear(task, training.RIDGE_SGD, model.name)[1]


def predict_mlp(task: Task, model: Model) -> Prediction:
    """Predict by the MLP, all traits in one network, its rate the task's or chosen by Optuna from
    the task's.
    """
    trained, trials = task.once("mlp", _train_mlp)
    return trained.of(task, trials, hidden_width=task.hidden_width)


def predict_mlp_recomputed(task: Task, model: Model) -> Prediction:
    """Predict by the same MLP with its batch norm's statistics recomputed over the training
    individuals.
    """
    trained, _ = task.once("mlp", _train_mlp)
    network = copy.deepcopy(trained.network)
    training.recompute_batch_norm(network, trained.genotypes, task.split.train, task.device)
    return replace(trained, network=network).of(task, hidden_width=task.hidden_width)


def predict_mlp_patient(task: Task, model: Model) -> Prediction:
    """Predict by the MLP's architecture trained longer, on the squared error, at a smaller rate that
    falls to 0.
    """
    return _with_best_penalty(task, model, networks.mlp, model.width(task.hidden_width))


def predict_skip_mlp(task: Task, model: Model) -> Prediction:
    """Predict by one hidden layer and a linear path around it, without batch norm, made sparse by
    an L1 penalty.
    """
    return _with_best_penalty(task, model, networks.SkipMlp, model.width(task.hidden_width))


def predict_pair_network(task: Task, model: Model) -> Prediction:
    """Predict by a network of multiplicative units, an L1 penalty on its gates."""
    return _with_best_penalty(
        task,
        model,
        lambda n_markers, n_traits, *_: networks.PairNetwork(n_markers, n_traits),
        width=0,
        learning_rate=PAIR_RATE / task.genotypes.n_markers,
    )


def train_linear(task: Task, plan: training.TrainingPlan, name: str) -> tuple[Trained, Prediction]:
    """Train one linear layer from all one-hot columns to all traits, and return it with its
    prediction.
    """
    layer = networks.OneHotLinear(
        task.genotypes.n_markers, task.n_traits, task.generator("weights", name)
    )
    trained = train(task, layer, task.genotypes, plan, name)
    effects = layer.weight[1] - layer.weight[0]  # a change of allele 0 to 1
    effects = effects.detach().cpu().double().numpy().T
    return trained, replace(trained.of(task), effects=[effects])


def mlp_plan(task: Task, settings: Mapping[str, Any], **changes: Any) -> training.TrainingPlan:
    """Return the plan of an MLP with the settings that a search chose."""
    return training.mlp_plan(
        settings["learning_rate"],
        max_epochs=task.mlp_max_epochs,
        drop_ragged_batch=task.drop_ragged_batch,
        **changes,
    )


def tune(
    task: Task, model: str, fit: Callable[..., Trained], space: tuning.Space, n_trials: int
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Choose settings by the validation loss of trial fits, and return them and the trials as a
    side table.

    fit: trains with given settings, followed by the purpose of its random draws. If each setting
    has one value only, nothing is tried.
    """
    if max(map(len, space.values())) == 1:
        return {name: values[0] for name, values in space.items()}, {}

    def objective(settings: Mapping[str, Any], number: int) -> tuple[float, dict[str, Any]]:
        record = fit(settings, "trial", number).record
        return record.comparable_loss, {"epochs": record.epochs, "status": record.status}

    settings, trials = tuning.search(
        objective,
        space,
        n_trials=n_trials,
        seed=seeds.derive(task.seed, task.protocol, model),
        name=task.study(model),
        file=task.studies,
    )
    return settings, {"trials": trials}


def train(
    task: Task,
    network: nn.Module,
    genotypes: Genotypes,
    plan: training.TrainingPlan,
    name: str,
    *purpose: object,
) -> Trained:
    """Train a network on a task's split. name, purpose: what its random draws are for."""
    record = training.train(
        network,
        genotypes,
        task.phenotypes,
        task.split,
        plan,
        generator=task.generator("batches", name, *purpose),
        device=task.device,
        progress=task.progress,
    )
    return Trained(network, genotypes, plan, record)


def _train_mlp(task: Task) -> tuple[Trained, dict[str, pd.DataFrame]]:
    """Train the MLP, and return it with the trials of its search."""

    def fit(settings: Mapping[str, Any], *purpose: object) -> Trained:
        network = networks.mlp(
            task.genotypes.n_markers,
            task.n_traits,
            task.hidden_width,
            task.generator("weights", "mlp", *purpose),
        )
        return train(task, network, task.genotypes, mlp_plan(task, settings), "mlp", *purpose)

    settings, trials = tune(task, "mlp", fit, {"learning_rate": task.rates}, task.n_trials)
    return fit(settings), trials


def _with_best_penalty(
    task: Task, model: Model, make: Callable[..., nn.Module], width: int, **plan: float
) -> Prediction:
    """Train with each L1 penalty and predict by the network of the smallest validation loss.
    seconds: of all.
    """
    plan["max_epochs"] = training.patient_epochs(len(task.split.train))
    plan["drop_ragged_batch"] = task.drop_ragged_batch
    sizes, fits = (task.genotypes.n_markers, task.n_traits, width), []
    for penalty in model.penalties:
        network = make(*sizes, task.generator("weights", model.name))
        patient = training.patient_plan(penalty, **plan)
        fits.append(train(task, network, task.genotypes, patient, model.name))
    best = min(fits, key=lambda fit: fit.record.comparable_loss)
    return best.of(
        task,
        hidden_width=width,
        seconds=sum(fit.record.seconds for fit in fits),
        l1_penalty=best.plan.l1_penalty,
    )
