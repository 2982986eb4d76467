"""The page of real data: which model predicts best in the public cohorts."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from epidl import figures
from epidl.figures import style
from epidl.grid import contrasts, results
from epidl.own import comparison, registry
from epidl_book import phrases


def read() -> pd.DataFrame:
    """Return the table of real cohorts without the example, the learning curve and the tuned network,
    and give the page words about its run.
    """
    return contrasts.real_traits(phrases.tell_run("real", "real"))


def read_tuned() -> pd.DataFrame:
    """Return what `contrasts.tuned_traits` does of the table."""
    return contrasts.tuned_traits(results.read_table(phrases.DATA / "real.csv"))


def read_curve() -> pd.DataFrame:
    """Return the table of the learning curve: draws of few to many genotypes of one landscape."""
    return style.select(results.read_table(phrases.DATA / "real.csv"), dataset=registry.LANDSCAPE)


def order(table: pd.DataFrame) -> list[str]:
    """Return the cohorts of a table: crosses first, larger ones first within a kind."""
    there = registry.cohorts().keys() & set(table["dataset"])
    return sorted(
        there, key=lambda name: (list(registry.KINDS).index(_row(name).kind), -_row(name).size[0])
    )


def _row(name: str) -> registry.PublicCohort:
    return registry.cohorts()[name]


def title(name: str) -> str:
    """Return a cohort's name with its individuals."""
    return f"{name.capitalize()} ({_row(name).size[0]:,})"


# --- The figure ------------------------------------------------------------------------------------


def gains(compared: pd.DataFrame) -> Figure:
    """Draw each model's mean difference in r to ridge with its interval: a panel for each cohort, a
    row for each model, and a point for each trait.

    compared: of `contrasts.between_splits`, one kind of splits for each cohort.
    """
    names = order(compared)
    models = [name for name in style.models_of(compared) if name != "ridge"]
    n_rows = -(-len(names) // 2)
    figure, axes = plt.subplots(n_rows, 2, figsize=(8, 3.2 * n_rows), sharey=True)
    for ax, name in zip(axes.flat, names, strict=False):
        _panel(ax, style.select(compared, dataset=name), models)
        ax.set_title(f"{title(name)}\n{registry.KINDS[_row(name).kind]}", fontsize=11)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    labels = [figures.MODEL_NAMES[model] for model in models]
    axes[0, 0].set_yticks(range(len(models)), labels)
    for ax in axes.flat:
        ax.tick_params(labelsize=10)
    axes[0, 0].invert_yaxis()
    figure.supxlabel("Pearson's r minus that of ridge", fontsize=11)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, models: Sequence[str]) -> None:
    ax.axvline(0, **style.PARITY)
    for k, model in enumerate(models):
        rows = style.select(part, model=model).sort_values("difference")
        y = k + np.linspace(-0.38, 0.38, len(rows) + 2)[1:-1]
        color = style.MODEL_COLORS[model]
        ax.hlines(y, rows["low"], rows["high"], color=color, linewidth=0.8, alpha=0.35)
        shown = (rows["p_holm"] < 0.05).to_numpy()
        faces = np.where(shown, color, "white")
        ax.scatter(rows["difference"], y, s=10, c=faces, edgecolors=color, linewidths=0.8)
        ax.vlines(rows["difference"].mean(), k - 0.42, k + 0.42, color="black", linewidth=1.2)
    low, high = part["difference"].min(), part["difference"].max()
    ax.set_xlim(min(-0.05, low) - 0.05, max(0.05, high) + 0.05)


def tuned_gains(compared: pd.DataFrame) -> Figure:
    """Draw how far the MLP, the tuned network and the best other model are ahead of ridge, a row for
    each trait that the tuned network is fitted to.

    compared: of `contrasts.between_splits`, of the headline rows of `contrasts.tuned_traits`.
    """
    keys = ["dataset", "trait"]
    gain = compared.pivot(index=keys, columns="model", values="difference")
    gain = gain.reindex(order(compared), level="dataset").iloc[::-1]
    others = gain.drop(columns=["mlp", contrasts.TUNED]).max(axis=1)
    y = np.arange(len(gain))
    figure, ax = plt.subplots(figsize=(8, 0.9 + 0.36 * len(gain)))
    ax.axvline(0, **style.PARITY)
    color = style.MODEL_COLORS["mlp"]
    ax.hlines(y, gain["mlp"], gain[contrasts.TUNED], color=color, linewidth=1)
    ax.plot(gain["mlp"], y, "o", color=color, label="MLP, fixed settings", **style.OPEN)
    ax.plot(gain[contrasts.TUNED], y, "o", color=color, label="tuned network")
    bar = {"color": "black", "markersize": 12, "markeredgewidth": 1.5}
    ax.plot(others, y, "|", label="best of the other models", **bar)
    labels = [f"{dataset} {trait}".replace("_", " ") for dataset, trait in gain.index]
    ax.set_yticks(y, labels)
    ax.set_xlabel("Pearson's r minus that of ridge, mean over splits")
    return style.legend_below(figure, ax.get_legend_handles_labels()[0])


def learning_curve(curve: pd.DataFrame) -> Figure:
    """Draw each model's mean r against the number of individuals that train, with the range of the
    draws.
    """
    figure, ax = plt.subplots(figsize=(8, 5))
    for model in style.models_of(curve):
        r = style.select(curve, model=model).groupby("n_train")["pearson_r"]
        color = style.MODEL_COLORS[model]
        ax.fill_between(r.min().index, r.min(), r.max(), color=color, alpha=0.1, linewidth=0)
    style.draw_models(ax, curve, "n_train", "pearson_r", markersize=4)
    ax.set(xlabel="Individuals that train", ylabel="Pearson's r on the other half", ylim=(0, 1))
    style.label_scale(ax, curve["n_train"], most=6)
    style.label_ends(ax, curve, "n_train", "pearson_r", apart=0.055, fontsize=12)
    return figure


def gain_by_share(table: pd.DataFrame, compared: pd.DataFrame, model: str = "mlp") -> Figure:
    """Draw a model's mean difference in r to ridge against the share of variance that REML gives to
    pairs, a point for each trait.
    """
    both = with_share(table, compared, model)
    figure, ax = plt.subplots(figsize=(7, 4.5))
    ax.axhline(0, **style.PARITY)
    for k, name in enumerate(order(both)):
        part = both[both["dataset"] == name]
        form = style.cohort_style(k) | {"linestyle": "", "label": title(name)}
        ax.plot(part["share"], part["difference"], **form)
    ax.set(
        xlabel="Share of the variance that REML gives to pairs",
        ylabel=f"r of the {figures.MODEL_NAMES[model]} minus r of ridge",
    )
    handles = ax.get_legend_handles_labels()[0]
    return style.legend_below(figure, handles)


def with_share(table: pd.DataFrame, compared: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return a model's rows of `compared` with the mean REML share of pairs over a trait's splits."""
    keys = ["dataset", "trait", "protocol"]
    share = table[table["model"] == "kernel"].groupby(keys)["reml_epistatic"].mean()
    return style.select(compared, model=model).join(share.rename("share"), on=keys)


# --- Tables ----------------------------------------------------------------------------------------


def how_often_best(compared: pd.DataFrame) -> pd.DataFrame:
    """Return for each model and cohort for how many traits the model has the highest mean r, and
    for how many it is not told apart from the best. A dash means not fitted to all traits. The last
    row counts the traits.
    """
    keys = ["dataset", "trait"]
    highest = compared.groupby(keys)["difference"].transform("max")
    compared = compared.assign(highest=compared["difference"] == highest)
    counted = compared.groupby(["model", "dataset"])[["highest", "best"]].sum()
    n_fitted = compared.groupby(["model", "dataset"]).size()
    n_traits = compared.groupby("dataset")["trait"].nunique()
    words = counted["highest"].astype(str) + " (" + counted["best"].astype(str) + ")"
    words = words.where(n_fitted == n_fitted.index.get_level_values("dataset").map(n_traits))
    shown = words.unstack("dataset").reindex(style.models_of(compared))[order(compared)].fillna("–")
    shown.loc["traits"] = n_traits[shown.columns].astype(str)
    return _named(shown)


def accuracies(compared: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean r over the traits of a cohort to which all models are fitted."""
    columns = {}
    for name in order(compared):
        part = compared[compared["dataset"] == name]
        r = part.pivot(index="trait", columns="model", values="pearson_r")
        columns[name] = r.dropna().mean()
    shown = pd.DataFrame(columns).reindex(style.models_of(compared))
    return _named(shown.map("{:.2f}".format, na_action="ignore").astype(object).fillna("–"))


def all_traits(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the mean r of each trait, one column per model. A star means not told apart from the
    best.
    """
    words = compared["pearson_r"].map("{:.2f}".format) + compared["best"].map(
        {True: "*", False: ""}
    )
    shown = compared.assign(r=words).pivot(index=["dataset", "trait"], columns="model", values="r")
    shown = shown[style.models_of(compared)].reindex(order(compared), level="dataset")
    return (
        shown.rename(columns=figures.MODEL_NAMES, index=lambda name: name.replace("_", " "))
        .rename_axis(columns=None)
        .astype(object)
        .fillna("–")
    )


def by_splits(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean r of cohorts with groups or published folds, a row for each kind of splits."""
    compared = contrasts.between_splits(table)
    several = [name for name in order(compared) if len(_row(name).splits) > 1]
    r = compared.groupby(["dataset", "protocol", "model"], sort=False)["pearson_r"].mean()
    shown = r.unstack("model")[style.models_of(compared)].reindex(several, level="dataset")
    shown = shown.map("{:.2f}".format, na_action="ignore").astype(object).fillna("–")
    return shown.rename(columns=figures.MODEL_NAMES).rename_axis(columns=None)


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


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(index=figures.MODEL_NAMES).rename_axis(index=None, columns=None)


def curve_table(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the mean r of each model, one column for each number of individuals that train."""
    r = curve.groupby(["model", "n_train"])["pearson_r"].mean().unstack()
    r = r.reindex(style.models_of(curve)).rename(columns="{:,}".format)
    return _named(r.map("{:.2f}".format, na_action="ignore").astype(object).fillna("–"))


def seconds(table: pd.DataFrame) -> pd.DataFrame:
    """Return the median seconds of a fit in each public cohort, one column for each model.

    table: real.csv.
    """
    table = table[table["dataset"].isin(registry.real_cohorts())]
    found = table.groupby(["dataset", "model"])["seconds"].median().unstack()
    found = found.loc[order(table), [model for model in comparison.MODELS if model in found]]
    places = [(name, *_row(name).size) for name in found.index]
    found.index = pd.MultiIndex.from_tuples(places, names=["cohort", "individuals", "markers"])
    return found.rename_axis(columns="seconds").map("{:,.1f}".format)


def published(compared: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies that papers printed, with ours under the same kind of splits in a column `ours`.

    The measure is r, or the share of variance that is explained, 1 - SSE/SST. A paper that gives
    the best of several methods is compared with our model of the highest mean.
    """
    printed = pd.read_csv(phrases.DATA / "published_accuracies.csv", keep_default_na=False)
    rows = []
    for row in printed.itertuples():
        place = {"dataset": row.dataset, "trait": row.trait, "protocol": row.protocol}
        found = style.select(compared, **place).set_index("model")[row.measure]
        model = row.model or found.idxmax()
        rows.append({"model": model, "ours": found.get(model, np.nan)})
    return printed.drop(columns="model").join(pd.DataFrame(rows))


def published_means(beside: pd.DataFrame) -> pd.DataFrame:
    """Return the means of `published` over the traits of a cohort, for each source and method."""
    beside = beside.assign(
        method=np.where(
            beside["measure"] == "explained", "best of several", beside["published_model"]
        ),
        measure=beside["measure"].map({"pearson_r": "r", "explained": "1 - SSE/SST"}),
    )
    found = beside.groupby(["dataset", "source", "method", "measure"])
    found = found.agg(traits=("trait", "nunique"), theirs=("value", "mean"), ours=("ours", "mean"))
    return found.round(2).reset_index()


# --- Words -----------------------------------------------------------------------------------------


def in_words(table: pd.DataFrame, compared: pd.DataFrame) -> dict[str, str]:
    """Return what the page says of each cohort and of the MLP, in words."""
    whole = sum(len(_row(name).traits) for name in registry.real_cohorts())
    n_traits = len(compared[["dataset", "trait"]].drop_duplicates())
    words = {"traits": f"{n_traits} of {whole}", "fits": f"{len(table):,}"}
    for name in order(compared):
        found = compared[compared["dataset"] == name].groupby("model")
        found = found.agg(r=("pearson_r", "mean"), gain=("difference", "mean"))
        best = found["gain"].idxmax()
        words[f"{name}_best"] = figures.MODEL_NAMES[best]
        words[f"{name}_r"] = f"{found.loc[best, 'r']:.2f}"
        words[f"{name}_ridge"] = f"{found.loc['ridge', 'r']:.2f}"
    mlp = compared[compared["model"] == "mlp"]
    words["mlp_traits"] = str(len(mlp))
    words["mlp_ahead"] = str((mlp["low"] > 0).sum())
    words["mlp_behind"] = str((mlp["high"] < 0).sum())
    # of 95% intervals above 0 if there is no difference
    words["mlp_chance"] = f"{len(mlp) / 40:.0f}"
    ahead = mlp[mlp["low"] > 0]
    words["mlp_names"] = phrases.each(ahead["dataset"] + " " + ahead["trait"]) or "none"
    return words


def ahead_from(curve: pd.DataFrame, models: Sequence[str]) -> str:
    """Return from how many individuals on the MLP's mean r is above that of each of some models, or
    never.
    """
    r = curve.pivot_table(index="n_train", columns="model", values="pearson_r")
    r = r.dropna(subset=models, how="all")
    behind = r.index[r["mlp"] <= r[list(models)].max(axis=1)]
    later = r.index[r.index > behind.max()] if len(behind) else r.index
    return f"{later[0]:,}" if len(later) else "never"


def curve_in_words(curve: pd.DataFrame) -> dict[str, str]:
    """Return how many individuals are tested, and from how many on the MLP is ahead of each model and
    of all.
    """
    others = [model for model in style.models_of(curve) if model != "mlp"]
    words = {"tested": f"{curve['n_test'].iloc[0]:,}", "all": ahead_from(curve, others)}
    return words | {model: ahead_from(curve, [model]) for model in others}


def tuned_in_words(compared: pd.DataFrame) -> dict[str, str]:
    """Return in how many traits the tuned network is ahead of the MLP, of ridge, and of all, by means
    over splits.

    compared: of `contrasts.between_splits`, of the headline rows of `contrasts.tuned_traits`.
    """
    gain = compared.pivot(index=["dataset", "trait"], columns="model", values="difference")
    tuned = gain[contrasts.TUNED]
    return {
        "traits": str(len(gain)),
        "over_mlp": str((tuned > gain["mlp"]).sum()),
        "over_ridge": str((tuned > 0).sum()),
        "shown": str((compared.loc[compared["model"] == contrasts.TUNED, "low"] > 0).sum()),
        "over_all": str((tuned >= gain.max(axis=1)).sum()),
        "more": f"{(tuned - gain['mlp']).mean():+.2f}",
    }


FEW = 0.2  # a share of the variance that REML gives to pairs


def share_in_words(table: pd.DataFrame, compared: pd.DataFrame) -> dict[str, str]:
    """Return how the MLP's lead over ridge goes with the share of variance that REML gives to pairs, and
    in how many traits of a large share the kernel is as good.
    """
    both = with_share(table, compared, "mlp").dropna(subset=["share", "difference"])
    few, many = both[both["share"] < FEW], both[both["share"] >= FEW]
    kernel = style.select(compared, model="kernel").set_index(["dataset", "trait"])["difference"]
    of_kernel = many.join(kernel.rename("kernel"), on=["dataset", "trait"])["kernel"]
    return {
        "rho": f"{both['share'].corr(both['difference'], method='spearman'):.2f}",
        "few": str(len(few)),
        "behind": str((few["difference"] < 0).sum()),
        "many": str(len(many)),
        "kernel": str((of_kernel >= many["difference"]).sum()),
    }
