"""Sparse regression on pairs of markers: which of all m(m - 1)/2 pairs interact, and how strongly.

In codes x = 2 (g - centre) of allele shares g (-1 and +1 for simulated haploids, else centred by
the mean of the training individuals, see `genotypes`), the model of a trait is that of `simulate`,

    y = intercept + sum_i a_i x_i + sum_k e_k x_k1 x_k2 + noise,

with an effect a for every marker and an effect e for few pairs. Markers have the ridge penalty of
the smallest leave-one-out error. Pairs have hardly any penalty, since strong ones are chosen.

The pairs are found by stagewise orthogonal matching pursuit (Donoho et al. 2012): test every pair
on the residual of the fit, keep those that survive false discovery control (Benjamini and Hochberg
1995), fit all effects again, and repeat until no new pair survives. Repeating makes the search
work: pairs not yet found are noise to the others, and the strongest few make most of that noise.

Ridge suits markers that mostly have an effect. If markers outnumber individuals and few are causal,
the additive part limits the prediction, not the pairs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np
import scipy.stats
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from epidl import checks
from epidl.cohorts.genotypes import DeviceGenotypes, Genotypes, check_genotypes, row_blocks
from epidl.cohorts.simulate import Trait, pair_effect_sd
from epidl.devices import checked_device
from epidl.models.recipes import Model
from epidl.models.ridge import checked_rows, fit_ridge
from epidl.models.task import Prediction, Task, of_test_samples

LEVEL = 0.05  # expected share of false discoveries among the pairs that a round adds
MAX_ROUNDS = 50  # a bound: up to 15 were seen, near the limit of what can be found
PAIRS_PER_SAMPLE = 1 / 4  # at most: the fit needs samples to spare
# of a pair's column beside a marker's: a sixteenth of the penalty. A power of 2 keeps products
# exact.
PAIR_WEIGHT = 4
STRIP = 128  # markers tested together against all others: bounds the memory


@dataclass(frozen=True)
class PairFit:
    """Effects of markers and of pairs, on codes x = 2 (g - centre).

    additive_effects: (n_markers, n_traits). pairs: of each trait, (n_pairs, 2) marker numbers.
    pair_effects: of each trait, (n_pairs,). intercepts: (n_traits,). centre: that of the genotypes
    that the effects were estimated on. converged: whether all traits' fits did.
    """

    additive_effects: NDArray[np.float64]
    pairs: tuple[NDArray[np.int64], ...]
    pair_effects: tuple[NDArray[np.float64], ...]
    intercepts: NDArray[np.float64]
    centre: NDArray[np.float32] | float
    converged: bool = True

    def predict(self, genotypes: Genotypes, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the predicted phenotypes (len(rows), n_traits) of some individuals, or raise as
        ridge's does.
        """
        rows = checked_rows(genotypes, len(self.additive_effects), rows)
        predicted = np.empty((len(rows), len(self.intercepts)))
        for part in row_blocks(len(rows), genotypes.n_markers):
            x = 2.0 * (genotypes.block(rows[part]) - np.float64(self.centre))
            predicted[part] = x @ self.additive_effects + self.intercepts
            for t, (pairs, effects) in enumerate(zip(self.pairs, self.pair_effects, strict=True)):
                predicted[part, t] += (x[:, pairs[:, 0]] * x[:, pairs[:, 1]]) @ effects
        return predicted


def predict_pairs(task: Task, model: Model) -> Prediction:
    """Predict by sparse regression on pairs. columns, if the truth is known: how many pairs are
    kept, how many are true.
    """
    fit = fit_pairs(task.genotypes, task.phenotypes, task.all_but_test, device=task.device)
    columns = precision_and_recall(fit.pairs, task.known_traits) if task.known_traits else {}
    return of_test_samples(task, fit, columns=columns)


def fit_pairs(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    *,
    device: str = "cpu",
) -> PairFit:
    """Find the pairs that interact among all pairs of markers, and fit them with the markers, to
    the individuals `rows`.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. device: where matrices
    are multiplied and decomposed. At most `PAIRS_PER_SAMPLE` len(rows) pairs are kept.

    Pairs are tested on the residual of ridge. This residual is proportional to V^-1 y, V the
    variance of a mixed model in which markers have random effects. The test is then that model's
    score test, with the variance of the statistic estimated. With few markers the residual is that
    of least squares, and it exists for any number.

    Raises ValueError for fewer than 5 rows, rows that do not exist or are given twice, phenotypes
    of another length or not finite, a missing device, and a single marker.
    """
    rows = searched_rows(genotypes, rows)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    checked_device(device)
    most = int(PAIRS_PER_SAMPLE * len(rows))

    def fit(t: int, pairs: NDArray[np.int64]) -> PairFit:
        return _fit(
            genotypes,
            phenotypes[:, t],
            rows,
            np.arange(genotypes.n_markers),
            pairs,
            PAIR_WEIGHT,
            device,
        )

    fits = [fit(t, np.empty((0, 2), dtype=np.int64)) for t in range(phenotypes.shape[1])]
    active = list(range(len(fits)))  # traits whose last round added a pair
    for _ in range(MAX_ROUNDS):
        residuals = np.hstack(
            [phenotypes[rows][:, [t]] - fits[t].predict(genotypes, rows) for t in active]
        )
        grown = []
        for t, pairs in zip(active, survivors(genotypes, residuals, rows, device), strict=True):
            known = fits[t].pairs[0]
            new = pairs[~np.isin(_keys(pairs), _keys(known))][: most - len(known)]
            if len(new):
                fits[t] = fit(t, np.concatenate([known, new]))
                grown.append(t)
        active = grown
        if not active:
            break
    return _join(fits)


def fit_oracle(
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    rows: NDArray[np.integer],
    traits: Sequence[Trait],
    *,
    device: str = "cpu",
) -> PairFit:
    """Fit the true loci and the true pairs of each trait: the ceiling of all models that must estimate
    effects.

    Ridge with the true ratio of the variances of effects and the penalty of the smallest
    leave-one-out error. With many individuals and little noise this is least squares, and otherwise
    still the best. Arguments are those of `fit_pairs`, and `traits` in the order of phenotypes.

    Raises ValueError for fewer than 2 rows, phenotypes of another length or not finite, another
    number of traits, and traits of other markers.
    """
    check_genotypes(genotypes)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    checks.require(
        len(traits) == phenotypes.shape[1],
        f"traits must be {phenotypes.shape[1]}, one a column of phenotypes, got {len(traits)}",
    )
    for t, trait in enumerate(traits):
        checks.instance(f"traits[{t}]", trait, Trait, "a Trait")
        checks.rows(f"traits[{t}].qtl", trait.qtl, genotypes.n_markers)
    fits = []
    for trait, y in zip(traits, phenotypes.T, strict=True):
        weight = float(pair_effect_sd(trait.rel_aa, len(trait.qtl), len(trait.pairs)))
        fits.append(_fit(genotypes, y, rows, trait.qtl, trait.pairs, weight, device))
    return _join(fits)


def precision_and_recall(
    pairs: Sequence[NDArray[np.integer]], traits: Sequence[Trait]
) -> dict[str, NDArray]:
    """Return how good a selection of pairs is, given the true architecture, each value (n_traits,).

    n_pairs: pairs kept. pair_precision: the share of these that interact, NaN if none is kept.
    pair_recall: the share kept of the pairs that interact. pair_variance_recall: the share of the
    sum of their squared effects, which weighs a pair by its variance. Both recalls are NaN for a
    trait without interaction.

    Raises ValueError if the numbers of traits differ.
    """
    checks.require(
        len(pairs) == len(traits),
        f"pairs must have one entry per trait, {len(traits)}, got {len(pairs)}",
    )
    table = []
    for kept, trait in zip(pairs, traits, strict=True):
        real = trait.pair_effects != 0
        true, squares = _keys(trait.pairs[real]), trait.pair_effects[real] ** 2
        found = np.isin(true, _keys(kept))
        precision = found.sum() / len(kept) if len(kept) else np.nan
        recalls = (
            (found.mean(), squares[found].sum() / squares.sum()) if len(true) else (np.nan, np.nan)
        )
        table.append((len(kept), precision, *recalls))
    names = "n_pairs", "pair_precision", "pair_recall", "pair_variance_recall"
    return dict(zip(names, map(np.array, zip(*table, strict=True)), strict=True))


def survivors(
    genotypes: Genotypes,
    residuals: NDArray[np.float64],
    rows: NDArray[np.integer],
    device: str = "cpu",
) -> list[NDArray[np.int64]]:
    """Return the pairs of each trait that survive false discovery control among all pairs, the
    strongest first.

    residuals: (len(rows), n_traits). Raises ValueError for another shape and fewer than 5 rows.
    """
    residuals = checks.matrix("residuals", residuals, rows=len(rows))
    rows = searched_rows(genotypes, rows)
    freedom = len(rows) - 4
    n_tests = genotypes.n_markers * (genotypes.n_markers - 1) // 2
    # a pair with p above LEVEL survives in no case
    least = scipy.stats.t.isf(LEVEL / 2, freedom)
    found, kept = [], []
    for first, strip in interaction_statistics(genotypes, residuals, rows, device):
        strip = np.triu(np.abs(strip), k=1)
        trait, one, other = np.nonzero(strip > least)
        found.append([trait, one + first, other + first, strip[trait, one, other]])
    traits, ones, others, statistics = np.concatenate(found, axis=1)
    for t in range(residuals.shape[1]):
        own = np.flatnonzero(traits == t)
        own = own[np.argsort(-statistics[own], kind="stable")]
        p = 2 * scipy.stats.t.sf(statistics[own], freedom)
        # Benjamini and Hochberg's line
        below = np.flatnonzero(p <= LEVEL * np.arange(1, len(p) + 1) / n_tests)
        own = own[: below[-1] + 1 if len(below) else 0]
        kept.append(np.stack([ones[own], others[own]], axis=1).astype(np.int64))
    return kept


def interaction_statistics(
    genotypes: Genotypes,
    residuals: NDArray[np.float64],
    rows: NDArray[np.integer],
    device: str = "cpu",
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield t statistics of pairs, strip by strip: the first marker f, and (n_traits, width,
    n_markers - f).

    Entry [t, j, k] belongs to the pair (f + j, f + k): the t of e in the least-squares regression
    of the residual of trait t on 1, x_j, x_k and x_j x_k, with len(rows) - 4 degrees of freedom.
    The entry is 0 if a marker is paired with itself, or if the four columns are not independent:
    one of the four genotypes of two haploid loci is absent, or two markers are the same.

    With alleles 0 and 1 the regression has one parameter per genotype. All it needs are counts and
    sums of the four genotypes: for all pairs, the products G'G and G'diag(r)G of alleles. With
    other shares the regression needs the moments of the codes up to x_j^2 x_k^2.

    Raises ValueError for residuals of another shape and fewer than 5 rows.
    """
    residuals = checks.matrix("residuals", residuals, rows=len(rows))
    rows = searched_rows(genotypes, rows)
    strips = (_from_four_sums if genotypes.whole else _from_moments)(
        genotypes.on(device), torch.as_tensor(rows, device=device), residuals
    )
    yield from zip(range(0, genotypes.n_markers, STRIP), strips, strict=True)


def _from_four_sums(
    genotypes: DeviceGenotypes, samples: Tensor, residuals: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield the statistics of each strip from counts and sums of the four genotypes of alleles 0 and
    1.
    """
    ones = np.ones(len(samples))  # a count is a sum of ones
    weights = torch.as_tensor(np.vstack([ones, residuals.T]), device=samples.device)
    squares = (residuals**2).sum(axis=0)
    for first in range(0, genotypes.n_markers, STRIP):
        n, *sums = _four_sums(genotypes, samples, weights, first)
        yield np.stack(list(map(partial(_interaction_t, n), sums, squares)))


def _four_sums(
    genotypes: DeviceGenotypes, samples: Tensor, weights: Tensor, first: int
) -> NDArray[np.float64]:
    """Return sums of weights over individuals of genotypes 11, 10, 01 and 00 of pairs of a strip's
    markers and later ones.

    weights: (n_weights, len(samples)). The sums are (n_weights, 4, width, n_markers - first).
    """
    n_later = genotypes.n_markers - first
    width = min(STRIP, n_later)
    both = weights.new_zeros(len(weights), width, n_later)
    ones = weights.new_zeros(len(weights), n_later)
    for part in row_blocks(len(samples), genotypes.n_markers):
        alleles = genotypes.block(samples[part])[:, first:]
        for w, weight in enumerate(weights[:, part].float()):
            weighted = alleles * weight[:, None]
            ones[w] += weighted.sum(dim=0)
            both[w] += alleles[:, :width].T @ weighted
    one, other = ones[:, :width, None], ones[:, None, :]
    total = weights.sum(dim=1)[:, None, None]
    return (
        torch.stack([both, one - both, other - both, total - one - other + both], dim=1)
        .cpu()
        .numpy()
    )


def _interaction_t(
    n: NDArray[np.float64], s: NDArray[np.float64], square: float
) -> NDArray[np.float64]:
    """Return t of x_j x_k from counts n and sums s of the four genotypes (4, ...), and the sum of
    squares of all.
    """
    n_samples = n[:, 0, 0].sum()
    counted = np.maximum(n, 1)
    within = square - (s**2 / counted).sum(axis=0)
    # where the pair is all there is: not below rounding
    within = np.maximum(within, np.finfo(np.float32).eps * square)
    contrast = np.tensordot([1, -1, -1, 1], s / counted, axes=1)
    error = np.sqrt(within / (n_samples - 4) * (1 / counted).sum(axis=0))
    return np.divide(
        contrast, error, out=np.zeros_like(contrast), where=(n > 0).all(axis=0) & (error > 0)
    )


def _from_moments(
    genotypes: DeviceGenotypes, samples: Tensor, residuals: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield the statistics of each strip from the moments of any codes."""
    y = torch.as_tensor(residuals - residuals.mean(axis=0), device=samples.device)
    parts = list(row_blocks(len(samples), genotypes.n_markers))
    mean = sum(genotypes.block(samples[part]).double().sum(dim=0) for part in parts) / len(samples)
    for first in range(0, genotypes.n_markers, STRIP):
        width = min(STRIP, genotypes.n_markers - first)
        products, singles = 0, 0
        for part in parts:
            x = 2 * (genotypes.block(samples[part]).double() - mean)[:, first:]
            left, squares = x[:, :width], x**2
            factors = [(left, x), (left**2, x), (left, squares), (left**2, squares)]
            factors += zip(left * y[part].T[:, :, None], [x] * y.shape[1], strict=True)
            products = products + torch.stack([one.T @ other for one, other in factors])
            singles = singles + torch.vstack([squares.sum(dim=0), y[part].T @ x])
        yield (
            _partial_t(products, singles, width, (y**2).sum(dim=0).tolist(), len(samples))
            .cpu()
            .numpy()
        )


def _partial_t(
    products: Tensor, singles: Tensor, width: int, totals: list[float], n_samples: int
) -> Tensor:
    """Return t of x_j x_k (n_traits, width, later markers) in the regression on 1, x_j, x_k and x_j
    x_k.

    All codes and residuals y sum to 0. products: sums over individuals of x_j x_k, x_j^2 x_k, x_j
    x_k^2, x_j^2 x_k^2 and, for each trait, y x_j x_k. singles: of x_k^2 and, for each trait, y x_k.
    totals: of y^2.
    """
    jk, jjk, jkk, jjkk, *with_y = products
    jj, kk = singles[0, :width, None], singles[0]
    determinant = jj * kk - jk**2
    # not two markers that are the same, or one that does not vary
    independent = determinant > 1e-8 * jj * kk

    def unexplained(inner: Tensor, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Return what is left of an inner product of two columns, whose sums with x_j and x_k are a
        and b.
        """
        explained = kk * a[0] * b[0] - jk * (a[0] * b[1] + a[1] * b[0]) + jj * a[1] * b[1]
        return inner - torch.where(independent, explained / determinant, 0)

    z = jjk, jkk
    zz = unexplained(jjkk - jk**2 / n_samples, z, z)
    independent = independent & (zz > 1e-8 * jjkk)
    statistics = []
    for zy, sums, total in zip(with_y, singles[1:], totals, strict=True):
        y = sums[:width, None], sums
        left = unexplained(zy, z, y)
        error = unexplained(torch.as_tensor(total, device=zz.device), y, y) - left**2 / zz
        # where the pair is all there is
        error = error.clamp(min=torch.finfo(torch.float32).eps * total)
        t = left / (zz * error / (n_samples - 4)).sqrt()
        statistics.append(torch.where(independent & (error > 0), t, 0))
    return torch.stack(statistics)


@dataclass(frozen=True)
class Design:
    """Some markers and some pairs as genotypes. A pair's share is weight (1 + x_j x_k) / 2."""

    genotypes: Genotypes | DeviceGenotypes
    markers: Tensor
    pairs: Tensor
    weight: float

    @property
    def n_samples(self) -> int:
        """The number of individuals."""
        return self.genotypes.n_samples

    @property
    def n_markers(self) -> int:
        """The number of columns."""
        return len(self.markers) + len(self.pairs)

    @property
    def device(self) -> torch.device:
        """Where the columns are made."""
        return self.markers.device

    @property
    def whole(self) -> bool:
        """Whether single precision holds all shares exactly, a pair's if its weight is a power of
        2.
        """
        return self.genotypes.whole and math.frexp(self.weight)[0] == 0.5

    def on(self, device: torch.device | str) -> "Design":
        """Return the same columns on a torch device."""
        return Design(
            self.genotypes.on(device), self.markers.to(device), self.pairs.to(device), self.weight
        )

    def block(self, rows: Tensor) -> Tensor:
        """Return the shares (len(rows), n_markers) of some individuals, for a design on a device."""
        shares = self.genotypes.block(rows)
        one, other = self.pairs.T
        codes = 2 * (shares - self.genotypes.centre)
        return torch.hstack(
            [shares[:, self.markers], self.weight / 2 * (1 + codes[:, one] * codes[:, other])]
        )


def _fit(
    genotypes: Genotypes,
    phenotype: NDArray[np.float64],
    rows: NDArray[np.integer],
    markers: NDArray[np.integer],
    pairs: NDArray[np.int64],
    weight: float,
    device: str,
) -> PairFit:
    """Fit some markers and some pairs to one trait."""
    design = Design(genotypes, torch.as_tensor(markers), torch.as_tensor(pairs), weight)
    ridge = fit_ridge(design, phenotype[:, None], rows, device=device)
    effects = ridge.effects / 2  # a share is centre + x / 2, a pair's is weight (1 + x_j x_k) / 2
    effects[len(markers) :] *= weight
    additive = np.zeros((genotypes.n_markers, 1))
    additive[markers] = effects[: len(markers)]
    centre = np.broadcast_to(np.float64(genotypes.centre), genotypes.n_markers)[markers]
    intercepts = (
        ridge.intercepts + 2 * centre @ effects[: len(markers)] + effects[len(markers) :].sum()
    )
    return PairFit(additive, (pairs,), (effects[len(markers) :, 0],), intercepts, genotypes.centre)


def searched_rows(genotypes: Genotypes, rows: ArrayLike) -> NDArray[np.int64]:
    """Return the individuals of a search for pairs, or raise ValueError as `fit_pairs` does."""
    check_genotypes(genotypes)
    checks.integer("genotypes.n_markers", genotypes.n_markers, minimum=2)
    return checks.rows("rows", rows, genotypes.n_samples, minimum=5)


def _join(fits: Sequence[PairFit]) -> PairFit:
    own = attrgetter("additive_effects", "pairs", "pair_effects", "intercepts")
    additive, pairs, effects, intercepts = zip(*map(own, fits), strict=True)
    return PairFit(
        additive_effects=np.hstack(additive),
        pairs=sum(pairs, ()),
        pair_effects=sum(effects, ()),
        intercepts=np.concatenate(intercepts),
        centre=fits[0].centre,
    )


def _keys(pairs: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return one number per pair, the same whichever marker comes first."""
    return np.sort(pairs, axis=1) @ np.array([2**32, 1])
