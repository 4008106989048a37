"""Tables of the report. Pure."""
