"""How each column of a phenotype table is read: as numbers, labels or times, and what in it is
missing.

A value is missing if it is empty, a usual word for missing, or named by `missing_codes`. The usual
words are `genotype_files.MISSING_TEXTS`, and among numbers also `MISSING_WORDS`. A number of nines
alone is missing if it is negative and no other number is, or if it is as far from all others as
these are from each other. What fits two readings, such as a number that is repeated far from all
others, is refused with the line that settles it: any `missing_codes`, an empty list included. An
empty list keeps the nines, too.
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
RARE = 0.5  # of the median label's individuals
SEX = ("sex", "gender", "geschlecht", "sexe", "sexo")
LIFE = 40  # years that a cohort's times span at most, where they are of two digits
# columns in which pedigrees say 0 for unknown
NO_PARENT = ("fid", "pat", "mat", "father", "mother", "sire", "dam")
# times whose order as numbers is another than in time; each beside the form that does sort
UNSORTED = {
    "month, quarter or week and year": (r"\d\d?[.,](19|20)\d\d", "-"),
    "month and year": (r"(0?[1-9]|1[0-2])(19|20)\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])"),
    "day, month and year": (r"\d{3,4}(19|20)\d\d", r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])"),
    "day and month": (r"(0?[1-9]|[12]\d|3[01])[.,](0[1-9]|1[0-2])", "-"),
    "year and week or month, of one digit or two": (
        r"(19|20)\d\d[.,]([0-4]?\d|5[0-3])",
        r"\d{4}[.,](0|25|5|75)",
    ),
}
# the same of years of two digits, at the end, which are of one life
TWO_DIGIT_YEARS = {
    "month and year of two digits": r"(0?[1-9]|1[0-2])[.,]?\d\d",
    "day, month and year of two digits": r"(0?[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])\d\d",
}


def read_column(
    texts: pd.Series,
    argument: str,
    missing_codes: Sequence[str | float] | None = None,
    separator: str = ",",
) -> tuple[pd.Series, str]:
    """Return what a column of strings holds for an argument of `read_cohort`, and how it was read,
    in words.

    argument: trait, covariates, group or time. Numbers and days are floats, labels strings, and
    missing values NaN.

    separator: of the table. If it is a semicolon, a comma is a decimal comma.

    Raises ValueError if a needed number is none, and for what fits two readings.
    """
    codes = [f"{code:g}" if isinstance(code, float) else str(code) for code in missing_codes or ()]
    missing = texts.str.lower().isin(MISSING_TEXTS) | texts.isin(codes)
    missing |= (texts == "0") if texts.name.lower() in NO_PARENT and argument == "group" else False
    if missing_codes is None and argument == "trait" and texts.name.lower() == "phenotype":
        missing |= texts == "-9"  # as PLINK has it
    known = texts[~missing]
    numbers, notes = _numbers(known, argument, separator)
    words = known[numbers.isna() & known.str.lower().isin(MISSING_WORDS)]
    others = known[numbers.isna()].drop(words.index)
    labels = argument == "group" or (argument == "covariates" and (len(others) or _padded(known)))
    if argument == "trait" and len(others):
        two = len(others) == len(known) and others.nunique() == 2
        way = "write 0 and 1" if two else f"missing? missing_codes: [{others.iloc[0]}]"
        raise ValueError(
            f"trait must be numbers, got {others.iloc[0]!r} in the column {texts.name} ({len(others)} such); {way}"
        )
    if argument == "covariates" and not labels:
        _check_no_labels(known)
    if labels:
        if missing_codes is None or len(missing_codes):
            known = _without_label_codes(known, numbers)
        return _labels(texts, known, numbers[known.index], argument)
    kind = "numbers"
    if argument == "time" and len(others):
        numbers, kind = _days(known.drop(words.index), numbers.notna().any()), "dates"
    elif argument == "time":
        _check_sorted(
            known[(numbers != 0) & ~_is_nines(numbers)].drop(words.index, errors="ignore")
        )
    values = numbers.dropna()
    values = values[~values.isin([float(code) for code in codes if _is_number(code)])]
    if missing_codes is None or len(missing_codes):
        values, more = _without_codes(values, known, argument, missing_codes is not None, kind)
        notes += more
    return values.reindex(texts.index), _in_words(texts, values, kind, argument, notes)


def _numbers(known: pd.Series, argument: str, separator: str) -> tuple[pd.Series, list[str]]:
    """Return numbers, NaN for what is none, and whether commas were taken as decimal commas."""
    commas, notes = known[known.str.contains(",", regex=False)], []
    points = known.str.contains(".", regex=False)
    if separator == ";" and points.any() and _all(known[points], r"[-+]?[1-9]\d{0,2}(\.\d{3})+"):
        first = known[points].iloc[0]
        if not points.all() and _all(known[~points], r"[-+]?\d{1,3}"):
            raise ValueError(
                f"{argument} must fit one reading, got {first!r} and {known[~points].iloc[0]!r} in the column "
                f"{known.name}, a decimal point or a thousand's: write {first.replace('.', '', 1)}, or "
                f"{known[~points].iloc[0]}.000"
            )
        notes = [f"decimal points, {first} is {float(first):g}"] if first.count(".") == 1 else []
    if len(commas) and known.str.fullmatch(r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?").mean() > 1 / 2:
        if separator != ";" and commas.str.fullmatch(r"[-+]?\d{1,3}(,\d{3})+").all():
            raise ValueError(
                f"{argument} must fit one reading, got {commas.iloc[0]!r} in the column {known.name}, a decimal comma "
                f"or a thousand's: write {commas.iloc[0].replace(',', '.')} or {commas.iloc[0].replace(',', '')}"
            )
        if not points.any():
            known, notes = known.str.replace(",", "."), ["decimal commas"]
    numbers = pd.to_numeric(known, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers)), notes


def _check_no_labels(known: pd.Series) -> None:
    """Refuse values such as 1.1 and 1.10, which are one number and may be two labels."""
    padded = known[known.str.fullmatch(r"-?\d+\.\d*[1-9]0+")]
    both = padded[padded.str.rstrip("0").isin(known)]
    if len(both):
        raise ValueError(
            f"covariates must fit one reading, got {both.iloc[0]} and {both.iloc[0].rstrip('0')} in the column "
            f"{known.name}: one number? write it alike; two labels? write them as words such as plot_{both.iloc[0]}"
        )


def _padded(known: pd.Series) -> bool:
    """Tell whether whole numbers are written with leading zeros, as labels are."""
    return bool(known.str.fullmatch(r"0\d+").any())


def _is_number(text: str) -> bool:
    return pd.notna(pd.to_numeric(text, errors="coerce"))


def _without_label_codes(known: pd.Series, numbers: pd.Series) -> pd.Series:
    """Leave out words for missing, a number of nines among words, negative nines among numbers that
    are not negative, and 0 among words for sex. `None` is a label: no treatment.
    """
    missing = known.str.lower().isin(MISSING_WORDS - {"none"})
    nines = _is_nines(numbers)
    alone = (
        not missing.all() and numbers[~missing].isna().any() and len(numbers.dropna().unique()) == 1
    )
    if alone:
        missing |= nines | ((numbers == 0) & (known.name.lower() in SEX))
    elif not (numbers[~nines] < 0).any():
        missing |= nines & (numbers < 0)
    return known[~missing]


def _labels(
    texts: pd.Series, known: pd.Series, numbers: pd.Series, argument: str
) -> tuple[pd.Series, str]:
    """Take labels as they are, and say what is odd about them."""
    if (
        argument == "covariates"
        and numbers.isna().any()
        and numbers.nunique() > MOST_NUMBERED_LEVELS
    ):
        text = known[numbers.isna()].iloc[0]
        raise ValueError(
            f"covariates must be numbers, or words with at most {MOST_NUMBERED_LEVELS} different numbers among them, "
            f"got {text!r} among {numbers.nunique()} numbers in the column {texts.name}: leave it empty, name it in "
            f"missing_codes: [{text}], or write the numbers as words such as plot_1"
        )
    counts = known.value_counts()
    names = known.unique()
    notes = [f"{len(names)} labels: {some(sorted(names), 6)}"]
    alike = pd.Series(names).groupby(pd.Series(names, dtype=str).str.lower()).agg(list)
    notes += [f"{' and '.join(same)} differ by capitals alone" for same in alike if len(same) > 1]
    equal = known.drop_duplicates().groupby(numbers).agg(list)
    notes += [f"{' and '.join(same)} are one number" for same in equal if len(same) > 1]
    rare = counts[counts < counts.median() * RARE]
    if len(rare):
        shown = [f"{name} ({count})" for name, count in rare.items()]
        notes.append(f"rare: {some(shown)}; missing? missing_codes: [{rare.index[-1]}]")
    if argument == "group" and len(names) == len(known) > 1:
        notes.append("each individual is a group of its own: family splits are random ones")
    return known.reindex(texts.index), "; ".join([*notes, *_missing(texts, known)])


# --- Numbers -------------------------------------------------------------------------------------------------------


def _without_codes(
    values: pd.Series, texts: pd.Series, argument: str, settled: bool, kind: str
) -> tuple[pd.Series, list[str]]:
    """Return the numbers that are no code for missing, and what is noticed about the rest, or
    refuse what may be a code.
    """
    codes = _nines_to_drop(values) if kind == "numbers" else []
    if (
        argument == "covariates"
        and texts.name.lower() in SEX
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
    counts = values.value_counts()
    if argument == "trait" and len(counts) == 3 and (values % 1 == 0).all():
        notes.append(
            f"three values, {counts.index[2]:g} the rarest: a status? missing_codes: [{counts.index[2]:g}]"
        )
    few = 3 < len(counts) <= MOST_NUMBERED_LEVELS and (values % 1 == 0).all()
    if argument != "time" and few and values.min() == 0 and counts[0] < counts.get(1, 0):
        notes.append(f"0 occurs {counts[0]} times: missing? missing_codes: [0]")
    if spike is not None and argument != "time":
        notes.append(
            f"{spike:g} occurs {(values == spike).sum()} times, far more often than any other"
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
    usual = others.value_counts().max()
    often = (others % 1 != 0).mean() > 1 / 2 and (values == values.min()).sum() >= max(2, 2 * usual)
    return [
        value
        for value, gap in gaps.items()
        if gap >= np.ptp(others)
        or value < 0 <= others.min()
        or (often and value < 0 and value == values.min())
    ]


def _is_nines(values: pd.Series) -> pd.Series:
    return values.astype(str).str.fullmatch(r"-?9+\.(0|9+)")


def _doubtful(values: pd.Series, argument: str) -> list[float]:
    """Return numbers that may be codes for missing, or measurements."""
    found = set(values)
    counts = values.value_counts().sort_index()
    if argument == "trait" and found in ({0, 1, 2}, {-1, 0, 1}):
        return [-1 if -1 in found else counts[[0, 2]].idxmin()]
    if len(found) > 2 and (values % 1 == 0).all():
        lowest, (often, next_often) = counts.index[0], counts.iloc[:2]
        nines = lowest < 0 and _is_nines(counts.index[:1].to_series().astype(float)).all()
        if nines and often > max(1, 2 * next_often):
            return [lowest]
        if lowest == -1 and 0 not in found and often > 1:
            return [lowest]
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
    """Return the few lowest numbers, each there `least` times, if a gap follows that is wide
    compared with all others.
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
    """Return the least or greatest number if it occurs much more often than any other of many."""
    counts = values.value_counts()
    if len(counts) < MOST_NUMBERED_LEVELS or counts.iloc[0] < SPIKE * counts.iloc[1]:
        return None
    extreme = counts.index[0] in (values.min(), values.max()) or counts.index[0] < 0
    return counts.index[0] if extreme else None


# --- Times ---------------------------------------------------------------------------------------------------------


def _check_sorted(known: pd.Series) -> None:
    """Refuse numbers that are dates in a form that does not sort by time."""
    form = next(
        (
            form
            for form, (is_one, sorts) in UNSORTED.items()
            if _all(known, is_one) and not _all(known, sorts)
        ),
        "",
    )
    if form.endswith("or two") and np.ptp(known.str.len()) == 0:
        form = ""
    last = known.str[-2:]
    if _all(last, r"\d\d") and 0 < np.ptp((last.astype(int) + 50) % 100) <= LIFE:
        form = form or next(
            (name for name, is_one in TWO_DIGIT_YEARS.items() if _all(known, is_one)), ""
        )
        whole = known.str.fullmatch(r"\d{3,4}").all()
        if whole and not _padded(known) and np.ptp(known.str.len()) == 0:
            form = ""  # days, or whole years
        if _all(known, r"(19|20)\d\d(0[1-9]|1[0-2])"):
            form = ""
    years = pd.to_numeric(known.str.replace(",", ".")).to_numpy()
    if len(years) and _all(known, r"\d\d?") and years.min() <= 40 and years.max() >= 70:
        form = "" if ((years > 40) & (years < 70)).any() else "year of two digits"
    if form:
        raise ValueError(
            f"time must sort as it follows, got {known.iloc[0]!r} in the column {known.name}, which looks like a "
            f"{form}: write 2026-01 or 2026-01-31"
        )


def _all(known: pd.Series, pattern: str) -> bool:
    return len(known) > 0 and bool(known.str.fullmatch(pattern).all())


def _days(known: pd.Series, numbers_among_them: bool) -> pd.Series:
    """Return days since 1970 of dates, those without a time zone as written."""
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
    n = values.nunique()
    in_a_row = values.min() == 1 and values.max() == n <= len(values) / 2
    few = n <= max(MOST_NUMBERED_LEVELS, len(values) / 5) or in_a_row
    if argument == "covariates" and n > 2 and few and (values % 1 == 0).all():
        start += f", one slope for all; labels? write them as words such as {texts.name}_1"
    return "; ".join([start, *notes, *_missing(texts, values)])


def _shown(value: float, kind: str) -> str:
    return f"{pd.Timestamp(int(value), unit='D'):%Y-%m-%d}" if kind == "dates" else f"{value:.10g}"


def _missing(texts: pd.Series, known: pd.Series) -> list[str]:
    """Say which values were taken as missing, and how many."""
    counts = texts.drop(known.index).value_counts()
    shown = [f"{text or 'empty'} ({count})" for text, count in counts.items()]
    return [f"missing: {some(shown, 6)}"] if shown else []
