"""Measure every work in our way and in the references, alternating, in one run: `make bench`.

Writes book/data/benchmarks.csv with its provenance. Seconds are medians over the rounds, and a
ratio is the reference's seconds over ours. Also writes growth.csv, our seconds and memory at
growing sizes, and machines.csv, the rates of each measured machine, from which costs are estimated.
`--largest` writes largest.csv alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import loop, plain_way, published_way
from benchmarks.alone import TRAITS, WIDTH, endless, fit_ours, make_cohort
from epidl import devices, seeds, storage
from epidl.cohorts.simulate import Cohort
from epidl.cohorts.splits import BATCH_SIZE, random_split
from epidl.grid import costs, results
from epidl.models import networks, ridge, training
from epidl.models.task import pearson_r

DATA = Path("book/data")
# n_samples and n_qtl at which our works are measured alone: one grows while the other stays
_BY_N = [(10_000, 142), (100_000, 142), (1_000_000, 142)]
_BY_Q = [(100_000, 448), (100_000, 1002), (100_000, 2002)]
GROWTH: dict[str, list[tuple[int, int]]] = {
    "simulation": [*_BY_N, *_BY_Q, (1_000_000, 6326)],
    "exact ridge, one split": [*_BY_N, *_BY_Q],
    "SGD ridge epoch": [*_BY_N, *_BY_Q],
    "MLP epoch": [(1000, 142), (3000, 142), (10_000, 142), (3000, 448), (3000, 1002), (3000, 2002)],
}
LARGEST = {"exact ridge, one split": [(1_000_000, 6326)]}  # the publication's largest cohort


def main() -> None:
    """Run the works, print each row as it is measured, and write the table of a whole run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, to see that all works run, without writing",
    )
    part.add_argument(
        "--only",
        choices=WORKS,
        nargs="*",
        default=list(WORKS),
        help="works to measure, without writing",
    )
    part.add_argument(
        "--largest",
        action="store_true",
        help="exact ridge on the largest cohort alone, some half an hour",
    )
    options = parser.parse_args()
    if options.largest:
        known = {
            "device": devices.device_name("cpu"),
            "threads": torch.get_num_threads(),
            "commit": results.commit(),
        }
        storage.write_table(DATA / "largest.csv", measure_growth(LARGEST).assign(**known))
        return
    started, rows = datetime.now(UTC), []
    for name in options.only:
        for row in WORKS[name](options.quick):
            rows.append(
                {"work": name}
                | row
                | {"device": devices.device_name("cpu"), "threads": torch.get_num_threads()}
            )
            print(pd.DataFrame(rows[-1:]).to_string(index=False, header=False), flush=True)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if options.quick or options.only != list(WORKS):
        return
    growth = measure_growth(GROWTH)
    record = results.provenance(
        {"works": options.only, "threads": torch.get_num_threads()}, started
    )
    storage.write_text(DATA / "benchmarks.provenance.json", json.dumps(record, indent=1) + "\n")
    storage.write_table(DATA / "growth.csv", growth)
    storage.write_table(
        DATA / "machines.csv", with_this_machine(DATA / "machines.csv", record["commit"])
    )
    storage.write_table(DATA / "benchmarks.csv", table)


def measure_growth(sizes: dict[str, list[tuple[int, int]]]) -> pd.DataFrame:
    """Measure our works at growing sizes, each in a process of its own."""
    rows = []
    for work, points in sizes.items():
        for n_samples, n_qtl in points:
            rows.append(
                {"work": work, "n_samples": n_samples, "n_qtl": n_qtl}
                | in_own_process(work, n_samples, n_qtl)
            )
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def with_this_machine(path: Path, commit: str) -> pd.DataFrame:
    """Return the table of machines' rates with this machine's measured anew, in its place."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    row = pd.DataFrame([vars(costs.measure_machine(device)) | {"commit": commit}])
    known = pd.read_csv(path) if path.exists() else row.head(0)
    order = dict.fromkeys([*known["device"], *row["device"]])
    return (
        pd.concat([known, row])
        .drop_duplicates("device", keep="last")
        .set_index("device")
        .loc[list(order)]
        .reset_index()
    )


def compare(
    n_samples: int, n_qtl: int, ways: dict[str, Callable[[], object]], rounds: int
) -> list[dict]:
    """Time each way in turn, `rounds` times, and return one row per reference, compared with the
    way named 'ours'.
    """
    medians = in_turn(ways, rounds)
    return [
        make_row(n_samples, n_qtl, medians["ours"], way, medians[way], rounds)
        for way in ways
        if way != "ours"
    ]


def in_turn(
    works: dict[str, Callable[[], object]], rounds: int, warm_up: int = 0
) -> dict[str, float]:
    """Return the median seconds of each work, measured in turn. warm_up: rounds before those that
    count.
    """
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    seconds = {name: [] for name in works}
    for _ in range(warm_up + rounds):
        for name, work in works.items():
            wait()
            start = time.perf_counter()
            work()
            wait()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[warm_up:]) for name, values in seconds.items()}


def make_row(
    n_samples: int, n_qtl: int, ours: float, reference: str, seconds: float, rounds: int
) -> dict:
    """Return a row of the table: our seconds and a reference's."""
    return {
        "n_samples": n_samples,
        "n_qtl": n_qtl,
        "ours_seconds": ours,
        "reference": reference,
        "reference_seconds": seconds,
        "ratio": seconds / ours,
        "rounds": rounds,
    }


def network_works(n_samples: int, n_qtl: int, kind: str, n_epochs: int, rounds: int) -> list[dict]:
    """Time the training of the MLP or of ridge by SGD for some epochs, with data ready in each
    way's form.
    """
    cohort = make_cohort(n_samples, n_qtl)
    with tempfile.TemporaryDirectory() as folder:
        published_way.make_files(cohort, Path(folder))
        return compare(
            n_samples, n_qtl, training_ways(cohort, Path(folder), kind, n_epochs), rounds
        )


def training_ways(
    cohort: Cohort, folder: Path, kind: str, n_epochs: int
) -> dict[str, Callable[[], object]]:
    """Return the three ways of training one kind of network."""
    n_qtl, n_traits, generator = (
        cohort.genotypes.n_markers,
        len(cohort.traits),
        torch.Generator().manual_seed(1),
    )
    if kind == "mlp":
        plain = lambda: loop.mlp(n_qtl, n_traits, WIDTH)  # noqa: E731
        ours = lambda: networks.mlp(n_qtl, n_traits, WIDTH, generator)  # noqa: E731
        plan, our_plan = loop.MLP, endless(training.mlp_plan(), n_epochs)
    else:
        plain = lambda: torch.nn.Linear(2 * n_qtl, n_traits)  # noqa: E731
        ours = lambda: networks.OneHotLinear(n_qtl, n_traits, generator)  # noqa: E731
        plan, our_plan = loop.RIDGE_SGD, endless(training.RIDGE_SGD, n_epochs)
    return {
        "ours": lambda: fit_ours(cohort, ours(), our_plan),
        "published way": lambda: published_way.fit(plain(), folder, plan, n_epochs),
        "plain way": lambda: plain_way.fit(plain(), cohort, plan, n_epochs),
    }


def mlp_epoch(quick: bool) -> list[dict]:
    """One epoch of the MLP, and one step against the floor that this machine's products and memory
    set.
    """
    n_samples, n_qtl = (500, 20) if quick else (10_000, 142)
    return [
        *network_works(n_samples, n_qtl, "mlp", 1, rounds=1 if quick else 3),
        step_floor(n_qtl, quick),
    ]


def sgd_ridge_fit(quick: bool) -> list[dict]:
    """A fit of ridge by SGD of 40 epochs."""
    return network_works(
        *((300, 20) if quick else (1000, 64)),
        "ridge_sgd",
        n_epochs=2 if quick else 40,
        rounds=1 if quick else 3,
    )


def exact_ridge(quick: bool) -> list[dict]:
    """Five traits and ten splits of exact ridge, checking that the plain way's penalties and r are
    ours.
    """
    n_samples, n_qtl = (300, 20) if quick else (10_000, 142)
    cohort, rng = make_cohort(n_samples, n_qtl), np.random.default_rng(1)
    splits = [random_split(n_samples, rng) for _ in range(10)]

    def ours() -> tuple[np.ndarray, np.ndarray]:
        fits = list(
            ridge.fit_ridge_splits(
                cohort.genotypes, cohort.phenotypes, [train for train, _ in splits]
            )
        )
        predictions = [
            fit.predict(cohort.genotypes, test) for fit, (_, test) in zip(fits, splits, strict=True)
        ]
        r = [
            pearson_r(cohort.phenotypes[test], p)
            for p, (_, test) in zip(predictions, splits, strict=True)
        ]
        return np.array(r), np.array([fit.penalties for fit in fits])

    (r, penalties), (plain_r, plain_penalties) = ours(), plain_way.ridge(cohort, splits)
    np.testing.assert_array_equal(penalties, plain_penalties)
    np.testing.assert_allclose(r, plain_r, atol=1e-6)
    ways = {
        "ours": ours,
        "published way": lambda: published_way.ridge(cohort, rng),
        "plain way": lambda: plain_way.ridge(cohort, splits),
    }
    return compare(n_samples, n_qtl, ways, rounds=1 if quick else 3)


def simulation(quick: bool) -> list[dict]:
    """From nothing to data that a network can be trained on, each way in its own process, with its
    peak memory.
    """
    n_samples, n_qtl = (300, 20) if quick else (100_000, 2002)
    ours, rows = in_own_process("simulation", n_samples, n_qtl), []
    for way in ("published way", "plain way"):
        found = in_own_process(f"simulation, {way}", n_samples, n_qtl)
        rows.append(
            make_row(n_samples, n_qtl, ours["seconds"], way, found["seconds"], rounds=1)
            | {"ours_memory_mb": ours["memory_mb"], "reference_memory_mb": found["memory_mb"]}
        )
    return rows


def in_own_process(work: str, n_samples: int, n_qtl: int) -> dict[str, float]:
    """Return seconds and memory of one work, see `benchmarks.alone`."""
    command = [sys.executable, "-m", "benchmarks.alone", work, str(n_samples), str(n_qtl)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def whole_cell(quick: bool) -> list[dict]:
    """One cohort of a cell: simulate, prepare, ridge by SGD (40 epochs), exact ridge, MLP (33
    epochs).
    """
    (n_samples, n_qtl), epochs = ((300, 20), (1, 1)) if quick else ((1000, 64), (40, 33))

    def ours() -> None:
        cohort = make_cohort(n_samples, n_qtl)
        rng = seeds.generator(1, "ridge_splits")
        splits = [random_split(n_samples, rng) for _ in range(10)]
        for fit, (_, test) in zip(
            ridge.fit_ridge_splits(
                cohort.genotypes, cohort.phenotypes, [train for train, _ in splits]
            ),
            splits,
            strict=True,
        ):
            fit.predict(cohort.genotypes, test)
        for kind, n_epochs in zip(("ridge_sgd", "mlp"), epochs, strict=True):
            training_ways(cohort, Path(), kind, n_epochs)["ours"]()

    def published() -> None:
        cohort = make_cohort(n_samples, n_qtl)
        with tempfile.TemporaryDirectory() as folder:
            published_way.make_files(cohort, Path(folder))
            published_way.ridge(cohort, np.random.default_rng(1))
            for kind, n_epochs in zip(("ridge_sgd", "mlp"), epochs, strict=True):
                training_ways(cohort, Path(folder), kind, n_epochs)["published way"]()

    return compare(n_samples, n_qtl, {"ours": ours, "published way": published}, rounds=1)


def step_floor(n_qtl: int, quick: bool) -> dict:
    """Return the time of one training step and its floor, medians of steps and of limits measured
    in turn.

    The floor is the time for what `step_work` counts, at the rate of a large product and at copy
    bandwidth, one after the other.
    """
    batch, n_traits, rounds = BATCH_SIZE, len(TRAITS), 3 if quick else 25
    model = networks.mlp(n_qtl, n_traits, WIDTH, torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1e-5, fused=True)
    alleles, y = torch.randint(0, 2, (batch, n_qtl)).float(), torch.randn(batch, n_traits)
    square, large = torch.randn(WIDTH, WIDTH), torch.randn(8 * batch, WIDTH)
    source, target = torch.randn(2**25), torch.empty(2**25)

    def step() -> None:
        optimizer.zero_grad(set_to_none=False)
        (model(alleles) - y).abs().mean().backward()
        optimizer.step()

    works = {"step": step, "product": lambda: large @ square, "copy": lambda: target.copy_(source)}
    medians = in_turn(works, rounds, warm_up=1)
    rate = 2 * len(large) * WIDTH**2 / medians["product"]
    bandwidth = 2 * source.nbytes / medians["copy"]
    products, moved = step_work(model, n_qtl)
    floor = products / rate + moved / bandwidth
    return make_row(batch, n_qtl, medians["step"], "floor of a step", floor, rounds)


def step_work(model: torch.nn.Module, n_qtl: int) -> tuple[float, float]:
    """Return the least that a step of an MLP takes: operations of its products, and bytes that AdamW
    moves.

    Products are forward once and backward twice, but for the input. AdamW reads three arrays and
    the gradient and writes three, at four bytes per parameter.
    """
    products = 2 * BATCH_SIZE * (2 * n_qtl * WIDTH + 3 * WIDTH**2 + 3 * WIDTH * len(TRAITS))
    return products, 7 * 4 * sum(parameter.numel() for parameter in model.parameters())


WORKS: dict[str, Callable[[bool], list[dict]]] = {
    "MLP epoch": mlp_epoch,
    "SGD ridge fit": sgd_ridge_fit,
    "exact ridge": exact_ridge,
    "simulation": simulation,
    "whole cell": whole_cell,
}


if __name__ == "__main__":
    main()
