"""Fingerprints of the code that computes a fit, which change with what it does, not with comments,
prose or messages.

A fit depends on its cohort and on its model: on the modules that these import, directly or not, and
on the model's row in the registry. A new model or a changed row affects only its own fits.
"""

import ast
import functools
import hashlib
import itertools
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from epidl.cohorts import alphasimr
from epidl.models.recipes import MODELS

if TYPE_CHECKING:  # without pydantic tables are collected
    from epidl.grid.params import Cell

# scores; of what it imports, a fit depends on cohort and model alone
RUNNER = "epidl.grid.core"
REGISTRY = "epidl.models.recipes"  # a fit depends on its own row


def cell_fingerprint(notebook: Path, cell: "Cell") -> str:
    """Return a short hash of a notebook's code cells and of what computes a cell's results."""
    cells = json.loads(notebook.read_text())["cells"]
    code = []
    for each in cells:
        if each["cell_type"] == "code":
            code.append("".join(each["source"]))
    return _hash(_cohort_code(cell), *map(model_fingerprint, cell.models), *code)


def run_fingerprint(cell: "Cell", device: str) -> str:
    """Return a short hash of what each fit of a cell depends on: parameters, cohort, libraries and
    device.

    The number of cohorts and the profile's name change no fit.
    """
    parameters = cell.model_dump_json(
        exclude={"n_replicates", "profile", "models", "protocols", "splits", "searched", "device"}
    )
    versions = list(map(version, ("numpy", "scipy", "torch", "optuna")))
    if cell.backend == "alphasimr":
        versions += map(" ".join, sorted(alphasimr.versions().items()))
    return _hash(_cohort_code(cell), parameters, *versions, device)


def model_fingerprint(model: str) -> str:
    """Return a short hash of what a fit depends on by its model: its row, and the modules of its
    recipe.
    """
    row = MODELS[model]
    return _hash(repr(row), _code(f"epidl.models.{row.recipe.split(':')[0]}"))


def version(package: str) -> str:
    """Return the version of an installed package, or 'not installed'."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # Optuna, where nothing is searched for
        return "not installed"


def _cohort_code(cell: "Cell") -> str:
    """Return a hash of what makes a cell's cohorts and scores its fits."""
    source = "zenodo" if cell.source == "zenodo" else cell.simulator
    source = "alphasimr" if cell.backend == "alphasimr" else source
    place = cell.cohorts, cell.cohort_name, cell.architecture()
    runner, source = RUNNER, f"epidl.cohorts.{source}"
    if cell.source == "public":
        runner, source = "epidl.grid.real", "epidl.own.public"
    return _hash(repr(place), _read(runner)[0], _code(source))


def _code(module: str) -> str:
    """Return a hash of a module and of all modules of the library that it imports, directly or not."""
    found, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        if name not in found and name != REGISTRY:
            found[name], imported = _read(name)
            waiting += imported
    return _hash(*map(found.get, sorted(found)))


@functools.cache
def _read(module: str) -> tuple[str, list[str]]:
    """Return what a module does, and the modules of the library that it imports."""
    source, imported = _path(module).read_text(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("epidl"):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            imported += filter(_path, names)
    return _meaning(source), imported


def _path(module: str) -> Path | None:
    """Return the file of a module of the library, None for a package and for what is no module."""
    path = Path(__file__).parents[2].joinpath(*module.split(".")).with_suffix(".py")
    return path if path.exists() else None


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _meaning(source: str) -> str:
    """Return the syntax tree without docstrings, messages of errors and descriptions of fields.

    Comments and layout are no part of it.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
        told = []
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.keyword) and node.arg == "description"
        ):
            told = [node]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "require":
            told = node.args[1:]
        for part in itertools.chain.from_iterable(map(ast.walk, told)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                part.value = ""
    return ast.dump(tree)
