"""Load generators: verify a topology, start a load, follow it to its end."""
