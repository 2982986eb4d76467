"""What several test modules share."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from epidl.simulate import Cohort, simulate

ROOT = Path(__file__).parents[1]
REL_AA = (0, 0.1, 0.5, 1, 3)

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
torch.set_num_threads(1)


def make_cohort(n_samples: int = 300, n_qtl: int = 16, *, seed: int = 1, **changes) -> Cohort:
    """Simulate the publication's five traits, small."""
    arguments = {"rel_aa": REL_AA, "broad_sense_heritability": 0.999} | changes
    return simulate(n_samples=n_samples, n_qtl=n_qtl, seed=seed, **arguments)


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    return make_cohort()
