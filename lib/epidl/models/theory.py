"""Expected accuracy of prediction, in closed form.

A trait has components c (additive: A, additive by additive: AA), each the sum of M_c small
independent effects and a share v_c of the phenotypic variance. With n training individuals, the
reliability of component c, the squared correlation of its best linear prediction with its true
value, is

    r2_c = n v_c / (n v_c + M_c u),     u = 1 - sum_k v_k r2_k,

and the correlation of the prediction with the phenotype is r = sqrt(sum_c v_c r2_c). u is the
variance that is left: what the model cannot hold, and what it has not learnt. A component that the
model lacks has r2 = 0.

The formula is that of Daetwyler et al. (2008, 2010) with the residual variance corrected for what
is learnt. The formula is more than a heuristic. For one component it solves (1 - r2)(n - M r2) v =
M r2 (1 - v), the risk of ridge at its best penalty on independent features for large n and M at a
fixed ratio, from the law of Marchenko and Pastur (Dobriban and Wager 2018). For several components
it is the same limit with a prior variance each, and products of pairs as if they were independent
features.

For ridge and the kernel, the mean r over simulated cohorts is within 0.025 of the formula (1,000
individuals, 16 to 200 loci, H2 of 0.5 and 0.999). A single cohort can be far off, the more so the
fewer its loci and the more epistatic its trait, since it draws other shares of variance than
expected. To compare with a cohort, use its own shares.

Sparse regression on pairs finds a pair or does not, and has no such linear limit.
`expected_pairs_accuracy` has ours.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc

from epidl import checks
from epidl.models.recipes import Model
from epidl.models.task import Prediction, Task

Form = Literal["ridge", "kernel", "oracle"]
LEVEL = 0.05  # of false discovery, that of `pairs`


class Shares(NamedTuple):
    """Shares of the phenotypic variance, which sum to 1."""

    additive: NDArray[np.float64]
    epistatic: NDArray[np.float64]
    residual: NDArray[np.float64]


class Accuracy(NamedTuple):
    """Expected pearson_r with the phenotype, and the reliability of each component."""

    pearson_r: NDArray[np.float64]
    r2_additive: NDArray[np.float64]
    r2_epistatic: NDArray[np.float64]


def predict(task: Task, model: Model) -> Prediction:
    """Return a model's expected accuracy, from the shares of variance in the cohort."""
    truth, form = task.truth, model.closed_form
    h2 = np.minimum(truth.genetic_values.var(axis=0) / task.phenotypes.var(axis=0), 1)
    parts = np.stack([part.var(axis=0) for part in task.parts])
    shares = h2 * parts / parts.sum(axis=0)
    # the oracle leaves out markers without effect
    n_markers = len(truth.traits[0].qtl) if form == "oracle" else task.genotypes.n_markers
    # where all pairs interact, to know the true ones is to know nothing more than the kernel
    known = "kernel" if form == "oracle" and task.all_pairs else form
    expected = expected_accuracy(len(task.all_but_test), n_markers, *shares, model=known)
    # the prediction is the sum of parts whose variance and covariance with the truth are both v_c
    # r2_c
    with_parts = np.sqrt(shares) * np.stack(expected[1:])
    r_parts = np.divide(
        with_parts, expected.pearson_r, out=np.full_like(shares, np.nan), where=shares > 0
    )
    names = ("pearson_r", "r_additive", "r_epistatic")
    found = dict(zip(names, (expected.pearson_r, *r_parts), strict=True))
    return Prediction((), "expected", found, columns={"seconds": 0.0})


def expected_shares(rel_aa: ArrayLike, broad_sense_heritability: ArrayLike) -> Shares:
    """Return the expected shares of variance of a simulated trait: V_AA / V_A = 2 relAA, V_A + V_AA =
    H2 V_P.

    Arguments broadcast. Raises ValueError for a negative rel_aa, and a broad_sense_heritability
    outside [0, 1].
    """
    h2 = _bounded("broad_sense_heritability", broad_sense_heritability, 0, 1)
    rel_aa, h2 = _together(rel_aa=_bounded("rel_aa", rel_aa, 0), broad_sense_heritability=h2)
    additive = h2 / (1 + 2 * rel_aa)
    return Shares(additive, h2 - additive, 1 - h2)


class Components(NamedTuple):
    """Expected variances of a trait's parts, on the scale of additive effects of variance 1."""

    additive: float
    epistatic: float


def expected_components(
    frequencies: ArrayLike, rel_aa: float, *, kind: Literal["haploid", "inbred", "diploid"]
) -> Components:
    """Return E[V_A] and E[V_AA] of `simulate`'s effects at any allele frequencies p of the QTL, before
    scaling.

    With codes x = 2g - 1 of mean m_i = 2 p_i - 1 and variance v_i (4 p(1-p) of haploids and inbred
    lines, 2 p(1-p) of diploids in Hardy-Weinberg proportions), the average effect of locus i with
    partner j is a_i + e_ij m_j, so that

        E[V_A] = sum_i v_i (1 + 4 relAA mean_{j != i} m_j^2),    E[V_AA] = 4 relAA (q / 2) mean_{i != j} v_i v_j

    over q unlinked QTL in random pairs. At p = 1/2, V_AA / V_A is 2 relAA in haploids, and relAA in
    diploids, whose codes vary half as much. Away from 1/2, interactions turn into additive
    variance.

    Raises ValueError for fewer than 2 frequencies or one outside [0, 1], a negative rel_aa, and an
    unknown kind.
    """
    p, rel_aa = _bounded("frequencies", frequencies, 0, 1), checks.real("rel_aa", rel_aa, minimum=0)
    checks.require(
        p.ndim == 1 and len(p) >= 2,
        f"frequencies must be one for each of at least 2 QTL, got shape {p.shape}",
    )
    factors = {"haploid": 4, "inbred": 4, "diploid": 2}
    checks.choice("kind", kind, factors)
    v, m2, q = factors[kind] * p * (1 - p), (2 * p - 1) ** 2, len(p)
    partners = (m2.sum() - m2) / (q - 1)
    products = (v.sum() ** 2 - (v**2).sum()) / (q * (q - 1))
    return Components(
        float((v * (1 + 4 * rel_aa * partners)).sum()), float(4 * rel_aa * q / 2 * products)
    )


def expected_accuracy(
    n_train: ArrayLike,
    n_markers: ArrayLike,
    additive: ArrayLike,
    epistatic: ArrayLike,
    *,
    model: Form,
    efficiency: tuple[ArrayLike, ArrayLike] = (1.0, 1.0),
) -> Accuracy:
    """Return the expected accuracy of a model trained on `n_train` individuals with `n_markers`
    independent markers.

    additive, epistatic: the components' shares of the phenotypic variance. model: what it has to
    estimate. "ridge": M_A = m markers, and the epistatic component is noise. "kernel", the best
    linear prediction from additive and epistatic kernels: M_A = m and M_AA = m(m-1)/2, all pairs.
    "oracle", which knows the pairs: M_A = m and M_AA = m/2, where m is then the number of causal
    loci. efficiency: the share of its individuals that a learner uses for the additive and for the
    epistatic component. The efficiency multiplies n, and is below 1 for a learner that wastes data.
    Arguments broadcast.

    Raises ValueError for fewer than 1 individual or 2 markers, shares below 0 or above 1 in sum, an
    unknown model, and an efficiency that is not positive.
    """
    n, m, additive, epistatic = _together(
        n_train=_bounded("n_train", n_train, 1),
        n_markers=_bounded("n_markers", n_markers, 2),
        additive=_bounded("additive", additive, 0),
        epistatic=_bounded("epistatic", epistatic, 0),
    )
    _bounded("additive + epistatic", additive + epistatic, 0, 1 + 1e-9)
    n_features = {"ridge": (m, np.inf), "kernel": (m, m * (m - 1) / 2), "oracle": (m, m / 2)}
    checks.choice("model", model, n_features)
    is_pair = isinstance(efficiency, Sequence) and not isinstance(efficiency, str)
    if not is_pair or len(efficiency) != 2:  # to show long arrays would take most of the time
        raise ValueError(
            f"efficiency must be two numbers, additive and epistatic, got {checks.shown(efficiency)}"
        )
    parts = zip(n_features[model], efficiency, strict=True)
    needed = [features / _bounded("efficiency", part, 1e-9) for features, part in parts]
    n, shares_a, shares_aa, m_a, m_aa = np.broadcast_arrays(n, additive, epistatic, *needed)
    shares = np.stack([shares_a, shares_aa])
    reliability = _reliability(n, shares, np.stack([m_a, m_aa]))
    return Accuracy(np.sqrt((shares * reliability).sum(axis=0).clip(0, 1)), *reliability)


def pairs_threshold(n_markers: ArrayLike) -> NDArray[np.float64]:
    """Return what the test of a pair among all C(m, 2) must pass, c = 2 log(C(m, 2) / LEVEL).

    Raises ValueError for fewer than 2 markers.
    """
    m = _bounded("n_markers", n_markers, 2)
    return 2 * np.log(m * (m - 1) / 2 / LEVEL)


def expected_pairs_accuracy(
    n_train: ArrayLike,
    n_markers: ArrayLike,
    n_qtl: ArrayLike,
    additive: ArrayLike,
    epistatic: ArrayLike,
) -> Accuracy:
    """Return the expected accuracy of sparse regression on pairs if each of n_qtl QTL is in one
    interacting pair.

    A pair of effect e ~ N(0, 1), of the share s = epistatic / (q / 2) times e^2 of the variance, is
    found if its statistic n s e^2 / u passes c of `pairs_threshold`. Found pairs are no longer
    noise to the others:

        u = 1 - additive r2_A - epistatic F(c u / (n s)),
        F(t) = E[e^2 1(e^2 > t)] = erfc(sqrt(t / 2)) + sqrt(2 t / pi) exp(-t / 2),

    with r2_A as for ridge, solved from u = 1 downwards: the largest root is where the search ends,
    and it jumps. The k pairs that are found are estimated from n individuals: r2_AA = F n v F / (n
    v F + k u), v = epistatic. This formula is ours, not a published result, and assumes that a
    threshold alone decides, which no rule of false discovery does exactly.

    Arguments broadcast. Raises ValueError as `expected_accuracy`, and for fewer than 2 QTL or more
    than markers.
    """
    n, m, q, shares_a, shares_aa = _together(
        n_train=_bounded("n_train", n_train, 1),
        n_markers=_bounded("n_markers", n_markers, 2),
        n_qtl=_bounded("n_qtl", n_qtl, 2),
        additive=_bounded("additive", additive, 0),
        epistatic=_bounded("epistatic", epistatic, 0),
    )
    _bounded("additive + epistatic", shares_a + shares_aa, 0, 1 + 1e-9)
    if (q > m).any():
        raise ValueError(f"n_qtl must be at most n_markers ({m[q > m][0]:g}), got {q[q > m][0]:g}")
    threshold = pairs_threshold(m)
    left, residual = np.ones(n.shape), np.maximum(1 - shares_a - shares_aa, 1e-9)
    interacting = shares_aa > 1e-12
    for _ in range(500):  # comes down monotonically; slow only where the search all but stops
        r2_additive = n * shares_a / (n * shares_a + m * left)
        t = _ratio(threshold * left * q / 2, n * shares_aa, interacting)
        found = np.where(
            interacting, erfc(np.sqrt(t / 2)) + np.sqrt(2 * t / np.pi) * np.exp(-t / 2), 0.0
        )
        before, left = left, np.maximum(1 - shares_a * r2_additive - shares_aa * found, residual)
        if np.abs(left - before).max(initial=0) < 1e-14:
            break
    n_found = q / 2 * erfc(np.sqrt(t / 2))
    known = n * shares_aa * found
    r2_epistatic = found * _ratio(known, known + n_found * left, known > 0)
    return Accuracy(
        np.sqrt((shares_a * r2_additive + shares_aa * r2_epistatic).clip(0, 1)),
        r2_additive,
        r2_epistatic,
    )


def _reliability(n: NDArray, shares: NDArray, n_features: NDArray) -> NDArray[np.float64]:
    """Solve for the variance that is left, u, and return r2_c (components, ...).

    The condition f(u) = u - 1 + sum_c v_c r2_c(u) = 0 has a convex f with f(1) >= 0: Newton's
    method from 1 comes down to the largest root without passing it. Without noise, 0 is another
    root.
    """
    information = n * shares / n_features  # r2 = information / (information + u)
    known = information > 0
    left = np.ones(n.shape)
    # a few are enough, but where n equals M without noise: there each halves the error
    for _ in range(100):
        r2 = _ratio(information, information + left, known)
        pull = _ratio(shares, information + left, known)
        slope = 1 - (r2 * pull).sum(axis=0)
        before, step = left, _ratio(left - 1 + (shares * r2).sum(axis=0), slope, slope > 1e-12)
        left = (left - step).clip(0, 1)
        if np.abs(left - before).max(initial=0) < 1e-14:
            break
    return _ratio(information, information + left, known)


def _ratio(top: NDArray, bottom: NDArray, where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return top / bottom, and 0 elsewhere."""
    return np.divide(top, bottom, out=np.zeros_like(bottom), where=where)


def _together(**arrays: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return arrays of one shape, or raise ValueError with the names of those that have none in
    common.
    """
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(map("{} {.shape}".format, arrays, arrays.values()))
        raise ValueError(
            f"{' and '.join(arrays)} must have shapes that go together, got {shapes}"
        ) from None


def _bounded(
    name: str, value: ArrayLike, minimum: float, maximum: float = np.inf
) -> NDArray[np.float64]:
    """Return `value` as floats, or raise ValueError with its name if any is out of bounds."""
    array = checks.floats(name, value)
    wrong = ~((array >= minimum) & (array <= maximum) & (array < np.inf))  # a NaN is wrong
    if wrong.any():
        least = "finite" if np.isposinf(array).any() else f"at least {minimum:g}"
        bound = least if maximum == np.inf else f"within [{minimum:g}, {maximum:g}]"
        raise ValueError(f"{name} must be {bound}, got {array[wrong].flat[0]:g}")
    return array
