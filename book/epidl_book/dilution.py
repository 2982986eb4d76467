"""The page of dilution: its computed words."""

import pandas as pd


def selection_limit(table: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return in how many trials the number of features was limited by what Optuna chose, in words.

    If fewer columns pass the threshold than the trial allows, the trial's limit does nothing.
    """
    passing = (
        table[table["model"] == "lasso"]
        .groupby(["cell", "replicate", "protocol"])["n_features"]
        .first()
    )
    tried = trials[trials["model"] == "mlp_pruned"].join(
        passing, on=["cell", "replicate", "protocol"]
    )
    limited = int((tried["max_features"] < tried["n_features"]).sum())
    return f"a trial's limit was lower than the number of columns that pass the threshold in {limited} of {len(tried)}"
