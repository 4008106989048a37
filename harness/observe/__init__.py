"""What hosts say of themselves while a load runs, and after it."""
