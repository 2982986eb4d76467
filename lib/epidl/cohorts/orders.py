"""Traits with interactions of every order up to five, on any genotypes.

With codes x = 2g - 1 of allele shares g, c the mean of x over the sample and z = x - c, the genetic
value of a trait is

    G = intercept + sum_k sum_S e_S prod_{i in S} z_i,     e_S ~ N(0, s_k),

where S runs over products of k QTL (the loci of effects): each QTL alone for k = 1, and for k > 1
groups of k. Groups are `disjoint`, a random partition of the QTL for each order, or `all` C(q, k)
sets. Codes are centred, so that order k adds a part of its own, as in `simulate.genetic_parts`. At
unlinked loci these parts correlate only by chance. Each part is scaled so that its variance in the
sample is its share, and then G so that its mean is 0 and its variance 1.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from epidl import checks, seeds
from epidl.checks import LEAST_H2
from epidl.cohorts.genotypes import Genotypes, check_genotypes, row_blocks
from epidl.cohorts.simulate import Cohort, Trait, check_cohort, genetic_values, standardise

MOST_ORDER = 5
MOST_PRODUCTS = 20_000  # in one order
GROUPINGS = ("disjoint", "all")
TOLERANCE = 1e-6  # of the sum of shares


def check_orders(shares: Sequence[float], n_qtl: int, grouping: str) -> tuple[float, ...]:
    """Return the shares of the orders 1, 2, ..., or raise ValueError for what no trait can have."""
    checks.require(
        isinstance(shares, (list, tuple)), f"shares must be a list, got {checks.shown(shares)}"
    )
    checks.integer("len(shares)", len(shares), minimum=1, maximum=MOST_ORDER)
    shares = tuple(
        checks.real(f"shares[{k}]", share, minimum=0, maximum=1) for k, share in enumerate(shares)
    )
    checks.require(
        abs(sum(shares) - 1) <= TOLERANCE, f"shares must sum to 1, got {sum(shares):.6g}"
    )
    checks.integer("n_qtl", n_qtl, minimum=1)
    checks.choice("grouping", grouping, GROUPINGS)
    for order, share in enumerate(shares, start=1):
        checks.require(
            not share or order <= n_qtl,
            f"shares must be 0 above order {n_qtl} (n_qtl), got {share:g} for order {order}",
        )
        n_products = count_products(n_qtl, order, grouping)
        checks.require(
            not share or n_products <= MOST_PRODUCTS,
            f"n_qtl must make at most {MOST_PRODUCTS:,} products of order {order}, got {n_qtl}, "
            f"which makes {n_products:,}",
        )
    return shares


def count_products(n_qtl: int, order: int, grouping: str) -> int:
    """Return how many products of an order a trait has."""
    if grouping == "all" or order == 1:
        return math.comb(n_qtl, order)
    return n_qtl // order


def simulate_orders(
    genotypes: Genotypes,
    *,
    n_qtl: int,
    shares: Sequence[float],
    grouping: str,
    broad_sense_heritability: float,
    seed: int,
    markers: Genotypes | None = None,
) -> Cohort:
    """Simulate one trait on given genotypes, with given shares of the genetic variance in each order.

    genotypes: (n_samples, n_loci), of which n_qtl random ones are the QTL. shares: of at most five
    orders 1, 2, ..., which sum to 1. grouping: `disjoint` or `all`. broad_sense_heritability: H2 =
    V_G / V_P, from 1e-6 to 1. markers: what models see of the same individuals if the QTL are not
    among them. The trait's relAA is NaN, since its shares are exact.

    Raises ValueError for an argument out of its bounds, and if a part has no variance in the
    sample.
    """
    check_genotypes(genotypes)
    shares = check_orders(shares, n_qtl, grouping)
    checks.integer("n_qtl", n_qtl, minimum=1, maximum=genotypes.n_markers, why="n_markers")
    h2 = checks.real(
        "broad_sense_heritability", broad_sense_heritability, minimum=LEAST_H2, maximum=1
    )
    checks.require(
        markers is None or markers.n_samples == genotypes.n_samples,
        f"markers must be of {genotypes.n_samples} individuals, as genotypes are, got "
        f"{getattr(markers, 'n_samples', None)}",
    )
    rng = seeds.generator(seed, "effects")
    trait = _scaled(genotypes, draw_trait(genotypes, n_qtl, shares, grouping, rng), shares)
    traits, values = standardise(genotypes, [trait])
    noise = seeds.generator(seed, "noise").normal(size=values.shape)
    phenotypes = values + np.sqrt((1 - h2) / h2) * noise
    if markers is None:
        return check_cohort(Cohort(genotypes, phenotypes, values, traits))
    return check_cohort(Cohort(markers, phenotypes, values, traits, unseen=genotypes))


def draw_trait(
    genotypes: Genotypes,
    n_qtl: int,
    shares: Sequence[float],
    grouping: str,
    rng: np.random.Generator,
) -> Trait:
    """Draw QTL, products and effects of variance 1. An order without share has no effects."""
    qtl = np.sort(rng.choice(genotypes.n_markers, size=n_qtl, replace=False))
    terms = {}
    for order in range(1, MOST_ORDER + 1):
        loci, effects = np.empty((0, order), dtype=np.int64), np.empty(0)
        if order <= len(shares) and shares[order - 1]:
            loci = qtl[draw_products(n_qtl, order, grouping, rng)]
            effects = rng.normal(size=len(loci))
        terms[order] = loci, effects
    return Trait(
        rel_aa=np.nan,
        qtl=qtl,
        additive_effects=terms[1][1] if len(terms[1][1]) else np.zeros(n_qtl),
        pairs=terms[2][0],
        pair_effects=terms[2][1],
        higher=tuple(terms[order] for order in terms if order > 2 and len(terms[order][1])),
        centre=mean_codes(genotypes),
    )


def draw_products(
    n_qtl: int, order: int, grouping: str, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the places (n_products, order) among the QTL of what is multiplied. QTL that a
    partition leaves over are in no product.
    """
    if order == 1:
        return np.arange(n_qtl)[:, None]
    if grouping == "all":
        return np.array(list(itertools.combinations(range(n_qtl), order)))
    n_products = count_products(n_qtl, order, grouping)
    return rng.permutation(n_qtl)[: n_products * order].reshape(n_products, order)


def mean_codes(genotypes: Genotypes) -> NDArray[np.float64]:
    """Return the mean code (n_markers,) of each locus in the sample."""
    total = np.zeros(genotypes.n_markers)
    for rows in row_blocks(genotypes.n_samples, genotypes.n_markers):
        total += genotypes.block(rows).sum(axis=0, dtype=float)
    return 2 * total / genotypes.n_samples - 1


def order_terms(trait: Trait) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return the loci (n_products, k) and the effects (n_products,) of each order k that has
    effects.
    """
    terms = {1: (trait.qtl[:, None], trait.additive_effects), 2: (trait.pairs, trait.pair_effects)}
    for loci, effects in trait.higher:
        terms[loci.shape[1]] = loci, effects
    return {order: term for order, term in terms.items() if term[1].any()}


def order_parts(genotypes: Genotypes, trait: Trait) -> NDArray[np.float64]:
    """Return what each order adds to the genetic values, (n_samples, 5), of mean 0. genotypes:
    those that hold the QTL.
    """
    alone = [_of_order(trait, order) for order in range(1, MOST_ORDER + 1)]
    parts = genetic_values(genotypes, alone)
    return parts - parts.mean(axis=0)


def order_covariances(cohort: Cohort) -> NDArray[np.float64]:
    """Return the covariances (n_traits, 5, 5) of the orders' parts in the sample, their variances
    on the diagonal, as shares of V_G, which sum to 1.
    """
    covariances = []
    for trait in cohort.traits:
        parts = order_parts(cohort.causal_genotypes, trait)
        covariances.append(parts.T @ parts / len(parts))
    return np.array(covariances)


def _scaled(genotypes: Genotypes, trait: Trait, shares: Sequence[float]) -> Trait:
    """Return the trait with the effects of each order scaled to its share of the variance."""
    sd = order_parts(genotypes, trait).std(axis=0)
    scale = np.zeros(MOST_ORDER)
    for k, share in enumerate(shares):
        checks.require(
            not share or sd[k] >= 1e-12,
            f"n_samples must be large enough for variance of order {k + 1}: there is none among "
            f"{genotypes.n_samples} individuals",
        )
        scale[k] = np.sqrt(share) / sd[k] if share else 0.0
    higher = []
    for loci, effects in trait.higher:
        higher.append((loci, effects * scale[loci.shape[1] - 1]))
    return replace(
        trait,
        additive_effects=trait.additive_effects * scale[0],
        pair_effects=trait.pair_effects * scale[1],
        higher=tuple(higher),
    )


def _of_order(trait: Trait, order: int) -> Trait:
    """Return the trait with the effects of one order alone."""
    n_pairs = len(trait.pairs) if order == 2 else 0
    return replace(
        trait,
        additive_effects=trait.additive_effects * (order == 1),
        pairs=trait.pairs[:n_pairs],
        pair_effects=trait.pair_effects[:n_pairs],
        intercept=0.0,
        higher=tuple(term for term in trait.higher if term[0].shape[1] == order),
    )
