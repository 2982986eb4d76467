"""A cell's work: the rows of its table, and what does and does not change its numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from conftest import REL_AA
from epidl import devices, seeds
from epidl.grid import core
from epidl.grid.params import (
    BeyondCell,
    BeyondCorrelationCell,
    BeyondDilutionCell,
    CorrelationCell,
    DilutionCell,
    RidgeVsSgdCell,
    ScalingCell,
    make_cell,
)
from epidl.models import deep, ridge, training
from epidl.models.recipes import MODELS
from epidl.models.task import Prediction, pearson_r

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
    return core.run(make_cell(ScalingCell, **CELL | changes)).table.drop(columns="seconds")


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
    same = table[(table["model"] == "mlp") & (table["protocol"] == "held_out")].reset_index(
        drop=True
    )
    pd.testing.assert_frame_equal(alone, same)


def test_the_profile_is_a_label_only(table):
    pd.testing.assert_frame_equal(
        run(profile="quick").drop(columns="profile"), table.drop(columns="profile")
    )


def test_replicates_and_seeds_differ(table):
    r = table.pivot_table(
        index=["model", "protocol", "trait"], columns="replicate", values="pearson_r"
    )
    assert (r[1] != r[2]).all()
    assert (run(seed=2)["seed"] != table["seed"]).all()


def test_ridge_under_held_out_is_scored_on_the_last_samples(table):
    row = table.query("replicate == 1 and model == 'ridge' and protocol == 'held_out'").iloc[3]
    cell = make_cell(ScalingCell, **CELL)
    cohort = core.make_cohort(cell, int(row["seed"]))
    fit = ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, np.arange(170))
    predicted = fit.predict(cohort.genotypes, np.arange(170, 200))[:, 3]
    assert row["pearson_r"] == pytest.approx(
        scipy.stats.pearsonr(cohort.phenotypes[170:, 3], predicted).statistic
    )
    assert row["penalty"] == fit.penalties[3]


def test_a_diverged_fit_has_no_accuracy_and_the_other_fits_stand():
    diverged = run(models=["ridge", "mlp"], protocols=["published"], mlp_learning_rate=1e38)
    mlp, exact = (diverged[diverged["model"] == model] for model in ("mlp", "ridge"))
    assert set(mlp["status"]) == {"diverged"}
    assert mlp["pearson_r"].isna().all()
    assert exact["pearson_r"].notna().all()


def test_a_trait_predicted_alike_for_all_samples_says_so(monkeypatch):
    r = {"pearson_r": np.array([0.5, np.nan]), "r_additive": np.nan, "r_epistatic": np.nan}
    monkeypatch.setitem(core.FITS, "ridge", lambda task: Prediction(expected=r))
    table = run(models=["ridge"], protocols=["held_out"], rel_aa=[0, 1], n_replicates=1)
    assert table["status"].tolist() == ["exact", "constant"]


def test_published_ridge_is_the_mean_over_ten_splits_that_the_traits_share(table):
    row = table.query("replicate == 1 and model == 'ridge' and protocol == 'published'")
    cell = make_cell(ScalingCell, **CELL)
    seed = int(row["seed"].iloc[0])
    cohort = core.make_cohort(cell, seed)
    rng = seeds.generator(seed, "ridge_splits")
    r, effects = [], []
    for _ in range(10):
        order = rng.permutation(200)
        train, test = order[:170], order[170:]
        fit = ridge.fit_ridge(cohort.genotypes, cohort.phenotypes, train)
        predicted = fit.predict(cohort.genotypes, test)
        pairs = zip(cohort.phenotypes[test].T, predicted.T, strict=True)
        r.append([scipy.stats.pearsonr(y, p).statistic for y, p in pairs])
        # every marker is causal, in order
        truth = (trait.additive_effects for trait in cohort.traits)
        effects.append(
            [
                scipy.stats.pearsonr(a, b).statistic
                for a, b in zip(truth, fit.effects.T, strict=True)
            ]
        )
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
    np.testing.assert_allclose(pearson_r(x, y), [1, np.nan, np.nan, np.nan])


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert devices.resolve_device("auto") == "cpu"
    with pytest.raises(ValueError, match="device must be 'cpu' or 'auto' on this machine"):
        devices.resolve_device("cuda")


DILUTION = {
    "n_samples": 300,
    "n_qtl": 10,
    "n_markers": 40,
    "n_replicates": 1,
    "rel_aa": [0, 1],
    "broad_sense_heritability": 0.9999,
    "models": ["ridge", "mlp", "lasso", "lasso_pruned", "mlp_pruned"],
    "protocols": ["published", "held_out"],
    "hidden_width": 16,
    "mlp_max_epochs": 5,
    "n_trials": 2,
    "n_trials_pruned": 3,
    "max_features": [5, 30],
    "seed": 1,
}


def run_dilution(folder="", **changes) -> core.CellResult:
    return core.run(make_cell(DilutionCell, **DILUTION | changes), folder=folder)


@pytest.fixture(scope="module")
def diluted() -> core.CellResult:
    return run_dilution()


def test_dilution_has_a_row_for_each_model_and_a_trial_for_each_fit_tried(diluted):
    assert not diluted.table.duplicated(["trait", "model", "protocol"]).any()
    assert len(diluted.table) == 2 * 5 * 2
    trials = diluted.side["trials"].groupby(["model", "protocol"], sort=False).size()
    assert trials.to_dict() == {
        ("mlp", "published"): 2,
        ("mlp", "held_out"): 2,
        ("mlp_pruned", "published"): 3,
        ("mlp_pruned", "held_out"): 3,
    }
    assert len(diluted.side["importances"]) == 2 * 2 * 40


def test_the_traits_of_dilution_have_their_own_causal_markers(diluted):
    cell = make_cell(DilutionCell, **DILUTION)
    cohort = core.make_cohort(cell, int(diluted.table["seed"].iloc[0]))
    one, other = cohort.traits
    assert not np.array_equal(one.qtl, other.qtl)
    counts = (
        diluted.side["importances"]
        .query("protocol == 'published'")
        .groupby("marker")["causal_for"]
        .first()
    )
    assert np.flatnonzero(counts == 2).tolist() == sorted(set(one.qtl) & set(other.qtl))
    assert counts.sum() == 20


def test_a_network_is_fitted_with_the_settings_of_its_best_trial(diluted):
    best = diluted.side["trials"].sort_values("loss").groupby(["model", "protocol"]).first()
    for (model, protocol), trial in best.iterrows():
        rows = diluted.table[
            (diluted.table["model"] == model) & (diluted.table["protocol"] == protocol)
        ]
        assert (rows["learning_rate"] == trial["learning_rate"]).all()
        if model == "mlp_pruned":
            assert (rows["max_features"] == trial["max_features"]).all()
            assert (rows["n_features"] <= trial["max_features"]).all()


def test_the_pruned_models_share_their_features_and_keep_the_most_important(diluted):
    pruned = diluted.table[diluted.table["model"].isin(["lasso_pruned", "mlp_pruned"])]
    columns = [
        "n_features",
        "n_markers_kept",
        "selection_precision",
        "selection_recall",
        "pair_recall",
    ]
    for _, rows in pruned.groupby(["protocol", "trait"]):
        assert (rows[columns] == rows[columns].iloc[0]).all(axis=None)
    importances = diluted.side["importances"].query("protocol == 'published'")
    kept = importances.nlargest(
        int(pruned.query("protocol == 'published'")["n_features"].iloc[0]), "importance"
    )
    causal = kept.groupby("marker")["causal_for"].first() > 0
    assert pruned.query("protocol == 'published'")["selection_precision"].iloc[0] == pytest.approx(
        causal.mean()
    )


def test_a_pruned_model_is_the_same_whichever_others_are_fitted(diluted):
    alone = run_dilution(models=["mlp_pruned"], protocols=["held_out"]).table.drop(
        columns="seconds"
    )
    same = diluted.table.query("model == 'mlp_pruned' and protocol == 'held_out'").reset_index(
        drop=True
    )
    pd.testing.assert_frame_equal(alone, same[alone.columns], check_dtype=False)


def test_a_killed_cell_resumes_its_trials(diluted, tmp_path, monkeypatch):
    fitted, real = [], training.train

    def killed(*arguments, **options):
        # the first search is over, and the LASSO; a trial of the second search has begun
        if len(fitted) == 4:
            raise KeyboardInterrupt
        fitted.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(training, "train", killed)
    only = {"models": ["mlp", "mlp_pruned"], "protocols": ["published"]}
    with pytest.raises(KeyboardInterrupt):
        run_dilution(tmp_path, **only)
    counted = []
    monkeypatch.setattr(training, "train", lambda *a, **o: counted.append(1) or real(*a, **o))
    resumed = run_dilution(tmp_path, **only)
    assert len(counted) == 1 + 3 + 1, (
        "the LASSO, the second search and its final fit; the MLP and its search are kept"
    )
    expected = (
        diluted.side["trials"]
        .query("protocol == 'published'")
        .drop(columns="seconds")
        .reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(resumed.side["trials"].drop(columns="seconds"), expected)


def test_trials_of_other_parameters_are_not_taken_up(tmp_path):
    one = run_dilution(tmp_path, models=["mlp"], protocols=["published"])
    other = run_dilution(tmp_path, models=["mlp"], protocols=["published"], hidden_width=8)
    assert not one.side["trials"]["loss"].isin(other.side["trials"]["loss"]).any()


def test_the_pruned_models_are_trained_by_the_publication_s_plans(monkeypatch):
    plans, real = [], training.train
    monkeypatch.setattr(training, "train", lambda *a, **o: plans.append(a[4]) or real(*a, **o))
    only = {"protocols": ["published"], "mlp_learning_rates": [0.005], "max_features": [30, 30]}
    run_dilution(models=["lasso", "lasso_pruned", "mlp_pruned"], **only)
    assert plans[:2] == [training.LASSO_SGD] * 2
    (pruned,) = plans[2:]
    assert (pruned.patience, pruned.learning_rate, pruned.max_epochs, pruned.min_gain) == (
        25,
        0.005,
        5,
        0.003,
    )


def test_a_diverged_trial_is_never_chosen():
    result = run_dilution(
        models=["mlp"], protocols=["published"], mlp_learning_rates=[1e38, 0.01], n_trials=6
    )
    diverged = result.side["trials"]["status"] == "diverged"
    assert diverged.any()
    assert (result.side["trials"].loc[diverged, "loss"] == np.inf).all()
    assert set(result.table["learning_rate"]) == {0.01}


def test_seconds_are_those_of_a_fit_without_its_search(diluted):
    trials = diluted.side["trials"].query("model == 'mlp_pruned' and protocol == 'published'")
    fits = diluted.table.query("protocol == 'published'").groupby("model")["seconds"].first()
    assert (fits > 0).all()
    assert fits["mlp_pruned"] < trials["seconds"].sum()


def test_a_lasso_that_finds_nothing_leaves_no_pruned_model():
    table = run_dilution(importance_threshold=100.0, protocols=["published"]).table
    pruned = table[table["model"].isin(["lasso_pruned", "mlp_pruned"])]
    assert set(pruned["status"]) == {"no_features"}
    assert pruned["pearson_r"].isna().all()
    assert (pruned["n_features"] == 0).all()
    assert table.loc[table["model"] == "mlp", "pearson_r"].notna().all()


def test_a_single_rate_is_taken_without_a_search():
    result = run_dilution(models=["mlp"], protocols=["published"], mlp_learning_rates=[0.01])
    assert set(result.side) == {"provenance"}
    assert set(result.table["learning_rate"]) == {0.01}


CORRELATION = {
    "n_samples": 200,
    "n_qtl": 10,
    "n_traits": 6,
    "rel_aa": 1,
    "pleiotropy": 0,
    "shared_pairs": False,
    "n_replicates": 1,
    "broad_sense_heritability": 0.999,
    "models": ["ridge", "mlp"],
    "protocols": ["published"],
    "hidden_width": 16,
    "mlp_learning_rates": [0.01],
    "mlp_max_epochs": 3,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("pleiotropy", "shared_pairs", "name"),
    [
        (0, False, "n200_q10_t6_rho0"),
        (0, True, "n200_q10_t6_rho0_shared"),
        (0.95, True, "n200_q10_t6_rho0.95"),
    ],
)
def test_the_three_kinds_of_correlation_cells(pleiotropy, shared_pairs, name):
    cell = make_cell(
        CorrelationCell, **CORRELATION | {"pleiotropy": pleiotropy, "shared_pairs": shared_pairs}
    )
    table = core.run(cell).table
    assert cell.name == name
    assert len(table) == 6 * 2
    assert (table["pleiotropy"] == pleiotropy).all()
    assert (table["shared_pairs"] == shared_pairs).all()
    traits = core.make_cohort(cell, int(table["seed"].iloc[0])).traits
    assert all(np.array_equal(traits[0].pairs, trait.pairs) for trait in traits) == shared_pairs
    effects = np.corrcoef([trait.additive_effects for trait in traits])[np.triu_indices(6, k=1)]
    assert (effects.mean() > 0.8) == (pleiotropy > 0.9)


def test_ridge_vs_sgd_fits_the_scaling_experiment_s_cohorts_as_it_does(table):
    same = {
        name: CELL[name]
        for name in ("n_samples", "scaling", "n_replicates", "rel_aa", "protocols", "seed")
    }
    cell = make_cell(
        RidgeVsSgdCell, **same, broad_sense_heritability=0.999, models=["ridge", "ridge_sgd"]
    )
    linear = core.run(cell).table.drop(columns=["seconds", "experiment"])
    expected = table[table["model"] != "mlp"].drop(columns="experiment")
    keys = ["replicate", "trait", "model", "protocol"]
    pd.testing.assert_frame_equal(
        linear.sort_values(keys).reset_index(drop=True),
        expected.sort_values(keys).reset_index(drop=True),
    )


EXPECTED = ["theory_ridge", "theory_kernel", "theory_oracle"]
BEYOND = ["ridge", "mlp", "kernel", "pairs", "oracle", *EXPECTED]
NETWORKS = ["mlp", "mlp_recomputed", "mlp_patient", "skip_mlp", "sparse_mlp", "pair_network"]


def test_patient_networks_train_for_300_epochs_or_fewer_where_samples_are_many():
    assert [training.patient_epochs(n) for n in (100, 10_000, 768_000, 768_001, 10**9)] == [
        300,
        75,
        1,
        1,
        1,
    ]


@pytest.fixture(scope="module")
def beyond_table() -> pd.DataFrame:
    return core.run(make_cell(BeyondCell, **CELL | {"n_samples": 600, "models": BEYOND})).table


def test_beyond_has_the_scaling_experiment_s_cohorts_and_adds_models_to_its_table(beyond_table):
    theirs = run(n_samples=600, models=["ridge", "mlp"])
    ours = beyond_table[beyond_table["model"].isin(["ridge", "mlp"])]
    columns = [
        "replicate",
        "trait",
        "model",
        "protocol",
        "seed",
        "va_over_vg",
        "pearson_r",
        "r_epistatic",
    ]
    pd.testing.assert_frame_equal(ours[columns].reset_index(drop=True), theirs[columns])


@pytest.mark.parametrize(
    ("cell_type", "beyond_type", "parameters"),
    [
        (DilutionCell, BeyondDilutionCell, {"n_qtl": 6, "n_markers": 12}),
        (
            CorrelationCell,
            BeyondCorrelationCell,
            {"n_qtl": 12, "n_traits": 2, "pleiotropy": 0.5, "shared_pairs": True, "rel_aa": 1},
        ),
    ],
)
def test_beyond_has_the_other_experiments_cohorts_too(cell_type, beyond_type, parameters):
    kept = (
        "n_samples",
        "n_replicates",
        "broad_sense_heritability",
        "hidden_width",
        "seed",
        "rel_aa",
    )
    shared = {name: CELL[name] for name in kept} | {
        "protocols": ["held_out"],
        "mlp_learning_rates": [0.01],
    }
    shared |= {"n_samples": 600} | parameters
    theirs = core.run(make_cell(cell_type, **shared | {"models": ["ridge", "mlp"]})).table
    models = ["ridge", "mlp", "kernel", "pairs", "oracle", *EXPECTED]
    table = core.run(make_cell(beyond_type, **shared | {"models": models})).table
    columns = [
        "replicate",
        "trait",
        "model",
        "protocol",
        "seed",
        "va_over_vg",
        "pearson_r",
        "r_epistatic",
    ]
    ours = table[table["model"].isin(["ridge", "mlp"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours[columns], theirs[columns])
    r = table[table["rel_aa"] >= 0.5].groupby("model")["pearson_r"].mean()
    assert r["pairs"] == pytest.approx(r["oracle"], abs=0.005)
    # it is spared the markers without effect
    assert r["theory_oracle"] == pytest.approx(r["oracle"], abs=0.01)
    assert r["theory_kernel"] <= r["theory_oracle"]


def test_a_model_that_the_publication_lacks_is_fitted_under_held_out_alone(beyond_table):
    steady = beyond_table[~beyond_table["model"].isin(["ridge", "mlp"])]
    assert set(steady["protocol"]) == {"held_out"}
    keys = ["replicate", "trait", "model"]
    assert not steady.duplicated(keys).any()
    alone = core.run(
        make_cell(
            BeyondCell, **CELL | {"n_samples": 600, "models": BEYOND, "protocols": ["published"]}
        )
    )
    same = (
        alone.table[alone.table["model"] == "pairs"]
        .drop(columns=["seconds", "protocol"])
        .reset_index(drop=True)
    )
    both = (
        steady[steady["model"] == "pairs"]
        .drop(columns=["seconds", "protocol"])
        .reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(same, both)


def test_the_ladder_of_models_stands_as_theory_has_it(beyond_table):
    held_out = beyond_table[
        (beyond_table["protocol"] == "held_out") & (beyond_table["rel_aa"] >= 0.5)
    ]
    r = held_out.groupby("model")["pearson_r"].mean()
    assert r["ridge"] < r["kernel"] < r["oracle"]
    for model in ("ridge", "kernel", "oracle"):
        assert r[model] == pytest.approx(r[f"theory_{model}"], abs=0.06)
    found = held_out[held_out["model"] == "pairs"]
    assert found["pair_variance_recall"].min() > 0.98
    assert r["pairs"] == pytest.approx(r["oracle"], abs=0.005)
    shares = held_out[held_out["model"] == "kernel"]
    assert (shares["reml_additive"] - shares["va_over_vg"]).abs().max() < 0.1


def test_accuracy_of_the_parts_is_that_of_their_own_values():
    """The oracle predicts both parts: r with a part is the root of its share of the variance."""
    table = core.run(
        make_cell(BeyondCell, **CELL | {"n_samples": 2000, "models": ["oracle"]})
    ).table
    for part, share in (("r_additive", "va_over_vg"), ("r_epistatic", "vaa_over_vg")):
        present = table[table[share] > 1e-9]
        np.testing.assert_allclose(present[part] ** 2, present[share], atol=0.06)
    assert table.loc[table["rel_aa"] == 0, "r_epistatic"].isna().all()
    assert table.loc[table["rel_aa"] == 0, "r_additive"].min() > 0.99


def test_the_oracle_of_a_trait_in_which_all_pairs_interact_is_the_kernel():
    models = ["kernel", "oracle", "pairs", *EXPECTED]
    cell = make_cell(BeyondCell, **CELL | {"n_samples": 600, "models": models, "all_pairs": True})
    table = core.run(cell).table.query("rel_aa >= 0.5")
    r = table.groupby("model")["pearson_r"].mean()
    assert r["oracle"] == pytest.approx(r["kernel"], abs=0.03)
    assert r["pairs"] < r["kernel"] - 0.1
    assert r["theory_oracle"] == r["theory_kernel"]


def test_networks_beside_the_published_one(monkeypatch):
    monkeypatch.setattr(training, "MOST_STEPS", 60)
    fitted = []
    train = deep.train

    def noting(task, network, genotypes, plan, *purpose):
        fit = train(task, network, genotypes, plan, *purpose)
        fitted.append((purpose, fit.plan, fit.record))
        return fit

    monkeypatch.setattr(deep, "train", noting)
    cell = make_cell(
        BeyondCell, **CELL | {"n_replicates": 1, "models": NETWORKS, "protocols": ["held_out"]}
    )
    table = core.run(cell).table.set_index("model")
    assert table["pearson_r"].notna().all()
    for name in ("sparse_mlp", "pair_network"):
        penalties = MODELS[name].penalties
        tried = [(plan, record) for purpose, plan, record in fitted if purpose == (name,)]
        assert [plan.l1_penalty for plan, _ in tried] == list(penalties)
        best, _ = min(tried, key=lambda fit: fit[1].best_loss)
        assert set(table.loc[name, "l1_penalty"]) == {best.l1_penalty}
        assert table.loc[name, "seconds"].iloc[0] == pytest.approx(
            sum(record.seconds for _, record in tried)
        )
        # 145 training samples are two batches
        assert {plan.max_epochs for plan, _ in tried} == {30}
    # the MLP is trained once for two models
    assert sum(purpose == ("mlp",) for purpose, *_ in fitted) == 1
    assert (
        table.loc["mlp_recomputed", "pearson_r"].to_numpy()
        != table.loc["mlp", "pearson_r"].to_numpy()
    ).any()
