"""What a grid file says: read and checked whole, as frozen types, expanded to cells. Nothing of ours but errors is needed."""
