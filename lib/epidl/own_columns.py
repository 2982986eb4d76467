"""How each column of a phenotype table is read: as numbers, labels or times, and what in it is missing.

A value is missing where it is empty, one of the usual texts for it (`genotype_files.MISSING_TEXTS`; among numbers also
`MISSING_WORDS`), or named by `missing_codes`. A number of nines alone is missing where it is negative and no other
number is, or where it is as far from all others as these are from each other. What fits two readings is refused, with
the line that settles it; any `missing_codes`, an empty list included, settle it too, and an empty list keeps the nines.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl.genotype_files import MISSING_TEXTS, some

MISSING_WORDS = {"none", "unknown", "unk", "missing", "not measured", "not available", "no data"}
NINES = r"-?9+\.(0|9+)"
MOST_NUMBERED_LEVELS = 20  # of a covariate of texts, say sites 1, 2 and B: more different numbers are measurements
FEW = 0.3  # of individuals: those of a code, never the greater part
SPIKE = 4  # times as often as any other value
NO_PARENT = ("fid", "pat", "mat", "father", "mother", "sire", "dam")  # columns in which pedigrees say 0 for unknown
UNSORTED = {  # times whose order as numbers is another than in time; each beside the form that does sort
    "month and year": (r"(0?[1-9]|1[0-2])[.,]?(19|20)\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])"),
    "day, month and year": (r"\d{3,4}(19|20)\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])"),
    "day, month and year of two digits": (r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])"),
    "day and month": (r"(0?[1-9]|[12]\d|3[01])[.,](0[1-9]|1[0-2])", "-"),
}


def read_column(
    texts: pd.Series, argument: str, missing_codes: Sequence[str | float] | None = None, separator: str = ","
) -> tuple[pd.Series, str]:
    """Return what a column of texts holds for an argument of `read_cohort`, and how it was read, in words.

    argument: trait, covariates, group or time. Numbers and days are floats, NaN where missing, labels texts or NaN.

    separator: of the table; beside semicolons a comma is a decimal one.

    Raises ValueError for what is no number where one is needed, and for what fits two readings.
    """
    codes = [f"{code:g}" if isinstance(code, float) else str(code) for code in missing_codes or ()]
    missing = texts.str.lower().isin(MISSING_TEXTS) | texts.isin(codes)
    missing |= (texts == "0") if texts.name.lower() in NO_PARENT and argument == "group" else False
    known = texts[~missing]
    numbers, notes = _numbers(known, argument, separator)
    words = known[numbers.isna() & known.str.lower().isin(MISSING_WORDS)]
    others = known[numbers.isna()].drop(words.index)
    labels = argument == "group" or (argument == "covariates" and (len(others) or _padded(known)))
    if argument == "trait" and len(others):
        raise ValueError(
            f"trait must be numbers, got {others.iloc[0]!r} in the column {texts.name} ({len(others)} such); missing? "
            f"missing_codes: [{others.iloc[0]}]"
        )
    if labels:
        return _labels(texts, known, numbers, argument)
    if argument == "time" and len(others):
        numbers, kind = _days(known.drop(words.index), numbers.notna().any()), "days"
    elif argument == "time":
        _check_sorted(known.drop(words.index))
        kind = "numbers"
    else:
        kind = "numbers"
    values = numbers.dropna()
    values = values[~values.isin([float(code) for code in codes if _is_number(code)])]
    if missing_codes is None or len(missing_codes):
        values, more = _without_codes(values, texts.name, argument, settled=missing_codes is not None)
        notes += more
    return values.reindex(texts.index), _in_words(texts, values, kind, argument, notes)


def _numbers(known: pd.Series, argument: str, separator: str) -> tuple[pd.Series, list[str]]:
    """Return numbers, NaN for what is none, and whether commas were taken as decimal ones."""
    commas, notes = known[known.str.contains(",", regex=False)], []
    if len(commas) and known.str.fullmatch(r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?").mean() > 1 / 2:
        if separator != ";" and commas.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})+").all():
            raise ValueError(
                f"{argument} must fit one reading, got {commas.iloc[0]!r} in the column {known.name}, a decimal comma "
                f"or a thousand's: write {commas.iloc[0].replace(',', '.')} or {commas.iloc[0].replace(',', '')}"
            )
        if not known.str.contains(".", regex=False).any():
            known, notes = known.str.replace(",", "."), ["decimal commas"]
    numbers = pd.to_numeric(known, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers)), notes


def _padded(known: pd.Series) -> bool:
    """Tell whether whole numbers are written with zeros before them, as labels are."""
    return bool(known.str.fullmatch(r"0\d+").any())


def _is_number(text: str) -> bool:
    return pd.notna(pd.to_numeric(text, errors="coerce"))


def _labels(texts: pd.Series, known: pd.Series, numbers: pd.Series, argument: str) -> tuple[pd.Series, str]:
    """Take texts as they are, but for negative nines among numbers that are not negative."""
    if numbers.notna().all():
        nines = numbers.astype(str).str.fullmatch(NINES) & (numbers < 0)
        known = known if (numbers[~nines] < 0).any() else known[~nines]
    elif argument == "covariates" and numbers.nunique() > MOST_NUMBERED_LEVELS:
        text = known[numbers.isna()].iloc[0]
        raise ValueError(
            f"covariates must be numbers, or texts with at most {MOST_NUMBERED_LEVELS} different numbers among them, "
            f"got {text!r} among {numbers.nunique()} numbers in the column {texts.name}: leave it empty, name it in "
            f"missing_codes: [{text}], or write the numbers as texts such as plot_1"
        )
    names = known.unique()
    notes = [f"{len(names)} labels: {some(sorted(names), 6)}"]
    alike = pd.Series(names).groupby(pd.Series(names, dtype=str).str.lower()).agg(list)
    notes += [f"{' and '.join(same)} differ by capitals alone" for same in alike if len(same) > 1]
    return known.reindex(texts.index), "; ".join([*notes, *_missing(texts, known)])


# --- Numbers -------------------------------------------------------------------------------------------------------


def _without_codes(values: pd.Series, name: str, argument: str, settled: bool) -> tuple[pd.Series, list[str]]:
    """Return the numbers that are no code for missing, and what is noticed about the rest; refuse what may be one."""
    nines = values.astype(str).str.fullmatch(NINES)
    rest = values[~nines]
    codes = []
    spread = np.ptp(rest) if len(rest) else 0
    if spread > 0:
        for value in values[nines].unique():
            gap = max(rest.min() - value, value - rest.max())
            if gap >= spread or (value < 0 and rest.min() >= 0):
                codes.append(value)
    if argument == "covariates" and name.lower() in ("sex", "gender") and set(rest) == {0, 1, 2}:
        codes.append(0)  # PLINK's unknown sex
    values = values[~values.isin(codes)]
    if values.empty:
        return values, []
    doubtful, notes = _doubtful(values, argument), []
    if doubtful and not settled:
        shown = some([f"{value:g}" for value in doubtful])
        raise ValueError(
            f"{argument} must fit one reading, got {shown} in the column {name}, {_times(values, doubtful[0])} among "
            f"numbers from {values[~values.isin(doubtful)].min():g} to {values[~values.isin(doubtful)].max():g}: "
            f"missing? missing_codes: [{', '.join(f'{value:g}' for value in doubtful)}]; measured? missing_codes: []"
        )
    apart = values[_apart(values.to_numpy(), 1)].unique()
    if len(apart):
        notes.append(f"far from all others: {some([f'{value:g}' for value in apart])}")
    spike = _spike(values)
    if spike is not None:
        notes.append(f"{spike:g} stands there {_times(values, spike)}, far more often than any other")
    return values, notes


def _doubtful(values: pd.Series, argument: str) -> list[float]:
    """Return numbers that may be a code for missing, or a measurement."""
    found = set(values)
    for code in (0, -1):
        if argument == "trait" and len(found) == 3 and found - {code} in ({0, 1}, {1, 2}):
            return [code]
    apart = values[_apart(values.to_numpy(), 3)].value_counts()
    if 0 < len(apart) <= 2 and apart.min() > 1:
        return sorted(apart.index)
    spike = _spike(values)
    nines = spike is not None and pd.Series([f"{float(spike)}"]).str.fullmatch(r"(-9+|9{3,})\.0").all()
    return [spike] if nines or (spike == -1 and (values == -1).sum() == (values < 0).sum()) else []


def _apart(values: NDArray[np.float64], times: float) -> NDArray[np.bool_]:
    """Tell which few values are beyond a gap at least `times` as wide as the range of all others."""
    distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    gaps, below = np.diff(distinct), np.cumsum(counts)[:-1] / len(values)
    low = (below <= FEW) & (gaps >= times * (distinct[-1] - distinct[1:])) & (distinct[1:] < distinct[-1])
    high = (1 - below <= FEW) & (gaps >= times * (distinct[:-1] - distinct[0])) & (distinct[:-1] > distinct[0])
    apart = np.zeros(len(distinct), dtype=bool)
    if low.any():
        apart[: np.flatnonzero(low)[-1] + 1] = True
    if high.any():
        apart[np.flatnonzero(high)[0] + 1 :] = True
    return apart[inverse]


def _spike(values: pd.Series) -> float | None:
    """Return the least or greatest number, where it stands there much more often than any other of many."""
    counts = values.value_counts()
    if len(counts) < MOST_NUMBERED_LEVELS or counts.iloc[0] < SPIKE * counts.iloc[1]:
        return None
    extreme = counts.index[0] in (values.min(), values.max()) or counts.index[0] < 0
    return counts.index[0] if extreme else None


def _times(values: pd.Series, value: float) -> str:
    return f"{(values == value).sum()} times"


# --- Times ---------------------------------------------------------------------------------------------------------


def _check_sorted(known: pd.Series) -> None:
    """Refuse numbers that are dates written so that they do not sort by time."""
    form = next(
        (form for form, (is_one, sorts) in UNSORTED.items() if _all(known, is_one) and not _all(known, sorts)), ""
    )
    years = pd.to_numeric(known.str.replace(",", ".")).to_numpy()
    if len(years) and _all(known, r"\d\d?") and years.min() <= 40 and years.max() >= 70:
        form = "" if ((years > 40) & (years < 70)).any() else "year of two digits"
    if _all(known, r"(19|20)\d\d[.,](0?\d|1[0-2])") and np.ptp(known.str.len()) > 0:
        form = "year and month of one digit or two"
    if form:
        raise ValueError(
            f"time must sort as it follows, got {known.iloc[0]!r} in the column {known.name}, which looks like a "
            f"{form}: write 2026-01 or 2026-01-31"
        )


def _all(known: pd.Series, pattern: str) -> bool:
    return len(known) > 0 and bool(known.str.fullmatch(pattern).all())


def _days(known: pd.Series, numbers_among_them: bool) -> pd.Series:
    """Return days since 1970 of dates, those without a zone as they stand."""
    try:
        if numbers_among_them:
            raise ValueError("numbers and texts")
        dates = pd.to_datetime(known, format="ISO8601", utc=True)
    except ValueError as error:
        raise ValueError(
            f"time must be numbers, or dates as 2026-01-31, in the column {known.name}: {str(error).splitlines()[0]}"
        ) from None
    return (dates - pd.Timestamp(0, tz="UTC")).dt.days.astype(float)


# --- In words ------------------------------------------------------------------------------------------------------


def _in_words(texts: pd.Series, values: pd.Series, kind: str, argument: str, notes: list[str]) -> str:
    start = "no values"
    if len(values):
        low, high = values.min(), values.max()
        shown = [f"{pd.Timestamp(int(v), unit='D'):%Y-%m-%d}" if kind == "days" else f"{v:g}" for v in (low, high)]
        start = f"{'dates' if kind == 'days' else kind} from {shown[0]} to {shown[1]}"
    few = 2 < values.nunique() <= MOST_NUMBERED_LEVELS and (values % 1 == 0).all()
    if argument == "covariates" and few:
        start += f", one slope for all; labels? write them as texts such as {texts.name}_1"
    return "; ".join([start, *notes, *_missing(texts, values)])


def _missing(texts: pd.Series, known: pd.Series) -> list[str]:
    """Say which texts were taken as missing, and how many."""
    counts = texts.drop(known.index).value_counts()
    shown = [f"{text or 'empty'} ({count})" for text, count in counts.items()]
    return [f"missing: {some(shown, 6)}"] if shown else []
