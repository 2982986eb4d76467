"""A reader's own files: genotypes and phenotypes read, joined, reported on, and models compared on
them.
"""
