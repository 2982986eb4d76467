"""Take a profile's finished cells into the book: `python -m epidl.publish PROFILE`, at the project's root.

Writes book/data/<experiment>.csv with its provenance, and the README's figure; says which cells are not computed yet.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from epidl import figures, results
from epidl.grid import planned_cells
from epidl.params import CELL_TYPES

DATA = Path("book/data")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 where no cell of an experiment is finished."""
    parser = argparse.ArgumentParser(prog="python -m epidl.publish", description=__doc__.splitlines()[0])
    parser.add_argument("profile", choices=["standard", "full"])
    profile = parser.parse_args(arguments).profile
    for experiment in CELL_TYPES:
        folders = [
            folder for folder, cell in planned_cells(Path.cwd(), profile).items() if cell.experiment == experiment
        ]
        finished = [folder for folder in folders if (folder / results.TABLE).exists()]
        missing = [folder.name for folder in folders if folder not in finished]
        if not finished:
            print(f"{experiment}: no finished cell in runs/{profile}", file=sys.stderr)
            return 1
        results.collect(finished, DATA / f"{experiment}.csv", DATA / f"{experiment}.provenance.json")
        print(f"{experiment}: {len(finished)} cells published; not computed: {', '.join(missing) or 'none'}")
    draw_readme_figure()
    return 0


def draw_readme_figure() -> None:
    """Draw figure 1B from the published table beside the publication's digitised values."""
    figures.use_style()
    table = results.read_table(DATA / "scaling.csv")
    figure = figures.figure_1b(table, pd.read_csv(DATA / "figure_1_digitised.csv"))
    figures.save(figure, Path("book/static/figure_1b"))


if __name__ == "__main__":
    sys.exit(main())
