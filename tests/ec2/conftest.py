"""A simulated EC2: Ansible's modules and inventory plugin run against moto's server."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.ec2 import cloud as aws
from tests.integration.conftest import PLAYBOOK, ROOT

FLEET = {
    "ec2_fleet_region": "eu-central-1",
    "ec2_fleet_study": "mine",
    "ec2_fleet_key_name": "mine",
    "ec2_fleet_ssh_from": "192.0.2.7/32",
    "ec2_fleet_budget_usd": 2,
    "ec2_fleet_usd_per_hour": {"load_balancers": 0.1, "ml_servers": 0.1, "load_generators": 0.2},
}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The fleet's variables for an empty account."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    aws.extend()
    aws.add_images()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    with account() as client:
        client.create_key_pair(KeyName="mine")
        found = {
            "ec2_fleet_vpc_id": client.describe_vpcs()["Vpcs"][0]["VpcId"],
            "ec2_fleet_subnet_id": client.describe_subnets()["Subnets"][0]["SubnetId"],
        }
    folder = tmp_path_factory.mktemp("fleet")
    kept = {
        "ec2_fleet_inventory": str(folder / "inventory"),
        "ec2_fleet_known_hosts": str(folder / "known of mine" / "hosts"),
        "ec2_fleet_wait_for_ssh": False,  # the instances are simulated
    }
    yield {**FLEET, **found, **kept}
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value
    server.stop()


def play(name: str, variables: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    command = [PLAYBOOK, "-i", "localhost,", f"playbooks/{name}.yml", "-e", json.dumps(variables), *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)


@contextlib.contextmanager
def account() -> Iterator[Any]:
    """A client of the account, whose calls are not recorded."""
    client = boto3.client("ec2", config=Config(user_agent_extra=aws.OWN))
    try:
        yield client
    finally:
        client.close()


def running() -> dict[str, dict[str, Any]]:
    """Return the running instances by name."""
    with account() as client:
        pages = client.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    machines = [machine for found in pages["Reservations"] for machine in found["Instances"]]
    return {next(tag["Value"] for tag in m.get("Tags", []) if tag["Key"] == "Name"): m for m in machines}


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}
