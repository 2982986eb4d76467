"""The page of scaling: its computed words and tables."""

from collections.abc import Sequence

import pandas as pd

from epidl.grid.contrasts import epistatic_shares, mean_difference, one_protocol, settings_as_models
from epidl_book.phrases import _smallest_cohorts, _with_interval, difference_table


def headline(table: pd.DataFrame) -> dict[str, str]:
    """Return the numbers of the book's first page, from the smallest cohorts of a table of one protocol.

    Mean r of MLP and exact ridge for the most epistatic trait at the lowest and the highest scaling; for the additive
    trait, the MLP's mean r less ridge's at best and at worst over the scalings.
    """
    table = _smallest_cohorts(table)
    r = table.pivot_table(index="scaling", columns=["rel_aa", "model"], values="pearson_r")
    epistatic, additive = r[table["rel_aa"].max()], r[0.0]
    first, last = epistatic.iloc[0], epistatic.iloc[-1]
    difference = additive["mlp"] - additive["ridge"]
    return {
        "mlp_low": f"{first['mlp']:.2f}",
        "ridge_low": f"{first['ridge']:.2f}",
        "mlp_high": f"{last['mlp']:.2f}",
        "ridge_high": f"{last['ridge']:.2f}",
        "scaling_low": f"{r.index[0]:g}",
        "scaling_high": f"{r.index[-1]:g}",
        "additive_best": f"{difference.max():+.3f}",
        "additive_worst": f"{difference.min():+.3f}",
        "n_samples": f"{table['n_samples'].iloc[0]:,}",
        "replicates": str(table["replicate"].max()),
    }


def baseline_gap(table: pd.DataFrame) -> dict[str, str]:
    """Return by how much models differ in r, averaged over traits and replicates, at the lowest and highest scaling.

    Of the smallest cohorts of a table of one protocol.
    low, high: exact ridge less ridge by SGD; mlp_sgd, mlp_exact: the MLP less either, at the highest scaling. cohorts:
    at the one and the other scaling.
    """
    part = _smallest_cohorts(table)
    r = part.pivot_table(index="scaling", columns="model", values="pearson_r")
    cohorts = part.groupby("scaling")["replicate"].nunique()
    first, last = r.iloc[0], r.iloc[-1]
    return {
        "cohorts": f"{cohorts.iloc[0]} and {cohorts.iloc[-1]}",
        "n_samples": f"{part['n_samples'].iloc[0]:,}",
        "scaling_low": f"{r.index[0]:g}",
        "scaling_high": f"{r.index[-1]:g}",
        "low": f"{first['ridge'] - first['ridge_sgd']:.3f}",
        "high": f"{last['ridge'] - last['ridge_sgd']:.3f}",
        "mlp_sgd": f"{last['mlp'] - last['ridge_sgd']:+.3f}",
        "mlp_exact": f"{last['mlp'] - last['ridge']:+.3f}",
    }


def leads_by_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's lead over exact ridge for the epistatic traits, a row a number of individuals and scaling.

    table: of one protocol. Beside the lead, with its 95 % interval over cohorts, stand both models' mean r, the mean of
    `epistatic_shares`, QTL and individuals per QTL.
    """
    part = one_protocol(table)[table["rel_aa"] > 0]
    keys = ["n_samples", "scaling"]
    r = part.pivot_table(index=keys, columns="model", values="pearson_r")
    found = mean_difference(part, "mlp", "ridge", keys)
    shares = epistatic_shares(part, "mlp", "ridge", keys).groupby(keys)["share"].mean()
    n_qtl = part.groupby(keys)["n_qtl"].first()
    return pd.DataFrame(
        {
            "QTL": n_qtl,
            "individuals per QTL": (n_qtl.index.get_level_values("n_samples") / n_qtl).round(1),
            "r, exact ridge": r["ridge"].round(3),
            "r, MLP": r["mlp"].round(3),
            "MLP less ridge": found.apply(_with_interval, axis=1),
            "share of V_AA": shares.round(2) + 0.0,  # no -0.00
            "cohorts": found["cohorts"].astype(int),
        }
    )


def shares_in_words(table: pd.DataFrame, scalings: Sequence[float]) -> dict[str, str]:
    """Return the mean share of the epistatic variance that the MLP predicts beyond exact ridge, at some scalings.

    small, large: with the fewest and the most individuals, whose numbers are small_n and large_n. cohorts: of either,
    at the scaling that has fewest.
    """
    shares = epistatic_shares(one_protocol(table), "mlp", "ridge", ["n_samples", "scaling"])
    found = shares.groupby(["n_samples", "scaling"])["share"].agg(["mean", "count"])
    words = {"scalings": ", ".join(f"{scaling:g}" for scaling in scalings)}
    sizes = sorted({shares["n_samples"].min(), shares["n_samples"].max()})
    for name, n_samples in (("small", sizes[0]), ("large", sizes[-1])):
        at = 100 * found.loc[n_samples].reindex(scalings)["mean"].dropna()
        words |= {f"{name}_n": f"{n_samples:,}", name: f"{', '.join(at.map('{:z.0f}'.format))} %"}
    fewest = found["count"].groupby("n_samples").min()
    return words | {"cohorts": " and ".join(str(fewest[n_samples]) for n_samples in sizes)}


def at_highest_scaling(leads: pd.DataFrame) -> dict[str, str]:
    """Return what `leads_by_scaling` has at the highest scaling, in words: of the smallest and the largest cohorts."""
    leads = leads.reset_index()
    found = leads[leads["scaling"] == leads["scaling"].max()].sort_values("n_samples")
    words = {"scaling": f"{found['scaling'].iloc[0]:g}"}
    for name, row in (("small", found.iloc[0]), ("large", found.iloc[-1])):
        words[f"{name}_n"] = f"{row['n_samples']:,}"
        words[f"{name}_per_qtl"] = f"{row['individuals per QTL']:g}"
        words[f"{name}_ridge"] = f"{row['r, exact ridge']:.2f}"
        words[f"{name}_mlp"] = f"{row['r, MLP']:.2f}"
        words[f"{name}_cohorts"] = str(row["cohorts"])
    return words


def settings_table(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return how the MLP's mean r with other settings differs from that in a table, over all traits, with intervals.

    A row a number of individuals and scaling, a column a setting; the tables are those of `settings_as_models`.
    """
    settings = settings_as_models(one_protocol(table), one_protocol(others))
    models = [model for model in settings["model"].unique() if model != "mlp"]
    return difference_table(settings, models, "mlp", ["n_samples", "scaling"])
