"""The study connects as Ansible does: with the same key, user and proxy."""

import stat
import time
from pathlib import Path

import pytest

from harness.deploy.connections import Connections, Tunnel, ssh_address, ssh_command
from harness.deploy.inventory.hosts import Host, Inventory


def command(**variables: object) -> list[str]:
    return ssh_command(
        Host.parse("server-1", "ml_servers", {f"ansible_{name}": value for name, value in variables.items()})
    )


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRIVATE_KEY_FILE", "SSH_COMMON_ARGS", "SSH_EXTRA_ARGS", "SSH_ARGS", "REMOTE_USER", "REMOTE_PORT"):
        monkeypatch.delenv(f"ANSIBLE_{name}", raising=False)


@pytest.mark.parametrize("name", ["private_key_file", "ssh_private_key_file"])
def test_the_key_goes_by_both_names(name: str) -> None:
    found = command(**{name: "/keys/mine"})
    assert found[found.index("-i") + 1] == "/keys/mine"


def test_of_two_names_the_last_one_wins_as_in_ansible() -> None:
    found = command(private_key_file="/keys/one", ssh_private_key_file="/keys/two", user="me", ssh_user="you")
    assert found[found.index("-i") + 1] == "/keys/two"
    assert found[found.index("-l") + 1] == "you"


def test_the_arguments_for_all_and_for_ssh_come_last_in_that_order() -> None:
    found = command(ssh_common_args="-o ProxyJump=me@gate", ssh_extra_args="-o 'ProxyCommand=ssh g -W %h:%p'", port=22)
    assert found[-4:] == ["-o", "ProxyJump=me@gate", "-o", "ProxyCommand=ssh g -W %h:%p"]
    assert found[found.index("-p") + 1] == "22"


def test_the_environment_applies_to_options_that_the_inventory_does_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_PRIVATE_KEY_FILE", "/keys/of-the-environment")
    monkeypatch.setenv("ANSIBLE_SSH_COMMON_ARGS", "-J gate")
    assert "/keys/of-the-environment" in command()
    assert command()[-2:] == ["-J", "gate"]
    assert "/keys/of-the-environment" not in command(private_key_file="/keys/mine")
    assert command(ssh_common_args="")[-1] != "gate"


def test_the_address_is_the_inventorys_or_the_name() -> None:
    assert ssh_address(Host.parse("server-1", "ml_servers", {"ansible_host": "203.0.113.7"})) == "203.0.113.7"
    assert ssh_address(Host.parse("server-1", "ml_servers", {"ansible_ssh_host": "203.0.113.8"})) == "203.0.113.8"
    assert ssh_address(Host.parse("gate.example", "ml_servers", {})) == "gate.example"


def test_an_address_is_never_taken_for_an_option(tmp_path: Path) -> None:
    """In all three calls of ssh: the tunnel, a command, and a stream."""
    calls, ssh = tmp_path / "calls", tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$*" >>{calls}\n')
    ssh.chmod(stat.S_IRWXU)
    host = Host.parse(
        "server-1", "ml_servers", {"ansible_host": "-oProxyCommand=id", "ansible_ssh_executable": str(ssh)}
    )
    connections = Connections(Inventory("x", ()))
    tunnel = Tunnel(host, tmp_path / "sockets")
    tunnel.start()
    connections.run(host, ["id"])
    with connections.stream(host, ["id"]) as stream:
        stream.wait()
    for _ in range(500):
        if calls.exists() and len(calls.read_text().splitlines()) == 3:
            break
        time.sleep(0.01)
    tunnel.close()
    assert [line.split()[-3:-1] for line in calls.read_text().splitlines()] == [["--", "-oProxyCommand=id"]] * 3
