"""Utilization of the busiest server, or of all servers if the balancer selects by load. Pure."""

from __future__ import annotations

import math

from harness.judge import host_usage, pacing
from harness.judge.observation import Observation


def server(seen: Observation) -> tuple[str, float | None]:
    """The server with the highest CPU utilization in the steady window, and that share of its cap; None without a cap.

    A balancer that selects by load avoids a busy server. The result is then the utilization of all servers
    together, with an empty name.
    """
    use: dict[str, tuple[float, float]] = {}
    for host in seen.expected_servers:
        cap, used = seen.caps.get(host), host_usage.cores_used(seen, host)
        if used is not None and cap:
            use[host] = used, cap
    if not use:
        return "", None
    if len(use) > 1 and seen.balancing.by_load:
        # fsum, because the order of hosts changes when they are written and read.
        return "", math.fsum(used for used, _ in use.values()) / math.fsum(cap for _, cap in use.values())
    busiest = max(use, key=lambda host: use[host][0] / use[host][1])
    return busiest, use[busiest][0] / use[busiest][1]


def slots_of(seen: Observation) -> tuple[str, float] | None:
    """The paced server with the busiest slots and their utilization, else as `server`; None without paced servers."""
    if len(seen.pacing) > 1 and seen.balancing.by_load:
        offered = math.fsum(slots.offered for slots in seen.pacing.values())
        return ("", math.fsum(slots.busy for slots in seen.pacing.values()) / offered) if offered else None
    return pacing.busiest_slots(seen)
