from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epidl.genotypes import Haplotypes, row_blocks
from epidl.simulate import draw_haplotypes

ALLELES = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 1))


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


@pytest.mark.parametrize("alleles", [[0, 1], [[]], [[0, 2]], [[0.5, 1]], [[np.nan, 1]]])
def test_alleles_other_than_a_matrix_of_0_and_1_are_refused(alleles):
    with pytest.raises(ValueError, match="alleles must be"):
        Haplotypes.from_alleles(alleles)
