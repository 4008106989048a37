"""The cells of a search that measure capacities in blocks: a few loads around each topology's crossing. Pure.

Each topology has its own, by its single probes. After every block they may move, when all blocks together lie beside
the crossing, so the cells of a block are settled by the blocks before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid.cell import Cell
from harness.grid.load import VUSERS
from harness.grid.schema import Grid
from harness.records.trial import TrialRecord
from harness.summarise.capacity import capacity, counts
from harness.summarise.capacity.by_topology import counted
from harness.summarise.search import topologies


def loads(grid: Grid, cell: Cell, records: Mapping[str, TrialRecord], blocks: int) -> list[tuple[float, ...]]:
    """The loads of one topology in each of the first blocks; none without objectives for a load or counted probes."""
    wanted, factor = counts.wanted(grid.objectives), grid.load_factor
    if not wanted or grid.search is None:
        return [()] * blocks
    whole, most = factor == VUSERS, grid.search.most
    known = counted(topologies.trials(cell, records), grid)
    probes = [count for count in known if not count.block]
    found = [capacity.loads_around(probes, wanted, whole=whole)]
    for before in range(1, blocks):
        measured = [count for count in known if 0 < count.block <= before]
        found.append(capacity.loads_next(found[-1], measured, probes, wanted, whole=whole))
    return [tuple(sorted({min(load, most) for load in each})) for each in found]
