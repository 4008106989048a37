"""Our own speed."""
