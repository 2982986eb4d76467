"""The simulation in each way, measured in a process of its own: `python -m benchmarks.simulations WAY N_SAMPLES N_QTL`.

Prints seconds, and the megabytes that the process grew by at most.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import plain_way, published_way
from epidl.simulate import Cohort, simulate

TRAITS = [0, 0.1, 0.5, 1, 3]


def make_cohort(n_samples: int, n_qtl: int) -> Cohort:
    """Simulate the scaling experiment's five traits; its packed haplotypes are what our loop trains on."""
    return simulate(n_samples=n_samples, n_qtl=n_qtl, rel_aa=TRAITS, broad_sense_heritability=0.999, seed=1)


def plain(n_samples: int, n_qtl: int) -> object:
    """Simulate dense alleles, and make the one-hot matrix from them."""
    alleles, phenotypes = plain_way.simulate(n_samples, n_qtl, TRAITS, 0.999, seed=1)
    return plain_way.one_hot(alleles), phenotypes


def published(n_samples: int, n_qtl: int) -> None:
    """Write text files and parse them into HDF5 (after our own simulation: AlphaSimR is no part of this)."""
    with tempfile.TemporaryDirectory() as folder:
        published_way.make_files(make_cohort(n_samples, n_qtl), Path(folder))


WAYS = {"ours": make_cohort, "plain": plain, "published": published}


def main() -> None:
    """Measure the way that the arguments name."""
    work, sizes = WAYS[sys.argv[1]], [int(size) for size in sys.argv[2:]]
    work(100, 4)  # what is imported and allocated once
    before, start = psutil.Process().memory_info().rss, time.perf_counter()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here (Linux)
    work(*sizes)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "memory_mb": (peak_memory() - before) / 2**20}))


def peak_memory() -> int:
    """Return the most bytes that this process held since its peak was last cleared."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


if __name__ == "__main__":
    main()
