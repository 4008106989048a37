"""The grid file: parsed and checked completely, as frozen types, expanded to cells."""
