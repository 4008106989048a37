"""Charts: their data and their Altair specifications."""
