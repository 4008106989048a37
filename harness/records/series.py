"""What a trial leaves second by second: one row a second, and a host, a machine or a status.

Column names are a contract within a format version: more may follow, none is renamed. A value that
does not exist is an empty field, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One second of one trial. `completed` are successes; `users` and `in_flight` are means over it.

    What an engine does not count is None: nGrinder knows neither requests in flight nor think times.
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
    thinking: float | None = None  # users that think, mean over it: until the wake-up that was drawn
    # Of an open load, whose requests are due at set moments:
    offered: int | None = None  # requests that were due in this second
    sent: int | None = None  # requests sent in it, whenever they were due
    late: int | None = None  # of those due in it, that waited as too many were in flight
    delay_ms: float | None = None  # of those sent in it, by how much the latest was late
    slow: int | None = None  # of the successes, that took longer than the objective p95; None without it


@dataclass(frozen=True)
class HostSample:
    """One host's container in one second: cores used, share of periods throttled, memory."""

    t_s: float
    host: str
    cpu_cores: float
    throttled_share: float | None
    memory_mb: float


@dataclass(frozen=True)
class MachineSample:
    """One machine in one second: cores it has, cores busy with anything, share that the hypervisor took.

    `offset_s` is how far its clock is ahead of the study's; `conntrack_share` how full its table of
    connections is, None where it keeps none.
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
    """Requests that one server answered with one status in one second, by the balancer's log."""

    t_s: int
    server: str
    status: str
    requests: int
