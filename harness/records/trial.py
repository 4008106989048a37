"""The types of trial.json, and a trial with its series. docs/reference/files.md describes every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import Field

from harness.grid.types import Levels
from harness.records.failover import Failover, ServerFailure
from harness.records.findings import Finding, Kind
from harness.records.part import Counts, Maybe, Part
from harness.records.reasons import Reason
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
    SERVER = "server"
    UNKNOWN = "unknown"

    @property
    def is_load(self) -> bool:
        """Whether the trial was load-limited, so that it shows nothing about servers."""
        return self == Component.LOAD


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


class GeneratorCounters(Part):
    """Counts of the load generator over the whole load."""

    errors: Counts = Field(default_factory=dict)  # kind of failure → requests
    workers: int = 0
    completed: int = 0
    failed: int = 0
    totals: Counts = Field(default_factory=dict)  # own counts if samples have the balancer's: completed, failed
    delays: Counts = Field(default_factory=dict)  # of an open load: send delay in µs → requests of the window


class BalancerCounters(Part):
    """The balancer's summary of its log; times in seconds."""

    statuses: Counts = Field(default_factory=dict)
    upstreams: dict[str, Counts] = Field(default_factory=dict)  # address → status → requests
    retried: int = 0  # requests that were tried at more than one server
    request_s: dict[str, float] = Field(default_factory=dict)  # p50, p95 and p99 in the window
    upstream_mean_s: float | None = None  # mean time of the servers for a response in the window
    mean_in_flight: float | None = None
    events: Counts = Field(default_factory=dict)  # event as nginx logs it → lines
    events_first_s: dict[str, float] = Field(default_factory=dict)
    worker_cpu_s: list[float] = Field(default_factory=list)  # of each worker process since its start


class Counters(Part):
    """The requests as counted by generator, balancer and servers; None for a server without counts."""

    generator: GeneratorCounters = GeneratorCounters()
    balancer: BalancerCounters = BalancerCounters()
    servers: dict[str, Counts | None] = Field(default_factory=dict)


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


class ObjectiveCounts(Part):
    """The window's requests against the objectives: `late` ones failed or exceeded the objective p95."""

    requests: int
    late: int
    failed: int


class HostState(Part):
    """One host's container at one moment; `cpus` is its cap in cores, None without one."""

    running: bool
    started_at: str = ""
    restarts: int = 0
    oom_killed: bool = False
    exit_code: int = 0
    cpus: float | None = None
    image: str = ""


class HostStates(Part):
    """State of a host's container before and after the load."""

    before: HostState
    after: HostState


class Pacing(Part):
    """A paced server's slots in the window: seconds offered, busy and lost; delay of responses in s; responses."""

    offered: float
    busy: float
    lost: float
    late: float
    answers: float


class Context(Part):
    """Inputs of the judgement next to series and counters, by names of hosts."""

    users: int
    lost_workers: int = 0
    stopped_s: int | None = None  # whole seconds until rule E8 stopped the load
    generators: list[str]
    balancer: str
    balancing: dict[str, Any] = Field(default_factory=dict)  # settings of the balancer
    expected_servers: dict[str, str]  # server → address, those of the cell
    health: Counts = Field(default_factory=dict)  # server → status of its health check after the load
    kind: str
    ceiling: float | None = None  # maximum of generator and balancer without servers, in req/s
    machine_of: dict[str, str]  # host → machine
    network: dict[str, Counts] = Field(default_factory=dict)  # host → kernel counter → increase
    logged: dict[str, Counts] = Field(default_factory=dict)  # server → event in its log → count
    cpu_models: dict[str, str] = Field(default_factory=dict)
    pacing: dict[str, Pacing] = Field(default_factory=dict)
    server_failure: Maybe[ServerFailure] = None  # the planned one, with its result


class TrialRecord(Part):
    """The content of trial.json, frozen: `model_copy(update=...)` returns a changed copy."""

    id: str
    cell: Levels
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
    format: int = Field(default=FORMAT)

    @property
    def usable(self) -> bool:
        """Whether its throughput counts."""
        return self.outcome in (Outcome.OK, Outcome.WARNING) and self.tps_mean is not None

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


@dataclass(frozen=True)
class TrialData:
    """A trial's record with its series."""

    record: TrialRecord
    samples: list[Sample]
    hosts: list[HostSample]
    balancer: list[BalancerSample]
    latencies: str = ""  # histogram of the window's successes
    failures: str = ""  # of the window's failures, each at the timeout or its time, if that is longer
    machines: list[MachineSample] = field(default_factory=list)
    ended_at: float | None = None  # Unix time of the load's end, not recorded
