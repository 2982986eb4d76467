"""Results: fits with their provenance, a table for each cell and one for each experiment, written
whole or not at all.

The unit is the fit of one model to one cohort under one protocol: its rows of a table, its further
tables, and its record, which says by which code, where, when and with which parameters it was
computed. A record in a provenance file covers all fits of the same origin and names them in `fits`.
Older records without `fits` cover all fits of one cell.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from epidl import checks, commands
from epidl.cohorts import alphasimr
from epidl.devices import device_name
from epidl.grid import fingerprint
from epidl.storage import write_table, write_text

PACKAGES = ("epidl", "numpy", "scipy", "torch", "scikit-learn", "optuna", "pandas")
DATA = Path("book/data")  # the published tables
KEY = ["cell", "replicate", "protocol", "model"]  # which fit of an experiment a row belongs to
RECORD = {
    "parameters": dict,
    "commit": str,
    "device": str,
    "started": str,
    "seconds": (int, float),
    "peak_memory_mb": (int, float),
}
# parameters that say which fits a cell has, and where they are made: the others are a fit's
# settings
CHOSEN = ("n_replicates", "models", "protocols", "splits", "searched", "profile", "device")
# of a record: what fits of the same origin differ in
MEASURED = ("started", "seconds", "peak_memory_mb", "fits")
TABLE = "table.csv"
PROVENANCE = "provenance.json"
# the suffix of the checksums of a table and of what belongs to it, as `sha256sum` writes them
SEAL = ".sha256"
GRID = "EPIDL_GRID"  # in the environment of a grid's jobs: the project that they work for
# Optuna's searches, the LASSO's columns, what a file's reading dropped
SIDE_TABLES = ("trials", "importances", "report")


@dataclass(frozen=True)
class Fitted:
    """One fit. table: its rows. side: further tables by name, such as trials. record: its provenance."""

    table: pd.DataFrame
    side: dict[str, pd.DataFrame]
    record: dict[str, Any]

    @cached_property
    def name(self) -> str:
        """Cell, replicate, protocol and model, as in "n1000_scaling1 3 published mlp"."""
        return names(self.table)[0]

    @property
    def cell(self) -> str:
        """The name of its cell."""
        return self.table["cell"].iloc[0]


def names(table: pd.DataFrame) -> list[str]:
    """Return the name of the fit that each row of a table belongs to."""
    rows = zip(*(table[column].tolist() for column in KEY), strict=True)
    return [" ".join(map(str, row)) for row in rows]


def join(
    fits: Sequence[Fitted],
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """Return the table of fits in the given order, their side tables by name, and a record for each
    origin.

    A record has the fits' names in `fits`, their first start, the sum of their seconds and their
    largest memory.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    origins: dict[str, list[dict]] = {}
    for fit in fits:
        for name, table in {"table": fit.table, **fit.side}.items():
            tables.setdefault(name, []).append(table)
        origin = json.dumps(fit.record | dict.fromkeys(MEASURED), sort_keys=True)
        origins.setdefault(origin, []).append(fit.record | {"fits": fit.name})
    records = []
    for members in origins.values():
        own = pd.DataFrame(members, columns=MEASURED, dtype=object)
        cost = {
            "started": min(own["started"]),
            "seconds": round(sum(own["seconds"]), 3),
            "peak_memory_mb": max(own["peak_memory_mb"]),
            "fits": own["fits"].tolist(),
        }
        records.append(members[0] | cost)
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    return joined.pop("table"), joined, records


def split(
    table: pd.DataFrame, side: Mapping[str, pd.DataFrame], records: Sequence[dict]
) -> list[Fitted]:
    """Return the fits of a table, in its order, sharing the seconds of a record equally among its
    fits. A single record that names none is of them all.

    Raises ValueError for records of other fits, and for several of which one names none.
    """
    missing = set(KEY) - set(table.columns)
    checks.require(
        not missing,
        f"table must be one of fits, but lacks the columns {', '.join(sorted(missing))}",
    )
    rows = _by_fit(table)
    own = {name: _by_fit(content) for name, content in side.items()}
    checks.require(
        len(records) == 1 or all("fits" in record for record in records),
        f"records must each name their fits, or be one for all, got {len(records)}",
    )
    origin = {}
    for record in records:
        origin |= dict.fromkeys(record.get("fits", rows), record)
    checks.require(
        set(origin) == set(rows),
        f"records must be of the table's {len(rows)} fits, got {len(origin)}",
    )
    fits = []
    for name, part in rows.items():
        tables = {kind: content[name] for kind, content in own.items() if name in content}
        record = dict(origin[name])
        record["seconds"] /= len(record.pop("fits", rows))
        fits.append(Fitted(part, tables, record))
    return fits


def _by_fit(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return dict(list(table.groupby(pd.Series(names(table), table.index, dtype=str), sort=False)))


def write_cell(
    folder: Path,
    table: pd.DataFrame,
    parameters: Mapping[str, Any],
    started: datetime,
    side: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write a cell's provenance, side tables and table: once the table exists, all are whole and
    belong to it.

    started: when the cell began or continued, timezone-aware. The cell's end is now. side: further
    tables by name, see `SIDE_TABLES`, and `provenance`, a row for each record (`join`), if the fits
    have their own.

    Raises ValueError for a side table of another name, tables that are none, parameters that JSON
    does not hold, a start without time zone, and a folder that cannot be made.
    """
    side = dict(side or {})
    folder = _checked(folder, table, parameters, started, side)
    own = side.pop("provenance", None)
    checks.require(
        set(side) <= set(SIDE_TABLES),
        f"side must hold tables named {', '.join(SIDE_TABLES)}, got {', '.join(side)}",
    )
    record = (
        provenance(parameters, started) if own is None else own["record"].map(json.loads).tolist()
    )
    files: dict[str, str | pd.DataFrame] = {PROVENANCE: _as_json(record)}
    for name, content in {**side, "table": table}.items():
        files[f"{name}.csv"] = content
    _write_together(folder, files)


def _as_json(record: object) -> str:
    return json.dumps(record, indent=1, sort_keys=True) + "\n"


def _write_together(folder: Path, files: Mapping[str, str | pd.DataFrame]) -> None:
    """Write files that belong together, with their checksums. The last is a table that vouches for
    all.

    All is written under other names first, so a full disk changes nothing. The checksums take their
    place before the files do, which reveals a mixture of old and new after a kill. Files of the
    former checksums that `files` lacks are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seal = Path(list(files)[-1]).with_suffix(SEAL).name
    former, lines = _sealed(folder / seal), ""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new.") as aside:
        for name, content in files.items():
            write = write_text if isinstance(content, str) else write_table
            write(Path(aside, name), content)
            lines += f"{_sha256(Path(aside, name))}  {name}\n"
        write_text(Path(aside, seal), lines)
        os.replace(Path(aside, seal), folder / seal)
        for old in set(former) - set(files):
            (folder / old).unlink(missing_ok=True)
        for new in files:
            os.replace(Path(aside, new), folder / new)


def _checked(
    folder: Path,
    table: pd.DataFrame,
    parameters: Mapping[str, Any],
    started: datetime,
    side: Mapping[str, Any],
) -> Path:
    checks.instance("table", table, pd.DataFrame, "a table")
    for name, content in side.items():
        checks.instance(f"side[{name!r}]", content, pd.DataFrame, "a table")
    checks.require(
        isinstance(started, datetime) and started.tzinfo is not None,
        f"started must be a time with a time zone, got {checks.shown(started)}",
    )
    try:
        json.dumps(dict(parameters))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"parameters must be what JSON holds, got {checks.shown(parameters)}: {error}"
        ) from None
    return Path(checks.folder("output", folder) or ".")


def read_table(path: Path) -> pd.DataFrame:
    """Read a result table that `write_table` wrote.

    Raises ValueError if the file is missing or holds no result table, and what `check_seal` raises.
    """
    check_seal(path)
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise ValueError(
            f"{path} must be a result table, but is missing (commands run at the project's root)"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} must be a result table: {error}") from None
    missing = {"experiment", "replicate", "trait", "model", "pearson_r"} - set(table.columns)
    checks.require(
        not missing,
        f"{path} must be a result table, but lacks the columns {', '.join(sorted(missing))}",
    )
    return table


def check_seal(table_path: Path) -> None:
    """Raise ValueError if a table or what belongs to it is not as it was written.

    Tables from before there were checksums are not checked.
    """
    seal = Path(table_path).with_suffix(SEAL)
    if not seal.exists():
        return
    sealed = _sealed(seal)
    checks.require(
        Path(table_path).name in sealed,
        _damaged(seal, "it lacks the table's checksum", table_path),
    )
    for name, wanted in sealed.items():
        path = seal.with_name(name)
        checks.require(
            path.exists() and _sha256(path) == wanted,
            _damaged(
                path, "its checksum differs" if path.exists() else "it is missing", table_path
            ),
        )


def _sealed(seal: Path) -> dict[str, str]:
    """Return the checksum of each file that a seal names, in its own folder, or none if there is no
    seal.
    """
    sealed = {}
    for line in seal.read_text(errors="replace").splitlines() if seal.exists() else ():
        wanted, _, name = line.partition("  ")
        if Path(name).name:
            sealed[Path(name).name] = wanted
    return sealed


def check_own(folder: Path) -> None:
    """Raise ValueError if a folder holds a file that `write_cell` would replace, but did not write."""
    own = _sealed(Path(folder, TABLE).with_suffix(SEAL))
    others = []
    for name in (TABLE, PROVENANCE, *map("{}.csv".format, SIDE_TABLES)):
        if Path(folder, name).exists() and name not in own:
            others.append(name)
    checks.require(
        not others,
        f"output must be a folder without other files of the names that are written there, but {folder} holds "
        f"{', '.join(others)}: move {'them' if len(others) > 1 else 'it'}, or choose another folder",
    )


def _damaged(path: Path, why: str, table_path: Path) -> str:
    remedy = f"restore it, or remove {table_path} and run again what makes it"
    return f"{path} must be as it was written, but {why}: {remedy}"


def read_cell(folder: Path) -> list[Fitted]:
    """Read the fits of a finished cell, with their trials.

    Raises ValueError if its table is missing or none, or a file is damaged.
    """
    return _read_fits(Path(folder, TABLE), Path(folder, PROVENANCE), Path(folder, "trials.csv"))


def read_collected(table_path: Path) -> list[Fitted]:
    """Read the fits of a table that `collect` wrote.

    Raises ValueError if a file or the checksums are missing, or a file is damaged.
    """
    checks.require(
        table_path.with_suffix(SEAL).exists(),
        f"{table_path} must have its checksums next to it, but {table_path.stem}{SEAL} is missing",
    )
    return _read_fits(table_path, *_beside(table_path))


def _read_fits(table_path: Path, provenance_path: Path, trials_path: Path) -> list[Fitted]:
    table, records = read_table(table_path), read_records(provenance_path)
    side = {"trials": pd.read_csv(trials_path)} if trials_path.exists() else {}
    try:
        return split(table, side, records)
    except ValueError as error:
        raise ValueError(
            f"{table_path} must be a table of fits with their provenance: {error}"
        ) from None


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the records of a provenance file, or raise ValueError if it is missing or none."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be a provenance: {error}") from None
    records = content if isinstance(content, list) else [content]
    for record in records:
        for name, kind in RECORD.items():
            checks.require(
                isinstance(record, dict) and isinstance(record.get(name), kind),
                f"{path} must be a provenance, but lacks {name}",
            )
    return records


def collect(fits: Sequence[Fitted], table_path: Path) -> pd.DataFrame:
    """Join the tables of fits, in the given order, and write them with a list of their records.

    With <experiment>.csv come <experiment>.provenance.json and, if any fit has some, Optuna's
    trials as <experiment>.trials.csv.

    Raises ValueError if no fit is given or one twice, and for a path that is not a table's, or that
    something else has.
    """
    checks.require(fits, "fits must hold at least one finished fit, got none")
    table_path = _checked_target(Path(table_path), fits)
    table, side, records = join(fits)
    provenance_path, trials_path = _beside(table_path)
    files = {provenance_path.name: _as_json(records)}
    if "trials" in side:
        files[trials_path.name] = side["trials"]
    _write_together(table_path.parent, files | {table_path.name: table})
    return table


def _checked_target(table_path: Path, fits: Sequence[Fitted]) -> Path:
    """Return where to collect fits, or raise ValueError if that would replace something else or mix
    fits up.
    """
    given = pd.Series([fit.name for fit in fits])
    twice = sorted(set(given[given.duplicated()]))
    checks.require(not twice, f"fits must be different ones, got {', '.join(twice)} more than once")
    checks.require(
        table_path.suffix == ".csv", f"table must be a file that ends with .csv, got {table_path}"
    )
    checks.require(
        not table_path.exists() or _beside(table_path)[0].exists(),
        f"table must be a new file or a table of collected fits, but {table_path} is something else",
    )
    return table_path


def provenance(parameters: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """Return what repeats a result and what it cost: parameters, versions, commit, device, time,
    memory.
    """
    return {
        "parameters": dict(parameters),
        "versions": _versions(parameters),
        "commit": commit(),
        "device": device_name(parameters.get("device", "cpu")),
    } | measured(started)


def measured(started: datetime) -> dict[str, Any]:
    """Return the cost of a work that ends now: its start, its seconds, and this process's most
    memory so far.
    """
    return {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "peak_memory_mb": round(_peak_memory_mb()),
    }


def commit() -> str:
    """Return the commit of the library's checkout, marked if files differ from it, or 'unknown'."""
    try:
        git, this = ["git", "-C", str(Path(__file__).parent)], Path(__file__).name
        # an installed copy may stand in the checkout of another project
        subprocess.run([*git, "ls-files", "--error-unmatch", this], capture_output=True, check=True)
        describe = [*git, "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
        return subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _beside(table_path: Path) -> tuple[Path, Path]:
    """Return where a collected table's provenance and trials are kept."""
    return Path(table_path).with_suffix(".provenance.json"), Path(table_path).with_suffix(
        ".trials.csv"
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions(parameters: Mapping[str, Any]) -> dict[str, str]:
    versions = {"python": platform.python_version()}
    versions |= zip(PACKAGES, map(fingerprint.version, PACKAGES), strict=True)
    if parameters.get("backend") != "alphasimr":
        return versions
    return versions | alphasimr.versions()


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # bytes there, kilobytes on Linux
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


@commands.answers_with(1)
def main(arguments: list[str] | None = None) -> int:
    """Collect finished cells in one table. Return 0, or 1 if one is missing or damaged."""
    parser = argparse.ArgumentParser(prog="python -m epidl.grid.results", description=__doc__)
    parser.add_argument("table", type=Path, help="the table to write")
    parser.add_argument("folders", type=Path, nargs="+", help="of finished cells")
    options = parser.parse_args(arguments)
    collect(list(chain.from_iterable(map(read_cell, options.folders))), options.table)
    return 0


if __name__ == "__main__":
    commands.end(main)
