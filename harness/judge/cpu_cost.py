"""What a request costs each server: round robin hides a slow one behind equal shares (rule E12). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.judge import figures
from harness.judge.observation import Observation

PARTS = 4  # of a window, to see whether one of them alone makes the difference


def of_servers(seen: Observation) -> dict[str, float]:
    """Server → what a request cost it; what one cost another server is to be compared with it.

    Cores of its cap for each answer in the window, or seconds of its slots where it is held to a rate, as its CPU then
    limits nothing. Answers, not what the balancer gave it: while queues grow a slow server is given as much as others.
    """
    if seen.pacing:
        return {name: said.busy / said.answers for name, said in seen.pacing.items() if said.answers}
    return _by_cpu(seen, seen.window_from_s, seen.calm_to_s)


def _by_cpu(seen: Observation, from_s: float, to_s: float) -> dict[str, float]:
    answers = _answers(seen, from_s, to_s)
    costs = {}
    for name, cap in ((name, seen.caps.get(name)) for name in seen.expected_servers):
        used = [h.cpu_cores for h in seen.hosts if h.host == name and from_s <= h.t_s - 1 and h.t_s <= to_s]
        if cap and used and sum(used) and answers.get(name):
            costs[name] = sum(used) / len(used) * (to_s - from_s) / cap / answers[name]
    return costs


def _answers(seen: Observation, from_s: float, to_s: float) -> Mapping[str, float]:
    """Server → answers in a part of the window by the balancer's log; where it has no seconds, by the whole trial's."""
    if not seen.answered:
        return figures.shares(seen)
    found = dict.fromkeys(seen.expected_servers, 0)
    servers = {address: name for name, address in seen.expected_servers.items()}
    for row in seen.answered:
        if row.server in servers and from_s <= row.t_s and row.t_s + 1 <= to_s:
            found[servers[row.server]] += row.requests
    return found


@dataclass(frozen=True)
class Dearest:
    """A server whose requests cost it `times` as much as those of the cheapest."""

    server: str
    times: float


def dearest(seen: Observation) -> Dearest | None:
    """Of one trial; None below two servers, or where chance can have made it.

    Where service times vary much the costs of one trial do, too: the server must be dearer in all parts of the window
    alike, so that the 95 % t interval over these lies above 1.
    """
    costs = of_servers(seen)
    if len(costs) < 2:
        return None
    most, least = max(costs, key=lambda name: costs[name]), min(costs, key=lambda name: costs[name])
    if not seen.pacing and not _surely(seen, most, least):
        return None
    return Dearest(most, costs[most] / costs[least])


T_OF_PARTS = 3.182  # two-sided 95 % quantile of Student's t for PARTS − 1 degrees of freedom


def _surely(seen: Observation, dear: str, cheap: str) -> bool:
    length_s = (seen.calm_to_s - seen.window_from_s) / PARTS
    logs = []
    for part in range(PARTS):
        costs = _by_cpu(
            seen,
            math.floor(seen.window_from_s + part * length_s),
            math.floor(seen.window_from_s + (part + 1) * length_s),
        )
        if dear in costs and cheap in costs:
            logs.append(math.log(costs[dear] / costs[cheap]))
    if len(logs) < PARTS:
        return False
    mean = sum(logs) / PARTS
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / (PARTS - 1))
    return mean > T_OF_PARTS * spread / math.sqrt(PARTS)
