"""What to expect of each model in a study of one's own: `plan(...)`, and `python -m epidl.planner`.

A forecast is a closed form, corrected by what was simulated near the study. Closed forms (`theory`): ridge, the
epistatic kernel and sparse pairs have theirs; the MLP takes the kernel's, with the part of its samples that it was seen
to make use of. They depend on the study through few numbers, its place: how well the samples suffice for the markers
and for their pairs, and what the trait is made of,

    t_A = n v_A / (n v_A + m),  t_AA = n v_AA / (n v_AA + C(m, 2)),  v_AA / (v_A + v_AA),  H2,  q / m.

What a simulated cohort differs by from its closed form, its residual, corrects forecasts near it:

    r = r_closed + sum_i w_i residual_i / (prior + sum_i w_i),   w_i = exp(-d_i^2 / 2 length^2),

d_i the distance between places. `surface` measures all of this and keeps it in surface.json, which the book's page
reads too: its script and this module compute the same numbers (tests compare them).
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from epidl import checks
from epidl.cohorts.splits import TRAIN_SHARE
from epidl.models import theory

if TYPE_CHECKING:
    from epidl.grid.params import Cell

SURFACE = Path(__file__).with_name("surface.json")
MODELS = ("ridge", "kernel", "mlp", "pairs")
NORMAL_95 = 1.6448536269514722  # of the standard normal distribution: intervals hold 90 %
STEPS_PER_DECADE = 20  # of the search for the number of individuals at which a model pays
MOST_SAMPLES = 10**7
LEAST_SD = 0.005
LEAST_R = 0.05  # of the best model, for a recommendation
LEAST_SHARE = 0.01  # of V_A/V_G and H2 that a study may have

BOUNDS = {  # of a study's numbers; n_qtl is at most n_markers too
    "n_samples": (20, MOST_SAMPLES),
    "n_markers": (2, MOST_SAMPLES),
    "n_qtl": (2, MOST_SAMPLES),
    "va_over_vg": (LEAST_SHARE, 1),
    "broad_sense_heritability": (LEAST_SHARE, 1),
    "n_traits": (1, 1000),
}
HELP = {  # of the command, before the bounds
    "n_samples": "individuals, of which 85 percent train",
    "n_markers": "independent markers: segments that linked ones stand for",
    "n_qtl": "causal loci, a guess, at most n_markers",
    "va_over_vg": "additive share of the genetic variance, a guess",
    "broad_sense_heritability": "H2, genetic share of the phenotypic variance",
    "n_traits": "traits that one network learns, 1 where not given",
}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study, as far as a forecast needs it.

    n_samples: individuals, of which 85 % train. n_markers: independent ones; linked markers count as the number of
    independent segments that they stand for (`independent_segments`). n_qtl: causal loci, a guess. va_over_vg: the
    additive share of the genetic variance in the very cohort, a guess; the rest is pairwise epistasis.
    broad_sense_heritability: V_G over V_P. n_traits: learned by one network.

    Raises ValueError that names the argument, its value and its bound.
    """

    n_samples: int
    n_markers: int
    n_qtl: int
    va_over_vg: float
    broad_sense_heritability: float
    n_traits: int = 1

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            check = checks.integer if Study.__annotations__[name] is int else checks.real
            check(name, getattr(self, name), minimum=least, maximum=most)
        checks.integer("n_qtl", self.n_qtl, minimum=2, maximum=self.n_markers, why="n_markers")

    @property
    def rel_aa(self) -> float:
        """The relative epistatic variance that the simulator needs: V_AA / V_A = 2 relAA."""
        return (1 / self.va_over_vg - 1) / 2


@dataclass(frozen=True)
class Forecast:
    """Expected Pearson's r with the phenotype, and an interval that holds 90 % of studies, scored on 15 % of them.

    Of studies with this V_A/V_G in their cohort: few QTL draw one that is far from what their effects' variances make
    expected. closed_form: without the correction. supported: whether the like of it was simulated; for the MLP also
    with as many individuals and markers (`is_trained`), since its closed form is not theory: networks trained on far
    more individuals were seen to fall short of it.
    """

    pearson_r: float
    low: float
    high: float
    closed_form: float
    supported: bool


@dataclass(frozen=True)
class Plan:
    """The answer to a study.

    forecasts: of each model. ceiling: the r of a perfect prediction of genetic values, the square root of H2;
    additive_ceiling: of their additive part. nearest: simulated conditions like it, nearest first. needed: the fewest
    individuals, from the study's on, at which a model's lead over ridge is clear, None where none was found up to
    `MOST_SAMPLES`. answer: one sentence. notes: what the answer leaves out. command: the line that simulates the study.
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
        return "\n".join(_lines(self))


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
    n_traits: int = 1,
) -> Plan:
    """Return what to expect of each model in a study, and which to use; the arguments are those of `Study`.

    Raises ValueError that names the argument, its value and its bound.
    """
    study = Study(
        n_samples=n_samples,
        n_markers=n_markers,
        n_qtl=n_qtl,
        va_over_vg=va_over_vg,
        broad_sense_heritability=broad_sense_heritability,
        n_traits=n_traits,
    )
    forecasts = forecast(study)
    needed = {model: samples_needed(study, model) for model in MODELS[1:]}
    return Plan(
        study=study,
        forecasts=forecasts,
        ceiling=math.sqrt(study.broad_sense_heritability),
        additive_ceiling=math.sqrt(study.broad_sense_heritability * study.va_over_vg),
        nearest=nearest(study),
        needed=needed,
        answer=answer(study, forecasts, needed),
        notes=notes(study),
        command=command(study),
    )


def forecast(study: Study, known: Mapping[str, Any] | None = None) -> dict[str, Forecast]:
    """Return the forecast of each model; known: what `surface` measured, where it is not to be read from its file."""
    known = known or surface()
    n, shares = study.n_samples, _shares(study)
    top, additive_top = math.sqrt(sum(shares)), math.sqrt(shares[0])
    at = place(n, study.n_markers, study.n_qtl, *shares)
    closed = closed_forms(n, study.n_markers, study.n_qtl, *shares, known["efficiency"])
    found = {}
    for model in MODELS:
        residual, excess, weight = _near(at, model, known)
        r = float(np.clip(closed[model] + residual, 0, top))
        low, high = map(float, interval(r, excess, n, additive_top if model == "ridge" else top))
        supported = weight >= known["enough"] and n >= known["simulated"]["n_samples"][0]
        supported &= model != "mlp" or is_trained(study, known)
        found[model] = Forecast(r, low, high, float(closed[model]), bool(supported))
    return found


def is_trained(study: Study, known: Mapping[str, Any] | None = None) -> bool:
    """Tell whether networks were trained on as many individuals and markers as a study has; known: as in `forecast`."""
    most = (known or surface())["trained"]
    return study.n_samples <= most["n_samples"] and study.n_markers <= most["n_markers"]


def is_bound(model: str, n_samples: int) -> bool:
    """Tell whether a forecast is an upper bound: the MLP's beyond the cohorts that networks were trained on."""
    return model == "mlp" and n_samples > surface()["trained"]["n_samples"]


def is_searched(study: Study) -> bool:
    """Tell whether this project's code looks for interacting pairs among as many markers as a study has."""
    return study.n_markers <= surface()["most_screened"]


def interval(
    r: ArrayLike, excess: ArrayLike, n_samples: ArrayLike, ceiling: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the interval that holds 90 % of studies: r, more or less 1.645 standard deviations.

    excess: variance of r beyond what few test samples make. Above the ceiling of a model's r there is only the scatter
    of test samples.
    """
    sd = np.sqrt(np.maximum(excess, LEAST_SD**2) + variance_of_r(r, n_samples))
    most = np.maximum(r, ceiling)
    above = most + NORMAL_95 * np.sqrt(variance_of_r(most, n_samples))
    return np.clip(r - NORMAL_95 * sd, -1, 1), np.clip(np.minimum(r + NORMAL_95 * sd, above), -1, 1)


def variance_of_r(r: ArrayLike, n_samples: ArrayLike) -> NDArray[np.float64]:
    """Return the variance of r that few test samples make, (1 - r^2)^2 / n_test."""
    return (1 - np.square(r)) ** 2 / ((1 - TRAIN_SHARE) * np.asarray(n_samples))


def closed_forms(
    n_samples: ArrayLike,
    n_markers: ArrayLike,
    n_qtl: ArrayLike,
    additive: ArrayLike,
    epistatic: ArrayLike,
    efficiency: Sequence[float],
) -> dict[str, NDArray[np.float64]]:
    """Return each model's r without correction; arguments broadcast.

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
    """Return the MLP's r without correction: the epistatic kernel's, from another number of samples.

    efficiency: (a, b, c); a times the samples for additive effects, b (m/q)^c times for epistatic ones, since a network
    learns which of the m markers are the q causal ones, and the kernel does not.
    """
    n, m, q = (np.asarray(value, dtype=float) for value in (n_samples, n_markers, n_qtl))
    parts = efficiency[0], efficiency[1] * (m / q) ** efficiency[2]
    found = theory.expected_accuracy(TRAIN_SHARE * n, m, additive, epistatic, model="kernel", efficiency=parts)
    return found.pearson_r


def place(
    n_samples: ArrayLike, n_markers: ArrayLike, n_qtl: ArrayLike, additive: ArrayLike, epistatic: ArrayLike
) -> NDArray[np.float64]:
    """Return the place of studies, (..., 5): the numbers at the top of the module, each within [0, 1]."""
    n = TRAIN_SHARE * np.asarray(n_samples, dtype=float)
    m, additive, epistatic = (np.asarray(value, dtype=float) for value in (n_markers, additive, epistatic))
    parts = (
        n * additive / (n * additive + m),
        n * epistatic / (n * epistatic + m * (m - 1) / 2),
        epistatic / (additive + epistatic),
        additive + epistatic,
        np.asarray(n_qtl, dtype=float) / m,
    )
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def forecast_table(cell: "Cell") -> pd.DataFrame:
    """Return the forecasts for a cell's studies, a row a relAA and model: pearson_r, low, high, supported.

    At the V_A/V_G that is expected of a cohort; the intervals do not hold how far a cohort of few QTL draws another.
    Shares of which `Study` takes none have no forecast.
    """
    columns = ["rel_aa", "model", *Forecast.__annotations__]
    rows = []
    for rel_aa in dict.fromkeys(np.atleast_1d(cell.rel_aa).tolist()):
        shares = {"va_over_vg": 1 / (1 + 2 * rel_aa), "broad_sense_heritability": cell.broad_sense_heritability}
        if min(shares.values()) < LEAST_SHARE:
            continue
        study = Study(
            n_samples=cell.n_samples, n_markers=getattr(cell, "n_markers", cell.n_qtl), n_qtl=cell.n_qtl, **shares
        )
        rows += [{"rel_aa": rel_aa, "model": model} | asdict(found) for model, found in forecast(study).items()]
    return pd.DataFrame(rows, columns=columns)


def samples_needed(study: Study, model: str) -> int | None:
    """Return the first number of individuals, the study's or more, at which a lead over ridge is clear; None for never.

    All else stays. The search takes steps of a factor 10^(1/20).
    """
    steps = math.floor(STEPS_PER_DECADE * math.log10(MOST_SAMPLES / study.n_samples))
    for step in range(steps + 1):
        n = _whole(study.n_samples * 10 ** (step / STEPS_PER_DECADE))
        r = forecast(Study(**asdict(study) | {"n_samples": n}))
        if is_clear(r[model].pearson_r - r["ridge"].pearson_r, model):
            return n
    return None


def is_clear(lead: float, model: str) -> bool:
    """Tell whether a lead over ridge is worth the model, and beyond twice the error of forecasting it."""
    return lead >= surface()["clear"][model]


@dataclass(frozen=True)
class Choice:
    """What an answer names: its kind, the better of ridge and kernel, what stands for the MLP, what is not proven."""

    kind: str
    spread: str
    network: str
    unproven: str


def choose(study: Study, forecasts: Mapping[str, Forecast]) -> Choice:
    """Return which model to use, and what else to say; the kinds are those of `surface.SENTENCES`."""
    r = {model: each.pearson_r for model, each in forecasts.items()}
    ahead = {model: is_clear(r[model] - r["ridge"], model) for model in MODELS[1:]}
    clear = {model: ahead[model] and forecasts[model].supported for model in ahead}
    clear["pairs"] &= is_searched(study)
    clear["kernel"] = ahead["kernel"] and (clear["kernel"] or clear["mlp"])  # its theory holds where the MLP was tried
    spread = max(("ridge", "kernel"), key=lambda model: r[model]) if clear["kernel"] else "ridge"
    unproven = max((model for model in ahead if ahead[model] and not clear[model]), key=r.get, default="")
    kind = _best(r, clear, spread)
    if not any(each.supported for each in forecasts.values()):
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


def answer(study: Study, forecasts: Mapping[str, Forecast], needed: Mapping[str, int | None]) -> str:
    """Return which model to use, in one sentence."""
    choice, texts = choose(study, forecasts), surface()["sentences"]
    words = {model: f"{each.pearson_r:.2f}" for model, each in forecasts.items()}
    best = max(forecasts[model].pearson_r for model in MODELS)
    words |= {"n": f"{study.n_samples:,}", "best": f"{best:.2f}", "later": _later(study, needed)}
    words |= {"spread": texts["in_text"][choice.spread], "r_spread": words[choice.spread]}
    if choice.unproven:
        words |= {"unproven": texts["in_text"][choice.unproven], "r_unproven": words[choice.unproven]}
    words["network"] = texts[f"network_{choice.network}"].format(**words)
    return texts[choice.kind].format(**words)


def _later(study: Study, needed: Mapping[str, int | None]) -> str:
    """Return which models pay with more individuals, and from how many on, the fewest first."""
    texts, found = surface()["sentences"], []
    reach = [model for model in MODELS[1:] if model != "pairs" or is_searched(study)]
    for model in sorted((model for model in reach if needed[model]), key=lambda model: needed[model]):
        kind = "later_at_best" if is_bound(model, needed[model]) else "later_from"
        found.append(texts[kind].format(model=texts["in_text"][model], n=rounded(needed[model])))
    return texts["later"].format(models=", ".join(found)) if found else texts["later_none"]


def _best(r: Mapping[str, float], clear: Mapping[str, bool], spread: str) -> str:
    """Return the model to use; clear: whose leads over ridge are; spread: the better of ridge and kernel."""
    others = max(r["kernel"], r["pairs"] if clear["pairs"] else 0)
    if clear["mlp"] and r["mlp"] > others + surface()["error"]["mlp"]:
        return "mlp"
    if clear["pairs"] and is_clear(r["pairs"] - r[spread], "pairs"):
        return "pairs"
    return "kernel" if clear["kernel"] else "ridge"


def rounded(n: int) -> str:
    """Return a number of individuals in two digits: the search is not finer."""
    digits = max(0, len(str(n)) - 2)
    return f"{_whole(n / 10**digits) * 10**digits:,}"


def nearest(study: Study, number: int = 3) -> list[dict[str, Any]]:
    """Return the simulated cohorts whose place is nearest to a study's."""
    at = place(study.n_samples, study.n_markers, study.n_qtl, *_shares(study))
    points = surface()["points"]
    distances = np.sqrt(((np.array([point["place"] for point in points]) - at) ** 2).sum(axis=1))
    return [{**points[i], "distance": float(distances[i])} for i in np.argsort(distances, kind="stable")[:number]]


def notes(study: Study) -> list[str]:
    """Return what an answer leaves out, in sentences."""
    texts, found = surface()["sentences"], []
    for name in ("n_samples", "n_markers"):
        fewest, most = surface()["simulated"][name]
        value = getattr(study, name)
        if not fewest <= value <= most:
            words = {"value": value, "fewest": fewest, "most": most}
            found.append(texts[f"beyond_{name}"].format(**{key: f"{number:,}" for key, number in words.items()}))
    if is_bound("mlp", study.n_samples):
        found.append(texts["bound_n_samples"].format(**surface()["publication"]))
    if study.n_markers > surface()["trained"]["n_markers"]:
        found.append(texts["not_trained"].format(most=f"{surface()['trained']['n_markers']:,}"))
    if not is_searched(study):
        found.append(texts["not_screened"].format(most=f"{surface()['most_screened']:,}"))
    large = surface()["large"]
    if study.n_samples > large["n_samples"] and study.n_markers > large["n_markers"]:
        found.append(texts["too_large"].format(gib=f"{_whole(large['gib_per_square'] * study.n_markers**2):,}"))
    if study.n_traits > 1:
        found.append(texts["traits"].format(**surface()["traits"]))
    if study.n_qtl % 2:
        found.append(texts["partners"].format(n_qtl=study.n_qtl + 1))
    return found


def command(study: Study) -> str:
    """Return the line that simulates a study and fits the models to it."""
    n_qtl = study.n_qtl + study.n_qtl % 2  # each QTL has a partner
    values = {
        "n_samples": str(study.n_samples),
        "n_markers": str(max(study.n_markers, n_qtl)),
        "n_qtl": str(n_qtl),
        "broad_sense_heritability": _decimals(study.broad_sense_heritability),
        "hidden_width": str(surface()["hidden_width"]),
    }
    options = " ".join(f"-p {name} {value}" for name, value in values.items())
    lists = f"rel_aa: [{', '.join([_decimals(study.rel_aa)] * study.n_traits)}]"
    if not is_searched(study):
        lists = f"{{{lists}, models: [ridge, kernel, mlp]}}"
    return f'papermill notebooks/survey.ipynb study.ipynb {options} -y "{lists}"'


def independent_segments(effective_size: float, n_chromosomes: int, morgans: float) -> int:
    """Return how many independent segments linked markers stand for, M_e = 2 N_e L k / ln(N_e L).

    effective_size: N_e of an outbred population. n_chromosomes: k of them, each of L morgans. A rough guide (Goddard,
    Hayes and Meuwissen 2011). Raises ValueError for values that are not positive, or where N_e L is below 2.
    """
    length = checks.real("effective_size", effective_size, above=0) * checks.real("morgans", morgans, above=0)
    if length < 2:
        raise ValueError(f"effective_size * morgans must be at least 2, got {length:g}")
    return _whole(2 * length * checks.integer("n_chromosomes", n_chromosomes, minimum=1) / math.log(length))


def cross_segments(chromosomes: Sequence[float]) -> int:
    """Return how many independent segments the gametes of a biparental cross have.

    chromosomes: their lengths l in Morgans. The codes of loci at a distance d correlate as exp(-2 d) (Haldane), so
    that a chromosome's mean squared correlation is (4 l - 1 + exp(-4 l)) / (8 l^2), and M_e the inverse of the whole
    genome's. Raises ValueError for no chromosome, and a length outside 1e-6 to 1e4.
    """
    if isinstance(chromosomes, str) or not isinstance(chromosomes, Sequence):
        raise ValueError(f"chromosomes must be a list of lengths, got {checks.shown(chromosomes)}")
    lengths = np.array([checks.real("chromosomes", length, minimum=1e-6, maximum=1e4) for length in chromosomes])
    checks.integer("len(chromosomes)", len(lengths), minimum=1)
    squared = (4 * lengths - 1 + np.exp(-4 * lengths)) / (8 * lengths**2)
    return _whole(1 / float(((lengths / lengths.sum()) ** 2 * squared).sum()))


def _whole(value: float) -> int:
    """Return a positive number rounded, halves up, as the page's script does."""
    return math.floor(value + 0.5)


def _decimals(value: float) -> str:
    return f"{_whole(value * 1e4) / 1e4:.4f}".rstrip("0").rstrip(".")


def _shares(study: Study) -> tuple[float, float]:
    additive = study.broad_sense_heritability * study.va_over_vg
    return additive, study.broad_sense_heritability - additive


def _near(at: NDArray[np.float64], model: str, known: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return a model's residual and excess variance near a place, and the weight of what was simulated there."""
    points = [point for point in known["points"] if model in point["residual"]]
    distances = ((np.array([point["place"] for point in points]) - at) ** 2).sum(axis=1)
    length, prior = known["smoothing"][model]
    weights = np.exp(-distances / (2 * length**2))
    total = weights.sum() + prior
    residual = weights @ np.array([point["residual"][model] for point in points])
    excess = weights @ np.array([point["excess"][model] for point in points])
    return residual / total, (excess + prior * known["excess"][model]) / total, float(weights.sum())


def basis(model: str, found: Forecast, study: Study) -> str:
    """Return what a forecast is based on, in words."""
    kind = "theory"
    if is_bound(model, study.n_samples):
        kind = "bound"
    elif found.supported:
        ranges = surface()["simulated"]
        inside = all(low <= getattr(study, name) <= high for name, (low, high) in ranges.items())
        kind = "simulated" if inside else "alike"
    return surface()["sentences"][kind]


def when(model: str, needed: int | None, study: Study) -> str:
    """Return from when on a model is ahead of ridge, in words."""
    if needed is None:
        kind = "never_ahead"
    else:
        kind = ("at_best_" if is_bound(model, needed) else "ahead_") + ("now" if needed == study.n_samples else "later")
    return surface()["sentences"][kind].format(n=rounded(needed) if needed else "")


def _lines(plan: Plan) -> list[str]:
    names = surface()["sentences"]["names"]
    lines = [plan.answer, "", f"{'':18} {'r':12} {'90 % of studies':14} based on"]
    for model, found in plan.forecasts.items():
        r, interval = f"{found.pearson_r:.2f}", f"{found.low:5.2f} to {found.high:4.2f}"
        if is_bound(model, plan.study.n_samples):
            r, interval = surface()["sentences"]["at_most"].format(r=r), ""
        lines.append(f"{names[model]:18} {r:12} {interval:14}  {basis(model, found, plan.study)}")
    lines += [f"{'ceiling':18} {plan.ceiling:.2f}", f"{'additive ceiling':18} {plan.additive_ceiling:.2f}", ""]
    lines += [f"{names[model]}: {when(model, n, plan.study)}" for model, n in plan.needed.items()]
    return [*lines, "", *plan.notes, "Simulate it:", plan.command]


def main(arguments: list[str] | None = None) -> int:
    """Print the plan of a study; return 0, or 2 where an argument is out of bounds."""
    parser = argparse.ArgumentParser(prog="python -m epidl.planner", description="What to expect of each model.")
    parser.add_argument("--preset", choices=list(surface()["presets"]), help="start from a known kind of study")
    for name, kind in Study.__annotations__.items():
        text = "{} ({:,} to {:,})".format(HELP[name], *BOUNDS[name])
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    options = vars(parser.parse_args(arguments))
    preset = surface()["presets"].get(options.pop("preset"), {"study": {}})["study"]
    study = preset | {name: value for name, value in options.items() if value is not None}
    missing = [name for name in Study.__annotations__ if name not in study and name != "n_traits"]
    try:
        if missing:
            raise ValueError(f"{', '.join(missing)} must be given, or a preset")
        print(plan(**study))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
