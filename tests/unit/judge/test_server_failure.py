"""Rule E24, and the effect of an intended server failure on the other rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, cpu_cost, failover, figures, host_usage, observation, rules, timing
from harness.judge.observation import Death, Observation
from harness.records.context import HostState, HostStates
from harness.records.failover import Failover, ServerFailure
from harness.records.findings import Finding, Severity
from harness.records.series import BalancerSample, Sample
from tests.builders import logged, samples
from tests.builders import observation as healthy

LIMITS = Thresholds()
AT_S, RATE = 12.0, 280
STOPPED, LEFT = "10.0.0.3:8080", ("10.0.0.1:8080", "10.0.0.2:8080")


def of(rule: str, seen: Observation) -> list[Finding]:
    return [finding for finding in rules.judge(seen, LIMITS) if finding.rule == rule]


def series(after: Callable[[int, Sample], Sample] = lambda _second, row: row) -> list[Sample]:
    """Return 18 seconds; `after` changes those from the failure on, by the seconds since the failure."""
    rows = samples(RATE, 600)
    return [row if row.t_s < AT_S else after(row.t_s - int(AT_S), row) for row in rows]


def with_failure(rows: list[Sample] | None = None, **more: Any) -> Observation:
    """Return a trial of three servers; the third one is stopped at second 12 of a window from 7 to 17."""
    rows = rows or series()
    seen = healthy(samples=rows, rate=RATE, users=600, servers=3)
    log = []
    for row in rows:
        alive = [*LEFT, STOPPED] if row.t_s < AT_S else LEFT
        log += [BalancerSample(row.t_s, address, "200", row.completed // len(alive)) for address in alive]
        log += [BalancerSample(row.t_s, STOPPED, "502", row.failed)] if row.failed else []
    counts: dict[str, dict[str, int]] = {}
    for line in log:
        by = counts.setdefault(line.server, {})
        by[line.status] = by.get(line.status, 0) + line.requests
    served: dict[str, dict[str, int] | None] = {
        name: {"200": counts[address]["200"]} for name, address in seen.expected_servers.items() if address != STOPPED
    }
    with_log = logged(seen, upstreams=counts)
    hosts = [h for h in seen.hosts if h.host != "server-3" or h.t_s < AT_S]
    base: dict[str, Any] = {
        "answered": log,
        "served": {**served, "server-3": None},
        "hosts": hosts,
        "server_failure": ServerFailure(servers=["server-3"], at_s=12.0, stopped_s={"server-3": AT_S}),
        "unloaded_s": 0.01,
    }
    return replace(with_log, **{**base, **more})


def failover_of(seen: Observation) -> Failover:
    found = failover.of_trial(seen, LIMITS)
    assert found
    return found


def failing(seconds: int, count: int) -> list[Sample]:
    """Return a series in which `count` requests fail in each of the first `seconds` after the server failure."""

    def changed(since: int, row: Sample) -> Sample:
        return replace(row, completed=row.completed - count, failed=count) if since < seconds else row

    return series(changed)


def test_e24_a_planned_server_failure_is_not_a_fault_of_the_trial() -> None:
    found = rules.judge(with_failure(failing(2, 93)), LIMITS)
    assert [(f.rule, f.severity) for f in found] == [("E13", Severity.NOTE)]
    assert found[0].cause == "the failed server-3 reported no count; the other servers' counts were compared"


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ({"stopped_s": {}}, "server-3 was not killed at second 12.0 as planned: the load ended earlier"),
        (
            {"stopped_s": {}, "problems": {"server-3": "its engine could not stop it: 409"}},
            "server-3 was not killed at second 12.0 as planned: its engine could not stop it: 409",
        ),
        ({"stopped_s": {"server-3": 14.5}}, "server-3 was killed at second 14.5, planned: 12.0"),
    ],
)
def test_e24_a_missing_or_late_server_failure_makes_the_trial_invalid(loss: dict[str, Any], words: str) -> None:
    seen = with_failure(server_failure=ServerFailure(**{"servers": ["server-3"], "at_s": 12.0, **loss}))
    assert [(f.severity, f.cause) for f in of("E24", seen)] == [(Severity.INVALID, words)]


def test_failures_are_counted_from_the_server_failure_to_the_end_of_the_load() -> None:
    rows = [replace(row, failed=3) if row.t_s == 9 else row for row in failing(2, 93)]
    rows[17] = replace(rows[17], failed=5)  # in the drain; no more than fail without a server failure
    found = failover_of(with_failure(rows))
    assert found.failed == found.failed_at_balancer == 2 * 93 + 5
    assert found.failing_s == 2.0
    assert found.before.error_rate == pytest.approx(3 / (5 * RATE + 3))
    assert (found.before.from_s, found.before.to_s) == (7, 12)


def test_requests_in_flight_at_the_failure_are_its_effect() -> None:
    """They were sent up to 3 s before it. In every second 5 requests are sent that fail, and 5 earlier ones end so."""
    in_flight = {9: 20, 10: 60, 11: 120, 12: 10}
    rows = [
        replace(
            row,
            requests=RATE,
            requests_failed=5 + in_flight.get(row.t_s, 0),
            completed=RATE - 5,
            failed=5 + (sum(in_flight.values()) if row.t_s == 12 else 0),
        )
        for row in samples(RATE, 600)
    ]
    seen = with_failure(rows)
    found = failover_of(seen)
    assert found.before.error_rate == pytest.approx(25 / (5 * RATE - 200))
    assert found.failing_s == 1.0
    assert "2.1 % of the requests failed" in of("E8", seen)[0].cause


def test_requests_that_hang_after_the_failure_do_not_hide_the_ones_in_flight() -> None:
    """50 requests of the second before it are reset at once, and 100 later ones fail after their timeout of 3 s."""
    started, ended = {11: 50, 12: 40, 13: 60}, {12: 50, 15: 40, 16: 60}
    rows = [
        replace(row, requests=RATE, requests_failed=started.get(row.t_s, 0), failed=ended.get(row.t_s, 0))
        for row in samples(RATE, 600)
    ]
    seen = with_failure(rows)
    assert failover_of(seen).before.error_rate == 0
    assert of("E8", seen) == []


def test_timeouts_of_an_overload_are_errors_before_the_failure() -> None:
    """Every second 20 requests are sent that fail 5 s later, whatever happens to a server."""
    rows = [replace(row, requests=RATE, requests_failed=20, failed=20) for row in samples(RATE, 600)]
    assert failover_of(with_failure(rows)).before.error_rate == pytest.approx(20 / RATE)


def test_failures_of_the_server_failure_are_told_from_those_before() -> None:
    """Every second has errors of its own, the first after the failure has more."""
    own = [replace(row, completed=278, failed=2) for row in samples(RATE, 600)]
    rows = [replace(row, completed=260, failed=20) if row.t_s == 12 else row for row in own]
    rows[13] = replace(rows[13], completed=280, failed=0)
    assert failover_of(with_failure(rows)).failing_s == 1.0
    to_the_end = [row if row.t_s < AT_S else replace(row, completed=260, failed=20) for row in own]
    assert failover_of(with_failure(to_the_end)).failing_s == 6.0


@pytest.mark.parametrize(("rate_per_s", "errors"), [(200.0, 0.001), (10.0, 0.0), (100.0, 0.01), (10.0, 0.01)])
def test_random_errors_and_arrivals_seldom_change_the_times(rate_per_s: float, errors: float) -> None:
    """The failure loses half of the requests of one second; all else is chance. 300 trials for each rate."""
    draw, late, unrecovered = np.random.default_rng(int(rate_per_s) + int(1e6 * errors)), 0, 0
    for _ in range(300):
        rows = []
        for row in samples(10, 10):
            requests = int(draw.poisson(rate_per_s))
            failed = int(draw.binomial(requests, 0.5 if row.t_s == 12 else errors))
            row = replace(row, completed=requests - failed, failed=failed, offered=requests, mean_ms=50.0)
            rows.append(replace(row, requests=requests, requests_failed=failed))
        found = failover_of(with_failure(rows, rate_per_s=rate_per_s))
        late += (found.failing_s or 0.0) > 1.0
        unrecovered += found.recovery_s is None or found.recovery_s > 1.0
    assert late <= 12, "1 % of the trials, and one second by chance next to the failure"
    assert unrecovered <= 0.15 * 300


def test_at_a_rate_all_of_a_load_that_was_served_before_is_expected() -> None:
    """Two servers that serve two thirds of what three served have not recovered: a third of all requests fails."""

    def served(share: float, latency_ms: Callable[[int], float]) -> Failover:
        rows = [
            replace(
                row,
                offered=200,
                requests=200,
                completed=200 if row.t_s < AT_S else round(200 * share),
                mean_ms=50.0 if row.t_s < AT_S else latency_ms(row.t_s - 12),
            )
            for row in samples(200, 600)
        ]
        return failover_of(with_failure(rows, rate_per_s=200.0))

    third_lost = served(2 / 3, lambda _: 50.0)
    assert (third_lost.expected, third_lost.recovery_s) == (1.0, None)
    assert served(1.0, lambda _: 50.0).recovery_s == 0.0
    assert served(0.985, lambda _: 50.0).recovery_s == 0.0
    assert served(0.985, lambda second: 50.0 * 1.6**second).recovery_s is None, "a queue grows"


@pytest.mark.parametrize(("errors", "expected"), [(0.0, 1.0), (0.03, 1.0), (0.09, 1.0), (0.3, 2 / 3)])
def test_errors_before_the_failure_are_no_saturation_unless_they_are_many(errors: float, expected: float) -> None:
    """At a rate of 200/s with 3 % of errors, two servers that serve two thirds have not recovered."""
    rows = []
    for row in samples(200, 600):
        served = 200 if row.t_s < AT_S else 133
        failed = round(served * errors) + 200 - served
        row = replace(row, offered=200, requests=200, requests_failed=failed, failed=failed, mean_ms=50.0)
        rows.append(replace(row, completed=200 - failed))
    found = failover_of(with_failure(rows, rate_per_s=200.0))
    assert found.expected == pytest.approx(expected)
    assert (found.recovery_s is None) is (expected == 1)


def test_throughput_has_recovered_when_it_stays_at_the_expected_value() -> None:
    found = failover_of(with_failure(failing(2, 93)))
    assert found.expected == pytest.approx(2 / 3)
    assert (found.recovery_s, found.failing_s) == (0.0, 2.0)
    # With a load-limited trial the previous throughput is expected.
    rows = [replace(row, in_flight=3.0, thinking=597.0) for row in failing(2, 93)]
    found = failover_of(with_failure(rows))
    assert (found.expected, found.recovery_s) == (1.0, 2.0)
    assert (found.after.from_s, found.after.to_s) == (14, 17)
    assert found.after.tps == found.before.tps == RATE


def test_one_good_second_is_not_a_recovery() -> None:
    def changed(since: int, row: Sample) -> Sample:
        return replace(row, completed=RATE if since == 1 else 190, in_flight=3.0, thinking=597.0)

    rows = [replace(row, in_flight=3.0, thinking=597.0) for row in series(changed)]
    found = failover_of(with_failure(rows))
    assert found.recovery_s is None
    assert found.after.tps == pytest.approx(190)  # the second half of the rest
    assert found.failing_s is None
    assert found.failed == 0


def test_latency_has_recovered_when_it_stays_near_its_previous_value() -> None:
    slow = series(lambda since, row: replace(row, mean_ms=400.0 if since < 2 else 160.0))
    rows = [replace(row, mean_ms=140.0) if row.t_s < AT_S else row for row in slow]
    assert failover_of(with_failure(rows)).latency_recovery_s == 2.0
    worse = [row if row.t_s < AT_S else replace(row, mean_ms=200.0) for row in rows]
    assert failover_of(with_failure(worse)).latency_recovery_s is None


def test_p95_has_recovered_when_at_most_5_percent_exceed_it() -> None:
    def over(second: int, row: Sample) -> Sample:
        return replace(row, completed=200, failed=0 if second else 20, slow=0 if second > 1 else 11)

    rows = [replace(row, slow=10, completed=200) if row.t_s < AT_S else over(row.t_s - 12, row) for row in series()]
    found = failover_of(with_failure(rows))
    assert found.p95_recovery_s == 2.0
    assert found.before.over_p95 == pytest.approx(0.05)
    assert (
        failover_of(with_failure([replace(row, slow=11) for row in rows])).p95_recovery_s is None
    )  # missed before the failure already
    assert failover_of(with_failure([replace(row, slow=None) for row in rows])).before.over_p95 is None


def test_a_trial_without_a_server_failure_has_no_failover() -> None:
    assert failover.of_trial(healthy(), LIMITS) is None
    assert (
        failover.of_trial(with_failure(server_failure=ServerFailure(servers=["server-3"], at_s=12.0)), LIMITS) is None
    )


def test_e8_counts_only_failures_before_a_server_failure() -> None:
    assert not of("E8", with_failure(failing(6, 93)))
    rows = [replace(row, failed=20) if 7 <= row.t_s < 12 else row for row in series()]
    assert [f.severity for f in of("E8", with_failure(rows))] == [Severity.WARNING]


def test_e8_a_collapse_after_a_server_failure_names_the_missing_server() -> None:
    rows = series(lambda _since, row: replace(row, completed=0, failed=RATE))
    rows += [replace(rows[-1], t_s=18 + more) for more in range(6)]
    found = of("E8", with_failure(rows, window_to_s=24.0))
    assert found[0].severity == Severity.INVALID
    assert found[0].cause.startswith("more than 50 % of the requests failed for 10 s, without server-3 from 12 s on")


@pytest.mark.parametrize(("first_s", "findings"), [(12.5, 0), (8.5, 1)])
def test_e9_an_event_that_follows_a_server_failure_is_no_finding(first_s: float, findings: int) -> None:
    event = "upstream prematurely closed connection"
    assert len(of("E9", logged(with_failure(), events={event: 4}, events_first_s={event: first_s}))) == findings
    other = "worker_connections are not enough"
    assert of("E9", logged(with_failure(), events={other: 4}, events_first_s={other: 12.5}))


def test_e10_no_drift_is_measured_across_a_server_failure() -> None:
    seen = with_failure(series(lambda _since, row: replace(row, completed=100)))
    assert figures.drift(seen) is None
    assert figures.latency_drift(seen) is None
    assert not of("E10", seen)
    assert of("E10", replace(seen, server_failure=None))


def test_e12_shares_are_those_before_the_server_failure_and_retries_are_expected() -> None:
    assert not of("E12", logged(with_failure(), retried=7))
    assert figures.shares(with_failure())["server-3"] == pytest.approx(1 / 3, abs=0.001)
    seen = with_failure()
    uneven = [replace(row, requests=20) if row.server == STOPPED and row.t_s < AT_S else row for row in seen.answered]
    assert of("E12", replace(seen, answered=uneven))[0].cause.startswith("the balancer's shares differ from 33.3 %")


def test_cpu_usage_of_a_stopped_server_is_its_mean_over_the_whole_window() -> None:
    seen = with_failure()
    assert host_usage.cores_used(seen, "server-1") == pytest.approx(0.19)
    assert host_usage.cores_used(seen, "server-3") == pytest.approx(0.19 / 2)
    assert not of("E3", seen), "it is read until it is stopped"
    silent = [row for row in seen.hosts if row.host != "server-3" or row.t_s < 8]
    assert "server-3" in of("E3", replace(seen, hosts=silent))[0].cause


def test_e3_a_server_that_is_stopped_early_needs_readings_until_then_only() -> None:
    early = with_failure(server_failure=ServerFailure(servers=["server-3"], at_s=9.0, stopped_s={"server-3": 9.0}))
    read = [row for row in early.hosts if row.host != "server-3" or row.t_s < 9]
    assert not of("E3", replace(early, hosts=read)), "it ran for 2 of the window's 10 seconds"


def test_shares_exclude_a_second_that_may_include_responses_after_the_server_failure() -> None:
    """A row of the log has requests that ended within two seconds, so row 11 has responses after second 12."""
    seen = with_failure()
    late = [replace(row, requests=0) if (row.t_s, row.server) == (11, STOPPED) else row for row in seen.answered]
    shares = figures.shares(replace(seen, answered=late))
    assert shares == pytest.approx(dict.fromkeys(seen.expected_servers, 1 / 3))


def test_e13_counts_of_the_other_servers_are_still_compared() -> None:
    seen = with_failure()
    wrong = {**seen.served, "server-1": {"200": 9}}
    assert [f.severity for f in of("E13", replace(seen, served=wrong))] == [Severity.NOTE, Severity.INVALID]


def test_e14_requires_all_servers_before_and_the_remaining_ones_after_a_server_failure() -> None:
    seen = with_failure()
    assert not of("E14", seen)
    never = [row for row in seen.answered if row.server != STOPPED]
    assert of("E14", replace(seen, answered=never))[0].cause == f"servers of the cell never responded: {STOPPED}"
    returned = [*seen.answered, BalancerSample(15, STOPPED, "200", 4)]
    assert of("E14", replace(seen, answered=returned))[0].cause == (
        f"servers outside the cell responded after the server failure: {STOPPED}"
    )
    less = [row for row in seen.answered if row.server != LEFT[0] or row.t_s < AT_S]
    assert of("E14", replace(seen, answered=less))[0].cause == (
        f"servers of the cell never responded after the server failure: {LEFT[0]}"
    )


def state(running: bool, started_at: str = "1") -> HostStates:
    before = HostState(running=True, started_at="1")
    return HostStates(before=before, after=HostState(running=running, started_at=started_at, exit_code=137))


def test_only_a_planned_death_is_not_a_fault() -> None:
    loss = ServerFailure(servers=["server-3"], at_s=12.0, stopped_s={"server-3": 12.0})
    died = {
        "server-1": Death("{server} died with exit code 137"),
        "server-3": Death("{server} died with exit code 137"),
    }
    states = {"server-1": state(False), "server-3": state(False)}
    assert set(observation.unplanned(died, loss, states)) == {"server-1"}
    again = {**states, "server-3": state(True, "2")}
    assert set(observation.unplanned(died, loss, again)) == {"server-1", "server-3"}, "a restarted server is a fault"
    assert set(observation.unplanned(died, None, states)) == {"server-1", "server-3"}


def test_a_trial_with_a_server_failure_has_no_bottleneck_and_a_mark_in_its_chart() -> None:
    seen = with_failure()
    judged = bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)
    assert judged.component == "unknown"
    assert judged.reason.startswith("server-3 failed in mid-trial")
    assert timing.of_trial(seen) == [(12.0, "server-3 stopped")]


def test_costs_of_requests_are_compared_before_the_server_failure() -> None:
    """Otherwise a stopped server would have a high cost, because it answers no more requests."""
    cost = cpu_cost.of_servers(with_failure())
    assert cost["server-3"] == pytest.approx(cost["server-1"])
    unaware = cpu_cost.of_servers(replace(with_failure(), server_failure=None))
    assert unaware["server-3"] > 1.5 * unaware["server-1"]
