"""The pages of scaling, dilution and correlation: what they say is true of the tables that ship."""

import pandas as pd
import pytest

from conftest import ROOT
from epidl import figures
from epidl.grid import contrasts, results
from epidl_book import agreement, claims, correlation, dilution, phrases, scaling

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


def test_the_publication_s_share_falls_in_larger_cohorts_as_the_page_says(digitised):
    published = scaling.published_shares(digitised)
    at_one = published.query("scaling == 1").set_index("n_samples")["share"].sort_index()
    assert at_one.is_monotonic_decreasing
    assert at_one.index[-1] == 1_000_000
    words = scaling.published_in_words(published)
    assert float(words["their_many"].rstrip("%")) < float(words["their_few"].rstrip("%")) / 2


@pytest.fixture(scope="module")
def diluted():
    return results.read_table(DATA / "dilution.csv").query("protocol == 'published'")


def test_what_the_page_of_dilution_says_is_so(diluted):
    drawn = dilution.with_held_out(diluted, results.read_table(DATA / "beyond_dilution.csv"))
    r = drawn.pivot_table(index="n_markers", columns="model", values="pearson_r")
    fewest, most = r.loc[100], r.loc[1000]
    assert fewest["mlp"] > fewest["mlp_pruned"] > fewest["ridge"] + 0.3, "far ahead of ridge"
    assert abs(most["mlp"] - most["ridge"]) < 0.03, "both predict about the same"
    assert most["mlp_pruned"] > most["mlp"]
    many = r.dropna(subset=["mlp"]).loc[1000:]
    assert (many["mlp"] < many["ridge"] + 0.02).all(), "no longer ahead"
    selected = many.dropna(subset=["mlp_pruned"])
    assert (selected["mlp_pruned"] > selected["ridge"]).all()
    additive = diluted.query("rel_aa == 0").groupby(["n_markers", "model"])["pearson_r"].mean()
    lead = additive.unstack()["ridge"] - additive.unstack()["mlp"]
    assert lead[lead.index <= 1000].max() < 0.01
    assert lead[lead.index > 1000].min() > 0.005, "ridge moves ahead"
    assert r["pairs"].min() > 0.99
    assert most["trees"] > 0.8 > most["mlp"] + 0.2, "boosted trees predict most of it"
    both = ["lasso_pruned", "mlp_pruned"]
    selected = diluted[diluted["model"].isin(both)].query("rel_aa == 1")
    pruned = selected.groupby(["n_markers", "model"])["pearson_r"].mean().unstack()
    lead = pruned["mlp_pruned"] - pruned["lasso_pruned"]
    assert lead[[500, 750]].min() > 0.02
    assert (lead[lead.index >= 1000].abs() < 0.02).all()
    n_cohorts = selected.groupby("n_markers")["replicate"].nunique()
    assert (n_cohorts == 1).mean() > 0.5, "most have one cohort"
    kept = dilution.selection_table(diluted).map(lambda share: float(share.rstrip("%")))
    assert kept["of these causal"][:"2,500"].min() > 95
    assert kept["of these causal"].min() > 90, "almost all kept markers are causal"
    assert kept.iloc[-1, -1] < kept.iloc[-1, -2] < kept.iloc[-1, -3], "fewer pairs than QTL"


def test_what_the_page_beyond_says_of_trees_is_so():
    table = results.read_table(DATA / "beyond.csv").query("protocol == 'held_out'")
    epistatic = phrases.epistatic_traits(phrases.own_cohorts(table))
    few = contrasts.mean_difference(epistatic, "trees", "mlp", ["n_samples", "scaling"])
    assert (few.loc[[(1000, 1), (1000, 2)], "low"] > 0).all()
    assert (few.loc[10_000, "difference"] > 0).all()
    assert set(few.loc[10_000].index) == {1, 4}
    idle = results.read_table(DATA / "beyond_dilution.csv").query("rel_aa > 0 and replicate == 1")
    r = idle.pivot_table(index="n_markers", columns="model", values="pearson_r")
    assert r["trees"].min() > 0.8
    assert (r.loc[1000, ["gaussian", "kernel"]] - r.loc[1000, "ridge"]).abs().max() < 0.02


def test_what_the_page_beyond_says_of_the_tuned_network_is_so():
    table = results.read_table(DATA / "beyond.csv").query("protocol == 'held_out'")
    epistatic = phrases.epistatic_traits(phrases.own_cohorts(table))
    change = contrasts.mean_difference(epistatic, "mlp_ensemble", "mlp", ["scaling"])
    assert len(change) == 10
    assert (change["difference"].abs() < 0.05).all()
    assert list(change.index[change["difference"] > 0]) == [4, 7, 12, 20]


def test_numbers_of_dilution_are_of_the_same_cohorts():
    rows = []
    for model, r in {"ridge": [0.5, 0.9], "mlp": [0.6, 0.9], "mlp_pruned": [0.7]}.items():
        rows += [{"model": model, "pearson_r": value, "replicate": k} for k, value in enumerate(r)]
    rows.append({"model": "pairs", "pearson_r": 1.0, "replicate": 0})
    drawn = pd.DataFrame(rows).assign(n_markers=1000)
    additive = drawn.assign(rel_aa=0.0, protocol="published", cell="a", trait=1)
    words = dilution.in_words(additive, drawn)
    assert (words["many_ridge"], words["many_mlp"], words["many_mlp_pruned"]) == (
        "0.50",
        "0.60",
        "0.70",
    )
    assert words["many_cohorts"] == "one cohort"


def test_only_what_is_not_computed_is_grey(diluted):
    network = diluted.query("model == 'mlp' and rel_aa > 0")
    for most, texts in ((20_000, 1), (network["n_markers"].max(), 0)):
        (ax,) = figures.accuracy_by_markers(network, most).axes
        assert sum(text.get_text() == "network not computed" for text in ax.texts) == texts


def test_the_drawing_loses_the_pair_of_a_marker_below_the_threshold():
    (ax,) = dilution.lost_pair().axes
    heights = [bar.get_height() for bar in ax.patches]
    threshold = ax.get_lines()[0].get_ydata()[0]
    words = [label.get_text().split()[-1] for label in ax.get_xticklabels()]
    assert words == ["kept" if height > threshold else "dropped" for height in heights]
    assert words.count("dropped") == 1
    assert [text.get_text()[:5] for text in ax.texts if "×" in text.get_text()] == [
        "A × B",
        "C × D",
    ]


def test_a_table_to_show_has_words_for_names_and_commas_for_thousands():
    rows = [("mlp", 1000, True), ("ridge", 100_000, False)]
    index = pd.MultiIndex.from_tuples(rows, names=["model", "n_samples", "shared_pairs"])
    table = pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 2, index, ["n_qtl", "memory_mb", "r_0.1", "V_A"])
    shown = phrases.labelled(table)
    assert shown.index.names == ["model", "individuals", "shared pairs"]
    assert shown.index.tolist() == [("MLP", "1,000", "yes"), ("Ridge", "100,000", "no")]
    assert shown.columns.tolist() == ["QTL", "memory, MB", "r 0.1", "V_A"]


def test_where_the_page_of_dilution_says_that_ours_differ_they_do(diluted):
    found = agreement.compare_with_figure_2(
        diluted, pd.read_csv(DATA / "figure_2_digitised.csv")
    ).query("rel_aa == 1")
    at_250 = found.query("n_markers == 250 and model == 'mlp'")
    assert len(at_250) == 1
    assert (at_250["excess"] < -at_250["bound"]).all()
    less = found.query("n_markers >= 1000 and model != 'mlp'")
    assert (less["excess"] < 0.01).all()
    network = less.query("n_markers == 1000 and model == 'mlp_pruned'")
    assert (network["excess"] < -network["bound"]).all()
    assert (less["excess"] < -less["bound"]).sum() == 2
    assert found["agrees"].sum() == len(found) - 4
    selected = less.query("n_markers > 1000")
    assert (selected["difference"] > 0).all(), "ahead of ridge"
    gaps = selected.groupby("n_markers")["difference"].agg(lambda pair: pair.max() - pair.min())
    assert (gaps < 0.02).all(), "close to each other"


def test_what_the_page_of_correlation_says_is_so():
    table = results.read_table(DATA / "correlation.csv")
    r = correlation.both_steps(table).loc[10]
    leads = correlation.correlation_steps(table, "difference").loc[10]
    lead = leads.loc[r.index]
    sharing = lead["sharing pairs"]
    assert (sharing.loc[:300] > 0).all()
    assert sharing[[100, 200]].min() > sharing[300] > sharing.loc[500:].max(), "most if QTL are few"
    assert (r["sharing pairs"].loc[:300] > 0).all()
    assert (lead["correlation"].loc[:300] < 0).all(), "nothing is added to the lead"
    assert (lead["correlation"] < 0.02).all()
    assert r["correlation"].loc[:200].max() < min(0, r["correlation"].loc[300:].min()), (
        "these fall most"
    )
    kinds = ["0", contrasts.CONTROL, "0.25", "0.95"]
    assert leads.loc[500:, kinds].abs().max(axis=None) < 0.03, "hardly any of the pairs is found"
    steps = correlation.step_table(table)["its lead over ridge"]
    assert not steps.xs("correlation", level="step").str.contains(r"\[\+").any()
    shown = steps.xs("sharing pairs", level="step").str.contains(r"\[\+")
    numbers = shown.index[shown].get_level_values("QTL")
    words = correlation.in_words(table)
    assert words["shown"].split(", ") == list(map(str, numbers)) == ["100", "200", "300"]
    assert words["lowered"] == "200"
    told = table[(table["n_traits"] == 10) & ~table["pleiotropy"].isin([0.5, 0.75])]
    cohorts = told.groupby(["n_qtl", "pleiotropy", "shared_pairs", "model"])["replicate"].nunique()
    assert (cohorts == 3).all(), "three cohorts of each kind"
    found = agreement.compare_with_figure_3(table, pd.read_csv(DATA / "figure_3_digitised.csv"))
    bounded = found.dropna(subset="bound")
    assert bounded["agrees"].mean() > 0.5


def test_what_the_page_of_agreement_says_is_so():
    tables, published = {}, {}
    for k, name in enumerate(("scaling", "dilution", "correlation"), start=1):
        tables[name] = results.read_table(DATA / f"{name}.csv").query("protocol == 'published'")
        published[name] = pd.read_csv(DATA / f"figure_{k}_digitised.csv")
    compared = agreement.against_publication(tables, published)
    words = {name: int(count) for name, count in agreement.in_words(compared).items()}
    assert words["within"] < words["bound"] <= words["computed"] < words["values"]
    assert 0.45 < words["computed"] / words["values"] < 0.55, "about half, says the first page"
    table = agreement.agreement_table(compared)
    of_network, of_linear = "r of the MLP, figure 1", "r of ridge by SGD, figure 1"
    share = table["within bound"] / table["with bound"]
    assert share[of_network] > 0.95 > share[of_linear]
    assert table.loc[of_linear, "mean difference"] > 0
    beyond = agreement.beyond_bound(compared)
    assert (beyond.loc[of_linear, "difference"] > 0).mean() > 0.8, "nearly all"
    fits = agreement.single_fits(pd.read_csv(DATA / "gpu_fits.csv"), published["scaling"])
    at_one = fits.xs(1.0, level="scaling")["r"].unstack("n_samples").loc[0.5:]
    assert (at_one[100_000] < at_one[10_000]).all(), "the fall"


def test_what_the_page_of_claims_says_is_so():
    checked = pd.read_csv(DATA / "claims.csv")
    verdicts = claims.counts(checked)["claims"]
    assert verdicts[claims.FAILS] == 0, "none fails"
    assert verdicts[[claims.HOLDS, claims.IN_PART, claims.UNDECIDED, claims.UNTESTED]].min() > 0
    outcomes = claims.all_conditions(claims.judge(claims.read_tables(DATA)))["outcome"]
    tested = outcomes[outcomes != "untested"]
    assert (tested == "shown").mean() > 0.5, "most conditions are shown"
