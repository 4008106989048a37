"""A study whose truth is known: at rates with objectives it is judged by capacities."""

from dataclasses import replace

import pytest

from harness.records.trial import Outcome, TrialRecord
from harness.summarise import calibration
from harness.summarise.capacity import capacity
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.summary import Summary, summarise_records
from tests.builders import changed, grid, record
from tests.unit.summarise.test_capacity import counts

LOADS = (93.0, 100.0, 107.0)
NARROW = (1.001, 0.999, 1.0, 1.0005, 0.9995)


def found(at: float, speeds: tuple[float, ...] = NARROW, loads: tuple[float, ...] = LOADS) -> Capacity:
    return capacity.of_topology({}, 1, "rate", counts(loads, speeds, at), {"p95": 0.05})


WIDE = (1.05, 0.96, 1.0, 1.03, 0.97)


@pytest.mark.parametrize(
    ("said", "truth", "passes"),
    [
        (found(100), 100.0, True),
        (found(100), 102.0, True),  # the interval does not hold it, but is within 3 % of it
        (found(100), 104.0, False),
        (found(100), 96.0, False),
        (found(100, WIDE), 100.5, True),  # wider than 3 %, but holds it
        (found(100, WIDE), 104.0, False),  # holds it, but the estimate is too far
        (found(100), None, False),
        (found(100, NARROW[:2]), 100.0, False),  # no interval
        (found(200), 200.0, False),  # a bound
    ],
)
def test_a_capacity_is_held_against_what_is_known_by_formula(said: Capacity, truth: float | None, passes: bool) -> None:
    assert calibration.judge_capacities([said], [truth])[0] is passes
    assert calibration.judge_capacities([found(100), said], [100.0, truth])[0] is passes


def test_what_was_found_is_told_in_words() -> None:
    passed, told = calibration.judge_capacities([found(100), found(200)], [99.0, 200.0])
    assert not passed
    assert told.startswith("found 100.0/s [99.0, 101.0] for 99.0 (error 1.0 %), 1 server: no capacity with an interval")
    assert told.endswith("(met at all loads measured)")
    assert calibration.judge_capacities([], []) == (False, "no capacity was measured")


def at_rates(**more: object) -> Summary:
    """Two servers that carry as much as one: a wrong gain of throughput, and capacities as the formula says."""
    records: dict[str, TrialRecord] = {}
    for servers in (1, 2):
        for count in counts(LOADS, NARROW):
            against = {"requests": count.requests, "late": count.late, "failed": 0}
            cell = {"servers": servers, "rate": count.load}
            said = changed(record(servers, 0, count.block, count.load), cell=cell, objective_counts=against)
            records[f"servers-{servers}_rate-{count.load:g}/r{count.block}"] = said
    load = {"ramp_up": "3s", "duration": "15s", "timeout": "20s"}
    rates = {"servers": [1, 2], "rate": [f"{level:g}/s" for level in LOADS]}
    return summarise_records(grid(factors=rates, load=load, repeats=5, calibration=True, **more), records)


def test_at_rates_with_objectives_gains_of_throughput_are_not_judged() -> None:
    with_objectives = replace(at_rates(objectives={"p95": "500ms"}), references=[100.0, 100.0])
    assert calibration.told(with_objectives).endswith("for 100.0 (error 0.0 %): PASS")
    assert calibration.told(at_rates()).endswith(": FAIL")
    missing = [replace(with_objectives.cells[0], outcome=Outcome.MISSING), *with_objectives.cells[1:]]
    assert calibration.told(replace(with_objectives, cells=missing)) == ""
