"""What is measured next, as a function of what is recorded. No I/O, no clock."""
