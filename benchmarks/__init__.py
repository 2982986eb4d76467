"""Benchmarks: our way of computing a cell and two references on the same cohort, in one run (`make
bench`).
"""
