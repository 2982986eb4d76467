"""Figures, drawn from result tables in the publication's style. Each function returns a matplotlib
figure.

Each experiment has a module. `models` compares models within any experiment, `simulation` shows
cohorts, `own_data` a reader's own cohort, `forecasts` the planner's. `style` is common.
"""

# ruff: noqa: F401 (its names are for whoever draws)
from epidl.figures.beyond import accuracy_by_seconds, ladder, ladder_by, leads
from epidl.figures.correlation import figure_3, sharing_and_correlation
from epidl.figures.dilution import accuracy_by_markers, figure_2, importances
from epidl.figures.forecasts import forecast_and_found, forecast_of_publication, forecasts_on_real
from epidl.figures.models import accuracy_by_trait, differences, parity
from epidl.figures.own_data import allele_frequencies, ld_decay, relatedness, scores_by_split
from epidl.figures.scaling import figure_1a, figure_1b, interaction_shares
from epidl.figures.simulation import (
    genotype_matrix,
    interaction_matrix,
    phenotype_distributions,
    variance_ratios,
)
from epidl.figures.style import MODEL_NAMES, expected_va_over_vg, save, use_style
