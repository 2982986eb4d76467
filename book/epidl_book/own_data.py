"""What goes wrong with one's own files, provoked on a small cohort, and what the library says or
does.

The book's page shows the answers and the tests check them, so neither can drift from the code.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from epidl.cohorts.genotypes import MISSING
from epidl.own.genotype_files import BGZF_END, MARKER_COLUMNS, GenotypeFile, write_plink
from epidl.own.reader import read_cohort

N_SAMPLES, N_MARKERS = 60, 20
NAMES = np.array([f"line_{k + 1}" for k in range(N_SAMPLES)])


@dataclass
class Files:
    """A sound cohort's files, which a case damages, or names others."""

    genotypes: Path
    phenotypes: Path
    counts: np.ndarray
    table: pd.DataFrame

    def write(self, table: pd.DataFrame) -> None:
        """Write the genotypes as they are now, and a table of phenotypes."""
        self.table = table
        positions = pd.Series(range(1, N_MARKERS + 1))
        markers = pd.DataFrame({"marker": "m" + positions.astype(str), "position": positions})
        markers = markers.assign(chromosome="1", counted_allele="G", other_allele="A")
        write_plink(
            self.genotypes,
            GenotypeFile(NAMES, markers[MARKER_COLUMNS], self.counts.astype(np.int8), 2),
        )
        table.to_csv(self.phenotypes, index=False)

    def set_counts(self, rows: slice, columns: slice | int, value: int) -> None:
        """Write another count for some individuals and markers."""
        self.counts[rows, columns] = value
        self.write(self.table)


def answers() -> pd.DataFrame:
    """Return what happens in each case: columns case, outcome (refused, reported), answer."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            _answer(case, damage, Path(folder, str(k)))
            for k, (case, damage) in enumerate(CASES.items())
        ]
    return pd.DataFrame(rows, columns=["case", "outcome", "answer"])


def in_words(found: pd.DataFrame) -> str:
    """Return what `answers` found as Markdown lists: what is refused, what is reported."""
    parts = []
    for outcome, part in found.groupby("outcome", sort=True):
        rows = [f"- **{row.case.capitalize()}.** `{row.answer}`" for row in part.itertuples()]
        parts.append(f"*{outcome.capitalize()}:*\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _answer(case: str, damage: Callable[[Files], None], folder: Path) -> tuple[str, str, str]:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 3, (N_SAMPLES, N_MARKERS))
    table = pd.DataFrame({"sample_id": NAMES, "yield": rng.normal(5, 1, N_SAMPLES).round(3)})
    files = Files(folder / "cohort.bed", folder / "phenotypes.csv", counts, table)
    folder.mkdir()
    files.write(table)
    sound = read_cohort(files.genotypes, files.phenotypes, trait="yield").report
    damage(files)
    try:
        report = read_cohort(files.genotypes, files.phenotypes, trait="yield").report
    except (ValueError, FileNotFoundError) as error:
        return (
            case,
            "refused",
            str(error).replace(f"{folder}/", "").splitlines()[0].removesuffix(" after:"),
        )
    counts = report["what"].map(sound.set_index("what")["count"])
    changed = report[
        (report["count"] != counts) & report["step"].isin(["read", "join", "filter", "fill"])
    ]
    said = changed["count"].astype(str) + " " + changed["what"] + ": " + changed["action"]
    return case, "reported", "; ".join(said)


def _without_end(files: Files) -> None:
    path = files.genotypes.with_suffix(".bed")
    path.write_bytes(path.read_bytes()[:-7])


def _without_last_marker(files: Files) -> None:
    path = files.genotypes.with_suffix(".bim")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _as_vcf(files: Files, allele: str = "G", genotypes: Sequence[str] = ()) -> None:
    """Write a VCF of the sound markers and, if given, one of other alternative alleles and
    genotypes.
    """
    files.genotypes = files.genotypes.with_suffix(".vcf")
    calls = np.array(["0/0", "0/1", "1/1"])[files.counts.T].tolist()
    alleles = ["G"] * len(calls)
    if genotypes:
        alleles.append(allele)
        calls.append(genotypes)
    samples = "\t".join(files.table["sample_id"])
    text = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n##contig=<ID=1>\n'
    text += f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
    for number, (alternative, called) in enumerate(zip(alleles, calls, strict=True), start=1):
        site = f"1\t{number}\tm{number}\tA\t{alternative}\t.\t.\t.\tGT"
        text += "\t".join([site, *called]) + "\n"
    files.genotypes.write_text(text)


def _vcf_without_last_block(files: Files) -> None:
    """Write a .vcf.gz as bgzip does, and cut it where its last block starts, as a stopped writer
    leaves it.
    """
    import cyvcf2

    _as_vcf(files)
    plain, path = cyvcf2.VCF(str(files.genotypes)), files.genotypes.with_suffix(".vcf.gz")
    writer = cyvcf2.Writer(str(path), plain, mode="wz")
    for site in plain:
        writer.write_record(site)
    writer.close()
    path.write_bytes(path.read_bytes().removesuffix(BGZF_END))
    files.genotypes = path


def _as_table(files: Files) -> None:
    files.genotypes = files.genotypes.with_suffix(".csv")
    table = pd.DataFrame(files.counts, files.table["sample_id"]).add_prefix("m").astype(object)
    table.iloc[4, 2] = "A/G"
    table.to_csv(files.genotypes)


CASES: dict[str, Callable[[Files], None]] = {
    "ids that do not match": lambda files: files.write(
        files.table.assign(sample_id=files.table["sample_id"].str.upper())
    ),
    "some ids that do not match": lambda files: files.write(
        files.table.replace({"line_1": "LINE 1"})
    ),
    "duplicated ids": lambda files: files.write(pd.concat([files.table, files.table.head(2)])),
    "no phenotype column of that name": lambda files: files.write(
        files.table.rename(columns={"yield": "Yield"})
    ),
    "phenotypes missing": lambda files: files.write(
        files.table.assign(**{"yield": files.table["yield"].mask(files.table.index < 5)})
    ),
    "a constant phenotype": lambda files: files.write(files.table.assign(**{"yield": 5.0})),
    "a word among the phenotypes": lambda files: files.write(
        files.table.assign(**{"yield": ["tall", *files.table["yield"][1:]]})
    ),
    "monomorphic markers": lambda files: files.set_counts(slice(None), slice(0, 3), 2),
    "more than two alleles": lambda files: _as_vcf(files, "G,T", ["0/2"] * N_SAMPLES),
    "mixed ploidy": lambda files: _as_vcf(files, "G", ["0/1", "1"] * (N_SAMPLES // 2)),
    "an allele that the site does not have": lambda files: _as_vcf(
        files, "G", [*["0/1"] * 3, "0/9", *["0/1"] * (N_SAMPLES - 4)]
    ),
    "a truncated .vcf.gz": _vcf_without_last_block,
    "a truncated .bed": _without_end,
    "a .bim of the wrong length": _without_last_marker,
    "a .fam that is missing": lambda files: files.genotypes.with_suffix(".fam").unlink(),
    "a word in a dosage column": _as_table,
    "an empty file": lambda files: files.phenotypes.write_text(""),
    "a marker with a fifth missing": lambda files: files.set_counts(slice(0, 12), 0, MISSING),
    "a marker with more missing": lambda files: files.set_counts(slice(0, 13), 0, MISSING),
    "an individual without genotypes": lambda files: files.set_counts(
        slice(0, 1), slice(None), MISSING
    ),
    "too few individuals": lambda files: files.write(files.table.head(30)),
}
