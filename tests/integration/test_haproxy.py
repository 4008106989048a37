"""HAProxy in the real lab: it takes nginx's place, and a study compares both."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import httpx
import pytest

from harness.deploy.inventory.hosts import Inventory, Url
from harness.records.directory import StudyDirectory
from harness.summarise.summary import summarise_directory
from tests.certificates import self_signed
from tests.containment import printed
from tests.integration.conftest import GRIDS, changed, playbook, small_grid, study

pytestmark = pytest.mark.concurrent

ROLES = ("-e", json.dumps({"study_balancer_roles": ["nginx_lb", "haproxy_lb"]}))
ROLE = ("-e", "study_balancer_role=haproxy_lb")


def deploy(*variables: str) -> str:
    """Build HAProxy's image if it is missing, and let HAProxy take nginx's place; return Ansible's output."""
    playbook("playbooks/build-images.yml", *ROLES)
    return playbook("playbooks/deploy-balancer.yml", *ROLE, *variables).stdout


def server_of(url: str, client: httpx.Client | None = None) -> str:
    """The server that answered a request of the study; a certificate is not verified."""
    headers = {"X-Study-Trial": "t"}
    answer = client.get(url, headers=headers) if client else httpx.get(url, headers=headers, verify=False)  # noqa: S501
    assert answer.status_code == 200
    return answer.headers["X-Study-Server"]


def test_haproxy_takes_nginxs_place_and_names_the_server_that_answered(
    pristine: Inventory, engine: docker.DockerClient
) -> None:
    deploy()
    container = engine.containers.get(pristine.balancer.container)
    assert "scale-out/haproxy" in container.attrs["Config"]["Image"]
    url = f"{pristine.balancer.url(Url.SERVICE)}/readyz"
    assert {server_of(url) for _ in range(6)} == {server.address for server in pristine.servers}
    assert "X-Study-Server" not in httpx.get(url).headers, "only the study gets it"
    control = pristine.balancer.url(Url.CONTROL)
    assert httpx.get(f"{control}/servers/{pristine.servers[1].name}/readyz").status_code == 200
    summary = printed(container, ["summarise-trial", "t", "0", "0", "4000000000"])
    assert json.loads(summary.partition(b"\n")[2])["statuses"] == {"200": 6}
    assert changed(playbook("playbooks/deploy-balancer.yml", *ROLE).stdout) == 0


@pytest.mark.long
def test_method_cookie_keeps_a_user_on_its_first_server(pristine: Inventory) -> None:
    deploy("-e", "haproxy_lb_method=cookie")
    url = f"{pristine.balancer.url(Url.SERVICE)}/readyz"
    users = []
    for _ in pristine.servers:
        with httpx.Client(trust_env=False) as client:
            users.append({server_of(url, client) for _ in range(4)})
    assert all(len(user) == 1 for user in users)
    assert set.union(*users) == {server.address for server in pristine.servers}


@pytest.mark.long
def test_your_certificate_is_served(tmp_path: Path, pristine: Inventory, engine: docker.DockerClient) -> None:
    certificate, key = self_signed(tmp_path)
    own = ("-e", f"haproxy_lb_tls_certificate={certificate}", "-e", f"haproxy_lb_tls_key={key}")
    deploy("-e", "haproxy_lb_tls=true", *own)
    url = f"{pristine.balancer.url(Url.SERVICE, tls=True)}/readyz"
    assert server_of(url) in {server.address for server in pristine.servers}
    listed = engine.containers.get(pristine.balancer.container).exec_run(
        ["bash", "-c", "stat -c %a /etc/balancer/tls/*"]
    )
    assert listed.output == b"600\n"


@pytest.mark.long
def test_a_failed_server_is_removed_after_its_health_checks_failed(
    pristine: Inventory, engine: docker.DockerClient
) -> None:
    deploy(
        "-e", "haproxy_lb_max_fails=1", "-e", "haproxy_lb_check_interval=200ms", "-e", "haproxy_lb_connect_timeout=1s"
    )
    url = f"{pristine.balancer.url(Url.SERVICE)}/readyz"
    failed = pristine.servers[0]
    container = engine.containers.get(failed.container)
    container.kill()
    try:
        answered = {server_of(url) for _ in range(12)}  # retried at another server until it is removed
        assert answered == {server.address for server in pristine.servers[1:]}
        log = engine.containers.get(pristine.balancer.container).exec_run(
            ["bash", "-c", "sleep 1.5; tr -d '\\0' </var/log/balancer/error.log"]
        )
        assert isinstance(log.output, bytes)
        assert f"Server servers/{failed.name} is DOWN".encode() in log.output
    finally:
        container.start()


@pytest.mark.long
@pytest.mark.usefixtures("deployed")
def test_a_study_compares_haproxy_with_nginx(tmp_path: Path) -> None:
    """Few requests; other load on this machine does not matter, because the test is about the balancers."""
    factors = {"servers": [2], "vusers": [40], "balancer": ["nginx", "haproxy"]}
    slow = {"lab_time_scaling": 1, "lab_server_capacity": "30/s"}
    grid = small_grid(tmp_path / "grid.yaml", name="balancers", factors=factors, vars=slow, repeats=1)
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-2000:] + done.stderr
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = {str(record.cell["balancer"]): record for record in directory.trials().values()}
    assert set(records) == {"nginx", "haproxy"}
    for name, record in records.items():
        assert record.outcome != "failed", record.cause
        assert record.context
        assert record.counters
        assert record.context.balancing["balancer"] == name
        assert len(record.counters.balancer.upstreams) == 2
        assert not [finding for finding in record.findings if finding.rule in ("E13", "E14")]
    recorded = directory.need_study()
    assert {"nginx", "haproxy"} == set(recorded.where.of_balancers)
    assert study("check", directory.path).returncode == 0
    assert "haproxy/2." in (directory.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.usefixtures("deployed")
def test_gains_are_linear_behind_both_balancers(tmp_path: Path) -> None:
    """Paced servers have a known capacity, so the balancer in front of them changes no gain."""
    done = study("--grid", GRIDS / "balancers.yaml", "--results", tmp_path, timeout_s=3000)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    summary = summarise_directory(StudyDirectory(next(tmp_path.glob("balancers-*"))))
    ratios = {(gain.others["balancer"], int(gain.to_servers)): gain.ratio for gain in summary.gains}
    assert set(ratios) == {(name, servers) for name in ("nginx", "haproxy") for servers in (2, 3)}
    for (name, servers), ratio in ratios.items():
        assert ratio, (name, servers)
        assert ratio.value == pytest.approx(servers / (servers - 1), rel=0.01), (name, servers)
