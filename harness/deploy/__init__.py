"""Hosts, the ways to them, and what is brought there."""
