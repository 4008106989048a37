"""Machines over SSH: deployed from nothing, behind a firewall, measured by the same command."""

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deploy.connections import Reach
from harness.deploy.description import describe
from harness.records.directory import StudyDirectory
from tests.containment import freedoms
from tests.integration.conftest import ROOT, command, events, study, wait_for
from tests.locust_image import arrivals
from tests.rehearsal.conftest import HERE, Fleet, inventory_with, loads, play, refusal, small_grid

TRY = (
    "import sys, urllib.request, urllib.error\n"
    "try: print(urllib.request.urlopen(sys.argv[1], timeout=4).status)\n"
    "except urllib.error.HTTPError as error: print(error.code)\n"
    "except OSError as error: print(error)\n"
)


def ask(fleet: Fleet, name: str, url: str) -> str:
    """What a machine gets from a URL."""
    return fleet.on(name, f"python3 -c '{TRY}' {url}").strip()


@pytest.mark.concurrent
def test_a_second_run_changes_nothing(deployed_fleet: Fleet) -> None:
    assert deployed_fleet.changed_again == 0


@pytest.mark.concurrent
def test_every_container_is_contained(deployed_fleet: Fleet, reach: Reach) -> None:
    hosts = deployed_fleet.inventory.hosts
    running = {host.name: reach.docker(host).containers.get(host.need("study_container")) for host in hosts}
    assert {host.name: freedoms(running[host.name], host.group) for host in hosts} == {host.name: [] for host in hosts}


@pytest.mark.concurrent
def test_the_firewall_closes_all_but_ssh_on_the_public_side(deployed_fleet: Fleet) -> None:
    server = deployed_fleet.host("server-1").variables
    assert ask(deployed_fleet, "balancer", f"http://{server['private_ip']}:8080/readyz") == "200"
    assert "timed out" in ask(deployed_fleet, "balancer", f"http://{server['ansible_host']}:8080/readyz")
    balancer = deployed_fleet.host("balancer").variables
    assert "timed out" in ask(deployed_fleet, "generator", f"http://{balancer['ansible_host']}:80/")


@pytest.mark.concurrent
def test_public_addresses_in_the_balancer_get_no_answer(deployed_fleet: Fleet, tmp_path: Path) -> None:
    """The article's pitfall: it takes an afternoon to find, so the study refuses it in a second."""
    public = {
        name: {"private_ip": deployed_fleet.host(name).variables["ansible_host"]}
        for name in ("server-1", "server-2", "server-3")
    }
    mistaken = inventory_with(tmp_path / "public", public)
    play("playbooks/deploy-balancer.yml", "--skip-tags", "nginx_lb_verify", inventory=mistaken)
    try:
        assert ask(deployed_fleet, "balancer", "http://127.0.0.1:8081/servers/server-1/readyz") == "504"
    finally:
        play("playbooks/deploy-balancer.yml")
    assert ask(deployed_fleet, "balancer", "http://127.0.0.1:8081/servers/server-1/readyz") == "200"
    told = refusal(tmp_path, mistaken, code=2)
    assert "server-1: private_ip is 198.18." in told
    assert "a public address and the same as ansible_host" in told
    assert "a balancer that is given a public address gets no answer" in told
    done = play("site.yml", inventory=mistaken, check=False)
    assert done.returncode != 0
    assert "the firewall closes every port of the public ones but SSH" in re.sub(r"\s+", " ", done.stdout)


@pytest.fixture(scope="module")
def two_generators(deployed_fleet: Fleet) -> Iterator[Path]:
    """An inventory of the fleet with two; afterwards there is one again, as the other tests expect it."""
    assert deployed_fleet.inventory.generators
    yield HERE / "two_generators"
    play("playbooks/deploy-generators.yml")


def test_two_load_generators_share_the_arrivals_of_one_load(two_generators: Path, tmp_path: Path) -> None:
    """Together they send what the seed says, second by second, however much later one of them began to know of it."""
    rate_per_s, ramp_up_s, until_s, seed = 80.0, 2.0, 12.0, 5
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="shared",
        inventory=str(two_generators),
        vars={"locust_cpus": 0.35},
        factors={"servers": [2], "rate": [f"{rate_per_s:g}/s"]},
        load={"ramp_up": f"{ramp_up_s:g}s", "duration": f"{until_s:g}s", "timeout": "10s"},
        seed=seed,
    )
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    data = StudyDirectory(next((tmp_path / "results").iterdir())).trial("servers-2_rate-80/r1")
    assert data.record.outcome in ("ok", "degraded"), data.record.cause
    assert data.record.counters
    assert data.record.counters.generator.workers == 2
    due = Counter(map(int, arrivals.moments(rate_per_s, ramp_up_s, until_s, "poisson", f"{seed}/arrivals/1/80")))
    assert {row.t_s: row.offered for row in data.samples if row.offered} == dict(due)
    assert sum(row.sent or 0 for row in data.samples) == due.total()
    used = {sample.host: sample.cpu_cores for sample in data.hosts if 4 < sample.t_s < 8}
    assert min(used["generator"], used["generator-2"]) > 0.005


def test_a_study_over_ssh_with_two_load_generators(deployed_fleet: Fleet, two_generators: Path, tmp_path: Path) -> None:
    """Whole and recorded; two hosts are one test, and one that is lost refuses that trial."""
    inventory = two_generators
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="over-ssh",
        inventory=str(inventory),
        vars={"locust_cpus": 0.35},
        factors={"servers": [2], "vusers": [100]},
        repeats=2,
    )
    arguments = command("--grid", grid, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        ended = [wait_for(started, "trial_ended")["record"] for _ in range(1)]
        wait_for(started, "second_seen", seconds=3)
        there = describe(ROOT, inventory, "two_generators")
        with Reach(there) as connections:
            connections.mend()
            connections.docker(there.generators[1]).containers.get("locust").kill()
        output, _ = started.communicate(timeout=120)
    (broken,) = (event["record"] for event in events(output) if event["event"] == "trial_ended")
    for record in ended:
        assert record["outcome"] in ("ok", "degraded"), record["cause"]
        assert record["counters"]["generator"]["workers"] == 2
        assert record["latency_source"] == "generator"
    assert broken["outcome"] == "refused"
    assert "1 generator processes were lost" in [finding["cause"] for finding in broken["findings"]]

    folder = next((tmp_path / "results").iterdir())
    assert (folder / "report.pdf").stat().st_size > 10_000
    data = StudyDirectory(folder).trial("servers-2_vusers-100/r1")
    used = {sample.host: sample.cpu_cores for sample in data.hosts if 4 < sample.t_s < 8}
    assert used["generator"] > 0.005
    assert used["generator-2"] > 0.005
    assert data.latencies
    assert {row.machine for row in data.machines} == set(used)
    assert all(abs(row.offset_s) < 0.5 for row in data.machines)
    assert data.record.facts
    network = data.record.facts.network
    assert set(network) == set(used)
    assert all(counted["segments"] > 0 for counted in network.values())
    said = loads(folder / "study.json")
    assert said["kind"] == "rehearsal"
    environment = said["environment"]
    assert set(environment["hosts"]) == {"balancer", "server-1", "server-2", "generator", "generator-2"}
    here = str(deployed_fleet.engine.images.get(environment["images"]["server-1"]).id)
    assert environment["image_digests"]["server-1"][0] == here
    assert "ssh" not in json.dumps(said["configuration"]["hosts"])
    assert not list((folder / "log").rglob("*id_ed25519*"))


@pytest.mark.concurrent
def test_a_connection_that_breaks_is_made_again(deployed_fleet: Fleet, reach: Reach) -> None:
    server = deployed_fleet.host("server-1")
    assert reach.docker(server).ping()
    tunnel = reach.tunnels["server-1"]
    deployed_fleet.on("server-1", "pkill -f '[s]shd: admin'")
    for _ in range(50):
        if not tunnel.alive:
            break
        time.sleep(0.1)
    assert not tunnel.alive
    reach.mend()
    assert reach.docker(server).ping()
