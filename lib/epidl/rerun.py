"""Rerun a notebook: `python -m epidl.rerun NOTEBOOK OUT -p NAME VALUE ...` is papermill without
tracebacks.

The command takes papermill's arguments and hands them on. If the notebook refuses a parameter, the
command ends with that message alone. Papermill would also print where in its own code it met the
error. The notebooks of the experiments begin with `read_cell` and end with `check_table`.
"""

import ast
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import IPython
import pandas as pd

from epidl import commands
from epidl.grid.params import CELL_TYPES, Cell, ParameterError, make_cell

INJECTED = "# Parameters\n"  # how papermill begins the cell of the parameters that it was given
WITHOUT_R = ("diverged", "constant", "no_features")  # statuses of fits that have no Pearson's r


def read_cell(experiment: str, notebook: Mapping[str, Any]) -> Cell:
    """Return the cell of a notebook's parameters: its variables with the names of the cell's fields.

    notebook: its `globals()`. A field that the notebook does not set has its default.

    Raises ParameterError that names each wrong parameter, and each given one that the cell does not
    have.
    """
    cell_type = CELL_TYPES[experiment]
    fields = [name for name in cell_type.model_fields if name != "experiment"]
    check_names(fields)
    return make_cell(cell_type, **{name: notebook[name] for name in fields if name in notebook})


def check_table(cell: Cell, table: pd.DataFrame) -> pd.Series:
    """Return, for each thing that a cell's table should have on any machine and for any parameters,
    whether it does.
    """
    keys = ["replicate", "trait", "model", "protocol"]
    n_traits = getattr(cell, "n_traits", 0) or len(cell.rel_aa)
    n_fits = sum(fit.split()[-1] in set(table["model"]) for fit in cell.fits)
    complete = len(table) == len(table[keys].drop_duplicates()) == n_fits * n_traits
    without_r = table["status"].isin(WITHOUT_R)
    checks = {
        "every model was fitted": set(table["model"]) == set(cell.models),
        "one row per replicate, trait, model and protocol": complete,
        "r is missing exactly if the status says why": (
            table["pearson_r"].isna() == without_r
        ).all(),
    }
    return pd.Series(checks, dtype=bool)


def check_names(more: Iterable[str] = ()) -> None:
    """Refuse parameters that the running notebook does not have, of which papermill only warns.

    more: names of parameters that the notebook takes without listing them.

    Raises ParameterError that names them and the parameters that there are.
    """
    shell = IPython.get_ipython()
    history = list(shell.history_manager.input_hist_parsed) if shell else []
    while history and not history[-1].startswith(INJECTED):
        history.pop()  # what ran after the parameters
    known, given = [], []
    for source in history:
        if source.startswith(INJECTED):
            given = _assigned(source)
        else:
            known += _assigned(source)
    known = dict.fromkeys([*known, *more])
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ParameterError(
            f"{', '.join(unknown)} must be among the notebook's parameters: {', '.join(known)}"
        )


def _assigned(source: str) -> list[str]:
    """Return the names that a cell assigns, in its order."""
    names = []
    for line in ast.parse(source).body:
        for target in line.targets if isinstance(line, ast.Assign) else ():
            if isinstance(target, ast.Name):
                names.append(target.id)
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run papermill and return its exit status. If the notebook ends with an error, print its last
    words and return 1.
    """
    # a C or Latin-1 locale; files hold UTF-8
    if arguments is None and sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)
    import yaml  # late, as the others: the notebooks themselves do without them
    from jupyter_client.kernelspec import NoSuchKernel
    from nbformat import ValidationError
    from papermill import cli, exceptions

    # a kernel that is not there is said below, in one line
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    # a name that is not listed is taken or refused by the notebook itself
    logging.getLogger("papermill").addFilter(
        lambda record: "unknown parameter" not in record.getMessage()
    )
    try:
        cli.papermill.main(args=arguments, prog_name="python -m epidl.rerun")
    except exceptions.PapermillExecutionError as error:
        print(f"{error.ename}: {error.evalue}", file=sys.stderr)
        return 1
    except NoSuchKernel as error:
        remedy = "-k python3 takes the one of this environment"
        print(f"{error}, which the notebook was saved with: {remedy}", file=sys.stderr)
        return 2
    except (exceptions.PapermillException, OSError, ValidationError) as error:
        print(str(error).strip(), file=sys.stderr)
        return 2
    except (ValueError, TypeError, yaml.YAMLError) as error:
        print(
            "The notebook must be a text file of JSON, -y and -f must hold names and values in YAML, as "
            f"'{{models: [ridge, mlp]}}': {error}",
            file=sys.stderr,
        )
        return 2
    except SystemExit as end:  # click's
        return end.code
    return 0


if __name__ == "__main__":
    commands.end(main)
