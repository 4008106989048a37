"""Balancers: one module for each, and the interface that everything else uses. Pure."""
