"""Finished fits of a cell that is not finished: a file each, so that whatever stops a cell costs the fit at work alone.

They lie in `<folder>/unfinished/<fingerprint>/`. The fingerprint is that of the parameters and of the code: fits of
others are never mixed with these. Once the cell is finished, they go (`results.write_cell`, or the grid's end). While
a process works on a cell, it keeps others off the cell's folder.
"""

import hashlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from epidl import checks, storage
from epidl.grid import results

_HELD: dict[Path, filelock.FileLock] = {}  # until this process ends


def hold(folder: Path | str) -> None:
    """Keep other processes off a cell's folder until this one ends, and take away what a killed one half wrote there.

    Raises BlockingIOError where another process works there, and OSError where the folder cannot be written to.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    lock = _HELD.setdefault(path, filelock.FileLock(path, timeout=0, thread_local=False))
    if lock.is_locked:
        return
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"Another process works in {folder}: wait for its end, or stop it (fuser -v {path} names it)"
        ) from None
    for half in folder.glob(".new.*"):
        shutil.rmtree(half, ignore_errors=True)


def claim(output: Path | str, parameters: Mapping[str, Any]) -> None:
    """Take a folder for the results of these parameters, before anything is computed; '' is none.

    Within a grid, which makes a cell again where its parameters changed, a finished one may be of others.

    Raises ValueError where a finished cell of other parameters or a file of someone else's stands in the way or the
    folder cannot be made, and what `hold` raises.
    """
    folder = checks.folder("output", output)
    if not folder:
        return
    hold(folder)
    if results.GRID in os.environ:
        return
    results.check_own(folder)
    table = Path(folder, results.TABLE)
    storage.set_damaged_aside(table, lambda: results.check_seal(table))
    if table.exists() and results.read_record(folder)["parameters"] != json.loads(json.dumps(dict(parameters))):
        raise ValueError(
            f"output must be a folder for results of these parameters, but {folder} holds a finished table of others: "
            "remove it, or choose another folder"
        )


@dataclass(frozen=True)
class Fitted:
    """table: the rows of one fit. side: further tables by name, such as trials."""

    table: pd.DataFrame
    side: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Kept:
    """The finished fits of one cell. folder: where they lie, None to keep nothing."""

    folder: Path | None

    @classmethod
    def of(cls, cell_folder: Path | str, fingerprint: str) -> "Kept":
        """Return what a cell has finished with this code and these parameters; an empty `cell_folder` keeps nothing.

        Says so on standard error where there are fits, and where those of other code or parameters are left out.
        Raises what `hold` raises.
        """
        if not cell_folder:
            return cls(None)
        hold(cell_folder)
        folder = Path(cell_folder) / results.UNFINISHED / fingerprint
        if any(path != folder for path in folder.parent.glob("*")):
            print(f"{folder.parent}: finished fits of other code or parameters are left out", file=sys.stderr)
        done = len(list(folder.glob("*.json")))
        if done:
            print(f"{cell_folder}: continues after {done} finished fits", file=sys.stderr)
        return cls(folder)

    def once(self, name: str, fit: Callable[[], Fitted]) -> Fitted:
        """Return the finished fit of this name, or make it and keep it."""
        if self.folder is None:
            return fit()
        path = self.folder / f"{name}.json"
        finished = _read(path)
        if finished is None:
            storage.write_text(path, _as_text(fit()))
            finished = _read(path)  # read back at once: the same whether the cell was stopped or not
        return finished


def _as_text(fitted: Fitted) -> str:
    tables = {"table": fitted.table, **fitted.side}
    texts = {name: table.to_csv(index=False) for name, table in tables.items()}  # CSV has all digits
    return json.dumps({"sha256": _checksum(texts), **texts})


def _read(path: Path) -> Fitted | None:
    """Return a kept fit; None where there is none, and where it is damaged, which is said."""
    if not path.exists():
        return None
    try:
        return _from_text(path.read_text())
    except (ValueError, KeyError, TypeError, AttributeError):  # whatever else than the JSON of tables it has become
        print(f"{path} is damaged: its fit is made again", file=sys.stderr)
        return None


def _from_text(text: str) -> Fitted:
    texts = json.loads(text)
    if texts.pop("sha256", None) not in (_checksum(texts), None):  # None: kept before there were checksums
        raise ValueError("the checksum differs")
    tables = {name: pd.read_csv(io.StringIO(table)) for name, table in texts.items()}
    return Fitted(tables.pop("table"), tables)


def _checksum(texts: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
