"""A cell's work: the rows of its table, and what does and does not change its numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from conftest import REL_AA
from epidl import ridge, seeds
from epidl.experiments import core, scaling
from epidl.params import ScalingCell, make_cell

CELL = {
    "n_samples": 200,
    "scaling": 1.0,
    "n_replicates": 2,
    "rel_aa": REL_AA,
    "broad_sense_heritability": 0.999,
    "models": ["ridge", "ridge_sgd", "mlp"],
    "protocols": ["published", "held_out"],
    "hidden_width": 16,
    "mlp_max_epochs": 5,
    "seed": 1,
}


def run(**changes) -> pd.DataFrame:
    return scaling.run(make_cell(ScalingCell, **CELL | changes)).table.drop(columns="seconds")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return run()


def test_a_row_is_one_replicate_trait_model_and_protocol(table):
    keys = ["replicate", "trait", "model", "protocol"]
    assert len(table) == 2 * 5 * 3 * 2
    assert not table.duplicated(keys).any()
    assert (table["n_qtl"] == 22).all()
    assert (table["n_markers"] == 22).all()
    assert table.groupby("trait")["rel_aa"].first().tolist() == list(REL_AA)
    assert table["pearson_r"].between(-1, 1).all()
    assert set(table.loc[table["model"] == "ridge", "status"]) == {"exact"}
    assert table.loc[table["model"] != "mlp", "effect_r"].notna().all()
    assert np.isin(table.loc[table["model"] == "ridge", "penalty"], ridge.PENALTIES).all()


def test_a_replicate_is_the_same_alone_or_with_others(table):
    alone = run(n_replicates=1)
    pd.testing.assert_frame_equal(alone, table[table["replicate"] == 1].reset_index(drop=True))


def test_a_model_is_the_same_whichever_others_are_fitted(table):
    alone = run(models=["mlp"], protocols=["held_out"])
    same = table[(table["model"] == "mlp") & (table["protocol"] == "held_out")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


def test_the_profile_is_a_label_only(table):
    pd.testing.assert_frame_equal(run(profile="quick").drop(columns="profile"), table.drop(columns="profile"))


def test_replicates_and_seeds_differ(table):
    r = table.pivot_table(index=["model", "protocol", "trait"], columns="replicate", values="pearson_r")
    assert (r[1] != r[2]).all()
    assert (run(seed=2)["seed"] != table["seed"]).all()


def test_ridge_under_held_out_is_scored_on_the_last_samples(table):
    row = table.query("replicate == 1 and model == 'ridge' and protocol == 'held_out'").iloc[3]
    cell = make_cell(ScalingCell, **CELL)
    cohort = scaling.simulate_replicate(cell, int(row["seed"]))
    fit = ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, np.arange(170))
    predicted = fit.predict(cohort.genotypes, np.arange(170, 200))[:, 3]
    assert row["pearson_r"] == pytest.approx(scipy.stats.pearsonr(cohort.phenotypes[170:, 3], predicted).statistic)
    assert row["penalty"] == fit.penalties[3]


def test_a_diverged_fit_has_no_accuracy_and_the_other_fits_stand():
    diverged = run(models=["ridge", "mlp"], protocols=["published"], mlp_learning_rate=1e38)
    mlp, exact = (diverged[diverged["model"] == model] for model in ("mlp", "ridge"))
    assert set(mlp["status"]) == {"diverged"}
    assert mlp["pearson_r"].isna().all()
    assert exact["pearson_r"].notna().all()


def test_a_trait_predicted_alike_for_all_samples_says_so(monkeypatch):
    monkeypatch.setitem(core.FITS, "ridge", lambda run: core.Score(np.array([0.5, np.nan]), "exact"))
    table = run(models=["ridge"], protocols=["held_out"], rel_aa=[0, 1], n_replicates=1)
    assert table["status"].tolist() == ["exact", "constant"]


def test_published_ridge_is_the_mean_over_ten_splits_that_the_traits_share(table):
    row = table.query("replicate == 1 and model == 'ridge' and protocol == 'published'")
    cell = make_cell(ScalingCell, **CELL)
    seed = int(row["seed"].iloc[0])
    cohort = scaling.simulate_replicate(cell, seed)
    rng = seeds.generator(seed, "ridge_splits")
    r, effects = [], []
    for _ in range(10):
        order = rng.permutation(200)
        train, test = order[:170], order[170:]
        fit = ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, train)
        predicted = fit.predict(cohort.genotypes, test)
        pairs = zip(cohort.phenotypes[test].T, predicted.T, strict=True)
        r.append([scipy.stats.pearsonr(y, p).statistic for y, p in pairs])
        truth = (trait.additive_effects for trait in cohort.traits)  # every marker is causal, in order
        effects.append([scipy.stats.pearsonr(a, b).statistic for a, b in zip(truth, fit.effects.T, strict=True)])
    np.testing.assert_allclose(row["pearson_r"], np.mean(r, axis=0))
    np.testing.assert_allclose(row["effect_r"], np.mean(effects, axis=0))


def test_effects_of_ridge_by_sgd_point_where_the_true_ones_do(table):
    additive = table[(table["model"] == "ridge_sgd") & (table["rel_aa"] == 0)]
    assert (additive["effect_r"] > 0.8).all()


def test_pearson_r_of_columns_that_do_not_vary_is_missing():
    x = np.random.default_rng(1).normal(size=(20, 4))
    y = x + 1
    y[:, 1], y[0, 2] = 3, np.nan
    x[:, 3] = 0
    np.testing.assert_allclose(core.pearson_r(x, y), [1, np.nan, np.nan, np.nan])


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert core.resolve_device("auto") == "cpu"
    with pytest.raises(ValueError, match="device must be 'cpu' or 'auto' on this machine"):
        core.resolve_device("cuda")
