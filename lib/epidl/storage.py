"""Files that are whole or absent: written under another name, synced, then renamed."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with all digits of its numbers, whole or not at all."""
    write_text(path, table.to_csv(index=False))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all: into a temporary file in its folder, synced, then
    renamed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def set_damaged_aside(table_path: Path, read: Callable[[], Any]) -> bool:
    """Rename a file, mostly a table, that `read` cannot read, so that it is made again. Say so, and
    return whether.
    """
    if not table_path.exists():
        return False
    try:
        read()
    except ValueError as error:
        aside = table_path.with_suffix(".damaged")
        os.replace(table_path, aside)
        print(
            f"{error}. It is made again, and the damaged file is kept as {aside}", file=sys.stderr
        )
        return True
    return False


def is_full(folder: Path) -> bool:
    """Tell whether the disk that holds a folder has less than 1 MiB left. A missing folder is on no
    disk.
    """
    try:
        return shutil.disk_usage(folder).free < 2**20
    except OSError:
        return False
