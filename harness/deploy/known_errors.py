"""What hosts say when something is wrong, with its cause and what mends it. Pure.

Ansible, ssh and Docker tell the same trouble in many words; each row here knows some of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.words import visible


@dataclass(frozen=True)
class Mend:
    """Words that a host's message holds, what they mean, and what to do."""

    words: str
    cause: str
    todo: str
    of_ssh: bool = False  # it means this only of words about a connection through SSH


MENDS = (
    Mend(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key .* (changed|not known)",
        "its host key is not the one that is known, so nothing was sent to it",
        "find out why: somebody may answer in its place. If the machine was made anew, remove the old key "
        "(ssh-keygen -R ADDRESS, with -f for the inventory's UserKnownHostsFile) and add the new one",
    ),
    Mend(
        r"Permission denied \(|Too many authentication failures|no such identity",
        "it does not accept the key or the user",
        "check ansible_user and ansible_ssh_private_key_file of the inventory, and the machine's authorized_keys",
    ),
    Mend(
        r"[Pp]ermission denied.{0,80}(docker|podman)\S*\.sock|(docker|podman)\S*\.sock.{0,80}[Pp]ermission denied|"
        r"server API version.{0,200}Permission denied",
        "its user may not use the container engine",
        "add that user to the group docker and log in again, or set docker_engine_socket to an engine of that user",
    ),
    Mend(
        r"(docker|podman)\S*\.sock|Cannot connect to the Docker daemon|Is the docker daemon running|"
        r"Error while fetching server API version|Cannot connect to Podman",
        "its container engine does not answer",
        "start it there ('systemctl start docker'), and check docker_engine_socket in the inventory, or DOCKER_HOST "
        "and 'docker context ls' of this machine; 'docker info' there prints the reason",
    ),
    Mend(
        r"Pool overlaps with other one on this address space|invalid pool request|"
        r"could not find an available.{0,40}address pool|all predefined address pools have been fully subnetted|"
        r"subnet \S+ is already used",
        "the network that the study needs there overlaps another network",
        "give it a free range: docker_network_subnet in the inventory (of inventory/lab: lab_prefix in "
        "group_vars/all.yml, as in 10.77.3, which all addresses follow); or remove the other network, which "
        "'docker network ls' and 'docker network inspect NAME' there show",
    ),
    Mend(
        r"timed out|No route to host|Connection refused|Name or service not known|Could not resolve|"
        r"Network is unreachable|Connection closed|Connection reset|Broken pipe|Timeout \(\d+s\)|"
        r"stdio forwarding failed|administratively prohibited",
        "it cannot be reached through SSH",
        "check that it runs, its ansible_host, and that its firewall lets SSH in from here or from its bastion",
        of_ssh=True,
    ),
    Mend(
        r"sudo: a password is required|Missing sudo password|sudo: not found|sudo.{0,40}No such file|"
        r"not in the sudoers file|sudo: command not found",
        "its user may not use sudo without a password",
        "allow it (NOPASSWD in /etc/sudoers.d), or give a user that may",
    ),
    Mend(
        r"No space left on device|not enough free disk space|no space left|[Dd]isk quota exceeded",
        "its disk is full",
        "make room there: 'docker system df' tells what Docker holds",
    ),
    Mend(
        r"executable file not found|exec format error|exec: .*(no such file|permission denied)",
        "the command of its container cannot be started",
        "check ml_server_command and ml_server_entrypoint; an 'exec format error' is an image for another processor",
    ),
    Mend(
        r"port is already allocated|address already in use|Address already in use|Ports are not available",
        "a port that the study needs is taken by another program there",
        "find it with 'ss -ltnp' on that host and stop it, or publish another port in the inventory",
    ),
    Mend(
        r"[Cc]onnection refused",
        "nothing accepts connections at an address that it needs",
        "start what should listen there, or correct the address; the words below name it",
    ),
)
OF_SSH = re.compile(r"\bssh\b|\bport 22\b|kex_exchange|stdio forwarding failed", re.IGNORECASE)


def explain(host: str, task: str, words: str, *, over_ssh: bool = False) -> str:
    """One message of host, cause, mend and the host's own words, shortened.

    `over_ssh`: the words are about the connection itself; else only where they name SSH.
    """
    told = visible(" ".join(words.split())[:1500])
    over_ssh = over_ssh or bool(OF_SSH.search(words))
    for mend in MENDS:
        if re.search(mend.words, told) and (over_ssh or not mend.of_ssh):
            return f"{host}: {mend.cause}; {mend.todo}. It said while {task}: {told}"
    return f"{host}: {task}: {told}"
