"""The page of your machine's run: small tables of a run beside shipped ones with known differences."""

import pandas as pd
import pytest

from epidl_book import your_run


def table(changes: dict[str, float], width: int) -> pd.DataFrame:
    """A table of two cohorts with an additive and an epistatic trait, whose r is 0.4 and 0.6 plus a
    change by model.
    """
    rows = []
    for model, change in changes.items():
        for replicate in (1, 2):
            for trait, rel_aa in enumerate((0, 3), start=1):
                keys = {"cell": "a", "replicate": replicate, "protocol": "published"}
                keys |= {"model": model, "trait": trait, "rel_aa": rel_aa}
                keys |= {"hidden_width": width if model == "mlp" else 0}
                rows.append(keys | {"pearson_r": 0.2 * trait + 0.2 + change})
    return pd.DataFrame(rows).assign(n_samples=1000, scaling=1.0)


RUN = table({"ridge": 0.0, "ridge_sgd": 0.0, "mlp": 0.1}, width=512)
SHIPPED = table({"ridge": 0.0, "ridge_sgd": 0.005, "mlp": 0.3}, width=4096).iloc[::-1]


@pytest.fixture
def ship(monkeypatch):
    """Let a table be the one that ships."""
    return lambda shipped: monkeypatch.setattr(your_run.results, "read_table", lambda _: shipped)


def test_fits_of_the_same_cohort_are_compared_by_model_and_width(ship):
    ship(SHIPPED)
    values = your_run.compare({"scaling": RUN})
    found = your_run.agreement_by_model(values)
    assert found["mean difference in r"].to_dict() == {
        "MLP": "-0.2",
        "Ridge": "0",
        "Ridge by SGD": "-0.005",
    }
    assert found.loc["MLP", ["units here", "units shipped"]].tolist() == ["512", "4,096"]
    assert found.loc["Ridge", "units here"] == "–"
    parts = [{"seconds": 45.0, "device": "a CPU", "fits": [f"a {k} published mlp"]} for k in (1, 2)]
    words = your_run.run_in_words(values, {"scaling": parts})
    assert words["cells"] == "1 cells"
    assert words["verdict"] == "8 of 12 accuracies came out within 0.01 of the shipped ones"
    assert words["time"] == "90 seconds"


def test_a_condition_has_its_means_here_and_shipped_and_a_dash_for_what_is_not_there(ship):
    ship(SHIPPED[(SHIPPED["model"] != "ridge_sgd") | (SHIPPED["replicate"] == 1)])
    both = your_run.beside_shipped("scaling", RUN)
    shown = your_run.condition_table(both, ["scaling"], "shipped")
    where = "1,000 individuals, scaling 1"
    assert shown.index.tolist() == [(where, "here"), (where, "shipped")]
    # of the epistatic trait alone
    assert shown.to_numpy().tolist() == [["0.60", "0.60", "0.70"], ["0.60", "–", "0.90"]]


@pytest.mark.parametrize("run", [{}, {"scaling": RUN.assign(cell="another")}])
def test_nothing_is_compared_if_nothing_was_computed_or_ships(run, ship, tmp_path):
    ship(SHIPPED)
    values = your_run.compare(run)
    assert values.empty
    assert your_run.run_in_words(values, {})["verdict"].startswith("Nothing was computed")
    assert your_run.read_run(tmp_path) == {}
