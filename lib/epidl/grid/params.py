"""Cells and grids: the typed, checked parameters of an experiment.

A cell is one grid point with all its cohorts: the unit that a notebook runs and the grid resumes. A
parameter file `params/<experiment>.yml` holds the parameters that all its cells share (`base`) and
a grid per profile.
"""

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from epidl import checks
from epidl.checks import LEAST_H2, MOST
from epidl.cohorts import worlds
from epidl.cohorts.crosses import GENOMES
from epidl.cohorts.orders import GROUPINGS, MOST_ORDER, count_products
from epidl.cohorts.splits import BATCH_SIZE, TRAIN_SHARE, Protocol, check_batches, training_size
from epidl.grid import results
from epidl.models.recipes import MODELS, Model
from epidl.own import registry
from epidl.own.registry import LEAST_TEST

ProfileName = Literal["smoke", "quick", "standard", "full"]
# a list of these is one value in a grid, not an axis
LIST_PARAMETERS = {"rel_aa", "models", "protocols", "mlp_learning_rates", "max_features"}
LIST_PARAMETERS |= {"splits", "searched", "shares"}
N_SEARCHED = 5  # splits of a kind, for models that are searched for long
PUBLISHED_H2 = 0.999  # of the scaling experiment
PositiveInt = Annotated[int, Field(ge=1, le=MOST, strict=True)]
# strict: neither "0.5" nor true is taken for a number
NonNegative = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


def _all_different(values: tuple) -> tuple:
    checks.require(len(set(values)) == len(values), "must name each at most once")
    return values


class ParameterError(ValueError):
    """A parameter is missing, unknown, of the wrong type or out of its bounds, and the message says
    where.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the message alone."""
        return [f"{type(self).__name__}: {self}"]


def _even(value: int) -> int:
    checks.require(value % 2 == 0, "must be even, since every QTL has one partner")
    return value


EvenInt = Annotated[int, Field(ge=2, le=MOST, strict=True), AfterValidator(_even)]


def _names(allowed: Callable[[Model], object], description: str = "models to fit") -> Any:
    """Return the type of a list of those models that are allowed."""
    names = [model.name for model in MODELS.values() if allowed(model)]
    field = Field(min_length=1, description=description)
    return Annotated[tuple[Literal[*names], ...], AfterValidator(_all_different), field]


ModelNames = _names(lambda model: model.published and not model.selects)
SelectingModelNames = _names(lambda model: model.published)
MoreModelNames = _names(
    lambda model: not model.selects, "models to fit, and their expected accuracies"
)
WorldModelNames = _names(lambda model: model.label and not model.selects)


class Cell(BaseModel):
    """What the cells of all experiments have in common, see the fields' descriptions.

    cohorts: the experiment whose cohorts these are. Cells of the same `cohort_name` and cohorts
    simulate the same ones. A class of an experiment's cells has their `place` in a grid, and their
    `architecture`, the arguments of `simulate.simulate` without the seed. simulator: the module
    that makes cohorts of the native backend.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cohorts: ClassVar[str]
    simulator: ClassVar[str] = "simulate"

    experiment: str
    profile: str = Field(default="notebook", description="the profile that the cell belongs to")
    n_samples: int = Field(ge=20, le=MOST, strict=True, description="individuals in the cohort")
    n_replicates: PositiveInt = Field(
        description="cohorts simulated and fitted, each from its own seed"
    )
    broad_sense_heritability: float = Field(
        ge=LEAST_H2, le=1, strict=True, description="H2 = V_G / V_P of every trait"
    )
    models: ModelNames
    protocols: Annotated[
        tuple[Literal["published", "held_out"], ...], AfterValidator(_all_different)
    ] = Field(min_length=1, description="how fits are validated")
    seed: int = Field(ge=0, lt=2**63, strict=True, description="the root of all random draws")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where networks are trained"
    )
    n_threads: int = Field(
        default=1,
        ge=1,
        le=1024,
        strict=True,
        description="CPU threads, of which another number rounds differently",
    )
    backend: Literal["native", "alphasimr"] = Field(default="native", description="the simulator")
    source: Literal["simulated", "zenodo"] = Field(
        default="simulated", description="simulated here, or read from the authors' files"
    )
    data: str = Field(default="", description="the folder of the authors' files")

    @property
    def name(self) -> str:
        """A readable, stable name: the cell's place in its grid, and the origin of its cohorts if
        not `native`.
        """
        return f"{self.place}{self.origin}"

    @property
    def origin(self) -> str:
        """Where the cohorts are from: nothing for the native simulator, or _alphasimr, or _zenodo."""
        if self.source == "zenodo":
            return "_zenodo"
        return "" if self.backend == "native" else f"_{self.backend}"

    def protocols_of(self, model: str) -> tuple[Protocol, ...]:
        """Return the protocols that a model is fitted under: one if the publication does not have
        it.
        """
        if MODELS[model].published or EXPERIMENTS[self.experiment].every_protocol:
            return self.protocols
        return ("held_out",) if "held_out" in self.protocols else self.protocols[:1]

    @property
    def fits(self) -> set[str]:
        """The names of all its fits, as `results.Fitted` has them."""
        return {fit for fit, *_ in self.each_fit()}

    def each_fit(self) -> Iterator[tuple[str, int, str, str]]:
        """Yield the name of each fit, the number of its cohort, its protocol and its model, cohort
        by cohort.
        """
        name = self.name
        for number in range(1, self.n_replicates + 1):
            for model in self.models:
                for protocol in self.protocols_of(model):
                    if number in self.numbers(protocol, model):
                        yield f"{name} {number} {protocol} {model}", number, protocol, model

    def numbers(self, protocol: str, model: str) -> range:
        """Return the numbers of the cohorts that a model is fitted to under a protocol."""
        return range(1, self.n_replicates + 1)

    @property
    def cohort_name(self) -> str:
        """The part of the name that identifies the cohorts, shared by cells that differ only in
        their fits.
        """
        return f"{self.cohort_place}{self.origin}"

    @property
    def cohort_place(self) -> str:
        """The part of the place that identifies the cohorts."""
        return self.place

    @model_validator(mode="after")
    def _one_origin(self) -> "Cell":
        """Refuse what no source of cohorts can give, before anything is computed."""
        checks.require(
            (self.source == "zenodo") == bool(self.data),
            f"data must name a folder for source zenodo, and for it alone, got {self.data!r}",
        )
        checks.require(
            self.source != "zenodo" or self.backend == "native",
            f"backend must be native for source zenodo, which simulates nothing, got {self.backend}",
        )
        checks.require(
            not self.origin or not getattr(self, "all_pairs", False),
            f"all_pairs must be False for cohorts of {self.origin[1:]}: each QTL has one partner there",
        )
        return self


class MlpCell(Cell):
    """A cell that fits the MLP."""

    hidden_width: PositiveInt = Field(description="units in each of the MLP's two hidden layers")
    mlp_max_epochs: PositiveInt = Field(default=100, description="most epochs of an MLP fit")
    drop_ragged_batch: bool = Field(
        default=False, strict=True, description="leave out the last, smaller batch of an epoch"
    )

    @model_validator(mode="after")
    def _trainable(self) -> "MlpCell":
        """Refuse batches that batch norm or the plan could not train on, before anything is computed."""
        normed = any(MODELS[model].batch_norm for model in self.models)
        for protocol in self.protocols if normed else ():
            check_batches(
                training_size(self.n_samples, protocol),
                batch_size=BATCH_SIZE,
                drop_ragged_batch=self.drop_ragged_batch,
                batch_norm=True,
            )
        return self


class TunedCell(MlpCell):
    """A cell whose MLP has its learning rate chosen by Optuna."""

    mlp_learning_rates: Annotated[tuple[Positive, ...], AfterValidator(_all_different)] = Field(
        default=(0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0001),
        min_length=1,
        description="initial rates of AdamW that are tried, a single one without a search",
    )
    n_trials: PositiveInt = Field(default=10, description="Optuna's trials of the MLP's rate")

    @property
    def rates(self) -> tuple[float, ...]:
        """AdamW's initial rates to choose from."""
        return self.mlp_learning_rates


class _Scaled(Cell):
    """A cell whose number of QTL follows from `scaling`, with every marker causal."""

    cohorts: ClassVar[str] = "scaling"
    scaling: float = Field(
        gt=0,
        le=MOST,
        allow_inf_nan=False,
        strict=True,
        description="possible pairs of QTL for each individual",
    )
    rel_aa: tuple[NonNegative, ...] = Field(
        min_length=1, description="relative epistatic variance of each trait"
    )

    @property
    def n_qtl(self) -> int:
        """The number of causal loci, which is the number of markers too."""
        return qtl_for_scaling(self.scaling, self.n_samples)

    @property
    def place(self) -> str:
        """For instance n1000_scaling0.5."""
        return f"n{self.n_samples}_scaling{self.scaling:g}"

    def architecture(self) -> dict[str, Any]:
        """Return what the cohorts are simulated with."""
        return dict(
            n_samples=self.n_samples,
            n_qtl=self.n_qtl,
            rel_aa=self.rel_aa,
            broad_sense_heritability=self.broad_sense_heritability,
            all_pairs=getattr(self, "all_pairs", False),  # a control of `beyond`
        )


class ScalingCell(_Scaled, MlpCell):
    """A cell of the scaling experiment."""

    experiment: Literal["scaling"] = "scaling"
    mlp_learning_rate: Positive = Field(default=0.01, description="AdamW's initial rate")

    @property
    def rates(self) -> tuple[float, ...]:
        """The one rate."""
        return (self.mlp_learning_rate,)


class HyperparametersCell(ScalingCell):
    """A cell that fits the MLP with another width or rate to the scaling experiment's cohorts."""

    experiment: Literal["hyperparameters"] = "hyperparameters"

    @property
    def cohort_place(self) -> str:
        """For instance n1000_scaling0.5."""
        return super().place

    @property
    def place(self) -> str:
        """For instance n1000_scaling0.5_width512_rate0.01."""
        return f"{self.cohort_place}_width{self.hidden_width}_rate{self.mlp_learning_rate:g}"


class BeyondCell(ScalingCell):
    """A cell that compares more models on the scaling experiment's cohorts."""

    experiment: Literal["beyond"] = "beyond"
    models: MoreModelNames
    all_pairs: bool = Field(
        default=False, strict=True, description="whether all pairs of QTL interact, as a control"
    )

    @property
    def cohort_place(self) -> str:
        """For instance n1000_scaling1. Controls say what they change: n1000_scaling1_H0.5,
        n1000_scaling1_all_pairs.
        """
        noise = (
            f"_H{self.broad_sense_heritability:g}"
            if self.broad_sense_heritability != PUBLISHED_H2
            else ""
        )
        return f"{super().place}{noise}{'_all_pairs' if self.all_pairs else ''}"

    @property
    def place(self) -> str:
        """That of its cohorts, or n1000_scaling1_dropped if the last, smaller batch of an epoch is
        left out.
        """
        return f"{self.cohort_place}{'_dropped' if self.drop_ragged_batch else ''}"


class RaggedCell(BeyondCell):
    """A cell that asks what the last, smaller batch of an epoch does to the MLP's batch norm, and so
    to its r.
    """

    experiment: Literal["ragged"] = "ragged"
    # the numbers of individuals are chosen for the size of the last batch
    cohorts: ClassVar[str] = "ragged"


class RidgeVsSgdCell(_Scaled):
    """A cell of the supplement's check of ridge by SGD: the cohorts of the scaling experiment, linear
    models only.
    """

    experiment: Literal["ridge_vs_sgd"] = "ridge_vs_sgd"
    models: _names(lambda model: model.name in ("ridge", "ridge_sgd"))


class _Diluted(TunedCell):
    """A cell of separate traits whose QTL are some of many markers."""

    cohorts: ClassVar[str] = "dilution"
    n_markers: PositiveInt = Field(description="all markers")
    n_qtl: EvenInt = Field(description="causal loci of each trait, even")
    rel_aa: tuple[NonNegative, ...] = Field(
        min_length=1, description="relative epistatic variance of each trait"
    )

    @property
    def place(self) -> str:
        """For instance n10000_q100_m1000."""
        return f"n{self.n_samples}_q{self.n_qtl}_m{self.n_markers}"

    def architecture(self) -> dict[str, Any]:
        """Return what the cohorts are simulated with."""
        return dict(
            n_samples=self.n_samples,
            n_qtl=self.n_qtl,
            n_markers=self.n_markers,
            rel_aa=self.rel_aa,
            broad_sense_heritability=self.broad_sense_heritability,
        )

    @model_validator(mode="after")
    def _enough_markers(self) -> "_Diluted":
        checks.require(
            self.n_qtl <= self.n_markers,
            f"n_qtl must be at most {self.n_markers} (n_markers), got {self.n_qtl}",
        )
        return self


class DilutionCell(_Diluted):
    """A cell of the dilution experiment: models on all markers, and on the features that a LASSO
    selects.
    """

    experiment: Literal["dilution"] = "dilution"
    models: SelectingModelNames
    n_trials_pruned: PositiveInt = Field(
        default=20, description="Optuna's trials of number of features and rate"
    )
    importance_threshold: NonNegative = Field(
        default=0.03, description="features of lower importance are left out"
    )
    max_features: tuple[PositiveInt, PositiveInt] = Field(
        default=(100, 1000), description="bounds of the largest number of features kept"
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "DilutionCell":
        low, high = self.max_features
        checks.require(
            low <= high, f"max_features must be a lower and an upper bound, got {low} and {high}"
        )
        return self


class CorrelationCell(TunedCell):
    """A cell of the correlation experiment: many traits of one kind, every marker causal."""

    experiment: Literal["correlation"] = "correlation"
    cohorts: ClassVar[str] = "correlation"
    n_qtl: EvenInt = Field(description="causal loci, even, which are all markers too")
    n_traits: PositiveInt = Field(description="traits, all learned by one network")
    rel_aa: NonNegative = Field(description="relative epistatic variance of every trait")
    pleiotropy: float = Field(
        ge=0, le=1, strict=True, description="correlation of the effects between any two traits"
    )
    shared_pairs: bool = Field(
        strict=True, description="whether the traits share their interacting pairs"
    )

    @property
    def place(self) -> str:
        """For instance n10000_q100_t10_rho0.25, or n10000_q100_t10_rho0_shared."""
        control = "_shared" if self.shared_pairs and self.pleiotropy == 0 else ""
        return f"n{self.n_samples}_q{self.n_qtl}_t{self.n_traits}_rho{self.pleiotropy:g}{control}"

    def architecture(self) -> dict[str, Any]:
        """Return what the cohorts are simulated with."""
        return dict(
            n_samples=self.n_samples,
            n_qtl=self.n_qtl,
            rel_aa=[self.rel_aa] * self.n_traits,
            broad_sense_heritability=self.broad_sense_heritability,
            shared_pairs=self.shared_pairs,
            pleiotropy=self.pleiotropy,
        )

    @model_validator(mode="after")
    def _possible(self) -> "CorrelationCell":
        checks.require(
            not self.pleiotropy or self.shared_pairs,
            f"shared_pairs must be True if pleiotropy is not 0, got pleiotropy {self.pleiotropy:g}: effects are "
            "correlated pair by pair",
        )
        return self


class BeyondDilutionCell(_Diluted):
    """A cell that compares more models on the dilution experiment's cohorts."""

    experiment: Literal["beyond_dilution"] = "beyond_dilution"
    models: MoreModelNames


class SurveyCell(_Diluted):
    """A cell of the survey, with individuals, markers, QTL, noise and traits as real studies
    combine them.
    """

    experiment: Literal["survey"] = "survey"
    cohorts: ClassVar[str] = "survey"
    models: MoreModelNames

    @property
    def place(self) -> str:
        """For instance n1000_q20_m100_H0.5_t5, the last the number of traits."""
        return f"{super().place}_H{self.broad_sense_heritability:g}_t{len(self.rel_aa)}"


class BeyondCorrelationCell(CorrelationCell):
    """A cell that compares more models on the correlation experiment's cohorts."""

    experiment: Literal["beyond_correlation"] = "beyond_correlation"
    models: MoreModelNames


class WorldCell(MlpCell):
    """A cell of populations and traits closer to life: crosses, and interactions of several orders."""

    experiment: Literal["worlds"] = "worlds"
    cohorts: ClassVar[str] = "worlds"
    simulator: ClassVar[str] = "worlds"
    n_traits: ClassVar[int] = 1
    models: WorldModelNames
    population: Literal[*worlds.POPULATIONS] = Field(
        description="unlinked haploids, or a cross of two inbred founders"
    )
    genome: Literal["", *GENOMES] = Field(default="", description="the chromosomes of a cross")
    n_markers: PositiveInt = Field(description="all markers, spread evenly in a cross")
    n_qtl: PositiveInt = Field(description="causal loci")
    shares: tuple[NonNegative, ...] = Field(
        min_length=1,
        max_length=MOST_ORDER,
        description="of the genetic variance: additive, pairs, and so on, summing to 1",
    )
    grouping: Literal[*GROUPINGS] = Field(
        description="which QTL interact: disjoint groups of each order, or all groups"
    )
    qtl_between: bool = Field(
        default=False, strict=True, description="whether the QTL of a cross are between its markers"
    )
    mlp_learning_rate: Positive = Field(default=0.01, description="AdamW's initial rate")

    @property
    def rates(self) -> tuple[float, ...]:
        """The one rate."""
        return (self.mlp_learning_rate,)

    @property
    def n_products(self) -> int:
        """How many sets of QTL interact, in all orders."""
        numbers = []
        for order, share in enumerate(self.shares, start=1):
            if order > 1 and share:
                numbers.append(count_products(self.n_qtl, order, self.grouping))
        return sum(numbers)

    @property
    def place(self) -> str:
        """Its parameters in words, as in unlinked_n1000_q16_m16_all_1_H0.8, with 1 the only share."""
        population = f"{self.population}_{self.genome}" if self.genome else self.population
        between = "_between" if self.qtl_between else ""
        shares = "_".join(f"{share:g}" for share in self.shares)
        size = f"n{self.n_samples}_q{self.n_qtl}_m{self.n_markers}{between}"
        noise = f"H{self.broad_sense_heritability:g}"
        return f"{population}_{size}_{self.grouping}_{shares}_{noise}"

    def architecture(self) -> dict[str, Any]:
        """Return the arguments of `worlds.simulate_world` without the seed."""
        return self._world() | dict(
            n_samples=self.n_samples, broad_sense_heritability=self.broad_sense_heritability
        )

    def _world(self) -> dict[str, Any]:
        names = (
            *("population", "genome", "n_markers", "n_qtl"),
            *("shares", "grouping", "qtl_between"),
        )
        return {name: getattr(self, name) for name in names}

    @model_validator(mode="after")
    def _possible(self) -> "WorldCell":
        """Refuse what no world can be, before anything is computed."""
        checks.require(
            self.backend == "native",
            "backend must be native, since AlphaSimR has no interactions above pairs, got "
            f"{self.backend}",
        )
        checks.require(
            self.source == "simulated",
            f"source must be simulated, since the authors have no such cohorts, got {self.source}",
        )
        worlds.check_world(**self._world())
        return self


class RealCell(Cell):
    """A cell of one trait of a public cohort. A replicate is a split, and a protocol a kind of
    splits.

    The first protocol heads the results: splits by groups without training individuals, if the
    cohort has groups.
    """

    experiment: Literal["real"] = "real"
    cohorts: ClassVar[str] = "real"
    n_traits: ClassVar[int] = 1
    mlp_max_epochs: ClassVar[int] = 100
    rates: ClassVar[tuple[float, ...]] = (0.01,)
    n_samples: ClassVar[int]  # what follows is the cohort's own
    broad_sense_heritability: ClassVar[None]
    protocols: ClassVar[tuple[str, ...]]
    backend: ClassVar[str] = "native"
    source: ClassVar[str] = "public"
    data: ClassVar[str] = ""
    dataset: Literal[*registry.cohorts()] = Field(description="the public cohort")
    trait: str = Field(description="one of its traits")
    models: _names(lambda model: model.own_data)
    splits: Annotated[tuple[str, ...], AfterValidator(_all_different)] = Field(
        default=(),
        description="random, columns of groups, or that of published folds, by default all of the cohort's",
    )
    searched: Annotated[tuple[str, ...], AfterValidator(_all_different)] = Field(
        default=(), description="models that are fitted to the first 5 splits of each kind alone"
    )
    hidden_width: PositiveInt = Field(default=512, description="units in the hidden layers")
    n_train: int = Field(
        default=0,
        ge=0,
        strict=True,
        description="individuals that train, drawn from a fixed half and tested on the other, or 0 for whole splits",
    )

    @property
    def cohort(self) -> registry.PublicCohort:
        """The row of the registry."""
        return registry.cohorts()[self.dataset]

    @property
    def n_samples(self) -> int:
        """The cohort's individuals, of whom a few may lack the trait. For a learning curve, as many
        as have `n_train` in their training part.
        """
        return round(self.n_train / TRAIN_SHARE) or self.cohort.size[0]

    @property
    def n_markers(self) -> int:
        """The cohort's markers after filters and thinning."""
        return self.cohort.size[1]

    @property
    def n_qtl(self) -> int:
        """The most QTL that may be found, for estimates of memory."""
        return self.n_markers

    @property
    def protocols(self) -> tuple[str, ...]:
        """The kinds of splits."""
        return self.splits or self.cohort.splits

    @property
    def place(self) -> str:
        """For instance wheat_env1, and landscape_y_train60 of a learning curve."""
        return self.cohort_place + (f"_train{self.n_train}" if self.n_train else "")

    @property
    def cohort_place(self) -> str:
        """For instance wheat_env1."""
        return f"{self.dataset}_{self.trait}"

    def protocols_of(self, model: str) -> tuple[str, ...]:
        """Return all kinds of splits."""
        return self.protocols

    def numbers(self, protocol: str, model: str) -> range:
        """Return the numbers of the splits of a kind that a model is fitted to."""
        most = N_SEARCHED if model in self.searched else self.n_replicates
        most = min(most, self.cohort.n_folds) if protocol != registry.RANDOM else most
        return range(1, most + 1)

    def architecture(self) -> dict[str, Any]:
        """Return what the cohort is read from."""
        read = dict(dataset=self.dataset, trait=self.trait, files=self.cohort.hashes)
        return read | ({"n_train": self.n_train} if self.n_train else {})

    @model_validator(mode="after")
    def _of_the_cohort(self) -> "RealCell":
        """Refuse what the cohort does not have, and a list of models without ridge."""
        for name, values, known in (
            ("trait", [self.trait], self.cohort.traits),
            ("splits", self.splits, self.cohort.splits),
            ("searched", self.searched, self.models),
        ):
            for value in values:
                checks.require(
                    value in known, f"{name} must be of {', '.join(known)}, got {value!r}"
                )
        most = self.cohort.size[0] // 2
        checks.require(
            self.n_train == 0 or LEAST_TEST <= self.n_train <= most,
            f"n_train must be 0, or {LEAST_TEST} to {most:,}, half of the individuals, got {self.n_train}",
        )
        checks.require(
            not self.n_train or self.protocols == (registry.RANDOM,),
            f"splits must be {registry.RANDOM} alone with n_train, got {', '.join(self.protocols)}",
        )
        checks.require(
            "ridge" in self.models,
            f"models must hold ridge, which others are compared with, got {', '.join(self.models)}",
        )
        return self


@dataclass(frozen=True)
class Experiment:
    """One experiment, whose parameter file and notebook have its name.

    cells: the class of its cells. notebook: its name, if another. page: of the book, with its
    results. columns: of its table, empty if no model has them. every_protocol: whether models that
    the publication lacks are fitted under each protocol too.
    """

    cells: type[Cell]
    page: str
    columns: tuple[str, ...] = ()
    every_protocol: bool = False
    notebook: str = ""


_SELECTION = (
    *("n_features", "n_markers_kept", "selection_precision"),
    *("selection_recall", "pair_recall", "max_features"),
)
_ROWS = (
    Experiment(ScalingCell, "scaling"),
    Experiment(DilutionCell, "dilution", columns=_SELECTION),
    Experiment(CorrelationCell, "correlation"),
    Experiment(RidgeVsSgdCell, "ridge_vs_sgd"),
    Experiment(HyperparametersCell, "scaling"),
    Experiment(BeyondCell, "beyond"),
    Experiment(BeyondDilutionCell, "beyond"),
    Experiment(BeyondCorrelationCell, "beyond"),
    Experiment(
        RaggedCell,
        "ledger",
        every_protocol=True,  # it is the published one that is asked about
    ),
    Experiment(SurveyCell, "planner"),
    Experiment(WorldCell, "worlds"),
    Experiment(RealCell, "real_data", notebook="real_cohort"),
)
EXPERIMENTS = {row.cells.model_fields["experiment"].default: row for row in _ROWS}
CELL_TYPES = {name: row.cells for name, row in EXPERIMENTS.items()}
NOTEBOOKS = {name: row.notebook or name for name, row in EXPERIMENTS.items()}
ExperimentName = Literal[*EXPERIMENTS]


def last_batch(n_samples: int, protocol: Protocol) -> int:
    """Return how many training individuals an epoch's last batch holds, from 1 to
    `splits.BATCH_SIZE` if none are left over.

    Raises ValueError for an unknown protocol, and for fewer than 10 individuals.
    """
    return training_size(n_samples, protocol) % BATCH_SIZE or BATCH_SIZE


def qtl_for_scaling(scaling: float, n_samples: int) -> int:
    """Return the even number of QTL q for which C(q, 2) / n_samples is about `scaling`.

    q = (1 + sqrt(1 + 8 scaling n)) / 2, rounded to an integer, then up to an even one, as in the
    authors' code.

    Raises ValueError for a scaling that is not above 0, and fewer than 1 individual.
    """
    scaling = checks.real("scaling", scaling, above=0, maximum=MOST)
    n_samples = checks.integer("n_samples", n_samples, minimum=1, maximum=MOST)
    q = round((1 + math.sqrt(1 + 8 * scaling * n_samples)) / 2)
    return q + q % 2


class Profile(BaseModel):
    """One profile of a parameter file: what it is for, what it changes in `base`, and its grids.

    In a grid, each value that is a list is an axis, and the cells are the product of the axes.
    Parameters that are lists themselves (`LIST_PARAMETERS`) are no axes.
    """

    model_config = ConfigDict(extra="forbid")

    about: str
    changes: dict[str, Any] = {}
    grids: list[dict[str, Any]] = Field(min_length=1)

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of each grid point."""
        for grid in self.grids:
            axes = [
                value if isinstance(value, list) and name not in LIST_PARAMETERS else [value]
                for name, value in grid.items()
            ]
            for values in itertools.product(*axes):
                yield dict(zip(grid, values, strict=True))


class ParameterFile(BaseModel):
    """The contents of params/<experiment>.yml."""

    model_config = ConfigDict(extra="forbid")

    experiment: ExperimentName
    base: dict[str, Any]
    profiles: dict[ProfileName, Profile]

    @model_validator(mode="after")
    def _every_profile(self) -> "ParameterFile":
        missing = set(ProfileName.__args__) - set(self.profiles)
        checks.require(
            not missing,
            f"profiles must hold smoke, quick, standard and full, got none for {', '.join(sorted(missing))}",
        )
        return self


def load_grids(path: Path) -> dict[str, list[Cell]]:
    """Read a parameter file and return the cells of each of its profiles.

    Every profile is expanded and checked, whichever is wanted, so that a mistake shows before
    anything runs.

    Raises ParameterError with file, profile, cell and parameter.
    """
    try:
        content = yaml.load(checks.path("path", path).read_text(), Loader=_Loader)
    except FileNotFoundError:
        raise ParameterError(f"{path} is missing: commands are run at the project's root") from None
    except (
        OSError,
        ValueError,
        AttributeError,
        RecursionError,
        yaml.YAMLError,
    ) as error:  # PyYAML lets some through
        raise ParameterError(f"{path}: cannot be read as YAML: {error}") from None
    return grids_of(content, path)


def planned_cells(root: Path, profile: str) -> dict[Path, Cell]:
    """Return the folder of each cell of a profile, or raise ParameterError for a mistake in any
    parameter file.

    `published` has no cells, since its book is made of shipped tables.
    """
    cells = {}
    for experiment in CELL_TYPES:
        for cell in load_grids(root / "params" / f"{experiment}.yml").get(profile, []):
            cells[root / "runs" / profile / experiment / cell.name] = cell
    return cells


def grids_of(content: object, path: Path) -> dict[str, list[Cell]]:
    """Return what `load_grids` does, given a file's content. path: where it is from. Raises what
    `load_grids` does.
    """
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: must hold the keys experiment, base and profiles")
    file = _validated(ParameterFile, content, str(path))
    return {name: _cells(file, name, profile, path) for name, profile in file.profiles.items()}


# YAML 1.1 reads 0123 as 83, to the base 8, and 3:20 as 200, to the base 60
MISREAD = re.compile(r"[-+]?0[0-7_]+|.*:.*")


class _Loader(yaml.SafeLoader):
    """Plain values alone, no tag that could make an object or run code. A repeated key is a
    mistake.
    """

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: object) -> str:
        """Return the tag of a node. A number that would be misread becomes a string, which no
        number's parameter takes.
        """
        tag = super().resolve(kind, value, implicit)
        is_number = tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        return self.DEFAULT_SCALAR_TAG if is_number and MISREAD.fullmatch(value) else tag

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} occurs twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def make_cell(cell_type: type[Cell], **parameters: Any) -> Cell:
    """Return a checked cell, or raise ParameterError that names each wrong parameter, its value and
    its bound.
    """
    return _validated(cell_type, parameters, cell_type.model_fields["experiment"].default)


def same_settings(parameters: Mapping[str, Any], cell: Cell) -> bool:
    """Tell whether fits with a provenance's parameters are those of a cell, however many of them
    each has. A parameter that the provenance lacks had its default.
    """
    chosen = cell.model_dump(include=set(results.CHOSEN))
    try:
        return make_cell(type(cell), **parameters | chosen) == cell
    except ParameterError:
        return False


def _cells(file: ParameterFile, name: str, profile: Profile, path: Path) -> list[Cell]:
    for grid in profile.grids:
        for axis, values in grid.items():
            if values == [] and axis not in LIST_PARAMETERS:  # or the grid has no cells
                place = f"{path}, profile {name}, grid {checks.shown(grid)}"
                raise ParameterError(f"{place}: {axis} must have at least one value, got []")
    cells: dict[str, Cell] = {}
    for point in profile.points():
        place = f"{path}, profile {name}, grid point {checks.shown(point)}"
        parameters = file.base | profile.changes | point
        cell = _validated(CELL_TYPES[file.experiment], {"profile": name} | parameters, place)
        if cell.name in cells:
            raise ParameterError(f"{place}: the cell {cell.name} occurs in this profile twice")
        cells[cell.name] = cell
    return list(cells.values())


def _validated(model: type[BaseModel], values: Mapping[str, Any], place: str) -> Any:
    if set(map(type, values)) - {str}:
        raise ParameterError(
            f"{place}: names of parameters must be strings, got {checks.shown(list(values))}"
        )
    try:
        return model(**values)
    except ValidationError as error:
        problems = error.errors()
        # pydantic counts what is wrong within a list as missing from it, too
        wrong_within = {
            problem["loc"][:1] for problem in problems if problem["type"] != "too_short"
        }
        told = []
        for problem in problems:
            if problem["type"] != "too_short" or problem["loc"][:1] not in wrong_within:
                told.append(f"{place}: {_explain(model, problem)}")
        raise ParameterError("\n".join(told)) from None


def _explain(model: type[BaseModel], problem: Mapping[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"]))
    if not name:  # a rule about several parameters, which names them itself
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, model.model_fields, n=1)
        return f"{name} is not a parameter" + (f"; did you mean {close[0]}?" if close else "")
    if problem["type"] == "missing":
        return f"{name} is missing"
    if problem["type"] == "tuple_type":
        return f"{name} must be a list, in [ ], got {checks.shown(problem['input'])}"
    return f"{name}: {problem['msg']}, got {checks.shown(problem['input'])}"
