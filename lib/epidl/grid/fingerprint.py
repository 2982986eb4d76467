"""Fingerprints of the code that computes a cell: they change with what the code does, not with comments or prose."""

import ast
import functools
import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epidl.grid.params import Cell

LIBRARY = Path(__file__).parents[1]
COMPUTE = ("checks.py", "seeds.py", "cohorts/*.py", "models/*.py", "grid/params.py", "grid/experiments/*.py")


def cell_fingerprint(notebook: Path) -> str:
    """Return a short hash of a notebook's code cells and of the modules that compute its results."""
    cells = json.loads(notebook.read_text())["cells"]
    return _hash(_library(), *("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))


def run_fingerprint(cell: "Cell", device: str) -> str:
    """Return a short hash of what a fit within a cell depends on: its parameters, code, libraries and device.

    The number of replicates and the profile's name change no fit.
    """
    parameters = cell.model_dump_json(exclude={"n_replicates", "profile", "models", "protocols", "device"})
    versions = [version(package) for package in ("numpy", "scipy", "torch", "optuna")]
    if cell.backend == "alphasimr":
        from epidl.cohorts import alphasimr  # late: it needs R

        versions += [f"{name} {number}" for name, number in sorted(alphasimr.versions().items())]
    return _hash(_library(), parameters, *versions, device)


def version(package: str) -> str:
    """Return the version of an installed package, or 'not installed'."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # Optuna, where nothing is searched for
        return "not installed"


@functools.cache
def _library() -> str:
    modules = [path for pattern in COMPUTE for path in sorted(LIBRARY.glob(pattern))]
    return _hash(*(_meaning(path.read_text()) for path in modules))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _meaning(source: str) -> str:
    """Return the syntax tree without docstrings (comments and layout are no part of it)."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
