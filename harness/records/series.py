"""Series of a trial: one row for each second, and for each host, machine or status.

Column names are a contract within a format version: columns may be added, none is renamed. A missing
value is an empty field, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One second of one trial. `completed` are successes; `users` and `in_flight` are means over it.

    Values that a load generator does not count are None: nGrinder counts neither requests in flight nor think times.
    """

    t_s: int
    completed: int
    failed: int
    users: float
    in_flight: float | None
    mean_ms: float | None
    think_s: float | None  # think times drawn in this second, summed
    thinks: int | None
    busiest_cpu_s: float | None  # processor seconds of the busiest generator process
    lag_ms: float | None  # largest delay of the generator's event loop
    thinking: float | None = None  # thinking users until their drawn wake-up, mean over the second
    # Of an open load:
    offered: int | None = None  # requests due in this second
    sent: int | None = None  # requests sent in this second, whenever they were due
    late: int | None = None  # requests due in it that waited because too many were in flight
    delay_ms: float | None = None  # largest send delay of the requests sent in it
    # Of the requests due (open loop) or sent (closed loop) in this second, whenever they ended:
    slow: int | None = None  # successes slower than the objective p95; None without one
    requests: int | None = None  # their number; None in a study before they were counted
    requests_failed: int | None = None  # the failed ones

    @property
    def by_start(self) -> tuple[int, int]:
        """Requests due or sent in this second and the failed ones; without these counts, the ones that ended in it."""
        if self.requests is None or self.requests_failed is None:
            return self.completed + self.failed, self.failed
        return self.requests, self.requests_failed


@dataclass(frozen=True, kw_only=True)
class HostSample:
    """One host's container in one second: cores used, share of periods throttled, memory, and what it moved.

    `connections` are the established ones at the port of a dependency. Its own views, where they are read, count those
    `in_use` (that execute or hold something), the most that it accepts, the longest wait of a request in it, and all
    open `sessions`.
    """

    t_s: float
    host: str
    cpu_cores: float
    throttled_share: float | None
    memory_mb: float
    role: str = ""  # "balancer", "server", "generator" or "dependency"; empty in studies before roles were recorded
    received_mb_per_s: float | None = None  # over its network, in 10⁶ bytes; None where it is not read
    sent_mb_per_s: float | None = None
    read_mb_per_s: float | None = None  # from disks
    written_mb_per_s: float | None = None
    connections: int | None = None
    in_use: int | None = None
    most_connections: int | None = None
    longest_wait_s: float | None = None
    sessions: int | None = None


@dataclass(frozen=True, kw_only=True)
class MachineSample:
    """One machine in one second: its cores, busy cores, share of CPU that the hypervisor took.

    `offset_s` is its clock minus the study's; `conntrack_share` the utilization of its connection table,
    None without one.
    """

    t_s: float
    machine: str
    cores: int
    busy_cores: float
    steal_share: float
    load: float
    conntrack_share: float | None
    offset_s: float


@dataclass(frozen=True)
class BalancerSample:
    """Responses of one server with one status in one second, by the balancer's log."""

    t_s: int
    server: str
    status: str
    requests: int
