"""Genotype files: what is written is read back, and what a user gets wrong is refused with a reason."""

import gzip
import struct
import subprocess
import sys
import zlib

import cyvcf2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from epidl.cohorts.genotypes import MISSING
from epidl.own.genotype_files import GenotypeFile, read_genotypes, read_table, write_plink


def genotype_file(counts, ploidy=2):
    n, m = np.shape(counts)
    markers = pd.DataFrame(
        {
            "marker": [f"m{k}" for k in range(m)],
            "chromosome": ["1" if k < m / 2 else "2" for k in range(m)],
            "position": 100 * np.arange(1, m + 1),
            "counted_allele": "G",
            "other_allele": "A",
        }
    )
    return GenotypeFile(
        np.array([f"s{k}" for k in range(n)]), markers, np.array(counts, np.int8), ploidy
    )


@pytest.fixture
def plink(tmp_path):
    rng = np.random.default_rng(0)
    written = genotype_file(rng.integers(-1, 3, (30, 12)))
    write_plink(tmp_path / "cohort", written)
    return written, tmp_path / "cohort.bed"


# --- PLINK ---------------------------------------------------------------------------------------------------------


@given(
    arrays.arrays(
        np.int8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-1, 2)
    )
)
@settings(max_examples=30, deadline=None)
def test_plink_written_and_read_back_is_the_same(tmp_path_factory, counts):
    path = tmp_path_factory.mktemp("plink") / "cohort"
    write_plink(path, genotype_file(counts))
    found = read_genotypes(f"{path}.bed")
    np.testing.assert_array_equal(found.counts, counts)
    assert found.sample_ids.tolist() == [f"s{k}" for k in range(len(counts))]
    pd.testing.assert_frame_equal(found.markers, genotype_file(counts).markers, check_dtype=False)
    assert found.ploidy == 2


def test_haploids_are_written_as_homozygotes(tmp_path):
    write_plink(tmp_path / "haploids", genotype_file([[0, 1], [1, MISSING]], ploidy=1))
    found = read_genotypes(tmp_path / "haploids.bed")
    assert found.counts.tolist() == [[0, 2], [2, MISSING]]
    assert found.coding == "inbred"


def test_a_failed_write_leaves_what_was_there(plink, monkeypatch):
    written, path = plink
    before = path.read_bytes()
    monkeypatch.setattr(
        "bed_reader.to_bed", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        write_plink(path, written)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "cohort.bed",
        "cohort.bim",
        "cohort.fam",
    ]


def test_a_truncated_bed_is_refused(plink):
    _, path = plink
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"must have 99 bytes for the 30 individuals .* got 98"):
        read_genotypes(path)


@pytest.mark.parametrize("companion", [".bim", ".fam"])
def test_a_companion_of_the_wrong_length_is_refused(plink, companion):
    _, path = plink
    file = path.with_suffix(companion)
    file.write_text(
        "".join(file.read_text().splitlines(keepends=True)[: -5 if companion == ".fam" else -1])
    )
    with pytest.raises(ValueError, match="the file is cut off, or belongs to other files"):
        read_genotypes(path)


@pytest.mark.parametrize("companion", [".bim", ".fam"])
def test_a_companion_of_another_encoding_is_refused(plink, companion):
    _, path = plink
    file = path.with_suffix(companion)
    file.write_bytes(file.read_bytes().replace(b"m7" if companion == ".bim" else b"s7", b"\xe97"))
    with pytest.raises(
        ValueError, match=rf"cohort\{companion} must be text in UTF-8, got: .* 0xe9"
    ):
        read_genotypes(path)


def test_a_companion_with_too_few_columns_is_refused(plink):
    _, path = plink
    path.with_suffix(".bim").write_text("1 m0 0 100\n" * 12)
    with pytest.raises(ValueError, match=r"must hold 6 columns per line .* got 4"):
        read_genotypes(path)


def test_a_missing_companion_is_named(plink):
    _, path = plink
    path.with_suffix(".fam").unlink()
    with pytest.raises(FileNotFoundError, match=r"cohort\.fam must exist"):
        read_genotypes(path)


def test_what_is_no_bed_is_refused(plink):
    _, path = plink
    path.write_bytes(b"hello")
    with pytest.raises(ValueError, match="must start as a PLINK 1"):
        read_genotypes(path)


def test_duplicated_individuals_are_refused(tmp_path):
    written = genotype_file(np.ones((4, 2)))
    write_plink(
        tmp_path / "twice",
        GenotypeFile(np.array(["a", "b", "a", "c"]), written.markers, written.counts, 2),
    )
    with pytest.raises(
        ValueError, match=r"sample ids of .* must all be different, got more than once: a$"
    ):
        read_genotypes(tmp_path / "twice.bed")


# --- VCF -----------------------------------------------------------------------------------------------------------

VCF_HEADER = """##fileformat=VCFv4.2
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##contig=<ID=1>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\ts3
"""


def write_vcf(path, *sites):
    lines = [
        f"1\t{10 * k}\t{name}\tA\t{alt}\t.\t.\t.\tGT\t" + "\t".join(gt)
        for k, (name, alt, gt) in enumerate(sites, 1)
    ]
    text = VCF_HEADER + "".join(f"{line}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["c.vcf", "c.vcf.gz"])
def test_a_vcf_counts_the_alternative_allele(tmp_path, name):
    sites = ("m1", "G", ("0/0", "0|1", "1/1")), (".", "T", ("./.", "0/.", "1|0"))
    found = read_genotypes(write_vcf(tmp_path / name, *sites))
    assert found.counts.T.tolist() == [[0, 1, 2], [MISSING, MISSING, 1]]
    assert found.sample_ids.tolist() == ["s1", "s2", "s3"]
    assert found.markers.to_numpy().tolist() == [
        ["m1", "1", 10, "G", "A"],
        ["1:20", "1", 20, "T", "A"],
    ]
    assert (found.ploidy, found.coding) == (2, "diploid")


def test_sites_of_more_than_two_alleles_are_left_out_and_counted(tmp_path):
    sites = ("m1", "G", ("0/0", "0/1", "1/1")), ("m2", "G,T", ("0/2", "0/1", "1/1"))
    found = read_genotypes(write_vcf(tmp_path / "c.vcf", *sites))
    assert found.markers["marker"].tolist() == ["m1"]
    assert found.n_multiallelic == 1


def test_a_lone_dot_is_missing_in_diploids_and_haploids(tmp_path):
    sites = (
        ("m1", "G", (".", "0/1", "1/1")),
        ("m2", "G", (".", ".", ".")),
        ("m3", "G", ("0/1", ".|.", "./1")),
    )
    found = read_genotypes(write_vcf(tmp_path / "c.vcf", *sites))
    assert found.counts.T.tolist() == [[MISSING, 1, 2], [MISSING] * 3, [1, MISSING, MISSING]]
    assert found.coding == "diploid"
    found = read_genotypes(
        write_vcf(tmp_path / "c.vcf", ("m1", "G", (".", "0", "1")), ("m2", "G", ("./.", "1", "0")))
    )
    assert found.counts.T.tolist() == [[MISSING, 0, 1], [MISSING, 1, 0]]
    assert found.coding == "haploid"


@pytest.mark.parametrize(
    ("alternative", "genotypes", "counts"),
    [
        ("*", ("0/0", "0/1", "1/1"), None),
        ("<NON_REF>", ("0/0", "0/0", "0/0"), None),
        ("*,<NON_REF>", ("0/0", "0/1", "1/1"), None),
        ("<*>,G", ("0/0", "0/2", "2/2"), [0, 1, 2]),
        ("G,<NON_REF>", ("0/1", "0/2", "1/1"), [1, MISSING, 2]),
        ("<DEL>", ("0/0", "0/1", "1/1"), [0, 1, 2]),
    ],
)
def test_placeholders_are_no_alleles(tmp_path, alternative, genotypes, counts):
    sites = (
        ("m1", "G", ("0/0", "0/1", "1/1")),
        ("m2", alternative, genotypes),
        ("m3", "G,*", ("0/0", "0/1", "1/2")),
    )
    found = read_genotypes(write_vcf(tmp_path / "c.vcf", *sites))
    assert found.counts.T.tolist() == [[0, 1, 2], *([counts] if counts else [])]
    assert found.n_multiallelic == 1
    assert found.notes == (
        ("sites with a placeholder for their only alternative", int(counts is None), "dropped"),
    )


def test_a_haploid_vcf(tmp_path):
    found = read_genotypes(
        write_vcf(tmp_path / "c.vcf", ("m1", "G", ("0", "1", ".")), ("m2", "G", ("1", "1", "0")))
    )
    assert found.counts.T.tolist() == [[0, 1, MISSING], [1, 1, 0]]
    assert found.coding == "haploid"


@pytest.mark.parametrize(
    "sites",
    [
        [("m1", "G", ("0", "0/1", "1/1"))],
        [("m1", "G", ("0/0", "0/1", "1/1")), ("m2", "G", ("0", "1", "1"))],
    ],
)
def test_mixed_ploidy_is_refused(tmp_path, sites):
    with pytest.raises(
        ValueError, match="must be of one ploidy, got haploid and diploid ones by m"
    ):
        read_genotypes(write_vcf(tmp_path / "c.vcf", *sites))


def test_tetraploids_are_refused(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"must be haploid or diploid, got 4 alleles per individual at m1 .* sed -E 's:0",
    ):
        read_genotypes(
            write_vcf(tmp_path / "c.vcf", ("m1", "G", ("0/0/0/1", "0/0/0/1", "1/1/1/1")))
        )


@pytest.mark.parametrize(
    ("alternative", "genotypes", "got"),
    [
        ("G", ("0/0", "0/9", "0/1"), r"from 0 to 1 \(.*alternatives\), got the allele 9"),
        (".", ("0/0", "0/1", "0/0"), "from 0 to 0 .* allele 1"),
    ],
)
def test_an_allele_that_the_site_does_not_have_is_refused(tmp_path, alternative, genotypes, got):
    path = write_vcf(
        tmp_path / "c.vcf", ("m1", "G", ("0/0", "0/1", "1/1")), ("m2", alternative, genotypes)
    )
    with pytest.raises(
        ValueError, match=rf"must be of alleles that their site has, .*{got} at m2 in .*c\.vcf"
    ):
        read_genotypes(path)


def test_a_vcf_of_another_encoding_is_refused(tmp_path):
    path = write_vcf(tmp_path / "c.vcf", ("m1", "G", ("0/0", "0/1", "1/1")))
    path.write_bytes(path.read_bytes().replace(b"\ts2", b"\ts\xe9"))
    with pytest.raises(ValueError, match=r"c\.vcf must be text in UTF-8, got: .* 0xe9"):
        read_genotypes(path)


@pytest.mark.parametrize("keep", [100, 180, -20, -3])
@pytest.mark.parametrize("name", ["c.vcf", "c.vcf.gz"])
def test_a_truncated_vcf_is_refused(tmp_path, name, keep):
    path = write_vcf(
        tmp_path / name, ("m1", "G", ("0/0", "0/1", "1/1")), ("m2", "G", ("0/0", "0/1", "1/1"))
    )
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="must be a whole VCF file"):
        read_genotypes(path)


def write_blocks(path, *parts):
    """Write what bgzip writes: a gzip member a part, its size in an extra field, and an empty one as
    the end.
    """
    path.write_bytes(b"")
    for part in (*parts, b""):
        packed = zlib.compressobj(wbits=-15)
        body = packed.compress(part) + packed.flush()
        sizes = (
            struct.pack("<H", 18 + len(body) + 8 - 1),
            struct.pack("<II", zlib.crc32(part), len(part)),
        )
        with path.open("ab") as file:
            file.write(BGZF_START + sizes[0] + body + sizes[1])
    return path


BGZF_START = bytes.fromhex("1f8b08040000000000ff060042430200")


def sound_blocks(tmp_path, suffix):
    """Write a file of two markers in BGZF blocks; return its path."""
    plain = write_vcf(tmp_path / "plain.vcf", *(("m1", "G", ("0/0", "0/1", "1/1")),) * 2)
    if suffix == ".vcf.gz":
        return write_blocks(tmp_path / "c.vcf.gz", *plain.read_bytes().splitlines(keepends=True))
    file = cyvcf2.VCF(str(plain))
    writer = cyvcf2.Writer(str(tmp_path / "c.bcf"), file, mode="wb")
    for site in file:
        writer.write_record(site)
    writer.close()
    return tmp_path / "c.bcf"


def block_starts(content):
    """Return where the blocks of a BGZF file start."""
    starts, start = [], 0
    while start < len(content):
        starts.append(start)
        start += 1 + int.from_bytes(content[start + 16 : start + 18], "little")
    return starts


@pytest.mark.parametrize("suffix", [".vcf.gz", ".bcf"])
def test_a_bgzf_file_cut_between_its_blocks_is_refused(tmp_path, suffix):
    path = sound_blocks(tmp_path, suffix)
    content = path.read_bytes()
    assert read_genotypes(path).counts.T.tolist() == [[0, 1, 2]] * 2
    for end in block_starts(content)[1:]:
        path.write_bytes(content[:end])
        with pytest.raises(
            ValueError, match=rf"c\{suffix} must be a whole BGZF file, .*: it is truncated"
        ):
            read_genotypes(path)
    path.write_bytes(content[:20])
    with pytest.raises(ValueError, match="must be a whole BGZF file"):
        read_genotypes(path)


def test_a_bgzf_table_cut_between_its_blocks_is_refused(tmp_path):
    path = write_blocks(tmp_path / "c.csv.gz", b"id,m1\na,0\n", b"b,1\n")
    assert read_genotypes(path).counts.tolist() == [[0], [1]]
    path.write_bytes(path.read_bytes()[: block_starts(path.read_bytes())[1]])
    for read in (read_genotypes, read_table):
        with pytest.raises(ValueError, match="it is truncated"):
            read(path)


@pytest.mark.parametrize("line", ["\n", "hello\n", "1\t10\tm1\tA\tG\t.\t.\t.\tGT\t0/0\n"])
def test_a_line_that_is_no_site_is_named(tmp_path, line):
    path = write_vcf(tmp_path / "c.vcf", ("m1", "G", ("0/0", "0/1", "1/1")))
    path.write_text(path.read_text() + line)
    with pytest.raises(ValueError, match="the 12 columns of its header: see line 6"):
        read_genotypes(path)


def test_a_bcf_that_is_none_is_refused(tmp_path):
    (tmp_path / "c.bcf").write_text("hello")
    with pytest.raises(ValueError, match="must be a whole VCF or BCF file"):
        read_genotypes(tmp_path / "c.bcf")


def test_a_vcf_without_sites_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must hold individuals and markers"):
        read_genotypes(write_vcf(tmp_path / "c.vcf"))


# --- Tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", "id,m1,m2\n007,0,2\nb,,1\n"),
        ("c.tsv", "id\tm1\tm2\n007\t0\t2\nb\tNA\t1\n"),
        ("c.txt", "id m1 m2\n007 0 2\nb NA 1\n"),
        ("c.csv.gz", "id,m1,m2\n007,0,2.0\nb,,1\n"),
        ("c.csv", "\ufeffid,m1,m2\n007,0,2\nb,,1\n"),  # as Excel writes it
        ("c.tsv", '\ufeff"id"\tm1\tm2\n007\t0\t2\nb\tNA\t1\n'),
    ],
)
def test_a_table_is_read(tmp_path, name, text):
    (tmp_path / name).write_bytes(
        gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    )
    found = read_genotypes(tmp_path / name)
    assert found.counts.tolist() == [[0, 2], [MISSING, 1]]
    assert found.sample_ids.tolist() == ["007", "b"]
    assert found.markers["marker"].tolist() == ["m1", "m2"]


@pytest.mark.parametrize("header", ["id,m1", "\ufeffid,m1", '\ufeff"id",m1', ",m1", '"",m1'])
def test_ids_that_are_all_numbers_stay_texts(tmp_path, header):
    (tmp_path / "c.csv").write_text(f"{header}\n007,0\n08,2\n", encoding="utf-8")
    assert read_genotypes(tmp_path / "c.csv").sample_ids.tolist() == ["007", "08"]
    if "id" in header:
        assert read_table(tmp_path / "c.csv")["id"].tolist() == ["007", "08"]


@pytest.mark.parametrize("calls", ["True,False", "True,0", "TRUE,", "0,true", "0,False"])
def test_true_and_false_are_no_counts(tmp_path, calls):
    rows = "".join(f"i{k},{call},1\n" for k, call in enumerate(calls.split(",")))
    (tmp_path / "c.csv").write_text(f"id,m1,m2\n{rows}")
    with pytest.raises(
        ValueError, match=r"must hold 0, 1 or 2 copies .*, got '(?i:true|false)' for i[01] at m1"
    ):
        read_genotypes(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,m1,m2\na,0,1\nb,A/G,1\n", r"got 'A/G' for b at m1 \(1 such\)"),
        ("id,m1,m2\na,0,1\nb,3,1\n", "got '3' for b at m1"),
        ("id,m1,m2\na,0,1\nb,0.87,1\n", r"got '0\.87' for b at m1"),
        ("id,m1,m1\na,0,1\n", "marker columns of .* must all be different, got more than once: m1"),
        (
            "id,m1,m2\na,0,1\na,1,1\n",
            "sample ids of .* must all be different, got more than once: a",
        ),
        (
            "id,m1,m2\na,0,1,2,2\nb,0,1\n",
            "must have a value for each of the header's .*columns|must hold",
        ),
        ("id,m1,m2\n", "must hold individuals and markers"),
        ("\n", "empty first line"),
        ("", "must not be empty"),
    ],
)
def test_a_malformed_table_is_refused(tmp_path, text, message):
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_genotypes(path)


def test_a_table_in_chunks_is_the_table_at_once(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    table = (
        pd.DataFrame(rng.integers(0, 3, (50, 7)), index=[f"i{k}" for k in range(50)])
        .add_prefix("m")
        .astype("Int8")
    )
    table.iloc[3, 2] = pd.NA
    table.to_csv(tmp_path / "c.csv")
    at_once = read_genotypes(tmp_path / "c.csv").counts
    monkeypatch.setattr("epidl.own.genotype_files._CHUNK_BYTES", 8 * 8 * 6)
    np.testing.assert_array_equal(read_genotypes(tmp_path / "c.csv").counts, at_once)
    assert (at_once == table.fillna(MISSING).to_numpy()).all()


def test_unknown_endings_and_missing_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be a file that ends in \.bed, \.vcf"):
        read_genotypes(tmp_path / "c.ped")
    with pytest.raises(FileNotFoundError, match="must exist"):
        read_genotypes(tmp_path / "c.vcf")
    with pytest.raises(ValueError, match=r"must be a file that ends in \.csv"):
        read_table(tmp_path / "c.xlsx")


@pytest.mark.parametrize("header", ["id,m1", "\ufeffid,m1", ",m1"])
def test_an_individual_may_be_called_na(tmp_path, header):
    (tmp_path / "c.csv").write_text(
        f"{header}\nNA,0\nNone,2\n1e5,NA\n1.10,1\nTRUE,1\n", encoding="utf-8"
    )
    found = read_genotypes(tmp_path / "c.csv")
    assert found.sample_ids.tolist() == ["NA", "None", "1e5", "1.10", "TRUE"]
    assert found.counts[:, 0].tolist() == [0, 2, MISSING, 1, 1]


TABLE = "id,m1,m2\n007,0,2\nb c,,1\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", TABLE.replace(",", ";")),
        ("c.csv", TABLE.replace(",", ";").replace(";2\n", ";2,0\n")),
        ("c.csv", "sep=;\n" + TABLE.replace(",", ";")),
        ("c.csv", TABLE.replace(",", "\t")),
        ("c.txt", TABLE.replace(",", "\t")),
        ("c.txt", TABLE),
        ("c.csv", TABLE.replace(",", ", ")),
        ("c.csv", TABLE.replace(",", " ,")),
        ("c.csv", TABLE.replace("\n", "\r\n")),
        ("c.csv", TABLE.replace("\n", "\r")),
        ("c.csv", TABLE + ",,\n\n,,\n"),
        ("c.csv", TABLE.replace("\n", ",\n")),
        ("c.csv", TABLE.replace(",,", ",-9,")),
        ("c.csv", TABLE.replace(",,", ",.,")),
        ("c.csv", TABLE.replace(",,", ",./.,")),
        ("c.txt", '"id" "m1" "m2"\n"007" 0 2\n"b c" NA 1\n'),
        ("c.txt", ' id   m1 m2\n 007   0 2 \n"b c"  NA 1\n'),
        ("c.csv", '"","m1","m2"\n"007",0,2\n"b c",NA,1\n'),
        (
            "c.raw",
            "FID IID PAT MAT SEX PHENOTYPE m1 m2\nF1 007 0 0 1 2 0 2\nF1 b_c 0 0 2 -9 NA 1\n",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_table_is_read_however_it_is_written(tmp_path, name, text, encoding):
    (tmp_path / name).write_bytes(text.encode(encoding))
    found = read_genotypes(tmp_path / name)
    assert found.counts.tolist() == [[0, 2], [MISSING, 1]]
    assert found.sample_ids.tolist() == ["007", "b_c" if name == "c.raw" else "b c"]
    assert found.markers["marker"].tolist() == ["m1", "m2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.csv", "id,m1\na,0.87\n", r"got '0\.87' for a at m1 .*imputed\? table\.round\(\)"),
        ("c.csv", "id,m1\na,4\n", r"got '4' .*tetraploid\? table\.replace\(\{2: 1, 3: 1, 4: 2\}\)"),
        (
            "c.csv",
            "id,m1\na,-1\nb,1\n",
            r"got '-1' .*-1, 0 and 1\? table \+ 1 .*; missing\? table\.replace\(-1, None",
        ),
        ("c.csv", "id,m1\na,5\n", r"got '5' .*missing\? table\.replace\(5, None\)"),
        ("c.csv", "id,m1,m2\na,1,2\nb,2,1\n", "got 1 and 2 alone: homozygotes coded 1 and 2"),
        (
            "c.hmp.txt",
            "rs# alleles chrom pos s1\nm1 A/G 1 9 AA\n",
            "got a HapMap file with one per marker. Convert it: run_pi",
        ),
        (
            "c.txt",
            "CHR SNP (C)M POS\n1 m1 0 9\n",
            r"got a \.traw with one per marker. Convert it: plink --bfile",
        ),
        ("c.raw", "FID IID m1_A m1_HET\na a 0 0\n", "got m1_HET next to it. Write it again: plink"),
        ("c.txt", "##fileformat=VCFv4.2\n#CHROM POS\n", r"got a VCF: let its name end in \.vcf"),
        ("c.txt", '"m1" "m2"\n"a" 0 1\n', "got 3 in line 2: R's row names"),
        ("c.csv", "my cohort\nid,m1\na,0\n", "got 2 in line 2: a title above the header"),
        ("c.pgen", "", r"ends in \.bed, .* Convert it: plink2 --pfile NAME --make-bed --out NAME"),
        ("c.xlsx", "", "Convert it: save it as CSV UTF-8"),
        ("c.csv", "PK\x03\x04", "must be a table of text, got an Excel workbook or zip"),
    ],
)
def test_other_formats_and_codings_are_named_with_the_line_that_converts_them(
    tmp_path, name, text, message
):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_genotypes(tmp_path / name)


def test_a_table_in_latin_1_is_named(tmp_path):
    (tmp_path / "c.csv").write_bytes("id,m1\nÄhre,0\n".encode("latin1"))
    for read in (read_genotypes, read_table):
        with pytest.raises(
            ValueError, match=r"in UTF-8 or UTF-16, got: .*0xc4.*iconv -f latin1 -t utf-8"
        ):
            read(tmp_path / "c.csv")


def test_imputed_dosages_of_a_vcf_are_refused_with_the_line_that_calls_them(tmp_path):
    path = write_vcf(tmp_path / "c.vcf", ("m1", "G", ("0.1", "0.9", "1.8")))
    path.write_text(path.read_text().replace("GT", "DS").replace("String", "Float"))
    with pytest.raises(
        ValueError, match=r"field GT, got none at m1 .*make calls: plink2 --vcf NAME\.vcf dosage=DS"
    ):
        read_genotypes(path)


def test_ids_that_stand_in_several_families_are_joined_to_these(tmp_path):
    written = genotype_file(np.ones((4, 2)))
    write_plink(tmp_path / "c", written)
    (tmp_path / "c.fam").write_text("".join(f"F{k // 2} {k % 2} 0 0 0 -9\n" for k in range(4)))
    assert read_genotypes(tmp_path / "c.bed").sample_ids.tolist() == [
        "F0_0",
        "F0_1",
        "F1_0",
        "F1_1",
    ]
    (tmp_path / "c.raw").write_text(
        "FID IID m\n" + "".join(f"F{k // 2} {k % 2} {k % 2}\n" for k in range(4))
    )
    assert read_genotypes(tmp_path / "c.raw").sample_ids.tolist() == [
        "F0_0",
        "F0_1",
        "F1_0",
        "F1_1",
    ]


def test_a_phenotype_table_is_text_without_blanks(tmp_path):
    text = ' sample_id , yield ,,\n007 , 1.10,,\n,,,\n"b, c","say ""x""\nso",,\n\n'
    (tmp_path / "p.csv").write_text(text)
    found = read_table(tmp_path / "p.csv")
    assert found.to_dict("list") == {"sample_id": ["007", "b, c"], "yield": ["1.10", 'say "x"\nso']}
    assert found.attrs == {"blank_rows": 1, "blank_columns": 2, "separator": ","}


# --- Size ----------------------------------------------------------------------------------------------------------

LOAD = """
import resource, sys
from epidl.own.reader import read_cohort
found = read_cohort(sys.argv[1], sys.argv[2], trait="y", max_missing=0.3)
print(found.observed.genotypes.counts.shape, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_ten_thousand_by_fifty_thousand_loads_within_two_gigabytes(tmp_path):

    n, m = 10_000, 50_000
    rng = np.random.default_rng(0)
    (tmp_path / "large.fam").write_text("".join(f"f i{k} 0 0 0 -9\n" for k in range(n)))
    (tmp_path / "large.bim").write_text("".join(f"1 m{k} 0 {k + 1} G A\n" for k in range(m)))
    with (tmp_path / "large.bed").open("wb") as file:
        file.write(b"\x6c\x1b\x01")
        for _ in range(50):
            file.write(rng.integers(0, 256, (m // 50) * (n // 4), dtype=np.uint8).tobytes())
    # one individual has no phenotype: the rest is copied
    rows = [f"i{k},{k % 7}\n" for k in range(1, n)]
    (tmp_path / "phenotypes.csv").write_text("sample_id,y\n" + "".join(rows))
    command = [
        sys.executable,
        "-c",
        LOAD,
        str(tmp_path / "large.bed"),
        str(tmp_path / "phenotypes.csv"),
    ]
    shape, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rsplit(
        maxsplit=1
    )
    assert shape == "(9999, 50000)"
    print(f"{peak} MB at most")
    assert int(peak) < 2000
