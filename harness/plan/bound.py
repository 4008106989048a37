"""The most trials that a study may need, for its plan and its budget. Pure.

Of a fixed grid these are all cells in all blocks. A search is bounded by its rules: from `from` the load doubles up to
`to`, then brackets are halved until they are as narrow as `until`; blocks follow at the loads that were found. Over
`rate` the number of probes is exact; over `vusers` noise may move the knee, and the number is an estimate from above.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.grid.amount import Search
from harness.grid.cell import Cell, expand
from harness.grid.load import RATE, VUSERS
from harness.grid.schema import Grid
from harness.plan import order
from harness.plan.order import PlannedTrial
from harness.summarise.search import bracketing, knee, search, topologies
from harness.summarise.search.probing import BEYOND, ENOUGH

AROUND = 3  # loads around a crossing, in each block


def trials(grid: Grid, kind: str, capacity_per_s: float | None = None, unloaded_s: float = 0.0) -> list[PlannedTrial]:
    """Every trial there may be at most, in any order; those of a search at the largest loads that it comes to.

    `kind` is the inventory's; `capacity_per_s` is what one server is known to serve, in real time, and `unloaded_s`
    how long a user takes for a request without load, with its think time.
    """
    cells, rule = expand(grid), grid.repeats
    if grid.search is None:
        return [t for block in range(1, rule.max + 1) for t in order.block(cells, block, grid, kind)]
    count = probes(grid)
    found: list[PlannedTrial] = []
    for cell in cells:
        most = _largest(grid.search, cell, capacity_per_s, unloaded_s)
        found += [PlannedTrial(topologies.at(cell, min(load, most)), 0) for load in _doubled(grid.search)]
        found += [PlannedTrial(topologies.at(cell, most), 0)] * max(0, count - len(_doubled(grid.search)))
    each = _in_a_block(grid, cells, capacity_per_s, unloaded_s)
    control = len(order.block(each[:1], 1, grid, kind)) - 1
    found += [PlannedTrial(cell, block) for block in range(1, rule.max + 1) for cell in each]
    return found + [PlannedTrial(each[0], block, control=True) for block in range(1, rule.max + 1)] * control


def probes(grid: Grid) -> int:
    """Most probes of one topology."""
    span = grid.search
    assert span is not None  # noqa: S101 - asked for only with a search
    if span.factor == RATE:
        return _longest(span, {})
    halvings = max(0, math.ceil(math.log2(0.5 / span.until)))
    brackets = 3 if search.moves(grid) else 2  # around the knee, where probes break, and around the objectives
    return len(_doubled(span)) + brackets * halvings + min(ENOUGH, len(BEYOND))


def _longest(span: Search, met: Mapping[float, bool]) -> int:
    """Most probes that follow what was met so far, whatever they show."""
    load = bracketing.next_load(span.least, span.most, span.until, met, whole=True)
    return 0 if load is None else 1 + max(_longest(span, {**met, load: shown}) for shown in (True, False))


def _doubled(span: Search) -> list[int]:
    loads = [span.least]
    while loads[-1] < span.most:
        loads.append(min(2 * loads[-1], span.most))
    return loads


def _largest(span: Search, cell: Cell, capacity_per_s: float | None, unloaded_s: float) -> int:
    """The largest load that a probe comes to: the first one beyond twice the knee ends the doubling."""
    if capacity_per_s is None:
        return span.most
    knee_ = cell.servers * capacity_per_s * (unloaded_s if span.factor == VUSERS else 1.0)
    return max(span.least, min(span.most, math.ceil(2 * knee_)))


def _in_a_block(grid: Grid, cells: list[Cell], capacity_per_s: float | None, unloaded_s: float) -> list[Cell]:
    """Cells of a block: each topology around its crossing, and of users at its own saturation and the last one's."""
    span = grid.search
    assert span is not None  # noqa: S101 - asked for only with a search
    largest = {cell: _largest(span, cell, capacity_per_s, unloaded_s) for cell in cells}
    found = [cell for cell in cells for _ in range(AROUND if search.moves(grid) else 0)]
    if span.factor == RATE:
        return [topologies.at(cell, math.ceil(largest[cell] / 2)) for cell in found]
    own = [topologies.at(cell, math.ceil(largest[cell] * knee.MOST / 2)) for cell in cells]
    most = max((cell.vusers for cell in own), default=0)
    return [topologies.at(cell, largest[cell]) for cell in found] + own + [topologies.at(c, most) for c in cells[:-1]]
