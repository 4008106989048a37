"""One trial: may its figures be used, and what limited it? No I/O, no clock."""
