"""The words of the page of takeaways, from small tables with known means."""

import numpy as np
import pandas as pd
import pytest

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
    words = takeaways.lead_over_scalings(table, "mlp", "ridge")
    assert words == {
        "low": "+0.40",
        "high": "+0.10",
        "scaling_low": "0.1",
        "scaling_high": "20",
        "until": "1",
    }
    assert takeaways.lead_over_scalings(table, "ridge", "mlp")["until"] == "nowhere"
    larger = table.assign(n_samples=10_000, cell="large", pearson_r=0.1)
    assert takeaways.lead_over_scalings(pd.concat([table, larger]), "mlp", "ridge") == words


def test_accuracies_are_means_of_one_protocol():
    table = rows({"ridge": {0.1: 0.5, 1.0: 0.25}, "mlp": {0.1: 0.9}})
    assert takeaways.accuracies(table) == {"ridge": "0.38", "mlp": "0.90"}
    failed = table.assign(pearson_r=table["pearson_r"].mask(table["model"] == "mlp", np.nan))
    assert takeaways.accuracies(failed)["mlp"] == "no r (its fits failed)"
    mixed = pd.concat([table, table.assign(protocol="published")])
    for function in (
        takeaways.accuracies,
        lambda both: takeaways.lead_over_scalings(both, "mlp", "ridge"),
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
    assert table.loc["hidden_width", ["ridge_vs_sgd", "scaling"]].tolist() == ["–", "4096"]
    assert table.loc["drop_ragged_batch", "scaling"] == "False"
    assert not {"experiment", "profile", "device", "n_threads"} & set(table.index)
