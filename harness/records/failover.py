"""Records of a planned server failure in a trial (rule E24)."""

from __future__ import annotations

from pydantic import Field

from harness.records.part import Part


class ServerFailure(Part):
    """The planned failure and its execution. Times are seconds since second 0, by the generator's clock.

    `stopped_s` is the end of each server by its container engine or systemd; `problems` has the reason for a server
    that was not killed.
    """

    servers: list[str]  # the planned ones
    at_s: float  # the planned time
    stopped_s: dict[str, float] = Field(default_factory=dict)
    problems: dict[str, str] = Field(default_factory=dict)


class Span(Part):
    """A span of a trial: successes per second, failed share of the requests, mean latency of the successes.

    `over_p95` is the share of requests that failed or exceeded the objective p95; None without one.
    """

    from_s: float
    to_s: float
    tps: float | None = None
    error_rate: float | None = None
    mean_ms: float | None = None
    over_p95: float | None = None


class Failover(Part):
    """The effect of a server failure.

    `failed` counts the requests that failed after it by the generator, `failed_at_balancer` those in the balancer's
    log. `failing_s`, `recovery_s`, `latency_recovery_s` and `p95_recovery_s` are seconds since the failure: to the last
    failed request (None without any), and to the recovery of throughput, mean latency and p95 (None without recovery;
    for p95 also without an objective, or if it was exceeded before). Seconds are whole, so each is up to one too long.
    `expected` is the expected throughput of the remaining servers, relative to before.
    """

    servers: list[str]
    of: int  # servers before the failure
    at_s: float
    failed: int
    failed_at_balancer: int
    failing_s: float | None
    expected: float
    recovery_s: float | None
    latency_recovery_s: float | None
    p95_recovery_s: float | None = None
    before: Span
    after: Span
