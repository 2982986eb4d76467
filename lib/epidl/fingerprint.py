"""A fingerprint of the code that computes a cell: it changes with what the code does, not with comments or prose."""

import ast
import hashlib
import json
from pathlib import Path

LIBRARY = Path(__file__).parent
COMPUTE = ("checks", "seeds", "genotypes", "simulate", "splits", "ridge", "networks", "training")


def cell_fingerprint(notebook: Path) -> str:
    """Return a short hash of a notebook's code cells and of the modules that compute its results."""
    modules = [LIBRARY / f"{name}.py" for name in COMPUTE] + sorted((LIBRARY / "experiments").glob("*.py"))
    parts = [_meaning(path.read_text()) for path in modules]
    parts += [
        "".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _meaning(source: str) -> str:
    """Return the syntax tree without docstrings (comments and layout are no part of it)."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
