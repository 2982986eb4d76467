"""The page of takeaways: its computed words."""

import pandas as pd

from epidl.grid.contrasts import mean_difference, one_protocol
from epidl_book.phrases import smallest_cohorts


def accuracies(table: pd.DataFrame) -> dict[str, str]:
    """Return each model's mean r over the rows of a table of one protocol, in words."""
    r = one_protocol(table).groupby("model")["pearson_r"].mean()
    return r.map("{:.2f}".format, na_action="ignore").fillna("no r (its fits failed)").to_dict()


def lead_over_scalings(table: pd.DataFrame, model: str, baseline: str) -> dict[str, str]:
    """Return a model's mean lead in r over another at the lowest and the highest scaling of the
    smallest cohorts.

    Of a table of one protocol, paired by cohort. until: the highest scaling up to which every 95 %
    interval of the mean lead is above 0.
    """
    leads = mean_difference(smallest_cohorts(table), model, baseline, ["scaling"])
    ahead = leads.index[(leads["low"] > 0).cummin()]
    return {
        "low": f"{leads['difference'].iloc[0]:+z.2f}",
        "high": f"{leads['difference'].iloc[-1]:+z.2f}",
        "scaling_low": f"{leads.index[0]:g}",
        "scaling_high": f"{leads.index[-1]:g}",
        "until": f"{ahead[-1]:g}" if len(ahead) else "nowhere",
    }
