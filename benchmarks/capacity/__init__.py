"""Simulated studies of capacity under an objective, whose truth is known: `python -m benchmarks.capacity`."""
