"""The section on throughput and cost of the topologies."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.grid.types import Levels
from harness.records.study import StudyRecord
from harness.records.trial import Component, TrialRecord
from harness.summarise import cost
from harness.summarise import summary as cells
from harness.summarise.capacity import capacity
from harness.summarise.capacity.crossing import Bound, Crossing
from harness.summarise.summary import Summary
from harness.summarise.sustainable_rate import SustainableRate, sustainable_rates
from harness.summarise.topology_choice import TopologyCost, fit
from report import estimates, model
from report import format as text
from report.model import CostSection
from report.sentences import cost as sentences
from tests.builders import changed, grid, judged, record, study_record
from tests.unit.summarise.test_capacity import counts

ROUND = (1.0, 0.99, 1.01, 1.005, 0.995)
GROUPS = {"balancer": "load_balancers", "generator": "load_generators"}


def section(rates: dict[int, tuple[float, str]], usd: float | None = 0.1, **more: Any) -> CostSection | None:
    """The section of a study of (servers) → (mean TPS, its bottleneck) at 2,000 users."""
    return model._cost(*studied(rates, usd, **more))


def studied(
    rates: dict[int, tuple[float, str]], usd: float | None = 0.1, repeats: int = 5, factor: float = 1, **more: Any
) -> tuple[StudyRecord, Summary]:
    records: dict[str, TrialRecord] = {}
    for servers, (rate, limit) in rates.items():
        for repeat, noise in enumerate(ROUND[:repeats], 1):
            recorded = judged(record(servers, 2000, repeat, rate * noise), limit)
            records[f"servers-{servers}_vusers-2000/r{repeat}"] = recorded
    written = grid(factors={"servers": sorted(rates), "vusers": [2000]}, repeats=repeats, **more)
    groups = GROUPS | {f"server-{i + 1}": "ml_servers" for i in range(max(rates))}
    prices = cost.Prices(dict.fromkeys(groups, usd), groups)
    summary = cells.summarise_records(written.scaled(factor), records, prices=prices)
    study = study_record(
        configuration={
            "grid": written.model_dump(mode="json", by_alias=True),
            "hosts": {name: {"group": group} for name, group in groups.items()},
        },
        rented={name: {"usd_per_hour": usd} for name in groups},
        time_scaling={"factor": factor},
    )
    return study, summary


THREE = {1: (280.0, "server"), 2: (540.0, "server"), 3: (800.0, "server")}


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            section(THREE, target="500/s"),
            "For 500/s, 2 servers are the cheapest sufficient topology: 0.30 USD per hour, 0.17 USD per million "
            "requests. With one server failed (N−1), 3 servers are needed: 0.40 USD per hour.",
        ),
        (
            section(THREE, target="6000/min"),
            "For 100/s, 1 server is the cheapest sufficient topology: 0.20 USD per hour, 0.56 USD per million "
            "requests. With one server failed (N−1), 2 servers are needed: 0.30 USD per hour.",
        ),
        (
            section(THREE, None, target="500/s"),
            "For 500/s, 2 servers are sufficient (540 [535, 545]/s). With one server failed (N−1), 3 servers are "
            "needed.",
        ),
        (section({1: (280, "server")}, None, target="100/s"), "For 100/s, 1 server is sufficient (280 [277, 283]/s)."),
        (
            section(THREE, target="279/s"),
            "For 279/s, 2 servers are the cheapest sufficient topology: 0.30 USD per hour, 0.30 USD per million "
            "requests. 1 server may be sufficient (280 [277, 283]/s). With one server failed (N−1), 3 servers are "
            "needed: 0.40 USD per hour.",
        ),
        (
            section(THREE, target="799/s"),
            "For 799/s, 3 servers may be sufficient (800 [792, 808]/s): 0.40 USD per hour, 0.14 USD per million "
            "requests. No measured topology delivers it with one server failed (N−1).",
        ),
        (
            section(THREE, target="2500/s"),
            "For 2,500/s, no measured topology is sufficient: 3 servers deliver 800 [792, 808]/s. Measure more "
            "servers.",
        ),
        (
            section({1: (280, "server"), 2: (500, "load")}, target="520/s"),
            "For 520/s, no measured topology was shown to be sufficient: 2 servers deliver at least 500 [495, 505]/s. "
            "Measure a higher load or more servers.",
        ),
        (
            section(THREE, repeats=2, target="500/s"),
            "For 500/s, 2 servers may be sufficient (537/s): 0.30 USD per hour, 0.17 USD per million requests. "
            "No measured topology delivers it with one server failed (N−1).",
        ),
    ],
    ids=[
        "cheapest",
        "one",
        "no price",
        "no price, one",
        "maybe cheaper",
        "maybe",
        "not enough",
        "floor",
        "no interval",
    ],
)
def test_the_answer_has_the_cheapest_topology_for_the_target(made: CostSection | None, sentence: str) -> None:
    assert made is not None
    assert made.answer == sentence


def test_the_table_has_a_row_for_each_topology() -> None:
    made = section(THREE | {3: (600.0, "load")}, target="500/s")
    assert made is not None
    assert made.table.columns == [
        "topology",
        "USD per hour",
        "throughput, /s",
        "USD per million",
        "basis",
        "sufficient for 500/s",
    ]
    assert made.table.rows == [
        ["1 server", "0.20", "280 [277, 283]", "0.20", "the servers were the bottleneck at 2,000 users", "no"],
        ["2 servers", "0.30", "540 [535, 545]", "0.15", "the servers were the bottleneck at 2,000 users", "yes"],
        ["3 servers", "0.40", "≥ 600 [594, 606]", "0.19", "load-limited at 2,000 users", "yes"],
    ]
    assert "without the load generator" in made.table.note
    assert "≥: a throughput" in made.table.note


def test_without_a_price_and_a_target_there_is_no_section_and_with_a_price_no_sentence() -> None:
    assert section(THREE, None) is None
    made = section(THREE)
    assert made is not None
    assert (made.answer, made.table.columns[-1]) == ("", "basis")
    free = section(THREE, None, target="500/s")
    assert free is not None
    assert "USD" not in free.table.note


def test_with_time_scaling_rates_are_nominal() -> None:
    made = section(THREE, factor=2, target="1000/s")
    assert made is not None
    assert made.answer.startswith("For 1,000/s, 2 servers are the cheapest")
    assert "2 times the measured ones" in made.table.note


def test_the_pieces_hold_the_sentence_of_every_load() -> None:
    """The page reckons nothing but a million's price: which words hold for a load is settled here."""
    looked_up = model._lookup(studied(THREE)[1])
    assert looked_up is not None
    pieces = json.loads(looked_up.pieces)
    assert [piece["to"] is None for piece in pieces] == [False] * 6 + [True]
    for load in (1, 276, 279, 281, 500, 538, 541, 700, 799, 801, 5000):
        piece = next(p for p in pieces if p["to"] is None or load <= p["to"])
        million = text.usd(None if piece["usd"] is None else piece["usd"] / (load * 3600) * 1e6)
        at_load = section(THREE, target=f"{load}/s")
        assert at_load is not None
        assert at_load.answer == f"For {estimates.required(load)}, {piece['words'].replace('{million}', million)}"


def test_the_fields_have_a_sentence_for_each_measured_number_of_servers_and_none_beyond() -> None:
    """Without a price and a target, too; a load-limited topology sustains at least what was measured."""
    found = model._lookup(studied(THREE | {3: (600.0, "load")}, None)[1])
    assert found is not None
    assert json.loads(found.topologies) == {
        "1": "1 server sustains 280 [277, 283]/s, measured at 2,000 users.",
        "2": "2 servers sustain 540 [535, 545]/s, measured at 2,000 users.",
        "3": "3 servers sustain at least 600 [594, 606]/s, measured at 2,000 users.",
    }
    assert found.unmeasured.format(count=4) == (
        "4 servers were not measured, and nothing is extrapolated. The study measured 1, 2 and 3."
    )
    assert (found.servers, found.target) == ("3", "")
    last = json.loads(found.pieces)[-1]
    assert last["words"].startswith("no measured topology was shown to be sufficient: 3 servers deliver at least 600 ")


def test_without_a_valid_trial_there_are_no_fields() -> None:
    assert model._lookup(replace(studied(THREE)[1], topologies=None)) is None


def test_topologies_are_named_by_other_factors() -> None:
    levels: Levels = {"servers": 2, "nginx_lb_method": "least_conn"}
    rate = SustainableRate(
        topology=levels, value=500, low=490, high=510, load={}, bottleneck=Component.SERVER, lower_bound=False
    )
    found = TopologyCost(topology=levels, usd_per_hour=0.3, rate=rate)
    assert answered([found], 400).startswith("For 400/s, 2 servers with nginx_lb_method least_conn are")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.0, "0.00"), (0.0043, "0.0043"), (0.0996, "0.100"), (0.31, "0.31"), (1234.5, "1,234")],
)
def test_money_has_as_many_digits_as_it_needs(value: float | None, expected: str) -> None:
    assert text.usd(value) == expected


def test_the_sustainable_rate_under_objectives_is_the_capacity_with_its_interval() -> None:
    def capacity_of(servers: int, at: float) -> capacity.Capacity:
        return capacity.of_topology({}, servers, "rate", counts((93.0, 100.0, 107.0), at=at), {"p95": 0.05})

    records = {
        f"servers-{servers}_rate-100/r{k}": changed(
            record(servers, 1, k, 100.0 * noise), cell={"servers": servers, "rate": 100.0}
        )
        for servers in (1, 2)
        for k, noise in enumerate(ROUND, 1)
    }
    load = {"ramp_up": "3s", "duration": "15s", "timeout": "20s"}
    factors = {"servers": [1, 2], "rate": ["100/s"]}
    written = grid(factors=factors, load=load, repeats=5, objectives={"p95": "500ms"}, target="96/s")
    summary = cells.summarise_records(written, records)
    study = study_record(configuration={"grid": written.model_dump(mode="json", by_alias=True)})
    made = model._cost(study, with_capacities(summary, capacity_of(1, 100), capacity_of(2, 200)))
    assert made is not None
    assert made.answer == (
        "For 96/s, 1 server is sufficient (100 [96, 103]/s). With one server failed (N−1), 2 servers are needed."
    )
    fewer = with_capacities(summary, capacity_of(1, 80), capacity_of(2, 200))
    less, looked_up = model._cost(study, fewer), model._lookup(fewer)
    assert less is not None
    assert looked_up is not None
    assert less.table.columns == ["topology", "throughput, /s", "basis", "sufficient for 96/s"]  # without a price
    assert [row[1:] for row in less.table.rows] == [
        ["less than 93", "objectives missed at all measured loads", "no"],
        ["≥ 107", "objectives met at all measured loads", "yes"],
    ]
    assert less.answer.startswith("For 96/s, 2 servers are sufficient (at least 107/s). No measured")
    pieces = [(piece["to"], piece["words"]) for piece in json.loads(looked_up.pieces)]
    assert [end for end, _ in pieces] == [pytest.approx(93), 107, None]
    assert pieces[0][0] < 93  # at 93/s itself it is missed
    assert "2 servers deliver at least 107/s" in pieces[-1][1]
    one, two = (row[1:3] for row in made.table.rows)
    assert one == ["100 [96, 103]", "the capacity"]
    assert two == ["≥ 107", "objectives met at all measured loads"]
    assert made.table.note.startswith("The throughput is the capacity, the largest load that meets the objectives.")


def with_capacities(summary: Summary, *capacities: capacity.Capacity) -> Summary:
    """The same summary with these capacities, and the costs that follow from them."""
    found = cost.summarise(summary.grid, summary.cells, capacities, [], cost.Prices())
    return replace(summary, capacities=list(capacities), topologies=found)


def answered(found: list[TopologyCost], target: float) -> str:
    """The sentences for a target."""
    costs = cost.of_topologies(found, target, priced=False)
    assert costs.target is not None
    return sentences.answer(costs.target)


def bounded(*bounds: Crossing) -> list[TopologyCost]:
    """Topologies of one server, two and so on, whose capacities are these."""
    levels: list[Levels] = [{"servers": servers} for servers in range(1, len(bounds) + 1)]
    found = [
        capacity.Capacity(others={}, servers=servers, factor="rate", crossing=bound, blocks=5)
        for servers, bound in enumerate(bounds, 1)
    ]
    cell = cells.summarise_records(
        grid(
            factors={"servers": [each["servers"] for each in levels], "rate": ["100/s"]},
            load={"ramp_up": "3s", "duration": "15s", "timeout": "20s"},
            repeats=1,
        ),
        {
            f"servers-{each['servers']}_rate-100/r1": changed(
                record(int(each["servers"]), 1, 1, 90.0), cell={**each, "rate": 100.0}
            )
            for each in levels
        },
    ).cells
    wanted = grid(objectives={"p95": "500ms"}).objectives
    return cost.with_costs(levels, sustainable_rates(cell, wanted, 1.0, found), {})


BELOW = Crossing(objective="p95", bound=Bound.BELOW, high=93.0)
BRACKET = Crossing(objective="p95", bound=Bound.AT_LEAST, low=96.0, high=150.0)


@pytest.mark.parametrize(
    ("found", "target", "fits", "expected"),
    [
        (bounded(BRACKET), 200, ["no"], "no measured topology is sufficient: 1 server delivers 96 to 150/s."),
        (bounded(BRACKET), 150, ["no"], "no measured topology is sufficient"),
        (bounded(BRACKET), 120, ["not shown"], "no measured topology was shown to be sufficient"),
        (bounded(BRACKET), 90, ["yes"], "1 server is sufficient (96 to 150/s)."),
        (bounded(BELOW), 93, ["no"], "no measured topology is sufficient: 1 server delivers less than 93/s."),
        (bounded(BELOW), 50, ["not shown"], "less than 93/s. Measure a lower load."),
        (
            bounded(BELOW, Crossing(objective="p95", bound=Bound.BELOW, high=180.0)),
            300,
            ["no", "no"],
            "is sufficient: 2 servers deliver less than 180/s.",
        ),
    ],
)
def test_a_load_beyond_a_bound_is_not_carried_and_between_bounds_not_shown(
    found: list[TopologyCost], target: float, fits: list[str], expected: str
) -> None:
    assert [str(fit(each, target)) for each in found] == fits
    answer = answered(found, target)
    assert expected in answer
    pieces = json.loads(sentences.pieces(cost.of_topologies(found, None, priced=False)))
    piece = next(each for each in pieces if each["to"] is None or target <= each["to"])
    assert answer == f"For {estimates.required(target)}, {piece['words']}"  # the same in the field
