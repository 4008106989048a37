"""The server under test: classifies handwritten digits with a small model over HTTP."""
