"""The publication's own simulator, AlphaSimR, through rpy2. R starts only when a cohort is asked
for.

AlphaSimR keeps one bit per locus, as `genotypes.Haplotypes` does, so its bytes are taken as they
are. AlphaSimR numbers pairs within a trait's QTL, and this module returns marker numbers. Versions
2.0.0 to 2.1.0 are refused: if a trait's QTL are only some of the markers, they compute wrong
additive-by-additive values (upstream issue 263). Whatever the version, each cohort is checked
against its own effects.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epidl import checks, seeds
from epidl.cohorts.genotypes import Haplotypes
from epidl.cohorts.simulate import Cohort, Trait, check_cohort, checked_arguments

FIRST_WRONG, LAST_WRONG = (2, 0, 0), (2, 1, 0)
HOW_TO_GET = "conda env create -f environment.yml brings R and rpy2; its first lines say how to add AlphaSimR"

SIMULATE = """
function(n_samples, n_markers, n_qtl, rel_aa, correlation, h2, together, seed) {
  set.seed(seed)
  founders <- AlphaSimR::quickHaplo(nInd = n_samples, nChr = 1L, segSites = n_markers, ploidy = 1L)
  parameters <- AlphaSimR::SimParam$new(founders)
  parameters$nThreads <- 1L
  batches <- if (together) list(seq_along(rel_aa)) else as.list(seq_along(rel_aa))
  for (batch in batches) {
    parameters$addTraitAE(
      n_qtl, mean = rep(0, length(batch)), var = rep(1, length(batch)), relAA = rel_aa[batch],
      corA = correlation[batch, batch, drop = FALSE], useVarA = FALSE
    )
  }
  parameters$setVarE(H2 = rep(h2, length(rel_aa)))
  cohort <- AlphaSimR::newPop(founders, simParam = parameters)
  traits <- lapply(parameters$traits, function(trait) {
    list(qtl = trait@lociLoc, additive = trait@addEff, pairs = trait@epiEff, intercept = trait@intercept)
  })
  list(bytes = as.vector(cohort@geno[[1]]), values = cohort@gv, phenotypes = cohort@pheno, traits = traits)
}
"""


def simulate(
    *,
    n_samples: int,
    n_qtl: int,
    rel_aa: Sequence[float],
    broad_sense_heritability: float,
    seed: int,
    n_markers: int | None = None,
    shared_pairs: bool = False,
    pleiotropy: float | ArrayLike = 0.0,
    all_pairs: bool = False,
) -> Cohort:
    """Simulate a cohort as `simulate.simulate` does, by AlphaSimR, with the same arguments, cohort
    and errors.

    A seed gives the same cohort in one version of R and AlphaSimR, but not the native simulator's.

    Also raises ValueError for all_pairs, which AlphaSimR cannot do, and if the cohort's effects do
    not give its values. Raises ImportError with how to get it if R, rpy2 or AlphaSimR is missing,
    and RuntimeError for a version that computes wrong values.
    """
    n_markers, plan = checked_arguments(
        n_samples,
        n_qtl,
        rel_aa,
        broad_sense_heritability,
        n_markers,
        shared_pairs,
        pleiotropy,
        all_pairs,
    )
    checks.require(
        not all_pairs,
        "all_pairs must be False for the backend alphasimr: it gives each QTL one partner",
    )
    found = _call_r(
        {
            "n_samples": n_samples,
            "n_markers": n_markers,
            "n_qtl": n_qtl,
            "rel_aa": np.asarray(plan.rel_aa, dtype=float),
            "correlation": plan.correlation,
            "h2": float(plan.h2),
            "together": bool(shared_pairs),
            "seed": seeds.derive(seed, "alphasimr") % 2**31,
        }
    )
    # the first locus lowest
    genotypes = Haplotypes.from_bytes(found["bytes"].reshape(n_samples, -1), n_markers)
    traits = tuple(map(trait_of, found["traits"], plan.rel_aa))
    return check_cohort(Cohort(genotypes, found["phenotypes"], found["values"], traits))


def trait_of(found: Mapping[str, NDArray], rel_aa: float) -> Trait:
    """Return a trait with markers numbered from 0.

    found: has qtl, (n_qtl,) marker numbers from 1, additive, (n_qtl,), pairs, (n_pairs, 3), each
    two places among the trait's QTL, from 1, and the effect, and intercept.
    """
    qtl = np.asarray(found["qtl"], dtype=np.int64) - 1
    pairs = np.asarray(found["pairs"], dtype=float)
    return Trait(
        rel_aa,
        qtl,
        np.asarray(found["additive"], float),
        qtl[pairs[:, :2].astype(np.int64) - 1],
        pairs[:, 2],
        float(found["intercept"]),
    )


def check_version(version: str) -> None:
    """Raise RuntimeError for a version of AlphaSimR that computes wrong values."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    if FIRST_WRONG <= numbers <= LAST_WRONG:
        raise RuntimeError(
            f"AlphaSimR must be older than 2.0.0 or newer than 2.1.0, got {version}, which computes wrong "
            "additive-by-additive values if a trait's QTL are only some of the markers (upstream issue 263): in R, "
            'remotes::install_version("AlphaSimR", "1.6.1")'
        )


def versions() -> dict[str, str]:
    """Return the versions of R and AlphaSimR, starting R if need be. Raises what `simulate` does."""
    return start()[1]


@cache
def start() -> tuple[Any, dict[str, str]]:
    """Start R and return the function `SIMULATE` and `versions`. Raises what `simulate` does."""
    try:
        from rpy2 import robjects
    except ImportError as error:
        raise ImportError(
            f"the backend alphasimr needs rpy2, which is missing: {error}. {HOW_TO_GET}"
        ) from error
    except Exception as error:  # rpy2 looks for R when it is imported
        raise ImportError(
            f"the backend alphasimr needs R, which rpy2 cannot start: {error}. {HOW_TO_GET}"
        ) from error
    r = str(robjects.r("as.character(getRversion())")[0])
    if not robjects.r["requireNamespace"]("AlphaSimR", quietly=True)[0]:
        raise ImportError(
            f"the backend alphasimr needs AlphaSimR, which this R ({r}) lacks. {HOW_TO_GET}"
        )
    version = str(robjects.r('as.character(packageVersion("AlphaSimR"))')[0])
    check_version(version)
    return robjects.r(SIMULATE), {"R": r, "AlphaSimR": version}


def _call_r(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Call `SIMULATE` and return what it gives as NumPy arrays."""
    function, _ = start()
    from rpy2.robjects import numpy2ri

    given = {
        name: numpy2ri.numpy2rpy(v) if isinstance(v, np.ndarray) else v
        for name, v in arguments.items()
    }
    found = function(**given)
    traits = [
        {name: np.array(trait.rx2(name)) for name in ("qtl", "additive", "pairs")}
        | {"intercept": trait.rx2("intercept")[0]}
        for trait in found.rx2("traits")
    ]
    return {name: np.array(found.rx2(name)) for name in ("bytes", "values", "phenotypes")} | {
        "traits": traits
    }
