"""Crosses of two inbred founders: gametes of the F1, the F2, and inbred lines by selfing.

Founders differ at every locus. The second founder's allele is 1, so its frequency is 1/2. A gamete
follows one haplotype of its parent and changes to the other at each crossover. Crossovers are
independent of each other, without interference: loci at a distance of d Morgans recombine with the
probability

    r = (1 - exp(-2 d)) / 2                                        (Haldane 1919).

Codes of loci then correlate as 1 - 2r = exp(-2d) in gametes and in the F2. In lines from selfing,
whose many meioses recombine more, they correlate as (1 - 2r) / (1 + 2r) (Haldane and Waddington
1931).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epidl import checks
from epidl.cohorts.genotypes import Dosages, Genotypes, Haplotypes, row_blocks

# lengths of chromosomes in centimorgans: much like those of a cross of budding yeast, and of maize
GENOMES = {"yeast": (275.0,) * 16, "maize": (170.0,) * 10}
CROSSES = ("segregants", "f2", "inbred")
N_SELFINGS = 12  # a locus is still heterozygous in one line of 4096


@dataclass(frozen=True)
class GeneticMap:
    """Where loci are: the number of the chromosome and the place in centimorgans, both (n_loci,), in
    the order of the genome.
    """

    chromosomes: NDArray[np.int64]
    places: NDArray[np.float64]

    @property
    def recombination(self) -> NDArray[np.float64]:
        """The recombination fraction (n_loci,) with the locus before, 1/2 at a chromosome's start."""
        fractions = np.full(len(self.places), 0.5)
        same = np.diff(self.chromosomes) == 0
        fractions[1:][same] = haldane(np.diff(self.places)[same])
        return fractions

    def with_loci(self, other: "GeneticMap") -> tuple["GeneticMap", NDArray[np.bool_]]:
        """Return the map of the loci of both, and which of its loci are the other's."""
        chromosomes = np.concatenate([self.chromosomes, other.chromosomes])
        places = np.concatenate([self.places, other.places])
        order = np.lexsort((places, chromosomes))
        return GeneticMap(chromosomes[order], places[order]), order >= len(self.places)


def haldane(distance: ArrayLike) -> NDArray[np.float64]:
    """Return the recombination fraction of loci at a distance in centimorgans."""
    return -np.expm1(-np.asarray(distance, dtype=float) / 50) / 2


def even_map(lengths: Sequence[float], n_markers: int) -> GeneticMap:
    """Return markers spread evenly over chromosomes of some lengths in centimorgans, as many on
    each, with one more on the first ones if the division leaves a remainder.
    """
    chromosomes, places = [], []
    for number, length in enumerate(lengths):
        here = n_markers // len(lengths) + (number < n_markers % len(lengths))
        chromosomes.append(np.full(here, number))
        places.append((np.arange(here) + 0.5) * length / max(here, 1))
    return GeneticMap(np.concatenate(chromosomes), np.concatenate(places))


def random_map(lengths: Sequence[float], n_loci: int, rng: np.random.Generator) -> GeneticMap:
    """Return loci at random places of the genome, more on a long chromosome than on a short one."""
    ends = np.cumsum(lengths)
    anywhere = np.sort(rng.uniform(0, ends[-1], size=n_loci))
    chromosomes = np.searchsorted(ends, anywhere, side="right")
    return GeneticMap(chromosomes, anywhere - (ends - lengths)[chromosomes])


def draw_cross(
    cross: str, n_samples: int, genetic_map: GeneticMap, rng: np.random.Generator
) -> Genotypes:
    """Draw the individuals of a cross.

    cross: `segregants` are haploid gametes of the F1, `f2` diploids of two such gametes, and
    `inbred` lines by selfing, each from an F2 individual. The two haplotypes of a line hardly
    differ, and one gamete is taken as the code.
    """
    checks.choice("cross", cross, CROSSES)
    recombination = genetic_map.recombination
    counts = np.empty((n_samples, len(recombination)), dtype=np.int8)
    for rows in row_blocks(n_samples, len(recombination)):
        shape = counts[rows].shape
        if cross == "segregants":
            counts[rows] = _switches(shape, recombination, rng)
        elif cross == "f2":
            counts[rows] = _switches(shape, recombination, rng)
            counts[rows] += _switches(shape, recombination, rng)
        else:
            counts[rows] = _inbred(shape, recombination, rng)
    return Dosages.from_counts(counts, 2) if cross == "f2" else Haplotypes.from_alleles(counts)


def draw_cross_and_qtl(
    cross: str,
    n_samples: int,
    lengths: Sequence[float],
    n_markers: int,
    n_qtl: int,
    rng: np.random.Generator,
) -> tuple[Genotypes, Genotypes]:
    """Draw the individuals of a cross, and return the genotypes of evenly spread markers and those of
    QTL at random places between them.
    """
    qtl = random_map(lengths, n_qtl, rng)
    genetic_map, is_qtl = even_map(lengths, n_markers).with_loci(qtl)
    both = draw_cross(cross, n_samples, genetic_map, rng)
    return _some_loci(both, ~is_qtl), _some_loci(both, is_qtl)


def _some_loci(genotypes: Genotypes, chosen: NDArray[np.bool_]) -> Genotypes:
    if isinstance(genotypes, Dosages):
        return Dosages.from_counts(genotypes.counts[:, chosen], genotypes.ploidy)
    return Haplotypes.from_alleles(genotypes.block(slice(None))[:, chosen])


def _switches(
    shape: tuple[int, int], recombination: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return from which haplotype of its parent each gamete has each locus: for an F1, the gametes
    themselves.
    """
    return np.logical_xor.accumulate(rng.random(shape) < recombination, axis=1)


def _inbred(
    shape: tuple[int, int], recombination: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    one, other = np.zeros(shape, dtype=bool), np.ones(shape, dtype=bool)  # the F1
    for _ in range(N_SELFINGS):
        first = np.where(_switches(shape, recombination, rng), other, one)
        second = np.where(_switches(shape, recombination, rng), other, one)
        one, other = first, second
    return np.where(_switches(shape, recombination, rng), other, one)
