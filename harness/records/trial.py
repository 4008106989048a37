"""trial.json: what is recorded of one trial, and its series. Every key is explained in docs/reference/files.md."""

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
    """What became of a trial, or of a cell."""

    OK = "ok"
    WARNING = "warning"  # it counts and is marked
    SERVER_DOWN = "server_down"  # a server died or stopped answering
    INVALID = "invalid"  # an evidence rule is broken
    FAILED = "failed"  # it could not be carried out
    NONE = ""  # not judged yet
    MISSING = "missing"  # of a cell: there is no trial yet


class Component(StrEnum):
    """What limited a trial: what would have to change for more throughput."""

    GENERATOR = "generator"
    LOAD = "load"  # the offered load was served completely
    BALANCER = "balancer"
    NETWORK = "network"
    SERVER = "server"
    UNKNOWN = "unknown"

    @property
    def is_load(self) -> bool:
        """Whether the load was what limited it, so that nothing is said of servers."""
        return self == Component.LOAD


class Window(Part):
    """The steady window, in seconds of the load."""

    from_s: float
    to_s: float


class Bottleneck(Part):
    """`basis` is why, with `figures`; `reason` is the sentence made of both, after what failed if that is much."""

    component: Component
    basis: Reason
    reason: str = ""
    next_bottleneck: str = ""  # what would limit next, in words
    figures: dict[str, float | None] = Field(default_factory=dict)


class GeneratorCounters(Part):
    """What the traffic engine counted over the whole load."""

    errors: Counts = Field(default_factory=dict)  # kind of failure → requests
    workers: int = 0
    completed: int = 0
    failed: int = 0
    totals: Counts = Field(default_factory=dict)  # own count where samples have the balancer's: completed, failed
    delays: Counts = Field(default_factory=dict)  # of an open load: µs by which requests of the window were sent late


class BalancerCounters(Part):
    """The balancer's summary of its log; times in seconds."""

    statuses: Counts = Field(default_factory=dict)
    upstreams: dict[str, Counts] = Field(default_factory=dict)  # address → status → requests
    retried: int = 0  # requests that were tried on more than one server
    request_s: dict[str, float] = Field(default_factory=dict)  # p50, p95 and p99 in the window
    upstream_mean_s: float | None = None  # how long a server took for an answer in the window
    mean_in_flight: float | None = None
    events: Counts = Field(default_factory=dict)  # by nginx's own words
    events_first_s: dict[str, float] = Field(default_factory=dict)
    worker_cpu_s: list[float] = Field(default_factory=list)  # of each worker process, since it started


class Counters(Part):
    """The same requests, counted thrice; a server's are None where it keeps no count."""

    generator: GeneratorCounters = GeneratorCounters()
    balancer: BalancerCounters = BalancerCounters()
    servers: dict[str, Counts | None] = Field(default_factory=dict)


class Figures(Part):
    """What follows from the series; shares are 0–1."""

    littles_law_residual: float | None = None
    users: int | None = None
    mean_in_flight: float | None = None
    mean_think_s: float | None = None
    generator_lag_ms: float | None = None
    drift: float | None = None
    latency_drift: float | None = None  # ln of the mean latency, as drift is of the rate
    server_cost: dict[str, float] = Field(default_factory=dict)  # server → what a request cost it, to compare them
    steady_from_s: float | None = None
    foreign_cpu: dict[str, float | None] = Field(default_factory=dict)  # by machine
    cpu_ms_per_request: dict[str, float | None] = Field(default_factory=dict)  # by role
    retransmitted: float | None = None
    timeline: list[tuple[float, str]] = Field(default_factory=list)  # second, what happened
    of_ceiling: float | None = None
    offered_per_s: float | None = None  # of an open load: requests that were due in the window
    offered_sent: float | None = None  # share of them that was sent in it
    offered_late: int | None = None  # how many had to wait as too many were in flight
    send_delay_p99_ms: float | None = None


class ObjectiveCounts(Part):
    """The window's requests against the objectives: `late` took longer than p95 may be or failed (0–`requests`)."""

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
    """Before the load and after it."""

    before: HostState
    after: HostState


class Pacing(Part):
    """A paced server's slots in the window: seconds offered, busy and lost; seconds answers were late; answers."""

    offered: float
    busy: float
    lost: float
    late: float
    answers: float


class Context(Part):
    """What the judgement needs beside series and counters; everything about hosts is by their names."""

    users: int
    lost_workers: int = 0
    stopped_s: int | None = None  # whole seconds there were when rule E8 stopped the load
    generators: list[str]
    balancer: str
    balancing: dict[str, Any] = Field(default_factory=dict)  # how the balancer chose servers
    expected_servers: dict[str, str]  # server → address that the cell asks for
    health: Counts = Field(default_factory=dict)  # server → status of its health check after the load
    kind: str
    ceiling: float | None = None  # requests per second that generator and balancer reach alone
    machine_of: dict[str, str]  # host → machine
    network: dict[str, Counts] = Field(default_factory=dict)  # host → kernel counter → increase
    logged: dict[str, Counts] = Field(default_factory=dict)  # server → event in its log → count
    cpu_models: dict[str, str] = Field(default_factory=dict)
    pacing: dict[str, Pacing] = Field(default_factory=dict)
    server_failure: Maybe[ServerFailure] = None  # of servers that the cell asks to lose


class TrialRecord(Part):
    """trial.json, frozen: `model_copy(update=...)` makes another."""

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
    )  # failures among them, at the timeout or more
    objective_counts: Maybe[ObjectiveCounts] = None
    latency_source: str = "generator"
    unloaded_ms: float | None = None
    load_s: float | None = None
    overhead_s: float | None = None
    counters: Maybe[Counters] = None
    figures: Maybe[Figures] = None
    failover: Maybe[Failover] = None  # what servers that were stopped on purpose cost
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
        """Whether the servers gave out under the load: one died, or so much failed that the load was stopped.

        Requests that failed on the way to them are none of their doing.
        """
        theirs = self.component not in (Component.GENERATOR, Component.BALANCER, Component.NETWORK)
        stopped = self.outcome == Outcome.INVALID and any(f.kind == Kind.COLLAPSE for f in self.findings)
        return self.outcome == Outcome.SERVER_DOWN or (stopped and theirs)

    @property
    def component(self) -> Component:
        """What limited it; unknown where it was not judged."""
        return self.bottleneck.component if self.bottleneck else Component.UNKNOWN


@dataclass(frozen=True)
class TrialData:
    """A trial's record with its series."""

    record: TrialRecord
    samples: list[Sample]
    hosts: list[HostSample]
    balancer: list[BalancerSample]
    latencies: str = ""  # histogram of the window's successes
    failures: str = ""  # of what failed in it, each at the timeout or what it took, if that is more
    machines: list[MachineSample] = field(default_factory=list)
    ended_at: float | None = None  # Unix time at which the load was over, not recorded
