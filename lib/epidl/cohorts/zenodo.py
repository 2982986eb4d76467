"""The authors' cohorts: the text files of their Zenodo record, read at one bit per genotype.

A cohort is three files, their columns separated by single spaces, with a header:

- `..._g.txt`: one row per marker, with its name (1_1, 1_2, ...) and a 0 or 1 for each individual.
  The header names haplotypes by individual and copy: 1_1, 2_1, ...
- `..._p.txt`: one row per individual, with its name (1, 2, ...) and the phenotype of each trait.
- `..._eff.txt`: one row per trait and marker, with the columns trait locus add_eff epi_loc epi_eff
  sfs, NA if there is no effect or partner.

In `eff` the partners of a pair are places among the trait's QTL, but joined to the table as if they
were markers (the ledger's row 10). If all markers are QTL, places and markers agree. In the
dilution experiment they differ, and this module corrects them. Effects that do not explain the
phenotypes are refused.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl import checks
from epidl.cohorts.genotypes import Haplotypes
from epidl.cohorts.simulate import Cohort, Trait, check_cohort, standardise

if TYPE_CHECKING:
    from epidl.grid.params import Cell

PARTS = ("g", "p", "eff")
# relative, of the residual variance that H2 says; chance makes a tenth of it among 1000
NOISE_TOLERANCE = 0.5


def file_stem(cell: "Cell", replicate: int) -> str:
    """Return the authors' name of a cell's cohort, without the part that says g, p or eff.

    Raises ValueError for a cell that has none of the authors' cohorts.
    """
    q, n = cell.n_qtl, cell.n_samples
    stems = {
        "scaling": lambda: f"qhaplo_{q}qtl_{n}n",
        "dilution": lambda: f"qhaplo_{q}qtl_{cell.n_markers}marker_{n}n",
        "correlation": lambda: f"qhaplo_{q}qtl_{n}n_{cell.pleiotropy:g}pleio_{cell.n_traits}trait",
    }
    shares_pairs = getattr(cell, "shared_pairs", False)
    checks.require(
        cell.cohorts in stems and shares_pairs == bool(getattr(cell, "pleiotropy", 0)),
        f"source must be simulated for {cell.name}: the authors have no such cohorts, got zenodo",
    )
    return f"{stems[cell.cohorts]()}_rep{replicate}"


def read_replicate(cell: "Cell", replicate: int, architecture: Mapping[str, Any]) -> Cohort:
    """Read a cohort of a cell from the folder `cell.data` and check that it is what the cell says.

    If `data` ends with a number, as in FOLDER/rep7, that cohort comes first, then those that
    follow. architecture: what `simulate.simulate` would be given.

    Raises FileNotFoundError that names a missing file, and ValueError if the files do not fit each
    other or the cell.
    """
    folder = Path(cell.data)
    numbered = re.fullmatch(r"rep([1-9]\d*)", folder.name)
    if numbered:
        folder, replicate = folder.parent, replicate + int(numbered[1]) - 1
    return read_cohort(
        folder / file_stem(cell, replicate),
        architecture["rel_aa"],
        architecture["broad_sense_heritability"],
        expected=(cell.n_samples, architecture.get("n_markers") or cell.n_qtl),
    )


def read_cohort(
    stem: Path | str,
    rel_aa: Sequence[float],
    broad_sense_heritability: float,
    expected: tuple[int, int] | None = None,
) -> Cohort:
    """Read the three files whose names begin with `stem`, and end with ``_g.txt``, ``_p.txt`` and
    ``_eff.txt``.

    rel_aa: of each trait, which the files do not say. broad_sense_heritability: the one that they
    were simulated with, to check the effects. expected: the numbers of individuals and markers,
    checked if given. Memory: two bits per genotype, and one line of the file.

    Raises FileNotFoundError for a missing file, and ValueError for files that are cut off, do not
    belong together, or whose effects do not explain the phenotypes.
    """
    rel_aa = [checks.real(f"rel_aa[{t}]", ratio, minimum=0) for t, ratio in enumerate(rel_aa)]
    checks.integer("len(rel_aa)", len(rel_aa), minimum=1)
    checks.real("broad_sense_heritability", broad_sense_heritability, above=0, maximum=1)
    checks.path("stem", stem)
    paths = {}
    for part in PARTS:
        paths[part] = path = Path(f"{stem}_{part}.txt")
        if not path.is_file():
            raise FileNotFoundError(f"data must hold the authors' files, {path} is missing")
    names, genotypes = read_haplotypes(paths["g"])
    found = genotypes.n_samples, genotypes.n_markers
    if expected and found != expected:
        raise ValueError(
            f"{paths['g']} must hold {expected[0]} individuals and {expected[1]} markers, got {found}"
        )
    phenotypes = _read_phenotypes(paths["p"], names, len(rel_aa))
    traits, values = standardise(genotypes, _read_traits(paths["eff"], rel_aa, genotypes.n_markers))
    _check_explained(paths["eff"], phenotypes, values, broad_sense_heritability)
    return check_cohort(Cohort(genotypes, phenotypes, values, traits))


def read_haplotypes(path: Path) -> tuple[list[str], Haplotypes]:
    """Read a `g` file line by line, and return the haplotypes' names and one bit per genotype.

    Raises ValueError for a file that is cut off or no `g` file.
    """
    with checks.path("path", path).open("rb") as file:
        names = file.readline().decode(errors="replace").split()[1:]
        columns, n_markers = [], 0
        while lines := list(itertools.islice(file, 8)):  # the markers of a byte
            alleles = np.stack([_alleles(line, len(names), path) for line in lines])
            columns.append(np.packbits(alleles, axis=0, bitorder="little")[0])
            n_markers += len(lines)
    checks.require(
        columns and names,
        f"{path} must hold a header of individuals and one row per marker, got {n_markers} markers",
    )
    return names, Haplotypes(np.stack(columns, axis=1), n_markers)


def _alleles(line: bytes, n_samples: int, path: Path) -> NDArray[np.uint8]:
    name, _, rest = line.rstrip().partition(b" ")
    values = np.frombuffer(rest, dtype=np.uint8)
    alleles = values[::2] - ord("0")
    if len(values) != 2 * n_samples - 1 or (alleles > 1).any() or (values[1::2] != ord(" ")).any():
        raise ValueError(
            f"{path} must hold a 0 or 1 for each of {n_samples} individuals, see the marker "
            f"{name.decode(errors='replace')}"
        )
    return alleles


def _read_phenotypes(path: Path, names: list[str], n_traits: int) -> NDArray[np.float64]:
    table = _table(path)
    columns = list(map("Trait{}".format, range(1, n_traits + 1)))
    checks.require(
        list(table.columns) == ["ind", *columns] and len(table) == len(names),
        f"{path} must hold {len(names)} individuals and the columns ind, Trait1 to Trait{n_traits}, got "
        f"{len(table)} and {', '.join(map(str, table.columns))}",
    )
    individuals = table["ind"].astype(str).tolist()
    checks.require(
        names in (individuals, list(map("{}_1".format, individuals))),
        f"{path} must name its individuals as the header of the g file does, in the same order, as 1 or as the "
        f"haplotype 1_1, got {checks.shown(individuals)} and {checks.shown(names)}",
    )
    values = checks.floats(f"phenotypes of {path}", table[columns])
    checks.require(
        np.isfinite(values).all(),
        f"{path} must hold finite phenotypes, got {(~np.isfinite(values)).sum()} others",
    )
    return values


def _read_traits(path: Path, rel_aa: Sequence[float], n_markers: int) -> list[Trait]:
    table = _table(path)
    wanted = ["trait", "locus", "add_eff", "epi_loc", "epi_eff"]
    checks.require(
        set(wanted) <= set(table.columns),
        f"{path} must hold the columns {', '.join(wanted)}, got {', '.join(table.columns)}",
    )
    try:
        numbers = table[["locus", "epi_loc"]].apply(_numbers)
        effects = table[["add_eff", "epi_eff"]].astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} must hold loci such as 1_12, and effects that are numbers, got: {error}"
        ) from None
    table = pd.concat([table["trait"], numbers, effects], axis=1)
    groups = list(table.groupby("trait", sort=False))
    checks.require(
        len(groups) == len(rel_aa) and table["locus"].between(1, n_markers).all(),
        f"{path} must hold {len(rel_aa)} traits with loci of 1 to {n_markers}, got {len(groups)} traits and loci "
        f"of {table['locus'].min()} to {table['locus'].max()}",
    )
    _, parts = zip(*groups, strict=True)
    return list(map(_trait, parts, rel_aa))


def _trait(part: pd.DataFrame, rel_aa: float) -> Trait:
    """Return a trait. Its pairs are places among its QTL, whichever markers they are joined to."""
    additive = part.dropna(subset="add_eff").query("add_eff != 0").sort_values("locus")
    qtl = additive["locus"].to_numpy(np.int64) - 1
    beside = part.dropna(subset=["epi_loc", "epi_eff"])
    places = np.sort(beside[["locus", "epi_loc"]].to_numpy(np.int64), axis=1) - 1
    # a pair may stand beside both partners
    places, first = np.unique(places, axis=0, return_index=True)
    if len(places) and places.max() >= len(qtl):
        raise ValueError(
            f"pairs must name places among the {len(qtl)} QTL of a trait, got {places.max() + 1}"
        )
    return Trait(
        rel_aa,
        qtl,
        additive["add_eff"].to_numpy(float),
        qtl[places.reshape(-1, 2)],
        beside["epi_eff"].to_numpy(float)[first],
    )


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep=" ")
    except ValueError as error:  # empty, cut off, or no text
        raise ValueError(
            f"{path} must be a table with a header, its columns separated by single spaces, got: {error}"
        ) from None


def _numbers(names: pd.Series) -> pd.Series:
    """Return the marker's number of names such as 1_12, or of plain numbers."""
    return pd.to_numeric(names.astype("string").str.rsplit("_", n=1).str[-1]).astype("Int64")


def _check_explained(path: Path, phenotypes: NDArray, values: NDArray, h2: float) -> None:
    """Check that the phenotypes are the genetic values and as much noise as H2 says."""
    expected = (1 - h2) / h2
    residual = (phenotypes - values).var(axis=0)
    wrong = np.abs(residual - expected) > NOISE_TOLERANCE * expected + 1e-6
    if wrong.any():
        t = int(np.argmax(wrong))
        raise ValueError(
            f"{path} must explain the phenotypes up to a variance of {expected:.4g} (broad_sense_heritability {h2:g}), "
            f"got {residual[t]:.4g} for trait {t + 1}: another cohort's files, another H2, or pairs numbered otherwise"
        )
