"""EC2 without EC2: the real modules and the real inventory source against moto's server."""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from harness import inventory, setting
from tests.integration.conftest import PLAYBOOK, ROOT, changed

FLEET = {
    "ec2_fleet_region": "eu-central-1",
    "ec2_fleet_study": "mine",
    "ec2_fleet_key_name": "mine",
    "ec2_fleet_ssh_from": "192.0.2.7/32",
    "ec2_fleet_placement_group": False,  # moto knows no placement groups
    "ec2_fleet_budget_usd": 2,
    "ec2_fleet_usd_per_hour": {"load_balancers": 0.1, "ml_servers": 0.1, "load_generators": 0.2},
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, Any]]:
    """The fleet's variables for an empty account."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    with account() as client:
        client.create_key_pair(KeyName="mine")
        found = {
            "ec2_fleet_vpc_id": client.describe_vpcs()["Vpcs"][0]["VpcId"],
            "ec2_fleet_subnet_id": client.describe_subnets()["Subnets"][0]["SubnetId"],
            "ec2_fleet_image_id": client.describe_images()["Images"][0]["ImageId"],
        }
    yield {**FLEET, **found}
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value
    server.stop()


def play(name: str, variables: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [PLAYBOOK, "-i", "localhost,", f"playbooks/{name}.yml", "-e", json.dumps(variables)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@contextlib.contextmanager
def account() -> Iterator[Any]:
    """A client of the account, closed again."""
    client = boto3.client("ec2")
    try:
        yield client
    finally:
        client.close()


def running() -> dict[str, dict[str, Any]]:
    """Instances that run, by name."""
    with account() as client:
        pages = client.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    machines = [machine for found in pages["Reservations"] for machine in found["Instances"]]
    return {next(tag["Value"] for tag in m.get("Tags", []) if tag["Key"] == "Name"): m for m in machines}


@pytest.fixture(scope="module")
def rented(cloud: dict[str, Any]) -> dict[str, Any]:
    done = play("ec2-up", cloud)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return cloud


@pytest.mark.usefixtures("rented")
def test_the_fleet_has_its_roles_types_and_no_metadata_service() -> None:
    found = running()
    assert sorted(found) == ["balancer", "generator", "server-1", "server-2", "server-3"]
    assert {found[f"server-{n}"]["InstanceType"] for n in (1, 2, 3)} == {"c7i.large"}
    assert found["generator"]["InstanceType"] == "c7i.xlarge"
    for machine in found.values():
        assert {"Key": "scale-out-study", "Value": "mine"} in machine["Tags"]


@pytest.mark.usefixtures("rented")
def test_the_security_group_opens_ssh_to_one_address_and_all_else_to_itself() -> None:
    with account() as client:
        groups = client.describe_security_groups(Filters=[{"Name": "tag:scale-out-study", "Values": ["mine"]}])
    (group,) = groups["SecurityGroups"]
    from_outside = [r for rule in group["IpPermissions"] for r in rule["IpRanges"]]
    assert [r["CidrIp"] for r in from_outside] == ["192.0.2.7/32"]
    inside = [p["GroupId"] for rule in group["IpPermissions"] for p in rule["UserIdGroupPairs"]]
    assert inside == [group["GroupId"]]
    assert not any(rule["Ipv6Ranges"] for rule in group["IpPermissions"])


def test_a_second_run_rents_nothing(rented: dict[str, Any]) -> None:
    done = play("ec2-up", rented)
    assert changed(done.stdout) == 0
    assert len(running()) == 5


@pytest.mark.usefixtures("rented")
def test_the_dynamic_inventory_gives_groups_and_both_addresses() -> None:
    found = setting.describe(ROOT, ROOT / "inventory" / "ec2_dynamic", "inventory/ec2_dynamic")
    assert [host.name for host in found.servers] == ["server-1", "server-2", "server-3"]
    machines = running()
    for host in found.hosts:
        assert host.variables["private_ip"] == machines[host.name]["PrivateIpAddress"]
        assert host.variables["ansible_host"] == machines[host.name]["PublicIpAddress"]
        assert host.variables["ansible_user"] == "admin"


def test_the_static_example_is_a_whole_inventory() -> None:
    found = setting.describe(ROOT, ROOT / "inventory" / "ec2", "inventory/ec2")
    assert found.kind == "hosts"
    assert [host.variables["private_ip"] for host in found.servers] == ["10.0.1.11", "10.0.1.12", "10.0.1.13"]
    assert tuple(dict.fromkeys(host.group for host in found.hosts)) == inventory.GROUPS


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ec2_fleet_ssh_from": "0.0.0.0/0"}, "give the one address that you come from"),
        ({"ec2_fleet_hours": 24}, "24 h of this fleet cost 14.40 USD"),
        ({"ec2_fleet_subnet_id": ""}, "docs/ec2.md tells where each is found"),
    ],
)
def test_what_would_be_open_or_too_dear_is_not_rented(cloud: dict[str, Any], wrong: dict[str, Any], words: str) -> None:
    before = len(running())
    done = play("ec2-up", {**cloud, **wrong})
    assert done.returncode != 0
    assert words in done.stdout
    assert len(running()) == before


def test_down_takes_what_carries_the_tag_and_nothing_else(rented: dict[str, Any]) -> None:
    with account() as client:
        stranger = client.run_instances(
            ImageId=rented["ec2_fleet_image_id"], MinCount=1, MaxCount=1, InstanceType="t3.small",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "stranger"}]}],
        )["Instances"][0]["InstanceId"]  # fmt: skip
    done = play("ec2-down", rented)
    assert done.returncode == 0, done.stdout[-3000:]
    assert [machine["InstanceId"] for machine in running().values()] == [stranger]
    with account() as client:
        groups = client.describe_security_groups(Filters=[{"Name": "tag:scale-out-study", "Values": ["mine"]}])
    assert groups["SecurityGroups"] == []
