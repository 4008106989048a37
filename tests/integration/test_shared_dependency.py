"""Dependencies that the servers share, in the lab: deployed, observed, reset, and the bottleneck of a known truth."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.deploy.inventory.resolve import describe
from harness.observe.containers import Probes
from harness.records.directory import StudyDirectory
from harness.records.trial import Component
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import summarise_directory
from tests.integration.conftest import GRIDS, ROOT, changed, playbook, study

INVENTORY = "inventory/lab_database"
# An API instead of the database: the image exists already.
API = {
    "dependency_image": "{{ study_service_image }}",
    "dependency_port": 8080,
    "dependency_kind": "",
    "dependency_env": {},
    "dependency_health_command": [],
    "dependency_health_path": "/readyz",
    "dependency_cpus": 0.5,
}
LARGEST_ERROR = 0.015
RESET = """
import json, pathlib, sys
from harness.deploy import dependency_reset
from harness.deploy.connections import Connections
from harness.deploy.inventory.resolve import describe
from harness.errors import TrialFailed
root, name, command = sys.argv[1:]
site = describe(pathlib.Path(root), pathlib.Path(root, name), name)
with Connections(site) as connections:
    try:
        dependency_reset.run(connections, site, {"dependency_reset": json.loads(command)})
    except TrialFailed as error:
        print(error)
"""


@pytest.fixture(scope="module")
def shared() -> Inventory:
    return describe(ROOT, ROOT / INVENTORY, INVENTORY)


@pytest.fixture
def db(shared: Inventory, deployed: Inventory, engine: docker.DockerClient) -> Iterator[Host]:
    """The dependency's host, without its container before and after the test."""
    assert deployed
    (host,) = shared.dependencies
    yield host
    for container in engine.containers.list(all=True, filters={"name": host.container}):
        container.remove(force=True, v=True)


@pytest.mark.concurrent
def test_a_dependency_is_deployed_observed_and_reset(db: Host, shared: Inventory, engine: docker.DockerClient) -> None:
    deploy = ("playbooks/deploy-dependencies.yml", "-i", INVENTORY, "-e", json.dumps(API))
    assert changed(playbook(*deploy).stdout) == 1
    assert changed(playbook(*deploy).stdout) == 0, "a second run changes nothing"
    container = engine.containers.get(db.container)
    assert container.attrs["HostConfig"]["CpuQuota"] == 50_000
    assert "scale-out.lab" in container.labels, "so that 'study.py down' removes it"
    api = Host.parse(
        db.name, db.group, {**db.variables, "dependency_port": 8080, "dependency_view_user": ""}, db.groups
    )
    site = Inventory(shared.path, (*(host for host in shared.hosts if host.name != db.name), api))
    with Connections(site) as connections, socket.create_connection((api.private_ip, 8080), 5):
        probes = Probes(site, connections)
        with contextlib.closing(probes.connections(api)) as counts:
            assert next(counts)["established"] == 1
        assert list(probes.connection_use(api, 1)) == [], "an API has no view"
        assert probes.role(api.name) == "dependency"
        assert probes.states()[api.name].cpus == 0.5
    assert reset(["true"]) == ""
    assert reset(["sh", "-c", "echo locked; exit 3"]).startswith("db: dependency_reset failed with exit code 3: locked")


def reset(command: list[str]) -> str:
    """Reset the dependency in a process of its own; return the error. The engine's client keeps its sockets open."""
    done = subprocess.run(
        [sys.executable, "-c", RESET, str(ROOT), INVENTORY, json.dumps(command)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.long
def test_servers_that_share_a_database_have_its_known_capacity(shared: Inventory, tmp_path: Path) -> None:
    """Each request holds one of 42 connections for 200 ms: min(m · 140, 210) req/s, whatever the machine."""
    done = study("--grid", GRIDS / "shared-database.yaml", "--results", tmp_path, timeout_s=3000)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    (folder,) = tmp_path.glob("shared-database-*")
    directory = StudyDirectory(folder)
    summary = summarise_directory(directory)
    factor = directory.need_study().factor
    for cell in summary.cells:
        assert cell.tps
        assert cell.tps.value
        truth = min(cell.servers * 140, 210) / factor
        assert cell.tps.value / truth == pytest.approx(1, abs=LARGEST_ERROR), cell.name
    trials = directory.trials()
    limits = {int(record.cell["servers"]): record.component for record in trials.values() if record.usable}
    assert limits == {1: Component.SERVER, 2: Component.DEPENDENCY, 3: Component.DEPENDENCY}
    assert [gain.kind for gain in summary.gains] == [GainKind.LOWER_BOUND, GainKind.NOT_MEASURABLE]
    where = next(where for where, record in trials.items() if record.cell["servers"] == 3)
    rows = [row for row in directory.hosts(where) if row.host == shared.dependencies[0].name and row.t_s > 10 * factor]
    assert max(row.in_use or 0 for row in rows) == 42
    assert {row.most_connections for row in rows if row.most_connections} == {42}
    assert "open-sesame" not in (folder / "study.json").read_text(encoding="utf-8")
    checked = study("check", folder)
    assert checked.returncode == 0, checked.stdout[-3000:]
