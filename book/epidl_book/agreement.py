"""The page of agreement: our values beside the publication's digitised ones."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from epidl.grid.contrasts import one_protocol, paired
from epidl_book.phrases import agreement

# expected range of k independent normal values in standard deviations (the control-chart constant d2)
RANGE_IN_SD = {2: 1.128, 3: 1.693, 4: 2.059, 5: 2.326, 6: 2.534, 7: 2.704, 8: 2.847, 9: 2.970, 10: 3.078}


PUBLISHED_REPLICATES = {1_000: 10, 10_000: 10, 100_000: 5, 1_000_000: 3}  # of figure 1


DIGITISING_ERROR = 0.02
PUBLISHED_REPLICATES_LATER = 5  # of figures 2 and 3


PUBLISHED_NAME = {"mlp": "mlp", "ridge_sgd": "linear_sgd"}


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


def agreement_in_words(compared: pd.DataFrame) -> str:
    """Return in a sentence how many of the publication's values are computed, and how many lie within their bound."""
    found = agreement(compared)
    return (
        f"Of {found['values']} values {compared['ours'].count()} are computed; of the {found['compared']} that have a "
        f"bound {found['agree']} lie within it."
    )


def agreement_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return a row a comparison of `replication.against_publication`: how many values, computed, within their bound."""
    grouped = compared.groupby("comparison", sort=False)
    table = grouped.agg(
        in_publication=("published", "size"),
        computed=("ours", "count"),
        with_bound=("bound", "count"),
        within_bound=("agrees", "sum"),
        mean_difference=("difference", "mean"),
    )
    table["not_computed"] = table["in_publication"] - table["computed"]
    return table.rename(columns=lambda name: name.replace("_", " ")).round(3)


def single_fits_in_words(single: pd.DataFrame) -> str:
    """Return how near the publication's replicates single fits lie, and what both make of more individuals, in words.

    single: from `replication.single_fits`. The latter at the scaling that most sample sizes have, as the mean r over
    the epistatic traits.
    """
    error = DIGITISING_ERROR
    near = (single["r"] >= single["r_low"] - error) & (single["r"] <= single["r_high"] + error)
    epistatic = single[single.index.get_level_values("rel_aa") > 0]
    means = epistatic.groupby(["scaling", "n_samples"])[["r", "r_mid"]].mean()
    scaling = means.groupby("scaling").size().idxmax()
    steps = [
        f"{row['r']:.3f} at {n:,} (the publication: {row['r_mid']:.3f})" for n, row in means.loc[scaling].iterrows()
    ]
    return (
        f"{near.sum()} of {len(single)} values lie in the range of the publication's replicates or within {error:g} of "
        f"it, what reading its figure can be off by; the mean difference to their middle is "
        f"{single['difference'].mean():+.3f}. At a scaling of {scaling:g} the mean r over the epistatic traits is "
        f"{' and '.join(steps)}."
    )


def beyond_bounds(compared: pd.DataFrame) -> str:
    """Return the values beyond their bound as a Markdown list."""
    beyond = compared[compared["agrees"].eq(False).fillna(False)]
    rows = [
        f"- {row.comparison}: `{row.place}`: {row.ours:+.3f}, in the publication {row.published:+.3f}; "
        f"difference {row.difference:+.3f}, bound {row.bound:.3f}"
        for row in beyond.itertuples()
    ]
    return "\n".join(rows) or "None."
