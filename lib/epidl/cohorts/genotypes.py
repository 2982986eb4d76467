"""Genotypes: packed haplotypes or dosages, read in blocks of individuals.

Everything downstream reads genotypes only through `block(rows)` (NumPy) or `on(device).block(rows)`
(torch), so that no dense matrix of a large cohort is ever needed. A block holds the share g of the
counted allele among an individual's copies of each locus: 0 or 1 for a haploid, and 0, 1/2 or 1 for
a diploid.

Models that ask for codes take x = 2 (g - centre). Simulated haploids have the centre 1/2, so that x
is -1 or +1. Real genotypes have the mean share in the training individuals as their centre, which
also fills missing genotypes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epidl import checks
from epidl.devices import checked_device

if TYPE_CHECKING:  # torch takes seconds: parameters and tables are read without it
    import torch

Rows = slice | NDArray[np.integer]

MISSING = -1  # the count of a genotype that is not known
BLOCK_BYTES = 2**26  # of float64 dosages: large enough for fast products, small beside any cohort


def check_genotypes(genotypes: object) -> None:
    """Raise ValueError if `genotypes` are not what models read, such as a plain matrix."""
    checks.require(
        hasattr(genotypes, "n_markers") and hasattr(genotypes, "block"),
        f"genotypes must be Haplotypes or Dosages, got {type(genotypes).__name__}: take Haplotypes.from_alleles or "
        "Dosages.from_counts",
    )


class DeviceGenotypes(Protocol):
    """Genotypes on a torch device."""

    n_markers: int
    device: "torch.device"
    centre: "torch.Tensor"
    whole: bool

    def block(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Return the allele shares (len(rows), n_markers) of some individuals as float32."""


class Genotypes(Protocol):
    """What every model asks of genotypes.

    centre: (n_markers,), or one number for all: the share that has the code 0. whole: whether all
    shares are 0 or 1, with sums and products that are exact in single precision.
    """

    n_samples: int
    n_markers: int
    centre: NDArray[np.float32] | float
    whole: bool

    def block(self, rows: Rows) -> NDArray:
        """Return the allele shares (len(rows), n_markers) of some individuals."""

    def on(self, device: "torch.device | str") -> DeviceGenotypes:
        """Return the same genotypes on a torch device."""


@dataclass(frozen=True)
class Haplotypes:
    """Haploid genotypes at one bit per locus.

    packed: (n_samples, ceil(n_markers / 8)) bytes, the first marker in the lowest bit, unused bits
    0.
    """

    packed: NDArray[np.uint8]
    n_markers: int
    centre: ClassVar[float] = 0.5
    whole: ClassVar[bool] = True

    @property
    def n_samples(self) -> int:
        """The number of individuals."""
        return len(self.packed)

    @property
    def nbytes(self) -> int:
        """The bytes in memory."""
        return self.packed.nbytes

    @classmethod
    def from_alleles(cls, alleles: ArrayLike) -> "Haplotypes":
        """Pack an (n_samples, n_markers) matrix of alleles 0 and 1.

        Raises ValueError if `alleles` is no matrix or holds anything but 0 and 1.
        """
        alleles = _matrix("alleles", alleles)
        wrong = alleles[~np.isin(alleles, (0, 1))].tolist()
        checks.require(not wrong, f"alleles must be 0 or 1, got {checks.shown(wrong[:1])[1:-1]}")
        return cls(
            np.packbits(alleles.astype(np.uint8), axis=1, bitorder="little"), alleles.shape[1]
        )

    @classmethod
    def from_bytes(cls, packed: NDArray[np.uint8], n_markers: int) -> "Haplotypes":
        """Take (n_samples, ceil(n_markers / 8)) bytes whose unused bits may hold anything and
        become 0 in place.

        Raises ValueError for another shape or type.
        """
        n_markers = checks.integer("n_markers", n_markers, minimum=1)
        expected = (n_markers + 7) // 8
        kind, shape = getattr(packed, "dtype", type(packed).__name__), np.shape(packed)
        checks.require(
            kind == np.uint8 and shape[1:] == (expected,),
            f"packed must be a matrix of bytes with {expected} columns for n_markers, got shape {shape} of {kind}",
        )
        packed[:, -1] &= 0xFF >> (8 * packed.shape[1] - n_markers)
        return cls(packed, n_markers)

    def block(self, rows: Rows) -> NDArray[np.uint8]:
        """Return the alleles (len(rows), n_markers), 0 or 1, of some individuals."""
        return np.unpackbits(self.packed[rows], axis=1, count=self.n_markers, bitorder="little")

    def on(self, device: "torch.device | str") -> "DeviceHaplotypes":
        """Return the packed bits on a torch device, where batches are decoded."""
        import torch

        return DeviceHaplotypes(
            torch.from_numpy(self.packed).to(checked_device(device)), self.n_markers
        )


class DeviceHaplotypes:
    """Packed haplotypes on a torch device."""

    whole = True

    def __init__(self, packed: "torch.Tensor", n_markers: int) -> None:
        import torch

        self.n_markers = n_markers
        self.device = packed.device
        self.centre = torch.tensor(Haplotypes.centre, device=packed.device)
        self._packed = packed
        self._shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)

    def block(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Return the alleles (len(rows), n_markers) of some individuals as float32."""
        bits = (self._packed[rows].unsqueeze(-1) >> self._shifts) & 1  # (rows, bytes, 8)
        return bits.flatten(1)[:, : self.n_markers].float()


@dataclass(frozen=True)
class Dosages:
    """Genotypes of real individuals: how many copies of an allele each has, some of them missing.

    counts: (n_samples, n_markers), 0 to `ploidy`, `MISSING` if unknown. ploidy: copies of each
    locus, 1 or 2, and 2 for inbred lines too. centre: (n_markers,), the mean allele share of the
    training individuals (see `trained_on`), which fills missing genotypes and has the code 0.
    """

    counts: NDArray[np.int8]
    ploidy: int
    centre: NDArray[np.float32]
    whole: ClassVar[bool] = False

    @property
    def n_samples(self) -> int:
        """The number of individuals."""
        return self.counts.shape[0]

    @property
    def n_markers(self) -> int:
        """The number of markers."""
        return self.counts.shape[1]

    @classmethod
    def from_counts(cls, counts: ArrayLike, ploidy: int) -> "Dosages":
        """Take an (n_samples, n_markers) matrix of allele counts. Until training individuals are
        named, all of them train.

        Raises ValueError if `counts` is no matrix of whole numbers from 0 to `ploidy` or `MISSING`,
        and for a ploidy other than 1 and 2.
        """
        ploidy = checks.integer("ploidy", ploidy, minimum=1, maximum=2)
        counts = _matrix("counts", counts)
        must = f"counts must be whole numbers from 0 to {ploidy} (ploidy), or {MISSING} if missing, got "
        if counts.dtype != np.int8:
            counts = checks.floats("counts", counts)
            # NaN among them: it is no way to say missing here
            fractions = counts[counts != np.rint(counts)]
            checks.require(not fractions.size, must + checks.shown(fractions[:1].tolist())[1:-1])
        least, most = counts.min(), counts.max()
        checks.require(least >= MISSING and most <= ploidy, must + f"{least:g} to {most:g}")
        counts = counts.astype(np.int8, copy=False)
        return cls(counts, ploidy, _mean_shares(counts, ploidy, np.arange(len(counts))))

    def trained_on(self, rows: NDArray[np.integer]) -> "Dosages":
        """Return the same genotypes, centred on the mean of the individuals `rows` alone, which
        fills missing ones.

        A marker that is missing in all of them is filled by 1/2. Raises ValueError for rows that do
        not exist.
        """
        rows = checks.rows("rows", rows, self.n_samples, different=False)
        return replace(self, centre=_mean_shares(self.counts, self.ploidy, rows))

    def n_missing(self, rows: Rows = slice(None)) -> int:
        """Return how many genotypes of some individuals are missing and filled."""
        return int((self.counts[rows] == MISSING).sum())

    def block(self, rows: Rows) -> NDArray[np.float32]:
        """Return the allele shares (len(rows), n_markers), 0 to 1, of some individuals."""
        counts = self.counts[rows]
        return np.where(counts == MISSING, self.centre, counts.astype(np.float32) / self.ploidy)

    def on(self, device: "torch.device | str") -> "DeviceDosages":
        """Return the counts on a torch device, where batches are decoded."""
        import torch

        device = checked_device(device)
        counts, centre = torch.from_numpy(self.counts), torch.from_numpy(self.centre)
        return DeviceDosages(counts.to(device), centre.to(device), self.ploidy)


class DeviceDosages:
    """Dosages on a torch device, one byte per genotype."""

    whole = False

    def __init__(self, counts: "torch.Tensor", centre: "torch.Tensor", ploidy: int) -> None:
        self.n_markers = counts.shape[1]
        self.device = counts.device
        self.centre = centre
        self._counts, self._ploidy = counts, ploidy

    def block(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Return the allele shares (len(rows), n_markers) of some individuals as float32."""
        counts = self._counts[rows]
        return (counts.float() / self._ploidy).where(counts != MISSING, self.centre)


def _matrix(name: str, value: ArrayLike) -> NDArray:
    array = checks.array(name, value)
    checks.require(
        array.ndim == 2 and array.size,
        f"{name} must be a matrix of individuals by markers, got shape {array.shape}",
    )
    return array


def known_and_copies(
    counts: NDArray[np.int8], rows: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each marker, how many genotypes of some individuals are known, and how many
    copies these have in all.
    """
    known, total = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for part in row_blocks(len(rows), counts.shape[1]):
        block = counts[rows[part]]
        known += (block != MISSING).sum(axis=0)
        total += np.maximum(block, 0).sum(axis=0)
    return known, total


def _mean_shares(
    counts: NDArray[np.int8], ploidy: int, rows: NDArray[np.integer]
) -> NDArray[np.float32]:
    known, total = known_and_copies(counts, rows)
    return np.divide(total, ploidy * known, out=np.full(len(known), 0.5), where=known > 0).astype(
        np.float32
    )


def row_blocks(n_samples: int, n_markers: int, n_bytes: int | None = None) -> Iterator[slice]:
    """Yield slices that cover 0..n_samples in blocks of about `n_bytes` (`BLOCK_BYTES`) of float64
    dosages.
    """
    step = max(1, (n_bytes or BLOCK_BYTES) // (8 * n_markers))
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))
