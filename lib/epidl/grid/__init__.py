"""Many cohorts: cells and their parameters, the work of a cell, its table, and the command that runs a
profile.
"""
