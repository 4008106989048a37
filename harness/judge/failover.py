"""What a planned loss of servers cost, and what was left of throughput and latency after it (rule E24). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.grid.schema import P95
from harness.grid.thresholds import Thresholds
from harness.judge import figures, window_stats
from harness.judge.observation import Observation
from harness.records.failover import Failover, Span
from harness.records.series import Sample

SETTLED = 3  # seconds that must be good together, as well as all that follow
LOG_EARLY_S = 1  # the balancer's log has whole seconds of its own clock: a row is at most so much too early


def of_trial(seen: Observation, limits: Thresholds) -> Failover | None:
    """What the loss did in this trial; None where there was none, or nothing to compare before it or after it."""
    if seen.server_failure is None or not seen.stopped:
        return None
    at_s = min(seen.stopped.values())
    second = math.floor(at_s)
    before = window_stats.window(seen.samples, seen.window_from_s, second)
    rest = [s for s in seen.window if s.t_s >= second]
    if not before or not rest:
        return None
    was = _span(before)
    expected = _expected(seen, second, limits)
    rate, latency_s = was.tps or 0.0, (was.mean_ms or 0.0) / 1000
    recovery_s = _settled(
        rest, at_s, lambda rows: (window_stats.mean_rate(rows) or 0.0) >= limits.recovered_throughput * expected * rate
    )
    slow_s = limits.recovered_latency * latency_s
    latency_recovery_s = _settled(rest, at_s, lambda rows: (window_stats.mean_latency_s(rows) or math.inf) <= slow_s)
    left = [s for s in rest if recovery_s is not None and s.t_s >= at_s + recovery_s] or rest[len(rest) // 2 :]
    failing = [s.t_s for s in seen.samples if s.t_s >= second and s.failed]
    return Failover(
        servers=sorted(seen.stopped),
        of=len(seen.expected_servers),
        at_s=at_s,
        failed=sum(s.failed for s in seen.samples if s.t_s >= second),
        failed_at_balancer=_failed_at_balancer(seen, second),
        failing_s=round(failing[-1] + 1 - at_s, 3) if failing else None,
        expected=expected,
        recovery_s=recovery_s,
        latency_recovery_s=latency_recovery_s,
        p95_recovery_s=_settled(rest, at_s, lambda rows: _within(window_stats.over_p95(rows)))
        if _within(was.over_p95)
        else None,
        before=was,
        after=_span(left),
    )


def _expected(seen: Observation, second: int, limits: Thresholds) -> float:
    """Share of the throughput before that may be expected after: all of it where users asked for no more.

    Else the servers were busy, and those that are left have their part of it.
    """
    asked = figures.of_users_bound(replace(seen, window_to_s=float(second)))
    if asked is not None and asked >= limits.users_bound:
        return 1.0
    return (len(seen.expected_servers) - len(seen.stopped)) / len(seen.expected_servers)


def _within(over: float | None) -> bool:
    """Whether at most so many requests are over as a 95th percentile lets be; not where it is not known."""
    return over is not None and over <= P95


def _settled(rows: Sequence[Sample], at_s: float, good: Callable[[Sequence[Sample]], bool]) -> float | None:
    """Seconds from `at_s` to the first second that is good, with those after it and all that follow; None for none."""
    for place in range(len(rows) - SETTLED + 1):
        rest = rows[place:]
        if all(good(part) for part in (rest[:1], rest[:SETTLED], rest)):
            return round(max(0.0, rows[place].t_s - at_s), 3)
    return None


def _span(rows: Sequence[Sample]) -> Span:
    latency_s = window_stats.mean_latency_s(rows)
    return Span(
        from_s=rows[0].t_s,
        to_s=rows[-1].t_s + 1,
        tps=window_stats.mean_rate(rows),
        error_rate=window_stats.error_rate(rows),
        mean_ms=None if latency_s is None else latency_s * 1000,
        over_p95=window_stats.over_p95(rows),
    )


def _failed_at_balancer(seen: Observation, second: int) -> int:
    good = {str(status) for status in seen.expect_status}
    rows = (row for row in seen.answered if row.t_s >= second - LOG_EARLY_S and row.status not in good)
    return sum(row.requests for row in rows)
