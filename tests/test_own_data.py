"""The comparison on a cohort of one's own: splits, scores, intervals and the verdict."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from epidl.cohorts.genotypes import MISSING, Dosages
from epidl.cohorts.splits import Split
from epidl.figures import MODEL_NAMES
from epidl.models import ensemble, kernels, recipes, training
from epidl.models.task import Prediction
from epidl.own import comparison
from epidl.own.comparison import (
    Observed,
    against_ridge,
    compare,
    corrected_interval,
    corrected_p,
    make_splits,
    observe,
    verdict,
)


def make_observed(
    n: int = 240, m: int = 20, epistasis: float = 0.0, seed: int = 1, **changes
) -> Observed:
    """Diploids in six families over ten years, a covariate with a large effect, some genotypes
    missing.
    """
    rng = np.random.default_rng(seed)
    counts = rng.binomial(2, rng.uniform(0.3, 0.7, size=m), size=(n, m)).astype(np.int8)
    x = counts - counts.mean(axis=0)
    pairs = (x[:, 0:10:2] * x[:, 1:10:2]) @ np.ones(5)
    g = x[:, 10:] @ rng.normal(size=m - 10) * (1 - epistasis) + epistasis * 3 * pairs
    covariate = rng.normal(size=n)
    counts[rng.random(counts.shape) < 0.03] = MISSING
    arguments = {
        "phenotypes": 100 + 5 * g + 200 * covariate + 2 * rng.normal(size=n),
        "design": covariate[:, None],
        "groups": np.array([f"family {k % 6}" for k in range(n)]),
        "times": np.arange(n) * 10 // n + 2000,
    } | changes
    return observe(Dosages.from_counts(counts, ploidy=2), **arguments)


@pytest.fixture(scope="module")
def cohort() -> Observed:
    return make_observed()


@pytest.fixture(scope="module")
def table(cohort) -> pd.DataFrame:
    return compare(
        cohort,
        models=["ridge", "kernel", "pairs"],
        splits=["random", "family", "forward"],
        n_splits=4,
    )


def test_splits_are_what_they_say(cohort):
    n = cohort.genotypes.n_samples
    for kind in ("random", "family", "forward"):
        for name, split in make_splits(cohort, kind, 3, seed=1):
            parts = [split.train, split.validation, split.test]
            together = np.concatenate(parts)
            assert len(np.unique(together)) == len(together)
            trained = np.concatenate(parts[:2])
            if kind == "random":
                assert (len(trained), len(split.test)) == (204, 36)
            if kind == "family":
                assert set(cohort.groups[split.test]) == {name}
                assert name not in set(cohort.groups[trained])
                assert len(together) == n
            if kind == "forward":
                assert cohort.times[trained].max() < cohort.times[split.test].min()
    assert len(make_splits(cohort, "family", 3, seed=1)) == 6
    tested = np.concatenate([split.test for _, split in make_splits(cohort, "forward", 3, seed=1)])
    assert len(np.unique(tested)) == len(tested)
    one, same, other = (
        make_splits(cohort, "random", 2, seed=seed)[1][1].test for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_split_is_the_same_however_many_are_drawn(cohort):
    few, more = (make_splits(cohort, "random", n_splits, seed=1) for n_splits in (2, 5))
    for (name, split), (same_name, same) in zip(few, more, strict=False):
        assert name == same_name
        for part in ("train", "validation", "test"):
            np.testing.assert_array_equal(getattr(split, part), getattr(same, part))


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        (np.arange(240) // 3, [24] * 10),  # cages
        (np.repeat(np.arange(48), 5), [25] * 8 + [20] * 2),  # crosses of five
        (np.arange(240), [24] * 10),
        ([0] * 100 + [1] * 100 + [2 + k // 5 for k in range(40)], [100, 100, 10, 10, 10, 10]),
        ([0] * 100 + [1] * 125 + [2 + k // 5 for k in range(15)], [100, 125, 15]),
        ([0] * 100 + [1] * 135 + [2] * 5, [100, 135]),
    ],
)
def test_small_groups_are_gathered_whole(groups, sizes):
    cohort = make_observed(groups=np.array(groups))
    splits = [split for _, split in make_splits(cohort, "family", 1, seed=1)]
    assert sorted(len(split.test) for split in splits) == sorted(sizes)
    for split in splits:
        trained = np.concatenate([split.train, split.validation])
        assert not set(cohort.groups[split.test]) & set(cohort.groups[trained])
        assert len(trained) + len(split.test) == 240
    tested = np.concatenate([split.test for split in splits])
    assert len(np.unique(tested)) == len(tested)


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        (np.arange(240) % 4, [60] * 4),  # fewer groups than folds
        (np.arange(240) % 10, [24] * 10),  # published folds
        (np.arange(240) // 6, [24] * 10),
        ([0] * 100 + [1] * 100 + [2 + k // 5 for k in range(40)], [100, 100, 10, 10, 10, 10]),
    ],
)
def test_folds_gather_whole_groups_large_ones_too(groups, sizes):
    cohort = make_observed(groups=np.array(groups))
    splits = [split for _, split in make_splits(cohort, "folds", 1, seed=1)]
    for split in splits:
        trained = np.concatenate([split.train, split.validation])
        assert not set(cohort.groups[split.test]) & set(cohort.groups[trained])
        assert len(trained) + len(split.test) == 240
    assert sorted(len(split.test) for split in splits) == sorted(sizes)
    tested = np.concatenate([split.test for split in splits])
    assert len(np.unique(tested)) == 240


def test_r_within_groups_and_the_share_explained_have_their_closed_forms(cohort, monkeypatch):
    """A model that knows the families' means alone, and one that is right but for a factor of 2."""
    ((_, split),) = make_splits(cohort, "random", 1, seed=1)
    task, *scales = comparison.make_task(cohort, split, 4, "cpu", seed=1)
    y, groups = task.phenotypes[split.test], cohort.groups[split.test]
    means = np.array([y[groups == group].mean() for group in groups])
    for predicted, within, explained in (
        (2 * y, 1.0, 1 - (y**2).mean() / y.var()),
        (means[:, None], np.nan, means.var() / y.var()),
    ):
        prediction = Prediction([(split.test, predicted)])
        monkeypatch.setattr(recipes.Model, "predict", lambda *_, p=prediction: p)
        found = comparison.fit_and_score(cohort, task, *scales, "ridge")
        np.testing.assert_allclose(found["explained"], explained, atol=1e-12)
        if np.isfinite(within):
            assert found["r_within"] == pytest.approx(within)
    assert found["pearson_r"] == pytest.approx(np.sqrt(explained))


def test_the_p_value_is_that_of_the_interval():
    differences = np.random.default_rng(3).normal(0.4, 1, size=10)
    p = corrected_p(differences, 0)
    assert p == pytest.approx(scipy.stats.ttest_1samp(differences, 0).pvalue)
    ratio = 15 / 85
    assert corrected_p(differences, ratio) > p
    low, _ = corrected_interval(differences, ratio, level=1 - corrected_p(differences, ratio))
    assert low == pytest.approx(0, abs=1e-9)
    assert np.isnan(corrected_p([0.1], 0))
    assert corrected_p([0.0, 0.0], 0) == 1


def test_many_small_cages_make_folds():
    rng = np.random.default_rng(0)
    cages = np.repeat(np.arange(234), 3)[:700]
    counts = rng.integers(0, 3, (700, 5)).astype(np.int8)
    cohort = observe(Dosages.from_counts(counts, 2), rng.normal(size=700), None, cages)
    splits = make_splits(cohort, "family", 1, seed=1)
    assert [name for name, _ in splits] == [f"fold {k}" for k in range(1, 11)]
    assert min(len(split.test) for _, split in splits) >= 69


def test_a_level_that_no_training_individual_has_gets_the_mean_of_the_others_whatever_its_name():
    sites = np.resize(np.arange(4), 240)
    rows = np.flatnonzero(np.resize([0] * 5 + [1], 240))  # one family alone has a fifth site
    sites[rows] = np.where(np.arange(len(rows)) % 2, 4, sites[rows])
    base = make_observed(design=None)
    phenotypes = base.phenotypes + 100 * sites
    tables = []
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0]):
        design = np.eye(5)[:, order][sites]
        cohort = make_observed(phenotypes=phenotypes, design=design)
        tables.append(compare(cohort, models=["ridge", "kernel"], splits=["family"]))
        ((_, split),) = [
            (name, s) for name, s in make_splits(cohort, "family", 1, 1) if name == "family 5"
        ]
        train = np.concatenate([split.train, split.validation])
        fixed, _ = comparison._fixed_effects(cohort, train)
        seen = [fixed[sites == site].mean() for site in range(4)]
        assert min(seen) < fixed[sites == 4].mean() < max(seen)
        means = [phenotypes[train][sites[train] == site].mean() for site in range(4)]
        np.testing.assert_allclose(seen, means)
    np.testing.assert_allclose(tables[0]["pearson_r"], tables[1]["pearson_r"], atol=1e-6)
    assert tables[0].query("split == 'family 5'")["n_unseen"].tolist() == [20, 20]
    assert tables[0].query("split != 'family 5'")["n_unseen"].eq(0).all()


def test_collinear_covariates_score_as_one():
    age = np.random.default_rng(2).integers(20, 60, 240).astype(float)
    base = make_observed(design=None)
    designs = (
        age[:, None],
        np.column_stack([age, 2 * age, 3 * age + 1]),
        np.column_stack([1e9 + age, 1e-9 * age]),
    )
    options = {"models": ["ridge", "kernel"], "n_splits": 2}
    scores = [
        compare(make_observed(phenotypes=base.phenotypes + age, design=design), **options)[
            "pearson_r"
        ]
        for design in designs
    ]
    for other in scores[1:]:
        np.testing.assert_allclose(other, scores[0], atol=1e-5)


@pytest.mark.parametrize("days", [20200101 + np.arange(24), 2020 + np.arange(24) / 1e6])
def test_cuts_that_differ_in_late_digits_alone_are_named_apart(days):
    named = make_splits(make_observed(times=np.repeat(days, 10)), "forward", 1, seed=1)
    assert [name for name, _ in named] == [f"after {days[k]}" for k in (13, 16, 20)]
    assert [len(split.test) for _, split in named] == [30, 40, 30]


def test_the_comparison_scores_what_genotypes_add_to_fixed_effects(cohort, table):
    assert set(table["status"]) == {"scored"}
    assert table.groupby(["split_kind", "replicate"])["n_imputed"].nunique().eq(1).all()
    missing = (cohort.genotypes.counts == MISSING).sum()
    assert (table.query("split_kind != 'forward'")["n_imputed"] == missing).all()
    r = table.query("model == 'ridge' and split_kind == 'random'")["pearson_r"]
    assert r.mean() > 0.9, (
        "the covariate's effect, forty times the noise of genotypes, must be taken away"
    )
    alone = compare(make_observed(design=None), models=["ridge", "kernel"], n_splits=4)
    assert alone.query("model == 'ridge'")["pearson_r"].mean() < 0.5


def test_only_training_individuals_are_learnt_from(cohort, monkeypatch):
    # a few epochs show what a network sees
    monkeypatch.setattr(training, "patient_epochs", lambda n_train: 20)
    monkeypatch.setattr(ensemble, "MAX_EPOCHS", 20)
    split = make_splits(cohort, "random", 1, seed=1)[0][1]
    changed = cohort.phenotypes.copy()
    changed[split.test] += 1e3 * np.arange(len(split.test))
    other = observe(cohort.genotypes, changed, cohort.design)
    tasks = [
        replace(comparison.make_task(c, split, 8, "cpu", 1)[0], mlp_max_epochs=20)
        for c in (cohort, other)
    ]
    swapped = Split(split.validation, split.train, split.test)
    for model, row in comparison.MODELS.items():
        # which individuals validate matters to networks alone
        other_split = split if row.is_network else swapped
        one = row.predict(tasks[0]).parts[0][1]
        two = row.predict(replace(tasks[1], split=other_split)).parts[0][1]
        np.testing.assert_array_equal(one, two, err_msg=model)
        assert np.isfinite(one).all()
    counts = cohort.genotypes.counts.copy()
    counts[split.test] = 2 - np.maximum(counts[split.test], 0)
    moved = observe(Dosages.from_counts(counts, 2), cohort.phenotypes, cohort.design)
    np.testing.assert_array_equal(
        comparison.make_task(moved, split, 8, "cpu", 1)[0].genotypes.centre,
        tasks[0].genotypes.centre,
    )


def test_a_binary_trait_is_scored_by_the_area_under_the_curve(cohort):
    liability = cohort.phenotypes - 200 * cohort.design[:, 0]
    binary = observe(
        cohort.genotypes, np.where(liability > np.median(liability), 7, 3), cohort.design
    )
    assert binary.binary
    assert set(binary.phenotypes) == {0, 1}
    table = compare(binary, models=["ridge", "kernel"], n_splits=3)
    assert table["pearson_r"].isna().all()
    assert (table["auc"] > 0.8).all()
    assert (table["fixed_auc"] < 0.7).all()
    assert "AUC" in verdict(table, MODEL_NAMES)[0]


def test_epistasis_is_found_and_its_absence_too():
    epistatic = compare(make_observed(400, epistasis=0.9), models=["ridge", "pairs"], n_splits=5)
    (sentence,) = verdict(epistatic, MODEL_NAMES)
    assert sentence.startswith("random splits: Sparse pairs predicts best, with a mean r of")
    assert sentence.endswith(": more than chance.")
    (sentence,) = verdict(
        compare(make_observed(), models=["ridge", "kernel"], n_splits=5), MODEL_NAMES
    )
    assert "stays the choice" in sentence or "Nothing here speaks against ridge" in sentence


def test_the_corrected_interval():
    differences = [0.1, 0.2, 0.3, 0.2]
    low, high = corrected_interval(differences, test_over_train=0.25)
    half = scipy.stats.t.ppf(0.975, 3) * np.sqrt((1 / 4 + 0.25) * np.var(differences, ddof=1))
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half))
    student = scipy.stats.ttest_1samp(differences, 0).confidence_interval()
    assert corrected_interval(differences, test_over_train=0) == pytest.approx(tuple(student))
    assert np.isnan(corrected_interval([0.1], 0.2)).all()


def test_the_corrected_interval_covers_where_student_s_does_not():
    """The mean over repeated splits of one cohort as an estimate for its population: ridge of one
    marker.
    """
    rng = np.random.default_rng(5)
    truth, n, draws = 0.0, 60, 15
    covered = {"corrected": 0, "student": 0}
    for _ in range(200):
        y = rng.normal(size=n)
        differences = []
        for _ in range(draws):
            order = rng.permutation(n)
            differences.append(y[order[:10]].mean())
        for name, ratio in (("corrected", 10 / 50), ("student", 0)):
            low, high = corrected_interval(differences, ratio)
            covered[name] += low <= truth <= high
    assert covered["corrected"] / 200 > 0.93
    assert covered["student"] / 200 < 0.9


def test_verdicts_say_what_is_shown():
    def made(*differences, kind="random"):
        rows = [
            {
                "split_kind": kind,
                "replicate": k,
                "model": model,
                "pearson_r": 0.5 + extra,
                "auc": np.nan,
            }
            | {"n_test": 10, "n_train": 60}
            for k, difference in enumerate(differences)
            for model, extra in (("ridge", 0), ("kernel", difference))
        ]
        return pd.DataFrame(rows)

    assert verdict(made(0.1, 0.11, 0.1), MODEL_NAMES)[0].endswith(": more than chance.")
    assert verdict(made(0.1, -0.05, 0.02), MODEL_NAMES)[0].endswith(
        "until more splits or data show a lead."
    )
    assert verdict(made(-0.1, -0.2), MODEL_NAMES)[0].endswith(
        "0.150 below. Nothing here speaks against ridge."
    )
    rounded = verdict(made(1e-16, 0.0, 2e-16), MODEL_NAMES)[0]
    assert rounded.endswith(
        "0.500, and so does Epistatic kernel. Nothing here speaks against ridge."
    )
    unscored = made(0.1, 0.2)
    for model in ("ridge", "kernel"):
        masked = unscored.assign(pearson_r=unscored["pearson_r"].mask(unscored["model"] == model))
        (sentence,) = verdict(masked, MODEL_NAMES)
        assert sentence.startswith("random splits: no model is scored in a split in which Ridge is")
    assert verdict(made(0.1), MODEL_NAMES)[0].endswith("One split has no interval: take more.")
    with pytest.raises(ValueError, match="table must hold a score, got none"):
        verdict(made(np.nan).assign(pearson_r=np.nan), MODEL_NAMES)


def test_models_are_ranked_on_the_splits_that_they_share_with_ridge():
    scores = {
        "ridge": [0.9, 0.8, 0.3, 0.2, np.nan],
        # a high mean, for it has no score where all are low
        "kernel": [0.88, 0.79, np.nan, np.nan, 0.9],
        "pairs": [0.92, 0.82, 0.32, 0.22, np.nan],
        "mlp": [np.nan, np.nan, 0.35, 0.25, np.nan],
    }
    rows = [
        {"split_kind": "random", "replicate": k, "model": model, "pearson_r": r, "auc": np.nan}
        | {"n_test": 10, "n_train": 60}
        for model, values in scores.items()
        for k, r in enumerate(values)
    ]
    table = pd.DataFrame(rows)
    found = against_ridge(table).loc["random"]
    assert found["splits"].to_dict() == {"ridge": 4, "kernel": 2, "pairs": 4, "mlp": 2}
    np.testing.assert_allclose(found["score"], [0.55, 0.835, 0.57, 0.3])
    np.testing.assert_allclose(found["difference"], [np.nan, -0.015, 0.02, 0.05])
    # of three models together
    expected = corrected_interval([-0.02, -0.01], 10 / 60, level=1 - 0.05 / 3)
    np.testing.assert_allclose(found.loc["kernel", ["low", "high"]].astype(float), expected)
    (sentence,) = verdict(table, MODEL_NAMES)
    assert (
        "MLP predicts best, with a mean r of 0.300, +0.050 against ridge's 0.250 in the splits in"
        in sentence
    )
    assert "which both are scored, 2 of 4, 95 % interval" in sentence
    (sentence,) = verdict(table.query("model != 'mlp'"), MODEL_NAMES)
    assert (
        "Sparse pairs predicts best, with a mean r of 0.570, +0.020 against ridge's 0.550, 95 %"
        in sentence
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"models": ["ridge", "forest"]},
            "models must be of ridge, mlp, .*, kernel, .*, pairs, .*, got forest",
        ),
        (
            {"models": ["kernel", "mlp"]},
            "models must hold ridge and at least one other, got kernel, mlp",
        ),
        ({"hidden_width": 0}, "hidden_width must be at least 1, got 0"),
        ({"n_splits": 0}, "n_splits must be at least 1, got 0"),
        ({"n_splits": 1001}, "n_splits must be at most 1000, got 1001"),
        ({"splits": ["years"]}, "splits must be of random, family, folds, forward, got 'years'"),
        (
            {"splits": []},
            "splits must name at least one of random, family, folds and forward, got none",
        ),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(cohort, changes, message):
    with pytest.raises(ValueError, match=message):
        compare(cohort, **changes)


def test_more_splits_than_memory_holds_are_refused_before_the_first_is_drawn(cohort):
    with pytest.raises(ValueError, match="n_splits must be at most 1000, got 1001"):
        make_splits(cohort, "random", comparison.MOST_SPLITS + 1, seed=1)
    assert len(make_splits(cohort, "random", comparison.MOST_SPLITS, seed=1)) == 1000


def test_cohorts_that_cannot_be_split_are_refused(cohort):
    few = make_observed(groups=np.repeat(["a", "b"], [235, 5]), times=None)
    with pytest.raises(
        ValueError, match=r"group must have at least 2 groups of at least 10 .*, got 0 among 2"
    ):
        compare(few, splits=["family"])
    with pytest.raises(
        ValueError,
        match="time must name a column of the phenotype table for forward splits, got none",
    ):
        compare(few, splits=["forward"])
    with pytest.raises(
        ValueError, match=r"time must tell at least 3 periods .*, got 1 different times"
    ):
        compare(make_observed(times=np.full(240, 2020)), splits=["forward"])
    with pytest.raises(ValueError, match="group must name a column"):
        compare(make_observed(groups=None), splits=["family"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y: y + 1e12,
            r"standard deviation above 1e-09 of their largest value, 1e\+12, got .*Subtract a constant",
        ),
        (
            lambda y: y * 1e-300,
            r"range from 1e-150 to 1e\+150, got -.*e-298 to .*e-298: .*in another unit",
        ),
        (
            lambda y: y * 1e300,
            r"range from 1e-150 to 1e\+150, got -.*e\+302 to .*e\+302: .*in another unit",
        ),
        (
            lambda y: np.arange(-120, 120) * 1.4e306,
            r"range from .*, got -1\.68e\+308 to 1\.666e\+308",
        ),
    ],
)
def test_a_trait_whose_scale_loses_its_variation_is_refused(change, message):
    phenotypes = make_observed(design=None).phenotypes
    with pytest.raises(ValueError, match=f"phenotypes must have a {message}"):
        make_observed(phenotypes=change(phenotypes), design=None)


def test_a_trait_of_a_small_or_large_scale_or_offset_is_taken():
    cohort = make_observed(design=None)
    options = {"models": ["ridge", "kernel"], "n_splits": 1}
    expected = compare(cohort, **options)["pearson_r"]
    for changed in (cohort.phenotypes * 1e-100, cohort.phenotypes * 1e100, cohort.phenotypes + 1e8):
        found = compare(make_observed(phenotypes=changed, design=None), **options)["pearson_r"]
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_outliers_beside_which_others_do_not_vary_are_named(cohort):
    (_, split), *_ = make_splits(cohort, "random", 1, seed=1)
    phenotypes = np.random.default_rng(0).normal(size=240)
    phenotypes[split.test[0]] = 1e11
    with pytest.raises(
        ValueError, match=r"largest value, 1e\+11, got .*: .* or leave out outliers"
    ):
        compare(make_observed(phenotypes=phenotypes, design=None), n_splits=1)


@pytest.mark.parametrize("quantitative", [False, True])
def test_too_few_cases_are_refused_before_anything_is_fitted(monkeypatch, cohort, quantitative):
    monkeypatch.setattr(comparison, "fit_and_score", lambda *_: pytest.fail("a model was fitted"))
    options = {"models": ["ridge", "kernel"], "n_splits": 4, "seed": 1}
    drawn = [split for _, split in make_splits(cohort, "random", 4, seed=1)]
    tested, never = (
        drawn[-1].test,
        np.setdiff1d(np.arange(240), np.concatenate([split.test for split in drawn])),
    )
    for rows, message in (
        (tested, "must vary in every training split, got 0 for all 204 of one"),
        (
            never,
            "must vary among the test individuals of a split at least, got 0 such of 4 random splits",
        ),
    ):
        phenotypes = np.zeros(240)
        phenotypes[rows[: 1 + quantitative]] = [1, 2][: 1 + quantitative]
        few = make_observed(phenotypes=phenotypes, design=None)
        assert few.binary != quantitative
        with pytest.raises(
            ValueError, match=f"phenotypes {message}: {1 + quantitative} of 240 individuals have"
        ):
            compare(few, **options)


def test_a_split_that_tests_no_case_is_constant_beside_others_that_are_scored(cohort):
    phenotypes = np.zeros(240)
    phenotypes[1:240:6] = np.arange(40) % 2  # half of family 1, and one of family 2
    phenotypes[2] = 1
    found = compare(
        make_observed(phenotypes=phenotypes), models=["ridge", "kernel"], splits=["family"]
    )
    scored = set(found.query("status == 'scored'")["split"])
    assert scored == {"family 1", "family 2"}
    assert set(found["status"]) == {"scored", "constant"}


@pytest.mark.parametrize("binary", [False, True])
def test_a_model_that_predicts_all_alike_is_constant(cohort, monkeypatch, binary):
    def alike(task, model):
        return Prediction([(task.split.test, np.full((len(task.split.test), 1), 0.1))])

    monkeypatch.setattr(kernels, "predict", alike)
    liability = cohort.phenotypes - 200 * cohort.design[:, 0]
    phenotypes = np.where(liability > np.median(liability), 1, 0) if binary else liability
    options = {"models": ["ridge", "kernel"], "n_splits": 1}
    alone = compare(make_observed(phenotypes=phenotypes, design=None), **options).set_index("model")
    assert alone["status"].to_dict() == {"ridge": "scored", "kernel": "constant"}
    assert alone.loc["kernel", ["pearson_r", "auc"]].isna().all()
    beside_a_covariate = compare(make_observed(phenotypes=phenotypes), **options).set_index("model")
    assert beside_a_covariate.loc["kernel", "status"] == ("scored" if binary else "constant")


def test_what_cannot_be_compared_is_refused(cohort, monkeypatch):
    with pytest.raises(ValueError, match="phenotypes must vary, all 240 are 3"):
        make_observed(phenotypes=np.full(240, 3))
    with pytest.raises(
        ValueError, match="phenotypes must have 240 rows, one per individual, got 239"
    ):
        make_observed(phenotypes=np.arange(239))
    with pytest.raises(ValueError, match=r"genotypes\.n_samples must be at least 40, got 36"):
        make_observed(36)
    with pytest.raises(ValueError, match="groups must have 240 values"):
        make_observed(groups=["a"])
    with pytest.raises(ValueError, match="they explain all of it"):
        compare(make_observed(phenotypes=make_observed().design[:, 0] * 2 + 1))
    few = replace(comparison.MODELS["pairs"], most_markers=19)
    monkeypatch.setitem(comparison.MODELS, "pairs", few)
    with pytest.raises(
        ValueError, match=r"n_markers must be at most 19 for the model pairs, .* got 20: thin"
    ):
        compare(cohort)


@pytest.mark.parametrize(
    ("sizes", "tested"),
    [
        ([40, 40, 40], [40, 40]),
        ([30] * 4, [30, 30]),
        ([50, 50, 15, 5], [50, 20]),
        ([20] * 6, [20, 20]),
    ],
)
def test_a_few_periods_are_enough(sizes, tested):
    times = np.repeat(np.arange(len(sizes)), sizes)
    cohort = observe(
        Dosages.from_counts(np.zeros((120, 2), np.int8), 2), np.arange(120.0), times=times
    )
    splits = make_splits(cohort, "forward", 1, 1)
    assert [len(split.test) for _, split in splits] == tested
    for _, split in splits:
        assert (
            times[np.concatenate([split.train, split.validation])].max() < times[split.test].min()
        )
