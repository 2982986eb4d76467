"""The page of scaling: its computed words and tables."""

import pandas as pd

from epidl.figures import expected_va_over_vg
from epidl.grid.contrasts import epistatic_shares, mean_difference, one_protocol, settings_as_models
from epidl.grid.params import PUBLISHED_H2
from epidl_book.phrases import difference_table, smallest_cohorts, with_interval


def leads_by_scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's lead over exact ridge for the epistatic traits, by number of individuals and
    scaling.

    table: of one protocol. With the lead and its 95% interval over cohorts come both models' mean
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
    leads["share of interactions"] = shares.round(2) + 0.0  # no -0.00
    return leads.assign(cohorts=found["cohorts"].astype(int)).rename_axis(
        ["individuals", "scaling"]
    )


def share_in_words(table: pd.DataFrame, scaling: float) -> str:
    """Return the mean share of the epistatic variance that the MLP predicts beyond exact ridge at a
    scaling, with the fewest individuals.
    """
    shares = epistatic_shares(smallest_cohorts(table), "mlp", "ridge", ["scaling"])
    return f"{shares.loc[shares['scaling'] == scaling, 'share'].mean():z.0%}"


def published_shares(digitised: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the interaction variance of the publication's MLP, by n_samples and scaling.

    The publication's linear model is ridge by SGD, and the variances of its cohorts are not known.
    The share is therefore beyond that model, of the expected variance. The share is given only if
    all traits with epistasis could be read off the figure.
    """
    epistatic = digitised[digitised["rel_aa"] > 0]
    keys = ["n_samples", "scaling", "rel_aa"]
    r = epistatic.pivot_table(index=keys, columns="model", values="r_mid").dropna().reset_index()
    r["explained"] = (r["mlp"] ** 2 - r["linear_sgd"] ** 2) / PUBLISHED_H2
    r["variance"] = 1 - expected_va_over_vg(r["rel_aa"])
    sums = r.groupby(keys[:2])[["explained", "variance"]].sum()
    whole = r.groupby(keys[:2]).size() == epistatic["rel_aa"].nunique()
    return (sums["explained"] / sums["variance"])[whole].rename("share").reset_index()


def published_in_words(published: pd.DataFrame) -> dict[str, str]:
    """Return the publication's share at a scaling of 1 with the fewest and the most individuals.

    published: of `published_shares`.
    """
    share = published[published["scaling"] == 1].set_index("n_samples")["share"].sort_index()
    return {"their_few": f"{share.iloc[0]:.0%}", "their_many": f"{share.iloc[-1]:.0%}"}


def in_words(shares: pd.DataFrame, table: pd.DataFrame) -> dict[str, str]:
    """Return what the page says of the shares, at a scaling of 1 and 4, and of the lead over ridge.

    shares: of `epistatic_shares`. table: of one protocol, as for `leads_by_scaling`. A share is the
    lowest and the highest of the means of each number of individuals. ahead: the highest scaling up
    to which the lead is shown for the fewest individuals, few, and for the most, many.
    """
    means = shares.groupby(["scaling", "n_samples"])["share"].mean()
    words = {}
    for name, scaling in {"one": 1, "four": 4}.items():
        found = sorted({round(100 * share) + 0 for share in means[scaling]})
        words[name] = " to ".join(map(str, found)) + "%"
    part = one_protocol(table)[table["rel_aa"] > 0]
    leads = mean_difference(part, "mlp", "ridge", ["n_samples", "scaling"])
    for name, n_samples in {
        "few": part["n_samples"].min(),
        "many": part["n_samples"].max(),
    }.items():
        at = leads.loc[n_samples]
        words[f"ahead_{name}"] = f"{at.index[(at['low'] > 0).cummin()][-1]:g}"
    return words


def baseline_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return exact ridge's and the MLP's mean r minus that of ridge by SGD, at the ends of the scaling."""
    found = difference_table(table, ["ridge", "mlp"], "ridge_sgd", ["n_samples", "scaling"])
    scalings = table["scaling"]
    ends = found.index.get_level_values("scaling").isin([scalings.min(), scalings.max()])
    return found[ends].rename_axis(["individuals", "scaling"])


def settings_table(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return how the MLP's mean r with other settings differs from that in a table, over all traits,
    with intervals.

    One row for each number of individuals and scaling, one column for each setting. The tables are
    those of `settings_as_models`.
    """
    settings = settings_as_models(one_protocol(table), one_protocol(others))
    found = difference_table(
        settings, settings["model"].drop_duplicates()[1:], "mlp", ["n_samples", "scaling"]
    )
    return found.rename_axis(["individuals", "scaling"])


def settings_in_words(table: pd.DataFrame, others: pd.DataFrame) -> dict[str, str]:
    """Return by how much the MLP's mean r with another setting differs at most from that in a
    table, with the arguments of `settings_table`.
    """
    settings = settings_as_models(one_protocol(table), one_protocol(others))
    names = settings["model"].drop_duplicates()[1:]
    keys = ["n_samples", "scaling"]
    found = pd.concat(mean_difference(settings, name, "mlp", keys) for name in names)
    return {"changes": f"{found['difference'].abs().max():.2f}"}
