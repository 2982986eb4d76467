"""A reader's own files: joined, filtered and reported, or refused; and the example that ships."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from epidl.cohorts.genotypes import MISSING
from epidl.figures.own_data import linkage
from epidl.own import comparison
from epidl.own.genotype_files import GenotypeFile, read_genotypes, write_plink
from epidl.own.reader import (
    EXAMPLE,
    EXAMPLE_COLUMNS,
    _copies,
    _likeness,
    files_and_columns,
    read_cohort,
    simulate_trait,
)
from epidl_book import own_data as own_data_page

N, M = 80, 12


@pytest.fixture
def files(tmp_path):
    """Return a function that writes a cohort, with changes, and reads it."""
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 3, (N, M)).astype(np.int8)
    ids = np.array([f"s{k}" for k in range(N)])
    table = pd.DataFrame(
        {
            "sample_id": ids,
            "yield": rng.normal(size=N).round(6),
            "sick": np.tile([1, 2], N // 2),
            "sex": np.tile(["f", "m"], N // 2),
            "age": rng.integers(20, 60, N),
            "family": np.repeat(["a", "b", "c", "d"], N // 4),
            "year": np.repeat([2001, 2002, 2003, 2004], N // 4),
            "day": np.repeat(["2001-01-01", "2001-01-31", "2002-01-01", "2003-01-01"], N // 4),
        }
    )

    def read(counts=counts, ids=ids, table=table, trait="yield", **options):
        markers = pd.DataFrame({"marker": [f"m{k}" for k in range(counts.shape[1])]}).assign(
            chromosome="1", position=1, counted_allele="G", other_allele="A"
        )
        write_plink(tmp_path / "cohort", GenotypeFile(np.array(ids), markers, counts, 2))
        table.to_csv(tmp_path / "phenotypes.csv", index=False)
        return read_cohort(
            tmp_path / "cohort.bed", tmp_path / "phenotypes.csv", trait=trait, **options
        )

    read.counts, read.ids, read.table = counts, ids, table
    return read


def count(cohort, what):
    (value,) = cohort.report.loc[cohort.report["what"] == what, "count"]
    return value


def test_rows_are_joined_by_id_whatever_their_order(files):
    shuffled = files.table.sample(frac=1, random_state=0)
    found = files(table=shuffled)
    assert found.genotypes.sample_ids.tolist() == files.ids.tolist()
    np.testing.assert_allclose(found.observed.phenotypes, files.table["yield"])
    np.testing.assert_array_equal(found.observed.genotypes.counts, files.counts)


def test_who_has_no_partner_is_dropped_and_counted(files):
    table = pd.concat([files.table.iloc[5:], files.table.head(2).assign(sample_id=["x", "y"])])
    found = files(table=table)
    assert count(found, "individuals without a row of phenotypes") == 5
    assert count(found, "rows of phenotypes without genotypes") == 2
    assert found.genotypes.sample_ids.tolist() == files.ids[5:].tolist()


def test_missing_phenotypes_and_covariates_are_dropped_and_counted(files):
    table = files.table.astype({"age": float})
    table.loc[:3, "yield"] = np.nan
    table.loc[3:9, "age"] = np.nan
    found = files(table=table, covariates=["age"])
    assert count(found, "individuals without yield (trait)") == 4
    assert count(found, "individuals without age (covariates)") == 6  # one of seven is gone already
    assert len(found.observed.phenotypes) == N - 10


def test_covariates_groups_and_times(files):
    found = files(covariates=["sex", "age"], group="family", time="year").observed
    female = (files.table["sex"] == "f").to_numpy(float)
    np.testing.assert_array_equal(
        found.design, np.column_stack([files.table["age"], female, 1 - female])
    )
    assert found.groups.tolist() == files.table["family"].tolist()
    assert found.times.tolist() == files.table["year"].tolist()
    days = files(time="day").observed.times
    assert (np.diff(np.unique(days)) == [30, 335, 365]).all()


def test_covariates_that_do_not_vary_are_dropped_and_reported(files):
    table = files.table.assign(farm="north", plot=3, tested=True)
    found = files(table=table, covariates=["farm", "age", "plot", "tested"])
    (row,) = found.report[found.report["what"] == "covariates that do not vary"].itertuples()
    assert (row.count, row.action) == (3, "dropped: farm, plot, tested")
    assert found.observed.design[:, 0].tolist() == files.table["age"].tolist()
    assert found.observed.design.shape == (N, 1)
    assert count(files(covariates=["age"]), "covariates that do not vary") == 0


def test_a_text_among_measurements_is_refused_and_a_few_numbered_levels_are_not(files):
    age = files.table["age"].astype(str)
    age.iloc[[5, 9]] = "old"
    message = r"covariates must be numbers, .* at most 20 .*, got 'old' among \d+ numbers in the column age: leave"
    with pytest.raises(ValueError, match=message):
        files(table=files.table.assign(age=age), covariates=["sex", "age"])
    sites = files(
        table=files.table.assign(age=np.tile(["1", "2", "3", "B"], N // 4)), covariates=["age"]
    )
    assert sites.observed.design.shape == (N, 4)


@pytest.mark.parametrize(
    "ending",
    [
        ["T00:00:00Z"] * N,
        ["T02:00:00+02:00"] * N,
        ["T00:00:00Z", "", "T23:30:00", "T01:00:00+01:00"] * (N // 4),
    ],
)
def test_dates_with_a_time_zone_are_days_in_utc(files, ending):
    zoned = files(
        table=files.table.assign(day=files.table["day"] + ending), time="day"
    ).observed.times
    np.testing.assert_array_equal(zoned, files(time="day").observed.times)


def test_a_trait_of_two_values_is_binary(files):
    found = files(trait="sick")
    assert found.observed.binary
    assert set(found.observed.phenotypes) == {0, 1}
    assert found.report.iloc[-1]["action"] == "binary: scored by AUC"


def test_markers_and_individuals_are_filtered_and_counted(files):
    counts = files.counts.copy()
    counts[:, 0] = 2  # does not vary
    counts[:, 1] = 0
    counts[0, 1] = 1  # rare: 1 of 160
    counts[:20, 2] = MISSING  # 25 %
    counts[:16, 3] = MISSING  # 20 %: stays
    counts[79, 4:] = MISSING
    found = files(counts=counts)
    assert count(found, "markers that do not vary") == 1
    assert count(found, "markers with a rarer allele below 0.01") == 1
    assert count(found, "markers with more than 20% missing") == 1
    assert count(found, "individuals with more than 20% missing") == 1
    assert count(found, "missing genotypes") == 16
    assert found.genotypes.markers["marker"].tolist() == ["m3", *(f"m{k}" for k in range(4, M))]
    assert found.observed.genotypes.n_missing() == 16
    assert len(files(counts=counts, max_missing=0.25, min_maf=0).genotypes.markers) == M - 1


def test_markers_with_the_same_heterozygote_in_all_do_not_vary(files):
    counts = files.counts.copy()
    counts[:, 0] = 1
    counts[:, 1] = 1
    counts[:5, 1] = MISSING
    found = files(counts=counts)
    assert count(found, "markers that do not vary") == 2
    assert found.genotypes.markers["marker"].tolist() == [f"m{k}" for k in range(2, M)]


def test_missing_genotypes_are_filled_from_those_that_train(files):
    counts = files.counts.copy()
    counts[:10, 3] = MISSING
    dosages = files(counts=counts).observed.genotypes
    ((_, split), *_) = comparison.make_splits(files(counts=counts).observed, "random", 1, seed=0)
    train = np.concatenate([split.train, split.validation])
    known = train[counts[train, 3] != MISSING]
    trained = dosages.trained_on(train)
    np.testing.assert_allclose(
        trained.block(np.arange(10))[:, 3], counts[known, 3].mean() / 2, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.assign(sample_id=[f"t{k}" for k in range(N)]),
            r"must match, got none in common: s0, s1, s2 and 77",
        ),
        (
            lambda t: pd.concat([t, t.head(1)]),
            r"sample ids of .*phenotypes.csv must all be different, got s0 in the rows 1, 81",
        ),
        (
            lambda t: t.assign(**{"yield": "tall"}),
            "trait must be numbers, got 'tall' in the column yield",
        ),
        (lambda t: t.assign(**{"yield": 3.0}), "trait must vary, got 3 for all 80 individuals"),
        (
            lambda t: t.assign(**{"yield": np.nan}),
            "at least 40 individuals and 2 markers, got 0 and 0",
        ),
        (lambda t: t.drop(columns="yield"), r"trait must name a column of .* got 'yield'"),
        (lambda t: t.drop(columns="sample_id"), "sample_id must name a column"),
        (lambda t: t.head(0), "one row per individual, got a header alone"),
        (lambda t: t.head(30), "at least 40 individuals and 2 markers, got 30 and 12"),
        (lambda t: t.assign(sample_id=["", *t["sample_id"][1:]]), "must not be empty, got 1"),
    ],
)
def test_a_malformed_phenotype_table_is_refused(files, change, message):
    with pytest.raises(ValueError, match=message):
        files(table=change(files.table))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trait": ""}, "trait must name a column"),
        ({"covariates": ["height"]}, "covariates must name a column .* got 'height'"),
        ({"group": "herd"}, "group must name a column"),
        ({"time": "sex"}, "time must be numbers, or dates as 2026-01-31, in the column sex"),
        ({"max_missing": 1.2}, "max_missing must be"),
        ({"min_maf": 0.5}, "min_maf must be"),
    ],
)
def test_bad_options_are_refused(files, options, message):
    with pytest.raises(ValueError, match=message):
        files(**options)


def test_only_monomorphic_markers_end_with_the_report(files):
    with pytest.raises(
        ValueError, match=r"(?s)got 80 and 0 after:.*markers that do not vary\s+12\s+dropped"
    ):
        files(counts=np.full((N, M), 2, dtype=np.int8))


def test_an_empty_phenotype_file_is_refused(files, tmp_path):
    files()
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ValueError, match=r"empty\.csv must not be empty"):
        read_cohort(tmp_path / "cohort.bed", tmp_path / "empty.csv", trait="yield")


def test_without_phenotypes_all_individuals_stay(files, tmp_path):
    files()
    found = read_cohort(tmp_path / "cohort.bed")
    assert found.observed is None
    assert found.dosages.n_samples == N


def test_a_cohort_exported_and_read_back_gives_identical_results(files, tmp_path):
    counts = np.where(np.random.default_rng(1).random((N, M)) < 0.05, MISSING, files.counts).astype(
        np.int8
    )
    first = files(counts=counts, covariates=["sex"])
    write_plink(tmp_path / "again", first.genotypes)
    again = read_cohort(
        tmp_path / "again.bed", tmp_path / "phenotypes.csv", trait="yield", covariates=["sex"]
    )
    options = {"models": ["ridge", "kernel", "pairs", "mlp"], "n_splits": 2, "hidden_width": 8}
    tables = [
        comparison.compare(cohort.observed, **options).drop(columns="seconds")
        for cohort in (first, again)
    ]
    pd.testing.assert_frame_equal(*tables)


REPORTED = {
    "some ids that do not match": "1 individuals without a row of phenotypes: dropped",
    "phenotypes missing": "5 individuals without yield",
    "monomorphic markers": "3 markers that do not vary: dropped",
    "more than two alleles": "1 sites of more than two alleles: dropped",
    "a marker with a fifth missing": "12 missing genotypes: filled",
    "a marker with more missing": "1 markers with more than 20% missing: dropped",
    "an individual without genotypes": "1 individuals with more than 20% missing: dropped",
}


def test_the_books_cases_are_refused_with_a_reason_or_reported():
    found = own_data_page.answers().set_index("case")
    assert set(found.index[found["outcome"] == "reported"]) == set(REPORTED)
    for case, answer in REPORTED.items():
        assert answer in found.loc[case, "answer"]
    refused = found[found["outcome"] == "refused"]["answer"]
    assert refused.str.contains(" must ").all()
    assert "got the allele 9 at m21" in refused["an allele that the site does not have"]
    assert "it is truncated" in refused["a truncated .vcf.gz"]
    assert own_data_page.in_words(found.reset_index()).count("\n- **") == len(found)


# --- What users bring ----------------------------------------------------------------------------------------------


@pytest.fixture
def tables(files, tmp_path):
    """Return a function that writes genotypes and phenotypes as tables, given as frames or texts, and
    reads them.
    """
    genotypes = pd.DataFrame(files.counts, files.ids).add_prefix("m").rename_axis("id")

    def read(genotypes=genotypes, phenotypes=files.table, ending=".csv", trait="yield", **options):
        for name, table in (("g.csv", genotypes), (f"p{ending}", phenotypes)):
            text = table if isinstance(table, str) else table.to_csv(index=name == "g.csv")
            (tmp_path / name).write_text(text, encoding="utf-8", newline="")
        return read_cohort(tmp_path / "g.csv", tmp_path / f"p{ending}", trait=trait, **options)

    read.genotypes, read.table = genotypes, files.table
    return read


def action(cohort, what):
    (value,) = cohort.report.loc[cohort.report["what"] == what, "action"]
    return value


def test_the_report_says_how_every_column_was_read(tables):
    table = tables.table.assign(year=tables.table["year"].where(tables.table.index > 5, -9))
    found = tables(phenotypes=table, covariates=["sex", "age"], group="family", time="year")
    rows = found.report[found.report["step"] == "column"].set_index("what")
    assert list(rows.index) == [
        "yield (trait)",
        "sex (covariates)",
        "age (covariates)",
        "family (group)",
        "year (time)",
    ]
    assert rows.loc["sex (covariates)", "action"] == "2 labels: f, m"
    assert rows.loc["year (time)"].tolist() == [
        "column",
        N - 6,
        "numbers from 2001 to 2004; missing: -9 (6)",
    ]
    assert count(found, "individuals without year (time)") == 6


def test_codes_for_missing_values_are_left_out_or_refused(tables):
    table = tables.table.assign(**{"yield": tables.table["yield"].abs() + 5})
    for code, options in (
        (-999, {}),
        (-9, {}),
        (0, {"missing_codes": [0]}),
        ("dead", {"missing_codes": ["dead"]}),
    ):
        coded = table.astype({"yield": object})
        coded.loc[::13, "yield"] = code
        found = tables(phenotypes=coded, **options)
        assert count(found, "individuals without yield (trait)") == 7
        assert f"missing: {code} (7)" in action(found, "yield (trait)")
        assert found.observed.phenotypes.min() >= 5
    with pytest.raises(
        ValueError,
        match=r"got 'dead' in the column yield \(7 such\); missing\? missing_codes: \[dead\]",
    ):
        tables(phenotypes=coded)


def test_status_as_plink_has_it(files, tmp_path):
    status = pd.Series(np.resize([1, 2, 2, 1, 2, 1, -9], N))
    found = files(table=files.table.assign(sick=status), trait="sick")
    assert (found.observed.binary, len(found.observed.phenotypes)) == (True, (status > 0).sum())
    with pytest.raises(
        ValueError,
        match=r"trait must fit one reading, got 0 in the column sick, .*missing_codes: \[0\]",
    ):
        files(table=files.table.assign(sick=status.replace(-9, 0)), trait="sick")
    none = dict.fromkeys(["trait", "covariates", "group", "time"])
    assert files_and_columns(tmp_path / "cohort.bed", "", none)[1] == ""
    fam = "".join(f"f {name} 0 0 {k % 3} {status[k]}\n" for k, name in enumerate(files.ids))
    (tmp_path / "cohort.fam").write_text(fam.replace(" -9\n", " 0\n", 3))
    genotypes, phenotypes, columns = files_and_columns(tmp_path / "cohort.bed", "", none)
    assert (phenotypes, columns) == (tmp_path / "cohort.fam", {"trait": "phenotype"})
    assert files_and_columns(tmp_path / "cohort.bed", "", none, simulated=True)[1:] == ("", {})
    found = read_cohort(genotypes, phenotypes, **columns)
    assert (found.observed.binary, len(found.observed.phenotypes)) == (True, (status > 0).sum())
    assert "0 (27)" in action(
        read_cohort(genotypes, phenotypes, **columns, covariates=["sex"]), "sex (covariates)"
    )


def test_families_and_ids_are_joined_where_ids_repeat(files, tmp_path):
    files()
    pairs = [(f"F{k // 10}", f"{k % 10}") for k in range(N)]
    (tmp_path / "cohort.fam").write_text(
        "".join(f"{family} {name} 0 0 0 -9\n" for family, name in pairs)
    )
    rows = [f"{family} {name} {k}.5\n" for k, (family, name) in enumerate(pairs)]
    (tmp_path / "p.txt").write_text("#FID IID yield\n" + "".join(rows[::-1]))
    found = read_cohort(
        tmp_path / "cohort.bed", tmp_path / "p.txt", trait="yield", sample_id="IID", group="FID"
    )
    assert found.observed.phenotypes.tolist() == [k + 0.5 for k in range(N)]
    assert found.genotypes.sample_ids[11] == "F1_1"
    (tmp_path / "p.txt").write_text("IID yield\n" + "".join(row.split(" ", 1)[1] for row in rows))
    with pytest.raises(
        ValueError, match=r"got 0 in the rows 1, 11, 21 and 5 more .*a column FID is joined"
    ):
        read_cohort(tmp_path / "cohort.bed", tmp_path / "p.txt", trait="yield", sample_id="IID")


def test_r_s_tables(tables):
    names = [f"{k:03d}" for k in range(N)]
    rows = "".join(
        f'"{name}",{value}\n' for name, value in zip(names, tables.table["yield"], strict=True)
    )
    options = {
        "genotypes": tables.genotypes.set_axis(names),
        "phenotypes": '"","Trait_1"\n' + rows,
        "trait": "Trait_1",
    }
    found = tables(**options, sample_id="Unnamed: 0")
    assert found.genotypes.sample_ids.tolist() == names
    np.testing.assert_allclose(found.observed.phenotypes, tables.table["yield"])
    with pytest.raises(
        ValueError,
        match=r"sample_id must name a column .*: the column without a name is 'Unnamed: 0'",
    ):
        tables(**options, sample_id="")


def test_spreadsheets(tables):
    text = tables.table[["sample_id", "yield"]].to_csv(index=False)
    for changed, dropped in (
        (text.replace("\n", ",,\n"), ("columns without a name and values", 2)),
        (text + ",\n,\n,\n", ("rows without a value", 3)),
        (text.replace("sample_id,yield", " sample_id, yield "), None),
        (text.replace(",", ";").replace(".", ","), None),
        (text.replace("s7,", "s7 ,"), None),
    ):
        found = tables(phenotypes=changed)
        np.testing.assert_allclose(found.observed.phenotypes, tables.table["yield"])
        assert dropped is None or count(found, dropped[0]) == dropped[1]
    commas = text.replace(",", "\t").replace(".", ",")
    assert "decimal commas" in action(tables(phenotypes=commas, ending=".tsv"), "yield (trait)")


def test_the_trait_among_the_markers_is_left_out_or_named(tables):
    trait = np.resize([0, 1, 1], N)
    marked = tables.genotypes.assign(sick=trait, sex=trait + 1, SIRE=1 - trait)
    table = tables.table.assign(sick=trait).rename(columns={"family": "sire"})
    found = tables(genotypes=marked, phenotypes=table, trait="sick")
    assert (count(found, "markers named as other columns"), len(found.genotypes.markers)) == (3, M)
    assert action(found, "markers named as other columns") == "dropped: sick, sex, SIRE"
    assert count(found, "markers that are the trait, or nearly") == 0
    nearly = np.where(np.arange(N) == 3, 1 - trait, trait)
    found = tables(
        genotypes=tables.genotypes.assign(x=2 - 2 * nearly), phenotypes=table, trait="sick"
    )
    assert action(found, "markers that are the trait, or nearly").endswith("leave it out: x")


@pytest.mark.parametrize(
    "copy",
    [
        lambda y: 2.2 * y,
        lambda y: np.log(y + 5),
        lambda y: y + 0.005 * np.arange(N),
        lambda y: pd.cut(y, 8).astype(str),
        lambda y: y.rank(),
    ],
)
def test_a_covariate_that_is_the_trait_is_refused(tables, copy):
    table = tables.table.assign(x=copy(tables.table["yield"]))
    with pytest.raises(
        ValueError,
        match=r"covariates must be no copy of the trait, got x, which explains \d+\.\d% of",
    ):
        tables(phenotypes=table, covariates=["age", "x"])
    with pytest.raises(
        ValueError, match="covariates must be other columns than the trait, got 'yield'"
    ):
        tables(covariates=["yield"])


def test_a_near_copy_of_a_status_is_refused_as_a_covariate(tables):
    sick = np.resize([0, 1, 1], N)
    nearly = np.where(np.arange(N) == 3, "control", np.where(sick == 1, "case", "control"))
    table = tables.table.assign(sick=sick, x=nearly)
    with pytest.raises(ValueError, match=r"covariates must be no copy of the trait, got x"):
        tables(phenotypes=table, trait="sick", covariates=["x"])


def test_sites_of_large_effects_are_no_copies_and_score_alike_however_they_are_spelt(tables):
    rng = np.random.default_rng(4)
    site = np.resize(np.arange(6), N)
    # the last in one family alone
    site[site == 5] = np.where(np.arange(N) < N // 4, 5, 4)[site == 5]
    trait = 4 * site + rng.normal(size=N)
    scores = []
    for spelling in ("ABCDEF", "FEDCBA"):
        table = tables.table.assign(**{"yield": trait, "site": [spelling[k] for k in site]})
        observed = tables(phenotypes=table, covariates=["site"], group="family").observed
        scores.append(comparison.compare(observed, models=["ridge", "kernel"], splits=["family"]))
    np.testing.assert_allclose(scores[0]["pearson_r"], scores[1]["pearson_r"], atol=1e-6)
    assert scores[0].query("split == 'a'")["n_unseen"].gt(0).all()
    assert scores[0].query("split != 'a'")["n_unseen"].eq(0).all()


def test_copies_are_counted_and_can_be_kept_together(tables):
    counts = np.repeat(tables.genotypes.to_numpy()[:20], 4, axis=0)
    clones = pd.DataFrame(counts, tables.genotypes.index).add_prefix("m")
    found = tables(genotypes=clones, group="family")
    assert count(found, "individuals with the genotype of another") == N
    assert "80 individuals are 20 different genotypes" in action(
        found, "individuals with the genotype of another"
    )
    assert count(found, "individuals with a copy in another group") == 0
    assert (
        count(tables(genotypes=clones, group="sex"), "individuals with a copy in another group")
        == N
    )
    found = tables(genotypes=clones, group="copies")
    for _, split in comparison.make_splits(found.observed, "family", 1, seed=1):
        trained = found.observed.groups[np.concatenate([split.train, split.validation])]
        assert not set(trained) & set(found.observed.groups[split.test])
    assert count(tables(), "individuals with the genotype of another") == 0


def test_copies_may_differ_in_a_few_genotypes_and_lack_others():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, (60, 300)).astype(np.int8)
    counts[1] = counts[0]
    counts[1, [7, 90, 170]] = (counts[0, [7, 90, 170]] + 1) % 3  # 1 % wrong
    counts[1, 200:] = MISSING
    counts[3] = counts[2]
    counts[3, ::4] = (counts[2, ::4] + 1) % 3  # 25 % differ: relatives
    labels = _copies(GenotypeFile(np.arange(60).astype(str), pd.DataFrame(), counts, 2))
    assert labels[0] == labels[1]
    assert len(set(labels)) == 59


def test_markers_on_sex_chromosomes_and_at_one_position_are_counted(files, tmp_path):
    files()
    bim = tmp_path / "cohort.bim"
    for chromosomes, sexed in (
        (["23", "X", "chrY", "MT"], 4),
        (["23", "24", "29", "31"], 0),
        (["23", "24", "29", "30"], 1),
        (["Z", "X_par", "NC_000023.11", "M1"], 3),
        (["23", "24", "25", "26"], 4),
        (["1", "2", "3", "4"], 0),
    ):
        lines = [
            f"{name} m{k} 0 {k} G A\n"
            for k, name in enumerate([*chromosomes, *["5"] * 6, "22", "22"], start=1)
        ]
        bim.write_text("".join(lines).replace(" 12 ", " 11 "))
        found = read_cohort(tmp_path / "cohort.bed", tmp_path / "phenotypes.csv", trait="yield")
        assert count(found, "markers on sex chromosomes or organelles") == sexed
        assert count(found, "markers at the position of another") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"trait": 2021},
            "trait must be the name of a column, got 2021: -r trait 2021 in place of -p, and .* quotes",
        ),
        (
            {"trait": False},
            "trait must be the name of a column, got False: .*words such as NO stay names in quotes",
        ),
        ({"group": 1.1}, r"group must be the name of a column, got 1\.1: -r group"),
        (
            {"covariates": "[sex]"},
            r"covariates must be a list of names, got '\[sex\]': give -y \"\{covariates: \[sex\]\}\"",
        ),
        (
            {"covariates": [2021]},
            r"covariates must be a list of names, got \[2021\]; numbers and words",
        ),
        ({"trait": "Yield"}, "trait must name a column .*: 'yield' is meant"),
        (
            {"trait": "7"},
            "trait must name a column .*: with -r trait a name stays as it is written",
        ),
    ],
)
def test_names_that_a_command_changes_are_explained(files, options, message):
    with pytest.raises(ValueError, match=message):
        files(**options)


def test_names_may_be_numbers(tables):
    for name in ("1", "2021", "NO"):
        found = tables(phenotypes=tables.table.rename(columns={"yield": name}), trait=name)
        np.testing.assert_allclose(found.observed.phenotypes, tables.table["yield"])


def test_ids_that_a_spreadsheet_changed_are_explained(tables):
    names = [f"{k:03d}" for k in range(N)]
    genotypes = tables.genotypes.set_axis(names)
    for changed in (range(N), [f"{k}.0" for k in range(N)]):
        with pytest.raises(
            ValueError,
            match=r"got none in common: .*: they differ by capitals, zeros before a number or",
        ):
            tables(genotypes=genotypes, phenotypes=tables.table.assign(sample_id=changed))
    some = [*range(20), *names[20:]]
    found = tables(genotypes=genotypes, phenotypes=tables.table.assign(sample_id=some))
    assert "20 differ by capitals" in action(found, "rows of phenotypes without genotypes")
    with pytest.raises(ValueError, match="its columns are individuals"):
        tables(genotypes=tables.genotypes.T)


# --- Traits of known architecture ----------------------------------------------------------------------------------


def test_a_simulated_trait_takes_the_place_of_the_files(files):
    own = files(covariates=["sex"], group="family", time="year")
    cohort, truth = simulate_trait(own, n_qtl=6, rel_aa=1.0, broad_sense_heritability=0.8, seed=2)
    np.testing.assert_array_equal(cohort.observed.phenotypes, truth.phenotypes[:, 0])
    np.testing.assert_array_equal(cohort.observed.groups, own.observed.groups)
    assert cohort.observed.design.shape == (N, 0)
    assert len(truth.traits[0].qtl) == 6
    assert cohort.trait == "simulated, relAA 1"


def test_a_trait_can_be_simulated_where_genotypes_are_missing():
    cohort, truth = simulate_trait(
        read_cohort(EXAMPLE / "example.bed"),
        n_qtl=20,
        rel_aa=1.0,
        broad_sense_heritability=0.8,
        seed=1,
    )
    assert cohort.dosages.n_missing() > 0
    assert cohort.observed.groups is None
    assert truth.genetic_values.var() == pytest.approx(1)


# --- The example that ships ----------------------------------------------------------------------------------------


def test_the_example_is_what_its_script_makes(tmp_path):
    import make_example  # late: it needs msprime

    make_example.main(tmp_path)
    shipped = {file.name for file in EXAMPLE.iterdir()}
    assert shipped == {file.name for file in tmp_path.iterdir()}
    assert (tmp_path / "example.bed").read_bytes() == (EXAMPLE / "example.bed").read_bytes()
    for name in shipped - {"example.bed", "provenance.json"}:
        assert (tmp_path / name).read_text() == (EXAMPLE / name).read_text(), name


def test_the_examples_truth_is_among_its_markers_and_explains_its_trait():
    truth = pd.read_csv(EXAMPLE / "truth.csv").set_index("marker")
    genotypes = read_genotypes(EXAMPLE / "example.bed")
    x = pd.DataFrame(
        np.maximum(genotypes.counts, 0) - 1.0, genotypes.sample_ids, genotypes.markers["marker"]
    )
    value = x[truth.index] @ truth["additive_effect"]
    value += (x[truth.index].to_numpy() * x[truth["partner"]].to_numpy()) @ truth["pair_effect"] / 2
    table = pd.read_csv(EXAMPLE / "phenotypes.csv").dropna().set_index("sample_id")
    table = table[table.index.isin(value.index)]
    fixed = np.column_stack([np.ones(len(table)), table["sex"] == "male", table["year"]]).astype(
        float
    )
    height = table["height"] - fixed @ np.linalg.lstsq(fixed, table["height"], rcond=None)[0]
    # H2 is 0.8; some genotypes are missing
    assert np.corrcoef(height, value[table.index])[0, 1] > 0.85


# --- Pictures ------------------------------------------------------------------------------------------------------


def test_linkage_is_the_squared_correlation_by_distance(files):
    counts = files.counts.copy()
    counts[:, 1] = counts[:, 0]  # neighbours in complete linkage
    found = files(counts=counts).genotypes
    x = counts - counts.mean(axis=0)
    r2 = np.corrcoef(x, rowvar=False) ** 2
    table = linkage(
        replace(found, markers=found.markers.assign(chromosome=["1"] * 6 + ["2"] * 6, position=0))
    )
    between = table.loc[table["distance"].isna(), "r2"].item()
    assert between == pytest.approx(r2[:6, 6:].mean())
    nearest = table.iloc[0]
    assert nearest["distance"] == 1
    adjacent = [r2[k, k + 1] for k in (*range(5), *range(6, 11))]
    assert nearest["r2"] == pytest.approx(np.mean(adjacent))
    assert table.attrs["unit"] == "Distance, markers"


def test_the_example_s_columns_are_not_looked_for_in_other_files():
    none = dict.fromkeys(["trait", "covariates", "group", "time"])
    assert files_and_columns("", "", none)[2] == EXAMPLE_COLUMNS
    assert files_and_columns("", "", none | {"covariates": []})[2] == EXAMPLE_COLUMNS | {
        "covariates": []
    }
    assert files_and_columns("a.bed", "p.csv", none | {"trait": "yield"}) == (
        "a.bed",
        "p.csv",
        {"trait": "yield"},
    )
    assert files_and_columns("a.bed", "", none | {"trait": "yield"}) == ("a.bed", "", {})
    with pytest.raises(
        ValueError, match=r"genotypes must be given with phenotypes, got none with 'p.csv'"
    ):
        files_and_columns("", "p.csv", none)


def test_one_column_for_two_uses_is_read_for_each(files):
    found = files(covariates=["day", "year"], group="year", time="day").observed
    assert found.design.shape == (N, 5)  # years are one number, days four levels
    assert found.groups.tolist() == files.table["year"].astype(str).tolist()
    assert np.unique(found.times).tolist() == [11323, 11353, 11688, 12053]
    both = files(covariates=["year"], group="year").observed
    np.testing.assert_array_equal(both.design[:, 0], files.table["year"])
    alone = files(covariates=["day"]).observed
    np.testing.assert_array_equal(
        files(covariates=["day", "day"], time="day").observed.design, alone.design
    )


def test_markers_that_stand_in_the_phenotypes_too(files, tmp_path):
    merged = files.table.join(pd.DataFrame(files.counts).add_prefix("m"))
    found = files(table=merged)
    assert found.genotypes.counts.shape == (N, M)
    assert count(found, "markers that are in the phenotypes, too") == M
    assert files(table=merged[["sample_id", "yield", "m3"]]).genotypes.counts.shape == (N, M - 1)
    assert files(table=merged, covariates=["m3"]).genotypes.counts.shape == (N, M - 1)
    with pytest.raises(ValueError, match=r"genotypes must hold markers, got 12 columns that are"):
        files(table=merged, covariates=[f"m{k}" for k in range(M)])


def test_raw_for_both(tmp_path, files):
    raw = pd.DataFrame({"FID": files.ids, "IID": files.ids, "PAT": 0, "MAT": 0, "SEX": 1})
    raw = raw.assign(PHENOTYPE=files.table["yield"])
    raw = raw.join(pd.DataFrame(files.counts).add_prefix("m"))
    raw.to_csv(tmp_path / "a.raw", sep=" ", index=False)
    path = tmp_path / "a.raw"
    found = read_cohort(path, path, trait="PHENOTYPE", sample_id="IID")
    assert found.genotypes.counts.shape == (N, M)


def test_a_covariate_without_a_name_is_refused(files):
    with pytest.raises(ValueError, match=r"covariates must name a column of .*, got ''"):
        files(covariates=[""])


@pytest.mark.parametrize("error", [0, 0.01, 0.03])
def test_copies_with_errors_are_found_where_others_are_far_apart(error):
    rng = np.random.default_rng(4)
    counts = rng.binomial(2, rng.uniform(0.2, 0.8, 300), (20, 300))[np.repeat(np.arange(20), 4)]
    wrong = rng.random(counts.shape) < error
    counts = ((counts + wrong * rng.integers(1, 3, counts.shape)) % 3).astype(np.int8)
    found = GenotypeFile(np.arange(80).astype(str), pd.DataFrame(), counts, 2)
    assert _copies(found).tolist() == np.repeat(np.arange(20), 4).tolist()


@pytest.mark.parametrize("frequencies", [(0.012, 0.05), (0.2, 0.8)])
def test_individuals_that_differ_at_rare_markers_are_no_copies(frequencies):
    rng = np.random.default_rng(4)
    counts = rng.binomial(1, rng.uniform(*frequencies, 400), (N, 400)).astype(np.int8)
    found = GenotypeFile(np.arange(N).astype(str), pd.DataFrame(), counts, 1)
    assert len(set(_copies(found))) == N


@pytest.mark.parametrize("quantiles", [[1 / 2], [1 / 3, 2 / 3], [4 / 5]])
def test_classes_of_the_trait_among_the_markers_are_named(files, quantiles):
    y = files.table["yield"]
    counts = files.counts.copy()
    counts[:, 3] = (
        2 - np.digitize(y, y.quantile(quantiles))
        if len(quantiles) > 1
        else y > y.quantile(quantiles[0])
    )
    found = files(counts=counts)
    assert action(found, "markers that are the trait, or nearly").endswith(": m3")
    assert count(files(), "markers that are the trait, or nearly") == 0


def test_no_mendelian_marker_looks_like_classes_of_the_trait():
    rng = np.random.default_rng(4)
    counts = rng.binomial(2, rng.uniform(0.01, 0.99, 20_000), (100, 20_000)).astype(np.int8)
    strong = counts[:, 7] + rng.normal(size=100)  # a marker that explains a third
    for y in (rng.normal(size=100), strong):
        assert _likeness(counts, y).max() < 0.9


@pytest.mark.parametrize(("last", "sexed"), [(26, 0), (25, 6)])
def test_26_autosomes_of_similar_size_are_no_sex_chromosomes(files, tmp_path, last, sexed):
    files(counts=np.tile(files.counts, 5)[:, : 2 * last])
    lines = [f"{k % last + 1} m{k} 0 {k + 1} G A\n" for k in range(2 * last)]
    (tmp_path / "cohort.bim").write_text("".join(lines))
    found = read_cohort(tmp_path / "cohort.bed", tmp_path / "phenotypes.csv", trait="yield")
    assert count(found, "markers on sex chromosomes or organelles") == sexed
