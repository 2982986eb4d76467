"""The command that runs a profile's grid: `python -m epidl.grid PROFILE [SNAKEMAKE ARGUMENTS]`.

Run at the project's root, the command checks all parameter files, clears what a killed run left
behind (Snakemake's lock, orphaned notebooks), sets aside damaged tables, hands over to Snakemake,
and names the cells that failed. Finished cells are not repeated, nor are the finished fits of a
stopped cell. With `--stop-after 9m` the command stops in time, for machines lent by the hour, and
says what is left. The profile `published` has no grid, only the book of the shipped tables.
"""

import argparse
import contextlib
import errno
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import filelock
import psutil

from epidl import storage
from epidl.commands import duration, number_from
from epidl.grid import results
from epidl.grid.params import CELL_TYPES, ParameterError, planned_cells

MARKER = results.GRID
# seconds from an interrupt until what is still at work, such as a worker that hangs, is killed
GRACE = 30.0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 not finished, 2 nothing was run."""
    parser = argparse.ArgumentParser(
        prog="python -m epidl.grid", description=__doc__.splitlines()[0]
    )
    parser.add_argument("profile", choices=["published", "smoke", "quick", "standard", "full"])
    parser.add_argument(
        "--cores", type=number_from(1), default=_usable_cores(), help="jobs at a time (all cores)"
    )
    parser.add_argument(
        "--stop-after", type=duration, metavar="9m", help="stop after so many s, m or h"
    )
    parser.add_argument(
        "--gpus",
        type=number_from(0),
        default=0,
        help="GPUs that a scheduler gives to each cell with networks (0)",
    )
    options, snakemake_arguments = parser.parse_known_args(arguments)
    root = Path.cwd()
    # a closed terminal and a scheduler stop a run as Ctrl-C does
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        cells = planned_cells(root, options.profile)
        check_targets(root / "runs" / options.profile, list(cells), snakemake_arguments)
        (root / "runs").mkdir(exist_ok=True)
        with filelock.FileLock(root / "runs" / ".lock", timeout=0):
            clear_leftovers(root, list(cells))
            check_finished(root / "runs" / options.profile, list(cells))
            settings = [f"profile={options.profile}", f"gpus={options.gpus}"]
            command = [*snakemake_arguments, "--cores", str(options.cores), "--config", *settings]
            return run(root, command, list(cells), options.stop_after)
    except ParameterError as error:
        print(error, file=sys.stderr)
    except filelock.Timeout:
        print(
            f"Another run works in {root / 'runs'}. Wait for its end, or stop it.", file=sys.stderr
        )
    except OSError as error:
        print(f"{root} must be a folder that can be written to: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped before anything was run.", file=sys.stderr)
    return 2


def check_targets(folder: Path, cells: Sequence[Path], arguments: Sequence[str]) -> None:
    """Raise ParameterError for a target below runs/ that is neither a cell's file nor a table or page
    of the profile.

    folder: of the profile's results. What follows an option may be its value, and is left to
    Snakemake, whose own message on an unknown target names a function of the workflow.
    """
    files = set()
    for cell in cells:
        files |= {cell / "notebook.ipynb", cell / results.TABLE, cell / results.PROVENANCE}
    for experiment in CELL_TYPES:
        files |= {folder / f"{experiment}.csv", folder / f"{experiment}.provenance.json"}
    for before, argument in itertools.pairwise(["", *arguments]):
        target, place = Path(argument), Path.cwd() / argument
        wanted = target.parts[:1] == ("runs",) and not before.startswith("-")
        if wanted and place not in files and folder / "pages" not in place.parents:
            raise ParameterError(
                f"{target} must be a table of this profile, such as runs/{folder.name}/scaling.csv, or a file of one "
                "of its cells, which python -m epidl.grid.cell EXPERIMENT PROFILE names"
            )


def clear_leftovers(root: Path, folders: list[Path]) -> None:
    """Stop processes that a killed run left running for `root`, and remove its lock and unfinished
    notebooks.
    """
    kill(root)
    for folder in folders:
        (folder / "unfinished.ipynb").unlink(missing_ok=True)
    if any((root / ".snakemake" / "locks").glob("*")):
        subprocess.run([*_snakemake(), "--unlock"], check=True, capture_output=True)


def check_finished(folder: Path, cells: list[Path]) -> None:
    """Set aside a profile's tables that are not as they were written, and name the notebooks that
    cannot be read.

    Raises PermissionError if an existing folder cannot be written to.
    """
    for place in {folder, *map(folder.joinpath, CELL_TYPES), *cells}:
        if place.exists() and not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    for experiment in CELL_TYPES:
        table = folder / f"{experiment}.csv"
        storage.set_damaged_aside(table, partial(results.read_collected, table))
    for cell in cells:
        table, notebook = cell.parent.with_suffix(".csv"), cell / "notebook.ipynb"
        lost = storage.set_damaged_aside(cell / results.TABLE, partial(results.read_cell, cell))
        # Snakemake makes no cell again that only an existing table needs
        if lost and table.exists():
            os.replace(table, table.with_suffix(".outdated"))
        if notebook.exists() and not _is_notebook(notebook):
            print(
                f"{notebook} cannot be read as a notebook. The cell's table is kept. To make both again, remove "
                f"{notebook.parent}",
                file=sys.stderr,
            )


def run(
    root: Path, arguments: list[str], folders: list[Path], stop_after: float | None = None
) -> int:
    """Run Snakemake and, if it does not finish, name the cells that failed. An interrupt stops it
    in good order.

    stop_after: seconds until it is interrupted, None for never.
    """
    command = [*_snakemake(), *arguments]
    # the jobs find papermill and python of this environment
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # a session of its own: a terminal's interrupt reaches this command alone, which hands it on
    # (`interrupt`)
    process = subprocess.Popen(
        command, env=os.environ | {"PATH": path, MARKER: str(root)}, start_new_session=True
    )
    status, stopped = _wait(process, root, stop_after)
    if stopped:
        left = [folder.name for folder in folders if not (folder / "table.csv").exists()]
        print(
            f"Stopped after {stop_after:g} s with {len(left)} of {len(folders)} cells of the profile left.",
            file=sys.stderr,
        )
    if not status:
        return 0
    for folder in [] if stopped else folders:
        if (folder / "unfinished.ipynb").exists():
            print(f"Failed: {folder.name}; {_reason(folder)}", file=sys.stderr)
    if storage.is_full(root):
        print(f"The disk that holds {root} is full: make room.", file=sys.stderr)
    print(
        "Run the same command again to continue: finished cells and fits are kept.", file=sys.stderr
    )
    return 1


def _wait(process: subprocess.Popen, root: Path, stop_after: float | None) -> tuple[int, bool]:
    """Return Snakemake's exit status, and whether its time was up. Kill what an interrupt does not
    stop.
    """
    limit, interrupted, stopped = stop_after, False, False
    while True:
        try:
            return process.wait(limit), stopped
        except KeyboardInterrupt:
            print("Stopping.", file=sys.stderr)
            if not interrupted:
                interrupt(root)
        except subprocess.TimeoutExpired:
            if interrupted:
                print(f"Killed what did not stop in {GRACE:g} s.", file=sys.stderr)
                kill(root)
                process.wait()
                return -signal.SIGKILL, stopped  # psutil has taken the status
            stopped = True
            interrupt(root)
        limit, interrupted = GRACE, True


def kill(root: Path) -> None:
    """Kill all processes that work for `root`."""
    leftovers = _workers(root)
    for process in leftovers:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(leftovers, timeout=10)


def _reason(folder: Path) -> str:
    """Return the last words of a failed cell's log, and where its notebook is."""
    log, last = folder / "log.txt", "no log"
    if log.exists() and log.read_text(errors="replace").strip():
        last = log.read_text(errors="replace").strip().split("\n")[-1].strip()
    return f"{last}. Its notebook so far: {folder / 'unfinished.ipynb'}"


def _is_notebook(path: Path) -> bool:
    try:
        return "cells" in json.loads(path.read_text())
    except (ValueError, TypeError):
        return False


def interrupt(root: Path) -> None:
    """Interrupt all processes that work for `root`, as a terminal would.

    Snakemake is ended if it has no lock yet: at its start, when no job runs, it answers an
    interrupt by a traceback.
    """
    number = signal.SIGINT if any((root / ".snakemake" / "locks").glob("*")) else signal.SIGTERM
    for process in _workers(root):
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _snakemake() -> list[str]:
    return [sys.executable, "-m", "snakemake"]


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(root: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARKER) == str(root):
                found.append(process)
    return found
