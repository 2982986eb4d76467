"""epidl: when does deep learning predict a phenotype from a genotype better than a linear model?

`cohorts` simulates individuals and their traits, reads the authors' cohorts, and splits them.
`models` holds what predicts, one row per model in `models.recipes`, and expected accuracies. `grid`
runs many cells of an experiment, estimates what they cost, resumes them and publishes their tables.
`own` reads a cohort of the reader's own, or a public one, and compares models on it. `planner`
forecasts accuracies for a study that is still to be made. `figures` draws what the tables hold.
"""

import os
import pkgutil
from typing import Any

# Huge pages for torch's large tensors: a network's gradients are allocated anew each step, and in
# small pages the operating system's work for them takes a seventh of it. Torch reads this at its
# first large tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"
_PUBLIC = {
    "simulate": "cohorts.simulate",
    "simulate_on": "cohorts.simulate",
    "split_samples": "cohorts.splits",
    "fit_ridge": "models.ridge",
    "fit_kernel": "models.kernels",
    "fit_pairs": "models.pairs",
    "fit_gaussian": "models.gaussian",
    "fit_orders": "models.orders",
    "fit_lasso_path": "models.lasso_path",
    "fit_lasso_pairs": "models.lasso_pairs",
    "fit_trees": "models.trees",
    "expected_accuracy": "models.theory",
    "MODELS": "models.recipes",
    "load_grids": "grid.params",
    "read_cohort": "own.reader",
    "compare": "own.comparison",
    "plan": "planner.planning",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Give a public name when it is asked for, so that importing the package alone stays quick."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return pkgutil.resolve_name(f"{__name__}.{_PUBLIC[name]}:{name}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
