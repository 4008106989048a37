"""Bound the number of lines that a study prints, so that a log stays readable for any number of cells."""

from __future__ import annotations

import math
from collections import Counter

MOST_TRIALS = 200  # lines for trials; of more trials, only some of the valid ones have a line
MOST = {"findings": 100, "steps": 100, "trials": 2 * MOST_TRIALS}


class LineLimits:
    """Decides which lines are printed: each key once, and of each kind as many as `MOST`."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, object]] = set()
        self._printed = Counter[str]()
        self._valid = 0
        self._noticed: set[str] = set()

    def allows(self, kind: str, key: object) -> bool:
        """Whether a line is printed; each call with a new key counts."""
        if (kind, key) in self._seen or self._printed[kind] >= MOST[kind]:
            return False
        self._seen.add((kind, key))
        self._printed[kind] += 1
        return True

    def allows_trial(self, planned: int, valid: bool) -> bool:
        """Whether a trial has a line: all of up to 200 planned ones, else every n-th valid one, and all others."""
        every = max(1, math.ceil(planned / MOST_TRIALS))
        self._valid += valid
        if valid and (self._valid - 1) % every:
            return False
        return self.allows("trials", object())

    def notice(self, kind: str, key: object) -> str:
        """Return a line, once, that names where the rest is found; empty below the limit and for a known key."""
        if (kind, key) in self._seen or kind in self._noticed or self._printed[kind] < MOST[kind]:
            return ""
        self._noticed.add(kind)
        return f"further {kind} are not printed; the report and log/study.log have them"
