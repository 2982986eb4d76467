"""Parameter files and cells: what they expand to, and how mistakes in them are reported."""

import re
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from epidl.grid.params import (
    CELL_TYPES,
    CorrelationCell,
    DilutionCell,
    ParameterError,
    RidgeVsSgdCell,
    ScalingCell,
    load_grids,
    make_cell,
    qtl_for_scaling,
)

SCALINGS = [0.1, 0.2, 0.3, 0.5, 1, 2, 4, 7, 12, 20]
SCALING_FILE = ROOT / "params" / "scaling.yml"
CELL = {
    "n_samples": 200,
    "scaling": 1.0,
    "n_replicates": 1,
    "rel_aa": [0, 1],
    "broad_sense_heritability": 0.999,
    "models": ["ridge"],
    "protocols": ["published"],
    "hidden_width": 8,
    "seed": 1,
}


def test_the_publication_s_numbers_of_qtl():
    assert [qtl_for_scaling(s, 1000) for s in SCALINGS] == [
        16,
        22,
        26,
        32,
        46,
        64,
        90,
        120,
        156,
        202,
    ]
    expected = [448, 634, 776, 1002, 1416, 2002, 2830, 3742, 4900, 6326]
    assert [qtl_for_scaling(s, 10**6) for s in SCALINGS] == expected


@given(st.floats(0.01, 100), st.integers(20, 10**7))
def test_the_number_of_qtl_is_even_and_gives_the_scaling(scaling, n_samples):
    q = qtl_for_scaling(scaling, n_samples)
    assert q % 2 == 0
    assert (q - 3) * (q - 2) / 2 <= scaling * n_samples <= q * (q + 1) / 2


def test_the_full_grid_is_the_publication_s():
    cells = load_grids(SCALING_FILE)["full"]
    assert sum(cell.n_replicates for cell in cells) == 10 * (10 + 10 + 5 + 3)
    assert {cell.n_samples for cell in cells} == {10**3, 10**4, 10**5, 10**6}
    for n_samples in (10**3, 10**4, 10**5, 10**6):
        assert [cell.scaling for cell in cells if cell.n_samples == n_samples] == SCALINGS
    for cell in cells:
        assert cell.rel_aa == (0, 0.1, 0.5, 1, 3)
        assert (cell.broad_sense_heritability, cell.hidden_width) == (0.999, 4096)
        assert (cell.mlp_learning_rate, cell.mlp_max_epochs, cell.drop_ragged_batch) == (
            0.01,
            100,
            False,
        )
        # exact ridge at every n, unlike the publication
        assert set(cell.models) == {"ridge", "ridge_sgd", "mlp"}
        assert "published" in cell.protocols


@pytest.mark.parametrize("experiment", CELL_TYPES)
def test_a_profile_is_part_of_the_next_larger_one_s_cohorts(experiment):
    """Cells of the same name have the same seeds: the cohorts of a small profile are those of a larger
    one. But for the survey's, whose quick studies are new, those of quick are among the shipped ones.
    """
    grids = load_grids(ROOT / "params" / f"{experiment}.yml")
    above_quick = "full" if experiment == "survey" else "standard"
    for small, large in (("quick", above_quick), ("standard", "full")):
        names = {cell.name: cell for cell in grids[large]}
        for cell in grids[small]:
            assert cell.seed == names[cell.name].seed
            assert cell.n_replicates <= names[cell.name].n_replicates


def test_cell_names_are_readable_and_distinct():
    for cells in load_grids(SCALING_FILE).values():
        names = [cell.name for cell in cells]
        assert len(set(names)) == len(names)
        assert all(name.replace(".", "").replace("_", "").isalnum() for name in names)
    assert (
        make_cell(ScalingCell, **CELL | {"n_samples": 1000, "scaling": 0.5}).name
        == "n1000_scaling0.5"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_sampels": 10}, r"n_sampels is not a parameter; did you mean n_samples\?"),
        ({"n_samples": 10}, "n_samples: Input should be greater than or equal to 20, got 10"),
        ({"n_samples": "200"}, "n_samples: Input should be a valid integer, got '200'"),
        ({"n_samples": 200.0}, "n_samples: Input should be a valid integer, got 200.0"),
        ({"n_replicates": True}, "n_replicates: Input should be a valid integer, got True"),
        (
            {"drop_ragged_batch": "yes"},
            "drop_ragged_batch: Input should be a valid boolean, got 'yes'",
        ),
        ({"models": ["mlp", "mlp"]}, "models: .*must name each at most once"),
        (
            {"models": ["mlp"], "n_samples": 152},
            "n_samples must not leave a last batch of one individual for batch norm, as 129 training",
        ),
        (
            {"models": ["mlp"], "n_samples": 100, "drop_ragged_batch": True},
            "drop_ragged_batch must be False with 85 training",
        ),
        ({"n_samples": "many"}, "n_samples: Input should be a valid integer.*got 'many'"),
        ({"scaling": 0}, "scaling: Input should be greater than 0, got 0"),
        ({"scaling": float("inf")}, "scaling: Input should be a finite number, got inf"),
        ({"n_replicates": 0}, "n_replicates: Input should be greater than or equal to 1, got 0"),
        ({"rel_aa": [0, -1]}, "rel_aa.1: Input should be greater than or equal to 0, got -1"),
        ({"rel_aa": []}, "rel_aa: .*at least 1 item"),
        (
            {"broad_sense_heritability": 1e-77},
            "broad_sense_heritability: Input should be greater than or equal to 0.000001, got 1e-77",
        ),
        (
            {"broad_sense_heritability": 1.2},
            "broad_sense_heritability: Input should be less than or equal to 1, got 1.2",
        ),
        (
            {"models": ["lasso"]},
            "models.0: Input should be 'ridge', 'ridge_sgd' or 'mlp', got 'lasso'",
        ),
        (
            {"protocols": ["test"]},
            "protocols.0: Input should be 'published' or 'held_out', got 'test'",
        ),
        ({"hidden_width": 0}, "hidden_width: Input should be greater than or equal to 1, got 0"),
        (
            {"mlp_learning_rate": -0.1},
            "mlp_learning_rate: Input should be greater than 0, got -0.1",
        ),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0, got -1"),
        ({"device": "tpu"}, "device: Input should be 'auto', 'cpu' or 'cuda', got 'tpu'"),
        ({"n_threads": 0}, "n_threads: Input should be greater than or equal to 1, got 0"),
    ],
)
def test_a_wrong_parameter_is_named_with_value_and_bound(changes, message):
    with pytest.raises(ParameterError, match=message):
        make_cell(ScalingCell, **CELL | changes)


DILUTION = {
    "n_samples": 200,
    "n_qtl": 10,
    "n_markers": 40,
    "n_replicates": 1,
    "rel_aa": [0, 1],
    "broad_sense_heritability": 0.9999,
    "models": ["mlp_pruned"],
    "protocols": ["published"],
    "hidden_width": 8,
    "seed": 1,
}
CORRELATION = {name: DILUTION[name] for name in DILUTION if name != "n_markers"} | {
    "rel_aa": 1,
    "models": ["mlp"],
    "n_traits": 4,
    "pleiotropy": 0.5,
    "shared_pairs": True,
}


@pytest.mark.parametrize(
    ("cell_type", "changes", "message"),
    [
        (
            DilutionCell,
            {"n_qtl": 11},
            "n_qtl: .*must be even, since every QTL has one partner, got 11",
        ),
        (DilutionCell, {"n_markers": 8}, r"n_qtl must be at most 8 \(n_markers\), got 10"),
        (
            DilutionCell,
            {"max_features": [50, 20]},
            "max_features must be a lower and an upper bound, got 50 and 20",
        ),
        (DilutionCell, {"max_features": [50]}, "max_features"),
        (DilutionCell, {"mlp_learning_rates": []}, "mlp_learning_rates: .*at least 1 item"),
        (
            DilutionCell,
            {"mlp_learning_rates": [0.1, 0.1]},
            "mlp_learning_rates: .*each at most once",
        ),
        (
            DilutionCell,
            {"mlp_learning_rates": [0]},
            "mlp_learning_rates.0: Input should be greater than 0, got 0",
        ),
        (DilutionCell, {"mlp_learning_rate": 0.1}, "did you mean mlp_learning_rates"),
        (
            DilutionCell,
            {"n_trials": 0},
            "n_trials: Input should be greater than or equal to 1, got 0",
        ),
        (
            DilutionCell,
            {"n_trials_pruned": 0},
            "n_trials_pruned: Input should be greater than or equal to 1, got 0",
        ),
        (
            DilutionCell,
            {"importance_threshold": -1},
            "importance_threshold: Input should be greater than or equal to 0",
        ),
        (
            DilutionCell,
            {"n_samples": 152},
            "n_samples must not leave a last batch of one individual",
        ),
        (
            CorrelationCell,
            {"shared_pairs": False},
            "shared_pairs must be True if pleiotropy is not 0, got pleiotropy 0.5",
        ),
        (
            CorrelationCell,
            {"pleiotropy": 1.5},
            "pleiotropy: Input should be less than or equal to 1, got 1.5",
        ),
        (
            CorrelationCell,
            {"pleiotropy": -0.5},
            "pleiotropy: Input should be greater than or equal to 0, got -0.5",
        ),
        (
            CorrelationCell,
            {"n_traits": 0},
            "n_traits: Input should be greater than or equal to 1, got 0",
        ),
        (
            CorrelationCell,
            {"models": ["lasso"]},
            "models.0: Input should be 'ridge', 'ridge_sgd' or 'mlp', got 'lasso'",
        ),
        (
            RidgeVsSgdCell,
            {"models": ["mlp"]},
            "models.0: Input should be 'ridge' or 'ridge_sgd', got 'mlp'",
        ),
        (RidgeVsSgdCell, {"hidden_width": 8}, "hidden_width is not a parameter"),
    ],
)
def test_wrong_parameters_of_the_other_experiments(cell_type, changes, message):
    linear = {name: CELL[name] for name in CELL if name != "hidden_width"}
    valid = {DilutionCell: DILUTION, CorrelationCell: CORRELATION, RidgeVsSgdCell: linear}[
        cell_type
    ]
    make_cell(cell_type, **valid)
    with pytest.raises(ParameterError, match=message):
        make_cell(cell_type, **valid | changes)


def test_the_full_grids_of_the_other_experiments_are_the_publication_s():
    full = {name: load_grids(ROOT / "params" / f"{name}.yml")["full"] for name in CELL_TYPES}
    diluted = full["dilution"]
    assert [cell.n_markers for cell in diluted] == [100, 250, 500, 750, 1000, 2500, 5000, 10000]
    assert {
        (c.n_qtl, c.rel_aa, c.n_replicates, c.n_trials, c.n_trials_pruned) for c in diluted
    } == {(100, (0, 1), 5, 10, 20)}
    correlated = full["correlation"]
    theirs = [cell for cell in correlated if cell.pleiotropy or not cell.shared_pairs]
    assert len(theirs) == 2 * 5 * 5
    assert {cell.pleiotropy for cell in theirs} == {0, 0.25, 0.5, 0.75, 0.95}
    assert len(correlated) - len(theirs) == 2 * 5, "our control, at each number of traits and QTL"
    assert all(cell.n_replicates == 5 and cell.n_trials == 10 for cell in correlated)
    assert {cell.mlp_learning_rates for cell in diluted + correlated} == {
        (0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0001)
    }
    assert {cell.hidden_width for cell in diluted + correlated} == {4096}
    assert sum(cell.n_replicates for cell in full["ridge_vs_sgd"]) == 200


def test_a_missing_parameter_is_named():
    with pytest.raises(ParameterError, match="scaling is missing"):
        make_cell(ScalingCell, **{name: value for name, value in CELL.items() if name != "scaling"})


def altered_file(folder, alter) -> object:
    content = yaml.safe_load(SCALING_FILE.read_text())
    alter(content)
    path = folder / "scaling.yml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (
            lambda c: c["base"].update(hiden_width=8),
            "profile [a-z]+, .*hiden_width is not a parameter; did you mean hidden_w",
        ),
        (
            lambda c: c["profiles"]["full"]["grids"][2].update(scaling=[1, -1]),
            "profile full, .*'scaling': -1.*scaling: Inp",
        ),
        (
            lambda c: c["profiles"]["quick"]["grids"].append(
                {"n_samples": 1000, "scaling": 1, "n_replicates": 1}
            ),
            "twice",
        ),
        (lambda c: c["profiles"].pop("standard"), "got none for standard"),
        (lambda c: c["profiles"].update(huge=c["profiles"]["full"]), "profiles.huge"),
        (
            lambda c: c.update(experiment="scalling"),
            r"experiment: Input should be 'scaling', .*, got 'scalling'",
        ),
        (lambda c: c.update(bases={}), "bases is not a parameter; did you mean base"),
        (lambda c: c["profiles"]["smoke"].update(grids=[]), "profiles.smoke.grids"),
        (
            lambda c: c["profiles"]["full"]["grids"][1].update(scaling=[]),
            r"profile full, grid \{.*\}: scaling must have at least one value, got \[\]",
        ),
    ],
)
def test_a_mistake_in_a_file_stops_with_its_place(tmp_path, alter, message):
    path = altered_file(tmp_path, alter)
    with pytest.raises(ParameterError, match=message) as caught:
        load_grids(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "- 1", "a: [", "!!python/object/apply:os.system ['true']", "\x00"]
)
def test_a_file_that_is_no_parameter_file_is_refused(tmp_path, text):
    path = tmp_path / "scaling.yml"
    path.write_text(text)
    with pytest.raises(
        ParameterError, match=r"scaling.yml: (cannot be read as YAML|must hold the keys)"
    ):
        load_grids(path)


ONE_CELL = """experiment: scaling
base:
  {rel_aa: [0, 1], broad_sense_heritability: 0.999, models: [ridge], protocols: [published], hidden_width: 8,
  n_replicates: 1, seed: 1}
profiles:
  smoke: &one {about: one cell, grids: [{n_samples: 200, scaling: 1}]}
  quick: *one
  standard: *one
  full: *one
"""


@pytest.mark.parametrize(
    ("key", "was", "text", "message"),
    [
        ("seed", "seed: 1", "0123", "seed: Input should be a valid integer, got '0123'"),
        ("seed", "seed: 1", "-0_17", "seed: Input should be a valid integer, got '-0_17'"),
        (
            "n_samples",
            "n_samples: 200",
            "3:20",
            "n_samples: Input should be a valid integer, got '3:20'",
        ),
        (
            "rel_aa",
            "rel_aa: [0, 1]",
            "[0, 1:30.5]",
            "rel_aa.1: Input should be a valid number, got '1:30.5'",
        ),
        (
            "rel_aa",
            "rel_aa: [0, 1]",
            "[0, 010]",
            "rel_aa.1: Input should be a valid number, got '010'",
        ),
        ("scaling", "scaling: 1", "1e3", "scaling: Input should be a valid number, got '1e3'"),
    ],
)
def test_a_number_that_yaml_would_misread_is_refused_as_it_stands(
    tmp_path, key, was, text, message
):
    path = tmp_path / "scaling.yml"
    path.write_text(ONE_CELL.replace(was, f"{key}: {text}"))
    with pytest.raises(ParameterError, match=re.escape(message)) as caught:
        load_grids(path)
    assert f"{path}, profile smoke, grid point" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seed"), [("0", 0), ("123", 123), ("1_000", 1000), ("+5", 5), ("0x10", 16)]
)
def test_a_number_with_one_reading_is_taken(tmp_path, text, seed):
    path = tmp_path / "scaling.yml"
    path.write_text(ONE_CELL.replace("seed: 1", f"seed: {text}"))
    assert load_grids(path)["full"][0].seed == seed


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(
        ParameterError, match=r"none\.yml is missing: commands are run at the project's root"
    ):
        load_grids(tmp_path / "none.yml")


def test_the_compute_path_works_without_what_only_the_grid_needs():
    absent = ["pydantic", "yaml", "snakemake", "papermill", "optuna", "seaborn"]
    code = f"""
import sys
sys.modules |= dict.fromkeys({absent})
import epidl.grid.results
"""
    subprocess.run([sys.executable, "-c", code], check=True)
