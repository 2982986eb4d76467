"""The published way, rewritten from its description: what the authors' workflow does to a cohort, step
by step.

Text files are parsed into an HDF5 file with one gzipped group per individual. A DataLoader with
three workers, restarted every epoch, reads it in float one-hot batches. The optimiser is not fused,
and the loss is read back every step. Ridge is one RidgeCV per trait and split.
"""

from pathlib import Path

import h5py
import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch.utils.data import DataLoader, Dataset

from benchmarks.loop import Plan, train
from epidl.cohorts.simulate import Cohort
from epidl.models.ridge import PENALTIES


def write_text(cohort: Cohort, folder: Path) -> None:
    """Write genotypes, one row per marker, and phenotypes, one row per individual, as the
    simulation leaves them.
    """
    individuals = [str(i) for i in range(cohort.genotypes.n_samples)]
    with (folder / "g.txt").open("w") as file:
        file.write(" ".join(["qtl", *individuals]) + "\n")
        for start in range(0, cohort.genotypes.n_markers, 64):
            alleles = cohort.genotypes.block(slice(None))[:, start : start + 64]
            for k, column in enumerate(alleles.T, start=start):
                file.write(f"1_{k + 1} " + " ".join(map(str, column.tolist())) + "\n")
    with (folder / "p.txt").open("w") as file:
        file.write(
            " ".join(["ind", *(f"Trait{t + 1}" for t in range(cohort.phenotypes.shape[1]))]) + "\n"
        )
        for name, values in zip(individuals, cohort.phenotypes, strict=True):
            file.write(" ".join([name, *map(repr, values.tolist())]) + "\n")


def make_files(cohort: Cohort, folder: Path) -> None:
    """Bring a cohort into the form that `fit` reads: text files, then HDF5."""
    write_text(cohort, folder)
    prepare(folder)


def prepare(folder: Path) -> None:
    """Parse the text files and write one HDF5 file for training (85%) and one for testing."""
    one_hot = {"0": [1, 0], "1": [0, 1]}
    rows = [line.split() for line in (folder / "p.txt").read_text().split("\n")[1:-1]]
    phenotypes = [[float(value) for value in row[1:]] for row in rows]
    markers = [line.split() for line in (folder / "g.txt").read_text().split("\n")[1:-1]]
    genotypes = [[one_hot[marker[i]] for marker in markers] for i in range(1, len(rows) + 1)]
    n_train = round(0.85 * len(rows))
    for name, part in (("train", slice(None, n_train)), ("test", slice(n_train, None))):
        with h5py.File(folder / f"{name}.hdf5", "w") as file:
            for row, phenotype, genotype in zip(
                rows[part], phenotypes[part], genotypes[part], strict=True
            ):
                group = file.create_group(f"strains/{row[0]}")
                group.create_dataset("phenotype", data=np.array(phenotype))
                group.create_dataset(
                    "genotype", data=np.array(genotype, np.int8), chunks=True, compression="gzip"
                )


class Individuals(Dataset):
    """The individuals of an HDF5 file, read one at a time."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, None
        with h5py.File(path) as file:
            self._names = list(file["strains"])

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        self._file = self._file or h5py.File(self._path)
        group = self._file["strains"][self._names[number]]
        genotype = torch.tensor(group["genotype"][:], dtype=torch.float32).flatten()
        return genotype, torch.tensor(group["phenotype"][:], dtype=torch.float32)


def fit(model: torch.nn.Module, folder: Path, plan: Plan, n_epochs: int) -> None:
    """Train a model for some epochs."""
    loaders = [
        DataLoader(
            Individuals(folder / f"{name}.hdf5"), batch_size=128, shuffle=True, num_workers=3
        )
        for name in ("train", "test")
    ]
    train(model, *loaders, plan, n_epochs)


def ridge(cohort: Cohort, rng: np.random.Generator, n_splits: int = 10) -> np.ndarray:
    """Return r of ridge (n_traits, n_splits), a RidgeCV for each, on splits drawn anew for each
    trait.
    """
    alleles, n_samples = cohort.genotypes.block(slice(None)), cohort.genotypes.n_samples
    r = np.empty((cohort.phenotypes.shape[1], n_splits))
    for t, y in enumerate(cohort.phenotypes.T):
        for k in range(n_splits):
            train_rows = rng.choice(n_samples, size=int(0.85 * n_samples), replace=False)
            test_rows = np.array([i for i in range(n_samples) if i not in train_rows])
            mean = alleles[train_rows].mean(axis=0)
            model = RidgeCV(alphas=PENALTIES, store_cv_results=True).fit(
                alleles[train_rows] - mean, y[train_rows]
            )
            r[t, k] = np.corrcoef(y[test_rows], (alleles[test_rows] - mean) @ model.coef_)[0, 1]
    return r
