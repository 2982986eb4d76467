"""A notebook that is rerun: no parameter is ignored, and what is refused is said in one line."""

from types import SimpleNamespace

import IPython
import matplotlib.pyplot as plt
import pandas as pd
import pytest

import bad_input
from conftest import ROOT
from epidl import rerun
from epidl.grid import core
from epidl.grid.params import CELL_TYPES, NOTEBOOKS, ParameterError, ScalingCell, make_cell

KNOWN = "n_samples = 100\nmodels = ['ridge']\nmodels += ['mlp']  # two lines\n"


def history(monkeypatch, *sources: str) -> None:
    manager = SimpleNamespace(input_hist_parsed=["", *sources])
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(history_manager=manager))


def test_a_parameter_that_a_notebook_does_not_have_is_refused(monkeypatch):
    history(
        monkeypatch, KNOWN, "# Parameters\nn_samples = 50\nn_sampels = 60\n", "rerun.check_names()"
    )
    with pytest.raises(
        ParameterError,
        match=r"^n_sampels must be among the notebook's parameters: n_samples, models$",
    ):
        rerun.check_names()


@pytest.mark.parametrize("injected", [[], ["# Parameters\nmodels = ['ridge']\n"]])
def test_known_parameters_or_none_are_taken(monkeypatch, injected):
    history(monkeypatch, KNOWN, *injected, "rerun.check_names()")
    rerun.check_names()
    history(
        monkeypatch, KNOWN, *injected, "a, b.c = cell()", *injected, "rerun.check_names()"
    )  # cells run again by hand
    rerun.check_names()


def test_every_notebook_checks_the_names_of_its_parameters():
    experiments = {notebook: experiment for experiment, notebook in NOTEBOOKS.items()}
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        called = (
            f'read_cell("{experiments[notebook.stem]}", globals())'
            if notebook.stem in experiments
            else "check_names()"
        )
        assert "".join(bad_input.code_of(notebook.stem)).count(f"rerun.{called}") == 1, notebook


GIVEN = {name: value for name, value in bad_input.CELL.items() if name != "seed"}


def test_a_cell_is_read_from_variables_of_its_fields_names(monkeypatch):
    others = {"n_sampels": 60, "experiment": rerun, "output": "folder", "seed": 7}
    assert rerun.read_cell("scaling", GIVEN | others) == make_cell(ScalingCell, **GIVEN, seed=7)
    with pytest.raises(ParameterError, match="seed is missing"):
        rerun.read_cell("scaling", GIVEN)
    listed = "".join(f"{name} = {value!r}\n" for name, value in GIVEN.items())
    history(
        monkeypatch,
        listed + "seed = 1\n",
        "# Parameters\ndevice = 'cpu'\nseed = 2\n",
        "rerun.read_cell()",
    )
    # not listed, but a field
    assert rerun.read_cell("scaling", GIVEN | {"seed": 2, "device": "cpu"}).device == "cpu"
    history(
        monkeypatch, listed + "seed = 1\n", "# Parameters\nn_sampels = 60\n", "rerun.read_cell()"
    )
    with pytest.raises(
        ParameterError,
        match=r"^n_sampels must be among the notebook's parameters: n_samples, .*device",
    ):
        rerun.read_cell("scaling", GIVEN | {"seed": 2, "n_sampels": 60})


def test_a_table_that_lacks_something_is_told(tmp_path):
    cell = make_cell(ScalingCell, **GIVEN | {"models": ["ridge", "ridge_sgd"]}, seed=1)
    table = core.run(cell).table
    assert rerun.check_table(cell, table).all()
    whole = "one row per replicate, trait, model and protocol"
    for changed, wrong in {
        "every model was fitted": table[table["model"] == "ridge"],
        whole: table.drop(index=0),
        "r is missing exactly if the status says why": table.assign(status="diverged"),
    }.items():
        found = rerun.check_table(cell, wrong)
        assert list(found[~found].index) == [changed]
    # one row twice
    assert not rerun.check_table(cell, pd.concat([table.iloc[1:], table.iloc[[1]]]))[whole]


SMALL = {
    "n_samples": 200,
    "n_qtl": 10,
    "n_markers": 20,
    "scaling": 1,
    "n_replicates": 1,
    "hidden_width": 8,
    "mlp_max_epochs": 2,
    "n_trials": 1,
    "protocols": ["published"],
}


@pytest.mark.parametrize(
    ("notebook", "model"),
    [
        (notebook, model)
        for notebook in CELL_TYPES
        for model in bad_input.parameters_of(notebook)["models"]
        if model in ("ridge", "ridge_sgd", "mlp") and (notebook, model) != ("real", "mlp")
    ],
)
def test_a_notebook_runs_to_its_end_with_one_model_under_one_protocol(notebook, model):
    run_small(notebook, models=[model])


@pytest.mark.parametrize("notebook", sorted(set(CELL_TYPES) - {"ridge_vs_sgd", "real"}))
def test_a_notebook_runs_to_its_end_where_all_fits_diverge(notebook):
    run_small(notebook, models=["mlp"], mlp_learning_rate=1e30, mlp_learning_rates=[1e30])


def test_a_notebook_runs_to_its_end_where_a_table_of_it_is_empty():
    run_small("survey", models=["ridge"], rel_aa=[100])  # shares that no study has
    run_small("beyond", models=["ridge", "mlp"], rel_aa=[0])
    run_small("dilution", models=["lasso", "lasso_pruned", "mlp_pruned"], importance_threshold=1e9)


def test_what_was_computed_is_kept_before_any_figure_is_drawn():
    for notebook in set(CELL_TYPES) | {"own_data"}:
        code = bad_input.code_of(notebook)
        fitted = [
            k
            for k, source in enumerate(code)
            if ".run(cell, folder=output" in source or "comparison.compare(" in source
        ]
        assert "results.write_cell(output" in code[fitted[0] + 1], notebook


def run_small(notebook: str, **given: object) -> None:
    known = CELL_TYPES[notebook].model_fields
    chosen = {name: value for name, value in (SMALL | given).items() if name in known}
    bad_input.run_notebook(notebook, None, **chosen, display=print)
    plt.close("all")


@pytest.mark.slow
def test_what_a_notebook_refuses_is_the_last_line_and_no_traceback_is_shown(
    tmp_path, capfd, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    notebook = str(ROOT / "notebooks" / "ridge_vs_sgd.ipynb")
    assert rerun.main([notebook, str(tmp_path / "out.ipynb"), "-p", "n_sampels", "60"]) == 1
    printed = capfd.readouterr().err
    said = "ParameterError: n_sampels must be among the notebook's parameters: n_samples, "
    assert printed.splitlines()[-1].startswith(said)
    assert "Traceback" not in printed


@pytest.mark.parametrize("text", ["hello", "n_samples:200", "{models: [ridge, mlp}", "[1, 2]"])
def test_parameters_that_are_no_yaml_are_said_in_a_sentence(tmp_path, capfd, text):
    notebook = str(ROOT / "notebooks" / "scaling.ipynb")
    assert rerun.main([notebook, str(tmp_path / "out.ipynb"), "-y", text]) == 2
    assert "-y and -f must hold names and values in YAML" in capfd.readouterr().err
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# words\n", "does not appear to be JSON"),
        (b"{}", "missing a key"),
        (b"\xff\xfe", "must be a text file"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, capfd, content, said):
    (tmp_path / "none.ipynb").write_bytes(content)
    assert rerun.main([str(tmp_path / "none.ipynb"), str(tmp_path / "out.ipynb")]) == 2
    assert said in capfd.readouterr().err


def test_a_kernel_that_is_not_there_is_named(tmp_path, capfd):
    notebook = str(ROOT / "notebooks" / "scaling.ipynb")
    assert rerun.main([notebook, str(tmp_path / "out.ipynb"), "-k", "nope"]) == 2
    said = capfd.readouterr().err
    assert "nope, which the notebook was saved with: -k python3" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_notebook_that_is_not_there_is_named(tmp_path, capfd):
    assert rerun.main([str(tmp_path / "none.ipynb"), str(tmp_path / "out.ipynb")]) == 2
    assert "none.ipynb" in capfd.readouterr().err
