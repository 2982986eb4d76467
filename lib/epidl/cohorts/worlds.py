"""Cohorts closer to life: a population, unlinked or a cross, and one trait with interactions of some
orders.
"""

from collections.abc import Sequence

from epidl import checks, seeds
from epidl.checks import LEAST_H2
from epidl.cohorts.crosses import CROSSES, GENOMES, draw_cross, draw_cross_and_qtl, even_map
from epidl.cohorts.orders import check_orders, simulate_orders
from epidl.cohorts.simulate import Cohort, draw_haplotypes

UNLINKED = "unlinked"
POPULATIONS = (UNLINKED, *CROSSES)


def simulate_world(
    *,
    n_samples: int,
    population: str,
    genome: str,
    n_markers: int,
    n_qtl: int,
    shares: Sequence[float],
    grouping: str,
    qtl_between: bool,
    broad_sense_heritability: float,
    seed: int,
) -> Cohort:
    """Simulate a cohort of a population, and a trait of `orders` on it.

    population: `unlinked`, haploids with independent markers of allele frequency 1/2, or a cross of
    `crosses`: `segregants`, `f2`, `inbred`. genome: of a cross, `yeast` or `maize`, else "".
    qtl_between: whether the QTL of a cross are at random places between the markers, which models
    do not see. Other arguments are those of `simulate_orders`.

    Raises ValueError for an argument out of its bounds, and if a part of the trait has no variance
    in the sample. Raises MemoryError for more individuals and markers than memory holds.
    """
    n_samples = checks.integer("n_samples", n_samples, minimum=2)
    check_world(population, genome, n_markers, n_qtl, shares, grouping, qtl_between)
    checks.real("broad_sense_heritability", broad_sense_heritability, minimum=LEAST_H2, maximum=1)
    checks.memory("n_samples x n_markers", (n_samples, n_markers), 9 * n_samples * n_markers)
    rng, unseen = seeds.generator(seed, "haplotypes"), None
    if population == UNLINKED:
        markers = draw_haplotypes(n_samples, n_markers, rng)
    elif qtl_between:
        lengths = GENOMES[genome]
        markers, unseen = draw_cross_and_qtl(population, n_samples, lengths, n_markers, n_qtl, rng)
    else:
        markers = draw_cross(population, n_samples, even_map(GENOMES[genome], n_markers), rng)
    return simulate_orders(
        markers if unseen is None else unseen,
        n_qtl=n_qtl,
        shares=shares,
        grouping=grouping,
        broad_sense_heritability=broad_sense_heritability,
        seed=seed,
        markers=None if unseen is None else markers,
    )


def check_world(
    population: str,
    genome: str,
    n_markers: int,
    n_qtl: int,
    shares: Sequence[float],
    grouping: str,
    qtl_between: bool,
) -> None:
    """Raise ValueError for what no world can be, with the arguments of `simulate_world`."""
    checks.choice("population", population, POPULATIONS)
    checks.boolean("qtl_between", qtl_between)
    n_markers = checks.integer("n_markers", n_markers, minimum=1)
    if population == UNLINKED:
        checks.require(
            genome == "",
            f"genome must be empty for the population unlinked, got {checks.shown(genome)}",
        )
        checks.require(
            not qtl_between,
            "qtl_between must be False for the population unlinked, got True: no marker would tell of a QTL",
        )
    else:
        checks.choice("genome", genome, GENOMES)
    check_orders(shares, n_qtl, grouping)
    checks.require(
        qtl_between or n_qtl <= n_markers,
        f"n_qtl must be at most {n_markers} (n_markers), got {n_qtl}",
    )
