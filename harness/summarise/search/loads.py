"""The loads at which a search measures a topology's capacity in blocks: a few around its crossing. Pure.

They follow from the topology's single probes. After every block they may move, if all blocks lie on one side of the
crossing; so the loads of a block depend on the blocks before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.amount import Search
from harness.grid.load import VUSERS
from harness.grid.schema import Grid
from harness.records.trial import TrialRecord
from harness.summarise.capacity import capacity, counts
from harness.summarise.capacity.by_topology import counted


def loads(grid: Grid, search: Search, trials: Sequence[TrialRecord], blocks: int) -> list[tuple[float, ...]]:
    """The loads of one topology in each of the first blocks, by its `trials`.

    None without objectives for a load, or without usable probes.
    """
    allowed = counts.allowed_shares(grid.objectives)
    if not allowed:
        return [()] * blocks
    whole, most = search.factor == VUSERS, search.most
    known = counted(trials, grid)
    probes = [count for count in known if not count.block]
    found = [capacity.loads_around(probes, allowed, whole=whole)]
    for before in range(1, blocks):
        measured = [count for count in known if 0 < count.block <= before]
        found.append(capacity.loads_next(found[-1], measured, probes, allowed, whole=whole))
    return [tuple(sorted({min(load, most) for load in each})) for each in found]
