"""Figures: drawn from result tables, in the publication's style; each function returns a matplotlib figure."""

import contextlib
import io

import arcadia_pycolor as apc
import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MODEL_NAMES = {"ridge": "Ridge", "ridge_sgd": "Ridge by SGD", "mlp": "MLP"}
MODEL_COLORS = {"ridge": apc.marine, "ridge_sgd": apc.aegean, "mlp": apc.amber}
TRAIT_COLORS = [apc.dusk, apc.aegean, apc.seaweed, apc.mustard, apc.cinnabar]
TRAIT_MARKERS = "osD^v"


def use_style() -> None:
    """Set matplotlib to the publication's style, with SVG text kept as text."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        apc.mpl.setup()  # says so where the publication's fonts are missing; the default ones serve
    mpl.rcParams.update(
        {"figure.dpi": 110, "savefig.bbox": "tight", "svg.fonttype": "none", "figure.facecolor": "white"}
    )


def expected_va_over_vg(rel_aa: float) -> float:
    """Return 1 / (1 + 2 relAA), about the share of the genetic variance that is additive."""
    return 1 / (1 + 2 * rel_aa)


def accuracy_by_trait(table: pd.DataFrame) -> Figure:
    """Draw Pearson's r of every replicate and model against the traits' relAA, a panel a protocol."""
    protocols = list(table["protocol"].unique())
    figure, axes = plt.subplots(1, len(protocols), figsize=(4.6 * len(protocols), 3.6), sharey=True, squeeze=False)
    models = [model for model in MODEL_NAMES if model in set(table["model"])]
    for ax, protocol in zip(axes[0], protocols, strict=True):
        part = table[table["protocol"] == protocol]
        sns.pointplot(
            part,
            x="rel_aa",
            y="pearson_r",
            hue="model",
            hue_order=models,
            palette=[str(MODEL_COLORS[model]) for model in models],
            dodge=0.45,
            errorbar=None,
            linestyle="none",
            marker="_",
            markersize=14,
            legend=False,
            ax=ax,
        )
        sns.stripplot(
            part,
            x="rel_aa",
            y="pearson_r",
            hue="model",
            hue_order=models,
            palette=[str(MODEL_COLORS[model]) for model in models],
            dodge=True,
            jitter=False,
            size=4,
            alpha=0.7,
            legend=False,
            ax=ax,
        )
        ax.set(title=f"Protocol: {protocol}", xlabel="relAA of the trait", ylabel="Pearson's r, test samples")
    handles = [
        Line2D([], [], marker="o", linestyle="", color=str(MODEL_COLORS[m]), label=MODEL_NAMES[m]) for m in models
    ]
    axes[0, -1].legend(handles=handles, loc="lower left", frameon=False)
    return figure
