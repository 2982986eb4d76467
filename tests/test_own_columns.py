"""How columns are read: numbers, labels and times, and what is missing or fits two readings."""

import re

import numpy as np
import pandas as pd
import pytest

from epidl.own.columns import read_column

N = 80
RNG = np.random.default_rng(0)
YIELD = (6 + RNG.normal(size=N)).round(3)
AGE = RNG.integers(20, 60, N)


def read(values, argument="trait", name="yield", separator=",", **options):
    return read_column(
        pd.Series(list(map(str, values)), name=name), argument, separator=separator, **options
    )


def with_code(code, values=YIELD):
    """Put a code for missing in the place of seven values."""
    changed = list(map(str, values))
    changed[::13] = [code] * 7
    return changed


@pytest.mark.parametrize(
    "code",
    [
        *(
            "",
            "NA",
            "na",
            "N/A",
            "nan",
            "#N/A",
            ".",
            "-",
            "?",
            "null",
            "None",
            "unknown",
            "#DIV/0!",
            "n.d.",
            "\\N",
        ),
        *("-9", "-9.0", "-99", "-999", "-999.00", "-9999", "99", "999", "9999", "-99.9"),
    ],
)
def test_usual_codes_are_missing_and_counted(code):
    values, words = read(with_code(code))
    assert values.isna().sum() == 7
    assert values.dropna().tolist() == [value for k, value in enumerate(YIELD) if k % 13]
    assert words.endswith(f"missing: {code or 'empty'} (7)")
    assert words.startswith("numbers from ")


@pytest.mark.parametrize("code", ["-1", "0", "-7", "-88", "8888", "-32768", "1e+30"])
def test_numbers_that_stand_apart_again_and_again_are_refused_and_settled_by_a_list(code):
    values = with_code(code)
    with pytest.raises(
        ValueError, match=re.escape(f"got {code} in the column yield, 7 times among numbers")
    ) as caught:
        read(values)
    assert f"missing? missing_codes: [{code}]; measured? missing_codes: []" in str(caught.value)
    assert read(values, missing_codes=[code])[0].isna().sum() == 7
    assert read(values, missing_codes=[float(code)])[0].isna().sum() == 7
    assert read(values, missing_codes=[])[0].notna().all()


def test_two_codes_at_once():
    both = with_code("-9")
    both[1::13] = ["-8"] * len(both[1::13])
    with pytest.raises(ValueError, match=r"got -8 in the column yield, 7 times"):
        read(both)
    values, words = read(both, missing_codes=[-8])
    assert values.isna().sum() == 14
    assert "-9 (7)" in words
    assert "-8 (7)" in words


@pytest.mark.parametrize(
    "values", [YIELD - 6, np.exp(2 * YIELD), RNG.negative_binomial(1, 0.2, N), AGE, YIELD * 1000]
)
def test_measurements_are_left_alone(values):
    assert read(values)[0].notna().all()


@pytest.mark.parametrize("value", ["40", "-1", "0.1"])
def test_a_value_far_from_all_others_is_named_and_kept(value):
    values, words = read([value, *YIELD[1:]])
    assert values.notna().all()
    assert f"far from all others: {value}" in words
    assert "far" not in read(YIELD)[1]


@pytest.mark.parametrize(
    ("values", "codes", "left"),
    [
        (["1", "2", "-9"], None, {1, 2}),
        (["1", "2", "-9", "0"], [0], {1, 2}),
        (["0", "1", "9"], None, {0, 1}),
        (["0", "1", "2"], [], {0, 1, 2}),
        (["1", "2", "3"], None, {1, 2, 3}),
    ],
)
def test_status_is_of_two_values(values, codes, left):
    found = read(np.resize([*values[:2], *values], N), missing_codes=codes)[0]
    assert set(found.dropna()) == left


@pytest.mark.parametrize(
    ("values", "code"), [(["1", "2", "0"], 0), (["-1", "0", "1"], -1), (["1", "2", "0", "-9"], 0)]
)
def test_a_status_with_two_readings_is_refused(values, code):
    with pytest.raises(
        ValueError, match=rf"got {code} in the column yield.*missing_codes: \[{code}\]"
    ):
        read(np.resize(values, N))


@pytest.mark.parametrize(
    "text", ["tall", "<0.5", "5.3 kg", "12%", "inf", "1.000,5", "1 234", "0x10", "*"]
)
def test_what_is_no_number_is_named_with_its_remedy(text):
    said = f"trait must be numbers, got {text!r} in the column yield (1 such); missing? missing_codes: [{text}]"
    with pytest.raises(ValueError, match=re.escape(said)):
        read([text, *YIELD[1:]])
    assert read([text, *YIELD[1:]], missing_codes=[text])[0].isna().sum() == 1


def test_decimal_commas():
    commas = [f"{value:.3f}".replace(".", ",") for value in YIELD]
    values, words = read(commas, separator=";")
    assert values.tolist() == YIELD.tolist()
    assert "decimal commas" in words
    with pytest.raises(
        ValueError,
        match=rf"got '{commas[0]}' .*a decimal comma or a thousand's: write \d\.\d+ or \d+",
    ):
        read(commas, separator="\t")
    # two decimals: no thousands
    assert read([comma[:-1] for comma in commas], separator="\t")[0].notna().all()
    assert "2 labels" in read(np.resize(["Lee, K", "Smith, J"], N), "covariates")[1]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (["01", "02", "10"], 3),
        (["1", "2", "B"], 3),
        (["none", "low", "high"], 3),
        (["a", "A", "b"], 3),
        (["NA", "EU", "."], 1),
        (["cage_1", "cage_2", "cage_3"], 3),
    ],
)
def test_covariates_that_are_labels(values, levels):
    found, words = read(np.resize(values, N), "covariates", "site")
    assert found.nunique() == levels
    assert set(found.dropna()) <= set(values)
    assert words.startswith(f"{levels} labels: ")
    assert ("a and A differ by capitals alone" in words) == ("A" in values)


def test_covariates_that_are_numbers_or_may_be_labels():
    assert (
        "one slope for all; labels? write them as words such as cage_1"
        in read(AGE % 8, "covariates", "cage")[1]
    )
    assert "labels" not in read(AGE, "covariates", "age")[1]
    with pytest.raises(
        ValueError, match=r"got 1\.10 and 1\.1 in the column plot: one number\? .*; two labels\?"
    ):
        read(np.resize(["1.1", "1.10", "1.2", "1.3"], N), "covariates", "plot")


@pytest.mark.parametrize(("name", "missing"), [("sex", 27), ("parity", 0)])
def test_a_sex_of_0_is_unknown(name, missing):
    assert read(np.resize(["0", "1", "2"], N), "covariates", name)[0].isna().sum() == missing


def test_groups_are_texts_from_the_first_byte():
    for labels in (["1", "1.0", "01"], ["1.1", "1.10"], ["F1", "1e5"]):
        assert sorted(read(np.resize(labels, N), "group", "family")[0].unique()) == sorted(labels)
    assert read(np.resize(["1", "2", "-9"], N), "group", "family")[0].isna().sum() == 26
    assert read(np.resize(["1", "2", "0"], N), "group", "family")[0].notna().all()
    assert read(np.resize(["1", "2", "0"], N), "group", "sire")[0].isna().sum() == 26


SORTED = {
    "2019-10": ["2019-10", "2020-01", "2020-05"],
    "2019-10-01": ["2019/10/01", "2020/01/15"],
    "20191001": ["20191001", "20200115"],
    "201910": ["201910", "202001"],
    "2018": ["2018", "2019"],
    "2019.25": ["2019.25", "2019.5"],
    "2019.1": ["2019.10", "2019.11"],
}


@pytest.mark.parametrize("first", SORTED)
def test_times_that_sort(first):
    values, words = read(np.repeat(SORTED[first], 20), "time", "when")
    assert values.is_monotonic_increasing
    assert f"from {first}" in words


@pytest.mark.parametrize(
    "times",
    [
        ["10.2019", "01.2020"],
        ["10.2019", "1.2020"],
        ["102019", "012020"],
        ["102019", "12020"],
        ["10,2019", "01,2020"],
        ["2019.10", "2020.1"],
        ["15102019", "01012020"],
        ["151019", "010120"],
        ["1019", "0120"],
        ["15.10", "01.11"],
        ["98", "99", "00", "01"],
        ["98", "99", "0", "1"],
    ],
)
def test_numbers_that_do_not_sort_by_time_are_refused(times):
    with pytest.raises(
        ValueError,
        match=rf"time must sort as it follows, got '{times[0]}' in the column when, which",
    ):
        read(np.repeat(times, 20), "time", "when")


@pytest.mark.parametrize(
    "times",
    [
        ["15.10.2019", "01.11.2019"],
        ["10/15/2019", "11/01/2019"],
        ["2019/20", "2020/21"],
        ["2011-12", "2012-13"],
        ["Oct 2019", "Nov 2019"],
        ["2019Q4", "2020Q1"],
        ["T1", "T10"],
        ["2019", "2020-01"],
        ["9999-12-31", "2020-01-01"],
    ],
)
def test_texts_that_are_no_dates_are_refused(times):
    with pytest.raises(
        ValueError, match=r"time must be numbers, or dates as 2026-01-31, in the column when: .*"
    ) as caught:
        read(np.repeat(times, 20), "time", "when")
    assert len(str(caught.value).splitlines()) == 1


def test_a_date_that_stands_for_a_missing_one_is_named():
    dates = ["1900-01-01"] * 8 + ["2019-10-01", "2020-01-15", "2020-05-20"] * 24
    with pytest.raises(
        ValueError,
        match=r"got 1900-01-01 in the column when, 8 times among dates from 2019-10-01 to",
    ):
        read(dates, "time", "when")
    assert read(dates, "time", "when", missing_codes=["1900-01-01"])[0].isna().sum() == 8
    assert read([2019, 2020, 2021, 9999] * 20, "time", "when")[0].isna().sum() == 20


CENTRED = 3 * (YIELD - 6)


@pytest.mark.parametrize("argument", ["trait", "covariates"])
def test_nines_at_the_end_of_centred_values(argument):
    assert -9 < CENTRED.min() < 0 < CENTRED.max()
    values, words = read(with_code("-9", CENTRED.round(2)), argument)
    assert values.isna().sum() == 7
    assert "missing: -9 (7)" in words
    with pytest.raises(ValueError, match=r"got -9 in the column yield, 7 times among numbers from"):
        read(with_code("-9", CENTRED.round().astype(int)), argument)
    assert read([*CENTRED.round(2), -9])[0].notna().all()  # once


def test_plink_s_phenotype_of_minus_9_is_always_missing():
    values = [-9, *(CENTRED * 4).round(2)]
    assert read(values, name="phenotype")[0].isna().sum() == 1
    assert read(values, name="PHENOTYPE", missing_codes=[])[0].notna().all()


def test_thousands_points_beside_semicolons():
    with pytest.raises(ValueError, match=r"got '1\.050' and '917' in the column yield, a decimal"):
        read(np.resize(["1.050", "917", "1.128"], N), separator=";")
    values, words = read(np.resize(["1.050", "1.917", "2.128"], N), separator=";")
    assert "decimal points, 1.050 is 1.05" in words
    assert values.max() == 2.128
    assert "points" not in read(np.resize(["1.05", "917"], N), separator=";")[1]


def test_the_rarer_end_of_three_values_may_be_a_code():
    with pytest.raises(ValueError, match=r"got 2 in the column yield, 7 times"):
        read(with_code("2", np.resize([0, 1], N)))
    for code, status in (("3", [0, 1]), ("3", [1, 2])):
        assert f"three values, {code} the rarest" in read(with_code(code, np.resize(status, N)))[1]


def test_a_status_in_words_is_refused_with_its_remedy():
    with pytest.raises(
        ValueError, match=r"got 'yes' in the column yield \(80 such\); write 0 and 1"
    ):
        read(np.resize(["yes", "no"], N))


@pytest.mark.parametrize(
    ("name", "labels", "code"),
    [("sex", "MF", "-9"), ("sex", "MF", "0"), ("site", "ABC", "999"), ("site", "ABC", "Unknown")],
)
@pytest.mark.parametrize("argument", ["covariates", "group"])
def test_codes_among_labels_are_missing(name, labels, code, argument):
    values = with_code(code, np.resize(list(labels), N))
    found, words = read(values, argument, name)
    assert found.isna().sum() == 7
    assert words.endswith(f"missing: {code} (7)")
    assert read(values, argument, name, missing_codes=[])[0].notna().all()


def test_odd_labels_are_named():
    words = read(with_code("x", np.resize(["A", "B"], N)), "covariates", "site")[1]
    assert "rare: x (7); missing? missing_codes: [x]" in words
    assert "1 and 1.0 are one number" in read(np.resize(["1", "1.0", "2"], N), "group", "cage")[1]
    assert "each individual is a group of its own" in read(range(N), "group", "cage")[1]
    assert "labels?" in read(np.arange(N) // 3 + 1, "covariates", "cage")[1]


def test_codes_below_small_numbers():
    parity = np.resize([1, 2, 3, 4, 5], N)
    with pytest.raises(ValueError, match=r"got -1 in the column parity, 7 times"):
        read(with_code("-1", parity), "covariates", "parity")
    words = read(with_code("0", parity), "covariates", "parity")[1]
    assert "0 occurs 7 times: missing? missing_codes: [0]" in words
    assert read(np.resize([-1, 0, 1], N), "covariates", "contrast")[0].notna().all()


@pytest.mark.parametrize(
    "times",
    [
        ["10.19", "03.20", "09.21"],
        ["10.19", "3.20", "9.21"],
        ["1019", "320", "921"],
        ["51019", "51219", "50320"],
        ["40.2019", "6.2020"],
        ["2021.36", "2021.6"],
        ["10.2019", "01.2020", "0"],
        ["4.2019", "1.2020"],
    ],
)
def test_more_numbers_that_do_not_sort_by_time(times):
    with pytest.raises(
        ValueError, match=r"time must sort as it follows, got '.*' in the column when"
    ):
        read(np.repeat(times, 20), "time", "when")


@pytest.mark.parametrize(
    "times",
    [
        [43739, 43799, 43859],
        [1.25, 2.5, 11.75],
        [120, 240, 360, 480],
        ["2019.00", "2019.25"],
        [8, 12],
    ],
)
def test_other_numbers_are_times(times):
    assert read(np.repeat(times, 20), "time", "when")[0].is_monotonic_increasing
