"""The command that runs a profile's grid: `python -m epidl.grid PROFILE [SNAKEMAKE ARGUMENTS]`, at the project's root.

It checks all parameter files, clears what a killed run left behind (Snakemake's lock, orphaned notebooks), hands over
to Snakemake, and names the cells that failed. Finished cells are not repeated.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import filelock
import psutil

from epidl.params import CELL_TYPES, Cell, ParameterError, load_grids


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 some cells failed, 2 nothing was run."""
    parser = argparse.ArgumentParser(prog="python -m epidl.grid", description=__doc__.splitlines()[0])
    parser.add_argument("profile", choices=["smoke", "quick", "standard", "full"])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="jobs at a time (all cores)")
    options, snakemake_arguments = parser.parse_known_args(arguments)
    root = Path.cwd()
    try:
        cells = planned_cells(root, options.profile)
        (root / "runs").mkdir(exist_ok=True)
        with filelock.FileLock(root / "runs" / ".lock", timeout=0):
            clear_leftovers(root)
            return run(options.profile, options.cores, snakemake_arguments, cells)
    except ParameterError as error:
        print(error, file=sys.stderr)
    except filelock.Timeout:
        print(f"Another run works in {root / 'runs'}; wait for its end, or stop it.", file=sys.stderr)
    return 2


def planned_cells(root: Path, profile: str) -> dict[Path, Cell]:
    """Return the folder of each cell of a profile; raise ParameterError for a mistake in any parameter file."""
    folder = root / "runs" / profile
    return {
        folder / experiment / cell.name: cell
        for experiment in CELL_TYPES
        for cell in load_grids(root / "params" / f"{experiment}.yml")[profile]
    }


def clear_leftovers(root: Path) -> None:
    """Stop processes that a killed run left at work in `root`, and take away Snakemake's lock."""
    ours = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    leftovers = [
        process for process in psutil.process_iter() if process.pid not in ours and _is_grid_work(process, root)
    ]
    for process in leftovers:
        process.kill()
    psutil.wait_procs(leftovers, timeout=10)
    if any((root / ".snakemake" / "locks").glob("*")):
        subprocess.run([*_snakemake(), "--unlock"], check=True, capture_output=True)


def run(profile: str, cores: int, snakemake_arguments: list[str], cells: dict[Path, Cell]) -> int:
    """Run Snakemake; name the cells without a result where it fails."""
    command = [*_snakemake(), *snakemake_arguments, "--cores", str(cores), "--config", f"profile={profile}"]
    # the jobs find papermill and python of this environment
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    status = subprocess.run(command, env=os.environ | {"PATH": path}).returncode
    if status:
        failed = [folder for folder in cells if (folder / "unfinished.ipynb").exists()]
        for folder in failed:
            print(f"Failed: {folder.name}; its notebook so far: {folder / 'unfinished.ipynb'}", file=sys.stderr)
        print("Run the same command again to continue: finished cells are kept.", file=sys.stderr)
    return min(status, 1)


def _snakemake() -> list[str]:
    return [sys.executable, "-m", "snakemake"]


def _is_grid_work(process: psutil.Process, root: Path) -> bool:
    try:
        words = process.cmdline()
        at_work = any("papermill" in word or word == "snakemake" for word in words[:4])
        return at_work and Path(process.cwd()) == root
    except psutil.Error:
        return False


if __name__ == "__main__":
    sys.exit(main())
