"""Make the example of the notebook own_data: `python book/make_example.py FOLDER`.

Four populations that split from one come from a coalescent simulator, msprime, so that the
genotypes have linkage disequilibrium, structure and rare alleles as real ones do. The traits are
ours, with QTL and effects in truth.csv.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import msprime
import numpy as np
import pandas as pd

from epidl.cohorts.genotypes import MISSING, Dosages
from epidl.cohorts.simulate import Cohort, simulate_on
from epidl.own.genotype_files import MARKER_COLUMNS, GenotypeFile, write_plink

SEED = 7
POPULATIONS = ("north", "east", "south", "west")
N_EACH = 150  # diploid individuals of each population
N_CHROMOSOMES, LENGTH, N_MARKERS = 3, 2_000_000, 150  # base pairs and markers of each chromosome
RATE = 1e-7  # of recombination and of mutation, by base pair and generation
N_E, SPLIT = 500, 150  # individuals of each population, generations since they split
N_QTL, REL_AA, H2 = 20, 1.0, 0.8
MISSING_SHARE = 0.01


def main(folder: Path) -> None:
    """Write example.bed, .bim and .fam, phenotypes.csv, truth.csv and provenance.json."""
    rng = np.random.default_rng(SEED)
    counts, markers = draw_genotypes(rng)
    cohort = simulate_on(
        Dosages.from_counts(counts, 2),
        n_qtl=N_QTL,
        rel_aa=[REL_AA],
        broad_sense_heritability=H2,
        seed=SEED,
    )
    names = np.array(
        [f"{population}_{k + 1:03d}" for population in POPULATIONS for k in range(N_EACH)]
    )
    phenotypes = draw_phenotypes(names, cohort, rng)
    observed = np.where(rng.random(counts.shape) < MISSING_SHARE, MISSING, counts).astype(np.int8)
    write_plink(folder / "example", GenotypeFile(names, markers, observed, 2))
    phenotypes.to_csv(folder / "phenotypes.csv", index=False, float_format="%.4f")
    truth(cohort, markers).to_csv(folder / "truth.csv", index=False, float_format="%.6f")
    settings = {
        name.lower(): value
        for name, value in globals().items()
        if name.isupper() and name != "MISSING"
    }
    versions = {package: version(package) for package in ("msprime", "numpy", "bed-reader")}
    kept = {
        name: value for name, value in settings.items() if isinstance(value, (int, float, tuple))
    }
    (folder / "provenance.json").write_text(
        json.dumps({"settings": kept, "versions": versions}, indent=1) + "\n"
    )


def draw_genotypes(rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Return counts (individuals, markers) and the table of markers, a random choice of those with
    common alleles.
    """
    demography = msprime.Demography()
    for name in POPULATIONS:
        demography.add_population(name=name, initial_size=N_E)
    demography.add_population(name="ancestors", initial_size=2 * N_E)
    demography.add_population_split(time=SPLIT, derived=list(POPULATIONS), ancestral="ancestors")
    counts, tables = [], []
    for chromosome in range(1, N_CHROMOSOMES + 1):
        trees = msprime.sim_ancestry(
            dict.fromkeys(POPULATIONS, N_EACH),
            demography=demography,
            sequence_length=LENGTH,
            recombination_rate=RATE,
            random_seed=SEED + chromosome,
        )
        trees = msprime.sim_mutations(
            trees, rate=RATE, model=msprime.BinaryMutationModel(), random_seed=SEED + chromosome
        )
        copies = trees.genotype_matrix().reshape(trees.num_sites, -1, 2).sum(axis=2)
        frequency = copies.mean(axis=1) / 2
        common = np.flatnonzero((frequency > 0.03) & (frequency < 0.97))
        chosen = np.sort(rng.choice(common, N_MARKERS, replace=False))
        position = trees.tables.sites.position[chosen].astype(int) + 1
        counts.append(copies[chosen].T.astype(np.int8))
        tables.append(
            pd.DataFrame({"marker": [f"m{chromosome}_{p}" for p in position], "position": position})
        )
    markers = pd.concat(
        [table.assign(chromosome=str(k)) for k, table in enumerate(tables, start=1)],
        ignore_index=True,
    ).assign(counted_allele="G", other_allele="A")
    return np.concatenate(counts, axis=1), markers[MARKER_COLUMNS]


def draw_phenotypes(names: np.ndarray, cohort: Cohort, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table: a trait with effects of sex and year, a binary one, some values and rows
    missing.
    """
    n = len(names)
    sex, year = rng.choice(["female", "male"], n), rng.integers(2015, 2025, n)
    height = 120 + 8 * cohort.phenotypes[:, 0] + 5 * (sex == "male") + 0.5 * (year - 2015)
    table = pd.DataFrame(
        {
            "sample_id": names,
            "population": np.repeat(POPULATIONS, N_EACH),
            "year": year,
            "sex": sex,
            "height": np.where(rng.random(n) < 0.02, np.nan, height),
            "resistant": (cohort.phenotypes[:, 0] + rng.normal(size=n) > 0).astype(int),
        }
    )
    strangers = table.tail(3).assign(sample_id=["not_typed_1", "not_typed_2", "not_typed_3"])
    return pd.concat(
        [table.drop(index=rng.choice(n, 5, replace=False)), strangers], ignore_index=True
    )


def truth(cohort: Cohort, markers: pd.DataFrame) -> pd.DataFrame:
    """Return the QTL with their additive effects, partners and effects of pairs, in units of the
    genetic sd.
    """
    (trait,) = cohort.traits
    partner = np.empty(len(markers), dtype=int)
    effect = np.empty(len(markers))
    for one, other in (trait.pairs.T, trait.pairs.T[::-1]):
        partner[one], effect[one] = other, trait.pair_effects
    return pd.DataFrame(
        {
            "marker": markers["marker"].to_numpy()[trait.qtl],
            "additive_effect": trait.additive_effects,
            "partner": markers["marker"].to_numpy()[partner[trait.qtl]],
            "pair_effect": effect[trait.qtl],
        }
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
