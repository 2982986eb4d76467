"""Genotype files: PLINK 1 (.bed with .bim and .fam), VCF and BCF, or a plain table, read whole or
refused with the reason.

Whatever the format, genotypes become counts of one allele, one byte each: 0 to the ploidy,
`MISSING` if unknown.

- PLINK: the counted allele is the first of the .bim (A1). PLINK knows diploids only, so haploids
  and inbred lines are written as homozygotes.
- VCF, BCF: the counted allele is the alternative one. Sites of more than two alleles, or with a
  placeholder for their only alternative, are left out and counted. A genotype with one allele
  unknown is missing, and so is a lone dot. A genotype with an allele that its site lacks is
  refused.
- Table (.csv, .tsv, .txt, PLINK's .raw): one row per individual, the id first, then one column per
  marker, with 0, 1, 2, or empty. Separator, quotes and encoding (UTF-8, UTF-16) are detected.
"""

import csv
import gzip
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl import checks
from epidl.cohorts.genotypes import MISSING, row_blocks

# bed-reader imports pooch where it is installed, which asks for a widget that nothing here shows
warnings.filterwarnings("ignore", message="IProgress not found")

MARKER_COLUMNS = ["marker", "chromosome", "position", "counted_allele", "other_allele"]
SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": r"\s+", ".raw": r"\s+"}
VCF_SUFFIXES = (".vcf", ".bcf")
CONVERT = {  # other formats, and the line that makes one of these of them
    ".pgen": "plink2 --pfile NAME --make-bed --out NAME",
    ".ped": "plink --file NAME --make-bed --out NAME",
    ".tped": "plink --tfile NAME --make-bed --out NAME",
    ".bgen": "plink2 --bgen NAME.bgen ref-first --sample NAME.sample --hard-call-threshold 0.1 --make-bed --out NAME",
    ".gen": "plink2 --gen NAME.gen ref-first --sample NAME.sample --hard-call-threshold 0.1 --make-bed --out NAME",
    ".traw": "plink --bfile NAME --recode A --out NAME, from the files that it was made of",
    ".hmp": "run_pipeline.pl -h NAME.hmp.txt -export NAME -exportType VCF, with TASSEL",
    ".bgz": "let its name end in .vcf.gz",
    ".gds": 'SNPRelate::snpgdsGDS2BED("NAME.gds", "NAME"), in R',
    ".xlsx": "save it as CSV UTF-8",
    ".xls": "save it as CSV UTF-8",
    ".ods": "save it as CSV UTF-8",
    ".RData": 'write.csv(X, "NAME.csv"), in R',
    ".rda": 'write.csv(X, "NAME.csv"), in R',
    ".rds": 'write.csv(readRDS("NAME.rds"), "NAME.csv"), in R',
}
IMPUTED = "plink2 --vcf NAME.vcf dosage=DS --hard-call-threshold 0.1 --make-bed --out NAME"
TETRAPLOID = (
    "sed -E 's:0/0/0/0:0/0:g; s:1/1/1/1:1/1:g; s:[01]/[01]/[01]/[01]:0/1:g' NAME.vcf > DIPLOID.vcf"
)
NO_VALUE = r"""na n/a n.a. nan -nan #n/a #na <na> . - -- ? ./. null (null) \n nd n.d.
    #value! #div/0! #ref! #name? #num! #null! 1.#ind -1.#ind 1.#qnan"""
MISSING_TEXTS = {"", *NO_VALUE.split()}  # in small letters
NINES = (-9, 9, -99, 99, -999, 999, -9999, 9999)  # for a missing count: PLINK's -9, and the like
PEDIGREE = ("FID", "IID", "PAT", "MAT", "SEX", "PHENOTYPE")  # before the markers of PLINK's .raw
PLACEHOLDERS = ("<NON_REF>", "<*>", "<X>")  # of a VCF: any other allele
STARS = ("*", "<*:DEL>")  # a deletion that another site tells
BED_MAGIC = b"\x6c\x1b\x01"  # PLINK 1, a marker after the other
# bytes 0 to 3 and 10 to 15, as htslib asks
BGZF_MAGIC = (b"\x1f\x8b\x08\x04", b"\x06\x00BC\x02\x00")
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BED_MISSING = -127  # what bed-reader says for missing
_CHUNK_BYTES = 2**26


@dataclass(frozen=True)
class GenotypeFile:
    """What a file holds.

    sample_ids: (n_samples,) strings, all different. markers: one row per marker with
    `MARKER_COLUMNS`. If the format does not say, chromosome is empty and position 0. counts:
    (n_samples, n_markers) copies of the counted allele, `MISSING` if unknown. ploidy: 1 or 2.
    n_multiallelic: sites left out for having more than two alleles. notes: what else was left out
    or taken as missing, how often, and what was done.
    """

    sample_ids: NDArray[np.str_]
    markers: pd.DataFrame
    counts: NDArray[np.int8]
    ploidy: int
    n_multiallelic: int = 0
    notes: tuple[tuple[str, int, str], ...] = ()

    @property
    def coding(self) -> str:
        """haploid, diploid, or inbred: diploid without a single heterozygote."""
        if self.ploidy == 1:
            return "haploid"
        return (
            "diploid"
            if any((self.counts[rows] == 1).any() for rows in row_blocks(*self.counts.shape))
            else "inbred"
        )


def read_genotypes(path: Path | str) -> GenotypeFile:
    """Read genotypes in the format of the name's ending: .bed, .vcf, .vcf.gz, .bcf, .csv, .tsv,
    .txt, .raw (or .gz).

    Raises FileNotFoundError if a file is missing. Raises ValueError for a file that is empty, cut
    off, at odds with its companions, of another format, of mixed or higher ploidy, or in which
    individuals or table columns have the same name. Raises ImportError if the format's reader is
    not installed.
    """
    path = checks.path("genotypes", path)
    suffix = _suffix(path)
    readers = (
        {".bed": _read_plink}
        | dict.fromkeys(VCF_SUFFIXES, _read_vcf)
        | dict.fromkeys(SEPARATORS, _read_table)
    )
    if suffix not in readers:
        way = f". Convert it: {CONVERT[suffix]}" if suffix in CONVERT else ""
        raise ValueError(
            f"genotypes must be a file that ends in {', '.join(readers)}, got {path}{way}"
        )
    _existing(path)
    found = readers[suffix](path)
    if 0 in found.counts.shape:
        raise ValueError(
            f"genotypes must hold individuals and markers, got {found.counts.shape} in {path}"
        )
    if (found.sample_ids == "").any():
        raise ValueError(
            f"sample ids of {path} must not be empty, got {(found.sample_ids == '').sum()} empty ones"
        )
    check_unique(f"sample ids of {path}", found.sample_ids)
    return found


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a .csv, .tsv or .txt table whole, with all values as strings without blanks around them.

    Rows without a value, and columns without name and values, are left out. `attrs` says how many,
    as blank_rows and blank_columns, and which separator was found.

    Raises FileNotFoundError, and ValueError for an empty file, one that is no table, and columns of
    the same name.
    """
    path = checks.path("path", path)
    layout = _layout(path)
    check_unique(f"columns of {path}", layout.header)
    width, blank, rows = len(layout.header), 0, []
    try:
        reader = _split(
            itertools.islice(_lines(path, layout.encoding), layout.first, None),
            layout.separator,
            strict=True,
        )
        for row in reader:
            row = [value.strip(BLANKS) for value in row]
            if not any(row):
                blank += bool(row)
                continue
            _check_width(path, layout.first + reader.line_num, len(row), width)
            rows.append(row)
    except csv.Error as error:
        raise ValueError(f"{path} must be a whole table with a header, got: {error}") from None
    table = pd.DataFrame(rows, columns=layout.header, dtype=object)
    empty = [name for name in table if name.startswith(NAMELESS) and (table[name] == "").all()]
    table = table.drop(columns=empty)
    table.attrs = {"blank_rows": blank, "blank_columns": len(empty), "separator": layout.separator}
    return table


def check_unique(what: str, names: Sequence[str]) -> None:
    """Raise ValueError that tells which names occur more than once."""
    names, times = np.unique(np.asarray(names, dtype=str), return_counts=True)
    if (times > 1).any():
        raise ValueError(
            f"{what} must all be different, got more than once: {some(names[times > 1])}"
        )


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first few names and how many there are, for a message."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def write_plink(path: Path | str, genotypes: GenotypeFile) -> None:
    """Write PLINK 1 files `path`.bed, .bim and .fam, all or none, with haploids as homozygotes.

    A file that is read back has the same ids, markers and counts, but a haploid's counts are then 0
    and 2.
    """
    from bed_reader import to_bed

    path = Path(path).with_suffix("") if _suffix(Path(path)) == ".bed" else Path(path)
    counts = np.where(
        genotypes.counts == MISSING,
        np.int8(_BED_MISSING),
        genotypes.counts * np.int8(2 // genotypes.ploidy),
    )
    markers = genotypes.markers
    properties = {
        "fid": genotypes.sample_ids,
        "iid": genotypes.sample_ids,
        "pheno": ["-9"] * len(counts),
        "sid": markers["marker"],
        "chromosome": markers["chromosome"].replace("", "0"),
        "bp_position": markers["position"],
        "allele_1": markers["counted_allele"],
        "allele_2": markers["other_allele"],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        to_bed(
            Path(folder) / "new.bed",
            counts,
            properties={name: list(values) for name, values in properties.items()},
        )
        for suffix in (".fam", ".bim", ".bed"):
            shutil.move(Path(folder) / f"new{suffix}", f"{path}{suffix}")


# --- PLINK 1 -------------------------------------------------------------------------------------------------------


def _read_plink(path: Path) -> GenotypeFile:
    try:
        from bed_reader import open_bed
    except ImportError as error:
        raise ImportError(f"reading {path} needs bed-reader: pip install bed-reader") from error
    samples = read_companion(
        path.with_suffix(".fam"), ["family", "sample", "father", "mother", "sex", "phenotype"]
    )
    markers = read_companion(
        path.with_suffix(".bim"),
        ["chromosome", "marker", "morgans", "position", "counted_allele", "other_allele"],
    )
    _check_bed(path, len(samples), len(markers))
    # with both counts it reads neither companion
    with open_bed(path, len(samples), len(markers)) as bed:
        counts = bed.read(dtype="int8", order="C", num_threads=1)
    for rows in row_blocks(*counts.shape):  # in place: a copy would be as large
        block = counts[rows]
        block[block == _BED_MISSING] = MISSING
    markers["position"] = pd.to_numeric(markers["position"], errors="coerce").fillna(0).astype(int)
    markers["chromosome"] = markers["chromosome"].replace("0", "")
    ids = joined_ids(samples["family"], samples["sample"])
    return GenotypeFile(ids.to_numpy(str), markers[MARKER_COLUMNS], counts, 2)


def joined_ids(families: pd.Series, individuals: pd.Series) -> pd.Series:
    """Return individuals' ids, as FAMILY_ID if an id occurs in several families."""
    joined = families + "_" + individuals
    return (
        joined if individuals.duplicated().any() and not joined.duplicated().any() else individuals
    )


def read_companion(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a .fam or .bim as strings, without header and separated by blanks, or raise ValueError
    for another number of columns.
    """
    _existing(path)
    try:
        options = {
            "sep": r"\s+",
            "header": None,
            "dtype": str,
            "keep_default_na": False,
            "quoting": csv.QUOTE_NONE,
        }
        table = pd.read_csv(path, **options, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got: {error}") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise ValueError(
            f"{path} must hold {len(columns)} columns per line, got: {error}"
        ) from None
    if table.shape[1] != len(columns) or table.isna().any(axis=None):
        raise ValueError(
            f"{path} must hold {len(columns)} columns per line ({', '.join(columns)}), got {table.shape[1]}"
        )
    return table.set_axis(columns, axis=1)


def _check_bed(path: Path, n_samples: int, n_markers: int) -> None:
    with path.open("rb") as file:
        magic = file.read(3)
    if magic != BED_MAGIC:
        raise ValueError(
            f"{path} must start as a PLINK 1 .bed file with a marker after the other, got {magic!r}"
        )
    expected, found = 3 + n_markers * ((n_samples + 3) // 4), path.stat().st_size
    if found != expected:
        raise ValueError(
            f"{path} must have {expected:,} bytes for the {n_samples:,} individuals of its .fam and the {n_markers:,} "
            f"markers of its .bim, got {found:,}: the file is cut off, or belongs to other files"
        )


# --- VCF and BCF ---------------------------------------------------------------------------------------------------


def _read_vcf(path: Path) -> GenotypeFile:
    try:
        import cyvcf2
    except ImportError as error:
        raise ImportError(f"reading {path} needs cyvcf2: pip install cyvcf2") from error
    if _suffix(path) == ".vcf":
        _check_vcf_lines(path)
    markers, parts, ploidies, n_multiallelic, n_placeholder = [], [], set(), 0, 0
    try:
        file = cyvcf2.VCF(str(path))
        samples = np.array(file.samples, dtype=str)
        for site in file:
            named = [allele for allele in site.ALT if allele not in PLACEHOLDERS]
            if len(named) > 1:
                n_multiallelic += 1
                continue
            if site.ALT and all(allele in STARS for allele in named):
                n_placeholder += 1
                continue
            name, allele = site.ID or f"{site.CHROM}:{site.POS}", named[0] if named else "."
            number = 1 + site.ALT.index(allele) if named else 1
            parts.append(_counts_of_site(site, number, ploidies, f"{name} in {path}"))
            markers.append((name, site.CHROM, site.POS, allele, site.REF))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got: {error}") from None
    except ValueError:
        raise
    except Exception as error:  # cyvcf2 raises plain Exception, too
        raise ValueError(f"{path} must be a whole VCF or BCF file, got: {error}") from None
    counts = np.empty((len(samples), len(parts)), dtype=np.int8)
    for columns in row_blocks(len(parts), max(1, len(samples))):
        counts[:, columns] = np.array(parts[columns], dtype=np.int8).T
    table = pd.DataFrame(markers, columns=MARKER_COLUMNS)
    notes = (("sites with a placeholder for their only alternative", n_placeholder, "dropped"),)
    return GenotypeFile(samples, table, counts, max(ploidies, default=2), n_multiallelic, notes)


def _check_vcf_lines(path: Path) -> None:
    """Check that each site has the header's columns, since cyvcf2 crashes on a line that it cannot
    parse.
    """
    columns = None
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if line.startswith(b"##"):
                    continue
                found = line.count(b"\t") + 1
                columns = columns or (found if line.startswith(b"#CHROM\t") else 0)
                if not columns or found != columns or not line.endswith(b"\n"):
                    expected = (
                        f"the {columns} columns of its header"
                        if columns
                        else "a header that ends with #CHROM"
                    )
                    raise ValueError(
                        f"{path} must be a whole VCF file, with {expected}: see line {number}"
                    )
    except (EOFError, OSError) as error:
        raise ValueError(f"{path} must be a whole VCF file, got: {error}") from None
    if not columns:
        raise ValueError(f"{path} must be a whole VCF file, with a header that ends with #CHROM")


def _counts_of_site(site: object, number: int, ploidies: set[int], where: str) -> NDArray[np.int8]:
    """Return a site's counts of its allele `number`, and add its ploidy, which must be that of all,
    to `ploidies`.
    """
    if "GT" not in (site.FORMAT or ()):
        raise ValueError(
            f"genotypes must be in the field GT, got none at {where}. From imputed dosages make calls: {IMPUTED}"
        )
    alleles = site.genotype.array()[:, :-1]  # the last column says whether they are phased
    called = (alleles >= 0).any(axis=1)  # a lone dot has no ploidy
    ploidies.update(np.unique((alleles[called] != -2).sum(axis=1)).tolist())
    if len(ploidies) > 1:
        raise ValueError(
            f"genotypes must be of one ploidy, got {' and '.join(map(_of_ploidy, sorted(ploidies)))} ones by {where}: "
            "leave out sex chromosomes and organelles"
        )
    if max(ploidies, default=2) > 2:
        raise ValueError(
            f"genotypes must be haploid or diploid, got {max(ploidies)} alleles per individual at {where}. Tetraploids "
            f"as diploids, all heterozygotes alike: {TETRAPLOID}"
        )
    largest, n_alternatives = alleles.max(initial=0), len(site.ALT)
    if largest > n_alternatives:
        raise ValueError(
            f"genotypes must be of alleles that their site has, from 0 to {n_alternatives} (its number of "
            f"alternatives), got the allele {largest} at {where}"
        )
    counts = (alleles == number).sum(axis=1).astype(np.int8)
    unknown = (alleles == -1) | ((alleles > 0) & (alleles != number))
    counts[unknown.any(axis=1) | ~called] = MISSING
    return counts


def _of_ploidy(copies: int) -> str:
    return {1: "haploid", 2: "diploid"}.get(copies, f"{copies}-ploid")


# --- Tables --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """How a table is written: encoding, separator, the names of its columns, and how many lines end
    with the header.
    """

    encoding: str
    separator: str
    header: list[str]
    first: int


BLANKS = " \t\r\n\xa0\u200b\ufeff"  # no-break and zero-width ones, too
NAMELESS = "Unnamed: "
_AS_TEXT = "="  # before an id while pandas reads it: an individual may be called NA or 1e5
_OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook or zip",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x1f\x8b": "gzip",
}


def _read_table(path: Path) -> GenotypeFile:
    layout = _layout(path)
    header = layout.header
    _check_format(path, header)
    lead = max(1, next((k for k, name in enumerate(header) if name not in PEDIGREE), len(header)))
    check_unique(f"marker columns of {path}", header[lead:])
    for number, line in enumerate(_lines(path, layout.encoding), start=1):
        if number >= layout.first and line.strip():
            _check_width(path, number, _width(line, layout.separator), len(header))
    keys = [name for name in PEDIGREE[:2] if name in header[:lead]] or header[:1]
    first, counts, n_nines = _read_calls(path, layout, keys, lead)
    if counts.max(initial=0) == 2 and not (counts == 0).any():
        raise ValueError(
            f"{path} must hold 0, 1 or 2 copies of an allele, got 1 and 2 alone: homozygotes coded 1 and 2? write "
            "them as 0 and 2"
        )
    names = pd.Series(header[lead:], dtype=str)
    markers = pd.DataFrame({"marker": names, "chromosome": "", "position": 0}).assign(
        counted_allele="1", other_allele="0"
    )
    nameless = np.array(markers["marker"].str.startswith(NAMELESS), bool)
    nameless[nameless] = (counts[:, nameless] == MISSING).all(axis=0)
    if nameless.any():
        markers, counts = markers[~nameless].reset_index(drop=True), counts[:, ~nameless]
    notes = (
        (
            "columns before the markers",
            lead if lead > 1 else 0,
            f"no markers: {', '.join(header[:lead])}",
        ),
        ("empty columns without a name", nameless.sum(), "dropped"),
        ("genotypes of nines, such as -9", n_nines, "taken as missing"),
    )
    samples = (
        joined_ids(first["FID"], first["IID"]) if len(keys) == 2 else first[keys[0]]
    ).to_numpy(str)
    return GenotypeFile(
        samples, markers, counts, 2 if counts.max(initial=0) > 1 else 1, notes=notes
    )


def _read_calls(
    path: Path, layout: _Layout, keys: list[str], lead: int
) -> tuple[pd.DataFrame, NDArray[np.int8], int]:
    """Return the columns of ids, the dosages, and how many calls were nines. lead: columns before the
    markers.
    """
    ids, parts, n_nines = [], [], 0
    for chunk in _chunks(path, layout, keys):
        first = chunk[keys].apply(lambda column: column.str[len(_AS_TEXT) :])
        calls = chunk.iloc[:, lead:].set_axis(first[keys[-1]], axis=0)
        blank = (first == "").all(axis=1).to_numpy()
        if blank.any():
            blank = blank & calls.isna().all(axis=1).to_numpy()
            first, calls = first[~blank], calls[~blank]
        counts, nines = _counts_of_chunk(calls, path)
        n_nines += nines
        parts.append(counts)
        ids.append(first)
    first = pd.concat(ids) if ids else pd.DataFrame(columns=keys, dtype=str)
    counts = (
        np.concatenate(parts) if parts else np.empty((0, len(layout.header) - lead), dtype=np.int8)
    )
    return first, counts, n_nines


def _check_format(path: Path, header: list[str]) -> None:
    """Refuse tables of other formats: one row or two columns per marker."""
    start = [name.lower() for name in header[:4]]
    form = ".hmp" if start[0] in ("rs#", "rs", "rs.") and "alleles" in start else ""
    form = ".traw" if start[:2] == ["chr", "snp"] else form
    if form:
        name = {".hmp": "HapMap file", ".traw": ".traw"}[form]
        raise ValueError(
            f"{path} must have one row per individual, got a {name} with one per marker. Convert it: {CONVERT[form]}"
        )
    if start[0].startswith("#fileformat=vcf"):  # one # is taken away
        raise ValueError(
            f"{path} must be a table with a header, got a VCF: let its name end in .vcf"
        )
    if header[-1].endswith("_HET"):
        raise ValueError(
            f"{path} must have one column per marker, got {header[-1]} next to it. Write it again: plink --bfile NAME "
            "--recode A --out NAME"
        )


def _chunks(path: Path, layout: _Layout, keys: Sequence[str]) -> Iterator[pd.DataFrame]:
    spellings = [
        spell(text) for text in MISSING_TEXTS for spell in (str, str.upper, str.capitalize)
    ]
    options = {
        "sep": layout.separator,
        "encoding": layout.encoding,
        "names": layout.header,
        "skiprows": layout.first,
        "converters": {name: lambda text: _AS_TEXT + text.strip(BLANKS) for name in keys},
        "na_values": spellings,
        "decimal": "," if layout.separator == ";" else ".",
        "skipinitialspace": True,
        "index_col": False,
    }
    rows = max(1, _CHUNK_BYTES // (8 * len(layout.header)))
    try:
        yield from pd.read_csv(path, chunksize=rows, low_memory=False, **options)
    except pd.errors.EmptyDataError:  # a header alone
        return
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} must have a value for each of the header's columns in each row, got: {error}"
        ) from None


def _counts_of_chunk(chunk: pd.DataFrame, path: Path) -> tuple[NDArray[np.int8], int]:
    """Return counts, and how many are missing because they are nines."""
    values = chunk.to_numpy()
    if values.dtype.kind in "bO":  # pandas keeps True and False, which would count as 1 and 0
        maybe = chunk.loc[:, [dtype.kind in "bO" for dtype in chunk.dtypes]]
        _refuse(maybe, maybe.map(lambda value: isinstance(value, bool)).to_numpy(bool), path)
    if values.dtype == object:
        values = chunk.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        _refuse(chunk, np.isnan(values) & chunk.notna().to_numpy(), path)
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    right = np.isin(values, (0, 1, 2))
    coded = np.zeros(values.shape, dtype=bool)
    if not (right | missing).all():
        coded = np.isin(values, NINES)
        _refuse(chunk, ~missing & ~right & ~coded, path)
    return np.where(missing | coded, MISSING, np.nan_to_num(values)).astype(np.int8), int(
        coded.sum()
    )


def _refuse(chunk: pd.DataFrame, wrong: NDArray[np.bool_], path: Path) -> None:
    """Raise ValueError for the first value that is no count."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = chunk.iloc[row, column]
        raise ValueError(
            f"{path} must hold 0, 1 or 2 copies of an allele, empty or NA if missing, got "
            f"{str(value)!r} for {chunk.index[row]} at {chunk.columns[column]} ({wrong.sum()} such){_remedy(value)}"
        )


def _remedy(value: object) -> str:
    """Return what may be done about a value that is no count."""
    number = _number(value)
    if str(value).lower() in ("true", "false"):
        return ""
    if number is None:
        return ": alleles as letters? plink --file NAME --make-bed --out NAME, from a .ped of them"
    if 0 < number < 2:
        return ": imputed? table.round() of pandas, or round(X) of R, makes calls of fractions"
    if number == -1:
        return (
            ": -1, 0 and 1? table + 1 of pandas makes 0, 1 and 2; missing? table.replace(-1, None)"
        )
    if number in (3, 4):
        return (
            ": 1, 2 and 3? table - 1 of pandas makes 0, 1 and 2; tetraploid? table.replace({2: 1, 3: 1, 4: 2}) makes "
            "diploids, all heterozygotes alike"
        )
    if number % 1:
        return ": a trait or another measurement? leave its column out of the genotypes"
    return f": missing? table.replace({number:g}, None) of pandas"


def _number(value: object) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _layout(path: Path) -> _Layout:
    """Find out how a table is written. The separator is the one that makes the first rows equally
    long.
    """
    default = _separator(path)
    _existing(path)
    encoding = _encoding(path)
    first, lines = 0, []
    for line in itertools.islice(_lines(path, encoding), 20):
        # Excel's hint
        if not lines and (not line.strip() or line.strip(' "\n').lower().startswith("sep=")):
            first += 1
        elif line.strip():
            lines.append(line)
    if not lines:
        raise ValueError(f"{path} must be a table with a header, got an empty first line")
    order = [separator for separator in (default, "\t", ";", ",", "|") if len(separator) == 1] + [
        r"\s+"
    ]
    widths = {
        separator: [len(row) for row in _split(lines, separator) if any(row)] for separator in order
    }
    alike = [separator for separator, found in widths.items() if min(found) == max(found) > 1]
    separator = alike[0] if alike else default
    header = [name.strip(BLANKS) for name in next(_split(lines, separator))]
    header[0] = header[0].removeprefix("#")  # of PLINK's #FID and #IID
    return _Layout(
        encoding, separator, [name or f"{NAMELESS}{k}" for k, name in enumerate(header)], first + 1
    )


def _encoding(path: Path) -> str:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            start = file.read(64)
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} must be a whole table with a header, got: {error}") from None
    for magic, name in _OTHER_FILES.items():
        if start.startswith(magic):
            raise ValueError(
                f"{path} must be a table of text, got {name}: save it as CSV UTF-8, or name it for what it is"
            )
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start[:2]:  # without its mark
        return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
    return "utf-8-sig"  # with or without Excel's mark


def _split(lines: Iterable[str], separator: str, strict: bool = False) -> Iterator[list[str]]:
    if separator == r"\s+":
        lines, separator = (" ".join(line.split()) for line in lines), " "
    return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=strict)


def _width(line: str, separator: str) -> int:
    if '"' in line:
        return len(next(_split([line], separator)))
    return len(line.split()) if separator == r"\s+" else line.count(separator) + 1


def _check_width(path: Path, number: int, found: int, expected: int) -> None:
    """Check that a row has the header's columns, since pandas fills a short row, and shifts all if
    each is longer.
    """
    if found != expected:
        why = (
            ": R's row names? write the table with col.names = NA" if found == expected + 1 else ""
        )
        why = ": a title above the header? take it away" if expected == 1 else why
        raise ValueError(
            f"{path} must have a value for each of the header's {expected} columns in each row, got {found} in "
            f"line {number}{why}"
        )


def _lines(path: Path, encoding: str) -> Iterator[str]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding=encoding) as file:
            yield from file
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} must be a whole table with a header, got: {error}") from None
    except UnicodeError as error:
        raise ValueError(
            f"{path} must be a whole table with a header, in UTF-8 or UTF-16, got: {error}. From Latin-1: iconv -f "
            "latin1 -t utf-8 OLD > NEW"
        ) from None


def _separator(path: Path) -> str:
    suffix = _suffix(path)
    if suffix not in SEPARATORS:
        way = f". Convert it: {CONVERT[suffix]}" if suffix in CONVERT else ""
        raise ValueError(
            f"a table must be a file that ends in {', '.join(SEPARATORS)}, got {path}{way}"
        )
    return SEPARATORS[suffix]


def _suffix(path: Path) -> str:
    """Return a name's ending without .gz."""
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} must exist, and be a file")
    if os.path.getsize(path) == 0:
        raise ValueError(f"{path} must not be empty")
    _check_bgzf(path)
    return path


def _check_bgzf(path: Path) -> None:
    """Check that a file of bgzip's blocks has its last one, since a file cut between two blocks
    reads as whole.
    """
    with path.open("rb") as file:
        start = file.read(16)
        if (start[:4], start[10:]) != BGZF_MAGIC:
            return
        file.seek(-min(len(BGZF_END), path.stat().st_size), os.SEEK_END)
        end = file.read()
    if end != BGZF_END:
        raise ValueError(
            f"{path} must be a whole BGZF file, which ends with an empty block of {len(BGZF_END)} bytes, got another "
            "end: it is truncated. Copy or write it again"
        )
