"""The plain way: what one would write at first with the same libraries, everything dense and in
memory.
"""

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.loop import Plan, train
from epidl.cohorts.simulate import Cohort
from epidl.models.ridge import PENALTIES


def simulate(
    n_samples: int, n_qtl: int, rel_aa: list[float], h2: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return alleles and phenotypes of traits simulated with dense matrices."""
    rng = np.random.default_rng(seed)
    alleles = rng.integers(0, 2, size=(n_samples, n_qtl))
    x = 2.0 * alleles - 1.0
    phenotypes = []
    for ratio in rel_aa:
        first, second = rng.permutation(n_qtl).reshape(-1, 2).T
        pair_effects = rng.normal(size=n_qtl // 2) * 2 * np.sqrt(ratio)
        value = x @ rng.normal(size=n_qtl) + (x[:, first] * x[:, second]) @ pair_effects
        value = (value - value.mean()) / value.std()
        phenotypes.append(value + rng.normal(size=n_samples) * np.sqrt((1 - h2) / h2))
    return alleles, np.stack(phenotypes, axis=1)


def one_hot(alleles: np.ndarray) -> torch.Tensor:
    """Return the float one-hot matrix, two columns per marker."""
    return torch.from_numpy(
        np.stack([1 - alleles, alleles], axis=2).reshape(len(alleles), -1).astype(np.float32)
    )


def fit(
    model: torch.nn.Module, cohort: Cohort, plan: Plan, n_epochs: int, device: str = "cpu"
) -> None:
    """Train a model for some epochs, one-hot matrix included."""
    inputs = one_hot(cohort.genotypes.block(slice(None)))
    outputs = torch.from_numpy(cohort.phenotypes.astype(np.float32))
    n_train = round(0.85 * len(inputs))
    loaders = [
        DataLoader(TensorDataset(inputs[part], outputs[part]), batch_size=128, shuffle=True)
        for part in (slice(None, n_train), slice(n_train, None))
    ]
    train(model, *loaders, plan, n_epochs, device)


def ridge(
    cohort: Cohort, splits: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return r and penalties of ridge (n_splits, n_traits): one RidgeCV for all traits of a split."""
    alleles, r, penalties = cohort.genotypes.block(slice(None)).astype(float), [], []
    for train_rows, test_rows in splits:
        model = RidgeCV(alphas=PENALTIES, alpha_per_target=True).fit(
            alleles[train_rows], cohort.phenotypes[train_rows]
        )
        predicted = model.predict(alleles[test_rows])
        pairs = zip(cohort.phenotypes[test_rows].T, predicted.T, strict=True)
        r.append([np.corrcoef(y, p)[0, 1] for y, p in pairs])
        penalties.append(model.alpha_)
    return np.array(r), np.array(penalties)
