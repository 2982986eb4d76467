"""AlphaSimR: what can be tested without R on its golden output, the rest where R, rpy2 and AlphaSimR
are installed.
"""

import os
import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from conftest import REL_AA, ROOT
from epidl.cohorts import alphasimr, simulate
from epidl.cohorts.simulate import genetic_values, variance_components
from epidl.grid import core
from epidl.grid.params import CorrelationCell, DilutionCell, ScalingCell, make_cell
from test_experiments import CELL as SCALING
from test_experiments import CORRELATION, DILUTION

GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def installed():
    try:
        return alphasimr.versions()
    except ImportError as error:
        pytest.skip(str(error))


# --- Without R -----------------------------------------------------------------------------------------------------


def test_golden_bytes_decode_to_golden_haplotypes():
    alleles = pd.read_csv(GOLDEN / "cohort_haplotypes.csv").to_numpy(np.uint8)[:, :21]
    as_r_has_them = np.packbits(alleles, axis=1, bitorder="little")
    as_r_has_them[:, -1] |= 0b1110_0000  # AlphaSimR fills unused bits at random
    found = simulate.Haplotypes.from_bytes(as_r_has_them, 21)
    np.testing.assert_array_equal(found.block(slice(None)), alleles)
    np.testing.assert_array_equal(found.packed, simulate.Haplotypes.from_alleles(alleles).packed)


def test_golden_pairs_by_their_places_give_golden_values():
    alleles = pd.read_csv(GOLDEN / "cohort_haplotypes.csv").to_numpy(np.uint8)
    additive = pd.read_csv(GOLDEN / "cohort_additive_effects.csv")
    epistatic = pd.read_csv(GOLDEN / "cohort_epistatic_effects.csv")
    values = pd.read_csv(GOLDEN / "cohort_genetic_values.csv").to_numpy()
    for row in pd.read_csv(GOLDEN / "cohort_traits.csv").itertuples():
        own = additive[additive["trait"] == row.trait].sort_values("marker")
        pairs = epistatic[epistatic["trait"] == row.trait]
        places = (
            np.searchsorted(own["marker"].to_numpy(), pairs[["marker_1", "marker_2"]].to_numpy())
            + 1
        )  # within the trait's QTL, from 1
        # 20 QTL among 24 markers: not the markers
        assert (places != pairs[["marker_1", "marker_2"]]).any(axis=None)
        found = {
            "qtl": own["marker"],
            "additive": own["additive_effect"],
            "pairs": np.column_stack([places, pairs["epistatic_effect"]]),
            "intercept": row.intercept,
        }
        trait = alphasimr.trait_of(found, row.rel_aa)
        ours = genetic_values(simulate.Haplotypes.from_alleles(alleles), [trait])[:, 0]
        np.testing.assert_allclose(ours, values[:, row.trait - 1], atol=1e-12)


@pytest.mark.parametrize("version", ["2.0.0", "2.0.1", "2.1.0"])
def test_versions_that_compute_wrong_values_are_refused(version):
    with pytest.raises(
        RuntimeError,
        match=rf"older than 2\.0\.0 or newer than 2\.1\.0, got {version}, .* issue 263",
    ):
        alphasimr.check_version(version)


@pytest.mark.parametrize("version", ["1.4.2", "1.6.1", "2.1.1", "2.1.0.9000", "3.0"])
def test_other_versions_are_taken(version):
    if version == "2.1.0.9000":
        with pytest.raises(RuntimeError):  # a development version says nothing about the fix
            alphasimr.check_version(version)
    else:
        alphasimr.check_version(version)


def test_without_rpy2_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rpy2", None)
    alphasimr.start.cache_clear()
    with pytest.raises(ImportError, match=r"needs rpy2, which is missing.*environment\.yml"):
        alphasimr.simulate(n_samples=50, n_qtl=4, rel_aa=[1], broad_sense_heritability=0.9, seed=1)
    alphasimr.start.cache_clear()


def test_without_r_the_error_says_how_to_get_it(monkeypatch):
    class WithoutR(ModuleType):
        def __getattr__(self, name):
            raise ValueError("R_HOME is not set")  # as rpy2 does where it finds no R

    monkeypatch.setitem(sys.modules, "rpy2", WithoutR("rpy2"))
    alphasimr.start.cache_clear()
    with pytest.raises(
        ImportError, match=r"needs R, which rpy2 cannot start: R_HOME is not set.*environment\.yml"
    ):
        alphasimr.versions()
    alphasimr.start.cache_clear()


@pytest.mark.usefixtures("installed")
def test_without_alphasimr_the_error_says_how_to_get_it():
    code = "from epidl.cohorts import alphasimr; alphasimr.versions()"
    without = {"R_LIBS": "", "R_LIBS_SITE": "/nowhere", "R_LIBS_USER": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | without, capture_output=True, text=True
    )
    assert re.search(
        r"ImportError: .* needs AlphaSimR, which this R \([0-9.]+\) lacks\..*environment\.yml",
        done.stderr,
    )


def test_bad_arguments_are_refused_before_r_starts(monkeypatch):
    monkeypatch.setattr(alphasimr, "start", lambda: pytest.fail("R was started"))
    good = {"n_samples": 50, "n_qtl": 4, "rel_aa": [1], "broad_sense_heritability": 0.9, "seed": 1}
    for change, message in (
        ({"n_qtl": 5}, "n_qtl must be even"),
        ({"n_markers": 2}, "n_qtl must be"),
        ({"all_pairs": True}, "all_pairs must be False for the backend alphasimr"),
    ):
        with pytest.raises(ValueError, match=message):
            alphasimr.simulate(**good | change)


def test_a_cell_of_another_backend_has_another_name():
    cell = make_cell(ScalingCell, **SCALING, backend="alphasimr")
    assert cell.name == cell.cohort_name == "n200_scaling1_alphasimr"


# --- With R --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("installed")
def test_a_seed_is_one_cohort():
    arguments = {
        "n_samples": 60,
        "n_qtl": 6,
        "n_markers": 13,
        "rel_aa": [0, 1],
        "broad_sense_heritability": 0.9,
    }
    one, same, other = (alphasimr.simulate(**arguments, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.genotypes.packed, same.genotypes.packed)
    np.testing.assert_array_equal(one.phenotypes, same.phenotypes)
    assert (one.genotypes.packed != other.genotypes.packed).any()


@pytest.mark.usefixtures("installed")
def test_variance_ratios_are_distributed_as_the_native_simulator_s():
    arguments = {
        "n_samples": 1000,
        "n_qtl": 16,
        "rel_aa": REL_AA,
        "broad_sense_heritability": 0.999,
    }
    shares = [
        np.array(
            [
                [
                    c.additive / c.genetic
                    for c in variance_components(simulator(**arguments, seed=seed))
                ]
                for seed in range(60)
            ]
        )
        for simulator in (simulate.simulate, alphasimr.simulate)
    ]
    # a purely additive trait has no spread
    for native, ours in list(zip(*(s.T for s in shares), strict=True))[1:]:
        assert scipy.stats.ks_2samp(native, ours).pvalue > 0.001


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("pleiotropy", [0.0, 0.75])
def test_traits_correlate_as_the_native_simulator_s(pleiotropy):
    arguments = {
        "n_samples": 1000,
        "n_qtl": 100,
        "rel_aa": [1] * 5,
        "broad_sense_heritability": 0.999,
    }
    arguments |= {"shared_pairs": bool(pleiotropy), "pleiotropy": pleiotropy}
    means = [
        [
            np.corrcoef(simulator(**arguments, seed=seed).genetic_values.T)[
                np.triu_indices(5, k=1)
            ].mean()
            for seed in range(20)
        ]
        for simulator in (simulate.simulate, alphasimr.simulate)
    ]
    assert scipy.stats.ks_2samp(*means).pvalue > 0.001
    assert np.mean(means[1]) == pytest.approx(pleiotropy, abs=0.05)


@pytest.mark.usefixtures("installed")
def test_noise_is_what_heritability_says():
    cohort = alphasimr.simulate(
        n_samples=5000, n_qtl=10, rel_aa=[1], broad_sense_heritability=0.5, seed=3
    )
    noise = cohort.phenotypes - cohort.genetic_values
    assert noise.var() == pytest.approx(1, rel=0.1)
    assert abs(np.corrcoef(noise.T, cohort.genetic_values.T)[0, 1]) < 0.05


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("cell_type", "parameters"),
    [
        (ScalingCell, SCALING),
        (DilutionCell, DILUTION),
        (CorrelationCell, CORRELATION | {"pleiotropy": 0.5, "shared_pairs": True}),
    ],
)
def test_every_experiment_runs_on_its_cohorts(cell_type, parameters):
    changes = {
        "models": ["ridge"],
        "n_replicates": 1,
        "protocols": ["held_out"],
        "backend": "alphasimr",
    }
    cell = make_cell(cell_type, **parameters | changes)
    table = core.run(cell).table
    assert table["cell"].unique().tolist() == [cell.name]
    assert table["pearson_r"].notna().all()
    again = core.make_cohort(cell, int(table["seed"].iloc[0]))
    assert again.genotypes.n_markers == table["n_markers"].iloc[0]
