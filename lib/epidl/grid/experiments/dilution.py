"""The dilution experiment: separate traits whose QTL are some of many markers, and models on selected features.

A LASSO by SGD ranks the one-hot columns. Optuna chooses how many of them the MLP keeps, and its learning rate; the
LASSO and the MLP are then fitted again to the kept columns alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl.grid.experiments import core
from epidl.models import networks, selection, training

if TYPE_CHECKING:
    from epidl.grid.params import DilutionCell

# of the table: what was selected
SELECTION = (
    "n_features",
    "n_markers_kept",
    "selection_precision",
    "selection_recall",
    "pair_recall",
    "max_features",
)
PRUNED_PATIENCE = 25  # of the MLP; the publication gives it 10 elsewhere


def run(cell: "DilutionCell", **options: Any) -> core.CellResult:
    """Run one cell; options and result are those of `core.run_cell`.

    The columns on selected features are there, empty, where none of the cell's models selects.
    """
    result = core.run_cell(cell, architecture, FITS, **options)
    columns = dict.fromkeys([*result.table, *SELECTION])
    return replace(result, table=result.table.reindex(columns=list(columns)))


def architecture(cell: "DilutionCell") -> dict[str, Any]:
    """Return what the cohorts of a cell are simulated with: the arguments of `simulate.simulate` but the seed."""
    return dict(
        n_samples=cell.n_samples,
        n_qtl=cell.n_qtl,
        n_markers=cell.n_markers,
        rel_aa=cell.rel_aa,
        broad_sense_heritability=cell.broad_sense_heritability,
    )


def fit_lasso(run: core.Run) -> core.Score:
    """Score the LASSO on all markers; beside it the importance of every column, and how many pass the threshold."""
    importance, score = run.once("lasso", _lasso)
    columns = selection.select(importance, run.cell.importance_threshold, len(importance))
    found = selection.precision_and_recall(columns, run.cohort.traits)
    return replace(score, columns=found, side={"importances": _importance_table(run, importance)})


def fit_lasso_pruned(run: core.Run) -> core.Score:
    """Score the LASSO fitted again to the columns that were kept for the MLP."""
    settings, _ = run.once("pruning", _tune_pruning)
    columns = _kept(run, settings)
    if not len(columns):
        return _nothing_kept(run, settings)
    genotypes = selection.take_columns(run.cohort.genotypes, columns)
    model = networks.column_linear(len(columns), run.n_traits, run.generator("weights", "lasso_pruned"))
    fit = core.train_network(run, model, genotypes, training.LASSO_SGD, "lasso_pruned")
    return replace(core.score_network(run, fit), columns=_report(run, settings, columns))


def fit_mlp_pruned(run: core.Run) -> core.Score:
    """Score the MLP on the columns that Optuna's best trial kept, trained at its rate."""
    settings, trials = run.once("pruning", _tune_pruning)
    columns = _kept(run, settings)
    if not len(columns):
        return _nothing_kept(run, settings)
    score = core.score_network(run, _train_pruned_mlp(run, settings))
    return replace(score, hidden_width=run.cell.hidden_width, columns=_report(run, settings, columns), side=trials)


FITS = core.FITS | {"lasso": fit_lasso, "lasso_pruned": fit_lasso_pruned, "mlp_pruned": fit_mlp_pruned}


def _lasso(run: core.Run) -> tuple[NDArray[np.float64], core.Score]:
    fit, score = core.fit_linear(run, training.LASSO_SGD, "lasso")
    return selection.importances(fit.model), score


def _kept(run: core.Run, settings: Mapping[str, Any]) -> NDArray[np.int64]:
    importance, _ = run.once("lasso", _lasso)
    return selection.select(importance, run.cell.importance_threshold, settings["max_features"])


def _tune_pruning(run: core.Run) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    low, high = run.cell.max_features
    space = {"learning_rate": run.cell.rates, "max_features": range(low, high + 1)}
    if not len(_kept(run, {"max_features": high})):
        return {"learning_rate": run.cell.rates[0], "max_features": high}, {}  # nothing to tune

    def fit(settings: Mapping[str, Any], *purpose: object) -> core.Fit:
        return _train_pruned_mlp(run, settings, *purpose)

    return core.tune(run, "mlp_pruned", fit, space, run.cell.n_trials_pruned)


def _train_pruned_mlp(run: core.Run, settings: Mapping[str, Any], *purpose: object) -> core.Fit:
    columns = _kept(run, settings)
    model = networks.mlp(
        len(columns),
        run.n_traits,
        run.cell.hidden_width,
        run.generator("weights", "mlp_pruned", *purpose),
        first=networks.column_linear,
    )
    genotypes = selection.take_columns(run.cohort.genotypes, columns)
    plan = core.mlp_plan(run, settings, patience=PRUNED_PATIENCE)
    return core.train_network(run, model, genotypes, plan, "mlp_pruned", *purpose)


def _report(run: core.Run, settings: Mapping[str, Any], columns: NDArray[np.int64]) -> dict[str, Any]:
    found = selection.precision_and_recall(columns, run.cohort.traits)
    return {"max_features": settings["max_features"]} | found


def _nothing_kept(run: core.Run, settings: Mapping[str, Any]) -> core.Score:
    """Return the score of a model without input: the LASSO found no column above the threshold."""
    columns = _report(run, settings, np.array([], dtype=int))
    return core.Score(pearson_r=np.full(run.n_traits, np.nan), status="no_features", columns=columns)


def _importance_table(run: core.Run, importance: NDArray[np.float64]) -> pd.DataFrame:
    marker, allele = np.divmod(np.arange(len(importance)), 2)
    causal = sum(np.isin(marker, trait.qtl).astype(int) for trait in run.cohort.traits)
    return pd.DataFrame({"marker": marker, "allele": allele, "importance": importance, "causal_for": causal})
