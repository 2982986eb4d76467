"""The page of worlds closer to life: interactions above pairs, crosses, and noise."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from epidl import figures
from epidl.cohorts.splits import TRAIN_SHARE
from epidl.figures import style
from epidl.grid import contrasts
from epidl.grid.params import PUBLISHED_H2, qtl_for_scaling
from epidl.models import theory
from epidl_book import takeaways
from epidl_book.claims import interval

ABOVE = [f"expected_share_{order}" for order in (3, 4, 5)]
KERNELS = ["kernel", "gaussian", "orders"]
POPULATIONS = {
    "unlinked": "unlinked markers",
    "segregants": "a cross, its gametes",
    "inbred": "a cross, lines by selfing",
    "f2": "a cross, its F2",
}


def orders(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in which all sets of loci interact, with the share of the genetic variance that is
    above pairs.
    """
    found = table[(table["population"] == "unlinked") & (table["grouping"] == "all")]
    return found.assign(above=found[ABOVE].sum(axis=1))


def crosses(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of crosses and of the unlinked markers next to them, with the trait in words."""
    found = table[table["grouping"] == "disjoint"]
    additive = found["expected_share_1"] > 0.9
    return found.assign(trait_kind=np.where(additive, "additive", "mostly pairs"))


# --- Figures ---------------------------------------------------------------------------------------


def by_order(table: pd.DataFrame) -> Figure:
    """Draw each model's mean r against the share of the genetic variance above pairs, a panel for each
    number of loci and of individuals.

    table: of `orders`.
    """
    places = sorted(set(zip(table["n_samples"], table["n_qtl"], strict=True)))
    n_columns = table["n_qtl"].nunique()
    n_rows = -(-len(places) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(1 + 4.4 * n_columns, 0.6 + 3.4 * n_rows),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax, (n_samples, n_qtl) in zip(axes.flat, places, strict=False):
        part = style.select(table, n_samples=n_samples, n_qtl=n_qtl)
        style.draw_models(ax, part, "above", "pearson_r", markersize=4)
        ax.set_title(f"{n_samples:,} individuals, {n_qtl} loci", fontsize=11)
        ax.set(ylim=(-0.1, 1.03))
    for ax in axes[-1]:
        ax.set_xlabel("Share of variance above pairs")
    for ax in axes[:, 0]:
        ax.set_ylabel("Pearson's r")
    return style.legend_below(figure, style.model_handles(style.models_of(table), "-"))


def by_population(table: pd.DataFrame) -> Figure:
    """Draw each model's mean r in each population, a panel for each kind of trait. The oracle knows
    the loci, even those between the markers.

    table: of `crosses`.
    """
    kinds = list(table["trait_kind"].unique())
    figure, axes = plt.subplots(1, len(kinds), figsize=(9, 4.2), sharey=True, squeeze=False)
    names = [name for name in POPULATIONS if name in set(table["population"])]
    for ax, kind in zip(axes[0], kinds, strict=True):
        part = table[table["trait_kind"] == kind]
        part = part.assign(place=part["population"].map(names.index))
        style.draw_models(ax, part, "place", "pearson_r", markersize=6)
        labels = [POPULATIONS[name].replace(", ", ",\n") for name in names]
        ax.set_xticks(range(len(names)), labels, fontsize=9)
        ax.set_title(f"Trait: {kind}", fontsize=11)
        ax.set(ylim=(0, 1.03), xlim=(-0.3, len(names) - 0.7))
    axes[0, 0].set_ylabel("Pearson's r on new individuals")
    return style.legend_below(figure, style.model_handles(style.models_of(table), "-"))


def by_noise(shares: pd.DataFrame, expected: pd.DataFrame) -> Figure:
    """Draw the share of the epistatic variance that the MLP predicts beyond ridge against the
    scaling, a line for each broad-sense heritability. Dashed lines are what theory expects of the
    kernel.

    shares: of `noise_shares`. expected: of `expected_shares`.
    """
    figure, ax = plt.subplots(figsize=(8, 4.4))
    for k, (h2, part) in enumerate(shares.groupby("broad_sense_heritability")):
        mean = part.groupby("scaling")["share"].mean()
        look = style.trait_style(k)
        ax.plot(mean.index, mean, **look, markersize=5, label=f"H² {h2:g}")
        theory_part = style.select(expected, broad_sense_heritability=h2)
        dashed = {"color": look["color"], "alpha": 0.5, "linestyle": "--"}
        ax.plot(theory_part["scaling"], theory_part["share"], **dashed)
    ax.axhline(0, **style.PARITY)
    ax.set(
        xlabel="Possible pairs of loci for each individual",
        ylabel="Share of the epistatic variance\nthat the network predicts",
        ylim=(-0.15, 1.05),
    )
    style.label_scale(ax, shares["scaling"], most=8)
    return style.legend_below(figure, ax.get_legend_handles_labels()[0])


# --- Noise -----------------------------------------------------------------------------------------


def noise(table: pd.DataFrame) -> pd.DataFrame:
    """Return the held-out rows of the experiment beyond that ask about noise: the heritabilities
    that have most scalings, and the published one at the same scalings, with the fewest
    individuals.
    """
    found = table[(table["protocol"] == "held_out") & ~table["all_pairs"]]
    found = found[found["n_samples"] == found["n_samples"].min()]
    found = found[found["rel_aa"] > 0]
    scalings = found.groupby("broad_sense_heritability")["scaling"]
    noisy = found["broad_sense_heritability"] < PUBLISHED_H2
    asked = (
        scalings.transform("nunique") == scalings.nunique()[lambda n: n.index < PUBLISHED_H2].max()
    )
    common = set(found.loc[noisy & asked, "scaling"])
    return found[(asked | ~noisy) & found["scaling"].isin(common)]


def noise_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each cohort, the share of the heritable epistatic variance that the MLP predicts
    beyond ridge.
    """
    shares = contrasts.epistatic_shares(
        table, "mlp", "ridge", ["broad_sense_heritability", "scaling"]
    )
    # that function divides by the published heritability
    of_h2 = PUBLISHED_H2 / shares["broad_sense_heritability"]
    return shares.assign(share=shares["share"] * of_h2)


def expected_shares(shares: pd.DataFrame, n_samples: int, rel_aa: float = 1.0) -> pd.DataFrame:
    """Return the share of the epistatic variance that theory expects of the epistatic kernel, under the
    conditions of `noise_shares`.
    """
    found = shares[["broad_sense_heritability", "scaling"]].drop_duplicates()
    values = []
    for row in found.itertuples():
        n_qtl = qtl_for_scaling(row.scaling, n_samples)
        parts = theory.expected_shares(rel_aa, row.broad_sense_heritability)
        expected = theory.expected_accuracy(
            TRAIN_SHARE * n_samples, n_qtl, parts.additive, parts.epistatic, model="kernel"
        )
        values.append(float(expected.r2_epistatic))
    return found.assign(share=values).sort_values("scaling")


def until_by_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Return up to which scaling the interval of each model's mean lead over ridge is above 0, a row for
    each broad-sense heritability.
    """
    rows = {}
    for h2, part in table.groupby("broad_sense_heritability"):
        models = [name for name in style.models_of(part) if name not in ("ridge", "oracle")]
        rows[f"H² {h2:g}"] = {
            figures.MODEL_NAMES[name]: takeaways.lead_until(part, name, "ridge") for name in models
        }
    return pd.DataFrame(rows).T.dropna(axis="columns").rename_axis(index=None)


# --- Checks and tables -----------------------------------------------------------------------------


def checks_of_crosses(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the publication expects of crosses, each with its estimate, 95% interval and
    verdict.

    table: of `crosses`. Between populations the interval is Welch's, within one Student's for paired
    cohorts. The first two ask for a greater lead of the MLP over ridge than at unlinked markers.
    """
    table = table[table["trait_kind"] == "mostly pairs"]
    r = table.pivot_table(index=["population", "replicate"], columns="model", values="pearson_r")
    rows = []
    for name in ("segregants", "inbred"):
        leads = {place: (r["mlp"] - r["ridge"]).loc[place].dropna() for place in (name, "unlinked")}
        said = f"The network's lead over ridge is greater in {POPULATIONS[name]} than at unlinked markers."
        rows.append(_check(said, interval([leads[name], leads["unlinked"]], [1, -1])))
        ahead = (r["mlp"] - r["lasso_pairs"]).loc[name].dropna()
        said = f"The network predicts more than a LASSO with pairs in {POPULATIONS[name]}."
        rows.append(_check(said, interval([ahead], [1])))
    untested = {
        "check": "Convolution over neighbouring markers helps under linkage.",
        "verdict": "untested",
    }
    return pd.DataFrame([*rows, untested]).fillna("–").set_index("check")


def _check(said: str, found: Mapping[str, float]) -> dict[str, str]:
    low, high = found["low"], found["high"]
    return {
        "check": said,
        "difference in r": f"{found['estimate']:+.2f} [{low:+.2f}, {high:+.2f}]",
        "cohorts": str(found["cohorts"]),
        "verdict": "shown" if low > 0 else "contradicted" if high < 0 else "open",
    }


def _mean_in_words(r: pd.Series) -> str:
    """Return the mean of some r and its 95% interval by Student, in words."""
    if r.count() < 2:
        return f"{r.mean():.2f} (one cohort)"
    found = interval([r.dropna()], [1])
    return f"{r.mean():.2f} ± {found['high'] - r.mean():.2f}"


def conditions_table(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return each model's mean r and its 95% interval over cohorts, one row per condition: the
    values of the columns `by`.
    """
    words = table.groupby([*by, "model"], sort=False)["pearson_r"].agg(_mean_in_words)
    shown = words.unstack("model")[style.models_of(table)].fillna("–")
    return shown.rename(columns=figures.MODEL_NAMES).rename_axis(columns=None)


def variances_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the variance of each order's part next to its expected share, and the greatest covariance of
    two parts, as means over cohorts.
    """
    table = table.drop_duplicates(["cell", "replicate"])
    covariances = [name for name in table if name.startswith("covariance_")]
    rows = {}
    for order in range(1, 6):
        there = table[table[f"expected_share_{order}"] > 0]
        if len(there):
            expected, found = there[f"expected_share_{order}"], there[f"share_{order}"]
            rows[f"order {order}"] = {
                "cohorts": len(there),
                "mean of found / expected": f"{(found / expected).mean():.3f}",
                "range": f"{(found / expected).min():.2f} to {(found / expected).max():.2f}",
            }
    words = f"{table[covariances].abs().max(axis=None):.3f}"
    rows["greatest covariance of two orders"] = {"range": words}
    return pd.DataFrame(rows).T.fillna("")


def in_words(ordered: pd.DataFrame) -> dict[str, str]:
    """Return in how many conditions of `orders` with variance above pairs the MLP's mean r is above that of
    the epistatic kernel, in how many this is shown, and in how many it is above all kernels.
    """
    r = ordered.pivot_table(
        index=["n_samples", "n_qtl", "above"], columns="model", values="pearson_r"
    )
    r = r.dropna(subset=["mlp", *KERNELS]).query("above > 0")
    low = contrasts.mean_difference(ordered, "mlp", "kernel", r.index.names)["low"].loc[r.index]
    ahead = (r["mlp"] > r[KERNELS].max(axis=1)).sum()
    return {
        "above": str(len(r)),
        "ahead_pairs": str((r["mlp"] > r["kernel"]).sum()),
        "shown_pairs": str((low > 0).sum()),
        "ahead_all": str(ahead) if ahead else "none",
    }
