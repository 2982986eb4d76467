"""What a cell costs before it runs: seconds and memory on a machine whose rates were measured.

A fit is counted in floating-point operations of its matrix products, in bytes that it moves, and in
steps. A machine has a rate for each. `python -m epidl.grid.costs PROFILE` prints the cells of a
profile with their estimates (`make plan`).
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from epidl import commands
from epidl.cohorts.genotypes import Haplotypes
from epidl.cohorts.simulate import simulate
from epidl.cohorts.splits import BATCH_SIZE, N_RIDGE_SPLITS, Protocol, split_samples, training_size
from epidl.devices import (
    checked_device,
    device_name,
    machine_memory,
    one_cell_threads,
    resolve_device,
)
from epidl.grid.params import Cell, planned_cells
from epidl.models import networks, training
from epidl.models.recipes import MODELS, Model, load
from epidl.models.work import DOUBLE, FLOAT, Machine, Shape, Work, network_epoch

DATA = Path("book/data")
BASE_MB = 1500  # of a notebook's process, and of the one that runs it
IMPORTED = 500 * 2**20  # bytes that Python and the libraries hold


def cell_work(cell: Cell, epochs: Callable[[str], float]) -> dict[str, Work]:
    """Return the work of each model of a cell, all protocols and cohorts together. epochs: of a
    model's fit.
    """
    work = {}
    for name in cell.models:
        model, work[name] = MODELS[name], Work()
        for protocol in map(_sizes_of, cell.protocols_of(name)):
            shape = _shape(cell, protocol)
            if model.is_network:
                n_inputs, *layers = _layers(model, shape)
                epoch = network_epoch(*_split_sizes(cell.n_samples, protocol), n_inputs, *layers)
                fits = epoch * (epochs(name) * _n_fits(cell, model))
            else:
                fits = load(model.work)(shape) if model.work else Work()
            work[name] += fits * cell.n_replicates
    return work


def cell_seconds(cell: Cell, machine: Machine, epochs: Callable[[str], float]) -> dict[str, float]:
    """Return the estimated seconds of each part of a cell: its simulation and its models."""
    shape = _shape(cell)
    simulation = (
        machine.simulation * cell.n_samples * shape.n_markers * shape.n_traits * cell.n_replicates
    )
    seconds = {"simulation": simulation}
    for model, work in cell_work(cell, epochs).items():
        seconds[model] = work.seconds(machine)
    return seconds


def cell_memory(cell: Cell) -> float:
    """Return the bytes that a cell needs at most: its cohort, and the largest of its fits."""
    shape, n = _shape(cell), cell.n_samples
    cohort = n * shape.n_markers / 8 + 6 * DOUBLE * n * shape.n_traits
    block = min(n, training.DECODED_ROWS)
    fits = [7 * block * shape.n_markers]  # decoded: bytes, then floats
    for model in map(MODELS.get, cell.models):
        if model.memory:
            fits.append(load(model.memory)(shape))
        elif model.is_network:
            fits.append(_networks_memory(model, shape, block))
    return IMPORTED + cohort + max(fits)


def _networks_memory(model: Model, shape: Shape, block: int) -> float:
    """Return the bytes of a network's fits, one with each penalty. block: individuals decoded."""
    _, first, rest = _layers(model, shape)
    width = shape.hidden_width if rest else 0
    n_weights, n_models = 2 * first + rest, len(model.penalties)
    # weights, gradient, AdamW's two, the best epoch's, a copy on the way; and what a forward pass
    # leaves
    fit = 6 * FLOAT * n_weights + 3 * FLOAT * block * width
    return fit + (n_models - 1) * FLOAT * n_weights  # those trained before keep their weights


def check_memory(cell: Cell, device: str) -> None:
    """Raise MemoryError if a cell needs more memory than there is, before anything is computed."""
    needed, available = cell_memory(cell), machine_memory(device)
    if needed > available:
        raise MemoryError(
            f"{cell.name} needs about {needed / 2**30:.1f} GiB of memory, and this machine has "
            f"{available / 2**30:.1f} ({device}). Take fewer individuals or markers, a smaller hidden_width, or fewer "
            f"models than {', '.join(cell.models)}"
        )


def measure_machine(device: str) -> Machine:
    """Measure a machine's rates in some seconds, on one thread of a CPU.

    Raises ValueError for a missing device.
    """
    checked_device(device)
    with one_cell_threads(1):
        batch, square = (
            torch.rand(BATCH_SIZE, 4096, device=device),
            torch.rand(4096, 4096, device=device),
        )
        exact = torch.rand(1024, 1024, device=device, dtype=torch.float64)
        symmetric = torch.rand(512, 512, device=device, dtype=torch.float64)
        source = torch.rand(2**25, device=device)
        target, symmetric = torch.empty_like(source), symmetric + symmetric.T
        with training.fast_products(device):
            product = _median_seconds(lambda: batch @ square, device)
        square_exact = _median_seconds(lambda: exact @ exact, device)
        copy = _median_seconds(lambda: target.copy_(source), device)
        decomposition = _median_seconds(lambda: torch.linalg.eigh(symmetric), device, times=3)
        return Machine(
            device=device_name(device),
            products=2 * BATCH_SIZE * 4096**2 / product,
            exact_products=2 * 1024**3 / square_exact,
            bandwidth=2 * source.nbytes / copy,
            step_overhead=_step_overhead(device),
            decomposition=decomposition / 512**3,
            simulation=_simulation_rate(),
            memory=machine_memory(device),
            overlaps=device != "cpu",
        )


def requests(cell: Cell) -> dict[str, int]:
    """Return what a scheduler is asked for to run a cell: mem_mb, and runtime in minutes.

    Memory is the estimate and a half, plus what Python and torch take. Time is three times the
    estimate for the first machine of the book's table, at the most epochs that a plan allows. A
    longer job is killed, and continues after its finished fits.
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


def estimates(
    cells: Iterable[Cell], machine: Machine, epochs: Mapping[tuple[str, str], float]
) -> pd.DataFrame:
    """Return one row per cell: estimated hours of one job, GiB of memory, and whether the cell fits
    the machine.

    epochs: of the fits of (experiment, model), for instance from `typical_epochs`. A missing pair
    takes the most that a plan allows.
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
    """Return the median epochs of each experiment's and model's fits in the book's tables, and of
    all under ("", model).

    The result is empty if there is no table. Raises ValueError that names a file which is no table.
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
    everything = pd.concat([everything, everything.assign(experiment="")])
    return everything.groupby(["experiment", "model"])["epochs"].median().to_dict()


@commands.answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Print the plan of a profile. Return 0, 1 if a cell does not fit this machine, or 2 if there
    is no plan.
    """
    parser = argparse.ArgumentParser(
        prog="python -m epidl.grid.costs", description=__doc__.splitlines()[0]
    )
    parser.add_argument("profile", choices=["smoke", "quick", "standard", "full"])
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    options = parser.parse_args(arguments)
    device, epochs = resolve_device(options.device), typical_epochs()
    cells = planned_cells(Path.cwd(), options.profile).values()
    if not epochs:
        print(
            f"{DATA} holds no table of fits: networks count with the most epochs of their plans.",
            file=sys.stderr,
        )
    machine = measure_machine(device)
    table = estimates(cells, machine, epochs)
    print(
        table.to_string(
            index=False, formatters={"hours": "{:.3f}".format, "memory_gib": "{:.1f}".format}
        )
    )
    total = table.groupby("experiment", sort=False)["hours"].sum()
    print(f"\nHours of one job at a time on {machine.device}, a job on one thread or the GPU:")
    total["all"] = total.sum()
    for experiment, hours in total.items():
        print(f"  {experiment:14} {hours:9.2f}")
    for cell in table.loc[~table["fits"], "cell"]:
        print(
            f"{cell} does not fit: this machine has {machine.memory / 2**30:.0f} GiB.",
            file=sys.stderr,
        )
    return 0 if table["fits"].all() else 1


def _shape(cell: Cell, protocol: Protocol = "held_out") -> Shape:
    n_markers = getattr(cell, "n_markers", cell.n_qtl)
    every_pair = getattr(cell, "all_pairs", False)
    n_pairs = math.comb(cell.n_qtl, 2) if every_pair else cell.n_qtl // 2
    return Shape(
        cell.n_samples,
        n_markers,
        n_traits=getattr(cell, "n_traits", None) or len(cell.rel_aa),
        n_qtl=cell.n_qtl,
        n_pairs=getattr(cell, "n_products", n_pairs),
        hidden_width=getattr(cell, "hidden_width", 0),
        n_splits=N_RIDGE_SPLITS[protocol],
        most_columns=min(2 * n_markers, getattr(cell, "max_features", (0, 0))[1]),
    )


def _split_sizes(n_samples: int, protocol: Protocol) -> tuple[int, int]:
    """Return how many individuals train and how many validate, without their row numbers, which may
    need gigabytes.
    """
    n_train = training_size(n_samples, protocol)
    untested = n_samples if protocol == "published" else training_size(n_samples, "published")
    return n_train, untested - n_train


def _layers(model: Model, shape: Shape) -> tuple[int, int, int]:
    """Return a network's inputs, as markers, and the products per individual in its first layer and
    in later ones.
    """
    n_inputs = shape.most_columns // 2 if "max_features" in model.chooses else shape.n_markers
    return n_inputs, *load(model.layers)(n_inputs, model.width(shape.hidden_width), shape.n_traits)


def _n_fits(cell: Cell, model: Model) -> int:
    """Return how many fits a model takes on a cohort, its search included."""
    if model.taken:
        return 0
    n_trials = getattr(cell, model.trials) if model.trials and model.searches(cell) else 0
    return n_trials + (model.n_fits or len(model.penalties))


def _epochs(known: Mapping[tuple[str, str], float], cell: Cell, model: str) -> float:
    return known.get((cell.experiment, model), known.get(("", model), _most_epochs(cell, model)))


def _most_epochs(cell: Cell, model: str) -> int:
    if MODELS[model].plan == "patient":
        sizes = map(partial(training_size, cell.n_samples), map(_sizes_of, cell.protocols))
        return max(map(training.patient_epochs, sizes))
    return cell.mlp_max_epochs if MODELS[model].plan == "mlp" else training.RIDGE_SGD.max_epochs


def _sizes_of(protocol: str) -> Protocol:
    """Return the protocol with the sizes of a real cohort's kind of splits."""
    return protocol if protocol in N_RIDGE_SPLITS else "held_out"


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
    genotypes = Haplotypes.from_alleles(
        np.random.default_rng(1).integers(0, 2, size=(n_samples, 8))
    )
    split = split_samples(n_samples, "published")
    phenotypes, generator = np.zeros((n_samples, 1)), torch.Generator().manual_seed(1)
    model = networks.OneHotLinear(8, 1, generator)

    def fit(n_epochs: int) -> None:
        plan = training.TrainingPlan(
            "sgd", learning_rate=0.1, max_epochs=n_epochs, patience=n_epochs, min_gain=0
        )
        training.train(
            model, genotypes, phenotypes, split, plan, generator=generator, device=device
        )

    seconds = _median_seconds(partial(fit, many), device) - _median_seconds(
        partial(fit, few), device
    )
    return max(seconds, 0.0) / ((many - few) * len(split.train) / BATCH_SIZE)


def _simulation_rate() -> float:
    n_samples, n_qtl, rel_aa = 20_000, 128, [0, 1]
    study = {"n_samples": n_samples, "n_qtl": n_qtl, "rel_aa": rel_aa}
    work = partial(simulate, **study, broad_sense_heritability=1, seed=1)
    return _median_seconds(work, "cpu", times=3) / (n_samples * n_qtl * len(rel_aa))


if __name__ == "__main__":
    commands.end(main)
