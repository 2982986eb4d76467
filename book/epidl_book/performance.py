"""The page of performance: its computed words, tables and figures."""

from collections.abc import Mapping, Sequence

import arcadia_pycolor as apc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from epidl.cohorts.splits import split_samples
from epidl.figures.style import PARITY, legend_below, trait_style
from epidl.grid import costs
from epidl.grid.params import Cell
from epidl_book.claims import WIDTH
from epidl_book.phrases import duration
from epidl_book.provenance import cell_of

LENGTHS = {"a second": 1 / 3600, "a minute": 1 / 60, "an hour": 1, "a day": 24}  # in hours
# what our way is measured against: colour, marker
WAYS = {"published way": (str(apc.cinnabar), "D"), "plain way": (str(apc.aegean), "o")}


def side_by_side(benchmarks: pd.DataFrame) -> pd.DataFrame:
    """Return the benchmarks' table with three digits, one row per work and reference."""
    columns = ["ours_seconds", "reference_seconds", "ratio", "rounds"]
    shown = benchmarks.set_index(["work", "n_samples", "n_qtl", "reference"])[columns]
    return shown.apply(lambda column: column.map("{:.3g}".format))


def precision_in_words(precision: pd.DataFrame) -> dict[str, str]:
    """Return the mean difference in r of 10 bits to single precision, over fits, with its standard
    error.
    """
    difference = precision_difference(precision).groupby(["n_samples", "n_qtl", "replicate"]).mean()
    return {
        "mean": f"{difference.mean():+.4f}",
        "error": f"{difference.sem():.4f}",
        "fits": str(len(difference)),
    }


def gpu_estimates(fits: pd.DataFrame, machines: pd.DataFrame) -> str:
    """Return the range of estimate over seconds of the MLPs that a GPU has fitted, given its rates and
    their epochs.

    fits: as `benchmarks.on_gpu` measures them. machines: the measured rates.
    """
    rates, ratios, n_traits = (
        machines.drop(columns="commit").set_index("device"),
        [],
        fits.filter(like="r_").shape[1],
    )
    for row in fits[fits["model"] == "mlp"].itertuples():
        split = split_samples(row.n_samples, "published")
        layers = row.n_qtl * WIDTH, WIDTH * (WIDTH + n_traits)
        epoch = costs.network_epoch(len(split.train), len(split.validation), row.n_qtl, *layers)
        machine = costs.Machine(row.device, **rates.loc[row.device])
        ratios.append((epoch * row.epochs).seconds(machine) / row.seconds)
    return f"{min(ratios):.1f} to {max(ratios):.1f}"


def precision_against_replicates(precision: pd.DataFrame) -> pd.DataFrame:
    """Return of each size and trait the difference in r, 10 bits minus single precision, with that
    of cohorts.

    precision: as `benchmarks.on_gpu` measures it.
    """
    by = ["n_samples", "n_qtl", "rel_aa"]
    difference = precision_difference(precision).groupby(by)
    exact = precision[precision["products"] == "ieee"].groupby(by)["pearson_r"]
    return pd.DataFrame(
        {
            "r": exact.mean(),
            "mean difference": difference.mean(),
            "SD of differences": difference.std(),
            "SD of replicates": exact.std(),
            "replicates": exact.count(),
        }
    ).round(4)


def precision_difference(precision: pd.DataFrame) -> pd.Series:
    """Return the difference in r of each trait and replicate, 10 bits minus single precision."""
    index = ["n_samples", "n_qtl", "rel_aa", "replicate"]
    r = precision.pivot(index=index, columns="products", values="pearson_r")
    return r["tf32"] - r["ieee"]


def growth_exponents(growth: pd.DataFrame) -> pd.DataFrame:
    """Return how seconds and memory of each work grow: b of cost ~ size^b, from the points in which
    one size grows.

    The points that grow in n_samples have the smallest n_qtl. The points that grow in n_qtl have
    the n_samples with the most n_qtl.
    """
    rows = []
    for work, points in growth.groupby("work", sort=False):
        steady = {"n_samples": points["n_qtl"].min(), "n_qtl": points["n_samples"].mode().iloc[0]}
        for size, other in (("n_samples", "n_qtl"), ("n_qtl", "n_samples")):
            grown = points[points[other] == steady[size]].sort_values(size)
            slopes = {
                f"{cost}, exponent": np.polyfit(np.log(grown[size]), np.log(grown[cost]), 1)[
                    0
                ].round(2)
                for cost in ("seconds", "memory_mb")
            }
            span = f"{grown[size].min():,} to {grown[size].max():,}"
            rows.append(
                {"work": work, "growing": size, "from, to": span, "points": len(grown)} | slopes
            )
    return pd.DataFrame(rows).set_index(["work", "growing"])


def hours_by_machine(
    machines: pd.DataFrame, cells: Mapping[str, Sequence[Cell]], epochs: Mapping
) -> pd.DataFrame:
    """Return the estimated hours of each profile's experiments on each measured machine, one job at
    a time.
    """
    rows = []
    for values in machines.drop(columns="commit").to_dict("records"):
        for profile, planned in cells.items():
            hours = costs.estimates(planned, costs.Machine(**values), epochs).groupby(
                "experiment", sort=False
            )["hours"]
            rows.append({"device": values["device"], "profile": profile} | hours.sum().to_dict())
    return pd.DataFrame(rows).set_index(["device", "profile"]).map("{:.3g}".format)


def estimate_against_seconds(
    records: Sequence[Mapping], machine: costs.Machine, epochs: Mapping
) -> pd.Series:
    """Return the estimated seconds of cells over those that they took, by their provenances, one
    number per cell that was computed in one go.
    """
    names, ratios = [], []
    for record in records:
        cell = cell_of(record)
        if cell.fits <= set(record["fits"]):  # else the record is of a part of the cell
            estimated = 3600 * costs.estimates([cell], machine, epochs)["hours"].sum()
            names.append(f"{cell.experiment} {cell.name}")
            ratios.append(estimated / record["seconds"])
    return pd.Series(ratios, names)


# --- Figures -----------------------------------------------------------------------------------------


def draw_ratios(benchmarks: pd.DataFrame) -> Figure:
    """Draw how many times as long as ours each reference takes, one row for each work, the largest
    at the top.

    benchmarks: as `make bench` measures them. Floors, which nobody can run, are left out.
    """
    ways = benchmarks[benchmarks["reference"].isin(WAYS)]
    order = ways.groupby("work")["ratio"].max().sort_values().index
    figure, ax = plt.subplots(figsize=(8, 0.45 * len(order) + 1.6))
    for reference, (color, marker) in WAYS.items():
        part = ways[ways["reference"] == reference]
        rows = order.get_indexer(part["work"])
        ax.plot(part["ratio"], rows, marker, color=color, markersize=7, label=reference)
    ax.axvline(1, **PARITY)
    ax.set(xscale="log", xlabel="Times as long as ours")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_yticks(range(len(order)), order)
    return legend_below(figure, ax.get_legend_handles_labels()[0])


def draw_hours(hours: Mapping[str, pd.Series]) -> Figure:
    """Draw the estimated hours of cells against their individuals, in each machine's colour.

    hours: of each machine a series with the number of individuals as index, one value per cell.
    """
    figure, ax = plt.subplots(figsize=(9, 4.2))
    for k, (machine, values) in enumerate(hours.items()):
        ax.plot(values.index, values, linestyle="", **trait_style(k + 1), label=machine)
    ax.set(xscale="log", yscale="log", xlabel="Individuals", ylabel="Estimated time of a cell")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_yticks(list(LENGTHS.values()), list(LENGTHS))
    ax.minorticks_off()
    ax.grid(axis="y", linewidth=0.5, alpha=0.5)
    return legend_below(figure, ax.get_legend_handles_labels()[0])


def slowest_in_words(hours: pd.Series) -> dict[str, str]:
    """Return the longest estimate of the cells of the fewest and of the most individuals, in words."""
    return {
        name: duration(3600 * hours[hours.index == size].max())
        for name, size in {"small": hours.index.min(), "large": hours.index.max()}.items()
    }
