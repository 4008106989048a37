"""Trials, their series and studies on disk: written atomically, read tolerantly."""
