"""What comparing models on one's own data costs: `python -m benchmarks.own_data` writes book/data/own_data_costs.csv.

Each model is fitted to one split, in a process of its own, on two threads; sizes that a model refuses are left out, and
so are those that take hours.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from epidl import own_data, results

SIZES = ((500, 2_000), (1_000, 5_000), (2_000, 10_000), (5_000, 2_000))
PATH = Path("book/data/own_data_costs.csv")


def main() -> None:
    """Measure all models and sizes and write the table with its provenance."""
    wanted = [
        (model, *size)
        for size in SIZES
        for model in own_data.MODELS
        if size[1] <= own_data.MOST_MARKERS.get(model, size[1])
    ]
    rows = [measure(*work) for work in tqdm(wanted)]
    table = pd.DataFrame(rows)
    results.write_table(PATH, table.assign(device=results.device_name("cpu"), commit=results.commit()))


def measure(model: str, n_samples: int, n_markers: int) -> dict[str, object]:
    """Return a row of the table."""
    command = [sys.executable, "-m", "benchmarks.alone", f"own data, {model}", str(n_samples), str(n_markers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cost = json.loads(done.stdout.splitlines()[-1])
    return {"model": model, "n_samples": n_samples, "n_markers": n_markers} | cost


if __name__ == "__main__":
    main()
