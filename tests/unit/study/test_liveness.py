"""Health checks after a load: a server without network runs, and is down nevertheless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.deploy.inventory.hosts import Inventory
from harness.judge.assess import assess
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from harness.study import liveness
from tests.builders import grid
from tests.study_stubs import FakeSite

DOWN = "failed its health check after the load (status {status})"


@pytest.fixture
def site() -> FakeSite:
    return FakeSite(3)


def only_trial(results: Path) -> TrialData:
    (folder,) = (path.parent for path in results.glob("*/study.json"))
    directory = StudyDirectory(folder)
    (where,) = directory.trials()
    return directory.trial(where)


@pytest.mark.parametrize(("servers", "second"), [(3, 9), (2, 11), (1, 11)])
def test_a_server_without_network_is_down_even_without_failures_in_the_window(
    site: FakeSite, tmp_path: Path, servers: int, second: int
) -> None:
    name = f"server-{servers}"
    site.left_out_after_s = 0 if servers > 1 else None
    site.happens(1, second, lambda: site.cut(name))
    site.study(tmp_path, factors={"servers": [servers], "vusers": [200]}).run()
    data = only_trial(tmp_path)
    assert data.record.error_rate == 0 or servers == 1
    assert data.record.outcome == "server_down"
    assert data.record.cause == f"{name} {DOWN.format(status=504)}"
    assert data.record.context
    assert data.record.context.health == {
        server.name: 504 if server.name == name else 200 for server in site.inventory.servers[:servers]
    }
    assert assess(data, grid(factors={"servers": [servers], "vusers": [200]})) == data.record
    causes = [finding.cause for finding in data.record.findings if finding.rule == "E13"]
    assert causes == ([f"{name} reported no count; the servers' counts were not compared"] if servers > 1 else causes)
    assert "repair" in site.journal[site.journal.index("load of 200 users") :]


def test_killed_servers_get_no_health_check(site: FakeSite, tmp_path: Path) -> None:
    site.left_out_after_s = 1
    load = {"think_time": "1s", "ramp_up": "2s", "duration": "20s"}
    site.study(tmp_path, factors={"servers": [3], "vusers": [400], "fail_servers": [1]}, load=load).run()
    record = only_trial(tmp_path).record
    assert record.context
    assert record.context.server_failure
    (killed,) = record.context.server_failure.servers
    assert record.context.health == {server.name: 200 for server in site.inventory.servers if server.name != killed}
    assert record.outcome == "ok"


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({}, "/readyz"),
        ({"service": {"health": "/up"}}, "/up"),
        ({"vars": {"nginx_lb_health": "/alive"}}, "/alive"),
        ({"vars": {"nginx_lb_health": "/alive"}, "service": {"health": "/up"}}, "/up"),
        ({"factors": {"servers": [1], "vusers": [200], "nginx_lb_health": ["/cell"]}}, "/cell"),
    ],
)
def test_the_health_check_has_the_deployed_path(
    site: FakeSite, tmp_path: Path, keys: dict[str, Any], path: str
) -> None:
    site.study(tmp_path, **{"factors": {"servers": [1], "vusers": [200]}, **keys}).run()
    assert f"/servers/server-1{path}" in site.control_requests


def test_a_variable_of_the_balancer_sets_the_health_check(site: FakeSite) -> None:
    hosts = tuple(
        replace(host, variables={**host.variables, "nginx_lb_health": "/own"}) for host in site.inventory.hosts
    )
    inventory = Inventory("own", hosts)
    written = grid()
    assert liveness.health_path(written, written.cells.known[0], inventory) == "/own"


def test_the_check_of_a_busy_server_is_repeated(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = iter([503, 504, 200])
    answer = site.control
    monkeypatch.setattr(
        site, "control", lambda name, path: httpx.Response(next(busy)) if path == "readyz" else answer(name, path)
    )
    site.study(tmp_path, factors={"servers": [1], "vusers": [200]}).run()
    record = only_trial(tmp_path).record
    assert record.outcome == "ok"
    assert record.context
    assert record.context.health == {"server-1": 200}


def test_a_control_port_without_response_is_not_a_server_that_is_down(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = site.control

    def control(name: str, path: str) -> httpx.Response:
        if path == "readyz":
            raise httpx.ConnectError("invalid")
        return answer(name, path)

    monkeypatch.setattr(site, "control", control)
    site.study(tmp_path, factors={"servers": [1], "vusers": [200]}).run()
    record = only_trial(tmp_path).record
    assert record.outcome == "failed"
    assert record.cause.startswith("the balancer's control port does not answer")
