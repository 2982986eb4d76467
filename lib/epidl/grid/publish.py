"""Take a profile's finished cells into the book: `python -m epidl.grid.publish PROFILE`, at the project's root.

Writes book/data/<experiment>.csv with its provenance and says which cells are not computed yet. `make publish` also
draws anew what the book draws from these tables alone: the verdicts on the claims and the README's figure. The quick
grid's tables have a folder of their own, book/data/quick: what the book shows at a small scale where it is built
without computing anything.
Cells that the book has already, from another machine, profile or run, stay; a cell that was computed again takes the
place of the old one of its name. What is no longer the profile's is named. `--also FOLDER` takes the cells
of another machine's `runs` folder too; where both finished a cell with the same numbers one is taken, where their
numbers differ nothing is published until one of them is gone.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from epidl import commands
from epidl.grid import results
from epidl.grid.params import CELL_TYPES, Cell, is_of, planned_cells

DATA = Path("book/data")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 where a cell cannot be published or none is finished."""
    parser = argparse.ArgumentParser(prog="python -m epidl.grid.publish", description=__doc__.splitlines()[0])
    parser.add_argument("profile", choices=["quick", "standard", "full"])
    parser.add_argument("--also", type=Path, action="append", default=[], help="another machine's runs folder")
    options = parser.parse_args(arguments)
    for folder in options.also:
        if not folder.is_dir():
            parser.error(f"argument --also: must be a folder that is there, got {str(folder)!r}")
    try:
        return publish_profile(options.profile, options.also)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to publish the rest.", file=sys.stderr)
    return 1


def publish_profile(profile: str, others: Sequence[Path] = ()) -> int:
    """Publish a profile's finished cells, and those in other machines' `runs` folders; return the exit status.

    All is checked before any is published: raises ValueError for a cell, or a published table, that cannot be taken.
    """
    cells = dict(
        one_of([folder, *(also / profile / cell.experiment / cell.name for also in others)], cell)
        for folder, cell in planned_cells(Path.cwd(), profile).items()
    )
    if not any(_is_finished(folder) for folder in cells):
        raise ValueError(f"No cell of the profile {profile} is finished: run python -m epidl.grid {profile}")
    data = DATA / "quick" if profile == "quick" else DATA
    for folder in filter(_is_finished, cells):
        results.read_cell(folder)
    for table in (data / f"{experiment}.csv" for experiment in CELL_TYPES):
        if table.exists():
            results.read_collected(table)
    for experiment in CELL_TYPES:
        own = {folder: cell for folder, cell in cells.items() if cell.experiment == experiment}
        publish(own, data / f"{experiment}.csv")
    return 0


def publish(cells: Mapping[Path, Cell], path: Path) -> None:
    """Collect an experiment's finished cells in a table of the book's data, and say which are not computed yet.

    Where none is finished, what was published before stays as it is.
    """
    finished = {cell.name: results.read_cell(folder) for folder, cell in cells.items() if _is_finished(folder)}
    if finished:
        published = results.read_collected(path) if path.exists() else {}
        planned = {cell.name: cell for cell in cells.values()}
        merged = published | finished
        grid_first = dict.fromkeys(name for name in (*planned, *merged) if name in merged)
        results.collect([merged[name] for name in grid_first], path)
        for name, cell in published.items():
            if name not in finished and (reason := _outdated(cell.record, planned.get(name), planned)):
                print(f"{path.stem}: kept, though {reason}: {name}")
    shown = set(results.read_table(path)["cell"]) if path.exists() else set()
    missing = [cell.name for cell in cells.values() if cell.name not in shown]
    print(f"{path.stem}: {len(finished)} cells published; not computed: {', '.join(missing) or 'none'}")


def _outdated(record: Mapping, cell: Cell | None, planned: Mapping[str, Cell]) -> str:
    """Return why a published cell is no longer the profile's, whatever its replicates; '' where it is, or another's."""
    parameters, profile = record["parameters"], next(iter(planned.values())).profile
    if parameters["profile"] != profile:
        return ""
    if cell is None:
        return f"the profile {profile} has no such cell now"
    alike = is_of({**parameters, "n_replicates": cell.n_replicates}, cell)
    return "" if alike else "the profile gives it other parameters now"


def one_of(folders: Sequence[Path], cell: Cell) -> tuple[Path, Cell]:
    """Return the first folder that holds the finished cell, or the first of all, with the cell.

    Raises ValueError where two hold different numbers, and what `check_provenance` raises.
    """
    finished = [folder for folder in folders if _is_finished(folder)]
    for folder in finished:
        check_provenance(folder, cell)
    for other in finished[1:]:
        if not same_numbers(*(results.read_cell(folder).table for folder in (finished[0], other))):
            raise ValueError(
                f"{cell.experiment} {cell.name} must have the same numbers wherever it was computed, but those of "
                f"{finished[0]} and {other} differ: remove one of them"
            )
        print(f"{cell.experiment} {cell.name}: the same numbers in {finished[0]} and {other}")
    return (finished or folders)[0], cell


def same_numbers(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two tables of a cell have the same fits with the same r, up to the rounding of another processor."""
    keys = ["replicate", "trait", "model", "protocol"]
    both = [table.sort_values(keys).reset_index(drop=True) for table in (one, other)]
    if not both[0][keys].equals(both[1][keys]):
        return False
    return bool(np.allclose(both[0]["pearson_r"], both[1]["pearson_r"], rtol=0, atol=1e-6, equal_nan=True))


def check_provenance(folder: Path, cell: Cell) -> None:
    """Raise ValueError where a finished cell was computed with other parameters, or by code that was not committed."""
    record = results.read_record(folder)
    if not is_of(record["parameters"], cell):
        raise ValueError(f"{folder} must have been computed with the parameters of its profile; run the grid again")
    if record["commit"] == "unknown" or record["commit"].endswith("-dirty"):
        raise ValueError(f"{folder} must have been computed by committed code, got commit {record['commit']}")


def _is_finished(folder: Path) -> bool:
    return (folder / results.TABLE).exists()


if __name__ == "__main__":
    commands.end(main)
