"""The planner: its forecasts and their bounds, its answer, its command, and what it was measured from."""

import itertools
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import epidl
from conftest import ROOT
from epidl.cohorts.genotypes import Dosages
from epidl.cohorts.splits import BATCH_SIZE, training_size
from epidl.grid.params import SurveyCell, load_grids, make_cell
from epidl.grid.results import read_table
from epidl.models import theory
from epidl.own.registry import KINDS
from epidl.planner import planning, surface
from epidl_book import planner as planner_page

WHEAT = planning.surface()["presets"]["wheat"]["study"]
PANEL = {  # with many segments
    "n_samples": 600,
    "n_markers": 692,
    "n_qtl": 60,
    "va_over_vg": 0.8,
    "broad_sense_heritability": 0.6,
    "population": "lines",
}
EASY = {
    "n_samples": 10_000,
    "n_markers": 60,
    "n_qtl": 60,
    "va_over_vg": 0.5,
    "broad_sense_heritability": 0.9,
}
studies = st.builds(
    lambda n, m, part, va, h2: planning.Study(
        n_samples=n,
        n_markers=m,
        n_qtl=max(2, round(part * m)),
        va_over_vg=va,
        broad_sense_heritability=h2,
    ),
    st.integers(20, 10**7),
    st.integers(2, 10**5),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
)


@settings(max_examples=60)
@given(studies)
def test_forecasts_keep_their_bounds(study):
    for found in planning.forecast(study).values():
        assert 0 <= found.pearson_r <= math.sqrt(study.broad_sense_heritability) + 1e-9
        assert -1 <= found.low <= found.pearson_r <= found.high <= 1


@settings(max_examples=60)
@given(studies)
def test_above_a_ceiling_an_interval_holds_the_scatter_of_test_samples_alone(study):
    for model, found in planning.forecast(study).items():
        part = study.va_over_vg if model == "ridge" else 1
        ceiling = max(found.pearson_r, math.sqrt(study.broad_sense_heritability * part))
        scatter = math.sqrt(planning.variance_of_r(ceiling, study.n_samples))
        assert found.high <= ceiling + planning.NORMAL_95 * scatter + 1e-9


@settings(max_examples=60)
@given(
    studies,
    st.fixed_dictionaries(dict.fromkeys(planning.MODELS[1:], st.none() | st.integers(20, 10**7))),
)
def test_an_answer_is_one_sentence(study, needed):
    sentence = planning.answer(study, planning.forecast(study), needed)
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert not re.search(r"[,;] [A-Z]", sentence.replace("H²", ""))


def test_fewer_individuals_than_in_any_cohort_get_no_recommendation():
    fewest = planning.surface()["simulated"]["n_samples"][0]
    assert epidl.plan(**EASY | {"n_samples": fewest - 1}).answer.startswith("No recommendation")
    assert not epidl.plan(**EASY | {"n_samples": fewest}).answer.startswith("No recommendation")


def test_what_is_told_of_a_forecast_is_where_the_like_of_it_was_simulated():
    most = planning.surface()["simulated"]["n_samples"][1]
    texts = planning.surface()["sentences"]
    for n, kinds in {most: ("simulated", "simulated"), 3 * most: ("alike", "bound")}.items():
        plan = epidl.plan(**EASY | {"n_samples": n})
        said = [
            planning.basis(model, plan.forecasts[model], plan.study) for model in ("ridge", "mlp")
        ]
        assert said == [texts[kind] for kind in kinds]


def test_the_fewer_markers_are_causal_the_more_a_network_is_expected_to_gain_on_the_kernel():
    study = {
        "n_samples": 4000,
        "n_markers": 160,
        "va_over_vg": 0.5,
        "broad_sense_heritability": 0.9,
    }
    few, many = (epidl.plan(**study, n_qtl=q).forecasts for q in (16, 160))
    assert few["mlp"].pearson_r > many["mlp"].pearson_r + 0.05
    assert few["kernel"].pearson_r == pytest.approx(many["kernel"].pearson_r, abs=0.03)


def test_what_pays_later_is_said_the_nearest_first():
    answer = epidl.plan(**PANEL).answer
    places = [
        answer.index(name)
        for name in ("sparse pairs from about", "the epistatic kernel from", "deep learning not")
    ]
    assert places == sorted(places)


@settings(max_examples=30)
@given(studies)
def test_where_nothing_is_near_a_forecast_is_the_closed_form(study):
    known = planning.surface() | {"smoothing": dict.fromkeys(planning.MODELS, (1e-6, 1.0))}
    additive = study.broad_sense_heritability * study.va_over_vg
    expected = theory.expected_accuracy(
        0.85 * study.n_samples,
        study.n_markers,
        additive,
        study.broad_sense_heritability - additive,
        model="ridge",
    ).pearson_r
    found = planning.forecast(study, known)["ridge"]
    assert found.pearson_r == pytest.approx(float(expected), abs=1e-9)
    assert not found.supported


def test_where_something_is_known_the_forecast_goes_to_it():
    point = planning.surface()["points"][0] | {
        "residual": {"ridge": -0.1},
        "excess": {"ridge": 0.01},
    }
    study = planning.Study(
        n_samples=point["n_samples"],
        n_markers=point["n_markers"],
        n_qtl=point["n_qtl"],
        va_over_vg=1 / (1 + 2 * point["rel_aa"]),
        broad_sense_heritability=point["broad_sense_heritability"],
    )
    base = planning.surface()
    many = base | {
        "smoothing": dict.fromkeys(planning.MODELS, (0.15, 1.0)),
        "points": [
            point | {"residual": dict.fromkeys(planning.MODELS, -0.1), "excess": base["excess"]}
        ]
        * 2000,
    }
    near, alone = (
        planning.forecast(study, many)["ridge"],
        planning.forecast(study)["ridge"].closed_form,
    )
    assert near.pearson_r == pytest.approx(max(0, alone - 0.1), abs=0.002)
    assert near.supported


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 5}, "n_samples must be at least 20, got 5"),
        ({"n_samples": 600.0}, "n_samples must be a whole number, got 600.0"),
        ({"n_samples": 10**8}, "n_samples must be at most 10000000, got 100000000"),
        ({"n_markers": 1}, "n_markers must be at least 2, got 1"),
        ({"n_qtl": 10**5}, "n_qtl must be at most"),
        ({"va_over_vg": 0}, "va_over_vg must be at least 0.01, got 0"),
        ({"va_over_vg": 1.2}, "va_over_vg must be at most 1, got 1.2"),
        (
            {"broad_sense_heritability": math.nan},
            "broad_sense_heritability must be finite, got nan",
        ),
        (
            {"broad_sense_heritability": "high"},
            "broad_sense_heritability must be a number, got 'high'",
        ),
        (
            {"population": "herd"},
            "population must be one of .*cross, families, lines, landscape, got 'herd'",
        ),
    ],
)
def test_a_wrong_number_is_named_with_its_bound(changes, message):
    with pytest.raises(ValueError, match=message):
        epidl.plan(**PANEL | changes)


def test_each_kind_of_answer_names_its_model():
    assert epidl.plan(**PANEL).answer.startswith("Use ridge")
    assert epidl.plan(**EASY).answer.startswith("Use the epistatic kernel")
    sparse = {
        "n_samples": 3000,
        "n_markers": 400,
        "n_qtl": 20,
        "va_over_vg": 0.4,
        "broad_sense_heritability": 0.8,
    }
    assert "look for few interacting pairs" in epidl.plan(**sparse).answer


@given(studies)
def test_ridge_is_recommended_only_where_no_model_is_clearly_ahead(study):
    found = planning.forecast(study)
    leads = {
        model: found[model].pearson_r - found["ridge"].pearson_r for model in planning.MODELS[1:]
    }
    ahead = [model for model, lead in leads.items() if planning.is_clear(lead, model)]
    sentence = planning.answer(study, found, dict.fromkeys(leads))
    assert not (sentence.startswith("Use ridge") and ahead)
    assert not (sentence.startswith("Start from ridge") and not ahead)
    assert not (sentence.startswith("Use the epistatic kernel") and "kernel" not in ahead)


def test_what_no_network_was_trained_on_does_not_support_its_forecast():
    most = planning.surface()["trained"]["n_markers"]
    study = {
        "n_samples": 10_000,
        "n_markers": 2500,
        "n_qtl": 100,
        "va_over_vg": 0.5,
        "broad_sense_heritability": 0.8,
    }
    plan = epidl.plan(**study)
    assert plan.forecasts["ridge"].supported
    assert not plan.forecasts["mlp"].supported
    assert any(f"more than {most:,} markers" in note for note in plan.notes)


def test_where_the_network_leads_the_fitted_models_stand_beside_it():
    rows = surface.evidence()
    found = planner_page.leads_of_the_network(rows)
    for model in ("kernel", "pairs"):
        means = rows[rows["model"] == model].groupby(planner_page.CONDITION)["pearson_r"].mean()
        wanted = [
            means.get(tuple(condition), np.nan)
            for condition in found[planner_page.CONDITION].to_numpy()
        ]
        np.testing.assert_allclose(found[f"{model}, fitted"], wanted)
    words = planner_page.leads_in_words(rows, found)
    assert int(words["count"]) == len(found) <= int(words["alike"]) <= int(words["of"])


def test_a_line_that_needs_much_memory_says_how_much():
    study = {"n_qtl": 100, "va_over_vg": 0.5, "broad_sense_heritability": 0.8}
    many = epidl.plan(**study, n_samples=30_000, n_markers=100_000).notes
    assert any("at least 224 GiB" in note for note in many)  # 24 bytes a square
    # few markers, or individuals in their place
    for n_samples, n_markers in ((30_000, 20_000), (10_000, 100_000)):
        assert not any(
            "GiB" in note
            for note in epidl.plan(**study, n_samples=n_samples, n_markers=n_markers).notes
        )


def test_a_cell_whose_shares_no_study_has_is_forecast_without_them():
    (cell, *_) = load_grids(ROOT / "params" / "survey.yml")["smoke"]
    table = planning.forecast_table(cell.model_copy(update={"rel_aa": (0.0, 60.0)}))
    assert set(table["rel_aa"]) == {0}
    assert planning.forecast_table(cell.model_copy(update={"rel_aa": (60.0,)})).empty


def test_where_few_markers_are_causal_a_network_is_expected_between_kernel_and_sparse_pairs():
    few = {
        "n_samples": 10_000,
        "n_markers": 160,
        "n_qtl": 20,
        "va_over_vg": 0.25,
        "broad_sense_heritability": 0.99,
    }
    plan = epidl.plan(**few)
    assert (
        plan.forecasts["kernel"].pearson_r
        < plan.forecasts["mlp"].pearson_r
        < plan.forecasts["pairs"].pearson_r
    )
    assert "look for few interacting pairs" in plan.answer
    assert "deep learning is expected between the two" in plan.answer


def test_the_answer_is_deep_learning_where_it_is_forecast_to_lead(monkeypatch):
    alone = dict.fromkeys(planning.MODELS, (1e-6, 1.0))
    known = planning.surface() | {"efficiency": [1.0, 20.0, 0.0], "smoothing": alone, "enough": 0.0}
    monkeypatch.setattr(planning, "surface", lambda: known)
    study = {
        "n_samples": 2000,
        "n_markers": 200,
        "n_qtl": 200,
        "va_over_vg": 0.4,
        "broad_sense_heritability": 0.9,
    }
    study = planning.Study(**study)
    forecasts = planning.forecast(study)
    forecasts["pairs"] = forecasts["ridge"]
    needed = dict.fromkeys(planning.MODELS[1:])
    assert planning.answer(study, forecasts, needed).startswith("Use deep learning")


def test_outside_what_was_simulated_there_is_no_recommendation(monkeypatch):
    known = planning.surface() | {"enough": math.inf}
    monkeypatch.setattr(planning, "surface", lambda: known)
    assert epidl.plan(**EASY).answer.startswith("No recommendation")


def test_the_mlp_is_never_supported_beyond_the_cohorts_that_were_simulated():
    most = planning.surface()["simulated"]["n_samples"][1]
    large = planning.forecast(planning.Study(**EASY | {"n_samples": 10 * most}))
    assert not large["mlp"].supported
    assert large["kernel"].supported
    assert any(
        "upper bound" in note for note in epidl.plan(**EASY | {"n_samples": 10 * most}).notes
    )


def test_the_number_needed_is_the_first_at_which_the_lead_is_clear():
    study = planning.Study(**EASY | {"n_samples": 40, "broad_sense_heritability": 0.7})
    needed = planning.samples_needed(study)["kernel"]
    assert needed > study.n_samples
    before = int(needed / 10 ** (1 / planning.STEPS_PER_DECADE))
    for n, clear in ((needed, True), (before, False)):
        r = planning.forecast(
            planning.Study(**EASY | {"n_samples": n, "broad_sense_heritability": 0.7})
        )
        assert planning.is_clear(r["kernel"].pearson_r - r["ridge"].pearson_r, "kernel") == clear


def test_an_additive_trait_needs_no_more_than_ridge():
    plan = epidl.plan(**EASY | {"va_over_vg": 1})
    assert plan.needed == {"kernel": None, "mlp": None, "pairs": None}
    assert plan.answer.startswith("Use ridge")


@settings(max_examples=40)
@given(studies)
def test_the_command_is_a_cell_that_the_survey_can_run(study):
    words = planning.command(study).split(" -y ")
    options = words[0].split()[3:]
    given_ = {
        name: yaml.safe_load(value)
        for name, value in zip(options[1::3], options[2::3], strict=True)
    }
    given_ |= yaml.safe_load(words[1].strip('"'))
    base = {
        "n_replicates": 1,
        "models": ["ridge"],
        "protocols": ["held_out"],
        "hidden_width": 8,
        "seed": 1,
    }
    cell = make_cell(SurveyCell, **base | given_)
    assert cell.rel_aa == pytest.approx([study.rel_aa], abs=5e-5)
    assert cell.n_qtl == study.n_qtl + study.n_qtl % 2
    assert 0 <= cell.n_samples - study.n_samples <= 2
    if training_size(study.n_samples, "held_out") % BATCH_SIZE != 1:
        assert cell.n_samples == study.n_samples


def test_a_plan_for_real_data_has_wider_intervals_and_a_range_for_sparse_pairs():
    plan, simulated = epidl.plan(**PANEL), planning.forecast(planning.Study(**PANEL))
    for model, found in plan.forecasts.items():
        assert found.pearson_r == simulated[model].pearson_r
        assert found.low < simulated[model].low
        assert found.high >= simulated[model].high
    assert plan.forecasts["pairs"].low <= plan.forecasts["ridge"].low


def test_a_kind_of_population_changes_what_real_cohorts_say_and_no_number():
    plain, cross = (epidl.plan(**PANEL | {"population": kind}) for kind in ("", "cross"))
    assert cross.forecasts == plain.forecasts
    assert cross.answer.startswith(
        f"{plain.answer} So say simulations. In real cohorts of this kind (yeast, arabidopsis)"
    )
    (said,) = set(cross.notes) - set(plain.notes)
    assert "trust the cohorts" in said
    assert set(planning.surface()["observed"]) == set(KINDS)


def real_table(dataset: str, ridge: float, pairs: float, protocol: str = "random") -> pd.DataFrame:
    """Two splits of two traits in a real cohort, of which REML gives a half and a fifth to loci and pairs."""
    rows = []
    for trait, model in itertools.product("ab", ("ridge", "kernel", "pairs")):
        r = {"ridge": ridge, "kernel": ridge, "pairs": pairs}[model]
        rows += [{"trait": trait, "model": model, "pearson_r": r + k / 50} for k in (0, 1)]
    place = {"dataset": dataset, "protocol": protocol, "grouped": protocol != "random"}
    return pd.DataFrame(rows).assign(
        **place, n_train=850, reml_additive=0.5, reml_epistatic=0.2, n_test=150
    )


def test_the_forecast_of_a_real_trait_knows_what_a_reader_knows_before_any_test():
    table = pd.concat([real_table("yeast", 0.6, 0.6), real_table("example", 0.1, 0.1)])
    found = surface.on_real_cohorts(table)
    assert set(found["dataset"]) == {"yeast"}  # a simulated trait is no real one
    assert len(found) == 2 * 3
    assert {study.n_samples for study in found["study"]} == {1000}
    expected = planning.forecast(found["study"].iloc[0])
    row = found[found["model"] == "ridge"].iloc[0]
    assert row["forecast"] == expected["ridge"].pearson_r
    assert row["found"] == pytest.approx(0.61)
    # results of the test part change no forecast
    again = surface.on_real_cohorts(real_table("yeast", 0.2, 0.9))
    assert list(again["forecast"]) == list(found["forecast"])


def test_errors_on_real_cohorts_are_a_mean_over_cohorts_and_sparse_pairs_have_a_range():
    ridge = surface.on_real_cohorts(real_table("yeast", 0.6, 0.6))["forecast"].iloc[0]
    tables = [real_table("yeast", ridge - 0.11, ridge), real_table("wheat", 0.3, 0.3)]
    found = surface.on_real_cohorts(pd.concat([*tables, *tables[:1]]))
    yeast = surface.excess_real(found[found["dataset"] == "yeast"])
    wheat = surface.excess_real(found[found["dataset"] == "wheat"])
    assert yeast["ridge"] == pytest.approx(0.1**2)
    assert yeast["pairs"] == 0  # between ridge's forecast and its own
    both = surface.excess_real(found)
    assert both["ridge"] == pytest.approx((yeast["ridge"] + wheat["ridge"]) / 2)


def test_what_ships_was_judged_by_leaving_each_real_cohort_out():
    found = surface.covered_on_real(surface.on_real_cohorts(read_table(surface.DATA / "real.csv")))
    found = found[~found["grouped"]]
    covered = found.groupby("model")[["before", "left_out"]].mean()
    assert (covered["before"] < 0.9).all()
    assert covered["left_out"].between(0.85, 0.99).all()


def test_the_command_line_prints_the_plan_of_a_preset_and_of_changes_to_it(capsys):
    assert planning.main(["--preset", "wheat"]) == 0
    assert capsys.readouterr().out == f"{epidl.plan(**WHEAT)}\n"
    assert planning.main(["--preset", "wheat", "--n-samples", "2000"]) == 0
    assert capsys.readouterr().out == f"{epidl.plan(**WHEAT | {'n_samples': 2000})}\n"


def test_the_command_line_says_what_is_missing_or_wrong(capsys):
    assert planning.main(["--n-samples", "500"]) == 2
    assert capsys.readouterr().err.startswith(
        "n_markers, n_qtl, va_over_vg, broad_sense_heritability must be given"
    )
    assert planning.main(["--preset", "wheat", "--n-qtl", "1"]) == 2
    assert capsys.readouterr().err == "n_qtl must be at least 2, got 1\n"


def test_segments_of_a_cross_and_of_a_population():
    assert planning.cross_segments([1e-6]) == 1  # one segment, never broken
    # 8 l^2 / 4 l where l is long
    assert planning.cross_segments([50.0]) == pytest.approx(100, rel=0.01)
    assert planning.independent_segments(100, 30, 1.0) == round(2 * 100 * 30 / math.log(100))
    with pytest.raises(ValueError, match="effective_size must be greater than 0, got 0"):
        planning.independent_segments(0, 30, 1.0)
    with pytest.raises(ValueError, match=r"effective_size \* morgans must be at least 2, got 1"):
        planning.independent_segments(1, 30, 1.0)
    with pytest.raises(ValueError, match="chromosomes must be at least 1e-06"):
        planning.cross_segments([1.0, 0.0])


def test_linked_markers_are_worth_the_segments_that_a_formula_gives():
    """Relationships of a cross's gametes, densely marked, vary as those at M_e independent markers
    would.
    """
    rng, n, lengths, per_morgan = np.random.default_rng(1), 700, [1.0, 2.0], 100
    chromosomes = []
    for length in lengths:
        crossed = (
            rng.random((n, round(length * per_morgan) - 1)) < (1 - math.exp(-2 / per_morgan)) / 2
        )
        start = rng.integers(0, 2, size=(n, 1))
        chromosomes.append((np.cumsum(np.hstack([start, crossed]), axis=1) % 2) * 2.0 - 1)
    x = np.hstack(chromosomes)
    relationship = (x @ x.T / x.shape[1])[np.triu_indices(n, 1)]
    assert 1 / np.var(relationship) == pytest.approx(planning.cross_segments(lengths), rel=0.1)


# ---- what it was measured from ----


def test_the_surface_belongs_to_the_tables_that_ship():
    rows = surface.evidence(ROOT / "book" / "data")
    known = planning.surface()
    assert known["efficiency"] == pytest.approx(surface.fit_efficiency(rows), rel=1e-3)
    points = surface.points_of(surface.with_closed_forms(rows, known["efficiency"]))
    ours = {(p["experiment"], p["cell"], p["rel_aa"]): p for p in known["points"]}
    assert len(points) == sum(len(point["pearson_r"]) for point in known["points"])
    for row in points.itertuples():
        point = ours[row.experiment, row.cell, row.rel_aa]
        assert point["pearson_r"][row.model] == pytest.approx(row.pearson_r, abs=1e-4)
        assert point["residual"][row.model] == pytest.approx(row.residual, abs=1e-4)


def test_every_preset_and_sentence_of_the_surface_is_that_of_the_code():
    known = planning.surface()
    assert known["sentences"] == surface.SENTENCES
    assert known["presets"] == json.loads(json.dumps(surface.PRESETS))
    for preset in known["presets"].values():
        epidl.plan(**preset["study"])


def small_rows(n_cells: int = 6) -> pd.DataFrame:
    """Return made-up evidence: r is that of the closed form plus 0.05, in cells that differ in their
    individuals.
    """
    rows = []
    for k in range(n_cells):
        for replicate in (1, 2):
            for model in planning.MODELS:
                rows.append(
                    {
                        "experiment": "survey",
                        "cell": f"c{k}",
                        "n_samples": 300 + 100 * k,
                        "n_markers": 40,
                        "n_qtl": 20,
                        "broad_sense_heritability": 0.8,
                        "rel_aa": 0.5,
                        "va_over_vg": 0.5,
                        "replicate": replicate,
                        "trait": 1,
                        "model": model,
                        "additive": 0.4,
                        "epistatic": 0.4,
                        "pearson_r": 0.0,
                    }
                )
    rows = surface.with_closed_forms(pd.DataFrame(rows), (0.5, 0.5, 0.0))
    return surface.with_closed_forms(
        rows.assign(pearson_r=rows["closed_form"] + 0.05), (0.5, 0.5, 0.0)
    )


def test_a_cell_that_is_left_out_does_not_help_its_own_forecast():
    rows = small_rows()
    before = surface.left_out(rows, "cell", dict.fromkeys(planning.MODELS, (0.3, 4.0)))
    changed = rows.assign(residual=rows["residual"].where(rows["cell"] != "c2", 0.9))
    after = surface.left_out(changed, "cell", dict.fromkeys(planning.MODELS, (0.3, 4.0)))
    own = rows["cell"] == "c2"
    pd.testing.assert_series_equal(before.loc[own, "forecast"], after.loc[own, "forecast"])
    assert (after.loc[~own, "forecast"] > before.loc[~own, "forecast"] + 0.01).any()


def test_a_shared_residual_is_learned_from_the_other_cells():
    found = surface.errors(
        surface.left_out(small_rows(), "cell", dict.fromkeys(planning.MODELS, (0.3, 1.0)))
    )
    closed = surface.errors(small_rows(), "closed_form")
    assert closed["bias"].to_numpy() == pytest.approx(0.05, abs=1e-9)
    assert (found["bias"] < 0.03).all()


def test_errors_tell_chance_from_error():
    rows = small_rows().assign(forecast=lambda t: t["closed_form"] + 0.05)
    apart = rows["replicate"].map({1: 0.1, 2: -0.1})
    chance = surface.errors(rows.assign(pearson_r=rows["pearson_r"] + apart))
    assert chance["rms"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert chance["chance"].to_numpy() == pytest.approx(0.1, abs=1e-9)
    assert (chance["error"] == 0).all()
    wrong = surface.errors(rows.assign(pearson_r=rows["pearson_r"] + 0.1))
    assert wrong["error"].to_numpy() == pytest.approx(0.1, abs=1e-9)


def test_controls_diverged_fits_and_steered_test_samples_are_no_evidence():
    rows = surface.evidence(ROOT / "book" / "data")
    assert not rows["all_pairs"].any()
    assert set(rows["protocol"]) == {"held_out"}
    assert rows["pearson_r"].notna().all()
    assert set(rows.loc[rows["model"] == "mlp", "n_traits"]) <= set(surface.FEW_TRAITS)
    assert np.allclose(rows["additive"] + rows["epistatic"], rows["broad_sense_heritability"])


def test_the_quick_studies_are_not_among_those_that_the_planner_knows():
    grids = load_grids(ROOT / "params" / "survey.yml")
    assert not {cell.name for cell in grids["quick"]} & {cell.name for cell in grids["standard"]}
    known = {(p["n_samples"], p["n_markers"], p["n_qtl"]) for p in planning.surface()["points"]}
    assert not known & {(cell.n_samples, cell.n_markers, cell.n_qtl) for cell in grids["quick"]}


@pytest.mark.slow
def test_held_out_cells_are_forecast_within_the_stated_errors():
    rows, known = surface.evidence(ROOT / "book" / "data"), planning.surface()
    found = surface.left_out_with_fit(rows, "cell", known["smoothing"])
    assert surface.errors(found)["error"].to_dict() == pytest.approx(known["error"], abs=1e-3)
    covered = surface.coverage(found, known["smoothing"])
    assert covered.between(0.85, 0.97).all()
    assert (surface.errors(found)["error"] < 0.03).all()


@pytest.mark.parametrize(("copies", "n_markers"), [(1, 30), (5, 150)])
def test_observed_segments_count_linked_markers_once(copies, n_markers):
    """Thirty independent loci, each marked once or five times."""
    loci = np.random.default_rng(1).integers(0, 3, size=(2000, 30)).astype(np.int8)
    markers = np.hstack([np.repeat(loci, copies, axis=1), np.ones((2000, 1), dtype=np.int8)])
    found = planning.observed_segments(Dosages.from_counts(markers, 2))
    assert markers.shape[1] == n_markers + 1
    assert abs(found - 30) <= 1
    one = Dosages.from_counts(np.repeat(loci[:, :1], 9, axis=1), 2)
    assert planning.observed_segments(one) == 2  # the least that a study has
