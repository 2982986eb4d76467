"""Finished fits of a cell that is not finished: a file each, so that whatever stops a cell costs the fit at work alone.

They lie in `<folder>/unfinished/<fingerprint>/`. The fingerprint is that of the parameters and of the code: fits of
others are never mixed with these. Once the cell's table is written, they go (`results.write_cell`).
"""

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from epidl import results


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
        """
        if not cell_folder:
            return cls(None)
        folder = Path(cell_folder) / results.UNFINISHED / fingerprint
        others = [path for path in folder.parent.glob("*") if path != folder]
        if others:
            print(f"{folder.parent}: finished fits of other code or parameters are left out", file=sys.stderr)
            for path in others:
                shutil.rmtree(path, ignore_errors=True)
        done = len(list(folder.glob("*.json")))
        if done:
            print(f"{cell_folder}: continues after {done} finished fits", file=sys.stderr)
        return cls(folder)

    def once(self, name: str, fit: Callable[[], Fitted]) -> Fitted:
        """Return the finished fit of this name, or make it and keep it."""
        if self.folder is None:
            return fit()
        path = self.folder / f"{name}.json"
        if not path.exists():
            results.write_text(path, _as_text(fit()))
        return _from_text(path.read_text())  # read back at once: the same whether the cell was stopped or not


def _as_text(fitted: Fitted) -> str:
    tables = {"table": fitted.table, **fitted.side}
    return json.dumps({name: table.to_csv(index=False) for name, table in tables.items()})  # CSV has all digits


def _from_text(text: str) -> Fitted:
    tables = {name: pd.read_csv(io.StringIO(table)) for name, table in json.loads(text).items()}
    return Fitted(tables.pop("table"), tables)
