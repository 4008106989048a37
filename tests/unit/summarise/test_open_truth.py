"""Simulated open loads, recorded and judged by the product, against a count of the same requests by their due time."""

from typing import Any

import pytest

from benchmarks.truth.arrivals import Every, Killed, Requests, ServiceModel
from benchmarks.truth.open_loads import OPEN_SCENARIOS, OpenScenario, late_share, tally
from benchmarks.truth.open_trial import counted, simulate_open
from harness.grid.cell import Cell
from harness.grid.objectives import P95
from harness.grid.schema import Grid
from harness.judge import window_stats
from harness.plan.order import PlannedTrial
from harness.records.findings import Severity
from harness.records.trial import Component, TrialData
from harness.summarise.capacity import counts
from tests.builders import grid

FROM_S, TO_S = 2.0, 14.0


def studied(rate: int, servers: int = 1, p95: str = "200ms", **more: Any) -> tuple[Grid, PlannedTrial]:
    study = grid(
        factors={"servers": [servers], "rate": [f"{rate}/s"], **more},
        load={"ramp_up": f"{FROM_S}s", "duration": f"{TO_S}s", "timeout": "8s"},
        objectives={"p95": p95},
    )
    (cell,) = study.cells.known
    return study, PlannedTrial(Cell(cell.levels), 1)


def trial(model: ServiceModel, rate: int, seed: int = 1, **more: Any) -> tuple[TrialData, Requests]:
    study, planned = studied(rate, **more)
    return simulate_open(model, planned, study, seed)


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        (ServiceModel(), 100),
        (ServiceModel(), 160),  # a queue that grows
        (ServiceModel(hanging=0.004), 100),
        (ServiceModel(hanging=0.06), 100),
        (ServiceModel(hanging=0.5), 100),
        (ServiceModel(service_s=0.025, rare=0.01), 80),
        (ServiceModel(slots=1, service_s=0.007, cv=3.0), 60),
        (ServiceModel(pause=Every(length_s=1.0, every_s=5.0)), 100),
        (ServiceModel(warm_up_s=8.0), 100),
        (ServiceModel(failing=0.002), 100),
        (ServiceModel(stall=Every(length_s=0.3, every_s=2.0)), 100),
    ],
)
def test_the_recorded_counts_are_those_of_the_requests_due_in_the_window(model: ServiceModel, rate: int) -> None:
    data, seen = trial(model, rate)
    truth = counted(seen, FROM_S, TO_S, 0.2)
    found = data.record.objective_counts
    assert found is not None
    assert (found.requests, found.failed) == (truth.requests, truth.failed)
    assert found.late == pytest.approx(truth.late, abs=2)  # the histogram has three digits
    assert data.record.error_rate == pytest.approx(truth.failed / truth.requests)
    assert sum(row.requests or 0 for row in data.samples) == len(seen.due_s)
    over = window_stats.over_p95(window_stats.window(data.samples, FROM_S, TO_S))
    assert over == pytest.approx(truth.late / truth.requests, abs=1e-9)


def test_a_generator_that_stalls_for_80_ms_a_second_is_the_bottleneck_and_its_trial_is_no_evidence() -> None:
    """At 60 req/s servers need 50 ms, and 100 ms are allowed: only the generator's delay exceeds that."""
    late, punctual = (
        trial(ServiceModel(stall=stall), 60, p95="100ms")[0].record
        for stall in (Every(length_s=0.08, every_s=1.0), None)
    )
    assert late.generator_late
    assert late.component == Component.GENERATOR
    assert late.usable, "its throughput counts"
    assert late.objective_counts
    assert late.objective_counts.late > 0.02 * late.objective_counts.requests
    assert counts.of_record(late, 60.0) is None
    assert not punctual.generator_late
    assert punctual.component == Component.LOAD
    assert counts.of_record(punctual, 60.0) is not None


@pytest.mark.parametrize("model", [ServiceModel(hanging=0.06), ServiceModel(pause=Every(length_s=1.0, every_s=5.0))])
def test_slow_servers_are_not_attributed_to_the_generator(model: ServiceModel) -> None:
    for seed in range(3):
        record = trial(model, 100, seed)[0].record
        assert not record.generator_late
        assert record.component != Component.GENERATOR
        assert counts.of_record(record, 100.0) is not None


def test_a_queue_that_grows_is_recorded_as_falling_behind() -> None:
    """One server serves 140 req/s at most. 10 % more are late in any window; 60 % are not."""
    assert trial(ServiceModel(), 160)[0].record.falls_behind
    assert not trial(ServiceModel(), 84)[0].record.falls_behind


@pytest.mark.parametrize("share", [0.04, 0.06, 0.5])
def test_requests_that_hang_beyond_the_window_are_no_growing_queue(share: float) -> None:
    """Their timeouts end after the window; with 4 % of them the objective p95 is met."""
    for seed in range(3):
        record = trial(ServiceModel(hanging=share), 84, seed)[0].record
        assert record.falls_behind is False
        found = counts.of_record(record, 84.0)
        assert record.usable == (found is not None)
        assert found is None or found.requests > 900


@pytest.mark.parametrize("failing", [0.0, 0.002, 0.02])
def test_the_time_of_failures_after_a_killed_server_excludes_errors_that_were_there_before(failing: float) -> None:
    """It is noticed after 3 s, at 10.4 s; the errors before it go on to the end. Times are whole seconds."""
    model = ServiceModel(failing=failing, killed=Killed(at_s=7.4, noticed_s=3.0))
    for seed in range(6):
        data, seen = trial(model, 150, seed, servers=3, fail_servers=[1])
        record = data.record
        assert record.failover is not None
        assert record.component == Component.UNKNOWN
        assert not [found for found in record.findings if found.severity == Severity.INVALID]
        assert record.failover.failing_s == pytest.approx(3.6)
        truth = int(seen.failed[seen.due_s >= 7.0].sum())
        assert record.failover.failed == pytest.approx(truth, abs=3)


@pytest.mark.parametrize("scenario", OPEN_SCENARIOS, ids=lambda scenario: scenario.name)
def test_statements_about_fixed_loads_are_true(scenario: OpenScenario) -> None:
    """The short form of `python -m benchmarks.truth.open_loads`."""
    found = tally(scenario, 2, 0.0)
    assert found.trials == 2
    assert found.wrong == found.failing_off == 0
    assert found.generator == (2 if scenario.name == "generator stalls of 80 ms a second" else 0)
    assert found.behind == (2 if scenario.name == "a queue that grows" else 0)
    assert found.failures == (2 if scenario.model.killed else 0)


def test_evidence_of_single_trials_is_that_of_the_long_run() -> None:
    named = {scenario.name: scenario for scenario in OPEN_SCENARIOS}
    for name, meets in (
        ("constant service", True),
        ("0.4 % of requests hang", True),
        ("half of the requests hang", False),
    ):
        late = late_share(named[name])
        assert (late <= P95) is meets
        found = tally(named[name], 2, late)
        assert found.false == 0
        assert (found.meets > 0) is meets
        wrong = tally(named[name], 2, 1.0 if meets else 0.0)
        assert wrong.false == found.meets + found.misses > 0, "the count can fail"


@pytest.mark.long
@pytest.mark.parametrize("share", [0.004, 0.06, 0.5])
def test_the_mean_recorded_share_of_hanging_requests_is_their_true_share(share: float) -> None:
    requests = failed = 0
    for seed in range(20):
        found = trial(ServiceModel(hanging=share), 100, seed)[0].record.objective_counts
        assert found is not None
        requests, failed = requests + found.requests, failed + found.failed
    assert abs(failed - share * requests) < 3.3 * (share * (1 - share) * requests) ** 0.5
