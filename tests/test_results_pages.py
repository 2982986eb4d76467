"""The pages of scaling, dilution and correlation: what they say is true of the tables that ship."""

import pandas as pd
import pytest

from conftest import ROOT
from epidl.grid import contrasts, results
from epidl_book import scaling

DATA = ROOT / "book" / "data"


@pytest.fixture(scope="module")
def digitised():
    return pd.read_csv(DATA / "figure_1_digitised.csv")


@pytest.fixture(scope="module")
def same_individuals():
    table = results.read_table(DATA / "scaling.csv").query("protocol == 'published'")
    return contrasts.ridge_on_test_individuals(table, results.read_table(DATA / "ridge_vs_sgd.csv"))


def test_what_the_page_of_scaling_says_of_shares_is_so(same_individuals):
    keys = ["n_samples", "scaling"]
    shares = contrasts.epistatic_shares(same_individuals, "mlp", "ridge", keys)
    share = shares.groupby(keys)["share"].mean().unstack("n_samples")
    assert share.loc[1].between(0.45, 0.6).all(), "about half"
    assert (share.loc[:0.2] > 0.9).all(axis=None), "nearly all"
    assert (share.loc[7:] < 0.05).all(axis=None), "close to zero"
    assert (share[1000] - share[10_000]).abs().max() < 0.07, "the lines nearly coincide"
    words = scaling.in_words(shares, same_individuals)
    assert float(words["ahead_few"]) > float(words["ahead_many"]), "fewer of the larger cohorts"


def test_the_baseline_of_figure_1a_is_behind_exact_ridge(same_individuals):
    """At the right end, with few individuals: the network is ahead of ridge by SGD, not of ridge."""
    right = same_individuals.query("scaling == 20 and n_samples == 1000")
    for model in ("ridge", "mlp"):
        assert (contrasts.mean_difference(right, model, "ridge_sgd", ["scaling"])["low"] > 0).all()
    assert (contrasts.mean_difference(right, "mlp", "ridge", ["scaling"])["low"] < 0).all()


def test_the_publication_s_shares_need_all_traits(digitised):
    shares = scaling.published_shares(digitised).set_index(["n_samples", "scaling"])["share"]
    assert (100_000, 1.0) not in shares.index, "two of its traits could not be read"
    assert shares[1000, 1.0] == pytest.approx(0.63, abs=0.01)
