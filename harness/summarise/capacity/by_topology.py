"""Every topology's capacity in a study, from its records, and what is known of it beforehand. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from harness.grid.load import RATE
from harness.grid.schema import Grid
from harness.grid.types import Level, Levels
from harness.records.trial import TrialRecord
from harness.summarise.capacity import capacity, counts
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.counts import Count
from harness.summarise.statistics import queueing


def counted(records: Iterable[TrialRecord], grid: Grid) -> list[Count]:
    """What these trials counted, as far as they count; loads are as levels are written."""
    found = (_count(record, grid) for record in records if not record.control)
    return [count for count in found if count is not None]


def _count(record: TrialRecord, grid: Grid) -> Count | None:
    offered = record.figures.offered_per_s if record.figures else None
    load = float(record.cell[grid.load_factor])
    return counts.of_record(record, load, None if offered is None else grid.written_per_s(offered))


def of_records(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Capacity]:
    """By topology, in the order of their factors; none without an objective for a load or trials in blocks."""
    wanted, factor = counts.wanted(grid.objectives), grid.load_factor
    if not wanted:
        return []
    topologies: dict[tuple[tuple[str, Level], ...], list[TrialRecord]] = {}
    for record in records.values():
        if record.repeat and not record.control:
            key = tuple((name, record.cell[name]) for name in grid.factors if name != factor)
            topologies.setdefault(key, []).append(record)
    found = []
    for key in sorted(topologies, key=lambda each: [(str(type(level)), level) for _, level in each]):
        others: Levels = {name: level for name, level in key if name != "servers"}
        servers = int(dict(key)["servers"])
        found.append(capacity.of_topology(others, servers, factor, counted(topologies[key], grid), wanted))
    return found


def reference(grid: Grid, said: Capacity, records: Mapping[str, TrialRecord]) -> float | None:
    """What paced servers carry by formula under an open load of chance arrivals; None where none is known.

    In requests per second at full speed, as levels are written.

    What a request takes beside its slot, R0 less the service time, is taken from what the objective allows.
    """
    p95_s = grid.objectives.p95
    mine = [
        record
        for record in records.values()
        if record.usable and {**said.others, "servers": said.servers}.items() <= record.cell.items()
    ]
    if said.factor != RATE or p95_s is None or grid.load.process != "poisson":
        return None
    paces = [
        (slots.offered / (record.window.to_s - record.window.from_s), slots.busy / slots.answers, record.unloaded_ms)
        for record in mine
        if record.context and record.window
        for slots in record.context.pacing.values()
        if slots.offered and slots.answers
    ]
    if not paces:
        return None
    slots = round(statistics.median(count for count, _, _ in paces))
    service_s = statistics.median(service for _, service, _ in paces)
    unloaded = [ms / 1000 for _, _, ms in paces if ms is not None]
    path_s = max(0.0, statistics.median(unloaded) - service_s) if unloaded else 0.0
    played = queueing.paced_capacity(said.servers, slots, service_s, p95_s - path_s)
    return played / grid.played_per_s(1.0)
