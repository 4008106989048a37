"""What a trial's requests can tell of a percentile."""

import pytest

from harness.grid.schema import Objectives
from harness.judge import window_stats
from harness.judge.window_stats import histogram_of_ms
from harness.summarise.capacity import counts
from harness.summarise.capacity.counts import Told
from tests.builders import changed, record


def test_failures_are_late_however_fast_they_were() -> None:
    served = histogram_of_ms([(100, 90), (300, 6)])
    failed = histogram_of_ms([(1, 4)])
    found = window_stats.objective_counts(served, failed, 0.2)
    assert (found.requests, found.late, found.failed) == (100, 10, 4)
    assert window_stats.objective_counts(served, "", 0.3).late == 0  # as long as allowed is not over
    assert window_stats.objective_counts(served, failed, None).late == 4
    counted = changed(record(1, 50, 2, 9.0), objective_counts=found.model_dump())
    assert counts.of_record(counted, 50.0) == counts.Count(2, 50.0, 100, 10, 4)


def test_a_trial_that_collapsed_missed_and_one_that_does_not_count_says_nothing() -> None:
    assert counts.of_record(record(1, 50, 2, None, outcome="server_down"), 50.0) == counts.Count(2, 50.0, 1, 1, 1)
    assert counts.of_record(record(1, 50, 2, None), 50.0) is None
    assert counts.of_record(record(1, 50, 2, 9.0), 50.0) is None  # of an earlier version


def test_objectives_of_a_load_are_shares() -> None:
    assert counts.wanted(Objectives()) == {}
    assert counts.wanted(Objectives(p95="500ms", error_rate="0.1%")) == {"p95": 0.05, "error_rate": 0.001}
    count = counts.Count(1, 5.0, 100, 10, 4)
    assert [counts.over(count, name) for name in ("p95", "error_rate")] == [10, 4]


@pytest.mark.parametrize(("percentile", "requests"), [(0.01, 459), (0.05, 90), (0.1, 44)])
def test_the_fewest_requests_of_which_none_may_be_over_are_those_of_early_stopping(
    percentile: float, requests: int
) -> None:
    """MLPerf Inference: log(1 − c) / log(p) of them, so 459 for a 99th percentile."""
    assert counts.needed(0, percentile) == requests
    assert counts.told(requests, 0, percentile) == Told.MEETS
    assert counts.told(requests - 1, 0, percentile) == Told.TOO_FEW


def test_a_probe_near_the_objective_tells_nothing_and_one_far_from_it_does() -> None:
    assert counts.told(2000, 100, 0.05) == Told.TOO_FEW
    assert counts.told(2000, 60, 0.05) == Told.MEETS
    assert counts.told(2000, 140, 0.05) == Told.MISSES
    assert counts.told(0, 0, 0.05) == Told.TOO_FEW
    needed = counts.needed(100, 0.05)
    assert needed is not None
    assert counts.told(needed, 100, 0.05) == Told.MEETS
    assert counts.told(needed - 1, 100, 0.05) != Told.MEETS


def test_that_nothing_ever_fails_can_never_be_shown() -> None:
    assert counts.needed(0, 0.0) is None
    assert counts.told(10**6, 0, 0.0) == Told.TOO_FEW
    assert counts.told(10, 1, 0.0) == Told.MISSES


def test_a_probe_that_tells_too_little_says_how_many_requests_it_takes() -> None:
    probe = changed(record(1, 50, 0, 9.0), objective_counts={"requests": 2000, "late": 90, "failed": 0})
    told = counts.sentence(probe, {"p95": 0.05, "error_rate": 0.01})
    assert told.startswith("90 of 2000 requests late: too few requests to tell, 2")
    assert told.endswith("with no more over would do; 0 of 2000 requests failed: meets")
    assert counts.sentence(record(1, 50, 0, None, outcome="server_down"), {"p95": 0.05}) == ""
    assert counts.sentence(None, {"p95": 0.05}) == ""
