"""The ML server under study: handwritten digits, classified by a small model over HTTP."""
