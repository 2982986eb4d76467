"""The page of real data: which model predicts best in the public cohorts."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from epidl import figures
from epidl.figures import style
from epidl.grid import contrasts
from epidl.own import registry
from epidl_book import phrases

EXAMPLE = "example"
# what a kind of population of public.yml is called
KINDS = {
    "cross": "a cross of two parents",
    "families": "families",
    "lines": "inbred lines",
    "landscape": "all genotypes of 16 sites",
}
PUBLISHED = "published_accuracies.csv"


def read() -> pd.DataFrame:
    """Return the table of real cohorts, with the words about its run; the example is none."""
    table = phrases.tell_run("real", "real")
    return table[table["dataset"] != EXAMPLE]


def order(table: pd.DataFrame) -> list[str]:
    """Return the cohorts of a table: crosses first, larger ones first within a kind."""
    there = registry.cohorts().keys() & set(table["dataset"])
    return sorted(there, key=lambda name: (list(KINDS).index(_row(name).kind), -_row(name).size[0]))


def headline(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first kind of splits of each cohort: of whole groups if it has groups."""
    first = {name: row.splits[0] for name, row in registry.cohorts().items()}
    return compared[compared["protocol"] == compared["dataset"].map(first)]


def _row(name: str) -> registry.PublicCohort:
    return registry.cohorts()[name]


def title(name: str) -> str:
    """Return a cohort's name with its individuals."""
    return f"{name.capitalize()} ({_row(name).size[0]:,})"


# --- The figure ------------------------------------------------------------------------------------


def gains(compared: pd.DataFrame) -> Figure:
    """Draw each model's mean difference in r to ridge with its interval: a panel for each cohort, a row
    for each model, and in a row a point for each trait.

    compared: of `contrasts.between_splits`, one kind of splits for each cohort.
    """
    names = order(compared)
    models = [name for name in style.models_of(compared) if name != "ridge"]
    figure, axes = plt.subplots(
        2, -(-len(names) // 2), figsize=(2.4 * -(-len(names) // 2) + 1.6, 8), sharey=True
    )
    for ax, name in zip(axes.flat, names, strict=False):
        _panel(ax, style.select(compared, dataset=name), models)
        ax.set_title(f"{title(name)}\n{KINDS[_row(name).kind]}", fontsize=9)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    axes[0, 0].set_yticks(range(len(models)), [figures.MODEL_NAMES[model] for model in models])
    axes[0, 0].invert_yaxis()
    figure.supxlabel("Pearson's r minus that of ridge", fontsize=10)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, models: Sequence[str]) -> None:
    ax.axvline(0, **style.PARITY)
    for k, model in enumerate(models):
        rows = style.select(part, model=model).sort_values("difference")
        y = k + np.linspace(-0.38, 0.38, len(rows) + 2)[1:-1]
        color = style.MODEL_COLORS[model]
        ax.hlines(y, rows["low"], rows["high"], color=color, linewidth=0.8, alpha=0.35)
        shown = (rows["p_holm"] < 0.05).to_numpy()
        ax.scatter(rows["difference"], y, s=9, color=np.where(shown, color, "white"), ec=color)
        ax.vlines(rows["difference"].mean(), k - 0.42, k + 0.42, color="black", linewidth=1.2)
    low, high = part["difference"].min(), part["difference"].max()
    ax.set_xlim(min(-0.05, low) - 0.05, max(0.05, high) + 0.05)


# --- Tables ----------------------------------------------------------------------------------------


def how_often_best(compared: pd.DataFrame) -> pd.DataFrame:
    """Return for each model and cohort the number of traits for which the model is best, or not told
    apart from the best; a dash: not fitted to all traits. The last row has the number of traits.
    """
    counted = compared.groupby(["model", "dataset"])["best"].agg(["sum", "size"])
    n_traits = compared.groupby("dataset")["trait"].nunique()
    whole = counted["size"] == counted.index.get_level_values("dataset").map(n_traits)
    shown = counted["sum"].where(whole).unstack("dataset")
    shown = shown.reindex(index=style.models_of(compared), columns=order(compared))
    shown = shown.map("{:.0f}".format, na_action="ignore").fillna("–")
    shown.loc["traits"] = n_traits.reindex(shown.columns).astype(str)
    return _named(shown)


def accuracies(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the mean r of each model, over the traits of a cohort that all its models are fitted to."""
    r = compared.pivot_table(index=["dataset", "trait"], columns="model", values="pearson_r")
    means = {
        name: r.loc[name].dropna(axis=1, how="all").dropna().mean() for name in order(compared)
    }
    shown = pd.DataFrame(means).reindex(style.models_of(compared))
    return _named(shown.map("{:.2f}".format, na_action="ignore").fillna("–"))


def all_traits(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the mean r of each trait, one column per model; a star: best, or not told apart from it."""
    shown = compared.assign(
        r=compared["pearson_r"].map("{:.2f}".format) + compared["best"].map({True: " *", False: ""})
    )
    shown = shown.pivot(index=["dataset", "trait"], columns="model", values="r")
    shown = shown.reindex(index=order(compared), level="dataset").fillna("–")
    return _named(shown[style.models_of(compared)].T).T


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(index=figures.MODEL_NAMES).rename_axis(index=None, columns=None)


def cohort_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the cohorts are: population, individuals, markers, traits, kinds of splits."""
    rows = {}
    for name in order(table):
        row, part = _row(name), table[table["dataset"] == name]
        rows[name] = {
            "population": row.about,
            "individuals": f"{row.size[0]:,}",
            "markers": f"{row.size[1]:,}",
            "traits computed": f"{part['trait'].nunique()} of {len(row.traits)}",
            "splits": ", ".join(part["protocol"].unique()),
            "source": row.citation,
        }
    return pd.DataFrame(rows).T


# --- Words -----------------------------------------------------------------------------------------


def in_words(compared: pd.DataFrame) -> dict[str, str]:
    """Return what the page's sentences say of each cohort, and of the MLP, in words."""
    words = {"traits": str(len(compared[["dataset", "trait"]].drop_duplicates()))}
    for name in order(compared):
        part = compared[compared["dataset"] == name]
        found = part.groupby("model").agg(best=("best", "sum"), gain=("difference", "mean"))
        found = found.sort_values(["best", "gain"], ascending=False)
        words[f"{name}_best"] = figures.MODEL_NAMES[found.index[0]]
        words[f"{name}_often"] = f"{found['best'].iloc[0]} of {part['trait'].nunique()}"
        words[f"{name}_gain"] = f"{found['gain'].iloc[0]:+.2f}"
        words[f"{name}_mlp"] = f"{found.loc['mlp', 'gain']:+.2f}" if "mlp" in found.index else "–"
    mlp = compared[compared["model"] == "mlp"]
    words["mlp_traits"] = str(len(mlp))
    words["mlp_best"] = str(mlp["best"].sum())
    words["mlp_ahead"] = str((mlp["low"] > 0).sum())
    words["mlp_behind"] = str((mlp["high"] < 0).sum())
    return words


def grouped_and_random(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean r of cohorts with groups, one row per kind of splits, one column per model."""
    compared = contrasts.between_splits(table)
    with_groups = compared[compared["dataset"].map(lambda name: bool(_row(name).groups))]
    r = with_groups.pivot_table(
        index=["dataset", "protocol"], columns="model", values="pearson_r", sort=False
    )
    shown = r.map("{:.2f}".format, na_action="ignore").fillna("–")
    return _named(shown[style.models_of(compared)].T).T
