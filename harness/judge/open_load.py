"""What an open load offered, and what became of it. Pure; of users, who ask by themselves, there is none of this."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judge import window_stats
from harness.judge.observation import Observation


@dataclass(frozen=True)
class Offered:
    """Of the steady window. Shares are of the requests that were due in it."""

    per_s: float  # requests that were due
    due: int
    sent: float
    missing: int  # requests that were due and not sent; below 0 where some of before were sent in it
    served: float  # successes
    late: int  # requests that had to wait as too many were in flight
    delay_p99_s: float | None  # by how much requests were sent late


def of_trial(seen: Observation) -> Offered | None:
    """What was offered; None of users, and where nothing was due in the window."""
    rows = seen.window
    due = sum(s.offered or 0 for s in rows)
    if seen.rate_per_s is None or not due:
        return None
    sent = sum(s.sent or 0 for s in rows)
    delay_ms = window_stats.rank_ms(seen.delays, 0.99)
    return Offered(
        per_s=due / len(rows),
        due=due,
        sent=sent / due,
        missing=due - sent,
        served=sum(s.completed for s in rows) / due,
        late=sum(s.late or 0 for s in rows),
        delay_p99_s=None if delay_ms is None else delay_ms / 1000,
    )


def outside_s(seen: Observation) -> float | None:
    """How long a request is under way outside the balancer, in seconds, by what both count in flight.

    Little's law of either: L = λW. None where one of them does not count.
    """
    counted, at_balancer = window_stats.mean_in_flight(seen.window), seen.balancer.mean_in_flight
    answers = sum(s.completed + s.failed for s in seen.window)
    if counted is None or at_balancer is None or not answers:
        return None
    return (counted - at_balancer) * len(seen.window) / answers
