"""Take a profile's finished cells into the book: `python -m epidl.publish PROFILE`, at the project's root.

Writes book/data/<experiment>.csv with its provenance, and the README's figure; says which cells are not computed yet.
"""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from epidl import figures, results
from epidl.grid import planned_cells
from epidl.params import CELL_TYPES, Cell

DATA = Path("book/data")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 where a cell cannot be published or none is finished."""
    parser = argparse.ArgumentParser(prog="python -m epidl.publish", description=__doc__.splitlines()[0])
    parser.add_argument("profile", choices=["standard", "full"])
    profile = parser.parse_args(arguments).profile
    cells = planned_cells(Path.cwd(), profile)
    finished = {folder: cell for folder, cell in cells.items() if (folder / results.TABLE).exists()}
    try:
        for folder, cell in finished.items():  # all before any is published
            check_provenance(folder, cell)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if not finished:
        print(f"No cell of the profile {profile} is finished: run python -m epidl.grid {profile}", file=sys.stderr)
        return 1
    for experiment in CELL_TYPES:
        publish(experiment, [folder for folder, cell in cells.items() if cell.experiment == experiment])
    draw_readme_figure()
    return 0


def publish(experiment: str, folders: list[Path]) -> None:
    """Collect the finished ones of an experiment's cells in the book's data, and say which are not computed yet.

    Where none is finished, what was published before stays.
    """
    finished = [folder for folder in folders if (folder / results.TABLE).exists()]
    if finished:
        results.collect(finished, DATA / f"{experiment}.csv", DATA / f"{experiment}.provenance.json")
    missing = [folder.name for folder in folders if folder not in finished]
    print(f"{experiment}: {len(finished)} cells published; not computed: {', '.join(missing) or 'none'}")


def check_provenance(folder: Path, cell: Cell) -> None:
    """Raise ValueError where a finished cell was computed with other parameters, or by code that was not committed."""
    record = json.loads((folder / results.PROVENANCE).read_text())
    if record["parameters"] != cell.model_dump(mode="json"):
        raise ValueError(f"{folder} must have been computed with the parameters of its profile; run the grid again")
    if record["commit"] == "unknown" or record["commit"].endswith("-dirty"):
        raise ValueError(f"{folder} must have been computed by committed code, got commit {record['commit']}")


def draw_readme_figure() -> None:
    """Draw figure 1B from the published table beside the publication's digitised values."""
    figures.use_style()
    table = results.read_table(DATA / "scaling.csv").query("protocol == 'published'")
    figure = figures.figure_1b(table, pd.read_csv(DATA / "figure_1_digitised.csv"))
    figure.savefig("book/static/figure_1b.png", dpi=160)


if __name__ == "__main__":
    sys.exit(main())
