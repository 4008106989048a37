"""Which server was busiest, or how busy all of them were together where none holds the others up. Pure."""

from __future__ import annotations

import math

from harness.judge import figures as derived
from harness.judge import pacing
from harness.judge.observation import Observation


def server(seen: Observation) -> tuple[str, float | None]:
    """The server that used most of its cap in the steady window, and that share; None without a cap.

    Where the balancer gives more to who is free, one that is busy holds nobody up: then it is all of them
    together, under an empty name.
    """
    use: dict[str, tuple[float, float]] = {}
    for host in seen.expected_servers:
        cap, used = seen.caps.get(host), derived.cores_used(seen, host)
        if used is not None and cap:
            use[host] = used, cap
    if not use:
        return "", None
    if len(use) > 1 and seen.balancing.by_load:
        # fsum, because hosts stand in another order once they were written and read again.
        return "", math.fsum(used for used, _ in use.values()) / math.fsum(cap for _, cap in use.values())
    busiest = max(use, key=lambda host: use[host][0] / use[host][1])
    return busiest, use[busiest][0] / use[busiest][1]


def slots_of(seen: Observation) -> tuple[str, float] | None:
    """Whose slots were busiest, and to what share of the window; as `server` where none holds others up."""
    if len(seen.pacing) > 1 and seen.balancing.by_load:
        offered = math.fsum(said.offered for said in seen.pacing.values())
        return ("", math.fsum(said.busy for said in seen.pacing.values()) / offered) if offered else None
    return pacing.busiest_slots(seen)
