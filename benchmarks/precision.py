"""What bfloat16 does to the MLP's r: `python -m benchmarks.precision`; `--verdict` prints what is known.

Fits the published MLP again to cohorts of the published scaling experiment: in bfloat16, with the
weights and batches of the published fit; as a control in single precision, with those of another
seed; and, once a size, as it was published. Writes book/data/precision.csv with its provenance fit
by fit, and goes on after the fits that it has.

The rule was set before any fit. bfloat16 is used for the grid if, at each number of individuals,
the 90 % interval of the mean difference of r from the published fit lies within +-0.005 in each
group of scalings, and the SD of differences is at most 1.2 times the control's. Each cohort counts
once in the mean, with the mean of its traits; the SD is that of traits about the mean of their
group. With 10,000 individuals cohorts are few: there the interval that counts is of all groups. A
fit without r counts as r = 0.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats

from benchmarks.__main__ import DATA
from epidl import seeds
from epidl.devices import one_cell_threads
from epidl.grid import core, results
from epidl.grid.params import ScalingCell, load_grids

TABLE, PUBLISHED = DATA / "precision.csv", DATA / "scaling.csv"
KINDS = ("bfloat16", "control", "published")
GROUPS = {"up to 0.5": 0.5, "1 to 4": 4, "above 4": np.inf}  # the largest scaling of each
SCALINGS = [0.1, 0.2, 0.3, 0.5, 1, 2, 4, 7, 12, 20]
FEW_SCALINGS = [20, 0.1, 1, 7, 0.5, 4, 12, 0.3]  # of 10,000 individuals, whose fits take minutes
LARGER = 10_000
MARGIN, MOST_SPREAD, CONFIDENCE = 0.005, 1.2, 0.9


def main() -> None:
    """Make the fits that the table lacks, and print the verdict."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.precision", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--verdict", action="store_true", help="make no fit")
    if not parser.parse_args().verdict:
        cells = {cell.name: cell for cell in load_grids(Path("params/scaling.yml"))["standard"]}
        known = results.read_collected(TABLE) if TABLE.exists() else []
        commit = results.commit()  # of the code that runs, whatever becomes of the files meanwhile
        with one_cell_threads(1):
            for name, replicate, kind in planned():
                if f"{name}_{kind} {replicate} published mlp" not in {fit.name for fit in known}:
                    known.append(fit_again(cells[name], replicate, kind, commit))
                    results.collect(known, TABLE)
                    print(known[-1].name, flush=True)
    pairs = differences(results.read_table(TABLE), results.read_table(PUBLISHED))
    print(verdict(pairs).to_string(index=False))
    print(conclusion(pairs))


def planned() -> Iterator[tuple[str, int, str]]:
    """Yield cell, replicate and kind of all fits, in the order of their making."""
    yield "n1000_scaling20", 1, "published"
    for replicate in range(1, 11):
        for scaling in SCALINGS:
            for kind in ("bfloat16", "control"):
                yield f"n1000_scaling{scaling:g}", replicate, kind
    for kind in KINDS:
        for scaling in FEW_SCALINGS[: 1 if kind == "published" else None]:
            yield f"n{LARGER}_scaling{scaling:g}", 1, kind


def fit_again(cell: ScalingCell, replicate: int, kind: str, commit: str) -> results.Fitted:
    """Fit the MLP to a published cohort; commit: of this code, for the provenance."""
    precision, started = "bfloat16" if kind == "bfloat16" else "single", datetime.now(UTC)
    changed = cell.model_copy(update={"precision": precision, "models": ("mlp",), "device": "cpu"})
    truth, tasks = core._tasks(changed, ScalingCell.architecture, replicate, "cpu", "", False)
    task = tasks["published"]
    if kind == "control":
        task = replace(task, seed=seeds.derive(task.seed, "control of precision"))
    parameters = changed.model_dump(mode="json") | {"kind": kind}
    origin = results.provenance(parameters, started) | {"commit": commit}
    truth = truth.assign(cell=f"{cell.name}_{kind}")
    return core._fit(
        lambda: (truth, {"published": task}), "published", "mlp", core.FITS["mlp"], origin
    )


def differences(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with kind, group of scalings and difference: r minus that of the published fit.

    Raises ValueError where a cohort is not the published one.
    """
    keys = ["n_samples", "scaling", "replicate", "trait"]
    fits = published[(published["model"] == "mlp") & (published["precision"] == "single")]
    fits = fits[fits["protocol"] == "published"]
    pairs = table.merge(fits[[*keys, "seed", "pearson_r"]], on=keys, suffixes=("", "_published"))
    if len(pairs) < len(table) or (pairs["seed"] != pairs["seed_published"]).any():
        raise ValueError(f"table must be of the cohorts of {PUBLISHED}")
    return pairs.assign(
        kind=pairs["cell"].str.rpartition("_")[2],
        group=[next(g for g, most in GROUPS.items() if s <= most) for s in pairs["scaling"]],
        difference=pairs["pearson_r"].fillna(0) - pairs["pearson_r_published"].fillna(0),
    )


def verdict(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return what the rule asks for and whether it holds: one row per size and group, and one for all
    groups.

    mean, low, high: of the difference, with the control's beside. mean_holds: of the rows that
    count. again: the largest difference of a fit made again as it was published.
    """
    rows = []
    for n_samples, part in pairs.groupby("n_samples"):
        of_kind = {kind: part[part["kind"] == kind] for kind in KINDS}
        for group in [*GROUPS, "all"]:
            row = {"n_samples": n_samples, "group": group}
            for kind, prefix in {"bfloat16": "", "control": "control_"}.items():
                chosen = of_kind[kind]
                chosen = chosen if group == "all" else chosen[chosen["group"] == group]
                row |= {prefix + name: value for name, value in _interval(chosen).items()}
            if (group == "all") == (n_samples == LARGER):
                row["mean_holds"] = row["low"] >= -MARGIN and row["high"] <= MARGIN
            rows.append(row)
        ratio = _spread(of_kind["bfloat16"]) / _spread(of_kind["control"])
        rows[-1] |= {"sd_ratio": ratio, "sd_holds": ratio <= MOST_SPREAD}
        rows[-1]["again"] = of_kind["published"]["difference"].abs().max()
    return pd.DataFrame(rows)


def conclusion(pairs: pd.DataFrame) -> str:
    """Return in words whether all fits are made and, then, whether bfloat16 is used for the grid."""
    made = len(pairs[["cell", "replicate"]].drop_duplicates())
    wanted = len(list(planned()))
    if made < wanted:
        return f"{made} of {wanted} fits are made: no verdict yet"
    found = verdict(pairs)
    holds = all(found["mean_holds"].dropna()) and all(found["sd_holds"].dropna())
    return f"bfloat16 {'is' if holds else 'is not'} used for the grid"


def _interval(part: pd.DataFrame) -> dict[str, float]:
    """Return the number of cohorts, their mean difference and its interval by Student's t."""
    means = part.groupby(["scaling", "replicate"])["difference"].mean()
    if len(means) < 2:
        return {"cohorts": len(means), "mean": means.mean(), "low": np.nan, "high": np.nan}
    low, high = scipy.stats.t.interval(
        CONFIDENCE, len(means) - 1, loc=means.mean(), scale=scipy.stats.sem(means)
    )
    return {"cohorts": len(means), "mean": means.mean(), "low": low, "high": high}


def _spread(part: pd.DataFrame) -> float:
    """Return the SD of differences about the mean of their group."""
    by_group = part.groupby("group")["difference"]
    freedom = len(part) - by_group.ngroups
    return (
        float(np.sqrt(by_group.var().mul(by_group.size() - 1).sum() / freedom))
        if freedom
        else np.nan
    )


if __name__ == "__main__":
    main()
