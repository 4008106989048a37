"""Evidence rules: a healthy trial passes all, and each fault is found by its own rule."""

from dataclasses import replace
from typing import Any

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, rules
from harness.judge import observation as observing
from harness.judge.assess import assess
from harness.judge.observation import Death, Observation, of_trial
from harness.records.failure_kind import parse_counts
from harness.records.findings import Severity
from harness.records.requests import Logins
from tests.builders import changed, grid, logged, observation, samples, trial_data

LIMITS = Thresholds()


def found(seen: Observation) -> dict[str, str]:
    return {f.rule: f.severity for f in rules.judge(seen, LIMITS)}


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_a_healthy_trial_passes_every_rule(servers: int) -> None:
    seen = observation(rate=280 * servers, users=2000, servers=servers)
    assert rules.judge(seen, LIMITS) == []
    assert rules.outcome_of([], {}) == ("ok", "")


def test_the_peak_excludes_the_drain() -> None:
    """Queued requests may all end in the seconds after the load."""
    data = trial_data(1, 2000, 1, 280, 1)
    rows = [replace(row, completed=900) if row.t_s >= 12 else row for row in data.samples]
    assert assess(replace(data, samples=rows), grid()).tps_peak == 280


def test_e3_a_missing_second_is_named() -> None:
    rows = [s for s in samples(280, 1000) if s.t_s != 9]
    finding = rules.judge(observation(samples=rows), LIMITS)[0]
    assert (finding.rule, finding.severity) == ("E3", "invalid")
    assert "[9]" in finding.cause


def test_e3_a_load_without_a_single_second_is_invalid() -> None:
    """nGrinder reports such a load if it is stopped before its users have sent a request."""
    data = trial_data(1, 1000, 1, 280, 1)
    counters: dict[str, dict[str, Any]] = {"generator": {}, "balancer": {}, "servers": {"server-1": {}}}
    judged = assess(replace(data, samples=[], balancer=[], record=changed(data.record, counters=counters)), grid())
    assert judged.outcome == "invalid"
    assert judged.cause == "the series is incomplete: it is empty"
    assert judged.tps_mean is None


def test_e3_a_repeated_second_and_a_lost_worker_are_invalid() -> None:
    rows = samples(280, 1000)
    assert found(observation(samples=[*rows, rows[5]]))["E3"] == "invalid"
    assert found(observation(lost_workers=1))["E3"] == "invalid"


def test_e8_names_the_event_that_explains_the_failures_and_its_fix() -> None:
    rows = samples(50, 1000, failed=100)
    base = observation(samples=rows, failures=parse_counts({"status 500": 1800}))
    events = {"worker_connections are not enough": 1800, "Connection refused": 2}
    seen = logged(base, events=events)
    finding = next(f for f in rules.judge(seen, LIMITS) if f.rule == "E8" and f.severity == Severity.INVALID)
    assert finding.cause.endswith(
        'failed for 10 s: the balancer logged "worker_connections are not enough" 1,800 times'
    )
    assert "nginx_lb_worker_connections" in finding.next_step
    dead = replace(seen, died={"server-1": Death("{server} was killed for lack of memory", out_of_memory=True)})
    finding = next(f for f in rules.judge(dead, LIMITS) if f.rule == "E8" and f.severity == Severity.INVALID)
    assert finding.cause.startswith("server-1 was killed for lack of memory: more than 50 %")
    assert "logged" not in finding.cause  # the balancer's log only shows the consequence
    assert "ml_server_memory" in finding.next_step
    quiet = next(f for f in rules.judge(base, LIMITS) if f.rule == "E8" and f.severity == Severity.INVALID)
    assert quiet.next_step == "fewer users, or more servers"


def test_the_window_excludes_the_second_in_which_a_load_was_stopped() -> None:
    data = trial_data(1, 2000, 1, 280, 1)
    rows = list(data.samples[:9])
    part = replace(rows[-1], t_s=9, completed=50, users=300.0, in_flight=250.0, think_s=100.0, thinks=50)
    assert data.record.context
    context = data.record.context.model_copy(update={"stopped_s": 9})
    record = data.record.model_copy(update={"context": context})
    seen = of_trial(replace(data, samples=[*rows, part], record=record), grid())
    assert seen.window == rows[3:]
    assert not [f for f in rules.judge(seen, LIMITS) if f.rule == "E5" and "neither" in f.cause]


def test_e3_a_host_whose_cpu_was_not_read_is_named() -> None:
    seen = observation()
    finding = rules.judge(replace(seen, hosts=[h for h in seen.hosts if h.host != "server-1"]), LIMITS)[0]
    assert (finding.rule, finding.severity) == ("E3", "warning")
    assert finding.cause.startswith("the CPU usage of server-1 was read in fewer than 50 %")


@pytest.mark.parametrize(("missing", "severity"), [(0.015, None), (0.03, "warning"), (0.08, "invalid")])
def test_e5_users_who_neither_wait_nor_think_are_a_fault_of_the_generator(missing: float, severity: str | None) -> None:
    """Overloaded generators lost 6–14 % of their users."""
    rows = [replace(s, in_flight=(s.in_flight or 0.0) - 1000 * missing) for s in samples(280, 1000)]
    assert found(observation(samples=rows)).get("E5") == severity


@pytest.mark.parametrize(("missing", "severity"), [(0.03, None), (0.08, "warning"), (0.12, "invalid")])
def test_e5_without_a_count_of_thinking_users_the_threshold_is_wider(missing: float, severity: str | None) -> None:
    """Computed as X·Z, h changed by up to 9 % when a server stalled for a second near the window's edges."""
    rows = [replace(s, in_flight=(s.in_flight or 0.0) - 1000 * missing, thinking=None) for s in samples(280, 1000)]
    assert found(observation(samples=rows)).get("E5") == severity


def test_e5_a_surplus_of_users_is_invalid_and_not_a_late_generator() -> None:
    rows = [replace(s, in_flight=(s.in_flight or 0.0) + 80) for s in samples(280, 1000)]
    seen = observation(samples=rows)
    assert found(seen)["E5"] == "invalid"
    judged = bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)
    assert judged.component != "generator"


def test_e5_requests_that_never_reach_the_balancer_are_found() -> None:
    seen = observation()
    hidden = logged(seen, mean_in_flight=300.0)
    assert found(hidden)["E5"] == "invalid"


def test_e6_a_busy_generator_is_invalid() -> None:
    assert found(observation(samples=samples(280, 1000, busiest_cpu_s=0.7)))["E6"] == "invalid"


def test_e8_some_errors_are_a_warning_and_a_collapse_stops_the_load() -> None:
    rows = samples(280, 1000, failed=6)
    assert found(observation(samples=rows, failures=parse_counts({"status 502": 108})))["E8"] == "warning"
    assert rules.collapse(samples(100, 1000, failed=200), 7, 10, LIMITS)
    assert rules.collapse(samples(280, 1000, failed=100), 7, 10, LIMITS) is None


def test_e8_ten_seconds_without_a_success_after_the_ramp_up_stop_the_load() -> None:
    rows = [replace(s, completed=0 if s.t_s >= 7 else 280) for s in samples(280, 1000)]
    assert "no request succeeded for 10 s" in str(rules.collapse(rows, 7, 10, LIMITS))
    assert rules.collapse(rows, 7, 15, LIMITS) is None  # the limit is longer
    longer = [replace(s, completed=0 if s.t_s >= 7 else 280) for s in samples(280, 1000, seconds=30)]
    assert "no request succeeded for 15 s" in str(rules.collapse(longer, 7, 15, LIMITS))
    slow_start = [replace(s, completed=0 if s.t_s < 7 else 280) for s in samples(280, 1000)]
    assert rules.collapse(slow_start, 7, 10, LIMITS) is None


def test_e8_a_server_that_died_makes_the_trial_server_down() -> None:
    died = {"server-1": Death("{server} was killed for lack of memory", out_of_memory=True)}
    findings = rules.judge(observation(died=died), LIMITS)
    outcome, cause = rules.outcome_of(findings, died)
    assert outcome == "server_down"
    assert "server-1 was killed for lack of memory" in cause


def test_e8_a_death_is_the_cause_before_all_its_consequences() -> None:
    died = {"server-1": Death("{server} died with exit code 137")}
    rows = [replace(s, in_flight=(s.in_flight or 0.0) - 90) for s in samples(280, 1000)]
    findings = rules.judge(observation(samples=rows, died=died), LIMITS)
    assert {"E5", "E8"} <= {finding.rule for finding in findings}
    assert rules.outcome_of(findings, died) == ("server_down", "server-1 died with exit code 137 during the trial")


def test_e9_events_of_the_balancer_are_named() -> None:
    seen = observation()
    noted = logged(seen, events={"worker_connections are not enough": 12})
    finding = next(f for f in rules.judge(noted, LIMITS) if f.rule == "E9")
    assert "worker_connections are not enough" in finding.cause
    assert "nginx_lb_settings: tuned" in finding.next_step


def test_e13_and_e14_use_the_statuses_that_the_grid_expects() -> None:
    seen = observation()
    done = sum(s.completed for s in seen.samples)
    address = seen.expected_servers["server-1"]
    moved = {"statuses": {"302": done}, "upstreams": {address: {"302": done}}}
    expected = replace(logged(seen, **moved), served={"server-1": {"302": done}}, expect_status=(302,))
    assert not {"E13", "E14"} & found(expected).keys()
    assert {"E13", "E14"} <= found(replace(expected, expect_status=(200,))).keys()


def test_e13_lost_requests_are_found_wherever_they_went() -> None:
    seen = observation()
    done = sum(s.completed for s in seen.samples)
    assert found(logged(seen, statuses={"200": done - 200}))["E13"] == "invalid"
    assert found(replace(seen, served={"server-1": {"200": done + 200}}))["E13"] == "invalid"
    assert found(replace(seen, failures=parse_counts({"timeout": 200})))["E13"] == "invalid"
    assert "E13" not in found(logged(seen, statuses={"200": done - 15}))


def test_e13_abandoned_requests_are_logged_as_499() -> None:
    seen = observation()
    done = sum(s.completed for s in seen.samples)
    abandoned = replace(
        logged(seen, statuses={"200": done, "499": 150}),
        failures=parse_counts({"timeout": 150}),
        served={"server-1": {"200": done + 150}},
    )
    assert "E13" not in found(abandoned)


def test_e13_counters_without_a_label_for_the_trial_include_its_logins() -> None:
    seen = observation()
    done = sum(s.completed for s in seen.samples)
    counted = replace(seen, served={"server-1": {"200": done + 200}})
    assert found(counted)["E13"] == "invalid"
    assert "E13" not in found(replace(counted, counted_logins=200))
    assert found(replace(counted, counted_logins=100))["E13"] == "invalid"


@pytest.mark.parametrize(("metric", "included"), [({}, 7), ({"trial_label": "trial"}, 0), (None, 0)])
def test_e13_logins_belong_to_no_trial(metric: dict[str, str] | None, included: int) -> None:
    service = {} if metric is None else {"requests_metric": {"name": "http_requests_total", **metric}}
    written = grid(service=service)
    assert observing._counted_logins(Logins(completed=5, errors={"timeout": 2}), written) == included
    assert observing._counted_logins(None, written) == 0


def test_e13_servers_without_counters_are_a_note() -> None:
    assert found(observation(served={"server-1": None}))["E13"] == "note"


def test_e13_one_server_without_a_count_makes_the_trial_invalid_if_the_others_have_one() -> None:
    """A server that lost its network under load has an unknown number of unanswered requests."""
    seen = observation(servers=2)
    assert "E13" not in found(seen)
    assert found(replace(seen, served={**seen.served, "server-2": None}))["E13"] == "invalid"


def test_e14_exactly_the_cells_servers_answer() -> None:
    seen = observation(rate=560, users=2000, servers=2)
    stranger = {**seen.balancer.upstreams, "10.0.0.9:8080": {"200": 5}}
    assert found(logged(seen, upstreams=stranger))["E14"] == "invalid"
    silent = {"10.0.0.1:8080": {"200": 10080}}
    assert found(logged(seen, upstreams=silent))["E14"] == "invalid"


def test_a_threshold_of_the_grid_applies() -> None:
    rows = [replace(s, in_flight=(s.in_flight or 0.0) - 80) for s in samples(280, 1000)]
    lenient = Thresholds.model_validate({"loop_invalid": "20%", "loop_warning": "15%", "in_flight_gap": "20%"})
    assert rules.judge(observation(samples=rows), lenient) == []


@pytest.mark.parametrize(
    ("totals", "cause"),
    [
        ({"completed": 5040, "failed": 0}, ""),
        ({"completed": 4000, "failed": 0}, "the generator counts 4,000 successes, the balancer 5,040"),
        ({"completed": 5040, "failed": 60}, "the generator counts 60 failures, the balancer 0"),
    ],
)
def test_e13_a_load_generators_totals_are_compared_with_the_balancers(totals: dict[str, int], cause: str) -> None:
    """Its samples come from the balancer's log, so they always agree."""
    seen = replace(observation(rate=280), totals=totals)
    assert sum(sample.completed for sample in seen.samples) == 5040
    found = [finding.cause for finding in rules.judge(seen, LIMITS) if finding.rule == "E13"]
    assert found == ([cause] if cause else [])
