"""What topologies cost, what each carries, and which is the cheapest for a load. Pure.

Rates are requests per second at full speed, money is USD. The generator is no cost of running: only the servers that
take part and the balancer are. Nothing is extrapolated: a topology that was not measured is never told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from harness.grid.load import LOAD_FACTORS, RATE, level_of
from harness.grid.schema import Objectives
from harness.grid.types import Levels
from harness.records.study import Rented
from harness.records.trial import Component, TrialRecord
from harness.summarise.capacity import capacity
from harness.summarise.capacity.crossing import FEWEST, Bound
from harness.summarise.cells.cell import CellSummary

OWN = (Component.SERVER, Component.BALANCER)  # what limits a topology by itself; else it may carry more


@dataclass(frozen=True)
class Capacity:
    """What a topology carries, per second, with the 95 % interval where there is one.

    `others` are the topology's levels, without the load; `load` is the load it was seen at. A `floor` is what it was
    seen to carry, with `limit` keeping it from showing more; of a `ceiling` it carries less than that. `by_objectives`:
    it is the largest load that meets them, found between loads, so that none was seen; a floor's `high` is then a load
    that is not carried, where one was measured.
    """

    others: Levels
    value: float
    low: float | None
    high: float | None
    load: Levels
    limit: Component
    floor: bool
    by_objectives: bool = False
    ceiling: bool = False

    @property
    def missed_at(self) -> float | None:
        """The load per second from which on it surely carries no more, where only bounds are known."""
        if self.ceiling:
            return self.value
        return self.high if self.floor and self.by_objectives else None


class Fit(StrEnum):
    """Whether a topology carries a load."""

    SURELY = "surely"  # the whole interval does
    NOT_SURELY = "not surely"  # the estimate does
    NO = "no"
    NOT_SHOWN = "not shown"  # it was not seen to, and its limit neither


@dataclass(frozen=True)
class Option:
    """A topology: `usd_per_hour` is None where a price is missing, `capacity` where nothing usable was measured."""

    others: Levels
    usd_per_hour: float | None
    capacity: Capacity | None

    @property
    def servers(self) -> int:
        return int(self.others["servers"])

    def usd_per_million(self, per_s: float) -> float | None:
        """USD for a million requests that come at so many per second."""
        return None if self.usd_per_hour is None or not per_s else self.usd_per_hour / (per_s * 3600) * 1e6

    def fit(self, per_s: float) -> Fit:
        """Whether it carries so many requests per second."""
        found = self.capacity
        if found is None:
            return Fit.NOT_SHOWN
        if found.missed_at is not None and per_s >= found.missed_at:
            return Fit.NO
        if found.ceiling:
            return Fit.NOT_SHOWN
        if found.low is not None and found.low >= per_s:
            return Fit.SURELY
        if found.value >= per_s:
            return Fit.NOT_SURELY
        return Fit.NOT_SHOWN if found.floor else Fit.NO


@dataclass(frozen=True)
class Choice:
    """What carries a load: `best` is the cheapest that does (surely, if any does), `maybe` cheaper ones that might.

    By prices where every topology has one (`priced`), else by the number of servers. `best` is None where nothing that
    was measured is enough; `most` is then what carries most, None where nothing was measured.
    """

    per_s: float
    best: Option | None
    fit: Fit
    maybe: tuple[Option, ...]
    most: Option | None
    priced: bool


def topology(levels: Levels) -> Levels:
    """A cell's levels without its load."""
    return {name: level for name, level in levels.items() if name not in LOAD_FACTORS}


def measured(
    cells: Sequence[CellSummary],
    objectives: Objectives,
    factor: float = 1.0,
    capacities: Sequence[capacity.Capacity] = (),
) -> list[Capacity]:
    """The capacity of each topology that has a usable cell, in the cells' order.

    What was found between rates (`capacities`) comes before what was seen. These are rates at full speed already.

    The throughput where servers or the balancer are the limit, at the largest such load; else the largest that was
    seen, as a floor. With objectives for every cell it is the largest throughput of a cell that meets them, a floor
    too. `factor` is by how much slower than real the study was played.
    """
    known = {_key({"servers": one.servers, **one.others}): one for one in capacities if one.factor == RATE}
    mine: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        if cell.tps is not None:
            mine.setdefault(_key(topology(cell.cell)), []).append(cell)
    found = []
    for key, those in mine.items():
        one = known.get(key)
        meeting = [cell for cell in those if _meets(objectives, cell)]
        if one is not None and one.bound != Bound.NONE:
            found.append(_by_objectives(topology(those[0].cell), one))
        elif meeting:
            found.append(_capacity(meeting, objectives, factor))
    return found


def _key(levels: Levels) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(levels.items()))


def _by_objectives(others: Levels, one: capacity.Capacity) -> Capacity:
    """Of a bound it is its end, as a floor or a ceiling; with fewer blocks than an interval takes nothing is sure."""
    if one.bound == Bound.BELOW:
        return Capacity(
            others, one.high or 0.0, None, None, {}, Component.UNKNOWN, floor=False, by_objectives=True, ceiling=True
        )
    floor = one.bound == Bound.AT_LEAST
    value = (one.low if floor else one.value) or 0.0
    low = one.low if one.blocks >= FEWEST else None
    return Capacity(others, value, low, one.high, {}, Component.UNKNOWN, floor, by_objectives=True)


def _capacity(mine: Sequence[CellSummary], objectives: Objectives, factor: float) -> Capacity:
    held = [cell for cell in mine if cell.bottleneck in OWN]
    wanted = objectives.error_rate is not None or objectives.p95 is not None
    if held and not wanted:
        best = max(held, key=lambda cell: level_of(cell.cell))
    else:
        best = max(mine, key=lambda cell: cell.tps.value if cell.tps else 0.0)
    tps = best.tps
    assert tps is not None  # noqa: S101 - as `measured` has made sure
    value, low, high = (None if end is None else end * factor for end in (tps.value, tps.low, tps.high))
    load = {name: level for name, level in best.cell.items() if name in LOAD_FACTORS}
    floor = wanted or not held
    return Capacity(topology(best.cell), value or 0.0, low, high, load, best.bottleneck, floor)


def _meets(objectives: Objectives, cell: CellSummary) -> bool:
    p95_ms = cell.latency_with_failures_ms.get("p95")
    late = objectives.p95 is not None and (p95_ms is None or p95_ms > objectives.p95 * 1000)
    failing = objectives.error_rate is not None and (cell.error_rate is None or cell.error_rate > objectives.error_rate)
    return not late and not failing


def hourly(
    rented: Mapping[str, Rented], groups: Mapping[str, str], records: Iterable[TrialRecord]
) -> dict[int, float | None]:
    """USD an hour by number of servers, for those that took part in trials and the balancer; None for a price missing.

    `groups` tells each host's group. Where no trial tells who took part, servers of one price are alike.
    """
    price = {name: said.usd_per_hour for name, said in rented.items()}
    servers = [name for name, group in groups.items() if group == "ml_servers"]
    balancers = [name for name, group in groups.items() if group == "load_balancers"]
    took_part = {len(r.context.expected_servers): list(r.context.expected_servers) for r in records if r.context}
    alike = len({price.get(name) for name in servers}) == 1
    found: dict[int, float | None] = {}
    for count in range(1, len(servers) + 1):
        names = took_part.get(count) or (servers[:count] if alike else [])
        prices = [price.get(name) for name in [*names, *balancers]]
        known = [one for one in prices if one is not None]
        found[count] = sum(known) if names and len(known) == len(prices) else None
    return found


def options(topologies: Sequence[Levels], carried: Sequence[Capacity], usd: Mapping[int, float | None]) -> list[Option]:
    """Every topology with its price and its capacity, in their order."""
    known = {tuple(one.others.items()): one for one in carried}
    return [Option(one, usd.get(int(one["servers"])), known.get(tuple(one.items()))) for one in topologies]


def with_one_lost(found: Sequence[Option]) -> list[Option]:
    """Each topology at its own price with what is left of it when it loses a server: N + 1.

    That is what the topology with one server fewer carries, which differs in nothing else; topologies that have none
    such among them are left out.
    """
    alike = [
        option for option in found if not option.others.get("fail_servers")
    ]  # one that loses servers has lost them
    known = {tuple(option.others.items()): option.capacity for option in alike}
    fewer = [(option, tuple({**option.others, "servers": option.servers - 1}.items())) for option in alike]
    return [replace(option, capacity=known[key]) for option, key in fewer if key in known]


def _value(option: Option) -> float:
    """What it carries, as far as that is known; of a ceiling nothing is."""
    return option.capacity.value if option.capacity and not option.capacity.ceiling else 0.0


def choose(found: Sequence[Option], per_s: float) -> Choice:
    """The cheapest topology for so many requests per second."""
    priced = bool(found) and all(option.usd_per_hour is not None for option in found)

    def cost(option: Option) -> tuple[float, int, float]:
        value = _value(option)
        return (option.usd_per_hour or 0.0) if priced else option.servers, option.servers, -value

    ordered = sorted(found, key=cost)
    surely = [option for option in ordered if option.fit(per_s) == Fit.SURELY]
    maybe = [option for option in ordered if option.fit(per_s) == Fit.NOT_SURELY]
    if surely:
        cheaper = tuple(option for option in maybe if cost(option)[0] < cost(surely[0])[0])
        return Choice(per_s, surely[0], Fit.SURELY, cheaper, None, priced)
    if maybe:
        return Choice(per_s, maybe[0], Fit.NOT_SURELY, (), None, priced)
    known = [option for option in ordered if option.capacity is not None]
    # Of ceilings alone the highest says most.
    most = max(known, key=lambda each: (_value(each), each.capacity.value if each.capacity else 0.0), default=None)
    shown = Fit.NO if known and all(option.fit(per_s) == Fit.NO for option in ordered) else Fit.NOT_SHOWN
    return Choice(per_s, None, shown, (), most, priced)
