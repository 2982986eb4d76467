"""What goes wrong with files of one's own, provoked on a small cohort, and what is said or done about
it.

The book's page shows the answers, the tests check them: neither can drift from the code.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from epidl.cohorts.genotypes import MISSING
from epidl.own.genotype_files import BGZF_END, MARKER_COLUMNS, GenotypeFile, write_plink
from epidl.own.reader import read_cohort

N_SAMPLES, N_MARKERS = 60, 20


@dataclass
class Files:
    """A sound cohort's files; a case damages them, or names others."""

    genotypes: Path
    phenotypes: Path
    counts: np.ndarray
    table: pd.DataFrame

    def write(self) -> None:
        """Write genotypes and phenotypes as they are now."""
        names = np.array([f"line_{k + 1}" for k in range(len(self.counts))])
        markers = pd.DataFrame(
            {"marker": [f"m{k + 1}" for k in range(self.counts.shape[1])]}
        ).assign(
            chromosome="1",
            position=1 + np.arange(self.counts.shape[1]),
            counted_allele="G",
            other_allele="A",
        )
        write_plink(
            self.genotypes,
            GenotypeFile(names, markers[MARKER_COLUMNS], self.counts.astype(np.int8), 2),
        )
        self.table.to_csv(self.phenotypes, index=False)


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
    names = [f"line_{k + 1}" for k in range(N_SAMPLES)]
    table = pd.DataFrame({"sample_id": names, "yield": rng.normal(5, 1, N_SAMPLES).round(3)})
    files = Files(folder / "cohort.bed", folder / "phenotypes.csv", counts, table)
    folder.mkdir()
    files.write()
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
    return (
        case,
        "reported",
        "; ".join(
            f"{row.count} {row.what}: {row.action}" for row in changed.itertuples(name="Row")
        ),
    )


def _in_table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Files], None]:
    def damage(files: Files) -> None:
        files.table = change(files.table)
        files.write()

    return damage


def _in_counts(change: Callable[[np.ndarray], None]) -> Callable[[Files], None]:
    def damage(files: Files) -> None:
        change(files.counts)
        files.write()

    return damage


def _without_end(suffix: str, n_bytes: int) -> Callable[[Files], None]:
    def damage(files: Files) -> None:
        path = files.genotypes.with_suffix(suffix)
        path.write_bytes(path.read_bytes()[:-n_bytes])

    return damage


def _without_last_marker(files: Files) -> None:
    path = files.genotypes.with_suffix(".bim")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _as_vcf(*lines: tuple[str, Callable[[int], str]]) -> Callable[[Files], None]:
    """Return a damage that writes a VCF: its sound markers, and some lines of alternative alleles and
    genotypes.
    """

    def damage(files: Files) -> None:
        files.genotypes = files.genotypes.with_suffix(".vcf")
        sound = [
            ("G", lambda k, marker=marker: ("0/0", "0/1", "1/1")[marker[k]])
            for marker in files.counts.T
        ]
        samples = "\t".join(files.table["sample_id"])
        text = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n##contig=<ID=1>\n'
        text += f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
        for number, (allele, genotype) in enumerate([*sound, *lines], start=1):
            calls = "\t".join(genotype(k) for k in range(N_SAMPLES))
            text += f"1\t{number}\tm{number}\tA\t{allele}\t.\t.\t.\tGT\t{calls}\n"
        files.genotypes.write_text(text)

    return damage


def _vcf_without_last_block(files: Files) -> None:
    """Write a .vcf.gz as bgzip does, and cut it where its last block starts, as a writer that is
    stopped leaves it.
    """
    import cyvcf2

    _as_vcf()(files)
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


def _set(counts: np.ndarray, rows: slice, columns: slice | int, value: int) -> None:
    counts[rows, columns] = value


CASES: dict[str, Callable[[Files], None]] = {
    "ids that do not match": _in_table(
        lambda table: table.assign(sample_id=table["sample_id"].str.upper())
    ),
    "some ids that do not match": _in_table(lambda table: table.replace({"line_1": "LINE 1"})),
    "duplicated ids": _in_table(lambda table: pd.concat([table, table.head(2)])),
    "no phenotype column of that name": _in_table(
        lambda table: table.rename(columns={"yield": "Yield"})
    ),
    "phenotypes missing": _in_table(
        lambda table: table.assign(**{"yield": table["yield"].mask(table.index < 5)})
    ),
    "a constant phenotype": _in_table(lambda table: table.assign(**{"yield": 5.0})),
    "text among the phenotypes": _in_table(
        lambda table: table.assign(**{"yield": ["tall", *table["yield"][1:]]})
    ),
    "monomorphic markers": _in_counts(lambda counts: _set(counts, slice(None), slice(0, 3), 2)),
    "more than two alleles": _as_vcf(("G,T", lambda k: "0/2")),
    "mixed ploidy": _as_vcf(("G", lambda k: "1" if k % 2 else "0/1")),
    "an allele that the site does not have": _as_vcf(("G", lambda k: "0/9" if k == 3 else "0/1")),
    "a truncated .vcf.gz": _vcf_without_last_block,
    "a truncated .bed": _without_end(".bed", 7),
    "a .bim of the wrong length": _without_last_marker,
    "a .fam that is missing": lambda files: files.genotypes.with_suffix(".fam").unlink(),
    "text in a dosage column": _as_table,
    "an empty file": lambda files: files.phenotypes.write_text(""),
    "a marker with a fifth missing": _in_counts(
        lambda counts: _set(counts, slice(0, 12), 0, MISSING)
    ),
    "a marker with more missing": _in_counts(lambda counts: _set(counts, slice(0, 13), 0, MISSING)),
    "an individual without genotypes": _in_counts(
        lambda counts: _set(counts, slice(0, 1), slice(None), MISSING)
    ),
    "too few individuals": _in_table(lambda table: table.head(30)),
}
