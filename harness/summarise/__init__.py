"""Many trials: cells, gains, intervals, laws, and what may be said of them. No I/O, no clock."""
