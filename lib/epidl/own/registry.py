"""The registry of public cohorts, public.yml: what each is, and where its files come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

REGISTRY = Path(__file__).with_name("public.yml")
ADDRESS = "https://raw.githubusercontent.com/{repository}/{commit}/{path}"
RANDOM = "random"
LANDSCAPE = "landscape"  # the learning curve
LEAST_TEST = 10  # individuals: a score of fewer says nothing
# kinds of populations, and what they are called
KINDS = {
    "cross": "a cross of two parents",
    "families": "families",
    "lines": "inbred lines",
    "landscape": "all genotypes of a few sites",
}


@dataclass(frozen=True)
class PublicCohort:
    """A row of public.yml. traits: names, each with its covariates. groups: columns of groups.
    folds: a column of published folds, or ''. n_folds: the most folds that groups make. files:
    path, sha256 and, if it is kept under another name, as. kind: of population, of `KINDS`. size:
    individuals and markers that are left. segments: independent segments of these markers.
    """

    name: str
    repository: str
    commit: str
    files: Sequence[Mapping[str, str]]
    licence: str
    citation: str
    about: str
    kind: str
    ploidy: int
    traits: Mapping[str, Sequence[str]]
    size: tuple[int, int]
    segments: int
    groups: Sequence[str] = ()
    folds: str = ""
    n_folds: int = 10

    @property
    def splits(self) -> tuple[str, ...]:
        """All kinds of splits: columns of groups, the first for the headline, random, and published
        folds.
        """
        return (*self.groups, RANDOM, *filter(None, [self.folds]))

    @property
    def hashes(self) -> dict[str, str]:
        """The sha256 of each file by its name."""
        return {self.file_name(file): file["sha256"] for file in self.files}

    def file_name(self, file: Mapping[str, str]) -> str:
        """Return the name under which a file is kept."""
        return file.get("as", Path(file["path"]).name)

    def address(self, file: Mapping[str, str]) -> str:
        """Return where a file comes from."""
        return ADDRESS.format(repository=self.repository, commit=self.commit, path=file["path"])


@cache
def cohorts() -> dict[str, PublicCohort]:
    """Return the registry: each public cohort by its name, the example that ships first."""
    found = {}
    for name, row in yaml.safe_load(REGISTRY.read_text()).items():
        if not isinstance(row["traits"], dict):
            row["traits"] = dict.fromkeys(row["traits"], ())
        found[name] = PublicCohort(name, **row)
    return found


def real_cohorts() -> list[str]:
    """Return the names of the compared cohorts: neither the example, whose traits are simulated,
    nor a learning curve.
    """
    return [name for name, cohort in cohorts().items() if cohort.files and name != LANDSCAPE]
