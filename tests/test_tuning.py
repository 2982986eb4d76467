"""Tuning: the search finds the best settings, is seeded, and goes on where it was interrupted."""

import pandas as pd
import pytest

from epidl.models import tuning

SPACE = {"rate": (0.1, 0.01, 0.001), "size": range(10, 101)}


def loss(settings, number=0) -> tuple[float, dict]:
    return abs(settings["size"] - 60) + (settings["rate"] != 0.01) * 5, {"epochs": number + 1}


def search(objective=loss, **changes):
    best, table = tuning.search(
        objective, SPACE, **{"n_trials": 12, "seed": 1, "name": "a study"} | changes
    )
    return best, table.drop(columns="seconds")


def test_a_row_of_the_table_is_a_trial_and_the_best_is_among_them():
    best, table = search()
    assert table["trial"].tolist() == list(range(12))
    assert table["epochs"].tolist() == list(range(1, 13))
    assert table["rate"].isin(SPACE["rate"]).all()
    assert table["size"].between(10, 100).all()
    assert best == table.loc[table["loss"].idxmin(), ["rate", "size"]].to_dict()
    assert table["loss"].tolist() == [loss(row)[0] for row in table.to_dict("records")]


def test_each_trial_has_draws_of_its_own():
    _, table = search()
    # the first ten are drawn at random
    assert len(table.head(10).drop_duplicates(["rate", "size"])) == 10


def test_a_seed_gives_the_same_search():
    pd.testing.assert_frame_equal(search()[1], search()[1])
    assert not search(seed=2)[1]["size"].equals(search()[1]["size"])


@pytest.mark.parametrize("interrupted_at", [0, 3, 11])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, interrupted_at):
    class Killed(BaseException):
        pass

    def killed(settings, number):
        if number == interrupted_at:
            raise Killed
        return loss(settings, number)

    file = tmp_path / "a folder" / "studies.sqlite"
    with pytest.raises(Killed):
        search(killed, file=file)
    seen = []

    def counted(settings, number):
        seen.append(number)
        return loss(settings, number)

    best, table = search(counted, file=file)
    assert seen == list(range(interrupted_at, 12)), (
        "finished trials are kept, the interrupted one runs again"
    )
    expected_best, expected = search()
    pd.testing.assert_frame_equal(table, expected)
    assert best == expected_best


def test_a_finished_search_is_read_not_repeated(tmp_path):
    file = tmp_path / "studies.sqlite"
    first = search(file=file)

    def never(settings, number):
        raise AssertionError("nothing is left to try")

    again = search(never, file=file)
    pd.testing.assert_frame_equal(first[1], again[1])
    other = search(file=file, name="another study", seed=2)
    assert not other[1]["size"].equals(first[1]["size"]), "studies in one file are kept apart"


def test_diverged_trials_are_never_the_best():
    best, table = search(
        lambda settings, number: (float("inf") if settings["rate"] > 0.01 else 1.0, {})
    )
    assert best["rate"] <= 0.01
    assert (table.loc[table["rate"] > 0.01, "loss"] == float("inf")).all()


@pytest.mark.parametrize("content", [b"no database", bytes(5000), None])
def test_a_damaged_database_is_set_aside_and_the_search_made_again(tmp_path, content, capsys):
    file = tmp_path / "studies.sqlite"
    _, whole = search(file=file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    _, again = search(file=file)
    pd.testing.assert_frame_equal(again, whole)
    assert f"{file} must hold Optuna's trials" in capsys.readouterr().err
    assert (tmp_path / "studies.damaged").exists()
