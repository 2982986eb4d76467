"""The page of your machine's run: small tables of a run beside shipped ones with known differences."""

import numpy as np
import pandas as pd
import pytest

from epidl_book import your_run


def table(changes: dict[str, float], width: int = 512, replicates: int = 2) -> pd.DataFrame:
    """A table of one cell with an additive and an epistatic trait, whose r is 0.4 and 0.6 plus a
    change by model.
    """
    rows = []
    for model, change in changes.items():
        for replicate in range(1, replicates + 1):
            for trait, rel_aa in enumerate((0, 3), start=1):
                rows.append(
                    {
                        "cell": "a",
                        "n_samples": 1000,
                        "scaling": 1.0,
                        "replicate": replicate,
                        "protocol": "published",
                        "model": model,
                        "trait": trait,
                        "rel_aa": rel_aa,
                        "hidden_width": width if model == "mlp" else 0,
                        "pearson_r": 0.2 * trait + 0.2 + change,
                    }
                )
    return pd.DataFrame(rows)


RUN = table({"ridge": 0.0, "ridge_sgd": 0.0, "mlp": 0.1})
SHIPPED = table({"ridge": 0.0, "ridge_sgd": 0.005, "mlp": 0.3}, width=4096)


def test_fits_of_the_same_cohort_are_compared_by_kind_of_model():
    both = your_run.beside_shipped(RUN, SHIPPED.iloc[::-1])
    by_model = both.groupby("model")
    assert by_model["kind"].first().to_dict() == {
        "ridge": "exact",
        "ridge_sgd": "trained",
        "mlp": "other",
    }
    found = your_run.agreement_by_kind(both)
    assert found["mean difference in r"].tolist() == [0, -0.005, -0.2]
    assert found["values"].tolist() == [4, 4, 4]
    records = {"scaling": [{"seconds": 90.0, "device": "a CPU"}]}
    words = your_run.run_in_words(both, records)
    assert words["verdict"].endswith("8 of the 12 that ship too are within 0.01 of their r")
    assert words["time"] == "90 seconds"


def test_a_condition_has_its_means_here_and_shipped_and_a_dash_for_what_is_not_there():
    without = SHIPPED[(SHIPPED["model"] != "ridge_sgd") | (SHIPPED["replicate"] == 1)]
    shown = your_run.condition_table(
        your_run.beside_shipped(RUN, without), ["scaling"], other="shipped"
    )
    assert shown.index.tolist() == [
        ("1,000 individuals, scaling 1", "here"),
        ("1,000 individuals, scaling 1", "shipped"),
    ]
    # of the epistatic trait alone
    assert shown.to_numpy().tolist() == [["0.60", "0.60", "0.70"], ["0.60", "–", "0.90"]]


@pytest.mark.parametrize("run", [{}, {"scaling": RUN.assign(cell="another")}])
def test_nothing_is_compared_if_nothing_was_computed_or_ships(run, tmp_path, monkeypatch):
    monkeypatch.setattr(your_run.results, "read_table", lambda path: SHIPPED)
    values = your_run.all_values(run, tmp_path)
    assert values.empty
    assert your_run.agreement_by_kind(values).empty
    assert your_run.run_in_words(values, {})["verdict"].startswith("Nothing was computed")
    assert your_run.read_run(tmp_path) == {}
    assert np.isnan(your_run.beside_shipped(RUN, SHIPPED.assign(cell="b"))["shipped"]).all()
