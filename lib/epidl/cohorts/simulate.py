"""Simulation of the publication's traits: additive effects and disjoint pairs of epistatic effects
in haploids.

With x = 2g - 1 in {-1, +1} for allele g in {0, 1}, the genetic value of a trait is

    G = intercept + sum_i a_i x_i + sum_k e_k x_k1 x_k2,     a ~ N(0, 1),  e ~ N(0, 4 relAA)

over q causal loci (QTL) that a uniformly random perfect matching puts into q/2 pairs. Effects are
then scaled so that G has mean 0 and variance 1 (divisor n) in the simulated sample. The expected
variances have the ratio V_AA / V_A = 2 relAA, so V_A / V_G is about 1 / (1 + 2 relAA).

As our own control, all q(q-1)/2 pairs of QTL can interact, with smaller effects that keep the
ratio.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epidl import checks, seeds
from epidl.checks import LEAST_H2, MOST
from epidl.cohorts.genotypes import Genotypes, Haplotypes, check_genotypes, row_blocks

ROUNDING = 1e-24  # of the variance of a part that a trait lacks, where V_G is 1


@dataclass(frozen=True)
class Trait:
    """The true architecture of one trait, with markers numbered from 0.

    qtl: (n_qtl,) markers that have an effect, ascending. additive_effects: (n_qtl,) in that order.
    pairs: (n_pairs, 2) markers that interact: each QTL is in exactly one pair, or all pairs of QTL
    interact. pair_effects: (n_pairs,).

    higher: interactions above pairs, for each order k > 2 loci (n_products, k) and effects
    (n_products,). centre: what is subtracted from the codes before they are multiplied,
    (n_markers,), or one number for all. Only the traits of `orders` have either.
    """

    rel_aa: float
    qtl: NDArray[np.int64]
    additive_effects: NDArray[np.float64]
    pairs: NDArray[np.int64]
    pair_effects: NDArray[np.float64]
    intercept: float = 0.0
    higher: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...] = ()
    centre: NDArray[np.float64] | float = 0.0

    @property
    def is_pairwise(self) -> bool:
        """Whether the trait is of the publication's kind: no interaction above pairs, codes as they
        are.
        """
        return not self.higher and np.ndim(self.centre) == 0 and self.centre == 0

    def additive_by_marker(self, n_markers: int) -> NDArray[np.float64]:
        """Return the additive effect of every marker (n_markers,), 0 for a marker without effect."""
        effects = np.zeros(n_markers)
        effects[self.qtl] = self.additive_effects
        return effects


@dataclass(frozen=True)
class Cohort:
    """A simulated cohort: genotypes, phenotypes, genetic values (both (n_samples, n_traits)) and the
    true traits.

    unseen: genotypes of the causal loci, by which the traits' markers are numbered, if models do
    not see these loci. None if the loci are among `genotypes`.
    """

    genotypes: Genotypes
    phenotypes: NDArray[np.float64]
    genetic_values: NDArray[np.float64]
    traits: tuple[Trait, ...]
    unseen: Genotypes | None = None

    @property
    def causal_genotypes(self) -> Genotypes:
        """The genotypes that hold the QTL."""
        return self.genotypes if self.unseen is None else self.unseen


@dataclass(frozen=True)
class VarianceComponents:
    """Variances of a trait in a sample (divisor n): additive, additive-by-additive, total genetic."""

    additive: float
    epistatic: float
    genetic: float


def simulate(
    *,
    n_samples: int,
    n_qtl: int,
    rel_aa: Sequence[float],
    broad_sense_heritability: float,
    seed: int,
    n_markers: int | None = None,
    shared_pairs: bool = False,
    pleiotropy: float | ArrayLike = 0.0,
    all_pairs: bool = False,
) -> Cohort:
    """Simulate a cohort of haploid individuals with independent markers of allele frequency 0.5.

    n_samples: individuals, at least 2. n_qtl: causal loci of each trait, even. n_markers: all
    markers, by default as many as causal loci. rel_aa: the relative epistatic variance of each
    trait. broad_sense_heritability: H2 = V_G / V_P, from 1e-6 to 1. shared_pairs: False draws QTL,
    pairs and effects for each trait anew, as separate calls of AlphaSimR's addTraitAE do. True
    shares QTL and pairs among the traits, as one call does. pleiotropy: with shared pairs, the
    correlation of the traits' effects, additive and epistatic alike: one number for all pairs of
    traits, or a matrix. all_pairs: True lets all pairs of QTL interact, not each QTL with one
    partner.

    Raises ValueError for an argument out of its bounds, and if the sample has no genetic variance.
    Raises MemoryError for more individuals, markers or traits than memory holds.
    """
    checks.integer("seed", seed, minimum=0)
    n_markers, plan = checked_arguments(
        n_samples,
        n_qtl,
        rel_aa,
        broad_sense_heritability,
        n_markers,
        shared_pairs,
        pleiotropy,
        all_pairs,
    )
    return _with_traits(
        draw_haplotypes(n_samples, n_markers, seeds.generator(seed, "haplotypes")), plan, seed
    )


def simulate_on(
    genotypes: Genotypes,
    *,
    n_qtl: int,
    rel_aa: Sequence[float],
    broad_sense_heritability: float,
    seed: int,
    shared_pairs: bool = False,
    pleiotropy: float | ArrayLike = 0.0,
    all_pairs: bool = False,
) -> Cohort:
    """Simulate traits on given genotypes: a known architecture, with their linkage and allele
    frequencies.

    The model is that of `simulate`. Here x = 2 g - 1 runs from -1 to +1 with the share g of the
    counted allele. A heterozygous diploid has the code 0, a missing genotype the code of its filled
    share. The QTL are random markers. Arguments are those of `simulate`.

    relAA sets the effects as in `simulate`. The variances that follow depend on allele frequencies
    and ploidy, see `theory.expected_components`.

    Raises ValueError for an argument out of its bounds, and if the sample has no genetic variance.
    """
    check_genotypes(genotypes)
    n_qtl = _n_qtl(n_qtl, genotypes.n_markers)
    checks.integer("seed", seed, minimum=0)
    plan = TraitPlan.checked(
        n_qtl, rel_aa, broad_sense_heritability, shared_pairs, pleiotropy, all_pairs
    )
    return _with_traits(genotypes, plan, seed)


def checked_arguments(
    n_samples: int,
    n_qtl: int,
    rel_aa: Sequence[float],
    broad_sense_heritability: float,
    n_markers: int | None,
    *traits: Any,
) -> tuple[int, "TraitPlan"]:
    """Return the number of markers and the plan of the traits, or raise what `simulate` does."""
    n_samples = checks.integer("n_samples", n_samples, minimum=2)
    n_qtl = _n_qtl(n_qtl)
    n_markers = checks.integer("n_markers", n_qtl if n_markers is None else n_markers, minimum=1)
    _n_qtl(n_qtl, n_markers)
    plan = TraitPlan.checked(n_qtl, rel_aa, broad_sense_heritability, *traits)
    checks.memory("n_samples", n_samples, n_samples * 16 * len(plan.rel_aa))
    checks.memory(
        "n_samples x n_markers",
        (n_samples, n_markers),
        n_samples * n_markers / 8 + 8 * n_markers * len(plan.rel_aa),
    )
    return n_markers, plan


@dataclass(frozen=True)
class TraitPlan:
    """Checked arguments of a simulation's traits."""

    n_qtl: int
    rel_aa: list[float]
    h2: float
    shared_pairs: bool
    correlation: NDArray[np.float64]
    all_pairs: bool

    @classmethod
    def checked(
        cls,
        n_qtl: int,
        rel_aa: Sequence[float],
        broad_sense_heritability: float,
        shared_pairs: bool,
        pleiotropy: float | ArrayLike,
        all_pairs: bool,
    ) -> "TraitPlan":
        """Return the plan, or raise what `simulate` does."""
        rel_aa = _rel_aa(rel_aa)
        h2 = checks.real(
            "broad_sense_heritability", broad_sense_heritability, minimum=LEAST_H2, maximum=1
        )
        shared_pairs = checks.boolean("shared_pairs", shared_pairs)
        all_pairs = checks.boolean("all_pairs", all_pairs)
        # the pairs, as they are drawn
        checks.memory("n_qtl", n_qtl, 16 * n_qtl**2 if all_pairs else 0)
        correlation = checks.correlation_matrix("pleiotropy", pleiotropy, len(rel_aa))
        checks.require(
            shared_pairs or np.array_equal(correlation, np.eye(len(rel_aa))),
            "pleiotropy must be 0 if shared_pairs is False: traits drawn separately are independent",
        )
        return cls(n_qtl, rel_aa, h2, shared_pairs, correlation, all_pairs)


def _with_traits(genotypes: Genotypes, plan: TraitPlan, seed: int) -> Cohort:
    rng = seeds.generator(seed, "effects")
    batches = [plan.rel_aa] if plan.shared_pairs else np.reshape(plan.rel_aa, (-1, 1)).tolist()
    traits = []
    for batch in batches:
        correlation = plan.correlation[: len(batch), : len(batch)]
        traits += draw_joint_traits(
            plan.n_qtl, genotypes.n_markers, batch, correlation, rng, plan.all_pairs
        )
    traits, values = standardise(genotypes, traits)
    noise = seeds.generator(seed, "noise").normal(size=values.shape)
    phenotypes = values + np.sqrt((1 - plan.h2) / plan.h2) * noise
    return check_cohort(Cohort(genotypes, phenotypes, values, traits))


def draw_haplotypes(n_samples: int, n_markers: int, rng: np.random.Generator) -> Haplotypes:
    """Draw independent loci of allele frequency 0.5, each a fair bit, packed from the start."""
    n_bytes = (n_markers + 7) // 8
    packed = rng.integers(0, 256, size=(n_samples, n_bytes), dtype=np.uint8)
    return Haplotypes.from_bytes(packed, n_markers)


def draw_joint_traits(
    n_qtl: int,
    n_markers: int,
    rel_aa: Sequence[float],
    correlation: NDArray,
    rng: np.random.Generator,
    all_pairs: bool = False,
) -> list[Trait]:
    """Draw traits that share QTL and pairs. Effects are Z L, with L L' the correlation between
    traits.
    """
    qtl = np.sort(rng.choice(n_markers, size=n_qtl, replace=False))
    pairs = qtl[
        np.stack(np.triu_indices(n_qtl, k=1), axis=1)
        if all_pairs
        else rng.permutation(n_qtl).reshape(-1, 2)
    ]
    values, vectors = np.linalg.eigh(correlation)
    # symmetric root: a singular correlation is fine
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    additive = rng.normal(size=(n_qtl, len(rel_aa))) @ root
    epistatic = (
        rng.normal(size=(len(pairs), len(rel_aa)))
        @ root
        * pair_effect_sd(rel_aa, n_qtl, len(pairs))
    )
    return [
        Trait(
            rel_aa=ratio,
            qtl=qtl,
            additive_effects=additive[:, t],
            pairs=pairs,
            pair_effects=epistatic[:, t],
        )
        for t, ratio in enumerate(rel_aa)
    ]


def pair_effect_sd(rel_aa: ArrayLike, n_qtl: int, n_pairs: int) -> NDArray[np.float64]:
    """Return the standard deviation of pair effects, for additive ones of 1, that makes V_AA = 2
    relAA V_A.
    """
    return np.sqrt(2 * np.asarray(rel_aa) * n_qtl / n_pairs)


def standardise(
    genotypes: Genotypes, traits: Sequence[Trait]
) -> tuple[tuple[Trait, ...], NDArray[np.float64]]:
    """Scale effects and set intercepts so that each genetic value has mean 0 and variance 1. Return
    traits and values.
    """
    values = genetic_values(genotypes, traits)
    mean, sd = values.mean(axis=0), values.std(axis=0)
    checks.require(
        sd.min() >= 1e-12,
        f"n_samples must be large enough for genetic variance: trait {int(np.argmin(sd)) + 1} has none "
        f"among {genotypes.n_samples} individuals",
    )
    scaled = []
    for t, trait in enumerate(traits):
        scaled.append(
            replace(
                trait,
                additive_effects=trait.additive_effects / sd[t],
                pair_effects=trait.pair_effects / sd[t],
                intercept=float((trait.intercept - mean[t]) / sd[t]),
                higher=tuple((loci, effects / sd[t]) for loci, effects in trait.higher),
            )
        )
    return tuple(scaled), (values - mean) / sd


def genetic_values(genotypes: Genotypes, traits: Sequence[Trait]) -> NDArray[np.float64]:
    """Return G (n_samples, n_traits) from the effects (the equation at the top of the module)."""
    n_markers = genotypes.n_markers
    additive = np.stack([trait.additive_by_marker(n_markers) for trait in traits])
    centres = [np.broadcast_to(trait.centre, n_markers) for trait in traits]
    values = np.empty((genotypes.n_samples, len(traits)))
    for rows in _product_blocks(genotypes, traits):
        x = _codes(genotypes, rows)
        values[rows] = (additive @ x.astype(float)).T
        for t, trait in enumerate(traits):
            z = x if trait.is_pairwise else x - centres[t][:, None]
            first, second = trait.pairs.T
            values[rows, t] += trait.intercept - additive[t] @ centres[t]
            values[rows, t] += trait.pair_effects @ (z[first] * z[second])
            for loci, effects in trait.higher:
                values[rows, t] += effects @ products(z, loci)
    return values


def products(z: NDArray[np.float64], loci: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the products (n_products, n_samples) of codes z (n_markers, n_samples) of the loci
    (n_products, k).
    """
    product = z[loci[:, 0]]
    for others in loci.T[1:]:
        product *= z[others]
    return product


def variance_components(cohort: Cohort) -> list[VarianceComponents]:
    """Return V_A, V_AA and V_G of each trait in the sample: the variances of the genetic parts and
    of their sum.
    """
    additive, epistatic = genetic_parts(cohort)
    variances = np.stack([additive, epistatic, cohort.genetic_values]).var(axis=1)
    return list(map(VarianceComponents, *variances.tolist()))


def genetic_parts(cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the additive and the epistatic part of the genetic values, both (n_samples, n_traits), of
    mean 0.

    With m_i the sample mean of x_i: A = sum_i (x_i - m_i) alpha_i, where alpha_i = a_i + e_ij m_j
    is the average effect of locus i with partner j. AA = sum_k e_k (x_k1 - m_k1)(x_k2 - m_k2),
    which is G - A minus its mean. The split holds at any allele frequency. If partners are linked,
    the two parts are correlated. Interactions above pairs count as epistatic, and enter alpha_i as
    pairs do, with the product of the means of all partners.
    """
    genotypes = cohort.causal_genotypes
    blocks = list(_cached_blocks(genotypes))
    mean = (
        sum(_codes(genotypes, rows).sum(axis=1, dtype=float) for rows in blocks)
        / genotypes.n_samples
    )
    alpha = np.stack([_average_effects(trait, mean) for trait in cohort.traits])
    additive = np.concatenate(
        [(alpha @ _codes(genotypes, rows).astype(float)).T for rows in blocks]
    )
    additive -= additive.mean(axis=0)
    epistatic = cohort.genetic_values - additive
    epistatic -= epistatic.mean(axis=0)
    additive[:, additive.var(axis=0) < ROUNDING] = 0
    epistatic[:, [_is_additive(trait) for trait in cohort.traits]] = 0  # not its rounding
    return additive, epistatic


def _is_additive(trait: Trait) -> bool:
    return not trait.pair_effects.any() and not trait.higher


def _average_effects(trait: Trait, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = trait.pairs.T
    alpha = trait.additive_by_marker(len(mean))
    mean = mean - trait.centre
    np.add.at(alpha, first, trait.pair_effects * mean[second])
    np.add.at(alpha, second, trait.pair_effects * mean[first])
    for loci, effects in trait.higher:
        for place in range(loci.shape[1]):
            others = np.delete(loci, place, axis=1)
            np.add.at(alpha, loci[:, place], effects * mean[others].prod(axis=1))
    return alpha


def _codes(genotypes: Genotypes, rows: slice) -> NDArray[np.int8 | np.float64]:
    """Return the codes x = 2 g - 1 of some individuals, one row per marker, since markers are
    picked from them.
    """
    if genotypes.whole:
        return np.ascontiguousarray(genotypes.block(rows).T.astype(np.int8)) * np.int8(2) - np.int8(
            1
        )
    return np.ascontiguousarray(genotypes.block(rows).T.astype(float)) * 2 - 1


def _cached_blocks(genotypes: Genotypes) -> Iterator[slice]:
    """Yield slices of individuals whose codes fit a processor's cache."""
    return row_blocks(genotypes.n_samples, genotypes.n_markers, n_bytes=2**22)


def _product_blocks(genotypes: Genotypes, traits: Sequence[Trait]) -> Iterator[slice]:
    """Yield the slices for codes and for the products of traits that are not the publication's."""
    width = genotypes.n_markers
    for trait in traits:
        if not trait.is_pairwise:
            counts = [len(effects) for _, effects in trait.higher]
            width = max(width, len(trait.pairs), *counts)
    return row_blocks(genotypes.n_samples, width, n_bytes=2**22)


def check_cohort(cohort: Cohort, n_checked: int = 64) -> Cohort:
    """Check a cohort against its own effects and return it, or raise ValueError if they do not
    explain its genetic values.

    Recomputes the genetic values of some individuals locus by locus, not by `genetic_values`. Also
    checks that each trait has mean 0 and variance 1, and that phenotypes are finite.
    """
    values = cohort.genetic_values
    n_bad = cohort.phenotypes.size - np.isfinite(cohort.phenotypes).sum()
    checks.require(
        n_bad == 0, f"the cohort's phenotypes must be finite, got {n_bad} values that are not"
    )
    checks.require(
        np.allclose(values.mean(axis=0), 0, atol=1e-8)
        and np.allclose(values.var(axis=0), 1, atol=1e-8),
        "the cohort's genetic values must have mean 0 and variance 1 in each trait",
    )
    rows = np.linspace(0, len(values) - 1, num=min(n_checked, len(values))).astype(int)
    codes = 2 * cohort.causal_genotypes.block(rows).astype(float) - 1
    for t, trait in enumerate(cohort.traits):
        signs = codes - trait.centre
        expected = np.full(len(rows), trait.intercept)
        for locus, effect in zip(trait.qtl, trait.additive_effects, strict=True):
            expected += effect * signs[:, locus]
        for (one, other), effect in zip(trait.pairs, trait.pair_effects, strict=True):
            expected += effect * signs[:, one] * signs[:, other]
        for loci, effects in trait.higher:
            for chosen, effect in zip(loci, effects, strict=True):
                expected += effect * signs[:, chosen].prod(axis=1)
        worst = np.abs(expected - values[rows, t]).max()
        checks.require(
            worst < 1e-8,
            "the cohort's effects must give its genetic values: "
            f"trait {t + 1} is off by {worst:.3g}",
        )
    return cohort


def _n_qtl(value: int, n_markers: int | None = None) -> int:
    n_qtl = checks.integer("n_qtl", value, minimum=2, maximum=n_markers, why="n_markers")
    checks.require(
        n_qtl % 2 == 0, f"n_qtl must be even, since every QTL has one partner, got {n_qtl}"
    )
    return n_qtl


def _rel_aa(values: Sequence[float]) -> list[float]:
    values = (
        [values]
        if checks.dimensions(values) == 0 and not isinstance(values, (list, tuple))
        else list(values)
    )
    checks.require(values, "rel_aa must name at least one trait, got none")
    return [
        checks.real(f"rel_aa[{t}]", value, minimum=0, maximum=MOST)
        for t, value in enumerate(values)
    ]
