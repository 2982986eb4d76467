"""The registry of models and of experiments, the fingerprints that follow from it, and the public
names.
"""

import subprocess
import sys
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest

import epidl
from conftest import ROOT
from epidl.figures import MODEL_NAMES, style
from epidl.grid import fingerprint
from epidl.grid.params import CELL_TYPES, EXPERIMENTS, NOTEBOOKS, ScalingCell, load_grids, make_cell
from epidl.models import recipes
from epidl.models.recipes import MODELS
from epidl.models.work import Shape
from epidl.planner import planning
from test_experiments import CELL


@pytest.mark.parametrize("name", MODELS)
def test_what_a_row_names_is_there(name):
    model, shape = (
        MODELS[name],
        Shape(200, 30, 2, n_qtl=10, n_pairs=5, hidden_width=600, most_columns=20),
    )
    assert list(signature(recipes.load(model.recipe)).parameters) == ["task", "model"]
    if model.is_network:
        first, rest = recipes.load(model.layers)(30, model.width(600), 2)
        assert first > 0
        assert rest >= 0
        assert model.width(600) == (
            600 if model.plan != "patient" or name == "pair_network" else 512
        )
    elif not name.startswith("theory"):
        assert recipes.load(model.work)(shape).seconds is not None
        assert recipes.load(model.memory)(shape) > 0


def test_models_are_told_apart_in_figures():
    assert (
        len(set(MODEL_NAMES.values())) == len(set(style.MODEL_COLORS.values())) == len(MODEL_NAMES)
    )
    # lines of theory
    assert len(set(style.MODEL_MARKERS.values())) == len(MODEL_NAMES) == len(MODELS) - 3
    assert MODEL_NAMES["kernel"] == "Epistatic kernel"


def test_the_planner_forecasts_the_models_that_have_a_closed_form():
    assert set(planning.MODELS) == {name for name in MODEL_NAMES if MODELS[name].closed_form}


def test_every_cell_with_a_network_asks_for_a_gpu():
    sgd = {"ridge_sgd", "lasso", "lasso_pruned"}
    assert sgd == {name for name, model in MODELS.items() if model.plan == "sgd"}
    trained = {
        "mlp",
        "mlp_pruned",
        "mlp_recomputed",
        "mlp_patient",
        "skip_mlp",
        "sparse_mlp",
        "pair_network",
        "mlp_ensemble",
    }
    assert {name for name, model in MODELS.items() if model.is_network} == sgd | trained
    for experiment in ("beyond_dilution", "beyond_correlation"):
        for cell in load_grids(ROOT / "params" / f"{experiment}.yml")["standard"]:
            asks = any(MODELS[name].is_network for name in cell.models)
            assert asks == bool({"mlp", "sparse_mlp", "pair_network"} & set(cell.models)), cell.name


def test_an_experiment_is_a_row_a_parameter_file_and_a_notebook():
    assert (
        {path.stem for path in (ROOT / "params").glob("*.yml")}
        == set(EXPERIMENTS)
        == set(CELL_TYPES)
    )
    pages = {path.stem for path in (ROOT / "book").glob("*.ipynb")}
    for name, experiment in EXPERIMENTS.items():
        assert (ROOT / "notebooks" / f"{NOTEBOOKS[name]}.ipynb").exists()
        assert experiment.page in pages
        assert experiment.cells.cohorts in EXPERIMENTS


def changed(monkeypatch, module: str, original: str, text: str) -> None:
    """Let a module of the library read otherwise."""
    path, read = fingerprint._path(module), Path.read_text
    source = read(path)
    assert original in source
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda p, **how: source.replace(original, text) if p == path else read(p, **how),
    )
    fingerprint._read.cache_clear()


@pytest.fixture
def prints(monkeypatch):
    """Return what returns the fingerprints of models and of the run of a cell; afterwards nothing is
    remembered.
    """
    cell = make_cell(ScalingCell, **CELL)

    def now() -> dict[str, str]:
        models = {name: fingerprint.model_fingerprint(name) for name in MODELS}
        return models | {"run": fingerprint.run_fingerprint(cell, "cpu")}

    yield now
    monkeypatch.undo()
    fingerprint._read.cache_clear()


@pytest.mark.parametrize(
    ("module", "original", "text"),
    [
        (
            "epidl.models.kernels",
            "phenotypes must vary among the rows",
            "all phenotypes are the same",
        ),
        (
            "epidl.models.kernels",
            "genotypes must have at least 2 markers",
            "genotypes must have two markers",
        ),
        (
            "epidl.models.kernels",
            '"""Return the predicted phenotypes',
            '"""Give the predicted phenotypes',
        ),
        ("epidl.grid.params", 'description="CPU threads', 'description="threads'),
        ("epidl.models.recipes", "MOST_WIDTH = 512", "MOST_WIDTH = 513"),
    ],
)
def test_a_message_a_docstring_a_description_and_other_rows_change_no_fingerprint(
    monkeypatch, prints, module, original, text
):
    before = prints()
    changed(monkeypatch, module, original, text)
    assert prints() == before


@pytest.mark.parametrize(
    ("module", "original", "text", "expected"),
    [
        (
            "epidl.models.kernels",
            "EXACT_LIMIT = 20_000",
            "EXACT_LIMIT = 10_000",
            {"kernel", "gaussian", "orders", "oracle"},
        ),
        (
            "epidl.models.pairs",
            "MAX_ROUNDS = 50",
            "MAX_ROUNDS = 5",
            {"pairs", "lasso_pairs", "oracle"},
        ),
        ("epidl.models.pruned", "= 25", "= 10", {"lasso", "lasso_pruned", "mlp_pruned"}),
        (
            "epidl.models.training",
            "PRECISION = ",
            "PRECISION = 2 or ",
            {name for name, model in MODELS.items() if model.is_network},
        ),
        ("epidl.cohorts.simulate", "rng = ", "rng = 0 or ", {*MODELS, "run"}),
        ("epidl.grid.core", "axis=0", "axis=-2", {"run"}),
    ],
)
def test_a_fit_depends_on_the_modules_of_its_model_and_cohort(
    monkeypatch, prints, module, original, text, expected
):
    before = prints()
    changed(monkeypatch, module, original, text)
    after = prints()
    assert {name for name in before if after[name] != before[name]} == expected


def test_a_fit_depends_on_its_model_s_row(monkeypatch, prints):
    before = prints()
    monkeypatch.setitem(MODELS, "sparse_mlp", replace(MODELS["sparse_mlp"], penalties=(0.1,)))
    after = prints()
    assert [name for name in before if after[name] != before[name]] == ["sparse_mlp"]


def test_public_names_are_there_and_the_package_alone_is_quick():
    assert len(epidl.__all__) == 17
    assert set(epidl.__all__) <= set(dir(epidl))
    for name in epidl.__all__:
        assert getattr(epidl, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fit_forest'"):
        _ = epidl.fit_forest
    quick = "import sys, epidl; sys.exit(bool({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", quick], check=True)
