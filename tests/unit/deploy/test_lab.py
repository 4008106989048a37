"""Servers that share one machine: paced, or with a CPU cap, with time scaling on a slow machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.deploy import cpu_benchmark, deployment, lab_resources, readiness
from harness.deploy.ansible import Ansible
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import BadInput, CannotRun
from harness.grid.server_rates import ServerRates
from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, rules
from harness.judge.observation import Observation
from harness.records.context import Pacing
from harness.records.findings import Finding, Severity
from harness.records.trial import Bottleneck
from harness.study import time_scaling
from tests.builders import grid, observation, study_record

LIMITS = Thresholds()
IMAGE = "scale-out/service:0123456789ab"


def inventory(servers: int = 3, **variables: Any) -> Inventory:
    of_servers = {
        "study_container_engine": "local",
        "ml_server_image": IMAGE,
        "lab_server_capacity": "140/s",
        "lab_service_time": "50ms",
        "lab_time_scaling": "auto",
        **variables,
    }
    hosts = [Host.parse("balancer", "load_balancers", {}), Host.parse("generator", "load_generators", {})]
    return Inventory(
        "lab", (*hosts, *(Host.parse(f"server-{i}", "ml_servers", of_servers) for i in range(1, servers + 1)))
    )


def paced(busy: float, lost: float = 0.0, late_s: float = 0.001, servers: int = 1, **more: Any) -> Observation:
    """Return a trial of servers with 7 slots each and a window of 10 s."""
    counts = {"offered": 70.0, "busy": 70.0 * busy, "lost": 70.0 * lost, "answers": 1400.0 * busy}
    slots = {f"server-{i + 1}": Pacing(**counts, late=late_s * counts["answers"]) for i in range(servers)}
    idle = [replace(row, cpu_cores=0.05) for row in observation(servers=servers).hosts]
    return observation(servers=servers, pacing=slots, hosts=idle, unloaded_s=0.05, **more)


def judged(seen: Observation) -> Bottleneck:
    return bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)


def invalid_causes(seen: Observation) -> list[str]:
    return [f.cause for f in rules.judge(seen, LIMITS) if f.rule == "E23" and f.severity == Severity.INVALID]


def test_a_lab_follows_from_grid_and_inventory() -> None:
    assert lab_resources.of(grid(), inventory()) == lab_resources.Lab(ServerRates(140.0), 0.05, None)
    own = grid(vars={"lab_server_capacity": "70/s", "lab_time_scaling": 2})
    assert lab_resources.of(own, inventory()) == lab_resources.Lab(ServerRates(70.0), 0.05, 2.0)
    assert lab_resources.of(grid(), inventory(study_kind="hosts")) is None


def test_the_projects_image_is_paced_from_any_registry() -> None:
    for name in ("hub.example:5000/me/scale-out-service:1f", "me/scale-out-service@sha256:1f", IMAGE):
        found = lab_resources.of(grid(service={"image": name}), inventory())
        assert found is not None
        assert found.paced, name


def test_servers_of_another_image_or_without_a_rate_are_not_paced() -> None:
    for found in (
        lab_resources.of(grid(service={"image": "registry.example/app:1"}), inventory()),
        lab_resources.of(grid(vars={"ml_server_image": "app:1"}), inventory()),
        lab_resources.of(grid(), inventory(ml_server_image="app:1")),
        lab_resources.of(grid(vars={"lab_server_capacity": ""}), inventory()),
    ):
        assert found is not None
        assert not found.paced


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("lab_server_capacity", "140", "as in 280/s"),
        ("lab_service_time", "50", "as in 30s"),
        ("lab_time_scaling", "slow", "Allowed: auto, or a factor from 1 to 100"),
        ("lab_time_scaling", 0.5, "Allowed: auto, or a factor from 1 to 100"),
    ],
)
def test_an_invalid_value_is_rejected_by_name(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(BadInput, match=f"{name}: .*{allowed}"):
        lab_resources.of(grid(vars={name: value}), inventory())


def test_servers_without_pacing_share_the_cores_that_generator_and_balancer_leave() -> None:
    cores = lab_resources.shares(grid(), inventory(), 4)
    assert cores["ml_server_cpus"] == pytest.approx(0.45 * 0.9 * 4 / 3, abs=0.001)
    lab_resources.check_caps({"generator": cores["locust_cpus"], "balancer": cores["nginx_lb_cpus"]}, 4)
    assert "ml_server_cpus" not in lab_resources.shares(grid(vars={"ml_server_cpus": 0.2}), inventory(), 4)
    with pytest.raises(CannotRun, match=r"sum to 2\.00, more than 90 % of this machine's 2 cores"):
        lab_resources.check_caps({"generator": 1.0, "server-1": 1.0}, 2)


def test_busy_slots_make_the_server_the_bottleneck_at_any_cpu_utilization() -> None:
    found = judged(paced(busy=0.99))
    assert (found.component, found.reason) == ("server", "the slots of server-1 were busy 99 % of the time")
    assert found.figures["server_slots"] == pytest.approx(0.99)
    assert "slots" not in judged(paced(busy=0.90)).reason


def test_e23_lost_slot_time_makes_a_trial_invalid() -> None:
    assert invalid_causes(paced(busy=0.98, lost=0.005)) == []
    found = invalid_causes(paced(busy=0.95, lost=0.05))
    assert found == ["this machine is too slow for the requested lab: server-1 had no CPU for 5.0 % of its slot time"]


def test_e23_late_responses_with_free_slots_make_a_trial_invalid() -> None:
    assert invalid_causes(paced(busy=0.6, late_s=0.03)) == []
    found = invalid_causes(paced(busy=0.6, late_s=0.09))
    assert "server-1 responded 90 ms after a slot's end although others were idle" in found[0]
    assert invalid_causes(paced(busy=0.99, late_s=0.09)) == []  # a request that waits for a slot is not delayed further


@pytest.mark.parametrize(("late_s", "severities"), [(0.003, []), (0.008, [Severity.WARNING])])
def test_e23_late_responses_of_an_open_load_are_a_warning(late_s: float, severities: list[Severity]) -> None:
    """The allowance for late requests exceeds 1 ms, which is 2 % of the unloaded response time of 50 ms."""
    seen = paced(busy=0.6, late_s=late_s, rate_per_s=84.0, think_time_s=0.0)
    assert [f.severity for f in rules.judge(seen, LIMITS) if f.rule == "E23"] == severities


def test_a_slow_paced_server_is_found_by_its_slots_not_by_its_cpu() -> None:
    seen = paced(busy=0.9, servers=2)
    hosts = [replace(row, cpu_cores=0.12 if row.host == "server-1" else 0.04) for row in seen.hosts]
    assert not [f for f in rules.judge(replace(seen, hosts=hosts), LIMITS) if f.rule == "E12"]
    busier = seen.pacing["server-2"].model_copy(update={"busy": 2 * seen.pacing["server-2"].busy})
    slow = {**seen.pacing, "server-2": busier}
    found = [f.cause for f in rules.judge(replace(seen, pacing=slow), LIMITS) if f.rule == "E12"]
    assert found[0].startswith("server-2 needed 2.0 times as much slot time per request")


@pytest.mark.parametrize(
    ("needed", "available", "factor"),
    [(0.5, 2.0, 1.0), (1.2, 2.0, 1.0), (1.3, 2.0, 1.5), (1.0, 0.66, 3.0), (9.0, 2.0, 8.0), (10.0, 2.0, None)],
)
def test_the_smallest_sufficient_time_scaling_is_chosen(needed: float, available: float, factor: float | None) -> None:
    assert time_scaling.choose(needed, available) == factor


def test_time_scaling_stretches_every_time_and_nothing_else() -> None:
    written = grid(load={"think_time": "1s", "ramp_up": "2s", "duration": "12s"}, objectives={"p95": "500ms"})
    scaled = written.scaled(3)
    assert (scaled.load.think_time, scaled.load.ramp_up, scaled.load.duration) == (3, 6, 36)
    assert scaled.load.timeout == 3 * written.load.timeout
    assert scaled.evidence.peak_seconds == 30
    assert scaled.objectives.p95 == 1.5
    assert scaled.factors == written.factors
    assert written.scaled(1) is written


def test_a_record_has_the_times_of_its_time_scaling() -> None:
    assert study_record().scaled_grid.load.think_time == grid().load.think_time
    slow = study_record(time_scaling={"factor": 2.0})
    assert slow.scaled_grid.load.think_time == 2 * grid().load.think_time
    assert slow.nominal_grid.load.think_time == grid().load.think_time


def test_the_servers_get_the_factor_of_time_scaling(tmp_path: Path) -> None:
    deployed = deployment.Deployment(Ansible(tmp_path, None, tmp_path), grid(vars={"lab_server_capacity": "70/s"}))
    assert deployed.fixed["lab_server_capacity"] == "70/s"
    deployed.scale_time(1.0)
    assert "ml_server_time_scaling" not in deployed.fixed
    deployed.scale_time(2.0)
    assert deployed.fixed["ml_server_time_scaling"] == 2.0
    assert deployed.fixed["nginx_lb_response_timeout"] == "120s"
    assert deployment.tags_for({"lab_server_capacity"}) == ["ml_server", "nginx_lb_verify"]


@pytest.mark.parametrize(("timeout", "nginx"), [("5s", "60s"), ("60s", "65s"), ("120s", "125s")])
def test_nginx_waits_longer_for_a_response_than_users_do(tmp_path: Path, timeout: str, nginx: str) -> None:
    """Also with time scaling, known before or after the deployment. A value of the grid stays unchanged."""
    load = {"think_time": "1s", "duration": "20s", "timeout": timeout}
    written, ansible = grid(load=load), Ansible(tmp_path, None, tmp_path)
    deployed = deployment.Deployment(ansible, written)
    assert deployed.fixed["nginx_lb_response_timeout"] == nginx
    found = deployment.Deployment(ansible, written.scaled(2))
    for each in (deployed, found):
        each.scale_time(2.0)
        assert each.fixed["nginx_lb_response_timeout"] == f"{2 * int(nginx[:-1])}s"
    own = deployment.Deployment(ansible, grid(load=load, vars={"nginx_lb_response_timeout": "7s"}))
    own.scale_time(2.0)
    assert own.fixed["nginx_lb_response_timeout"] == "7s"


def test_health_checks_wait_as_long_as_users_do(tmp_path: Path) -> None:
    load = {"think_time": "1s", "duration": "20s", "timeout": "30s"}
    fixed = deployment.Deployment(Ansible(tmp_path, None, tmp_path), grid(load=load)).fixed
    assert fixed["ml_server_health_timeout_s"] == 30
    assert fixed["nginx_lb_health_timeout_s"] == 12


def test_health_checks_send_the_grids_host_header(tmp_path: Path) -> None:
    ansible = Ansible(tmp_path, None, tmp_path)
    fixed = deployment.Deployment(ansible, grid(request={"path": "/", "headers": {"host": "shop.example"}})).fixed
    assert (fixed["nginx_lb_health_host"], fixed["ml_server_health_host"]) == ("shop.example", "shop.example")
    assert "nginx_lb_health_host" not in deployment.Deployment(ansible, grid()).fixed


def test_a_machine_that_is_far_too_slow_is_rejected_before_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    time_scaling.check_possible(420)
    monkeypatch.setattr(cpu_benchmark, "request_s", lambda: 1.0)
    with pytest.raises(CannotRun, match="too slow for the lab: the planned cells need 420 cores"):
        time_scaling.check_possible(420)
    assert not readiness._processor().ok
    monkeypatch.undo()
    assert readiness._processor().ok


def test_an_invalid_trial_names_the_machine_as_its_cause() -> None:
    lost = rules.judge(paced(busy=0.9, lost=0.1, lost_workers=1), LIMITS)
    assert rules.outcome_of(lost, {})[1].startswith("this machine is too slow for the requested lab")
    foreign = Finding(
        rule="E11",
        severity=Severity.WARNING,
        cause="this machine: the CPU utilization by processes outside the study was 80 %",
        next_step="",
    )
    late = Finding(
        rule="E6", severity=Severity.INVALID, cause="the generator's event loop was late by 300 ms", next_step=""
    )
    assert rules.outcome_of([late, foreign], {}) == ("invalid", f"{foreign.cause}: {late.cause}")
    assert rules.outcome_of([late], {}) == ("invalid", late.cause)
