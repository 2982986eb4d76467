"""Models compared on the same cohorts, from result tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from epidl.grid.params import PUBLISHED_H2
from epidl.own.comparison import ROUNDING, corrected_interval, corrected_p
from epidl.own.registry import cohorts, real_cohorts

CONTROL = "0, shared pairs"  # the condition that the publication lacks
TUNED = "mlp_ensemble"  # searched for long, so fitted to few real traits and splits


def one_protocol(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table, or raise ValueError if it mixes protocols, since their joint means would
    say nothing.
    """
    protocols = table["protocol"].unique()
    if len(protocols) != 1:
        raise ValueError(
            f"table must hold one protocol, got {', '.join(map(str, protocols)) or 'none'}"
        )
    return table


def condition(table: pd.DataFrame) -> pd.Series:
    """Return the condition of each row of the correlation experiment in words: the correlation, and
    which control.
    """
    control = (table["pleiotropy"] == 0) & table["shared_pairs"]
    return table["pleiotropy"].map("{:g}".format).mask(control, CONTROL)


def paired(table: pd.DataFrame, model: str, baseline: str) -> pd.DataFrame:
    """Return the rows of a model with the r of another on the same cohort and trait, under the same
    protocol.

    Further columns: pearson_r_baseline, difference, r_model - r_baseline, and relative_gain, the
    difference over r_baseline. Traits without an r of both models are left out.
    """
    keys = ["cell", "replicate", "trait", "protocol"]
    other = table.loc[table["model"] == baseline, [*keys, "pearson_r"]]
    pairs = table[table["model"] == model].merge(
        other, on=keys, suffixes=("", "_baseline"), validate="one_to_one"
    )
    pairs["difference"] = pairs["pearson_r"] - pairs["pearson_r_baseline"]
    pairs["relative_gain"] = pairs["difference"] / pairs["pearson_r_baseline"]
    return pairs.dropna(subset=["difference"])


def ridge_on_test_individuals(table: pd.DataFrame, held_out: pd.DataFrame) -> pd.DataFrame:
    """Return the table with exact ridge's r on the individuals that networks are scored on, not over
    random splits.

    An r over ten random splits says more about ridge, but less about its difference from a network,
    since test individuals differ. held_out: rows of the same cohorts. Under this protocol ridge
    trains on all other individuals, as networks do under `published`. A cohort without such a row
    has none in the result.
    """
    cohorts = table[["cell", "replicate", "seed", "trait"]].drop_duplicates()
    ridge = held_out.query("model == 'ridge' and protocol == 'held_out'").merge(cohorts)
    ridge = ridge.assign(protocol="published").reindex(columns=table.columns)
    return pd.concat([table[table["model"] != "ridge"], ridge], ignore_index=True)


def epistatic_shares(
    table: pd.DataFrame, model: str, baseline: str, by: Sequence[str]
) -> pd.DataFrame:
    """Return the share of the epistatic variance that a model predicts beyond another, one row per
    cohort.

    (r^2 - r_baseline^2) / H2 summed over the traits with epistasis, over their summed V_AA / V_G,
    with the H2 of the scaling experiment. Unlike a difference in r, the share does not depend on
    how much of a cohort's variance is in pairs. Columns: those of `by`, cell, replicate and share.
    """
    pairs = paired(table[table["rel_aa"] > 0], model, baseline)
    pairs["explained"] = (pairs["pearson_r"] ** 2 - pairs["pearson_r_baseline"] ** 2) / PUBLISHED_H2
    sums = pairs.groupby([*by, "cell", "replicate"])[["explained", "vaa_over_vg"]].sum()
    return (sums["explained"] / sums["vaa_over_vg"]).rename("share").reset_index()


def real_traits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of public cohorts, without the model that has few of their traits and splits.

    table: real.csv.
    """
    return table[table["dataset"].isin(real_cohorts()) & (table["model"] != TUNED)]


def tuned_traits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all models on the traits and splits of public cohorts that the tuned network
    is fitted to.

    table: real.csv.
    """
    keys = ["dataset", "trait", "protocol", "replicate"]
    real = table[table["dataset"].isin(real_cohorts())]
    return real.merge(real.loc[real["model"] == TUNED, keys], on=keys)


def between_splits(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the models of real cohorts over splits: one row per cohort, trait, protocol and model.

    Columns: the means of pearson_r, r_within and explained, splits, and the mean difference in r to
    ridge on the same splits, its 95% interval (low, high), p, and p_holm, by Holm's method over the
    models and traits of a cohort. best: whether the interval of the difference to the best model,
    the one with the greatest difference to ridge, holds 0 or, with one split, is not known. Rounding
    makes no difference. Random splits and published folds have the intervals of Nadeau and Bengio
    (`corrected_interval`), folds of groups Student's.
    """
    rows = []
    keys = ["dataset", "trait", "protocol"]
    for place, part in table.groupby(keys, sort=False):
        r = part.pivot(index="replicate", columns="model", values="pearson_r")
        ratio = 0 if part["grouped"].all() else (part["n_test"] / part["n_train"]).mean()
        r = r.mask(r.sub(r["ridge"], axis=0).abs() <= ROUNDING, r["ridge"], axis=0)
        gains = r.sub(r["ridge"], axis=0)
        best = gains.mean().idxmax()
        for model in part["model"].unique():
            gain, behind = gains[model].dropna(), (r[best] - r[model]).dropna()
            low, high = corrected_interval(gain, ratio)
            found = {"difference": gain.mean(), "low": low, "high": high, "splits": len(gain)}
            p = np.nan if model == "ridge" else corrected_p(gain, ratio)
            behind_low, _ = corrected_interval(behind, ratio)
            rows.append(
                {
                    **dict(zip(keys, place, strict=True)),
                    "model": model,
                    **found,
                    "p": p,
                    "best": model == best or not behind_low > 0,
                }
            )
    means = table.groupby([*keys, "model"])[["pearson_r", "r_within", "explained"]].mean()
    compared = pd.DataFrame(rows).join(means, on=[*keys, "model"])
    compared["p_holm"] = compared.groupby(["dataset", "protocol"])["p"].transform(holm)
    return compared


def headline(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first kind of splits of each cohort: of whole groups if it has groups."""
    first = {name: row.splits[0] for name, row in cohorts().items()}
    return compared[compared["protocol"] == compared["dataset"].map(first)]


def winners(compared: pd.DataFrame) -> pd.DataFrame:
    """Return, for each cohort and trait, the row of the model with the greatest difference to
    ridge.
    """
    return compared.loc[compared.groupby(["dataset", "trait"])["difference"].idxmax()]


def holm(p: pd.Series) -> pd.Series:
    """Return p values adjusted for their number by Holm's method. NaN stays, and does not count."""
    ordered = p.dropna().sort_values()
    adjusted = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1)
    return adjusted.reindex(p.index)


def settings_as_models(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's rows of two tables of the same cohorts, with the settings of the second as
    its models' names.

    table: of the scaling experiment, with an MLP of one width and rate. others: of hyperparameters.
    Models are called mlp, or by what differs, such as '512 units' and 'rate 0.001', and cells by
    n_samples and scaling.
    """
    mlp = table[table["model"] == "mlp"]
    other = others[others["model"] == "mlp"]
    width, rate = mlp["hidden_width"].max(), mlp["learning_rate"].max()

    names = []
    for row in other.itertuples():
        words = [f"{row.hidden_width:,} units"] if row.hidden_width != width else []
        words += [f"rate {row.learning_rate:g}"] if row.learning_rate != rate else []
        names.append(", ".join(words))
    both = pd.concat([mlp, other.assign(model=names)], ignore_index=True)
    return both.assign(cell=both["n_samples"].astype(str) + " " + both["scaling"].astype(str))


def common_cohorts(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of two tables on the cohorts that both have, of the same cell and replicate."""
    keys = ["cell", "replicate"]
    common = one[keys].drop_duplicates().merge(other[keys].drop_duplicates())
    return one.merge(common, on=keys), other.merge(common, on=keys)


def mean_difference(
    table: pd.DataFrame, model: str, baseline: str, by: Sequence[str]
) -> pd.DataFrame:
    """Return the mean difference in r of two models over cohorts, with its 95% interval, one row
    per value of `by`.

    The interval is Student's for paired differences, one for each cohort: the mean of its traits,
    which are not independent of each other. low and high are NaN for a single cohort.
    """

    def statistics(differences: pd.Series) -> pd.Series:
        low, high = corrected_interval(differences, 0)
        return pd.Series(
            {
                "difference": differences.mean(),
                "low": low,
                "high": high,
                "cohorts": len(differences),
            }
        )

    by_cohort = (
        paired(table, model, baseline).groupby([*by, "cell", "replicate"])["difference"].mean()
    )
    return by_cohort.groupby(list(by)).apply(statistics).unstack()


def against_best(
    table: pd.DataFrame, model: str, others: Sequence[str], by: Sequence[str]
) -> pd.DataFrame:
    """Return `mean_difference` of a model to the one of `others` with the highest mean r, named in
    `best`.

    Values of `by` without a fit of the model are left out.
    """
    r = table[table["model"].isin(others)].pivot_table(
        index=list(by), columns="model", values="pearson_r"
    )
    best = r.idxmax(axis=1).rename("best")
    differences = pd.concat(
        [mean_difference(table, model, other, by).assign(best=other) for other in others]
    )
    differences = differences.set_index("best", append=True)
    wanted = best.to_frame().set_index("best", append=True).index
    return differences.loc[differences.index.intersection(wanted)].reset_index("best").sort_index()


def agreement_of_models(
    table: pd.DataFrame, model: str, baseline: str, by: Sequence[str] = ("n_samples", "protocol")
) -> pd.DataFrame:
    """Return how well the r of two models agree over cohorts and traits, one row per value of the
    columns `by`.

    Columns: mean_difference d and the limits of agreement d +- 1.96 s, with s the standard
    deviation of the differences (Bland and Altman, 1986). concordance: Lin's (1989) correlation
    with the 1:1 line, 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2). pairs: how many were
    compared.
    """

    def statistics(part: pd.DataFrame) -> pd.Series:
        x, y, difference = part["pearson_r"], part["pearson_r_baseline"], part["difference"]
        mean, sd = difference.mean(), difference.std()
        covariance = np.cov(x, y, ddof=0)[0, 1]
        return pd.Series(
            {
                "pairs": len(part),
                "mean_difference": mean,
                "lower_limit": mean - 1.96 * sd,
                "upper_limit": mean + 1.96 * sd,
                "concordance": 2 * covariance / (x.var(ddof=0) + y.var(ddof=0) + mean**2),
            }
        )

    pairs = paired(table, model, baseline)
    keys = list(by) if len(by) > 1 else by[0]
    agreement = pairs.groupby(keys, sort=False).apply(statistics, include_groups=False)
    return agreement.astype({"pairs": int})
