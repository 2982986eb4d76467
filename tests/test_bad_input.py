"""Invalid input: each kind of the catalogue is refused by name, value and bound, and the edge of the
valid works.
"""

import fnmatch
import inspect
import os
import pkgutil
import runpy
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import papermill
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bad_input
import epidl
from conftest import ROOT
from epidl.cohorts.genotypes import Genotypes, Haplotypes
from epidl.cohorts.simulate import Cohort, simulate
from epidl.cohorts.splits import Split, split_samples
from epidl.grid import core, costs, params
from epidl.grid.params import CELL_TYPES
from epidl.models import (
    gaussian,
    kernels,
    lasso_pairs,
    lasso_path,
    networks,
    orders,
    pairs,
    recipes,
    ridge,
    training,
    trees,
)

PLACES = {place.where: place for place in bad_input.catalogue()}
DRAWN = [
    where
    for where, place in PLACES.items()
    if any(w.more is not None for ways in place.wrong.values() for w in ways)
]

# public, but given nothing that a user supplies: why, and which
NOT_A_USER_S = {
    "draws, words or sums up result tables, which results.read_table has checked": [
        *("figures.*", "contrasts.*", "surface.*"),
        *("comparison.against_ridge", "comparison.measure_of", "comparison.verdict"),
        "comparison.corrected_p",
    ],
    "the checks themselves": [
        "checks.*",
        "genotypes.check*",
        "devices.check*",
        "ridge.checked_rows",
        "training.check_inputs",
        "rerun.*",
    ],
    "called by a cell's run with what it has made, or estimates a checked cell": [
        *(
            "core.*",
            *("deep.*", "pruned.*", "task.*", "recipes.*", "training.patient_epochs"),
            *(
                "params.*.architecture",
                "params.*.protocols_of",
                "params.*.numbers",
                "params.*.each_fit",
            ),
            *("ridge.predict", "kernels.predict", "pairs.predict_*", "theory.predict"),
            *("kept.*", "real.*", "lasso_pairs.predict", "ensemble.*"),
            *("gaussian.predict", "orders.predict", "trees.predict", "lasso_path.predict"),
            "oracle.*",
            "fingerprint.*",
            *("comparison.make_task", "comparison.fit_and_score", "comparison.draws"),
        ),
        *("work.*", "costs.cell_*", "costs.requests", "costs.measured_machine"),
        *(
            "costs.estimates",
            "costs.typical_epochs",
            "devices.machine_memory",
            "training.fast_products",
        ),
    ],
    "steps of simulate, which checks all before": [
        *(
            "simulate.checked_arguments",
            "simulate.TraitPlan.*",
            "simulate.draw_*",
            "simulate.pair_effect_sd",
        ),
        *(
            "simulate.standardise",
            "simulate.genetic_*",
            "simulate.variance_components",
            "simulate.check_cohort",
        ),
        *(
            "simulate.Trait.*",
            "alphasimr.trait_of",
            "alphasimr.check_version",
            "alphasimr.start",
            "alphasimr.versions",
        ),
    ],
    "steps of simulate_orders and simulate_world, which check all before": [
        *("orders.check_orders", "orders.count_products", "orders.draw_*", "orders.mean_codes"),
        *("orders.order_*", "worlds.check_world", "crosses.*", "simulate.products"),
    ],
    "steps of the planner, which checks a study before": [
        *(
            "planning.answer",
            "planning.basis",
            "planning.closed_forms",
            "planning.command",
            "planning.forecast*",
        ),
        *(
            *("planning.is_clear", "planning.observed_*"),
            "planning.mlp_closed_form",
            "planning.nearest",
            "planning.notes",
            "planning.place",
        ),
        *("planning.rounded", "planning.samples_needed", "planning.surface", "planning.when"),
        *("planning.choose", "planning.interval", "planning.is_bound", "planning.is_searched"),
        *(
            "planning.variance_of_r",
            "planning.is_simulated",
            "planning.Plan.*",
            "planning.Forecast.*",
            "planning.Study.*",
        ),
    ],
    "asked of what a checked function returned": [
        *(
            "genotypes.*.block",
            "genotypes.*.n_missing",
            "genotypes.known_and_copies",
            "genotypes.row_blocks",
        ),
        *(
            "genotypes.Genotypes.on",
            "kernels.Products.[ae]*",
            *("kernels.blup_weights", "orders.symmetric_sums", "orders.estimate_components"),
            *("networks.*.forward", "networks.*.reset_parameters"),
            "networks.folded_*",
        ),
        *("networks.penalised_weights", "networks.has_batch_norm", "networks.sizes"),
        *(
            "selection.precision_and_recall",
            *("pairs.Design.*", "lasso_pairs.clumped", "lasso_path.fit_lasso"),
            *("kernels.checked_training", "kernels.draw_rows", "kernels.minimise"),
            "pairs.searched_rows",
            "params.Profile.points",
            "params.same_settings",
        ),
    ],
    "steps of the grid, of publishing and of reading and writing files, within their commands": [
        *(
            "params.planned_cells",
            "commands.end",
            "commands.answers_with",
            "tuning.*",
            "workflow.c[hl]*",
            "workflow.run",
            "workflow.interrupt",
            "workflow.kill",
            "commands.number_from",
            "commands.duration",
            "plain.*",  # see tests/test_cell.py
            "__main__.main",
        ),
        *(
            "publish.[!m]*",
            "cell.compute*",
            "storage.*",
            "results.check_seal",
            "results.check_own",
            "results.read_records",
            "results.read_collected",
        ),
        *("results.provenance", "results.measured", "results.commit", "devices.device_name"),
        *(
            "results.Fitted.*",
            "results.names",
            "results.join",
            "results.split",
        ),
        *("genotype_files.check_unique", "genotype_files.some"),
        *(
            "genotype_files.write_plink",
            "genotype_files.joined_ids",
            "genotype_files.read_companion",
        ),
        "columns.read_column",
        *("reader.Report.*", "reader.filter_genotypes", "reader.observe_columns", "reader.take"),
        *("public.[!r]*", "registry.*"),
    ],
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder, which must stay empty: nothing is written before it is refused."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert os.listdir(tmp_path) == []


@pytest.fixture
def written(elsewhere):
    """A folder for a test that writes, taken away before the folder must be empty."""
    yield (folder := elsewhere / "written")
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_the_book_s_table_is_what_is_answered_now():
    found, published = bad_input.table(), pd.read_csv(bad_input.TABLE, keep_default_na=False)
    assert found["refused"].all(), found.loc[
        ~found["refused"], ["where", "argument", "kind", "message"]
    ].to_string()
    keys = ["where", "argument", "kind"]
    assert not found.duplicated(keys).any()
    assert len(found) >= 200
    pd.testing.assert_frame_equal(
        found[[*keys, "refused"]], published[[*keys, "refused"]]
    )  # python tests/bad_input.py writes it anew


@pytest.mark.parametrize("where", DRAWN)
def test_whatever_is_wrong_is_named_with_its_value_and_bound(where):
    place = PLACES[where]
    kinds = [
        (argument, wrong)
        for argument, ways in place.wrong.items()
        for wrong in ways
        if wrong.more is not None
    ]

    @settings(max_examples=12, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def check(data):
        argument, wrong = data.draw(st.sampled_from(kinds))
        assert bad_input.complaint(place, argument, wrong, data.draw(wrong.more)) == ""

    check()


@pytest.mark.parametrize(
    "where",
    [
        where
        for where, place in PLACES.items()
        if place.valid is not dict and "alphasimr" not in where
    ],
)
def test_what_the_catalogue_calls_valid_is_taken(where, monkeypatch):
    """A refusal says something only where the rest of the arguments is right."""
    if where in ("results.collect", "zenodo.read_cohort", "zenodo.read_replicate"):
        pytest.skip(
            "its one argument is never right here: see tests/test_results.py, tests/test_published_files.py"
        )
    if where in ("costs.measure_machine", "costs.check_memory"):
        pytest.skip("needs a cell or seconds: see tests/test_costs.py")
    assert PLACES[where].provoke("several", {}) is None


def public_functions() -> set[str]:
    """Return module.function and module.class.method of all that is public in the library."""
    found = set()
    for module in pkgutil.walk_packages(epidl.__path__, "epidl."):
        if module.name == "epidl.models.gpu":  # for `training` alone; it needs Triton
            continue
        loaded, short = import_module(module.name), module.name.rpartition(".")[2]
        short = "figures" if ".figures." in module.name else short
        for name, value in vars(loaded).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.name:
                continue
            if inspect.isfunction(value):
                found.add(f"{short}.{name}")
            elif inspect.isclass(value):
                methods = (
                    n
                    for n, m in vars(value).items()
                    if inspect.isfunction(getattr(m, "__func__", m))
                )
                found |= {
                    f"{short}.{name}.{method}" for method in methods if not method.startswith("_")
                }
    return found


def test_every_public_function_is_in_the_catalogue_or_is_given_nothing_by_a_user():
    # `python -m epidl.grid` runs workflow.main
    in_packages = {"grid": "workflow", "planner": "planning"}
    commands = {where.rpartition(".")[2] for where in PLACES if where.startswith("python -m ")}
    covered = set(PLACES) | {f"{in_packages.get(name, name)}.main" for name in commands}
    exempt = [pattern for patterns in NOT_A_USER_S.values() for pattern in patterns]
    missing = {
        name
        for name in public_functions() - covered
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in exempt)
    }
    assert missing - {"params.load_grids", "params.grids_of"} == set(), (
        "these two are the parameter files' places"
    )


def test_every_parameter_is_in_the_catalogue():
    for experiment, kind in CELL_TYPES.items():
        place = PLACES[f"params/{experiment}.yml"]
        assert set(kind.model_fields) - {"experiment", "profile"} <= set(place.wrong)
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        place = PLACES[f"notebooks/{notebook.name}"]
        given_together = {name for w in place.wrong.get("several", []) for name in w.example}
        assert set(bad_input.parameters_of(notebook.stem)) <= set(place.wrong) | given_together


# --- The notebooks and the commands as their users start them ------------------------------------------------------

# an experiment's notebook, and one without: that each checks its parameters, and what it says, is
# tested without papermill
WRONG_PARAMETERS = {
    "scaling": {"models": ["lasso"]},
    "simulate": {"n_samples": 10**14},
}


@pytest.mark.slow
@pytest.mark.parametrize("notebook", WRONG_PARAMETERS)
def test_papermill_ends_with_our_message(notebook, written):
    wrong = WRONG_PARAMETERS[notebook]
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            ROOT / "notebooks" / f"{notebook}.ipynb",
            written.parent / "written.ipynb",
            parameters=wrong | {"output": str(written)},
            progress_bar=False,
            kernel_name="python3",
        )
    (written.parent / "written.ipynb").unlink()
    lines = str(caught.value).strip().splitlines()
    assert any(name in lines[-1] for name in wrong), lines[-1]
    assert "site-packages" not in str(caught.value)
    if caught.value.ename == "ParameterError":
        assert len(lines) < 12
    assert not written.exists()


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("where", [where for where in PLACES if where.startswith("python -m")])
def test_a_command_prints_one_line_and_no_traceback(where, written, monkeypatch, capfd):
    written.mkdir()
    monkeypatch.chdir(written)
    name = where.split()[2]
    wrong = PLACES[where].wrong["arguments"][0]
    monkeypatch.setattr(sys, "argv", [name, *where.split()[3:], *wrong.example])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    assert ended.value.code == 2
    said = capfd.readouterr().err.splitlines()
    assert ": error: " in said[-1]
    assert all(line.startswith(("usage:", " ")) for line in said[:-1])
    assert not list(written.iterdir())


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert costs.main(["smoke", "--device", "cuda"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "device must be 'cpu' or 'auto' on this machine: torch finds no CUDA device, got 'cuda'"
    ]


def test_a_parameter_error_shows_no_frames_in_a_notebook():
    with pytest.raises(params.ParameterError) as caught:
        params.make_cell(params.ScalingCell)
    assert caught.value._render_traceback_() == [f"ParameterError: {caught.value}"]


# --- The edge of the valid -----------------------------------------------------------------------------------------

EDGES = {
    "non-finite phenotypes": lambda c: changed(
        c, phenotypes=np.where(c.phenotypes == c.phenotypes[0], np.nan, 1.0)
    ),
    "a constant trait": lambda c: changed(
        c, phenotypes=np.column_stack([np.ones(len(c.phenotypes)), c.phenotypes[:, 1]])
    ),
    "duplicated markers": lambda c: changed(c, alleles=lambda g: np.hstack([g, g])),
    "one class of allele": lambda c: changed(
        c, alleles=lambda g: np.column_stack([g[:, :-1], np.ones(len(g), int)])
    ),
    "all markers of one class": lambda c: changed(c, alleles=np.zeros_like),
    "n smaller than a batch": lambda c: c,
    "a last batch of one": lambda c: small(n_samples=152),  # 129 train: a batch of 128, and one
    "two QTL": lambda c: small(n_qtl=2),
    "one trait": lambda c: small(rel_aa=[1]),
    "more traits than individuals": lambda c: small(n_samples=20, rel_aa=[1] * 21),
}
# what cannot be fitted, and what is said; all else must be predicted
REFUSED = {
    ("non-finite phenotypes", "*"): "phenotypes must be finite, got 2 values that are not",
    ("a constant trait", "kernel"): "phenotypes must vary among the rows, trait 1 does not",
    ("a constant trait", "gaussian"): "phenotypes must vary among the rows, trait 1 does not",
    ("a constant trait", "orders"): "phenotypes must vary among the rows, trait 1 does not",
    (
        "a last batch of one",
        "mlp",
    ): "n_samples must not leave a last batch of one individual for batch norm, as 129",
}


def small(n_samples: int = 60, n_qtl: int = 6, rel_aa: list[float] | None = None) -> Cohort:
    arguments = {"rel_aa": rel_aa or [0, 1], "broad_sense_heritability": 0.9, "seed": 3}
    return simulate(n_samples=n_samples, n_qtl=n_qtl, **arguments)


def changed(cohort: Cohort, phenotypes=None, alleles=None) -> Cohort:
    if alleles is not None:
        genotypes = Haplotypes.from_alleles(
            alleles(cohort.genotypes.block(slice(None)).astype(int))
        )
        return replace(cohort, genotypes=genotypes)
    return replace(cohort, phenotypes=phenotypes)


def by_network(make, plan):
    def predict(cohort: Cohort, split: Split) -> np.ndarray:
        torch_generator = torch.Generator().manual_seed(1)
        model = make(cohort.genotypes.n_markers, cohort.phenotypes.shape[1], torch_generator)
        training.train(
            model, cohort.genotypes, cohort.phenotypes, split, plan, generator=torch_generator
        )
        return training.predict(model, cohort.genotypes, split.test)

    return predict


def by_fit(fit):
    def predict(cohort: Cohort, split: Split) -> np.ndarray:
        return fit(cohort, split.train).predict(cohort.genotypes, split.test)

    return predict


def _given(cohort: Cohort, rows: np.ndarray) -> tuple[Genotypes, np.ndarray, np.ndarray]:
    return cohort.genotypes, cohort.phenotypes, rows


def _components(cohort: Cohort) -> np.ndarray | None:
    """Return variance components for many traits, of which each takes REML half a second."""
    n_traits = cohort.phenotypes.shape[1]
    return np.ones((n_traits, 3)) if n_traits > 2 else None


MODELS = {
    "ridge": by_fit(lambda cohort, rows: ridge.fit_ridge(*_given(cohort, rows))),
    "kernel": by_fit(
        lambda cohort, rows: kernels.fit_kernel(*_given(cohort, rows), _components(cohort))
    ),
    "gaussian": by_fit(lambda cohort, rows: gaussian.fit_gaussian(*_given(cohort, rows))),
    "orders": by_fit(lambda cohort, rows: orders.fit_orders(*_given(cohort, rows))),
    "pairs": by_fit(lambda cohort, rows: pairs.fit_pairs(*_given(cohort, rows))),
    "trees": by_fit(lambda cohort, rows: trees.fit_trees(*_given(cohort, rows), most_rounds=20)),
    "lasso_path": by_fit(lambda cohort, rows: lasso_path.fit_lasso_path(*_given(cohort, rows))),
    "lasso_pairs": by_fit(lambda cohort, rows: lasso_pairs.fit_lasso_pairs(*_given(cohort, rows))),
    "oracle": by_fit(lambda cohort, rows: pairs.fit_oracle(*_given(cohort, rows), cohort.traits)),
    "ridge_sgd": by_network(networks.OneHotLinear, replace(training.RIDGE_SGD, max_epochs=3)),
    "lasso": by_network(networks.OneHotLinear, replace(training.LASSO_SGD, max_epochs=3)),
    "mlp": by_network(lambda m, t, g: networks.mlp(m, t, 4, g), training.mlp_plan(max_epochs=3)),
    "pair_network": by_network(
        lambda m, t, _: networks.PairNetwork(m, t), training.patient_plan(0.01, 0.01, 3)
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("edge", EDGES)
def test_the_edge_of_the_valid_is_predicted_or_refused_clearly(edge, model):
    cohort = EDGES[edge](small())
    split = split_samples(cohort.genotypes.n_samples, "published")
    message = REFUSED.get((edge, model), REFUSED.get((edge, "*")))
    if message:
        with pytest.raises(ValueError, match=message):
            MODELS[model](cohort, split)
        return
    predicted = MODELS[model](cohort, split)
    assert predicted.shape == (len(split.test), cohort.phenotypes.shape[1])
    assert np.isfinite(predicted).all()
    if edge == "a constant trait" and model in ("ridge", "pairs", "lasso_pairs", "trees", "oracle"):
        np.testing.assert_allclose(predicted[:, 0], 1)


def test_a_last_batch_of_one_can_be_left_out():
    cohort = small(n_samples=152)
    plan = training.mlp_plan(max_epochs=2, drop_ragged_batch=True)
    predict = by_network(lambda m, t, g: networks.mlp(m, t, 4, g), plan)
    assert np.isfinite(predict(cohort, split_samples(152, "published"))).all()


@pytest.mark.slow
def test_a_cell_at_the_edge_runs_with_every_model():
    """Two QTL in as few samples as a cell may have, for the networks in fewer than a batch."""
    base = bad_input.CELL | {
        "n_samples": 20,
        "scaling": 0.01,
        "protocols": ("held_out",),
        "mlp_max_epochs": 2,
    }
    models = [name for name, model in recipes.MODELS.items() if not model.selects]
    cell = params.make_cell(params.BeyondCell, **base | {"models": models})
    assert cell.n_qtl == 2
    found = core.run(cell).table
    assert set(found["model"]) == set(models)


def test_the_notebook_that_simulates_runs_where_every_marker_is_a_qtl():
    """Without a number of markers, all of its cells take the cohort's."""
    few = {"n_samples": 60, "n_qtl": 6, "n_markers": None, "n_cohorts": 2}
    bad_input.run_notebook("simulate", None, **few, display=print)
    plt.close("all")


def test_paths_stand_for_themselves(written):
    """`path` objects are taken as texts are."""
    example = Path(bad_input.reader.EXAMPLE)
    cohort = bad_input.reader.read_cohort(
        example / "example.bed", example / "phenotypes.csv", trait="height"
    )
    assert cohort.observed is not None


def test_the_table_that_ships_is_of_the_catalogue():
    """Otherwise run `python tests/bad_input.py`."""
    kinds = []
    for place in bad_input.catalogue():
        for argument, ways in place.wrong.items():
            kinds += [(place.where, argument, wrong.way) for wrong in ways]
    table = pd.read_csv(bad_input.TABLE, dtype=str, keep_default_na=False)
    assert list(zip(table["where"], table["argument"], table["kind"], strict=True)) == kinds
    assert set(table["refused"]) == {"True"}
