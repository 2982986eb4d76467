"""The correlation experiment: many traits of one kind whose effects are correlated, every marker causal.

Traits with correlated effects share their interacting pairs, uncorrelated ones are drawn apart, as in the publication.
The control is `shared_pairs` without correlation: it tells sharing pairs and correlating effects apart.
"""

from typing import TYPE_CHECKING, Any

from epidl.grid.experiments import core

if TYPE_CHECKING:
    from epidl.grid.params import CorrelationCell


def run(cell: "CorrelationCell", **options: Any) -> core.CellResult:
    """Run one cell; options and result are those of `core.run_cell`."""
    return core.run_cell(cell, architecture, core.FITS, **options)


def architecture(cell: "CorrelationCell") -> dict[str, Any]:
    """Return what the cohorts of a cell are simulated with: the arguments of `simulate.simulate` but the seed."""
    return dict(
        n_samples=cell.n_samples,
        n_qtl=cell.n_qtl,
        rel_aa=[cell.rel_aa] * cell.n_traits,
        broad_sense_heritability=cell.broad_sense_heritability,
        shared_pairs=cell.shared_pairs,
        pleiotropy=cell.pleiotropy,
    )
