"""The loads at which a search measures a topology's capacity in blocks: a few around its crossing. Pure.

They follow from the topology's single probes. After every block they may move, if all blocks lie on one side of the
crossing; so the loads of a block depend on the blocks before it (harness/summarise/capacity/placement.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.amount import Search
from harness.grid.load import VUSERS
from harness.grid.schema import Grid
from harness.records.trial import TrialRecord
from harness.summarise.capacity import by_objective, placement
from harness.summarise.capacity.by_topology import counted
from harness.summarise.search.bracketing import Bracket


def loads(
    grid: Grid, search: Search, trials: Sequence[TrialRecord], blocks: int, found: Bracket | None
) -> list[tuple[float, ...]]:
    """The loads of one topology in each of the first blocks, by its `trials` and the bracket of its probes.

    None without objectives for a load, or without usable probes. Without a bracket the study began before probes had
    numbers, and crossings were computed differently: the loads of a block are then those that were measured in it.
    """
    allowed = by_objective.allowed_shares(grid.objectives, by_objective.names_of(trials))
    if not allowed:
        return [()] * blocks
    whole, most = search.factor == VUSERS, search.most
    known = counted(trials, grid)
    probes = [count for count in known if not count.block]
    before = [[count for count in known if 0 < count.block < block] for block in range(2, blocks + 1)]
    if found is None:
        loads_ = [placement.around_single_probes(probes, allowed, whole=whole)]
        for measured in before:
            loads_.append(placement.after_single_probes(loads_[-1], measured, probes, allowed, whole=whole))
        planned = [tuple(sorted({min(load, most) for load in each})) for each in loads_]
        return [_measured(trials, search.factor, block, each) for block, each in enumerate(planned, 1)]
    span = placement.LoadSpan(search.least, most, whole=whole)
    loads_ = [placement.first(found.low, found.high, probes, allowed, span)]
    for measured in before:
        loads_.append(placement.following(loads_[-1], measured, allowed, span))
    return loads_


def _measured(trials: Sequence[TrialRecord], factor: str, block: int, planned: tuple[float, ...]) -> tuple[float, ...]:
    """The loads measured in a block, and the planned ones where it has fewer."""
    loads_ = {float(record.cell[factor]) for record in trials if record.repeat == block}
    return tuple(sorted(loads_)) if len(loads_) >= len(planned) else planned
