"""The page of dilution: its computed words."""

import pandas as pd

from epidl.grid.contrasts import one_protocol


def dilution_takeaway(table: pd.DataFrame) -> str:
    """Return what dilution does, in one sentence: r for the epistatic trait with the fewest and the most markers."""
    r = one_protocol(table)[table["rel_aa"] == table["rel_aa"].max()]
    r = r.groupby(["n_markers", "model"])["pearson_r"].mean().unstack("model").sort_index()
    r = r.map(lambda value: f"{value:.2f}" if value == value else "no r (its fits failed)")
    few, many = r.iloc[0], r.iloc[-1]
    return (
        f"For the epistatic trait the MLP reaches r = {few['mlp']} with {r.index[0]:,} markers, where ridge reaches "
        f"{few['ridge']}, and {many['mlp']} with {r.index[-1]:,}, where ridge reaches {many['ridge']}, the MLP on "
        f"features that a LASSO selects {many['mlp_pruned']}, and the LASSO on them {many['lasso_pruned']}."
    )


def selection_limit(table: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return in how many trials the number of features was limited by what Optuna chose, in words.

    Where fewer columns pass the threshold than the trial allows, the trial's limit does nothing.
    """
    passing = table[table["model"] == "lasso"].groupby(["cell", "replicate", "protocol"])["n_features"].first()
    tried = trials[trials["model"] == "mlp_pruned"].join(passing, on=["cell", "replicate", "protocol"])
    limited = int((tried["max_features"] < tried["n_features"]).sum())
    return (
        f"{passing.min():.0f} to {passing.max():.0f} columns pass the threshold, and the limit that a trial set was "
        f"lower than that in {limited} of {len(tried)} trials"
    )
