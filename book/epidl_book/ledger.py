"""The ledger's page: what each disagreement between prose, code and figures matters, and the
figures of its four stories.
"""

from collections.abc import Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from epidl.figures.style import (
    MODEL_COLORS,
    PARITY,
    PUBLICATION,
    label_scale,
    legend_below,
    row_of_panels,
    select,
    trait_style,
)
from epidl.grid.contrasts import mean_difference, one_protocol, paired
from epidl.grid.params import Cell, last_batch, qtl_for_scaling
from epidl.models import theory
from epidl_book.beyond import worth_of_test_individuals
from epidl_book.claims import interval
from epidl_book.phrases import span

NOT_MEASURED = "not measured"
# what the publication's text and captions say
TEXT_H2, TEXT_REL_AA, CAPTION_SHARE = 0.99, 0.5, 0.15
VARIANTS = {  # of the MLP: name, colour, marker
    "mlp": ("as published", MODEL_COLORS["mlp"], "D"),
    "mlp_recomputed": ("batch norm recomputed", MODEL_COLORS["mlp_recomputed"], "o"),
    "mlp_dropped": ("last batch left out", MODEL_COLORS["lasso"], "^"),
}
SMALL = 0.01  # a change of r that is none
APART = 0.015  # between the two kinds of traits without correlation


def epoch_limit(table: pd.DataFrame) -> str:
    """Return how many fits of the MLP ended at the limit of epochs (row 1)."""
    fits = table[table["model"] == "mlp"].drop_duplicates(
        ["experiment", "cell", "replicate", "protocol"]
    )
    return f"{(fits['status'] == 'max_epochs').sum()} of {len(fits)} fits of the published MLP ran into the limit"


def ceiling(heritability: float) -> str:
    """Return how far the ceiling of r, sqrt(H2), is above that of the H2 in the publication's prose
    (row 2).
    """
    return (
        f"in closed form: the ceiling of r is {np.sqrt(heritability) - np.sqrt(TEXT_H2):.4f} higher"
    )


def additive_shares(tables: Sequence[pd.DataFrame], rel_aa: float) -> str:
    """Return V_A / V_G as expected with the relAA of code and prose, and as drawn (row 3)."""
    code, text = theory.expected_shares([rel_aa, TEXT_REL_AA], 1).additive
    table = pd.concat(tables)
    traits = table[table["rel_aa"] == rel_aa].drop_duplicates(
        ["experiment", "cell", "replicate", "trait"]
    )
    drawn = traits["va_over_vg"].mean()
    return f"V_A/V_G is {code:.2f} in expectation, not {text:.2f}, and the mean over our traits is {drawn:.2f}"


def caption_share(rel_aa: float) -> str:
    """Return which relAA would give the captions' V_A / V_G (row 4)."""
    return f"in closed form: {CAPTION_SHARE:g} would need relAA {(1 / CAPTION_SHARE - 1) / 2:.2f}, not {rel_aa:g}"


def steering(published: pd.DataFrame, held_out: pd.DataFrame) -> str:
    """Return the MLP's r under `published` minus that under `held_out`, on the same cohorts (row 5)."""
    found = worth_of_test_individuals(published, held_out)
    words = []
    for n_samples, part in found["difference"].groupby(level="n_samples") if len(found) else ():
        words.append(f"{span(part)} at {n_samples:,} individuals")
    return "r of the MLP changes, by scaling, by " + "; by ".join(words) if words else NOT_MEASURED


def printed_label(pleiotropy: float) -> float:
    """Return the correlation that the publication's figure script reads from a cohort's file name (row
    7).

    The script takes the digits after the point as hundredths: 0.25 is right, 0.5 becomes 0.05.
    """
    return int(f"{pleiotropy:g}".split(".")[-1]) / 100


def rounding(cells: Sequence[Cell]) -> str:
    """Return how many of the scaling grid's points have another number of QTL than the nearest even
    one (row 8).
    """
    points = {(cell.scaling, cell.n_samples) for cell in cells}
    others = 0
    for scaling, n_samples in points:
        nearest = 2 * round((1 + np.sqrt(1 + 8 * scaling * n_samples)) / 4)
        others += qtl_for_scaling(scaling, n_samples) != nearest
    return f"{others} of {len(points)} grid points have another number of QTL than the nearest even one"


def kinds_of_gain(table: pd.DataFrame) -> str:
    """Return the mean difference in r and the median relative gain of traits of own pairs (row 12)."""
    gain = paired(one_protocol(table), "mlp", "ridge")
    apart = gain[(gain["pleiotropy"] == 0) & ~gain["shared_pairs"]].groupby(["n_traits", "n_qtl"])
    return (
        f"with traits of own pairs, the difference in r is {span(apart['difference'].mean())} by numbers of traits and "
        f"QTL, the relative gain {span(apart['relative_gain'].median())}"
    )


def random_splits(table: pd.DataFrame) -> str:
    """Return how much exact ridge's r over ten random splits differs from that on the last 15% (row
    13).
    """
    keys = ["n_samples", "cell", "replicate", "trait"]
    r = table[table["model"] == "ridge"].pivot_table(
        index=keys, columns="protocol", values="pearson_r"
    )
    spread = (r["published"] - r["held_out"]).groupby("n_samples").std()
    words = []
    for n_samples, sd in spread.items():
        words.append(f"{sd:.3f} at {n_samples:,} individuals")
    return f"standard deviation of the difference in exact ridge's r: {', '.join(words)}"


def growth_of_pairs(cells: Sequence[Cell]) -> str:
    """Return how the number of possible pairs grows over the grid's numbers of QTL (row 14)."""
    q = np.unique([cell.n_qtl for cell in cells])
    exponent = np.polyfit(np.log(q), np.log(q * (q - 1) / 2), 1)[0]
    return f"in closed form: pairs grow as the number of QTL to the power of {exponent:.2f}"


def untried_rates(cell: Cell) -> str:
    """Return how often random trials leave a given rate untried (row 17)."""
    untried = (1 - 1 / len(cell.mlp_learning_rates)) ** cell.n_trials
    return f"in closed form: a given rate is untried in {100 * untried:.0f} % of searches"


def variants_of_the_last_batch(table: pd.DataFrame) -> pd.DataFrame:
    """Return the ragged experiment's table with a column last_batch, and the variants of the MLP as
    models.

    mlp, mlp_recomputed: of the cells that train on the last batch. mlp_dropped: the MLP of those
    that leave the batch out. Rows of the same cohort have the same cell, so that models are paired
    by cell. Ridge is kept once.

    Raises ValueError if the table mixes protocols.
    """
    table = one_protocol(table)
    dropped = table["cell"].str.endswith("_dropped")
    without = table[dropped & (table["model"] == "mlp")].assign(model="mlp_dropped")
    variants = pd.concat([table[~dropped], without], ignore_index=True)
    protocol = variants["protocol"].iloc[0]
    sizes = variants["n_samples"].map(lambda n_samples: last_batch(n_samples, protocol))
    return variants.assign(cell=variants["cell"].str.removesuffix("_dropped"), last_batch=sizes)


def epochs_by_last_batch(variants: pd.DataFrame) -> pd.DataFrame:
    """Return the mean epochs of the MLP's fits, one row per number of QTL and size of the last batch."""
    fits = variants[variants["model"].isin(["mlp", "mlp_dropped"]) & (variants["trait"] == 1)]
    epochs = fits.pivot_table(index=["n_qtl", "last_batch"], columns="model", values="epochs")
    return epochs.rename(
        columns={"mlp": "as published", "mlp_dropped": "last batch left out"}
    ).round(1)


def ragged_in_large_cohorts(table: pd.DataFrame, digitised: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's mean r in the largest cohorts of the ragged experiment by scaling and trait,
    and by variant.

    The last column is the publication's value. The table is empty if no cohort has a size of the
    publication's.
    """
    theirs = digitised[digitised["model"] == "mlp"]
    large = table[
        table["n_samples"].isin(theirs["n_samples"])
        & (table["n_samples"] == table["n_samples"].max())
    ]
    if large.empty:
        return pd.DataFrame()
    keys = ["n_samples", "scaling", "rel_aa"]
    r = variants_of_the_last_batch(large).pivot_table(
        index=keys, columns="model", values="pearson_r"
    )
    names = {
        "mlp": "as published",
        "mlp_recomputed": "statistics recomputed",
        "mlp_dropped": "last batch left out",
    }
    r = r.reindex(columns=[*names, "ridge"]).rename(columns=names)
    r = r.join(theirs.set_index(keys)["r_mid"].rename("publication, 4,096 units"))
    return r.rename_axis(["individuals", "scaling", "relAA"])


def draw_mislabelled(
    simulated: Sequence[float], table: pd.DataFrame, published: pd.DataFrame
) -> Figure:
    """Draw the printed label of each simulated correlation, and next to it the MLP's median
    relative gain over ridge.

    simulated: the correlations of a grid. table: results of the correlation experiment. published:
    the digitised figure 3 with corrected labels, for the numbers of traits and QTL that the table
    holds.
    """
    gain = paired(one_protocol(table), "mlp", "ridge")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), width_ratios=(1, 1.5))
    _draw_labels(left, simulated)
    shade = {"color": str(apc.slate), "linestyle": "", "markersize": 9}
    handles = [
        Line2D([], [], **shade, marker="X", label="this code, own pairs"),
        Line2D([], [], **shade, marker="o", label="this code, shared pairs"),
        Line2D([], [], color=str(apc.slate), marker="o", **PUBLICATION, label="publication"),
    ]
    for k, ((n_traits, n_qtl), part) in enumerate(gain.groupby(["n_traits", "n_qtl"])):
        style = trait_style(k)
        theirs = select(published, n_traits=n_traits, n_qtl=n_qtl).sort_values("pleiotropy")
        right.plot(theirs["pleiotropy"], theirs["median_relative_gain"], **style, **PUBLICATION)
        medians = part.groupby(["pleiotropy", "shared_pairs"])["relative_gain"].median()
        for (pleiotropy, shared), median in medians.items():
            x = pleiotropy + (pleiotropy == 0) * (APART if shared else -APART)
            right.plot(
                x, median, linestyle="", **style | ({} if shared else {"marker": "X"}), markersize=9
            )
        handles.append(
            Line2D([], [], linestyle="", **style, label=f"{n_qtl} QTL, {n_traits} traits")
        )
    right.axhline(0, **PARITY)
    right.set(
        xlabel="Correlation that was simulated",
        ylabel="Median relative gain\nof the MLP over ridge",
    )
    right.set_title("What the cohorts gave")
    legend_below(figure, handles)
    return figure


def draw_last_batch(table: pd.DataFrame) -> Figure:
    """Draw the mean r over epistatic traits against the size of the last batch, one panel per number
    of QTL.

    table: from `variants_of_the_last_batch`. Small points are cohorts, lines their means. Dashed
    lines are ridge.
    """
    epistatic = one_protocol(table)[table["rel_aa"] > 0]
    cohorts = (
        epistatic.groupby(["n_qtl", "last_batch", "model", "replicate"])["pearson_r"]
        .mean()
        .reset_index()
    )
    panels = sorted(cohorts["n_qtl"].unique())
    figure, axes = row_of_panels(len(panels), 1.5 + 4.2 * len(panels), 4.6)
    for ax, n_qtl in zip(axes, panels, strict=True):
        part = select(cohorts, n_qtl=n_qtl)
        ridge = select(part, model="ridge").groupby("last_batch")["pearson_r"].mean()
        ax.plot(ridge.index, ridge, **PARITY)
        for model, (_, color, marker) in VARIANTS.items():
            _draw_cohorts(ax, select(part, model=model), color, marker)
        ax.set(xscale="log", xlabel="Individuals in the last batch", title=f"{n_qtl} QTL")
        sizes = sorted(part["last_batch"].unique())
        # their labels would overlap
        ax.set_xticks([size for size in sizes if size != 127 or 128 not in sizes])
        ax.xaxis.set_major_formatter("{x:,.12g}")
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("Pearson's r, mean of epistatic traits")
    handles = [
        Line2D([], [], color=color, marker=marker, label=f"MLP, {name}")
        for name, color, marker in VARIANTS.values()
    ]
    legend_below(figure, [*handles, Line2D([], [], **PARITY, label="ridge")])
    return figure


# --- The stories -------------------------------------------------------------------------------------


def last_batch_in_words(variants: pd.DataFrame) -> dict[str, str]:
    """Return what leaving out the smallest last batch changes in the MLP's r at most, what
    recomputed statistics change there, and from which size on neither changes r by as much as 0.01.

    variants: from `variants_of_the_last_batch`.
    """
    epistatic = variants[variants["rel_aa"] > 0]
    changes = pd.DataFrame(
        {
            model: mean_difference(epistatic, model, "mlp", ["n_qtl", "last_batch"])["difference"]
            for model in ("mlp_dropped", "mlp_recomputed")
        }
    )
    smallest = changes.index.get_level_values("last_batch").min()
    at_smallest = changes.xs(smallest, level="last_batch")
    largest = changes.abs().max(axis=1).groupby(level="last_batch").max()
    much = largest.index[largest >= SMALL]
    return {
        "smallest": str(smallest),
        "dropped": f"{at_smallest['mlp_dropped'].max():+z.2f}",
        "recomputed": f"{at_smallest['mlp_recomputed'].max():+z.2f}",
        "harmless": str(largest.index[largest.index > max(much, default=0)].min()),
    }


def draw_deciding(found: pd.DataFrame) -> Figure:
    """Draw what it is worth to the MLP that the scored individuals decide when training stops, against
    the scaling.

    found: from `beyond.worth_of_test_individuals`, one line for each number of individuals.
    """
    figure, ax = plt.subplots(figsize=(9, 4))
    ax.axhline(0, **PARITY)
    for k, (n_samples, part) in enumerate(found.groupby(level="n_samples")):
        part, style = part.droplevel("n_samples"), trait_style(k + 1)
        ends = part[["low", "high"]].sub(part["difference"], axis=0).abs().T
        ax.errorbar(
            part.index * 1.04**k,
            part["difference"],
            ends.to_numpy(),
            **style,
            linewidth=1.2,
            capsize=2,
            label=f"{n_samples:,} individuals, {part['cohorts'].max():.0f} cohorts",
        )
    label_scale(ax, found.index.get_level_values("scaling").to_series(), most=8)
    ax.set(xlabel="Possible pairs per individual", ylabel="r, published minus held_out")
    return legend_below(figure, ax.get_legend_handles_labels()[0])


def draw_output_norm(scores: pd.DataFrame) -> Figure:
    """Draw the mean r of each cohort with and without the output's batch norm, a line for each cohort.

    scores: columns cohort, output and r, one row per trait.
    """
    figure, ax = plt.subplots(figsize=(8, 3.6))
    means = scores.groupby(["cohort", "output"], sort=False)["r"].mean().unstack(sort=False)
    ax.plot(range(means.shape[1]), means.T, "o-", color=MODEL_COLORS["mlp"], alpha=0.7)
    ax.plot(range(means.shape[1]), means.mean(), color="black", linewidth=2.5)
    ax.set_xticks(range(means.shape[1]), means.columns)
    ax.set(xlim=(-0.4, means.shape[1] - 0.6), ylim=(0, 1), ylabel="Pearson's r, mean of traits")
    return figure


def output_norm_in_words(scores: pd.DataFrame) -> dict[str, str]:
    """Return the change of the mean r that the output's batch norm makes, and whether its interval
    over cohorts excludes zero.

    scores: as of `draw_output_norm`, the layer as in the code first.
    """
    means = scores.groupby(["cohort", "output"], sort=False)["r"].mean().unstack(sort=False)
    found = interval([means.iloc[:, 0] - means.iloc[:, 1]], [1])
    return {
        "change": f"{found['estimate']:+z.2f}",
        "shown": "excludes" if found["low"] * found["high"] > 0 else "includes",
    }


def _draw_labels(ax: Axes, simulated: Sequence[float]) -> None:
    """Draw the label against the simulated correlation, wrong ones in red with what they should
    say.
    """
    for value in sorted(set(simulated)):
        label = printed_label(value)
        right = label == value
        ax.plot(
            value,
            label,
            "o" if right else "X",
            color=str(apc.slate if right else apc.cinnabar),
            markersize=9,
        )
        if not right:
            ax.annotate(
                f"{value:g} is printed as {label:g}",
                (value, label),
                (0, 10),
                textcoords="offset points",
                ha="center",
            )
    ax.axline((0, 0), slope=1, **PARITY)
    ax.set(
        xlabel="Correlation that was simulated", ylabel="Label in the figure", ylim=(-0.05, 1.05)
    )
    ax.set(xlim=(-0.05, 1.05), title="What the figure prints")


def _draw_cohorts(ax: Axes, cohorts: pd.DataFrame, color: str, marker: str) -> None:
    mean = cohorts.groupby("last_batch")["pearson_r"].mean()
    ax.plot(
        cohorts["last_batch"], cohorts["pearson_r"], marker, color=color, markersize=3, alpha=0.45
    )
    ax.plot(mean.index, mean, marker, linestyle="-", color=color, markersize=5)
