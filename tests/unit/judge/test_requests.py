"""One trial of a mix: failed logins, R0 as a mean over names, and the room that objectives by name leave."""

from dataclasses import replace

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import figures, request_stats, rules
from harness.judge.assess import assess
from harness.judge.observation import of_trial
from harness.records.findings import Finding, Severity
from harness.records.requests import Logins
from harness.records.trial import Outcome, TrialRecord
from tests.builders import grid, observation, trial_data
from tests.mixes import HISTORY, PREDICT, counted, with_requests

LIMITS = Thresholds()
OBJECTIVES = {"p95": {PREDICT: "300ms", "*": "50ms"}}


def judged(**more: object) -> TrialRecord:
    mix = {PREDICT: counted(3000, 200, failed=60), HISTORY: counted(1000, 20)}
    return assess(with_requests(trial_data(1, 2000, 1, 280, 1), mix, **more), grid(objectives=OBJECTIVES))


def of_logins(completed: int, errors: dict[str, int]) -> list[Finding]:
    seen = replace(observation(), logins=Logins(completed=completed, errors=errors))
    return [finding for finding in rules.judge(seen, LIMITS) if finding.rule == "E8"]


def test_statistics_of_a_name_follow_from_its_counts_and_histograms() -> None:
    predict, history = (judged().requests[name] for name in (PREDICT, HISTORY))
    assert (predict.share, history.share) == (0.75, 0.25)
    assert predict.tps == pytest.approx(2940 / 9)  # the window of `grid` is 9 s long
    assert predict.error_rate == pytest.approx(0.02)
    assert predict.latency_ms["p50"] == predict.latency_ms["max"] == pytest.approx(200, rel=1e-3)
    assert predict.latency_ms["mean"] == pytest.approx(200, rel=1e-3)
    assert predict.latency_with_failures_ms["p99"] == pytest.approx(10_000, rel=1e-3)
    assert (predict.late, history.late) == (60, 0)


def test_requests_are_late_against_their_own_objective() -> None:
    found = judged().objective_counts
    assert found is not None
    assert found.late - found.failed == 0
    slow = {PREDICT: counted(3000, 400), HISTORY: counted(1000, 20)}
    record = assess(with_requests(trial_data(1, 2000, 1, 280, 1), slow), grid(objectives=OBJECTIVES))
    assert record.objective_counts is not None
    assert record.objective_counts.late == 3000


def test_percentiles_need_enough_requests() -> None:
    data = with_requests(trial_data(1, 2000, 1, 280, 1), {PREDICT: counted(49, 200)})
    few = request_stats.of_requests(data, grid(), 9)[PREDICT].latency_ms
    assert {name for name, value in few.items() if value is None} == {"p90", "p95", "p99"}


def test_failed_logins_are_a_warning_and_many_make_a_trial_invalid() -> None:
    assert of_logins(1000, {}) == []
    (warning,) = of_logins(1000, {"status 500": 3, "timeout": 1})
    assert warning.severity == Severity.WARNING
    assert warning.figure == pytest.approx(4 / 1004)
    assert warning.cause == "some users could not log in: 4 of 1,004 logins failed (3 status 500, 1 timeout)"
    (invalid,) = of_logins(900, {"status 500": 100})
    assert (invalid.severity, invalid.threshold) == (Severity.INVALID, LIMITS.logins_invalid)
    assert judged(logins=Logins(completed=900, errors={"status 500": 100})).outcome == Outcome.INVALID


def test_the_unloaded_time_of_a_mix_is_a_mean_over_its_requests() -> None:
    """The fastest of all requests would be the history's alone."""
    data = with_requests(trial_data(1, 2000, 1, 280, 1), {PREDICT: counted(3000, 200), HISTORY: counted(1000, 20)})
    seen = replace(of_trial(data, grid()), unloaded_s=0.4)
    assert seen.fastest_s == pytest.approx(0.75 * 0.2 + 0.25 * 0.02, rel=1e-2)
    assert figures.warm_s(seen) == seen.fastest_s


def test_the_generator_must_be_punctual_for_the_tightest_objective() -> None:
    """An event loop late by 5 ms at p99 is punctual for the 100 ms of a prediction, not for the 30 ms of a history."""
    rows = [replace(row, lag_ms=15.0) for row in observation().samples]
    both = replace(
        observation(),
        samples=rows,
        unloaded_s=0.1,
        p95_by_name={PREDICT: 0.3, HISTORY: 0.05},
        fastest_by_name={PREDICT: 0.2, HISTORY: 0.02},
    )
    late = [finding for finding in rules.judge(both, LIMITS) if finding.kind == "lateness"]
    assert [round(finding.threshold or 0, 4) for finding in late] == [0.003]
    alone = replace(both, p95_by_name={PREDICT: 0.3})
    assert not [finding for finding in rules.judge(alone, LIMITS) if finding.kind == "lateness"]


def test_think_time_after_a_request_of_steps_has_their_pauses() -> None:
    """N = X (R + Z) with X in requests: a transaction of two steps has one think time and two pauses."""
    step = {"request": {"path": "/"}}
    steps = [{"name": "a", "pause": "1s", **step}, {"name": "b", "pause": "3s", **step}]
    study = grid(request=None, traffic={"steps": steps}, load={"think_time": "2s", "ramp_up": "2s", "duration": "20s"})
    data = trial_data(1, 2000, 1, 280, 1)
    assert of_trial(data, study).think_time_s == (2 + 1 + 3) / 2
    assert of_trial(data, study.scaled(2.0)).think_time_s == 2 * (2 + 1 + 3) / 2
