"""What a load can ask for and servers can give, told before anybody waits for it. Pure.

Asymptotic bounds of an interactive system: X ≤ min(m·µ, N / (R0 + Z)). Lazowska et al., Quantitative
System Performance (1984), chapter 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.words import servers

# Users that keep a topology saturated in spite of its noise: a fifth more than it needs.
MARGIN = 1.2


def users_bound(users: int, unloaded_s: float, think_s: float) -> float:
    """Most requests per second that closed-loop users can ask for: N / (R0 + Z).

    Asymptotic bounds of an interactive system, Lazowska et al., Quantitative System Performance
    (1984), chapter 5.
    """
    return users / (unloaded_s + think_s)


def sentences(
    loads: Sequence[int], counts: Sequence[int], capacity_per_s: float, unloaded_s: float, think_s: float
) -> list[str]:
    """One for each load: how many servers it can use, and which find nothing to do."""
    if not unloaded_s + think_s:
        return []
    found = []
    most = max(counts)
    for users in sorted(loads):
        asked = users_bound(users, unloaded_s, think_s)
        usable = asked / capacity_per_s
        text = f"{users} users ask for {asked:.0f}/s at most and can use {usable:.1f} servers of {capacity_per_s:g}/s"
        idle = _idle(usable, counts)
        if idle:
            who = f"server {idle[0]}" if len(idle) == 1 else f"servers {idle[0]} to {idle[-1]}"
            fill = math.ceil(MARGIN * most * capacity_per_s * (unloaded_s + think_s) / 100) * 100
            text += f"; {who} will find nothing to do: {fill} users would fill {servers(most)}"
        found.append(text)
    return found


def of_rates(loads: Sequence[tuple[float, float]], counts: Sequence[int], capacity_per_s: float) -> list[str]:
    """The same for rates, each as it is written and as it is played: X ≤ min(m·µ, λ)."""
    found = []
    for written, played in sorted(set(loads)):
        usable = played / capacity_per_s
        text = f"{written:.10g}/s offered can use {usable:.1f} servers of {capacity_per_s:g}/s"
        idle = _idle(usable, counts)
        if idle:
            who = f"server {idle[0]}" if len(idle) == 1 else f"servers {idle[0]} to {idle[-1]}"
            text += f"; {who} will find nothing to do but to shorten the wait"
        short = [count for count in counts if count < usable]
        if short:
            text += f"; {servers(short[-1])} cannot serve it, and the queue grows"
        found.append(text)
    return found


def _idle(usable: float, counts: Sequence[int]) -> list[int]:
    """A server of which less than a tenth is asked for shows no gain that could be told."""
    return [count for count in range(min(counts) + 1, max(counts) + 1) if usable - (count - 1) < 0.1]
