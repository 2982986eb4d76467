"""Rerun a notebook: `python -m epidl.grid.rerun NOTEBOOK OUT -p NAME VALUE ...` is papermill without tracebacks.

It takes papermill's arguments and hands them on. Where the notebook refuses a parameter it ends with the message alone;
papermill itself prints where in its own code it met the error, too.
"""

import ast
import logging
import os
import sys
from collections.abc import Sequence

import IPython

from epidl import commands
from epidl.grid.params import ParameterError

INJECTED = "# Parameters\n"  # how papermill begins the cell of the parameters that it was given


def check_names() -> None:
    """Refuse parameters that the notebook at work does not have, which papermill only warns of.

    Raises ParameterError that names them, with the parameters that there are.
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
    unknown = [name for name in given if name not in known]
    words = ", ".join(dict.fromkeys(known))
    if unknown:
        raise ParameterError(f"{', '.join(unknown)} must be among the notebook's parameters: {words}")


def _assigned(source: str) -> list[str]:
    """Return the names that a cell assigns, in its order."""
    targets = [target for line in ast.parse(source).body if isinstance(line, ast.Assign) for target in line.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run papermill and return its exit status; where the notebook ends with an error, its last words and 1."""
    if arguments is None and sys.getfilesystemencoding() != "utf-8":  # a C or Latin-1 locale; files hold UTF-8
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)
    import yaml  # late, as the others: the notebooks themselves do without them
    from jupyter_client.kernelspec import NoSuchKernel
    from nbformat import ValidationError
    from papermill import cli, exceptions

    logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # a kernel that is not there is said below, in one line
    try:
        cli.papermill.main(args=arguments, prog_name="python -m epidl.grid.rerun")
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
