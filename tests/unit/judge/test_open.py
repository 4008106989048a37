"""Open loads: the offered rate, late requests, and the bottleneck."""

from dataclasses import replace
from typing import Any

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, open_load, rules, window_stats
from harness.judge.observation import Observation, of_trial
from harness.records.context import Pacing
from harness.records.findings import Finding, Kind, Severity
from harness.records.series import Sample
from harness.records.trial import Component
from tests.builders import grid, logged, observation, trial_data

LIMITS = Thresholds()


def rows(per_s: int, served: int, mean_ms: float, rise: float = 0.0, **more: Any) -> list[Sample]:
    """Return 18 s of an open load whose mean latency rises by `rise` ms in each second of the window."""
    found = []
    for t in range(18):
        latency_ms = mean_ms + rise * max(0, t - 6)
        row = Sample(
            t_s=t,
            completed=served,
            failed=0,
            users=0.0,
            in_flight=served * latency_ms / 1000,
            mean_ms=latency_ms,
            think_s=0.0,
            thinks=0,
            busiest_cpu_s=0.2,
            lag_ms=1.0,
            thinking=0.0,
        )
        found.append(replace(row, **{"offered": per_s, "sent": per_s, "late": 0, "delay_ms": 2.0, **more}))
    return found


def trial(per_s: int = 200, served: int = 200, mean_ms: float = 50.0, **more: Any) -> Observation:
    seen = {"samples": rows(per_s, served, mean_ms), "users": 0, "think_time_s": 0.0, "rate_per_s": float(per_s)}
    found = observation(**{**seen, "delays": {"500": 1990, "3000": 10}, "unloaded_s": 0.05, **more})
    return logged(found, mean_in_flight=window_stats.mean_in_flight(found.window))


def of(seen: Observation, rule: str) -> list[Finding]:
    return [finding for finding in rules.judge(seen, LIMITS) if finding.rule == rule]


def test_offered_requests_are_counted_in_the_window() -> None:
    offered = open_load.of_trial(trial())
    assert offered
    assert (offered.per_s, offered.due, offered.sent, offered.served, offered.late) == (200, 2000, 1, 1, 0)
    assert offered.delay_p99_s == 0.0005
    assert open_load.of_trial(observation()) is None


@pytest.mark.parametrize(
    ("per_s", "served", "behind"),
    [(200, 200, False), (200, 197, False), (200, 195, True), (20, 19.6, False), (2, 1, True)],
)
def test_a_load_falls_behind_when_a_queue_grows(per_s: int, served: float, behind: bool) -> None:
    """Less than 98 % of what was due ended in the window of 10 s, and more than five requests are missing."""
    some = [
        replace(row, completed=round(served * (row.t_s + 1)) - round(served * row.t_s)) for row in rows(per_s, 0, 50.0)
    ]
    offered = open_load.of_trial(trial(per_s=per_s, samples=some))
    assert offered
    assert open_load.falls_behind(offered, LIMITS) is behind


def test_failed_requests_are_no_growing_queue() -> None:
    offered = open_load.of_trial(trial(samples=[replace(row, failed=20) for row in rows(200, 180, 50.0)]))
    assert offered
    assert not open_load.falls_behind(offered, LIMITS)


def test_a_load_that_was_sent_in_time_passes_every_rule() -> None:
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
    ("late_us", "mean_ms", "uncertain"),
    [(4000, 50.0, False), (8000, 50.0, True), (8000, 400.0, False), (30000, 400.0, True)],
)
def test_e5_requests_that_are_sent_late_make_latencies_uncertain(late_us: int, mean_ms: float, uncertain: bool) -> None:
    seen = trial(mean_ms=mean_ms, delays={"500": 1900, str(late_us): 100})
    found = of(seen, "E5")
    assert [f.severity for f in found] == [Severity.WARNING] * uncertain
    assert all("uncertain" in f.cause for f in found)


def test_e5_a_request_that_waits_for_its_turn_in_flight_is_no_late_generator() -> None:
    late = rows(200, 190, 900.0, sent=190)
    (found,) = of(trial(samples=[replace(row, late=60) for row in late], delays={"900000": 100}), "E5")
    assert found.severity == Severity.WARNING
    assert "too many were in flight" in found.cause
    assert "in_flight" in found.next_step


def test_e5_one_request_that_waits_does_not_hide_a_late_generator() -> None:
    seen = trial(samples=[replace(row, late=int(row.t_s == 9)) for row in rows(200, 200, 50.0)], delays={"80000": 2000})
    assert [f.severity for f in of(seen, "E5")] == [Severity.WARNING] * 2
    assert any("80.0 ms late" in f.cause for f in of(seen, "E5"))
    unsent = trial(samples=[replace(row, late=int(row.t_s == 9)) for row in rows(200, 196, 50.0, sent=196)])
    assert Severity.INVALID in [f.severity for f in of(unsent, "E5")]


def test_e5_requests_that_queue_before_the_balancer_are_found() -> None:
    (found,) = of(logged(trial(), mean_in_flight=4.0), "E5")
    assert found.severity == Severity.INVALID
    assert "30 ms more than the balancer" in found.cause


def test_e6_a_late_loop_is_only_a_warning_in_an_open_load() -> None:
    """Late users send fewer requests. An open load measures from the scheduled time, even if the generator is late."""
    slow = trial(samples=[replace(row, lag_ms=120.0) for row in rows(200, 200, 50.0)])
    assert [f.severity for f in of(slow, "E6")] == [Severity.WARNING]


def test_e8_the_fix_of_a_collapse_names_the_rate() -> None:
    failing = [replace(row, completed=0, failed=200) for row in rows(200, 200, 50.0)]
    (found,) = (f for f in of(trial(samples=failing), "E8") if f.severity == Severity.INVALID)
    assert found.next_step == "a lower rate, or more servers"


def bottleneck_of(seen: Observation) -> Component:
    return bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS).component


def test_a_served_load_is_the_bottleneck() -> None:
    judged = bottleneck.of_trial(trial(), [], LIMITS)
    assert judged.component == Component.LOAD
    assert judged.reason == "load-limited: 100 % of the offered requests succeeded"
    assert judged.figures["of_offered"] == 1


def test_a_growing_queue_is_not_a_served_load() -> None:
    """Slightly above a server's capacity nearly all requests succeed, with growing latency."""
    slots = {"server-1": Pacing(offered=140.0, busy=139.9, lost=0.0, late=0.0, answers=1980)}
    assert (
        bottleneck_of(trial(served=198, samples=rows(200, 198, 60.0, rise=40.0, sent=200), pacing=slots))
        == Component.SERVER
    )
    assert bottleneck_of(trial(served=198, samples=rows(200, 198, 60.0))) == Component.LOAD


def test_a_server_below_the_offered_rate_is_the_bottleneck() -> None:
    slots = {"server-1": Pacing(offered=140.0, busy=139.0, lost=0.0, late=0.0, answers=1400)}
    seen = trial(samples=rows(200, 140, 500.0, rise=300.0, sent=200), pacing=slots)
    judged = bottleneck.of_trial(seen, [], LIMITS)
    assert judged.component == Component.SERVER
    assert judged.next_bottleneck == ""
    near = bottleneck.of_trial(trial(samples=rows(200, 180, 500.0, rise=300.0, sent=200), pacing=slots), [], LIMITS)
    assert near.next_bottleneck == "load (90 % of the offered load)"


def test_a_closed_loop_has_no_figures_of_an_open_load() -> None:
    """Records of closed loops stay unchanged."""
    assert not bottleneck.of_trial(observation(), [], LIMITS).figures.keys() & {"of_offered", "latency_rise"}


def stalled(lag_ms: float, **more: Any) -> Observation:
    """Return a trial whose event loop was late by this in every second of the window."""
    late = [replace(row, lag_ms=lag_ms) for row in rows(200, 200, 50.0)]
    return trial(samples=late, p95_s=0.1, **more)


def test_a_generator_that_is_late_for_the_objective_is_the_bottleneck() -> None:
    """R0 is 50 ms and p95 at most 100 ms: 5 ms of the generator's own are a tenth of the room."""
    delays = {"500": 1800, "30000": 200}  # 10 % of the requests were sent 30 ms late
    for seen in (trial(p95_s=0.1, delays=delays), stalled(80.0)):
        (found,) = [finding for finding in of(seen, "E6") if finding.kind == Kind.LATENESS]
        assert found.severity == Severity.WARNING, "its throughput counts"
        assert found.threshold == pytest.approx(0.005)
        judged = bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)
        assert judged.component == Component.GENERATOR
        assert "the load generator did not keep up" in judged.reason


@pytest.mark.parametrize(
    "seen",
    [
        trial(p95_s=0.1),
        stalled(4.0),
        trial(delays={"500": 1800, "30000": 200}),  # no objective
        trial(p95_s=0.04, delays={"500": 1800, "30000": 200}),  # which R0 misses already
        trial(p95_s=0.5, delays={"500": 1800, "30000": 200}),  # 30 ms of 450 ms
        trial(p95_s=0.1, delays={"500": 1990, "30000": 10}),  # half a percent of the requests
        # The requests waited for others in flight, which is the servers' fault.
        trial(p95_s=0.1, delays={"500": 1800, "30000": 200}, samples=rows(200, 200, 50.0, late=20)),
    ],
)
def test_a_generator_on_time_for_the_objective_is_not(seen: Observation) -> None:
    findings = rules.judge(seen, LIMITS)
    assert not [finding for finding in findings if finding.kind == Kind.LATENESS]
    assert bottleneck.of_trial(seen, findings, LIMITS).component != Component.GENERATOR


def test_lateness_and_objective_are_scaled_alike() -> None:
    """At a quarter of the speed the objective is four times as long, and so is the allowed lateness."""
    slow: dict[str, Any] = {"samples": rows(50, 50, 200.0), "rate_per_s": 50.0, "unloaded_s": 0.2, "p95_s": 0.4}
    for delay_us, late in ((15_000, False), (30_000, True)):
        found = rules.judge(trial(delays={"500": 1800, str(delay_us): 200}, **slow), LIMITS)
        assert any(finding.kind == Kind.LATENESS for finding in found) is late


def test_the_observation_has_the_scaled_objective() -> None:
    data = trial_data(1, 100, 1, 45, 1)
    study = grid(objectives={"p95": "100ms"})
    assert of_trial(data, study.scaled(4.0)).p95_s == pytest.approx(0.4)
    assert of_trial(data, grid()).p95_s is None
