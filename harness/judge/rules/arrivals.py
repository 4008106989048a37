"""Verify that an open load is sent on schedule: rule E5 for open loads."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import open_load, window_stats
from harness.judge.observation import Observation
from harness.judge.open_load import Offered
from harness.judge.rules.rule import QUEUED
from harness.language import sentence
from harness.records.findings import Finding, Severity
from harness.words import percent

FIX = sentence("give the load generator more CPU or more processes, or add a host to load_generators")


def on_time(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E5: all due requests of the window were sent on time, and did not queue before the balancer.

    At the limit of requests in flight, requests wait for a free slot, not for the generator. Their latencies include
    this wait, so the trial counts with a warning. If many wait, the send delays show nothing about the generator.
    """
    offered = open_load.of_trial(seen)
    if offered is None:
        return
    waited = offered.late / offered.due
    if offered.late:
        yield Finding.of(
            rule="E5",
            severity=Severity.WARNING,
            cause=sentence(
                "{share} of the requests waited before they were sent, because too many were in flight; their "
                "latencies include this wait",
                share=percent(waited, 1),
            ),
            next_step=sentence("use more servers or a lower rate, or allow more requests in flight (load.in_flight)"),
            figure=waited,
            threshold=0,
        )
    if waited < open_load.FEW_WAITED:
        yield from _sent(offered, limits)
        yield from _late(seen, offered, limits)
    yield from _direct(seen, limits)


def _sent(offered: Offered, limits: Thresholds) -> Iterator[Finding]:
    missing = offered.missing - offered.late
    share = missing / offered.due
    for severity, bound in ((Severity.INVALID, limits.offered_invalid), (Severity.WARNING, limits.offered_warning)):
        if share > bound and missing > limits.offered_count:
            yield Finding.of(
                rule="E5",
                severity=severity,
                cause=sentence("{share} of the due requests were not sent in the window", share=percent(share, 1)),
                next_step=FIX,
                figure=share,
                threshold=bound,
            )
            return


def _late(seen: Observation, offered: Offered, limits: Thresholds) -> Iterator[Finding]:
    """A send delay is part of the measured latency: it must be short."""
    mean_s, late_s = window_stats.mean_latency_s(seen.window), offered.delay_p99_s
    allowed_s = max(limits.send_delay, limits.send_delay_share * (mean_s or 0.0))
    if late_s is not None and late_s > allowed_s:
        yield Finding.of(
            rule="E5",
            severity=Severity.WARNING,
            cause=sentence(
                "1 % of the requests were sent {late_ms:,.1f} ms late or more, above {allowed_ms:,.1f} ms: latencies "
                "are uncertain by this delay",
                late_ms=late_s * 1000,
                allowed_ms=allowed_s * 1000,
            ),
            next_step=FIX,
            figure=late_s,
            threshold=allowed_s,
        )


def _direct(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """Generator and balancer count the same requests in flight, except for connection times."""
    outside_s, mean_s = open_load.outside_s(seen), window_stats.mean_latency_s(seen.window)
    if outside_s is None:
        return
    allowed_s = max(limits.send_delay, limits.in_flight_gap * (mean_s or 0.0))
    if abs(outside_s) > allowed_s:
        yield Finding.of(
            rule="E5",
            severity=Severity.INVALID,
            cause=sentence(
                "the generator counts requests in flight for {longer_ms:,.0f} ms more than the balancer does",
                longer_ms=outside_s * 1000,
            ),
            next_step=sentence(QUEUED),
            figure=outside_s,
            threshold=allowed_s,
        )
