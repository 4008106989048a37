"""Known error messages of Ansible, ssh and Docker, each with its cause and a fix. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.words import visible


@dataclass(frozen=True)
class Hint:
    """The cause and the fix of error messages that match `pattern`."""

    pattern: str
    cause: str
    fix: str
    only_ssh: bool = False  # only for messages about an SSH connection


HINTS = (
    Hint(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key .* (changed|not known)",
        "its host key differs from the known one, so no data was sent",
        "find out why: another machine may answer in its place. If the machine was created anew, remove the old key "
        "(ssh-keygen -R ADDRESS, with -f for the inventory's UserKnownHostsFile) and add the new one",
    ),
    Hint(
        r"Permission denied \(|Too many authentication failures|no such identity",
        "it rejects the key or the user",
        "check ansible_user and ansible_ssh_private_key_file of the inventory, and the machine's authorized_keys",
    ),
    Hint(
        r"[Pp]ermission denied.{0,80}(docker|podman)\S*\.sock|(docker|podman)\S*\.sock.{0,80}[Pp]ermission denied|"
        r"server API version.{0,200}Permission denied",
        "its user has no access to the container engine",
        "add that user to the group docker and log in again, or set docker_engine_socket to an engine of that user",
    ),
    Hint(
        r"(docker|podman)\S*\.sock|Cannot connect to the Docker daemon|Is the docker daemon running|"
        r"Error while fetching server API version|Cannot connect to Podman",
        "its container engine does not answer",
        "start it on that host ('systemctl start docker'). Check docker_engine_socket in the inventory, or DOCKER_HOST "
        "and 'docker context ls' on this machine; 'docker info' on that host prints the reason",
    ),
    Hint(
        r"Pool overlaps with other one on this address space|invalid pool request|"
        r"could not find an available.{0,40}address pool|all predefined address pools have been fully subnetted|"
        r"subnet \S+ is already used",
        "the study's network overlaps another network",
        "set docker_network_subnet in the inventory to a free range (for inventory/lab: lab_prefix in "
        "group_vars/all.yml, as in 10.77.3, from which all addresses follow). Or remove the other network, which "
        "'docker network ls' and 'docker network inspect NAME' show on that host",
    ),
    Hint(
        r"timed out|No route to host|Connection refused|Name or service not known|Could not resolve|"
        r"Network is unreachable|Connection closed|Connection reset|Broken pipe|Timeout \(\d+s\)|"
        r"stdio forwarding failed|administratively prohibited",
        "it cannot be reached through SSH",
        "check that it runs, its ansible_host, and that its firewall allows SSH from this machine or from its bastion",
        only_ssh=True,
    ),
    Hint(
        r"sudo: a password is required|Missing sudo password|sudo: not found|sudo.{0,40}No such file|"
        r"not in the sudoers file|sudo: command not found",
        "its user cannot use sudo without a password",
        "allow it (NOPASSWD in /etc/sudoers.d), or set ansible_user to a user that can",
    ),
    Hint(
        r"No space left on device|not enough free disk space|no space left|[Dd]isk quota exceeded",
        "its disk is full",
        "free space on that host; 'docker system df' lists what Docker uses",
    ),
    Hint(
        r"executable file not found|exec format error|exec: .*(no such file|permission denied)",
        "the command of its container does not start",
        "check ml_server_command and ml_server_entrypoint; 'exec format error' means an image for another processor",
    ),
    Hint(
        r"port is already allocated|address already in use|Address already in use|Ports are not available",
        "another program uses a port that the study needs",
        "find the program with 'ss -ltnp' on that host and stop it, or publish another port in the inventory",
    ),
    Hint(
        r"[Cc]onnection refused",
        "no program accepts connections at an address that it needs",
        "start the program that should listen there, or correct the address in the message below",
    ),
)
_ABOUT_SSH = re.compile(r"\bssh\b|\bport 22\b|kex_exchange|stdio forwarding failed", re.IGNORECASE)


def explain(host: str, task: str, message: str, *, over_ssh: bool = False) -> str:
    """An error message with host, cause and fix if they are known, and the original message, shortened.

    With `over_ssh` the message is about the SSH connection itself, although it may not name SSH.
    """
    original = visible(" ".join(message.split())[:1500])
    over_ssh = over_ssh or bool(_ABOUT_SSH.search(message))
    for hint in HINTS:
        if re.search(hint.pattern, original) and (over_ssh or not hint.only_ssh):
            return f"{host}: {hint.cause}. Fix: {hint.fix}. Message while {task}: {original}"
    return f"{host}: {task}: {original}"
