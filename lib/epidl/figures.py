"""Figures: drawn from result tables, in the publication's style; each function returns a matplotlib figure.

Traits are told apart by colour and marker, the publication's digitised values by open markers and dashed lines.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import arcadia_pycolor as apc
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from epidl.replication import one_protocol, relative_gain
from epidl.simulate import Cohort, Trait

MODEL_NAMES = {"ridge": "Ridge", "ridge_sgd": "Ridge by SGD", "mlp": "MLP"}
MODEL_COLORS = {"ridge": str(apc.mud), "ridge_sgd": str(apc.aegean), "mlp": str(apc.amber)}
MODEL_MARKERS = {"ridge": "s", "ridge_sgd": "o", "mlp": "D"}
TRAIT_COLORS = [str(color) for color in (apc.dusk, apc.aegean, apc.seaweed, apc.mustard, apc.cinnabar)]
TRAIT_MARKERS = "osD^v"
SCALING_LABEL = "Scaling (possible pairs per individual)"
PUBLICATION = {"markerfacecolor": "none", "markeredgewidth": 1.1, "markersize": 6, "linestyle": ":", "linewidth": 1.2}
PARITY = {"color": str(apc.slate), "linewidth": 0.8, "linestyle": (0, (5, 3)), "zorder": 0}


def use_style() -> None:
    """Set matplotlib to the publication's style, on white, so that figures are readable in dark mode too."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        apc.mpl.setup()  # says so where the publication's fonts are missing; the default ones serve
    mpl.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "savefig.bbox": "tight",
            "savefig.facecolor": "white",
            "figure.facecolor": "white",
            "svg.hashsalt": "epidl",  # the same figure is the same file
        }
    )


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG and as PNG; `path` has no suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), metadata={"Date": None} if suffix == ".svg" else None, dpi=160)


def expected_va_over_vg(rel_aa: float) -> float:
    """Return 1 / (1 + 2 relAA), about the share of the genetic variance that is additive."""
    return 1 / (1 + 2 * rel_aa)


def figure_1a(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's relative gain over ridge by SGD against the number of QTL, a panel a sample size.

    table: results under the published protocol. published: the digitised figure 1.
    """
    gain = relative_gain(table, model="mlp", baseline="ridge_sgd")
    theirs = published.pivot_table(index=["n_samples", "n_qtl", "rel_aa"], columns="model", values="r_mid")
    theirs = ((theirs["mlp"] - theirs["linear_sgd"]) / theirs["linear_sgd"]).rename("value").reset_index()
    ours = gain.rename(columns={"relative_gain": "value"})
    figure, axes = _sample_size_panels(ours, theirs, x="n_qtl", center=np.median)
    drawn = [line.get_ydata() for ax in axes for line in ax.get_lines() if line.get_linestyle() != "None"]
    highest = 1.6 * np.nanmax(np.concatenate(drawn))
    for ax, (_, part) in zip(axes, ours.groupby("n_samples"), strict=True):
        ax.axhline(0, **PARITY)
        ax.set(xlabel="QTL", ylim=(-1, highest))
        beyond = int((~part["value"].between(-1, highest)).sum())
        if beyond:  # where ridge's r is next to nothing, a replicate's gain is huge, of either sign
            ax.text(0.98, 0.95, f"{beyond} replicates beyond", transform=ax.transAxes, ha="right", fontsize="small")
    axes[0].set_ylabel("Relative gain of the MLP\n(r MLP - r ridge) / r ridge")
    return figure


def figure_1b(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the MLP's Pearson's r against the scaling, a panel a sample size; arguments as in `figure_1a`."""
    ours = one_protocol(table)[table["model"] == "mlp"].rename(columns={"pearson_r": "value"})
    theirs = published[published["model"] == "mlp"].rename(columns={"r_mid": "value"})
    figure, axes = _sample_size_panels(ours, theirs, x="scaling", center=np.mean)
    for ax in axes:
        ax.axvline(1, **PARITY)
        ax.set(xlabel=SCALING_LABEL, ylim=(min(0, ours["value"].min()), 1.03))
    axes[0].set_ylabel("Pearson's r of the MLP")
    return figure


def accuracy_by_trait(table: pd.DataFrame) -> Figure:
    """Draw Pearson's r of every replicate and model against the traits' relAA, a panel a protocol."""
    protocols = list(table["protocol"].unique())
    models = [model for model in MODEL_NAMES if model in set(table["model"])]
    ratios = sorted(table["rel_aa"].unique())
    figure, axes = plt.subplots(1, len(protocols), figsize=(1 + 3.8 * len(protocols), 4.2), sharey=True, squeeze=False)
    for ax, protocol in zip(axes[0], protocols, strict=True):
        for k, model in enumerate(models):
            part = _select(table, protocol=protocol, model=model)
            x = part["rel_aa"].map(ratios.index) + 0.22 * (k - (len(models) - 1) / 2)
            ax.plot(x, part["pearson_r"], MODEL_MARKERS[model], color=MODEL_COLORS[model], alpha=0.75, markersize=4.5)
            mean = part["pearson_r"].groupby(x).mean()
            ax.hlines(mean, mean.index - 0.1, mean.index + 0.1, color=MODEL_COLORS[model], linewidth=1.5)
        ax.set(
            title=f"Protocol: {protocol}", xlabel="relAA of the trait", ylim=(min(0, table["pearson_r"].min()), 1.03)
        )
        ax.set_xticks(range(len(ratios)), [f"{ratio:g}" for ratio in ratios])
    axes[0, 0].set_ylabel("Pearson's r, test samples")
    _legend_below(figure, [_handle(MODEL_NAMES[m], MODEL_COLORS[m], MODEL_MARKERS[m]) for m in models])
    return figure


def accuracy_by_scaling(table: pd.DataFrame) -> Figure:
    """Draw the mean Pearson's r of every model against the scaling, a column a trait, a row a sample size.

    Beside them the additive ceiling: the square root of V_A / V_G, the largest r that a linear model can reach without
    noise, as a mean over the cohorts.
    """
    table = one_protocol(table)
    ratios, sizes = sorted(table["rel_aa"].unique()), sorted(table["n_samples"].unique())
    models = [model for model in MODEL_NAMES if model in set(table["model"])]
    figure, axes = plt.subplots(
        len(sizes),
        len(ratios),
        figsize=(2 * len(ratios) + 1, 1 + 2.6 * len(sizes)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, n_samples in zip(axes, sizes, strict=True):
        for ax, ratio in zip(row, ratios, strict=True):
            part = _select(table, n_samples=n_samples, rel_aa=ratio)
            for model in models:
                r = part[part["model"] == model].groupby("scaling")["pearson_r"].mean()
                ax.plot(r.index, r, MODEL_MARKERS[model], linestyle="-", color=MODEL_COLORS[model], markersize=3.5)
            ceiling = np.sqrt(part.groupby("scaling")["va_over_vg"].mean())
            ax.plot(ceiling.index, ceiling, **PARITY)
            ax.set(ylim=(min(0, table["pearson_r"].min()), 1.03))
            _label_scale(ax, table["scaling"], most=3)
        row[0].set_ylabel(f"r, {n_samples:,} samples")
    for ax, ratio in zip(axes[0], ratios, strict=True):
        ax.set_title(f"relAA {ratio:g}")
    axes[-1, len(ratios) // 2].set_xlabel(SCALING_LABEL)
    handles = [Line2D([], [], color=MODEL_COLORS[m], marker=MODEL_MARKERS[m], label=MODEL_NAMES[m]) for m in models]
    _legend_below(figure, [*handles, Line2D([], [], **PARITY, label="additive ceiling")])
    return figure


def genotype_matrix(cohort: Cohort, n_shown: int = 60) -> Figure:
    """Draw the alleles of the first individuals and markers."""
    alleles = cohort.genotypes.block(slice(0, n_shown))[:, : 2 * n_shown]
    figure, ax = plt.subplots(figsize=(6.5, 3.4))
    ax.imshow(
        alleles, cmap=mpl.colors.ListedColormap([str(apc.sky), str(apc.lapis)]), aspect="auto", interpolation="none"
    )
    ax.set(xlabel="Marker", ylabel="Individual")
    _legend_below(figure, [_handle(f"allele {g}", str(c), "s") for g, c in enumerate((apc.sky, apc.lapis))])
    return figure


def interaction_matrix(traits: Sequence[Trait], n_markers: int) -> Figure:
    """Draw each trait's effects as a matrix: additive ones on the diagonal, each pair's effect once, below it."""
    largest = max(np.abs([*trait.additive_effects, *trait.pair_effects]).max() for trait in traits)
    figure, axes = plt.subplots(1, len(traits), figsize=(2.6 * len(traits) + 1, 3.2), sharey=True, squeeze=False)
    for ax, trait in zip(axes[0], traits, strict=True):
        effects = np.diag(trait.additive_by_marker(n_markers))
        effects[trait.pairs.max(axis=1), trait.pairs.min(axis=1)] = trait.pair_effects
        image = ax.imshow(effects, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="none")
        ax.set(title=f"relAA {trait.rel_aa:g}", xlabel="Marker")
    axes[0, 0].set_ylabel("Marker")
    figure.colorbar(image, ax=axes[0].tolist(), label="Effect", shrink=0.8)
    return figure


def variance_ratios(components: pd.DataFrame) -> Figure:
    """Draw V_A / V_G of many cohorts against relAA, with 1 / (1 + 2 relAA); columns rel_aa and va_over_vg."""
    figure, ax = plt.subplots(figsize=(5, 3.4))
    ratios = np.linspace(0, components["rel_aa"].max(), 200)
    ax.plot(ratios, expected_va_over_vg(ratios), color=str(apc.slate), linewidth=1.2, label="1 / (1 + 2 relAA)")
    grouped = components.groupby("rel_aa")["va_over_vg"]
    low, mean, high = grouped.quantile(0.05), grouped.mean(), grouped.quantile(0.95)
    ax.errorbar(
        mean.index,
        mean,
        yerr=[mean - low, high - mean],
        fmt="o",
        color=str(apc.aegean),
        label="mean, 5 % to 95 % of cohorts",
    )
    ax.set(xlabel="relAA", ylabel="$V_A/V_G$ in the sample", ylim=(0, 1.05))
    ax.legend(frameon=False)
    return figure


def phenotype_distributions(cohort: Cohort) -> Figure:
    """Draw the density of each trait's phenotype."""
    figure, ax = plt.subplots(figsize=(5, 3.4))
    for t, trait in enumerate(cohort.traits):
        color = TRAIT_COLORS[t % len(TRAIT_COLORS)]
        sns.kdeplot(x=cohort.phenotypes[:, t], color=color, label=f"relAA {trait.rel_aa:g}", ax=ax)
    ax.set(xlabel="Phenotype, in standard deviations of the genetic value", ylabel="Density")
    ax.legend(frameon=False)
    return figure


def _sample_size_panels(
    ours: pd.DataFrame, theirs: pd.DataFrame, x: str, center: Callable
) -> tuple[Figure, Sequence[Axes]]:
    """Draw `value` against x, a panel a sample size: our replicates and their centre, the digitised values beside."""
    sizes, ratios = sorted(ours["n_samples"].unique()), sorted(ours["rel_aa"].unique())
    figure, axes = plt.subplots(1, len(sizes), figsize=(1 + 4.8 * len(sizes), 5), sharey=True, squeeze=False)
    for ax, n_samples in zip(axes[0], sizes, strict=True):
        for k, ratio in enumerate(ratios):
            style = {"color": TRAIT_COLORS[k % len(TRAIT_COLORS)], "marker": TRAIT_MARKERS[k % len(TRAIT_MARKERS)]}
            part = _select(ours, n_samples=n_samples, rel_aa=ratio)
            middle = part.groupby(x)["value"].agg(center)
            ax.plot(part[x], part["value"], linestyle="", **style, markersize=3, alpha=0.45)
            ax.plot(middle.index, middle, **style, markersize=5, linewidth=1.4)
            reference = _select(theirs, n_samples=n_samples, rel_aa=ratio).sort_values(x)
            ax.plot(reference[x], reference["value"], **style, **PUBLICATION)
        ax.set(title=f"{n_samples:,} samples")
        _label_scale(ax, _select(ours, n_samples=n_samples)[x])
    handles = [_handle(_trait_name(ratio), TRAIT_COLORS[k % 5], TRAIT_MARKERS[k % 5]) for k, ratio in enumerate(ratios)]
    handles.append(Line2D([], [], color=str(apc.slate), marker="o", label="this code"))
    if theirs["n_samples"].isin(sizes).any():
        handles.append(Line2D([], [], color=str(apc.slate), marker="o", **PUBLICATION, label="publication"))
    _legend_below(figure, handles)
    return figure, axes[0]


def _select(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows in which each named column has the given value."""
    return table[np.logical_and.reduce([table[column] == value for column, value in values.items()])]


def _handle(label: str, color: str, marker: str) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, color=color, label=label)


def _trait_name(rel_aa: float) -> str:
    return f"relAA {rel_aa:g} ($V_A/V_G$ {expected_va_over_vg(rel_aa):.2g})"


def _legend_below(figure: Figure, handles: list[Line2D]) -> None:
    columns = min(len(handles), int(figure.get_figwidth() / 2.6))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def _label_scale(ax: Axes, values: pd.Series, most: int = 6) -> None:
    """Make x logarithmic and label at most `most` of the values that were simulated, the first and last included."""
    values = np.sort(values.unique())
    ax.set_xscale("log")
    ax.set_xticks(values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int))])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
