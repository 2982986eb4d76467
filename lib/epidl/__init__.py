"""epidl: when does deep learning predict a phenotype from a genotype better than a linear model?

The modules, in reading order: `params` (cells and grids), `genotypes`, `simulate`, `ridge`, `networks`, `training`,
`experiments` (the work of a grid cell), `results` (tables and provenance), `figures`; beside them `checks`, `seeds`
and `grid` (the command that runs a grid).
"""

__version__ = "0.1.0"
