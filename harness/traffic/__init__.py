"""Who plays the users, and how one load is played."""
