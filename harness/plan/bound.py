"""Compute the largest plan of a study, for `study.py plan` and the budget. Pure.

The largest plan of a fixed grid is all cells in all blocks. A search has an upper bound by its rules: the load doubles
from `from` up to `to`, brackets are halved down to `until`, and blocks follow at the loads found. The number of probes
is exact over `rate`. Over `vusers` it is an estimate, because noise may move the knee.
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
from harness.summarise.search import bracketing, knee, topologies
from harness.summarise.search.probing import BEYOND, ENOUGH
from harness.summarise.search.search import loads_adapt

AROUND = 3  # loads around a crossing in each block


def largest_plan(
    grid: Grid, kind: str, nominal_capacity_per_s: float | None = None, nominal_cycle_s: float = 0.0
) -> list[PlannedTrial]:
    """Return the largest plan, in any order; probes of a search have the largest loads that it can reach.

    `kind` is the inventory's. `nominal_capacity_per_s` is the known capacity of one server, `nominal_cycle_s` the time
    of a user's request without load and its think time.
    """
    cells, rule = expand(grid), grid.repeats
    if grid.search is None:
        return [t for block in range(1, rule.max + 1) for t in order.block(cells, block, grid, kind)]
    count, doubled = probes(grid), bracketing.doubled(grid.search.least, grid.search.most)
    found: list[PlannedTrial] = []
    for cell in cells:
        most = _largest(grid.search, cell, nominal_capacity_per_s, nominal_cycle_s)
        found += [PlannedTrial(topologies.at(cell, min(load, most)), 0) for load in doubled]
        found += [PlannedTrial(topologies.at(cell, most), 0)] * max(0, count - len(doubled))
    in_block = _in_a_block(grid, cells, nominal_capacity_per_s, nominal_cycle_s)
    control = len(order.block(in_block[:1], 1, grid, kind)) - 1
    found += [PlannedTrial(cell, block) for block in range(1, rule.max + 1) for cell in in_block]
    return found + [PlannedTrial(in_block[0], block, control=True) for block in range(1, rule.max + 1)] * control


def probes(grid: Grid) -> int:
    """Return the largest number of probes of one topology."""
    span = grid.search
    assert span is not None  # noqa: S101 - only called with a search
    if span.factor == RATE:
        return _longest(span, {})
    halvings = max(0, math.ceil(math.log2(0.5 / span.until)))
    brackets = 3 if loads_adapt(grid) else 2  # around the knee, where probes break, and around the objectives
    return len(bracketing.doubled(span.least, span.most)) + brackets * halvings + min(ENOUGH, len(BEYOND))


def _longest(span: Search, met: Mapping[float, bool]) -> int:
    """Return the largest number of further probes, given which loads met the objectives so far."""
    load = bracketing.next_load(span.least, span.most, span.until, met, whole=True)
    return 0 if load is None else 1 + max(_longest(span, {**met, load: shown}) for shown in (True, False))


def _largest(span: Search, cell: Cell, nominal_capacity_per_s: float | None, nominal_cycle_s: float) -> int:
    """Return the largest load of a probe: the first load beyond twice the knee ends the doubling."""
    if nominal_capacity_per_s is None:
        return span.most
    knee_ = cell.servers * nominal_capacity_per_s * (nominal_cycle_s if span.factor == VUSERS else 1.0)
    return max(span.least, min(span.most, math.ceil(2 * knee_)))


def _in_a_block(
    grid: Grid, cells: list[Cell], nominal_capacity_per_s: float | None, nominal_cycle_s: float
) -> list[Cell]:
    """Return the cells of a block: each topology around its crossing and, with users, at two saturating loads."""
    span = grid.search
    assert span is not None  # noqa: S101 - only called with a search
    largest = {cell: _largest(span, cell, nominal_capacity_per_s, nominal_cycle_s) for cell in cells}
    found = [cell for cell in cells for _ in range(AROUND if loads_adapt(grid) else 0)]
    if span.factor == RATE:
        return [topologies.at(cell, math.ceil(largest[cell] / 2)) for cell in found]
    own = [topologies.at(cell, math.ceil(largest[cell] * knee.MOST / 2)) for cell in cells]
    most = max((cell.vusers for cell in own), default=0)
    return [topologies.at(cell, largest[cell]) for cell in found] + own + [topologies.at(c, most) for c in cells[:-1]]
