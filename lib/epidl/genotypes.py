"""Genotypes: packed haplotypes, read in blocks of samples.

Everything downstream reads genotypes only through `block(rows)` (NumPy) or `on(device).block(rows)` (torch), so that no
dense matrix of a large cohort is ever needed and other kinds of genotypes fit the same interface.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

Rows = slice | NDArray[np.integer]

BLOCK_BYTES = 2**26  # of float64 dosages: large enough for fast products, small beside any cohort


class DeviceGenotypes(Protocol):
    """Genotypes that live on a torch device."""

    n_markers: int
    device: torch.device

    def block(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the dosages (len(rows), n_markers) of some samples as float32."""


class Genotypes(Protocol):
    """What every model asks of genotypes."""

    n_samples: int
    n_markers: int

    def block(self, rows: Rows) -> NDArray:
        """Return the dosages (len(rows), n_markers) of some samples."""

    def on(self, device: torch.device | str) -> DeviceGenotypes:
        """Return the same genotypes on a torch device."""


@dataclass(frozen=True)
class Haplotypes:
    """Haploid genotypes at one bit a locus.

    packed: (n_samples, ceil(n_markers / 8)) bytes, the first marker in the lowest bit; unused bits are 0.
    """

    packed: NDArray[np.uint8]
    n_markers: int

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

        Raises ValueError where `alleles` is no matrix or holds anything but 0 and 1.
        """
        alleles = np.asarray(alleles)
        if alleles.ndim != 2 or 0 in alleles.shape:
            raise ValueError(f"alleles must be a matrix of samples by markers, got shape {alleles.shape}")
        if not np.isin(alleles, (0, 1)).all():
            raise ValueError("alleles must be 0 or 1, got other values")
        return cls(np.packbits(alleles.astype(np.uint8), axis=1, bitorder="little"), alleles.shape[1])

    def block(self, rows: Rows) -> NDArray[np.uint8]:
        """Return the alleles (len(rows), n_markers), 0 or 1, of some samples."""
        return np.unpackbits(self.packed[rows], axis=1, count=self.n_markers, bitorder="little")

    def on(self, device: torch.device | str) -> "DeviceHaplotypes":
        """Return the packed bits on a torch device, where batches are decoded."""
        return DeviceHaplotypes(torch.from_numpy(self.packed).to(device), self.n_markers)


class DeviceHaplotypes:
    """Packed haplotypes on a torch device."""

    def __init__(self, packed: torch.Tensor, n_markers: int) -> None:
        self.n_markers = n_markers
        self.device = packed.device
        self._packed = packed
        self._shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)

    def block(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the alleles (len(rows), n_markers) of some samples as float32."""
        bits = (self._packed[rows].unsqueeze(-1) >> self._shifts) & 1  # (rows, bytes, 8)
        return bits.flatten(1)[:, : self.n_markers].to(torch.float32)


def row_blocks(n_samples: int, n_markers: int, n_bytes: int | None = None) -> Iterator[slice]:
    """Yield slices that cover 0..n_samples in blocks of about `n_bytes` (`BLOCK_BYTES`) of float64 dosages."""
    step = max(1, (n_bytes or BLOCK_BYTES) // (8 * n_markers))
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))
