"""epidl: when does deep learning predict a phenotype from a genotype better than a linear model?

The modules, in reading order: `params` (cells and grids), `genotypes`, `simulate`, `alphasimr` (the same by R),
`published_files` (the authors' cohorts), `splits`, `ridge`, `networks`, `training`, `gpu` (its steps on a GPU),
`tuning` (Optuna's searches), `selection` (features that a LASSO keeps), `kernels` (epistatic BLUP), `pairs` (sparse
regression on pairs, and the oracle), `theory` (expected accuracy), `experiments` (the work of a grid cell), `kept` (its
finished fits), `results` (tables and provenance), `replication` (the comparison with the publication), `claims` (its
claims, checked), `figures`, `pages` (a page's computed words), `appendix` (the ledger's effects, what was computed
where); for a reader's own cohort `genotype_files`, `own_columns` (how a column is read), `own_files` (joined,
filtered, reported), `own_data` (models compared), `malformed` (what goes wrong); for a study that is still to be made
`planner` (`epidl.plan`) and `surface` (what it knows, measured from the tables);
beside them `checks`, `seeds`, and four commands: `costs` (what a grid takes), `grid` (run it), `cell` (one cell,
without a notebook) and `publish` (take its cells into the book), with `fingerprint` (did the code change?).
"""

import os
from typing import Any

# Huge pages for torch's large tensors: a network's gradients are allocated anew each step, and in small pages the
# operating system's work for them takes a seventh of it. Torch reads this at its first large tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Give `plan` when it is asked for: to import the package alone stays quick."""
    if name == "plan":
        from epidl.planner.planning import plan

        return plan
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
