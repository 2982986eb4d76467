"""A network as a practitioner would fit it: settings from a search, and an ensemble that sees all
of the training part.

The training individuals are put into a random order. Each member leaves out another 15% of them,
which decide when its training stops. The first member is trained with all settings, every other
member with the best few. The settings of the smallest mean loss on what the members leave out are
taken.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from epidl import seeds
from epidl.cohorts.splits import TRAIN_SHARE, Split
from epidl.models import deep, training
from epidl.models.networks import column_linear
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task

N_MEMBERS = 5
N_SETTINGS = 20
N_FINALISTS = 5  # settings that all members are trained with
LEAST_SEARCHED = 425  # training samples, those of 500; with fewer a search chooses by chance
SPACE = {
    "width": (32, 64, 128, 256),
    "depth": (1, 2, 3),
    "dropout": (0.2, 0.4, 0.6, 0.8),
    "weight_decay": (0.1, 1.0, 10.0),
    "learning_rate": (0.0003, 0.001, 0.003),
}
# of fewer samples: the best of simulations of 200 to 400 samples and 200 to 600 markers
DEFAULTS = {"width": 128, "depth": 1, "dropout": 0.6, "weight_decay": 10.0, "learning_rate": 0.001}
MAX_EPOCHS = 200
PATIENCE = 20


class DropoutMlp(nn.Module):
    """Hidden layers of ReLU units with dropout, on codes x = 2 (g - centre)."""

    def __init__(
        self,
        n_markers: int,
        n_traits: int,
        centre: NDArray[np.float32] | float,
        settings: Mapping[str, Any],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.register_buffer("centre", torch.as_tensor(centre, dtype=torch.float32))
        self.layers, n_inputs = nn.Sequential(), n_markers
        for _ in range(settings["depth"]):
            self.layers.append(column_linear(n_inputs, settings["width"], generator))
            self.layers.append(nn.ReLU())
            self.layers.append(nn.Dropout(settings["dropout"]))
            n_inputs = settings["width"]
        self.layers.append(column_linear(n_inputs, n_traits, generator))

    def forward(self, alleles: Tensor) -> Tensor:
        """Return the outputs (individuals, n_traits) for allele shares (individuals, n_markers)."""
        return self.layers(2 * (alleles - self.centre))


def predict(task: Task, model: Model) -> Prediction:
    """Predict by the mean of the members that did not diverge. columns: the settings chosen."""
    settings, members = _choose(task, model.name)
    predictions = [member.of(task) for member in members]
    usable = [each for each in predictions if each.status != "diverged"] or predictions
    known = {
        "hidden_width": settings["width"],
        "learning_rate": settings["learning_rate"],
        "epochs": round(np.mean([member.record.epochs for member in members])),
    }
    predicted = np.mean([each.parts[0][1] for each in usable], axis=0)
    return Prediction([(task.split.test, predicted)], usable[0].status, columns=known)


def _choose(task: Task, name: str) -> tuple[Mapping[str, Any], list[deep.Trained]]:
    """Return the settings of the smallest mean loss, and the members that were trained with them."""
    candidates = [DEFAULTS]
    if len(task.all_but_test) >= LEAST_SEARCHED:
        candidates = _drawn(seeds.generator(task.seed, name, "settings"))
    first, *others = member_splits(task, name)
    tried = _train(task, first, candidates, name, 0)
    best = np.argsort([_loss(fit) for fit in tried], kind="stable")[:N_FINALISTS]
    finalists = [candidates[i] for i in best]
    fits = [[tried[i] for i in best]]
    for number, split in enumerate(others, start=1):
        fits.append(_train(task, split, finalists, name, number))
    members = list(zip(*fits, strict=True))  # of each finalist
    winner = int(np.argmin([np.mean(list(map(_loss, fits))) for fits in members]))
    return finalists[winner], list(members[winner])


def _drawn(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw settings at random."""
    drawn = []
    for _ in range(N_SETTINGS):
        drawn.append({name: values[rng.integers(len(values))] for name, values in SPACE.items()})
    return drawn


def _loss(fit: deep.Trained) -> float:
    return fit.record.comparable_loss


def member_splits(task: Task, name: str) -> list[Split]:
    """Return the split of each member, which leaves out individuals that no other member leaves
    out.
    """
    rows = seeds.generator(task.seed, name, "members").permutation(task.all_but_test)
    n_left_out = max(1, round((1 - TRAIN_SHARE) * len(rows)))
    splits = []
    for member in range(N_MEMBERS):
        left_out = rows[member * n_left_out : (member + 1) * n_left_out]
        splits.append(Split(np.setdiff1d(rows, left_out), left_out, task.split.test))
    return splits


def _train(
    task: Task, split: Split, candidates: list[Mapping[str, Any]], name: str, member: int
) -> list[deep.Trained]:
    """Train a network with each of some settings on a split."""
    task, fits = replace(task, split=split), []
    sizes, centre = (task.genotypes.n_markers, task.n_traits), task.genotypes.centre
    for settings in candidates:
        weights = task.generator("weights", name, member)
        network = DropoutMlp(*sizes, centre, settings, weights)
        plan = training.TrainingPlan(
            "adamw",
            settings["learning_rate"],
            max_epochs=MAX_EPOCHS,
            patience=PATIENCE,
            min_gain=0.0,
            weight_decay=settings["weight_decay"],
            loss="squared",
        )
        with torch.random.fork_rng():  # dropout draws from torch's own generators
            torch.manual_seed(seeds.derive(task.seed, "dropout", name, member))
            fits.append(deep.train(task, network, task.genotypes, plan, name, member))
    return fits
