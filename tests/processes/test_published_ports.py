"""Every inventory publishes the port that the service listens on, whichever that is, and the study asks there."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.deploy.ansible import Ansible
from harness.deploy.inventory import Host, Inventory
from harness.study import setup
from tests.builders import grid

ROOT = Path(__file__).resolve().parents[2]
# Inventory → what a server with port 8000 publishes: on machines the port itself, and in the lab nothing, as its
# network is the machine's own.
PUBLISHED = {
    "ec2": ["10.0.1.11:8000:8000"],
    "ec2_dynamic": ["10.0.1.11:8000:8000"],
    "rehearsal": ["8000:8000"],
    "lab": [],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_another_port_is_published(name: str, tmp_path: Path) -> None:
    """The hosts of a dynamic inventory are those of the static one here: what is published is said by their groups."""
    inventory = tmp_path / "inventory" / name
    shutil.copytree(ROOT / "inventory" / name / "group_vars", inventory / "group_vars")
    hosts = ROOT / "inventory" / ("ec2" if name == "ec2_dynamic" else name) / "hosts.yml"
    shutil.copy(hosts, inventory / "hosts.yml")
    told = Ansible(ROOT, inventory, tmp_path / "log").run("playbooks/describe-inventory.yml", {"ml_server_port": 8000})
    servers = {host: said["msg"]["variables"] for host, _, said in told.results if isinstance(said.get("msg"), dict)}
    assert servers["server-1"]["ml_server_published_ports"] == PUBLISHED[name]
    assert servers["server-1"]["ml_server_port"] == 8000


@pytest.mark.parametrize(
    ("asked", "port"),
    [({}, 9000), ({"service": {"port": 8000}}, 8000), ({"vars": {"ml_server_port": 8001}}, 8001)],
    ids=str,
)
def test_the_study_looks_for_its_servers_at_the_port_that_the_grid_says(asked: dict[str, Any], port: int) -> None:
    """Else a balancer that serves from them would be told to serve from others."""
    server = Host("server-1", "ml_servers", {"private_ip": "10.0.1.11", "ml_server_port": 9000})
    hosts = setup.listening(grid(**asked), Inventory("lab", (Host("balancer", "load_balancers", {}), server)))
    assert hosts.address(hosts.servers[0]) == f"10.0.1.11:{port}"
    assert hosts.balancer.variables == {}
