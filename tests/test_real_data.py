"""The page of real data: its tables on a small one, and its sentences on the table that ships."""

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from epidl.grid import contrasts, results
from epidl.own import registry
from epidl_book import real_data

SPARSE = {"trees", "lasso_path", "lasso_pairs"}
RELATIVES = {"ridge", "kernel", "gaussian"}


def splits(dataset, trait, protocol, **r):
    """Rows of a table: r of each model on each split."""
    rows = []
    for model, values in r.items():
        for number, value in enumerate(values, start=1):
            rows.append({"model": model, "replicate": number, "pearson_r": value})
    place = {"dataset": dataset, "trait": trait, "protocol": protocol, "n_test": 15, "n_train": 85}
    unused = {"r_within": np.nan, "explained": np.nan, "grouped": protocol != "random"}
    return pd.DataFrame(rows).assign(**place, **unused)


@pytest.fixture(scope="module")
def table():
    return pd.concat(
        [
            splits("mice", "a", "family", ridge=[0.3, 0.4], mlp=[0.1, 0.2]),
            splits("mice", "a", "random", ridge=[0.5, 0.6], mlp=[0.5, 0.7]),
            splits("yeast", "a", "random", ridge=[0.5, 0.4], mlp=[0.6, 0.52], pairs=[0.1, 0.2]),
            splits("yeast", "b", "random", ridge=[0.3, 0.3], mlp=[0.3, 0.1]),
        ]
    )


def test_crosses_come_first_and_the_headline_is_of_whole_groups(table):
    compared = contrasts.headline(contrasts.between_splits(table))
    assert real_data.order(compared) == ["yeast", "mice"]
    assert set(zip(compared["dataset"], compared["protocol"], strict=True)) == {
        ("mice", "family"),
        ("yeast", "random"),
    }


def test_a_mean_is_over_the_traits_that_all_models_have_and_a_count_needs_all_traits(table):
    compared = contrasts.headline(contrasts.between_splits(table))
    means, counts = real_data.accuracies(compared), real_data.how_often_best(compared)
    assert means["yeast"].to_dict() == {"Ridge": "0.45", "MLP": "0.56", "Sparse pairs": "0.15"}
    assert means["mice"].to_dict() == {"Ridge": "0.35", "MLP": "0.15", "Sparse pairs": "–"}
    assert counts["yeast"].to_dict() == {
        "Ridge": "1 (2)",
        "MLP": "1 (2)",
        "Sparse pairs": "–",
        "traits": "2",
    }


def test_all_kinds_of_splits_of_cohorts_with_groups_are_shown(table):
    shown = real_data.by_splits(table)
    assert list(shown.index) == [("mice", "family"), ("mice", "random")]
    assert list(shown["MLP"]) == ["0.15", "0.60"]


@pytest.fixture(scope="module")
def shipped():
    table = results.read_table(ROOT / "book" / "data" / "real.csv")
    return contrasts.between_splits(contrasts.real_traits(table))


def gains(compared):
    return compared.groupby(["dataset", "model"])["difference"].mean().unstack()


def test_what_the_page_says_of_kinds_of_populations_is_so(shipped):
    gain = gains(contrasts.headline(shipped))
    for name, best in gain.idxmax(axis=1).items():
        kind = registry.cohorts()[name].kind
        assert (kind == "cross") <= (best in SPARSE), name
        assert (kind == "landscape") == (best == "mlp"), name
    crosses = contrasts.headline(shipped).query("dataset in ['yeast', 'arabidopsis']")
    assert crosses.query("model == 'ridge'")["best"].mean() > 0.7, "seldom shown to be behind"
    assert set(gain.loc[["maize", "pine", "wheat"]].idxmax(axis=1)) <= RELATIVES
    assert (gain.loc[["maize", "pine", "wheat"], ["lasso_path", "lasso_pairs"]] < 0).all(axis=None)
    relatives = [n for n in gain.index if registry.cohorts()[n].kind in ("families", "lines")]
    assert (gain.loc[relatives] < 0.05).all(axis=None)
    others = gain.loc[["soybean", "mice"]].drop(columns="mlp")
    assert others.abs().max(axis=None) < 0.03, "close to ridge"
    assert 0 < gain.loc["ribozyme", "kernel"] < gain.loc["ribozyme", "mlp"]


def test_what_the_page_says_of_whole_families_is_so(shipped):
    maize = gains(shipped[(shipped["dataset"] == "maize") & (shipped["protocol"] == "random")])
    assert abs(maize.loc["maize", "lasso_path"]) < 0.01
    r = shipped.groupby(["dataset", "protocol", "model"])["pearson_r"].mean()
    for dataset in ("maize", "pine"):
        for group in registry.cohorts()[dataset].groups:
            lost = r[dataset, "random"] - r[dataset, group]
            assert (lost > 0).all()
            assert lost.idxmax() in SPARSE


def test_the_tuned_network_is_compared_on_its_own_splits_alone(table):
    part = splits("yeast", "a", "random", mlp_ensemble=[0.62])
    other = splits("landscape", "y", "random", mlp_ensemble=[0.9], ridge=[0.1])
    both = pd.concat([table, part, other])
    assert set(contrasts.real_traits(both)["model"]) == {"ridge", "mlp", "pairs"}
    tuned = contrasts.tuned_traits(both)
    assert set(zip(tuned["dataset"], tuned["trait"], tuned["replicate"], strict=True)) == {
        ("yeast", "a", 1)
    }
    compared = contrasts.between_splits(contrasts.headline(tuned))
    assert real_data.tuned_in_words(compared) == {
        "traits": "1",
        "over_mlp": "1",
        "over_ridge": "1",
        "shown": "0",
        "over_all": "1",
        "more": "+0.02",
    }
    (ax,) = real_data.tuned_gains(compared).axes
    drawn = {line.get_label(): line.get_xdata()[0] for line in ax.get_lines()[1:]}
    assert drawn["tuned network"] == pytest.approx(0.12)
    assert drawn["best of the other models"] == pytest.approx(0.0)


def test_what_the_page_says_of_the_tuned_network_is_so():
    table = results.read_table(ROOT / "book" / "data" / "real.csv")
    compared = contrasts.between_splits(contrasts.headline(contrasts.tuned_traits(table)))
    words = real_data.tuned_in_words(compared)
    assert int(words["over_mlp"]) > int(words["traits"]) / 2, "in most rows to the right of the MLP"
    assert int(words["over_all"]) < int(words["traits"]) / 4, "in nearly all another is further"
    gain = compared.pivot(index=["dataset", "trait"], columns="model", values="difference")
    worst = gain.nsmallest(3, "mlp")
    assert (worst["mlp_ensemble"] > worst["mlp"] / 2).all(), "settings explain the worst losses"
    traits = compared.drop_duplicates(["dataset", "trait"])["dataset"].value_counts()
    assert set(traits) <= {1, 2, 3}
    assert set(traits.index) == set(registry.real_cohorts())


# --- The learning curve, what can be known beforehand, and what papers printed ----------------------


@pytest.fixture(scope="module")
def curve():
    return real_data.read_curve()


def test_a_network_is_ahead_from_the_first_size_after_which_it_never_falls_behind():
    rows = []
    for n_train, r in {60: (0.3, 0.2), 125: (0.3, 0.4), 250: (0.5, 0.4), 500: (0.5, 0.6)}.items():
        rows += [{"n_train": n_train, "model": "ridge", "pearson_r": r[0]}]
        rows += [{"n_train": n_train, "model": "mlp", "pearson_r": r[1]}]
    curve = pd.DataFrame(rows)
    assert real_data.ahead_from(curve, ["ridge"]) == "500"
    assert real_data.ahead_from(curve[curve["n_train"] < 500], ["ridge"]) == "never"


def test_what_the_page_says_of_the_learning_curve_is_so(curve):
    r = curve.groupby(["n_train", "model"])["pearson_r"].mean().unstack()
    fewest, most = r.iloc[0].dropna(), r.iloc[-1].dropna()
    assert most.idxmax() == "mlp"
    assert fewest.idxmax() in RELATIVES | {"orders"}
    both = r[["orders", "gaussian"]].dropna()
    assert (both["orders"] - both["gaussian"]).max() < 0.02
    assert (both["orders"] - both["gaussian"]).abs().median() < 0.02
    # said with a number of genotypes each
    for model in ("ridge", "kernel", "gaussian"):
        assert real_data.ahead_from(curve, [model]) != "never"
    assert real_data.curve_in_words(curve)["all"] == real_data.ahead_from(curve, ["gaussian"])
    assert set(curve["n_test"]) == {10_000}


def test_what_the_page_says_of_the_share_of_pairs_is_so():
    table = contrasts.real_traits(results.read_table(ROOT / "book" / "data" / "real.csv"))
    compared = contrasts.headline(contrasts.between_splits(table))
    words = real_data.share_in_words(table, compared)
    assert float(words["rho"]) > 0.4
    assert int(words["behind"]) > 0.8 * int(words["few"])
    both = compared.pivot_table(index=["dataset", "trait"], columns="model", values="difference")
    share = real_data.with_share(table, compared, "mlp").set_index(["dataset", "trait"])["share"]
    many = both.loc[share.index[share >= 0.2]]
    assert int(words["many"]) == len(many) == len(share.dropna()) - int(words["few"])
    # no promise: mostly the kernel is as good
    assert int(words["kernel"]) == (many["kernel"] >= many["mlp"]).sum() > len(many) / 2


def test_published_accuracies_are_next_to_ours_of_the_same_splits(shipped):
    beside = real_data.published(shipped)
    assert beside["ours"].notna().all()
    wheat = beside[beside["model"] == "ridge"].iloc[0]
    place = {"dataset": "wheat", "trait": wheat["trait"], "protocol": wheat["protocol"]}
    own = shipped[(shipped[list(place)] == pd.Series(place)).all(axis=1)].set_index("model")
    assert wheat["ours"] == own.loc["ridge", "pearson_r"]
    yeast = beside[beside["dataset"] == "yeast"]
    explained = shipped[shipped["dataset"] == "yeast"].groupby("trait")["explained"].max()
    np.testing.assert_allclose(yeast["ours"], explained[yeast["trait"]])
    means = real_data.published_means(beside)
    assert (means["theirs"] - means["ours"]).abs().max() < 0.05  # close, says the page


def test_seconds_are_the_median_of_a_cohort_s_fits():
    table = results.read_table(ROOT / results.DATA / "real.csv")
    shown = real_data.seconds(table)
    wheat = table[(table["dataset"] == "wheat") & (table["model"] == "ridge")]["seconds"]
    assert shown.loc[("wheat", 599, 1278), "ridge"] == f"{wheat.median():.1f}"
    assert set(shown.index.get_level_values("cohort")) == set(registry.real_cohorts())
