"""What a cell costs before it runs: seconds and memory on a machine whose rates were measured.

A fit is counted in floating-point operations of its matrix products, in bytes that it moves, and in steps; a machine is
a rate for each. `python -m epidl.grid.costs PROFILE` prints the cells of a profile with their estimates (`make plan`).
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from epidl import checks, commands
from epidl.cohorts.genotypes import BLOCK_BYTES, Haplotypes, checked_device
from epidl.cohorts.simulate import simulate
from epidl.cohorts.splits import BATCH_SIZE, N_RIDGE_SPLITS, TRAIN_SHARE, split_samples, training_size
from epidl.grid import results
from epidl.models import kernels, networks, training
from epidl.models.ridge import PENALTIES

if TYPE_CHECKING:
    from epidl.grid.params import Cell

DATA = Path("book/data")
BASE_MB = 1500  # of a notebook's process, and of the one that runs it
FILTER_RANK = 25  # what the filters of ridge's penalties need, see `ridge`
IMPORTED = 500 * 2**20  # bytes that Python and the libraries hold
FLOAT, DOUBLE = 4, 8  # bytes
MOST_THREADS = 1024  # more than any machine has; at some number the system makes no more, and the process ends


@dataclass(frozen=True)
class Machine:
    """A machine's measured rates, on one of its threads or on its GPU.

    products, exact_products: floating-point operations a second of matrix products as training takes them, of the shape
    of a step (in single precision; in TF32 on a GPU), and in double precision. bandwidth: bytes a second, read and
    written, of a large copy. step_overhead: seconds of a training step that computes next to nothing. decomposition:
    seconds of an eigendecomposition, divided by the cube of its size. simulation: seconds a sample, marker and trait.
    memory: bytes. overlaps: whether memory moves while products are computed, as on a GPU.
    """

    device: str
    products: float
    exact_products: float
    bandwidth: float
    step_overhead: float
    decomposition: float
    simulation: float
    memory: float
    overlaps: bool = False


@dataclass(frozen=True)
class Work:
    """What a fit does: products and exact_products in operations, moved in bytes, steps; decomposed: sums of cubes."""

    products: float = 0.0
    exact_products: float = 0.0
    moved: float = 0.0
    steps: float = 0.0
    decomposed: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __mul__(self, times: float) -> "Work":
        return Work(*(times * value for value in vars(self).values()))

    def seconds(self, machine: Machine) -> float:
        """Return how long a machine takes."""
        both = self.products / machine.products, self.moved / machine.bandwidth
        return (
            (max(both) if machine.overlaps else sum(both))
            + self.exact_products / machine.exact_products
            + self.steps * machine.step_overhead
            + self.decomposed * machine.decomposition
        )


def network_epoch(n_train: int, n_validation: int, n_inputs: int, first: int, rest: int) -> Work:
    """Return the work of an epoch of a network; first, rest: products of a sample in its first layer and beyond."""
    steps = -(-n_train // BATCH_SIZE)
    optimizer = 28 if rest else 12  # bytes a parameter: AdamW reads four arrays and writes three; SGD two and one
    return Work(
        products=2 * (n_train * (2 * first + 3 * rest) + n_validation * (first + rest)),
        moved=steps * optimizer * (2 * first + rest) + 20 * (n_train + n_validation) * n_inputs,  # decoded in bytes
        steps=steps + 1,
    )


def ridge_fits(n_samples: int, n_markers: int, n_traits: int, n_splits: int) -> Work:
    """Return the work of exact ridge over some splits of 85 % of the samples."""
    n_train = TRAIN_SHARE * n_samples
    left_out = (1 - TRAIN_SHARE) * n_samples * n_splits
    by_penalty = Work(
        exact_products=2 * n_train * (FILTER_RANK + len(PENALTIES)) * (n_traits + 1),
        moved=DOUBLE * n_train * len(PENALTIES) * 6 * (n_traits + 1),
    )
    if n_markers <= n_train:
        once = Work(products=2 * n_samples * n_markers**2)
        split = Work(
            exact_products=2 * n_train * n_markers * (n_markers + FILTER_RANK * (n_traits + 1)),
            decomposed=n_markers**3,
        )
        return once + Work(products=2 * left_out * n_markers**2) + (split + by_penalty) * n_splits
    once = Work(products=2 * n_samples**2 * n_markers)
    split = Work(exact_products=2 * n_train**2 * FILTER_RANK * (n_traits + 1), decomposed=n_train**3)
    return once + (split + by_penalty) * n_splits


def kernel_fits(n_train: float, n_markers: int, n_traits: int) -> Work:
    """Return the work of epistatic BLUP by Cholesky factors, REML included."""
    rank = min(n_markers, n_train)
    likelihoods = 100 * 8 * n_train * rank**2
    return Work(
        products=2 * n_train**2 * n_markers,
        exact_products=n_traits * n_train**3 / 3 + likelihoods,
        moved=(n_traits + 2 / 3) * DOUBLE * n_train**2 * 6,
        decomposed=n_train**3 / 2,  # to tridiagonal form: half of an eigendecomposition
    )


def pair_fits(n_train: float, n_markers: int, n_traits: int, n_rounds: int = 10) -> Work:
    """Return the work of sparse regression on pairs: each round tests all pairs and fits ridge again."""
    screening = Work(products=4 * n_train * n_markers**2)
    return (screening + ridge_fits(n_train / TRAIN_SHARE, 2 * n_markers, 1, 1)) * (n_rounds * n_traits)


def oracle_fits(n_train: float, n_markers: int, n_traits: int) -> Work:
    """Return the work of the oracle: ridge on the true loci and pairs, a trait at a time."""
    return ridge_fits(n_train / TRAIN_SHARE, 3 * n_markers // 2, 1, 1) * n_traits


def nothing(*_: object) -> Work:
    """Return no work: a closed form."""
    return Work()


# models that are no networks
STEADY = {"kernel": kernel_fits, "pairs": pair_fits, "oracle": oracle_fits} | dict.fromkeys(
    ("theory_ridge", "theory_kernel", "theory_oracle"), nothing
)


def cell_work(cell: "Cell", epochs: Callable[[str], float]) -> dict[str, Work]:
    """Return the work of each model of a cell, all protocols and replicates together; epochs: of a model's fit."""
    shape = _Shape.of(cell)
    work = {model: Work() for model in cell.models}
    for protocol in cell.protocols:
        split = split_samples(cell.n_samples, protocol)
        for model in (model for model in cell.models if _fitted_under(model, protocol, cell)):
            if model in STEADY:
                fits = STEADY[model](TRAIN_SHARE * cell.n_samples, shape.n_markers, shape.n_traits)
            elif model == "ridge":
                fits = ridge_fits(cell.n_samples, shape.n_markers, shape.n_traits, N_RIDGE_SPLITS[protocol])
            else:
                n_rows = len(split.train), len(split.validation)
                epoch = network_epoch(*n_rows, shape.inputs(model), *_products(cell, model, shape))
                fits = epoch * (epochs(model) * _n_fits(cell, model))
            work[model] += fits * cell.n_replicates
    return work


def cell_seconds(cell: "Cell", machine: Machine, epochs: Callable[[str], float]) -> dict[str, float]:
    """Return the estimated seconds of each part of a cell: its simulation and its models."""
    shape = _Shape.of(cell)
    simulation = machine.simulation * cell.n_samples * shape.n_markers * shape.n_traits * cell.n_replicates
    return {"simulation": simulation} | {
        model: work.seconds(machine) for model, work in cell_work(cell, epochs).items()
    }


def cell_memory(cell: "Cell") -> float:
    """Return the bytes that a cell needs at most: its cohort, and the largest of its fits."""
    shape, n = _Shape.of(cell), cell.n_samples
    cohort = n * shape.n_markers / 8 + 6 * DOUBLE * n * shape.n_traits
    block = min(n, training.DECODED_ROWS)
    fits = [7 * block * shape.n_markers]  # decoded: bytes, then floats
    columns = _ridge_columns(cell, shape.n_markers)
    for model in cell.models:
        if model in columns:
            fits.append(_ridge_memory(n, columns[model], shape.n_markers))
        elif model == "kernel":
            n_train = TRAIN_SHARE * n
            fits.append(20 * min(n_train, kernels.REML_ROWS) ** 2)
            fits.append(12 * n_train**2 if n_train <= kernels.EXACT_LIMIT else 3 * DOUBLE * shape.n_markers**2)
        elif model not in STEADY:
            first, rest = _products(cell, model, shape)
            width = getattr(cell, "hidden_width", 0) if rest else 0
            n_weights, n_models = 2 * first + rest, len(_penalties(model))
            together = max(1, min(n_models, training.MOST_TOGETHER // n_weights))
            # weights, gradient, AdamW's two, the best epoch's, a copy on the way; and what a forward pass leaves
            fit = 6 * FLOAT * n_weights + 3 * FLOAT * block * width
            fits.append(together * fit + (n_models - together) * FLOAT * n_weights)
    return IMPORTED + cohort + max(fits)


def _ridge_columns(cell: "Cell", n_markers: int) -> dict[str, int]:
    """Return the columns of the models that are ridge: markers or QTL, and pairs."""
    n_qtl = cell.n_qtl
    true_pairs = math.comb(n_qtl, 2) if getattr(cell, "all_pairs", False) else n_qtl // 2
    found_pairs = n_qtl  # more than are found: where each QTL has one partner, twice the true ones
    return {"ridge": n_markers, "pairs": n_markers + found_pairs, "oracle": n_qtl + true_pairs}


def _ridge_memory(n_samples: int, n_columns: int, n_markers: int) -> float:
    """Return the bytes of ridge: products and their decomposition, and columns: all where they outnumber samples."""
    products = 6 * DOUBLE * min(n_columns, n_samples) ** 2
    if n_columns > TRAIN_SHARE * n_samples:
        return products + FLOAT * n_samples * n_columns
    block = min(n_samples, BLOCK_BYTES // (DOUBLE * n_columns))  # of samples; all their markers are decoded
    return products + max(2**28, 3 * FLOAT * block * n_markers)


def check_memory(cell: "Cell", device: str) -> None:
    """Raise MemoryError where a cell needs more memory than there is, before anything is computed."""
    needed, available = cell_memory(cell), machine_memory(device)
    if needed > available:
        raise MemoryError(
            f"{cell.name} needs about {needed / 2**30:.1f} GiB of memory, and this machine has "
            f"{available / 2**30:.1f} ({device}); take fewer samples or markers, a smaller hidden_width, or fewer "
            f"models than {', '.join(cell.models)}"
        )


def measure_machine(device: str, n_threads: int = 1) -> Machine:
    """Measure a machine's rates, in some seconds; n_threads: those of a cell on a CPU.

    Raises ValueError for a device that is not there, and fewer than 1 thread.
    """
    checked_device(device)
    with one_cell_threads(n_threads):
        batch, square = torch.rand(BATCH_SIZE, 4096, device=device), torch.rand(4096, 4096, device=device)
        exact, symmetric = (torch.rand(size, size, device=device, dtype=torch.float64) for size in (1024, 512))
        source = torch.rand(2**25, device=device)
        target, symmetric = torch.empty_like(source), symmetric + symmetric.T
        with training.fast_products(device):
            product = _median_seconds(lambda: batch @ square, device)
        seconds = {
            "product": product,
            "exact": _median_seconds(lambda: exact @ exact, device),
            "copy": _median_seconds(lambda: target.copy_(source), device),
            "decomposition": _median_seconds(lambda: torch.linalg.eigh(symmetric), device, times=3),
        }
        return Machine(
            device=results.device_name(device),
            products=2 * BATCH_SIZE * 4096**2 / seconds["product"],
            exact_products=2 * 1024**3 / seconds["exact"],
            bandwidth=2 * source.nbytes / seconds["copy"],
            step_overhead=_step_overhead(device),
            decomposition=seconds["decomposition"] / 512**3,
            simulation=_simulation_rate(),
            memory=machine_memory(device),
            overlaps=device != "cpu",
        )


def machine_memory(device: str = "cpu") -> float:
    """Return the bytes of memory of this machine, or of its GPU where that has less: a cohort is on both."""
    memory = checks.memory_bytes()
    return memory if device == "cpu" else min(memory, torch.cuda.get_device_properties(device).total_memory)


@contextmanager
def one_cell_threads(n_threads: int) -> Iterator[None]:
    """Let NumPy and torch use so many CPU threads, as a cell does."""
    n_threads = checks.integer("n_threads", n_threads, minimum=1, maximum=MOST_THREADS)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)


def requests(cell: "Cell") -> dict[str, int]:
    """Return what a scheduler is asked for to run a cell: mem_mb, and runtime in minutes.

    Memory is the estimate and a half, and what Python and torch take; time is three times that of the first machine of
    the book's table at the most epochs that a plan allows: what runs longer is killed, and goes on after its finished
    fits.
    """
    seconds = sum(cell_seconds(cell, measured_machine(), partial(_epochs, {}, cell)).values())
    return {
        "mem_mb": math.ceil(1.5 * cell_memory(cell) / 2**20) + BASE_MB,
        "runtime": math.ceil(3 * seconds / 60) + 10,
    }


@cache
def measured_machine() -> Machine:
    """Return the first machine of the book's table."""
    return Machine(**pd.read_csv(DATA / "machines.csv").drop(columns="commit").iloc[0])


def estimates(cells: Iterable["Cell"], machine: Machine, epochs: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """Return a row a cell: estimated hours of one job, GiB of memory, and whether it fits the machine.

    epochs: of the fits of (experiment, model), for instance from `typical_epochs`; the most that a plan allows where
    the pair is missing.
    """
    rows = []
    for cell in cells:
        seconds = cell_seconds(cell, machine, partial(_epochs, epochs, cell))
        memory = cell_memory(cell)
        rows.append(
            {
                "experiment": cell.experiment,
                "cell": cell.name,
                "n_replicates": cell.n_replicates,
                "hours": sum(seconds.values()) / 3600,
                "slowest": max(seconds, key=seconds.get),
                "memory_gib": memory / 2**30,
                "fits": memory <= machine.memory,
            }
        )
    return pd.DataFrame(rows)


def typical_epochs(folder: Path = DATA) -> dict[tuple[str, str], float]:
    """Return the median epochs of each experiment's and model's fits in the book's tables, and of all ("", model).

    Empty where no table is there. Raises ValueError that names a file which is no table.
    """
    tables = []
    for path in sorted(folder.glob("*.csv")):
        try:
            table = pd.read_csv(path)
            if {"experiment", "model", "epochs"} <= set(table.columns):
                fitted = pd.to_numeric(table["epochs"]) > 0
                tables.append(table.loc[fitted, ["experiment", "model", "epochs"]])
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} must be a table: {str(error).strip()}") from None
    if not tables:
        return {}
    everything = pd.concat(tables)
    apart = everything.groupby(["experiment", "model"])["epochs"].median().to_dict()
    return apart | {("", model): epochs for model, epochs in everything.groupby("model")["epochs"].median().items()}


def main(arguments: list[str] | None = None) -> int:
    """Print the plan of a profile; return 0, 1 where a cell does not fit this machine, or 2 where there is no plan."""
    from epidl.grid.experiments.core import resolve_device  # late: `core` checks cells against this module
    from epidl.grid.params import planned_cells  # late: the compute path works without pydantic

    parser = argparse.ArgumentParser(prog="python -m epidl.grid.costs", description=__doc__.splitlines()[0])
    parser.add_argument("profile", choices=["smoke", "quick", "standard", "full"])
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    options = parser.parse_args(arguments)
    try:
        device, cells = resolve_device(options.device), list(planned_cells(Path.cwd(), options.profile).values())
        epochs = typical_epochs()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not epochs:
        print(f"{DATA} holds no table of fits: networks count with the most epochs of their plans.", file=sys.stderr)
    machine = measure_machine(device)
    table = estimates(cells, machine, epochs)
    print(table.to_string(index=False, formatters={"hours": "{:.3f}".format, "memory_gib": "{:.1f}".format}))
    total = table.groupby("experiment", sort=False)["hours"].sum()
    print(f"\nHours of one job at a time on {machine.device}, a job on one thread or the GPU:")
    print("\n".join(f"  {experiment:14} {hours:9.2f}" for experiment, hours in total.items()))
    print(f"  {'all':14} {total.sum():9.2f}")
    for cell in table.loc[~table["fits"], "cell"]:
        print(f"{cell} does not fit: this machine has {machine.memory / 2**30:.0f} GiB.", file=sys.stderr)
    return 0 if table["fits"].all() else 1


@dataclass(frozen=True)
class _Shape:
    """How many markers, traits and most columns of a selection a cell has."""

    n_markers: int
    n_traits: int
    n_columns: int

    @classmethod
    def of(cls, cell: "Cell") -> "_Shape":
        n_markers = getattr(cell, "n_markers", cell.n_qtl)
        n_traits = getattr(cell, "n_traits", None) or len(cell.rel_aa)
        return cls(n_markers, n_traits, min(2 * n_markers, getattr(cell, "max_features", (0, 0))[1]))

    def inputs(self, model: str) -> int:
        """Return the inputs of a network, as markers."""
        return self.n_columns // 2 if model.endswith("pruned") else self.n_markers


def _fitted_under(model: str, protocol: str, cell: "Cell") -> bool:
    from epidl.grid.experiments import beyond  # late: it imports this module

    return protocol == "held_out" or "held_out" not in cell.protocols or model not in beyond.HELD_OUT_ONLY


def _epochs(known: Mapping[tuple[str, str], float], cell: "Cell", model: str) -> float:
    return known.get((cell.experiment, model), known.get(("", model), _most_epochs(cell, model)))


def _most_epochs(cell: "Cell", model: str) -> int:
    from epidl.grid.experiments import beyond  # late: it imports this module

    if model in beyond.PATIENT:
        return max(beyond.patient_epochs(training_size(cell.n_samples, protocol)) for protocol in cell.protocols)
    return cell.mlp_max_epochs if model.startswith("mlp") else training.RIDGE_SGD.max_epochs


def _products(cell: "Cell", model: str, shape: _Shape) -> tuple[int, int]:
    """Return the products that a sample takes in a network's first layer, and in those beyond."""
    m, t = shape.inputs(model), shape.n_traits
    from epidl.grid.experiments import beyond  # late: it imports this module

    width = getattr(cell, "hidden_width", 0)
    narrow = min(width, beyond.MOST_WIDTH)
    return {
        "mlp": (m * width, width**2 + width * t),
        "mlp_pruned": (m * width, width**2 + width * t),
        "mlp_recomputed": (m * width, width**2 + width * t),
        "mlp_patient": (m * narrow, narrow**2 + narrow * t),
        "skip_mlp": (m * (narrow + t), narrow * t),
        "sparse_mlp": (m * (narrow + t), narrow * t),
        "pair_network": (m * (m + 1) * t, m * t),
    }.get(model, (m * t, 0))


def _n_fits(cell: "Cell", model: str) -> int:
    """Return how many fits a model of a replicate is, its search included."""
    if model == "mlp_pruned":
        return 1 + cell.n_trials_pruned
    if model == "mlp" and len(cell.rates) > 1:
        return 1 + cell.n_trials
    if model == "mlp_recomputed":  # the MLP's fit
        return 0
    return len(_penalties(model))


def _penalties(model: str) -> tuple[float, ...]:
    from epidl.grid.experiments import beyond  # late: it imports this module

    return beyond.PENALTIES.get(model, (0.0,))


def _median_seconds(work: Callable[[], object], device: str, times: int = 5) -> float:
    seconds = []
    for _ in range(times + 1):
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])  # the first warms up


def _step_overhead(device: str) -> float:
    """Return the seconds of a step of a tiny linear layer, from what more epochs take."""
    n_samples, few, many = 20 * BATCH_SIZE, 5, 25
    genotypes = Haplotypes.from_alleles(np.random.default_rng(1).integers(0, 2, size=(n_samples, 8)))
    split = split_samples(n_samples, "published")
    phenotypes, generator = np.zeros((n_samples, 1)), torch.Generator().manual_seed(1)
    model = networks.OneHotLinear(8, 1, generator)

    def fit(n_epochs: int) -> None:
        plan = training.TrainingPlan("sgd", learning_rate=0.1, max_epochs=n_epochs, patience=n_epochs, min_gain=0)
        training.train(model, genotypes, phenotypes, split, plan, generator=generator, device=device)

    seconds = [_median_seconds(partial(fit, n_epochs), device) for n_epochs in (few, many)]
    return max(seconds[1] - seconds[0], 0.0) / ((many - few) * len(split.train) / BATCH_SIZE)


def _simulation_rate() -> float:
    n_samples, n_qtl, rel_aa = 20_000, 128, [0, 1]
    work = lambda: simulate(n_samples=n_samples, n_qtl=n_qtl, rel_aa=rel_aa, broad_sense_heritability=1, seed=1)  # noqa: E731
    return _median_seconds(work, "cpu", times=3) / (n_samples * n_qtl * len(rel_aa))


if __name__ == "__main__":
    commands.end(main)
