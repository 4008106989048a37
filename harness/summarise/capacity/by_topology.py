"""The capacity of every topology in a study, from its records, and the reference of paced servers. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.grid.load import RATE
from harness.grid.schema import Grid
from harness.grid.types import Level, Levels
from harness.judge.balancing import Balancing
from harness.records.trial import TrialRecord
from harness.summarise.capacity import by_objective, capacity, counts, crossing, limit, unequal, window
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound, BoundReason, BoundReasonKind, Crossing
from harness.summarise.cells.requests import mix
from harness.summarise.statistics import queueing


def counted(records: Iterable[TrialRecord], grid: Grid) -> list[Count]:
    """The counts of usable and of collapsed trials; loads are as levels are written."""
    found = (_count(record, grid) for record in records if not record.control)
    return [count for count in found if count is not None]


def _count(record: TrialRecord, grid: Grid) -> Count | None:
    offered = record.figures.offered_per_s if record.figures else None
    load = float(record.cell[grid.load_factor])
    return counts.of_record(record, load, None if offered is None else grid.nominal_per_s(offered))


def of_records(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Capacity]:
    """By topology, in the order of their factors; none without an objective for a load or trials in blocks."""
    names = by_objective.names_of(records.values())
    allowed, factor = by_objective.allowed_shares(grid.objectives, names), grid.load_factor
    if not allowed:
        return []
    short = window.too_short(grid)
    topologies: dict[tuple[tuple[str, Level], ...], list[TrialRecord]] = {}
    for record in records.values():
        if record.repeat and not record.control:
            key = tuple((name, record.cell[name]) for name in grid.factors if name != factor)
            topologies.setdefault(key, []).append(record)
    found, counts_of_all = [], []
    for key in sorted(topologies, key=lambda each: [(str(type(level)), level) for _, level in each]):
        others: Levels = {name: level for name, level in key if name != "servers"}
        servers = int(dict(key)["servers"])
        reason = _no_evidence(topologies[key], short)
        counts_of = [] if reason else counted(topologies[key], grid)
        counts_of_all.append(counts_of)
        one = capacity.of_topology(others, servers, factor, counts_of, allowed, window.line_error(grid))
        if reason:
            one = replace(one, crossing=Crossing(objective=next(iter(allowed)), bound=Bound.NONE, reason=reason))
        measured = [(float(record.cell[factor]), record) for record in topologies[key]]
        found_limit = limit.of_trials(measured, one.crossing, allowed, grid.evidence)
        one = replace(one, reference=reference(grid, one, records), limit=found_limit)
        found.append(
            replace(
                one,
                hosts=_hosts(topologies[key]),
                removes_failed=_removes_failed(topologies[key]),
                mix=mix([record for record in topologies[key] if record.usable]),
            )
        )
    return capacity.with_n_minus_1(unequal.without_unequal(found, counts_of_all, allowed))


def _no_evidence(trials: Sequence[TrialRecord], short: window.ShortWindow | None) -> BoundReason | None:
    """The reason why no trial of a topology counts for a capacity; None where some may.

    The window of a trial with a server failure is partly before it and partly after it, under two different systems.
    """
    if any(int(record.cell.get("fail_servers", 0)) for record in trials):
        return crossing.SERVER_FAILURE
    if short and short.no_evidence:
        return BoundReason(BoundReasonKind.SHORT_WINDOW, short.sentence)
    late = [record for record in trials if record.generator_late and not record.collapsed]
    return crossing.GENERATOR if len(late) == len(trials) else None


def _hosts(records: Iterable[TrialRecord]) -> tuple[str, ...]:
    """The servers that took part in usable trials, by name."""
    found = {name for record in records if record.usable and record.context for name in record.context.expected_servers}
    return tuple(sorted(found))


def _removes_failed(records: Iterable[TrialRecord]) -> bool | None:
    """Whether the balancer removed a failed server in these trials, by its settings in force; None if unknown."""
    in_force = [Balancing(**record.context.balancing).max_fails for record in records if record.context]
    known = [fails for fails in in_force if fails is not None]
    return known[-1] > 0 if known else None


def reference(grid: Grid, one: Capacity, records: Mapping[str, TrialRecord]) -> float | None:
    """The capacity of paced servers under an open load of Poisson arrivals by formula; None where none is known.

    In requests per second at full speed, as levels are written. The time of a request outside its slot (R0 minus the
    service time) is subtracted from the objective.
    """
    p95_s = grid.objectives.p95_s
    if one.factor != RATE or p95_s is None or grid.load.process != "poisson":
        return None
    topology = {**one.others, "servers": one.servers}.items()
    paces = [
        (slots.offered / (record.window.to_s - record.window.from_s), slots.busy / slots.answers, record.unloaded_ms)
        for record in records.values()
        if record.usable and topology <= record.cell.items() and record.context and record.window
        for slots in record.context.pacing.values()
        if slots.offered and slots.answers
    ]
    if not paces:
        return None
    slots = round(statistics.median(count for count, _, _ in paces))
    service_s = statistics.median(service for _, service, _ in paces)
    unloaded = [ms / 1000 for _, _, ms in paces if ms is not None]
    path_s = max(0.0, statistics.median(unloaded) - service_s) if unloaded else 0.0
    scaled = queueing.paced_capacity(one.servers, slots, service_s, p95_s - path_s)
    return scaled / grid.scaled_per_s(1.0)
