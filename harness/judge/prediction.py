"""Predict what a load requests and what paced servers can serve, before a study starts. Pure.

Asymptotic bounds of an interactive system: X ≤ min(m·µ, N / (R0 + Z)). Lazowska et al., Quantitative
System Performance (1984), chapter 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.grid import server_types
from harness.grid.server_rates import ServerRates
from harness.grid.server_types import ServersLevel
from harness.language import messages
from harness.words import grouped, servers

# Ratio of users to those that a topology needs: a margin for noise, so that it stays saturated.
MARGIN = 1.2
MIN_UTILIZATION = 0.1  # predicted share of a server, below which it is reported as idle

EQUAL_SHARES = messages("each server gets the same share of the requests, so the slowest type limits the others")
UNEQUAL_SHARES = messages("use the balancing method least_conn, or weights")


def users_bound(users: int, unloaded_s: float, think_s: float) -> float:
    """Return the largest request rate of closed-loop users in req/s: N / (R0 + Z)."""
    return users / (unloaded_s + think_s)


def sentences(
    loads: Sequence[int], levels: Sequence[ServersLevel], rates: ServerRates, unloaded_s: float, think_s: float
) -> list[str]:
    """Return one sentence for each number of users: how many servers it needs, and which will be idle.

    `levels` are those of `servers` in the grid. With several types it is how much each topology serves.
    """
    if not unloaded_s + think_s:
        return []
    found = []
    capacity_per_s, most = rates.one, max(levels, key=rates.of)
    for users in sorted(loads):
        rate = users_bound(users, unloaded_s, think_s)
        needed = rate / capacity_per_s
        text = f"{users:,} users generate at most {rate:,.0f} req/s, enough for "
        text += _typed(levels, rates, rate) or f"{needed:,.1f} servers at {grouped(capacity_per_s)} req/s"
        idle = _idle(rate, levels, rates)
        if idle:
            saturating = math.ceil(MARGIN * rates.of(most) * (unloaded_s + think_s) / 100) * 100
            text += f". {idle} will be idle; {saturating:,} users would saturate {servers(most)}"
        found.append(text)
    return [*found, *_equal_shares(levels, rates)]


def of_rates(loads: Sequence[tuple[float, float]], levels: Sequence[ServersLevel], rates: ServerRates) -> list[str]:
    """Return one sentence for each rate, given as (nominal, scaled) req/s: X ≤ min(m·µ, λ)."""
    found = []
    for nominal_per_s, scaled_per_s in sorted(set(loads)):
        needed = scaled_per_s / rates.one
        text = f"{grouped(nominal_per_s)} req/s are enough for "
        text += _typed(levels, rates, scaled_per_s) or f"{needed:,.1f} servers at {grouped(rates.one)} req/s"
        idle = _idle(scaled_per_s, levels, rates)
        if idle:
            text += f". {idle} will only shorten response times"
        insufficient = [each for each in levels if rates.of(each) < scaled_per_s]
        if insufficient:
            text += f". {servers(insufficient[-1])} cannot serve this rate, so the queue grows"
        found.append(text)
    return [*found, *_equal_shares(levels, rates)]


def _typed(levels: Sequence[ServersLevel], rates: ServerRates, load_per_s: float) -> str:
    """Which share of each topology's rate a load uses; empty without types."""
    if not rates.by_type:
        return ""
    rated = [(each, rates.of(each)) for each in levels]
    shares = (f"{load_per_s / per_s:,.1f} times {each} at {grouped(per_s)} req/s" for each, per_s in rated)
    return ", ".join(shares)


def _equal_shares(levels: Sequence[ServersLevel], rates: ServerRates) -> list[str]:
    """Topologies of several types that serve less than their servers can, because each gets as many requests."""
    mixed = [each for each in levels if rates.of(each) < rates.sum_of(each)]
    return [
        f"{_sentence(EQUAL_SHARES)}: {servers(each)} serve {grouped(rates.of(each))} instead of "
        f"{grouped(rates.sum_of(each))} req/s. {_sentence(UNEQUAL_SHARES)}"
        for each in mixed
    ]


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]


def _idle(load_per_s: float, levels: Sequence[ServersLevel], rates: ServerRates) -> str:
    """Name the servers of which a load uses less than `MIN_UTILIZATION`: their gain is not measurable; or none."""
    if rates.by_type:
        steps = server_types.neighbours(levels)
        idle = [
            f"The servers that {larger} adds to {smaller}"
            for smaller, larger in steps
            if load_per_s - rates.of(smaller) < MIN_UTILIZATION * rates.one
        ]
        return f"{idle[0]}{''.join(f', and t{text[1:]},' for text in idle[1:])}" if idle else ""
    counts, needed = [server_types.count(level) for level in levels], load_per_s / rates.one
    found = [count for count in range(min(counts) + 1, max(counts) + 1) if needed - (count - 1) < MIN_UTILIZATION]
    if not found:
        return ""
    return f"Server {found[0]}" if len(found) == 1 else f"Servers {found[0]} to {found[-1]}"
