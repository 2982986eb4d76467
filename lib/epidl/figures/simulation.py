"""Pictures of a simulated cohort and of its traits."""

from collections.abc import Sequence

import arcadia_pycolor as apc
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from epidl.cohorts.simulate import Cohort, Trait
from epidl.figures.style import (
    expected_va_over_vg,
    handle,
    legend_below,
    row_of_panels,
    trait_style,
)


def genotype_matrix(cohort: Cohort, n_shown: int = 60) -> Figure:
    """Draw the alleles of the first individuals and markers."""
    alleles = cohort.genotypes.block(slice(0, n_shown))[:, : 2 * n_shown]
    figure, ax = plt.subplots(figsize=(6.5, 3.4))
    ax.imshow(
        alleles,
        cmap=mpl.colors.ListedColormap([str(apc.sky), str(apc.lapis)]),
        aspect="auto",
        interpolation="none",
    )
    ax.set(xlabel="Marker", ylabel="Individual")
    handles = [handle("allele 0", str(apc.sky), "s"), handle("allele 1", str(apc.lapis), "s")]
    return legend_below(figure, handles)


def interaction_matrix(traits: Sequence[Trait], n_markers: int) -> Figure:
    """Draw each trait's effects as a matrix: additive ones on the diagonal, each pair's effect
    once, below the diagonal.
    """
    largest = max(np.abs([*trait.additive_effects, *trait.pair_effects]).max() for trait in traits)
    figure, axes = row_of_panels(len(traits), 2.6 * len(traits) + 1, 3.2)
    for ax, trait in zip(axes, traits, strict=True):
        effects = np.diag(trait.additive_by_marker(n_markers))
        effects[trait.pairs.max(axis=1), trait.pairs.min(axis=1)] = trait.pair_effects
        image = ax.imshow(effects, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="none")
        ax.set(title=f"relAA {trait.rel_aa:g}", xlabel="Marker")
    axes[0].set_ylabel("Marker")
    figure.colorbar(image, ax=axes.tolist(), label="Effect", shrink=0.8)
    return figure


def variance_ratios(components: pd.DataFrame) -> Figure:
    """Draw V_A / V_G of many cohorts against relAA, with 1 / (1 + 2 relAA), from columns rel_aa and
    va_over_vg.
    """
    figure, ax = plt.subplots(figsize=(5, 3.4))
    ratios = np.linspace(0, components["rel_aa"].max(), 200)
    ax.plot(
        ratios,
        expected_va_over_vg(ratios),
        color=str(apc.slate),
        linewidth=1.2,
        label="1 / (1 + 2 relAA)",
    )
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
    import seaborn as sns  # late: another figure need not wait for it

    figure, ax = plt.subplots(figsize=(5, 3.4))
    for t, trait in enumerate(cohort.traits):
        sns.kdeplot(
            x=cohort.phenotypes[:, t],
            color=trait_style(t)["color"],
            label=f"relAA {trait.rel_aa:g}",
            ax=ax,
        )
    ax.set(xlabel="Phenotype, in standard deviations of the genetic value", ylabel="Density")
    ax.legend(frameon=False)
    return figure
