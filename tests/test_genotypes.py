from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes, row_blocks
from epidl.cohorts.simulate import draw_haplotypes

ALLELES = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 1)
)


@given(ALLELES)
def test_packing_loses_nothing_and_uses_one_bit_a_locus(alleles):
    packed = Haplotypes.from_alleles(alleles)
    assert packed.packed.nbytes == len(alleles) * -(-alleles.shape[1] // 8)
    np.testing.assert_array_equal(packed.block(slice(None)), alleles)


@given(ALLELES, st.integers(0, 2**32 - 1))
def test_blocks_on_a_device_are_the_blocks_in_memory(alleles, seed):
    packed = Haplotypes.from_alleles(alleles)
    rows = np.random.default_rng(seed).integers(0, len(alleles), size=7)
    on_device = packed.on("cpu").block(torch.from_numpy(rows))
    assert on_device.dtype == torch.float32
    np.testing.assert_array_equal(on_device.numpy(), packed.block(rows))


@given(st.integers(1, 10**7), st.integers(1, 10**5))
def test_row_blocks_cover_every_sample_once(n_samples, n_markers):
    n_samples = min(n_samples, 5000 * max(1, 2**23 // n_markers))  # keeps the list short
    blocks = list(row_blocks(n_samples, n_markers))
    assert blocks[0].start == 0
    assert blocks[-1].stop == n_samples
    assert all(one.stop == two.start for one, two in pairwise(blocks))


def test_drawn_haplotypes_are_independent_fair_bits():
    haplotypes = draw_haplotypes(20_000, 13, np.random.default_rng(1))
    alleles = haplotypes.block(slice(None)).astype(float)
    standard_error = 0.5 / np.sqrt(len(alleles))
    assert np.abs(alleles.mean(axis=0) - 0.5).max() < 4 * standard_error
    correlation = np.corrcoef(alleles.T) - np.eye(13)
    assert np.abs(correlation).max() < 4 / np.sqrt(len(alleles))
    assert (haplotypes.packed[:, -1] < 2**5).all(), "unused bits must be 0"


def test_neighbouring_markers_have_all_combinations_alike():
    packed = draw_haplotypes(50_000, 16, np.random.default_rng(1)).packed
    for byte in packed.T:  # eight markers
        assert scipy.stats.chisquare(np.bincount(byte, minlength=256)).pvalue > 0.01


@pytest.mark.parametrize("alleles", [[0, 1], [[]], [[0, 2]], [[0.5, 1]], [[np.nan, 1]]])
def test_alleles_other_than_a_matrix_of_0_and_1_are_refused(alleles):
    with pytest.raises(ValueError, match="alleles must be"):
        Haplotypes.from_alleles(alleles)


@given(
    hnp.arrays(
        np.int8,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
        elements=st.integers(MISSING, 2),
    ),
    st.integers(0, 2**32 - 1),
)
def test_missing_dosages_take_the_mean_of_the_training_samples_alone(counts, seed):
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(counts), size=rng.integers(1, len(counts) + 1), replace=False))
    dosages = Dosages.from_counts(counts, ploidy=2).trained_on(rows)
    shares = dosages.block(slice(None))
    for marker, column in enumerate(counts.T):
        known = column[rows][column[rows] != MISSING]
        fill = known.mean() / 2 if len(known) else 0.5
        np.testing.assert_allclose(
            shares[:, marker], np.where(column == MISSING, fill, column / 2), rtol=1e-6
        )
    assert dosages.n_missing(rows) == (counts[rows] == MISSING).sum()
    np.testing.assert_array_equal(
        dosages.on("cpu").block(torch.from_numpy(rows)).numpy(), dosages.block(rows)
    )


@pytest.mark.parametrize(
    ("counts", "ploidy", "message"),
    [
        ([[0, 1]], 3, "ploidy must be at most 2, got 3"),
        ([0, 1], 2, "counts must be a matrix of individuals by markers, got shape"),
        (
            [[0, 0.5]],
            2,
            r"counts must be whole numbers from 0 to 2 \(ploidy\), or -1 if missing",
        ),
        (
            [[0, np.nan]],
            2,
            r"counts must be whole numbers from 0 to 2 \(ploidy\), or -1 if missing",
        ),
        (
            np.array([[0, 2]], np.int8),
            1,
            r"from 0 to 1 \(ploidy\), or -1 if missing, got 0 to 2",
        ),
    ],
)
def test_counts_that_are_none_are_refused(counts, ploidy, message):
    with pytest.raises(ValueError, match=message):
        Dosages.from_counts(counts, ploidy)
