"""Hosts, connections to them, and what is deployed on them: see README.md in this folder."""
