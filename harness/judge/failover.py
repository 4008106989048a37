"""Effect of a planned server failure on requests, throughput and latency (rule E24). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.grid.objectives import P95
from harness.grid.thresholds import Thresholds
from harness.judge import figures, window_stats
from harness.judge.observation import Observation
from harness.records.failover import Failover, Span
from harness.records.series import Sample

SETTLED = 3  # consecutive seconds that must be good, as must all later ones
NOISE = 0.01  # significance of failures beyond those before
LOG_EARLY_S = 1  # the balancer's log has whole seconds of its own clock: a row is at most this much too early


def of_trial(seen: Observation, limits: Thresholds) -> Failover | None:
    """Return the effect of the failure in this trial; None without one, or without seconds before or after it."""
    if seen.server_failure is None or not seen.stopped:
        return None
    at_s = min(seen.stopped.values())
    second = math.floor(at_s)
    before = seen.calm
    rest = [s for s in seen.window if s.t_s >= second]
    if not before or not rest:
        return None
    previous = _span(before)
    expected = _expected(seen, before, second, limits)
    latency_s = (previous.mean_ms or 0.0) / 1000
    recovery_s = _settled(rest, at_s, _throughput_recovered(seen, rest, expected * (previous.tps or 0.0), limits))
    slow_s = limits.recovered_latency * latency_s
    latency_recovery_s = _settled(rest, at_s, lambda rows: (window_stats.mean_latency_s(rows) or math.inf) <= slow_s)
    recovered = [s for s in rest if recovery_s is not None and s.t_s >= at_s + recovery_s] or rest[len(rest) // 2 :]
    failed = sum(s.failed for s in seen.samples if s.t_s >= second)
    return Failover(
        servers=sorted(seen.stopped),
        of=len(seen.expected_servers),
        at_s=at_s,
        failed=failed,
        failed_at_balancer=_failed_at_balancer(seen, second),
        failing_s=_failing_s(before, [s for s in seen.samples if s.t_s >= second], at_s) if failed else None,
        expected=expected,
        recovery_s=recovery_s,
        latency_recovery_s=latency_recovery_s,
        p95_recovery_s=_settled(rest, at_s, lambda rows: _within(window_stats.over_p95(rows)))
        if _within(previous.over_p95)
        else None,
        before=previous,
        after=_span(recovered),
    )


def _failing_s(before: Sequence[Sample], after: Sequence[Sample], at_s: float) -> float:
    """Return the seconds from the failure to the end of the last second in which it made requests fail.

    It is the last one with significantly more failures than before, alone or with those of the two before it that are
    not significant alone: otherwise any later failure would extend the time. That is a test of two Poisson rates,
    conditional on their sum (Przyborowski and Wilenski, Biometrika 31, 1940), at 1 % over all seconds. In the second of
    the failure every failure counts.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    base, base_failed = (sum(counts) for counts in zip(*(row.by_start for row in before), strict=True))

    def more_than_before(rows: Sequence[Sample]) -> bool:
        requests, failed = (sum(counts) for counts in zip(*(row.by_start for row in rows), strict=True))
        share = requests / (base + requests) if requests else 1.0
        return bool(special.bdtrc(failed - 1, base_failed + failed, share) < NOISE / (2 * len(after)))

    last, alone = after[0].t_s, [True]
    for place, row in enumerate(after[1:], 1):
        alone.append(row.by_start[1] > 0 and more_than_before([row]))
        few = [
            each for each, many in zip(after[max(1, place - 2) :], alone[max(1, place - 2) :], strict=False) if not many
        ]
        if alone[place] or (row.by_start[1] and more_than_before(few)):
            last = row.t_s
    return round(last + 1 - at_s, 3)


def _expected(seen: Observation, before: Sequence[Sample], second: int, limits: Thresholds) -> float:
    """Return the expected share of the previous throughput: all of it if the trial was load-limited before.

    Otherwise the servers were saturated, and the share of the remaining servers is expected. A few requests that failed
    at any load show no saturation; many (rule E8) may be rejected because of one.
    """
    of_bound = figures.of_users_bound(replace(seen, window_to_s=float(second)))
    offered, failed = sum(s.offered or 0 for s in before), sum(s.by_start[1] for s in before)
    good = offered - failed if failed <= limits.errors_first * offered else offered
    if seen.rate_per_s is not None and sum(s.completed for s in before) >= limits.load_served * good:
        return 1.0
    if of_bound is not None and of_bound >= limits.users_bound:
        return 1.0
    return (len(seen.expected_servers) - len(seen.stopped)) / len(seen.expected_servers)


def _throughput_recovered(
    seen: Observation, rest: Sequence[Sample], expected_per_s: float, limits: Thresholds
) -> Callable[[Sequence[Sample]], bool]:
    """Return whether throughput in some seconds is as expected; of few requests, within three standard deviations.

    At a rate, what is not served queues up, so all of it must be served, and the latency must not grow at the end of
    the window, whose seconds from the failure on are `rest`.
    """
    is_open = seen.rate_per_s is not None
    late = rest[len(rest) // 2 :]
    falls_behind = is_open and _grows(late if len(late) >= 4 else rest, limits.load_rise)
    least = limits.load_served if is_open else limits.recovered_throughput

    def recovered(rows: Sequence[Sample]) -> bool:
        wanted = expected_per_s * len(rows)
        noise = 1 - 3 / math.sqrt(wanted) if wanted else 0.0
        return not falls_behind and sum(s.completed for s in rows) >= min(least, noise) * wanted

    return recovered


def _grows(rows: Sequence[Sample], rise: float) -> bool:
    """Whether the mean latency grows over some seconds; false for fewer than two each half, and if unknown."""
    change = window_stats.log_change(rows, window_stats.mean_latency_s)
    return len(rows) >= 4 and change is not None and change > math.log(rise)


def _within(over: float | None) -> bool:
    """Whether at most 5 % of the requests exceed the p95 objective; false if unknown."""
    return over is not None and over <= P95


def _settled(rows: Sequence[Sample], at_s: float, good: Callable[[Sequence[Sample]], bool]) -> float | None:
    """Return the seconds from `at_s` to the first second from which all are good; None if there is none."""
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
