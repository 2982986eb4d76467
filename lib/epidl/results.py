"""Results: a cell's table and provenance, written whole or not at all, and collected into one table an experiment."""

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from epidl import alphasimr, checks, fingerprint

PACKAGES = ("epidl", "numpy", "scipy", "torch", "scikit-learn", "optuna", "pandas")
TABLE = "table.csv"
UNFINISHED = "unfinished"  # the folder of a cell's finished fits (`kept`) until its table is whole
PROVENANCE = "provenance.json"
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

    started: when the cell began (timezone-aware); its end is now. side: further tables by name, see `SIDE_TABLES`.
    All is written aside first, so that what stood there before is lost only to what takes its place.

    Raises ValueError for a side table of another name, tables that are none, parameters that JSON does not hold, a
    start without time zone, and a folder that cannot be made.
    """
    side = side or {}
    folder = _checked(folder, table, parameters, started, side)
    if set(side) - set(SIDE_TABLES):
        raise ValueError(f"side must hold tables named {', '.join(SIDE_TABLES)}, got {', '.join(side)}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new.") as aside:
        write_text(
            Path(aside, PROVENANCE), json.dumps(provenance(parameters, started), indent=1, sort_keys=True) + "\n"
        )
        for name, content in {**side, "table": table}.items():
            write_table(Path(aside, f"{name}.csv"), content)
        for old in (TABLE, *(f"{name}.csv" for name in SIDE_TABLES)):
            (folder / old).unlink(missing_ok=True)
        for new in (PROVENANCE, *(f"{name}.csv" for name in side), TABLE):  # the table last: it stands for all
            os.replace(Path(aside, new), folder / new)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


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


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all; numbers keep all their digits."""
    write_text(path, table.to_csv(index=False))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all: into a temporary file beside it, synced, then renamed."""
    path = Path(path)
    with replacing(path) as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def read_table(path: Path) -> pd.DataFrame:
    """Read a result table that `write_table` wrote.

    Raises ValueError where the file is missing or holds no result table.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} must be a result table: {error}") from None
    missing = {"experiment", "replicate", "trait", "model", "pearson_r"} - set(table.columns)
    if missing:
        raise ValueError(f"{path} must be a result table, but lacks the columns {', '.join(sorted(missing))}")
    return table


@dataclass(frozen=True)
class Finished:
    """A finished cell: its table, its provenance, and Optuna's trials where it has some."""

    table: pd.DataFrame
    record: dict[str, Any]
    trials: pd.DataFrame | None


def read_cell(folder: Path) -> Finished:
    """Read what `write_cell` wrote; raise ValueError where its table is missing or none."""
    trials = Path(folder, "trials.csv")
    return Finished(
        read_table(Path(folder, TABLE)),
        read_record(folder),
        pd.read_csv(trials) if trials.exists() else None,
    )


def read_record(folder: Path) -> dict[str, Any]:
    """Read the provenance of a finished cell."""
    return json.loads(Path(folder, PROVENANCE).read_text())


def read_collected(table_path: Path) -> dict[str, Finished]:
    """Read the cells of a table that `collect` wrote, by name."""
    table, (provenance_path, trials_path) = read_table(table_path), _beside(table_path)
    trials = pd.read_csv(trials_path) if trials_path.exists() else pd.DataFrame({"cell": []})
    cells = {}
    for name, record in zip(table["cell"].unique(), json.loads(provenance_path.read_text()), strict=True):
        own = trials[trials["cell"] == name]
        cells[name] = Finished(table[table["cell"] == name], record, own if len(own) else None)
    return cells


def collect(cells: Sequence[Finished], table_path: Path) -> pd.DataFrame:
    """Join the tables of finished cells, in the order given, and write them with a list of their provenances.

    Beside <experiment>.csv: <experiment>.provenance.json and, where any cell has some, Optuna's trials as
    <experiment>.trials.csv.

    Raises ValueError where no cell is given.
    """
    if not cells:
        raise ValueError("cells must hold at least one finished cell, got none")
    table = pd.concat([cell.table for cell in cells], ignore_index=True)
    provenance_path, trials_path = _beside(table_path)
    write_text(provenance_path, json.dumps([cell.record for cell in cells], indent=1, sort_keys=True) + "\n")
    trials = [cell.trials for cell in cells if cell.trials is not None]
    if trials:
        write_table(trials_path, pd.concat(trials, ignore_index=True))
    else:
        trials_path.unlink(missing_ok=True)
    write_table(table_path, table)
    return table


def provenance(parameters: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """Return what repeats a result, and what it cost: parameters, versions, commit, device, time, memory."""
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
        folder = Path(__file__).parent
        command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def device_name(device: str) -> str:
    """Return the name of the GPU where `device` ('cpu', 'cuda' or 'auto') is one, or else of the CPU with its cores."""
    import torch  # late: collecting tables does not need it

    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{_cpu_model()}, {os.cpu_count()} cores"


def _beside(table_path: Path) -> tuple[Path, Path]:
    """Return where a collected table's provenance and trials are kept."""
    return Path(table_path).with_suffix(".provenance.json"), Path(table_path).with_suffix(".trials.csv")


def _versions(parameters: Mapping[str, Any]) -> dict[str, str]:
    versions = {"python": platform.python_version()} | {name: fingerprint.version(name) for name in PACKAGES}
    return versions | (alphasimr.versions() if parameters.get("backend") == "alphasimr" else {})


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, kilobytes on Linux


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Any]:
    """Give a text file to write beside `path`, which takes its place once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            yield handle
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Collect finished cells in one table; return 0, or 2 where one is missing or none."""
    parser = argparse.ArgumentParser(prog="python -m epidl.results", description=__doc__)
    parser.add_argument("table", type=Path, help="the table to write")
    parser.add_argument("folders", type=Path, nargs="+", help="of finished cells")
    options = parser.parse_args(arguments)
    try:
        collect([read_cell(folder) for folder in options.folders], options.table)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
