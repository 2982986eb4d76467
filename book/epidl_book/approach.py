"""The page of the approach: the table of parameters."""

from collections.abc import Mapping, Sequence

import pandas as pd

from epidl.grid.params import Cell

# parameters that say where and as what a cell is run
NO_SETTINGS = {"experiment", "profile", "device", "n_threads"}


def parameter_table(grids: Mapping[str, Sequence[Cell]]) -> pd.DataFrame:
    """Return the values of each parameter over the cells of experiments, a row a parameter, a column
    an experiment.

    Beside them what the parameter means, in the first experiment that has it. A dash: the
    experiment has no such parameter. Semicolons separate the values of different cells, commas
    those of a parameter that is a list.
    """
    columns, meanings = {}, {}
    for experiment, cells in grids.items():
        columns[experiment], own = {}, {}
        for name, field in type(cells[0]).model_fields.items():
            if name not in NO_SETTINGS:
                values = [_value(getattr(cell, name)) for cell in cells]
                columns[experiment][name] = "; ".join(dict.fromkeys(values))
                own[name] = field.description
        meanings = own | meanings
    return pd.DataFrame({"meaning": meanings} | columns).fillna("–")


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
