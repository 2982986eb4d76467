"""Compute one cell without a notebook: `python -m epidl.grid.cell EXPERIMENT PROFILE CELL`.

Run at the project's root, the command is for a machine without Jupyter and Snakemake, and needs
Optuna only for a cell that searches. The command writes the same table and provenance as the
notebook, into the folder that the grid would take, so that `epidl.grid.publish` finds them. A
stopped cell continues after its finished fits.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from epidl import checks, commands, storage
from epidl.devices import resolve_device
from epidl.grid import core, kept, real, results
from epidl.grid.params import (
    CELL_TYPES,
    Cell,
    ProfileName,
    RealCell,
    load_grids,
    same_settings,
)


@commands.answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done now or before, 1 stopped, 2 it cannot be
    computed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m epidl.grid.cell", description=__doc__.splitlines()[0]
    )
    parser.add_argument("experiment", choices=list(CELL_TYPES))
    parser.add_argument("profile", choices=ProfileName.__args__)
    parser.add_argument(
        "cell",
        nargs="?",
        help="its name, without which the names of the profile's cells are printed",
    )
    parser.add_argument("--output", help="the folder to write to (runs/PROFILE/EXPERIMENT/CELL)")
    options = parser.parse_args(arguments)
    grids = load_grids(Path("params", f"{options.experiment}.yml"))
    cells = {cell.name: cell for cell in grids[options.profile]}
    if not options.cell:
        print("\n".join(cells))
        return 0
    known = options.cell in cells
    checks.require(known, f"cell must be one of {', '.join(cells)}, got {options.cell}")
    checks.require(options.output != "", "--output must be a folder, got ''")
    folder = options.output or Path("runs", options.profile, options.experiment, options.cell)
    return compute_safely(cells[options.cell], Path(folder))


def compute_safely(cell: Cell, folder: Path) -> int:
    """Compute a cell and return the exit status. Say what stopped the cell if the code did not."""
    try:
        compute(cell, folder)
    except KeyboardInterrupt:
        print(
            "Stopped. Run the same command again to continue: finished fits are kept.",
            file=sys.stderr,
        )
        return 1
    except Exception as error:  # torch's and Optuna's own too, for want of memory or disk
        if _is_out_of_memory(error):
            print(f"Out of memory. Finished fits are kept. {error}", file=sys.stderr)
            return 1
        if storage.is_full(folder):
            print(
                f"The disk that holds {folder} is full: make room. Finished fits are kept.",
                file=sys.stderr,
            )
            return 1
        if not isinstance(error, (ValueError, ImportError, MemoryError, OSError)):
            raise
        print(str(error) or "Out of memory: finished fits are kept", file=sys.stderr)
        return 2
    return 0


def compute(cell: Cell, folder: Path) -> None:
    """Compute what a folder lacks of a cell, and write its table and provenance there.

    Raises BlockingIOError if another process works in the folder, ValueError if the folder holds a
    finished cell of other parameters or a foreign file, and what computing a cell raises.
    """
    folder = Path(checks.folder("output", folder))
    kept.hold(folder)
    results.check_own(folder)
    storage.set_damaged_aside(folder / results.TABLE, lambda: results.read_cell(folder))
    if (folder / results.TABLE).exists():
        held = results.read_cell(folder)
        checks.require(
            all(same_settings(fit.record["parameters"], cell) for fit in held),
            f"output must be a folder for {cell.name} with these parameters, but {folder} holds a finished cell of "
            "others: remove it, or choose another folder",
        )
        if cell.fits <= {fit.name for fit in held}:
            commits = ", ".join(sorted({fit.record["commit"] for fit in held}))
            print(
                f"{folder} holds this cell already, by commit {commits}: remove it to repeat it",
                file=sys.stderr,
            )
            return
        kept.Kept.of(folder, cell, resolve_device(cell.device)).add(held)
    started = datetime.now(UTC)
    run = real.run if isinstance(cell, RealCell) else core.run
    result = run(cell, folder=folder, progress=sys.stderr.isatty())
    results.write_cell(folder, result.table, cell.model_dump(mode="json"), started, result.side)


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether torch ran out of memory, which raises a class of its own or a plain error."""
    return "out of memory" in str(error).lower() or "can't allocate memory" in str(error)


if __name__ == "__main__":
    commands.end(main)
