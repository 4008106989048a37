"""Capacity: the largest load that meets the objectives, by topology. Pure."""
