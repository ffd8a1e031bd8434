"""Lineage: which columns of which datasets went into every column of an answer."""
