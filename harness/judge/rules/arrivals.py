"""Did requests at a rate leave when they were due? Rule E5 for open loads."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import open_load, window_stats
from harness.judge.observation import Observation
from harness.judge.open_load import Offered
from harness.records.findings import Finding, Severity
from harness.words import percent

MEND = "give the load generator more CPU or more processes, or add a host to load_generators"


def on_time(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E5: all requests that were due in the window were sent, hardly late, and went straight to the balancer.

    Where as many were in flight as may be, requests waited for that and not for the generator: their latencies hold the
    wait, so the trial counts and is marked.
    """
    asked = open_load.of_trial(seen)
    if asked is None:
        return
    if asked.late:
        yield Finding(
            "E5",
            Severity.WARNING,
            f"{percent(asked.late / asked.due, 1)} of the requests had to wait before they were sent, as too many were "
            "in flight: their latencies hold the wait",
            "more servers or a lower rate; or more requests in flight (load.in_flight)",
            asked.late / asked.due,
            0,
        )
    else:
        yield from _sent(asked, limits)
        yield from _late(seen, asked, limits)
    yield from _straight(seen, limits)


def _sent(asked: Offered, limits: Thresholds) -> Iterator[Finding]:
    share = asked.missing / asked.due
    for severity, bound in ((Severity.INVALID, limits.offered_invalid), (Severity.WARNING, limits.offered_warning)):
        if share > bound and asked.missing > limits.offered_count:
            yield Finding(
                "E5",
                severity,
                f"{percent(share, 1)} of the requests that were due were not sent in time",
                MEND,
                share,
                bound,
            )
            return


def _late(seen: Observation, asked: Offered, limits: Thresholds) -> Iterator[Finding]:
    """How late requests leave is how much too long their latencies may be."""
    mean_s, late_s = window_stats.mean_latency_s(seen.window), asked.delay_p99_s
    allowed_s = max(limits.send_delay, limits.send_delay_share * (mean_s or 0.0))
    if late_s is not None and late_s > allowed_s:
        yield Finding(
            "E5",
            Severity.WARNING,
            f"1 % of the requests were sent {late_s * 1000:.1f} ms late or more, above {allowed_s * 1000:.1f} ms: "
            "latencies are that uncertain",
            MEND,
            late_s,
            allowed_s,
        )


def _straight(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """Both count the same requests in flight, but for what a connection takes."""
    outside_s, mean_s = open_load.outside_s(seen), window_stats.mean_latency_s(seen.window)
    if outside_s is None:
        return
    allowed_s = max(limits.send_delay, limits.in_flight_gap * (mean_s or 0.0))
    if abs(outside_s) > allowed_s:
        yield Finding(
            "E5",
            Severity.INVALID,
            f"the generator counts requests in flight for {outside_s * 1000:.0f} ms more than the balancer does",
            "requests queue before they reach the balancer: look at its connection limits and the generator's CPU",
            outside_s,
            allowed_s,
        )
