"""What comparing models on one's own data costs: `python -m benchmarks.own_data` writes
book/data/own_data_costs.csv.

Each model is fitted to one split, in its own process, on two threads. Sizes that a model refuses
are left out, and so are large ones for networks that try several penalties, which take an hour and
more.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from epidl import devices, storage
from epidl.grid import results
from epidl.own import comparison

SIZES = ((500, 2_000), (1_000, 5_000), (2_000, 10_000), (5_000, 2_000))
MOST = {"sparse_mlp": 500 * 2_000, "pair_network": 500 * 2_000}  # individuals times markers
PATH = Path("book/data/own_data_costs.csv")


def main() -> None:
    """Measure all models and sizes and write the table, whole after each row."""
    rows = []
    for model, n_samples, n_markers in tqdm(wanted()):
        rows.append(measure(model, n_samples, n_markers))
        table = pd.DataFrame(rows).assign(
            device=devices.device_name("cpu"), commit=results.commit()
        )
        storage.write_table(PATH, table)


def wanted() -> list[tuple[str, int, int]]:
    """Return the models and sizes that are measured."""
    return [
        (model, n, m)
        for n, m in SIZES
        for model in comparison.MODELS
        if m <= (comparison.MODELS[model].most_markers or m) and n * m <= MOST.get(model, n * m)
    ]


def measure(model: str, n_samples: int, n_markers: int) -> dict[str, object]:
    """Return a row of the table."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.alone",
        f"own data, {model}",
        str(n_samples),
        str(n_markers),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cost = json.loads(done.stdout.splitlines()[-1])
    return {"model": model, "n_samples": n_samples, "n_markers": n_markers} | cost


if __name__ == "__main__":
    main()
