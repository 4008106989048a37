"""Judge one trial: whether its figures are valid, and its bottleneck. No I/O, no clock."""
