"""Your own files become a cohort: genotypes and a phenotype table are joined by sample id, and filtered.

Nothing is left out silently: the cohort carries a report of what was dropped, kept or filled at each step, and why.
Filters look at genotypes alone, of all individuals; whatever is learnt from phenotypes is learnt later, from training
individuals (see `own_data`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl import checks
from epidl.cohorts.genotypes import MISSING, Dosages, known_and_copies, row_blocks
from epidl.cohorts.simulate import Cohort, simulate_on
from epidl.own.comparison import LEAST_SAMPLES, Observed, observe
from epidl.own.genotype_files import GenotypeFile, check_unique, read_genotypes, read_table, some

EXAMPLE = Path(__file__).with_name("example")
EXAMPLE_COLUMNS = {"trait": "height", "covariates": ["sex", "year"], "group": "population", "time": "year"}
LEAST_MARKERS = 2
MOST_NUMBERED_LEVELS = 20  # of a covariate of texts, say sites 1, 2 and B: more different numbers are measurements


@dataclass(frozen=True)
class OwnCohort:
    """A reader's cohort, ready to be compared on.

    observed: what `own_data.compare` takes, None where there is no phenotype table. genotypes: the individuals and
    markers that are left. trait: its name. report: a row a step with step, what, count, action.
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
) -> OwnCohort:
    """Read genotypes and a phenotype table, join them by sample id, filter, and report.

    genotypes: see `genotype_files.read_genotypes`. phenotypes: a .csv, .tsv or .txt table, a row an individual;
    without it all individuals stay, for traits to be simulated on. trait, sample_id, covariates, group, time: names of
    its columns. A covariate of texts becomes an indicator a level but the first; `time` is numbers or dates (days then,
    in UTC where they name a time zone). max_missing: markers, then individuals, with a larger share of missing
    genotypes are dropped. min_maf: so are markers whose rarer allele has a smaller frequency, and those that do not
    vary.

    Raises what `read_genotypes` raises, and ValueError for a column that is not there, ids that stand twice or match no
    genotype, a trait that is not numbers or does not vary, a text among more than 20 different numbers of a covariate,
    bounds outside [0, 1) and [0, 0.5), and where fewer than 40 individuals or 2 markers are left.
    """
    covariates = checks.texts("covariates", covariates)
    for name, value in {"trait": trait, "sample_id": sample_id, "group": group, "time": time}.items():
        checks.instance(name, value, str, "the name of a column")
    max_missing = checks.real("max_missing", max_missing, minimum=0, maximum=0.999)
    min_maf = checks.real("min_maf", min_maf, minimum=0, maximum=0.499)
    columns = {"trait": [trait], "covariates": covariates, "group": [group], "time": [time]}
    table = _read_phenotypes(checks.path("phenotypes", phenotypes), sample_id, columns) if phenotypes else None
    found = read_genotypes(genotypes)
    report = _Report()
    report.add("read", "individuals", len(found.sample_ids), f"from {Path(genotypes).name}, {found.coding}")
    report.add("read", "markers", found.counts.shape[1], "")
    report.add("read", "sites of more than two alleles", found.n_multiallelic, "dropped")
    if table is not None:
        found, table = _join(found, table, sample_id, columns, report)
    found, kept = _filter(found, max_missing, min_maf, report)
    observed = None
    if table is not None:
        table = table[kept]
        if covariates:
            constant = [name for name in covariates if table[name].nunique() < 2]
            named = f"dropped: {some(constant)}" if constant else "dropped"
            report.add("filter", "covariates that do not vary", len(constant), named)
        observed = _observe(found, table, trait, covariates, group, time)
        kind = "binary: scored by AUC" if observed.binary else "quantitative: scored by Pearson's r"
        report.add("ready", f"individuals with {trait}", len(found.sample_ids), kind)
    return OwnCohort(observed, found, trait if phenotypes else "", report.table())


def files_and_columns(
    genotypes: Path | str, phenotypes: Path | str, columns: Mapping[str, object]
) -> tuple[Path | str, Path | str, dict[str, object]]:
    """Return what to read: the files given with the columns that are named, or the example where no file is given.

    columns: trait, covariates, group and time; None is a column not named, for which the example has its own. Raises
    ValueError for phenotypes without genotypes.
    """
    if phenotypes and not genotypes:
        raise ValueError(f"genotypes must be given with phenotypes, got none beside {checks.shown(str(phenotypes))}")
    named = {name: value for name, value in columns.items() if value is not None}
    if not genotypes:
        return EXAMPLE / "example.bed", EXAMPLE / "phenotypes.csv", EXAMPLE_COLUMNS | named
    return genotypes, phenotypes, named if phenotypes else {}


class _Report:
    """Rows of a cohort's report."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, int, str]] = []

    def add(self, step: str, what: str, count: int, action: str) -> None:
        self._rows.append((step, what, int(count), action))

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self._rows, columns=["step", "what", "count", "action"])


# --- The phenotype table -------------------------------------------------------------------------------------------


def _read_phenotypes(path: Path | str, sample_id: str, columns: dict[str, list[str]]) -> pd.DataFrame:
    if not columns["trait"][0]:
        raise ValueError(f"trait must name a column of {path}, got none")
    for argument, names in columns.items():
        if sample_id in names:
            raise ValueError(f"{argument} must name another column than sample_id, got {sample_id!r}")
    table = read_table(path, text=[sample_id])
    for argument, names in ({"sample_id": [sample_id]} | columns).items():
        for name in names:
            if name and name not in table.columns:
                raise ValueError(f"{argument} must name a column of {path} ({some(table.columns, 10)}), got {name!r}")
    if table.empty:
        raise ValueError(f"{path} must have a row an individual, got a header alone")
    if table[sample_id].isna().any():
        raise ValueError(f"sample ids of {path} must not be empty, got {table[sample_id].isna().sum()} empty ones")
    table[sample_id] = table[sample_id].str.strip()
    check_unique(f"sample ids of {path}", table[sample_id])
    return table


def _join(
    found: GenotypeFile, table: pd.DataFrame, sample_id: str, columns: dict[str, list[str]], report: _Report
) -> tuple[GenotypeFile, pd.DataFrame]:
    """Return genotypes and table of the same individuals, in the order of the genotypes."""
    table = table.set_index(sample_id)
    known = np.isin(found.sample_ids, table.index)
    if not known.any():
        raise ValueError(
            f"sample ids of genotypes and phenotypes must match, got none in common: {some(found.sample_ids)} beside "
            f"{some(list(table.index))} in the column {sample_id}"
        )
    report.add("join", "individuals without a row of phenotypes", (~known).sum(), "dropped")
    report.add("join", "rows of phenotypes without genotypes", len(table) - known.sum(), "dropped")
    for argument, names in columns.items():
        for name in filter(None, names):
            value = table[name].reindex(found.sample_ids).notna().to_numpy()
            report.add("join", f"individuals without {name} ({argument})", (known & ~value).sum(), "dropped")
            known &= value
    return _take(found, known), table.reindex(found.sample_ids[known])


def _observe(
    found: GenotypeFile, table: pd.DataFrame, trait: str, covariates: list[str], group: str, time: str
) -> Observed:
    y = pd.to_numeric(table[trait], errors="coerce")
    if y.isna().any():
        raise ValueError(f"trait must be numbers, got {table[trait][y.isna()].iloc[0]!r} in the column {trait}")
    if y.nunique() < 2:
        raise ValueError(f"trait must vary, got {y.iloc[0]:g} for all {len(y)} individuals in the column {trait}")
    design = _design(table[covariates])
    groups = table[group].astype(str).to_numpy() if group else None
    times = _numbers_or_days(table[time]) if time else None
    return observe(_dosages(found), y.to_numpy(float), design, groups, times)


def _design(covariates: pd.DataFrame) -> NDArray[np.float64]:
    """Return numbers as they are and an indicator for each level of texts but the first; (n, 0) without covariates."""
    if covariates.shape[1] == 0:
        return np.empty((len(covariates), 0))
    for name in covariates:
        _check_levels(covariates[name])
    design = pd.get_dummies(covariates, drop_first=True, dtype=float).to_numpy(float)
    return design[:, np.ptp(design, axis=0) > 0]


def _check_levels(values: pd.Series) -> None:
    """Refuse a text among measurements, which would make a level of each; a few numbers among texts may be labels."""
    numbers = pd.to_numeric(values, errors="coerce")
    texts = values[numbers.isna()]
    if len(texts) and numbers.nunique() > MOST_NUMBERED_LEVELS:
        raise ValueError(
            f"covariates must be numbers, or texts with at most {MOST_NUMBERED_LEVELS} different numbers among them, "
            f"got {texts.iloc[0]!r} among {numbers.nunique()} numbers in the column {values.name}: leave it empty, or "
            "write the numbers as texts such as plot_1"
        )


def _numbers_or_days(times: pd.Series) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(times):
        return times.to_numpy(float)
    try:
        dates = pd.to_datetime(times, format="ISO8601", utc=True)  # those without a zone are taken as they stand
        return (dates - pd.Timestamp(0, tz="UTC")).dt.days.to_numpy(float)
    except ValueError as error:
        raise ValueError(f"time must be numbers, or dates as 2026-01-31, in the column {times.name}: {error}") from None


def _dosages(genotypes: GenotypeFile) -> Dosages:
    return Dosages.from_counts(genotypes.counts, genotypes.ploidy)


# --- Filters -------------------------------------------------------------------------------------------------------


def _filter(
    found: GenotypeFile, max_missing: float, min_maf: float, report: _Report
) -> tuple[GenotypeFile, NDArray[np.bool_]]:
    """Drop markers and individuals; return what is left and which individuals were kept."""
    everyone = np.ones(len(found.sample_ids), dtype=bool)
    markers = _missing_and_frequency(found, everyone)[0] <= max_missing
    report.add("filter", f"markers with more than {max_missing:.0%} missing", (~markers).sum(), "dropped")
    kept = _missing_by_individual(found, markers) <= max_missing
    report.add("filter", f"individuals with more than {max_missing:.0%} missing", (~kept).sum(), "dropped")
    frequency = _missing_and_frequency(found, kept)[1]
    rarer = np.minimum(frequency, 1 - frequency)
    vary = _vary(found, kept)
    report.add("filter", "markers that do not vary", (markers & ~vary).sum(), "dropped")
    rare = vary & (rarer < min_maf)
    report.add("filter", f"markers with a rarer allele below {min_maf:g}", (markers & rare).sum(), "dropped")
    markers &= vary & ~rare
    if kept.sum() < LEAST_SAMPLES or markers.sum() < LEAST_MARKERS:
        raise ValueError(
            f"genotypes must leave at least {LEAST_SAMPLES} individuals and {LEAST_MARKERS} markers, got {kept.sum()} "
            f"and {markers.sum()} after:\n{report.table().query('count > 0').to_string(index=False)}"
        )
    left = _take(found, kept, markers)
    report.add("fill", "missing genotypes", (left.counts == MISSING).sum(), "filled by the mean of those that train")
    return left, kept


def _missing_by_individual(found: GenotypeFile, markers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each individual's share of missing genotypes among some markers; 0 where there are no markers."""
    missing = np.zeros(len(found.counts))
    for rows in row_blocks(*found.counts.shape):
        missing[rows] = (found.counts[rows] == MISSING)[:, markers].sum(axis=1)
    return missing / max(1, markers.sum())


def _missing_and_frequency(found: GenotypeFile, rows: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Return each marker's share of missing genotypes and frequency of the counted allele; 0 where none is known."""
    known, copies = known_and_copies(found.counts, np.flatnonzero(rows))
    n = max(1, rows.sum())
    return 1 - known / n, np.divide(copies, found.ploidy * known, out=np.zeros(len(known)), where=known > 0)


def _vary(found: GenotypeFile, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell of each marker whether the counts that are known differ; where all are heterozygous they do not."""
    chosen, n_markers = np.flatnonzero(rows), found.counts.shape[1]
    lowest, highest = np.full(n_markers, found.ploidy), np.full(n_markers, MISSING)
    for part in row_blocks(len(chosen), n_markers):
        block = found.counts[chosen[part]]
        lowest = np.minimum(lowest, np.where(block == MISSING, found.ploidy, block).min(axis=0))
        highest = np.maximum(highest, block.max(axis=0))
    return lowest < highest


def _take(found: GenotypeFile, rows: NDArray[np.bool_], markers: NDArray[np.bool_] | None = None) -> GenotypeFile:
    """Return some individuals and markers; nothing is copied where all stay, and once at most."""
    markers = np.ones(found.counts.shape[1], dtype=bool) if markers is None else markers
    if rows.all() and markers.all():
        return found
    counts = found.counts[np.ix_(rows, markers)]
    return replace(
        found, sample_ids=found.sample_ids[rows], markers=found.markers[markers].reset_index(drop=True), counts=counts
    )


# --- Traits of known architecture ----------------------------------------------------------------------------------


def simulate_trait(
    cohort: OwnCohort, *, n_qtl: int, rel_aa: float, broad_sense_heritability: float, seed: int
) -> tuple[OwnCohort, Cohort]:
    """Give a cohort a simulated trait in place of its own; return it, and the truth.

    Individuals, groups and times stay; covariates go, since they have no effect. For the arguments and what they refuse
    see `simulate.simulate_on`.
    """
    options = {"n_qtl": n_qtl, "broad_sense_heritability": broad_sense_heritability, "seed": seed}
    truth = simulate_on(cohort.dosages, rel_aa=[rel_aa], **options)
    own = cohort.observed
    groups, times = (own.groups, own.times) if own else (None, None)
    observed = observe(truth.genotypes, truth.phenotypes[:, 0], None, groups, times)
    return replace(cohort, observed=observed, trait=f"simulated, relAA {rel_aa:g}"), truth
