"""Change of the machines' speed between two studies (rules E21 and E22). Pure.

Generator and balancer run the same builds in both studies, so their CPU time for a request changes with the machines
only. Servers are left out: another build may need more CPU for a request on the same machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.load_generators import BY_NAME
from harness.grid.types import Levels
from harness.language import tr
from harness.records.environment import Environment
from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics import autocorrelation
from harness.summarise.statistics.welch import Difference, difference

ROLES = ("generator", "balancer")
Key = tuple[tuple[str, object], ...]
Trials = Sequence[TrialRecord]


@dataclass(frozen=True)
class MachineChange:
    """`speed` is ln(later machines' speed / earlier machines' speed); None where it is unknown, with the `reason`.

    It is computed from the costs of these `roles`; with `load_limited` from load-limited cells only.
    """

    speed: Difference | None
    roles: tuple[str, ...] = ()
    load_limited: bool = False
    reason: str = ""


def between(
    sides: tuple[Trials, Trials],
    where: tuple[Environment, Environment],
    pairs: Sequence[tuple[CellSummary, CellSummary]],
    least_blocks: int,
) -> MachineChange:
    """The change over the cells of both studies; a block's mean is one value, as its trials share the machines' state.

    `pairs` are the cells of both studies. Only pairs that are load-limited on both sides count, where there are any:
    their throughput is the same, and the cost of a request depends on it. Unknown below `least_blocks` on a side.
    """
    usable = tuple([record for record in records if _counts(record)] for records in sides)
    roles = [role for role in ROLES if _same_build(role, usable, where)]
    if not roles:
        return MachineChange(None, reason=tr("generator and balancer may be different builds in the two studies"))
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
    speeds = [[math.exp(-_mean(found[block])) for block in sorted(found)] for found in blocks]
    if not roles or min(map(len, speeds)) < max(least_blocks, 2):
        return MachineChange(None, reason=tr("too few trials have the CPU time of a request on generator and balancer"))
    correlation = autocorrelation.lag_one([[math.log(speed) for speed in side] for side in speeds])
    return MachineChange(difference(*speeds, correlation=correlation), tuple(roles), bool(equal))


def _counts(record: TrialRecord) -> bool:
    return record.usable and record.repeat > 0 and not record.control


def _cost(record: TrialRecord, role: str) -> float | None:
    return record.figures.cpu_ms_per_request.get(role) if record.figures else None


def _by_cell(records: Trials, roles: Sequence[str]) -> dict[Key, dict[int, float]]:
    """Cell → block → ln of a request's cost, the mean over `roles`, of the trials with the costs of all of them."""
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
    """Whether both studies are known to have run the same program, by version and image."""
    versions, images = [], []
    for side, environment in zip(sides, where, strict=True):
        facts = next((record.context for record in side if record.context), None)
        hosts = [] if facts is None else facts.generators if role == "generator" else [facts.balancer]
        images.append({ran[0] for host in hosts if (ran := environment.image_digests.get(host))})
        known = {name: environment.version_of(name) for name in BY_NAME}
        versions.append(environment.balancer_versions if role == "balancer" else {n: v for n, v in known.items() if v})
    return bool(versions[0]) and versions[0] == versions[1] and images[0] == images[1]
