"""A work measured in its own process: `python -m benchmarks.alone WORK N_SAMPLES N_QTL`.

Prints seconds, and the megabytes that the process grew by at most.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks import plain_way, published_way
from epidl.cohorts.simulate import Cohort, simulate
from epidl.cohorts.splits import random_split, split_samples
from epidl.models import networks, ridge, training

TRAITS = [0, 0.1, 0.5, 1, 3]
WIDTH = 4096
Work = Callable[[], object]


def make_cohort(n_samples: int, n_qtl: int, seed: int = 1) -> Cohort:
    """Simulate the scaling experiment's five traits, with packed haplotypes on which our loop
    trains.
    """
    return simulate(
        n_samples=n_samples, n_qtl=n_qtl, rel_aa=TRAITS, broad_sense_heritability=0.999, seed=seed
    )


def plain_simulation(n_samples: int, n_qtl: int) -> object:
    """Simulate dense alleles, and make the one-hot matrix from them."""
    alleles, phenotypes = plain_way.simulate(n_samples, n_qtl, TRAITS, 0.999, seed=1)
    return plain_way.one_hot(alleles), phenotypes


def published_simulation(n_samples: int, n_qtl: int) -> None:
    """Write text files and parse them into HDF5 after our own simulation, without AlphaSimR."""
    with tempfile.TemporaryDirectory() as folder:
        published_way.make_files(make_cohort(n_samples, n_qtl), Path(folder))


def fit_ours(
    cohort: Cohort, model: torch.nn.Module, plan: training.TrainingPlan, device: str = "cpu"
) -> None:
    """Train in our loop for all epochs of a plan."""
    split = split_samples(cohort.genotypes.n_samples, "published")
    generator = torch.Generator().manual_seed(1)
    training.train(
        model, cohort.genotypes, cohort.phenotypes, split, plan, generator=generator, device=device
    )


def endless(plan: training.TrainingPlan, n_epochs: int) -> training.TrainingPlan:
    """Return a plan that runs an exact number of epochs, the same work in every way."""
    return training.TrainingPlan(**vars(plan) | {"max_epochs": n_epochs, "patience": n_epochs})


def one_ridge_split(n_samples: int, n_qtl: int) -> Work:
    """Return the work of exact ridge on one random split."""
    cohort = make_cohort(n_samples, n_qtl)
    rows, _ = random_split(n_samples, np.random.default_rng(1))
    return lambda: ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, rows)


def one_epoch(n_samples: int, n_qtl: int, kind: str) -> Work:
    """Return the work of an epoch of ridge by SGD or of the MLP, in our loop."""
    cohort, generator = make_cohort(n_samples, n_qtl), torch.Generator().manual_seed(1)
    if kind == "mlp":
        model, plan = networks.mlp(n_qtl, len(TRAITS), WIDTH, generator), training.mlp_plan()
    else:
        model, plan = networks.OneHotLinear(n_qtl, len(TRAITS), generator), training.RIDGE_SGD
    return lambda: fit_ours(cohort, model, endless(plan, 1))


# what is made ready before the clock starts, and returns what is timed
WORKS: dict[str, Callable[[int, int], Work]] = {
    "simulation": lambda n, q: lambda: make_cohort(n, q),
    "simulation, plain way": lambda n, q: lambda: plain_simulation(n, q),
    "simulation, published way": lambda n, q: lambda: published_simulation(n, q),
    "exact ridge, one split": one_ridge_split,
    "SGD ridge epoch": lambda n, q: one_epoch(n, q, "ridge_sgd"),
    "MLP epoch": lambda n, q: one_epoch(n, q, "mlp"),
}


def main() -> None:
    """Measure the work that the arguments name."""
    make, sizes = WORKS[sys.argv[1]], [int(size) for size in sys.argv[2:]]
    make(200, 20)()  # what is imported and allocated once
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here (Linux)
    work = make(*sizes)
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "memory_mb": (peak_memory() - before) / 2**20}))


def peak_memory() -> int:
    """Return the most bytes that this process held since its peak was last cleared."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


if __name__ == "__main__":
    main()
