"""Results of the requests of one name, or of all transactions, in the window. No Locust here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

COUNTS = ("requests", "failed", "completed", "slow")
HISTOGRAMS = ("latencies", "failures")


@dataclass(kw_only=True)
class Tally:
    """Counts since the last report. Histograms are microseconds → requests."""

    requests: int = 0  # due or sent in the window
    failed: int = 0  # of these
    slow: int = 0  # of these, successes that took longer than the objective
    completed: int = 0  # successes that ended in the window
    errors: Counter[str] = field(default_factory=Counter)  # kind → those of `failed`
    latencies: Counter[int] = field(default_factory=Counter)  # successes of `requests`
    failures: Counter[int] = field(default_factory=Counter)  # those of `failed`

    def wire(self) -> dict[str, Any]:
        """The counts as JSON; empty if nothing was counted."""
        if not (self.requests or self.completed or self.failed or self.latencies):
            return {}
        counts: dict[str, Any] = {name: getattr(self, name) for name in COUNTS}
        histograms = {name: {str(us): n for us, n in getattr(self, name).items()} for name in HISTOGRAMS}
        return {**counts, "errors": dict(self.errors), **histograms}


@dataclass
class Logins:
    """Logins of the whole load; they are in no row and no histogram."""

    completed: int = 0
    errors: Counter[str] = field(default_factory=Counter)  # kind of failure → logins

    def count(self, error: str) -> None:
        """Count a login; `error` is the kind of failure, or empty."""
        if error:
            self.errors[error] += 1
        else:
            self.completed += 1


def summed(tallies: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of several tallies as JSON."""
    total: dict[str, Any] = dict.fromkeys(COUNTS, 0)
    counters: dict[str, Counter[str]] = {name: Counter() for name in ("errors", *HISTOGRAMS)}
    for tally in tallies:
        for name in COUNTS:
            total[name] += tally[name]
        for name, counter in counters.items():
            counter.update(tally[name])
    return {**total, **{name: dict(counter) for name, counter in counters.items()}}
