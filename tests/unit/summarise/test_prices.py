"""Which topology is the cheapest for a load: never by a guess, and never without the interval."""

import pytest

from harness.grid.schema import Objectives
from harness.grid.types import Levels
from harness.judge import window_stats
from harness.records.study import Rented
from harness.records.trial import Component, TrialRecord
from harness.summarise import cost
from harness.summarise import summary as cells
from harness.summarise.capacity import capacity
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.cost import Fit, Option
from tests.builders import changed, grid, judged, record
from tests.unit.summarise.test_capacity import counts

ROUND = (1.0, 0.99, 1.01, 1.005, 0.995)
LOADS = (93.0, 100.0, 107.0)


def found(
    rates: dict[tuple[int, int], tuple[float, str]], objectives: dict[str, str] | None = None, factor: float = 1.0
) -> list[cost.Capacity]:
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
    return cost.measured(summary.cells, Objectives.model_validate(objectives or {}), factor)


def option(servers: int, usd: float | None, value: float, half: float | None = 10, limit: str = "server") -> Option:
    low, high = (None, None) if half is None else (value - half, value + half)
    levels: Levels = {"servers": servers, "nginx_lb_method": "least_conn"}
    floor = limit == "load"
    capacity = cost.Capacity(levels, value, low, high, {"vusers": 100}, Component(limit), floor)
    return Option(levels, usd, capacity)


def test_a_topology_carries_what_it_answered_where_it_was_the_limit_itself() -> None:
    (one, two) = found(
        {
            (1, 1000): (290, "server"),
            (1, 2000): (280, "server"),  # past it: under the largest load, not the best of several
            (2, 1000): (480, "load"),
            (2, 2000): (400, "balancer"),
        }
    )
    assert (one.others, round(one.value), one.load, one.floor) == ({"servers": 1}, 280, {"vusers": 2000}, False)
    assert one.low is not None
    assert one.high is not None
    assert one.low < 280 < one.high
    assert (round(two.value), two.limit, two.floor) == (400, "balancer", False)


def test_what_users_or_generator_limited_is_a_floor() -> None:
    (one,) = found({(1, 1000): (250, "load"), (1, 2000): (240, "generator")})
    assert (round(one.value), one.load, one.floor) == (250, {"vusers": 1000}, True)


def test_with_objectives_only_cells_that_meet_them_count_and_more_may_be_carried() -> None:
    rates = {(1, 400): (200.0, "load"), (1, 1000): (280.0, "server")}
    (one,) = found(rates, {"p95": "500ms"})
    assert (round(one.value), one.floor) == (200, True)
    assert found(rates, {"p95": "100ms"}) == []
    assert found(rates, {"error_rate": "0.1%"}) == []


def test_rates_are_those_of_full_speed() -> None:
    (one,) = found({(1, 1000): (140, "server")}, factor=2)
    assert round(one.value) == 280
    assert one.low is not None
    assert 275 < one.low < 280


@pytest.mark.parametrize(
    ("one", "per_s", "fit"),
    [
        (option(1, None, 300), 290, Fit.SURELY),
        (option(1, None, 300), 291, Fit.NOT_SURELY),
        (option(1, None, 300, None), 100, Fit.NOT_SURELY),  # no interval, nothing sure
        (option(1, None, 300), 301, Fit.NO),  # though the interval reaches further
        (option(1, None, 300, limit="load"), 290, Fit.SURELY),
        (option(1, None, 300, limit="load"), 400, Fit.NOT_SHOWN),
        (Option({"servers": 1}, None, None), 1, Fit.NOT_SHOWN),
    ],
)
def test_a_load_is_carried_surely_only_by_the_whole_interval(one: Option, per_s: float, fit: Fit) -> None:
    assert one.fit(per_s) == fit


def test_a_million_requests_cost_what_the_hours_do_that_they_take() -> None:
    assert option(3, 0.3, 900).usd_per_million(300) == pytest.approx(0.3 * 1e6 / 300 / 3600)
    assert option(3, None, 900).usd_per_million(300) is None


def test_the_cheapest_is_by_price_where_all_have_one_and_else_by_servers() -> None:
    dear, cheap = option(2, 0.9, 600), option(3, 0.4, 500)
    assert cost.choose([dear, cheap], 400).best == cheap
    unpriced = option(3, None, 500)
    chosen = cost.choose([dear, unpriced], 400)
    assert (chosen.best, chosen.priced) == (dear, False)


def test_a_cheaper_one_that_might_do_is_told_beside_what_surely_does() -> None:
    one, two, three = option(1, 0.2, 305), option(2, 0.3, 600), option(3, 0.4, 605)
    chosen = cost.choose([one, two, three], 300)
    assert (chosen.best, chosen.fit, chosen.maybe) == (two, Fit.SURELY, (one,))
    assert cost.choose([one], 300).best == one
    assert cost.choose([one], 300).fit == Fit.NOT_SURELY
    assert cost.choose([one, two, three], 598).maybe == ()  # two and three: neither surely


def test_nothing_is_extrapolated() -> None:
    one, two = option(1, 0.2, 300), option(2, 0.3, 600)
    chosen = cost.choose([one, two], 900)
    assert (chosen.best, chosen.fit, chosen.most) == (None, Fit.NO, two)
    floor = option(2, 0.3, 600, limit="load")
    assert cost.choose([one, floor], 900).fit == Fit.NOT_SHOWN
    assert cost.choose([], 900).most is None


def test_a_topology_costs_its_servers_and_the_balancer_but_no_generator() -> None:
    groups = {
        "balancer": "load_balancers",
        "generator": "load_generators",
        "server-1": "ml_servers",
        "server-2": "ml_servers",
    }
    rented = {name: Rented(usd_per_hour=0.1) for name in groups} | {"generator": Rented(usd_per_hour=5)}
    assert cost.hourly(rented, groups, []) == {1: pytest.approx(0.2), 2: pytest.approx(0.3)}
    # Of unlike prices it takes those that took part, and a price that is missing is not 0.
    rented["server-2"] = Rented(usd_per_hour=0.7)
    context = {"users": 1, "generators": [], "balancer": "balancer", "kind": "hosts", "machine_of": {}}
    part = changed(record(1, 100, 1, 280), context={**context, "expected_servers": {"server-2": "10.0.0.2:80"}})
    assert cost.hourly(rented, groups, [part]) == {1: pytest.approx(0.8), 2: None}
    rented["server-1"] = Rented()
    both = {"server-1": "10.0.0.1:80", "server-2": "10.0.0.2:80"}
    assert (
        cost.hourly(rented, groups, [changed(record(2, 100, 1, 280), context={**context, "expected_servers": both})])[2]
        is None
    )


def carried(at: float, servers: int = 1, speeds: tuple[float, ...] = ROUND) -> Capacity:
    return capacity.of_topology({}, servers, "rate", counts(LOADS, speeds, at), {"p95": 0.05})


def at_rates(*capacities: Capacity, factor: float = 1.0) -> list[cost.Capacity]:
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
    return cost.measured(summary.cells, Objectives.model_validate({"p95": "500ms"}), factor, capacities)


def test_the_capacity_between_rates_comes_before_what_was_seen_and_is_at_full_speed_already() -> None:
    said = carried(100)
    one, two = at_rates(said, factor=2)
    assert (one.value, one.low, one.high) == (said.value, said.low, said.high)
    assert (one.floor, one.by_objectives) == (False, True)
    assert (round(two.value), two.floor, two.by_objectives) == (93, True, False)


def test_a_bound_from_below_is_a_floor_and_one_from_above_a_ceiling() -> None:
    one, two = at_rates(carried(200), carried(100, 2))
    assert (one.value, one.low, one.high, one.floor) == (107, 107, None, True)
    assert not two.floor
    less, _ = at_rates(carried(50), carried(100, 2))
    assert (less.value, less.ceiling, less.floor) == (93, True, False)
    fits = [Option({"servers": 1}, None, less).fit(per_s) for per_s in (92, 93, 94)]
    assert fits == [Fit.NOT_SHOWN, Fit.NO, Fit.NO]
    (unsure, _) = at_rates(carried(100, speeds=ROUND[:2]))
    assert unsure.low is None
    assert Option({"servers": 1}, None, unsure).fit(50) == Fit.NOT_SURELY


def test_with_one_lost_a_topology_has_what_the_next_smaller_one_carries() -> None:
    sizes = [
        Option({"servers": servers, "size": size}, float(servers), None if servers == 4 else one)
        for size, one in (("s", at_rates(carried(100))[0]), ("l", at_rates(carried(105))[0]))
        for servers in (1, 2, 4)
    ]
    left = cost.with_one_lost(sizes)
    assert [(option.servers, option.others["size"], option.usd_per_hour) for option in left] == [
        (2, "s", 2.0),
        (2, "l", 2.0),
    ]
    assert [option.capacity for option in left] == [sizes[0].capacity, sizes[3].capacity]


def test_what_loses_a_server_already_is_not_told_with_another_one_lost() -> None:
    sizes = [
        Option({"servers": n, "fail_servers": failing}, None, at_rates(carried(100))[0])
        for n in (2, 3)
        for failing in (0, 1)
    ]
    assert [option.others for option in cost.with_one_lost(sizes)] == [{"servers": 3, "fail_servers": 0}]


def test_capacities_in_users_are_no_rates() -> None:
    users = capacity.of_topology({}, 1, "vusers", counts(LOADS, ROUND, 100), {"p95": 0.05})
    assert at_rates(users) == at_rates()
