"""Rules of a trial with a Locust script: counts that are compared, and rules that are not available."""

from __future__ import annotations

from dataclasses import replace

from harness.grid.thresholds import Thresholds
from harness.judge import rules
from harness.judge.observation import Observation
from harness.records.findings import Severity
from tests.builders import observation

LIMITS = Thresholds()


def of_script(seen: Observation, lost: int = 0) -> Observation:
    """Return the same trial as one of a script that marks some successes as failures."""
    answered = dict(seen.balancer.statuses)
    responses = {status: count - lost * (status == "200") for status, count in answered.items()}
    marked = [replace(row, completed=row.completed - 100, failed=row.failed + 100) for row in seen.samples]
    return replace(seen, responses=responses, samples=marked, expect_status=tuple(range(200, 400)))


def found(seen: Observation, rule: str) -> list[str]:
    return [each.cause for each in rules.judge(seen, LIMITS) if each.rule == rule]


def test_responses_are_compared_and_not_what_a_script_thinks_of_them() -> None:
    seen = observation()
    assert not found(of_script(seen), "E13")
    assert found(of_script(seen, lost=500), "E13")
    unmarked = replace(of_script(seen), responses={})
    assert found(unmarked, "E13")  # the marks alone would differ from the balancer


def test_a_rule_that_is_not_available_is_a_note_with_its_reason() -> None:
    seen = replace(observation(), ceiling=None, unavailable={"E7": "no ceiling", "E5": "streamed responses"})
    notes = [each for each in rules.judge(seen, LIMITS) if each.cause.startswith("not available: ")]
    assert [(each.rule, each.severity) for each in notes] == [("E5", Severity.NOTE), ("E7", Severity.NOTE)]
    assert not [each for each in rules.judge(observation(), LIMITS) if "not available" in each.cause]


def test_requests_in_flight_of_streamed_responses_are_not_compared_with_the_balancer() -> None:
    seen = observation()
    other = replace(seen, balancer=seen.balancer.model_copy(update={"mean_in_flight": seen.users * 0.9}))
    assert any("in flight" in cause for cause in found(other, "E5"))
    streamed = replace(other, unavailable={"E5": "streamed responses"})
    assert found(streamed, "E5") == ["not available: streamed responses"]
