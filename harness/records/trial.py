"""The types of trial.json, and a trial with its series. docs/reference/files.md describes every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from harness.records.context import Context, HostStates
from harness.records.counters import Counters
from harness.records.failover import Failover
from harness.records.findings import Finding, Kind
from harness.records.part import CellLevels, Maybe, Part
from harness.records.reasons import Reason
from harness.records.requests import Histograms, Logins, RequestStats
from harness.records.series import BalancerSample, HostSample, MachineSample, Sample

FORMAT = 1


class Outcome(StrEnum):
    """Outcome of a trial, or of a cell."""

    OK = "ok"
    WARNING = "warning"  # it counts with a caveat
    SERVER_DOWN = "server_down"  # a server died or stopped responding
    INVALID = "invalid"  # it violates an evidence rule
    FAILED = "failed"  # it could not be run
    NONE = ""  # not judged yet
    MISSING = "missing"  # of a cell: no trial yet


class Component(StrEnum):
    """The bottleneck: the component that would have to change for more throughput."""

    GENERATOR = "generator"
    LOAD = "load"  # the offered load was served completely
    BALANCER = "balancer"
    NETWORK = "network"
    DEPENDENCY = "dependency"  # a database, cache or API that the servers share
    SERVER = "server"
    PLATFORM = "platform"  # the user's own: its balancer, servers or dependencies
    UNKNOWN = "unknown"

    @property
    def is_load(self) -> bool:
        """Whether the trial was load-limited, so that it shows nothing about servers."""
        return self == Component.LOAD

    @property
    def is_topology(self) -> bool:
        """Whether the measured servers limited the trial; of a platform, whichever of its components."""
        return self in (Component.SERVER, Component.PLATFORM)


class Window(Part):
    """The steady window, in seconds of the load."""

    from_s: float
    to_s: float


class Bottleneck(Part):
    """A trial's bottleneck: `reason` renders `basis` with `figures`, after a large share of failed requests."""

    component: Component
    basis: Reason
    reason: str = ""
    next_bottleneck: str = ""  # in words
    figures: dict[str, float | None] = Field(default_factory=dict)


class Figures(Part):
    """Figures derived from the series; shares are 0–1."""

    littles_law_residual: float | None = None
    users: int | None = None
    mean_in_flight: float | None = None
    mean_think_s: float | None = None
    generator_lag_ms: float | None = None
    drift: float | None = None
    latency_drift: float | None = None  # as `drift`, for the mean latency
    server_cost: dict[str, float] = Field(default_factory=dict)  # server → cost of a request, relative
    steady_from_s: float | None = None
    foreign_cpu: dict[str, float | None] = Field(default_factory=dict)  # by machine
    cpu_ms_per_request: dict[str, float | None] = Field(default_factory=dict)  # by role
    retransmitted: float | None = None
    timeline: list[tuple[float, str]] = Field(default_factory=list)  # second, event
    of_ceiling: float | None = None
    offered_per_s: float | None = None  # of an open load: requests due in the window
    offered_sent: float | None = None  # share of them sent in it
    offered_late: int | None = None  # requests that waited because too many were in flight
    send_delay_p99_ms: float | None = None
    falls_behind: bool | None = None  # whether a queue grows, so that the load cannot be sustained


class ObjectiveCounts(Part):
    """The window's requests against the objectives: `late` ones failed or exceeded the objective p95."""

    requests: int
    late: int
    failed: int


class TrialRecord(Part):
    """The content of trial.json, frozen: `model_copy(update=...)` returns a changed copy."""

    id: str
    cell: CellLevels
    repeat: int
    block_position: int
    started_at: str
    outcome: Outcome
    cause: str = ""
    window: Maybe[Window] = None
    tps_mean: float | None = None
    tps_peak: float | None = None
    error_rate: float | None = None
    latency_ms: dict[str, float | None] = Field(default_factory=dict)
    latency_with_failures_ms: dict[str, float | None] = Field(
        default_factory=dict
    )  # with each failure at the timeout or more
    objective_counts: Maybe[ObjectiveCounts] = None
    requests: dict[str, RequestStats] = Field(default_factory=dict)  # by name; empty for one plain request
    transactions: Maybe[RequestStats] = None  # of steps only
    logins: Maybe[Logins] = None
    sent: dict[str, str] = Field(default_factory=dict)  # number of transactions or arrivals → digest of the requests
    latency_source: str = "generator"
    unloaded_ms: float | None = None
    load_s: float | None = None
    overhead_s: float | None = None
    counters: Maybe[Counters] = None
    figures: Maybe[Figures] = None
    failover: Maybe[Failover] = None  # effect of a planned server failure
    findings: tuple[Finding, ...] = ()
    bottleneck: Maybe[Bottleneck] = None
    hosts: dict[str, HostStates] = Field(default_factory=dict)
    context: Maybe[Context] = None
    control: bool = False
    probe: int | None = None  # number of a probe at its load; None in blocks, and in studies that did not number them
    format: int = Field(default=FORMAT)

    @property
    def usable(self) -> bool:
        """Whether its throughput counts."""
        return self.outcome in (Outcome.OK, Outcome.WARNING) and self.tps_mean is not None

    @property
    def falls_behind(self) -> bool:
        """Whether the servers served less than an open load offered: a queue grows."""
        return bool(self.figures and self.figures.falls_behind)

    @property
    def generator_late(self) -> bool:
        """Whether the load generator was too late to judge the objective p95, so that latencies show no servers."""
        return any(finding.kind == Kind.LATENESS for finding in self.findings)

    @property
    def collapsed(self) -> bool:
        """Whether the servers collapsed under load: one died, or failed requests stopped the load.

        Requests that failed before they reached the servers do not count.
        """
        at_servers = self.component not in (Component.GENERATOR, Component.BALANCER, Component.NETWORK)
        stopped = self.outcome == Outcome.INVALID and any(f.kind == Kind.COLLAPSE for f in self.findings)
        return self.outcome == Outcome.SERVER_DOWN or (stopped and at_servers)

    @property
    def component(self) -> Component:
        """The bottleneck's component; unknown if the trial was not judged."""
        return self.bottleneck.component if self.bottleneck else Component.UNKNOWN


@dataclass(frozen=True, kw_only=True)
class TrialData:
    """A trial's record with its series."""

    record: TrialRecord
    samples: list[Sample]
    hosts: list[HostSample]
    balancer: list[BalancerSample]
    latencies: str = ""  # histogram of the window's successes
    failures: str = ""  # of the window's failures, each at the timeout or its time, if that is longer
    machines: list[MachineSample] = field(default_factory=list)
    request_histograms: Mapping[str, Histograms] = field(default_factory=dict)  # the same by the name of the request
    transaction_histograms: Histograms = field(default_factory=Histograms)
    ended_at: float | None = None  # Unix time of the load's end, not recorded
