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


def cpu(seen: Observation) -> Use | None:
    """The dependency with the highest CPU utilization in the window; None without readings or an allowance."""
    found = []
    for host, what in seen.dependencies.items():
        used, allowance = host_usage.cores_used(seen, host), _allowance(seen.caps.get(host), what)
        if used is not None and allowance:
            found.append(Use(what.name, used / allowance))
    return max(found, key=lambda use: use.share, default=None)


def connections(seen: Observation) -> Use | None:
    """The dependency with the largest share of its connections in use, mean over the window; None if it is not known.

    Its own view counts those in use. Without one, established connections count against the number in the inventory.
    """
    found = []
    for host, what in seen.dependencies.items():
        rows = [row for row in seen.hosts if row.host == host and in_window(seen, row.t_s)]
        shares = [share for row in rows if (share := _in_use(row, what)) is not None]
        if shares:
            found.append(Use(what.name, sum(shares) / len(shares)))
    return max(found, key=lambda use: use.share, default=None)


def _allowance(cap: float | None, what: Dependency) -> float | None:
    """Cores that the dependency can use: a single-threaded program uses no second one."""
    limits = [limit for limit in (cap, what.cores) if limit]
    return min(limits) if limits else None


def _in_use(row: HostSample, what: Dependency) -> float | None:
    if row.in_use is not None and row.most_connections:
        return row.in_use / row.most_connections
    if row.connections is not None and what.connections:
        return row.connections / what.connections
    return None
