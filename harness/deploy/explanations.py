"""What hosts say when something is wrong, with its cause and what mends it. Pure.

Ansible, ssh and Docker tell the same trouble in many words; each row here knows some of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mend:
    """Words that a host's message holds, what they mean, and what to do."""

    words: str
    cause: str
    todo: str


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
        r"timed out|No route to host|Connection refused|Name or service not known|Could not resolve|"
        r"Network is unreachable|Connection closed|Connection reset|Broken pipe|Timeout \(\d+s\)|"
        r"stdio forwarding failed|administratively prohibited",
        "it cannot be reached through SSH",
        "check that it runs, its ansible_host, and that its firewall lets SSH in from here or from its bastion",
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
)


def explain(host: str, task: str, words: str) -> str:
    """One message of host, cause, mend and the host's own words, shortened."""
    told = " ".join(words.split())[:1500]
    for mend in MENDS:
        if re.search(mend.words, words):
            return f"{host}: {mend.cause}; {mend.todo}. It said while {task}: {told}"
    return f"{host}: {task}: {told}"
