"""Which topology is the cheapest for a load: never by a guess, and never without the interval."""

import pytest

from harness.grid.schema import Objectives
from harness.grid.types import Levels
from harness.judge import window_stats
from harness.records.trial import Component, TrialRecord
from harness.summarise import cost
from harness.summarise import summary as cells
from harness.summarise.capacity import capacity
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.cost import Prices
from harness.summarise.sustainable_rate import SustainableRate, sustainable_rates
from harness.summarise.topology_choice import Fit, TopologyCost, choose, fit, usd_per_million, with_n_minus_1
from tests.builders import changed, grid, judged, record
from tests.unit.summarise.test_capacity import counts

ROUND = (1.0, 0.99, 1.01, 1.005, 0.995)
LOADS = (93.0, 100.0, 107.0)


def found(
    rates: dict[tuple[int, int], tuple[float, str]], objectives: dict[str, str] | None = None, factor: float = 1.0
) -> list[SustainableRate]:
    """What topologies carry, of (servers, vusers) → (mean TPS, what limited it)."""
    records: dict[str, TrialRecord] = {}
    for (servers, vusers), (rate, limit) in rates.items():
        for repeat, noise in enumerate(ROUND, 1):
            said = judged(record(servers, vusers, repeat, rate * noise), limit)
            said = changed(said, error_rate=0.002)
            records[f"servers-{servers}_vusers-{vusers}/r{repeat}"] = said
    factors = {"servers": sorted({s for s, _ in rates}), "vusers": sorted({v for _, v in rates})}
    summary = cells.summarise_records(
        grid(factors=factors, repeats=5),
        records,
        lambda where: window_stats.histogram_of_ms([(int(records[where].cell["vusers"]), 200)]),  # as many ms as users
    )
    return sustainable_rates(summary.cells, Objectives.model_validate(objectives or {}), factor)


def option(
    servers: int, usd: float | None, value: float, half: float | None = 10, limit: str = "server"
) -> TopologyCost:
    low, high = (None, None) if half is None else (value - half, value + half)
    levels: Levels = {"servers": servers, "nginx_lb_method": "least_conn"}
    floor = limit == "load"
    rate = SustainableRate(
        topology=levels,
        value=value,
        low=low,
        high=high,
        load={"vusers": 100},
        bottleneck=Component(limit),
        lower_bound=floor,
    )
    return TopologyCost(topology=levels, usd_per_hour=usd, rate=rate)


def of(levels: Levels, rate: SustainableRate | None, usd: float | None = None) -> TopologyCost:
    return TopologyCost(topology=levels, usd_per_hour=usd, rate=rate)


def test_a_topology_carries_what_it_answered_where_it_was_the_limit_itself() -> None:
    (one, two) = found(
        {
            (1, 1000): (290, "server"),
            (1, 2000): (280, "server"),  # past it: under the largest load, not the best of several
            (2, 1000): (480, "load"),
            (2, 2000): (400, "balancer"),
        }
    )
    assert (one.topology, round(one.value), one.load, one.lower_bound) == ({"servers": 1}, 280, {"vusers": 2000}, False)
    assert one.low is not None
    assert one.high is not None
    assert one.low < 280 < one.high
    assert (round(two.value), two.bottleneck, two.lower_bound) == (400, "balancer", False)


def test_what_users_or_generator_limited_is_a_floor() -> None:
    (one,) = found({(1, 1000): (250, "load"), (1, 2000): (240, "generator")})
    assert (round(one.value), one.load, one.lower_bound) == (250, {"vusers": 1000}, True)


def test_with_objectives_only_cells_that_meet_them_count_and_more_may_be_carried() -> None:
    rates = {(1, 400): (200.0, "load"), (1, 1000): (280.0, "server")}
    (one,) = found(rates, {"p95": "500ms"})
    assert (round(one.value), one.lower_bound) == (200, True)
    assert found(rates, {"p95": "100ms"}) == []
    assert found(rates, {"error_rate": "0.1%"}) == []


def test_rates_are_those_of_full_speed() -> None:
    (one,) = found({(1, 1000): (140, "server")}, factor=2)
    assert round(one.value) == 280
    assert one.low is not None
    assert 275 < one.low < 280


@pytest.mark.parametrize(
    ("one", "per_s", "shown"),
    [
        (option(1, None, 300), 290, Fit.YES),
        (option(1, None, 300), 291, Fit.UNCERTAIN),
        (option(1, None, 300, None), 100, Fit.UNCERTAIN),  # no interval, nothing sure
        (option(1, None, 300), 301, Fit.NO),  # though the interval reaches further
        (option(1, None, 300, limit="load"), 290, Fit.YES),
        (option(1, None, 300, limit="load"), 400, Fit.NOT_SHOWN),
        (of({"servers": 1}, None), 1, Fit.NOT_SHOWN),
    ],
)
def test_a_load_is_carried_surely_only_by_the_whole_interval(one: TopologyCost, per_s: float, shown: Fit) -> None:
    assert fit(one, per_s) == shown


def test_a_million_requests_cost_what_the_hours_do_that_they_take() -> None:
    assert usd_per_million(0.3, 300) == pytest.approx(0.3 * 1e6 / 300 / 3600)
    assert usd_per_million(None, 300) is None


def test_the_cheapest_is_by_price_where_all_have_one_and_else_by_servers() -> None:
    dear, cheap = option(2, 0.9, 600), option(3, 0.4, 500)
    assert choose([dear, cheap], 400).best == cheap
    unpriced = option(3, None, 500)
    chosen = choose([dear, unpriced], 400)
    assert (chosen.best, chosen.priced) == (dear, False)


def test_a_cheaper_one_that_might_do_is_told_beside_what_surely_does() -> None:
    one, two, three = option(1, 0.2, 305), option(2, 0.3, 600), option(3, 0.4, 605)
    chosen = choose([one, two, three], 300)
    assert (chosen.best, chosen.fit, chosen.uncertain) == (two, Fit.YES, (one,))
    assert choose([one], 300).best == one
    assert choose([one], 300).fit == Fit.UNCERTAIN
    assert choose([one, two, three], 598).uncertain == ()  # two and three: neither surely


def test_nothing_is_extrapolated() -> None:
    one, two = option(1, 0.2, 300), option(2, 0.3, 600)
    chosen = choose([one, two], 900)
    assert (chosen.best, chosen.fit, chosen.largest) == (None, Fit.NO, two)
    floor = option(2, 0.3, 600, limit="load")
    assert choose([one, floor], 900).fit == Fit.NOT_SHOWN
    assert choose([], 900).largest is None


def test_a_topology_costs_its_servers_and_the_balancer_but_no_generator() -> None:
    groups = {
        "balancer": "load_balancers",
        "generator": "load_generators",
        "server-1": "ml_servers",
        "server-2": "ml_servers",
    }
    usd: dict[str, float | None] = {**dict.fromkeys(groups, 0.1), "generator": 5}
    prices = Prices(usd, groups)
    assert cost.hourly(prices, []) == {1: pytest.approx(0.2), 2: pytest.approx(0.3)}
    # Of unlike prices it takes those that took part, and a price that is missing is not 0.
    usd["server-2"] = 0.7
    context = {"users": 1, "generators": [], "balancer": "balancer", "kind": "hosts", "machine_of": {}}
    part = changed(record(1, 100, 1, 280), context={**context, "expected_servers": {"server-2": "10.0.0.2:80"}})
    assert cost.hourly(prices, [part]) == {1: pytest.approx(0.8), 2: None}
    usd["server-1"] = None
    both = {"server-1": "10.0.0.1:80", "server-2": "10.0.0.2:80"}
    assert (
        cost.hourly(prices, [changed(record(2, 100, 1, 280), context={**context, "expected_servers": both})])[2] is None
    )


def carried(at: float, servers: int = 1, speeds: tuple[float, ...] = ROUND) -> Capacity:
    return capacity.of_topology({}, servers, "rate", counts(LOADS, speeds, at), {"p95": 0.05})


def at_rates(*capacities: Capacity, factor: float = 1.0) -> list[SustainableRate]:
    """What one and two servers carry, which met the objective at 93 requests per second, with these capacities."""
    records = {
        f"servers-{servers}_rate-93/r{k}": changed(
            judged(record(servers, 0, k, 93.0 * noise / factor), "load"), cell={"servers": servers, "rate": 93.0}
        )
        for servers in (1, 2)
        for k, noise in enumerate(ROUND, 1)
    }
    load = {"ramp_up": "3s", "duration": "15s", "timeout": "20s"}
    written = grid(factors={"servers": [1, 2], "rate": ["93/s"]}, load=load, repeats=5)
    summary = cells.summarise_records(written, records, lambda _: window_stats.histogram_of_ms([(100, 200)]))
    return sustainable_rates(summary.cells, Objectives.model_validate({"p95": "500ms"}), factor, capacities)


def test_the_capacity_between_rates_comes_before_what_was_seen_and_is_at_full_speed_already() -> None:
    said = carried(100)
    one, two = at_rates(said, factor=2)
    assert (one.value, one.low, one.high) == (said.value, said.low, said.high)
    assert (one.lower_bound, one.by_objectives) == (False, True)
    assert (round(two.value), two.lower_bound, two.by_objectives) == (93, True, False)


def test_a_bound_from_below_is_a_floor_and_one_from_above_a_ceiling() -> None:
    one, two = at_rates(carried(200), carried(100, 2))
    assert (one.value, one.low, one.high, one.lower_bound) == (107, 107, None, True)
    assert not two.lower_bound
    less, _ = at_rates(carried(50), carried(100, 2))
    assert (less.value, less.upper_bound, less.lower_bound) == (93, True, False)
    fits = [fit(of({"servers": 1}, less), per_s) for per_s in (92, 93, 94)]
    assert fits == [Fit.NOT_SHOWN, Fit.NO, Fit.NO]
    (unsure, _) = at_rates(carried(100, speeds=ROUND[:2]))
    assert unsure.low is None
    assert fit(of({"servers": 1}, unsure), 50) == Fit.UNCERTAIN


def test_with_one_lost_a_topology_has_what_the_next_smaller_one_carries() -> None:
    sizes = [
        of({"servers": servers, "size": size}, None if servers == 4 else one, float(servers))
        for size, one in (("s", at_rates(carried(100))[0]), ("l", at_rates(carried(105))[0]))
        for servers in (1, 2, 4)
    ]
    left = with_n_minus_1(sizes)
    assert [(option.servers, option.topology["size"], option.usd_per_hour) for option in left] == [
        (2, "s", 2.0),
        (2, "l", 2.0),
    ]
    assert [option.rate for option in left] == [sizes[0].rate, sizes[3].rate]


def test_what_loses_a_server_already_is_not_told_with_another_one_lost() -> None:
    sizes = [of({"servers": n, "fail_servers": lose}, at_rates(carried(100))[0]) for n in (2, 3) for lose in (0, 1)]
    assert [option.topology for option in with_n_minus_1(sizes)] == [{"servers": 3, "fail_servers": 0}]


def test_capacities_in_users_are_no_rates() -> None:
    users = capacity.of_topology({}, 1, "vusers", counts(LOADS, ROUND, 100), {"p95": 0.05})
    assert at_rates(users) == at_rates()
