"""The page of dilution: its drawing, computed words and tables."""

from collections.abc import Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from epidl import figures
from epidl.figures.style import PARITY
from epidl.grid.contrasts import one_protocol, paired
from epidl_book.phrases import labelled

MANY = 1_000  # markers, of which one in ten is causal
KEPT, DROPPED = str(apc.aegean), str(apc.cinnabar)


def lost_pair() -> Figure:
    """Draw how selection by own effects loses a pair: four markers with their own effects as bars, and
    an arc between the two of each pair, as wide as its interaction is strong.
    """
    own = {"A": (0, 0.75), "B": (1, 0.07), "C": (2.5, 0.5), "D": (3.5, 0.6)}
    pairs = {"A × B: strong, and lost": ("A", "B", 6), "C × D: weak, and kept": ("C", "D", 1.5)}
    threshold, top = 0.3, 0.85
    figure, ax = plt.subplots(figsize=(7, 3.4))
    ax.axhline(threshold, **PARITY)
    ax.text(1.75, threshold + 0.02, "threshold", ha="center", fontsize=11)
    for x, effect in own.values():
        look = {"color": KEPT} if effect > threshold else {"color": "white", "edgecolor": DROPPED}
        ax.bar(x, effect, 0.5, linewidth=1.5, **look)
    for name, (first, second, width) in pairs.items():
        (x, effect), (partner, other) = own[first], own[second]
        kept = min(effect, other) > threshold
        look = {"color": KEPT, "linestyle": "-"} if kept else {"color": DROPPED, "linestyle": ":"}
        arc = {"arrowstyle": "-", "connectionstyle": "arc3,rad=-0.5", "linewidth": width} | look
        ax.annotate("", (partner, top), (x, top), arrowprops=arc)
        ax.text((x + partner) / 2, 1.2, name, ha="center", fontsize=12)
    ax.set(xlim=(-0.55, 4.05), ylim=(0, 1.3), yticks=[], ylabel="Own effect")
    labels = [
        f"{name}\n{'kept' if effect > threshold else 'dropped'}"
        for name, (_, effect) in own.items()
    ]
    ax.set_xticks([x for x, _ in own.values()], labels, fontsize=12)
    ax.tick_params(bottom=False)
    return figure


def selection_limit(table: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return in how many trials the number that Optuna chose limited the features, in words.

    If fewer columns pass the threshold than the trial allows, the trial's limit does nothing.
    """
    passing = (
        table[table["model"] == "lasso"]
        .groupby(["cell", "replicate", "protocol"])["n_features"]
        .first()
    )
    tried = trials[trials["model"] == "mlp_pruned"].join(
        passing, on=["cell", "replicate", "protocol"], how="inner"
    )
    limited = int((tried["max_features"] < tried["n_features"]).sum())
    return f"a trial's limit was lower than the number of columns that pass the threshold in {limited} of {len(tried)}"


def with_held_out(table: pd.DataFrame, beyond: pd.DataFrame) -> pd.DataFrame:
    """Return the ridge, MLP and pruned MLP of the epistatic trait, with the held-out sparse pairs
    and boosted trees of the table beyond.
    """
    models = {"ridge": table, "mlp": table, "mlp_pruned": table, "pairs": beyond, "trees": beyond}
    parts = [part[part["model"] == model] for model, part in models.items()]
    found = pd.concat(parts, ignore_index=True)
    return found[found["rel_aa"] > 0]


def in_words(table: pd.DataFrame, drawn: pd.DataFrame) -> dict[str, str]:
    """Return what the page says of r with the fewest markers, with `MANY` and with the most for which
    all is computed: means over the cohorts that ridge and both networks were fitted to.

    table: of one protocol, of both traits. drawn: of `with_held_out`. additive, additive_most: how
    far the MLP is at most from ridge for the additive trait, a mean over cohorts, up to `MANY`
    markers, and with more.
    """
    r = drawn.pivot_table(index="n_markers", columns="model", values="pearson_r")
    networks = drawn[drawn["model"].isin(["ridge", "mlp", "mlp_pruned"])].pivot_table(
        index=["n_markers", "replicate"], columns="model", values="pearson_r"
    )
    same = networks.dropna().groupby("n_markers")
    both = same.mean()
    words = {"many": f"{MANY:,}", "most": f"{both.index[-1]:,}"}
    for name, n_markers in (("few", both.index[0]), ("many", MANY), ("most", both.index[-1])):
        words |= {f"{name}_{model}": f"{value:.2f}" for model, value in both.loc[n_markers].items()}
        n_cohorts = same.size()[n_markers]
        words[f"{name}_cohorts"] = "one cohort" if n_cohorts == 1 else f"{n_cohorts} cohorts"
    words["pairs"] = f"{r['pairs'].min():.2f}"
    words["pairs_markers"] = f"{r['pairs'].dropna().index[-1]:,}"
    if "trees" in r:
        words["trees"] = f"{r['trees'].dropna().iloc[-1]:.2f}"
        words["trees_markers"] = f"{r['trees'].dropna().index[-1]:,}"
    additive = paired(one_protocol(table[table["rel_aa"] == 0]), "mlp", "ridge")
    gap = additive.groupby("n_markers")["difference"].mean().abs()
    words["additive_most"] = f"{gap[gap.index > MANY].max():.3f}"
    return words | {"additive": f"{gap[gap.index <= MANY].max():.3f}"}


def selection_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the LASSO kept for the pruned models, by number of markers: shares are means over
    cohorts.
    """
    kept = one_protocol(table)
    kept = kept[kept["model"] == "mlp_pruned"]
    additive, epistatic = kept[kept["rel_aa"] == 0], kept[kept["rel_aa"] > 0]
    columns = {
        "kept": (additive, "n_markers_kept", "{:.0f}"),
        "of these causal": (additive, "selection_precision", "{:.0%}"),
        "QTL kept, additive trait": (additive, "selection_recall", "{:.0%}"),
        "QTL kept, epistatic trait": (epistatic, "selection_recall", "{:.0%}"),
        "pairs kept whole, epistatic trait": (epistatic, "pair_recall", "{:.0%}"),
    }
    found = {}
    for name, (part, column, form) in columns.items():
        found[name] = part.groupby("n_markers")[column].mean().map(form.format)
    return pd.DataFrame(found).rename(index="{:,}".format).rename_axis("markers")


def trials_table(trials: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns of the searches' trials, to show."""
    shown = trials.reindex(columns=columns).round(4)
    return labelled(shown.replace({"model": figures.MODEL_NAMES}))
