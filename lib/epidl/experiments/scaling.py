"""The scaling experiment: separate traits of growing epistasis, every marker causal."""

from typing import TYPE_CHECKING

import pandas as pd

from epidl.experiments import core
from epidl.simulate import Cohort, simulate

if TYPE_CHECKING:
    from epidl.params import ScalingCell


def run(cell: "ScalingCell", progress: bool = False) -> pd.DataFrame:
    """Run one cell and return its tidy table (see `core.run_cell`)."""
    return core.run_cell(cell, lambda seed: simulate_replicate(cell, seed), progress)


def simulate_replicate(cell: "ScalingCell", seed: int) -> Cohort:
    """Simulate the cohort of one replicate from its seed."""
    return simulate(
        n_samples=cell.n_samples,
        n_qtl=cell.n_qtl,
        rel_aa=cell.rel_aa,
        broad_sense_heritability=cell.broad_sense_heritability,
        seed=seed,
    )
