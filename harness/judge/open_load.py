"""Offered, sent and served requests of an open load. Pure; a closed loop has none of these figures."""

from __future__ import annotations

from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.judge import latency_stats, window_stats
from harness.judge.observation import Observation

FEW_WAITED = 0.005  # share of waiting requests up to which the others show whether the generator is on time


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Offered requests in the steady window. Shares are relative to the requests due in it."""

    per_s: float  # requests due
    due: int
    sent: float
    missing: int  # due requests that were not sent; below 0 if earlier ones were sent in the window
    served: float  # successes
    ended: int  # requests that ended in the window, whenever they were due
    failing_later: int  # failures of due requests minus failures that ended in the window
    late: int  # requests that waited because too many were in flight
    delay_p95_s: float | None  # p95 of the send delay
    delay_p99_s: float | None  # p99 of the same


def of_trial(seen: Observation) -> Offered | None:
    """Return the offered requests of a trial; None for users, and if no request was due in the window."""
    rows = seen.window
    due = sum(s.offered or 0 for s in rows)
    if seen.rate_per_s is None or not due:
        return None
    sent = sum(s.sent or 0 for s in rows)
    p95_ms, p99_ms = (latency_stats.rank_ms(seen.delays, share) for share in (0.95, 0.99))
    return Offered(
        per_s=due / len(rows),
        due=due,
        sent=sent / due,
        missing=due - sent,
        served=sum(s.completed for s in rows) / due,
        ended=sum(s.completed + s.failed for s in rows),
        failing_later=sum(s.by_start[1] - s.failed for s in rows),
        late=sum(s.late or 0 for s in rows),
        delay_p95_s=None if p95_ms is None else p95_ms / 1000,
        delay_p99_s=None if p99_ms is None else p99_ms / 1000,
    )


def falls_behind(offered: Offered, limits: Thresholds) -> bool:
    """Whether a queue grows: less than 98 % of the due requests ended, and not only because of the window's edges.

    Such a load cannot be sustained, however short the response times are within the window. Requests without a response
    end at their timeout, perhaps after the window, although no queue grows: failures count when they were due. (Due
    minus ended is then the successes that were due minus those that ended.)
    """
    missing = offered.due - offered.ended - offered.failing_later
    return missing > max((1 - limits.load_served) * offered.due, limits.offered_count)


def outside_s(seen: Observation) -> float | None:
    """Mean time of a request outside the balancer in seconds, from the in-flight counts of generator and balancer.

    Little's law for both counts: L = λW. None if one of them does not count.
    """
    counted, at_balancer = window_stats.mean_in_flight(seen.window), seen.balancer.mean_in_flight
    answers = sum(s.completed + s.failed for s in seen.window)
    if counted is None or at_balancer is None or not answers:
        return None
    return (counted - at_balancer) * len(seen.window) / answers
