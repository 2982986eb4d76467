"""Run notebooks with their default parameters and keep the outputs of the cells that nbval compares,
and only those.

Usage: python tests/refresh_notebooks.py NOTEBOOK...
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

MARKER = "# NBVAL_CHECK_OUTPUT"


def refresh(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    executed = NotebookClient(nbformat.from_dict(notebook), kernel_name="python3").execute()
    for cell, done in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            checked = MARKER in cell.source
            # nbval wants one beside outputs
            cell.execution_count = done.execution_count if checked else None
            cell.outputs = done.outputs if checked else []
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        refresh(Path(name))
