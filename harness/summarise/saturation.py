"""The limit of each topology: the smallest load from which throughput no longer grows. Pure.

`vusers: {from: 100, to: 5000, until: 5%}` doubles the users until throughput grows by less than
`until`, then halves the bracket until it is that narrow: the bracket is the answer. With objectives the
largest load that still meets them is bracketed too. Each probe is one trial (repeat 0) and counts for
nothing else; the cells at the limits are then measured in blocks like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.grid.amount import Search
from harness.grid.cell import Cell, expand
from harness.grid.schema import Grid, Objectives
from harness.grid.types import Levels
from harness.records.trial import TrialRecord


@dataclass(frozen=True)
class Bracket:
    """The limit lies above `low` and is at most `high`; None where the search's span did not hold it."""

    low: int | None
    high: int | None


@dataclass(frozen=True)
class Limit:
    """One topology's answer: where throughput stops growing, what it is there, and what meets the objectives.

    Of `objectives`, `low` is the largest load that was seen to meet them, `high` the smallest that was not.
    """

    others: Levels
    saturation: Bracket
    rate: float | None
    objectives: Bracket | None


def topologies(grid: Grid) -> list[Cell]:
    """Every cell but for its users, which are where the search begins."""
    return expand(grid)


def at(cell: Cell, users: int) -> Cell:
    """The same cell under another load."""
    return Cell(tuple((name, users if name == "vusers" else level) for name, level in cell.levels))


def probes(cell: Cell, records: Mapping[str, TrialRecord]) -> dict[int, TrialRecord]:
    """Users → probe of a topology, as far as they are recorded."""
    wanted = {name: level for name, level in cell.levels if name != "vusers"}
    return {
        int(record.cell["vusers"]): record
        for record in records.values()
        if record.repeat == 0 and {n: level for n, level in record.cell.items() if n != "vusers"} == wanted
    }


def next_load(span: Search, objectives: Objectives, seen: Mapping[int, TrialRecord]) -> int | None:
    """The load to probe next; None when the topology's brackets are as narrow as asked."""
    if not seen:
        return span.least
    growing = _next_double(span, seen)
    if growing is not None:
        return growing
    for bracket in (saturation(span, seen), meeting(objectives, seen)):
        if bracket is not None and bracket.low is not None and bracket.high is not None:
            middle = (bracket.low + bracket.high) // 2
            if bracket.high - bracket.low > max(1.0, span.until * bracket.high) and middle not in seen:
                return middle
    return None


def _rate(record: TrialRecord) -> float:
    return float(record.tps_mean or 0.0) if record.usable else 0.0


def _next_double(span: Search, seen: Mapping[int, TrialRecord]) -> int | None:
    """Double until the rate grows by less than `until`, a probe does not count, or the span ends."""
    loads = [span.least]
    while loads[-1] < span.most:
        loads.append(min(2 * loads[-1], span.most))
    before = 0.0
    for load in loads:
        if load not in seen:
            return load
        rate = _rate(seen[load])
        if rate < before * (1 + span.until) or not rate:
            return None
        before = rate
    return None


def saturation(span: Search, seen: Mapping[int, TrialRecord]) -> Bracket:
    """Where throughput reaches its largest, less `until`."""
    rates = {load: _rate(record) for load, record in sorted(seen.items())}
    largest = max(rates.values(), default=0.0)
    if not largest:
        return Bracket(None, None)
    enough = largest * (1 - span.until)
    high = min(load for load, rate in rates.items() if rate >= enough)
    low = max((load for load, rate in rates.items() if load < high and rate < enough), default=None)
    still_growing = high == max(rates) and high == span.most and len(rates) > 1
    return Bracket(low, None) if still_growing else Bracket(low, high)


def meeting(objectives: Objectives, seen: Mapping[int, TrialRecord]) -> Bracket | None:
    """The largest load that meets the objectives and the smallest beyond it that does not; None without any."""
    if objectives.error_rate is None and objectives.p95 is None:
        return None
    met: Callable[[TrialRecord], bool] = lambda record: _meets(objectives, record)  # noqa: E731 - a name for reading
    fails = [load for load, record in seen.items() if not met(record)]
    high = min(fails, default=None)
    low = max((load for load, record in seen.items() if met(record) and (high is None or load < high)), default=None)
    return Bracket(low, high)


def _meets(objectives: Objectives, record: TrialRecord) -> bool:
    p95 = record.latency_ms.get("p95")
    return (
        record.usable
        and (objectives.error_rate is None or (record.error_rate or 0.0) <= objectives.error_rate)
        and (objectives.p95 is None or (p95 is not None and p95 <= objectives.p95 * 1000))
    )


def planned(grid: Grid, records: Mapping[str, TrialRecord]) -> tuple[list[Cell], bool]:
    """Cells of all probes settled by what is recorded, round by round over the topologies, and whether that is all."""
    assert grid.search is not None  # noqa: S101 - asked for only with a search
    found: list[Cell] = []
    seen: dict[Cell, dict[int, TrialRecord]] = {cell: {} for cell in topologies(grid)}
    known = {cell: probes(cell, records) for cell in seen}
    while True:
        wanted = {cell: next_load(grid.search, grid.objectives, so_far) for cell, so_far in seen.items()}
        round_ = [(cell, load) for cell, load in wanted.items() if load is not None]
        if not round_:
            return found, True
        found += [at(cell, load) for cell, load in round_]
        if any(load not in known[cell] for cell, load in round_):
            return found, False
        for cell, load in round_:
            seen[cell][load] = known[cell][load]


def limits(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Limit]:
    """What is known of every topology's limit."""
    assert grid.search is not None  # noqa: S101 - asked for only with a search
    found = []
    for cell in topologies(grid):
        seen = probes(cell, records)
        bracket = saturation(grid.search, seen)
        reached = [_rate(record) for record in seen.values()]
        others = {name: level for name, level in cell.levels if name != "vusers"}
        found.append(Limit(others, bracket, max(reached, default=None), meeting(grid.objectives, seen)))
    return found


def cells(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Cell]:
    """The cells that are measured in blocks: the grid's own, or with a search those at the limits.

    Each topology at its own saturation, and all of them at the users that saturate the last of them.
    """
    if grid.search is None:
        return expand(grid)
    if not planned(grid, records)[1]:
        return []
    own = {}
    for cell, limit in zip(topologies(grid), limits(grid, records), strict=True):
        load = limit.saturation.high or grid.search.most
        if limit.rate:
            own[cell] = load
    most = max(own.values(), default=0)
    return list(dict.fromkeys([*(at(cell, load) for cell, load in own.items()), *(at(cell, most) for cell in own)]))


def at_saturation(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Cell]:
    """The cells of `cells` that are at their own saturation, in the topologies' order; none without a search."""
    if grid.search is None or not planned(grid, records)[1]:
        return []
    return [
        at(cell, limit.saturation.high or grid.search.most)
        for cell, limit in zip(topologies(grid), limits(grid, records), strict=True)
        if limit.rate
    ]


def sentences(found: Sequence[Limit]) -> list[str]:
    """What the search found, one sentence for each topology."""
    told = []
    for limit in found:
        who = ", ".join(f"{name} {level}" for name, level in limit.others.items())
        low, high = limit.saturation.low, limit.saturation.high
        if not limit.rate:
            told.append(f"{who}: no probe counts")
            continue
        if high is None:
            text = f"{who}: throughput still grows at the most users that the search may ask for"
        elif low is None:
            text = f"{who}: throughput does not grow from {high} users on, where the search began"
        else:
            text = f"{who}: throughput no longer grows from some load above {low} and up to {high} users on"
        text += f" ({limit.rate:.0f}/s)"
        if limit.objectives is not None:
            met, missed = limit.objectives.low, limit.objectives.high
            best = f"up to {met} users" if met is not None else "at no load that was tried"
            text += f"; objectives are met {best}" + (f", missed at {missed}" if missed is not None else "")
        told.append(text)
    return told
