"""Predict what a load requests and what paced servers can serve, before a study starts. Pure.

Asymptotic bounds of an interactive system: X ≤ min(m·µ, N / (R0 + Z)). Lazowska et al., Quantitative
System Performance (1984), chapter 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.words import servers

# Ratio of users to those that a topology needs: a margin for noise, so that it stays saturated.
MARGIN = 1.2
MIN_UTILIZATION = 0.1  # predicted share of a server, below which it is reported as idle


def users_bound(users: int, unloaded_s: float, think_s: float) -> float:
    """Return the largest request rate of closed-loop users in req/s: N / (R0 + Z)."""
    return users / (unloaded_s + think_s)


def sentences(
    loads: Sequence[int], counts: Sequence[int], capacity_per_s: float, unloaded_s: float, think_s: float
) -> list[str]:
    """Return one sentence for each number of users: how many servers it needs, and which will be idle.

    `counts` are the numbers of servers in the grid, `capacity_per_s` is that of one server.
    """
    if not unloaded_s + think_s:
        return []
    found = []
    most = max(counts)
    for users in sorted(loads):
        rate = users_bound(users, unloaded_s, think_s)
        needed = rate / capacity_per_s
        text = (
            f"{users} users generate at most {rate:.0f} req/s, enough for {needed:.1f} servers at "
            f"{capacity_per_s:g} req/s"
        )
        idle = _idle(needed, counts)
        if idle:
            saturating = math.ceil(MARGIN * most * capacity_per_s * (unloaded_s + think_s) / 100) * 100
            text += f". {_names(idle)} will be idle; {saturating} users would saturate {servers(most)}"
        found.append(text)
    return found


def of_rates(loads: Sequence[tuple[float, float]], counts: Sequence[int], capacity_per_s: float) -> list[str]:
    """Return one sentence for each rate, given as (nominal, scaled) req/s: X ≤ min(m·µ, λ)."""
    found = []
    for nominal_per_s, scaled_per_s in sorted(set(loads)):
        needed = scaled_per_s / capacity_per_s
        text = f"{nominal_per_s:.10g} req/s are enough for {needed:.1f} servers at {capacity_per_s:g} req/s"
        idle = _idle(needed, counts)
        if idle:
            text += f". {_names(idle)} will only shorten response times"
        insufficient = [count for count in counts if count < needed]
        if insufficient:
            text += f". {servers(insufficient[-1])} cannot serve this rate, so the queue grows"
        found.append(text)
    return found


def _names(idle: Sequence[int]) -> str:
    return f"Server {idle[0]}" if len(idle) == 1 else f"Servers {idle[0]} to {idle[-1]}"


def _idle(needed: float, counts: Sequence[int]) -> list[int]:
    """Return the servers of which the load uses less than `MIN_UTILIZATION`: their gain is not measurable."""
    return [count for count in range(min(counts) + 1, max(counts) + 1) if needed - (count - 1) < MIN_UTILIZATION]
