"""The fits of a cell, each in its own file, so that whatever stops a cell costs only the running
fit.

Fits stay in `<folder>/fits/<fingerprint>/`, and a cell that is computed again with more cohorts,
models or protocols takes them. Folder names have the fingerprint of the cohort, file names that of
the model. Fingerprints cover the code and the parameters that a fit depends on, so that different
fits never mix. A cell of the profiles `standard` and `full` takes published fits with the same
parameters too, whichever code computed them. To compute them anew, move the book's tables aside.
While a process works on a cell, it keeps others off the cell's folder.
"""

import hashlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from epidl import checks, storage
from epidl.grid import results
from epidl.grid.fingerprint import model_fingerprint, run_fingerprint
from epidl.grid.params import Cell, same_settings
from epidl.grid.results import Fitted

FITS = "fits"  # the folder of a cell's fits
PUBLISHED = ("standard", "full")  # the profiles whose fits are taken from the book's tables
_HELD: dict[Path, filelock.FileLock] = {}  # until this process ends


def hold(folder: Path | str) -> None:
    """Keep other processes off a cell's folder until this one ends, and remove what a killed one
    half wrote there.

    Raises BlockingIOError if another process works there, and OSError if the folder cannot be
    written to.
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
    """Take a folder for the results of these parameters, before anything is computed. '' is no
    folder.

    Within a grid, which makes a cell again if its parameters changed, a finished cell may have
    others.

    Raises ValueError if a finished cell of other parameters or a foreign file is in the way, or the
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
    if not table.exists():
        return
    chosen = dict.fromkeys(results.CHOSEN)
    wanted = json.loads(json.dumps(dict(parameters))) | chosen
    for record in results.read_records(folder / results.PROVENANCE):
        checks.require(
            record["parameters"] | chosen == wanted,
            f"output must be a folder for results of these parameters, but {folder} holds a finished table of others: "
            "remove it, or choose another folder",
        )


@dataclass(frozen=True)
class Kept:
    """What a cell need not compute. folder: of its fits, None to keep nothing. published: fits of the
    book, by name.
    """

    folder: Path | None
    published: Mapping[str, Fitted]

    @classmethod
    def of(cls, cell_folder: Path | str, cell: Cell, device: str) -> "Kept":
        """Return what there is of a cell with these parameters. An empty `cell_folder` keeps and
        takes nothing.

        Says on standard error if there are fits, and if those of other code or parameters are left
        out. Raises what `hold` raises.
        """
        if not cell_folder:
            return cls(None, {})
        hold(cell_folder)
        folder = Path(cell_folder) / FITS / run_fingerprint(cell, device)
        if set(folder.parent.glob("*")) - {folder}:
            print(
                f"{folder.parent}: fits of other code or parameters are left out", file=sys.stderr
            )
        done = len(list(folder.glob("*.json")))
        if done:
            print(f"{cell_folder}: continues after {done} finished fits", file=sys.stderr)
        return cls(folder, published(cell))

    def once(self, name: str, fit: Callable[[], Fitted]) -> Fitted:
        """Return the fit of this name that is kept or published, or make and keep it."""
        if self.folder is None:
            return fit()
        finished = _read(self._path(name))
        if finished is None:
            self.add([self.published.get(name) or fit()])
            # read back at once: the same whether the cell was stopped or not
            finished = _read(self._path(name))
        return finished

    def add(self, fits: Iterable[Fitted]) -> None:
        """Keep fits."""
        for fitted in fits:
            storage.write_text(self._path(fitted.name), _as_text(fitted))

    def _path(self, name: str) -> Path:
        _, replicate, protocol, model = name.split()
        return self.folder / f"{replicate}_{protocol}_{model}_{model_fingerprint(model)}.json"


def published(cell: Cell) -> dict[str, Fitted]:
    """Return the published fits with a cell's parameters, by name, as rows of its profile.

    Raises what `results.read_collected` raises.
    """
    path = results.DATA / f"{cell.experiment}.csv"
    if cell.profile not in PUBLISHED or not path.exists():
        return {}
    found = {}
    for fit in _read_published(path, path.stat().st_mtime_ns):
        if fit.cell == cell.name and same_settings(fit.record["parameters"], cell):
            # what an older one lacks is a default
            parameters = cell.model_dump(mode="json") | fit.record["parameters"]
            side = {name: table.assign(profile=cell.profile) for name, table in fit.side.items()}
            record = fit.record | {"parameters": parameters}
            found[fit.name] = Fitted(fit.table.assign(profile=cell.profile), side, record)
    return found


@lru_cache(maxsize=1)
def _read_published(path: Path, _: int) -> list[Fitted]:
    return results.read_collected(path)


def read_all(cell_folder: Path) -> list[Fitted]:
    """Return all fits that are kept in a cell's folder, of whichever code and parameters, except
    damaged ones.
    """
    return list(filter(None, map(_read, sorted(Path(cell_folder, FITS).glob("*/*.json")))))


def _as_text(fitted: Fitted) -> str:
    texts = {}
    for name, table in {"table": fitted.table, **fitted.side}.items():
        texts[name] = table.to_csv(index=False)  # CSV has all digits
    texts["record"] = json.dumps(fitted.record)
    return json.dumps({"sha256": _checksum(texts), **texts})


def _read(path: Path) -> Fitted | None:
    """Return a kept fit, or None if there is none or it is damaged, and say if damaged."""
    if not path.exists():
        return None
    try:
        return _from_text(path.read_text())
    # whatever else than the JSON of tables it has become
    except (ValueError, KeyError, TypeError, AttributeError):
        print(f"{path} is damaged: its fit is made again", file=sys.stderr)
        return None


def _from_text(text: str) -> Fitted:
    texts = json.loads(text)
    checks.require(texts.pop("sha256") == _checksum(texts), "the checksum differs")
    record = json.loads(texts.pop("record"))
    tables = {name: pd.read_csv(io.StringIO(table)) for name, table in texts.items()}
    return Fitted(tables.pop("table"), tables, record)


def _checksum(texts: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
