"""The trials of one cell: its summary, steadiness, slow servers and failovers. Pure."""
