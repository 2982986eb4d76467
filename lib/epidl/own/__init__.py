"""A reader's own files and public cohorts: genotypes and phenotypes read, joined, reported on, and
models compared on them.
"""
