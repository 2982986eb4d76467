"""The publication's claims, each a small check on the book's tables: `python -m epidl_book.claims`.

At the project's root it writes the verdicts to book/data, and draws the README's figure from the
same tables.

A claim asks for conditions: that a mean over cohorts is in a range. The mean's 95% interval is
Student's over cohorts, after a mean over traits within each, or Welch's if different cohorts are
compared. A condition is shown if the whole interval is in the range, contradicted if all of it is
outside, else open. Without an interval, as from a single cohort, the condition is not tested.
`verdict` says what follows for the claim. The claims are rows of claims.yml.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from string import Template

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.special
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from epidl import checks, commands, figures
from epidl.figures.style import PARITY, legend_below, select
from epidl.grid.contrasts import (
    condition,
    epistatic_shares,
    paired,
    ridge_on_test_individuals,
    settings_as_models,
)
from epidl.grid.params import PUBLISHED_H2
from epidl.grid.results import read_table
from epidl.storage import write_table
from epidl_book.agreement import DIGITISING_ERROR
from epidl_book.phrases import OUTCOMES, place

DATA = Path("book/data")
TABLES = (
    "scaling",
    "ridge_vs_sgd",
    "hyperparameters",
    "beyond",
    "dilution",
    "beyond_dilution",
    "correlation",
)
HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold"
UNDECIDED, UNTESTED = "undecided", "not tested at this profile"
VERDICTS = (HOLDS, IN_PART, FAILS, UNDECIDED, UNTESTED)

WIDTH, RATE = 4096, 0.01  # of the publication's network
MARGIN = DIGITISING_ERROR  # in r: no difference is told from one that its figures could not show
# what the publication's words are taken to mean, under the names of claims.yml
NUMBERS = {
    "MARGIN": MARGIN,
    "NEARLY_ALL": 0.9,  # of the genetic variance
    "MOST": 0.5,  # of the epistatic variance
    "SAME_SHARE": 0.05,  # of the epistatic variance: shares are the same
    "FAR_BELOW": 0.2,  # scaling at most: five individuals a pair or more
    "LIMIT": 5,  # the scaling at which there are a fifth as many individuals as pairs
    "ALMOST_EVERY": 90,  # per cent of the conditions
    "WIDTH": f"{WIDTH:,}",
    "RATE": RATE,
}
FILE = yaml.safe_load(
    Template(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8")).substitute(NUMBERS)
)
RANGES, DESIGN, READINGS = FILE["ranges"], FILE["design"], FILE["readings"]
IN_R, IN_SHARE = "difference in r, or r", "share of variance"
WORDS = {
    "ridge": "ridge",
    "ridge_splits": "ridge on random splits",
    "ridge_sgd": "ridge by SGD",
    "lasso": "LASSO",
    "mlp": "MLP",
    "lasso_pruned": "pruned LASSO",
    "mlp_pruned": "pruned MLP",
}
NOT_SHOWN = {  # what is said of conditions that are not shown, of several and of one
    "are contradicted": "is contradicted",
    "are open": "is open",
    "have too few cohorts for an interval": "has too few cohorts for an interval",
    "are not in the table": "is not in the table",
}
BOUND = {
    "color": str(apc.crow),
    "marker": "|",
    "linestyle": "",
    "markersize": 5,
    "markeredgewidth": 1,
}
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Condition:
    """A range that a claim asks a mean over cohorts to be in, and the mean with its interval, NaN
    if there is none.

    n_samples: of the cohorts, 0 if the condition is not about one number of individuals.
    """

    where: str
    within: Sequence[float]
    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    cohorts: int = 0
    scale: str = IN_R
    n_samples: int = 0

    @property
    def outcome(self) -> str:
        """One of shown, contradicted, open and untested."""
        if not np.isfinite([self.low, self.high]).all():
            return "untested"
        if self.low > self.within[0] and self.high < self.within[1]:
            return "shown"
        return (
            "contradicted" if self.high <= self.within[0] or self.low >= self.within[1] else "open"
        )

    @property
    def clearance(self) -> float:
        """How far the interval's nearer end is inside the range, negative if it is outside."""
        return min(self.low - self.within[0], self.within[1] - self.high)


@dataclass(frozen=True)
class Check:
    """A row of claims.yml: a quantity that is asked to be within a range at points of the
    publication's grid.

    quantity: a key of `QUANTITIES`. table, protocol, rows: what it is computed from, rows a query.
    of, minus: the models compared. at, where: the columns of the grid and a query on its points.
    each: columns of which every value in the table is a condition of its own. over, weights: a
    contrast between the values of a column.
    """

    table: str
    within: str = "equal"
    quantity: str = "lead"
    protocol: str = "published"
    rows: str = ""
    of: str = "mlp"
    minus: str = "ridge"
    measure: str = "share"
    at: Sequence[str] = ()
    where: str = ""
    each: Sequence[str] = ()
    over: str = ""
    weights: Mapping = field(default_factory=dict)
    what: str = ""

    @property
    def by(self) -> list[str]:
        """The columns of whose values each combination has a mean."""
        return [*self.at, *self.each]

    @property
    def name(self) -> str:
        """What is compared, in words."""
        return self.what or f"{WORDS[self.of]} minus {WORDS[self.minus]}"

    def points(self) -> list[tuple]:
        """Return the points of the publication's grid that the check is about."""
        if not self.at:
            return [()]
        grid = pd.MultiIndex.from_product(
            [DESIGN[column] for column in self.at], names=self.at
        ).to_frame(index=False)
        grid = grid.query(self.where) if self.where else grid
        return list(grid.itertuples(index=False, name=None))


@dataclass(frozen=True)
class Claim:
    """A claim in our words, what is checked of it, and of which share of its conditions it must be
    shown.

    readings: other ways to check it, keys of `READINGS`. The note says if their verdict differs.
    """

    id: str
    words: str
    statement: str
    checks: Sequence[Mapping]
    percent: float = 100
    readings: Sequence[str] = ()

    @property
    def experiment(self) -> str:
        """The experiment whose page the claim belongs to."""
        return {"S": "scaling", "D": "dilution", "C": "correlation"}[self.id[0]]


CLAIMS = {id: Claim(id, **row) for id, row in FILE["claims"].items()}


Judged = Mapping[tuple[str, str], Sequence[Condition]]


def judge(tables: Tables, chosen: Iterable[Claim] = tuple(CLAIMS.values())) -> Judged:
    """Return the conditions of each claim in each of its readings, by the claim's id and the reading,
    "" for the first.

    tables: the result tables named in `TABLES`. Raises ValueError if one is missing.
    """
    missing = [name for name in TABLES if name not in tables]
    checks.require(
        not missing, f"tables must hold {', '.join(TABLES)}, but lacks {', '.join(missing)}"
    )
    source = cache(lambda name, protocol: SOURCES[name](tables, protocol))
    judged = {}
    for claim in chosen:
        for reading in ("", *claim.readings):
            meaning = FILE["standard"] | READINGS.get(reading, {})
            judged[claim.id, reading] = conditions = []
            for row in claim.checks:
                check = Check(**{name: _read(value, meaning) for name, value in row.items()})
                table = source(check.table, check.protocol)
                rows = table.query(check.rows) if check.rows else table
                conditions += QUANTITIES[check.quantity](check, rows)
    return judged


def _read(value: object, meaning: Mapping[str, str]) -> object:
    """Return a value of a check, the words baseline, protocol, start and measure replaced by what they
    mean.
    """
    if isinstance(value, dict):
        return {meaning.get(key, key): weight for key, weight in value.items()}
    return meaning.get(value, value) if isinstance(value, str) else value


# --- the rows that a claim is about ---


def _published(table: pd.DataFrame, protocol: str = "published") -> pd.DataFrame:
    """Return the rows of a protocol, of models that are no network or have the published width."""
    return table[(table["protocol"] == protocol) & table["hidden_width"].isin([0, WIDTH])]


def _with_both_ridges(table: pd.DataFrame, held_out: pd.DataFrame) -> pd.DataFrame:
    """Return the table with ridge on the test individuals of networks, and its own as the model
    `ridge_splits`.
    """
    splits = table[table["model"] == "ridge"].assign(model="ridge_splits")
    return pd.concat([ridge_on_test_individuals(table, held_out), splits], ignore_index=True)


def _scaling(tables: Tables, protocol: str) -> pd.DataFrame:
    """Return the rows of the published network and of other models, held-out ones from the table
    beyond.
    """
    if protocol == "published":
        table = _with_both_ridges(_published(tables["scaling"]), tables["ridge_vs_sgd"])
    else:
        table = tables["beyond"]
        table = table[~table["all_pairs"] & (table["broad_sense_heritability"] == PUBLISHED_H2)]
        table = _published(table, protocol)
    return table[(table["model"] != "mlp") | (table["learning_rate"] == RATE)]


def _ridge_vs_sgd(tables: Tables, protocol: str) -> pd.DataFrame:
    table = tables["ridge_vs_sgd"]
    rows = table[table["protocol"] == protocol]
    return _with_both_ridges(rows, table) if protocol == "published" else rows


def _settings(tables: Tables, protocol: str) -> pd.DataFrame:
    return settings_as_models(_scaling(tables, protocol), tables["hyperparameters"])


def _dilution(tables: Tables, protocol: str) -> pd.DataFrame:
    table = _with_both_ridges(_published(tables["dilution"], protocol), tables["beyond_dilution"])
    return table[(table["n_samples"] == 10_000) & (table["n_qtl"] == 100)]


def _correlation(tables: Tables, protocol: str) -> pd.DataFrame:
    table = _published(tables["correlation"], protocol)
    return table[table["n_samples"] == 10_000].assign(condition=condition)


SOURCES: Mapping[str, Callable[[Tables, str], pd.DataFrame]] = {
    "scaling": _scaling,
    "ridge_vs_sgd": _ridge_vs_sgd,
    "hyperparameters": _settings,
    "dilution": _dilution,
    "correlation": _correlation,
}


# --- means over cohorts, and conditions on them ---


def _samples(rows: pd.DataFrame, value: str, by: Sequence[str]) -> dict[tuple, np.ndarray]:
    """Return the values of the cohorts, one per cohort (the mean of its traits), by the values of
    `by`.
    """
    values = rows.dropna(subset=[value]).groupby([*by, "cell", "replicate"])[value].mean()
    return {point: part.to_numpy() for point, part in values.groupby(list(by))}


def interval(samples: Sequence[np.ndarray], weights: Sequence[float]) -> dict[str, float]:
    """Return the weighted sum of the means of independent samples with its 95% interval.

    The interval is Student's for one sample and Welch's for more, or NaN if a sample holds one
    value.
    """
    sizes = np.array(list(map(len, samples)))
    estimate = np.dot(weights, list(map(np.mean, samples)))
    found = {"estimate": estimate, "low": np.nan, "high": np.nan, "cohorts": int(sizes.sum())}
    if sizes.min() > 1:
        variances = np.array(list(map(partial(np.var, ddof=1), samples)))
        parts, degrees = np.square(weights) * variances / sizes, sizes - 1
        error = np.sqrt(parts.sum())
        # Welch and Satterthwaite's degrees of freedom; any do where nothing varies
        half = (
            error * scipy.special.stdtrit(parts.sum() ** 2 / (parts**2 / degrees).sum(), 0.975)
            if error > 0
            else 0
        )
        found |= {"low": estimate - half, "high": estimate + half}
    return found


def _at_points(check: Check, rows: pd.DataFrame, value: str, scale: str = IN_R) -> list[Condition]:
    """Return a condition on the mean of a column for each point of a check, and each value of its
    columns `each`.

    Means of a single cohort count only if a point has no other. A point without rows is a condition
    without values.
    """
    means = []
    for point, sample in _samples(rows, value, check.by).items():
        means.append(dict(zip(check.by, point, strict=True)) | interval([sample], [1]))
    means = pd.DataFrame(means, columns=[*check.by, "estimate", "low", "high", "cohorts"])
    conditions = []
    for point in check.points():
        at = dict(zip(check.at, point, strict=True))
        found = select(means, **at)
        found = found[found["cohorts"] > 1] if (found["cohorts"] > 1).any() else found
        for row in found.to_dict("records") or [at]:
            condition = Condition(_where(check, row), RANGES[check.within], scale=scale)
            known = {name: row[name] for name in row if hasattr(condition, name)}
            conditions.append(replace(condition, **known))
    return conditions


def _where(check: Check, row: Mapping) -> str:
    at = {column: row[column] for column in check.by if column in row}
    return ", ".join(filter(None, [check.name, place(at)]))


def _lead(check: Check, table: pd.DataFrame) -> list[Condition]:
    return _at_points(check, paired(table, check.of, check.minus), "difference")


def _lead_in_epistatic_part(check: Check, table: pd.DataFrame) -> list[Condition]:
    return _lead(check, table.assign(pearson_r=table["r_epistatic"]))


def _explained(check: Check, table: pd.DataFrame) -> list[Condition]:
    rows = table[table["model"] == check.of]
    return _at_points(
        check, rows.assign(share=rows["pearson_r"] ** 2 / PUBLISHED_H2), "share", IN_SHARE
    )


def _share(check: Check, table: pd.DataFrame) -> list[Condition]:
    return _at_points(
        check, epistatic_shares(table, check.of, check.minus, check.by), "share", IN_SHARE
    )


def _contrast(check: Check, table: pd.DataFrame) -> list[Condition]:
    """Return the condition on a weighted sum over the values of a column, untested if one of them
    has no cohort.
    """
    samples = _samples(paired(table, check.of, check.minus), "difference", [*check.at, check.over])
    conditions = []
    for point in check.points():
        where = _where(check, dict(zip(check.at, point, strict=True)))
        chosen = [samples.get((*point, value), ()) for value in check.weights]
        found = interval(chosen, list(check.weights.values())) if all(map(len, chosen)) else {}
        conditions.append(Condition(where, RANGES[check.within], **found))
    return conditions


def _sizes(check: Check, table: pd.DataFrame) -> list[Condition]:
    """Return, for each scaling, the condition on each larger number of individuals minus the smallest."""
    shares = check.measure == "share"
    by = [*check.at, "n_samples"]
    compared = epistatic_shares if shares else lambda *models: paired(*models[:3])
    samples = _samples(compared(table, check.of, check.minus, by), check.measure, by)
    within, scale = (RANGES["same share"], IN_SHARE) if shares else (RANGES["equal"], IN_R)
    conditions = []
    for (scaling,) in check.points():
        sizes = sorted(n_samples for at, n_samples in samples if at == scaling)
        if len(sizes) < 2:
            conditions.append(
                Condition(f"scaling {scaling:g}, a second number of individuals", within)
            )
        for n in sizes[1:]:
            found = interval([samples[scaling, n], samples[scaling, sizes[0]]], [1, -1])
            conditions.append(
                Condition(
                    f"scaling {scaling:g}, {n:,} minus {sizes[0]:,} individuals",
                    within,
                    **found,
                    scale=scale,
                )
            )
    return conditions


def _spread(check: Check, table: pd.DataFrame) -> list[Condition]:
    """Return the conditions on how much more cohorts of 1,000 individuals differ than those of
    another number.
    """
    r = table.groupby(["cell", "trait"])["pearson_r"]
    k = r.transform("count")
    table = table.assign(
        spread=((table["pearson_r"] - r.transform("mean")).abs() * np.sqrt(k / (k - 1)))[k > 1]
    )
    spread = (
        table.dropna(subset=["spread"]).groupby(["scaling", "n_samples"])["spread"].mean().unstack()
    )
    conditions = []
    for n in spread.columns.drop(1000) if 1000 in spread else ():
        differences = (spread[1000] - spread[n]).dropna()
        both = table["scaling"].isin(differences.index) & table["n_samples"].isin([1000, n])
        found = interval([differences], [1]) | {
            "cohorts": len(table[both].groupby(["cell", "replicate"]))
        }
        conditions.append(
            Condition(f"spread of r, 1,000 minus {n:,} individuals", RANGES[check.within], **found)
        )
    return conditions or [Condition("a second number of individuals", RANGES[check.within])]


def _other_settings(check: Check, table: pd.DataFrame) -> list[Condition]:
    """Return the conditions on each other width (units) or rate, minus the published network."""
    conditions = []
    for other in sorted(set(table["model"]) - {"mlp"}):
        if check.of in other:
            conditions += _lead(
                replace(check, of=other, what=f"{other} minus the published"), table
            )
    return conditions or [Condition(check.what, RANGES[check.within])]


QUANTITIES: Mapping[str, Callable[[Check, pd.DataFrame], list[Condition]]] = {
    "lead": _lead,
    "r_epistatic": _lead_in_epistatic_part,
    "explained": _explained,
    "share": _share,
    "contrast": _contrast,
    "sizes": _sizes,
    "spread": _spread,
    "settings": _other_settings,
}


# --- from conditions to verdicts ---


def verdict(conditions: Sequence[Condition], share: float = 1) -> str:
    """Return what a claim's conditions say of it, if at least `share` of them must be shown.

    The claim holds if enough are shown. If more are contradicted than may fail, the claim holds in
    part if some are shown, and does not hold if none is. Otherwise it is not tested at this profile
    while a condition lacks cells or cohorts, and undecided if intervals are too wide.

    Raises ValueError for no condition.
    """
    checks.require(conditions, "conditions must hold at least one, got none")
    outcomes = [found.outcome for found in conditions]
    may_fail = int(round((1 - share) * len(conditions), 9))
    if outcomes.count("shown") >= len(conditions) - may_fail:
        return HOLDS
    if outcomes.count("contradicted") > may_fail:
        return IN_PART if "shown" in outcomes else FAILS
    return UNTESTED if "untested" in outcomes else UNDECIDED


def deciding(conditions: Sequence[Condition]) -> Condition:
    """Return the condition that speaks most against the claim, or if none is tested, the first with
    an estimate.
    """
    order = ("contradicted", "open", "shown", "untested")
    return min(
        conditions,
        key=lambda found: (
            order.index(found.outcome),
            np.isnan(found.estimate),
            0 if found.outcome == "untested" else found.clearance,
        ),
    )


def check_all(judged: Judged) -> pd.DataFrame:
    """Return the verdict on every claim, one row per claim, with what was checked and the `deciding`
    condition.

    judged: of `judge`. estimate, low and high, its 95% interval or NaN, and cohorts are those of
    that condition.
    """
    return pd.DataFrame([_check(CLAIMS[id], judged) for id, reading in judged if not reading])


def _check(claim: Claim, judged: Judged) -> dict[str, object]:
    conditions = judged[claim.id, ""]
    found, decided = deciding(conditions), verdict(conditions, claim.percent / 100)
    notes = [summary(conditions)]
    for reading in claim.readings:
        other = judged[claim.id, reading]
        outcome = verdict(other, claim.percent / 100)
        if outcome != decided:
            says = outcome if outcome in (HOLDS, IN_PART, FAILS) else f"is {outcome}"
            notes.append(f"{READINGS[reading]['words']}, the claim {says}. {summary(other)}")
    return {
        "id": claim.id,
        "claim": claim.words,
        "experiment": claim.experiment,
        "statement_checked": claim.statement,
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "cohorts": found.cohorts,
        "verdict": decided,
        "note": " ".join(notes),
    }


def failing(judged: Judged, reading: str) -> list[str]:
    """Return the claims that do not hold in a reading, a key of `READINGS`. judged: of `judge`."""
    return [
        id
        for (id, read), conditions in judged.items()
        if read == reading and verdict(conditions, CLAIMS[id].percent / 100) == FAILS
    ]


def all_conditions(judged: Judged) -> pd.DataFrame:
    """Return every condition of every claim: id, where, lower and upper bound, estimate with interval,
    and outcome. judged: of `judge`.
    """
    parts = []
    for (id, reading), conditions in judged.items():
        if not reading:
            outcomes = [found.outcome for found in conditions]
            parts.append(pd.DataFrame(conditions).assign(id=id, outcome=outcomes))
    table = pd.concat(parts, ignore_index=True)
    table[["lower", "upper"]] = table["within"].to_list()
    return table[
        ["id", "where", "lower", "upper", "estimate", "low", "high", "cohorts", "scale", "outcome"]
    ]


def read_tables(folder: Path = DATA) -> dict[str, pd.DataFrame]:
    """Read the tables that the claims are checked on, or raise ValueError if one is missing or
    none.
    """
    return {name: read_table(Path(folder, f"{name}.csv")) for name in TABLES}


def counts(checked: pd.DataFrame) -> pd.DataFrame:
    """Return how many claims got each verdict and which, one row per verdict, from a table of
    `check_all`.
    """
    ids = checked.groupby("verdict")["id"].agg(["size", ", ".join]).reindex(VERDICTS)
    return (
        ids.set_axis(["claims", "which"], axis=1)
        .fillna({"claims": 0, "which": "none"})
        .astype({"claims": int})
    )


def in_words(checked: pd.DataFrame, experiment: str) -> str:
    """Return the claims of one experiment as a Markdown table: claim, verdict, estimate, check and
    note.
    """
    lines = ["| Claim | Verdict | Estimate | Checked, and found |", "|---|---|---|---|"]
    for row in checked[checked["experiment"] == experiment].itertuples():
        cohorts = f"{row.cohorts} cohort{'' if row.cohorts == 1 else 's'}"
        found = (
            f"{_estimate(row.estimate, row.low, row.high)}, {cohorts}" if row.cohorts else "none"
        )
        lines.append(
            f"| **{row.id}** {row.claim} | **{row.verdict}** | {found} | {row.statement_checked} *{row.note}* |"
        )
    return "\n".join(lines)


def summary(conditions: Sequence[Condition], most: int = 3) -> str:
    """Return how many conditions are shown, and where they are not, in words, with at most `most`
    places of a kind.
    """
    count, outcomes = len(conditions), [found.outcome for found in conditions]
    shown = [found for found in conditions if found.outcome == "shown"]
    sentences = []
    if outcomes.count("untested") < count:
        sizes = sorted({found.n_samples for found in shown} - {0})
        at = f", at {' and '.join(map('{:,}'.format, sizes))} individuals" if sizes else ""
        verb = "is" if 1 in (len(shown), count) else "are"
        sentences.append(f"{len(shown)} of {_conditions(count)} {verb} shown{at}.")
    if len(shown) == count:
        return f"{sentences[0]} Nearest to its bound is {deciding(conditions).where}."
    places = {words: [] for words in NOT_SHOWN}
    for found in sorted(conditions, key=lambda found: found.clearance):
        if found.outcome in ("contradicted", "open"):
            estimate = _estimate(found.estimate, found.low, found.high)
            places[f"are {found.outcome}"].append(f"{found.where} ({estimate})")
    for found in conditions:
        if found.outcome == "untested" and np.isfinite(found.estimate):
            places["have too few cohorts for an interval"].append(
                f"{found.where} ({found.estimate:z.3f})"
            )
        elif found.outcome == "untested":
            places["are not in the table"].append(found.where)
    for words, found in places.items():
        more = f"; and {len(found) - most} more" if len(found) > most else ""
        verb = words if len(found) > 1 else NOT_SHOWN[words]
        if found:
            number = len(found) if sentences else _conditions(len(found))
            sentences.append(f"{number} {verb}: {'; '.join(found[:most])}{more}.")
    return " ".join(sentences)


def _conditions(count: int) -> str:
    return f"{count} condition{'' if count == 1 else 's'}"


def _estimate(estimate: float, low: float, high: float) -> str:
    interval = f"[{low:z.3f}, {high:z.3f}]" if np.isfinite([low, high]).all() else "(no interval)"
    return f"{estimate:z.3f} {interval}"


# --- the figure, and the command ---


def forest(conditions: pd.DataFrame) -> Figure:
    """Draw the estimate of every tested condition with its interval, one row per claim, one panel
    per scale.

    conditions: from `claims.all_conditions`. The bounds that a condition asks for are vertical
    ticks. Conditions without an interval are left out.

    Raises ValueError if no condition has one.
    """
    tested = conditions[conditions["outcome"] != "untested"]
    checks.require(not tested.empty, "conditions must hold at least one with an interval, got none")
    # of each panel, in conditions: two for each claim's margins
    rows = tested.groupby("scale", sort=False)["id"].agg(lambda ids: len(ids) + 2 * ids.nunique())
    figure, axes = plt.subplots(
        len(rows), 1, figsize=(8, 1.5 + 0.13 * rows.sum()), height_ratios=rows, squeeze=False
    )
    for ax, scale in zip(axes[:, 0], rows.index, strict=True):
        _draw(ax, select(tested, scale=scale))
        ax.set_xlabel(scale.capitalize())
    handles = [
        Line2D([], [], linestyle="-", **style, label=name) for name, style in OUTCOMES.items()
    ]
    bound = Line2D([], [], **BOUND, label="bound that the claim asks for")
    legend_below(figure, [*handles, bound])
    return figure


def _draw(ax: Axes, part: pd.DataFrame) -> None:
    """Draw the conditions from top to bottom, each claim's in the order of the table."""
    claim, _ = pd.factorize(part["id"])
    y = np.arange(len(part)) + 2 * claim
    ax.axvline(0, **PARITY)
    for outcome, style in OUTCOMES.items():
        here = (part["outcome"] == outcome).to_numpy()
        drawn, heights = part[here], y[here]
        ax.hlines(heights, drawn["low"], drawn["high"], color=style["color"], linewidth=1.1)
        ax.plot(drawn["estimate"], heights, **style, linestyle="", markersize=3.6, gid="estimates")
    for column in ("lower", "upper"):
        ax.plot(part[column].where(np.isfinite(part[column])), y, **BOUND)
    middles = pd.Series(y).groupby(part["id"].to_numpy(), sort=False).mean()
    ax.set_yticks(middles, middles.index)
    ax.set_ylim(y.max() + 1.5, -1.5)
    for edge in np.flatnonzero(np.diff(claim)):
        ax.axhline(y[edge] + 1.5, color=str(apc.slate), linewidth=0.3, alpha=0.5)


@commands.answers_with(1)
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 if a table is missing or cannot be
    written.
    """
    argparse.ArgumentParser(
        prog="python -m epidl_book.claims", description=__doc__.splitlines()[0]
    ).parse_args(arguments)
    checked = check_all(judge(read_tables()))
    write_table(DATA / "claims.csv", checked)
    draw_readme_figure()
    print(f"Verdicts on the publication's {len(checked)} claims:", counts(checked), sep="\n")
    return 0


def draw_readme_figure() -> None:
    """Draw figure 1B from the published table with the publication's digitised values."""
    figures.use_style()
    table = read_table(DATA / "scaling.csv").query("protocol == 'published'")
    figure = figures.figure_1b(table, pd.read_csv(DATA / "figure_1_digitised.csv"))
    figure.savefig("book/static/figure_1b.png", dpi=160)


if __name__ == "__main__":
    commands.end(main)
