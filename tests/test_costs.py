"""What a cell costs before it runs: the counted work, the memory, the plan, and the refusal of what
cannot fit.
"""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from epidl.cohorts.splits import split_samples, training_size
from epidl.grid import core, costs
from epidl.grid.params import (
    CELL_TYPES,
    BeyondCell,
    BeyondDilutionCell,
    DilutionCell,
    ScalingCell,
    load_grids,
    make_cell,
)
from epidl.models import networks, training
from epidl.models.recipes import MODELS
from epidl.models.work import Machine, Work

MACHINE = Machine("a machine", 1e11, 5e10, 4e10, 2e-4, 2e-10, 2e-9, memory=16 * 2**30)
BASE = {
    "rel_aa": [0, 1],
    "broad_sense_heritability": 0.999,
    "protocols": ["published"],
    "hidden_width": 64,
    "seed": 1,
}


def cell(**changes):
    point = {
        "n_samples": 1000,
        "scaling": 1,
        "n_replicates": 2,
        "models": ["ridge", "ridge_sgd", "mlp"],
    }
    return make_cell(ScalingCell, **BASE | point | changes)


@pytest.mark.parametrize("width", [0, 64])
def test_the_products_of_an_epoch_are_those_that_torch_counts(width):
    n_train, n_validation, n_markers, n_traits = 128, 40, 30, 5
    generator = torch.Generator().manual_seed(1)
    make = networks.mlp if width else networks.OneHotLinear
    model = make(n_markers, n_traits, *([width] if width else []), generator)
    model.double()  # torch counts no products of oneDNN's
    alleles = torch.ones(n_train, n_markers, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter:
        functional.l1_loss(model(alleles), torch.zeros(n_train, n_traits)).backward()
        model.eval()(alleles[:n_validation])
    layers = (
        (n_markers * width, width**2 + width * n_traits) if width else (n_markers * n_traits, 0)
    )
    counted = costs.network_epoch(n_train, n_validation, n_markers, *layers).products
    assert counted == counter.get_total_flops()


def test_a_machine_s_seconds_are_the_sum_of_what_its_rates_make_of_the_work():
    work = Work(products=1e11, exact_products=1e11, moved=4e10, steps=10, decomposed=1e9)
    assert work.seconds(MACHINE) == pytest.approx(1 + 2 + 1 + 2e-3 + 0.2)
    assert (work * 3 + work).seconds(MACHINE) == pytest.approx(4 * work.seconds(MACHINE))
    overlapping = replace(MACHINE, overlaps=True)
    assert work.seconds(overlapping) == pytest.approx(1 + 2 + 2e-3 + 0.2)
    assert replace(work, moved=8e10).seconds(overlapping) == pytest.approx(2 + 2 + 2e-3 + 0.2)


def test_cost_grows_with_what_is_asked_for():
    def total(changed):
        return sum(costs.cell_seconds(changed, MACHINE, lambda model: 40).values())

    base = total(cell())
    assert total(cell(n_replicates=4)) == pytest.approx(2 * base)
    larger = [
        cell(n_samples=2000),
        cell(scaling=4),
        cell(hidden_width=256),
        cell(protocols=["published", "held_out"]),
    ]
    assert all(total(changed) > base for changed in larger)
    assert total(cell(models=["ridge"])) < base


def test_searches_are_counted_as_fits():
    point = {
        "n_samples": 1000,
        "n_markers": 100,
        "n_qtl": 20,
        "n_replicates": 1,
        "models": ["mlp", "mlp_pruned"],
    }
    tuned = make_cell(DilutionCell, **BASE | point | {"n_trials": 4, "n_trials_pruned": 9})
    fixed = make_cell(
        DilutionCell, **BASE | point | {"mlp_learning_rates": [0.01], "n_trials_pruned": 9}
    )
    work = [costs.cell_work(one, lambda model: 40) for one in (tuned, fixed)]
    assert work[0]["mlp"].steps == pytest.approx(5 * work[1]["mlp"].steps)
    assert work[0]["mlp_pruned"].steps == pytest.approx(10 * work[1]["mlp"].steps)


@pytest.mark.parametrize("protocol", ["published", "held_out"])
@pytest.mark.parametrize("n_samples", [10, 99, 10_007])
def test_samples_are_counted_as_they_are_split(n_samples, protocol):
    split = split_samples(n_samples, protocol)
    assert costs._split_sizes(n_samples, protocol) == (len(split.train), len(split.validation))


@pytest.mark.parametrize(("n_samples", "epochs"), [(1000, 300), (100_000, 10)])
def test_the_most_epochs_of_patient_networks_are_those_of_their_plan(n_samples, epochs):
    point = {
        "n_samples": n_samples,
        "scaling": 1,
        "n_replicates": 1,
        "models": [name for name, model in MODELS.items() if model.plan == "patient"],
    }
    patient = make_cell(BeyondCell, **BASE | point | {"protocols": ["held_out"]})
    assert training.patient_epochs(training_size(n_samples, "held_out")) == epochs
    (hours,) = costs.estimates([patient], MACHINE, {})["hours"]
    assert 3600 * hours == pytest.approx(
        sum(costs.cell_seconds(patient, MACHINE, lambda model: epochs).values())
    )


def test_memory_counts_the_cohort_and_the_largest_fit():
    small, network = (
        costs.cell_memory(cell(models=["ridge_sgd"])),
        costs.cell_memory(cell(hidden_width=8192)),
    )
    assert network - small == pytest.approx(6 * 4 * 8192**2, rel=0.1)
    cohort = cell(n_samples=1_000_000, scaling=20, models=["ridge_sgd"])
    assert costs.cell_memory(cohort) - small == pytest.approx(
        1e6 * cohort.n_qtl / 8 + 1e6 * 2 * 8 * 6, rel=0.3
    )


def test_memory_counts_the_fit_of_one_penalty_and_the_weights_of_the_others(monkeypatch):
    def memory(n_penalties):
        fewer = replace(row, penalties=row.penalties[:n_penalties])
        monkeypatch.setitem(MODELS, "pair_network", fewer)
        point = {"n_samples": 200, "n_markers": 2000, "n_qtl": 20, "n_replicates": 1}
        point |= {"protocols": ["held_out"], "models": ["pair_network"]}
        return costs.cell_memory(make_cell(BeyondDilutionCell, **BASE | point))

    row = MODELS["pair_network"]
    n_models = len(row.penalties)
    one, several = memory(1), memory(n_models)
    # of a model that is trained six arrays, of one that has been its weights
    n_weights = (several - one) / (4 * (n_models - 1))
    assert n_weights >= 2 * 2000 * 2001  # of two traits
    assert several == pytest.approx(costs.IMPORTED + 4 * (6 + n_models - 1) * n_weights, rel=0.02)


def test_memory_counts_the_ridge_of_markers_and_pairs():
    def memory(model, cell_type=BeyondDilutionCell, **changes):
        point = {
            "n_samples": 10_000,
            "n_replicates": 1,
            "protocols": ["held_out"],
            "models": [model],
        }
        return costs.cell_memory(make_cell(cell_type, **BASE | point | changes))

    wide = {"n_markers": 10_000, "n_qtl": 20}
    assert memory("pairs", **wide) == pytest.approx(memory("ridge", **wide), rel=0.01)
    assert memory("oracle", **wide) > 1.26 * 2**30, (
        "that much was measured: a block of its few columns decodes all"
    )
    all_qtl = {"n_markers": 10_000, "n_qtl": 10_000}
    assert memory("pairs", **all_qtl) > memory("oracle", **all_qtl) > memory("ridge", **all_qtl)
    every_pair = {"scaling": 4, "all_pairs": True}
    columns = 284 * 283 // 2  # pairs of 284 QTL
    assert memory("oracle", BeyondCell, **every_pair) > 4 * 10_000 * columns


def test_a_cell_that_cannot_fit_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(costs, "machine_memory", lambda device="cpu": 2**29)
    monkeypatch.setattr(core, "make_cohort", lambda *_: pytest.fail("the cell was started"))
    with pytest.raises(
        MemoryError,
        match=r"n1000_scaling1 needs about 0\.\d GiB of memory, and this machine has 0\.5",
    ):
        core.run(cell(hidden_width=4096))


def test_the_plan_of_a_profile_names_every_cell(monkeypatch, capsys):
    monkeypatch.setattr(costs, "measure_machine", lambda device: MACHINE)
    assert costs.main(["full"]) == 0
    printed = capsys.readouterr().out
    for experiment in CELL_TYPES:
        for planned in load_grids(Path("params", f"{experiment}.yml"))["full"]:
            assert f" {planned.name} " in printed
    assert "all" in printed.splitlines()[-1]


def test_the_plan_says_which_cells_do_not_fit(monkeypatch, capsys):
    monkeypatch.setattr(costs, "measure_machine", lambda device: replace(MACHINE, memory=2**30))
    assert costs.main(["full"]) == 1
    assert "n1000000_scaling20 does not fit: this machine has 1 GiB." in capsys.readouterr().err


def test_a_table_that_is_none_is_named_before_the_machine_is_measured(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        costs, "measure_machine", lambda device: pytest.fail("the machine was measured")
    )
    monkeypatch.setattr(costs, "typical_epochs", partial(costs.typical_epochs, tmp_path))
    header = "experiment,model,epochs\n"
    rows = ("scaling,mlp,many\n", 'scaling,"mlp,1\n', "scaling,mlp,1\nscaling,mlp,1,2,3\n")
    for content in ("", *(header + row for row in rows)):
        (tmp_path / "some.csv").write_text(content)
        assert costs.main(["smoke"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{tmp_path}/some.csv must be a table: ")


def test_without_tables_the_plan_counts_the_most_epochs_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(costs, "measure_machine", lambda device: MACHINE)
    monkeypatch.setattr(costs, "DATA", tmp_path)
    monkeypatch.setattr(costs, "typical_epochs", partial(costs.typical_epochs, tmp_path))
    assert costs.main(["smoke"]) == 0
    printed = capsys.readouterr()
    said = "holds no table of fits: networks count with the most epochs of their plans."
    assert printed.err.splitlines() == [f"{tmp_path} {said}"]
    assert "all" in printed.out.splitlines()[-1]


def test_rates_are_measured():
    machine = costs.measure_machine("cpu")
    rates = [value for value in vars(machine).values() if isinstance(value, float)]
    assert len(rates) == 7
    assert all(math.isfinite(rate) and rate > 0 for rate in rates)


def test_epochs_of_the_plan_are_those_of_the_book_s_tables():
    epochs = costs.typical_epochs()
    assert {("scaling", "mlp"), ("dilution", "mlp_pruned"), ("correlation", "mlp")} <= set(epochs)
    assert all(1 <= value <= 300 for value in epochs.values())
