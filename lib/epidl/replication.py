"""The comparison with the publication: its statistics, and our values beside its digitised ones."""

import numpy as np
import pandas as pd

# expected range of k independent normal values in standard deviations (the control-chart constant d2)
RANGE_IN_SD = {2: 1.128, 3: 1.693, 4: 2.059, 5: 2.326, 6: 2.534, 7: 2.704, 8: 2.847, 9: 2.970, 10: 3.078}
PUBLISHED_REPLICATES = {1_000: 10, 10_000: 10, 100_000: 5, 1_000_000: 3}
DIGITISING_ERROR = 0.02
PUBLISHED_NAME = {"mlp": "mlp", "ridge_sgd": "linear_sgd"}


def one_protocol(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table; raise ValueError where it mixes protocols, whose means would say nothing."""
    protocols = table["protocol"].unique()
    if len(protocols) != 1:
        raise ValueError(f"table must hold one protocol, got {', '.join(map(str, protocols)) or 'none'}")
    return table


def relative_gain(table: pd.DataFrame, model: str, baseline: str) -> pd.DataFrame:
    """Return (r_model - r_baseline) / r_baseline of every cohort and trait, as the column relative_gain.

    table: results of one protocol, which hold both models. Raises ValueError where it mixes protocols.
    """
    keys = ["n_samples", "scaling", "n_qtl", "rel_aa", "replicate", "trait"]
    r = one_protocol(table).pivot_table(index=keys, columns="model", values="pearson_r", dropna=False)
    gain = (r[model] - r[baseline]) / r[baseline]
    return gain.dropna().rename("relative_gain").reset_index()


def compare_with_figure_1(table: pd.DataFrame, published: pd.DataFrame, model: str = "mlp") -> pd.DataFrame:
    """Return our mean r beside the middle of the digitised replicates, a row a sample size, scaling and relAA.

    Columns: r and its standard error, r_published and its standard error (from the range of the digitised replicates),
    difference, and the bound that it should keep: two combined standard errors plus the error of digitising, 0.02.
    Only rows that both hold. Raises ValueError where the table mixes protocols.
    """
    keys = ["n_samples", "scaling", "rel_aa"]
    table = one_protocol(table)
    ours = table[table["model"] == model].groupby(keys)["pearson_r"].agg(["mean", "sem", "count"])
    theirs = published[published["model"] == PUBLISHED_NAME[model]].set_index(keys)
    both = ours.join(theirs[["r_low", "r_mid", "r_high"]], how="inner").reset_index()
    count = both["n_samples"].map(PUBLISHED_REPLICATES)
    error = (both["r_high"] - both["r_low"]) / count.map(RANGE_IN_SD) / np.sqrt(count)
    result = both[keys].assign(
        replicates=both["count"],
        r=both["mean"],
        standard_error=both["sem"],
        r_published=both["r_mid"],
        standard_error_published=error,
        difference=both["mean"] - both["r_mid"],
    )
    result["bound"] = 2 * np.hypot(result["standard_error"], error) + DIGITISING_ERROR
    result["agrees"] = result["difference"].abs() <= result["bound"]
    return result
