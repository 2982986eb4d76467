"""The page of the approach: its drawings show what the library does, its table what the grid holds."""

import matplotlib as mpl
import numpy as np

from conftest import ROOT
from epidl.grid.params import load_grids
from epidl_book import approach

mpl.use("Agg")


def test_the_drawing_of_the_protocols_has_the_parts_of_the_splits():
    figure = approach.who_is_scored(200)
    published, held_out = figure.axes
    assert [ax.get_title().split(":")[0] for ax in figure.axes] == ["published", "held_out"]
    widths = {}
    for ax in figure.axes:
        network = [bar for bar in ax.collections if bar.get_paths()[0].vertices[:, 1].max() > 0.7]
        edges = [path.vertices[:, 0] for bar in network for path in bar.get_paths()]
        widths[ax.get_title()[:4]] = [round(x.max() - x.min()) for x in edges]
    assert widths == {"publ": [85, 15], "held": [72, 13, 15]}
    assert len(published.collections) > len(held_out.collections)  # ten random splits of ridge


def test_an_interaction_alone_has_a_level_mean_and_lines_that_cross():
    added, _, alone = approach.interaction().axes
    slopes = [[np.diff(line.get_ydata())[0] for line in ax.get_lines()] for ax in (added, alone)]
    assert slopes[0][0] == slopes[0][1] == slopes[0][2]
    assert slopes[1][0] == -slopes[1][1]
    assert slopes[1][2] == 0


def test_the_experiments_are_told_from_the_lowest_value_to_the_highest():
    names = ("scaling", "dilution", "correlation")
    grids = {name: load_grids(ROOT / "params" / f"{name}.yml")["full"] for name in names}
    table = approach.experiment_table(grids)
    assert table.loc["scaling", ["individuals", "traits", "additive share"]].tolist() == [
        "1,000 to 1,000,000",
        "5",
        "0.14 to 1",
    ]
    assert table.loc["correlation", "additive share"] == "0.33"
