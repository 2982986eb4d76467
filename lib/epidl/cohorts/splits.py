"""Splits: which individuals train, which decide when training stops, which are scored."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from epidl import checks

Protocol = Literal["published", "held_out"]

TRAIN_SHARE = 0.85
# exact ridge: random splits, or the fixed test split
N_RIDGE_SPLITS = {"published": 10, "held_out": 1}
BATCH_SIZE = 128  # samples a step of every network


@dataclass(frozen=True)
class Split:
    """Row numbers of the individuals that train, decide when training stops (validation) and are
    scored (test).

    redraw_validation: put the validation individuals into other batches each epoch. The validation
    loss is the unweighted mean of the batches' losses, so individuals of a small last batch weigh
    more. Redrawing puts others there each epoch.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    redraw_validation: bool = False


def split_samples(n_samples: int, protocol: Protocol) -> Split:
    """Return the fixed split: the last 15% of individuals are the test split under both protocols.

    published: the test split is the validation split too, and its batches are redrawn each epoch,
    as in the authors' code. held_out: the last 15% of the training part are the validation split,
    and the test split is used once.

    Raises ValueError for an unknown protocol, and for fewer than 10 individuals. Raises MemoryError
    for more than memory holds.
    """
    n_fit, n_train = _sizes(n_samples, protocol)
    checks.memory("n_samples", n_samples, 8 * n_samples)
    rows = np.arange(n_samples)
    if protocol == "published":
        return Split(rows[:n_train], rows[n_train:], rows[n_train:], redraw_validation=True)
    return Split(rows[:n_fit], rows[n_fit:n_train], rows[n_train:])


def training_size(n_samples: int, protocol: Protocol) -> int:
    """Return how many individuals `split_samples` lets train, or raise as it does."""
    return _sizes(n_samples, protocol)[0]


def _sizes(n_samples: int, protocol: Protocol) -> tuple[int, int]:
    """Return how many individuals train, and how many are not tested."""
    n_samples = checks.integer("n_samples", n_samples, minimum=10)
    checks.choice("protocol", protocol, Protocol.__args__)
    n_train = round(TRAIN_SHARE * n_samples)
    return (n_train if protocol == "published" else round(TRAIN_SHARE * n_train)), n_train


def random_split(
    n_samples: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers of a random 85% of individuals and of the rest, or raise ValueError
    for fewer than 2.
    """
    n_samples = checks.integer("n_samples", n_samples, minimum=2)
    checks.instance("rng", rng, np.random.Generator, "a numpy.random.Generator")
    order = rng.permutation(n_samples)
    n_train = int(TRAIN_SHARE * n_samples)
    return np.sort(order[:n_train]), np.sort(order[n_train:])


def check_batches(
    n_train: int, *, batch_size: int, drop_ragged_batch: bool, batch_norm: bool
) -> None:
    """Raise ValueError if training individuals make no batch, or a last one that batch norm cannot
    train on.
    """
    n_train = checks.integer("n_train", n_train, minimum=1)
    batch_size = checks.integer("batch_size", batch_size, minimum=1)
    checks.require(
        n_train >= batch_size or not drop_ragged_batch,
        f"drop_ragged_batch must be False with {n_train} training individuals, which fill no batch of {batch_size}",
    )
    checks.require(
        not (batch_norm and not drop_ragged_batch and n_train % batch_size == 1),
        f"n_samples must not leave a last batch of one individual for batch norm, as {n_train} training individuals in "
        f"batches of {batch_size} do. Change n_samples by a few, or set drop_ragged_batch",
    )
