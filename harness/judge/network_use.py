"""Segments of the hosts in one trial that were retransmitted, or beyond an allowance. Pure."""

from __future__ import annotations

from harness.judge.observation import Observation


def over_allowance(seen: Observation) -> tuple[str, str, float] | None:
    """Host, counter and largest share of segments beyond an instance's allowance; None without any."""
    found = [
        (host, name, count / counted["segments"])
        for host, counted in seen.network.items()
        for name, count in counted.items()
        if name.endswith("_allowance_exceeded") and count and counted.get("segments")
    ]
    return max(found, key=lambda one: one[2], default=None)


def retransmitted(seen: Observation) -> float | None:
    """Largest share of TCP segments that a host retransmitted; None without readings."""
    return max(retransmissions(seen).values(), default=None)


def retransmissions(seen: Observation) -> dict[str, float]:
    """Return host → share of its TCP segments that it retransmitted, of hosts with enough segments."""
    return {
        host: counted["retransmits"] / counted["segments"]
        for host, counted in seen.network.items()
        if counted.get("segments", 0) > 1000 and "retransmits" in counted
    }
