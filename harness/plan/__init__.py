"""Decide which trials a study measures next, and in which order. Pure."""
