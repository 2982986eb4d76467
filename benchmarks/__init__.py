"""Benchmarks: our way of computing a cell beside two references on the same cohort, in one run (`make
bench`).
"""
