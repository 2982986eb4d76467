"""How each column of a phenotype table is read: as numbers, labels or times, and what in it is
missing.

A value is missing where it is empty, one of the usual texts for it (`genotype_files.MISSING_TEXTS`;
among numbers also `MISSING_WORDS`), or named by `missing_codes`. A number of nines alone is missing
where it is negative and no other number is, or where it is as far from all others as these are from
each other. What fits two readings, such as a number that stands apart several times, is refused
with the line that settles it: any `missing_codes`, an empty list included. An empty list keeps the
nines, too.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl.own.genotype_files import MISSING_TEXTS, some

MISSING_WORDS = {"none", "unknown", "unk", "missing", "not measured", "not available", "no data"}
# of a covariate of texts, say sites 1, 2 and B: more different numbers are measurements
MOST_NUMBERED_LEVELS = 20
FEW = 0.3  # of individuals: those of a code, never the greater part
MOST_CODES = 3  # at either end of the numbers
# gaps after the lowest and before the highest numbers, in ranges of the others: codes, if repeated
LOW, HIGH = 0.25, 3
FAR = 0.5  # the same of numbers that are named
SPIKE = 4  # times as often as any other value
# columns in which pedigrees say 0 for unknown
NO_PARENT = ("fid", "pat", "mat", "father", "mother", "sire", "dam")
# times whose order as numbers is another than in time; each beside the form that does sort
UNSORTED = {
    "month and year": (r"(0?[1-9]|1[0-2])[.,]?(19|20)\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])"),
    "day, month and year": (r"\d{3,4}(19|20)\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])"),
    "day, month and year of two digits": (
        r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])\d\d",
        r"(19|20)\d\d(0[1-9]|1[0-2])",
    ),
    "day and month": (r"(0?[1-9]|[12]\d|3[01])[.,](0[1-9]|1[0-2])", "-"),
}


def read_column(
    texts: pd.Series,
    argument: str,
    missing_codes: Sequence[str | float] | None = None,
    separator: str = ",",
) -> tuple[pd.Series, str]:
    """Return what a column of texts holds for an argument of `read_cohort`, and how it was read, in
    words.

    argument: trait, covariates, group or time. Numbers and days are floats, NaN where missing,
    labels texts or NaN.

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
    if argument == "covariates" and not labels:
        _check_no_labels(known)
    if labels:
        return _labels(texts, known, numbers, argument)
    if argument == "time" and len(others):
        numbers, kind = _days(known.drop(words.index), numbers.notna().any()), "dates"
    elif argument == "time":
        _check_sorted(known.drop(words.index))
        kind = "numbers"
    else:
        kind = "numbers"
    values = numbers.dropna()
    values = values[~values.isin([float(code) for code in codes if _is_number(code)])]
    if missing_codes is None or len(missing_codes):
        values, more = _without_codes(values, known, argument, missing_codes is not None, kind)
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


def _check_no_labels(known: pd.Series) -> None:
    """Refuse texts such as 1.1 and 1.10, which are one number and may be two labels."""
    padded = known[known.str.fullmatch(r"-?\d+\.\d*[1-9]0+")]
    both = padded[padded.str.rstrip("0").isin(known)]
    if len(both):
        raise ValueError(
            f"covariates must fit one reading, got {both.iloc[0]} and {both.iloc[0].rstrip('0')} in the column "
            f"{known.name}: one number? write it alike; two labels? write them as texts such as plot_{both.iloc[0]}"
        )


def _padded(known: pd.Series) -> bool:
    """Tell whether whole numbers are written with zeros before them, as labels are."""
    return bool(known.str.fullmatch(r"0\d+").any())


def _is_number(text: str) -> bool:
    return pd.notna(pd.to_numeric(text, errors="coerce"))


def _labels(
    texts: pd.Series, known: pd.Series, numbers: pd.Series, argument: str
) -> tuple[pd.Series, str]:
    """Take texts as they are, but for negative nines among numbers that are not negative."""
    if numbers.notna().all():
        nines = _is_nines(numbers) & (numbers < 0)
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


def _without_codes(
    values: pd.Series, texts: pd.Series, argument: str, settled: bool, kind: str
) -> tuple[pd.Series, list[str]]:
    """Return the numbers that are no code for missing, and what is noticed about the rest; refuse what
    may be one.
    """
    codes = _nines_to_drop(values) if kind == "numbers" else []
    if (
        argument == "covariates"
        and texts.name.lower() in ("sex", "gender")
        and set(values) - set(codes) == {0, 1, 2}
    ):
        codes.append(0)  # PLINK's unknown sex
    values = values[~values.isin(codes)]
    doubtful = [] if settled else _doubtful(values, argument)
    if doubtful:
        place, others = values[values.isin(doubtful)], values[~values.isin(doubtful)]
        named = ", ".join(texts[place.drop_duplicates().index])
        raise ValueError(
            f"{argument} must fit one reading, got {named} in the column {texts.name}, {len(place)} times among {kind} "
            f"from {_shown(others.min(), kind)} to {_shown(others.max(), kind)}: missing? missing_codes: [{named}]; "
            "measured? missing_codes: []"
        )
    notes, spike = [], _spike(values)
    apart = [] if argument == "time" else [*_lowest(values, FAR), *-_lowest(-values, FAR)]
    if apart:
        notes.append(f"far from all others: {some([_shown(value, kind) for value in apart])}")
    if spike is not None and argument != "time":
        notes.append(
            f"{spike:g} stands there {(values == spike).sum()} times, far more often than any other"
        )
    return values, notes


def _nines_to_drop(values: pd.Series) -> list[float]:
    """Return the numbers of nines alone that are negative as no other, or far from all others."""
    nines = _is_nines(values)
    others = values[~nines & ~values.isin(_lowest(values[~nines], LOW))]
    if others.empty or np.ptp(others) == 0:
        return []
    gaps = {
        value: max(others.min() - value, value - others.max()) for value in values[nines].unique()
    }
    return [
        value for value, gap in gaps.items() if gap >= np.ptp(others) or value < 0 <= others.min()
    ]


def _is_nines(values: pd.Series) -> pd.Series:
    return values.astype(str).str.fullmatch(r"-?9+\.(0|9+)")


def _doubtful(values: pd.Series, argument: str) -> list[float]:
    """Return numbers that may be codes for missing, or measurements."""
    found = set(values)
    for code in (0, -1):
        if argument == "trait" and len(found) == 3 and found - {code} in ({0, 1}, {1, 2}):
            return [code]
    for apart in (_lowest(values, LOW, least=2), -_lowest(-values, HIGH, least=2)):
        if len(apart) and (apart % 1 == 0).all():  # as codes are
            return sorted(apart)
    spike = pd.Series([_spike(values)]).dropna()
    return (
        spike[_is_nines(spike.astype(float)) & ((spike < 0) | (spike > 99))].tolist()
        if len(spike)
        else []
    )


def _lowest(values: pd.Series, share: float, least: int = 1) -> NDArray[np.float64]:
    """Return the few lowest numbers, each there `least` times, where a gap follows that is wide beside
    all others'.
    """
    distinct, counts = np.unique(values, return_counts=True)
    for k in range(min(MOST_CODES, len(distinct) - 2), 0, -1):
        gap, others = distinct[k] - distinct[k - 1], distinct[k:]
        whole = (others % 1 == 0).all()
        if len(others) > 3 or whole:
            wide = gap >= share * np.ptp(others) and gap > 2 * np.diff(others).max()
            if wide and counts[:k].sum() <= FEW * len(values) and counts[:k].min() >= least:
                return distinct[:k]
    return distinct[:0]


def _spike(values: pd.Series) -> float | None:
    """Return the least or greatest number, where it stands there much more often than any other of
    many.
    """
    counts = values.value_counts()
    if len(counts) < MOST_NUMBERED_LEVELS or counts.iloc[0] < SPIKE * counts.iloc[1]:
        return None
    extreme = counts.index[0] in (values.min(), values.max()) or counts.index[0] < 0
    return counts.index[0] if extreme else None


# --- Times ---------------------------------------------------------------------------------------------------------


def _check_sorted(known: pd.Series) -> None:
    """Refuse numbers that are dates written so that they do not sort by time."""
    form = next(
        (
            form
            for form, (is_one, sorts) in UNSORTED.items()
            if _all(known, is_one) and not _all(known, sorts)
        ),
        "",
    )
    years = pd.to_numeric(known.str.replace(",", ".")).to_numpy()
    if len(years) and _all(known, r"\d\d?") and years.min() <= 40 and years.max() >= 70:
        form = "" if ((years > 40) & (years < 70)).any() else "year of two digits"
    if _padded(known) and _all(known, r"(0[1-9]|1[0-2])\d\d"):
        form = "month and year of two digits"
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
        return (dates - pd.Timestamp(0, tz="UTC")).dt.days.astype(float)
    except ValueError as error:
        why = str(error).split(". You might")[0]
        raise ValueError(
            f"time must be numbers, or dates as 2026-01-31, in the column {known.name}: {why}"
        ) from None


# --- In words ------------------------------------------------------------------------------------------------------


def _in_words(
    texts: pd.Series, values: pd.Series, kind: str, argument: str, notes: list[str]
) -> str:
    start = (
        f"{kind} from {_shown(values.min(), kind)} to {_shown(values.max(), kind)}"
        if len(values)
        else "no values"
    )
    few = 2 < values.nunique() <= MOST_NUMBERED_LEVELS and (values % 1 == 0).all()
    if argument == "covariates" and few:
        start += f", one slope for all; labels? write them as texts such as {texts.name}_1"
    return "; ".join([start, *notes, *_missing(texts, values)])


def _shown(value: float, kind: str) -> str:
    return f"{pd.Timestamp(int(value), unit='D'):%Y-%m-%d}" if kind == "dates" else f"{value:.10g}"


def _missing(texts: pd.Series, known: pd.Series) -> list[str]:
    """Say which texts were taken as missing, and how many."""
    counts = texts.drop(known.index).value_counts()
    shown = [f"{text or 'empty'} ({count})" for text, count in counts.items()]
    return [f"missing: {some(shown, 6)}"] if shown else []
