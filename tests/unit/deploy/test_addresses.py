"""Addresses that a balancer may use, and known error messages of hosts."""

import pytest

from harness.deploy import known_errors
from harness.deploy.inventory import addresses


def host(name: str, private: str, public: str = "203.0.113.7") -> dict[str, str]:
    return {"name": name, "private_ip": private, "ansible_host": public}


def test_private_addresses_are_fine() -> None:
    assert addresses.problems([host("a", "10.0.1.1"), host("b", "172.31.0.2"), host("c", "192.168.0.3")]) == []
    assert addresses.problems([host("a", "10.0.1.1", public="10.0.1.1")]) == []  # reached from inside


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([host("web", "203.0.113.7")], "web: private_ip: a public address, the same as ansible_host (got 203.0.113.7)"),
        ([host("web", "8.8.8.8")], "web: private_ip: a public address (got 8.8.8.8)."),
        ([host("web", "")], "web: private_ip: not set."),
        ([host("web", "ten.one")], "web: private_ip: not an IPv4 address (got 'ten.one')"),
        ([host("a", "10.0.0.1"), host("b", "10.0.0.1")], "b: private_ip: 10.0.0.1 is also the address of a,"),
        ([host("web", "172.32.0.1")], "a public address"),
    ],
)
def test_an_unusable_private_address_is_reported_with_its_host(hosts: list[dict[str, str]], words: str) -> None:
    (problem,) = addresses.problems(hosts)
    assert words in problem
    assert problem.endswith(".")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("ssh: connect to host 203.0.113.7 port 22: Connection timed out", "cannot be reached through SSH"),
        ("admin@203.0.113.7: Permission denied (publickey).", "rejects the key or the user"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @ Host key verification failed.", "its host key differs"),
        ("Missing sudo password", "cannot use sudo"),
        ("write /var/lib/docker/tmp/x: no space left on device", "its disk is full"),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", "another program uses a port"),
    ],
)
def test_a_known_error_has_its_cause_and_its_fix(words: str, cause: str) -> None:
    message = known_errors.explain("server-2", "deploying", words)
    assert message.startswith(f"server-2: {cause}") or cause in message
    assert words[-20:] in message


def test_an_unknown_error_is_printed_unchanged() -> None:
    assert known_errors.explain("server-2", "a task", "something new") == "server-2: a task: something new"


@pytest.mark.parametrize(
    ("words", "cause", "fix"),
    [
        (
            "Error connecting: Error while fetching server API version: ('Connection aborted.', "
            "ConnectionRefusedError(111, 'Connection refused'))",
            "its container engine does not answer",
            "systemctl start docker",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///run/user/1000/docker.sock. Is the docker daemon running?",
            "its container engine does not answer",
            "docker_engine_socket",
        ),
        (
            "dial unix /run/podman/podman.sock: connect: connection refused",
            "its container engine does not answer",
            "docker info",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "its user has no access to the container engine",
            "group docker",
        ),
        (
            'Error creating network: 403 Client Error: Forbidden ("invalid pool request: Pool overlaps with other one '
            'on this address space")',
            "overlaps another network",
            "docker_network_subnet",
        ),
        (
            "failed to create network: all predefined address pools have been fully subnetted",
            "overlaps another network",
            "lab_prefix",
        ),
        (
            "Request failed: <urlopen error [Errno 111] Connection refused>",
            "no program accepts connections at an address",
            "start the program that should listen there",
        ),
    ],
)
def test_an_error_of_a_container_engine_does_not_name_ssh(words: str, cause: str, fix: str) -> None:
    message = known_errors.explain("server-2", "Create the network", words)
    assert cause in message
    assert fix in message
    assert "SSH" not in message


def test_an_error_of_a_connection_names_ssh() -> None:
    message = known_errors.explain("server-2", "connecting", "Connection refused", over_ssh=True)
    assert "cannot be reached through SSH" in message


def test_control_characters_of_a_host_are_removed() -> None:
    assert "\x1b" not in known_errors.explain("server-2", "a task", "\x1b[31mred")
