"""The benchmarks run, and the references compute what we compute."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from benchmarks import loop, plain_way, published_way
from benchmarks.__main__ import WORKS

from conftest import make_cohort
from epidl.cohorts.splits import random_split
from epidl.grid import costs
from epidl.models import ridge
from epidl_book import performance


def test_the_published_way_s_files_hold_the_cohort():
    cohort = make_cohort(60, 10)
    with tempfile.TemporaryDirectory() as folder:
        published_way.write_text(cohort, Path(folder))
        published_way.prepare(Path(folder))
        for name, rows in (("train", range(51)), ("test", range(51, 60))):
            with h5py.File(Path(folder, f"{name}.hdf5")) as file:
                assert sorted(map(int, file["strains"])) == list(rows)
                for row in rows:
                    group = file[f"strains/{row}"]
                    alleles = cohort.genotypes.block(slice(row, row + 1))[0]
                    np.testing.assert_array_equal(
                        group["genotype"][:], np.stack([1 - alleles, alleles], axis=1)
                    )
                    np.testing.assert_array_equal(group["phenotype"][:], cohort.phenotypes[row])


def test_the_plain_way_s_ridge_is_ours():
    cohort, rng = make_cohort(200, 20), np.random.default_rng(1)
    splits = [random_split(200, rng) for _ in range(3)]
    _, penalties = plain_way.ridge(cohort, splits)
    fits = ridge.fit_ridge_splits(
        cohort.genotypes, cohort.phenotypes, [train for train, _ in splits]
    )
    np.testing.assert_array_equal(penalties, [fit.penalties for fit in fits])


def test_the_references_learn():
    cohort = make_cohort(400, 8, rel_aa=[0])
    torch.manual_seed(1)
    model = torch.nn.Linear(16, 1)
    plain_way.fit(model, cohort, loop.RIDGE_SGD, 20)
    predicted = model(plain_way.one_hot(cohort.genotypes.block(slice(None)))).detach().numpy()
    assert np.corrcoef(predicted[:, 0], cohort.phenotypes[:, 0])[0, 1] > 0.95


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@pytest.mark.parametrize("name", ["SGD ridge fit", "exact ridge", "simulation"])
def test_a_work_is_measured_against_its_references(name):
    rows = WORKS[name](True)
    assert {row["reference"] for row in rows} == {"published way", "plain way"}
    for row in rows:
        assert row["ratio"] == pytest.approx(row["reference_seconds"] / row["ours_seconds"])


def test_words_of_a_gpu_come_from_its_tables():
    precision = pd.DataFrame({"n_samples": 10, "n_qtl": 4, "rel_aa": 0, "replicate": [1, 1, 2, 2]})
    precision = precision.assign(products=["tf32", "ieee"] * 2, pearson_r=[0.5, 0.4, 0.6, 0.6])
    words = performance.precision_in_words(precision)
    assert words == {"mean": "+0.0500", "error": "0.0500", "fits": "2"}
    spread = performance.precision_against_replicates(precision).iloc[0]
    assert spread["SD of differences"] < spread["SD of replicates"]


def test_a_gpu_s_fits_are_set_against_their_estimate():
    machine = costs.Machine("a GPU", 1e12, 1e12, 1e12, 1e-4, 0, 0, 2**30, overlaps=True)
    layers = 46 * 4096, 4096 * (4096 + 2)
    estimate = costs.network_epoch(850, 150, 46, *layers).seconds(machine) * 7
    fits = pd.DataFrame({"model": ["ridge", "mlp", "mlp"], "seconds": [1, estimate, estimate / 2]})
    fits = fits.assign(n_samples=1000, n_qtl=46, epochs=7, device="a GPU", r_0=0.9, r_1=0.5)
    assert (
        performance.gpu_estimates(fits, pd.DataFrame([vars(machine) | {"commit": "c"}]))
        == "1.0 to 2.0"
    )


def test_ways_are_drawn_by_how_much_longer_they_take():
    rows = [("a", "plain way", 2.0), ("a", "published way", 4.0), ("b", "plain way", 9.0)]
    benchmarks = pd.DataFrame([*rows, ("a", "floor of a step", 0.5)])
    benchmarks.columns = ["work", "reference", "ratio"]
    ax = performance.draw_ratios(benchmarks).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    drawn = {line.get_label(): list(line.get_xdata()) for line in ax.get_lines()[:2]}
    assert drawn == {"published way": [4.0], "plain way": [2.0, 9.0]}


def test_hours_are_told_of_the_fewest_and_the_most_individuals():
    hours = pd.Series([0.1, 0.2, 5.0, 3.0], [1000, 1000, 10_000, 10_000])
    assert performance.slowest_in_words(hours) == {"small": "12 minutes", "large": "5.0 hours"}
    line, *_ = performance.draw_hours({"a machine": hours}).axes[0].get_lines()
    assert list(line.get_ydata()) == hours.to_list()
