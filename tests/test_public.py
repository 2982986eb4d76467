"""Public cohorts: their registry, how files are fetched and checked, and how each format is read."""

import hashlib
import http.server
import os
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import pytest
import rdata
import xarray
from rdata.conversion.to_r import DEFAULT_CLASS_MAP, build_r_object
from rdata.parser import RObjectType

from epidl.cohorts.genotypes import MISSING
from epidl.own import comparison, public, registry

PUBLIC = [name for name, cohort in public.cohorts().items() if cohort.files]
N, M = 60, 12  # of the small cohorts
NOWHERE = "http://127.0.0.1:9/{repository}/{commit}/{path}"  # nobody listens there
given = pytest.mark.skipif(
    not os.environ.get(public.FOLDER),
    reason=f"{public.FOLDER} names no folder: the files of the public cohorts are not here",
)


def matrix_constructor(matrix: xarray.DataArray, converter) -> object:
    """Make a matrix with the names of its rows and columns, which rdata alone does not write."""
    names = [
        matrix.coords[dim].to_numpy().astype(str) if dim in matrix.coords else None
        for dim in matrix.dims
    ]
    attributes = converter.convert_to_r_attributes(
        {"dim": np.array(matrix.shape, dtype=np.int32), "dimnames": names}
    )
    kind = RObjectType.INT if matrix.dtype.kind == "i" else RObjectType.REAL
    return build_r_object(kind, value=matrix.to_numpy().ravel("F"), attributes=attributes)


WRITE = {"constructor_dict": DEFAULT_CLASS_MAP | {xarray.DataArray: matrix_constructor}}


def matrix(values, rows=None, columns=None) -> xarray.DataArray:
    names = {"dim_0": rows, "dim_1": columns}
    coords = {dim: list(name) for dim, name in names.items() if name is not None}
    return xarray.DataArray(values, dims=("dim_0", "dim_1"), coords=coords)


def frame(**columns) -> pd.DataFrame:
    """Return a table of numbers and factors, as R has them."""
    kinds = {
        name: pd.Categorical(np.asarray(values, dtype=object))
        if np.asarray(values).dtype.kind in "UO"
        else values
        for name, values in columns.items()
    }
    return pd.DataFrame(kinds)


class Small:
    """Genotypes and a trait, and one method a cohort that writes them as its files have them."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(1)
        self.folder = folder
        self.ids = [f"i{k}" for k in range(N)]
        self.markers = [f"m{k}" for k in range(M)]
        self.binary = rng.integers(0, 2, size=(N, M)).astype(float)
        self.binary[3, 2] = np.nan
        self.diploid = rng.integers(0, 3, size=(N, M)).astype(float)
        self.diploid[4, 1] = np.nan
        self.trait = rng.normal(size=N).round(6)

    def wheat(self) -> np.ndarray:
        traits = np.column_stack([self.trait, *3 * [self.trait + 1]])
        objects = {
            "wheat.X": matrix(self.binary, None, self.markers),
            "wheat.Y": matrix(traits, self.ids, ["1", "2", "4", "5"]),
            "wheat.sets": (np.arange(N) % 10 + 1).astype(np.int32),
        }
        rdata.write_rda(self.folder / "wheat.RData", objects, **WRITE)
        return self.binary

    def mice(self) -> np.ndarray:
        names = public.cohorts()["mice"].traits
        columns = dict.fromkeys(names, self.trait) | {
            "GENDER": ["M", "F"] * (N // 2),
            "Obesity.Date.Month": np.arange(N) % 3 + 1.0,
            "Biochem.Date.Month": np.arange(N) % 4 + 1.0,
            "cage": [f"cage {k // 3}" for k in range(N)],
        }
        family = np.arange(N) // 6
        pedigree = np.where(family[:, None] == family, 0.5, 0) + np.eye(N) / 2
        objects = {
            "mice.X": matrix(self.diploid, self.ids, self.markers),
            "mice.A": matrix(pedigree, self.ids, self.ids),
            "mice.pheno": frame(**columns),
            "mice.map": frame(chr=["1"] * M, mbp=np.arange(M) / 10),
        }
        rdata.write_rda(self.folder / "mice.RData", objects, **WRITE)
        return self.diploid

    def yeast(self) -> np.ndarray:
        names = [f"{k}_chr0{1 + k // 6}_{1000 * (k + 1)}_A_G" for k in range(M)]
        counts = matrix(self.binary, self.ids, names)
        rdata.write_rds(self.folder / "yeast_geno_1.RDS", counts, **WRITE)
        traits = {f"pheno.{name}": self.trait for name in public.cohorts()["yeast"].traits}
        pd.DataFrame(traits).to_csv(self.folder / "yeast_pheno.csv")
        return self.binary

    def arabidopsis(self) -> np.ndarray:
        traits = dict.fromkeys(public.cohorts()["arabidopsis"].traits, self.trait)
        parts = {}
        for chromosome, columns in (("1", slice(0, 7)), ("2", slice(7, M))):
            data = matrix(self.binary[:, columns] + 1, None, self.markers[columns])
            parts[chromosome] = {"data": data}
        objects = {"multitrait": {"geno": parts, "pheno": frame(**traits)}}
        rdata.write_rda(self.folder / "multitrait.RData", objects, **WRITE)
        return self.binary

    def soybean(self) -> np.ndarray:
        """Each line is grown in two environments, of which the second adds 10."""
        traits = {}
        for name in public.cohorts()["soybean"].traits:
            traits[name] = np.concatenate([self.trait - 5, self.trait + 5])
        plots = frame(
            strain=self.ids * 2,
            environ=["IA"] * N + ["IL"] * N,
            family=np.tile(np.arange(N) // 15 + 2, 2).astype(np.int32),
            **traits,
        )
        names = [f"Gm0{1 + k // 6}_{1000 * (k + 1)}_A_G" for k in range(M)]
        objects = {"gen.raw": matrix(self.diploid, self.ids, names), "data.line": plots}
        rdata.write_rda(self.folder / "soynam.RData", objects, **WRITE)
        return self.diploid

    def pine(self) -> np.ndarray:
        """One more individual has genotypes, but no phenotype."""
        numbers = np.arange(N + 1) + 100
        counts = np.where(np.isnan(self.diploid), -9, self.diploid).astype(np.int32)
        counts = np.vstack([counts, np.ones((1, M), dtype=np.int32)])
        objects = {"geno.pine926": matrix(counts, numbers.astype(str), self.markers)}
        rdata.write_rda(self.folder / "geno.pine926.rda", objects, **WRITE)
        order = np.random.default_rng(2).permutation(N)  # the tables' orders differ
        table = frame(
            Genotype=numbers[order].astype(np.int32),
            Mother=(order % 5).astype(np.int32),
            Father=(order % 7).astype(np.int32),
            DBH_Adj=self.trait[order],
        )
        rdata.write_rda(self.folder / "pheno.pine.rda", {"pheno.pine": table})
        return self.diploid

    def maize(self) -> np.ndarray:
        rng = np.random.default_rng(3)
        dents, flints = rng.integers(0, 2, size=(10, M)), rng.integers(0, 2, size=(6, M))
        dent, flint = np.arange(N) // 6, np.arange(N) % 6
        table = frame(
            hybrid=self.ids,
            dent=[f"d{k}" for k in dent],
            flint=[f"f{k}" for k in flint],
            GY=self.trait,
            GM=self.trait,
        )
        objects = {
            "DT_technow": table,
            "Md_technow": matrix(dents, [f"d{k}" for k in range(10)], self.markers),
            "Mf_technow": matrix(flints[::-1], [f"f{k}" for k in range(6)][::-1], self.markers),
        }
        rdata.write_rda(self.folder / "DT_technow.RData", objects, **WRITE)
        return (dents[dent] + flints[flint]).astype(float)

    def ribozyme(self) -> np.ndarray:
        """All genotypes at six sites."""
        alleles = (np.arange(64)[:, None] >> np.arange(6)) & 1
        bases = np.where(alleles, ["U", "C", "G", "U", "T", "G"], ["A", "A", "C", "C", "G", "A"])
        table = pd.DataFrame({"y": np.arange(64.0)}, index=["".join(row) for row in bases])
        table.to_parquet(self.folder / "f1u.pq")
        return alleles.astype(float)

    landscape = ribozyme


@pytest.fixture
def small(tmp_path, monkeypatch) -> Small:
    """Small files of all cohorts in the folder that EPIDL_DATA names, with hashes of their own."""
    files, changed = Small(tmp_path), dict(public.cohorts())
    written = {name: getattr(files, name)() for name in PUBLIC}
    for name in PUBLIC:
        cohort = changed[name]
        hashed = []
        for file in cohort.files:
            content = (tmp_path / cohort.file_name(file)).read_bytes()
            hashed.append({**file, "sha256": hashlib.sha256(content).hexdigest()})
        changed[name] = replace(cohort, files=hashed)
    files.written = written
    monkeypatch.setattr(public, "cohorts", lambda: changed)
    monkeypatch.setattr(registry, "ADDRESS", NOWHERE)
    monkeypatch.setenv(public.FOLDER, str(tmp_path))
    cache_folder = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda name: cache_folder)
    return files


@pytest.mark.parametrize("name", PUBLIC)
def test_the_registry_says_of_each_cohort_where_its_files_are_and_who_made_them(name):
    cohort = public.cohorts()[name]
    assert name in public.READERS
    assert len(cohort.commit) == 40
    assert cohort.licence
    assert cohort.citation
    for file in cohort.files:
        assert len(file["sha256"]) == 64
        assert cohort.address(file).endswith(f"{cohort.commit}/{file['path']}")


@pytest.mark.parametrize("name", PUBLIC)
def test_each_format_is_read_into_the_cohort_of_a_users_files(small, name):
    cohort = public.cohorts()[name]
    trait = next(iter(cohort.traits))
    own = public.read_public(name, trait, group=(*cohort.groups, cohort.folds)[0])
    counts, ploidy = own.genotypes.counts, own.genotypes.ploidy
    expected = np.nan_to_num(small.written[name], nan=MISSING)
    y = own.observed.phenotypes
    if name in ("ribozyme", "landscape"):  # drawn in another order
        assert sorted(y) == list(range(64))
        expected = expected[y.astype(int)]
    else:
        np.testing.assert_allclose(y, small.trait)
    np.testing.assert_array_equal(counts, expected)
    assert ploidy == (2 if np.nanmax(small.written[name]) > 1 else 1)
    assert own.trait == trait
    assert (own.observed.groups is None) == (not cohort.groups and not cohort.folds)
    assert own.report.set_index("what")["count"]["missing genotypes"] == (counts == MISSING).sum()


def test_groups_and_covariates_are_those_of_the_files(small):
    wheat = public.read_public("wheat", "env1", group="fold").observed
    assert wheat.groups.tolist() == [str(k % 10 + 1) for k in range(N)]
    mice = public.read_public("mice", "Biochem.HDL", group="family").observed
    assert mice.groups.tolist() == [str(k // 6) for k in range(N)]
    assert mice.design.shape == (N, 2 + 4)  # sexes and months of this trait
    maize = public.read_public("maize", "GY", group="flint").observed
    assert maize.groups.tolist() == [f"f{k % 6}" for k in range(N)]
    assert public.read_public("pine", "DBH_Adj", group="Mother").observed.groups[7] == "2"


def test_places_of_markers_are_read_where_the_files_have_them(small):
    yeast = public.read_public("yeast", "Maltose").genotypes.markers
    assert yeast["chromosome"].tolist() == ["01"] * 6 + ["02"] * 6
    assert yeast["position"].tolist() == [1000 * (k + 1) for k in range(M)]
    mice = public.read_public("mice", "Obesity.BMI").genotypes.markers
    assert mice["position"].tolist() == [100_000 * k + 1 for k in range(M)]


def test_more_markers_than_are_taken_are_thinned_evenly_whatever_the_trait(small):
    whole = public.read_public("wheat", "env1")
    thinned = public.read_public("wheat", "env2", most_markers=4)
    chosen = [0, 4, 7, 11]
    np.testing.assert_array_equal(thinned.genotypes.counts, whole.genotypes.counts[:, chosen])
    row = thinned.report.set_index("what").loc["markers by thinning"]
    assert row["count"] == M - 4
    assert row["action"] == "dropped: 4 of 12 are taken, evenly along the file"


def test_line_means_are_the_least_squares_of_lines_and_environments():
    rng = np.random.default_rng(5)
    lines = pd.Series(rng.choice([f"l{k}" for k in range(8)], size=60))
    environments = pd.Series(rng.choice(["a", "b", "c"], size=60))
    values = pd.Series(rng.normal(size=60)).mask(rng.random(60) < 0.1)
    known = values.notna()
    design = pd.concat([pd.get_dummies(lines), pd.get_dummies(environments)], axis=1)[known]
    effects = np.linalg.lstsq(design.to_numpy(float), values[known].to_numpy(), rcond=None)[0]
    expected = effects[:8] - effects[:8].mean()  # up to a constant
    found = public.line_means(values, lines, environments)
    np.testing.assert_allclose(found - found.mean(), expected, atol=1e-12)
    assert found.index.tolist() == sorted(set(lines))


def test_without_network_and_folder_one_line_names_file_address_and_hash(small, monkeypatch):
    monkeypatch.delenv(public.FOLDER)
    cohort = public.cohorts()["wheat"]
    with pytest.raises(FileNotFoundError) as caught:
        public.read_public("wheat", "env1")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("wheat.RData", cohort.address(cohort.files[0]), cohort.files[0]["sha256"]):
        assert part in message
    assert public.FOLDER in message


def test_a_folders_file_with_another_hash_is_refused(small):
    (small.folder / "wheat.RData").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"wheat.RData must be .* got another file, sha256"):
        public.read_public("wheat", "env1")


def test_a_file_is_fetched_once_checked_and_kept(small, monkeypatch):
    served = partial(http.server.SimpleHTTPRequestHandler, directory=str(small.folder))
    monkeypatch.delenv(public.FOLDER)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(
            registry, "ADDRESS", f"{at}/wheat.RData#{{repository}}{{commit}}{{path}}"
        )
        own = public.read_public("wheat", "env1")
        cohort = public.cohorts()["wheat"]
        wrong = replace(cohort, files=[{**cohort.files[0], "sha256": "0" * 64, "as": "other"}])
        with pytest.raises(FileNotFoundError, match="cannot be fetched"):
            public.fetch(wrong)
        server.shutdown()
    np.testing.assert_allclose(own.observed.phenotypes, small.trait)
    monkeypatch.setattr(registry, "ADDRESS", NOWHERE)
    assert public.read_public("wheat", "env1").trait == "env1"  # of the cache


def test_the_command_says_what_each_cohort_holds(small, capsys):
    assert public.main(["wheat", "pine"]) == 0
    printed = capsys.readouterr().out
    assert "Mother (5), Father (7)" in printed
    (small.folder / "wheat.RData").write_bytes(b"another")
    assert public.main(["wheat"]) == 2
    assert "got another file" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        public.main(["rice"])
    assert "error: cohort must be one of example, wheat" in capsys.readouterr().err


def test_the_command_without_a_name_asks_for_all_cohorts(monkeypatch):
    asked = []
    monkeypatch.setattr(public, "summary", lambda names: asked.extend(names) or pd.DataFrame())
    assert public.main([]) == 0
    assert asked == list(registry.cohorts())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "rice"}, "dataset must be one of example, wheat"),
        ({"trait": "env3"}, "trait must be one of env1, env2, env4, env5, got"),
        ({"group": "family"}, "group must be one of"),
        ({"most_markers": 1}, "most_markers must be at least 2, got 1"),
    ],
)
def test_names_that_the_registry_lacks_are_refused(small, changes, message):
    with pytest.raises(ValueError, match=message):
        public.read_public(**{"dataset": "wheat", "trait": "env1"} | changes)


@given
@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_the_real_files_hold_what_the_registry_says(name):
    cohort = public.cohorts()[name]
    (row,) = public.summary([name]).itertuples()
    assert (row.individuals, row[4]) == tuple(cohort.size)
    trait = list(cohort.traits)[-1]
    for group in (*cohort.groups, cohort.folds):
        own = public.read_public(name, trait, group=group)
        if group:
            assert len(comparison.make_splits(own.observed, "folds", 1, seed=1)) == cohort.n_folds
        assert np.isfinite(own.observed.phenotypes).all()


@given
@pytest.mark.slow
def test_yeast_rows_of_both_files_belong_together():
    """Cadmium's one large locus is on chromosome 2, near 798 776."""
    own = public.read_public("yeast", "Cadmium_Chloride", most_markers=20_000)
    x = own.genotypes.counts.astype(float)
    r = np.corrcoef(np.column_stack([own.observed.phenotypes, x]), rowvar=False)[0, 1:]
    best = own.genotypes.markers.iloc[np.abs(r).argmax()]
    assert best["chromosome"] == "02"
    assert abs(best["position"] - 798_776) < 20_000
    assert np.abs(r).max() > 0.8
