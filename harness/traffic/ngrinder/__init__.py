"""nGrinder as traffic engine: its REST API, its script, its samples."""
