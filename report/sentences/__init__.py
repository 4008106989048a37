"""Sentences of the report. Pure."""
