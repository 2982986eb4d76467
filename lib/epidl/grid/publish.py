"""Take a profile's fits into the book: `python -m epidl.grid.publish PROFILE`, at the project's root.

Writes book/data/<experiment>.csv with its provenance and says which cells are not complete yet.
`make publish` also draws anew what the book draws from these tables alone: the verdicts on the
claims and the README's figure. The profile `quick` is not published, since its cells are small
versions of larger profiles' cells.

The unit is the fit, of finished cells and of unfinished ones. What the book already has from
another machine, profile or run stays. The later of two fits with the same parameters is published.
If parameters differ, a fit with a searched rate goes before one at a fixed rate, then one of the
profile `full` before others, then the later. Published cells that the profile no longer has are
named. `--also` adds the fits of another machine's `runs` folder, or of its archive. A fit that both
have with the same numbers is taken once. If the numbers differ, nothing is published until one of
the two is gone.
"""

import argparse
import contextlib
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from epidl import checks, commands
from epidl.grid import kept, results
from epidl.grid.params import Cell, planned_cells, same_settings
from epidl.grid.results import Fitted


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 if a cell cannot be published or none is
    finished.
    """
    parser = argparse.ArgumentParser(
        prog="python -m epidl.grid.publish", description=__doc__.splitlines()[0]
    )
    parser.add_argument("profile", choices=["standard", "full"])
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
            others = map(partial(_runs_folder, stack), options.also)
            return publish_profile(options.profile, list(others))
    except (ValueError, OSError, EOFError, tarfile.TarError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. Run the same command again to publish the rest.", file=sys.stderr)
    return 1


def _runs_folder(stack: contextlib.ExitStack, path: Path) -> Path:
    """Return a `runs` folder, or a temporary one with the content of an archive, removed with the
    stack.
    """
    if path.is_dir():
        return path
    checks.require(
        path.is_file() and tarfile.is_tarfile(path),
        f"--also must be a folder or an archive (tar) that is there, got {str(path)!r}",
    )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder


def publish_profile(profile: str, others: Sequence[Path] = ()) -> int:
    """Publish a profile's fits, and those in other machines' `runs` folders, and return the exit
    status.

    All is checked before any is published. Raises ValueError for a cell, or a published table, that
    cannot be taken.
    """
    cells = planned_cells(Path.cwd(), profile)
    found, planned, published = {}, {}, {}
    for folder, cell in cells.items():
        folders = [folder]
        for also in others:
            folders.append(also / profile / cell.experiment / cell.name)
        planned.setdefault(cell.experiment, []).append(cell)
        found.setdefault(cell.experiment, []).extend(one_of(folders, cell))
    checks.require(
        any(found.values()),
        f"No fit of the profile {profile} is finished: run python -m epidl.grid {profile}",
    )
    for experiment in found:
        path = results.DATA / f"{experiment}.csv"
        published[experiment] = results.read_collected(path) if path.exists() else []
    for experiment, fits in found.items():
        publish(
            planned[experiment], fits, published[experiment], results.DATA / f"{experiment}.csv"
        )
    return 0


def publish(
    planned: Sequence[Cell], fits: Sequence[Fitted], published: Sequence[Fitted], path: Path
) -> None:
    """Write the union of an experiment's fits and the published ones, and say which cells are not
    complete yet.

    If no fit is new, what was published before stays as it is.
    """
    merged, new = {fit.name: fit for fit in published}, 0
    for fit in fits:
        if fit.name not in merged or goes_before(fit, merged[fit.name]):
            merged[fit.name] = fit
            new += 1
    if new:
        cells = [cell.name for cell in planned] + [fit.cell for fit in merged.values()]
        place = {name: number for number, name in enumerate(dict.fromkeys(cells))}
        in_order = sorted(
            merged.values(), key=lambda fit: (place[fit.cell], fit.table["replicate"].iloc[0])
        )
        results.collect(in_order, path)
    for name, reason in _outdated(merged.values(), planned).items():
        print(f"{path.stem}: kept, though {reason}: {name}")
    missing = [cell.name for cell in planned if not cell.fits <= merged.keys()]
    print(f"{path.stem}: {new} fits published; not complete: {', '.join(missing) or 'none'}")


def goes_before(one: Fitted, other: Fitted) -> bool:
    """Tell whether one fit takes the place of another of its name, see this module's first lines."""
    given, known = one.record["parameters"], other.record["parameters"]
    # what one lacks had its default, and what is chosen is no setting
    chosen = dict.fromkeys(results.CHOSEN)
    if known | given | chosen == given | known | chosen:
        return one.record["started"] > other.record["started"]
    return _rank(one) > _rank(other)


def _rank(fit: Fitted) -> tuple[bool, bool, str]:
    parameters = fit.record["parameters"]
    is_searched = len(parameters.get("mlp_learning_rates", ())) > 1
    return is_searched, parameters["profile"] == "full", fit.record["started"]


def _outdated(fits: Iterable[Fitted], planned: Sequence[Cell]) -> dict[str, str]:
    """Return why published cells are no longer the profile's, by name, ignoring those of another
    profile.
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

    Raises ValueError if two hold different numbers, and what `fits_in` raises.
    """
    found: dict[str, Fitted] = {}
    places: dict[str, Path] = {}
    for folder in folders:
        for fit in fits_in(folder, cell):
            known = found.setdefault(fit.name, fit)
            other = places.setdefault(fit.name, folder)
            checks.require(
                same_numbers(known.table, fit.table),
                f"{cell.experiment} {fit.name} must have the same numbers wherever it was computed, but those of "
                f"{other} and {folder} differ: remove one of them",
            )
    return list(found.values())


def fits_in(folder: Path, cell: Cell) -> list[Fitted]:
    """Return the fits of a cell in a folder, finished or not, the later of two versions of a fit.

    Kept fits with other parameters or by uncommitted code are left out. Raises ValueError for such
    fits in a finished cell.
    """
    found = {}
    for fit in results.read_cell(folder) if (folder / results.TABLE).exists() else []:
        checks.require(
            same_settings(fit.record["parameters"], cell),
            f"{folder} must have been computed with the parameters of its profile. Run the grid again",
        )
        checks.require(
            _is_committed(fit),
            f"{folder} must have been computed by committed code, got commit {fit.record['commit']}",
        )
        found[fit.name] = fit
    for fit in kept.read_all(folder):
        is_later = fit.record["started"] > found.get(fit.name, fit).record["started"]
        if (
            (is_later or fit.name not in found)
            and _is_committed(fit)
            and same_settings(fit.record["parameters"], cell)
        ):
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
