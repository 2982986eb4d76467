"""A catalogue of invalid input: where it is given, to which argument, in what way it is wrong, and
what is answered.

`python tests/bad_input.py` provokes each kind and writes book/data/bad_input.csv. A kind is a
place, an argument and a way of being wrong; tests/test_bad_input.py draws more values of each.
"""

import atexit
import contextlib
import functools
import io
import json
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import epidl
from epidl import checks, devices, seeds, storage
from epidl.cohorts import alphasimr, splits, worlds, zenodo
from epidl.cohorts import orders as interactions
from epidl.cohorts import simulate as simulation
from epidl.cohorts.genotypes import Dosages, Haplotypes
from epidl.grid import cell, core, costs, params, publish, results, workflow
from epidl.models import (
    gaussian,
    kernels,
    lasso_pairs,
    lasso_path,
    networks,
    orders,
    pairs,
    ridge,
    selection,
    theory,
    training,
    trees,
)
from epidl.own import comparison as own_comparison
from epidl.own import genotype_files, public, reader
from epidl.planner import planning, surface
from epidl_book import charts, claims

ROOT = Path(__file__).parents[1]
LIBRARY = Path(epidl.__file__).parent
TABLE = ROOT / "book" / "data" / "bad_input.csv"
NAN, INF = float("nan"), float("inf")


class Refused(Exception):
    """A command's refusal: the last line that it printed to standard error."""


@dataclass(frozen=True)
class Wrong:
    """A way of being wrong.

    example: the value that the table shows. bound: what the message says was wanted, a regular
    expression. more: draws other values of the kind. says: what the message says was got, where it
    is not the value itself.
    """

    way: str
    example: Any
    bound: str
    more: SearchStrategy | None = None
    says: str = ""


@dataclass(frozen=True)
class Place:
    """A function, parameter file, notebook or command; valid: arguments that it takes; wrong: by
    argument.
    """

    where: str
    call: Callable[..., object]
    valid: Callable[[], dict[str, Any]]
    wrong: Mapping[str, list[Wrong]]

    def provoke(self, argument: str, value: object) -> BaseException | None:
        """Return what is raised where one argument has another value; of `several`, a value each."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.call(**self.valid() | (value if argument == "several" else {argument: value}))
        except Exception as error:
            return error
        return None


# --- Ways of being wrong -------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
WHOLE, NUMBER = (
    "whole number|valid integer",
    "a number|valid number|one number|numbers only|finite number",
)
LEAST, MOST = (
    "(at least|greater than or equal to) {}",
    "(at most|less than or equal to|less than|within .*) {}",
)


# NumPy makes no array of these
UNEQUAL = st.integers(1, 5).map(lambda k: [[1] * k, [1] * (k + 1)])


def ragged() -> Wrong:
    """Return lists of unequal lengths in the place of a matrix or a list."""
    return Wrong(
        "lists of unequal lengths", [[1], [1, 0]], "rows of one length", UNEQUAL, says=r"\["
    )


def _number(value: float) -> str:
    return re.escape(f"{value:g}" if abs(value) < 1e6 else f"{value}")


def types(bound: str) -> list[Wrong]:
    """Return what is no number at all."""
    return [
        Wrong("text", "ten", bound, TEXTS),
        Wrong("True", True, bound, st.booleans()),
        Wrong(
            "a mapping",
            {"a": 1},
            bound,
            st.dictionaries(TEXTS, st.integers(), min_size=1, max_size=2),
        ),
    ]


def integer(least: int, most: int | None = None, optional: bool = False) -> list[Wrong]:
    """Return the ways in which a whole number can be wrong."""
    ways = [
        *types(WHOLE),
        Wrong(
            "a fraction", 2.5, WHOLE, st.floats(least, least + 1000).filter(lambda x: x != int(x))
        ),
        Wrong("NaN", NAN, WHOLE + "|finite"),
        Wrong("infinite", INF, WHOLE + "|finite", st.sampled_from([INF, -INF])),
        Wrong("a list", [3], WHOLE, st.lists(st.integers(1, 9), max_size=3)),
        Wrong(
            "below its bound", least - 1, LEAST.format(least), st.integers(least - 10**6, least - 1)
        ),
    ]
    if most is not None:
        ways.append(
            Wrong(
                "above its bound",
                most + 1,
                MOST.format("[0-9e+]+"),
                st.integers(most + 1, most + 10**6),
            )
        )
    return ways if optional else [*ways, Wrong("None", None, WHOLE)]


def real(least: float = -INF, most: float = INF, above: float | None = None) -> list[Wrong]:
    """Return the ways in which a number can be wrong."""
    ways = [
        *types(NUMBER),
        Wrong("None", None, NUMBER + "|finite|must be"),
        Wrong("NaN", NAN, "finite|at least|within|" + NUMBER + "|less than"),
        Wrong(
            "infinite",
            INF,
            "finite|at least|at most|within|less than",
            st.sampled_from([INF, -INF]),
        ),
        Wrong("lists of unequal lengths", [[1], [1, 2]], f"{NUMBER}|rows of one length", UNEQUAL),
    ]
    if above is not None:
        negative = st.floats(above - 1000, above - 1e-3)
        ways += [
            Wrong("not above its bound", above, f"(greater than|above) {_number(above)}"),
            Wrong("negative", above - 1.0, f"(greater than|above) {_number(above)}", negative),
        ]
    elif least > -INF:
        bound = LEAST.format(_number(least)) + f"|within \\[{_number(least)}"
        ways.append(
            Wrong("below its bound", least - 0.5, bound, st.floats(least - 1000, least - 1e-3))
        )
    if most < INF:
        bound = MOST.format("[^ ]*")
        ways.append(
            Wrong("above its bound", most + 0.5, bound, st.floats(most + 1e-3, most + 1000))
        )
    return ways


def choice(*names: str) -> list[Wrong]:
    """Return the ways in which a name can be wrong."""
    bound = "must be one of|Input should be|must be '|must be of|must name|must be 'cpu'"
    return [
        Wrong("an unknown name", "tpu", bound, TEXTS.filter(lambda text: text not in names)),
        Wrong("a number", 3, bound, st.integers()),
        Wrong("None", None, bound),
        Wrong("empty", "", bound),
    ]


def boolean() -> list[Wrong]:
    """Return the ways in which a switch can be wrong."""
    bound = "must be True or False|valid boolean"
    return [
        Wrong("a text", "yes", bound, TEXTS),
        Wrong("a number", 1, bound, st.integers()),
        Wrong("None", None, bound),
    ]


def texts(*names: str) -> list[Wrong]:
    """Return the ways in which a list of names can be wrong."""
    bound = "must be a list|valid tuple|must be of|must hold|Input should be|must name"
    bound += "|should have at least|at most once"
    return [
        Wrong("a text", names[0] if names else "sex", bound),
        Wrong(
            "an unknown name", ["tpu"], bound, st.lists(TEXTS, min_size=1, max_size=2), says=".*"
        ),
        Wrong(
            "a number among names",
            [3],
            bound,
            st.lists(st.integers(), min_size=1, max_size=2),
            says=".*",
        ),
        Wrong("a number", 3, bound, st.integers()),
    ]


def path() -> list[Wrong]:
    """Return the ways in which a path can be wrong, whatever is there."""
    bound = "must be a path|must be a folder|must be a file|must exist|is missing|must name|cannot be read|valid string"
    return [
        Wrong("a number", 5, bound, st.integers(1)),
        Wrong("a list", ["a"], bound, st.lists(TEXTS, min_size=1, max_size=2)),
        Wrong("a null byte", "a\0b", bound, says="a.*b"),
        Wrong("too long", "a" * 5000, bound, says="aaa"),
    ]


def folder() -> list[Wrong]:
    """Return the ways in which a folder to write to can be wrong."""
    return [
        *path(),
        Wrong("a file in its place", str(ROOT / "index.md"), "must be a folder", says="index.md"),
    ]


def matrix(n_rows: int, n_columns: int) -> list[Wrong]:
    """Return the ways in which a matrix of numbers can be wrong."""

    def with_value(value: object) -> np.ndarray:
        array = np.ones((n_rows, n_columns), dtype=object if isinstance(value, str) else float)
        array[0, 0] = value
        return array

    other = (
        st.integers(1, 2 * n_rows)
        .filter(lambda n: n != n_rows)
        .map(lambda n: np.ones((n, n_columns)))
    )
    return [
        Wrong("text", with_value("tall"), "numbers only", TEXTS.map(with_value), says="array"),
        Wrong("a complex number", np.ones((n_rows, n_columns)) * 1j, "numbers only", says="array"),
        Wrong("NaN", with_value(NAN), "must be finite", says="got 1 values"),
        Wrong(
            "infinite",
            with_value(INF),
            "must be finite",
            st.just(with_value(-INF)),
            says="got 1 values",
        ),
        Wrong(
            "another length",
            np.ones((n_rows - 1, n_columns)),
            f"{n_rows} rows",
            other,
            says="got [0-9]+",
        ),
        Wrong("one dimension", np.ones(n_rows), "must be a matrix", says="shape"),
        Wrong(
            "three dimensions", np.ones((n_rows, n_columns, 1)), "must be a matrix", says="shape"
        ),
        Wrong("empty", np.ones((n_rows, 0)), "at least one row and one column", says="shape"),
        Wrong("None", None, "must be a matrix", says="shape"),
        ragged(),
    ]


def rows(n_samples: int, least: int = 1, different: bool = True) -> list[Wrong]:
    """Return the ways in which numbers of samples can be wrong."""
    right = list(range(max(least, 2)))
    within = f"from 0 to {n_samples - 1}"
    ways = [
        Wrong(
            "beyond the samples",
            [*right, n_samples],
            within,
            st.integers(n_samples).map(lambda k: [*right, k]),
            ".*",
        ),
        Wrong(
            "negative",
            [*right, -1],
            within,
            st.integers(-(10**6), -1).map(lambda k: [*right, k]),
            ".*",
        ),
        Wrong("fractions", [0.5, 1.5, 2.5, 3.5, 4.5], "whole numbers"),
        Wrong("True and False", np.ones(n_samples, dtype=bool), "whole numbers", says="array"),
        Wrong("a matrix", np.zeros((2, 2), dtype=int), "whole numbers", says="array"),
        Wrong("one number", 3, "whole numbers|must", st.integers(0, 9)),
        Wrong("lists of unequal lengths", [[1], [1, 2]], "whole numbers|must", UNEQUAL, r"\["),
        Wrong("texts", ["a", "b", "c", "d", "e"], "whole numbers"),
    ]
    if different:
        ways.append(
            Wrong("one twice", [*right, 0] + [2, 3, 4, 5] * (least > 2), "at most once", says=".")
        )
    if least > 0:
        ways.append(
            Wrong("too few", np.arange(least - 1), f"at least {least}", says=f"got {least - 1}")
        )
    return ways


def kind_of(bound: str) -> list[Wrong]:
    """Return what is not of a certain kind."""
    return [
        Wrong("another kind", 3, bound, st.integers(), says="."),
        Wrong("None", None, bound, says="."),
    ]


GENOTYPES = [
    Wrong("a plain matrix", np.zeros((40, 8)), "must be Haplotypes or Dosages", says="ndarray"),
    Wrong("None", None, "must be Haplotypes or Dosages", says="NoneType"),
]
DEVICE = choice("cpu", "cuda", "auto")
SEED = integer(0)
LEAST_H2 = LEAST.format("(1e-06|0.000001)")
HERITABILITY = [
    *real(most=1),
    Wrong("negative", -1.0, LEAST_H2, st.floats(-1000, -1e-3)),
    Wrong("zero", 0.0, LEAST_H2),
    Wrong("next to nothing", 1e-77, LEAST_H2, st.floats(0, 9e-7)),
]

# --- A small cohort ------------------------------------------------------------------------------------------------

N, M = 40, 8
CELL = {
    "n_samples": 40,
    "scaling": 0.5,
    "n_replicates": 1,
    "rel_aa": (0, 1),
    "broad_sense_heritability": 0.9,
    "models": ("ridge",),
    "protocols": ("published",),
    "hidden_width": 4,
    "seed": 1,
}


@functools.cache
def cohort() -> simulation.Cohort:
    """Return 40 individuals with 8 markers and two traits."""
    return simulation.simulate(
        n_samples=N, n_qtl=M, rel_aa=[0, 1], broad_sense_heritability=0.9, seed=1
    )


@functools.cache
def dosages() -> Dosages:
    """Return the same number of diploids."""
    return Dosages.from_counts(np.random.default_rng(1).integers(0, 3, size=(N, M)), 2)


def observed() -> own_comparison.Observed:
    """Return what `own_data` makes of them."""
    labels = np.arange(N)
    return own_comparison.observe(dosages(), cohort().phenotypes[:, 0], None, labels % 2, labels)


def generator() -> torch.Generator:
    """Return a generator for networks."""
    return torch.Generator().manual_seed(1)


def layer(n_markers: int = M, n_traits: int = 2) -> networks.OneHotLinear:
    """Return a network."""
    return networks.OneHotLinear(n_markers, n_traits, generator())


def fit_arguments(n_rows: int = 20) -> dict[str, Any]:
    """Return the arguments that all models take."""
    return {
        "genotypes": cohort().genotypes,
        "phenotypes": cohort().phenotypes,
        "rows": np.arange(n_rows),
    }


def predictions(fit: object) -> dict[str, list[Wrong]]:
    """Return the ways in which the arguments of a fit's `predict` can be wrong."""
    other = simulation.simulate(
        n_samples=N, n_qtl=4, rel_aa=[0], broad_sense_heritability=1, seed=1
    ).genotypes
    number = f"genotypes.n_markers must be that of the training individuals, {M}"
    return {
        "genotypes": [*GENOTYPES, Wrong("other markers", other, number, says="got 4")],
        "rows": rows(N, least=0, different=False),
    }


# --- Functions -----------------------------------------------------------------------------------------------------


def functions() -> list[Place]:
    """Return the public functions that take what a user supplies."""
    return [
        *_simulation(),
        *_genotypes(),
        *_fits(),
        *_networks(),
        *_theory(),
        *_planner(),
        *_own(),
        *_tables(),
        *_cells(),
    ]


def _place(
    module: Any, name: str, valid: Callable[[], dict[str, Any]], /, **wrong: list[Wrong]
) -> Place:
    function = functools.reduce(getattr, name.split("."), module)
    return Place(f"{module.__name__.rpartition('.')[2]}.{name}", function, valid, wrong)


def _exhausted(function: Callable) -> Callable:
    return lambda **arguments: list(function(**arguments))


REL_AA = [
    Wrong(
        "negative", [0, -1], "at least 0", st.floats(-1000, -1e-3).map(lambda x: [0, x]), says="-"
    ),
    Wrong("NaN", [NAN], "must be finite", says="nan"),
    Wrong("infinite", [INF], "must be finite", says="inf"),
    Wrong(
        "above its bound",
        [0, 1e308],
        r"at most 1e\+12",
        st.floats(1.1e12, 1e308).map(lambda x: [0, x]),
        says="got",
    ),
    Wrong("text", ["one"], NUMBER, TEXTS.map(lambda text: [text]), says="'"),
    Wrong("True", [True], NUMBER, says="True"),
    Wrong("empty", [], "at least one", says="none"),
    Wrong("a list of lists", [[0, 1]], NUMBER, says=r"\["),
    Wrong("lists of unequal lengths", [[0], [0, 1]], NUMBER, UNEQUAL, says=r"\["),
]


def _simulation() -> list[Place]:
    plain = {
        "n_samples": 30,
        "n_qtl": 4,
        "rel_aa": [0, 1],
        "broad_sense_heritability": 0.9,
        "seed": 1,
    }
    traits = {
        "rel_aa": REL_AA,
        "broad_sense_heritability": HERITABILITY,
        "seed": SEED,
        "shared_pairs": boolean(),
        "all_pairs": boolean(),
        "pleiotropy": [
            Wrong("text", "much", NUMBER, TEXTS),
            Wrong("above its bound", 1.5, "at most 1", st.floats(1.001, 1000)),
            Wrong("below its bound", -1.5, "at least -1", st.floats(-1000, -1.001)),
            Wrong("NaN", NAN, "finite"),
            Wrong("another shape", np.eye(3), "2 x 2 matrix", says="shape"),
            Wrong("not symmetric", np.array([[1, 0.5], [0, 1]]), "symmetric", says="symmetric"),
            Wrong("no correlation", np.diag([1.0, 2.0]), "ones on its diagonal", says="diagonal"),
            Wrong(
                "for traits of own pairs",
                0.5,
                "must be 0 if shared_pairs is False",
                says="independent",
            ),
        ],
    }
    odd = st.integers(1, 10**5).map(lambda k: 2 * k + 1)
    n_qtl = [*integer(2), Wrong("odd", 5, "must be even", odd)]
    sizes = {
        "n_samples": [
            *integer(2),
            Wrong("too large", 10**14, "must be small enough", st.integers(10**13, 10**20)),
        ],
        "n_qtl": n_qtl,
        "several": [
            Wrong(
                "more pairs than memory",
                {"n_qtl": 10**7, "n_markers": 10**7, "all_pairs": True},
                "n_qtl must be small enough",
                says="got 10000000",
            )
        ],
        "n_markers": [
            *integer(1, optional=True),
            Wrong("fewer than QTL", 2, "n_qtl must be at most 2", st.integers(1, 3), says="got 4"),
            Wrong("too large", 10**14, "must be small enough", st.integers(10**13, 10**20)),
        ],
    }
    above = Wrong(
        "more than markers",
        10,
        r"at most 8 \(n_markers\)",
        st.integers(5, 1000).map(lambda k: 2 * k),
    )
    on = {name: value for name, value in plain.items() if name != "n_samples"}
    gsr = [GENOTYPES[0], GENOTYPES[1]]
    seeded = {"seed": SEED}
    return [
        _place(simulation, "simulate", lambda: dict(plain), **sizes, **traits),
        _place(alphasimr, "simulate", lambda: dict(plain), **sizes, **traits | {"seed": []}),
        _place(
            simulation,
            "simulate_on",
            lambda: {"genotypes": cohort().genotypes} | on,
            genotypes=gsr,
            n_qtl=[*integer(2), above, Wrong("odd", 5, "must be even", st.sampled_from([3, 5, 7]))],
            **traits,
        ),
        *_worlds(gsr),
        _place(seeds, "generator", dict, **seeded),
        _place(seeds, "torch_generator", dict, **seeded),
        _place(seeds, "derive", dict, **seeded),
        _place(
            splits,
            "split_samples",
            lambda: {"n_samples": 30, "protocol": "published"},
            n_samples=[
                *integer(10),
                Wrong("too large", 10**14, "small enough", st.integers(10**13, 10**20)),
            ],
            protocol=choice("published", "held_out"),
        ),
        _place(
            splits,
            "training_size",
            lambda: {"n_samples": 30, "protocol": "published"},
            n_samples=integer(10),
            protocol=choice("published", "held_out"),
        ),
        _place(
            splits,
            "random_split",
            lambda: {"n_samples": 30, "rng": np.random.default_rng(1)},
            n_samples=integer(2),
            rng=kind_of("numpy.random.Generator"),
        ),
        _place(
            splits,
            "check_batches",
            lambda: {
                "n_train": 40,
                "batch_size": 16,
                "drop_ragged_batch": False,
                "batch_norm": True,
            },
            n_train=integer(1),
            batch_size=integer(1),
            several=[
                Wrong(
                    "a last batch of one",
                    {"n_train": 33},
                    "n_samples must not leave a last batch of one",
                    st.integers(1, 50).map(lambda k: {"n_train": 16 * k + 1}),
                    says="training individuals in batches of 16",
                ),
                Wrong(
                    "fewer samples than a batch that is dropped",
                    {"n_train": 9, "drop_ragged_batch": True},
                    "drop_ragged_batch must be False",
                    says="9 training individuals",
                ),
            ],
        ),
        _place(
            params,
            "last_batch",
            lambda: {"n_samples": 30, "protocol": "published"},
            n_samples=integer(10),
            protocol=choice("published", "held_out"),
        ),
        _place(
            params,
            "qtl_for_scaling",
            lambda: {"n_samples": 30, "scaling": 1},
            n_samples=integer(1, 10**12),
            scaling=real(above=0, most=1e12),
        ),
    ]


def _worlds(genotypes: list[Wrong]) -> list[Place]:
    trait = {
        "n_qtl": 4,
        "shares": [0.5, 0.3, 0.2],
        "grouping": "all",
        "broad_sense_heritability": 0.9,
        "seed": 1,
    }
    world = trait | {
        "population": "segregants",
        "genome": "yeast",
        "n_samples": 30,
        "n_markers": 40,
        "qtl_between": True,
    }
    wrong = {
        "n_qtl": [
            *integer(1),
            Wrong("fewer than an order", 2, r"0 above order 2 \(n_qtl\)", says="order 3"),
            Wrong("too many products", 90, "at most 20,000 products of order 3", says="117,480"),
        ],
        "shares": [
            Wrong("one number", 1, "must be a list", st.integers()),
            Wrong("None", None, "must be a list"),
            Wrong("text", "half", "must be a list", TEXTS),
            Wrong("empty", [], "at least 1", says="0"),
            Wrong("more than orders", [0.1] * 10, "at most 5", says="10"),
            Wrong("negative", [1.5, -0.5], "at least 0|at most 1", says="1.5|-0.5"),
            Wrong("NaN", [NAN], "must be finite", says="nan"),
            Wrong("texts", ["one"], NUMBER, TEXTS.map(lambda text: [text]), says="'"),
            Wrong("of another sum", [0.5, 0.4], "must sum to 1", says="0.9"),
        ],
        "grouping": choice(*interactions.GROUPINGS),
        "broad_sense_heritability": HERITABILITY,
        "seed": SEED,
    }
    unlinked = {"population": "unlinked", "qtl_between": False}
    return [
        _place(
            interactions,
            "simulate_orders",
            lambda: {"genotypes": cohort().genotypes} | trait,
            genotypes=genotypes,
            markers=[
                Wrong(
                    "other individuals", every_allele(), "must be of 40 individuals", says="got 2"
                )
            ],
            **wrong,
        ),
        _place(
            worlds,
            "simulate_world",
            lambda: dict(world),
            n_samples=[
                *integer(2),
                Wrong("too large", 10**14, "must be small enough", st.integers(10**13, 10**20)),
            ],
            n_markers=integer(1),
            population=choice(*worlds.POPULATIONS),
            genome=choice("yeast", "maize"),
            qtl_between=boolean(),
            several=[
                Wrong(
                    "more QTL than markers",
                    {"n_markers": 3, "qtl_between": False},
                    r"n_qtl must be at most 3 \(n_markers\)",
                    says="got 4",
                ),
                Wrong("chromosomes of none", unlinked, "genome must be empty", says="yeast"),
                Wrong(
                    "QTL between unlinked markers",
                    {"population": "unlinked", "genome": ""},
                    "qtl_between must be False",
                    says="True",
                ),
            ],
            **wrong,
        ),
    ]


def every_allele() -> Haplotypes:
    """Return two individuals."""
    return Haplotypes.from_alleles([[0], [1]])


def _genotypes() -> list[Place]:
    shape = "must be a matrix of individuals by markers"
    shapes = [
        Wrong("one dimension", np.zeros(4, dtype=int), shape, says="shape"),
        Wrong("empty", np.zeros((0, 4), dtype=int), shape, says="shape"),
        Wrong("None", None, shape, says="shape"),
        ragged(),
    ]
    values = st.integers(3, 100) | st.integers(-100, -2)
    packed = "must be a matrix of bytes with 1 columns for n_markers"
    return [
        _place(
            epidl.cohorts.genotypes,
            "Haplotypes.from_alleles",
            dict,
            alleles=[
                *shapes,
                Wrong(
                    "a heterozygote",
                    [[0, 2]],
                    "must be 0 or 1",
                    values.map(lambda k: [[0, k]]),
                    says="got",
                ),
                Wrong("a fraction", [[0, 0.5]], "must be 0 or 1", says="0.5"),
                Wrong("text", [["A", "G"]], "must be 0 or 1", says="'A'"),
                Wrong("NaN", [[0, NAN]], "must be 0 or 1", says="nan"),
            ],
        ),
        _place(
            epidl.cohorts.genotypes,
            "Haplotypes.from_bytes",
            lambda: {"packed": np.zeros((4, 1), np.uint8), "n_markers": 8},
            packed=[
                Wrong("another type", np.zeros((4, 1)), packed, says="float64"),
                Wrong("another width", np.zeros((4, 2), np.uint8), packed, says=r"\(4, 2\)"),
                Wrong("one dimension", np.zeros(4, np.uint8), packed, says=r"\(4,\)"),
                Wrong("None", None, packed, says="NoneType"),
            ],
            n_markers=integer(1),
        ),
        Place("genotypes.Haplotypes.on", cohort().genotypes.on, dict, {"device": DEVICE}),
        Place("genotypes.Dosages.on", dosages().on, dict, {"device": DEVICE}),
        Place(
            "genotypes.Dosages.trained_on",
            dosages().trained_on,
            dict,
            {"rows": rows(N, different=False)},
        ),
        _place(
            epidl.cohorts.genotypes,
            "Dosages.from_counts",
            lambda: {"counts": [[0, 1], [2, -1]], "ploidy": 2},
            counts=[
                *shapes,
                Wrong(
                    "more than the ploidy",
                    [[0, 3]],
                    "from 0 to 2",
                    values.map(lambda k: [[0, k]]),
                    says="got",
                ),
                Wrong("a fraction", [[0, 0.5]], "whole numbers from 0 to 2", says="0.5"),
                Wrong("NaN for missing", [[0, NAN]], "whole numbers from 0 to 2", says="nan"),
                Wrong("text", [["A/G", "A/A"]], "numbers only", says="A/G"),
                Wrong(
                    "bytes beyond the ploidy",
                    np.full((2, 2), 3, np.int8),
                    r"\(ploidy\)",
                    says="3 to 3",
                ),
            ],
            ploidy=integer(1, 2),
        ),
    ]


def _fits() -> list[Place]:
    phenotypes = matrix(N, 2)
    constant = np.column_stack([np.ones(N), np.arange(N)])
    bound = "penalties must be greater than 0"
    penalties = [
        Wrong("zero", [1.0, 0.0], bound, says="0.0"),
        Wrong("negative", [-1.0], bound, st.floats(-1000, -1e-3).map(lambda x: [x]), says="-"),
        Wrong("NaN", [NAN], bound, says="nan"),
        Wrong("infinite", [INF], bound, says="inf"),
        Wrong("empty", [], bound, says=r"\[\]"),
        Wrong("text", "small", "numbers only", TEXTS),
        Wrong("a matrix", [[1.0]], bound, says=r"\[\["),
    ]
    components = [
        Wrong("negative", [[1.0, -1.0, 1.0]] * 2, "at least 0", says="-1"),
        Wrong("without noise", [[1.0, 1.0, 0.0]] * 2, "greater than 0", says="got 0"),
        Wrong(
            "next to no noise",
            [[1.0, 1.0, 1e-9]] * 2,
            "share of components.* at least 1e-07",
            says="got",
        ),
        Wrong("two columns", np.ones((2, 2)), "must have 3 columns", says="got 2"),
        *[w for w in matrix(2, 3) if w.way in ("text", "NaN", "another length")],
    ]
    traits = cohort().traits
    far = simulation.Trait(0, np.array([20, 21]), np.ones(2), np.array([[20, 21]]), np.ones(1))
    kernel_rows, pair_rows = rows(N, least=3), rows(N, least=5)
    kernel = fit_arguments() | {"components": np.ones((2, 3))}
    kernel_fit = kernels.fit_kernel(**kernel)
    one_marker = Haplotypes.from_alleles(np.arange(N)[:, None] % 2)
    single = Wrong("a single marker", one_marker, "n_markers must be at least 2", says="got 1")
    of_a_kernel = {
        "genotypes": [*GENOTYPES, single],
        "phenotypes": [
            *phenotypes,
            Wrong("a constant trait", constant, "must vary", says="trait 1"),
        ],
        "rows": kernel_rows,
    }
    strips = {"genotypes": cohort().genotypes, "residuals": np.ones((20, 1)), "rows": np.arange(20)}
    residuals = matrix(20, 1)
    return [
        _place(
            ridge,
            "fit_ridge",
            fit_arguments,
            genotypes=GENOTYPES,
            phenotypes=phenotypes,
            rows=rows(N, least=2),
            penalties=penalties,
            device=DEVICE,
        ),
        _place(
            ridge,
            "fit_ridge_splits",
            lambda: (
                {name: value for name, value in fit_arguments().items() if name != "rows"}
                | {"splits": [[0, 1]]}
            ),
            splits=[
                Wrong("none", [], r"len\(splits\) must be at least 1", says="got 0"),
            ],
            several=[
                Wrong(
                    "a sample beyond",
                    {"splits": [[0, 1], [0, N]]},
                    "rows must be from 0 to 39",
                    says="got 40",
                )
            ],
            phenotypes=phenotypes,
        ),
        Place(
            "ridge.RidgeFit.predict",
            ridge.fit_ridge(**fit_arguments()).predict,
            _to_predict,
            predictions(None),
        ),
        _place(
            kernels,
            "fit_kernel",
            lambda: dict(kernel),
            **of_a_kernel,
            components=components,
            method=choice("auto", "exact", "cg"),
            device=DEVICE,
            reml_rows=integer(3),
            seed=SEED,
        ),
        Place("kernels.KernelFit.predict", kernel_fit.predict, _to_predict, predictions(None)),
        Place(
            "kernels.KernelFit.predict_parts",
            kernel_fit.predict_parts,
            _to_predict,
            predictions(None),
        ),
        _place(
            gaussian,
            "fit_gaussian",
            fit_arguments,
            **of_a_kernel,
            device=DEVICE,
            seed=SEED,
        ),
        Place(
            "gaussian.GaussianFit.predict",
            gaussian.fit_gaussian(**fit_arguments()).predict,
            _to_predict,
            predictions(None),
        ),
        _place(orders, "fit_orders", fit_arguments, **of_a_kernel, seed=SEED),
        Place(
            "orders.OrdersFit.predict",
            orders.fit_orders(**fit_arguments()).predict,
            _to_predict,
            predictions(None),
        ),
        _place(
            trees,
            "fit_trees",
            lambda: fit_arguments() | {"most_rounds": 2},
            genotypes=GENOTYPES,
            phenotypes=phenotypes,
            rows=rows(N, least=10),
            most_rounds=integer(1),
            seed=SEED,
        ),
        Place(
            "trees.TreesFit.predict",
            trees.fit_trees(**fit_arguments(), most_rounds=2).predict,
            _to_predict,
            predictions(None),
        ),
        _place(
            lasso_path,
            "fit_lasso_path",
            fit_arguments,
            genotypes=GENOTYPES,
            phenotypes=phenotypes,
            rows=rows(N, least=10),
            seed=SEED,
        ),
        _place(
            kernels,
            "Products.of",
            _to_predict,
            genotypes=GENOTYPES,
            rows=rows(N, least=0, different=False),
        ),
        _place(
            kernels,
            "estimate_components",
            fit_arguments,
            **of_a_kernel,
        ),
        _place(
            pairs,
            "fit_pairs",
            fit_arguments,
            genotypes=[*GENOTYPES, single],
            phenotypes=phenotypes,
            rows=pair_rows,
            device=DEVICE,
        ),
        _place(
            lasso_pairs,
            "fit_lasso_pairs",
            fit_arguments,
            genotypes=[*GENOTYPES, single],
            phenotypes=phenotypes,
            rows=pair_rows,
            device=DEVICE,
        ),
        Place(
            "pairs.PairFit.predict",
            pairs.fit_pairs(**fit_arguments()).predict,
            _to_predict,
            predictions(None),
        ),
        _place(
            pairs,
            "fit_oracle",
            lambda: fit_arguments() | {"traits": traits},
            genotypes=GENOTYPES,
            phenotypes=phenotypes,
            rows=rows(N, least=2),
            traits=[
                Wrong(
                    "one too few", traits[:1], "must be 2, one a column of phenotypes", says="got 1"
                ),
                Wrong("of other markers", (far, far), "qtl must be from 0 to 7", says="got 20"),
                Wrong("numbers", (1, 2), "must be a Trait", says="got 1"),
            ],
            device=DEVICE,
        ),
        _place(
            pairs,
            "precision_and_recall",
            lambda: {"pairs": [np.array([[0, 1]])] * 2, "traits": traits},
            pairs=[
                Wrong("one too few", [np.array([[0, 1]])], "one entry per trait, 2", says="got 1")
            ],
        ),
        _place(
            pairs,
            "survivors",
            lambda: dict(strips),
            genotypes=[*GENOTYPES, single],
            residuals=residuals,
            rows=[w for w in rows(N, least=5) if w.way == "negative"]
            and [
                Wrong("negative", np.arange(-1, 19), "from 0 to 39", says="got -1"),
                Wrong("beyond the samples", np.arange(30, 50), "from 0 to 39", says="got 40"),
            ],
        ),
        Place(
            "pairs.interaction_statistics",
            _exhausted(pairs.interaction_statistics),
            lambda: dict(strips),
            {
                "genotypes": [*GENOTYPES, single],
                "residuals": residuals,
                "rows": [
                    Wrong("beyond the samples", np.arange(30, 50), "from 0 to 39", says="got 40")
                ],
            },
        ),
    ]


def _to_predict() -> dict[str, Any]:
    return {"genotypes": cohort().genotypes, "rows": [0, 1]}


def _networks() -> list[Place]:
    torch_generator, size = kind_of("torch.Generator"), integer(1)
    plan = {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "max_epochs": 1,
        "patience": 1,
        "min_gain": 0.0,
    }
    split = splits.split_samples(N, "published")

    def to_train() -> dict[str, Any]:
        given = {"genotypes": cohort().genotypes, "phenotypes": cohort().phenotypes, "split": split}
        return given | {
            "model": layer(),
            "plan": training.TrainingPlan(**plan),
            "generator": generator(),
        }

    other = Wrong(
        "other markers", layer(4), "an input for each of the 8 markers", says="got [0-9]+"
    )
    none = Wrong("None", None, "must be one of epidl.models.networks", says="None")
    models = [
        other,
        none,
        Wrong("a function", len, "must be one of epidl.models.networks", says="built-in"),
    ]
    beyond = splits.Split(np.arange(30), np.arange(30, 50), np.arange(30, 40))
    empty = splits.Split(np.arange(0), np.arange(30, 40), np.arange(30, 40))
    bad_splits = [
        *kind_of("a Split"),
        Wrong("beyond the samples", beyond, "split.validation must be from 0 to 39", says="got 40"),
        Wrong("nothing to train on", empty, r"len\(split.train\) must be at least 1", says="got 0"),
    ]
    return [
        _place(
            networks,
            "OneHotLinear",
            lambda: {"n_markers": 4, "n_outputs": 1, "generator": generator()},
            n_markers=size,
            n_outputs=size,
            generator=torch_generator,
        ),
        _place(
            networks,
            "column_linear",
            lambda: {"n_columns": 4, "n_outputs": 1, "generator": generator()},
            n_columns=size,
            n_outputs=size,
            generator=torch_generator,
        ),
        *(
            _place(
                networks,
                name,
                lambda inputs=inputs: {
                    inputs: 4,
                    "n_traits": 1,
                    "hidden_width": 2,
                    "generator": generator(),
                },
                **{
                    inputs: size,
                    "n_traits": size,
                    "hidden_width": size,
                    "generator": torch_generator,
                },
            )
            for name, inputs in (("mlp", "n_inputs"), ("SkipMlp", "n_markers"))
        ),
        _place(
            networks,
            "PairNetwork",
            lambda: {"n_markers": 4, "n_traits": 1},
            n_markers=size,
            n_traits=size,
        ),
        _place(
            training,
            "TrainingPlan",
            lambda: dict(plan),
            optimizer=choice("sgd", "adamw"),
            learning_rate=real(above=0),
            max_epochs=size,
            patience=size,
            min_gain=real(0),
            weight_decay=real(0),
            l1_penalty=real(0),
            loss=choice("absolute", "squared"),
            batch_size=size,
            schedule=choice("plateau", "cosine"),
            schedule_factor=[
                *real(above=0),
                Wrong("above its bound", 1.5, "below 1", st.floats(1, 100)),
            ],
            schedule_patience=integer(0),
            drop_ragged_batch=boolean(),
        ),
        _place(
            training,
            "mlp_plan",
            dict,
            learning_rate=real(above=0),
            max_epochs=size,
            patience=size,
            drop_ragged_batch=boolean(),
        ),
        _place(
            training,
            "patient_plan",
            dict,
            l1_penalty=real(0),
            learning_rate=real(above=0),
            max_epochs=size,
            drop_ragged_batch=boolean(),
        ),
        _place(
            training,
            "train",
            to_train,
            model=[
                *models,
                Wrong(
                    "other traits",
                    layer(M, 3),
                    "an output for each of the 2 columns of phenotypes",
                    says="got 3",
                ),
            ],
            genotypes=GENOTYPES,
            phenotypes=matrix(N, 2),
            split=bad_splits,
            plan=kind_of("a TrainingPlan"),
            generator=torch_generator,
            device=DEVICE,
        ),
        _place(
            training,
            "predict",
            lambda: _to_predict() | {"model": layer()},
            model=models,
            genotypes=GENOTYPES,
            rows=rows(N, different=False),
            device=DEVICE,
        ),
        _place(
            training,
            "recompute_batch_norm",
            lambda: _to_predict() | {"model": networks.mlp(M, 2, 4, generator())},
            model=models,
            genotypes=GENOTYPES,
            rows=rows(N, least=2),
            device=DEVICE,
        ),
        _place(selection, "importances", dict, layer=kind_of("a OneHotLinear")),
        _place(
            selection,
            "select",
            lambda: {"importance": np.ones(4), "threshold": 0.1, "max_features": 2},
            importance=[
                Wrong("NaN", [1.0, NAN], "finite number for each column", says="nan"),
                Wrong("a matrix", np.ones((2, 2)), "finite number for each column", says=r"\["),
                Wrong("text", ["high"], "numbers only", TEXTS.map(lambda text: [text])),
            ],
            threshold=real(0),
            max_features=integer(1),
        ),
        _place(
            selection,
            "take_columns",
            lambda: {"genotypes": cohort().genotypes, "columns": [0, 3]},
            genotypes=[*GENOTYPES, Wrong("dosages", dosages(), "alleles 0 and 1", says="dosages")],
            columns=[
                Wrong(
                    "beyond the columns",
                    [0, 16],
                    "one of the 16",
                    st.integers(16, 10**6).map(lambda k: [0, k]),
                ),
                Wrong(
                    "negative", [-1], "one of the 16", st.integers(-(10**6), -1).map(lambda k: [k])
                ),
                Wrong("empty", [], "at least one of the 16"),
                Wrong("fractions", [0.5], "one of the 16"),
                Wrong("texts", ["m1"], "one of the 16"),
                Wrong("a number", 3, "one of the 16", st.integers()),
                ragged(),
            ],
        ),
    ]


def _theory() -> list[Place]:
    shares = {"n_train": 100, "n_markers": 10, "additive": 0.5, "epistatic": 0.2, "model": "ridge"}

    def array_of(*bounds: float) -> list[Wrong]:
        nan = Wrong("None", None, "at least|within", says="nan")
        return [nan, *(w for w in real(*bounds) if w.way not in ("True", "a mapping", "None"))]

    array = [*array_of(0), Wrong("one of several", [0.1, -2.0], "at least 0", says="-2")]
    bounded = array_of(0, 1)
    far = array_of(1)

    def together(*names: str) -> list[Wrong]:
        lengths = {name: [1] * (2 + k) for k, name in enumerate(names)}
        return [
            Wrong(
                "lengths that do not go together", lengths, "shapes that go together", says=names[0]
            )
        ]

    return [
        _place(
            theory,
            "expected_shares",
            lambda: {"rel_aa": 1, "broad_sense_heritability": 0.5},
            rel_aa=array,
            broad_sense_heritability=bounded,
            several=together("rel_aa", "broad_sense_heritability"),
        ),
        _place(
            theory,
            "expected_components",
            lambda: {"frequencies": [0.5, 0.5], "rel_aa": 1, "kind": "haploid"},
            frequencies=[
                Wrong("above its bound", [0.5, 1.5], r"within \[0, 1\]", says="1.5"),
                Wrong("one alone", [0.5], "at least 2 QTL", says="shape"),
                Wrong("one number", 0.5, "at least 2 QTL", says="shape"),
                Wrong("text", ["rare", "rare"], "numbers only", says="rare"),
                Wrong("NaN", [0.5, NAN], r"within \[0, 1\]", says="nan"),
            ],
            rel_aa=real(0),
            kind=choice("haploid", "inbred", "diploid"),
        ),
        _place(
            theory,
            "expected_accuracy",
            lambda: dict(shares),
            n_train=far,
            n_markers=array_of(2),
            additive=[
                *array,
                Wrong("a sum above 1", 0.9, r"within \[0, 1\]", st.floats(0.81, 10), says="1"),
            ],
            epistatic=array,
            model=choice("ridge", "kernel", "oracle"),
            several=together("n_train", "additive"),
            efficiency=[
                Wrong("zero", (0, 1), "at least", says="0"),
                Wrong("negative", (1, -0.5), "at least", says="-0.5"),
                Wrong("one alone", (1.0,), "two numbers", says="1.0"),
                Wrong("texts", ("all", "half"), "numbers only", says="all"),
            ],
        ),
        _place(
            theory,
            "pairs_threshold",
            lambda: {"n_markers": 100},
            n_markers=array_of(2),
        ),
        _place(
            theory,
            "expected_pairs_accuracy",
            lambda: (
                {name: value for name, value in shares.items() if name != "model"} | {"n_qtl": 4}
            ),
            n_train=far,
            n_markers=array_of(2),
            n_qtl=[
                *array_of(2),
                Wrong(
                    "more than markers", 11, "at most n_markers", st.integers(11, 10**6), says="11"
                ),
            ],
            additive=[
                *array,
                Wrong("a sum above 1", 0.9, r"within \[0, 1\]", st.floats(0.81, 10), says="1"),
            ],
            epistatic=array,
            several=together("n_train", "additive"),
        ),
    ]


def _planner() -> list[Place]:
    study = {
        "n_samples": 600,
        "n_markers": 50,
        "n_qtl": 20,
        "va_over_vg": 0.8,
        "broad_sense_heritability": 0.5,
    }
    wrong = {
        "n_samples": integer(20, planning.MOST_SAMPLES),
        "n_markers": integer(2, planning.MOST_SAMPLES),
        "n_qtl": integer(2, study["n_markers"]),
        "va_over_vg": real(0.01, 1),
        "broad_sense_heritability": real(0.01, 1),
        # an empty one is another kind
        "population": [way for way in choice("cross", "families") if way.way != "empty"],
    }
    return [
        *(_place(planning, name, lambda: dict(study), **wrong) for name in ("plan", "Study")),
        _place(
            planning,
            "independent_segments",
            lambda: {"effective_size": 100, "n_chromosomes": 30, "morgans": 1.0},
            effective_size=real(above=0),
            n_chromosomes=integer(1),
            morgans=real(above=0),
            several=[Wrong("too small a product", {"effective_size": 1}, "at least 2", says="1")],
        ),
        _place(
            planning,
            "cross_segments",
            lambda: {"chromosomes": [1.0, 2.0]},
            chromosomes=[
                Wrong("empty", [], "at least 1", says="0"),
                Wrong("zero", [1.0, 0.0], "at least 1e-06", says="0"),
                Wrong(
                    "longer than any",
                    [1e308, 1e308],
                    "at most 10000",
                    st.floats(1e5, 1e9).map(lambda x: [x]),
                ),
                Wrong("text", ["long"], "a number", says="long"),
                Wrong("one number", 2.0, "a list", says="2"),
            ],
            kind=choice("gametes", "selfed"),
        ),
    ]


def _own() -> list[Place]:
    example = reader.EXAMPLE
    genotypes, phenotypes = str(example / "example.bed"), str(example / "phenotypes.csv")
    files = {"genotypes": genotypes, "phenotypes": phenotypes, "trait": "height"}
    column = [
        Wrong(
            "no such column", "weight", "must name a column", TEXTS.map(lambda text: f"no {text}")
        ),
        Wrong("a number", 3, "the name of a column", st.integers()),
        Wrong("None", None, "the name of a column"),
    ]
    itself = Wrong("the column of ids", "sample_id", "another column than sample_id")
    share = [w for w in real(0) if w.way != "None"]
    over = Wrong("above its bound", 1.0, "at most 0", st.floats(1, 100))
    one = np.arange(N, dtype=float)
    length = st.integers(41, 99).map(lambda n: np.ones(n))
    numbers = [
        Wrong("text", ["tall"] * N, "numbers only", says="tall"),
        Wrong("NaN", np.where(one == 0, NAN, one), "must be finite", says="got 1 values"),
        Wrong("infinite", np.where(one == 0, INF, one), "must be finite", says="got 1 values"),
    ]
    labels = [
        Wrong("another length", np.ones(3), "must have 40 values", length, says="shape"),
        ragged(),
    ]
    options = {
        "models": ["ridge", "kernel"],
        "splits": ["random"],
        "n_splits": 2,
        "hidden_width": 4,
    }
    options |= {"device": "cpu", "n_threads": 1, "seed": 1}
    names = [
        *texts("ridge"),
        Wrong(
            "without ridge",
            ["kernel", "pairs"],
            "must hold ridge and at least one other",
            says="kernel",
        ),
        Wrong("ridge alone", ["ridge"], "must hold ridge and at least one other", says="ridge"),
        Wrong("one twice", ["ridge", "mlp", "mlp"], "more than one mlp"),
        Wrong("empty", [], "must hold ridge and at least one other", says="got"),
    ]
    comparison = {
        "models": names,
        "splits": [*texts("random"), Wrong("empty", [], "must name at least one of", says="none")],
        "n_splits": integer(1, own_comparison.MOST_SPLITS),
        "hidden_width": [
            *integer(1),
            Wrong("too large", 10**9, "small enough", st.integers(10**8, 10**15)),
        ],
        "device": choice("cpu", "cuda", "auto"),
        "n_threads": integer(1, 1024),
        "seed": SEED,
    }
    nothing = own_comparison.observe(dosages(), cohort().phenotypes[:, 0])
    return [
        _place(
            reader,
            "read_cohort",
            lambda: dict(files),
            genotypes=path(),
            phenotypes=path(),
            trait=[*column, itself, Wrong("empty", "", "must name a column", says="none")],
            sample_id=column,
            covariates=[
                *texts(),
                Wrong("the column of ids", ["sample_id"], "another column", says="sample_id"),
            ],
            group=column,
            time=column,
            max_missing=[*share, over],
            min_maf=[*share, over],
            missing_codes=[
                Wrong("a text", "-999", "must be a list", TEXTS, says="-999"),
                Wrong("a number", -999, "must be a list", st.integers(), says="-999"),
                Wrong("a list of lists", [[-999]], "must be a list", says="-999"),
                Wrong("True", [True], "must be a list", says="True"),
            ],
        ),
        _place(
            reader,
            "files_and_columns",
            lambda: {"genotypes": "", "phenotypes": "", "columns": {}},
            phenotypes=[
                Wrong(
                    "without genotypes",
                    "p.csv",
                    "genotypes must be given with phenotypes",
                    says="'p.csv'",
                )
            ],
        ),
        Place(
            "reader.simulate_trait",
            reader.simulate_trait,
            lambda: (
                _simulated()
                | {"n_qtl": 4, "rel_aa": 1.0, "broad_sense_heritability": 0.5, "seed": 1}
            ),
            {
                "n_qtl": [*integer(2), Wrong("more than markers", 10, r"at most 8 \(n_markers\)")],
                "rel_aa": real(0, 1e12),
                "broad_sense_heritability": HERITABILITY,
                "seed": SEED,
            },
        ),
        _place(
            own_comparison,
            "observe",
            lambda: {"genotypes": dosages(), "phenotypes": one},
            genotypes=[
                Wrong("a plain matrix", np.zeros((N, M)), "must be Dosages", says="array"),
                Wrong(
                    "too few individuals",
                    Dosages.from_counts(np.eye(9), 2),
                    "at least 40",
                    says="got 9",
                ),
            ],
            phenotypes=[
                *numbers,
                Wrong(
                    "constant",
                    np.ones(N),
                    "must vary",
                    st.floats(-9, 9).map(lambda x: np.full(N, x)),
                    says="all 40",
                ),
                Wrong("another length", np.ones(3), "must have 40 rows", length, says="got [0-9]+"),
            ],
            design=[w for w in matrix(N, 1) if w.way not in ("None", "empty")],
            groups=labels,
            times=[*labels, *numbers],
        ),
        _place(
            own_comparison,
            "make_splits",
            lambda: {"cohort": observed(), "kind": "random", "n_splits": 2, "seed": 1},
            kind=choice("random", "family", "forward"),
            n_splits=integer(1, own_comparison.MOST_SPLITS),
            seed=SEED,
            several=[
                Wrong(
                    "family without groups",
                    {"cohort": nothing, "kind": "family"},
                    "group must name",
                    says="none",
                ),
                Wrong(
                    "forward without times",
                    {"cohort": nothing, "kind": "forward"},
                    "time must name",
                    says="none",
                ),
            ],
        ),
        _place(own_comparison, "compare", lambda: {"cohort": observed()} | options, **comparison),
        _place(
            own_comparison,
            "check_options",
            lambda: {"cohort": observed()} | options,
            cohort=kind_of("observe returns"),
        ),
        _place(
            own_comparison,
            "corrected_interval",
            lambda: {"differences": [0.1, 0.2], "test_over_train": 0.2},
            differences=[Wrong("text", ["much"], "numbers only", TEXTS.map(lambda text: [text]))],
            test_over_train=real(0),
            level=real(above=0, most=1),
        ),
        Place(
            "public.read_public",
            lambda **given: public.read_public(**{"dataset": "wheat", "trait": "env1"} | given),
            dict,
            {
                "dataset": choice("wheat", "mice"),
                "trait": choice("env1", "env2"),
                "group": [w for w in choice("fold") if w.way != "empty"],
                "most_markers": integer(2),
            },
        ),
        *_files(),
    ]


def _simulated() -> dict[str, Any]:
    report = pd.DataFrame({"step": []})
    found = genotype_files.GenotypeFile(
        np.arange(N).astype(str), pd.DataFrame(), dosages().counts, 2
    )
    return {"cohort": reader.OwnCohort(observed(), found, "y", report)}


BAD_TABLES = {
    "rows longer than the header": b"sample_id,m1,m2\na,0,1,2\nb,0,1,2\n",
    "one row longer": b"sample_id,m1,m2\na,0,1\nb,0,1,2\n",
    "one row shorter": b"sample_id,m1,m2\na,0,1\nb,0\n",
    "no header": b"\n",
    "the same column twice": b"sample_id,m1,m1\na,0,1\n",
    "no text": b"sample_id,m1\na,\xff\xfe\n",
    "an open quote": b'sample_id,m1\n"a,0\nb,1\n',
}


def _files() -> list[Place]:
    """Return the readers of files, given files that are wrong; more of them stand in
    `epidl_book.own_data`.
    """
    tables = dict(BAD_TABLES)
    wanted = "must have a value for each|must be a (whole )?table|must all be different|must start|must be a whole VCF"
    counts = {
        "an empty id": (b"sample_id,m1\n,0\nb,1\n", "must not be empty"),
        "an id twice": (b"sample_id,m1\na,0\na,1\n", "must all be different"),
        "a count beyond 2": (b"sample_id,m1\na,3\n", "0, 1 or 2 copies"),
        "text for a count": (b"sample_id,m1\na,A/G\n", "0, 1 or 2 copies"),
        "True for a count": (b"sample_id,m1\na,True\n", "0, 1 or 2 copies"),
        "a header alone": (b"sample_id,m1\n", "individuals and markers"),
        "no marker": (b"sample_id\na\n", "individuals and markers"),
        "an empty file": (b"", "must not be empty"),
    }
    table_ways = [
        Wrong(way, (".csv", content), wanted, says=".") for way, content in tables.items()
    ]
    table_ways += [
        Wrong(
            "not compressed, though its name says so",
            (".csv.gz", b"sample_id,m1\na,0\n"),
            wanted,
            says="gzip",
        ),
        Wrong(
            "an ending without a reader",
            (".xlsx", b"PK"),
            "must be a file that ends in",
            says="xlsx",
        ),
        Wrong("an empty file", (".csv", b""), "must not be empty", says="file.csv"),
    ]
    count_ways = [w for w in table_ways if w.way != "an empty file"]
    count_ways += [
        Wrong(way, (".csv", content), bound, says=".") for way, (content, bound) in counts.items()
    ]
    count_ways += [
        Wrong("no VCF", (".vcf", b"not a VCF\n"), wanted, says="line 1"),
        Wrong("no BCF", (".bcf", b"BCF" * 9), "must be a whole VCF or BCF", says="file.bcf"),
        Wrong("a .bed alone", (".bed", b"\x6c\x1b\x01"), "must exist", says="file.fam"),
    ]
    published = {
        "a phenotype that is text": ("p", "ind Trait1\n1 tall\n2 1\n", "numbers only|must hold"),
        "a phenotype that is infinite": ("p", "ind Trait1\n1 inf\n2 1\n", "finite phenotypes"),
        "phenotypes of others": ("p", "ind Trait1\n1 1\n3 1\n", "name its individuals"),
        "phenotypes of fewer": ("p", "ind Trait1\n1 1\n", "must hold 2 individuals"),
        "an empty table of phenotypes": ("p", "", "must be a table"),
        "a genotype that is no allele": ("g", "qtl 1 2\n1_1 0 2\n", "a 0 or 1"),
        "a genotype too few": ("g", "qtl 1 2\n1_1 0\n", "a 0 or 1"),
        "no marker": ("g", "qtl 1 2\n", "one row per marker"),
        "a locus that is text": (
            "eff",
            "trait locus add_eff epi_loc epi_eff\nTrait1 x 1 NA NA\n",
            "loci such as",
        ),
        "a locus beyond the markers": (
            "eff",
            "trait locus add_eff epi_loc epi_eff\nTrait1 1_9 1 NA NA\n",
            "loci of 1 to",
        ),
        "an effect that is text": (
            "eff",
            "trait locus add_eff epi_loc epi_eff\nTrait1 1_1 x NA NA\n",
            "effects that",
        ),
        "columns missing": ("eff", "trait locus\nTrait1 1_1\n", "must hold the columns"),
    }
    file_ways = [
        Wrong(way, (part, text), bound, says=".") for way, (part, text, bound) in published.items()
    ]
    cohort_of = {"stem": "nothing", "rel_aa": [0], "broad_sense_heritability": 0.9}
    rel_aa = [w for w in REL_AA if w.way not in ("empty", "above its bound")]
    rel_aa.append(Wrong("empty", [], "at least 1", says="got 0"))
    return [
        _place(
            genotype_files, "read_genotypes", dict, path=[*path(), *[_file(w) for w in count_ways]]
        ),
        _place(genotype_files, "read_table", dict, path=[*path(), *[_file(w) for w in table_ways]]),
        _place(
            zenodo,
            "read_cohort",
            lambda: dict(cohort_of),
            stem=[*path(), *[_published(w) for w in file_ways]],
            rel_aa=rel_aa,
            broad_sense_heritability=real(above=0, most=1),
        ),
        _place(
            zenodo,
            "read_haplotypes",
            dict,
            path=[w for w in path() if "byte" not in w.way]
            + [_file(Wrong("empty", (".txt", b""), "header", says="got 0"))],
        ),
        Place(
            "zenodo.read_replicate",
            lambda data: zenodo.read_replicate(
                _cell(source="zenodo", data=data), 1, _cell().architecture()
            ),
            lambda: {"data": "nothing"},
            {
                "data": [
                    Wrong(
                        "no such folder",
                        "nothing",
                        "must hold the authors' files",
                        TEXTS,
                        says="is missing",
                    )
                ]
            },
        ),
        Place(
            "zenodo.file_stem",
            lambda cohorts: zenodo.file_stem(cohorts, 1),
            dict,
            {"cohorts": [_without_files()]},
        ),
    ]


def _cell(**changes: object) -> params.Cell:
    return params.make_cell(params.ScalingCell, **CELL | changes)


def _without_files() -> Wrong:
    own = {"n_traits": 2, "pleiotropy": 0.0, "shared_pairs": True, "rel_aa": 1.0, "n_qtl": 4}
    given = {name: value for name, value in CELL.items() if name != "scaling"} | own
    control = params.make_cell(params.CorrelationCell, **given)
    return Wrong(
        "a cell whose cohorts the authors lack", control, "source must be simulated", says="zenodo"
    )


def _file(wrong: Wrong) -> Wrong:
    """Return the same with the path of a file that holds it."""
    suffix, content = wrong.example
    file = Path(tempfile.mkdtemp(dir=SCRATCH.name)) / f"file{suffix}"
    file.write_bytes(content)
    return Wrong(wrong.way, str(file), wrong.bound, says=wrong.says)


def _published(wrong: Wrong) -> Wrong:
    """Return the stem of three files, one of which is wrong."""
    sound = {
        "g": "qtl 1 2\n1_1 0 1\n",
        "p": "ind Trait1\n1 1\n2 2\n",
        "eff": "trait locus add_eff epi_loc epi_eff\nTrait1 1_1 1 NA NA\n",
    }
    part, text = wrong.example
    stem = Path(tempfile.mkdtemp(dir=SCRATCH.name)) / "cohort"
    for name, content in (sound | {part: text}).items():
        Path(f"{stem}_{name}.txt").write_text(content)
    return Wrong(wrong.way, str(stem), wrong.bound, says=wrong.says)


def _tables() -> list[Place]:
    frame = pd.DataFrame({"a": [1]})
    cell_of = {
        "folder": "",
        "table": frame,
        "parameters": {},
        "started": datetime.now(UTC),
        "side": None,
    }
    return [
        _place(
            results,
            "write_cell",
            lambda: cell_of | {"folder": f"{SCRATCH.name}/written"},
            folder=[_as_output(w) for w in folder()],
            table=kind_of("a table"),
            parameters=[
                Wrong("what JSON does not hold", {"a": {1}}, "what JSON holds", says="set")
            ],
            started=[
                Wrong("without time zone", datetime(2026, 1, 1), "time zone", says="2026"),
                Wrong("None", None, "time zone"),
            ],
            side=[
                Wrong("another name", {"notes": frame}, "tables named", says="notes"),
                Wrong("no table", {"trials": 3}, "a table", says="got 3"),
            ],
        ),
        _place(
            results,
            "read_table",
            dict,
            path=[
                Wrong(
                    "no such file",
                    "nothing.csv",
                    "must be a result table",
                    TEXTS.map(lambda t: f"no/{t}"),
                ),
                _file(
                    Wrong(
                        "another table",
                        (".csv", b"a,b\n1,2\n"),
                        "lacks the columns",
                        says="experiment",
                    )
                ),
                _file(Wrong("empty", (".csv", b""), "must be a result table", says="file.csv")),
            ],
        ),
        _place(
            results,
            "read_cell",
            dict,
            folder=[Wrong("no such folder", "nothing", "must be a result table", TEXTS)],
        ),
        _place(
            results,
            "collect",
            lambda: {"fits": [], "table_path": Path(SCRATCH.name, "t.csv")},
            fits=[Wrong("none", [], "at least one finished fit", says="none")],
        ),
    ]


def _as_output(wrong: Wrong) -> Wrong:
    return Wrong(wrong.way, wrong.example, f"output.*({wrong.bound})", None, wrong.says)


def _cells() -> list[Place]:
    small = _cell()
    most = _cell(hidden_width=10**9, models=["mlp"])
    return [
        Place(
            "core.run",
            lambda output="", progress=False: core.run(small, folder=output, progress=progress),
            dict,
            {"output": folder(), "progress": boolean()},
        ),
        _place(devices, "resolve_device", dict, device=choice("auto", "cpu", "cuda")),
        _place(costs, "measure_machine", dict, device=DEVICE),
        Place("devices.one_cell_threads", _threads, dict, {"n_threads": integer(1, 1024)}),
        _place(
            costs,
            "check_memory",
            lambda: {"device": "cpu"},
            cell=[
                Wrong(
                    "more than the memory",
                    most,
                    "needs about .* GiB of memory",
                    says="this machine has",
                )
            ],
        ),
        Place(
            "params.make_cell",
            lambda **given: params.make_cell(params.ScalingCell, **given),
            lambda: dict(CELL),
            {
                "n_sampels": [
                    Wrong(
                        "unknown",
                        10,
                        "is not a parameter; did you mean n_samples",
                        says="n_samples",
                    )
                ]
            },
        ),
    ]


def _threads(n_threads: object) -> None:
    with devices.one_cell_threads(n_threads):
        pass


# --- Parameter files -----------------------------------------------------------------------------------------------

LISTS = {"models": "ridge", "protocols": "published", "splits": "random", "searched": "ridge"}
MAY_BE_EMPTY = {"splits", "searched"}
TRUE_OR_FALSE = {"drop_ragged_batch", "all_pairs", "shared_pairs", "qtl_between"}
NAMES = {
    "device": ("auto", "cpu", "cuda"),
    "backend": ("native", "alphasimr"),
    "source": ("simulated", "zenodo"),
    "dataset": ("example", "wheat"),
    "trait": ("height",),
    "population": worlds.POPULATIONS,
    "genome": ("yeast", "maize"),
    "grouping": interactions.GROUPINGS,
}
LARGEST = 10**12
WHOLE_NUMBERS = {
    **dict.fromkeys(
        (
            "n_replicates",
            "hidden_width",
            "mlp_max_epochs",
            "n_trials",
            "n_trials_pruned",
            "n_markers",
            "n_traits",
        ),
        (1, LARGEST),
    ),
    "n_samples": (20, LARGEST),
    "n_qtl": (2, LARGEST),
    "n_train": (0, None),
    "n_threads": (1, 1024),
    "seed": (0, 2**63 - 1),
}
NUMBERS = {
    "broad_sense_heritability": HERITABILITY,
    "scaling": real(above=0, most=1e12),
    "mlp_learning_rate": real(above=0),
    "pleiotropy": real(0, 1),
    "importance_threshold": real(0, 1e12),
}


def of_parameter(name: str, several: bool) -> list[Wrong]:
    """Return the ways in which a cell's parameter can be wrong; several: whether it is a list of
    numbers.
    """
    if name in LISTS:
        twice = Wrong("one twice", [LISTS[name]] * 2, "at most once")
        empty = [Wrong("empty", [], "at least 1 item", says="")] * (name not in MAY_BE_EMPTY)
        return [*texts(LISTS[name]), twice, *empty]
    if name in TRUE_OR_FALSE:
        return boolean()
    if name in NAMES:
        return choice(*NAMES[name])
    if name in WHOLE_NUMBERS:
        odd = [Wrong("odd", 5, "must be even", st.integers(1, 999).map(lambda k: 2 * k + 1))] * (
            name == "n_qtl"
        )
        return [*integer(*WHOLE_NUMBERS[name]), *odd]
    if name in NUMBERS:
        return NUMBERS[name]
    if name in ("data", "profile"):
        return [
            Wrong("a number", 3, "valid string", st.integers()),
            Wrong("None", None, "valid string"),
        ]
    return _numbers(name) if several else real(0, 1e12)


def _numbers(name: str) -> list[Wrong]:
    """Return the ways in which a list of numbers can be wrong."""
    ways = [
        Wrong("one number", 1, "must be a list", st.integers()),
        Wrong(
            "negative",
            [-1.0],
            "greater than|integer",
            st.floats(-1000, -1e-3).map(lambda x: [x]),
            says="-",
        ),
        Wrong("NaN", [NAN], "finite|greater than|integer", says="nan"),
        Wrong("infinite", [INF], "finite|less than|integer", says="inf"),
        Wrong("text", ["one"], "valid number|valid integer", TEXTS.map(lambda t: [t]), says="'"),
        Wrong("True", [True], "valid number|valid integer", says="True"),
        Wrong("empty", [], "at least 1 item|required", says=""),
    ]
    if name == "max_features":
        ways = [w for w in ways if w.way != "empty"]
        ways.append(Wrong("not in order", [50, 20], "a lower and an upper bound", says="50 and 20"))
        ways.append(Wrong("one bound alone", [50], "is missing", says="max_features.1"))
    if name == "mlp_learning_rates":
        ways.append(Wrong("zero", [0], "greater than 0", says="got 0"))
    return ways


def parameter_files() -> list[Place]:
    """Return each parameter file, with a wrong value of each parameter in turn."""
    places = []
    for experiment, kind in params.CELL_TYPES.items():
        base = _a_cell(experiment)
        wrong = {
            name: of_parameter(name, "tuple" in str(field.annotation))
            for name, field in kind.model_fields.items()
            if name not in ("experiment", "profile")
        }
        if experiment == "worlds":  # no QTL needs a partner, and unlinked ones no genome
            wrong["n_qtl"] = integer(1, LARGEST)
            wrong["genome"] = [w for w in wrong["genome"] if w.way != "empty"]
        meant = "; did you mean n_samples" if "n_samples" in kind.model_fields else ""
        wrong["n_sampels"] = [Wrong("unknown", 10, f"is not a parameter{meant}", says="n_sampels")]
        call = functools.partial(_load, experiment)
        places.append(Place(f"params/{experiment}.yml", call, lambda base=base: dict(base), wrong))
    return [
        *places,
        Place("params/scaling.yml, as a whole", _load_text, dict, {"path": _whole_files()}),
    ]


@functools.cache
def _a_cell(experiment: str) -> dict[str, Any]:
    """Return the parameters of the file's first cell of the smoke grid, as the file has them."""
    first = params.load_grids(ROOT / "params" / f"{experiment}.yml")["smoke"][0]
    return first.model_dump(mode="json", exclude={"experiment", "profile"})


def _load(experiment: str, **base: Any) -> object:
    profiles = {name: {"about": "one cell", "grids": [{}]} for name in params.ProfileName.__args__}
    content = {"experiment": experiment, "base": base, "profiles": profiles}
    return params.grids_of(content, Path(f"params/{experiment}.yml"))


def _load_text(path: str) -> object:
    file = Path(SCRATCH.name, "parameters.yml")
    file.write_text(path)
    return params.load_grids(file)


FILE = """experiment: scaling
base:
  rel_aa: [0, 1]
  broad_sense_heritability: 0.999
  models: [ridge]
  protocols: [published]
  hidden_width: 8
  n_replicates: 1
  seed: 1
profiles:
"""


def _whole_files() -> list[Wrong]:
    profile = (
        "  {}:\n    about: one cell\n    grids:\n      - {{n_samples: 200, scaling: [0.5, 1]}}\n"
    )
    text = FILE + "".join(profile.format(name) for name in params.ProfileName.__args__)
    code, unread = "!!python/object/apply:os.system ['true']", "cannot be read as YAML"
    return [
        Wrong(
            "a tag that runs code", text.replace("[0, 1]", code), unread, says="could not determine"
        ),
        Wrong(
            "a tag that makes an object",
            "!!python/name:os.system",
            unread,
            says="could not determine",
        ),
        Wrong(
            "a key twice",
            text.replace("  seed:", "  models: [ridge]\n  seed:"),
            unread,
            says="models occurs twice",
        ),
        Wrong("empty", "", "must hold the keys", says="keys"),
        Wrong("a list", "- 1", "must hold the keys", says="keys"),
        Wrong("no end", "a: [", unread, says="parameters.yml"),
        Wrong("a null byte", "a: \0", unread, says="parameters.yml"),
        Wrong("a date that is none", "a: 2026-99-99", unread, says="month"),
        Wrong("a number of too many digits", "a: " + "9" * 5000, unread, says="limit"),
        Wrong("nested without end", "a: " + "[" * 1200, unread, says="recursion"),
        Wrong("a tag that its text breaks", "a: !!timestamp x", unread, says="parameters.yml"),
        Wrong(
            "a profile too few",
            text.replace("  standard:", "  standart:"),
            "profiles",
            says="standart",
        ),
        Wrong(
            "a profile of another name", text.replace("  full:", "  huge:"), "profiles", says="huge"
        ),
        Wrong(
            "an unknown experiment",
            text.replace(": scaling\n", ": scalling\n", 1),
            "Input should be",
            says="scalling",
        ),
        Wrong("no base", text.replace("\nbase:", "\nbases:"), "did you mean base", says="bases"),
        Wrong(
            "a cell twice",
            text.replace("[0.5, 1]", "[1, 1]"),
            "occurs in this profile twice",
            says="n200",
        ),
        Wrong(
            "no grid",
            re.sub(r"grids:\n      - .*", "grids: []", text, count=1),
            "grids",
            says="at least 1 item",
        ),
        Wrong(
            "an axis without values",
            text.replace("[0.5, 1]", "[]"),
            "scaling must have at least one",
            says="smoke",
        ),
        Wrong(
            "a number to the base 8",
            text.replace("seed: 1", "seed: 0123"),
            "seed: .* valid integer",
            says="'0123'",
        ),
        Wrong(
            "a number to the base 60",
            text.replace("200,", "3:20,"),
            "n_samples: .* valid integer",
            says="'3:20'",
        ),
        Wrong(
            "a fraction to the base 60",
            text.replace("0.5", "1:30.5"),
            "scaling: .* valid number",
            says="'1:30.5'",
        ),
        Wrong(
            "a number for a name",
            text.replace("  seed:", "  7: 1\n  seed:"),
            "must be texts|string",
            says="7",
        ),
    ]


# --- Notebooks -----------------------------------------------------------------------------------------------------


@functools.cache
def code_of(notebook: str) -> list[str]:
    """Return the code cells of a notebook, without what only Jupyter understands."""
    file = f"{params.NOTEBOOKS.get(notebook, notebook)}.ipynb"
    cells = json.loads((ROOT / "notebooks" / file).read_text())["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return [re.sub(r"^%.*$", "", source, flags=re.MULTILINE) for source in sources]


def run_notebook(notebook: str, n_cells: int | None, **given: object) -> None:
    """Run a notebook's first cells, or all, with parameters as papermill gives them: after the cell of
    defaults.
    """
    first, *others = code_of(notebook)[:n_cells]
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(first, f"{notebook}.ipynb", "exec"), names)
    names.update(given)
    for source in others:
        exec(compile(source, f"{notebook}.ipynb", "exec"), names)


def run_cell_of(experiment: str, **given: object) -> None:
    """Run an experiment's notebook with parameters as papermill gives them, without its steps and
    figures.
    """
    defaults, read, *others = code_of(experiment)
    run = next(source for source in others if ".run(cell, folder=output" in source)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(defaults, f"{experiment}.ipynb", "exec"), names)
    names.update(given)
    for source in (read, run):
        exec(compile(source, f"{experiment}.ipynb", "exec"), names)


def parameters_of(notebook: str) -> dict[str, Any]:
    """Return a notebook's parameters with their defaults."""
    names: dict[str, Any] = {}
    exec(code_of(notebook)[0], {}, names)
    return names


def notebooks() -> list[Place]:
    """Return the notebooks: a parameter of another type each, and more for those that no parameter
    file checks.
    """
    places = []
    for experiment in params.CELL_TYPES:
        wrong = {
            name: [Wrong("a mapping", {"a": 1}, "Input should be|must be", says="")]
            for name in params.CELL_TYPES[experiment].model_fields
            if name != "experiment"
        } | {"output": folder(), "progress": boolean()}
        if experiment == "real":
            wrong["n_qtl"] = integer(2)  # the planner's
        run = functools.partial(run_cell_of, experiment)
        notebook = params.NOTEBOOKS[experiment]
        places.append(Place(f"notebooks/{notebook}.ipynb", run, dict, wrong))
    numbers = {
        "n_samples": integer(2),
        "n_qtl": integer(2),
        "n_markers": integer(1, optional=True),
        "n_cohorts": integer(1),
    }
    simulated = numbers | {
        "rel_aa": REL_AA,
        "broad_sense_heritability": HERITABILITY,
        "shared_pairs": boolean(),
        "pleiotropy": [
            Wrong("text", "much", NUMBER),
            Wrong("above its bound", 1.5, "at most 1|must be 0"),
        ],
        "seed": SEED,
        "output": folder(),
    }
    other = [Wrong("a mapping", {"a": 1}, "must be|must name", says="")]
    own = dict.fromkeys(
        (n for n in parameters_of("own_data") if n not in ("n_qtl", "broad_sense_heritability")),
        other,
    ) | {
        "output": folder(),
        "several": [
            Wrong(
                "an odd number of QTL",
                {"rel_aa": 1.0, "n_qtl": 5},
                "n_qtl must be even",
                says="got 5",
            ),
            Wrong(
                "no heritability",
                {"rel_aa": 1.0, "broad_sense_heritability": 0},
                "broad_sense_heritability must be at least 1e-06",
                says="got 0",
            ),
            Wrong(
                "no trait",
                {"genotypes": str(reader.EXAMPLE / "example.bed")},
                "phenotypes must name a table, or rel_aa",
                says="neither",
            ),
        ],
    }
    by_hand = {
        "n_samples": integer(50),
        "n_qtl": [*integer(4), Wrong("odd", 5, "must be even")],
        "rel_aa": real(0, 1e12),
        "broad_sense_heritability": HERITABILITY,
        "hidden_width": integer(1),
        "mlp_max_epochs": integer(1),
        "sizes": [
            Wrong("one number", 500, "must be a list"),
            Wrong("empty", [], "at least 1", says="got 0"),
            Wrong("below its bound", [500, 49], "at least 50", says="got 49"),
            Wrong("a last batch of one", [887], "a batch of one individual", says="got 887"),
        ],
        "scalings": [
            Wrong("text", "1", "must be a list"),
            Wrong("zero", [0.1, 0], "at least 0.01", says="got 0"),
            Wrong("NaN", [NAN], "finite|at least", says="nan"),
        ],
        "seed": SEED,
    }
    places += [_notebook("by_hand", 2, by_hand), _notebook("simulate", 2, simulated)]
    return [*places, _notebook("own_data", 2, own)]


def _notebook(name: str, n_cells: int, wrong: dict[str, list[Wrong]]) -> Place:
    return Place(
        f"notebooks/{name}.ipynb", functools.partial(run_notebook, name, n_cells), dict, wrong
    )


# --- Commands ------------------------------------------------------------------------------------------------------


def command(main: Callable[[list[str]], int], arguments: list[str]) -> None:
    """Run a command in a project of an empty table; raise `Refused` with the last line if its exit
    status is not 0.
    """
    errors = io.StringIO()
    project = Path(SCRATCH.name, "project")
    if not project.exists():
        shutil.copytree(ROOT / "params", project / "params")
        (project / "book" / "data").mkdir(parents=True)
        (project / "book" / "data" / "empty.csv").touch()
    with contextlib.chdir(project), contextlib.redirect_stderr(errors):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code
    if status:
        raise Refused(
            errors.getvalue().splitlines()[-1] if errors.getvalue() else f"{status}, and not a word"
        )


def commands() -> list[Place]:
    """Return the commands, each with arguments that it refuses."""
    unknown = "invalid choice|must be one of|required|must be"
    refused = {
        "epidl.grid": (
            workflow.main,
            {
                "an unknown profile": (["huge"], unknown),
                "no profile": ([], unknown),
                "no cores": (["smoke", "--cores", "0"], "whole number of at least 1"),
                "text for cores": (["smoke", "--cores", "all"], "whole number of at least 1"),
                "a negative number of cores": (
                    ["smoke", "--cores=-2"],
                    "whole number of at least 1",
                ),
                "a negative number of GPUs": (["smoke", "--gpus=-1"], "whole number of at least 0"),
                "a time without unit": (["smoke", "--stop-after", "9"], "s, m or h"),
                "a time of zero": (["smoke", "--stop-after", "0s"], "s, m or h"),
            },
        ),
        "epidl.grid.cell": (
            cell.main,
            {
                "an unknown experiment": (["scalling", "smoke"], unknown),
                "an unknown profile": (["scaling", "huge"], unknown),
                "an unknown cell": (["scaling", "smoke", "n5_scaling1"], "cell must be one of"),
                "a cell that runs commands": (
                    ["scaling", "smoke", "$(touch ran)"],
                    "cell must be one of",
                ),
                "a file for an output": (
                    ["scaling", "smoke", "n200_scaling1", "--output", "params/scaling.yml"],
                    "output must be a folder",
                ),
                "an output that is too long": (
                    ["scaling", "smoke", "n200_scaling1", "--output", "a" * 5000],
                    "output must be a path",
                ),
                "nothing": ([], unknown),
            },
        ),
        "epidl.grid.costs": (
            costs.main,
            {
                "an unknown profile": (["huge"], unknown),
                "an unknown device": (["smoke", "--device", "tpu"], unknown),
                "an empty table": (["smoke"], "empty.csv must be a table"),
            },
        ),
        "epidl.grid.publish": (
            publish.main,
            {
                "an unknown profile": (["smoke"], unknown),
                "no such folder": (["standard", "--also", "nothing"], "must be a folder"),
                "nothing computed": (["standard"], "No fit of the profile"),
            },
        ),
        "epidl.grid.results": (
            results.main,
            {
                "nothing": ([], unknown),
                "no cell": (["table.csv"], unknown),
                "a cell that is not there": (["table.csv", "nothing"], "must be a result table"),
            },
        ),
        "epidl.planner": (
            planning.main,
            {
                "an unknown preset": (["--preset", "rice"], unknown),
                "nothing": ([], "must be given, or a preset"),
                "a fraction of an individual": (
                    ["--preset", "wheat", "--n-samples", "2.5"],
                    "invalid int",
                ),
                "too few individuals": (
                    ["--preset", "wheat", "--n-samples", "2"],
                    "n_samples must be at least 20",
                ),
                "more QTL than markers": (
                    ["--preset", "wheat", "--n-qtl", "5000"],
                    "n_qtl must be at most",
                ),
                "a share above 1": (
                    ["--preset", "wheat", "--va-over-vg", "2"],
                    "va_over_vg must be at most 1",
                ),
            },
        ),
        "epidl.own.public": (
            public.main,
            {"an unknown cohort": (["rice"], unknown)},
        ),
        "epidl_book.claims": (
            claims.main,
            {
                "an argument": (["standard"], "unrecognized arguments"),
                "no tables": ([], "must be a result table|lacks|must hold"),
            },
        ),
        "epidl.planner.surface": (
            surface.main,
            {
                "an argument": (["standard"], "unrecognized arguments"),
                "an unknown option": (["--profile"], "unrecognized arguments"),
                "no tables": ([], "beyond.csv must be a result table"),
            },
        ),
        "epidl_book.charts": (
            charts.main,
            {
                "nothing": ([], unknown),
                "an option for a file": (["--file"], unknown),
                "a file too many": (["one.js", "two.js"], "unrecognized arguments"),
                "a folder for a file": (["params"], "FILE must be no folder"),
                "a file for a folder": (
                    ["params/scaling.yml/charts.js"],
                    "the folder of FILE must be a folder",
                ),
                "an empty text": ([""], "FILE must be a path"),
                "a file whose name is too long": (["a" * 5000], "FILE must be a path"),
            },
        ),
    }
    return [
        Place(
            f"python -m {name}",
            functools.partial(command, main),
            dict,
            {
                "arguments": [
                    Wrong(way, given, bound, says="") for way, (given, bound) in kinds.items()
                ]
            },
        )
        for name, (main, kinds) in refused.items()
    ] + [
        _place(
            workflow,
            "duration",
            dict,
            text=[Wrong("no time", "9", "s, m or h", TEXTS.filter(lambda t: t[-1] not in "smh"))],
        )
    ]


# --- The catalogue -------------------------------------------------------------------------------------------------

SCRATCH = tempfile.TemporaryDirectory(prefix="bad_input_")
atexit.register(SCRATCH.cleanup)


@functools.cache
def catalogue() -> tuple[Place, ...]:
    """Return all places."""
    return (*functions(), *parameter_files(), *notebooks(), *commands())


def complaint(place: Place, argument: str, wrong: Wrong, value: object) -> str:
    """Return what is amiss with the answer to a wrong value; an empty text where nothing is."""
    error = place.provoke(argument, value)
    if error is None:
        return "was taken"
    message = str(error)
    if not _ours(error):
        return f"is not refused by the project, but: {type(error).__name__}: {message[:200]}"
    if (
        argument
        not in ("several", "arguments", "path", "stem", "folder", "cohorts", "text", "cell")
        and argument not in message
    ):
        return f"the message does not name it: {message[:300]}"
    if not re.search(wrong.bound, message):
        return f"the message does not say {wrong.bound!r}: {message[:300]}"
    if not any(re.search(says, message) for says in _values(wrong, value)):
        return f"the message does not say what it got: {message[:300]}"
    return ""


def _values(wrong: Wrong, value: object) -> list[str]:
    if wrong.says or isinstance(value, (Mapping, list)) or argument_is_text(value):
        return [wrong.says]
    texts_of = {checks.shown(value), str(value), "none"}
    if isinstance(value, (int, float)):
        texts_of |= {f"{value:g}"} if abs(value) < 1e300 else set()
        texts_of |= {str(float(value))}
    return [re.escape(text) for text in texts_of]


def argument_is_text(value: object) -> bool:
    """Tell whether a value is an empty text, of which a message has nothing to show."""
    return isinstance(value, str) and not value


def _ours(error: BaseException) -> bool:
    """Tell whether an error was raised by this project, and shows no other's beside its own."""
    if isinstance(error, Refused):
        return True
    if error.__cause__ is not None or (
        error.__context__ is not None and not error.__suppress_context__
    ):
        return False
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return str(LIBRARY) in frames[-1] or frames[-1].endswith(".ipynb")


def table() -> pd.DataFrame:
    """Return a row a kind: where, argument, kind, example, message, refused."""
    rows_of = []
    for place in catalogue():
        for argument, ways in place.wrong.items():
            for wrong in ways:
                error = place.provoke(argument, wrong.example)
                rows_of.append(
                    {
                        "where": place.where,
                        "argument": argument,
                        "kind": wrong.way,
                        "example": _plain(checks.shown(wrong.example)),
                        "message": _plain(str(error)).splitlines()[0][:240]
                        if error is not None
                        else "",
                        "refused": not complaint(place, argument, wrong, wrong.example),
                    }
                )
    return pd.DataFrame(rows_of)


def _plain(text: str) -> str:
    """Return a text without this machine's folders and memory."""
    text = re.sub(rf"{re.escape(SCRATCH.name)}/(tmp\w+/)?", "", text).replace(f"{ROOT}/", "")
    text = re.sub(r"the [\d.]+ GiB of memory of this machine", "the memory of this machine", text)
    text = re.sub(r"this machine has [\d.]+", "this machine has less", text)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return text.replace("\0", "\\0")


if __name__ == "__main__":
    found = table()
    storage.write_table(TABLE, found)
    places, taken = found["where"].nunique(), int((~found["refused"]).sum())
    print(f"{len(found)} kinds of invalid input in {places} places; not refused: {taken}")
    sys.exit(int(not found["refused"].all()))
