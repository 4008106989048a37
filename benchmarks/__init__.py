"""Our own speed, measured on demand and never asserted in a test."""
