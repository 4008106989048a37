"""By how much the machines' own speed differs between two studies (rules E21 and E22). Pure.

Generator and balancer run the same builds in both, so what a request costs them in CPU time changes with the machines
alone. The servers are left out: a build that needs more CPU for a request costs more on the same machine, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.load_generators import BY_NAME
from harness.grid.types import Levels
from harness.records.study import Environment
from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics.welch import Difference, difference

ROLES = ("generator", "balancer")
Key = tuple[tuple[str, object], ...]
Trials = Sequence[TrialRecord]


@dataclass(frozen=True)
class Days:
    """`speed` is ln(later machines' speed / earlier ones'); None where nothing tells, with `why`.

    `roles` are those whose cost it is taken from; `at_users` is whether from cells alone that users limited.
    """

    speed: Difference | None
    roles: tuple[str, ...] = ()
    at_users: bool = False
    why: str = ""


def between(
    sides: tuple[Trials, Trials],
    where: tuple[Environment, Environment],
    pairs: Sequence[tuple[CellSummary, CellSummary]],
    needs: int,
) -> Days:
    """The change, over the cells that both have; a block's mean is one value, as its trials share a machine's moment.

    Where the load limited cells on both sides these alone count: throughput is the same in them, and what a request
    costs depends on that. Below `needs` blocks on a side nothing is told.
    """
    usable = tuple([record for record in records if _counts(record)] for records in sides)
    roles = [role for role in ROLES if _same_build(role, usable, where)]
    if not roles:
        return Days(None, why="generator and balancer are not known to be the same builds in both")
    roles = [role for role in roles if all(any(_cost(record, role) for record in side) for side in usable)]
    equal = [pair for pair in pairs if all(cell.bottleneck.is_load for cell in pair)]
    costs = [_by_cell(side, roles) for side in usable]
    blocks: tuple[dict[int, list[float]], ...] = ({}, {})
    for cell, _ in equal or pairs:
        logs = [side.get(_key(cell.cell), {}) for side in costs]
        if not all(logs):
            continue
        middle = sum(_mean(list(side.values())) for side in logs) / len(logs)
        for side, found in zip(logs, blocks, strict=True):
            for block, value in side.items():
                found.setdefault(block, []).append(value - middle)
    speeds = [[math.exp(-_mean(values)) for values in found.values()] for found in blocks]
    if not roles or min(map(len, speeds)) < max(needs, 2):
        return Days(None, why="too few trials tell what a request cost generator and balancer in CPU time")
    return Days(difference(*speeds), tuple(roles), bool(equal))


def _counts(record: TrialRecord) -> bool:
    return record.usable and record.repeat > 0 and not record.control


def _cost(record: TrialRecord, role: str) -> float | None:
    return record.figures.cpu_ms_per_request.get(role) if record.figures else None


def _by_cell(records: Trials, roles: Sequence[str]) -> dict[Key, dict[int, float]]:
    """Cell → block → ln of a request's cost, the mean over `roles`, of the trials that tell all of them."""
    found: dict[Key, dict[int, float]] = {}
    for record in records:
        costs = [cost for role in roles if (cost := _cost(record, role))]
        if costs and len(costs) == len(roles):
            found.setdefault(_key(record.cell), {})[record.repeat] = _mean([math.log(cost) for cost in costs])
    return found


def _key(cell: Levels) -> Key:
    return tuple(sorted(cell.items()))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _same_build(role: str, sides: Sequence[Trials], where: tuple[Environment, Environment]) -> bool:
    """Whether both studies are known to have had the same program there, by its version and its image."""
    versions, images = [], []
    for side, environment in zip(sides, where, strict=True):
        context = next((record.context for record in side if record.context), None)
        hosts = [] if context is None else context.generators if role == "generator" else [context.balancer]
        images.append({ran[0] for host in hosts if (ran := environment.image_digests.get(host))})
        told = {name: environment.version_of(name) for name in BY_NAME}
        versions.append(environment.nginx if role == "balancer" else {n: v for n, v in told.items() if v})
    return bool(versions[0]) and versions[0] == versions[1] and images[0] == images[1]
