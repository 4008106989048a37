"""Measurements of the hosts during a load and after it: containers, units, kernels, logs, counters."""
