"""Calibration: a study of known capacity, which is judged by capacities if it has rates and objectives."""

from dataclasses import replace

import pytest

from harness.records.trial import TrialRecord
from harness.summarise import calibration
from harness.summarise.capacity import capacity
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.summary import Summary, summarise_records
from tests.builders import changed, grid, record
from tests.unit.summarise.test_capacity import counts

LOAD = {"ramp_up": "3s", "duration": "15s", "timeout": "20s"}
LOADS = (93.0, 100.0, 107.0)
NARROW = (1.001, 0.999, 1.0, 1.0005, 0.9995)


def found(at: float, speeds: tuple[float, ...] = NARROW, loads: tuple[float, ...] = LOADS) -> Capacity:
    return capacity.of_topology({}, 1, "rate", counts(loads, speeds, at), {"p95": 0.05})


WIDE = (1.05, 0.96, 1.0, 1.03, 0.97)


@pytest.mark.parametrize(
    ("measured", "truth", "passes"),
    [
        (found(100), 100.0, True),
        (found(100), 101.4, True),
        (found(100), 104.0, False),
        (found(100), 96.0, False),
        (found(100, WIDE), 100.5, True),  # wider than 3 %, but inside the interval
        (found(100, WIDE), 104.0, False),  # inside the interval, but the estimate is too far away
        (found(100), None, False),
        (found(100, NARROW[:2]), 100.0, False),  # no interval
        (found(200), 200.0, False),  # a bound
    ],
)
def test_a_capacity_is_compared_with_its_reference(measured: Capacity, truth: float | None, passes: bool) -> None:
    judged = replace(measured, reference=truth)
    assert calibration.of_capacities([judged])[0] is passes
    assert calibration.of_capacities([replace(found(100), reference=100.0), judged])[0] is passes


def test_the_result_is_reported_in_words() -> None:
    passed, text = calibration.of_capacities(
        [replace(found(100), reference=99.0), replace(found(200), reference=200.0)]
    )
    assert not passed
    assert text.startswith(
        "measured 100.0/s [98.5, 101.5] for 99.0 (error 1.0 %), 1 server: no capacity with an interval"
    )
    assert text.endswith("(met at all loads measured)")
    assert calibration.of_capacities([]) == (False, "no capacity was measured")


def at_rates(**more: object) -> Summary:
    """Summarise two servers with the capacity of one: the gain is wrong, both capacities equal the formula's."""
    records: dict[str, TrialRecord] = {}
    for servers in (1, 2):
        for count in counts(LOADS, NARROW):
            against = {"requests": count.requests, "late": count.late, "failed": 0}
            cell = {"servers": servers, "rate": count.load}
            trial = changed(record(servers, 1, count.block, count.load), cell=cell, objective_counts=against)
            records[f"servers-{servers}_rate-{count.load:g}/r{count.block}"] = trial
    rates = {"servers": [1, 2], "rate": [f"{level:g}/s" for level in LOADS]}
    return summarise_records(grid(factors=rates, load=LOAD, repeats=5, calibration=True, **more), records)


def test_at_rates_with_objectives_gains_of_throughput_are_not_judged() -> None:
    summary = at_rates(objectives={"p95": "500ms"})
    capacities = [replace(one, reference=100.0) for one in summary.capacities]
    result = calibration.of_study(summary.grid, summary.cells, summary.gains, capacities)
    assert result is not None
    assert result.complete
    assert result.text_with_result.endswith("for 100.0 (error 0.0 %): PASS")
    without = at_rates().calibration
    assert without is not None
    assert without.text_with_result.endswith(": FAIL")


def test_a_missing_cell_makes_a_calibration_incomplete_and_other_grids_have_none() -> None:
    study = grid(factors={"servers": [1, 2], "rate": ["93/s"]}, load=LOAD, calibration=True)
    found = summarise_records(study, {}).calibration
    assert found is not None
    assert not found.complete
    assert summarise_records(grid(), {}).calibration is None
