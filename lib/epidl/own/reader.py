"""Your own files become a cohort: genotypes and a phenotype table are joined by individual, and
filtered.

Nothing is left out silently: the cohort carries a report of what was dropped, kept or filled at
each step, and why. Filters use only genotypes, of all individuals. Whatever is learnt from
phenotypes is learnt later, from training individuals (see `comparison`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import NDArray

from epidl import checks
from epidl.cohorts.genotypes import MISSING, Dosages, known_and_copies, row_blocks
from epidl.cohorts.simulate import Cohort, simulate_on
from epidl.own.columns import read_column
from epidl.own.comparison import LEAST_SAMPLES, Observed, observe
from epidl.own.genotype_files import (
    NAMELESS,
    PEDIGREE,
    GenotypeFile,
    read_companion,
    read_genotypes,
    read_table,
    some,
)

EXAMPLE = Path(__file__).with_name("example")
EXAMPLE_COLUMNS = {
    "trait": "height",
    "covariates": ["sex", "year"],
    "group": "population",
    "time": "year",
}
LEAST_MARKERS = 2
COPIES = "copies"  # a group that needs no column: individuals of the same genotype
COPY_DISTANCE = 1 / 6  # of two individuals' expected distance: copies differ in errors alone
LOOKED_AT = 100, 1000  # markers: a first look for copies, and a second
FIRST_LOOK = 1.5  # distances: few markers tell less
# correlation of a marker with the trait, or of a covariate with a trait of two values
NEAR_COPY = 0.95
NEARER_COPY = 0.98  # the same of a covariate and any other trait, of values or ranks
NO_CHANCE = 6  # standard errors of a correlation
NO_MARKERS = {  # names of columns
    *("sex", "gender", "geschlecht", "status", "phenotype", "batch", "population", "generation"),
    *(name.lower() for name in PEDIGREE),
}
SEX_AND_ORGANELLES = r"([XYZW]|XY|MT?|PAR\d?)(_.*)?|NC_00002[34](\..*)?"
# PLINK's numbers for these, where no chromosome has a greater one: of humans, and of sheep, cattle,
# horses and dogs
HUMAN = (23, 24, 25, 26)
LAST = (27, 30, 32, 39)


@dataclass(frozen=True)
class OwnCohort:
    """A reader's cohort, ready to be compared on.

    observed: what `comparison.compare` takes, None if there is no phenotype table. genotypes: the
    individuals and markers that are left. trait: its name. report: one row per step, with step,
    what, count, action.
    """

    observed: Observed | None
    genotypes: GenotypeFile
    trait: str
    report: pd.DataFrame

    @property
    def dosages(self) -> Dosages:
        """The genotypes as models read them."""
        return self.observed.genotypes if self.observed else _dosages(self.genotypes)


def read_cohort(
    genotypes: Path | str,
    phenotypes: Path | str = "",
    *,
    trait: str = "",
    sample_id: str = "sample_id",
    covariates: Sequence[str] = (),
    group: str = "",
    time: str = "",
    max_missing: float = 0.2,
    min_maf: float = 0.01,
    missing_codes: Sequence[str | float] | None = None,
) -> OwnCohort:
    """Read genotypes and a phenotype table, join them by individual, filter, and report.

    genotypes: see `genotype_files.read_genotypes`. phenotypes: a .csv, .tsv or .txt table with one
    row per individual, or a .fam. Without phenotypes all individuals stay, for simulated traits.
    trait, sample_id, covariates, group, time: names of columns, which `columns` reads. A covariate
    of labels becomes an indicator for each level. `time` is numbers, or dates, read as days, in UTC
    if they name a time zone. group may be `copies`, individuals of the same genotype. max_missing:
    markers, then individuals, with a larger share of missing genotypes are dropped. min_maf:
    markers whose rarer allele has a smaller frequency, or that do not vary, are dropped.
    missing_codes: values of the phenotype table that mean missing, besides those that `columns`
    knows, or [] if every number is a measurement.

    Raises what `read_genotypes` and `columns.read_column` raise, and ValueError for a missing
    column, ids that occur twice or match no genotype, a trait that does not vary, a covariate that
    is the trait or nearly, bounds outside [0, 1) and [0, 0.5), and if fewer than 40 individuals or
    2 markers are left.
    """
    columns = _column_names(trait, sample_id, covariates, group, time)
    max_missing = checks.real("max_missing", max_missing, minimum=0, maximum=0.999)
    min_maf = checks.real("min_maf", min_maf, minimum=0, maximum=0.499)
    codes = _checked_codes(missing_codes)
    report = Report()
    table = None
    if phenotypes:
        table = _read_phenotypes(
            checks.path("phenotypes", phenotypes), sample_id, columns, codes, report
        )
    found = read_genotypes(genotypes)
    report.add(
        "read", "individuals", len(found.sample_ids), f"from {Path(genotypes).name}, {found.coding}"
    )
    report.add("read", "markers", found.counts.shape[1], "")
    report.add("read", "sites of more than two alleles", found.n_multiallelic, "dropped")
    for note in found.notes:
        report.add("read", *note)
    if table is not None:
        used = {name for names in columns.values() for name in names} | {sample_id}
        found = _without_columns(found, table.attrs["names"], used, report)
        found, table = _join(found, table, columns, report)
    found, kept = filter_genotypes(found, max_missing, min_maf, report)
    _report_places(found, report)
    observed = None
    if table is not None:
        observed = _observe(found, table[kept], columns, group, report)
        kind = "binary: scored by AUC" if observed.binary else "quantitative: scored by Pearson's r"
        report.add("ready", f"individuals with {trait}", len(found.sample_ids), kind)
    return OwnCohort(observed, found, trait if phenotypes else "", report.table())


def files_and_columns(
    genotypes: Path | str,
    phenotypes: Path | str,
    columns: Mapping[str, object],
    *,
    simulated: bool = False,
) -> tuple[Path | str, Path | str, dict[str, object]]:
    """Return what to read: the given files with the named columns, or the example if no file is
    given.

    columns: trait, covariates, group and time, with None for a column not named, for which the
    example has its own. A .bed without phenotypes takes those of its .fam, if it has some and the
    trait is not `simulated`. Raises ValueError for phenotypes without genotypes.
    """
    if phenotypes and not genotypes:
        raise ValueError(
            f"genotypes must be given with phenotypes, got none with {checks.shown(str(phenotypes))}"
        )
    named = {name: value for name, value in columns.items() if value is not None}
    if not genotypes:
        return EXAMPLE / "example.bed", EXAMPLE / "phenotypes.csv", EXAMPLE_COLUMNS | named
    fam = checks.path("genotypes", genotypes).with_suffix(".fam")
    looked_for = (
        not (phenotypes or simulated) and Path(genotypes).suffix == ".bed" and fam.is_file()
    )
    if looked_for and not _read_fam(fam, "IID")["phenotype"].isin(["-9", "0", "NA"]).all():
        return genotypes, fam, {"trait": "phenotype"} | named
    return genotypes, phenotypes, named if phenotypes else {}


class Report:
    """What was read, dropped and filled: the rows of a cohort's report."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, int, str]] = []

    def add(self, step: str, what: str, count: int, action: str) -> None:
        """Add a row."""
        self._rows.append((step, what, int(count), action))

    def table(self) -> pd.DataFrame:
        """Return the rows so far."""
        return pd.DataFrame(self._rows, columns=["step", "what", "count", "action"])


# --- The phenotype table -------------------------------------------------------------------------------------------


def _column_names(
    trait: str, sample_id: str, covariates: Sequence[str], group: str, time: str
) -> dict[str, list[str]]:
    """Return the names of the columns that an argument asks for, or refuse what is no name."""
    kept = "numbers and words such as NO stay names in quotes in YAML, as '2021'"
    for argument, name in (
        ("trait", trait),
        ("sample_id", sample_id),
        ("group", group),
        ("time", time),
    ):
        if not isinstance(name, str):
            shown = f"-r {argument} 2021 in place of -p, and {kept}"
            raise ValueError(
                f"{argument} must be the name of a column, got {checks.shown(name)}: {shown}"
            )
    if isinstance(covariates, str):
        shown = covariates.strip("[]")
        raise ValueError(
            f'covariates must be a list of names, got {covariates!r}: give -y "{{covariates: [{shown}]}}"'
        )
    try:
        checks.texts("covariates", covariates)
    except ValueError as error:
        raise ValueError(f"{error}; {kept}") from None
    if trait and trait in covariates:
        raise ValueError(f"covariates must be other columns than the trait, got {trait!r}")
    different = list(dict.fromkeys(covariates))
    return {"trait": [trait], "covariates": different, "group": [group], "time": [time]}


def _checked_codes(missing_codes: Sequence[str | float] | None) -> list[str | float] | None:
    if missing_codes is None:
        return None
    right = isinstance(missing_codes, Sequence) and not isinstance(missing_codes, str)
    if not right or not all(type(code) in (str, int, float) for code in missing_codes):
        raise ValueError(
            f"missing_codes must be a list of numbers and words, got {checks.shown(missing_codes)}: as -y "
            "\"{missing_codes: [-999, 'NO']}\""
        )
    return list(missing_codes)


def _read_phenotypes(
    path: Path,
    sample_id: str,
    columns: dict[str, list[str]],
    codes: list[str | float] | None,
    report: Report,
) -> pd.DataFrame:
    """Return the columns asked for, each by its use and name, as (time, year), with ids as (ids,
    alone), and as (ids, joined) with the family's id first.
    """
    if not columns["trait"][0]:
        raise ValueError(f"trait must name a column of {path}, got none")
    for argument, names in columns.items():
        if sample_id and sample_id in names:
            raise ValueError(
                f"{argument} must name another column than sample_id, got {sample_id!r}"
            )
    table = _read_fam(path, sample_id) if path.suffix == ".fam" else read_table(path)
    sample_id = sample_id.removeprefix("#") if sample_id not in table else sample_id
    _check_columns(table, path, sample_id, columns)
    report.add("read", "rows without a value", table.attrs["blank_rows"], "dropped")
    report.add("read", "columns without a name and values", table.attrs["blank_columns"], "dropped")
    if path.suffix == ".fam" and codes is None and set(table["phenotype"]) >= {"1", "2"}:
        # status, as PLINK reads it
        codes = ["0"] if set(table["phenotype"]) <= {"-9", "0", "1", "2"} else codes
    if "FID" not in table:
        _check_different(table[sample_id], path, sample_id)
    read = {
        ("ids", "alone"): table[sample_id],
        ("ids", "joined"): table["FID"] + "_" + table[sample_id]
        if "FID" in table
        else table[sample_id],
    }
    for argument, names in columns.items():
        for name in filter(table.__contains__, names):
            values, words = read_column(table[name], argument, codes, table.attrs["separator"])
            report.add("column", f"{name} ({argument})", values.notna().sum(), words)
            read[argument, name] = values
    found = pd.DataFrame(read)
    found.attrs = {
        "names": set(table.columns) - {"FID", sample_id},
        "path": path,
        "sample_id": sample_id,
    }
    return found


def _check_columns(
    table: pd.DataFrame, path: Path, sample_id: str, columns: dict[str, list[str]]
) -> None:
    """Refuse a table that lacks a column asked for, rows, or an id."""
    for argument, names in ({"sample_id": [sample_id]} | columns).items():
        for name in names:
            if (
                name not in table
                and (name or argument in ("sample_id", "covariates"))
                and (argument, name) != ("group", COPIES)
            ):
                raise ValueError(
                    f"{argument} must name a column of {path} ({some(table.columns, 10)}), got {name!r}"
                    f"{_hint(argument, name, table)}"
                )
    if table.empty:
        raise ValueError(f"{path} must have one row per individual, got a header alone")
    empty = (table[sample_id] == "").sum()
    if empty:
        raise ValueError(
            f"sample ids of {path} must not be empty, got {empty} empty ones in the column {sample_id}"
        )


def _hint(argument: str, name: str, table: pd.DataFrame) -> str:
    """Return a hint at what a name that is no column may mean."""
    nameless = [column for column in table if column.startswith(NAMELESS)]
    alike = [column for column in table if column.lower() == name.lower()]
    if alike:
        return f": {alike[0]!r} is meant?"
    if nameless and not name:
        return f": the column without a name is {nameless[0]!r}"
    return (
        f": with -r {argument} a name stays as it is written"
        if name.replace(".", "").isdigit()
        else ""
    )


def _read_fam(path: Path, sample_id: str) -> pd.DataFrame:
    """Read a .fam as a table of phenotypes: the sixth column is the trait `phenotype`."""
    table = read_companion(path, ["FID", sample_id, "father", "mother", "sex", "phenotype"])
    table.attrs = {"blank_rows": 0, "blank_columns": 0, "separator": r"\s+"}
    return table


def _without_columns(
    found: GenotypeFile, names: set[str], used: set[str], report: Report
) -> GenotypeFile:
    """Leave out markers with the name of a column of the phenotypes or a pedigree, which may be the
    trait. If most markers are in the phenotypes too, only the columns `used` are left out.
    """
    shared = found.markers["marker"].isin(names).to_numpy()
    merged = shared.mean() > 1 / 2
    others = {name.lower() for name in (used if merged else names)} | NO_MARKERS
    markers = ~found.markers["marker"].str.lower().isin(others).to_numpy()
    named = some(found.markers["marker"][~markers].tolist())
    if not markers.any():
        raise ValueError(
            f"genotypes must hold markers, got {len(markers)} columns that are the trait or another one that is named: "
            f"{named}"
        )
    if merged:
        kept = "kept, and only the named ones are left out"
        report.add(
            "read", "markers that are in the phenotypes, too", (shared & markers).sum(), kept
        )
    report.add("read", "markers named as other columns", (~markers).sum(), f"dropped: {named}")
    return take(found, np.ones(len(found.sample_ids), dtype=bool), markers)


def _observe(
    found: GenotypeFile,
    table: pd.DataFrame,
    columns: dict[str, list[str]],
    group: str,
    report: Report,
) -> Observed:
    """Return what was measured on the individuals that stay, with their groups."""
    constant = [name for name in columns["covariates"] if table["covariates", name].nunique() < 2]
    named = f"dropped: {some(constant)}" if constant else "dropped"
    report.add("filter", "covariates that do not vary", len(constant), named)
    copies = _copies(found)
    groups = None
    if ("group", group) in table:
        groups = table["group", group].to_numpy(str)
    elif group == COPIES:
        groups = copies
    _report_copies(copies, groups, report)
    observed = observe_columns(found, table, columns, groups)
    _report_near_copies(found, observed, report)
    return observed


def _join(
    found: GenotypeFile, table: pd.DataFrame, columns: dict[str, list[str]], report: Report
) -> tuple[GenotypeFile, pd.DataFrame]:
    """Return genotypes and table of the same individuals, in the order of the genotypes."""
    ids = _matching_ids(found, table)
    table = table.set_index(ids.to_numpy())
    known = pd.Index(found.sample_ids).isin(table.index)
    lost, without = found.sample_ids[~known], table.index[~table.index.isin(found.sample_ids)]
    near = set(_bare(pd.Series(lost))) & set(_bare(pd.Series(without, dtype=str)))
    alike = (
        f", of which {len(near)} differ by capitals, zeros before a number or .0 behind it"
        if near
        else ""
    )
    for what, names in (
        ("individuals without a row of phenotypes", lost),
        ("rows of phenotypes without genotypes", without),
    ):
        report.add("join", what, len(names), f"dropped{_named(names)}{alike}")
    for argument, names in columns.items():
        for name in names:
            if (argument, name) not in table:
                continue
            value = table[argument, name].reindex(found.sample_ids).notna().to_numpy()
            lacking = (known & ~value).sum()
            report.add("join", f"individuals without {name} ({argument})", lacking, "dropped")
            known &= value
    return take(found, known), table.reindex(found.sample_ids[known])


def _matching_ids(found: GenotypeFile, table: pd.DataFrame) -> pd.Series:
    """Return the ids of a table's rows, alone or joined to their family's, whichever more genotypes
    have.

    Raises ValueError if no genotype has any, and for an id that occurs twice.
    """
    path, sample_id = table.attrs["path"], table.attrs["sample_id"]
    ways = "alone", "joined"
    matches = [table["ids", way].isin(found.sample_ids).sum() for way in ways]
    ids = table["ids", ways[int(matches[1] > matches[0])]]
    if not max(matches):
        hint = ""
        if set(ids) & set(found.markers["marker"]):
            hint = ": its columns are individuals? pandas' table.T, or R's t(X), turns it"
        elif set(ids) & {name.rpartition("_")[2] for name in found.sample_ids}:
            hint = ": the ids occur in several families? a column FID is joined to them"
        elif set(_bare(ids)) & set(_bare(pd.Series(found.sample_ids))):
            hint = ": they differ by capitals, zeros before a number or .0 behind it"
        raise ValueError(
            f"sample ids of genotypes and phenotypes must match, got none in common: {some(found.sample_ids)} and "
            f"{some(list(ids))} in the column {sample_id}{hint}"
        )
    _check_different(ids, path, sample_id)
    return ids


def _check_different(ids: pd.Series, path: Path, sample_id: str) -> None:
    if ids.duplicated().any():
        first = ids[ids.duplicated()].iloc[0]
        rows = (np.flatnonzero(ids == first) + 1).tolist()
        means = f"table.groupby({sample_id!r}).mean(numeric_only=True)"
        raise ValueError(
            f"sample ids of {path} must all be different, got {first} in the rows {some(rows)} "
            f"({ids.duplicated().sum()} such): measured repeatedly? {means} of pandas makes means; one id in several "
            "families? a column FID is joined to it"
        )


def _bare(ids: pd.Series) -> pd.Series:
    """Return ids without what a spreadsheet changes in them."""
    return ids.astype(str).str.lower().str.lstrip("0").str.removesuffix(".0")


def _named(names: Sequence[str]) -> str:
    return f": {some(names)}" if len(names) else ""


def observe_columns(
    found: GenotypeFile,
    table: pd.DataFrame,
    columns: dict[str, list[str]],
    groups: NDArray | None,
) -> Observed:
    """Return the cohort of a table whose columns are named by their use and name, as (trait, yield).

    columns: names by use, trait, covariates and time. Raises ValueError for a trait that does not
    vary, and a covariate that is nearly the trait.
    """
    (trait,), (time,) = columns["trait"], columns["time"]
    y, covariates = table["trait", trait], table[[]]
    if columns["covariates"]:
        covariates = table["covariates"]
    if y.nunique() < 2:
        raise ValueError(
            f"trait must vary, got {y.iloc[0]:g} for all {len(y)} individuals in the column {trait}"
        )
    for name in covariates:
        _check_near_copy(y, covariates[name], trait)
    times = table["time", time].to_numpy(float) if time else None
    return observe(_dosages(found), y.to_numpy(float), _design(covariates), groups, times)


def _design(covariates: pd.DataFrame) -> NDArray[np.float64]:
    """Return numbers as they are and an indicator for each level of labels, (n, 0) without
    covariates.
    """
    if covariates.shape[1] == 0:
        return np.empty((len(covariates), 0))
    design = pd.get_dummies(covariates, dtype=float).to_numpy(float)
    return design[:, np.ptp(design, axis=0) > 0]


def _check_near_copy(y: pd.Series, covariate: pd.Series, trait: str) -> None:
    """Refuse a covariate that reveals the trait, by values, by ranks, or by classes of the trait."""
    limit = NEAR_COPY if y.nunique() == 2 else NEARER_COPY
    if pd.api.types.is_numeric_dtype(covariate) or limit == NEAR_COPY:
        design = _design(covariate.to_frame())
        design = np.column_stack([design, covariate.rank()]) if design.shape[1] == 1 else design
        found = max(_explained(design, target.to_numpy(float)) for target in (y, y.rank()))
    else:  # a site may explain as much: classes of the trait do not overlap
        ordered = covariate[y.sort_values().index]
        n_changes, n_levels = (ordered != ordered.shift()).sum(), covariate.nunique()
        found = float(1 < n_changes == n_levels <= len(y) / 3)
    if found > limit**2:
        raise ValueError(
            f"covariates must be no copy of the trait, got {covariate.name}, which explains {found:.1%} of the "
            f"variance of {trait}: leave it out"
        )


def _explained(design: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Return the share of a variance that a linear model explains, adjusted for its degrees of
    freedom.
    """
    n, k = design.shape
    x, centred = design - design.mean(axis=0), target - target.mean()
    left = centred - x @ np.linalg.lstsq(x, centred, rcond=None)[0]
    return (
        float(1 - (left @ left / (n - k - 1)) / (centred @ centred / (n - 1))) if n > k + 1 else 0.0
    )


def _dosages(genotypes: GenotypeFile) -> Dosages:
    return Dosages.from_counts(genotypes.counts, genotypes.ploidy)


# --- Filters -------------------------------------------------------------------------------------------------------


def _report_places(found: GenotypeFile, report: Report) -> None:
    """Count the markers of sex chromosomes and organelles, of which some have one copy, and those at
    one position.
    """
    names = found.markers["chromosome"].str.upper().str.removeprefix("CHR")
    numbers = pd.to_numeric(names, errors="coerce")
    greatest, sizes = numbers.max(), numbers.value_counts()
    codes = [greatest] if greatest in LAST else []
    autosomes = sizes[sizes.index < HUMAN[0]]
    alike = (sizes.reindex(HUMAN, fill_value=0) >= autosomes.median() / 2).all()
    if 22 <= greatest <= 26 and not alike:
        codes = HUMAN
    there = names[names.str.fullmatch(SEX_AND_ORGANELLES) | numbers.isin(codes)]
    report.add(
        "check",
        "markers on sex chromosomes or organelles",
        len(there),
        f"kept as {found.coding}: {some(there.unique())}",
    )
    known = found.markers[found.markers["position"] > 0]
    shared = known.duplicated(["chromosome", "position"], keep=False).sum()
    report.add(
        "check", "markers at the position of another", shared, "kept: alleles of one site, split?"
    )


def _copies(found: GenotypeFile) -> NDArray[np.int64]:
    """Number the different genotypes. Individuals share a number if they differ at no more than
    `COPY_DISTANCE` of the markers at which two differ on average.
    """
    n, m = found.counts.shape
    few, more = (
        np.unique(np.linspace(0, m - 1, min(m, most)).round().astype(int)) for most in LOOKED_AT
    )
    pairs, calls = [], found.counts[:, more]
    sizes = np.array([(calls == count).sum(axis=0) for count in range(3)])
    shares = sizes / np.maximum(sizes.sum(axis=0), 1)
    distance = COPY_DISTANCE * (1 - (shares**2).sum(axis=0)).mean()
    calls = found.counts[:, few]
    codes = np.hstack([calls == count for count in range(3)]).astype(np.float32)
    known = (calls != MISSING).astype(np.float32)
    for rows in row_blocks(n, n):
        alike = codes[rows] @ codes.T >= (1 - FIRST_LOOK * distance) * np.maximum(
            known[rows] @ known.T, 1
        )
        first, second = np.nonzero(alike)
        pairs.append(np.column_stack([first + rows.start, second])[first + rows.start < second])
    pairs = np.concatenate(pairs)
    same = np.zeros(len(pairs), dtype=bool)
    for part in row_blocks(len(pairs), len(more)):
        one, other = (found.counts[np.ix_(pairs[part, side], more)] for side in (0, 1))
        both = (one != MISSING) & (other != MISSING)
        same[part] = ((one == other) & both).sum(axis=1) >= (1 - distance) * np.maximum(
            both.sum(axis=1), 1
        )
    first, second = pairs[same].T
    graph = scipy.sparse.coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1]


def _report_copies(copies: NDArray[np.int64], groups: NDArray | None, report: Report) -> None:
    """Count individuals with the genotype of another one, and those that family splits separate."""
    _, number, counts = np.unique(copies, return_inverse=True, return_counts=True)
    n_copies = (counts[number] > 1).sum()
    advice = f"{len(copies)} individuals are {len(counts)} different genotypes"
    if n_copies:
        advice += f": random splits test copies of those that train; group: {COPIES} keeps copies together"
    report.add("check", "individuals with the genotype of another", n_copies, advice)
    if groups is not None:
        apart = pd.Series(groups).groupby(copies).transform("nunique") > 1
        report.add(
            "check", "individuals with a copy in another group", apart.sum(), f"see group: {COPIES}"
        )


def _report_near_copies(found: GenotypeFile, observed: Observed, report: Report) -> None:
    """Count the markers that are the trait itself, or nearly, first among a sample of individuals,
    then among all.
    """
    y, n = observed.phenotypes, len(observed.phenotypes)
    chosen = np.unique(np.linspace(0, n - 1, min(n, 200)).round().astype(int))
    near = np.flatnonzero(_likeness(found.counts[chosen], y[chosen]) > 0.9)
    near = near[_likeness(found.counts[:, near], y) > NEAR_COPY]
    names = some(found.markers["marker"].iloc[near].tolist())
    report.add(
        "check",
        "markers that are the trait, or nearly",
        len(near),
        f"kept; no marker? leave it out: {names}",
    )


def _likeness(counts: NDArray[np.int8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the absolute correlation of each marker with the trait, or with its ranks as a share
    of the greatest possible for classes of the same sizes, if no marker of many has that by chance.
    """
    found = _correlations(counts, y)
    if len(np.unique(y)) == 2:
        return found
    copies = np.arange(3)[:, None]
    sizes = np.array([(counts == count).sum(axis=0) for count in range(3)])
    n = np.maximum(sizes.sum(axis=0), 1)
    mean_ranks, mean = sizes.cumsum(axis=0) - sizes / 2, (copies * sizes).sum(axis=0) / n
    covariance = (copies * sizes * mean_ranks).sum(axis=0) / n - mean * n / 2
    variance = np.maximum((copies**2 * sizes).sum(axis=0) / n - mean**2, np.finfo(float).eps)
    by_rank = _correlations(counts, pd.Series(y).rank().to_numpy())
    share = by_rank * np.sqrt(variance / 12) * n / np.maximum(covariance, np.finfo(float).eps)
    return np.where(by_rank > NO_CHANCE / np.sqrt(n), np.maximum(found, share), found)


def _correlations(counts: NDArray[np.int8], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the absolute correlation of each marker with the trait, among the genotypes that are
    known.
    """
    known = (counts != MISSING).astype(np.float32)
    x, y = counts * known, ((y - y.mean()) / y.std()).astype(np.float32)
    n = np.maximum(known.sum(axis=0), 1)
    mean_x, mean_y = x.sum(axis=0) / n, y @ known / n
    variances = ((x**2).sum(axis=0) / n - mean_x**2) * (y**2 @ known / n - mean_y**2)
    return np.abs(y @ x / n - mean_x * mean_y) / np.sqrt(
        np.maximum(variances, np.finfo(np.float32).eps)
    )


def filter_genotypes(
    found: GenotypeFile, max_missing: float, min_maf: float, report: Report
) -> tuple[GenotypeFile, NDArray[np.bool_]]:
    """Drop markers and individuals, and return what is left and which individuals were kept."""
    everyone = np.ones(len(found.sample_ids), dtype=bool)
    markers = _missing_and_frequency(found, everyone)[0] <= max_missing
    report.add(
        "filter", f"markers with more than {max_missing:.0%} missing", (~markers).sum(), "dropped"
    )
    kept = _missing_by_individual(found, markers) <= max_missing
    report.add(
        "filter", f"individuals with more than {max_missing:.0%} missing", (~kept).sum(), "dropped"
    )
    frequency = _missing_and_frequency(found, kept)[1]
    rarer = np.minimum(frequency, 1 - frequency)
    vary = _vary(found, kept)
    report.add("filter", "markers that do not vary", (markers & ~vary).sum(), "dropped")
    rare = vary & (rarer < min_maf)
    report.add(
        "filter",
        f"markers with a rarer allele below {min_maf:g}",
        (markers & rare).sum(),
        "dropped",
    )
    markers &= vary & ~rare
    if kept.sum() < LEAST_SAMPLES or markers.sum() < LEAST_MARKERS:
        raise ValueError(
            f"genotypes must leave at least {LEAST_SAMPLES} individuals and {LEAST_MARKERS} markers, got {kept.sum()} "
            f"and {markers.sum()} after:\n{report.table().query('count > 0').to_string(index=False)}"
        )
    left = take(found, kept, markers)
    report.add(
        "fill",
        "missing genotypes",
        (left.counts == MISSING).sum(),
        "filled by the mean of those that train",
    )
    return left, kept


def _missing_by_individual(found: GenotypeFile, markers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each individual's share of missing genotypes among some markers, 0 without markers."""
    missing = np.zeros(len(found.counts))
    for rows in row_blocks(*found.counts.shape):
        missing[rows] = (found.counts[rows] == MISSING)[:, markers].sum(axis=1)
    return missing / max(1, markers.sum())


def _missing_and_frequency(found: GenotypeFile, rows: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Return each marker's share of missing genotypes and frequency of the counted allele, 0 if
    none is known.
    """
    known, copies = known_and_copies(found.counts, np.flatnonzero(rows))
    n = max(1, rows.sum())
    return 1 - known / n, np.divide(
        copies, found.ploidy * known, out=np.zeros(len(known)), where=known > 0
    )


def _vary(found: GenotypeFile, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell for each marker whether its known counts differ, which they do not if all are
    heterozygous.
    """
    chosen, n_markers = np.flatnonzero(rows), found.counts.shape[1]
    lowest, highest = np.full(n_markers, found.ploidy), np.full(n_markers, MISSING)
    for part in row_blocks(len(chosen), n_markers):
        block = found.counts[chosen[part]]
        lowest = np.minimum(lowest, np.where(block == MISSING, found.ploidy, block).min(axis=0))
        highest = np.maximum(highest, block.max(axis=0))
    return lowest < highest


def take(
    found: GenotypeFile, rows: NDArray[np.bool_], markers: NDArray[np.bool_] | None = None
) -> GenotypeFile:
    """Return some individuals and markers, copied at most once, and not at all if all stay."""
    markers = np.ones(found.counts.shape[1], dtype=bool) if markers is None else markers
    if rows.all() and markers.all():
        return found
    counts = found.counts[np.ix_(rows, markers)]
    return replace(
        found,
        sample_ids=found.sample_ids[rows],
        markers=found.markers[markers].reset_index(drop=True),
        counts=counts,
    )


# --- Traits of known architecture ----------------------------------------------------------------------------------


def simulate_trait(
    cohort: OwnCohort, *, n_qtl: int, rel_aa: float, broad_sense_heritability: float, seed: int
) -> tuple[OwnCohort, Cohort]:
    """Give a cohort a simulated trait in place of its own, and return the cohort and the truth.

    Individuals, groups and times stay. Covariates are removed, since they have no effect. For the
    arguments and what they refuse see `simulate.simulate_on`.
    """
    options = {"n_qtl": n_qtl, "broad_sense_heritability": broad_sense_heritability, "seed": seed}
    truth = simulate_on(cohort.dosages, rel_aa=[rel_aa], **options)
    own = cohort.observed
    groups, times = (own.groups, own.times) if own else (None, None)
    observed = observe(truth.genotypes, truth.phenotypes[:, 0], None, groups, times)
    return replace(cohort, observed=observed, trait=f"simulated, relAA {rel_aa:g}"), truth
