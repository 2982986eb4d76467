"""A notebook that is rerun: no parameter is ignored, and what is refused is said in one line."""

import subprocess
import sys
from types import SimpleNamespace

import IPython
import pytest

from conftest import ROOT
from epidl import rerun
from epidl.params import ParameterError

KNOWN = "n_samples = 100\nmodels = ['ridge']\nmodels += ['mlp']  # two lines\n"


def history(monkeypatch, *sources: str) -> None:
    manager = SimpleNamespace(input_hist_parsed=["", *sources])
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(history_manager=manager))


def test_a_parameter_that_a_notebook_does_not_have_is_refused(monkeypatch):
    history(monkeypatch, KNOWN, "# Parameters\nn_samples = 50\nn_sampels = 60\n", "rerun.check_names()")
    with pytest.raises(ParameterError, match=r"^n_sampels must be among the notebook's parameters: n_samples, models$"):
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
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert notebook.read_text().count("rerun.check_names()") == 1, notebook


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "n_sampels", "60"], "ParameterError: n_sampels must be among the notebook's parameters: n_samples, "),
        (["-p", "n_samples", "-5"], "ParameterError: RidgeVsSgdCell: n_samples: "),
        (["-p", "output", "/dev/null/x"], "ValueError: output must be a folder that can be made"),
    ],
)
def test_what_a_notebook_refuses_is_the_last_line_and_no_traceback_is_shown(tmp_path, arguments, said):
    notebook = ROOT / "notebooks" / "ridge_vs_sgd.ipynb"
    command = [sys.executable, "-m", "epidl.rerun", notebook, tmp_path / "out.ipynb", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said)
    assert "Traceback" not in done.stderr


def test_a_notebook_that_is_not_there_is_named(tmp_path, capfd):
    assert rerun.main([str(tmp_path / "none.ipynb"), str(tmp_path / "out.ipynb")]) == 2
    assert "none.ipynb" in capfd.readouterr().err
