"""The costs of a study's topologies, and the cheapest one for every rate. Pure.

Rates are requests per second at full speed, money is USD. Only the servers that take part and the balancer cost
anything: the generator is not needed in operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.grid.load import without_load
from harness.grid.schema import Grid
from harness.grid.server_types import ServersLevel, counts, level_of
from harness.grid.types import Levels
from harness.records.trial import TrialRecord
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.cells.cell import CellSummary
from harness.summarise.sustainable_rate import SustainableRate, sustainable_rates
from harness.summarise.topology_choice import Choice, TopologyCost, choose, fit, with_n_minus_1

JUST_BELOW = 1 - 1e-7


@dataclass(frozen=True)
class Prices:
    """Hosts of the inventory: USD an hour where it is known, and the group of each host."""

    usd_per_hour: Mapping[str, float | None] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def any_known(self) -> bool:
        """Whether the price of any host is known."""
        return any(usd is not None for usd in self.usd_per_hour.values())


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
    """The topologies of a study with their rates and costs; None without any topology."""
    found: list[Levels] = [without_load(cell.cell) for cell in cells]
    topologies = list({tuple(sorted(levels.items())): levels for levels in found}.values())
    if not topologies:
        return None
    levels = dict.fromkeys(level_of(levels) for levels in topologies)
    usd = hourly_by_type(prices, levels, grid.server_types) if grid.server_types else hourly(prices, records)
    rates = sustainable_rates(cells, grid.objectives, grid.time_factor, capacities)
    return of_topologies(with_costs(topologies, rates, usd), grid.target_per_s, priced=prices.any_known)


def of_topologies(found: Sequence[TopologyCost], target: float | None, *, priced: bool) -> CostSummary:
    """All answers about these topologies."""
    if target is not None:
        found = [replace(each, at_target=fit(each, target)) for each in found]
    return CostSummary(
        topologies=tuple(found),
        priced=priced,
        target=None if target is None else _answer(found, target, target),
        by_rate=tuple(_by_rate(found)),
    )


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


def hourly(prices: Prices, records: Iterable[TrialRecord]) -> dict[ServersLevel, float | None]:
    """USD an hour by number of servers, for the servers that took part and the balancer; None where one is missing.

    Without a trial that shows which servers took part, any of them count if all have one price.
    """
    price, groups = prices.usd_per_hour, prices.groups
    servers = [name for name, group in groups.items() if group == "ml_servers"]
    balancers = [name for name, group in groups.items() if group == "load_balancers"]
    took_part = {len(r.context.expected_servers): list(r.context.expected_servers) for r in records if r.context}
    alike = len({price.get(name) for name in servers}) == 1
    found: dict[ServersLevel, float | None] = {}
    for count in range(1, len(servers) + 1):
        names = took_part.get(count) or (servers[:count] if alike else [])
        all_prices = [price.get(name) for name in [*names, *balancers]]
        known = [one for one in all_prices if one is not None]
        found[count] = sum(known) if names and len(known) == len(all_prices) else None
    return found


def hourly_by_type(
    prices: Prices, levels: Iterable[ServersLevel], types: Mapping[str, Sequence[str]]
) -> dict[ServersLevel, float | None]:
    """USD an hour by topology of several types, for its servers and the balancer; None where one is missing.

    The servers of a type take turns, so each counts with the mean price of its type.
    """
    price = prices.usd_per_hour
    own = {name: [price.get(server) for server in servers] for name, servers in types.items()}
    means = {name: _mean(usd) for name, usd in own.items()}
    balancers = [price.get(name) for name, group in prices.groups.items() if group == "load_balancers"]
    return {
        level: _sum([*balancers, *(means[name] for name, number in counts(level).items() for _ in range(number))])
        for level in levels
    }


def _sum(prices: Sequence[float | None]) -> float | None:
    known = [one for one in prices if one is not None]
    return sum(known) if known and len(known) == len(prices) else None


def _mean(prices: Sequence[float | None]) -> float | None:
    total = _sum(prices)
    return None if total is None else total / len(prices)


def with_costs(
    topologies: Sequence[Levels], rates: Sequence[SustainableRate], usd: Mapping[ServersLevel, float | None]
) -> list[TopologyCost]:
    """Every topology with its price and its sustainable rate, in their order."""
    known = {tuple(rate.topology.items()): rate for rate in rates}
    return [
        TopologyCost(
            topology=levels,
            usd_per_hour=usd.get(level_of(levels)),
            rate=known.get(tuple(levels.items())),
        )
        for levels in topologies
    ]
