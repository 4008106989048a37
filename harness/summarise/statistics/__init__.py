"""Intervals, the block model, scalability laws and queueing formulas. Pure."""
