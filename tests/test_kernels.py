"""Epistatic BLUP against explicit products of markers, dense formulas, and itself by another route."""

from itertools import combinations

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from conftest import REL_AA, make_cohort
from epidl.cohorts.genotypes import MISSING, Dosages, Haplotypes
from epidl.cohorts.simulate import variance_components
from epidl.models import kernels
from epidl.models.kernels import EXACT_LIMIT, Products, estimate_components, fit_kernel

COMPONENTS = np.array(
    [[1, 0, 0.001], [0.6, 0.4, 0.01], [0.2, 0.8, 0.001], [0, 1, 0.1], [0.1, 0.2, 0.7]]
)


def codes(genotypes, rows=slice(None)):
    return genotypes.block(rows) * 2.0 - 1


def features(x):
    """Scaled codes and scaled products of all pairs, so that K_A and K_AA are their cross-products."""
    pairs = np.array(list(combinations(range(x.shape[1]), 2)))
    return x / np.sqrt(x.shape[1]), x[:, pairs[:, 0]] * x[:, pairs[:, 1]] / np.sqrt(len(pairs))


def dense_deviance(kernels, y, components):
    """Minus twice the restricted log likelihood from inverses and determinants."""
    additive, epistatic, residual = components
    v = additive * kernels[0] + epistatic * kernels[1] + residual * np.eye(len(y))
    inverse, ones = np.linalg.inv(v), np.ones((len(y), 1))
    information = ones.T @ inverse @ ones
    p = inverse - inverse @ ones @ np.linalg.inv(information) @ ones.T @ inverse
    return np.linalg.slogdet(v)[1] + np.log(information[0, 0]) + y @ p @ y


@pytest.mark.parametrize(("n_samples", "n_markers"), [(7, 2), (30, 9), (12, 40)])
def test_kernels_are_cross_products_of_codes_and_of_their_pairs(n_samples, n_markers):
    genotypes = Haplotypes.from_alleles(
        np.random.default_rng(1).integers(0, 2, size=(n_samples, n_markers))
    )
    linear, pairs = features(codes(genotypes))
    products = Products.of(genotypes, np.arange(n_samples))
    np.testing.assert_allclose(products.additive(), linear @ linear.T, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(products.epistatic(), pairs @ pairs.T, rtol=1e-12, atol=1e-12)


def test_predictions_are_those_of_ridge_on_explicit_features(cohort):
    train, test = np.arange(200), np.arange(200, 300)
    fit = fit_kernel(cohort.genotypes, cohort.phenotypes, train, COMPONENTS)
    additive, epistatic = fit.predict_parts(cohort.genotypes, test)
    linear, pairs = features(codes(cohort.genotypes))
    for t, (s_a, s_aa, s_e) in enumerate(COMPONENTS):
        scaled = np.hstack([np.sqrt(s_a) * linear, np.sqrt(s_aa) * pairs])
        mean, y = scaled[train].mean(axis=0), cohort.phenotypes[train, t]
        centred = scaled[train] - mean
        effects = np.linalg.solve(
            centred.T @ centred + s_e * np.eye(len(mean)), centred.T @ (y - y.mean())
        )
        split = linear.shape[1]
        np.testing.assert_allclose(
            fit.intercepts[t], y.mean() - mean @ effects, rtol=1e-6, atol=1e-9
        )
        np.testing.assert_allclose(
            additive[:, t], scaled[test, :split] @ effects[:split], rtol=1e-6, atol=1e-9
        )
        np.testing.assert_allclose(
            epistatic[:, t], scaled[test, split:] @ effects[split:], rtol=1e-6, atol=1e-9
        )


def test_parts_sum_to_the_prediction_less_the_intercept(cohort):
    fit = fit_kernel(cohort.genotypes, cohort.phenotypes, np.arange(200), COMPONENTS)
    rows = np.arange(200, 300)
    np.testing.assert_allclose(
        sum(fit.predict_parts(cohort.genotypes, rows)),
        fit.predict(cohort.genotypes, rows) - fit.intercepts,
    )


@pytest.mark.parametrize(
    ("n_samples", "n_qtl", "h2"), [(120, 10, 0.5), (120, 30, 0.9), (60, 80, 0.6)]
)
def test_reml_estimates_maximise_the_dense_likelihood(n_samples, n_qtl, h2):
    cohort = make_cohort(n_samples, n_qtl, broad_sense_heritability=h2, seed=4)
    rows = np.arange(n_samples)
    explicit = [f @ f.T for f in features(codes(cohort.genotypes))]
    estimates = estimate_components(cohort.genotypes, cohort.phenotypes, rows)
    for y, found in zip(cohort.phenotypes.T, estimates, strict=True):
        ours = dense_deviance(explicit, y, found)
        others = [
            scipy.optimize.minimize(
                lambda x, y=y: dense_deviance(explicit, y, np.exp(x)),
                np.log(start),
                method="L-BFGS-B",
                bounds=[(np.log(1e-6), 3)] * 3,
            ).fun
            for start in (found, [0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6])
        ]
        assert ours <= min(others) + 1e-3


def test_reml_estimates_are_those_of_a_mixed_model_package():
    """Statsmodels is given the markers and all their products as random effects, one variance each."""
    cohort = make_cohort(300, 10, rel_aa=[1.0], broad_sense_heritability=0.6)
    parts = features(codes(cohort.genotypes))
    names = [[[f"effect {k}" for k in range(part.shape[1])]] for part in parts]
    effects = VCSpec(
        names=["additive", "epistatic"], colnames=names, mats=[[part] for part in parts]
    )
    model = MixedLM(
        cohort.phenotypes[:, 0], np.ones((300, 1)), groups=np.zeros(300), exog_vc=effects
    )
    fit = model.fit(reml=True)
    assert fit.converged
    (ours,) = estimate_components(cohort.genotypes, cohort.phenotypes, np.arange(300))
    np.testing.assert_allclose(ours, [*fit.vcomp, fit.scale], rtol=1e-3)


def test_reml_finds_the_simulated_shares():
    cohort = make_cohort(1000, 30, broad_sense_heritability=0.8, seed=2)
    estimates = estimate_components(cohort.genotypes, cohort.phenotypes, np.arange(1000))
    realised = [v.additive / v.genetic for v in variance_components(cohort)]
    np.testing.assert_allclose(estimates[:, 0] / estimates[:, :2].sum(axis=1), realised, atol=0.08)
    np.testing.assert_allclose(estimates[:, 2], 0.25, rtol=0.15)  # (1 - H2) / H2


@pytest.mark.parametrize("h2", [0.999, 1])
def test_absent_epistasis_is_found_absent(h2):
    cohort = make_cohort(300, 16, rel_aa=[0], broad_sense_heritability=h2)
    additive, epistatic, residual = estimate_components(
        cohort.genotypes, cohort.phenotypes, np.arange(300)
    )[0]
    assert epistatic < 1e-3 * additive
    assert residual < 2e-3 * additive


def test_traits_that_are_noise_or_purely_epistatic_end_in_valid_numbers():
    rng = np.random.default_rng(3)
    genotypes = Haplotypes.from_alleles(rng.integers(0, 2, size=(400, 12)))
    x = codes(genotypes)
    y = np.column_stack(
        [
            rng.normal(size=400),
            x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3],
            5 + 1e-3 * rng.normal(size=400),
        ]
    )
    fit = fit_kernel(genotypes, y, np.arange(300))
    assert (fit.components > 0).all()
    assert (fit.components[[0, 2], :2] < 0.1 * fit.components[[0, 2], 2:]).all()
    assert fit.components[1, 1] > 0.99 * fit.components[1].sum()
    predicted = fit.predict(genotypes, np.arange(300, 400))
    assert np.isfinite(predicted).all()
    np.testing.assert_allclose(predicted[:, 1], y[300:, 1], atol=1e-2)
    assert fit.intercepts[2] == pytest.approx(5, abs=1e-2)


def test_estimates_scale_with_the_trait_and_ignore_its_mean(cohort):
    y = cohort.phenotypes[:, [2]]
    one = estimate_components(cohort.genotypes, y, np.arange(200))
    other = estimate_components(cohort.genotypes, 1e3 * y - 7, np.arange(200))
    np.testing.assert_allclose(other, 1e6 * one, rtol=1e-6)


@pytest.mark.parametrize("n_markers", [16, 200], ids=["by_markers", "by_samples"])
def test_conjugate_gradients_agree_with_the_exact_solution(n_markers):
    cohort = make_cohort(300, 16, n_markers=n_markers)
    train, test = np.arange(250), np.arange(250, 300)
    exact, cg = (
        fit_kernel(cohort.genotypes, cohort.phenotypes, train, COMPONENTS, method=method)
        for method in ("exact", "cg")
    )
    assert cg.converged.all()
    # the preconditioner alone solves an additive trait, to rounding
    assert 0 < cg.iterations[0] <= 3
    np.testing.assert_allclose(
        cg.predict(cohort.genotypes, test), exact.predict(cohort.genotypes, test), atol=1e-4
    )
    np.testing.assert_allclose(cg.intercepts, exact.intercepts, atol=1e-4)


def test_the_number_of_rows_chooses_the_method(cohort, monkeypatch):
    monkeypatch.setattr(kernels, "EXACT_LIMIT", 199)
    for n_rows, iterative in [(199, False), (200, True)]:
        fit = fit_kernel(cohort.genotypes, cohort.phenotypes, np.arange(n_rows), COMPONENTS)
        assert (fit.iterations > 0).all() == iterative


def test_unfinished_conjugate_gradients_say_so(cohort, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_ITERATIONS", 2)
    with pytest.warns(
        RuntimeWarning, match="trait 1: conjugate gradients ended at a relative error of"
    ):
        fit = fit_kernel(
            cohort.genotypes,
            cohort.phenotypes[:, [2]],
            np.arange(200),
            COMPONENTS[[2]],
            method="cg",
        )
    assert not fit.converged[0]
    assert fit.iterations[0] == 2


def test_blocks_do_not_change_the_fit(cohort, monkeypatch):
    rows, test = np.arange(200), np.arange(200, 300)
    predicted = {}
    for n_bytes in (2**26, 8 * 16 * 7):  # seven samples a block
        monkeypatch.setattr("epidl.cohorts.genotypes.BLOCK_BYTES", n_bytes)
        for method in ("exact", "cg"):
            fit = fit_kernel(cohort.genotypes, cohort.phenotypes, rows, COMPONENTS, method=method)
            predicted[method, n_bytes] = fit.predict(cohort.genotypes, test)
    for method in ("exact", "cg"):
        np.testing.assert_allclose(
            predicted[method, 8 * 16 * 7], predicted[method, 2**26], atol=1e-5
        )


@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(["exact", "cg"]))
@settings(max_examples=10)
def test_order_of_samples_and_names_of_alleles_leave_predictions(cohort, seed, method):
    rng = np.random.default_rng(seed)
    train, test = np.arange(150), np.arange(250, 300)
    flipped = rng.integers(0, 2, size=cohort.genotypes.n_markers, dtype=np.uint8)
    renamed = Haplotypes.from_alleles(cohort.genotypes.block(slice(None)) ^ flipped)
    np.testing.assert_array_equal(
        Products.of(renamed, train).inner, Products.of(cohort.genotypes, train).inner
    )
    one, other = (
        fit_kernel(genotypes, cohort.phenotypes, rows, COMPONENTS, method=method).predict(
            genotypes, test
        )
        for genotypes, rows in [(cohort.genotypes, train), (renamed, rng.permutation(train))]
    )
    np.testing.assert_allclose(one, other, atol=1e-4 if method == "cg" else 1e-8)


def test_components_come_from_a_subsample_where_asked(cohort):
    one, same, other = (
        fit_kernel(cohort.genotypes, cohort.phenotypes, np.arange(250), reml_rows=100, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.components, same.components)
    assert not np.array_equal(one.components, other.components)
    assert one.weights.shape == (250, len(REL_AA))


def test_a_rare_trait_varies_among_the_samples_that_estimate_components(cohort):
    rare = np.zeros((300, 1))
    rare[:3] = 1
    for seed in range(8):  # a draw of 60 holds none of the three with a chance of one half
        fit = fit_kernel(cohort.genotypes, rare, np.arange(300), reml_rows=60, seed=seed)
        assert (fit.components > 0).all()


def test_test_samples_do_not_reach_the_fit(cohort):
    changed = cohort.phenotypes.copy()
    changed[200:] = 1e6
    one, two = (
        fit_kernel(cohort.genotypes, y, np.arange(200)) for y in (cohort.phenotypes, changed)
    )
    np.testing.assert_array_equal(one.weights, two.weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"phenotypes": np.zeros((299, 5))},
            "phenotypes must have 300 rows, one per individual, got 299",
        ),
        (
            {"phenotypes": np.zeros((300, 2))},
            "phenotypes must vary among the rows, trait 1 does not",
        ),
        ({"rows": np.array([3, 4])}, r"len\(rows\) must be at least 3, got 2"),
        ({"method": "fast"}, "method must be one of auto, exact, cg, got 'fast'"),
        ({"reml_rows": 2}, "reml_rows must be at least 3, got 2"),
        ({"components": COMPONENTS[:2]}, "components must have 5 rows"),
        (
            {"components": COMPONENTS[:, :2]},
            "components must have 3 columns, s_A, s_AA and s_E, got 2",
        ),
        ({"components": -COMPONENTS}, "components must be at least 0, got -1"),
        (
            {"components": COMPONENTS * [1, 1, 0]},
            r"components\[0, 2\] must be greater than 0, got 0",
        ),
        (
            {"components": COMPONENTS * [1, 1, 1e-9]},
            r"the share of components\[0, 2\] must be at least 1e-07",
        ),
        (
            {"method": "exact", "rows": np.arange(EXACT_LIMIT + 1) % 300},
            r"len\(rows\) must be at most 20000 \(the bound of method exact\), got 20001",
        ),
    ],
)
def test_invalid_requests_name_argument_value_and_bound(cohort, changes, message):
    arguments = {"phenotypes": cohort.phenotypes, "rows": np.arange(255)} | changes
    with pytest.raises(ValueError, match=message):
        fit_kernel(cohort.genotypes, **arguments)


def test_other_genotypes_are_refused(cohort):
    fit = fit_kernel(cohort.genotypes, cohort.phenotypes, np.arange(200), COMPONENTS)
    with pytest.raises(
        ValueError, match=r"n_markers must be that of the training individuals, 16, got 18"
    ):
        fit.predict(make_cohort(20, 18).genotypes, np.arange(20))


@pytest.fixture(scope="module")
def diploid():
    """Diploids at many allele frequencies, a tenth of their genotypes missing, and a trait with pairs."""
    rng = np.random.default_rng(8)
    counts = rng.binomial(2, rng.uniform(0.1, 0.9, size=14), size=(150, 14)).astype(np.int8)
    x = counts - counts.mean(axis=0)
    y = np.column_stack(
        [x[:, 0] - x[:, 4] + x[:, 1] * x[:, 2] + rng.normal(size=150), rng.normal(size=150)]
    )
    counts[rng.random(counts.shape) < 0.1] = MISSING
    return Dosages.from_counts(counts, ploidy=2).trained_on(np.arange(120)), y


def test_kernels_of_dosages_are_cross_products_of_centred_codes_scaled_to_a_mean_diagonal_of_one(
    diploid,
):
    dosages, _ = diploid
    rows = np.arange(120)
    x = 2 * (dosages.block(rows) - dosages.block(rows).mean(axis=0))
    z = np.column_stack([x[:, i] * x[:, j] for i, j in combinations(range(14), 2)])
    products = Products.of(dosages, rows)
    for kernel, features in ((products.additive(), x), (products.epistatic(), z)):
        expected = features @ features.T
        np.testing.assert_allclose(
            kernel, expected / np.diag(expected).mean(), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("method", ["exact", "cg"])
def test_predictions_for_dosages_are_those_of_explicit_features(diploid, method):
    dosages, y = diploid
    train, test = np.arange(120), np.arange(120, 150)
    components = np.array([[0.4, 0.3, 0.3], [0.2, 0.2, 0.6]])
    fit = fit_kernel(dosages, y, train, components, method=method)
    x = 2 * (dosages.block(slice(None)).astype(float) - dosages.centre)
    z = np.column_stack([x[:, i] * x[:, j] for i, j in combinations(range(14), 2)])
    for t, (additive, epistatic, residual) in enumerate(components):
        kernel = additive * x @ x.T / (x[train] ** 2).sum(axis=1).mean()
        kernel += epistatic * z @ z.T / (z[train] ** 2).sum(axis=1).mean()
        inverse, ones = (
            np.linalg.inv(kernel[np.ix_(train, train)] + residual * np.eye(120)),
            np.ones(120),
        )
        mean = ones @ inverse @ y[train, t] / (ones @ inverse @ ones)
        expected = mean + kernel[np.ix_(test, train)] @ inverse @ (y[train, t] - mean)
        np.testing.assert_allclose(fit.predict(dosages, test)[:, t], expected, atol=1e-4)


def test_the_counted_allele_leaves_the_prediction(diploid):
    dosages, y = diploid
    flipped = np.where(dosages.counts == MISSING, MISSING, 2 - dosages.counts).astype(np.int8)
    other = Dosages.from_counts(flipped, ploidy=2).trained_on(np.arange(120))
    one, two = (
        fit_kernel(g, y, np.arange(120)).predict(g, np.arange(120, 150)) for g in (dosages, other)
    )
    np.testing.assert_allclose(one, two, atol=1e-3)


@pytest.mark.parametrize("n_markers", [5, 9])
def test_reml_takes_dosages_that_have_fewer_pairs_than_samples(n_markers):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        counts = rng.binomial(2, rng.uniform(0.1, 0.9, n_markers), (150, n_markers)).astype(np.int8)
        dosages = Dosages.from_counts(counts, ploidy=2)
        x = 2 * (dosages.block(slice(None)).astype(float) - dosages.centre)
        y = x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3]
        y = (y / y.std() + rng.normal(size=150))[:, None]
        estimate = estimate_components(dosages, y, np.arange(150))[0]
        products = Products.of(dosages, np.arange(150))
        explicit = products.additive(), products.epistatic()
        found, *others = (
            dense_deviance(explicit, y[:, 0], shares)
            for shares in (estimate, [0.1, 1, 1], [0.5, 0.5, 1], [1e-6, 0.6, 0.9])
        )
        assert found <= min(others) + 1e-3


def test_predictions_do_not_depend_on_how_the_predicted_samples_are_centred(diploid):
    dosages, y = diploid
    counts = np.where(dosages.counts == MISSING, 1, dosages.counts)
    whole = Dosages.from_counts(counts, ploidy=2)
    trained = whole.trained_on(np.arange(100))
    fit = fit_kernel(trained, y, np.arange(100))
    one, two = (fit.predict(genotypes, np.arange(120, 150)) for genotypes in (trained, whole))
    np.testing.assert_allclose(one, two, rtol=1e-9)


def test_a_single_marker_that_varies_has_no_pairs():
    counts = np.ones((30, 4), np.int8)
    counts[:15, 2] = 2
    with pytest.raises(
        ValueError, match="genotypes must have at least 2 markers that vary among the rows"
    ):
        fit_kernel(Dosages.from_counts(counts, ploidy=2), np.arange(30.0)[:, None], np.arange(30))
