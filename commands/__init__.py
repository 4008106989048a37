"""Command line of study.py: one module per command."""
