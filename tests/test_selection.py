"""Selection of features: what is kept, and how many of them are causal where the truth is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epidl.cohorts import splits
from epidl.cohorts.genotypes import Haplotypes
from epidl.cohorts.simulate import Trait, simulate
from epidl.models import networks, selection, training

IMPORTANCE = np.array([0.5, 0.01, 0.2, 0.2, 0.0, 0.04])


def trait(qtl: list[int], pairs: list[list[int]]) -> Trait:
    return Trait(1.0, np.array(qtl), np.ones(len(qtl)), np.array(pairs), np.ones(len(pairs)))


def test_columns_above_the_threshold_are_kept_the_most_important_first():
    assert selection.select(IMPORTANCE, 0.03, 10).tolist() == [0, 2, 3, 5]
    assert selection.select(IMPORTANCE, 0.03, 2).tolist() == [0, 2]  # of equal ones, the first
    assert selection.select(IMPORTANCE, 0.5, 10).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 1), st.integers(1, 50))
def test_what_is_kept_is_never_less_important_than_what_is_not(importance, threshold, most):
    importance = np.array(importance)
    kept = selection.select(importance, threshold, most)
    left = np.delete(importance, kept)
    assert len(kept) == min(most, int((importance > threshold).sum()))
    assert (importance[kept] > threshold).all()
    if len(kept) and len(left):
        assert importance[kept].min() >= left.max(initial=0) or left.max() <= threshold


def test_importance_is_the_largest_absolute_weight_over_the_traits():
    layer = networks.OneHotLinear(2, 3, torch.Generator().manual_seed(1))
    with torch.no_grad():
        layer.weight[:] = 0
        layer.weight[0, 1, 0] = -0.7  # allele 0 of marker 0
        layer.weight[1, 0, 0], layer.weight[1, 2, 0] = 0.2, 0.1  # allele 1 of marker 0
        layer.weight[1, 2, 1] = 0.4  # allele 1 of marker 1
    np.testing.assert_allclose(selection.importances(layer), [0.7, 0.2, 0, 0.4], rtol=1e-6)


def test_single_columns_of_a_marker():
    alleles = np.array([[0, 1, 1], [1, 1, 0]])
    taken = selection.take_columns(Haplotypes.from_alleles(alleles), np.array([0, 3, 4, 5]))
    assert taken.block(slice(None)).tolist() == [[1, 1, 0, 1], [0, 1, 1, 0]]


@given(st.integers(1, 40), st.integers(2, 30), st.integers(0, 10**6))
def test_taken_columns_are_those_of_the_one_hot_matrix(n_markers, n_samples, seed):
    rng = np.random.default_rng(seed)
    alleles = rng.integers(0, 2, size=(n_samples, n_markers))
    one_hot = np.stack([1 - alleles, alleles], axis=2).reshape(n_samples, -1)
    columns = rng.permutation(2 * n_markers)[: rng.integers(1, 2 * n_markers + 1)]
    taken = selection.take_columns(Haplotypes.from_alleles(alleles), columns)
    np.testing.assert_array_equal(taken.block(slice(None)), one_hot[:, columns])


@pytest.mark.parametrize("columns", [[], [-1], [0, 6]])
def test_columns_that_are_not_there_are_refused(columns):
    genotypes = Haplotypes.from_alleles(np.ones((2, 3), dtype=int))
    with pytest.raises(ValueError, match="columns must name at least one of the 6 one-hot columns"):
        selection.take_columns(genotypes, np.array(columns, dtype=int))


def test_precision_and_recall_of_a_known_selection():
    traits = [trait([0, 1, 2, 3], [[0, 1], [2, 3]]), trait([2, 3, 4, 5], [[2, 5], [3, 4]])]
    # both columns of marker 0, one of 2, 3 and 9; 9 has no effect
    kept = np.array([0, 1, 4, 6, 18])
    found = selection.precision_and_recall(kept, traits)
    assert (found["n_features"], found["n_markers_kept"]) == (5, 4)
    assert found["selection_precision"] == 3 / 4
    assert found["selection_recall"].tolist() == [3 / 4, 2 / 4]
    assert found["pair_recall"].tolist() == [1 / 2, 0]


def test_nothing_kept_has_no_precision_and_finds_nothing():
    found = selection.precision_and_recall(np.array([], dtype=int), [trait([0, 1], [[0, 1]])])
    assert np.isnan(found["selection_precision"])
    assert found["selection_recall"].tolist() == found["pair_recall"].tolist() == [0]


def lasso_selection(n_samples: int, n_markers: int) -> tuple[dict, np.ndarray, Trait]:
    """Select features for an additive trait of ten QTL with the publication's LASSO: the truth is
    known.
    """
    cohort = simulate(
        n_samples=n_samples,
        n_qtl=10,
        n_markers=n_markers,
        rel_aa=[0],
        broad_sense_heritability=0.9999,
        seed=3,
    )
    layer = networks.OneHotLinear(n_markers, 1, torch.Generator().manual_seed(1))
    generator, split = torch.Generator().manual_seed(1), splits.split_samples(n_samples, "held_out")
    training.train(
        layer, cohort.genotypes, cohort.phenotypes, split, training.LASSO_SGD, generator=generator
    )
    columns = selection.select(selection.importances(layer), 0.03, 2 * n_markers)
    return selection.precision_and_recall(columns, cohort.traits), columns, cohort.traits[0]


def test_the_lasso_finds_the_causal_markers_and_no_others():
    found, columns, trait = lasso_selection(5000, 400)
    assert found["selection_precision"] == 1
    assert found["selection_recall"][0] == 1
    assert set(columns // 2) == set(trait.qtl)


def test_with_few_steps_markers_without_effect_keep_some_of_their_initial_weight():
    found, _, _ = lasso_selection(2000, 60)
    assert found["selection_recall"][0] == 1
    assert 0.2 < found["selection_precision"] < 0.6


def test_a_pruned_layer_initialises_as_pytorch_with_its_columns_as_inputs():
    layer = networks.column_linear(400, 30, torch.Generator().manual_seed(4))
    bound = 1 / np.sqrt(400)
    weights = layer.weight.detach().numpy()
    assert np.abs(weights).max() <= bound
    assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
