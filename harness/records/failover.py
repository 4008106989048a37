"""What is recorded of servers that were stopped in the middle of a trial (rule E24)."""

from __future__ import annotations

from pydantic import Field

from harness.records.part import Part


class ServerFailure(Part):
    """What the study did. All times are seconds since second 0, by the generator's clock.

    `stopped_s` is when each server ended, as its engine says; `problems` tells why one was not stopped.
    """

    servers: list[str]  # those that the cell asks for
    at_s: float  # when it asks for it
    stopped_s: dict[str, float] = Field(default_factory=dict)
    problems: dict[str, str] = Field(default_factory=dict)


class Span(Part):
    """Some seconds of a trial: successes per second, failed share of the requests, mean latency of the successes.

    `over_p95` is the share that failed or took longer than the objective p95; None without one.
    """

    from_s: float
    to_s: float
    tps: float | None = None
    error_rate: float | None = None
    mean_ms: float | None = None
    over_p95: float | None = None


class Failover(Part):
    """What a loss cost, and what was left.

    `failed` are the requests that failed from it on by the generator, `failed_at_balancer` those by the balancer's
    log. `failing_s`, `recovery_s`, `latency_recovery_s` and `p95_recovery_s` are seconds since the loss: until the
    last of them failed (`None` where none did), and until throughput and mean latency were back, and p95 within its
    objective (`None` where they never were, or no p95 was wanted or reached before). Seconds are counted whole, so
    each is up to one too long. `expected` is the share of the throughput before that may be expected of who is left.
    """

    servers: list[str]
    of: int  # how many servers there were
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
