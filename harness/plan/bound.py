"""Compute the largest plan of a study, for `study.py plan` and the budget. Pure.

The largest plan of a fixed grid is all cells in all blocks. A search has an upper bound by its rules: the load doubles
from `from` up to `to`, brackets are halved down to `until`, probes are repeated a limited number of times, and blocks
follow at the loads found. The number of probes is exact over `rate`. Over `vusers` it is an estimate, because noise may
move the knee.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from harness.grid.amount import Search
from harness.grid.cell import Cell, Topology
from harness.grid.cells import SearchedCells
from harness.grid.load import RATE, VUSERS
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.plan import order
from harness.plan.order import PlannedTrial
from harness.summarise.search import bracketing, knee
from harness.summarise.search.bracketing import MOST_REPEATS, TRIES, ProbeResult
from harness.summarise.search.probing import BEYOND, ENOUGH

AROUND = 3  # loads around a crossing in each block


def largest_plan(
    grid: Grid, kind: str, rates: ServerRates | None = None, nominal_cycle_s: float = 0.0
) -> list[PlannedTrial]:
    """Return the largest plan, in any order; probes of a search have the largest loads that it can reach.

    `kind` is the inventory's. `rates` are the known nominal ones of servers, `nominal_cycle_s` the time of a user's
    request without load and its think time.
    """
    cells, blocks = grid.cells, range(1, grid.repeats.max + 1)
    if not isinstance(cells, SearchedCells):
        return [trial for block in blocks for trial in order.block(cells.known, block, grid, kind)]
    span = cells.search
    count, doubled = probes(span, grid.objectives), bracketing.doubled(span.least, span.most)
    largest = {each: _largest(span, each, rates, nominal_cycle_s) for each in cells.topologies}
    found = [PlannedTrial(cells.known[0], 0)]  # the warm-up
    for topology, most in largest.items():
        found += [PlannedTrial(topology.at(span.factor, min(load, most)), 0) for load in doubled]
        found += [PlannedTrial(topology.at(span.factor, most), 0)] * max(0, count - len(doubled))
    in_block = _in_a_block(span, grid.objectives, largest)
    control = len(order.block(in_block[:1], 1, grid, kind)) - 1
    found += [PlannedTrial(cell, block) for block in blocks for cell in in_block]
    return found + [PlannedTrial(in_block[0], block, control=True) for block in blocks] * control


def probes(span: Search, objectives: Objectives) -> int:
    """Return the largest number of probes of one topology, without the study's warm-up."""
    doubled, within = bracketing.doubled(span.least, span.most), min(span.until, bracketing.COVERED)
    if span.factor == RATE:
        ends = [count + _halvings(low, high, within) for count, (low, high) in enumerate(pairwise(doubled), 2)]
        loads = max([len(doubled), *ends])
        return loads + min(MOST_REPEATS, loads * (TRIES - 1))
    # Around the knee, where probes break, and around the objectives.
    halvings = 2 * _of_a_doubling(span.until) + (_of_a_doubling(within) if objectives.for_a_load else 0)
    return len(doubled) + halvings + min(ENOUGH, len(BEYOND)) + MOST_REPEATS


def _of_a_doubling(until: float) -> int:
    """Halvings by ratio of a bracket from a load to its double, until it is within `until` of its high end."""
    return max(0, math.ceil(math.log2(math.log(2) / -math.log1p(-until))))


def _halvings(low: float, high: float, until: float) -> int:
    """Return the largest number of loads that narrow this bracket."""
    results = {low: [ProbeResult.MET], high: [ProbeResult.MISSED] * 2}
    probe = bracketing.narrowed(until, results, whole=True)
    if probe is None:
        return 0
    return 1 + max(_halvings(low, probe.load, until), _halvings(probe.load, high, until))


def _largest(span: Search, topology: Topology, rates: ServerRates | None, nominal_cycle_s: float) -> int:
    """Return the largest load of a probe: the first load beyond twice the knee ends the doubling."""
    if rates is None:
        return span.most
    knee_ = rates.of(topology.servers_level) * (nominal_cycle_s if span.factor == VUSERS else 1.0)
    return max(span.least, min(span.most, math.ceil(2 * knee_)))


def _in_a_block(span: Search, objectives: Objectives, largest: Mapping[Topology, int]) -> list[Cell]:
    """Return the cells of a block: each topology around its crossing and, with users, at two saturating loads.

    Throughput may fall beyond its peak, which is then measured, too.

    `largest` has the largest load of each topology's probes.
    """
    around = [topology for topology in largest for _ in range(AROUND if objectives.for_a_load else 0)]
    if span.factor == RATE:
        return [topology.at(RATE, math.ceil(largest[topology] / 2)) for topology in around]
    own = [topology.at(VUSERS, math.ceil(largest[topology] * knee.MOST / 2)) for topology in largest]
    most = max((cell.vusers for cell in own), default=0)
    at_most = [topology.at(VUSERS, most) for topology in list(largest)[:-1]]
    peaks = [topology.at(VUSERS, math.ceil(largest[topology] / 2)) for topology in largest]
    return [topology.at(VUSERS, largest[topology]) for topology in around] + own + at_most + peaks
