"""The rate that each topology sustains, by its capacity or by its cells. Pure.

Rates are requests per second at full speed. Nothing is extrapolated: a topology that was not measured has no rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.grid.load import LOAD_FACTORS, RATE, level_of, without_load
from harness.grid.objectives import Objectives
from harness.grid.types import Levels
from harness.records.trial import Component
from harness.summarise import objective_evidence
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import LEAST_BLOCKS, Bound
from harness.summarise.cells.cell import CellSummary

OWN = (
    Component.SERVER,
    Component.BALANCER,
    Component.DEPENDENCY,
    Component.PLATFORM,
)  # bottlenecks within a topology; with any other it may sustain more


@dataclass(frozen=True, kw_only=True)
class SustainableRate:
    """The rate in requests per second that a topology sustains, with the 95 % interval where there is one.

    `topology` has its levels without the load, `load` the load of the measurement. A `lower_bound` was measured under
    `bottleneck`, so the topology may sustain more; below an `upper_bound` nothing was measured. `by_objectives`: it is
    the largest load that meets them, estimated between loads; the `high` of a lower bound is then a load that misses
    them, where one was measured.
    """

    topology: Levels
    value: float
    low: float | None
    high: float | None
    load: Levels
    bottleneck: Component
    lower_bound: bool
    by_objectives: bool = False
    upper_bound: bool = False

    @property
    def missed_at(self) -> float | None:
        """The rate from which on the topology misses the objectives, where only bounds are known."""
        if self.upper_bound:
            return self.value
        return self.high if self.lower_bound and self.by_objectives else None


def sustainable_rates(
    cells: Sequence[CellSummary],
    objectives: Objectives,
    factor: float = 1.0,
    capacities: Sequence[Capacity] = (),
) -> list[SustainableRate]:
    """The sustainable rate of each topology with a usable cell, in the cells' order.

    A capacity between rates (`capacities`, at full speed) takes precedence over a cell. Of the cells it is the
    throughput at the largest load with the bottleneck in servers, balancer or dependency; else the largest throughput,
    as a lower bound. With objectives it is the largest throughput of a cell that meets them, also as a lower bound.
    `factor` is the study's time scaling.
    """
    known = {_key({"servers": one.servers, **one.others}): one for one in capacities if one.factor == RATE}
    by_topology: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        if cell.tps is not None:
            by_topology.setdefault(_key(without_load(cell.cell)), []).append(cell)
    found = []
    for key, those in by_topology.items():
        one = known.get(key)
        meeting = [cell for cell in those if _meets(objectives, cell)]
        if one is not None and one.bound != Bound.NONE:
            found.append(_of_capacity(without_load(those[0].cell), one))
        elif meeting:
            found.append(_of_cells(meeting, objectives, factor))
    return found


def _meets(objectives: Objectives, cell: CellSummary) -> bool:
    """Whether a cell meets the objectives for a load; without any, a saturated cell counts too."""
    if objectives.for_a_load and cell.falls_behind:
        return False
    return objectives.met(cell.error_rate, cell.objective_p95_ms, cell.objective_p95_ms_by_name)


def _key(levels: Levels) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(levels.items()))


def _of_capacity(topology: Levels, one: Capacity) -> SustainableRate:
    """A bound gives its end, as a lower or an upper bound; too few blocks for an interval give no `low`."""
    lower, upper = one.bound == Bound.AT_LEAST, one.bound == Bound.BELOW
    value, low = one.low if lower else one.value, one.low if one.blocks >= LEAST_BLOCKS else None
    return SustainableRate(
        topology=topology,
        value=(one.high if upper else value) or 0.0,
        low=None if upper else low,
        high=None if upper else one.high,
        load={},
        bottleneck=Component.UNKNOWN,
        lower_bound=lower,
        by_objectives=True,
        upper_bound=upper,
    )


def _of_cells(cells: Sequence[CellSummary], objectives: Objectives, factor: float) -> SustainableRate:
    own = [cell for cell in cells if cell.bottleneck in OWN]
    if own and not objectives.for_a_load:
        best = max(own, key=lambda cell: level_of(cell.cell))
    else:
        best = max(cells, key=lambda cell: cell.tps.value if cell.tps else 0.0)
    tps = best.tps
    assert tps is not None  # noqa: S101 - `sustainable_rates` selects such cells
    value, low, high = (None if end is None else end * factor for end in (tps.value, tps.low, tps.high))
    return SustainableRate(
        topology=without_load(best.cell),
        value=value or 0.0,
        low=low if objective_evidence.of_cell(objectives, best).shown else None,
        high=high,
        load={name: level for name, level in best.cell.items() if name in LOAD_FACTORS},
        bottleneck=best.bottleneck,
        lower_bound=objectives.for_a_load or not own,
    )
