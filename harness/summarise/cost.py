"""The cost of topologies, the rate that each sustains, and the cheapest one for a load. Pure.

Rates are requests per second at full speed, money is USD. Only the servers that take part and the balancer cost
anything: the generator is not needed in operation. Nothing is extrapolated: a topology that was not measured is never
reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from harness.grid.load import LOAD_FACTORS, RATE, level_of, without_load
from harness.grid.schema import Grid, Objectives
from harness.grid.types import Levels
from harness.records.trial import Limit, TrialRecord
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import LEAST_BLOCKS, Bound
from harness.summarise.cells.cell import CellSummary

OWN = (Limit.SERVER, Limit.BALANCER)  # bottlenecks within a topology; with any other it may sustain more
JUST_BELOW = 1 - 1e-9


@dataclass(frozen=True)
class Prices:
    """Hosts of the inventory: USD an hour where it is known, and the group of each host."""

    usd_per_hour: Mapping[str, float | None] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def any_known(self) -> bool:
        """Whether the price of any host is known."""
        return any(usd is not None for usd in self.usd_per_hour.values())


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
    bottleneck: Limit
    lower_bound: bool
    by_objectives: bool = False
    upper_bound: bool = False

    @property
    def missed_at(self) -> float | None:
        """The rate from which on the topology misses the objectives, where only bounds are known."""
        if self.upper_bound:
            return self.value
        return self.high if self.lower_bound and self.by_objectives else None


class Fit(StrEnum):
    """Whether a topology sustains a rate."""

    YES = "yes"  # the whole interval does
    UNCERTAIN = "uncertain"  # the estimate does
    NO = "no"
    NOT_SHOWN = "not shown"  # no measurement shows it, nor its capacity


@dataclass(frozen=True, kw_only=True)
class TopologyCost:
    """A topology: `usd_per_hour` is None where a price is missing, `rate` where nothing usable was measured.

    `at_target` is None for a grid without a target.
    """

    topology: Levels
    usd_per_hour: float | None
    rate: SustainableRate | None
    at_target: Fit | None = None

    @property
    def servers(self) -> int:
        return int(self.topology["servers"])

    @property
    def usd_per_million(self) -> float | None:
        """USD per million requests at its sustainable rate; None without a price, or below an upper bound."""
        if self.rate is None or self.rate.upper_bound:
            return None
        return usd_per_million(self.usd_per_hour, self.rate.value)


def usd_per_million(usd_per_hour: float | None, per_s: float) -> float | None:
    """USD per million requests at so many per second; None without a price or a rate."""
    return None if usd_per_hour is None or not per_s else usd_per_hour / (per_s * 3600) * 1e6


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The cheapest topology for a rate: `best` with its `fit`, and cheaper ones whose fit is uncertain.

    By prices where every topology has one (`priced`), else by the number of servers. `best` is None where no measured
    topology is enough; then `largest` is the one that sustains most, None where nothing was measured.
    """

    per_s: float
    best: TopologyCost | None
    fit: Fit
    uncertain: tuple[TopologyCost, ...]
    largest: TopologyCost | None
    priced: bool

    @property
    def usd_per_million(self) -> float | None:
        """USD per million requests of the best topology at this rate."""
        return usd_per_million(self.best.usd_per_hour, self.per_s) if self.best else None


@dataclass(frozen=True)
class CostAnswer:
    """The choice for all rates up to `up_to` (None: for all larger ones), with the choice when a server fails.

    `n_minus_1` is None where the question does not arise: no topology sustains the rate, or none has one server fewer.
    """

    up_to: float | None
    choice: Choice
    n_minus_1: Choice | None


@dataclass(frozen=True, kw_only=True)
class CostSummary:
    """All topologies with their costs, the answer for the grid's target, and the answer for every rate.

    `priced`: the price of any host is known.
    """

    topologies: tuple[TopologyCost, ...]
    priced: bool
    target: CostAnswer | None
    by_rate: tuple[CostAnswer, ...]


def summarise(
    grid: Grid,
    cells: Sequence[CellSummary],
    capacities: Sequence[Capacity],
    records: Iterable[TrialRecord],
    prices: Prices,
) -> CostSummary | None:
    """The costs of a study; None where neither a price nor a target asks for them."""
    topologies = list({_key(levels): levels for cell in cells for levels in [without_load(cell.cell)]}.values())
    if not topologies or (grid.target is None and not prices.any_known):
        return None
    usd = hourly(prices, records)
    rates = sustainable_rates(cells, grid.objectives, grid.written_per_s(1.0), capacities)
    found = [_at_target(each, grid.target) for each in with_costs(topologies, rates, usd)]
    return CostSummary(
        topologies=tuple(found),
        priced=prices.any_known,
        target=None if grid.target is None else _answer(found, grid.target, grid.target),
        by_rate=tuple(_by_rate(found)),
    )


def _at_target(each: TopologyCost, target: float | None) -> TopologyCost:
    return each if target is None else replace(each, at_target=fit(each, target))


def _answer(found: Sequence[TopologyCost], per_s: float, up_to: float | None) -> CostAnswer:
    choice, fewer = choose(found, per_s), with_n_minus_1(found)
    return CostAnswer(up_to, choice, choose(fewer, per_s) if choice.best and fewer else None)


def _by_rate(found: Sequence[TopologyCost]) -> list[CostAnswer]:
    """One answer for each range of rates with the same choice, the last one without an end."""
    known = [each.rate for each in found if each.rate]
    sustained = {end for one in known if not one.upper_bound for end in (one.low, one.value) if end}
    # A rate that misses the objectives belongs to the next range.
    missed = {one.missed_at * JUST_BELOW for one in known if one.missed_at}
    ends = sustained | missed
    answers = [_answer(found, end, end) for end in sorted(ends)]
    return [*answers, _answer(found, max(ends, default=1.0) * 2, None)]


def sustainable_rates(
    cells: Sequence[CellSummary],
    objectives: Objectives,
    factor: float = 1.0,
    capacities: Sequence[Capacity] = (),
) -> list[SustainableRate]:
    """The sustainable rate of each topology with a usable cell, in the cells' order.

    A capacity between rates (`capacities`, at full speed) takes precedence over a cell. Of the cells it is the
    throughput at the largest load with the bottleneck in servers or balancer; else the largest throughput, as a lower
    bound. With objectives it is the largest throughput of a cell that meets them, also as a lower bound. `factor` is
    the study's time scaling.
    """
    known = {_key({"servers": one.servers, **one.others}): one for one in capacities if one.factor == RATE}
    by_topology: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        if cell.tps is not None:
            by_topology.setdefault(_key(without_load(cell.cell)), []).append(cell)
    found = []
    for key, those in by_topology.items():
        one = known.get(key)
        meeting = [cell for cell in those if objectives.met(cell.error_rate, cell.waits_ms.get("p95"))]
        if one is not None and one.bound != Bound.NONE:
            found.append(_of_capacity(without_load(those[0].cell), one))
        elif meeting:
            found.append(_of_cells(meeting, objectives, factor))
    return found


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
        bottleneck=Limit.UNKNOWN,
        lower_bound=lower,
        by_objectives=True,
        upper_bound=upper,
    )


def _of_cells(cells: Sequence[CellSummary], objectives: Objectives, factor: float) -> SustainableRate:
    own = [cell for cell in cells if cell.verdict in OWN]
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
        low=low,
        high=high,
        load={name: level for name, level in best.cell.items() if name in LOAD_FACTORS},
        bottleneck=best.verdict,
        lower_bound=objectives.for_a_load or not own,
    )


def hourly(prices: Prices, records: Iterable[TrialRecord]) -> dict[int, float | None]:
    """USD an hour by number of servers, for the servers that took part and the balancer; None where one is missing.

    Without a trial that shows which servers took part, any of them count if all have one price.
    """
    price, groups = prices.usd_per_hour, prices.groups
    servers = [name for name, group in groups.items() if group == "ml_servers"]
    balancers = [name for name, group in groups.items() if group == "load_balancers"]
    took_part = {len(r.facts.expected): list(r.facts.expected) for r in records if r.facts}
    alike = len({price.get(name) for name in servers}) == 1
    found: dict[int, float | None] = {}
    for count in range(1, len(servers) + 1):
        names = took_part.get(count) or (servers[:count] if alike else [])
        all_prices = [price.get(name) for name in [*names, *balancers]]
        known = [one for one in all_prices if one is not None]
        found[count] = sum(known) if names and len(known) == len(all_prices) else None
    return found


def with_costs(
    topologies: Sequence[Levels], rates: Sequence[SustainableRate], usd: Mapping[int, float | None]
) -> list[TopologyCost]:
    """Every topology with its price and its sustainable rate, in their order."""
    known = {tuple(rate.topology.items()): rate for rate in rates}
    return [
        TopologyCost(
            topology=levels,
            usd_per_hour=usd.get(int(levels["servers"])),
            rate=known.get(tuple(levels.items())),
        )
        for levels in topologies
    ]


def with_n_minus_1(found: Sequence[TopologyCost]) -> list[TopologyCost]:
    """Each topology at its own price with the rate of the one with one server fewer (N−1 capacity).

    Topologies without such a one are left out.
    """
    alike = [each for each in found if not each.topology.get("lose")]  # without cells of a server failure
    known = {tuple(each.topology.items()): each.rate for each in alike}
    fewer = [(each, tuple({**each.topology, "servers": each.servers - 1}.items())) for each in alike]
    return [replace(each, rate=known[key]) for each, key in fewer if key in known]


def fit(each: TopologyCost, per_s: float) -> Fit:
    """Whether a topology sustains so many requests per second."""
    rate = each.rate
    if rate is None:
        return Fit.NOT_SHOWN
    if rate.missed_at is not None and per_s >= rate.missed_at:
        return Fit.NO
    if rate.upper_bound:
        return Fit.NOT_SHOWN
    if rate.low is not None and rate.low >= per_s:
        return Fit.YES
    if rate.value >= per_s:
        return Fit.UNCERTAIN
    return Fit.NOT_SHOWN if rate.lower_bound else Fit.NO


def _value(each: TopologyCost) -> float:
    """Its sustainable rate as far as it is known; 0 below an upper bound."""
    return each.rate.value if each.rate and not each.rate.upper_bound else 0.0


def choose(found: Sequence[TopologyCost], per_s: float) -> Choice:
    """The cheapest topology for so many requests per second."""
    priced = bool(found) and all(each.usd_per_hour is not None for each in found)

    def cost(each: TopologyCost) -> tuple[float, int, float]:
        return (each.usd_per_hour or 0.0) if priced else each.servers, each.servers, -_value(each)

    ordered = sorted(found, key=cost)
    certain = [each for each in ordered if fit(each, per_s) == Fit.YES]
    uncertain = [each for each in ordered if fit(each, per_s) == Fit.UNCERTAIN]
    if certain:
        cheaper = tuple(each for each in uncertain if cost(each)[0] < cost(certain[0])[0])
        return Choice(per_s=per_s, best=certain[0], fit=Fit.YES, uncertain=cheaper, largest=None, priced=priced)
    if uncertain:
        best, found_fit = uncertain[0], Fit.UNCERTAIN
        return Choice(per_s=per_s, best=best, fit=found_fit, uncertain=(), largest=None, priced=priced)
    known = [each for each in ordered if each.rate is not None]
    # Among upper bounds alone the highest is the most informative.
    largest = max(known, key=lambda each: (_value(each), each.rate.value if each.rate else 0.0), default=None)
    none = Fit.NO if known and all(fit(each, per_s) == Fit.NO for each in ordered) else Fit.NOT_SHOWN
    return Choice(per_s=per_s, best=None, fit=none, uncertain=(), largest=largest, priced=priced)
