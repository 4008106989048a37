"""Summary of a study's trials: cells, gains, capacities and all other results of the report. No I/O, no clock."""
