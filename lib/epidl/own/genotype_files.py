"""Genotype files: PLINK 1 (.bed with .bim and .fam), VCF and BCF, or a plain table; read whole, or refused with why.

Whatever the format, genotypes become counts of one allele, a byte each: 0 to the ploidy, `MISSING` where not known.

- PLINK: the counted allele is the first of the .bim (A1). It knows diploids only: haploids and inbred lines are written
  as homozygotes.
- VCF, BCF: the counted allele is the alternative one. Sites of more than two alleles are left out, and counted. A
  genotype with one allele unknown is missing; one with an allele that its site does not have is refused.
- Table (.csv, .tsv, .txt): a row an individual, its id first, then a marker a column; 0, 1, 2, or empty.
"""

import csv
import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from epidl import checks
from epidl.cohorts.genotypes import MISSING, row_blocks

MARKER_COLUMNS = ["marker", "chromosome", "position", "counted_allele", "other_allele"]
SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": r"\s+"}
VCF_SUFFIXES = (".vcf", ".bcf")
BED_MAGIC = b"\x6c\x1b\x01"  # PLINK 1, a marker after the other
BGZF_MAGIC = (b"\x1f\x8b\x08\x04", b"\x06\x00BC\x02\x00")  # bytes 0 to 3 and 10 to 15, as htslib asks
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BED_MISSING = -127  # what bed-reader says for missing
_CHUNK_BYTES = 2**26


@dataclass(frozen=True)
class GenotypeFile:
    """What a file holds.

    sample_ids: (n_samples,) texts, all different. markers: a row a marker with `MARKER_COLUMNS`; where the format does
    not say, chromosome is empty and position 0. counts: (n_samples, n_markers) copies of the counted allele, `MISSING`
    where not known. ploidy: 1 or 2. n_multiallelic: sites left out for having more than two alleles.
    """

    sample_ids: NDArray[np.str_]
    markers: pd.DataFrame
    counts: NDArray[np.int8]
    ploidy: int
    n_multiallelic: int = 0

    @property
    def coding(self) -> str:
        """haploid, diploid, or inbred: diploid without a single heterozygote."""
        if self.ploidy == 1:
            return "haploid"
        return "diploid" if any((self.counts[rows] == 1).any() for rows in row_blocks(*self.counts.shape)) else "inbred"


def read_genotypes(path: Path | str) -> GenotypeFile:
    """Read genotypes; the name's ending tells the format: .bed, .vcf, .vcf.gz, .bcf, .csv, .tsv, .txt (or those .gz).

    Raises FileNotFoundError where a file is missing, and ValueError for a file that is empty, cut off, at odds with its
    companions, of another format, of mixed or higher ploidy, or in which individuals or table columns have the same
    name; ImportError where the format's reader is not installed.
    """
    path = checks.path("genotypes", path)
    suffix = _suffix(path)
    readers = {".bed": _read_plink} | dict.fromkeys(VCF_SUFFIXES, _read_vcf) | dict.fromkeys(SEPARATORS, _read_table)
    if suffix not in readers:
        raise ValueError(f"genotypes must be a file that ends in {', '.join(readers)}, got {path}")
    _existing(path)
    found = readers[suffix](path)
    if 0 in found.counts.shape:
        raise ValueError(f"genotypes must hold individuals and markers, got {found.counts.shape} in {path}")
    if (found.sample_ids == "").any():
        raise ValueError(f"sample ids of {path} must not be empty, got {(found.sample_ids == '').sum()} empty ones")
    check_unique(f"sample ids of {path}", found.sample_ids)
    return found


def read_table(path: Path | str, text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a .csv, .tsv or .txt table whole; the columns `text` as text, for instance ids such as 007.

    Raises FileNotFoundError, and ValueError for an empty file, one that is no table, and columns of the same name.
    """
    path = checks.path("path", path)
    separator = _separator(path)
    _existing(path)
    header = _header(path, separator)
    check_unique(f"columns of {path}", header)
    _check_rows(path, separator, len(header))
    try:
        return pd.read_csv(path, sep=separator, dtype=dict.fromkeys(text, str))
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a table with a header, got: {error}") from None


def check_unique(what: str, names: Sequence[str]) -> None:
    """Raise ValueError that tells which names stand there more than once."""
    names, times = np.unique(np.asarray(names, dtype=str), return_counts=True)
    if (times > 1).any():
        raise ValueError(f"{what} must all be different, got more than once: {some(names[times > 1])}")


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first few names and how many there are, for a message."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def write_plink(path: Path | str, genotypes: GenotypeFile) -> None:
    """Write PLINK 1 files `path`.bed, .bim and .fam, all or none; haploids as homozygotes.

    A file that is read back has the same ids, markers and counts; a haploid's counts are 0 and 2 then.
    """
    from bed_reader import to_bed

    path = Path(path).with_suffix("") if _suffix(Path(path)) == ".bed" else Path(path)
    counts = np.where(
        genotypes.counts == MISSING, np.int8(_BED_MISSING), genotypes.counts * np.int8(2 // genotypes.ploidy)
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
        to_bed(Path(folder) / "new.bed", counts, properties={name: list(values) for name, values in properties.items()})
        for suffix in (".fam", ".bim", ".bed"):
            shutil.move(Path(folder) / f"new{suffix}", f"{path}{suffix}")


# --- PLINK 1 -------------------------------------------------------------------------------------------------------


def _read_plink(path: Path) -> GenotypeFile:
    try:
        from bed_reader import open_bed
    except ImportError as error:
        raise ImportError(f"reading {path} needs bed-reader: pip install bed-reader") from error
    samples = _read_companion(path.with_suffix(".fam"), ["family", "sample", "father", "mother", "sex", "phenotype"])
    markers = _read_companion(
        path.with_suffix(".bim"), ["chromosome", "marker", "morgans", "position", "counted_allele", "other_allele"]
    )
    _check_bed(path, len(samples), len(markers))
    with open_bed(path, len(samples), len(markers)) as bed:  # with both counts it reads neither companion
        counts = bed.read(dtype="int8", order="C", num_threads=1)
    for rows in row_blocks(*counts.shape):  # in place: a copy would be as large
        block = counts[rows]
        block[block == _BED_MISSING] = MISSING
    markers["position"] = pd.to_numeric(markers["position"], errors="coerce").fillna(0).astype(int)
    markers["chromosome"] = markers["chromosome"].replace("0", "")
    return GenotypeFile(samples["sample"].to_numpy(str), markers[MARKER_COLUMNS], counts, 2)


def _read_companion(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a .fam or .bim: no header, separated by blanks."""
    _existing(path)
    try:
        table = pd.read_csv(path, sep=r"\s+", header=None, dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got: {error}") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} must hold {len(columns)} columns a line, got: {error}") from None
    if table.shape[1] != len(columns) or table.isna().any(axis=None):
        raise ValueError(f"{path} must hold {len(columns)} columns a line ({', '.join(columns)}), got {table.shape[1]}")
    return table.set_axis(columns, axis=1)


def _check_bed(path: Path, n_samples: int, n_markers: int) -> None:
    with path.open("rb") as file:
        magic = file.read(3)
    if magic != BED_MAGIC:
        raise ValueError(f"{path} must start as a PLINK 1 .bed file with a marker after the other, got {magic!r}")
    expected, found = 3 + n_markers * ((n_samples + 3) // 4), path.stat().st_size
    if found != expected:
        raise ValueError(
            f"{path} must have {expected:,} bytes for the {n_samples:,} individuals of its .fam and the {n_markers:,} "
            f"markers of its .bim, got {found:,}: it is cut off, or belongs to other files"
        )


# --- VCF and BCF ---------------------------------------------------------------------------------------------------


def _read_vcf(path: Path) -> GenotypeFile:
    try:
        import cyvcf2
    except ImportError as error:
        raise ImportError(f"reading {path} needs cyvcf2: pip install cyvcf2") from error
    if _suffix(path) == ".vcf":
        _check_vcf_lines(path)
    markers, parts, ploidies, n_multiallelic = [], [], set(), 0
    try:
        file = cyvcf2.VCF(str(path))
        samples = np.array(file.samples, dtype=str)
        for site in file:
            if len(site.ALT) > 1:
                n_multiallelic += 1
                continue
            name = site.ID or f"{site.CHROM}:{site.POS}"
            parts.append(_counts_of_site(site, ploidies, f"{name} in {path}"))
            markers.append((name, site.CHROM, site.POS, site.ALT[0] if site.ALT else ".", site.REF))
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
    return GenotypeFile(samples, table, counts, max(ploidies, default=2), n_multiallelic)


def _check_vcf_lines(path: Path) -> None:
    """Check that each site has the header's columns: cyvcf2 crashes on a line that it cannot parse."""
    columns = None
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if line.startswith(b"##"):
                    continue
                found = line.count(b"\t") + 1
                columns = columns or (found if line.startswith(b"#CHROM\t") else 0)
                if not columns or found != columns or not line.endswith(b"\n"):
                    expected = f"the {columns} columns of its header" if columns else "a header that ends with #CHROM"
                    raise ValueError(f"{path} must be a whole VCF file, with {expected}: see line {number}")
    except (EOFError, OSError) as error:
        raise ValueError(f"{path} must be a whole VCF file, got: {error}") from None
    if not columns:
        raise ValueError(f"{path} must be a whole VCF file, with a header that ends with #CHROM")


def _counts_of_site(site: object, ploidies: set[int], where: str) -> NDArray[np.int8]:
    """Return a site's counts of the alternative allele; its ploidy, which must be that of all, joins `ploidies`."""
    if "GT" not in (site.FORMAT or ()):
        raise ValueError(f"genotypes must stand in the field GT, got none at {where}")
    alleles = site.genotype.array()[:, :-1]  # the last column says whether they are phased
    ploidies.add(alleles.shape[1])
    if (alleles == -2).any() or len(ploidies) > 1:
        raise ValueError(
            f"genotypes must be of one ploidy, got haploid and diploid ones by {where}: leave out sex chromosomes and "
            "organelles"
        )
    if max(ploidies) > 2:
        raise ValueError(f"genotypes must be haploid or diploid, got {max(ploidies)} alleles an individual at {where}")
    largest, n_alternatives = alleles.max(initial=0), len(site.ALT)
    if largest > n_alternatives:
        raise ValueError(
            f"genotypes must be of alleles that their site has, from 0 to {n_alternatives} (its number of "
            f"alternatives), got the allele {largest} at {where}"
        )
    counts = alleles.sum(axis=1).astype(np.int8)
    counts[(alleles < 0).any(axis=1)] = MISSING
    return counts


# --- Tables --------------------------------------------------------------------------------------------------------


def _read_table(path: Path) -> GenotypeFile:
    separator = _separator(path)
    header = _header(path, separator)
    _check_rows(path, separator, len(header))
    check_unique(f"marker columns of {path}", header[1:])
    sample_ids, parts = [], []
    for chunk in _chunks(path, separator, header):
        sample_ids.append(chunk.index.fillna("").to_numpy(str))
        parts.append(_counts_of_chunk(chunk, path))
    counts = np.concatenate(parts) if parts else np.empty((0, len(header) - 1), dtype=np.int8)
    ids = np.concatenate(sample_ids) if sample_ids else np.empty(0, dtype=str)
    markers = pd.DataFrame({"marker": header[1:], "chromosome": "", "position": 0}).assign(
        counted_allele="1", other_allele="0"
    )
    return GenotypeFile(ids, markers, counts, 2 if counts.max(initial=0) > 1 else 1)


def _chunks(path: Path, separator: str, header: list[str]) -> Iterator[pd.DataFrame]:
    ids = header[0] or "Unnamed: 0"  # what pandas calls a column without a name
    options = {"sep": separator, "index_col": 0, "dtype": {ids: str}, "keep_default_na": True}
    rows = max(1, _CHUNK_BYTES // (8 * len(header)))
    try:
        yield from pd.read_csv(path, chunksize=rows, low_memory=False, **options)
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} must have a value for each of the header's columns in each row, got: {error}"
        ) from None


def _counts_of_chunk(chunk: pd.DataFrame, path: Path) -> NDArray[np.int8]:
    values = chunk.to_numpy()
    if values.dtype.kind in "bO":  # pandas keeps True and False, which would count as 1 and 0
        maybe = chunk.loc[:, [dtype.kind in "bO" for dtype in chunk.dtypes]]
        _refuse(maybe, maybe.map(lambda value: isinstance(value, bool)).to_numpy(bool), path)
    if values.dtype == object:
        values = chunk.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        _refuse(chunk, np.isnan(values) & chunk.notna().to_numpy(), path)
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    _refuse(chunk, ~missing & ~np.isin(values, (0, 1, 2)), path)
    return np.where(missing, MISSING, np.nan_to_num(values)).astype(np.int8)


def _refuse(chunk: pd.DataFrame, wrong: NDArray[np.bool_], path: Path) -> None:
    """Raise ValueError for the first value that is no count."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{path} must hold 0, 1 or 2 copies of an allele, empty or NA where missing, got "
            f"{str(chunk.iloc[row, column])!r} for {chunk.index[row]} at {chunk.columns[column]} ({wrong.sum()} such)"
        )


def _header(path: Path, separator: str) -> list[str]:
    line = next(_lines(path), "")
    if not line.strip():
        raise ValueError(f"{path} must be a table with a header, got an empty first line")
    return line.split() if separator == r"\s+" else next(csv.reader([line], delimiter=separator))


def _check_rows(path: Path, separator: str, n_columns: int) -> None:
    """Check that each row has the header's columns: pandas fills a short one, and moves all where each is longer."""
    for number, line in enumerate(_lines(path), start=1):
        found = len(_fields(line, separator))
        if found != n_columns and line.strip():
            raise ValueError(
                f"{path} must have a value for each of the header's {n_columns} columns in each row, got {found} in "
                f"line {number}"
            )


def _fields(line: str, separator: str) -> list[str]:
    if separator == r"\s+":
        return line.split()
    return next(csv.reader([line], delimiter=separator)) if '"' in line else line.split(separator)


def _lines(path: Path) -> Iterator[str]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as file:  # Excel's mark
            yield from file
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a whole table with a header, got: {error}") from None


def _separator(path: Path) -> str:
    suffix = _suffix(path)
    if suffix not in SEPARATORS:
        raise ValueError(f"a table must be a file that ends in {', '.join(SEPARATORS)}, got {path}")
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
    """Check that a file of bgzip's blocks has its last one: cut between two blocks, it reads as a whole file."""
    with path.open("rb") as file:
        start = file.read(16)
        if (start[:4], start[10:]) != BGZF_MAGIC:
            return
        file.seek(-min(len(BGZF_END), path.stat().st_size), os.SEEK_END)
        end = file.read()
    if end != BGZF_END:
        raise ValueError(
            f"{path} must be a whole BGZF file, which ends with an empty block of {len(BGZF_END)} bytes, got another "
            "end: it is truncated; copy or write it again"
        )
