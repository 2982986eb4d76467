"""The page that compares ridge by SGD with exact ridge: its words and its figure."""

import matplotlib as mpl
import pandas as pd
import pytest

from epidl_book import ridge_vs_sgd

mpl.use("Agg")


@pytest.fixture
def found() -> pd.DataFrame:
    rows = []
    for n_samples in (1000, 10_000):
        for scaling in (0.1, 20.0):
            cell, lost = f"n{n_samples}_{scaling}", 0.002 * scaling * 1000 / n_samples
            for replicate in (1, 2):
                place = n_samples, scaling, cell, replicate, 1, "held_out"
                behind = lost + 0.001 * (-1) ** replicate
                rows += [(*place, "ridge", 0.8), (*place, "ridge_sgd", 0.8 - behind)]
    columns = [
        "n_samples",
        "scaling",
        "cell",
        "replicate",
        "trait",
        "protocol",
        "model",
        "pearson_r",
    ]
    return ridge_vs_sgd.by_scaling(pd.DataFrame(rows, columns=columns))


def test_differences_are_told_of_the_fewest_individuals(found):
    assert ridge_vs_sgd.in_words(found) == {"many": "-0.04", "n": "1,000"}


def test_a_line_is_drawn_for_each_number_of_individuals(found):
    _, *lines = ridge_vs_sgd.draw_by_scaling(found).axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["1,000 individuals", "10,000 individuals"]
    assert [round(line.get_ydata()[-1], 4) for line in lines] == [-0.04, -0.004]
