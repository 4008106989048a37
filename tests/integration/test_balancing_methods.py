"""Balancing methods in the real lab: a study varies them, and a server failure is reported with max_fails."""

import subprocess
from pathlib import Path
from typing import cast

import docker
import httpx
import pytest

from harness.deploy.inventory.hosts import Inventory, Url
from harness.records.directory import StudyDirectory
from tests.containment import printed
from tests.integration.conftest import ROOT, command, playbook, small_grid, study, wait_for

pytestmark = pytest.mark.concurrent

METHODS = {"round_robin": None, "least_conn": "least_conn;", "random_two": "random two least_conn;"}


@pytest.mark.long
@pytest.mark.usefixtures("deployed")
def test_a_study_varies_the_balancing_method(tmp_path: Path) -> None:
    """Few requests; other load on this machine does not matter, because the test is about the balancer."""
    factors = {"servers": [2], "vusers": [40], "nginx_lb_method": list(METHODS)}
    slow = {"lab_time_scaling": 1, "lab_server_capacity": "30/s"}
    grid = small_grid(tmp_path / "grid.yaml", name="methods", factors=factors, vars=slow, repeats=1)
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-2000:] + done.stderr
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = {str(record.cell["nginx_lb_method"]): record for record in directory.trials().values()}
    assert set(records) == set(METHODS)
    for method, record in records.items():
        assert record.outcome != "failed", record.cause
        assert record.context
        assert record.counters
        assert record.context.balancing["method"] == method
        assert len(record.counters.balancer.upstreams) == 2
        assert not [finding for finding in record.findings if finding.rule == "E14"]
        warnings = [f.cause for f in record.findings if f.rule == "E12" and f.severity == "warning"]
        assert not any("shares" in cause for cause in warnings), warnings
    assert study("check", directory.path).returncode == 0


@pytest.mark.parametrize(
    ("method", "line"),
    [pytest.param(*pair, marks=() if pair[0] == "random_two" else pytest.mark.long) for pair in METHODS.items()],
)
def test_the_upstream_contains_the_method(
    method: str, line: str | None, pristine: Inventory, engine: docker.DockerClient
) -> None:
    """It must precede `keepalive`; nginx warns otherwise."""
    playbook("playbooks/deploy-balancer.yml", "-e", f"nginx_lb_method={method}")
    balancer = engine.containers.get(pristine.balancer.container)
    output = printed(balancer, ["nginx", "-T", "-c", "/etc/balancer/conf/nginx.conf"])
    assert b"[warn]" not in output
    upstream = output.decode().split("upstream ml_servers {")[1].split("}")[0]
    found = [text for text in ("least_conn;", "random two least_conn;") if f"\n    {text}\n" in upstream]
    assert found == ([line] if line else [])


def test_method_cookie_keeps_a_user_on_its_first_server(pristine: Inventory, engine: docker.DockerClient) -> None:
    """nginx assigns new users to the servers in turn, like requests without a cookie."""
    playbook("playbooks/deploy-balancer.yml", "-e", "nginx_lb_method=cookie")
    balancer = engine.containers.get(pristine.balancer.container)
    done = balancer.exec_run(["nginx", "-t", "-c", "/etc/balancer/conf/nginx.conf"])
    assert done.exit_code == 0
    assert isinstance(done.output, bytes)
    assert b"[warn]" not in done.output
    url, servers = pristine.balancer.url(Url.SERVICE), {server.address for server in pristine.servers}

    def server_of(client: httpx.Client) -> str:
        return client.get(f"{url}/readyz", headers={"X-Study-Trial": "t"}).headers["X-Study-Server"]

    users = []
    for _ in servers:
        with httpx.Client(trust_env=False) as client:
            users.append({server_of(client) for _ in range(4)})
    assert all(len(user) == 1 for user in users)
    assert set.union(*users) == servers
    assert {server_of(cast(httpx.Client, httpx)) for _ in range(6)} == servers


@pytest.mark.long
@pytest.mark.parametrize(
    ("fails", "reaction"), [(0, "the balancer keeps sending requests to it"), (1, "removes a server for")]
)
def test_a_server_failure_is_reported_with_the_balancers_reaction(
    fails: int, reaction: str, tmp_path: Path, deployed: Inventory, engine: docker.DockerClient
) -> None:
    vars_ = {"lab_time_scaling": 1, "nginx_lb_max_fails": fails}
    factors = {"servers": [2], "vusers": [100]}
    grid = small_grid(tmp_path / "grid.yaml", name="death", factors=factors, vars=vars_, repeats=1)
    arguments = command("--grid", grid, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        wait_for(started, "sample_taken", seconds=5)
        engine.containers.get(deployed.servers[1].container).kill()
        record = wait_for(started, "trial_ended")["record"]
        started.communicate(timeout=800)
    assert record["outcome"] == "server_down"
    assert record["bottleneck"]["component"] == "server"
    assert f"server-2 died with exit code 137; nginx_lb_max_fails is {fails}" in record["bottleneck"]["reason"]
    page = (next((tmp_path / "results").iterdir()) / "report.html").read_text(encoding="utf-8")
    table = page.split("share of users’ maximum rate")[1]
    assert reaction in table, "the table of bottlenecks must contain it"
