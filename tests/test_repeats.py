"""Repeats: a seed is one table, computed again or on another number of threads, and the table on it is
whole.
"""

import pandas as pd
import pytest

import repeats
from epidl.figures import MODEL_NAMES

EXACT = ["ridge", "kernel", "pairs", "oracle"]  # what is solved, not trained
ROUNDING = 1e-6  # of r: two threads add in another order, and variance components are searched for
TRAINED = 0.02  # of r: what training may make of that, less than cohorts differ


SMALL = {"n_samples": 200, "hidden_width": 32, "mlp_max_epochs": 3}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "models"),
    [("beyond", [*EXACT, "ridge_sgd", "mlp"]), ("dilution", ["lasso", "mlp_pruned"])],
)
def test_a_seed_is_one_table(experiment, models):
    one, again = (repeats.compute(experiment, 1, models=models, **SMALL) for _ in range(2))
    pd.testing.assert_frame_equal(
        one.drop(columns="seconds"), again.drop(columns="seconds"), check_exact=True
    )


@pytest.mark.slow
def test_two_threads_change_what_is_solved_by_rounding_alone():
    one, two = (repeats.compute("beyond", n_threads, models=EXACT, **SMALL) for n_threads in (1, 2))
    found = repeats.differences(one, two)
    assert found.index.tolist() == EXACT
    assert (found < ROUNDING).all(), found


def test_a_difference_is_the_largest_and_a_number_in_place_of_none_is_no_small_one():
    one = pd.DataFrame(
        {
            "model": ["a", "a", "b"],
            "trait": [1, 2, 1],
            "pearson_r": [0.5, 0.6, None],
            "r_additive": 0.1,
        }
    ).assign(r_epistatic=float("nan"))
    one = one.set_index(["model", "trait"])
    assert repeats.differences(one, one).tolist() == [0, 0]
    other = one.assign(pearson_r=[0.5, 0.58, 0.7])
    found = repeats.differences(one, other)
    assert found["a"] == pytest.approx(0.02)
    assert pd.isna(found["b"])


def test_every_model_is_repeated_with_the_same_numbers():
    table = pd.read_csv(repeats.DATA / "repeats.csv").set_index("model")
    # trained as skip_mlp is
    assert sorted(table.index) == sorted(set(MODEL_NAMES) - {"mlp_patient"})
    assert (table["repeated"] == 0).all()
    assert (table.loc[EXACT, "two_threads"] < ROUNDING).all()
    assert (table["two_threads"] < TRAINED).all()
