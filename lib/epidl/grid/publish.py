"""Take a profile's fits into the book: `python -m epidl.grid.publish PROFILE`, at the project's root.

Writes book/data/<experiment>.csv with its provenance and says which cells are not complete yet.
`make publish` also draws anew what the book draws from these tables alone: the verdicts on the
claims and the README's figure. The quick grid's tables have a folder of their own, book/data/quick:
what the book shows at a small scale where it is built without computing anything.

The unit is the fit, of finished cells and of unfinished ones. What the book has already, from
another machine, profile or run, stays; of the same fit with the same parameters the one that was
computed later is published. Where parameters differ, a fit whose rate was searched for goes before
one at a fixed rate, then one of the profile `full` before others, then the later. What is no longer
the profile's is named. `--also` takes the fits of another machine's `runs` folder too, or of an
archive of it; where both made a fit with the same numbers one is taken, where their numbers differ
nothing is published until one of them is gone.
"""

import argparse
import contextlib
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from epidl import commands
from epidl.grid import kept, results
from epidl.grid.params import Cell, planned_cells, same_settings
from epidl.grid.results import Fitted


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 where a cell cannot be published or none is
    finished.
    """
    parser = argparse.ArgumentParser(
        prog="python -m epidl.grid.publish", description=__doc__.splitlines()[0]
    )
    parser.add_argument("profile", choices=["quick", "standard", "full"])
    parser.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        help="another machine's runs folder, or an archive of it",
    )
    options = parser.parse_args(arguments)
    try:
        with contextlib.ExitStack() as stack:
            return publish_profile(
                options.profile, [_runs_folder(path, stack) for path in options.also]
            )
    except (ValueError, OSError, EOFError, tarfile.TarError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to publish the rest.", file=sys.stderr)
    return 1


def _runs_folder(path: Path, stack: contextlib.ExitStack) -> Path:
    """Return a `runs` folder, or one with the content of an archive, which goes with the stack."""
    if path.is_dir():
        return path
    if not path.is_file() or not tarfile.is_tarfile(path):
        raise ValueError(
            f"--also must be a folder or an archive (tar) that is there, got {str(path)!r}"
        )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder


def publish_profile(profile: str, others: Sequence[Path] = ()) -> int:
    """Publish a profile's fits, and those in other machines' `runs` folders; return the exit status.

    All is checked before any is published: raises ValueError for a cell, or a published table, that
    cannot be taken.
    """
    cells = planned_cells(Path.cwd(), profile)
    data = results.DATA / "quick" if profile == "quick" else results.DATA
    found, published = {}, {}
    for folder, cell in cells.items():
        fits = found.setdefault(cell.experiment, [])
        fits += one_of(
            [folder, *(also / profile / cell.experiment / cell.name for also in others)], cell
        )
    if not any(found.values()):
        raise ValueError(
            f"No fit of the profile {profile} is finished: run python -m epidl.grid {profile}"
        )
    for experiment in found:
        path = data / f"{experiment}.csv"
        published[experiment] = results.read_collected(path) if path.exists() else []
    for experiment, fits in found.items():
        planned = [cell for cell in cells.values() if cell.experiment == experiment]
        publish(planned, fits, published[experiment], data / f"{experiment}.csv")
    return 0


def publish(
    planned: Sequence[Cell], fits: Sequence[Fitted], published: Sequence[Fitted], path: Path
) -> None:
    """Write the union of an experiment's fits and the published ones, and say which cells are not
    complete yet.

    Where none is new, what was published before stays as it is.
    """
    merged = {fit.name: fit for fit in published}
    new = [fit for fit in fits if fit.name not in merged or goes_before(fit, merged[fit.name])]
    merged |= {fit.name: fit for fit in new}
    if new:
        order = dict.fromkeys(
            [cell.name for cell in planned] + [fit.cell for fit in merged.values()]
        )
        place = {name: k for k, name in enumerate(order)}
        in_order = sorted(
            merged.values(), key=lambda fit: (place[fit.cell], fit.table["replicate"].iloc[0])
        )
        results.collect(in_order, path)
    for name, reason in _outdated(merged.values(), planned).items():
        print(f"{path.stem}: kept, though {reason}: {name}")
    missing = [cell.name for cell in planned if not results.is_complete(merged, cell)]
    print(f"{path.stem}: {len(new)} fits published; not complete: {', '.join(missing) or 'none'}")


def goes_before(one: Fitted, other: Fitted) -> bool:
    """Tell whether one fit takes the place of another of its name: see this module's first lines."""
    given, known = one.record["parameters"], other.record["parameters"]
    settings = given.keys() & known.keys() - set(results.CHOSEN)  # what one lacks had its default
    if all(given[name] == known[name] for name in settings):
        return one.record["started"] > other.record["started"]
    return _rank(one) > _rank(other)


def _rank(fit: Fitted) -> tuple[bool, bool, str]:
    parameters = fit.record["parameters"]
    is_searched = len(parameters.get("mlp_learning_rates", ())) > 1
    return is_searched, parameters["profile"] == "full", fit.record["started"]


def _outdated(fits: Iterable[Fitted], planned: Sequence[Cell]) -> dict[str, str]:
    """Return why published cells are no longer the profile's, by name; those of another profile are
    not asked.
    """
    cells, reasons = {cell.name: cell for cell in planned}, {}
    for fit in fits:
        cell, parameters = cells.get(fit.cell), fit.record["parameters"]
        if parameters["profile"] == planned[0].profile and not (
            cell and same_settings(parameters, cell)
        ):
            why = "gives it other parameters now" if cell else "has no such cell now"
            reasons[fit.cell] = f"the profile {planned[0].profile} {why}"
    return reasons


def one_of(folders: Sequence[Path], cell: Cell) -> list[Fitted]:
    """Return the fits of a cell in several folders, each once.

    Raises ValueError where two hold different numbers, and what `fits_in` raises.
    """
    found: dict[str, tuple[Fitted, Path]] = {}
    for folder in folders:
        for fit in fits_in(folder, cell):
            known, other = found.setdefault(fit.name, (fit, folder))
            if not same_numbers(known.table, fit.table):
                raise ValueError(
                    f"{cell.experiment} {fit.name} must have the same numbers wherever it was computed, but those of "
                    f"{other} and {folder} differ: remove one of them"
                )
    return [fit for fit, _ in found.values()]


def fits_in(folder: Path, cell: Cell) -> list[Fitted]:
    """Return the fits of a cell in a folder, finished or not; of the same fit the one that was
    computed later.

    Of the kept ones, those with other parameters or by code that was not committed are left out.
    Raises ValueError for such fits in a finished cell.
    """
    found = {}
    for fit in results.read_cell(folder) if (folder / results.TABLE).exists() else []:
        if not same_settings(fit.record["parameters"], cell):
            raise ValueError(
                f"{folder} must have been computed with the parameters of its profile; run the grid again"
            )
        if not _is_committed(fit):
            commit = fit.record["commit"]
            raise ValueError(
                f"{folder} must have been computed by committed code, got commit {commit}"
            )
        found[fit.name] = fit
    for fit in kept.read_all(folder):
        is_later = (
            fit.name not in found or fit.record["started"] > found[fit.name].record["started"]
        )
        if is_later and _is_committed(fit) and same_settings(fit.record["parameters"], cell):
            found[fit.name] = fit
    return list(found.values())


def same_numbers(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two tables of a fit have the same traits and r, up to the rounding of another
    processor.
    """
    if one["trait"].tolist() != other["trait"].tolist():
        return False
    return bool(
        np.allclose(one["pearson_r"], other["pearson_r"], rtol=0, atol=1e-6, equal_nan=True)
    )


def _is_committed(fit: Fitted) -> bool:
    commit = fit.record["commit"]
    return commit != "unknown" and not commit.endswith("-dirty")


if __name__ == "__main__":
    commands.end(main)
