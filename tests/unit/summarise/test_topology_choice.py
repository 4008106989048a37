"""The cheapest topology for a load, by measured rates and their intervals."""

import pytest

from harness.grid.objectives import Objectives
from harness.grid.types import Levels
from harness.judge import latency_stats
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
    """Return the sustainable rates of topologies from (servers, vusers) → (mean TPS, bottleneck)."""
    records: dict[str, TrialRecord] = {}
    for (servers, vusers), (rate, limit) in rates.items():
        for repeat, noise in enumerate(ROUND, 1):
            trial = changed(judged(record(servers, vusers, repeat, rate * noise), limit), error_rate=0.002)
            records[f"servers-{servers}_vusers-{vusers}/r{repeat}"] = trial
    factors = {"servers": sorted({s for s, _ in rates}), "vusers": sorted({v for _, v in rates})}
    summary = cells.summarise_records(
        grid(factors=factors, repeats=5),
        records,
        lambda where: latency_stats.histogram_of_ms([(int(records[where].cell["vusers"]), 200)]),  # as many ms as users
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


def test_the_sustainable_rate_is_the_throughput_of_a_saturated_topology() -> None:
    (one, two) = found(
        {
            (1, 1000): (290, "server"),
            (1, 2000): (280, "server"),  # the largest load counts, not the highest throughput
            (2, 1000): (480, "load"),
            (2, 2000): (400, "balancer"),
        }
    )
    assert (one.topology, round(one.value), one.load, one.lower_bound) == ({"servers": 1}, 280, {"vusers": 2000}, False)
    assert one.low is not None
    assert one.high is not None
    assert one.low < 280 < one.high
    assert (round(two.value), two.bottleneck, two.lower_bound) == (400, "balancer", False)


def test_a_load_or_generator_limited_rate_is_a_lower_bound() -> None:
    (one,) = found({(1, 1000): (250, "load"), (1, 2000): (240, "generator")})
    assert (round(one.value), one.load, one.lower_bound) == (250, {"vusers": 1000}, True)


def test_with_objectives_only_cells_that_meet_them_count_and_are_lower_bounds() -> None:
    rates = {(1, 400): (200.0, "load"), (1, 1000): (280.0, "server")}
    (one,) = found(rates, {"p95": "500ms"})
    assert (round(one.value), one.lower_bound) == (200, True)
    assert found(rates, {"p95": "100ms"}) == []
    assert found(rates, {"error_rate": "0.1%"}) == []


def test_rates_are_nominal_with_time_scaling() -> None:
    (one,) = found({(1, 1000): (140, "server")}, factor=2)
    assert round(one.value) == 280
    assert one.low is not None
    assert 275 < one.low < 280


@pytest.mark.parametrize(
    ("one", "per_s", "shown"),
    [
        (option(1, None, 300), 290, Fit.YES),
        (option(1, None, 300), 291, Fit.UNCERTAIN),
        (option(1, None, 300, None), 100, Fit.UNCERTAIN),  # without an interval
        (option(1, None, 300), 301, Fit.NO),  # although the interval extends beyond it
        (option(1, None, 300, limit="load"), 290, Fit.YES),
        (option(1, None, 300, limit="load"), 400, Fit.NOT_SHOWN),
        (of({"servers": 1}, None), 1, Fit.NOT_SHOWN),
    ],
)
def test_a_topology_fits_a_load_only_with_its_whole_interval(one: TopologyCost, per_s: float, shown: Fit) -> None:
    assert fit(one, per_s) == shown


def test_a_million_requests_cost_the_hours_that_they_take() -> None:
    assert usd_per_million(0.3, 300) == pytest.approx(0.3 * 1e6 / 300 / 3600)
    assert usd_per_million(None, 300) is None


def test_the_cheapest_is_by_price_if_all_have_one_and_by_servers_otherwise() -> None:
    dear, cheap = option(2, 0.9, 600), option(3, 0.4, 500)
    assert choose([dear, cheap], 400).best == cheap
    unpriced = option(3, None, 500)
    chosen = choose([dear, unpriced], 400)
    assert (chosen.best, chosen.priced) == (dear, False)


def test_a_cheaper_uncertain_topology_is_listed_next_to_the_sufficient_one() -> None:
    one, two, three = option(1, 0.2, 305), option(2, 0.3, 600), option(3, 0.4, 605)
    chosen = choose([one, two, three], 300)
    assert (chosen.best, chosen.fit, chosen.uncertain) == (two, Fit.YES, (one,))
    assert choose([one], 300).best == one
    assert choose([one], 300).fit == Fit.UNCERTAIN
    assert choose([one, two, three], 598).uncertain == ()  # two and three: both are uncertain


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
    # Only servers of the trials count, and a missing price is not 0.
    usd["server-2"] = 0.7
    context = {"users": 1, "generators": [], "balancer": "balancer", "kind": "hosts", "machine_of": {}}
    part = changed(record(1, 100, 1, 280), context={**context, "expected_servers": {"server-2": "10.0.0.2:80"}})
    assert cost.hourly(prices, [part]) == {1: pytest.approx(0.8), 2: None}
    usd["server-1"] = None
    both = {"server-1": "10.0.0.1:80", "server-2": "10.0.0.2:80"}
    assert (
        cost.hourly(prices, [changed(record(2, 100, 1, 280), context={**context, "expected_servers": both})])[2] is None
    )


def capacity_of(at: float, servers: int = 1, speeds: tuple[float, ...] = ROUND) -> Capacity:
    return capacity.of_topology({}, servers, "rate", counts(LOADS, speeds, at), {"p95": 0.05})


def at_rates(*capacities: Capacity, factor: float = 1.0) -> list[SustainableRate]:
    """Return the sustainable rates of one and two servers that met the objective at 93 req/s, with these capacities."""
    records = {
        f"servers-{servers}_rate-93/r{k}": changed(
            judged(record(servers, 1, k, 93.0 * noise / factor), "load"), cell={"servers": servers, "rate": 93.0}
        )
        for servers in (1, 2)
        for k, noise in enumerate(ROUND, 1)
    }
    load = {"ramp_up": "3s", "duration": "15s", "timeout": "20s"}
    written = grid(factors={"servers": [1, 2], "rate": ["93/s"]}, load=load, repeats=5)
    summary = cells.summarise_records(written, records, lambda _: latency_stats.histogram_of_ms([(100, 200)]))
    return sustainable_rates(summary.cells, Objectives.model_validate({"p95": "500ms"}), factor, capacities)


def test_a_capacity_takes_precedence_over_measured_rates_and_is_already_nominal() -> None:
    measured = capacity_of(100)
    one, two = at_rates(measured, factor=2)
    assert (one.value, one.low, one.high) == (measured.value, measured.low, measured.high)
    assert (one.lower_bound, one.by_objectives) == (False, True)
    assert (round(two.value), two.lower_bound, two.by_objectives) == (93, True, False)


def test_bounds_of_a_capacity_are_bounds_of_the_rate() -> None:
    one, two = at_rates(capacity_of(200), capacity_of(100, 2))
    assert (one.value, one.low, one.high, one.lower_bound) == (107, 107, None, True)
    assert not two.lower_bound
    less, _ = at_rates(capacity_of(50), capacity_of(100, 2))
    assert (less.value, less.upper_bound, less.lower_bound) == (93, True, False)
    fits = [fit(of({"servers": 1}, less), per_s) for per_s in (92, 93, 94)]
    assert fits == [Fit.NOT_SHOWN, Fit.NO, Fit.NO]
    (unsure, _) = at_rates(capacity_of(100, speeds=ROUND[:2]))
    assert unsure.low is None
    assert fit(of({"servers": 1}, unsure), 50) == Fit.UNCERTAIN


def test_n_minus_1_of_a_topology_is_the_rate_of_the_next_smaller_one() -> None:
    sizes = [
        of({"servers": servers, "size": size}, None if servers == 4 else one, float(servers))
        for size, one in (("s", at_rates(capacity_of(100))[0]), ("l", at_rates(capacity_of(105))[0]))
        for servers in (1, 2, 4)
    ]
    left = with_n_minus_1(sizes)
    assert [(option.servers, option.topology["size"], option.usd_per_hour) for option in left] == [
        (2, "s", 2.0),
        (2, "l", 2.0),
    ]
    assert [option.rate for option in left] == [sizes[0].rate, sizes[3].rate]


def test_cells_with_failed_servers_have_no_n_minus_1() -> None:
    sizes = [
        of({"servers": n, "fail_servers": failed}, at_rates(capacity_of(100))[0]) for n in (2, 3) for failed in (0, 1)
    ]
    assert [option.topology for option in with_n_minus_1(sizes)] == [{"servers": 3, "fail_servers": 0}]


def test_capacities_in_users_are_no_rates() -> None:
    users = capacity.of_topology({}, 1, "vusers", counts(LOADS, ROUND, 100), {"p95": 0.05})
    assert at_rates(users) == at_rates()
