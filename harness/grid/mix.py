"""Means per request of a mix or of steps, for the bounds of an interactive system. Pure.

The operational laws hold per request, whatever the mix: in N = X (R + Z), X counts all requests, and R and Z are means
over them, weighted by their shares (Lazowska et al., Quantitative System Performance (1984), chapters 3 and 5). A
transaction of v steps visits the system v times: each request is followed by one think time, the pause of its step, and
the last one also by the think time of the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.grid.schema import Grid


def think_per_request_s(grid: Grid) -> float:
    """Return the mean think time after a request in seconds; 0 for an open load."""
    if not grid.has_steps:
        return grid.load.think_time
    pauses_s = sum(step.pause_s for step in grid.requests)
    return (grid.load.think_time + pauses_s) / len(grid.requests)


def shares(grid: Grid) -> dict[str, float]:
    """Return name → planned share of all requests; steps have equal shares."""
    total = sum(each.weight for each in grid.requests)
    return {each.name: each.weight / total for each in grid.requests}


def mean(values: Iterable[tuple[float, float]]) -> float | None:
    """Return the mean of (value, weight) pairs; None without any weight."""
    pairs = list(values)
    total = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / total if total else None


def unloaded_s(grid: Grid, by_name: Mapping[str, float]) -> float | None:
    """Return the response time R0 of a mean request, from those of each name; names without one do not count."""
    planned = shares(grid)
    return mean((r0_s, planned.get(name, 0.0)) for name, r0_s in by_name.items())
