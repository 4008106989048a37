"""Server failures in the real lab: the record is compared with the balancer's own log (rule E24)."""

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
MAX_FAILS_1 = {
    "lab_time_scaling": 1,
    "nginx_lb_max_fails": 1,
    "nginx_lb_fail_timeout": "30s",
    "nginx_lb_connect_timeout": "1s",
}


def measured(tmp_path: Path, name: str, **more: Any) -> list[TrialData]:
    """Run a small study; return its trials in order with their series, after `study.py check` has passed."""
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


def test_the_record_of_a_server_failure_matches_the_balancers_log(
    tmp_path: Path, lab: Inventory, engine: docker.DockerClient
) -> None:
    data, again = measured(tmp_path, "failure", repeats=2, vars=MAX_FAILS_1, objectives={"p95": "5s"})
    for trial in (data, again):
        failover = trial.record.failover
        assert failover
        (failed,) = failover.servers
        balancer_log.agrees(trial, failed)
        state = engine.containers.get(lab.server(failed).container).status
        assert state == "running", "the study must restart the server"
        assert failover.after.tps == pytest.approx(failover.before.tps, rel=0.1)
        # No response takes 5 s, so only failures exceed the objective.
        assert failover.before.over_p95 == 0
        assert failover.p95_recovery_s is not None
        assert failover.p95_recovery_s <= (failover.failing_s or 0)
    folder = next((tmp_path / "results").glob("failure-*"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "one of 3 servers failed under load" in page
    assert "objective of 5,000\u00a0ms" in page
    assert (
        (folder / "failover.csv")
        .read_text(encoding="utf-8")
        .startswith("servers,vusers,fail_servers,failed_servers,trials,")
    )


def test_retried_requests_survive_a_server_failure(tmp_path: Path) -> None:
    vars_ = {**MAX_FAILS_1, "nginx_lb_next_upstream": "error timeout non_idempotent"}
    (data,) = measured(tmp_path, "retried", vars=vars_)
    assert data.record.failover
    assert data.record.failover.failed == data.record.failover.failed_at_balancer == 0
    assert data.record.counters
    assert data.record.counters.balancer.retried > 0


def test_a_balancer_without_max_fails_keeps_sending_to_a_failed_server(tmp_path: Path) -> None:
    vars_ = {**MAX_FAILS_1, "nginx_lb_max_fails": 0, "nginx_lb_next_upstream": "off"}
    (data,) = measured(tmp_path, "no-max-fails", vars=vars_)
    failover = data.record.failover
    assert failover
    # Requests fail until the end, where generator and balancer may count a different last second.
    assert failover.failed == pytest.approx(failover.failed_at_balancer, abs=2)
    assert failover.after.error_rate == pytest.approx(1 / 3, abs=0.1)
    assert failover.recovery_s is None
