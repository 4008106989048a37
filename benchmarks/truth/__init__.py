"""Simulated studies whose truth is known, judged by the code that judges real ones: `python -m benchmarks.truth`."""
