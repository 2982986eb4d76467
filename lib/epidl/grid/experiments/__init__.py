"""The work of a grid cell: simulate, fit, score.

`core` is the path that all experiments take; beside it one module an experiment, which says what is
simulated.
"""
