"""Use of the dependencies that the servers share: CPU and connections, each as a share of its limit. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judge import host_usage
from harness.judge.figures import in_window
from harness.judge.observation import Observation
from harness.records.context import Dependency
from harness.records.series import HostSample


@dataclass(frozen=True)
class Use:
    """The utilization of a dependency's resource, as a share of its limit."""

    name: str
    share: float


@dataclass(frozen=True)
class TimeSpent:
    """Seconds that a request spends in a dependency, and whether it waits for locks there."""

    name: str
    seconds: float
    is_locked: bool


def cpu(seen: Observation) -> Use | None:
    """The dependency with the highest CPU utilization in the window; None without readings or an allowance."""
    found = []
    for host, what in seen.dependencies.items():
        used, allowance = host_usage.cores_used(seen, host), _allowance(seen.caps.get(host), what)
        if used is not None and allowance:
            found.append(Use(what.name, used / allowance))
    return max(found, key=lambda use: use.share, default=None)


def connections(seen: Observation, *, is_refused: bool = False) -> Use | None:
    """The dependency with the largest share of its connections in use, mean over the window; None if it is not known.

    Its own view counts those in use, and with `is_refused` all open ones: a program that keeps more connections than
    it uses leaves none for others, whose requests fail. Without a view, established connections count against the
    number in the inventory.
    """
    found = []
    for host, what in seen.dependencies.items():
        shares = [share for row in _rows(seen, host) if (share := _in_use(row, what, is_refused)) is not None]
        if shares:
            found.append(Use(what.name, sum(shares) / len(shares)))
    return max(found, key=lambda use: use.share, default=None)


def time(seen: Observation) -> TimeSpent | None:
    """The dependency in which requests spend most of their time; None if it is not known.

    Little's law: connections in use / responses per second is the time of a request in the dependency. Views without
    waits count clients, which may be idle.
    """
    rows = seen.window
    answers = sum(row.completed + row.failed for row in rows)
    found = []
    for host, what in seen.dependencies.items():
        active = [row for row in _rows(seen, host) if row.in_use is not None and row.longest_wait_s is not None]
        if active and answers:
            in_it_s = sum(row.in_use or 0 for row in active) / len(active) * len(rows) / answers
            waits_s = sum(row.longest_wait_s or 0.0 for row in active) / len(active)
            found.append(TimeSpent(what.name, in_it_s, waits_s >= in_it_s / 2))
    return max(found, key=lambda spent: spent.seconds, default=None)


def _rows(seen: Observation, host: str) -> list[HostSample]:
    return [row for row in seen.hosts if row.host == host and in_window(seen, row.t_s)]


def _allowance(cap: float | None, what: Dependency) -> float | None:
    """Cores that the dependency can use: a single-threaded program uses no second one."""
    limits = [limit for limit in (cap, what.cores) if limit]
    return min(limits) if limits else None


def _in_use(row: HostSample, what: Dependency, is_refused: bool) -> float | None:
    most = row.most_connections or what.connections
    if row.in_use is not None and most:
        sessions = row.sessions or 0
        return max(row.in_use, sessions if is_refused and sessions >= most else 0) / most
    if row.connections is not None and what.connections:
        return row.connections / what.connections
    return None
