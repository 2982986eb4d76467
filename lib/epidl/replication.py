"""The comparison with the publication: its statistics, and our values beside its digitised ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from epidl.params import PUBLISHED_H2

# expected range of k independent normal values in standard deviations (the control-chart constant d2)
RANGE_IN_SD = {2: 1.128, 3: 1.693, 4: 2.059, 5: 2.326, 6: 2.534, 7: 2.704, 8: 2.847, 9: 2.970, 10: 3.078}
PUBLISHED_REPLICATES = {1_000: 10, 10_000: 10, 100_000: 5, 1_000_000: 3}  # of figure 1
PUBLISHED_REPLICATES_LATER = 5  # of figures 2 and 3
DIGITISING_ERROR = 0.02
CONTROL = "0, shared pairs"  # the condition that the publication lacks
PUBLISHED_NAME = {"mlp": "mlp", "ridge_sgd": "linear_sgd"}


def one_protocol(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table; raise ValueError where it mixes protocols, whose means would say nothing."""
    protocols = table["protocol"].unique()
    if len(protocols) != 1:
        raise ValueError(f"table must hold one protocol, got {', '.join(map(str, protocols)) or 'none'}")
    return table


def condition(table: pd.DataFrame) -> pd.Series:
    """Return the condition of each row of the correlation experiment in words: the correlation, and which control."""
    control = (table["pleiotropy"] == 0) & table["shared_pairs"]
    return table["pleiotropy"].map("{:g}".format).mask(control, CONTROL)


def paired(table: pd.DataFrame, model: str, baseline: str) -> pd.DataFrame:
    """Return the rows of a model beside the r of another on the same cohort and trait, under the same protocol.

    Columns beside the table's: pearson_r_baseline, difference (r_model - r_baseline) and relative_gain (the difference
    over r_baseline). Traits that either model has no r for are left out.
    """
    keys = ["cell", "replicate", "trait", "protocol"]
    other = table.loc[table["model"] == baseline, [*keys, "pearson_r"]]
    pairs = table[table["model"] == model].merge(other, on=keys, suffixes=("", "_baseline"), validate="one_to_one")
    pairs["difference"] = pairs["pearson_r"] - pairs["pearson_r_baseline"]
    pairs["relative_gain"] = pairs["difference"] / pairs["pearson_r_baseline"]
    return pairs.dropna(subset=["difference"])


def ridge_on_test_individuals(table: pd.DataFrame, held_out: pd.DataFrame) -> pd.DataFrame:
    """Return the table with exact ridge's r on the individuals that networks are scored on, not over random splits.

    An r over ten random splits says more of ridge, but less of its difference from a network, which the choice of test
    individuals changes. held_out: rows of the same cohorts; under this protocol ridge trains on all other individuals,
    as networks do under `published`. Where it has no such row, neither has the result.
    """
    keys, is_ridge = ["cell", "replicate", "seed", "trait"], table["model"] == "ridge"
    same = held_out.query("model == 'ridge' and protocol == 'held_out'")[[*keys, "pearson_r"]]
    ridge = table[is_ridge].drop(columns="pearson_r").merge(same, on=keys, validate="one_to_one")
    return pd.concat([table[~is_ridge], ridge[table.columns]], ignore_index=True)


def epistatic_shares(table: pd.DataFrame, model: str, baseline: str, by: Sequence[str]) -> pd.DataFrame:
    """Return the share of the epistatic variance that a model predicts beyond another, a row a cohort.

    (r^2 - r_baseline^2) / H2 summed over the traits with epistasis, over their summed V_AA / V_G, with the H2 of the
    scaling experiment. Unlike a difference in r it does not depend on how much of the variance a cohort's traits have
    in pairs. Columns: those of `by`, cell, replicate and share.
    """
    pairs = paired(table[table["rel_aa"] > 0], model, baseline)
    pairs["explained"] = (pairs["pearson_r"] ** 2 - pairs["pearson_r_baseline"] ** 2) / PUBLISHED_H2
    sums = pairs.groupby([*by, "cell", "replicate"])[["explained", "vaa_over_vg"]].sum()
    return (sums["explained"] / sums["vaa_over_vg"]).rename("share").reset_index()


def settings_as_models(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's rows of two tables of the same cohorts; the settings of the second are its models' names.

    table: of the scaling experiment, its MLP of one width and rate. others: of hyperparameters. Models are called mlp,
    or by what they differ in from it, such as '512 units' and 'rate 0.001'; cells by n_samples and scaling.
    """
    mlp = table[table["model"] == "mlp"]
    other = others[others["model"] == "mlp"]
    width, rate = mlp["hidden_width"].max(), mlp["learning_rate"].max()

    def name(units: int, initial: float) -> str:
        words = [f"{units:,} units"] if units != width else []
        return ", ".join(words + ([f"rate {initial:g}"] if initial != rate else []))

    names = [name(*setting) for setting in zip(other["hidden_width"], other["learning_rate"], strict=True)]
    both = pd.concat([mlp, other.assign(model=names)], ignore_index=True)
    return both.assign(cell=both["n_samples"].astype(str) + " " + both["scaling"].astype(str))


def common_cohorts(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of two tables on the cohorts that both have: those of the same cell and replicate."""
    keys = ["cell", "replicate"]
    common = one[keys].drop_duplicates().merge(other[keys].drop_duplicates())
    return one.merge(common, on=keys), other.merge(common, on=keys)


def mean_difference(table: pd.DataFrame, model: str, baseline: str, by: Sequence[str]) -> pd.DataFrame:
    """Return the mean difference in r of two models over cohorts, with its 95 % interval, a row a value of `by`.

    The interval is Student's for paired differences, one a cohort (the mean of its traits, which are not independent of
    each other): low and high are NaN for a single cohort.
    """

    def statistics(differences: pd.Series) -> pd.Series:
        low = high = np.nan
        if len(differences) > 1:
            low, high = scipy.stats.ttest_1samp(differences, 0).confidence_interval()
        return pd.Series({"difference": differences.mean(), "low": low, "high": high, "cohorts": len(differences)})

    by_cohort = paired(table, model, baseline).groupby([*by, "cell", "replicate"])["difference"].mean()
    return by_cohort.groupby(list(by)).apply(statistics).unstack()


def against_best(table: pd.DataFrame, model: str, others: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Return `mean_difference` of a model to the one of `others` with the highest mean r there, named in `best`.

    Values of `by` for which the model was not fitted are left out.
    """
    r = table[table["model"].isin(others)].pivot_table(index=list(by), columns="model", values="pearson_r")
    best = r.idxmax(axis=1).rename("best")
    differences = pd.concat([mean_difference(table, model, other, by).assign(best=other) for other in others])
    differences = differences.set_index("best", append=True)
    wanted = best.to_frame().set_index("best", append=True).index
    return differences.loc[differences.index.intersection(wanted)].reset_index("best").sort_index()


def agreement_of_models(
    table: pd.DataFrame, model: str, baseline: str, by: Sequence[str] = ("n_samples", "protocol")
) -> pd.DataFrame:
    """Return how well the r of two models agree over cohorts and traits, a row a value of the columns `by`.

    mean_difference d and the limits of agreement d +- 1.96 s, with s the standard deviation of the differences (Bland
    and Altman, 1986); concordance, Lin's (1989) correlation with the 1:1 line,
    2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2). pairs: how many were compared.
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


def compare_with_figure_1(table: pd.DataFrame, published: pd.DataFrame, model: str = "mlp") -> pd.DataFrame:
    """Return our mean r beside the middle of the digitised replicates, a row a sample size, scaling and relAA.

    Columns: r and its standard error, r_published and its standard error (from the range of the digitised replicates),
    difference, and the bound that it should lie within: two combined standard errors plus the error of digitising,
    0.02. Only rows that both hold. Raises ValueError where the table mixes protocols.
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


def compare_with_figure_2(table: pd.DataFrame, published: pd.DataFrame, baseline: str = "ridge") -> pd.DataFrame:
    """Return our mean difference in r from ridge beside figure 2's median, a row a number of markers, relAA and model.

    Columns: r, r_baseline and their difference; difference_published with low and high, its lowest and highest of five
    replicates; excess (ours less theirs) and the bound that it should lie within: two standard errors, from the range
    of the digitised replicates for their five and for ours, plus the error of digitising. Where no range could be read
    off, the bound is that error alone. Only rows that both hold. Raises ValueError where the table mixes protocols.
    """
    keys = ["n_samples", "n_qtl", "n_markers", "rel_aa", "model"]
    table = one_protocol(table)
    ours = pd.concat(paired(table, model, baseline) for model in published["model"].unique())
    ours = ours.groupby(keys).agg(
        replicates=("difference", "size"),
        r=("pearson_r", "mean"),
        r_baseline=("pearson_r_baseline", "mean"),
        difference=("difference", "mean"),
    )
    theirs = published.set_index(keys)[["low", "median", "high"]].rename(columns={"median": "difference_published"})
    both = ours.join(theirs, how="inner").reset_index()
    sd = (both["high"] - both["low"]).fillna(0) / RANGE_IN_SD[PUBLISHED_REPLICATES_LATER]
    both["excess"] = both["difference"] - both["difference_published"]
    both["bound"] = 2 * sd * np.sqrt(1 / PUBLISHED_REPLICATES_LATER + 1 / both["replicates"]) + DIGITISING_ERROR
    both["agrees"] = both["excess"].abs() <= both["bound"]
    return both


def compare_with_figure_3(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return our median relative gain of the MLP over ridge beside figure 3's, a row a number of traits, QTL and rho.

    Columns: cohorts, r and r_baseline (means), median_relative_gain, median_relative_gain_published, excess (ours less
    theirs), and the bound that it should lie within: two standard errors, from the standard deviation of our cohorts'
    medians for our cohorts and for the publication's five, plus the error of digitising. The traits of a cohort share a
    network, individuals and variances, and are no independent sample: with one cohort there is no bound (NaN). Only
    rows that both hold; not the control that shares pairs without correlation, which the publication lacks. Raises
    ValueError where the table mixes protocols.
    """
    keys = ["n_samples", "n_traits", "n_qtl", "rel_aa", "pleiotropy"]
    gain = paired(one_protocol(table), "mlp", "ridge")
    gain = gain[(gain["pleiotropy"] > 0) | ~gain["shared_pairs"]]
    ours = gain.groupby(keys).agg(
        cohorts=("replicate", "nunique"),
        r=("pearson_r", "mean"),
        r_baseline=("pearson_r_baseline", "mean"),
        median_relative_gain=("relative_gain", "median"),
    )
    cohort_medians = gain.groupby([*keys, "replicate"])["relative_gain"].median()
    ours["sd"] = cohort_medians.groupby(keys).std()
    theirs = published.set_index(keys)["median_relative_gain"].rename("median_relative_gain_published")
    both = ours.join(theirs, how="inner").reset_index()
    standard_error = both["sd"] * np.sqrt(1 / both["cohorts"] + 1 / PUBLISHED_REPLICATES_LATER)
    both["excess"] = both["median_relative_gain"] - both["median_relative_gain_published"]
    both["bound"] = 2 * standard_error + DIGITISING_ERROR
    both["agrees"] = both["excess"].abs() <= both["bound"]
    return both.drop(columns="sd")


def single_fits(fits: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's r in single fits beside the digitised replicates of figure 1, a row a size, scaling and relAA.

    fits: as `benchmarks.on_gpu` writes them, a column `r_<relAA>` a trait. Only values that both hold.
    """
    traits = {name: float(name.removeprefix("r_")) for name in fits if name.startswith("r_")}
    ours = fits[fits["model"] == "mlp"].rename(columns=traits)
    ours = ours.melt(["n_samples", "n_qtl"], list(traits.values()), "rel_aa", "r").astype({"rel_aa": float})
    theirs = published[published["model"] == PUBLISHED_NAME["mlp"]]
    keys = ["n_samples", "n_qtl", "rel_aa"]
    both = theirs[[*keys, "scaling", "r_low", "r_mid", "r_high"]].merge(ours, on=keys).dropna()
    both["difference"] = both["r"] - both["r_mid"]
    return both.set_index(["n_samples", "scaling", "rel_aa"]).sort_index()[
        ["r", "r_low", "r_mid", "r_high", "difference"]
    ]


def against_publication(tables: Mapping[str, pd.DataFrame], published: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return every value of the publication's figures beside ours, a row a value, also those that we have not computed.

    tables: of scaling, dilution and correlation, computed with the published network and protocol. published: the
    digitised figures of the same names.

    Columns: comparison (what is compared), place (the cell, trait and model in words), ours, published, difference,
    bound (what the difference should lie within, see the functions that compare with each figure), agrees. Where ours
    is missing, it was not computed.
    """
    scaling, dilution, correlation = (tables[name] for name in ("scaling", "dilution", "correlation"))
    figure_1, figure_2, figure_3 = (published[name] for name in ("scaling", "dilution", "correlation"))
    gain = "median_relative_gain"
    keys = ["n_samples", "scaling", "rel_aa"], ["n_markers", "rel_aa", "model"], ["n_traits", "n_qtl", "pleiotropy"]
    figures = [
        (f"{name}, figure 1", compare_with_figure_1(scaling, part, model), part, keys[0], ("r", "r_mid"))
        for model, name in (("mlp", "r of the MLP"), ("ridge_sgd", "r of ridge by SGD"))
        for part in [figure_1[figure_1["model"] == PUBLISHED_NAME[model]]]
    ] + [
        (
            "lead over ridge, figure 2",
            compare_with_figure_2(dilution, figure_2),
            figure_2,
            keys[1],
            ("difference", "median"),
        ),
        ("relative gain, figure 3", compare_with_figure_3(correlation, figure_3), figure_3, keys[2], (gain, gain)),
    ]
    return pd.concat([_beside(*figure) for figure in figures], ignore_index=True)


def _beside(
    name: str, comparison: pd.DataFrame, published: pd.DataFrame, keys: list[str], columns: tuple[str, str]
) -> pd.DataFrame:
    """Return one figure's rows of `against_publication`; columns: of our values, and of the publication's."""
    ours, digitised = columns
    compared = comparison[[*keys, ours, "bound", "agrees"]].rename(columns={ours: "ours"})
    rows = published.assign(published=published[digitised])[[*keys, "published"]].dropna(subset="published")
    rows = rows.merge(compared, on=keys, how="left", validate="one_to_one")
    words = [
        rows[key].map(f"{key} {{:g}}".format if rows[key].dtype.kind in "if" else f"{key} {{}}".format) for key in keys
    ]
    place = [", ".join(parts) for parts in zip(*words, strict=True)]
    return pd.DataFrame(
        {
            "comparison": name,
            "place": place,
            "ours": rows["ours"],
            "published": rows["published"],
            "difference": rows["ours"] - rows["published"],
            "bound": rows["bound"],
            "agrees": rows["agrees"].astype("boolean").where(rows["bound"].notna()),
        }
    )
