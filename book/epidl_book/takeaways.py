"""The page of takeaways: its computed words."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from epidl.figures import style
from epidl.grid.contrasts import mean_difference, one_protocol, winners
from epidl.own import registry
from epidl_book import claims
from epidl_book.phrases import smallest_cohorts


def accuracies(table: pd.DataFrame) -> dict[str, str]:
    """Return each model's mean r over the rows of a table of one protocol, in words."""
    r = one_protocol(table).groupby("model")["pearson_r"].mean()
    return r.map("{:.2f}".format, na_action="ignore").fillna("no r (its fits failed)").to_dict()


def lead_until(table: pd.DataFrame, model: str, baseline: str) -> str:
    """Return the highest scaling up to which a model is shown to lead another in the smallest
    cohorts: every 95% interval of its mean lead in r is above 0.

    The table is of one protocol, and models are paired by cohort.
    """
    leads = mean_difference(smallest_cohorts(table), model, baseline, ["scaling"])
    ahead = leads.index[(leads["low"] > 0).cummin()]
    return f"{ahead[-1]:g}" if len(ahead) else "nowhere"


# --- Real cohorts ----------------------------------------------------------------------------------

# a row of the page's table of advice: kinds of populations, and the models that it names for them
ADVICE = {
    "cross": (["cross"], ["trees", "lasso_path", "lasso_pairs"]),
    "relatives": (["families", "lines"], ["kernel", "gaussian"]),
    "landscape": (["landscape"], ["mlp", "gaussian", "trees"]),
}


def with_kind(compared: pd.DataFrame) -> pd.DataFrame:
    """Return rows of real cohorts with the row of `ADVICE` that their population belongs to."""
    kinds = {kind: name for name, (of_kind, _) in ADVICE.items() for kind in of_kind}
    return compared.assign(
        advice=compared["dataset"].map(lambda name: kinds[registry.cohorts()[name].kind])
    )


def real_in_words(compared: pd.DataFrame) -> dict[str, str]:
    """Return how often the models that are named for a kind of population are best there, and how often
    the MLP is ahead of ridge.

    compared: headline rows of `contrasts.between_splits`. best: a named model has the highest mean r.
    ridge_ties: ridge is not told apart from the best. cross_pairs: what pairs add to the LASSO's r in
    crosses, on average.
    """
    compared = with_kind(compared)
    highest = winners(compared)
    ridge = compared[compared["model"] == "ridge"]
    words = {"traits": str(len(highest)), "cohorts": str(compared["dataset"].nunique())}
    for name, (_, models) in ADVICE.items():
        best = highest[highest["advice"] == name]
        words |= {
            f"{name}_best": str(best["model"].isin(models).sum()),
            f"{name}_traits": str(len(best)),
            f"{name}_ridge_ties": str(int(ridge.loc[ridge["advice"] == name, "best"].sum())),
        }
    cross = compared[compared["advice"] == "cross"].groupby("model")["difference"].mean()
    words["cross_pairs"] = f"{cross['lasso_pairs'] - cross['lasso_path']:+.2f}"
    mlp = compared[compared["model"] == "mlp"]
    words["mlp_ahead"] = str((mlp["low"] > 0).sum())
    words["mlp_behind"] = str((mlp["high"] < 0).sum())
    return words


def gains_by_kind(compared: pd.DataFrame) -> Figure:
    """Draw each model's mean difference in r to ridge, a panel for each row of `ADVICE`, a dot for each
    cohort.

    compared: headline rows of `contrasts.between_splits`. The models that the page names are
    filled.
    """
    compared = with_kind(compared)
    titles = {
        "cross": "Crosses of\ntwo parents",
        "relatives": "Families and\nrelated lines",
        "landscape": "All genotypes\nof a few sites",
    }
    models = [name for name in style.models_of(compared) if name != "ridge"]
    figure, axes = plt.subplots(1, len(titles), figsize=(8.5, 4), sharey=True)
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        ax.axvline(0, **style.PARITY)
        part = compared[compared["advice"] == name]
        means = part.groupby(["model", "dataset"])["difference"].mean()
        for k, model in enumerate(models):
            values = means.get(model, pd.Series(dtype=float))
            color = style.MODEL_COLORS[model]
            form = {} if model in ADVICE[name][1] else style.OPEN
            ax.plot(values, [k] * len(values), "o", color=color, markersize=7, **form)
        ax.set_title(title, fontsize=11)
        ax.locator_params(axis="x", nbins=4)
        ax.tick_params(axis="x", labelsize=10)
    axes[0].set_yticks(range(len(models)), [style.MODEL_NAMES[model] for model in models])
    axes[0].invert_yaxis()
    figure.supxlabel("Pearson's r minus that of ridge, mean over a cohort's traits", fontsize=11)
    return figure


# --- The first page's figure -------------------------------------------------------------------------

FIRST = ("oracle", "pairs", "kernel", "mlp", "ridge")


def first_figure(table: pd.DataFrame) -> Figure:
    """Draw the mean r of five models against the number of possible pairs for each individual, with their
    names at the lines' ends.

    table: of the experiment beyond, of one trait and one number of individuals.
    """
    table = table[table["model"].isin(FIRST)]
    figure, ax = plt.subplots(figsize=(8, 4.6))
    style.draw_models(ax, table, "scaling", "pearson_r", markersize=4)
    ax.axvline(1, **style.PARITY)
    ax.text(1, 1.04, " as many pairs as individuals", va="bottom", fontsize=11)
    n_samples = table["n_samples"].iloc[0]
    ax.set(
        xlabel=f"Possible pairs of loci for each of {n_samples:,} individuals",
        ylabel="Pearson's r on new individuals",
        ylim=(0, 1.03),
    )
    style.label_scale(ax, table["scaling"], most=10)
    style.label_ends(ax, table, "scaling", "pearson_r", apart=0.06, fontsize=12)
    return figure


def claims_in_words(checked: pd.DataFrame) -> dict[str, str]:
    """Return how many of the publication's claims hold, hold in part and are refuted, in words.

    checked: of `claims.check_all`.
    """
    verdicts = checked["verdict"].value_counts().reindex(claims.VERDICTS, fill_value=0)
    return {
        "all": str(len(checked)),
        "hold": str(verdicts[claims.HOLDS]),
        "in_part": str(verdicts[claims.IN_PART]),
        "fail": str(verdicts[claims.FAILS]) if verdicts[claims.FAILS] else "none",
    }
