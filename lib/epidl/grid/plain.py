"""Run a profile without Snakemake and Jupyter: `python -m epidl.grid PROFILE --plain`.

Run at the project's root, the command is for a machine lent by the hour, such as a GPU node.
Several processes compute what is neither published nor there, cell by cell, in the order of the
parameter files or of the named cells. `--stop-after 9m` stops in time, keeping finished fits.
`--archive FILE` then packs what there is, for `epidl.grid.publish --also FILE`. If the archive is
unpacked into `runs`, the next run continues from it.
"""

import argparse
import multiprocessing
import sys
import tarfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from epidl.commands import answers_with, duration, number_from
from epidl.grid import costs, kept
from epidl.grid.cell import compute_safely
from epidl.grid.params import Cell, ParameterError, ProfileName, planned_cells


@answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 not finished, 2 nothing was run."""
    parser = argparse.ArgumentParser(
        prog="python -m epidl.grid PROFILE --plain", description=__doc__.splitlines()[0]
    )
    parser.add_argument("profile", choices=ProfileName.__args__)
    parser.add_argument(
        "cells", nargs="*", help="EXPERIMENT or EXPERIMENT/CELL, first to last (all)"
    )
    parser.add_argument("--plain", action="store_true", help="without Snakemake")
    parser.add_argument(
        "--jobs", type=number_from(1), default=1, help="processes at a time, on one GPU too (1)"
    )
    parser.add_argument(
        "--stop-after", type=duration, metavar="9m", help="stop after so many s, m or h"
    )
    parser.add_argument(
        "--archive", type=Path, metavar="FILE", help="a tar.gz of the cells, written at the end"
    )
    options = parser.parse_intermixed_args(arguments)
    cells = chosen(planned_cells(Path.cwd(), options.profile), options.cells)
    for folder, cell in list(cells.items()):
        if cell.fits <= kept.published(cell).keys():
            print(f"{_named(folder)} is published")
            del cells[folder]
    status = run(cells, options.jobs, options.stop_after) if cells else 0
    if options.archive:
        pack(cells, options.archive)
    return status


def chosen(cells: Mapping[Path, Cell], names: Sequence[str]) -> dict[Path, Cell]:
    """Return the cells that are named, in the order of the names, or all cells if there is no name.

    Raises ParameterError for a name that no cell has.
    """
    found = {} if names else dict(cells)
    for name in names:
        own = [
            (folder, cell)
            for folder, cell in cells.items()
            if name in (cell.experiment, _named(folder))
        ]
        if not own:
            raise ParameterError(
                f"cells must be EXPERIMENT or EXPERIMENT/CELL of this profile, got {name}"
            )
        found.update(own)
    return found


def _named(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def run(cells: Mapping[Path, Cell], jobs: int, stop_after: float | None) -> int:
    """Compute cells, report progress, and return the exit status. stop_after: seconds, None for
    never.
    """
    begun, status = time.monotonic(), 1
    machine, epochs = costs.measured_machine(), costs.typical_epochs()
    # on that machine; here in proportion
    hours = costs.estimates(cells.values(), machine, epochs)["hours"]
    left = dict(zip(cells, hours, strict=True))
    failed = []
    # CUDA does not survive a fork
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    running = {pool.submit(compute_safely, cell, folder): folder for folder, cell in cells.items()}
    try:
        for future in as_completed(running, stop_after):
            folder, error = running[future], future.exception()
            if error or future.result():
                failed.append(f"Failed: {_named(folder)} {error or ''}")
            del left[folder]
            minutes, to_come = (time.monotonic() - begun) / 60, sum(left.values())
            rest = minutes * to_come / (sum(hours) - to_come)
            done = f"{len(cells) - len(left)} of {len(cells)} cells in {minutes:.1f} min"
            print(f"{done}, about {rest:.1f} min to come: {_named(folder)}", flush=True)
        status = int(bool(failed))
    except TimeoutError:
        print(
            f"Stopped after {stop_after:g} s with {len(left)} of {len(cells)} cells left. Finished fits are kept."
        )
    except KeyboardInterrupt:
        print(
            "Stopped. Run the same command again to continue: finished fits are kept.",
            file=sys.stderr,
        )
    for future in running:
        future.cancel()
    for process in multiprocessing.active_children():
        process.terminate()
    pool.shutdown()
    print(*failed, sep="\n", end="", file=sys.stderr)
    return status


def pack(cells: Iterable[Path], archive: Path) -> None:
    """Write what there is of cells, finished or not, to an archive laid out as `runs`."""
    with tarfile.open(archive, "w:gz") as tar:
        for folder in cells:
            if folder.exists():
                name = Path(*folder.parts[-3:])
                tar.add(
                    folder,
                    name,
                    filter=lambda file: None if Path(file.name).name.startswith(".") else file,
                )
