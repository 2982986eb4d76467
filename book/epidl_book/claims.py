"""The publication's claims, each a small check on the book's tables: `python -m epidl_book.claims`.

At the project's root it writes the verdicts to book/data, and draws the README's figure from the same tables.

A claim asks for conditions: that a mean over cohorts lies in a range. Its 95 % interval is Student's over cohorts (the
mean over traits within a cohort comes first), or Welch's where different cohorts are compared. A condition is shown
where the whole interval lies in the range, contradicted where all of it lies outside, else open; without an interval,
as from a single cohort, it is not tested. `verdict` says what follows for the claim.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from epidl import commands, figures
from epidl.grid.contrasts import (
    CONTROL,
    condition,
    epistatic_shares,
    mean_difference,
    paired,
    ridge_on_test_individuals,
    settings_as_models,
)
from epidl.grid.params import PUBLISHED_H2
from epidl.grid.results import read_table
from epidl.storage import write_table
from epidl_book.agreement import DIGITISING_ERROR

DATA = Path("book/data")
TABLES = ("scaling", "ridge_vs_sgd", "hyperparameters", "beyond", "dilution", "beyond_dilution", "correlation")
COLUMNS = (
    *("id", "claim", "experiment", "statement_checked", "estimate", "low", "high", "cohorts", "verdict", "note"),
)
HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold"
UNDECIDED, UNTESTED = "undecided", "not tested at this profile"
VERDICTS = (HOLDS, IN_PART, FAILS, UNDECIDED, UNTESTED)

# what the publication's words are taken to mean
MARGIN = DIGITISING_ERROR  # in r: no difference is told from one that its figures could not show
NEARLY_ALL = 0.9  # of the genetic variance
MOST = 0.5  # of the epistatic variance
SAME_SHARE = 0.05  # of the epistatic variance: shares are the same
FAR_BELOW = 0.2  # scaling at most: five individuals a pair or more
LIMIT = 5  # the scaling at which there are a fifth as many individuals as pairs
ALMOST_EVERY = 0.9  # of the conditions
FEW_QTL, UP_TO_300, MANY_QTL = (100, 200), (100, 200, 300), (500, 1000)

# the publication's design, and its network
SCALINGS, EPISTATIC = (0.1, 0.2, 0.3, 0.5, 1, 2, 4, 7, 12, 20), (0.1, 0.5, 1, 3)
MARKERS = (100, 250, 500, 750, 1000, 2500, 5000, 10000)
N_TRAITS, CORRELATIONS = (10, 100), ("0", "0.25", "0.5", "0.75", "0.95")
WIDTH, RATE = 4096, 0.01

Range = tuple[float, float]
GAIN, LOSS, EQUAL, NO_GAIN = (0, np.inf), (-np.inf, 0), (-MARGIN, MARGIN), (-np.inf, MARGIN)
IN_R, IN_SHARE = "difference in r, or r", "share of variance"
NAMES = {
    "scaling": "scaling {:g}",
    "rel_aa": "relAA {:g}",
    "n_samples": "{:,} individuals",
    "n_markers": "{:,} markers",
    "n_traits": "{:,} traits",
    "n_qtl": "{:,} QTL",
    "condition": "correlation {}",
}
WORDS = {
    "ridge": "ridge",
    "ridge_splits": "ridge on random splits",
    "ridge_sgd": "ridge by SGD",
    "lasso": "LASSO",
    "mlp": "MLP",
    "lasso_pruned": "pruned LASSO",
    "mlp_pruned": "pruned MLP",
}
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Condition:
    """A range that a claim asks a mean over cohorts to lie in; the mean with its interval, NaN where there is none.

    n_samples: of the cohorts, 0 where the condition is not about one number of individuals.
    """

    where: str
    within: Range
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
        return "contradicted" if self.high <= self.within[0] or self.low >= self.within[1] else "open"

    @property
    def clearance(self) -> float:
        """How far the interval's nearer end is inside the range; negative where it is outside."""
        return min(self.low - self.within[0], self.within[1] - self.high)


@dataclass(frozen=True)
class Claim:
    """A claim in our words, what is checked of it, and the function that returns its conditions from the tables.

    share: the share of the conditions that must be shown. readings: other ways to check it, by name, as arguments of
    the function; the note says where their verdict differs.
    """

    id: str
    words: str
    experiment: str
    statement: str
    check: Callable[..., list[Condition]]
    share: float = 1
    readings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


CLAIMS: dict[str, Claim] = {}
BY_SPLITS = {"against ridge on ten random splits, as the publication scores it": {"baseline": "ridge_splits"}}
BY_SGD = BY_SPLITS | {"against ridge by SGD": {"baseline": "ridge_sgd"}}
HELD_OUT = {"on test individuals that steer nothing, protocol held_out": {"protocol": "held_out"}}
SHARED_PAIRS = {"against traits that share pairs without correlation": {"start": CONTROL}}


def check_of(id: str, words: str, statement: str, **options: object) -> Callable:
    """Enter the function that it decorates as the check of a claim."""
    experiment = {"S": "scaling", "D": "dilution", "C": "correlation"}[id[0]]

    def enter(check: Callable) -> Callable:
        CLAIMS[id] = Claim(id, words, experiment, statement, check, **options)
        return check

    return enter


# --- scaling ---


@check_of(
    "S1",
    "With far fewer pairs than individuals the MLP predicts nearly all genetic variance, and for every "
    "trait with epistasis it beats the linear model.",
    f"Scalings up to {FAR_BELOW:g}, each epistatic trait by itself: the MLP's mean r² over H² is above {NEARLY_ALL:g}, "
    "and its mean r less that of exact ridge is above 0.",
    readings=BY_SGD,
)
def check_s1(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of S1."""
    table, by = _epistatic(_scaling(tables)), ["scaling", "rel_aa", "n_samples"]
    few = list(itertools.product([scaling for scaling in SCALINGS if scaling <= FAR_BELOW], EPISTATIC))
    mlp = table[table["model"] == "mlp"]
    explained = _means(mlp.assign(share=mlp["pearson_r"] ** 2 / PUBLISHED_H2), "share", by)
    return [
        *_at(few, explained, (NEARLY_ALL, np.inf), "r² / H²", IN_SHARE),
        *_at(few, _leads(table, "mlp", baseline, by), GAIN, f"MLP less {WORDS[baseline]}"),
    ]


@check_of(
    "S2",
    "With more pairs than individuals the MLP learns additive effects only and does about as well as the linear model.",
    f"Scalings above {LIMIT} (below it S3 expects gains): the MLP's mean r over the epistatic traits less that of "
    f"exact ridge is within ±{MARGIN:g}; and so is the mean r with the epistatic part of the genetic value, again "
    "less that of exact ridge (table beyond, protocol held_out).",
    readings=BY_SGD | HELD_OUT,
)
def check_s2(tables: Tables, baseline: str = "ridge", protocol: str = "published") -> list[Condition]:
    """Return the conditions of S2."""
    table, by = _epistatic(_scaling(tables, protocol)), ["scaling", "n_samples"]
    held_out = _epistatic(_scaling(tables, "held_out"))
    with_epistatic_part = held_out.assign(pearson_r=held_out["r_epistatic"])
    many = [scaling for scaling in SCALINGS if scaling > LIMIT]
    return [
        *_at(many, _leads(table, "mlp", baseline, by), EQUAL, f"MLP less {WORDS[baseline]}"),
        *_at(many, _leads(with_epistatic_part, "mlp", "ridge", by), EQUAL, "MLP less ridge, r with the epistatic part"),
    ]


@check_of(
    "S3",
    "The MLP's gain begins once there are about a fifth as many individuals as pairs (scaling 5).",
    "The MLP's mean r over the epistatic traits less that of exact ridge is above 0 at each scaling up to "
    f"{LIMIT}, and below {MARGIN:g} at each above.",
    readings=BY_SGD | HELD_OUT,
)
def check_s3(tables: Tables, baseline: str = "ridge", protocol: str = "published") -> list[Condition]:
    """Return the conditions of S3."""
    leads = _leads(_epistatic(_scaling(tables, protocol)), "mlp", baseline, ["scaling", "n_samples"])
    return [
        *_at([scaling for scaling in SCALINGS if scaling <= LIMIT], leads, GAIN, f"MLP less {WORDS[baseline]}"),
        *_at([scaling for scaling in SCALINGS if scaling > LIMIT], leads, NO_GAIN, f"MLP less {WORDS[baseline]}"),
    ]


@check_of(
    "S4",
    "Most of the epistatic variance is predicted only where individuals outnumber pairs (scaling below 1).",
    "The MLP's r² less that of exact ridge, over H² and summed over the epistatic traits, as a share of their summed "
    f"epistatic variance (V_AA/V_G): above {MOST:g} at each scaling below 1, below {MOST:g} at each above 1 (at 1 "
    "itself, as many individuals as pairs, nothing is asked).",
    readings=BY_SGD,
)
def check_s4(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of S4."""
    by = ["scaling", "n_samples"]
    shares = _means(epistatic_shares(_scaling(tables), "mlp", baseline, by), "share", by)
    return [
        *_at([scaling for scaling in SCALINGS if scaling < 1], shares, (MOST, np.inf), "share of V_AA", IN_SHARE),
        *_at([scaling for scaling in SCALINGS if scaling > 1], shares, (-np.inf, MOST), "share of V_AA", IN_SHARE),
    ]


@check_of(
    "S5",
    "Seen against the scaling, the MLP does as well beside the linear model at every sample size.",
    "At each scaling, the share of the epistatic variance that the MLP predicts beyond exact ridge (see S4), at each "
    f"larger sample size of the table less the same at its smallest, is within ±{SAME_SHARE:g}.",
    readings=BY_SGD | {"by the difference in r": {"of": "difference"}, "by the MLP's r alone": {"of": "pearson_r"}},
)
def check_s5(tables: Tables, baseline: str = "ridge", of: str = "share") -> list[Condition]:
    """Return the conditions of S5; of: share, or the column of `replication.paired` that is compared in its place."""
    table, by = _scaling(tables), ["scaling", "n_samples"]
    shares = of == "share"
    rows = epistatic_shares(table, "mlp", baseline, by) if shares else paired(_epistatic(table), "mlp", baseline)
    within = (-SAME_SHARE, SAME_SHARE) if shares else EQUAL
    found, conditions = _samples(rows, of, by), []
    for scaling in SCALINGS:
        sizes = sorted(n_samples for at, n_samples in found if at == scaling)
        if len(sizes) < 2:
            conditions.append(Condition(f"scaling {scaling:g}, a second sample size", within))
        for n in sizes[1:]:
            weights = {(scaling, n): 1, (scaling, sizes[0]): -1}
            compared = _contrast(found, weights, within, f"scaling {scaling:g}, {n:,} less {sizes[0]:,}")
            conditions.append(replace(compared, scale=IN_SHARE if shares else IN_R))
    return conditions


@check_of(
    "S6",
    "Results differ most between replicates at 1,000 individuals.",
    "The mean absolute deviation of the MLP's r from the mean of its cell and trait, times √(k/(k-1)) for k "
    "replicates, at 1,000 individuals less that at each other sample size, is above 0 on average over the scalings "
    "that have several replicates at both (the interval is over scalings).",
)
def check_s6(tables: Tables) -> list[Condition]:
    """Return the conditions of S6."""
    table = _scaling(tables)
    mlp = table[table["model"] == "mlp"]
    r = mlp.groupby(["cell", "trait"])["pearson_r"]
    k = r.transform("count")
    mlp = mlp.assign(spread=((mlp["pearson_r"] - r.transform("mean")).abs() * np.sqrt(k / (k - 1)))[k > 1])
    spread = mlp.dropna(subset=["spread"]).groupby(["scaling", "n_samples"])["spread"].mean().unstack()
    conditions = []
    for n in [n for n in spread if n != 1000 and 1000 in spread]:
        differences = (spread[1000] - spread[n]).dropna()
        both = mlp["scaling"].isin(differences.index) & mlp["n_samples"].isin([1000, n])
        found = _interval([differences.to_numpy()], [1]) | {"cohorts": len(mlp[both].groupby(["cell", "replicate"]))}
        conditions.append(Condition(f"spread of r, 1,000 less {n:,}", GAIN, **found))
    return conditions or [Condition("a second sample size", GAIN)]


@check_of(
    "S7",
    "For a purely additive trait the MLP has no advantage.",
    f"At each scaling, the MLP's mean r for the additive trait less that of exact ridge is below {MARGIN:g}.",
    readings=BY_SGD,
)
def check_s7(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of S7."""
    table = _scaling(tables)
    leads = _leads(table[table["rel_aa"] == 0], "mlp", baseline, ["scaling", "n_samples"])
    return _at(SCALINGS, leads, NO_GAIN, f"MLP less {WORDS[baseline]}")


@check_of(
    "S8",
    "Ridge by SGD agrees with exact ridge at 1,000 and 10,000 individuals.",
    "At both sample sizes and each scaling, the mean r of ridge by SGD over all traits less that of exact ridge is "
    f"within ±{MARGIN:g} (table ridge_vs_sgd, protocol published).",
    readings=BY_SPLITS | HELD_OUT,
)
def check_s8(tables: Tables, baseline: str = "ridge", protocol: str = "published") -> list[Condition]:
    """Return the conditions of S8."""
    table = tables["ridge_vs_sgd"]
    rows = table[table["protocol"] == protocol]
    rows = _with_both_ridges(rows, table) if protocol == "published" else rows
    leads = _leads(rows, "ridge_sgd", baseline, ["n_samples", "scaling"])
    return _at(itertools.product((1000, 10000), SCALINGS), leads, EQUAL, f"ridge by SGD less {WORDS[baseline]}")


@check_of(
    "S9",
    "Other learning rates and hidden sizes hardly change the results of scaling.",
    "At each scaling, the MLP's mean r over all traits with another width, or with another rate, less that with the "
    f"published ones ({WIDTH} units, {RATE:g}) on the same cohorts is within ±{MARGIN:g} (table hyperparameters).",
)
def check_s9(tables: Tables) -> list[Condition]:
    """Return the conditions of S9."""
    settings = settings_as_models(_scaling(tables), tables["hyperparameters"])
    others, conditions = sorted(set(settings["model"]) - {"mlp"}), []
    for kind, name in (("units", "another hidden width"), ("rate", "another learning rate")):
        found = [other for other in others if kind in other]
        for other in found:
            leads = _leads(settings, other, "mlp", ["scaling", "n_samples"])
            conditions += _at(SCALINGS, leads, EQUAL, f"{other} less the published")
        conditions += [] if found else [Condition(name, EQUAL)]
    return conditions


# --- dilution ---


@check_of(
    "D1",
    "For the epistatic trait, the MLP's gain is smaller with 250 markers than with 100, and gone from 750 on.",
    "The MLP's mean r less that of ridge: at 250 markers less at 100 is below 0; from 750 markers on it is below "
    f"{MARGIN:g}.",
    readings=BY_SPLITS,
)
def check_d1(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of D1."""
    table = _epistatic(_dilution(tables))
    gain = _samples(paired(table, "mlp", baseline), "difference", ["n_markers"])
    gone = [n_markers for n_markers in MARKERS if n_markers >= 750]
    return [
        _contrast(gain, {(250,): 1, (100,): -1}, LOSS, "gain, 250 markers less 100"),
        *_at(gone, _leads(table, "mlp", baseline, ["n_markers"]), NO_GAIN, f"MLP less {WORDS[baseline]}"),
    ]


@check_of(
    "D2",
    "For the additive trait MLP and ridge do about equally well, until ridge is ahead at 10,000 markers.",
    f"The MLP's mean r less that of ridge is within ±{MARGIN:g} at each smaller number of markers, and below 0 at "
    "10,000.",
    readings=BY_SPLITS,
)
def check_d2(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of D2."""
    table, what = _dilution(tables), f"MLP less {WORDS[baseline]}"
    leads = _leads(table[table["rel_aa"] == 0], "mlp", baseline, ["n_markers"])
    return [*_at(MARKERS[:-1], leads, EQUAL, what), *_at(MARKERS[-1:], leads, LOSS, what)]


@check_of(
    "D3",
    "With 500 markers, a scaling of about 12.5, the MLP still gains, beyond the limit of S3.",
    "The MLP's mean r for the epistatic trait less that of ridge is above 0 at 500 markers.",
    readings=BY_SPLITS,
)
def check_d3(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of D3."""
    return _epistatic_leads(tables, "mlp", baseline, [500], GAIN)


@check_of(
    "D4",
    "From 750 markers on, for the epistatic trait, selecting features helps the linear model and the MLP.",
    "From 750 markers on, for the epistatic trait: mean r of the pruned LASSO less that of ridge, and of the pruned "
    "MLP less that of the MLP, is above 0.",
    readings=BY_SPLITS | {"against the unpruned LASSO": {"baseline": "lasso"}},
)
def check_d4(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of D4."""
    many = [n_markers for n_markers in MARKERS if n_markers >= 750]
    return [
        *_epistatic_leads(tables, "lasso_pruned", baseline, many, GAIN),
        *_epistatic_leads(tables, "mlp_pruned", "mlp", many, GAIN),
    ]


@check_of(
    "D5",
    "With 750 to 1,000 markers the pruned MLP beats the pruned linear model.",
    "Mean r of the pruned MLP for the epistatic trait less that of the pruned LASSO is above 0 at 750 and at 1,000 "
    "markers.",
)
def check_d5(tables: Tables) -> list[Condition]:
    """Return the conditions of D5."""
    return _epistatic_leads(tables, "mlp_pruned", "lasso_pruned", [750, 1000], GAIN)


@check_of(
    "D6",
    "Above 5,000 markers the two pruned models do not differ.",
    f"Mean r of the pruned MLP for the epistatic trait less that of the pruned LASSO is within ±{MARGIN:g} at 10,000 "
    "markers.",
)
def check_d6(tables: Tables) -> list[Condition]:
    """Return the conditions of D6."""
    return _epistatic_leads(tables, "mlp_pruned", "lasso_pruned", [m for m in MARKERS if m > 5000], EQUAL)


@check_of(
    "D7",
    "Selecting features extends the MLP's gain to a scaling of about 50.",
    "At 1,000 markers (scaling 49.95), for the epistatic trait, mean r of the pruned MLP less that of ridge, and less "
    "that of the pruned LASSO, is above 0.",
    readings=BY_SPLITS,
)
def check_d7(tables: Tables, baseline: str = "ridge") -> list[Condition]:
    """Return the conditions of D7."""
    return [
        *_epistatic_leads(tables, "mlp_pruned", baseline, [1000], GAIN),
        *_epistatic_leads(tables, "mlp_pruned", "lasso_pruned", [1000], GAIN),
    ]


# --- correlation ---


@check_of(
    "C1",
    "Up to 300 QTL the MLP beats ridge under almost every condition.",
    "For 100, 200 and 300 QTL, 10 and 100 traits and each correlation of the publication: the MLP's mean r less that "
    f"of ridge is above 0, in at least {100 * ALMOST_EVERY:g} % of these conditions.",
    share=ALMOST_EVERY,
)
def check_c1(tables: Tables) -> list[Condition]:
    """Return the conditions of C1."""
    return _leads_by_correlation(tables, UP_TO_300, GAIN)


@check_of(
    "C2",
    "With few QTL a low correlation helps more than a high one, as an artefact of the simulation.",
    "For 100 and 200 QTL, 10 and 100 traits, by the MLP's mean r less that of ridge: correlation 0.25 less 0.95 is "
    f"above 0; and 0.25 less our control, shared pairs without any correlation, is below {MARGIN:g} (sharing them does "
    "it).",
)
def check_c2(tables: Tables) -> list[Condition]:
    """Return the conditions of C2."""
    gain = _gain_by_correlation(tables)
    return [
        *_steps(gain, FEW_QTL, {"0.25": 1, "0.95": -1}, GAIN, "0.25 less 0.95"),
        *_steps(gain, FEW_QTL, {"0.25": 1, CONTROL: -1}, NO_GAIN, "0.25 less shared pairs alone"),
    ]


@check_of(
    "C3",
    "With 100 to 300 QTL correlation helps modestly, less and less as it grows.",
    "For 100, 200 and 300 QTL, 10 and 100 traits, by the MLP's mean r less that of ridge: correlation 0.25 less traits "
    "drawn apart is above 0; and the step from 0.25 to 0.95 less that step is below 0. How much is modest is "
    "not checked.",
    readings=SHARED_PAIRS,
)
def check_c3(tables: Tables, start: str = "0") -> list[Condition]:
    """Return the conditions of C3."""
    gain = _gain_by_correlation(tables)
    return [
        *_steps(gain, UP_TO_300, {"0.25": 1, start: -1}, GAIN, "first step"),
        *_steps(gain, UP_TO_300, {"0.95": 1, "0.25": -2, start: 1}, LOSS, "second step less first"),
    ]


@check_of(
    "C4",
    "With 500 to 1,000 QTL the MLP is slightly behind ridge, and correlation helps little, with 100 traits only.",
    "For 500 and 1,000 QTL, 10 and 100 traits: the MLP's mean r less that of ridge is below 0 at each correlation (how "
    f"far is not checked); at 0.95 less drawn apart it is below {MARGIN:g} with 10 traits and above 0 with 100.",
    readings=SHARED_PAIRS,
)
def check_c4(tables: Tables, start: str = "0") -> list[Condition]:
    """Return the conditions of C4."""
    gain, step = _gain_by_correlation(tables), {"0.95": 1, start: -1}
    return [
        *_leads_by_correlation(tables, MANY_QTL, LOSS),
        *_steps(gain, MANY_QTL, step, NO_GAIN, "0.95 less no correlation", [10]),
        *_steps(gain, MANY_QTL, step, GAIN, "0.95 less no correlation", [100]),
    ]


@check_of(
    "C5",
    "With 10 traits and 300 to 1,000 QTL a correlation of 0.25 is enough to help.",
    "For 300, 500 and 1,000 QTL and 10 traits: the MLP's mean r less that of ridge at correlation 0.25, less that of "
    "traits drawn apart, is above 0.",
    readings=SHARED_PAIRS,
)
def check_c5(tables: Tables, start: str = "0") -> list[Condition]:
    """Return the conditions of C5."""
    step = {"0.25": 1, start: -1}
    return _steps(_gain_by_correlation(tables), (300, 500, 1000), step, GAIN, "0.25 less no correlation", [10])


# --- from conditions to verdicts ---


def verdict(conditions: Sequence[Condition], share: float = 1) -> str:
    """Return what a claim's conditions say of it, where at least `share` of them must be shown.

    holds: enough are shown. Where more are contradicted than may fail, the claim holds in part if some are shown, and
    does not hold if none is. Otherwise it is not tested at this profile while a condition lacks cells or cohorts, and
    undecided where intervals are too wide.

    Raises ValueError for no condition.
    """
    if not conditions:
        raise ValueError("conditions must hold at least one, got none")
    outcomes = [found.outcome for found in conditions]
    may_fail = int(round((1 - share) * len(conditions), 9))
    if outcomes.count("shown") >= len(conditions) - may_fail:
        return HOLDS
    if outcomes.count("contradicted") > may_fail:
        return IN_PART if "shown" in outcomes else FAILS
    return UNTESTED if "untested" in outcomes else UNDECIDED


def deciding(conditions: Sequence[Condition]) -> Condition:
    """Return the condition that speaks most against the claim; where none is tested, the first with an estimate."""
    order = ("contradicted", "open", "shown")
    tested = [found for found in conditions if found.outcome in order]
    if tested:
        return min(tested, key=lambda found: (order.index(found.outcome), found.clearance))
    return next((found for found in conditions if np.isfinite(found.estimate)), conditions[0])


def check_all(tables: Tables) -> pd.DataFrame:
    """Return the verdict on every claim, a row a claim, with the columns `COLUMNS`.

    estimate, low, high (95 % interval; NaN where there is none) and cohorts are those of the `deciding` condition.
    tables: the result tables named in `TABLES`.

    Raises ValueError where one is missing.
    """
    return pd.DataFrame([_row(claim, tables) for claim in CLAIMS.values()], columns=list(COLUMNS))


def all_conditions(tables: Tables) -> pd.DataFrame:
    """Return every condition of every claim: id, where, lower and upper bound, estimate with interval, and outcome.

    Raises ValueError where a table is missing.
    """
    rows = [
        {"id": claim.id, "where": found.where, "lower": found.within[0], "upper": found.within[1]}
        | {name: getattr(found, name) for name in ("estimate", "low", "high", "cohorts", "scale", "outcome")}
        for claim in CLAIMS.values()
        for found in claim.check(_complete(tables))
    ]
    return pd.DataFrame(rows)


def read_tables(folder: Path = DATA) -> dict[str, pd.DataFrame]:
    """Read the tables that the claims are checked on; raise ValueError where one is missing or none."""
    return {name: read_table(Path(folder, f"{name}.csv")) for name in TABLES}


def counts(checked: pd.DataFrame) -> dict[str, str]:
    """Return how many claims got each verdict and which, in words, by verdict; `all` counts them all."""
    words = {"all": str(len(checked))}
    for name in VERDICTS:
        ids = checked.loc[checked["verdict"] == name, "id"]
        words[name] = f"{len(ids)} ({', '.join(ids)})" if len(ids) else "none"
    return words


def takeaway(checked: pd.DataFrame) -> str:
    """Return how many claims got each verdict, in a sentence, from a table of `check_all`."""
    number = counts(checked)
    words = "; ".join(f"{name}: {number[name]}" for name in VERDICTS)
    return f"Of the publication's {number['all']} claims, on the tables that this book has, {words}."


def in_words(checked: pd.DataFrame, experiment: str) -> str:
    """Return the claims of one experiment as a Markdown table: claim, verdict, estimate, check and note."""
    lines = ["| Claim | Verdict | Estimate | Checked, and found |", "|---|---|---|---|"]
    for row in checked[checked["experiment"] == experiment].itertuples():
        found = f"{_estimate(row.estimate, row.low, row.high)}, {_cohorts(row.cohorts)}" if row.cohorts else "none"
        lines.append(
            f"| **{row.id}** {row.claim} | **{row.verdict}** | {found} | {row.statement_checked} *{row.note}* |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 where a table is missing or cannot be written."""
    argparse.ArgumentParser(prog="python -m epidl_book.claims", description=__doc__.splitlines()[0]).parse_args(
        arguments
    )
    try:
        checked = check_all(read_tables())
        write_table(DATA / "claims.csv", checked)
        draw_readme_figure()
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(takeaway(checked))
    return 0


def draw_readme_figure() -> None:
    """Draw figure 1B from the published table beside the publication's digitised values."""
    figures.use_style()
    table = read_table(DATA / "scaling.csv").query("protocol == 'published'")
    figure = figures.figure_1b(table, pd.read_csv(DATA / "figure_1_digitised.csv"))
    figure.savefig("book/static/figure_1b.png", dpi=160)


def differing(conditions: Sequence[Condition]) -> str:
    """Return in words at how many conditions on a difference, of those with an interval, 0 lies outside, and where."""
    tested = [found for found in conditions if found.outcome != "untested"]
    apart = [found for found in tested if found.low > 0 or found.high < 0]
    places = "; ".join(f"{found.where}, {_estimate(found.estimate, found.low, found.high)}" for found in apart)
    return f"{len(apart)} of {len(tested)}{places and f' ({places})'}"


def _row(claim: Claim, tables: Tables) -> dict:
    conditions = claim.check(_complete(tables))
    found, decided = deciding(conditions), verdict(conditions, claim.share)
    notes = [_summary(conditions)]
    for name, arguments in claim.readings.items():
        other = claim.check(tables, **arguments)
        if verdict(other, claim.share) != decided:
            notes.append(f"{name[0].upper()}{name[1:]}: {verdict(other, claim.share)}. {_summary(other)}")
    return {
        "id": claim.id,
        "claim": claim.words,
        "experiment": claim.experiment,
        "statement_checked": claim.statement,
        **{column: getattr(found, column) for column in ("estimate", "low", "high", "cohorts")},
        "verdict": decided,
        "note": " ".join(notes),
    }


def _complete(tables: Tables) -> Tables:
    missing = [name for name in TABLES if name not in tables]
    if missing:
        raise ValueError(f"tables must hold {', '.join(TABLES)}, but lacks {', '.join(missing)}")
    return tables


def _summary(conditions: Sequence[Condition], most: int = 3) -> str:
    """Return how many conditions are shown, and where they are not, in words; at most `most` places of a kind."""
    of = {name: [c for c in conditions if c.outcome == name] for name in ("shown", "contradicted", "open", "untested")}
    sentences = [f"Shown: {len(of['shown'])} of {len(conditions)} conditions{_sizes(of['shown'])}."]
    if len(of["shown"]) == len(conditions):
        return f"{sentences[0]} Nearest to its bound: {deciding(conditions).where}."
    if len(of["untested"]) == len(conditions):
        sentences = []
    for name in ("contradicted", "open"):
        worst = sorted(of[name], key=lambda c: c.clearance)
        sentences += _places(
            name.capitalize(), [f"{c.where}, {_estimate(c.estimate, c.low, c.high)}" for c in worst], most
        )
    alone = [f"{c.where}, {c.estimate:.3f}" for c in of["untested"] if np.isfinite(c.estimate)]
    missing = [c.where for c in of["untested"] if not np.isfinite(c.estimate)]
    sentences += _places("Too few cohorts for an interval", alone, most)
    return " ".join(sentences + _places("Not in the table", missing, most))


def _sizes(conditions: Sequence[Condition]) -> str:
    """Return the numbers of individuals that conditions are about, in words; nothing where they name none."""
    sizes = sorted({found.n_samples for found in conditions} - {0})
    return f", at {' and '.join(f'{size:,}' for size in sizes)} individuals" if sizes else ""


def _places(name: str, places: Sequence[str], most: int) -> list[str]:
    more = f"; and {len(places) - most} more" if len(places) > most else ""
    return [f"{name}: {'; '.join(places[:most])}{more}."] if places else []


def _estimate(estimate: float, low: float, high: float) -> str:
    interval = f"[{low:.3f}, {high:.3f}]" if np.isfinite([low, high]).all() else "(no interval)"
    return f"{estimate:.3f} {interval}"


def _cohorts(number: int) -> str:
    return f"{number} cohort{'' if number == 1 else 's'}"


# --- the rows that a claim is about ---


def _published(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the published protocol, of models that are no network or have the published width."""
    return table[(table["protocol"] == "published") & table["hidden_width"].isin([0, WIDTH])]


def _scaling(tables: Tables, protocol: str = "published") -> pd.DataFrame:
    """Return the rows of the published network and of models that are none; those held out are of the table beyond."""
    if protocol == "published":
        table = _with_both_ridges(_published(tables["scaling"]), tables["ridge_vs_sgd"])
    else:
        table = tables["beyond"]
        table = table[~table["all_pairs"] & (table["broad_sense_heritability"] == PUBLISHED_H2)]
        table = table[(table["protocol"] == protocol) & table["hidden_width"].isin([0, WIDTH])]
    return table[(table["model"] != "mlp") | (table["learning_rate"] == RATE)]


def _with_both_ridges(table: pd.DataFrame, held_out: pd.DataFrame) -> pd.DataFrame:
    """Return the table with ridge on the test individuals of networks, and its own as the model `ridge_splits`."""
    splits = table[table["model"] == "ridge"].assign(model="ridge_splits")
    return pd.concat([ridge_on_test_individuals(table, held_out), splits], ignore_index=True)


def _dilution(tables: Tables) -> pd.DataFrame:
    table = _with_both_ridges(_published(tables["dilution"]), tables["beyond_dilution"])
    return table[(table["n_samples"] == 10_000) & (table["n_qtl"] == 100)]


def _correlation(tables: Tables) -> pd.DataFrame:
    table = _published(tables["correlation"])
    return table[table["n_samples"] == 10_000].assign(condition=condition)


def _epistatic(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["rel_aa"] > 0]


# --- means over cohorts, and conditions on them ---


def _samples(rows: pd.DataFrame, value: str, by: Sequence[str]) -> dict[tuple, np.ndarray]:
    """Return the values of the cohorts, one a cohort (the mean of its traits), by the values of `by`."""
    values = rows.dropna(subset=[value]).groupby([*by, "cell", "replicate"])[value].mean()
    return {point: part.to_numpy() for point, part in values.groupby(list(by))}


def _interval(samples: Sequence[np.ndarray], weights: Sequence[float]) -> dict[str, float]:
    """Return the weighted sum of the means of independent samples with its 95 % interval.

    The interval is Student's for one sample and Welch's for more; there is none (NaN) where a sample holds one value.
    """
    estimate = sum(weight * np.mean(sample) for weight, sample in zip(weights, samples, strict=True))
    found = {"estimate": estimate, "low": np.nan, "high": np.nan, "cohorts": sum(map(len, samples))}
    if min(map(len, samples)) > 1:
        parts = np.array([w**2 * np.var(x, ddof=1) / len(x) for w, x in zip(weights, samples, strict=True)])
        degrees = np.array([len(sample) - 1 for sample in samples])
        error = np.sqrt(parts.sum())
        # Welch and Satterthwaite's degrees of freedom; any do where nothing varies
        half = error * scipy.stats.t.ppf(0.975, parts.sum() ** 2 / (parts**2 / degrees).sum()) if error > 0 else 0
        found |= {"low": estimate - half, "high": estimate + half}
    return found


def _contrast(
    samples: Mapping[tuple, np.ndarray], weights: Mapping[tuple, float], within: Range, where: str
) -> Condition:
    """Return the condition on a weighted sum of the means of different cohorts; untested where a sample is missing."""
    if not set(weights) <= set(samples):
        return Condition(where, within)
    return Condition(where, within, **_interval([samples[point] for point in weights], list(weights.values())))


def _means(rows: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    """Return the mean of a column over cohorts with its interval, a row a value of `by`."""
    samples = _samples(rows, value, by)
    return _frame([_interval([sample], [1]) for sample in samples.values()], samples, by)


def _leads(table: pd.DataFrame, model: str, baseline: str, by: Sequence[str]) -> pd.DataFrame:
    """Return `mean_difference` with the column estimate; without rows where the table lacks either model."""
    if paired(table, model, baseline).empty:
        return _frame([], [], by)
    return mean_difference(table, model, baseline, by).rename(columns={"difference": "estimate"})


def _frame(rows: Sequence[Mapping], points: Iterable[tuple], by: Sequence[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(points), names=list(by))
    return pd.DataFrame(rows, index=index, columns=["estimate", "low", "high", "cohorts"])


def _at(points: Iterable[object], found: pd.DataFrame, within: Range, what: str, scale: str = IN_R) -> list[Condition]:
    """Return a condition for each row of `found` at the points, values of its first index level or levels.

    Rows of a single cohort count only where a point has no other; a point without rows is a condition without values.
    """
    conditions = []
    for point in points:
        point = _tuple(point)
        rows = found.loc[np.array([_tuple(place)[: len(point)] == point for place in found.index], dtype=bool)]
        rows = rows[rows["cohorts"] > 1] if (rows["cohorts"] > 1).any() else rows
        places = list(rows.index) or [point]
        for k, place in enumerate(places):
            at = dict(zip(found.index.names, _tuple(place), strict=False))
            words = [NAMES[name].format(value) for name, value in at.items()]
            values = rows.iloc[k].to_dict() if len(rows) else {"cohorts": 0}
            values |= {"cohorts": int(values["cohorts"]), "n_samples": int(at.get("n_samples", 0))}
            conditions.append(Condition(f"{what}, {', '.join(words)}", within, **values, scale=scale))
    return conditions


def _tuple(place: object) -> tuple:
    return place if isinstance(place, tuple) else (place,)


def _epistatic_leads(
    tables: Tables, model: str, baseline: str, markers: Sequence[int], within: Range
) -> list[Condition]:
    leads = _leads(_epistatic(_dilution(tables)), model, baseline, ["n_markers"])
    return _at(markers, leads, within, f"{WORDS[model]} less {WORDS[baseline]}")


def _leads_by_correlation(tables: Tables, n_qtl: Sequence[int], within: Range) -> list[Condition]:
    leads = _leads(_correlation(tables), "mlp", "ridge", ["n_traits", "n_qtl", "condition"])
    return _at(itertools.product(N_TRAITS, n_qtl, CORRELATIONS), leads, within, "MLP less ridge")


def _gain_by_correlation(tables: Tables) -> dict[tuple, np.ndarray]:
    return _samples(paired(_correlation(tables), "mlp", "ridge"), "difference", ["n_traits", "n_qtl", "condition"])


def _steps(
    gain: Mapping[tuple, np.ndarray],
    n_qtl: Sequence[int],
    weights: Mapping[str, float],
    within: Range,
    what: str,
    n_traits: Sequence[int] = N_TRAITS,
) -> list[Condition]:
    """Return the condition on a weighted sum over correlations, one a number of traits and QTL."""
    return [
        _contrast(
            gain, {(t, q, at): weight for at, weight in weights.items()}, within, f"{what}, {t} traits, {q:,} QTL"
        )
        for t, q in itertools.product(n_traits, n_qtl)
    ]


if __name__ == "__main__":
    commands.end(main)
