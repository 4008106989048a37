"""The search for the load at which a topology saturates. Pure."""
