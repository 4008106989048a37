"""A server of the real lab that is stopped under the load: what is told, against the balancer's own log (rule E24)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from harness.deploy.inventory.hosts import Inventory
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from tests.integration import balancer_log
from tests.integration.conftest import small_grid, study

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("deployed")]
LOAD = {"think_time": "1s", "ramp_up": "2s", "duration": "19s", "timeout": "10s"}
LEFT_ALONE = {
    "lab_time_scaling": 1,
    "nginx_lb_max_fails": 1,
    "nginx_lb_fail_timeout": "30s",
    "nginx_lb_connect_timeout": "1s",
}


def measured(tmp_path: Path, name: str, **more: Any) -> list[TrialData]:
    """The trials of a small study, in their order, each with its series; `study.py check` passes all of them."""
    factors = {"servers": [3], "vusers": [150], "fail_servers": [1]}
    grid = small_grid(tmp_path / "grid.yaml", name=name, **{"factors": factors, "load": LOAD, "repeats": 1, **more})
    done = study("--grid", grid, "--results", tmp_path / "results", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    folder = next((tmp_path / "results").glob(f"{name}-*"))
    checked = study("check", folder)
    assert checked.returncode == 0, checked.stdout
    directory = StudyDirectory(folder)
    records = sorted(directory.trials().items(), key=lambda item: item[1].block_position)
    return [directory.trial(where) for where, _ in records]


def test_what_a_lost_server_cost_is_what_the_balancers_log_says(
    tmp_path: Path, lab: Inventory, engine: docker.DockerClient
) -> None:
    data, again = measured(tmp_path, "lost", repeats=2, vars=LEFT_ALONE, objectives={"p95": "5s"})
    for trial in (data, again):
        balancer_log.agrees(trial, "server-3")
        lost = trial.record.failover
        assert lost
        assert lost.after.tps == pytest.approx(lost.before.tps, rel=0.1)
        # Nobody waits for 5 s, so only what failed is over it.
        assert lost.before.over_p95 == 0
        assert lost.p95_recovery_s is not None
        assert lost.p95_recovery_s <= (lost.failing_s or 0)
    state = engine.containers.get(lab.servers[2].need("study_container")).status
    assert state == "running", "the study leaves no server dead"
    folder = next((tmp_path / "results").glob("lost-*"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "one of 3 servers was stopped under the load" in page
    assert "ms that are wanted" in page
    assert (
        (folder / "failover.csv")
        .read_text(encoding="utf-8")
        .startswith("servers,vusers,fail_servers,failed_servers,trials,")
    )


def test_requests_that_may_be_asked_twice_are_not_lost_with_a_server(tmp_path: Path) -> None:
    vars_ = {**LEFT_ALONE, "nginx_lb_next_upstream": "error timeout non_idempotent"}
    (data,) = measured(tmp_path, "passed-on", vars=vars_)
    assert data.record.failover
    assert data.record.failover.failed == data.record.failover.failed_at_balancer == 0
    assert data.record.counters
    assert data.record.counters.balancer.retried > 0


def test_a_balancer_that_leaves_nobody_out_asks_a_lost_server_to_the_end(tmp_path: Path) -> None:
    vars_ = {**LEFT_ALONE, "nginx_lb_max_fails": 0, "nginx_lb_next_upstream": "off"}
    (data,) = measured(tmp_path, "asked-on", vars=vars_)
    lost = data.record.failover
    assert lost
    # Requests fail up to the end here, where each side has its own last second.
    assert lost.failed == pytest.approx(lost.failed_at_balancer, abs=2)
    assert lost.after.error_rate == pytest.approx(1 / 3, abs=0.1)
    assert lost.recovery_s is None
