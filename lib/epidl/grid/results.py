"""Results: a cell's table and provenance, written whole or not at all, and collected into one table an experiment."""

import argparse
import hashlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from epidl import checks, commands
from epidl.grid import fingerprint
from epidl.storage import write_table, write_text

PACKAGES = ("epidl", "numpy", "scipy", "torch", "scikit-learn", "optuna", "pandas")
TABLE = "table.csv"
UNFINISHED = "unfinished"  # the folder of a cell's finished fits (`kept`) until its table is whole
PROVENANCE = "provenance.json"
SEAL = ".sha256"  # the suffix of the checksums of a table and of what belongs to it, as `sha256sum` writes them
GRID = "EPIDL_GRID"  # in the environment of a grid's jobs: the project that they work for
SIDE_TABLES = (
    "trials",
    "importances",
    "report",
)  # Optuna's searches, the LASSO's columns, what a file's reading dropped


def write_cell(
    folder: Path,
    table: pd.DataFrame,
    parameters: Mapping[str, Any],
    started: datetime,
    side: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write a cell's provenance, side tables and table: where the table stands, all are whole and belong to it.

    started: when the cell began, or went on (timezone-aware); its end is now. side: further tables by name, see
    `SIDE_TABLES`. The finished fits go, but in a grid, which takes them away once the cell's notebook stands too.

    Raises ValueError for a side table of another name, tables that are none, parameters that JSON does not hold, a
    start without time zone, and a folder that cannot be made.
    """
    side = side or {}
    folder = _checked(folder, table, parameters, started, side)
    if set(side) - set(SIDE_TABLES):
        raise ValueError(f"side must hold tables named {', '.join(SIDE_TABLES)}, got {', '.join(side)}")
    record = json.dumps(provenance(parameters, started), indent=1, sort_keys=True) + "\n"
    tables = {f"{name}.csv": content for name, content in {**side, "table": table}.items()}
    _write_together(folder, {PROVENANCE: record, **tables})
    if GRID not in os.environ:
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def _write_together(folder: Path, files: Mapping[str, str | pd.DataFrame]) -> None:
    """Write files that belong together, with their checksums; the last is a table that stands for all.

    All is written aside first: a full disk changes nothing. The checksums take their place before the files do, so that
    a mixture of old and new, which a kill could leave, is found out. What the former checksums name, and `files` lacks,
    goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seal = Path(list(files)[-1]).with_suffix(SEAL).name
    former = _sealed(folder / seal)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new.") as aside:
        for name, content in files.items():
            write = write_text if isinstance(content, str) else write_table
            write(Path(aside, name), content)
        write_text(Path(aside, seal), "".join(f"{_sha256(Path(aside, name))}  {name}\n" for name in files))
        os.replace(Path(aside, seal), folder / seal)
        for old in set(former) - set(files):
            (folder / old).unlink(missing_ok=True)
        for new in files:
            os.replace(Path(aside, new), folder / new)


def _checked(
    folder: Path, table: pd.DataFrame, parameters: Mapping[str, Any], started: datetime, side: Mapping[str, Any]
) -> Path:
    for name, content in {"table": table, **{f"side[{name!r}]": content for name, content in side.items()}}.items():
        checks.instance(name, content, pd.DataFrame, "a table")
    if not isinstance(started, datetime) or started.tzinfo is None:
        raise ValueError(f"started must be a time with a time zone, got {checks.shown(started)}")
    try:
        json.dumps(dict(parameters))
    except (TypeError, ValueError) as error:
        raise ValueError(f"parameters must be what JSON holds, got {checks.shown(parameters)}: {error}") from None
    return Path(checks.folder("output", folder) or ".")


def read_table(path: Path) -> pd.DataFrame:
    """Read a result table that `write_table` wrote.

    Raises ValueError where the file is missing or holds no result table, and what `check_seal` raises.
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
    if missing:
        raise ValueError(f"{path} must be a result table, but lacks the columns {', '.join(sorted(missing))}")
    return table


def check_seal(table_path: Path) -> None:
    """Raise ValueError where a table or what belongs to it is not as it was written.

    What was written before there were checksums has none, and is not checked.
    """
    seal = Path(table_path).with_suffix(SEAL)
    if not seal.exists():
        return
    sealed = _sealed(seal)
    if Path(table_path).name not in sealed:
        raise ValueError(_damaged(seal, "it lacks the table's checksum", table_path))
    for name, wanted in sealed.items():
        path = seal.with_name(name)
        if not path.exists() or _sha256(path) != wanted:
            raise ValueError(_damaged(path, "its checksum differs" if path.exists() else "it is missing", table_path))


def _sealed(seal: Path) -> dict[str, str]:
    """Return the checksum of each file that a seal names, in its own folder; none where there is no seal."""
    lines = seal.read_text(errors="replace").splitlines() if seal.exists() else []
    return {Path(name).name: wanted for wanted, _, name in (line.partition("  ") for line in lines) if Path(name).name}


def check_own(folder: Path) -> None:
    """Raise ValueError where a file stands in a folder that `write_cell` would replace, but did not write."""
    own = _sealed(Path(folder, TABLE).with_suffix(SEAL))
    names = [TABLE, PROVENANCE, *(f"{name}.csv" for name in SIDE_TABLES)]
    others = [name for name in names if Path(folder, name).exists() and name not in own]
    if others:
        raise ValueError(
            f"output must be a folder without other files of the names that are written there, but {folder} holds "
            f"{', '.join(others)}: move {'them' if len(others) > 1 else 'it'}, or choose another folder"
        )


def _damaged(path: Path, why: str, table_path: Path) -> str:
    return (
        f"{path} must be as it was written, but {why}: restore it, or remove {table_path} and run again what makes it"
    )


@dataclass(frozen=True)
class Finished:
    """A finished cell: its table, its provenance, and Optuna's trials where it has some."""

    table: pd.DataFrame
    record: dict[str, Any]
    trials: pd.DataFrame | None


def read_cell(folder: Path) -> Finished:
    """Read what `write_cell` wrote; raise ValueError where its table is missing or none, or a file is damaged."""
    trials = Path(folder, "trials.csv")
    return Finished(
        read_table(Path(folder, TABLE)),
        read_record(folder),
        pd.read_csv(trials) if trials.exists() else None,
    )


def read_record(folder: Path) -> dict[str, Any]:
    """Read the provenance of a finished cell; raise ValueError where it is missing or none."""
    path = Path(folder, PROVENANCE)
    return _checked_record(path, read_json(path, dict))


def _checked_record(path: Path, record: Any) -> dict[str, Any]:
    for name, kind in {"parameters": dict, "commit": str}.items():
        if not isinstance(record, dict) or not isinstance(record.get(name), kind):
            raise ValueError(f"{path} must be a provenance, but lacks {name}")
    return record


def read_collected(table_path: Path) -> dict[str, Finished]:
    """Read the cells of a table that `collect` wrote, by name.

    Raises ValueError where a file or the checksums are missing, or a file is damaged.
    """
    if not table_path.with_suffix(SEAL).exists():
        raise ValueError(f"{table_path} must have its checksums beside it, but {table_path.stem}{SEAL} is missing")
    table, (provenance_path, trials_path) = read_table(table_path), _beside(table_path)
    if "cell" not in table:
        raise ValueError(f"{table_path} must be a table of cells, but lacks the column cell")
    trials = pd.read_csv(trials_path) if trials_path.exists() else pd.DataFrame({"cell": []})
    names, records = table["cell"].unique(), read_json(provenance_path, list)
    if len(names) != len(records):
        raise ValueError(f"{provenance_path} must have a record for each of {len(names)} cells, got {len(records)}")
    cells = {}
    for name, record in zip(names, records, strict=True):
        own = trials[trials["cell"] == name]
        record = _checked_record(provenance_path, record)
        cells[name] = Finished(table[table["cell"] == name], record, own if len(own) else None)
    return cells


def read_json(path: Path, kind: type) -> Any:
    """Read a provenance, a dict or a list of them; raise ValueError where it is missing or none."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be a provenance: {error}") from None
    if not isinstance(content, kind):
        raise ValueError(f"{path} must be a provenance, a JSON {kind.__name__}, got a {type(content).__name__}")
    return content


def collect(cells: Sequence[Finished], table_path: Path) -> pd.DataFrame:
    """Join the tables of finished cells, in the order given, and write them with a list of their provenances.

    Beside <experiment>.csv: <experiment>.provenance.json and, where any cell has some, Optuna's trials as
    <experiment>.trials.csv.

    Raises ValueError where no cell is given, or one twice, and for a path that is not a table's, or at which something
    else stands.
    """
    if not cells:
        raise ValueError("cells must hold at least one finished cell, got none")
    table_path = _checked_target(Path(table_path), cells)
    table = pd.concat([cell.table for cell in cells], ignore_index=True)
    provenance_path, trials_path = _beside(table_path)
    records = json.dumps([cell.record for cell in cells], indent=1, sort_keys=True) + "\n"
    trials = [cell.trials for cell in cells if cell.trials is not None]
    side = {trials_path.name: pd.concat(trials, ignore_index=True)} if trials else {}
    files = {provenance_path.name: records, **side, table_path.name: table}
    _write_together(table_path.parent, files)
    return table


def _checked_target(table_path: Path, cells: Sequence[Finished]) -> Path:
    """Return where to collect cells; raise ValueError where that would replace something else, or mix cells up."""
    names = [name for cell in cells if "cell" in cell.table for name in cell.table["cell"].unique()]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"cells must be different ones, got {', '.join(twice)} more than once")
    if table_path.suffix != ".csv":
        raise ValueError(f"table must be a file that ends with .csv, got {table_path}")
    if table_path.exists() and not _beside(table_path)[0].exists():
        raise ValueError(f"table must be a new file or a table of collected cells, but {table_path} is something else")
    return table_path


def provenance(parameters: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """Return what repeats a result, and what it cost: parameters, versions, commit, device, time, memory."""
    from epidl.devices import device_name  # late: collecting tables does not need torch

    now = datetime.now(UTC)
    return {
        "parameters": dict(parameters),
        "versions": _versions(parameters),
        "commit": commit(),
        "device": device_name(parameters.get("device", "cpu")),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((now - started).total_seconds(), 3),
        "peak_memory_mb": round(_peak_memory_mb()),
    }


def commit() -> str:
    """Return the commit of the checkout that the library stands in, marked where files differ from it; or 'unknown'."""
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
    return Path(table_path).with_suffix(".provenance.json"), Path(table_path).with_suffix(".trials.csv")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions(parameters: Mapping[str, Any]) -> dict[str, str]:
    versions = {"python": platform.python_version()} | {name: fingerprint.version(name) for name in PACKAGES}
    if parameters.get("backend") != "alphasimr":
        return versions
    from epidl.cohorts import alphasimr  # late: it imports torch, which collecting tables does not need

    return versions | alphasimr.versions()


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, kilobytes on Linux


def main(arguments: list[str] | None = None) -> int:
    """Collect finished cells in one table; return 0, or 1 where one is missing or damaged."""
    parser = argparse.ArgumentParser(prog="python -m epidl.grid.results", description=__doc__)
    parser.add_argument("table", type=Path, help="the table to write")
    parser.add_argument("folders", type=Path, nargs="+", help="of finished cells")
    options = parser.parse_args(arguments)
    try:
        collect([read_cell(folder) for folder in options.folders], options.table)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    commands.end(main)
