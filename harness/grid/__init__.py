"""What a grid file says: read and checked whole, as frozen types, expanded to cells."""
