"""The ledger and its experiment: seeds that stay, cohorts that are shared, words and tables that are computed."""

import pandas as pd
import pytest

from conftest import ROOT
from epidl import results, seeds
from epidl.experiments import beyond, core, scaling
from epidl.params import CELL_TYPES, RaggedCell, last_batch, load_grids, make_cell
from epidl.splits import split_samples

DATA = ROOT / "book" / "data"
CELL = {
    "n_samples": 153,
    "scaling": 0.5,
    "n_replicates": 2,
    "rel_aa": [0, 1],
    "broad_sense_heritability": 0.999,
    "models": ["ridge", "mlp", "mlp_recomputed"],
    "protocols": ["published"],
    "hidden_width": 16,
    "mlp_max_epochs": 5,
    "seed": 1,
}


def fitted(**changes) -> pd.DataFrame:
    return core.run_cell(make_cell(RaggedCell, **CELL | changes), scaling.simulate_replicate, beyond.FITS).table


@pytest.mark.parametrize("experiment", [name for name in CELL_TYPES if (DATA / f"{name}.csv").exists()])
def test_published_cohorts_keep_their_seeds(experiment):
    """The seed rule: the cell's seed, whose cohorts these are, the cohorts' name, the replicate."""
    table = results.read_table(DATA / f"{experiment}.csv")
    for name, record in zip(
        table["cell"].unique(),
        (done.record for done in results.read_collected(DATA / f"{experiment}.csv").values()),
        strict=True,
    ):
        cell = make_cell(CELL_TYPES[experiment], **record["parameters"])
        drawn = table[table["cell"] == name].groupby("replicate")["seed"].unique()
        assert {k: list(v) for k, v in drawn.items()} == {
            k: [seeds.derive(cell.seed, cell.cohorts, cell.cohort_name, k)] for k in range(1, cell.n_replicates + 1)
        }


def test_cells_with_and_without_the_last_batch_share_their_cohorts():
    kept, dropped = make_cell(RaggedCell, **CELL), make_cell(RaggedCell, **CELL | {"drop_ragged_batch": True})
    assert (kept.name, dropped.name) == ("n153_scaling0.5", "n153_scaling0.5_dropped")
    assert kept.cohort_name == dropped.cohort_name == kept.name
    with_it, without = fitted(), fitted(drop_ragged_batch=True)
    same = ["seed", "rel_aa", "va_over_vg"]
    pd.testing.assert_frame_equal(with_it[same], without[same])
    r = [table.set_index(["model", "replicate", "trait"])["pearson_r"] for table in (with_it, without)]
    assert r[0]["ridge"].equals(r[1]["ridge"])
    assert (r[0]["mlp"] != r[1]["mlp"]).all()
    assert (r[0]["mlp"] != r[0]["mlp_recomputed"]).all()


def test_where_no_sample_is_left_over_dropping_changes_nothing():
    assert last_batch(150, "published") == 128  # 127.5 rounds to an even number
    kept, dropped = fitted(n_samples=150), fitted(n_samples=150, drop_ragged_batch=True)
    pd.testing.assert_frame_equal(kept.drop(columns=["cell", "seconds"]), dropped.drop(columns=["cell", "seconds"]))


def test_the_grid_of_last_batches_is_what_its_file_says():
    cells = load_grids(ROOT / "params" / "ragged.yml")["standard"]
    assert sorted({last_batch(cell.n_samples, "published") for cell in cells}) == [2, 4, 8, 16, 32, 64, 127, 128]
    assert {(cell.scaling, cell.n_qtl) for cell in cells} == {(0.1, 16), (0.93, 46)}
    for cell in cells:
        assert (
            len(split_samples(cell.n_samples, "published").train) % 128 == last_batch(cell.n_samples, "published") % 128
        )
