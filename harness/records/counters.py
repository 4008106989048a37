"""Counters of one trial in trial.json: those of the load generator, the balancer and the servers."""

from __future__ import annotations

from pydantic import Field

from harness.records.part import Counts, Part


class GeneratorCounters(Part):
    """Counts of the load generator over the whole load."""

    errors: Counts = Field(default_factory=dict)  # kind of failure → requests
    workers: int = 0
    completed: int = 0
    failed: int = 0
    totals: Counts = Field(default_factory=dict)  # own counts if samples have the balancer's: completed, failed
    statuses: Counts = Field(default_factory=dict)  # of your Locust script: status → responses
    delays: Counts = Field(default_factory=dict)  # of an open load: send delay in µs → requests of the window


class BalancerCounters(Part):
    """The balancer's summary of its log; times in seconds."""

    statuses: Counts = Field(default_factory=dict)
    upstreams: dict[str, Counts] = Field(default_factory=dict)  # address → status → requests
    retried: int = 0  # requests that were tried at more than one server
    request_s: dict[str, float] = Field(default_factory=dict)  # p50, p95 and p99 in the window
    upstream_mean_s: float | None = None  # mean time of the servers for a response in the window
    request_mean_s: float | None = None  # mean time of the same requests at the balancer; None in older records
    mean_in_flight: float | None = None
    events: Counts = Field(default_factory=dict)  # event as nginx logs it → lines
    events_first_s: dict[str, float] = Field(default_factory=dict)
    worker_cpu_s: list[float] = Field(default_factory=list)  # of each worker process since its start


class Counters(Part):
    """The requests as counted by generator, balancer and servers; None for a server without counts."""

    generator: GeneratorCounters = GeneratorCounters()
    balancer: BalancerCounters = BalancerCounters()
    servers: dict[str, Counts | None] = Field(default_factory=dict)
