"""Machines over SSH and behind a firewall: deployed from scratch, and measured with the same command as the lab."""

import json
import re
import time
from pathlib import Path

import pytest

from harness.deploy.connections import Connections
from harness.records.directory import StudyDirectory
from harness.records.findings import Severity
from tests.containment import freedoms
from tests.integration.conftest import BUSY_MACHINE, study
from tests.rehearsal.conftest import Fleet, deployment_changed, inventory_with, loads, play, small_grid, startup_error

TRY = (
    "import sys, urllib.request, urllib.error\n"
    "try: print(urllib.request.urlopen(sys.argv[1], timeout=4).status)\n"
    "except urllib.error.HTTPError as error: print(error.code)\n"
    "except OSError as error: print(error)\n"
)


def status_of(fleet: Fleet, name: str, url: str) -> str:
    """Request a URL from a machine; return the status or the error."""
    return fleet.on(name, f"python3 -c '{TRY}' {url}").strip()


@pytest.mark.concurrent
def test_every_container_is_contained(deployed_fleet: Fleet, connections: Connections) -> None:
    hosts = deployed_fleet.inventory.hosts
    running = {host.name: connections.docker(host).containers.get(host.container) for host in hosts}
    assert {host.name: freedoms(running[host.name], host.group) for host in hosts} == {host.name: [] for host in hosts}


@pytest.mark.concurrent
def test_the_firewall_blocks_all_ports_but_ssh_on_the_public_address(deployed_fleet: Fleet) -> None:
    server = deployed_fleet.host("server-1").variables
    assert status_of(deployed_fleet, "balancer", f"http://{server['private_ip']}:8080/readyz") == "200"
    assert "timed out" in status_of(deployed_fleet, "balancer", f"http://{server['ansible_host']}:8080/readyz")
    balancer = deployed_fleet.host("balancer").variables
    assert "timed out" in status_of(deployed_fleet, "generator", f"http://{balancer['ansible_host']}:80/")


@pytest.mark.concurrent
def test_ports_are_bound_to_the_narrowest_address(deployed_fleet: Fleet, connections: Connections) -> None:
    """Traffic uses the private address, control ports 127.0.0.1; the port for other hosts' workers is closed."""
    bound = {}
    for host in deployed_fleet.inventory.hosts:
        ports = connections.docker(host).containers.get(host.container).attrs["HostConfig"]["PortBindings"]
        private_ip = host.private_ip
        for port, places in ports.items():
            bound[f"{host.group} {port}"] = [place["HostIp"].replace(private_ip, "private") for place in places]
    assert bound == {
        "load_balancers 80/tcp": ["private"],
        "load_balancers 8081/tcp": ["127.0.0.1"],
        "ml_servers 8080/tcp": ["private"],
        "load_generators 8089/tcp": ["127.0.0.1"],
    }


@pytest.mark.concurrent
def test_public_addresses_in_the_balancer_get_no_answer(deployed_fleet: Fleet, tmp_path: Path) -> None:
    """The article's pitfall is hard to find in a deployment, so the study rejects it in its preflight."""
    public = {
        name: {"private_ip": deployed_fleet.host(name).variables["ansible_host"]}
        for name in ("server-1", "server-2", "server-3")
    }
    mistaken = inventory_with(tmp_path / "public", public)
    play("playbooks/deploy-balancer.yml", "--skip-tags", "nginx_lb_verify", inventory=mistaken)
    try:
        assert status_of(deployed_fleet, "balancer", "http://127.0.0.1:8081/servers/server-1/readyz") == "504"
    finally:
        play("playbooks/deploy-balancer.yml")
    assert status_of(deployed_fleet, "balancer", "http://127.0.0.1:8081/servers/server-1/readyz") == "200"
    message = startup_error(tmp_path, mistaken, code=2)
    assert "server-1: private_ip: a public address, the same as ansible_host (got 198.18." in message
    assert "the firewall closes every port of the public ones except SSH" in message
    done = play("site.yml", inventory=mistaken, check=False)
    assert done.returncode != 0
    assert "the firewall closes every port of the public ones except SSH" in re.sub(r"\s+", " ", done.stdout)


@pytest.fixture(scope="module")
def over_ssh(deployed_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a study on the machines, run by the command that a user types."""
    assert deployed_fleet
    # A study leaves the servers of its last cell in the balancer.
    play("playbooks/deploy-balancer.yml")
    folder = tmp_path_factory.mktemp("over-ssh")
    grid = small_grid(folder / "grid.yaml", name="over-ssh", factors={"servers": [3], "vusers": [100]}, repeats=1)
    done = study("--grid", grid, "--results", folder / "results")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr  # 3: the machine was too busy, see below
    return next((folder / "results").iterdir())


@pytest.mark.concurrent
def test_a_repeated_deployment_changes_nothing(over_ssh: Path) -> None:
    """The study deploys with site.yml, like all earlier tests."""
    assert deployment_changed(over_ssh) == 0


@pytest.mark.concurrent
def test_a_study_over_ssh_is_complete(over_ssh: Path, deployed_fleet: Fleet) -> None:
    assert (over_ssh / "report.pdf").stat().st_size > 10_000
    data = StudyDirectory(over_ssh).trial("servers-3_vusers-100/r1")
    invalid = {finding.rule for finding in data.record.findings if finding.severity == Severity.INVALID}
    assert invalid <= BUSY_MACHINE, data.record.cause
    assert data.record.latency_source == "generator"
    assert data.latencies
    names = {host.name for host in deployed_fleet.inventory.hosts}
    assert {row.machine for row in data.machines} == names
    assert all(abs(row.offset_s) < 0.5 for row in data.machines)
    assert max(row.cpu_cores for row in data.hosts if row.host == "generator" and 4 < row.t_s < 8) > 0.005
    assert data.record.context
    network = data.record.context.network
    assert set(network) == names
    # A machine that was too busy at the start of the window has no counter difference.
    assert invalid or sum(counted.get("segments", 0) > 0 for counted in network.values()) >= 1
    record = loads(over_ssh / "study.json")
    assert record["kind"] == "rehearsal"
    environment = record["environment"]
    assert set(environment["hosts"]) == names
    here = str(deployed_fleet.engine.images.get(environment["images"]["server-1"]).id)
    assert environment["image_digests"]["server-1"][0] == here
    assert "ssh" not in json.dumps(record["configuration"]["hosts"])
    assert not list((over_ssh / "log").rglob("*id_ed25519*"))


@pytest.mark.concurrent
def test_a_broken_connection_is_restored(deployed_fleet: Fleet, connections: Connections) -> None:
    server = deployed_fleet.host("server-1")
    assert connections.docker(server).ping()
    tunnel = connections.tunnels["server-1"]
    deployed_fleet.on("server-1", "pkill -f '[s]shd: admin'")
    for _ in range(50):
        if not tunnel.alive:
            break
        time.sleep(0.1)
    assert not tunnel.alive
    connections.reconnect()
    assert connections.docker(server).ping()
