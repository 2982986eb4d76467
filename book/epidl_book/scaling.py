"""The page of scaling: its computed words and tables."""

from collections.abc import Sequence

import pandas as pd

from epidl.grid.contrasts import epistatic_shares, mean_difference, one_protocol, settings_as_models
from epidl_book.phrases import difference_table, with_interval


def leads_by_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's lead over exact ridge for the epistatic traits, by number of individuals and
    scaling.

    table: of one protocol. With the lead and its 95 % interval over cohorts come both models' mean
    r, the mean of `epistatic_shares`, QTL and individuals per QTL.
    """
    part = one_protocol(table)[table["rel_aa"] > 0]
    keys = ["n_samples", "scaling"]
    r = part.pivot_table(index=keys, columns="model", values="pearson_r")
    found = mean_difference(part, "mlp", "ridge", keys)
    leads = part.groupby(keys)[["n_qtl"]].first().rename(columns={"n_qtl": "QTL"})
    leads["individuals per QTL"] = (leads.index.get_level_values("n_samples") / leads["QTL"]).round(
        1
    )
    leads["r, exact ridge"], leads["r, MLP"] = r["ridge"].round(3), r["mlp"].round(3)
    leads["MLP minus ridge"] = found.apply(with_interval, axis=1)
    shares = epistatic_shares(part, "mlp", "ridge", keys).groupby(keys)["share"].mean()
    leads["share of V_AA"] = shares.round(2) + 0.0  # no -0.00
    return leads.assign(cohorts=found["cohorts"].astype(int))


def shares_in_words(table: pd.DataFrame, scalings: Sequence[float]) -> dict[str, str]:
    """Return the mean share of the epistatic variance that the MLP predicts beyond exact ridge, at
    some scalings.

    small, large: with the fewest and the most individuals, whose numbers are small_n and large_n.
    cohorts: of either, at the scaling that has fewest.
    """
    shares = epistatic_shares(one_protocol(table), "mlp", "ridge", ["n_samples", "scaling"])
    found = shares.groupby(["n_samples", "scaling"])["share"].agg(["mean", "count"])
    sizes = [shares["n_samples"].min(), shares["n_samples"].max()]
    fewest = found["count"].groupby("n_samples").min()[sizes].unique()
    words = {
        "scalings": ", ".join(map("{:g}".format, scalings)),
        "cohorts": " and ".join(map(str, fewest)),
    }
    for name, n_samples in zip(("small", "large"), sizes, strict=True):
        at = 100 * found.loc[n_samples].reindex(scalings)["mean"].dropna()
        words |= {f"{name}_n": f"{n_samples:,}", name: f"{', '.join(at.map('{:z.0f}'.format))}%"}
    return words


def settings_table(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return how the MLP's mean r with other settings differs from that in a table, over all traits,
    with intervals.

    One row per number of individuals and scaling, one column per setting; the tables are those of
    `settings_as_models`.
    """
    settings = settings_as_models(one_protocol(table), one_protocol(others))
    return difference_table(
        settings, settings["model"].drop_duplicates()[1:], "mlp", ["n_samples", "scaling"]
    )
