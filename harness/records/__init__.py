"""What is on disk: trials, their series, studies; written whole or not at all, read tolerantly."""
