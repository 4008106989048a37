"""Comparisons between studies and between levels of a factor. Pure."""
