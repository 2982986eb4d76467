"""Seeds: every random draw of the project starts from a seed and the purpose of the draw.

Two draws with different purposes are independent, and a draw does not depend on earlier draws: a
cohort is the same alone, in a grid, or on another number of cores.
"""

from typing import TYPE_CHECKING

import numpy as np

from epidl import checks

if TYPE_CHECKING:  # torch takes seconds: parameters and tables are read without it
    import torch


def generator(seed: int, *purpose: object) -> np.random.Generator:
    """Return the NumPy generator of one purpose, for instance `generator(1, "scaling", "n1000", 3,
    "noise")`.

    Raises ValueError for a negative seed.
    """
    return np.random.default_rng(_sequence(seed, *purpose))


def torch_generator(seed: int, *purpose: object) -> "torch.Generator":
    """Return the torch generator of one purpose, on the CPU, so that weights and batch order agree
    on every device.
    """
    import torch

    return torch.Generator().manual_seed(derive(seed, *purpose))


def derive(seed: int, *purpose: object) -> int:
    """Return the seed (0 to 2^63 - 1) of a part of the work, for a function that takes a seed."""
    return int(_sequence(seed, *purpose).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sequence(seed: int, *purpose: object) -> np.random.SeedSequence:
    seed = checks.integer("seed", seed, minimum=0)
    return np.random.SeedSequence(seed, spawn_key=tuple("/".join(map(str, purpose)).encode()))
