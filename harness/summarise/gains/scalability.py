"""Scalability at each load, by the cells that servers limited (rule E19). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains import mix
from harness.summarise.statistics import intervals, usl
from harness.summarise.statistics.intervals import Interval
from harness.summarise.statistics.usl import EfficiencyProfile, UslFit
from harness.words import load_name


def alike(cells: Sequence[CellSummary], mix_held: float) -> list[CellSummary]:
    """The cells that did the same work as the smallest topology at their load (rule E25, with its threshold)."""
    smallest: dict[str, CellSummary] = {}
    for cell in sorted(cells, key=lambda each: each.servers):
        if cell.usable:
            smallest.setdefault(load_name(cell.others), cell)
    return [
        cell
        for cell in cells
        if load_name(cell.others) in smallest
        and mix.shift(smallest[load_name(cell.others)].mix, cell.mix, mix_held) is None
    ]


def usl_fits(cells: Sequence[CellSummary], mix_held: float) -> dict[str, UslFit]:
    """The fit of the Universal Scalability Law by load, for loads with six topologies; `mix_held` as in `alike`.

    The law counts equal servers, so topologies of several types have none.
    """
    loads: dict[str, dict[int, list[float]]] = {}
    for cell in alike(cells, mix_held):
        if cell.bottleneck.is_topology and cell.by_block and isinstance(cell.topology, int):
            loads.setdefault(load_name(cell.others), {})[cell.servers] = list(cell.by_block.values())
    fitted = {load: usl.fit(rates) for load, rates in loads.items()}
    return {load: fit for load, fit in fitted.items() if fit is not None}


def efficiency_profiles(cells: Sequence[CellSummary], mix_held: float) -> dict[str, EfficiencyProfile]:
    """Efficiencies with intervals and serial fractions by load, for loads with two topologies; arguments as above."""
    loads: dict[str, dict[int, CellSummary]] = {}
    for cell in alike(cells, mix_held):
        if cell.bottleneck.is_topology and cell.tps is not None and isinstance(cell.topology, int):
            loads.setdefault(load_name(cell.others), {})[cell.servers] = cell
    profiles = {load: _profile(by_servers) for load, by_servers in loads.items()}
    return {load: profile for load, profile in profiles.items() if profile is not None}


def _profile(cells: dict[int, CellSummary]) -> EfficiencyProfile | None:
    rates = {servers: cell.tps for servers, cell in cells.items() if cell.tps is not None}
    spans = {m: (tps.low, tps.high) for m, tps in rates.items() if tps.low is not None and tps.high is not None}
    found = usl.efficiency_profile({m: tps.value for m, tps in rates.items()}, spans)
    if found is None:
        return None
    smallest = cells[min(rates)]
    efficiency = {m: _with_interval(each, smallest, cells[m]) for m, each in found.efficiency.items()}
    return replace(found, efficiency=efficiency)


def _with_interval(efficiency: Interval, smallest: CellSummary, cell: CellSummary) -> Interval:
    """The interval of an efficiency, paired by block as that of a gain; none below three blocks."""
    common = sorted(smallest.by_block.keys() & cell.by_block.keys())
    if not common:
        return efficiency
    ratio = intervals.paired_ratio(
        [smallest.by_block[block] for block in common], [cell.by_block[block] for block in common], least_pairs=3
    )
    ideal = cell.servers / smallest.servers
    if ratio.low is None or ratio.high is None:
        return efficiency
    return replace(efficiency, low=ratio.low / ideal, high=ratio.high / ideal)
