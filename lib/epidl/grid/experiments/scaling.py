"""The scaling experiment: separate traits of growing epistasis, every marker causal.

The supplement's check of ridge by SGD (ridge_vs_sgd) fits linear models to the same cohorts, and `hyperparameters`
the MLP with other settings.
"""

from typing import TYPE_CHECKING, Any

from epidl.grid.experiments import core

if TYPE_CHECKING:
    from epidl.grid.params import RidgeVsSgdCell, ScalingCell


def run(cell: "ScalingCell | RidgeVsSgdCell", **options: Any) -> core.CellResult:
    """Run one cell; options and result are those of `core.run_cell`."""
    return core.run_cell(cell, architecture, core.FITS, **options)


def architecture(cell: "ScalingCell | RidgeVsSgdCell") -> dict[str, Any]:
    """Return what the cohorts of a cell are simulated with: the arguments of `simulate.simulate` but the seed."""
    return dict(
        n_samples=cell.n_samples,
        n_qtl=cell.n_qtl,
        rel_aa=cell.rel_aa,
        broad_sense_heritability=cell.broad_sense_heritability,
        all_pairs=getattr(cell, "all_pairs", False),  # a control of `beyond`
    )
