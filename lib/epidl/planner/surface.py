"""Measure what the planner knows from the book's tables: `python -m epidl.planner.surface`.

The results are kept in surface.json. Each simulated condition, a cell's traits of one relAA, is a
point: its place, and each model's mean residual from its closed form. The MLP's closed form has
three numbers, fitted here. How far residuals reach, and how much they are shrunk towards the closed
form, is chosen by the error of leaving each cell out. The errors that the planner states come from
leaving out too.
"""

import argparse
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from epidl import commands
from epidl.grid.contrasts import between_splits, headline, real_traits, winners
from epidl.grid.params import PUBLISHED_H2, qtl_for_scaling
from epidl.grid.results import read_table
from epidl.models.kernels import EXACT_LIMIT
from epidl.models.recipes import MODELS
from epidl.models.theory import expected_shares
from epidl.own.registry import RANDOM, cohorts
from epidl.planner import planning
from epidl.storage import write_text

DATA = Path("book/data")
TABLES = ("beyond", "beyond_dilution", "beyond_correlation", "survey")
FEW_TRAITS = (2, 5)  # of the networks that count: others are compared on the page
LENGTHS, PRIORS = (0.05, 0.1, 0.15, 0.2, 0.3), (1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
ENOUGH = 1.0  # the weight of one simulated condition at the very place of a study
WORTH = 0.02  # a lead in r that is worth another model
# of each model: how far residuals reach, and the weight of none
Smoothing = Mapping[str, tuple[float, float]]
KEYS = [
    "experiment",
    "cell",
    "n_samples",
    "n_markers",
    "n_qtl",
    "broad_sense_heritability",
    "rel_aa",
]
PLACE = ["p0", "p1", "p2", "p3", "p4"]
# in r, beside that of its test samples; to weigh cohorts in the fit of the efficiencies
ERROR_OF_A_COHORT = 0.03

SENTENCES = {
    "names": {
        "ridge": "Ridge",
        "kernel": "Epistatic kernel",
        "mlp": "MLP",
        "pairs": "Sparse pairs",
    },
    "in_text": {
        "ridge": "ridge",
        "kernel": "the epistatic kernel",
        "mlp": "deep learning",
        "pairs": "sparse pairs",
    },
    "outside": "No recommendation: nothing like this study was simulated, and by theory alone ridge would reach "
    "{ridge} and the epistatic kernel {kernel}, so simulate the study with the line below.",
    "nothing": "No model predicts this trait from {n} individuals: the best of them is expected at {best}, "
    "and {later}.",
    "ridge": "Use ridge: with {n} individuals its r of {ridge} is not expected to be beaten by more than this forecast "
    "can be wrong, and {later}.",
    "kernel": "Use the epistatic kernel: an r of {kernel} against ridge's {ridge}, and {network}.",
    "pairs": "Start from {spread}, at {r_spread}, and look for few interacting pairs next to it: that reaches up to "
    "{pairs} if each QTL has one partner, and no more than ridge's {ridge} if many small pairs interact, "
    "and {network}.",
    "mlp": "Use deep learning: an r of {mlp} against {ridge} of ridge and {kernel} of the epistatic kernel.",
    "unproven": "Start from ridge, at {ridge}: {unproven} would reach {r_unproven}, but too little like this study was "
    "simulated to rely on that, so simulate the study with the line below.",
    "unscreened": "Start from ridge, at {ridge}: sparse pairs would reach {pairs} if each QTL has one partner, but "
    "this project's code does not search so many markers.",
    "network_clear": "deep learning is expected ahead of ridge too, at {mlp}, but not ahead of what is named here by "
    "more than that forecast can be wrong",
    "network_far": "deep learning, at {mlp}, is forecast from afar",
    "network_between": "deep learning is expected between the two, at {mlp}, on such pairs",
    "network_beyond": "deep learning reaches {mlp} at best: no network was trained on so many individuals here, and "
    "the publication's fell short of such forecasts",
    "network_not": "deep learning, at {mlp}, is not clearly ahead of ridge",
    "later": "with more individuals others would pay: {models}",
    "later_from": "{model} from about {n}",
    "later_at_best": "{model} not before about {n}",
    "later_none": "no other model pays with more individuals",
    "ahead_now": "clearly ahead of ridge",
    "ahead_later": "clearly ahead of ridge from about {n} individuals on",
    "never_ahead": "not clearly ahead of ridge at any number of individuals tried",
    "at_best_now": "at best, clearly ahead of ridge",
    "at_best_later": "at best, clearly ahead of ridge from about {n} individuals on",
    "simulated": "simulation and theory",
    "alike": "theory, tried nearby",
    "theory": "theory alone",
    "bound": "an upper bound",
    "at_most": "at most {r}",
    "wrong": "Correct the numbers to see the answer.",
    "beyond_n_samples": "No cohort of {value} individuals informs this forecast. Cohorts that do have {fewest} to "
    "{most}.",
    "bound_n_samples": "Ridge, kernel and sparse pairs follow theory. For the MLP the forecast is an upper bound: at "
    "{sizes} individuals the publication's network was below such forecasts by {mean} on average, and by {worst} at "
    "worst.",
    "beyond_n_markers": "No cohort of {value} independent markers informs this forecast. Cohorts that do have {fewest} "
    "to {most}.",
    "not_trained": "No network was trained with more than {most} markers: the MLP's forecast is by its formula alone.",
    "not_screened": "This project's code looks for interacting pairs among at most {most} markers: sparse pairs are "
    "not recommended here, and the line below leaves them out.",
    "too_large": "The line below needs at least {gib} GiB of memory: take fewer individuals and markers.",
    "partners": "The line below simulates {n_qtl} QTL, since each has a partner.",
    "lead_of_kind": " So say simulations. In real cohorts of this kind ({cohorts}) the greatest mean lead over ridge "
    "was that of {model}, {gain}: compare with it.",
    "no_lead_of_kind": " So say simulations. In real cohorts of this kind ({cohorts}) no model led ridge by as much as "
    "{least} on average.",
    "best_of_kind": "Real traits of this kind that each model predicted best, of {traits}: {counts}. Where the "
    "forecast and these cohorts disagree, trust the cohorts: it is of simulations in which each locus has one partner.",
    "new_groups": " For whole families that it has not seen, ridge reached {grouped} there, and {random} for random "
    "individuals.",
}

# above both the kernel holds cross-products of markers (`kernels.EXACT_LIMIT`), of more than some 9
# GiB
LARGE = {"n_samples": int(EXACT_LIMIT / planning.TRAIN_SHARE), "n_markers": 20_000}

PRESETS = {
    "yeast": {
        "name": "F1 yeast cross, 100,000 segregants",
        "about": "One cross of budding yeast {cite}`nguyenba2022barcoded`: 16 chromosomes of some 2.75 Morgans.",
        "study": {
            "n_samples": 100_000,
            "n_markers": planning.cross_segments([2.75] * 16),
            "n_qtl": 80,
            "va_over_vg": 0.8,
            "broad_sense_heritability": 0.8,
            "population": "cross",
        },
    },
    "wheat": {
        "name": "Wheat panel, 600 lines",
        "about": "The real panel of this book: the segments that its markers stand for, and about the shares that "
        "REML finds.",
        "study": {
            "n_samples": 600,
            "n_markers": cohorts()["wheat"].segments,
            "n_qtl": 22,
            "va_over_vg": 0.5,
            "broad_sense_heritability": 0.6,
            "population": "lines",
        },
    },
    "dairy": {
        "name": "Dairy population, 20,000 animals",
        "about": "Phenotyped animals of one breed, of an effective size of 100: 30 chromosomes of some 1 Morgan.",
        "study": {
            "n_samples": 20_000,
            "n_markers": planning.independent_segments(100, 30, 1.0),
            "n_qtl": 200,
            "va_over_vg": 0.9,
            "broad_sense_heritability": 0.3,
            "population": "families",
        },
    },
    "human": {
        "name": "Human cohort, 400,000 people",
        "about": "Unrelated people, of an effective size of 10,000: 22 chromosomes of some 1.6 Morgans.",
        "study": {
            "n_samples": 400_000,
            "n_markers": planning.independent_segments(10_000, 22, 1.6),
            "n_qtl": 5_000,
            "va_over_vg": 0.9,
            "broad_sense_heritability": 0.7,
        },
    },
}


def evidence(folder: Path = DATA) -> pd.DataFrame:
    """Return one row per cohort, trait and model of the tables that the planner learns from, with
    the trait's shares.

    additive, epistatic: shares of the phenotypic variance, as drawn in that cohort. A network that
    predicts the same for all test individuals has an r of 0. Diverged fits, and controls in which
    all pairs interact, are left out.
    """
    table = pd.concat([read_table(folder / f"{name}.csv") for name in TABLES], ignore_index=True)
    table["all_pairs"] = table["all_pairs"].fillna(False).astype(bool)
    table = table[
        table["model"].isin(planning.MODELS)
        & (table["protocol"] == "held_out")
        & ~table["all_pairs"]
    ]
    table = table[(table["model"] != "mlp") | table["n_traits"].isin(FEW_TRAITS)]
    table = _with_all_r(table)
    additive = table["va_over_vg"] / (table["va_over_vg"] + table["vaa_over_vg"])
    h2 = table["broad_sense_heritability"]
    return table.assign(additive=h2 * additive, epistatic=h2 * (1 - additive)).reset_index(
        drop=True
    )


def _with_all_r(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have an r: 0 for a network that predicts the same for all, none for one
    that diverged.
    """
    table = table.assign(pearson_r=table["pearson_r"].mask(table["status"] == "constant", 0.0))
    return table[table["pearson_r"].notna()]


def fit_efficiency(
    rows: pd.DataFrame, start: Sequence[float] = (0.5, 0.5, 0.5)
) -> tuple[float, ...]:
    """Return the efficiency of `planning.mlp_closed_form`: what the MLP makes of its individuals.

    These numbers bring the closed form nearest to the MLP's mean r in the conditions of `rows` (of
    `evidence`).
    """
    groups = rows[rows["model"] == "mlp"].groupby(KEYS)
    mlp = groups[["pearson_r", "additive", "epistatic"]].mean().reset_index()
    variance = planning.variance_of_r(mlp["pearson_r"], mlp["n_samples"]) + ERROR_OF_A_COHORT**2
    weight = np.sqrt(groups.size().to_numpy() / variance.to_numpy())
    studies, r = _studies(mlp), mlp["pearson_r"].to_numpy()

    def misfit(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return (planning.mlp_closed_form(*studies, values) - r) * weight

    found = least_squares(misfit, start, bounds=([0.01, 0.01, -2], [100, 100, 2]))
    return tuple(found.x.tolist())


def with_closed_forms(rows: pd.DataFrame, efficiency: Sequence[float]) -> pd.DataFrame:
    """Return rows with the closed form of each one's model, at its own cohort's shares, and its
    residual.
    """
    closed = planning.closed_forms(*_studies(rows), efficiency)
    model = rows["model"].map(list(closed).index).to_numpy()
    return _with_residual(rows, np.stack(list(closed.values()))[model, np.arange(len(rows))])


def _with_residual(rows: pd.DataFrame, closed_form: ArrayLike) -> pd.DataFrame:
    return rows.assign(closed_form=closed_form, residual=rows["pearson_r"] - closed_form)


def points_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per condition and model of `with_closed_forms`: its place p0 to p4, mean
    shares, r and residual.
    """
    shares = expected_shares(rows["rel_aa"], rows["broad_sense_heritability"])
    at = planning.place(
        rows["n_samples"], rows["n_markers"], rows["n_qtl"], shares.additive, shares.epistatic
    )
    rows = rows.assign(**dict(zip(PLACE, at.T, strict=True)))
    means = dict.fromkeys([*PLACE, "pearson_r", "residual", "va_over_vg"], "mean")
    return rows.groupby([*KEYS, "model"], sort=False).agg(means).reset_index()


def left_out(
    rows: pd.DataFrame, by: str, smoothing: Smoothing, value: object = None
) -> pd.DataFrame:
    """Return rows of `with_closed_forms` with each one's forecast from all that does not share its
    value of `by`.

    value: if given, forecast only its rows.
    """
    parts = []
    for model, own in rows.groupby("model", sort=False):
        points, (length, prior) = points_of(own), smoothing[model]
        own = own if value is None else own[own[by] == value]
        weights = _weights(_place_of(own), points[PLACE].to_numpy(), length)
        weights *= own[by].to_numpy()[:, None] != points[by].to_numpy()
        residual = weights @ points["residual"].to_numpy() / (weights.sum(axis=1) + prior)
        top = np.sqrt(own["broad_sense_heritability"])
        parts.append(own.assign(forecast=np.clip(own["closed_form"] + residual, 0, top)))
    return pd.concat(parts).sort_index()


def left_out_with_fit(rows: pd.DataFrame, by: str, smoothing: Smoothing) -> pd.DataFrame:
    """Return `left_out` with the MLP's efficiency, too, fitted without the rows that are forecast."""
    start = fit_efficiency(rows)
    found = left_out(with_closed_forms(rows, start), by, smoothing)
    mlp = rows[rows["model"] == "mlp"]
    parts = [found[found["model"] != "mlp"]]
    for value in mlp[by].unique():
        efficiency = fit_efficiency(mlp[mlp[by] != value], start)
        fitted = _with_residual(mlp, planning.mlp_closed_form(*_studies(mlp), efficiency))
        parts.append(left_out(fitted, by, smoothing, value))
    return pd.concat(parts).sort_index()


def errors(forecasts: pd.DataFrame, column: str = "forecast") -> pd.DataFrame:
    """Return each model's error over conditions left out, one row per model: bias, rms, worst,
    chance and error.

    forecasts: of `left_out`. column: what is tried. chance: the root mean square that the scatter
    of a condition's few cohorts would give if every forecast were right. error: the rest,
    sqrt(rms^2 - chance^2).
    """
    means = _by_condition(forecasts["pearson_r"] - forecasts[column], forecasts)
    groups = means.groupby("model")
    return (
        _net(groups)
        .assign(
            conditions=groups.size(),
            bias=groups["mean"].mean(),
            worst=groups["mean"].agg(lambda e: e.abs().max()),
        )
        .reindex(planning.MODELS)[["conditions", "bias", "worst", "rms", "chance", "error"]]
    )


def lead_errors(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return rms, chance and error, as in `errors`, of each model's forecast lead over ridge."""
    index = [*KEYS, "replicate", "trait", "model"]
    forecasts = forecasts.assign(error=forecasts["pearson_r"] - forecasts["forecast"])
    wrong = forecasts.groupby(index)["error"].first().unstack("model")[list(planning.MODELS)]
    leads = (
        wrong.sub(wrong.pop("ridge"), axis=0)
        .melt(ignore_index=False, value_name="error")
        .dropna()
        .reset_index()
    )
    return _net(_by_condition(leads["error"], leads).groupby("model")).reindex(planning.MODELS[1:])


def coverage(forecasts: pd.DataFrame, smoothing: Smoothing) -> pd.Series:
    """Return how many single cohorts are within the interval of the forecast that was made without
    their cell.

    The interval's variance, too, is taken from other cells.
    """
    inside = {}
    for model, own in forecasts.groupby("model"):
        points, (length, prior) = points_of(own).set_index(KEYS), smoothing[model]
        excess = _excess(own).droplevel("model").loc[points.index].to_numpy()
        weights = _weights(_place_of(own), points[PLACE].to_numpy(), length)
        weights *= (
            own["cell"].to_numpy()[:, None] != points.index.get_level_values("cell").to_numpy()
        )
        variance = (weights @ excess + prior * excess.mean()) / (weights.sum(axis=1) + prior)
        ceiling = np.sqrt(own["additive"] + (0 if model == "ridge" else own["epistatic"]))
        low, high = planning.interval(own["forecast"], variance, own["n_samples"], ceiling)
        inside[model] = own["pearson_r"].between(low, high).mean()
    return pd.Series(inside).reindex(planning.MODELS)


def publication_forecast(
    digitised: pd.DataFrame, known: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Return the MLP's forecast with each value of the publication's figure 1, at 1,000 to
    1,000,000 individuals.

    digitised: the values, of which none went into the planner. known: as for `planning.forecast`.
    In the publication, test individuals decided when training stops, and the last batch is small,
    see the ledger.
    """
    table = digitised[(digitised["model"] == "mlp") & digitised["r_mid"].notna()].copy()
    forecasts = []
    for row in table.itertuples():
        n_qtl = qtl_for_scaling(row.scaling, row.n_samples)
        study = planning.Study(
            n_samples=row.n_samples,
            n_markers=n_qtl,
            n_qtl=n_qtl,
            va_over_vg=1 / (1 + 2 * row.rel_aa),
            broad_sense_heritability=PUBLISHED_H2,
        )
        forecasts.append(planning.forecast(study, known)["mlp"].pearson_r)
    return table.assign(forecast=forecasts, found=table["r_mid"])


def shortfall(compared: pd.DataFrame, rows: pd.DataFrame) -> dict[str, str]:
    """Return by how much the publication's MLP is below its forecast in cohorts larger than any of
    `rows`, in words.
    """
    larger = compared[compared["n_samples"] > rows["n_samples"].max()]
    below = larger["forecast"] - larger["found"]
    return {
        "sizes": " and ".join(map("{:,}".format, sorted(larger["n_samples"].unique()))),
        "mean": f"{below.mean():.2f}",
        "worst": f"{below.max():.2f}",
    }


def tried(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the planner's models in a survey that the planner does not know, each with its
    forecast and interval.

    Forecasts are at the V_A/V_G that each cohort drew, which with few QTL differs from the expected
    one.
    """
    table = _with_all_r(table[table["model"].isin(planning.MODELS)])
    parts = []
    for _, own in table.groupby(["cell", "replicate", "trait"], sort=False):
        first = own.iloc[0]
        study = planning.Study(
            n_samples=int(first["n_samples"]),
            n_markers=int(first["n_markers"]),
            n_qtl=int(first["n_qtl"]),
            va_over_vg=max(
                planning.LEAST_SHARE,
                first["va_over_vg"] / (first["va_over_vg"] + first["vaa_over_vg"]),
            ),
            broad_sense_heritability=first["broad_sense_heritability"],
        )
        found = pd.DataFrame(planning.forecast(study).values(), index=planning.MODELS)
        found = found[["pearson_r", "low", "high"]].rename(columns={"pearson_r": "forecast"})
        parts.append(own.join(found, on="model"))
    return pd.concat(parts).sort_index()


def build(folder: Path = DATA) -> dict[str, Any]:
    """Return all that the planner needs, from the tables in a folder."""
    rows, real = evidence(folder), read_table(folder / "real.csv")
    digitised = pd.read_csv(folder / "figure_1_digitised.csv")
    efficiency, mlp = fit_efficiency(rows), rows[rows["model"] == "mlp"]
    known = with_closed_forms(rows, efficiency)
    smoothing = choose_smoothing(known)
    forecasts = left_out_with_fit(rows, "cell", smoothing)
    excess, leads = _excess(forecasts), lead_errors(forecasts)["error"]
    sizes = ["n_samples", "n_markers"]
    found = {
        "efficiency": [float(f"{value:.4g}") for value in efficiency],
        "smoothing": smoothing,
        "enough": ENOUGH,
        "error": errors(forecasts)["error"].round(4).to_dict(),
        "clear": (2 * leads).clip(lower=WORTH).round(4).to_dict(),
        "excess": excess.groupby("model").mean().map("{:.4g}".format).astype(float).to_dict(),
        "simulated": rows[sizes].agg(["min", "max"]).to_dict("list"),
        "trained": mlp[sizes].max().to_dict(),
        "most_screened": MODELS["pairs"].most_markers,
        # as `costs` counts them
        "large": {**LARGE, "gib_per_square": 3 * 8 / 2**30},
        "hidden_width": int(mlp["hidden_width"].mode()[0]),
        "points": _as_points(points_of(known), excess),
        "sentences": SENTENCES,
        "presets": PRESETS,
    }
    found["publication"] = shortfall(publication_forecast(digitised, found), rows)
    found["excess_real"] = excess_real(on_real_cohorts(real, found)).round(6).to_dict()
    found["observed"] = observed(real)
    return found


# --- Real cohorts ----------------------------------------------------------------------------------


def on_real_cohorts(table: pd.DataFrame, known: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return each model's forecast for real traits next to the observed mean r: one row for each
    cohort, trait, kind of splits and model.

    A forecast knows what a reader could know before any test: individuals, independent segments,
    and the shares of variance that REML estimates in the training part, as means over splits. QTL:
    half as many as segments. table: real.csv. known: as for `planning.forecast`.
    """
    keys = ["dataset", "trait", "protocol"]
    found = real_traits(table)
    r = found.groupby([*keys, "model"])["pearson_r"].mean()
    kernel = found[found["model"] == "kernel"].groupby(keys)
    kernel = kernel[["reml_additive", "reml_epistatic", "n_train", "grouped"]].mean()
    rows = []
    for place, row in kernel.iterrows():
        segments = cohorts()[place[0]].segments
        h2 = row["reml_additive"] + row["reml_epistatic"]
        study = planning.Study(
            n_samples=round(row["n_train"] / planning.TRAIN_SHARE),
            n_markers=segments,
            n_qtl=max(2, segments // 2),
            va_over_vg=max(planning.LEAST_SHARE, row["reml_additive"] / max(h2, 1e-9)),
            broad_sense_heritability=float(np.clip(h2, planning.LEAST_SHARE, 1)),
        )
        for model, expected in planning.forecast(study, known).items():
            if (*place, model) in r:
                rows.append(
                    dict(zip(keys, place, strict=True))
                    | {"model": model, "grouped": bool(row["grouped"]), "study": study}
                    | {"forecast": expected.pearson_r, "low": expected.low, "high": expected.high}
                    | {"found": r[(*place, model)]}
                )
    return pd.DataFrame(rows)


def excess_real(found: pd.DataFrame) -> pd.Series:
    """Return the mean squared error of each model's forecasts on real cohorts.

    found: of `on_real_cohorts`. Only random splits count, and all cohorts count equally. Sparse
    pairs have a range as their forecast, and only an r below ridge's forecast or above their own
    counts as an error.
    """
    found = found[~found["grouped"]]
    index = ["dataset", "trait", "protocol"]
    ridge = found[found["model"] == "ridge"].set_index(index)["forecast"]
    lowest = found.join(ridge.rename("ridge"), on=index)["ridge"].where(found["model"] == "pairs")
    in_range = found["found"].clip(lowest, found["forecast"].where(lowest.notna()))
    nearest = found["forecast"].where(lowest.isna(), in_range)
    squared = (found["found"] - nearest) ** 2  # of means, whose scatter is small
    means = found.assign(squared=squared).groupby(["model", "dataset"])["squared"].mean()
    return means.groupby("model").mean().reindex(planning.MODELS)


def covered_on_real(found: pd.DataFrame) -> pd.DataFrame:
    """Return for which rows of `on_real_cohorts` the found r is in the interval: `before`, without
    errors on real cohorts, and `left_out`, with the errors on all other cohorts.
    """
    known = planning.surface()
    parts = []
    for dataset, own in found.groupby("dataset", sort=False):
        others = excess_real(found[found["dataset"] != dataset])
        for_real = {**known, "excess_real": others.to_dict()}
        for _, part in own.groupby(["trait", "protocol"], sort=False):
            expected = planning.forecast(part["study"].iloc[0], for_real, real=True)
            ends = pd.DataFrame(expected.values(), index=expected).loc[part["model"]]
            low, high = ends["low"].to_numpy(), ends["high"].to_numpy()
            parts.append(
                part.assign(
                    before=part["found"].between(part["low"], part["high"]),
                    left_out=part["found"].between(low, high),
                )
            )
    return pd.concat(parts).sort_index()


def observed(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return what predicted best in real cohorts of each kind of population: a sentence for the
    answer, and a note.

    table: real.csv.
    """
    compared = between_splits(real_traits(table))
    kind = compared["dataset"].map(lambda name: cohorts()[name].kind)
    best = headline(compared).assign(kind=kind)
    return {name: _observed(part, compared[kind == name]) for name, part in best.groupby("kind")}


def _observed(part: pd.DataFrame, compared: pd.DataFrame) -> dict[str, str]:
    """Return the sentences of one kind. part: headline rows. compared: of all kinds of splits."""
    highest = winners(part)["model"]
    counts = highest.map(lambda model: MODELS[model].label).value_counts()
    gain = part.groupby("model")["difference"].mean()
    lead = SENTENCES["lead_of_kind" if gain.max() >= WORTH else "no_lead_of_kind"].format(
        cohorts=", ".join(part["dataset"].unique()),
        model=MODELS[gain.idxmax()].label,
        gain=f"{gain.max():+.2f}",
        least=WORTH,
    )
    note = SENTENCES["best_of_kind"].format(
        traits=len(highest),
        counts=", ".join(f"{label} {count}" for label, count in counts.items()),
    )
    ridge = compared[compared["model"] == "ridge"].assign(
        grouped=lambda rows: rows["protocol"].isin(part["protocol"]) & (rows["protocol"] != RANDOM)
    )
    r = ridge.groupby(["dataset", "grouped"])["pearson_r"].mean().unstack().dropna()
    if r.shape[1] == 2:
        words = {"grouped": f"{r[True].mean():.2f}", "random": f"{r[False].mean():.2f}"}
        note += SENTENCES["new_groups"].format(**words)
    return {"lead": lead, "note": note}


def choose_smoothing(rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return each model's length and prior of the smallest error over cells left out. rows: of
    `with_closed_forms`.
    """
    return {model: _smoothing_of(model, rows[rows["model"] == model]) for model in planning.MODELS}


def _smoothing_of(model: str, rows: pd.DataFrame) -> tuple[float, float]:
    tried = itertools.product(LENGTHS, PRIORS)
    return min(tried, key=lambda choice: _mean_square(left_out(rows, "cell", {model: choice})))


def _studies(rows: pd.DataFrame) -> NDArray[np.float64]:
    return rows[["n_samples", "n_markers", "n_qtl", "additive", "epistatic"]].to_numpy(float).T


def _place_of(rows: pd.DataFrame) -> NDArray[np.float64]:
    return planning.place(*_studies(rows))


def _weights(
    at: NDArray[np.float64], places: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    squares = (at**2).sum(axis=1)[:, None] + (places**2).sum(axis=1) - 2 * at @ places.T
    return np.exp(-squares.clip(0) / (2 * length**2))


def _by_condition(error: pd.Series, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean, variance and number of cohorts' errors in each condition and model."""
    groups = rows.assign(error=error).groupby([*KEYS, "model"])["error"]
    return groups.agg(["mean", "var", "size"])


def _net(groups: Any) -> pd.DataFrame:
    """Return rms, chance and error of conditions' means, one row per group."""
    rms = groups["mean"].agg(lambda means: math.sqrt((means**2).mean()))
    chance = groups.apply(lambda part: math.sqrt((part["var"] / part["size"]).mean()))
    return pd.DataFrame(
        {"rms": rms, "chance": chance, "error": np.sqrt((rms**2 - chance**2).clip(0))}
    )


def _mean_square(forecasts: pd.DataFrame) -> float:
    return float(
        (
            _by_condition(forecasts["pearson_r"] - forecasts["forecast"], forecasts)["mean"] ** 2
        ).mean()
    )


def _excess(forecasts: pd.DataFrame) -> pd.Series:
    """Return by how much the squared error of single cohorts exceeds that of few test individuals,
    for each condition and model.
    """
    square = (forecasts["pearson_r"] - forecasts["forecast"]) ** 2
    excess = square - planning.variance_of_r(forecasts["forecast"], forecasts["n_samples"])
    return _by_condition(excess, forecasts)["mean"]


def _as_points(points: pd.DataFrame, excess: pd.Series) -> list[dict[str, Any]]:
    points = points.set_index([*KEYS, "model"]).join(excess.rename("excess"))
    points = points.round(
        {"va_over_vg": 3, "pearson_r": 4, "residual": 5, "excess": 6} | dict.fromkeys(PLACE, 5)
    )
    found = []
    for key, part in points.groupby(level=KEYS, sort=False):
        models = part.droplevel(KEYS)
        point = dict(zip(KEYS, key, strict=True)) | {"place": models[PLACE].iloc[0].tolist()}
        point["va_over_vg"] = float(models["va_over_vg"].iloc[0])
        found.append(point | models[["pearson_r", "residual", "excess"]].to_dict())
    return found


@commands.answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Write surface.json, and print what the forecasts are worth. Return 0, or 2 if a table is
    missing or none.
    """
    parser = argparse.ArgumentParser(
        prog="python -m epidl.planner.surface", description=__doc__.splitlines()[0]
    )
    parser.parse_args(arguments)
    found = build(DATA)
    write_text(planning.SURFACE, json.dumps(found, separators=(",", ":")) + "\n")
    print(f"{len(found['points'])} conditions")
    for key in ("efficiency", "smoothing", "error", "clear", "excess"):
        print(f"{key}: {json.dumps(found[key])}")
    return 0


if __name__ == "__main__":
    commands.end(main)
