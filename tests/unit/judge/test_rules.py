"""Rules E6, E7 and E9 to E12: each fires on its fault and does not fire on a healthy trial."""

from dataclasses import replace

import pytest

from harness.balancers.nginx import NGINX
from harness.grid.thresholds import Thresholds
from harness.judge import balancing, bottleneck, cpu_cost, rules
from harness.judge.balancing import Balancing
from harness.judge.observation import Death, Observation
from harness.judge.observation import of_trial as observe
from harness.records.failure_kind import parse_counts
from harness.records.findings import Finding, Kind, Severity
from harness.records.series import BalancerSample, HostSample, MachineSample
from harness.records.trial import Bottleneck
from tests.builders import grid, logged, observation, samples, trial_data

LIMITS = Thresholds()


def of(rule: str, seen: Observation) -> list[Finding]:
    return [finding for finding in rules.judge(seen, LIMITS) if finding.rule == rule]


def bottleneck_of(seen: Observation) -> Bottleneck:
    seen = replace(seen, unloaded_s=0.01)
    return bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)


def machine(busy: float, steal: float = 0.0, name: str = "m", **more: float) -> list[MachineSample]:
    return [
        MachineSample(
            t_s=t + 0.5,
            machine=name,
            cores=2,
            busy_cores=busy,
            steal_share=steal,
            load=1.0,
            conntrack_share=more.get("conntrack"),
            offset_s=0.0,
        )
        for t in range(1, 19)
    ]


def lagging(milliseconds: float, seconds: int) -> Observation:
    """Return a trial with a late event loop in the last seconds of its window."""
    rows = [replace(s, lag_ms=milliseconds if 17 - seconds <= s.t_s < 17 else 1.0) for s in samples(280, 1000)]
    return replace(observation(samples=rows), unloaded_s=0.01)


def test_e6_a_late_event_loop_is_invalid_and_a_single_delay_is_not() -> None:
    assert [f.severity for f in of("E6", lagging(130, 8))] == ["invalid"]
    assert [f.severity for f in of("E6", lagging(70, 8))] == ["warning"]
    assert of("E6", lagging(130, 1)) == []


@pytest.mark.parametrize("freeze_ms", [500, 1000, 2000])
def test_e6_a_freeze_counts_with_its_whole_duration(freeze_ms: int) -> None:
    (found,) = of("E6", lagging(freeze_ms, 1))
    assert found.severity == "invalid"
    assert found.figure == pytest.approx(freeze_ms / 1000 - 0.1), "1 % of 10 s exceeds it"


def test_e6_a_generator_that_is_busy_for_one_second_is_not_busy() -> None:
    rows = [replace(s, busiest_cpu_s=0.70 if s.t_s == 9 else 0.3) for s in samples(280, 1000)]
    assert of("E6", replace(observation(samples=rows), unloaded_s=0.01)) == []
    rows = [replace(s, busiest_cpu_s=0.70) for s in samples(280, 1000)]
    assert [f.severity for f in of("E6", replace(observation(samples=rows), unloaded_s=0.01))] == ["invalid"]


def test_e6_a_busy_machine_of_the_generator_alone_is_invalid() -> None:
    alone = replace(observation(), machine_of={"generator": "g", "server-1": "s"}, machines=machine(1.8, name="g"))
    assert "machine was 90 %" in of("E6", alone)[0].cause
    shared = replace(alone, machine_of={"generator": "g", "server-1": "g"})
    assert of("E6", shared) == []


@pytest.mark.parametrize(
    ("ceiling", "severity"), [(1000.0, None), (500.0, "note"), (300.0, "invalid"), (200.0, "note"), (None, None)]
)
def test_e7_a_trial_near_the_generators_ceiling(ceiling: float | None, severity: str | None) -> None:
    found = of("E7", replace(observation(rate=280), ceiling=ceiling))
    assert [f.severity for f in found] == ([severity] if severity else [])


def test_e7_makes_the_generator_the_bottleneck() -> None:
    assert bottleneck_of(replace(observation(rate=280), ceiling=300.0)).component == "generator"


@pytest.mark.parametrize("cores", [0.5, 1.0, 4.0])
def test_e6_a_saturated_process_is_busy_with_any_number_of_cores(cores: float) -> None:
    """One process uses one core at most; below one core the container's limit counts."""
    seen = observation(samples=[replace(s, busiest_cpu_s=0.95 * min(1.0, cores)) for s in samples(280, 1000)])
    found = of("E6", replace(seen, caps={**seen.caps, "generator": cores}))
    assert [f.severity for f in found] == ["invalid"]


def test_e9_names_events_of_logs_and_counters() -> None:
    seen = replace(
        observation(),
        logged={"server-1": {"Child process died": 2}},
        network={"server-1": {"listen_overflows": 7}, "balancer": {"bw_in_allowance_exceeded": 3, "segments": 10}},
        machines=machine(0.5, conntrack=0.95),
    )
    causes = " / ".join(f.cause for f in of("E9", seen))
    assert 'server-1 logged "Child process died" 2 times' in causes
    assert "server-1: 7 connections were dropped" in causes
    assert "bw_in_allowance_exceeded: 3" in causes
    assert "95 % full" in causes
    assert of("E9", replace(observation(), network={"server-1": {"listen_overflows": 0}}, machines=machine(0.5))) == []


def test_e9_replaced_workers_have_their_own_fix() -> None:
    recycled = {"Child process died": 2, "Worker reached its request limit": 2}
    for logged_, words in (({"Child process died": 2}, "5 s"), (recycled, "--limit-max-requests")):
        found = of("E9", replace(observation(), logged={"server-1": logged_}))
        assert all(words in finding.next_step for finding in found)


def test_e9_a_response_that_ended_early_at_the_balancer_is_a_warning() -> None:
    seen = logged(observation(), events={"upstream prematurely closed connection": 1, "Too many open files": 1})
    assert {f.cause.split('"')[1]: f.severity for f in of("E9", seen)} == {
        "upstream prematurely closed connection": Severity.WARNING,
        "Too many open files": Severity.NOTE,
    }


def test_e10_drift_is_only_a_note() -> None:
    rows = [replace(s, completed=round(280 * (1 + 0.02 * (s.t_s - 12)))) for s in samples(280, 1000)]
    found = of("E10", observation(samples=rows))
    assert [f.severity for f in found] == ["note"]
    assert found[0].cause.startswith("throughput changed by 1")
    assert of("E10", observation()) == []


@pytest.mark.parametrize(
    ("second_half", "change"), [(28, "−90.0 %"), (140, "−50.0 %"), (560, "100.0 %"), (2800, "900.0 %"), (308, "10.0 %")]
)
def test_e10_prints_a_change_as_a_share_and_not_its_logarithm(second_half: int, change: str) -> None:
    rows = [replace(s, completed=280 if s.t_s < 12 else second_half) for s in samples(280, 1000)]
    window = [s.t_s for s in observation(samples=rows).window]
    half = window[len(window) // 2]
    rows = [replace(s, completed=280 if s.t_s < half else second_half) for s in rows]
    (found,) = of("E10", observation(samples=rows))
    assert found.cause == f"throughput changed by {change} from the first to the second half of the window"
    assert found.figure == pytest.approx(second_half / 280 - 1)


def test_e11_steal_is_a_note_on_this_machine_and_a_warning_on_hosts() -> None:
    seen = replace(observation(), machines=machine(0.5, steal=0.03), machine_of={})
    for kind, severity in (("lab", "note"), ("rehearsal", "note"), ("hosts", "warning")):
        assert [f.severity for f in of("E11", replace(seen, kind=kind))] == [severity], kind
    assert of("E11", replace(seen, machines=machine(0.5, steal=0.002))) == []


def test_e11_processes_that_are_not_the_studys_are_found() -> None:
    """server-1 and the generator use 0.19 cores each."""
    placed = {"server-1": "m", "generator": "m"}
    noisy = replace(observation(), machines=machine(1.2), machine_of=placed)
    assert "by processes outside the study was 41 %" in of("E11", noisy)[0].cause
    assert of("E11", replace(noisy, machines=machine(0.6))) == []


def test_e11_rehearsal_machines_count_as_the_machine_that_runs_them() -> None:
    """Each one reads the CPU of all, and the other machines' containers belong to the study, too."""
    data = trial_data(2, 2000, 1, 540, 1)
    assert data.record.context
    names = list(data.record.context.machine_of)
    context = data.record.context.model_copy(update={"kind": "rehearsal", "machine_of": {name: name for name in names}})
    machines = [row for name in names for row in machine(1.0, name=name)]
    seen = observe(replace(data, record=data.record.model_copy(update={"context": context}), machines=machines), grid())
    assert set(seen.machine_of.values()) == {"balancer"}
    assert len(seen.machines) == 18
    assert [f for f in rules.judge(seen, LIMITS) if f.rule in ("E6", "E11")] == []


def test_e11_servers_of_different_processors_are_named() -> None:
    seen = replace(observation(servers=2), cpu_models={"server-1": "A", "server-2": "B", "generator": "C"})
    assert of("E11", seen)[0].cause == "the servers' processors differ: server-1: A; server-2: B"
    assert of("E11", replace(seen, cpu_models={"server-1": "A", "server-2": "A", "generator": "C"})) == []


def uneven(first: int, second: int) -> Observation:
    seen = observation(rate=500, users=2000, servers=2)
    done = sum(s.completed for s in seen.samples)
    counts = [done * first // (first + second), done * second // (first + second)]
    upstreams = {address: {"200": n} for address, n in zip(seen.expected_servers.values(), counts, strict=True)}
    served = {name: {"200": n} for name, n in zip(seen.expected_servers, counts, strict=True)}
    return replace(logged(seen, upstreams=upstreams), served=served)


def test_e12_different_shares_make_the_balancer_the_bottleneck() -> None:
    assert of("E12", uneven(53, 47))[0].severity == Severity.WARNING
    assert bottleneck_of(uneven(53, 47)).component == "balancer"
    assert of("E12", uneven(51, 49)) == []


@pytest.mark.parametrize("method", ["least_conn", "random_two", "cookie"])
def test_e12_different_shares_are_only_a_note_without_round_robin(method: str) -> None:
    seen = replace(uneven(60, 40), balancing=Balancing(method=method))
    found = of("E12", seen)
    assert [finding.severity for finding in found] == ["note"]
    assert found[0].cause == (
        f"{method} gave the servers different shares, as expected: server-1 60.0 %, server-2 40.0 %"
    )
    assert bottleneck_of(seen).component != "balancer"


def test_a_slow_server_is_not_the_bottleneck_with_least_conn() -> None:
    """One server is saturated. With round robin it limits both servers, with least_conn it does not."""
    seen = observation(rate=280, servers=2)
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=cores, throttled_share=None, memory_mb=90.0)
        for name, cores in (("server-1", 0.06), ("server-2", 0.1), ("generator", 0.2))
        for t in range(18)
    ]
    slow = replace(seen, hosts=hosts, caps={**seen.caps, "server-2": 0.1})
    assert "with round robin the slowest server limits all" in bottleneck_of(slow).reason
    fair = replace(slow, balancing=Balancing(method="least_conn"))
    causes = [finding.cause for finding in of("E12", fair)]
    assert causes[0].endswith("least_conn sends it fewer requests, and it adds less throughput than the others")
    assert not any("round robin" in cause for cause in causes)
    assert bottleneck_of(fair).figures["server_cpu"] == pytest.approx(0.16 / 0.3)
    full = replace(fair, hosts=[replace(h, cpu_cores=h.cpu_cores * 1.65) for h in hosts])
    assert bottleneck_of(full).reason == "the CPU utilization of all servers was 88 %"


@pytest.mark.parametrize("method", ["cookie", "ip_hash"])
def test_a_slow_server_delays_users_that_stay_at_it(method: str) -> None:
    seen = observation(rate=280, servers=2)
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=cores, throttled_share=None, memory_mb=90.0)
        for name, cores in (("server-1", 0.06), ("server-2", 0.1), ("generator", 0.2))
        for t in range(18)
    ]
    sticky = replace(seen, hosts=hosts, caps={**seen.caps, "server-2": 0.1}, balancing=Balancing(method=method))
    assert of("E12", sticky)[0].cause.endswith(f"{method} keeps users at it, and they wait longer than the others")
    assert bottleneck_of(sticky).figures["server_cpu"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("kind", "servers", "method", "hinted"),
    [
        ("status 401", 2, "round_robin", True),
        ("status 403", 3, "least_conn", True),
        ("status 401", 1, "round_robin", False),
        ("status 401", 2, "cookie", False),
        ("status 500", 2, "round_robin", False),
    ],
)
def test_e8_hints_at_sessions_that_one_server_keeps(kind: str, servers: int, method: str, hinted: bool) -> None:
    rows = [replace(s, completed=140, failed=140) for s in samples(280, 1000)]
    balancing = Balancing(method=method)
    seen = observation(samples=rows, servers=servers, failures=parse_counts({kind: 2520}), balancing=balancing)
    assert ("nginx_lb_method: cookie" in of("E8", seen)[0].next_step) == hinted


@pytest.mark.parametrize(
    ("fails", "servers", "reaction"),
    [
        (0, 2, "nginx_lb_max_fails is 0: the balancer keeps sending requests to it"),
        (3, 2, "nginx_lb_max_fails is 3: after 3 failures within 10s the balancer removes a server"),
        (3, 1, "nginx_lb_max_fails is 3, but nginx never removes the only server of a group"),
    ],
)
def test_the_reason_of_a_death_includes_the_balancers_reaction(fails: int, servers: int, reaction: str) -> None:
    died = {"server-1": Death("{server} died with exit code 137")}
    seen = replace(observation(servers=servers), died=died, balancing=Balancing(max_fails=fails))
    judged = bottleneck_of(seen)
    assert judged.component == "server"
    assert judged.reason.startswith(f"server-1 died with exit code 137; {reaction}")
    invalid = next(finding for finding in of("E8", seen) if finding.severity == Severity.INVALID)
    assert reaction in invalid.next_step


def test_an_unknown_reaction_of_the_balancer_is_left_out() -> None:
    seen = replace(observation(), died={"server-1": Death("{server} died with exit code 137")})
    assert bottleneck_of(seen).reason == "server-1 died with exit code 137"


def test_a_cells_balancer_variables_take_precedence_over_those_of_grid_and_inventory() -> None:
    inventory = {"nginx_lb_method": "round_robin", "nginx_lb_max_fails": 0, "nginx_lb_fail_timeout": "10s"}
    found = balancing.of(NGINX, {"nginx_lb_method": "least_conn"}, {"nginx_lb_max_fails": 2}, inventory)
    assert found == Balancing(method="least_conn", max_fails=2, fail_timeout="10s")


def test_e12_a_retried_request_is_a_warning() -> None:
    seen = observation(servers=2)
    assert of("E12", logged(seen, retried=4))[0].severity == Severity.WARNING


def test_e12_finds_a_slow_server_that_round_robin_hides() -> None:
    seen = observation(rate=280, servers=2)
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=cores, throttled_share=None, memory_mb=90.0)
        for name, cores in (("server-1", 0.1), ("server-2", 0.1), ("generator", 0.2))
        for t in range(18)
    ]
    slow = replace(seen, hosts=hosts, caps={**seen.caps, "server-2": 0.1})  # half the CPU limit, completely used
    found = of("E12", slow)
    assert found[0].cause.startswith("server-2 needed 2.0 times as much CPU time per request")
    judged = bottleneck_of(slow)
    assert judged.component == "server"
    assert "server-2" in judged.reason


def test_a_busy_nginx_worker_makes_the_balancer_the_bottleneck() -> None:
    seen = observation()
    hosts = [
        *seen.hosts,
        *(
            HostSample(t_s=t + 0.5, host="balancer", cpu_cores=0.95, throttled_share=None, memory_mb=20.0)
            for t in range(18)
        ),
    ]
    caps = {**seen.caps, "balancer": 2.0}
    one = replace(logged(seen, worker_cpu_s=[9.4, 0.1]), hosts=hosts, caps=caps)
    assert bottleneck_of(one).component == "balancer"
    both = logged(one, worker_cpu_s=[4.7, 4.7])
    assert bottleneck_of(both).component == "server"


def test_too_few_connections_make_the_balancer_the_bottleneck() -> None:
    seen = observation(samples=samples(275, 1000, failed=5))
    events = {"worker_connections are not enough": 60}
    judged = bottleneck_of(logged(seen, events=events))
    assert judged.component == "balancer"
    assert "worker_connections are not enough" in judged.reason


def test_missing_connections_in_the_ramp_up_are_not_the_bottleneck() -> None:
    """No request failed in the window, and the server was saturated."""
    seen = observation()
    events = {"worker_connections are not enough": 54}
    assert bottleneck_of(logged(seen, events=events)).component == "server"


def test_retransmitted_segments_make_the_network_the_bottleneck() -> None:
    lossy = {"balancer": {"segments": 100_000, "retransmits": 2_000}}
    assert bottleneck_of(replace(observation(), network=lossy)).component == "network"
    fine = {"balancer": {"segments": 100_000, "retransmits": 200}}
    assert bottleneck_of(replace(observation(), network=fine)).component == "server"


@pytest.mark.parametrize("starved", [machine(1.9), machine(0.8, steal=0.6)])
def test_segments_retransmitted_by_a_machine_without_spare_cpu_are_no_sign_of_the_network(
    starved: list[MachineSample],
) -> None:
    """With both cores used by other processes the lab's bridge retransmits 2 % of the segments, and loses none."""
    lossy = {"balancer": {"segments": 100_000, "retransmits": 2_000}}
    seen = replace(observation(), network=lossy, machines=starved, machine_of={"balancer": "m"})
    assert bottleneck_of(seen).component == "server"
    assert bottleneck_of(replace(seen, machines=machine(1.0, steal=0.1))).component == "network"


def test_many_packets_beyond_an_allowance_make_the_network_the_bottleneck_and_three_do_not() -> None:
    few = {"balancer": {"segments": 100_000, "bw_in_allowance_exceeded": 3}}
    assert bottleneck_of(replace(observation(), network=few)).component == "server"
    many = {"balancer": {"segments": 100_000, "bw_in_allowance_exceeded": 4_000}}
    judged = bottleneck_of(replace(observation(), network=many))
    assert judged.component == "network"
    assert judged.reason.startswith("4 % of balancer's segments exceeded its instance's allowance (bw_in_allowance")


def test_e12_a_high_cost_by_chance_is_no_finding() -> None:
    """Service times vary, and one quarter of the window causes the whole difference."""
    seen = observation(rate=280, servers=2)
    heavy = [
        HostSample(
            t_s=t + 0.5,
            host="server-2",
            cpu_cores=0.19 if t in (8, 9, 10) else 0.05,
            throttled_share=None,
            memory_mb=90.0,
        )
        for t in range(18)
    ]
    even = [
        HostSample(t_s=t + 0.5, host="server-1", cpu_cores=0.05, throttled_share=None, memory_mb=90.0)
        for t in range(18)
    ]
    assert of("E12", replace(seen, hosts=[*even, *heavy])) == []
    always = [replace(h, cpu_cores=0.1) for h in heavy]
    assert of("E12", replace(seen, hosts=[*even, *always]))[0].cause.startswith("server-2 needed 2.0 times as much")


def test_e12_the_cost_of_a_request_is_by_responses_and_not_by_assigned_requests() -> None:
    """Two busy servers with long queues get equally many requests, but one answers a fifth less."""
    seen = observation(rate=280, servers=2)
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=0.2, throttled_share=None, memory_mb=90.0)
        for name in ("server-1", "server-2")
        for t in range(18)
    ]
    rows = [
        BalancerSample(t, address, "200", 150 if address == "10.0.0.1:8080" else 120)
        for t in range(18)
        for address in seen.expected_servers.values()
    ]
    found = cpu_cost.of_servers(replace(seen, hosts=hosts, answered=rows))
    assert found["server-2"] / found["server-1"] == pytest.approx(1.25)


def test_e8_ignores_timeouts_in_the_drain() -> None:
    """After the load's end few requests are left, so three timeouts are most of them."""
    rows = [*samples(140, 1000, seconds=17), *samples(140, 1000, seconds=30, completed=0, failed=0)[17:]]
    rows[25] = replace(rows[25], failed=3)
    assert of("E8", observation(samples=rows)) == []


def test_the_balancers_failover_settings_are_recorded_as_far_as_they_are_known() -> None:
    cell = {"nginx_lb_next_upstream": "error timeout non_idempotent", "nginx_lb_connect_timeout": "1s"}
    found = balancing.of(NGINX, cell, {"nginx_lb_next_upstream_tries": 2, "nginx_lb_next_upstream_timeout": 0})
    assert (found.next_upstream, found.connect_timeout) == ("error timeout non_idempotent", "1s")
    assert (found.next_upstream_tries, found.next_upstream_timeout) == (2, "0")
    nothing = balancing.of(NGINX, {})
    assert (nothing.next_upstream, nothing.next_upstream_tries, nothing.connect_timeout) == ("", None, "")


def test_e8_rows_that_ran_out_are_the_reason_of_the_trial_and_no_collapse() -> None:
    rows = [replace(row, completed=0, failed=400, requests=400, requests_failed=400) for row in observation().samples]
    seen = observation(samples=rows, failures=parse_counts({"no rows": 2520}))
    found = [finding for finding in rules.judge(seen, LIMITS) if finding.severity == Severity.INVALID]
    assert Kind.COLLAPSE not in {finding.kind for finding in found}
    assert Kind.COLLAPSE in {finding.kind for finding in rules.judge(observation(samples=rows), LIMITS)}, (
        "with other failures"
    )
    _, reason = rules.outcome_of(found, {})
    assert reason == "the rows of traffic.data ran out: 2,520 requests were not sent, as pick: once uses no row twice"
