"""Every inventory publishes the service's port, and the study uses that port."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.deploy.ansible import Ansible
from harness.deploy.inventory.hosts import Host, Inventory
from harness.study import config
from tests.builders import grid

ROOT = Path(__file__).resolve().parents[2]
# Published ports by role, for servers with port 8000. Machines publish at their private address. The lab's servers
# publish none, because they share a network with the balancer.
ON_MACHINES = {
    "nginx_lb": ["private:80:80", "127.0.0.1:8081:8081"],
    "ml_server": ["private:8000:8000"],
    "locust": ["127.0.0.1:8089:8089"],
}
IN_THE_LAB = {"nginx_lb": ["127.0.0.1:80", "127.0.0.1:8081"], "ml_server": [], "locust": ["127.0.0.1:8089"]}


def published(inventory: Path, folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return host → role → published ports; replaces the private address by "private" and omits the lab's ports."""
    outcome = Ansible(ROOT, inventory, folder / "private").run(
        "playbooks/describe-inventory.yml", {"ml_server_port": 8000}
    )
    found: dict[str, dict[str, list[str]]] = {}
    for host, _, result in outcome.results:
        if isinstance(result.get("msg"), dict):
            variables = result["msg"]["variables"]
            places = {name: variables.get(f"{name}_published_ports") for name in ON_MACHINES}
            address = str(variables["private_ip"])
            found[host] = {
                name: [re.sub(r":[2-9]\d{4}:", ":", place.replace(address, "private")) for place in ports]
                for name, ports in places.items()
                if ports is not None
            }
    return found


def copied(name: str, folder: Path) -> Path:
    """Copy an inventory of the project; the dynamic one gets the hosts of the static one."""
    inventory = folder / "inventory" / name
    shutil.copytree(ROOT / "inventory" / name / "group_vars", inventory / "group_vars")
    shutil.copy(ROOT / "inventory" / ("ec2" if name == "ec2_dynamic" else name) / "hosts.yml", inventory / "hosts.yml")
    return inventory


@pytest.mark.parametrize("name", ["ec2", "ec2_dynamic", "rehearsal", "lab"])
def test_every_port_is_published_at_the_narrowest_address(name: str, tmp_path: Path) -> None:
    expected = IN_THE_LAB if name == "lab" else ON_MACHINES
    found = published(copied(name, tmp_path), tmp_path)
    assert found["balancer"]["nginx_lb"] == expected["nginx_lb"]
    assert found["server-1"]["ml_server"] == expected["ml_server"]
    assert found["generator"]["locust"] == expected["locust"]


def test_the_port_for_workers_is_published_only_with_several_generators(tmp_path: Path) -> None:
    """Only on the host with the master."""
    inventory = copied("ec2", tmp_path)
    hosts = (inventory / "hosts.yml").read_text()
    second = "        generator-2: {ansible_host: 203.0.113.21, private_ip: 10.0.1.21}\n"
    (inventory / "hosts.yml").write_text(hosts.rstrip("\n") + "\n" + second)
    found = published(inventory, tmp_path)
    assert found["generator"]["locust"] == ["127.0.0.1:8089:8089", "private:5557:5557"]
    assert found["generator-2"]["locust"] == ["127.0.0.1:8089:8089"]


@pytest.mark.parametrize(
    ("keys", "port"),
    [({}, 9000), ({"service": {"port": 8000}}, 8000), ({"vars": {"ml_server_port": 8001}}, 8001)],
    ids=str,
)
def test_the_study_uses_the_port_of_the_grid(keys: dict[str, Any], port: int) -> None:
    """Otherwise the study would expect responses from other addresses than the balancer uses."""
    server = Host.parse("server-1", "ml_servers", {"private_ip": "10.0.1.11", "ml_server_port": 9000})
    hosts = config.with_server_port(
        grid(**keys), Inventory("lab", (Host.parse("balancer", "load_balancers", {}), server))
    )
    assert hosts.servers[0].address == f"10.0.1.11:{port}"
    assert hosts.balancer.variables == {}
