"""What a fit does, for the estimates of costs: operations, bytes, steps, and the memory that it needs."""

import math
import operator
from dataclasses import dataclass
from functools import partial

from epidl.cohorts.genotypes import BLOCK_BYTES
from epidl.cohorts.splits import BATCH_SIZE, TRAIN_SHARE
from epidl.models import gaussian as gaussian_kernel
from epidl.models import kernels
from epidl.models import lasso_path as lasso
from epidl.models import orders as products
from epidl.models import trees as boosted
from epidl.models.ridge import PENALTIES

FILTER_RANK = 25  # what the filters of ridge's penalties need, see `ridge`
FLOAT, DOUBLE = 4, 8  # bytes
N_ROUNDS, N_SWEEPS = 300, 30  # that boosted trees and coordinate descent take, about


@dataclass(frozen=True)
class Machine:
    """A machine's measured rates, on one of its threads or on its GPU.

    products, exact_products: floating-point operations per second of matrix products as training
    takes them, of the shape of a step (in single precision, or TF32 on a GPU), and in double
    precision. bandwidth: bytes per second, read and written, of a large copy. step_overhead:
    seconds of a training step that computes hardly anything. decomposition: seconds of an
    eigendecomposition, divided by the cube of its size. simulation: seconds per individual, marker
    and trait. memory: bytes. overlaps: whether memory moves while products are computed, as on a
    GPU.
    """

    device: str
    products: float
    exact_products: float
    bandwidth: float
    step_overhead: float
    decomposition: float
    simulation: float
    memory: float
    overlaps: bool = False


@dataclass(frozen=True)
class Work:
    """What a fit does: products and exact_products in operations, moved in bytes, steps.
    decomposed: sums of cubes.
    """

    products: float = 0.0
    exact_products: float = 0.0
    moved: float = 0.0
    steps: float = 0.0
    decomposed: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*map(operator.add, vars(self).values(), vars(other).values()))

    def __mul__(self, times: float) -> "Work":
        return Work(*map(partial(operator.mul, times), vars(self).values()))

    def seconds(self, machine: Machine) -> float:
        """Return how long a machine takes."""
        both = self.products / machine.products, self.moved / machine.bandwidth
        return (
            (max(both) if machine.overlaps else sum(both))
            + self.exact_products / machine.exact_products
            + self.steps * machine.step_overhead
            + self.decomposed * machine.decomposition
        )


@dataclass(frozen=True)
class Shape:
    """The sizes that work depends on. n_splits: of ridge. n_pairs: that interact. most_columns: of
    a selection.
    """

    n_samples: int
    n_markers: int
    n_traits: int
    n_qtl: int
    n_pairs: int
    hidden_width: int = 0
    n_splits: int = 1
    most_columns: int = 0


def network_epoch(n_train: int, n_validation: int, n_inputs: int, first: int, rest: int) -> Work:
    """Return the work of an epoch of a network. first, rest: products per individual in its first
    layer and beyond.
    """
    steps = -(-n_train // BATCH_SIZE)
    # bytes a parameter: AdamW reads four arrays and writes three; SGD two and one
    optimizer = 28 if rest else 12
    return Work(
        products=2 * (n_train * (2 * first + 3 * rest) + n_validation * (first + rest)),
        # decoded in bytes
        moved=steps * optimizer * (2 * first + rest) + 20 * (n_train + n_validation) * n_inputs,
        steps=steps + 1,
    )


def linear_layers(n_inputs: int, width: int, n_traits: int) -> tuple[int, int]:
    """Return the products per individual in a linear model's first layer and in later layers, of
    which it has none.
    """
    return n_inputs * n_traits, 0


def mlp_layers(n_inputs: int, width: int, n_traits: int) -> tuple[int, int]:
    """Return the same for the MLP."""
    return n_inputs * width, width**2 + width * n_traits


def skip_mlp_layers(n_inputs: int, width: int, n_traits: int) -> tuple[int, int]:
    """Return the same for one hidden layer with a linear path around it."""
    return n_inputs * (width + n_traits), width * n_traits


def mlp_ensemble_layers(n_inputs: int, width: int, n_traits: int) -> tuple[int, int]:
    """Return the same for a network of middle size among those that are tried."""
    return n_inputs * 128, 128 * (128 + n_traits)


def pair_network_layers(n_inputs: int, width: int, n_traits: int) -> tuple[int, int]:
    """Return the same for multiplicative units."""
    return n_inputs * (n_inputs + 1) * n_traits, n_inputs * n_traits


def ridge(shape: Shape) -> Work:
    """Return the work of exact ridge over some splits of 85% of the individuals."""
    return _ridge(shape.n_samples, shape.n_markers, shape.n_traits, shape.n_splits)


def kernel(shape: Shape) -> Work:
    """Return the work of epistatic BLUP by Cholesky factors, REML included."""
    n_train, n_markers, n_traits = TRAIN_SHARE * shape.n_samples, shape.n_markers, shape.n_traits
    n_reml, n_ratios = min(n_train, kernels.REML_ROWS), 25  # ratios of the variances that are tried
    rank = min(n_markers, n_reml)
    return Work(
        products=2 * n_train**2 * n_markers,
        exact_products=n_traits * n_train**3 / 3 + n_ratios * 2 * n_reml * rank**2,
        moved=(n_traits + 2 / 3) * DOUBLE * n_train**2 * 6,
        # to tridiagonal form, which is a third of an eigendecomposition
        decomposed=(n_reml**3 + n_ratios * rank**3) / 3,
    )


def gaussian(shape: Shape) -> Work:
    """Return the work of Gaussian kernel regression: a decomposition for each bandwidth that is tried,
    then at most as many kernels, and a Cholesky factor for each trait.
    """
    n_train, n_bandwidths = TRAIN_SHARE * shape.n_samples, len(gaussian_kernel.MULTIPLES)
    n_kernels = min(n_bandwidths, shape.n_traits)
    return Work(
        exact_products=n_train**2
        * (2 * n_kernels * shape.n_markers + shape.n_traits * n_train / 3),
        moved=2 * n_kernels * DOUBLE * n_train**2 * 6,
        decomposed=n_bandwidths * min(n_train, gaussian_kernel.LIKELIHOOD_ROWS) ** 3,
    )


def orders(shape: Shape, n_steps: int = 40) -> Work:
    """Return the work of the kernel of products: its kernels, an inverse of V at each step of the
    search for variances, and a Cholesky factor for each trait.
    """
    n_train = TRAIN_SHARE * shape.n_samples
    n_some = min(n_train, gaussian_kernel.LIKELIHOOD_ROWS)
    order = products.MOST_ORDER
    return Work(
        exact_products=2 * order * n_train**2 * shape.n_markers
        + shape.n_traits * (n_train**3 / 3 + n_steps * n_some**3),
        moved=DOUBLE * order * (order * n_train**2 + n_steps * 6 * n_some**2) * shape.n_traits,
    )


def pairs(shape: Shape, n_rounds: int = 10) -> Work:
    """Return the work of sparse regression on pairs: each round tests all pairs and fits ridge again."""
    screening = Work(products=4 * TRAIN_SHARE * shape.n_samples * shape.n_markers**2)
    refit = _ridge(shape.n_samples, 2 * shape.n_markers, 1, 1)
    return (screening + refit) * (n_rounds * shape.n_traits)


def trees(shape: Shape) -> Work:
    """Return the work of boosted trees: histograms of each level's markers, in both fits."""
    levels = math.log2(boosted.SETTINGS["max_leaf_nodes"])
    cells = TRAIN_SHARE * shape.n_samples * shape.n_markers * boosted.SETTINGS["max_features"]
    return Work(moved=2 * N_ROUNDS * levels * cells * 3 * DOUBLE) * shape.n_traits


def lasso_path(shape: Shape) -> Work:
    """Return the work of the LASSO: products and a path of sweeps, for each fold and for the fit."""
    n_train, n_markers = TRAIN_SHARE * shape.n_samples, shape.n_markers
    sweep = 2 * n_markers * min(n_train, n_markers)
    products = 2 * n_train * n_markers**2 * (n_markers < n_train)
    each = Work(exact_products=products, moved=DOUBLE * sweep * N_SWEEPS * 100)
    return each * ((lasso.N_FOLDS + 1) * shape.n_traits)


def lasso_pairs(shape: Shape, n_rounds: int = 5, n_sweeps: int = 2_000) -> Work:
    """Return the work of a LASSO with pairs: each round tests all pairs, and fits the LASSO in each
    fold. n_sweeps: of coordinate descent over all columns, for all penalties and folds together.
    """
    n_train = TRAIN_SHARE * shape.n_samples
    screening = Work(products=4 * n_train * shape.n_markers**2)
    descent = Work(exact_products=4 * n_train * shape.n_markers * n_sweeps)
    return (screening + descent) * (n_rounds * shape.n_traits)


def oracle(shape: Shape) -> Work:
    """Return the work of the oracle: ridge on the true loci and pairs, one trait at a time."""
    n_columns = max(3 * shape.n_markers // 2, shape.n_qtl + shape.n_pairs)
    return _ridge(shape.n_samples, n_columns, 1, 1) * shape.n_traits


def _ridge(n_samples: int, n_markers: int, n_traits: int, n_splits: int) -> Work:
    n_train = TRAIN_SHARE * n_samples
    left_out = (1 - TRAIN_SHARE) * n_samples * n_splits
    by_penalty = Work(
        exact_products=2 * n_train * (FILTER_RANK + len(PENALTIES)) * (n_traits + 1),
        moved=DOUBLE * n_train * len(PENALTIES) * 6 * (n_traits + 1),
    )
    if n_markers <= n_train:
        once = Work(products=2 * n_samples * n_markers**2)
        split = Work(
            exact_products=2 * n_train * n_markers * (n_markers + FILTER_RANK * (n_traits + 1)),
            decomposed=n_markers**3,
        )
        return once + Work(products=2 * left_out * n_markers**2) + (split + by_penalty) * n_splits
    once = Work(products=2 * n_samples**2 * n_markers)
    split = Work(
        exact_products=2 * n_train**2 * FILTER_RANK * (n_traits + 1), decomposed=n_train**3
    )
    return once + (split + by_penalty) * n_splits


def ridge_memory(shape: Shape) -> float:
    """Return the bytes of exact ridge."""
    return _columns_memory(shape, shape.n_markers)


def pairs_memory(shape: Shape) -> float:
    """Return the bytes of ridge on markers and pairs, taking twice the true pairs, more than are
    found.
    """
    return _columns_memory(shape, shape.n_markers + shape.n_qtl)


def lasso_pairs_memory(shape: Shape) -> float:
    """Return the bytes of codes in double precision, and of copies to clump and to cross-validate."""
    return 5 * DOUBLE * shape.n_samples * shape.n_markers


def oracle_memory(shape: Shape) -> float:
    """Return the bytes of ridge on the true loci and pairs."""
    return _columns_memory(shape, shape.n_qtl + shape.n_pairs)


def kernel_memory(shape: Shape) -> float:
    """Return the bytes of epistatic BLUP: REML, and what its weights are solved from."""
    n_train = TRAIN_SHARE * shape.n_samples
    weights = 12 * n_train**2 if n_train <= kernels.EXACT_LIMIT else 3 * DOUBLE * shape.n_markers**2
    return max(20 * min(n_train, kernels.REML_ROWS) ** 2, weights)


def gaussian_memory(shape: Shape) -> float:
    """Return the bytes of Gaussian kernel regression: kernel and factor, or what chooses a bandwidth."""
    n_train = TRAIN_SHARE * shape.n_samples
    return DOUBLE * max(2 * n_train**2, 5 * min(n_train, gaussian_kernel.LIKELIHOOD_ROWS) ** 2)


def orders_memory(shape: Shape) -> float:
    """Return the bytes of the kernel of products."""
    return products.CELL_BYTES * (TRAIN_SHARE * shape.n_samples) ** 2


def trees_memory(shape: Shape) -> float:
    """Return the bytes of boosted trees: dense genotypes and their bins."""
    return boosted.CELL_BYTES * TRAIN_SHARE * shape.n_samples * shape.n_markers


def lasso_path_memory(shape: Shape) -> float:
    """Return the bytes of the LASSO: dense genotypes, those of a fold, and the products."""
    n_train, n_markers = TRAIN_SHARE * shape.n_samples, shape.n_markers
    return DOUBLE * (3 * n_train * n_markers + 2 * min(n_train, n_markers) ** 2)


def _columns_memory(shape: Shape, n_columns: int) -> float:
    """Return the bytes of ridge: products and their decomposition, and columns, all of them if they
    outnumber individuals.
    """
    products = 6 * DOUBLE * min(n_columns, shape.n_samples) ** 2
    if n_columns > TRAIN_SHARE * shape.n_samples:
        return products + FLOAT * shape.n_samples * n_columns
    # of samples; all their markers are decoded
    block = min(shape.n_samples, BLOCK_BYTES // (DOUBLE * n_columns))
    return products + max(2**28, 3 * FLOAT * block * shape.n_markers)
