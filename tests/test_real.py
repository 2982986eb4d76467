"""Real cohorts in the grid: cells, their fits split by split, and the comparison over splits."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from conftest import ROOT
from epidl.grid import cell as command
from epidl.grid import contrasts, fingerprint, kept, real, results
from epidl.grid.params import ParameterError, RealCell, load_grids, make_cell, same_settings
from epidl.own import comparison, registry
from epidl.own.comparison import corrected_interval
from epidl_book import provenance

GRIDS = load_grids(ROOT / "params" / "real.yml")


def small(**changes) -> RealCell:
    given = {"dataset": "example", "trait": "height", "models": ["ridge", "kernel"]}
    given |= {"n_replicates": 2, "hidden_width": 8, "seed": 1, "device": "cpu"}
    return make_cell(RealCell, **given | changes)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return real.run(small(models=["ridge", "pairs", "mlp"], searched=["mlp"], n_replicates=6)).table


def test_the_standard_grid_is_every_trait_of_every_cohort():
    planned = {(cell.dataset, cell.trait) for cell in GRIDS["standard"]}
    assert planned == {
        (name, trait) for name, cohort in registry.cohorts().items() for trait in cohort.traits
    }
    assert len(planned) - 2 == 91  # and the example, and the learning curve


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trait": "weight"}, "trait must be of height, got 'weight'"),
        ({"models": ["kernel"]}, "models must hold ridge"),
        ({"models": ["ridge", "lasso"]}, "models.1: Input should be 'ridge'"),
        ({"splits": ["family"]}, "splits must be of population, random, got 'family'"),
        ({"searched": ["mlp"]}, "searched must be of ridge, kernel, got 'mlp'"),
        ({"n_samples": 100}, "n_samples is not a parameter"),
        (
            {"n_train": 9, "splits": ["random"]},
            "n_train must be 0, or 10 to 292, half of the individuals, got 9",
        ),
        ({"n_train": 60}, "splits must be random alone with n_train, got population, random"),
    ],
)
def test_what_a_cohort_lacks_is_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        small(**changes)


def test_each_fit_is_a_split_and_a_model(table):
    cell = small(models=["ridge", "pairs", "mlp"], searched=["mlp"], n_replicates=6)
    assert set(results.names(table)) == cell.fits
    assert len(table) == 2 * (4 + 6) + 4 + 5  # four populations; the searched one has five splits
    grouped = table[table["protocol"] == "population"]
    assert grouped["grouped"].all()
    assert grouped.groupby("replicate")["n_test"].first().sum() == 584
    assert not table.loc[table["protocol"] == "random", "grouped"].any()
    # the same individuals are tested, whatever the model
    n_test = table.groupby(["protocol", "replicate"])["n_test"]
    assert (n_test.min() == n_test.max()).all()


def test_the_scores_are_those_of_own_data_s_comparison(table):
    """The same splits, covariates and fits; random draws of networks are their own."""
    cell = small()
    cohort, named = real.splits(cell, "population")
    assert set(cohort.observed.groups) == {"east", "north", "south", "west"}
    task, *scales = comparison.make_task(cohort.observed, named[1][1], 8, "cpu", seed=3)
    expected = comparison.fit_and_score(cohort.observed, task, *scales, "ridge")
    found = table.query("protocol == 'population' and replicate == 2 and model == 'ridge'").iloc[0]
    for name in ("n_train", "n_test", "pearson_r", "r_within", "explained"):
        assert found[name] == pytest.approx(expected[name])


def test_a_point_of_a_learning_curve_draws_from_one_half_and_tests_the_other():
    few, more = (small(n_train=n, splits=["random"]) for n in (20, 60))
    assert few.name == "example_height_train20"
    found = {cell.n_train: real.splits(cell, "random")[1] for cell in (few, more)}
    halves = {tuple(split.test) for named in found.values() for _, split in named}
    assert len(halves) == 1  # the same for all
    assert len(*halves) == 584 // 2
    drawn = {n: [{*s.train, *s.validation} for _, s in named] for n, named in found.items()}
    assert [len(rows) for rows in drawn[20] + drawn[60]] == [20, 20, 60, 60]
    assert drawn[20][0] < drawn[60][0]  # more individuals hold the fewer
    assert drawn[60][0] != drawn[60][1]
    assert not any(rows & set(*halves) for rows in drawn[20] + drawn[60])
    table = real.run(few).table
    assert set(table["n_train"]) == {20}
    assert set(table["n_test"]) == {292}


def test_a_cell_that_was_stopped_goes_on_and_a_model_more_computes_its_own_fits(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    folder, fitted, fit = Path("cell"), [], comparison.fit_and_score

    def counted(*arguments):
        if len(fitted) == 3:
            raise KeyboardInterrupt
        fitted.append(arguments[-1])
        return fit(*arguments)

    monkeypatch.setattr(comparison, "fit_and_score", counted)
    with pytest.raises(KeyboardInterrupt):
        real.run(small(models=["ridge"]), folder)
    assert len(list(folder.rglob("*_ridge_*.json"))) == 3
    monkeypatch.setattr(comparison, "fit_and_score", lambda *a: fitted.append(a[-1]) or fit(*a))
    found = real.run(small(models=["ridge"]), folder)
    assert fitted == ["ridge"] * 4
    assert "continues after 3 finished fits" in capsys.readouterr().err
    more = real.run(small(models=["ridge", "pairs"]), folder)
    assert fitted == ["ridge"] * 4 + ["pairs"] * 4
    again = more.table[more.table["model"] == "ridge"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, found.table)
    # nothing is read where all is kept
    monkeypatch.setattr(real, "splits", lambda *_: pytest.fail("the cohort was read"))
    pd.testing.assert_frame_equal(
        real.run(small(models=["ridge"]), folder).table.dropna(axis=1), found.table.dropna(axis=1)
    )


def test_the_command_writes_the_hashes_of_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = small(models=["ridge"], splits=["population"])
    command.compute(cell, tmp_path / "cell")
    repeated = provenance.count_repeated_seeds(
        results.read_table(tmp_path / "cell" / results.TABLE),
        results.read_records(tmp_path / "cell" / results.PROVENANCE),
    )
    assert repeated == (2, 2)
    (fit,) = [
        f for f in results.read_cell(tmp_path / "cell") if f.name.endswith(" 1 population ridge")
    ]
    assert same_settings(fit.record["parameters"], cell)
    assert fit.record["data"] == {}  # the example is this project's
    wheat = make_cell(
        RealCell, dataset="wheat", trait="env1", models=["ridge"], n_replicates=1, seed=1
    )
    assert wheat.cohort.hashes == {"wheat.RData": wheat.cohort.files[0]["sha256"]}


def test_a_file_or_a_reader_that_changes_makes_fits_anew_and_another_cohort_s_does_not(monkeypatch):
    cell = small()
    before = fingerprint.run_fingerprint(cell, "cpu")
    assert before == fingerprint.run_fingerprint(small(models=["ridge"], n_replicates=9), "cpu")
    assert before != fingerprint.run_fingerprint(small(seed=2), "cpu")
    wheat = partial(make_cell, RealCell, dataset="wheat", models=["ridge"], n_replicates=1, seed=1)
    one = fingerprint.run_fingerprint(wheat(trait="env1"), "cpu")
    assert one != fingerprint.run_fingerprint(wheat(trait="env2"), "cpu")
    monkeypatch.setattr(
        registry.PublicCohort, "hashes", property(lambda self: {"wheat.RData": "another"})
    )
    assert one != fingerprint.run_fingerprint(wheat(trait="env1"), "cpu")


def scores(r: dict[str, list[float]], **columns) -> pd.DataFrame:
    """Return a table of some r by model, a number a split."""
    rows = []
    for model, values in r.items():
        for number, value in enumerate(values, start=1):
            rows.append({"model": model, "replicate": number, "pearson_r": value})
    place = {"dataset": "a", "trait": "t", "protocol": "random", "grouped": False}
    place |= {"n_train": 85, "n_test": 15, "r_within": 0.1, "explained": 0.2}
    return pd.DataFrame(rows).assign(**place | columns)


def test_random_splits_have_the_corrected_interval_and_folds_of_groups_student_s():
    rng = np.random.default_rng(1)
    r = {"ridge": rng.normal(0.4, 0.05, 10), "kernel": rng.normal(0.45, 0.05, 10)}
    difference = r["kernel"] - r["ridge"]
    drawn, folds = scores(r), scores(r, grouped=True, protocol="family")
    compared = contrasts.between_splits(pd.concat([drawn, folds])).set_index(["protocol", "model"])
    row = compared.loc["random", "kernel"]
    assert (row["low"], row["high"]) == pytest.approx(corrected_interval(difference, 15 / 85))
    row = compared.loc["family", "kernel"]
    test = scipy.stats.ttest_1samp(difference, 0)
    assert (row["low"], row["high"]) == pytest.approx(tuple(test.confidence_interval()))
    assert row["p"] == pytest.approx(test.pvalue)
    assert row["difference"] == pytest.approx(difference.mean())


def test_best_counts_all_that_are_not_told_apart_from_the_best():
    base = np.linspace(0.3, 0.5, 10)
    noise = np.tile([0.04, -0.04], 5)
    r = {"ridge": base - 0.2, "kernel": base, "pairs": base + 0.01 + noise, "mlp": base - 0.1}
    best = contrasts.between_splits(scores(r)).set_index("model")["best"]
    first = {model: values[:1] for model, values in r.items()}
    assert contrasts.between_splits(scores(first))["best"].all(), "one split shows nothing"
    assert best.to_dict() == {"ridge": False, "kernel": True, "pairs": True, "mlp": False}


def test_a_model_that_is_ridge_but_for_rounding_ties_with_it():
    base = np.linspace(0.3, 0.5, 10)
    compared = contrasts.between_splits(scores({"ridge": base, "pairs": base - 1e-16}))
    pairs = compared.set_index("model").loc["pairs"]
    assert (pairs["difference"], pairs["p"], pairs["best"]) == (0, 1, True)


def test_a_model_of_few_splits_is_compared_on_those_that_it_has():
    """Its splits were the hard ones: on the same splits it is better than ridge."""
    base = np.concatenate([np.full(5, 0.2), np.full(5, 0.6)]) + np.arange(10) / 1000
    compared = contrasts.between_splits(scores({"ridge": base, "mlp": base[:5] + 0.1}))
    mlp = compared.set_index("model").loc["mlp"]
    assert mlp["difference"] == pytest.approx(0.1)
    assert mlp["splits"] == 5
    best = compared.set_index("model")["best"]
    assert best.to_dict() == {"ridge": False, "mlp": True}
    assert contrasts.winners(compared)["model"].tolist() == ["mlp"]


def test_p_values_are_adjusted_over_the_models_and_traits_of_a_cohort():
    rng = np.random.default_rng(2)
    tables = []
    for dataset, trait in (("a", "s"), ("a", "t"), ("b", "s")):
        r = {
            name: rng.normal(0.4 + k / 30, 0.05, 10)
            for k, name in enumerate(("ridge", "kernel", "mlp"))
        }
        tables.append(scores(r, dataset=dataset, trait=trait))
    compared = contrasts.between_splits(pd.concat(tables))
    for dataset in "ab":
        own = compared[(compared["dataset"] == dataset) & (compared["model"] != "ridge")]
        expected = multipletests(own["p"], method="holm")[1]
        np.testing.assert_allclose(own["p_holm"], expected)
    assert compared.loc[compared["model"] == "ridge", "p_holm"].isna().all()


def test_the_published_table_has_its_provenance_and_the_hashes_of_the_files():
    cells = {cell.name: (cell, cell.fits, cell.cohort.hashes) for cell in GRIDS["standard"]}
    for fit in results.read_collected(ROOT / results.DATA / "real.csv"):
        cell, fits, hashes = cells[fit.cell]
        assert fit.name in fits
        assert same_settings(fit.record["parameters"], cell)
        assert not fit.record["commit"].endswith("-dirty")
        assert fit.record["data"] == hashes


def test_a_published_fit_of_a_real_cohort_is_taken_as_it_is(tmp_path, monkeypatch):
    """Publishing and taking again, as the grid does with simulated cohorts."""
    monkeypatch.chdir(tmp_path)
    cell = small(models=["ridge"], profile="standard")
    result = real.run(cell)
    fits = results.split(
        result.table, {}, [json.loads(r) for r in result.side["provenance"]["record"]]
    )
    results.collect(fits, results.DATA / "real.csv")
    assert kept.published(small(models=["ridge", "pairs"], profile="standard")).keys() == cell.fits
    assert not kept.published(small(models=["ridge"], profile="standard", seed=2))
