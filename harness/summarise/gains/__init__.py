"""Gains between topologies at one load, with their precision. Pure."""
