"""Cost of a request at each server, to find a slow one behind equal shares (rule E12). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.judge import figures
from harness.judge.observation import Observation

PARTS = 4  # of a window: the difference must show in every part


def of_servers(seen: Observation) -> dict[str, float]:
    """Return server → cost of a request, to compare the servers with each other.

    The cost is the utilization of the CPU cap for each response in the window. For a paced server, whose CPU limits
    nothing, it is the slot time for each response. Responses count, not received requests: while queues grow, a slow
    server receives as many requests as the others.
    """
    if seen.pacing:
        return {name: slots.busy / slots.answers for name, slots in seen.pacing.items() if slots.answers}
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
    """Return server → responses in a part of the window, by the balancer's log; shares of the trial without seconds."""
    if not seen.answered:
        return figures.shares(seen)
    found = dict.fromkeys(seen.expected_servers, 0)
    servers = {address: name for name, address in seen.expected_servers.items()}
    for row in seen.answered:
        if row.server in servers and from_s <= row.t_s and row.t_s + 1 <= to_s:
            found[servers[row.server]] += row.requests
    return found


@dataclass(frozen=True)
class MostExpensive:
    """The server with the highest cost of a request: `times` the cost of the cheapest server of its type."""

    server: str
    times: float


def most_expensive(seen: Observation) -> MostExpensive | None:
    """Return the most expensive server of a trial; None with fewer than two servers, or if chance explains it.

    Costs vary with the service times. The difference therefore has to show in all parts of the window: the 95 % t
    interval over the parts must lie above 1.
    """
    found = [_most_expensive(seen, group) for group in _of_each_type(seen)]
    return max(filter(None, found), key=lambda one: one.times, default=None)


def _of_each_type(seen: Observation) -> list[dict[str, float]]:
    """The costs of servers that can be compared: types may differ in what a request costs."""
    costs, groups = of_servers(seen), dict[str, dict[str, float]]()
    for name, cost in costs.items():
        groups.setdefault(seen.type_of.get(name, ""), {})[name] = cost
    return list(groups.values())


def _most_expensive(seen: Observation, costs: Mapping[str, float]) -> MostExpensive | None:
    if len(costs) < 2:
        return None
    most, least = max(costs, key=lambda name: costs[name]), min(costs, key=lambda name: costs[name])
    if not seen.pacing and not _is_significant(seen, most, least):
        return None
    return MostExpensive(most, costs[most] / costs[least])


T_OF_PARTS = 3.182  # two-sided 95 % quantile of Student's t for PARTS − 1 degrees of freedom


def _is_significant(seen: Observation, dear: str, cheap: str) -> bool:
    """Whether the cost ratio of two servers is above 1, by a 95 % t interval over the parts of the window."""
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
