"""nGrinder as load generator: its REST API, its script, its samples."""
