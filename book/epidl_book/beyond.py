"""The page beyond the publication: its computed words and tables."""

from collections.abc import Mapping, Sequence

import pandas as pd

from epidl import figures
from epidl.grid.contrasts import mean_difference


def lead_counts(differences: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return, for each network, in how many traits and cells its interval is above and below 0.

    differences: by the model's name, from `contrasts.against_best`. A cell of one cohort has no
    interval.
    """
    rows = {}
    for model, table in differences.items():
        behind = table["high"] < 0
        rows[figures.MODEL_NAMES[model]] = {
            "with an interval": int((table["cohorts"] > 1).sum()),
            "above 0": int((table["low"] > 0).sum()),
            "below 0": int(behind.sum()),
            "below 0 by more than 0.01": int((behind & (table["difference"] < -0.01)).sum()),
        }
    return pd.DataFrame(rows).T


def worth_of_test_individuals(
    published: pd.DataFrame, held_out: pd.DataFrame, by: Sequence[str] = ("n_samples", "scaling")
) -> pd.DataFrame:
    """Return `mean_difference` of the MLP under `published` to that under `held_out`, on the same
    cohorts.

    One row per value of `by` with common cohorts.
    """
    mlp = published[published["model"] == "mlp"]
    # paired by protocol, too
    both = pd.concat([mlp.assign(model="mlp_published", protocol="held_out"), held_out])
    return mean_difference(both, "mlp_published", "mlp", by)


def ladder_table(table: pd.DataFrame, by: Sequence[str] = ("scaling",)) -> pd.DataFrame:
    """Return the mean r of every model over traits, one column per value of `by`. A dash means not
    fitted.
    """
    r = table.pivot_table(index="model", columns=list(by), values="pearson_r")
    names = dict(figures.MODEL_NAMES)
    for model in r.index[r.index.str.startswith("theory_")]:
        names[model] = f"expected: {model.removeprefix('theory_')}"
    shown = r.loc[pd.Index(names).intersection(r.index, sort=False)].rename(index=names)
    return shown.map("{:.3f}".format, na_action="ignore").fillna("–")
