"""Open loads: what was offered, whether it was offered in time, and what limited a trial of them."""

from dataclasses import replace
from typing import Any

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, open_load, rules, window_stats
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity
from harness.records.series import Sample
from harness.records.trial import Component, Pacing
from tests.builders import logged, observation

LIMITS = Thresholds()


def rows(per_s: int, served: int, mean_ms: float, rise: float = 0.0, **more: Any) -> list[Sample]:
    """An open load of 18 s whose mean latency rises by so many ms in each second of the window."""
    found = []
    for t in range(18):
        latency_ms = mean_ms + rise * max(0, t - 6)
        row = Sample(t, served, 0, 0.0, served * latency_ms / 1000, latency_ms, 0.0, 0, 0.2, 1.0, 0.0)
        found.append(replace(row, **{"offered": per_s, "sent": per_s, "late": 0, "delay_ms": 2.0, **more}))
    return found


def trial(per_s: int = 200, served: int = 200, mean_ms: float = 50.0, **more: Any) -> Observation:
    seen = {"samples": rows(per_s, served, mean_ms), "users": 0, "think_time_s": 0.0, "rate_per_s": float(per_s)}
    found = observation(**{**seen, "delays": {"500": 1990, "3000": 10}, "unloaded_s": 0.05, **more})
    return logged(found, mean_in_flight=window_stats.mean_in_flight(found.window))


def of(seen: Observation, rule: str) -> list[Finding]:
    return [finding for finding in rules.judge(seen, LIMITS) if finding.rule == rule]


def test_what_was_offered_is_counted_in_the_window() -> None:
    asked = open_load.of_trial(trial())
    assert asked
    assert (asked.per_s, asked.due, asked.sent, asked.served, asked.late) == (200, 2000, 1, 1, 0)
    assert asked.delay_p99_s == 0.0005
    assert open_load.of_trial(observation()) is None


def test_a_load_that_was_offered_in_time_breaks_no_rule() -> None:
    assert [f for f in rules.judge(trial(), LIMITS) if f.severity != Severity.NOTE] == []


@pytest.mark.parametrize(("sent", "severity"), [(200, None), (199, Severity.WARNING), (196, Severity.INVALID)])
def test_e5_requests_that_were_due_and_not_sent(sent: int, severity: Severity | None) -> None:
    found = of(trial(samples=rows(200, sent, 50.0, sent=sent) if sent < 200 else rows(200, 200, 50.0)), "E5")
    assert [f.severity for f in found] == ([severity] if severity else [])


def test_e5_a_request_at_the_windows_edge_is_no_shortfall() -> None:
    seen = trial(per_s=20, served=20, samples=rows(20, 20, 50.0))
    short = [replace(row, sent=19) if row.t_s == 16 else row for row in seen.samples]
    assert of(replace(seen, samples=short), "E5") == []


@pytest.mark.parametrize(
    ("late_us", "mean_ms", "told"),
    [(4000, 50.0, False), (8000, 50.0, True), (8000, 400.0, False), (30000, 400.0, True)],
)
def test_e5_requests_that_are_sent_late_make_latencies_uncertain(late_us: int, mean_ms: float, told: bool) -> None:
    seen = trial(mean_ms=mean_ms, delays={"500": 1900, str(late_us): 100})
    found = of(seen, "E5")
    assert [f.severity for f in found] == [Severity.WARNING] * told
    assert all("uncertain" in f.cause for f in found)


def test_e5_a_request_that_waits_for_its_turn_in_flight_is_no_late_generator() -> None:
    late = rows(200, 190, 900.0, sent=190)
    (found,) = of(trial(samples=[replace(row, late=60) for row in late], delays={"900000": 100}), "E5")
    assert found.severity == Severity.WARNING
    assert "too many were in flight" in found.cause
    assert "in_flight" in found.next_step


def test_e5_requests_that_queue_before_the_balancer_are_found() -> None:
    (found,) = of(logged(trial(), mean_in_flight=4.0), "E5")
    assert found.severity == Severity.INVALID
    assert "30 ms more than the balancer" in found.cause


def test_e6_a_late_loop_refuses_users_and_only_marks_requests_at_a_rate() -> None:
    """Users who are late ask for less; at a rate the moment counts, whatever the generator does."""
    slow = trial(samples=[replace(row, lag_ms=120.0) for row in rows(200, 200, 50.0)])
    assert [f.severity for f in of(slow, "E6")] == [Severity.WARNING]


def test_what_mends_a_collapse_speaks_of_the_rate() -> None:
    failing = [replace(row, completed=0, failed=200) for row in rows(200, 200, 50.0)]
    (found,) = (f for f in of(trial(samples=failing), "E8") if f.severity == Severity.INVALID)
    assert found.next_step == "a lower rate, or more servers"


def limit(seen: Observation) -> Component:
    return bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS).component


def test_a_load_that_is_served_is_what_limits() -> None:
    said = bottleneck.of_trial(trial(), [], LIMITS)
    assert said.component == Component.LOAD
    assert said.reason == "load-limited: 100 % of the offered requests succeeded"
    assert said.figures["of_offered"] == 1


def test_a_queue_that_grows_is_no_served_load() -> None:
    """Just above what a server can do nearly all is answered, later and later."""
    slots = {"server-1": Pacing(offered=140.0, busy=139.9, lost=0.0, late=0.0, answers=1980)}
    assert limit(trial(served=198, samples=rows(200, 198, 60.0, rise=40.0, sent=200), pacing=slots)) == Component.SERVER
    assert limit(trial(served=198, samples=rows(200, 198, 60.0))) == Component.LOAD


def test_a_server_that_serves_less_than_is_offered_is_the_limit() -> None:
    slots = {"server-1": Pacing(offered=140.0, busy=139.0, lost=0.0, late=0.0, answers=1400)}
    seen = trial(samples=rows(200, 140, 500.0, rise=300.0, sent=200), pacing=slots)
    said = bottleneck.of_trial(seen, [], LIMITS)
    assert said.component == Component.SERVER
    assert said.next_bottleneck == ""
    near = bottleneck.of_trial(trial(samples=rows(200, 180, 500.0, rise=300.0, sent=200), pacing=slots), [], LIMITS)
    assert near.next_bottleneck == "load (90 % of the offered load)"


def test_closed_loops_keep_no_figures_of_rates() -> None:
    """Records of users stay as they are."""
    assert not bottleneck.of_trial(observation(), [], LIMITS).figures.keys() & {"of_offered", "latency_rise"}
