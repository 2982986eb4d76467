"""What to expect of each model in a study of one's own: `plan(...)`, and `python -m epidl.planner`.

A forecast is a closed form, corrected by what was simulated near the study. Ridge, the epistatic
kernel and sparse pairs have closed forms of their own (`theory`). The MLP takes the kernel's, with
the share of its training individuals that it was seen to use. Closed forms depend on the study
through few numbers, its place: how well the individuals suffice for the markers and for their
pairs, and what the trait is made of,

    t_A = n v_A / (n v_A + m),  t_AA = n v_AA / (n v_AA + C(m, 2)),  v_AA / (v_A + v_AA),  H2,  q / m.

The difference of a simulated cohort from its closed form, its residual, corrects forecasts nearby:

    r = r_closed + sum_i w_i residual_i / (prior + sum_i w_i),   w_i = exp(-d_i^2 / 2 length^2),

d_i the distance between places. `surface` measures all this and keeps it in surface.json, which the
book's page reads too. The page's script and this module compute the same numbers, as tests check.

The plan of a study is for real data, and the intervals include the errors of such forecasts on this
book's public cohorts. The interval of sparse pairs reaches down to ridge's, since nobody knows
before the data whether few pairs interact.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.integrate
from numpy.typing import ArrayLike, NDArray

from epidl import checks, commands
from epidl.cohorts.genotypes import Genotypes
from epidl.cohorts.splits import BATCH_SIZE, TRAIN_SHARE, training_size
from epidl.models import theory
from epidl.own.registry import KINDS

if TYPE_CHECKING:
    from epidl.grid.params import Cell

SURFACE = Path(__file__).with_name("surface.json")
MODELS = ("ridge", "kernel", "mlp", "pairs")
NORMAL_95 = 1.6448536269514722  # quantile of the standard normal distribution: intervals hold 90 %
STEPS_PER_DECADE = 20  # of the search for the number of individuals at which a model pays
MOST_SAMPLES = 10**7
LEAST_SD = 0.005
LEAST_R = 0.05  # of the best model, for a recommendation
FAR = 10.0  # Morgans
LEAST_SHARE = 0.01  # of V_A/V_G and H2 that a study may have

INPUTS = {  # of a study: label, hint, least and most; n_qtl is at most n_markers too
    "n_samples": ("Individuals", "n, of which 85 % train", 20, MOST_SAMPLES),
    "n_markers": ("Independent markers", "m, or independent segments", 2, MOST_SAMPLES),
    "n_qtl": (
        "Causal loci (QTL)",
        "q, a guess, at most m, since loci in one segment count as one",
        2,
        MOST_SAMPLES,
    ),
    "va_over_vg": ("V_A/V_G", "additive share of the genetic variance, a guess", LEAST_SHARE, 1),
    "broad_sense_heritability": ("Broad-sense heritability H²", "V_G/V_P", LEAST_SHARE, 1),
}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study, as a forecast needs it.

    n_samples: individuals, of which 85% train. n_markers: independent ones. Linked markers count as
    the number of independent segments that they represent (`independent_segments`). n_qtl: causal
    loci, a guess. va_over_vg: the additive share of the genetic variance in this very cohort, a
    guess. The rest is pairwise epistasis. broad_sense_heritability: V_G over V_P. population: its
    kind, of `registry.KINDS`, or '' for another. The kind changes no number, only what is said of
    real cohorts.

    Raises ValueError that names the argument, its value and its bound.
    """

    n_samples: int
    n_markers: int
    n_qtl: int
    va_over_vg: float
    broad_sense_heritability: float
    population: str = ""

    def __post_init__(self) -> None:
        checks.choice("population", self.population, ["", *KINDS])
        for name, (_, _, least, most) in INPUTS.items():
            check = checks.integer if Study.__annotations__[name] is int else checks.real
            check(name, getattr(self, name), minimum=least, maximum=most)
        checks.integer("n_qtl", self.n_qtl, minimum=2, maximum=self.n_markers, why="n_markers")

    @property
    def rel_aa(self) -> float:
        """The relative epistatic variance that the simulator needs: V_AA / V_A = 2 relAA."""
        return (1 / self.va_over_vg - 1) / 2

    @property
    def shares(self) -> tuple[float, float]:
        """The additive and the epistatic share of the phenotypic variance."""
        additive = self.broad_sense_heritability * self.va_over_vg
        return additive, self.broad_sense_heritability - additive

    @property
    def numbers(self) -> tuple[float, ...]:
        """What a closed form and a place depend on: individuals, markers, QTL and the two shares."""
        return self.n_samples, self.n_markers, self.n_qtl, *self.shares


@dataclass(frozen=True)
class Forecast:
    """Expected Pearson's r with the phenotype, and an interval that holds 90% of studies, each
    scored on 15% of its individuals.

    The interval is for studies with this V_A/V_G in their cohort. Few QTL may draw one far from the
    expected one. closed_form: without the correction. supported: whether similar studies were
    simulated, for the MLP also with as many individuals and markers. The MLP's closed form is not
    theory, and networks trained on far more individuals were seen to fall short of it.
    """

    pearson_r: float
    low: float
    high: float
    closed_form: float
    supported: bool


@dataclass(frozen=True)
class Plan:
    """The answer to a study.

    forecasts: of each model. ceiling: the r of a perfect prediction of genetic values, the square
    root of H2. additive_ceiling: of their additive part. nearest: simulated conditions like the
    study, nearest first. needed: the fewest individuals, from the study's on, at which a model's
    lead over ridge is clear, None if no number up to `MOST_SAMPLES` was found. answer: one
    sentence. notes: what the answer leaves out. command: the line that simulates the study.
    """

    study: Study
    forecasts: Mapping[str, Forecast]
    ceiling: float
    additive_ceiling: float
    nearest: Sequence[Mapping[str, Any]]
    needed: Mapping[str, int | None]
    answer: str
    notes: Sequence[str]
    command: str

    def __str__(self) -> str:
        texts = surface()["sentences"]
        names = texts["names"]
        lines = [self.answer, "", f"{'':18} {'r':12} {'90 % of studies':14} based on"]
        for model, found in self.forecasts.items():
            r, interval = f"{found.pearson_r:.2f}", f"{found.low:5.2f} to {found.high:4.2f}"
            if is_bound(model, self.study.n_samples):
                interval = ""
            if not interval or model == "pairs":
                r = texts["at_most"].format(r=r)
            lines.append(
                f"{names[model]:18} {r:12} {interval:14}  {basis(model, found, self.study)}"
            )
        lines += [
            f"{'ceiling':18} {self.ceiling:.2f}",
            f"{'additive ceiling':18} {self.additive_ceiling:.2f}",
            "",
        ]
        for model, n in self.needed.items():
            lines.append(f"{names[model]}: {when(model, n, self.study)}")
        return "\n".join([*lines, "", *self.notes, "Simulate it:", self.command])


@cache
def surface() -> dict[str, Any]:
    """Return what `surface` measured."""
    return json.loads(SURFACE.read_text())


def plan(
    n_samples: int,
    n_markers: int,
    n_qtl: int,
    va_over_vg: float,
    broad_sense_heritability: float,
    population: str = "",
) -> Plan:
    """Return what to expect of each model in a study, and which to use, with the arguments of
    `Study`.

    Raises ValueError that names the argument, its value and its bound.
    """
    study = Study(
        n_samples=n_samples,
        n_markers=n_markers,
        n_qtl=n_qtl,
        va_over_vg=va_over_vg,
        broad_sense_heritability=broad_sense_heritability,
        population=population,
    )
    forecasts, needed = forecast(study, real=True), samples_needed(study)
    return Plan(
        study=study,
        forecasts=forecasts,
        ceiling=math.sqrt(study.broad_sense_heritability),
        additive_ceiling=math.sqrt(study.shares[0]),
        nearest=nearest(study),
        needed=needed,
        answer=answer(study, forecasts, needed),
        notes=notes(study),
        command=command(study),
    )


def forecast(
    study: Study, known: Mapping[str, Any] | None = None, *, real: bool = False
) -> dict[str, Forecast]:
    """Return the forecast of each model.

    known: what `surface` measured, by default read from its file. real: for real data, see above,
    not for simulated cohorts in which each QTL has one partner.
    """
    known = known or surface()
    n, (additive, epistatic) = study.n_samples, study.shares
    closed = closed_forms(*study.numbers, known["efficiency"])
    near = _near(place(*study.numbers), known)
    few, trained = n < known["simulated"]["n_samples"][0], known["trained"]
    is_trained = n <= trained["n_samples"] and study.n_markers <= trained["n_markers"]
    found = {}
    for model in MODELS:
        residual, excess, weight = near[model]
        excess += known["excess_real"][model] if real else 0
        r = float(np.clip(closed[model] + residual, 0, math.sqrt(additive + epistatic)))
        low, high = interval(
            r, excess, n, math.sqrt(additive + (0 if model == "ridge" else epistatic))
        )
        supported = bool(weight >= known["enough"]) and not few and (model != "mlp" or is_trained)
        if real and model == "pairs":  # that may find none
            low = min(low, found["ridge"].low)
        found[model] = Forecast(r, float(low), float(high), float(closed[model]), supported)
    return found


def _near(at: NDArray[np.float64], known: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Return the residual and excess variance near a place, and the weight of what was simulated,
    for each model.
    """
    points, length_and_prior = known["points"], [known["smoothing"][model] for model in MODELS]
    length, prior = np.array(length_and_prior).T
    squares = ((np.array([point["place"] for point in points]) - at) ** 2).sum(axis=1)
    residual, excess = (
        np.array([[point[name].get(model, np.nan) for model in MODELS] for point in points])
        for name in ("residual", "excess")
    )
    weights = np.exp(-squares[:, None] / (2 * length**2)) * ~np.isnan(residual)
    weight = weights.sum(axis=0)
    usual = prior * [known["excess"][model] for model in MODELS]
    found = (
        np.nansum(weights * residual, axis=0) / (weight + prior),
        (np.nansum(weights * excess, axis=0) + usual) / (weight + prior),
        weight,
    )
    return dict(zip(MODELS, np.stack(found, axis=1), strict=True))


def is_bound(model: str, n_samples: int) -> bool:
    """Tell whether a forecast is an upper bound, as the MLP's is beyond the cohorts that networks
    were trained on.
    """
    return model == "mlp" and n_samples > surface()["trained"]["n_samples"]


def is_searched(study: Study) -> bool:
    """Tell whether this project's code looks for interacting pairs among as many markers as a study
    has.
    """
    return study.n_markers <= surface()["most_screened"]


def interval(
    r: ArrayLike, excess: ArrayLike, n_samples: ArrayLike, ceiling: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the interval that holds 90% of studies: r, plus and minus 1.645 standard
    deviations.

    excess: variance of r beyond the scatter of few test individuals. Above the ceiling of a model's
    r there is only that scatter.
    """
    sd = np.sqrt(np.maximum(excess, LEAST_SD**2) + variance_of_r(r, n_samples))
    most = np.maximum(r, ceiling)
    above = most + NORMAL_95 * np.sqrt(variance_of_r(most, n_samples))
    return np.clip(r - NORMAL_95 * sd, -1, 1), np.clip(np.minimum(r + NORMAL_95 * sd, above), -1, 1)


def variance_of_r(r: ArrayLike, n_samples: ArrayLike) -> NDArray[np.float64]:
    """Return the variance of r due to few test individuals, (1 - r^2)^2 / n_test."""
    return (1 - np.square(r)) ** 2 / ((1 - TRAIN_SHARE) * np.asarray(n_samples))


def closed_forms(
    n_samples: ArrayLike,
    n_markers: ArrayLike,
    n_qtl: ArrayLike,
    additive: ArrayLike,
    epistatic: ArrayLike,
    efficiency: Sequence[float],
) -> dict[str, NDArray[np.float64]]:
    """Return each model's r without correction. Arguments broadcast.

    additive, epistatic: shares of the phenotypic variance. efficiency: of `mlp_closed_form`.
    """
    n = TRAIN_SHARE * np.asarray(n_samples, dtype=float)
    shares = additive, epistatic
    return {
        "ridge": theory.expected_accuracy(n, n_markers, *shares, model="ridge").pearson_r,
        "kernel": theory.expected_accuracy(n, n_markers, *shares, model="kernel").pearson_r,
        "mlp": mlp_closed_form(n_samples, n_markers, n_qtl, *shares, efficiency),
        "pairs": theory.expected_pairs_accuracy(n, n_markers, n_qtl, *shares).pearson_r,
    }


def mlp_closed_form(
    n_samples: ArrayLike,
    n_markers: ArrayLike,
    n_qtl: ArrayLike,
    additive: ArrayLike,
    epistatic: ArrayLike,
    efficiency: Sequence[float],
) -> NDArray[np.float64]:
    """Return the MLP's r without correction: the epistatic kernel's, from another number of
    individuals.

    efficiency: (a, b, c), multiplying the individuals by a for additive effects and by b (m/q)^c
    for epistatic ones, since a network learns which of the m markers are the q causal ones, and the
    kernel does not.
    """
    n = TRAIN_SHARE * np.asarray(n_samples, dtype=float)
    parts = efficiency[0], efficiency[1] * (np.asarray(n_markers) / n_qtl) ** efficiency[2]
    return theory.expected_accuracy(
        n, n_markers, additive, epistatic, model="kernel", efficiency=parts
    ).pearson_r


def place(
    n_samples: ArrayLike,
    n_markers: ArrayLike,
    n_qtl: ArrayLike,
    additive: ArrayLike,
    epistatic: ArrayLike,
) -> NDArray[np.float64]:
    """Return the place of studies, (..., 5): the numbers at the top of the module, each within [0, 1]."""
    n = TRAIN_SHARE * np.asarray(n_samples)
    n, m, q, additive, epistatic = np.broadcast_arrays(n, n_markers, n_qtl, additive, epistatic)
    parts = (
        n * additive / (n * additive + m),
        n * epistatic / (n * epistatic + m * (m - 1) / 2),
        epistatic / (additive + epistatic),
        additive + epistatic,
        q / m,
    )
    return np.stack(parts, axis=-1)


def forecast_table(cell: "Cell") -> pd.DataFrame:
    """Return the forecasts for a cell's studies, one row per relAA and model: pearson_r, low, high,
    supported.

    Forecasts are for the V_A/V_G that is expected of a cohort, and the intervals leave out how far
    a cohort of few QTL is from that. Shares that `Study` refuses have no forecast.
    """
    rows = []
    for rel_aa in dict.fromkeys(np.atleast_1d(cell.rel_aa).tolist()):
        shares = {
            "va_over_vg": 1 / (1 + 2 * rel_aa),
            "broad_sense_heritability": cell.broad_sense_heritability,
        }
        if min(shares.values()) >= LEAST_SHARE:
            n_markers = getattr(cell, "n_markers", cell.n_qtl)
            study = Study(n_samples=cell.n_samples, n_markers=n_markers, n_qtl=cell.n_qtl, **shares)
            for model, found in forecast(study).items():
                rows.append({"rel_aa": rel_aa, "model": model} | asdict(found))
    return pd.DataFrame(rows, columns=["rel_aa", "model", *Forecast.__annotations__])


def samples_needed(study: Study) -> dict[str, int | None]:
    """Return, for each model but ridge, the first number of individuals at which its lead over ridge
    is clear.

    The number is the study's or more, or None for never. All else stays. The search takes steps of
    a factor 10^(1/20).
    """
    needed = dict.fromkeys(MODELS[1:])
    steps = math.floor(STEPS_PER_DECADE * math.log10(MOST_SAMPLES / study.n_samples))
    for step in range(steps + 1):
        n = _whole(study.n_samples * 10 ** (step / STEPS_PER_DECADE))
        found = forecast(replace(study, n_samples=n))
        for model in needed:
            if needed[model] is None and is_clear(
                found[model].pearson_r - found["ridge"].pearson_r, model
            ):
                needed[model] = n
        if None not in needed.values():
            break
    return needed


def is_clear(lead: float, model: str) -> bool:
    """Tell whether a lead over ridge is worth the model, and more than twice its forecast error."""
    return lead >= surface()["clear"][model]


@dataclass(frozen=True)
class Choice:
    """What an answer names: its kind, the better of ridge and kernel, what replaces the MLP, what
    is not proven.
    """

    kind: str
    spread: str
    network: str
    unproven: str


def choose(study: Study, forecasts: Mapping[str, Forecast]) -> Choice:
    """Return which model to use, and what else to say, with the kinds of `surface.SENTENCES`."""
    r, ahead, clear, supported = {}, {}, {}, False
    for model, found in forecasts.items():
        r[model] = found.pearson_r
        supported |= found.supported
        if model != "ridge":
            ahead[model] = is_clear(r[model] - r["ridge"], model)
            clear[model] = ahead[model] and found.supported
    clear["pairs"] &= is_searched(study)
    # its theory holds where the MLP was tried
    clear["kernel"] = ahead["kernel"] and (clear["kernel"] or clear["mlp"])
    spread = "kernel" if clear["kernel"] and r["kernel"] > r["ridge"] else "ridge"
    unproven = max(
        (model for model in ahead if ahead[model] and not clear[model]), key=r.get, default=""
    )
    kind = _best(r, clear, spread)
    if not supported:
        kind = "outside"
    elif max(r.values()) < LEAST_R:
        kind = "nothing"
    elif kind == "ridge" and unproven:
        kind = "unscreened" if unproven == "pairs" and not is_searched(study) else "unproven"
    network = "clear" if clear["mlp"] else "far" if ahead["mlp"] else "not"
    if is_bound("mlp", study.n_samples):
        network = "beyond"
    elif kind == "pairs" and clear["mlp"] and r["mlp"] > r[spread]:
        network = "between"
    return Choice(kind, spread, network, unproven)


def _best(r: Mapping[str, float], clear: Mapping[str, bool], spread: str) -> str:
    """Return the model to use. clear: models with a clear lead over ridge. spread: the better of
    ridge and kernel.
    """
    others = max(r["kernel"], r["pairs"] if clear["pairs"] else 0)
    if clear["mlp"] and r["mlp"] > others + surface()["error"]["mlp"]:
        return "mlp"
    if clear["pairs"] and is_clear(r["pairs"] - r[spread], "pairs"):
        return "pairs"
    return "kernel" if clear["kernel"] else "ridge"


def answer(
    study: Study, forecasts: Mapping[str, Forecast], needed: Mapping[str, int | None]
) -> str:
    """Return which model to use, in one sentence, and one on real cohorts of a given kind."""
    choice, texts = choose(study, forecasts), surface()["sentences"]
    words = {"n": f"{study.n_samples:,}", "later": _later(study, needed)}
    for model, found in forecasts.items():
        words[model] = f"{found.pearson_r:.2f}"
    words["best"] = max(map(words.get, MODELS))
    for role in ("spread", "unproven"):
        model = getattr(choice, role)
        words |= {role: texts["in_text"].get(model), f"r_{role}": words.get(model)}
    words["network"] = texts[f"network_{choice.network}"].format(**words)
    lead = surface()["observed"][study.population]["lead"] if study.population else ""
    return texts[choice.kind].format(**words) + lead


def _later(study: Study, needed: Mapping[str, int | None]) -> str:
    """Return which models pay with more individuals, and from how many on, fewest first."""
    texts, found = surface()["sentences"], []
    for model in sorted(needed, key=lambda model: needed[model] or 0):
        n = needed[model]
        if n and (model != "pairs" or is_searched(study)):
            kind = "later_at_best" if is_bound(model, n) else "later_from"
            found.append(texts[kind].format(model=texts["in_text"][model], n=rounded(n)))
    return texts["later"].format(models=", ".join(found)) if found else texts["later_none"]


def rounded(n: int) -> str:
    """Return a number of individuals in two digits, since the search is not finer."""
    digits = max(0, len(str(n)) - 2)
    return f"{_whole(n / 10**digits) * 10**digits:,}"


def nearest(study: Study, number: int = 3) -> list[dict[str, Any]]:
    """Return the simulated cohorts whose place is nearest to a study's."""
    points = pd.DataFrame(surface()["points"])
    points["distance"] = np.linalg.norm(np.stack(points["place"]) - place(*study.numbers), axis=1)
    return points.sort_values("distance", kind="stable").head(number).to_dict("records")


def notes(study: Study) -> list[str]:
    """Return what an answer leaves out, in sentences."""
    known = surface()
    most_trained, large = known["trained"]["n_markers"], known["large"]
    is_large = study.n_samples > large["n_samples"] and study.n_markers > large["n_markers"]
    gib = _whole(large["gib_per_square"] * study.n_markers**2)
    said = [  # kind, whether it is said, and its words
        ("beyond_n_samples", not is_simulated(study, "n_samples"), _range(study, "n_samples")),
        ("beyond_n_markers", not is_simulated(study, "n_markers"), _range(study, "n_markers")),
        ("bound_n_samples", is_bound("mlp", study.n_samples), known["publication"]),
        ("not_trained", study.n_markers > most_trained, {"most": f"{most_trained:,}"}),
        ("not_screened", not is_searched(study), {"most": f"{known['most_screened']:,}"}),
        ("too_large", is_large, {"gib": f"{gib:,}"}),
        ("partners", study.n_qtl % 2, {"n_qtl": study.n_qtl + 1}),
    ]
    found = [known["sentences"][kind].format(**words) for kind, applies, words in said if applies]
    return found + ([known["observed"][study.population]["note"]] if study.population else [])


def _range(study: Study, name: str) -> dict[str, str]:
    fewest, most = surface()["simulated"][name]
    return {"value": f"{getattr(study, name):,}", "fewest": f"{fewest:,}", "most": f"{most:,}"}


def is_simulated(study: Study, name: str) -> bool:
    """Tell whether a study's individuals or markers are within those of the simulated cohorts."""
    fewest, most = surface()["simulated"][name]
    return fewest <= getattr(study, name) <= most


def command(study: Study) -> str:
    """Return the line that simulates a study and fits the models to it.

    One individual is added if an epoch's last batch would otherwise hold a single one, on which no
    network can train.
    """
    n_samples = study.n_samples
    while training_size(n_samples, "held_out") % BATCH_SIZE == 1:
        n_samples += 1
    n_qtl = study.n_qtl + study.n_qtl % 2  # each QTL has a partner
    lists = f"rel_aa: [{_decimals(study.rel_aa)}]"
    if not is_searched(study):
        lists = f"{{{lists}, models: [ridge, kernel, mlp]}}"
    return (
        f"papermill notebooks/survey.ipynb study.ipynb -p n_samples {n_samples}"
        f" -p n_markers {max(study.n_markers, n_qtl)} -p n_qtl {n_qtl}"
        f" -p broad_sense_heritability {_decimals(study.broad_sense_heritability)}"
        f' -p hidden_width {surface()["hidden_width"]} -y "{lists}"'
    )


def independent_segments(effective_size: float, n_chromosomes: int, morgans: float) -> int:
    """Return how many independent segments linked markers represent, M_e = 2 N_e L k / ln(N_e L).

    effective_size: N_e of an outbred population. n_chromosomes: k of them, each of L morgans. The
    number is a rough guide (Goddard, Hayes and Meuwissen 2011). Raises ValueError for values that
    are not positive, or if N_e L is below 2.
    """
    length = checks.real("effective_size", effective_size, above=0) * checks.real(
        "morgans", morgans, above=0
    )
    checks.require(length >= 2, f"effective_size * morgans must be at least 2, got {length:g}")
    return _whole(
        2 * length * checks.integer("n_chromosomes", n_chromosomes, minimum=1) / math.log(length)
    )


def cross_segments(chromosomes: Sequence[float], kind: str = "gametes") -> int:
    """Return how many independent segments the individuals of a biparental cross have.

    chromosomes: their lengths l in Morgans. kind: `gametes` of the F1, which have as many as the
    F2, or `selfed`, inbred lines by selfing from the F2. M_e is the inverse of the mean squared
    correlation of codes over the whole genome. Codes of loci at a distance d correlate as exp(-2 d)
    in gametes (Haldane), so that a chromosome's mean is (4 l - 1 + exp(-4 l)) / (8 l^2). In lines
    codes correlate as (1 - 2r) / (1 + 2r), r = (1 - exp(-2 d)) / 2, and the mean is an integral:

        2 / l^2 int_0^l (l - d) (exp(-2 d) / (2 - exp(-2 d)))^2 dd.

    Raises ValueError for no chromosome, a length outside 1e-6 to 1e4, and an unknown kind.
    """
    checks.choice("kind", kind, ("gametes", "selfed"))
    is_list = isinstance(chromosomes, Sequence) and not isinstance(chromosomes, str)
    checks.require(
        is_list, f"chromosomes must be a list of lengths, got {checks.shown(chromosomes)}"
    )
    lengths = np.array(
        [checks.real("chromosomes", length, minimum=1e-6, maximum=1e4) for length in chromosomes]
    )
    checks.integer("len(chromosomes)", len(lengths), minimum=1)
    squared = (4 * lengths - 1 + np.exp(-4 * lengths)) / (8 * lengths**2)
    if kind == "selfed":
        squared = np.array([_selfed_squared(length) for length in lengths])
    return _whole(1 / float(((lengths / lengths.sum()) ** 2 * squared).sum()))


def _selfed_squared(length: float) -> float:
    """Return the mean squared correlation of two random loci of a chromosome in lines by selfing."""

    def weighted(d: float) -> float:
        alike = math.exp(-2 * d)
        return (length - d) * (alike / (2 - alike)) ** 2

    # loci that are further apart are unlinked
    total, _ = scipy.integrate.quad(weighted, 0, min(length, FAR))
    return 2 * total / length**2


def observed_segments(genotypes: Genotypes) -> int:
    """Return how many independent markers have the mean squared correlation of a cohort's, 1 / mean(r^2).

    The mean is over all pairs of markers that vary, each with itself included, minus 1 / n, what
    chance makes of it among n individuals. The number is at least 2, and at most that of the
    markers.
    """
    dosages = genotypes.block(slice(None)).astype(np.float32)
    dosages = dosages[:, np.ptp(dosages, axis=0) > 0]
    codes = (dosages - dosages.mean(axis=0)) / dosages.std(axis=0)
    n, m = codes.shape
    products = codes @ codes.T if n < m else codes.T @ codes
    squared = float((products.astype(float) ** 2).sum()) / (n * m) ** 2
    return _whole(1 / np.clip((squared - 1 / n) / (1 - 1 / n), 1 / m, 1 / 2))


def _whole(value: float) -> int:
    """Return a positive number rounded half up, as the page's script does."""
    return math.floor(value + 0.5)


def _decimals(value: float) -> str:
    return f"{_whole(value * 1e4) / 1e4:.4f}".rstrip("0").rstrip(".")


def basis(model: str, found: Forecast, study: Study) -> str:
    """Return what a forecast is based on, in words."""
    inside = is_simulated(study, "n_samples") and is_simulated(study, "n_markers")
    kind = "theory"
    if is_bound(model, study.n_samples):
        kind = "bound"
    elif found.supported:
        kind = "simulated" if inside else "alike"
    return surface()["sentences"][kind]


def when(model: str, needed: int | None, study: Study) -> str:
    """Return from when on a model is ahead of ridge, in words."""
    texts = surface()["sentences"]
    if needed is None:
        return texts["never_ahead"]
    kind = ("at_best_" if is_bound(model, needed) else "ahead_") + (
        "now" if needed == study.n_samples else "later"
    )
    return texts[kind].format(n=rounded(needed))


@commands.answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Print the plan of a study. Return 0, or 2 if an argument is out of bounds."""
    parser = argparse.ArgumentParser(
        prog="python -m epidl.planner",
        description="What to expect of each model.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--preset", choices=list(surface()["presets"]), help="start from a known kind of study"
    )
    for name, (label, hint, least, most) in INPUTS.items():
        text = f"{label}: {hint} ({least:,} to {most:,})".replace("%", "%%")
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=Study.__annotations__[name], help=text
        )
    parser.add_argument("--population", choices=list(KINDS), help="the kind of population")
    given = vars(parser.parse_args(arguments))
    study = {}
    if "preset" in given:
        study |= surface()["presets"][given.pop("preset")]["study"]
    study |= given
    missing = [name for name in INPUTS if name not in study]
    checks.require(not missing, f"{', '.join(missing)} must be given, or a preset")
    print(plan(**study))
    return 0
