"""Many trials in one summary: cells, gains, capacities and everything else that is reported. No I/O, no clock."""
