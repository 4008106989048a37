"""Limits of hosts against the number of users, said before anybody waits for a result. Pure.

A balancer holds one connection for each user and up to one more for each request in flight; a user's
connection takes a file on both sides and, on the generator, a port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Types of instances that earn credits for CPU: they slow down in the middle of a study when these run out.
BURSTABLE = re.compile(r"^t\d")


@dataclass(frozen=True)
class HostLimits:
    """Open files that a process may have, and local ports for connections; None where they cannot be read."""

    files: int | None
    ports: int | None


# What is run in a container to read them.
COMMAND = ["sh", "-c", "ulimit -n; cat /proc/sys/net/ipv4/ip_local_port_range"]


def parse(text: str) -> HostLimits:
    """What `COMMAND` printed."""
    numbers = [int(word) for word in text.split() if word.isdigit()]
    if len(numbers) == 3:
        return HostLimits(numbers[0], numbers[2] - numbers[1] + 1)
    return HostLimits(None, None)


def connections_of(nginx: str, cores: int) -> int | None:
    """Connections that nginx may hold, by its own account of its configuration; None where that lacks them."""
    each = re.search(r"^\s*worker_connections\s+(\d+);", nginx, re.M)
    workers = re.search(r"^\s*worker_processes\s+(\w+);", nginx, re.M)
    if each is None:
        return None
    count = cores if workers is not None and workers[1] == "auto" else int(workers[1]) if workers else 1
    return int(each[1]) * count


def warnings(users: int, generators: int, connections: int | None, host: HostLimits, who: str = "users") -> list[str]:
    """What the most users of a grid will not fit into, one sentence each; `host` are a generator's limits.

    `who` has a connection each: users, or requests that may be in flight at once.
    """
    found = []
    if connections is not None and connections < 2 * users:
        found.append(
            f"the balancer may hold {connections} connections, and {users} {who} need up to {2 * users} (their own and "
            "those to the servers): nginx_lb_worker_connections raises it"
        )
    each = -(-users // generators)
    if host.files is not None and host.files < each + 100:
        found.append(f"a load generator may open {host.files} files, and {each} {who} need as many connections")
    if host.ports is not None and host.ports < each:
        found.append(f"a load generator has {host.ports} local ports, and {each} {who} need one each")
    return found


def burstable(hosts: list[tuple[str, str, str]]) -> list[str]:
    """E11 beforehand: burstable hosts whose credits are not unlimited; each is (name, type, credits)."""
    return [
        f"{name}: {kind} is burstable and slows down when its credits run out, which looks like a limit of the server; "
        "take another type, or give it unlimited credits and set study_cpu_credits: unlimited"
        for name, kind, mode in hosts
        if BURSTABLE.match(kind) and mode != "unlimited"
    ]
