"""The words of the page of takeaways, from small tables with known means."""

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from epidl.grid import contrasts, results
from epidl.grid.params import RidgeVsSgdCell, ScalingCell
from epidl_book import approach, phrases, takeaways


def rows(r_by_model: dict[str, dict[float, float]], replicates: int = 3) -> pd.DataFrame:
    """A table of one trait: each model's mean r by scaling, with one noise a cohort that all models
    share.
    """
    return pd.DataFrame(
        {
            "cell": f"n1000_scaling{scaling:g}",
            "n_samples": 1000,
            "scaling": scaling,
            "replicate": replicate,
            "trait": 1,
            "protocol": "held_out",
            "model": model,
            "pearson_r": r + 0.01 * replicate * (model == "mlp"),
        }
        for model, r_by_scaling in r_by_model.items()
        for scaling, r in r_by_scaling.items()
        for replicate in range(-1, replicates - 1)
    )


def test_a_lead_counts_until_the_first_interval_that_holds_zero():
    # differences within a cohort are -0.01, 0, +0.01 about the mean: an interval of +-0.025 (t =
    # 4.30, two degrees)
    table = rows(
        {
            "ridge": dict.fromkeys([0.1, 1.0, 4.0, 20.0], 0.5),
            "mlp": {0.1: 0.9, 1.0: 0.6, 4.0: 0.51, 20.0: 0.6},
        }
    )
    assert takeaways.lead_until(table, "mlp", "ridge") == "1"
    assert takeaways.lead_until(table, "ridge", "mlp") == "nowhere"
    larger = table.assign(n_samples=10_000, cell="large", pearson_r=0.1)
    assert takeaways.lead_until(pd.concat([table, larger]), "mlp", "ridge") == "1"


def test_accuracies_are_means_of_one_protocol():
    table = rows({"ridge": {0.1: 0.5, 1.0: 0.25}, "mlp": {0.1: 0.9}})
    assert takeaways.accuracies(table) == {"ridge": "0.38", "mlp": "0.90"}
    failed = table.assign(pearson_r=table["pearson_r"].mask(table["model"] == "mlp", np.nan))
    assert takeaways.accuracies(failed)["mlp"] == "no r (its fits failed)"
    mixed = pd.concat([table, table.assign(protocol="published")])
    for function in (
        takeaways.accuracies,
        lambda both: takeaways.lead_until(both, "mlp", "ridge"),
    ):
        with pytest.raises(ValueError, match="table must hold one protocol"):
            function(mixed)


def test_a_span_of_differences():
    assert phrases.span(pd.Series([0.1, -0.05, 0.02])) == "-0.05 to +0.10"
    assert phrases.span(pd.Series([0.101, 0.102])) == "+0.10"


def test_the_parameters_of_experiments_stand_side_by_side():
    shared = {"n_replicates": 2, "broad_sense_heritability": 0.999, "rel_aa": [0, 0.5], "seed": 1}
    shared |= {"models": ["ridge", "ridge_sgd"], "protocols": ["published"]}
    grids = {
        "ridge_vs_sgd": [RidgeVsSgdCell(n_samples=n, scaling=1, **shared) for n in (1000, 10_000)],
        "scaling": [
            ScalingCell(n_samples=1000, scaling=s, hidden_width=4096, **shared)
            for s in (0.5, 1, 0.5)
        ],
    }
    table = approach.parameter_table(grids)
    assert table.loc["n_samples"].tolist() == ["individuals in the cohort", "1000; 10000", "1000"]
    assert table.loc["scaling", "scaling"] == "0.5; 1"
    assert table.loc["rel_aa", "scaling"] == "0, 0.5"
    assert table.loc["hidden_width", ["ridge vs sgd", "scaling"]].tolist() == ["–", "4096"]
    assert table.loc["drop_ragged_batch", "scaling"] == "False"
    assert not {"experiment", "profile", "device", "n_threads"} & set(table.index)


# --- What the page says, on the tables that ship -----------------------------------------------------


def headline(**cohorts: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Rows of a comparison on real cohorts: each model's difference to ridge by trait."""
    found = []
    for dataset, traits in cohorts.items():
        for trait, models in traits.items():
            for model, difference in {"ridge": 0.0, **models}.items():
                found.append({"dataset": dataset, "trait": trait, "model": model})
                found[-1] |= {"difference": difference, "low": difference - 0.1}
                found[-1] |= {"high": difference + 0.1, "best": difference < 0.2}
    return pd.DataFrame(found)


def test_words_of_real_cohorts_count_the_models_that_the_page_names():
    compared = headline(
        yeast={
            "a": {"trees": 0.1, "mlp": 0.3, "lasso_path": 0.0, "lasso_pairs": 0.02},
            "b": {"trees": 0.2, "mlp": -0.3, "lasso_path": 0.01, "lasso_pairs": 0.05},
        },
        wheat={"a": {"kernel": 0.02, "trees": 0.01}},
    )
    words = takeaways.real_in_words(compared)
    assert (words["cross_best"], words["cross_traits"]) == ("1", "2")
    assert (words["relatives_best"], words["relatives_traits"]) == ("1", "1")
    assert (words["mlp_ahead"], words["mlp_behind"]) == ("1", "1")
    assert words["cross_ridge_ties"] == "2"
    assert words["cross_pairs"] == "+0.03"
    assert (words["traits"], words["cohorts"]) == ("3", "2")


@pytest.fixture(scope="module")
def compared():
    table = contrasts.real_traits(results.read_table(ROOT / "book" / "data" / "real.csv"))
    return takeaways.with_kind(contrasts.headline(contrasts.between_splits(table)))


def test_the_advice_for_each_kind_of_population_is_what_the_real_cohorts_show(compared):
    words = takeaways.real_in_words(compared)
    assert int(words["cross_best"]) > 0.8 * int(words["cross_traits"])
    assert (words["landscape_best"], words["landscape_traits"]) == ("1", "1")
    gain = compared.groupby(["advice", "dataset", "model"])["difference"].mean().unstack()
    relatives = gain.loc["relatives"]
    assert relatives.max(axis=None) < 0.05  # none far ahead of ridge
    assert relatives[["kernel", "gaussian"]].min(axis=None) > -0.02  # a kernel never far behind
    cross = gain.loc["cross"]
    assert (cross[["trees", "lasso_path", "lasso_pairs"]] > 0).all(axis=None)
    assert (cross["lasso_pairs"] - cross["lasso_path"]).max() < 0.01  # single loci lead, not pairs


def test_what_the_tabs_say_of_simulations_is_so():
    table = results.read_table(ROOT / "book" / "data" / "beyond.csv")
    main = phrases.own_cohorts(table[table["protocol"] == "held_out"])
    small = phrases.epistatic_traits(phrases.smallest_cohorts(main))
    r = small.pivot_table(index="scaling", columns="model", values="pearson_r")
    assert abs(r.loc[7, "mlp"] - r.loc[7, "ridge"]) < 0.03  # about equally well
    assert r.loc[7, "oracle"] > 0.98  # almost perfectly
    assert abs(r.loc[4, "mlp_patient"] - r.loc[4, "mlp"]) < 0.03  # training longer changes little
    assert (r["kernel"] > r["mlp"]).all()  # the limit is the network's
    assert r["pairs"].min() > 0.98  # a search for pairs predicts almost everything
    for scaling in (1, 2):  # boosted trees are ahead of the network
        assert r.loc[scaling, "trees"] > r.loc[scaling, "mlp"] + 0.03
