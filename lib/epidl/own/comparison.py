"""Your own cohort: which model predicts its trait best, by how much, and is that more than chance?

Every model trains on the same individuals and is scored on the same others, many times. Kinds of
splits ask different questions. `random` asks about an individual like those that trained. Close
relatives may be among them, which flatters every model. `family` asks about a group that no model
has seen, `folds` the same with several groups at a time, and `forward` about a later time.

Fixed effects, an intercept and covariates, are estimated on the training individuals by least
squares and subtracted. Genotypes predict the rest. A quantitative trait is scored by Pearson's r
between that prediction and the trait minus its fixed effects. A binary trait is scored by the area
under the ROC curve (AUC) of prediction plus fixed effects. All estimates come from the training
individuals alone, including the means that fill missing genotypes.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import scipy.special
from numpy.typing import ArrayLike, NDArray

from epidl import checks, seeds
from epidl.cohorts.genotypes import Dosages
from epidl.cohorts.splits import BATCH_SIZE, Split, random_split
from epidl.devices import MOST_THREADS, one_cell_threads, resolve_device
from epidl.models import recipes
from epidl.models.task import Task, pearson_r
from epidl.own.registry import LEAST_TEST

SplitKind = Literal["random", "family", "folds", "forward"]

LEAST_SAMPLES = 40  # of a cohort: a split of fewer says nothing
MOST_FOLDS = 10  # of groups that are tested together
FORWARD_SHARES = (0.55, 0.70, 0.85)  # of individuals, in order of time, that train
MOST_SPLITS = 1000  # random ones: all are drawn first, and an interval gets no narrower by more
HIDDEN_WIDTH = 512  # of the MLP
LEAST_SPREAD = 1e-9  # of a trait, a share of its size: what varies less is lost in rounding
ROUNDING = 1e-9  # a difference of scores that is none
# a trait's range: squares of less are 0 in double precision, and of more infinite
SQUARED = 1e-150, 1e150
# individuals that estimate variance components: enough, and quick where markers are many
FEW_REML_ROWS = 2000
REML = ("reml_additive", "reml_epistatic")  # shares of the variance that the kernel's fit estimates
MODELS = {name: model for name, model in recipes.MODELS.items() if model.own_data}


@dataclass(frozen=True)
class Observed:
    """A cohort to compare models on.

    genotypes: of n individuals. phenotypes: (n,), 0 and 1 for a binary trait. design: (n, k)
    covariates without an intercept, k may be 0. groups: (n,) labels of families, or None. times:
    (n,) numbers, or None.
    """

    genotypes: Dosages
    phenotypes: NDArray[np.float64]
    binary: bool
    design: NDArray[np.float64]
    groups: NDArray | None = None
    times: NDArray[np.float64] | None = None


def observe(
    genotypes: Dosages,
    phenotypes: ArrayLike,
    design: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    times: ArrayLike | None = None,
) -> Observed:
    """Check what belongs to a cohort and return it. A trait of two values is binary, 0 for the
    lower.

    Raises ValueError for fewer than 40 individuals, phenotypes or covariates that are not finite or
    of another length, a trait that does not vary, or that varies so little for its size, or on such
    a scale, that rounding hides it.
    """
    checks.instance("genotypes", genotypes, Dosages, "Dosages")
    n = checks.integer("genotypes.n_samples", genotypes.n_samples, minimum=LEAST_SAMPLES)
    phenotypes = checks.matrix(
        "phenotypes", checks.floats("phenotypes", phenotypes).reshape(-1, 1), rows=n
    )[:, 0]
    values = np.unique(phenotypes)
    if len(values) < 2:
        raise ValueError(f"phenotypes must vary, all {n} are {values[0]:g}")
    if len(values) == 2:
        phenotypes = (phenotypes == values[1]).astype(float)
    _check_scale(phenotypes)
    design = checks.array("design", [] if design is None else design)
    design = checks.matrix("design", design, rows=n) if design.size else np.empty((n, 0))
    for name, labels in (("groups", groups), ("times", times)):
        if labels is not None and checks.array(name, labels).shape != (n,):
            raise ValueError(
                f"{name} must have {n} values, one an individual, got shape {np.shape(labels)}"
            )
    times = (
        None
        if times is None
        else checks.matrix("times", checks.floats("times", times).reshape(-1, 1), rows=n)[:, 0]
    )
    groups = None if groups is None else np.asarray(groups)
    return Observed(genotypes, phenotypes, len(values) == 2, design, groups, times)


def _check_scale(phenotypes: NDArray[np.float64]) -> None:
    """Raise ValueError if double precision loses the differences between individuals, or their
    squares.
    """
    low, high = float(phenotypes.min()), float(phenotypes.max())
    if not SQUARED[0] <= high - low <= SQUARED[1]:
        raise ValueError(
            f"phenotypes must have a range from {SQUARED[0]:g} to {SQUARED[1]:g}, got {low:g} to {high:g}: squares are "
            "lost on this scale. Give the trait in another unit"
        )
    _check_spread(phenotypes.std(), max(abs(low), abs(high)))


def _check_spread(spread: float, size: float) -> None:
    if not spread > LEAST_SPREAD * size:
        raise ValueError(
            f"phenotypes must have a standard deviation above {LEAST_SPREAD:g} of their largest value, {size:g}, got "
            f"{spread:g}: what varies is lost in rounding. Subtract a constant from the trait, such as its mean, "
            "or leave out outliers"
        )


# --- Splits --------------------------------------------------------------------------------------------------------


def make_splits(
    cohort: Observed, kind: SplitKind, n_splits: int, seed: int
) -> list[tuple[str, Split]]:
    """Return named splits of one kind. A random 15% of the training individuals decide when a
    network's training stops.

    A split does not depend on how many are drawn after it.

    random: `n_splits` draws of 85% that train. family: each group of at least `LEAST_TEST`
    individuals is the test split once. Smaller groups are gathered, whole, into at most
    `MOST_FOLDS` test splits of at least that size. folds: all groups are gathered like this.
    forward: the first 55, 70 and 85% by time train, and those until the next cut are tested.
    Individuals of the same time stay together. If times are too few, the last two periods are
    tested.

    Raises ValueError for an unknown kind, more than `MOST_SPLITS` random ones, groups or times that
    the cohort lacks or that make fewer than 2 splits.
    """
    rng, n = seeds.generator(seed, "splits", kind), cohort.genotypes.n_samples
    if kind == "random":
        n_splits = checks.integer("n_splits", n_splits, minimum=1, maximum=MOST_SPLITS)
        tests = {f"draw {k + 1}": random_split(n, rng) for k in range(n_splits)}
    elif kind == "family":
        tests = _by_family(cohort.groups)
    elif kind == "folds":
        tests = _by_family(cohort.groups, alone=False)
    elif kind == "forward":
        tests = _by_time(cohort.times)
    else:
        raise ValueError(
            f"kind of splits must be of {', '.join(SplitKind.__args__)}, got {checks.shown(kind)}"
        )
    return [
        (name, _with_validation(*rows, seeds.generator(seed, "validation", kind, name)))
        for name, rows in tests.items()
    ]


def draws(cohort: Observed, n_train: int, n_draws: int, seed: int) -> list[tuple[str, Split]]:
    """Return named splits for a learning curve: a fixed half of the individuals is tested, and
    `n_train` of the others train.

    A draw of more individuals holds that of fewer. Networks validate as in `make_splits`.

    Raises ValueError for fewer than `LEAST_TEST` or more than half of the individuals, and fewer
    than one draw.
    """
    half = cohort.genotypes.n_samples // 2
    n_train = checks.integer("n_train", n_train, minimum=LEAST_TEST, maximum=half)
    n_draws = checks.integer("n_draws", n_draws, minimum=1, maximum=MOST_SPLITS)
    order = seeds.generator(seed, "halves").permutation(cohort.genotypes.n_samples)
    test, found = np.sort(order[half:]), []
    for number in range(1, n_draws + 1):
        drawn = seeds.generator(seed, "draw", number).permutation(order[:half])[:n_train]
        rng = seeds.generator(seed, "validation", number)
        found.append((f"draw {number}", _with_validation(np.sort(drawn), test, rng)))
    return found


def _by_family(groups: NDArray | None, alone: bool = True) -> dict[str, tuple[NDArray, NDArray]]:
    """Return the rows that train and test. alone: whether groups that are large enough are tested
    alone.
    """
    if groups is None:
        raise ValueError(
            "group must name a column of the phenotype table for splits by group, got none"
        )
    least = LEAST_TEST if alone else np.inf
    names, sizes = np.unique(groups, return_counts=True)
    rest = len(groups) - 2 * LEAST_TEST
    tests = {f"{name}": groups == name for name in names[(sizes >= least) & (sizes <= rest)]}
    folds = _gathered(groups, names[sizes < least])
    tests |= {f"fold {k}": rows for k, rows in enumerate(folds, start=1) if rows.sum() <= rest}
    if len(tests) < 2:
        raise ValueError(
            f"group must have at least 2 groups of at least {LEAST_TEST} individuals, or small ones that make as many "
            f"together, got {len(tests)} among {len(names)} groups"
        )
    return {name: (np.flatnonzero(~rows), np.flatnonzero(rows)) for name, rows in tests.items()}


def _gathered(groups: NDArray, small: NDArray) -> list[NDArray[np.bool_]]:
    """Return test splits of at least `LEAST_TEST` individuals, each of whole small groups."""
    # late: whatever draws a figure imports this module
    from sklearn.model_selection import GroupKFold

    rows = np.flatnonzero(np.isin(groups, small))
    for n_folds in range(min(MOST_FOLDS, len(small), len(rows) // LEAST_TEST), 1, -1):
        folds = [rows[test] for _, test in GroupKFold(n_folds).split(rows, groups=groups[rows])]
        if min(map(len, folds)) >= LEAST_TEST:
            return [np.isin(np.arange(len(groups)), fold) for fold in folds]
    return [np.isin(groups, small)] if len(rows) >= LEAST_TEST else []


def _by_time(times: NDArray | None) -> dict[str, tuple[NDArray, NDArray]]:
    if times is None:
        raise ValueError(
            "time must name a column of the phenotype table for forward splits, got none"
        )
    cuts = [*np.unique(np.quantile(times, FORWARD_SHARES, method="lower")), times.max()]
    splits = _until(times, cuts)
    if len(splits) < 2:  # few times, between which these cuts fall together
        splits = _until(times, _last_periods(times))
    if len(splits) < 2:
        raise ValueError(
            f"time must tell at least 3 periods of at least {LEAST_TEST} individuals apart, got "
            f"{len(np.unique(times))} different times"
        )
    return splits


def _until(times: NDArray, cuts: list[float]) -> dict[str, tuple[NDArray, NDArray]]:
    """Return the rows until each cut, which train, and those from there until the next."""
    splits = {}
    for cut, until in itertools.pairwise(cuts):
        train, test = np.flatnonzero(times <= cut), np.flatnonzero((times > cut) & (times <= until))
        if min(len(train) / 2, len(test)) >= LEAST_TEST:
            splits[f"after {cut}".removesuffix(".0")] = train, test  # all digits: a name a cut
    return splits


def _last_periods(times: NDArray) -> list[float]:
    """Return the cuts before the last two periods of at least `LEAST_TEST` individuals, and the end."""
    cuts = [times.max()]
    for cut in np.unique(times)[::-1]:
        if ((times > cut) & (times <= cuts[0])).sum() >= LEAST_TEST:
            cuts.insert(0, cut)
    return cuts[-3:]


def _with_validation(train: NDArray, test: NDArray, rng: np.random.Generator) -> Split:
    fit, validation = random_split(len(train), rng)
    return Split(train[fit], train[validation], test)


# --- Comparison ----------------------------------------------------------------------------------------------------


def compare(
    cohort: Observed,
    *,
    models: Sequence[str] = ("ridge", "kernel", "pairs", "mlp"),
    splits: Sequence[SplitKind] = ("random",),
    n_splits: int = 10,
    hidden_width: int = HIDDEN_WIDTH,
    device: str = "auto",
    n_threads: int = 1,
    seed: int = 1,
) -> pd.DataFrame:
    """Fit and score every model on every split, and return one row per split and model.

    n_threads: of the CPU. More pay if individuals and markers are many and nothing else runs.

    Columns: split_kind, split (its name), replicate (its number), model, n_train, n_test, n_imputed
    (missing genotypes of the training and test individuals, filled by the training mean), n_unseen
    (test individuals with a level of a covariate that no training individual has), pearson_r (of a
    quantitative trait), r_within (the same for deviations from the means of groups, if there are
    groups), explained (1 - SSE/SST among the test individuals), auc (of a binary trait), fixed_auc
    (the same for the fixed effects alone), seconds, and status: scored, diverged, or constant if
    all test individuals are alike or predicted alike. ridge must be among the models, since the
    others are compared with it.

    Raises ValueError for unknown models, ridge missing, more markers than a model takes
    (`recipes`), a hidden_width, n_threads or n_splits below 1, what `make_splits` refuses, and a
    trait that, beyond the covariates, is constant in a training split or in all test splits of a
    kind. All is checked before any fit.
    """
    options = {"hidden_width": hidden_width, "device": device, "n_threads": n_threads, "seed": seed}
    plans = check_options(cohort, models=models, splits=splits, n_splits=n_splits, **options)
    device = resolve_device(device)
    rows = []
    with one_cell_threads(n_threads):
        for kind, named in plans.items():
            for number, (name, split) in enumerate(named, start=1):
                place = {"split_kind": kind, "split": name, "replicate": number}
                task, *scales = make_task(
                    cohort, split, hidden_width, device, seeds.derive(seed, kind, number)
                )
                rows += [
                    place | {"model": model} | fit_and_score(cohort, task, *scales, model)
                    for model in models
                ]
    return pd.DataFrame(rows)


def check_options(
    cohort: Observed,
    *,
    models: Sequence[str],
    splits: Sequence[SplitKind],
    n_splits: int,
    hidden_width: int,
    device: str,
    n_threads: int,
    seed: int,
) -> dict[str, list[tuple[str, Split]]]:
    """Return the splits of each kind, or raise what `compare` does for the same arguments."""
    checks.instance("cohort", cohort, Observed, "what observe returns")
    _check_models(models, cohort.genotypes.n_markers)
    width = checks.integer("hidden_width", hidden_width, minimum=1)
    # six arrays of single precision: weights, gradient, AdamW's two, the best ones and their copy
    checks.memory("hidden_width", width, 24 * width * (width + 2 * cohort.genotypes.n_markers))
    resolve_device(device)
    checks.integer("seed", seed, minimum=0)
    checks.integer("n_threads", n_threads, minimum=1, maximum=MOST_THREADS)
    checks.integer("n_splits", n_splits, minimum=1, maximum=MOST_SPLITS)
    if not checks.texts("splits", splits):
        raise ValueError(
            "splits must name at least one of random, family, folds and forward, got none"
        )
    plans = {kind: make_splits(cohort, kind, n_splits, seed) for kind in splits}
    for kind, named in plans.items():
        _check_scores(cohort, kind, [split for _, split in named])
    return plans


def _check_scores(cohort: Observed, kind: SplitKind, splits: Sequence[Split]) -> None:
    """Raise ValueError if a split of one kind cannot be trained on, or none of them can be scored."""
    varying = 0
    for split in splits:
        fixed, _ = _fixed_effects(cohort, np.concatenate([split.train, split.validation]))
        scored = cohort.phenotypes if cohort.binary else cohort.phenotypes - fixed
        varying += np.ptp(scored[split.test]) > 0
    if not varying:
        raise ValueError(
            f"phenotypes must vary among the test individuals of a split at least, got 0 such of {len(splits)} {kind} "
            f"splits: {_rarer(cohort.phenotypes)}"
        )


def _check_models(models: Sequence[str], n_markers: int) -> None:
    unknown = [name for name in checks.texts("models", models) if name not in MODELS]
    if unknown:
        raise ValueError(f"models must be of {', '.join(MODELS)}, got {', '.join(unknown)}")
    repeated = sorted(name for name in set(models) if list(models).count(name) > 1)
    if repeated:
        raise ValueError(f"models must name each once, got more than one {', '.join(repeated)}")
    if "ridge" not in models or len(models) < 2:
        raise ValueError(f"models must hold ridge and at least one other, got {', '.join(models)}")
    for name in models:
        most = MODELS[name].most_markers or n_markers
        if n_markers > most:
            raise ValueError(
                f"n_markers must be at most {most:,} for the model {name}, which looks at all pairs, got "
                f"{n_markers:,}: thin the markers, or leave {name} out of models"
            )


def make_task(
    cohort: Observed, split: Split, hidden_width: int, device: str, seed: int
) -> tuple[Task, NDArray[np.float64], float]:
    """Return the task of one split, the fixed part of all individuals, and the scale of the residuals."""
    train = np.concatenate([split.train, split.validation])
    fixed, scale = _fixed_effects(cohort, train)
    residuals = cohort.phenotypes - fixed
    genotypes = cohort.genotypes.trained_on(train)
    task = Task(
        genotypes,
        (residuals / scale)[:, None],
        split,
        seed,
        device,
        hidden_width=hidden_width,
        # the last, smaller batch is left out where there is a whole one (see the ledger)
        drop_ragged_batch=len(split.train) >= BATCH_SIZE,
        reml_rows=FEW_REML_ROWS,
    )
    return task, fixed, scale


def _fixed_effects(
    cohort: Observed, train: NDArray[np.integer]
) -> tuple[NDArray[np.float64], float]:
    """Return the fixed part of all individuals, and the standard deviation of the training
    individuals' residuals.

    Covariates are centred and scaled among the training individuals, and the smallest of all
    effects that fit equally well are taken. A level that no training individual has gets the mean
    of the levels that they have, whatever its name.
    """
    phenotypes = cohort.phenotypes
    if np.ptp(phenotypes[train]) == 0:
        raise ValueError(
            f"phenotypes must vary in every training split, got {phenotypes[train[0]]:g} for all {len(train)} of one: "
            f"{_rarer(phenotypes)}"
        )
    design = cohort.design - cohort.design[train].mean(axis=0)
    design[:, np.ptp(cohort.design[train], axis=0) == 0] = 0
    design /= np.maximum(np.abs(design[train]).max(axis=0, initial=0), np.finfo(float).tiny)
    mean = phenotypes[train].mean()
    effects, *_ = np.linalg.lstsq(design[train], phenotypes[train] - mean, rcond=None)
    fixed = mean + design @ effects
    scale, size = (phenotypes - fixed)[train].std(), np.abs(phenotypes).max()
    if not scale > LEAST_SPREAD * size:
        _check_spread(phenotypes[train].std(), size)
        raise ValueError(
            "phenotypes must vary beyond the covariates in every training split: they explain all of it"
        )
    return fixed, float(scale)


def _unseen(
    design: NDArray[np.float64], train: NDArray[np.integer], test: NDArray[np.integer]
) -> int:
    """Return how many test individuals differ in a covariate that is the same for all training
    individuals.
    """
    constant = np.ptp(design[train], axis=0) == 0
    return int((design[np.ix_(test, constant)] != design[train[0], constant]).any(axis=1).sum())


def _rarer(phenotypes: NDArray[np.float64]) -> str:
    commonest = np.unique(phenotypes, return_counts=True)[1].max()
    return f"{len(phenotypes) - commonest} of {len(phenotypes)} individuals have another value than the most common one"


def fit_and_score(
    cohort: Observed, task: Task, fixed: NDArray[np.float64], scale: float, model: str
) -> dict[str, object]:
    """Fit a model to the task of one split, and return its scores, as `compare` has them, and the
    shares of variance if it estimates them by REML.
    """
    started = time.perf_counter()
    prediction = MODELS[model].predict(task)
    ((_, predicted),) = prediction.parts
    predicted = predicted[:, 0]
    seconds = time.perf_counter() - started
    test = task.split.test
    usable = np.isfinite(predicted).all()
    r = within = explained = auc = fixed_auc = np.nan
    if cohort.binary and usable and np.ptp(cohort.phenotypes[test]) > 0:
        # late: whatever draws a figure imports this module
        from sklearn.metrics import roc_auc_score

        risk = fixed[test] + scale * predicted
        auc = roc_auc_score(cohort.phenotypes[test], risk) if np.ptp(risk) > 0 else np.nan
        fixed_auc = roc_auc_score(cohort.phenotypes[test], fixed[test])
    elif not cohort.binary and usable:
        both = np.column_stack([task.phenotypes[test], predicted])
        r = _r(both)
        if cohort.groups is not None:
            within = _r(both - pd.DataFrame(both).groupby(cohort.groups[test]).transform("mean"))
        if np.ptp(both[:, 0]) > 0:
            explained = 1 - ((both[:, 0] - both[:, 1]) ** 2).mean() / both[:, 0].var()
    scored = "scored" if np.isfinite([r, auc]).any() else "constant"
    return {
        "n_train": len(task.all_but_test),
        "n_test": len(test),
        "n_unseen": _unseen(cohort.design, task.all_but_test, test),
        "n_imputed": task.genotypes.n_missing(np.concatenate([task.all_but_test, test])),
        "pearson_r": r,
        "r_within": within,
        "explained": explained,
        "auc": auc,
        "fixed_auc": fixed_auc,
        "seconds": seconds,
        "status": scored if usable else "diverged",
        **{name: float(prediction.columns[name][0]) for name in REML if name in prediction.columns},
    }


def _r(both: ArrayLike) -> float:
    """Return Pearson's r of two columns."""
    both = np.asarray(both)
    return float(pearson_r(both[:, :1], both[:, 1:])[0])


# --- Verdict -------------------------------------------------------------------------------------------------------


def corrected_interval(
    differences: ArrayLike, test_over_train: float, level: float = 0.95
) -> tuple[float, float]:
    """Return a confidence interval of the mean difference over repeated splits of the same
    individuals.

    Splits share individuals, so their differences are not independent and Student's interval is too
    narrow. With J splits and s^2 the variance of the differences, the variance of their mean is
    taken as (1/J + n_test/n_train) s^2, with J - 1 degrees of freedom (Nadeau and Bengio 2003). NaN
    for fewer than two splits.
    """
    differences = np.atleast_1d(checks.floats("differences", differences))
    test_over_train = checks.real("test_over_train", test_over_train, minimum=0)
    level = checks.real("level", level, above=0, maximum=1)
    if len(differences) < 2:
        return np.nan, np.nan
    student = scipy.special.stdtrit(len(differences) - 1, 0.5 + level / 2)
    half = _error(differences, test_over_train) * student
    return float(differences.mean() - half), float(differences.mean() + half)


def corrected_p(differences: ArrayLike, test_over_train: float) -> float:
    """Return the two-sided p value of a mean difference of 0, by the same error as the interval."""
    differences = np.atleast_1d(checks.floats("differences", differences))
    if len(differences) < 2:
        return np.nan
    error = _error(differences, checks.real("test_over_train", test_over_train, minimum=0))
    if error == 0:
        return float(differences.mean() == 0)
    return float(2 * scipy.special.stdtr(len(differences) - 1, -abs(differences.mean()) / error))


def _error(differences: NDArray[np.float64], test_over_train: float) -> float:
    """Return the standard error of the mean difference."""
    return float(np.sqrt((1 / len(differences) + test_over_train) * differences.var(ddof=1)))


def against_ridge(table: pd.DataFrame) -> pd.DataFrame:
    """Return every model's mean score and its difference to ridge with a corrected interval, one
    row per kind and model.

    Columns: splits with a score of the model and ridge, score and difference, their means over
    these, low, high. Intervals are at 95% for all models of a kind of splits together (Bonferroni).
    """
    measure = measure_of(table)
    rows = []
    for kind, part in table.groupby("split_kind", sort=False):
        scores = part.pivot(index="replicate", columns="model", values=measure)
        ratio = (part["n_test"] / part["n_train"]).mean()
        others = [model for model in part["model"].unique() if model != "ridge"]
        ridge = scores["ridge"].dropna()
        rows.append(
            {"split_kind": kind, "model": "ridge", "score": ridge.mean(), "splits": len(ridge)}
        )
        for model in others:
            both = scores[["ridge", model]].dropna()
            differences = both[model] - both["ridge"]
            low, high = corrected_interval(differences, ratio, level=1 - 0.05 / len(others))
            found = {
                "score": both[model].mean(),
                "difference": differences.mean(),
                "low": low,
                "high": high,
            }
            rows.append({"split_kind": kind, "model": model} | found | {"splits": len(both)})
    return pd.DataFrame(rows).set_index(["split_kind", "model"])


def measure_of(table: pd.DataFrame) -> str:
    """Return the column that holds the scores: auc for a binary trait, or pearson_r.

    Raises ValueError if no fit could be scored.
    """
    for name in ("auc", "pearson_r"):
        if table[name].notna().any():
            return name
    raise ValueError(
        "table must hold a score, got none: every fit diverged or predicted all test individuals alike"
    )


def verdict(table: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    """Return a sentence or two for each kind of splits: which model predicts best, by how much, and
    whether that is shown.

    Models are ranked by their differences to ridge, since their means may be over different splits.
    names: what the models are called.
    """
    comparison, measure = against_ridge(table), {"auc": "AUC", "pearson_r": "r"}[measure_of(table)]
    kinds = comparison.index.unique("split_kind")
    return [f"{kind} splits: {_verdict_of(comparison.loc[kind], measure, names)}" for kind in kinds]


def _verdict_of(found: pd.DataFrame, measure: str, names: Mapping[str, str]) -> str:
    others = found["difference"].dropna()  # ridge's own is NaN
    if others.empty:
        return f"no model is scored in a split in which {names['ridge']} is: none can be compared with it here."
    best = found.loc[others.idxmax()]
    if best["difference"] < ROUNDING:
        alike = [names[model] for model in others.index[others.abs() < ROUNDING]]
        where = f", and the best of the others is {-others.max():.3f} below"
        if alike:
            where = f", and so does {' and '.join(alike)}"
        ridge = f"{names['ridge']} predicts best, with a mean {measure} of {found.loc['ridge', 'score']:.3f}"
        return f"{ridge}{where}. Nothing here speaks against ridge."
    start = f"{names[best.name]} predicts best, with a mean {measure} of {best['score']:.3f}"
    against = f"{start}, {best['difference']:+.3f} against ridge's {best['score'] - best['difference']:.3f}"
    shared, most = int(best["splits"]), int(found.loc["ridge", "splits"])
    if shared < most:
        against += f" in the splits in which both are scored, {shared} of {most}"
    if not np.isfinite(best["low"]):
        return f"{against}. One split has no interval: take more."
    shown = (
        "no more than chance may do, so that ridge, the simpler model, stays the choice until more "
        "splits or data show a lead"
    )
    if best["low"] > 0:
        shown = "more than chance"
    return f"{against}, 95 % interval [{best['low']:+.3f}, {best['high']:+.3f}]: {shown}."
