"""The authors' files: what is written in their layout is read back, and files that do not fit are
refused.
"""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from epidl import storage
from epidl.cohorts import zenodo
from epidl.cohorts.genotypes import row_blocks
from epidl.cohorts.simulate import Cohort, simulate
from epidl.cohorts.zenodo import file_stem, read_cohort
from epidl.grid import core
from epidl.grid.params import (
    CorrelationCell,
    DilutionCell,
    ParameterError,
    RaggedCell,
    ScalingCell,
    make_cell,
)
from test_experiments import CELL as SCALING
from test_experiments import CORRELATION, DILUTION

H2 = 0.999
CASES = {
    "scaling": {"n_samples": 120, "n_qtl": 22, "rel_aa": [0, 0.5, 3]},
    "dilution": {"n_samples": 97, "n_qtl": 10, "n_markers": 61, "rel_aa": [0, 1]},
    "correlation": {
        "n_samples": 64,
        "n_qtl": 16,
        "rel_aa": [1, 1, 1],
        "shared_pairs": True,
        "pleiotropy": 0.5,
    },
}


def write_cohort(stem: Path | str, cohort: Cohort) -> None:
    """Write a cohort of haplotypes in the authors' layout, the pairs by their places among the trait's
    QTL, as theirs.

    Values are written with all their digits, so that what is read back differs from the cohort by
    rounding alone.
    """
    genotypes, n = cohort.genotypes, cohort.genotypes.n_samples
    markers = list(map("1_{}".format, range(1, genotypes.n_markers + 1)))
    phenotypes = pd.DataFrame(
        cohort.phenotypes, columns=[f"Trait{t + 1}" for t in range(len(cohort.traits))]
    )
    _write(f"{stem}_p.txt", phenotypes.set_axis(range(1, n + 1)).reset_index(names="ind"))
    copies = sum(
        genotypes.block(rows).sum(axis=0, dtype=float) for rows in row_blocks(n, len(markers))
    )
    _write(
        f"{stem}_eff.txt",
        pd.concat([_effects(cohort, t, markers, copies / n) for t in range(len(cohort.traits))]),
    )
    with Path(f"{stem}_g.txt").open("w") as file:
        file.write(" ".join(["qtl", *map("{}_1".format, range(1, n + 1))]) + "\n")
        line = np.full(2 * n - 1, ord(" "), dtype=np.uint8)
        for block in row_blocks(len(markers), n):
            alleles = genotypes.packed[:, block.start // 8 : (block.stop + 7) // 8]
            bits = np.unpackbits(alleles, axis=1, bitorder="little")[:, block.start % 8 :]
            for k, name in enumerate(markers[block]):
                line[::2] = bits[:, k] + ord("0")
                file.write(f"{name} {line.tobytes().decode()}\n")


def _effects(
    cohort: Cohort, t: int, markers: Sequence[str], frequencies: NDArray[np.float64]
) -> pd.DataFrame:
    """Return the `eff` rows of one trait; pairs stand beside the markers that have their places'
    numbers.
    """
    trait = cohort.traits[t]
    table = pd.DataFrame(index=pd.RangeIndex(len(markers)))
    table["trait"], table["locus"] = f"Trait{t + 1}", markers
    table["add_eff"] = pd.Series(trait.additive_effects, index=trait.qtl)
    first, second = np.searchsorted(trait.qtl, trait.pairs.T)
    table["epi_loc"] = pd.Series(np.asarray(markers)[second], index=first)
    table["epi_eff"] = pd.Series(trait.pair_effects, index=first)
    return table.assign(sfs=frequencies)


def _write(path: str, table: pd.DataFrame) -> None:
    storage.write_text(Path(path), table.to_csv(sep=" ", index=False, na_rep="NA"))


@pytest.fixture(params=CASES)
def cohort(request):
    return simulate(**CASES[request.param], broad_sense_heritability=H2, seed=4)


def pairs_of(trait):
    return {
        (*sorted(pair), round(effect, 12))
        for pair, effect in zip(trait.pairs.tolist(), trait.pair_effects, strict=True)
    }


def test_a_cohort_written_and_read_back_is_the_same(cohort, tmp_path):
    write_cohort(tmp_path / "cohort", cohort)
    found = read_cohort(tmp_path / "cohort", [trait.rel_aa for trait in cohort.traits], H2)
    np.testing.assert_array_equal(found.genotypes.packed, cohort.genotypes.packed)
    np.testing.assert_array_equal(found.phenotypes, cohort.phenotypes)
    np.testing.assert_allclose(found.genetic_values, cohort.genetic_values, atol=1e-12)
    for one, other in zip(found.traits, cohort.traits, strict=True):
        np.testing.assert_array_equal(one.qtl, other.qtl)
        np.testing.assert_allclose(one.additive_effects, other.additive_effects)
        assert pairs_of(one) == pairs_of(other)


def test_the_layout_is_the_authors(tmp_path):
    cohort = simulate(**CASES["dilution"], broad_sense_heritability=H2, seed=4)
    write_cohort(tmp_path / "c", cohort)
    g, p, eff = (
        (tmp_path / f"c_{part}.txt").read_text().splitlines() for part in ("g", "p", "eff")
    )
    # haplotypes: individual and copy
    assert g[0].split(" ") == ["qtl", *(f"{k}_1" for k in range(1, 98))]
    assert g[9].split(" ") == ["1_9", *cohort.genotypes.block(slice(None))[:, 8].astype(str)]
    assert p[0] == "ind Trait1 Trait2"
    assert [line.split(" ")[0] for line in p[1:]] == [str(k) for k in range(1, 98)]  # individuals
    assert eff[0] == "trait locus add_eff epi_loc epi_eff sfs"
    assert len(eff) == 1 + 2 * 61
    second = pd.read_csv(tmp_path / "c_eff.txt", sep=" ").query("trait == 'Trait2'")
    assert second["add_eff"].notna().sum() == 10  # of 61 markers
    # the ledger's row 10: partners are numbered within the QTL, so that they stand beside the first
    # markers
    assert set(second.dropna(subset="epi_loc")["locus"]) < {f"1_{k}" for k in range(1, 11)}


def test_pairs_that_stand_beside_both_partners_count_once(cohort, tmp_path):
    write_cohort(tmp_path / "c", cohort)
    path = tmp_path / "c_eff.txt"
    table = pd.read_csv(path, sep=" ").set_index(["trait", "locus"])
    for (trait, locus), row in table.dropna(subset="epi_loc").iterrows():
        table.loc[(trait, row["epi_loc"]), ["epi_loc", "epi_eff"]] = locus, row["epi_eff"]
    table.reset_index().to_csv(path, sep=" ", index=False, na_rep="NA")
    found = read_cohort(tmp_path / "c", [trait.rel_aa for trait in cohort.traits], H2)
    np.testing.assert_allclose(found.genetic_values, cohort.genetic_values, atol=1e-12)


# as their script writes them: haplotypes in g, individuals in p, loci by number, no quotes
AUTHORS_FILES = {
    "g": "qtl 1_1 2_1 3_1 4_1 5_1 6_1\n1_1 0 1 1 0 1 0\n1_2 1 1 0 0 1 0\n",
    "p": "ind Trait1\n1 {0}\n2 {1}\n3 {2}\n4 {3}\n5 {4}\n6 {5}\n",
    "eff": "trait locus add_eff epi_loc epi_eff sfs\n1 1 0.5 2 0.25 0.5\n1 2 -1 NA NA 0.5\n",
}


def write_authors(folder, stem, header="1_1 2_1 3_1 4_1 5_1 6_1"):
    """Write two loci of six individuals as the authors' script does; return the phenotypes."""
    x = np.array([[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0]]) * 2 - 1
    value = 0.5 * x[0] - x[1] + 0.25 * x[0] * x[1]
    phenotypes = (value - value.mean()) / value.std() + 0.03 * np.tile([-1, 1], 3)
    for part, text in AUTHORS_FILES.items():
        text = text.format(*phenotypes) if part == "p" else text
        (folder / f"{stem}_{part}.txt").write_text(text.replace("1_1 2_1 3_1 4_1 5_1 6_1", header))
    return phenotypes


def test_files_as_the_authors_script_writes_them_are_read(tmp_path):
    phenotypes = write_authors(tmp_path, "c")
    found = read_cohort(tmp_path / "c", [0.5], H2)
    np.testing.assert_array_equal(found.phenotypes[:, 0], phenotypes)
    assert found.genotypes.block(slice(None)).T.tolist() == [[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0]]
    assert found.traits[0].pairs.tolist() == [[0, 1]]
    # as this project's own files name them up to now
    write_authors(tmp_path, "c", header="1 2 3 4 5 6")
    assert read_cohort(tmp_path / "c", [0.5], H2).genotypes.n_samples == 6
    # another order; both copies of diploids
    for header in ("1_1 3_1 2_1 4_1 5_1 6_1", "1_1 1_2 2_1 2_2 3_1 3_2"):
        write_authors(tmp_path, "c", header=header)
        with pytest.raises(
            ValueError, match=r"as 1 or as the haplotype 1_1, got \['1', '2', .* and \['1_1'"
        ):
            read_cohort(tmp_path / "c", [0.5], H2)


def test_a_replicate_is_asked_for_by_its_number(tmp_path):
    cell = make_cell(ScalingCell, **SCALING, source="zenodo", data=str(tmp_path / "rep7"))
    cohorts = {number: simulate(**cell.architecture(), seed=number) for number in (7, 8)}
    for number, cohort in cohorts.items():
        write_cohort(tmp_path / file_stem(cell, number), cohort)
    for place, number in enumerate(cohorts, start=1):
        found = core.make_cohort(cell, seed=0, replicate=place)
        np.testing.assert_array_equal(found.phenotypes, cohorts[number].phenotypes)
    with pytest.raises(FileNotFoundError, match=r"_rep9_g\.txt is missing"):
        core.make_cohort(cell, seed=0, replicate=3)


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: (f / "c_p.txt").unlink(),
            r"must hold the authors. files, .*c_p\.txt is missing",
        ),
        (
            lambda f: change(f / "c_g.txt", "1_3 ", "1_3 2 "),
            "must hold a 0 or 1 for each of 120 .*, see the marker 1_3",
        ),
        (
            lambda f: (f / "c_g.txt").write_text((f / "c_g.txt").read_text()[:-9]),
            "see the marker 1_22",
        ),
        (
            lambda f: change(f / "c_p.txt", "ind Trait1", "ind Height"),
            "the columns ind, Trait1 to Trait3",
        ),
        (
            lambda f: change(f / "c_p.txt", "\n7 ", "\n700 "),
            "must name its individuals as the header",
        ),
        (
            lambda f: change(f / "c_eff.txt", "epi_loc", "partner"),
            "must hold the columns trait, locus",
        ),
        (
            lambda f: change(f / "c_eff.txt", "Trait1 1_3 ", "Trait1 1_300 "),
            "loci of 1 to 22, got 3 traits and loci of 1 to 300",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path, damage, message):
    write_cohort(tmp_path / "c", simulate(**CASES["scaling"], broad_sense_heritability=H2, seed=4))
    damage(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_cohort(tmp_path / "c", [0, 0.5, 3], H2)


def test_effects_that_do_not_explain_the_phenotypes_are_refused(tmp_path):
    cohorts = [
        simulate(**CASES["scaling"], broad_sense_heritability=H2, seed=seed) for seed in (1, 2)
    ]
    for name, cohort in zip("ab", cohorts, strict=True):
        write_cohort(tmp_path / name, cohort)
    (tmp_path / "b_eff.txt").rename(tmp_path / "a_eff.txt")
    with pytest.raises(
        ValueError, match=r"must explain the phenotypes up to a variance of 0\.001001"
    ):
        read_cohort(tmp_path / "a", [0, 0.5, 3], H2)
    write_cohort(tmp_path / "a", cohorts[0])
    with pytest.raises(
        ValueError, match=r"variance of 1 \(broad_sense_heritability 0.5\), got 0\.0009"
    ):
        read_cohort(tmp_path / "a", [0, 0.5, 3], 0.5)


def test_reading_keeps_memory_to_bits(tmp_path):
    cohort = simulate(n_samples=5_000, n_qtl=2_000, rel_aa=[1], broad_sense_heritability=H2, seed=4)
    write_cohort(tmp_path / "c", cohort)
    tracemalloc.start()
    zenodo.read_haplotypes(tmp_path / "c_g.txt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * cohort.genotypes.nbytes  # a byte a genotype would be 8 times the bits


@pytest.mark.parametrize(
    ("cell_type", "parameters", "stem"),
    [
        (ScalingCell, SCALING, "qhaplo_{q}qtl_{n}n_rep1"),
        (DilutionCell, DILUTION, "qhaplo_{q}qtl_{m}marker_{n}n_rep1"),
        (
            CorrelationCell,
            CORRELATION | {"pleiotropy": 0.5, "shared_pairs": True},
            "qhaplo_{q}qtl_{n}n_0.5pleio_{t}trait_rep1",
        ),
    ],
)
def test_an_experiment_runs_on_the_files(tmp_path, cell_type, parameters, stem):
    changes = {"models": ["ridge"], "n_replicates": 1, "protocols": ["held_out"]}
    simulated = make_cell(cell_type, **parameters | changes)
    architecture = simulated.architecture()
    cohort = simulate(**architecture, seed=9)
    n_markers = architecture.get("n_markers") or simulated.n_qtl
    name = stem.format(q=simulated.n_qtl, n=simulated.n_samples, m=n_markers, t=len(cohort.traits))
    write_cohort(tmp_path / name, cohort)
    cell = make_cell(cell_type, **parameters | changes, source="zenodo", data=str(tmp_path))
    assert file_stem(cell, 1) == name
    assert cell.name == f"{simulated.name}_zenodo"
    table = core.run(cell).table
    found = core.make_cohort(cell, seed=0)
    np.testing.assert_array_equal(found.phenotypes, cohort.phenotypes)
    assert table["pearson_r"].notna().all()
    with pytest.raises(FileNotFoundError, match=r"_rep2_g\.txt is missing"):
        core.make_cohort(cell, seed=0, replicate=2)


def test_cohorts_that_the_authors_lack_are_refused(tmp_path):
    options = {"source": "zenodo", "data": str(tmp_path)}
    ragged = make_cell(RaggedCell, **SCALING, **options)
    shared = make_cell(
        CorrelationCell, **CORRELATION | {"pleiotropy": 0, "shared_pairs": True}, **options
    )
    for cell in (ragged, shared):
        with pytest.raises(ValueError, match="the authors have no such cohorts"):
            file_stem(cell, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "zenodo"}, "data must name a folder for source zenodo"),
        ({"data": "somewhere"}, "data must name a folder for source zenodo, and for it alone"),
        (
            {"source": "zenodo", "data": "x", "backend": "alphasimr"},
            "backend must be native for source zenodo",
        ),
        ({"backend": "simupop"}, "backend"),
    ],
)
def test_contradicting_origins_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        make_cell(ScalingCell, **SCALING | options)
