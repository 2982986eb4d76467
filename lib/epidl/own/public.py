"""Public cohorts, fetched, checked and read: `python -m epidl.own.public [COHORT ...]`.

public.yml has one row per cohort (`registry`): where its files are, their hashes, licence,
citation, traits and groups. Files are kept in the user's cache, and checked by hash each time. A
folder that the environment variable `EPIDL_DATA` names is searched first. Files are read into the
cohort type of a user's own files, `reader.OwnCohort`. Filters and thinning use only genotypes, of
all individuals with any trait, and are the same for all traits and models.
"""

import argparse
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from epidl import checks, commands, seeds
from epidl.cohorts.genotypes import MISSING
from epidl.own.genotype_files import GenotypeFile, read_genotypes
from epidl.own.reader import EXAMPLE, OwnCohort, Report, filter_genotypes, observe_columns, take
from epidl.own.registry import PublicCohort, cohorts

if TYPE_CHECKING:
    from xarray import DataArray

FOLDER = "EPIDL_DATA"  # in the environment: a folder that holds the files
MAX_MISSING, MIN_MAF = 0.2, 0.01
MOST_MARKERS = 2000  # of a cohort; more are thinned evenly
LANDSCAPE_SEED = 20220915  # of the genotypes that are drawn of a complete landscape
Read = tuple[GenotypeFile, pd.DataFrame]  # genotypes, and a table of traits, covariates and groups


def fetch(cohort: PublicCohort) -> list[Path]:
    """Return the files of a cohort, from the folder `EPIDL_DATA`, the cache or the network, checked by
    hash.

    Raises FileNotFoundError if none of them has a file, and ValueError if the folder's file has
    another hash. Both errors name file, address and hash in one line.
    """
    return [_fetch(cohort, file) for file in cohort.files]


def _fetch(cohort: PublicCohort, file: Mapping[str, str]) -> Path:
    import pooch  # late: an extra, as the readers

    name, address = cohort.file_name(file), cohort.address(file)
    what = f"{name} of the cohort {cohort.name}, from {address}, sha256 {file['sha256']}"
    folder = os.environ.get(FOLDER)
    if folder and (path := Path(folder, name)).is_file():
        found = pooch.file_hash(path)
        checks.require(
            found == file["sha256"],
            f"{path} must be {what}, got another file, sha256 {found}: remove it",
        )
        return path
    pooch.get_logger().setLevel("WARNING")
    known = f"sha256:{file['sha256']}"
    try:
        return Path(pooch.retrieve(address, known, name, pooch.os_cache("epidl")))
    except (OSError, ValueError) as error:  # no network; a server's other answer
        raise FileNotFoundError(
            f"{FOLDER} must name a folder that holds {what}: it cannot be fetched from here "
            f"({type(error).__name__})"
        ) from None


def read_public(
    dataset: str, trait: str, *, group: str = "", most_markers: int = MOST_MARKERS
) -> OwnCohort:
    """Read one trait of a public cohort.

    group: the column of its groups, or of its published folds. most_markers: if more are left after
    filters, this many are taken, evenly along the file.

    Raises ValueError for names that public.yml lacks, what `fetch` raises, and ImportError if a
    format's reader is not installed.
    """
    cohort = cohorts()[checks.choice("dataset", dataset, cohorts())]
    checks.choice("trait", trait, cohort.traits)
    checks.choice("group", group, ["", *cohort.groups, *filter(None, [cohort.folds])])
    most_markers = checks.integer("most_markers", most_markers, minimum=2)
    found, table, report = _genotyped(cohort, most_markers)
    columns = {"trait": [trait], "covariates": list(cohort.traits[trait]), "time": [""]}
    read = {("trait", trait): table[trait].astype(float)}
    for covariate in columns["covariates"]:
        read["covariates", covariate] = _labels(table[covariate])
    values = pd.DataFrame(read)
    known = values.notna().all(axis=1).to_numpy()
    report.add("join", f"individuals without {trait} or a covariate", (~known).sum(), "dropped")
    found, values, groups = take(found, known), values[known], None
    if group:
        groups = _labels(table[group])[known].to_numpy(str)
    observed = observe_columns(found, values, columns, groups)
    report.add("ready", f"individuals with {trait}", len(values), cohort.about)
    return OwnCohort(observed, found, trait, report.table())


def _genotyped(
    cohort: PublicCohort, most_markers: int
) -> tuple[GenotypeFile, pd.DataFrame, Report]:
    """Return the individuals with any trait, filtered and thinned by their genotypes alone."""
    try:
        found, table = READERS[cohort.name](fetch(cohort))
    except ImportError as error:
        raise ImportError(f'{error}: pip install "epidl[real]" brings it') from error
    report = Report()
    source = f"from {cohort.repository}@{cohort.commit[:12]}" if cohort.files else "ships"
    report.add("read", "individuals", len(table), cohort.citation)
    report.add("read", "markers", len(found.markers), source)
    measured = table[list(cohort.traits)].notna().any(axis=1).to_numpy()
    report.add("join", "individuals without any trait", (~measured).sum(), "dropped")
    found, table = take(found, measured), table[measured].reset_index(drop=True)
    found, kept = filter_genotypes(found, MAX_MISSING, MIN_MAF, report)
    n_markers = len(found.markers)
    chosen = np.linspace(0, n_markers - 1, min(n_markers, most_markers)).round().astype(int)
    thinned = np.isin(np.arange(n_markers), chosen)
    words = f"dropped: {thinned.sum()} of {n_markers} are taken, evenly along the file"
    report.add("filter", "markers by thinning", (~thinned).sum(), words)
    everyone = np.ones(len(found.sample_ids), dtype=bool)
    return take(found, everyone, thinned), table[kept].reset_index(drop=True), report


def _labels(column: pd.Series) -> pd.Series:
    """Return labels as strings, missing if they were missing."""
    return column.astype(str).where(column.notna())


# --- One reader a cohort -------------------------------------------------------------------------------------------


def _file(
    counts: ArrayLike,
    ids: ArrayLike,
    names: ArrayLike,
    ploidy: int,
    chromosomes: Sequence[str] = (),
    positions: Sequence[int] = (),
) -> GenotypeFile:
    """Return genotypes. counts: NaN and values below 0 are missing."""
    counts = np.asarray(counts, dtype=float)
    counts = np.where(counts >= 0, counts, MISSING).astype(np.int8)  # NaN is not
    markers = pd.DataFrame({"marker": np.asarray(names).astype(str)}).assign(
        chromosome=list(chromosomes) or "",
        position=list(positions) or 0,
        counted_allele="1",
        other_allele="0",
    )
    return GenotypeFile(np.asarray(ids).astype(str), markers, counts, ploidy)


def _names(array: "DataArray", axis: int) -> list[str]:
    return array.coords[f"dim_{axis}"].to_numpy().astype(str).tolist()


def _r_objects(path: Path) -> dict[str, Any]:
    """Return the objects of an .RData or .rda file by name, or that of an .RDS."""
    import rdata

    with warnings.catch_warnings(action="ignore", category=UserWarning):  # classes of R packages
        return rdata.read_rds(path) if path.suffix == ".RDS" else rdata.read_rda(path)


def _example(files: Sequence[Path]) -> Read:
    """The cohort that ships."""
    found = read_genotypes(EXAMPLE / "example.bed")
    table = pd.read_csv(EXAMPLE / "phenotypes.csv", index_col="sample_id")
    return found, table.reindex(found.sample_ids).reset_index(drop=True)


def _wheat(files: Sequence[Path]) -> Read:
    found = _r_objects(files[0])
    counts, traits = found["wheat.X"], found["wheat.Y"]
    names = [f"env{number}" for number in _names(traits, 1)]
    table = pd.DataFrame(np.asarray(traits), columns=names)
    table["fold"] = found["wheat.sets"]
    return _file(counts, _names(traits, 0), _names(counts, 1), 1), table


def _mice(files: Sequence[Path]) -> Read:
    """Full sibs have a relationship of one half by the pedigree."""
    import scipy.sparse

    found = _r_objects(files[0])
    counts, table, places = found["mice.X"], found["mice.pheno"], found["mice.map"]
    sibs = scipy.sparse.csr_array(np.asarray(found["mice.A"]) > 1 / 4)
    table = table.assign(family=scipy.sparse.csgraph.connected_components(sibs)[1])
    positions = (places["mbp"] * 1e6).round().astype(int) + 1  # from 1, as files count them
    genotypes = _file(counts, _names(counts, 0), _names(counts, 1), 2, places["chr"], positions)
    return genotypes, table.reset_index(drop=True)


def _yeast(files: Sequence[Path]) -> Read:
    """Markers are named number_chromosome_position_base_base, and the tables' rows have the same
    order.
    """
    counts, table = _r_objects(files[0]), pd.read_csv(files[1])
    parts = pd.Series(_names(counts, 1)).str.split("_", expand=True)
    genotypes = _file(
        *(counts, _names(counts, 0), _names(counts, 1), 1),
        parts[1].str.removeprefix("chr"),
        parts[2].astype(int),
    )
    return genotypes, table.rename(columns=lambda column: column.removeprefix("pheno."))


def _arabidopsis(files: Sequence[Path]) -> Read:
    """Homozygotes are 1 and 2."""
    cross = _r_objects(files[0])["multitrait"]
    counts, names, chromosomes = [], [], []
    for chromosome, part in cross["geno"].items():
        counts.append(np.asarray(part["data"]) - 1)
        names += _names(part["data"], 1)
        chromosomes += [str(chromosome)] * part["data"].shape[1]
    table = cross["pheno"].reset_index(drop=True)
    return _file(np.hstack(counts), np.arange(len(table)), names, 1, chromosomes), table


def _soybean(files: Sequence[Path]) -> Read:
    found = _r_objects(files[0])
    counts, plots = found["gen.raw"], found["data.line"]
    names, lines = _names(counts, 1), plots["strain"].astype(str)
    table = plots.groupby(lines)[["family"]].first()
    for trait in cohorts()["soybean"].traits:
        table[trait] = line_means(plots[trait], lines, plots["environ"].astype(str))
    parts = pd.Series(names).str.removeprefix("Gm").str.split("_", expand=True)
    ids = _names(counts, 0)
    genotypes = _file(counts, ids, names, 2, parts[0].str.lstrip("0"), parts[1].astype(int))
    return genotypes, table.reindex(ids).reset_index(drop=True)


def line_means(values: pd.Series, lines: pd.Series, environments: pd.Series) -> pd.Series:
    """Return the mean of each line over its plots, after subtracting the effects of their
    environments.

    Least squares of value = line + environment. Environments' effects are estimated within lines,
    and sum to 0 over the plots.
    """
    known = values.notna()
    values, lines = values[known].astype(float), lines[known]
    indicators = pd.get_dummies(environments[known], dtype=float)
    within = indicators - indicators.groupby(lines).transform("mean")
    deviations = values - values.groupby(lines).transform("mean")
    effects = np.linalg.lstsq(within.to_numpy(), deviations.to_numpy(), rcond=None)[0]
    adjusted = values - (indicators - indicators.mean()) @ effects
    return adjusted.groupby(lines).mean()


def _pine(files: Sequence[Path]) -> Read:
    """Missing genotypes are -9. Individuals without a phenotype are left out."""
    counts = _r_objects(files[0])["geno.pine926"]
    table = _r_objects(files[1])["pheno.pine"].astype({"Genotype": str}).set_index("Genotype")
    ids = _names(counts, 0)
    return _file(counts, ids, _names(counts, 1), 2), table.reindex(ids).reset_index(drop=True)


def _maize(files: Sequence[Path]) -> Read:
    """A hybrid's dosage is the sum of its parents' alleles."""
    found = _r_objects(files[0])
    table, counts = found["DT_technow"].reset_index(drop=True), 0
    for parent, haplotypes in (("dent", found["Md_technow"]), ("flint", found["Mf_technow"])):
        rows = pd.Index(_names(haplotypes, 0)).get_indexer(table[parent].astype(str))
        counts = counts + np.asarray(haplotypes)[rows]
    return _file(counts, table["hybrid"], _names(found["Md_technow"], 1), 2), table


def _ribozyme(files: Sequence[Path], name: str = "ribozyme") -> Read:
    """A random part of a complete landscape. At each site the second base by alphabet is counted."""
    table = pd.read_parquet(files[0])
    size = cohorts()[name].size[0]
    drawn = seeds.generator(LANDSCAPE_SEED, "landscape").permutation(len(table))[:size]
    bases = np.array([list(sequence) for sequence in table.index])
    counts = (bases != np.sort(bases, axis=0)[0])[drawn]
    names = [f"site_{site}" for site in range(1, counts.shape[1] + 1)]
    chosen = table.iloc[drawn]
    return _file(counts, chosen.index, names, 1), chosen[["y"]].reset_index(drop=True)


READERS: dict[str, Callable[[Sequence[Path]], Read]] = {
    "example": _example,
    "wheat": _wheat,
    "mice": _mice,
    "yeast": _yeast,
    "arabidopsis": _arabidopsis,
    "soybean": _soybean,
    "pine": _pine,
    "maize": _maize,
    "ribozyme": _ribozyme,
    "landscape": partial(_ribozyme, name="landscape"),
}


def summary(names: Sequence[str]) -> pd.DataFrame:
    """Return one row per cohort: individuals with a trait, markers read and used, traits, groups, licence
    and citation.
    """
    rows = []
    for name in names:
        cohort = cohorts()[name]
        found, table, report = _genotyped(cohort, MOST_MARKERS)
        counts = report.table().set_index(["step", "what"])["count"]
        groups = [f"{group} ({table[group].nunique()})" for group in cohort.groups]
        rows.append(
            {
                "cohort": name,
                "individuals": len(table),
                "markers read": counts["read", "markers"],
                "markers used": len(found.markers),
                "traits": len(cohort.traits),
                "groups": ", ".join(groups),
                "licence": cohort.licence,
                "citation": cohort.citation,
            }
        )
    return pd.DataFrame(rows)


@commands.answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 if a cohort is not available."""
    parser = argparse.ArgumentParser(
        prog="python -m epidl.own.public", description=__doc__.splitlines()[0]
    )
    parser.add_argument("cohort", nargs="*", help=f"of {', '.join(cohorts())} (all)")
    options = parser.parse_args(arguments)
    for name in set(options.cohort) - cohorts().keys():
        parser.error(f"cohort must be one of {', '.join(cohorts())}, got {name!r}")
    print(summary(options.cohort or list(cohorts())).to_string(index=False))
    return 0


if __name__ == "__main__":
    commands.end(main)
