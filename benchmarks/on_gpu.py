"""Measure what a GPU adds, in some 3 minutes: `python -m benchmarks.on_gpu [FOLDER]`.

Writes tables, each with its provenance. gpu.csv has our training, the references and the limits of
the GPU, gpu_fits.csv whole fits, and gpu_precision.csv the accuracy with factors of 10 bits and in
single precision. Also writes this machine's row of machines.csv.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch

from benchmarks import loop, plain_way
from benchmarks.__main__ import DATA, in_turn, make_row, step_work, with_this_machine
from benchmarks.alone import TRAITS, WIDTH, endless, fit_ours, make_cohort
from epidl import devices, storage
from epidl.cohorts.simulate import Cohort
from epidl.cohorts.splits import BATCH_SIZE, split_samples
from epidl.grid import results
from epidl.models import networks, ridge, training
from epidl.models.task import pearson_r

CHUNK = training.DECODED_ROWS  # samples of a graph
STEPS = CHUNK // BATCH_SIZE
FITS = [(10_000, 142), (100_000, 448), (1_000_000, 1002)]
MOST_EPOCHS = 50
PRECISION_SIZES = [(1000, 46), (1000, 90)]  # scaling 1 and 4
REPLICATES = 10


def main() -> None:
    """Measure all, and write the tables to a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.on_gpu", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=DATA,
        help="where the tables are written (book/data)",
    )
    folder = parser.parse_args().folder
    if not torch.cuda.is_available():
        parser.error("torch finds no CUDA device here")
    commit = results.commit()
    storage.write_table(folder / "machines.csv", with_this_machine(folder / "machines.csv", commit))
    for name, work in WORKS.items():
        rows, started = [], datetime.now(UTC)
        for row in work():
            rows.append(row | {"device": devices.device_name("cuda")})
            print(rows[-1], flush=True)
        record = results.provenance({"work": name, "device": "cuda"}, started)
        storage.write_table(folder / f"{name}.csv", pd.DataFrame(rows))
        storage.write_text(folder / f"{name}.provenance.json", json.dumps(record, indent=1) + "\n")


def side_by_side() -> Iterator[dict]:
    """Steps compared with their floor and the plain way's, and fits with the plain way's."""
    for n_qtl in (448, 1002, 2002):
        yield from step(n_qtl)
    yield epochs(10_000, 142, n_epochs=20)


def step(n_qtl: int, rounds: int = 15) -> list[dict]:
    """Return the time of a training step, of its floor, measured in turn, and then of the plain
    way's step.

    The floor is the larger of two times that `step_work` counts: products at the rate of a large
    one in TF32, and the traffic of PyTorch's AdamW at copy bandwidth. The traffic includes the
    gradient, which our step does not read.
    """
    alleles = torch.randint(0, 2, (CHUNK, n_qtl), device="cuda").float()
    phenotypes = torch.randn(CHUNK, len(TRAITS), device="cuda")
    large, source = torch.randn(8192, 8192, device="cuda"), torch.randn(2**28, device="cuda")
    target = torch.empty_like(source)
    plain = loop.mlp(n_qtl, len(TRAITS), WIDTH).cuda()
    plain_optimizer = loop.MLP.optimizer(plain)
    one_hot = torch.cat([1 - alleles, alleles], dim=1)

    def plain_steps() -> None:
        for batch, observed in zip(
            one_hot.split(BATCH_SIZE), phenotypes.split(BATCH_SIZE), strict=True
        ):
            loop.take_step(plain, batch, observed, plain_optimizer, loop.MLP)

    with training.fast_products("cuda"):
        take_steps = our_steps(n_qtl)
        works = {
            "steps": lambda: take_steps(alleles, phenotypes),
            "product": lambda: large @ large,
            "copy": lambda: target.copy_(source),
        }
        medians = in_turn(works, rounds, warm_up=1)
    medians |= in_turn({"plain": plain_steps}, 3, warm_up=1)
    products, moved = step_work(plain, n_qtl)
    floor = max(
        products * medians["product"] / (2 * 8192**3), moved * medians["copy"] / (2 * source.nbytes)
    )
    ours = medians["steps"] / STEPS
    return [
        make_row(BATCH_SIZE, n_qtl, ours, "floor of a step", floor, rounds) | {"work": "MLP step"},
        make_row(BATCH_SIZE, n_qtl, ours, "plain way", medians["plain"] / STEPS, 3)
        | {"work": "MLP step"},
    ]


def our_steps(n_qtl: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return what our training does with the individuals of a graph, ready to run."""
    model = networks.mlp(n_qtl, len(TRAITS), WIDTH, torch.Generator().manual_seed(1)).cuda()
    plan = training.mlp_plan()
    return training._stepper(model, training._optimizer(model, plan), plan, CHUNK, "cuda")


def epochs(n_samples: int, n_qtl: int, n_epochs: int) -> dict:
    """Return the time of an MLP's fit of some epochs and the plain way's on the same GPU."""
    cohort, plan = make_cohort(n_samples, n_qtl), endless(training.mlp_plan(), n_epochs)
    generator = torch.Generator().manual_seed(1)
    ours = lambda: fit_ours(  # noqa: E731
        cohort, networks.mlp(n_qtl, len(TRAITS), WIDTH, generator), plan, "cuda"
    )
    plain = lambda: plain_way.fit(  # noqa: E731
        loop.mlp(n_qtl, len(TRAITS), WIDTH), cohort, loop.MLP, n_epochs, "cuda"
    )
    medians = in_turn({"ours": ours}, 3, warm_up=1) | in_turn({"plain": plain}, 1, warm_up=1)
    row = make_row(n_samples, n_qtl, medians["ours"], "plain way", medians["plain"], 1)
    return row | {"work": f"MLP, {n_epochs} epochs"}


def precision() -> Iterator[dict]:
    """Yield the accuracy of the MLP with factors of 10 bits and in single precision, on the same
    cohorts and draws.
    """
    for n_samples, n_qtl in PRECISION_SIZES:
        for replicate in range(1, REPLICATES + 1):
            cohort = make_cohort(n_samples, n_qtl, seed=replicate)
            for name in ("tf32", "ieee"):
                with mock.patch.object(training, "PRECISION", name):
                    record, r = fit(cohort, replicate)
                for trait, (rel_aa, value) in enumerate(zip(TRAITS, r, strict=True), start=1):
                    yield {
                        "n_samples": n_samples,
                        "n_qtl": n_qtl,
                        "replicate": replicate,
                        "products": name,
                        "trait": trait,
                        "rel_aa": rel_aa,
                        "pearson_r": value,
                        "epochs": record.epochs,
                    }


def fits() -> Iterator[dict]:
    """Yield the time and accuracy of fits to their early end: the MLP, and exact ridge on one split."""
    for n_samples, n_qtl in FITS:
        started = time.perf_counter()
        cohort = make_cohort(n_samples, n_qtl)
        simulated = time.perf_counter() - started
        for model, work in {"ridge": fit_ridge, "mlp": fit}.items():
            started = time.perf_counter()
            record, r = work(cohort, 1)
            seconds = time.perf_counter() - started
            yield {
                "n_samples": n_samples,
                "n_qtl": n_qtl,
                "model": model,
                "seconds": seconds,
                "epochs": record.epochs,
                "status": record.status,
                "simulation_seconds": simulated,
                **{f"r_{rel_aa:g}": value for rel_aa, value in zip(TRAITS, r, strict=True)},
            }


def fit(cohort: Cohort, seed: int) -> tuple[training.TrainingRecord, np.ndarray]:
    """Train the MLP to its early end, and return its record and r of each trait."""
    generator = torch.Generator().manual_seed(seed)
    model = networks.mlp(cohort.genotypes.n_markers, len(TRAITS), WIDTH, generator)
    split = split_samples(cohort.genotypes.n_samples, "published")
    plan = training.mlp_plan(max_epochs=MOST_EPOCHS)
    data = cohort.genotypes, cohort.phenotypes, split, plan
    record = training.train(model, *data, generator=generator, device="cuda", progress=True)
    return record, pearson_r(
        cohort.phenotypes[split.test], training.predict(model, *data[:1], split.test, "cuda")
    )


def fit_ridge(cohort: Cohort, _: int) -> tuple[training.TrainingRecord, np.ndarray]:
    """Fit exact ridge, and return a record that says so, and r of each trait."""
    split = split_samples(cohort.genotypes.n_samples, "published")
    found = ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, split.train, device="cuda")
    return training.TrainingRecord("exact"), pearson_r(
        cohort.phenotypes[split.test], found.predict(cohort.genotypes, split.test)
    )


WORKS = {"gpu": side_by_side, "gpu_precision": precision, "gpu_fits": fits}


if __name__ == "__main__":
    main()
