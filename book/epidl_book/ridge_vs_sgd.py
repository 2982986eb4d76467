"""The page of ridge against ridge by SGD: its computed words."""

import pandas as pd

from epidl.grid.contrasts import agreement_of_models


def ridge_takeaway(table: pd.DataFrame) -> str:
    """Return by how much ridge by SGD falls behind exact ridge on the same individuals, in words, by sample size."""
    by_scaling = agreement_of_models(
        table[table["protocol"] == "held_out"], "ridge_sgd", "ridge", by=["n_samples", "scaling"]
    )
    sentences = []
    for n_samples, part in by_scaling["mean_difference"].groupby(level=0):
        part = part.droplevel(0).sort_index()
        sentences.append(
            f"With {n_samples:,} individuals (protocol held_out) the mean r of ridge by SGD differs from exact "
            "ridge's by "
            f"{part.iloc[0]:+.3f} at a scaling of {part.index[0]:g} and by {part.iloc[-1]:+.3f} at a scaling of "
            f"{part.index[-1]:g}."
        )
    return " ".join(sentences)
