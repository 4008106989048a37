"""The evidence of one trial about an objective."""

import pytest

from harness.grid.objectives import Objectives
from harness.judge import latency_stats
from harness.judge.latency_stats import histogram_of_ms
from harness.summarise.capacity import by_objective, counts
from harness.summarise.capacity.counts import Count, Evidence
from tests.builders import changed, record


def test_failures_are_late_however_fast_they_were() -> None:
    served = histogram_of_ms([(100, 90), (300, 6)])
    failed = histogram_of_ms([(1, 4)])
    found = latency_stats.objective_counts(served, failed, 0.2)
    assert (found.requests, found.late, found.failed) == (100, 10, 4)
    assert latency_stats.objective_counts(served, "", 0.3).late == 0  # as long as allowed is not over
    assert latency_stats.objective_counts(served, failed, None).late == 4
    counted = changed(record(1, 50, 2, 9.0), objective_counts=found.model_dump())
    assert counts.of_record(counted, 50.0) == Count(block=2, load=50.0, requests=100, late=10, failed=4)


def test_a_collapsed_trial_misses_its_objectives_and_an_unusable_one_does_not_count() -> None:
    assert counts.of_record(record(1, 50, 2, None, outcome="server_down"), 50.0) == Count(
        block=2, load=50.0, requests=1, late=1, failed=1
    )
    assert counts.of_record(record(1, 50, 2, None), 50.0) is None
    assert counts.of_record(record(1, 50, 2, 9.0), 50.0) is None  # without counts


LATE = {"rule": "E6", "severity": "warning", "cause": "late", "kind": "lateness"}


def test_a_trial_with_a_late_generator_is_no_evidence_about_the_servers() -> None:
    against = {"requests": 100, "late": 10, "failed": 4}
    late = record(1, 50, 2, 9.0, objective_counts=against, findings=[LATE])
    assert counts.of_record(late, 50.0) is None
    assert counts.of_record(changed(late, figures={"falls_behind": True}), 50.0) is None
    died = record(1, 50, 2, None, outcome="server_down", findings=[LATE])
    assert counts.of_record(died, 50.0) == Count(block=2, load=50.0, requests=1, late=1, failed=1)


def test_objectives_of_a_load_are_shares() -> None:
    assert by_objective.allowed_shares(Objectives()) == {}
    assert by_objective.allowed_shares(Objectives(p95="500ms", error_rate="0.1%")) == {"p95": 0.05, "error_rate": 0.001}
    count = Count(block=1, load=5.0, requests=100, late=10, failed=4)
    assert [by_objective.over(count, name) for name in ("p95", "error_rate")] == [10, 4]


@pytest.mark.parametrize(("percentile", "requests"), [(0.01, 459), (0.05, 90), (0.1, 44)])
def test_the_fewest_requests_of_which_none_may_be_over_are_those_of_early_stopping(
    percentile: float, requests: int
) -> None:
    """MLPerf Inference: log(1 − c) / log(p) of them, so 459 for a 99th percentile."""
    assert counts.requests_needed(0, percentile) == requests
    assert counts.evidence(requests, 0, percentile) == Evidence.MEETS
    assert counts.evidence(requests - 1, 0, percentile) == Evidence.TOO_FEW


def test_a_probe_near_the_objective_is_undecided_and_one_far_from_it_is_not() -> None:
    assert counts.evidence(2000, 100, 0.05) == Evidence.TOO_FEW
    assert counts.evidence(2000, 60, 0.05) == Evidence.MEETS
    assert counts.evidence(2000, 140, 0.05) == Evidence.MISSES
    assert counts.evidence(0, 0, 0.05) == Evidence.TOO_FEW
    needed = counts.requests_needed(100, 0.05)
    assert needed is not None
    assert counts.evidence(needed, 100, 0.05) == Evidence.MEETS
    assert counts.evidence(needed - 1, 100, 0.05) != Evidence.MEETS


def test_an_objective_of_zero_failures_can_never_be_shown() -> None:
    assert counts.requests_needed(0, 0.0) is None
    assert counts.evidence(10**6, 0, 0.0) == Evidence.TOO_FEW
    assert counts.evidence(10, 1, 0.0) == Evidence.MISSES


def test_a_probe_with_too_few_requests_has_the_required_number() -> None:
    probe = changed(record(1, 50, 0, 9.0), objective_counts={"requests": 2000, "late": 90, "failed": 0})
    sentence = by_objective.sentence(probe, {"p95": 0.05, "error_rate": 0.01})
    assert sentence.startswith("90 of 2,000 requests late: too few requests, 2")
    assert sentence.endswith("with no more over are enough; 0 of 2,000 requests failed: meets")
    assert by_objective.sentence(record(1, 50, 0, None, outcome="server_down"), {"p95": 0.05}) == ""
    assert by_objective.sentence(None, {"p95": 0.05}) == ""
