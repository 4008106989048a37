"""Compare limits of hosts with the number of users, before a study starts. Pure.

A balancer has one connection for each user and up to one more for each request in flight. Each connection takes a file
on both sides, and a port on the load generator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Types of instances with CPU credits: they slow down in the middle of a study when the credits run out.
BURSTABLE = re.compile(r"^t\d")


@dataclass(frozen=True)
class HostLimits:
    """Open files that a process may have, and local ports for connections; None if they cannot be read."""

    files: int | None
    ports: int | None


# The command that reads the limits in a container.
COMMAND = ["sh", "-c", "ulimit -n; cat /proc/sys/net/ipv4/ip_local_port_range"]


def parse(text: str) -> HostLimits:
    """The limits in the output of `COMMAND`."""
    numbers = [int(word) for word in text.split() if word.isdigit()]
    if len(numbers) == 3:
        return HostLimits(numbers[0], numbers[2] - numbers[1] + 1)
    return HostLimits(None, None)


def connections_of(nginx: str, cores: int) -> int | None:
    """Connections that nginx may have, by its configuration as `nginx -T` prints it; None if that does not set them."""
    each = re.search(r"^\s*worker_connections\s+(\d+);", nginx, re.M)
    workers = re.search(r"^\s*worker_processes\s+(\w+);", nginx, re.M)
    if each is None:
        return None
    count = cores if workers is not None and workers[1] == "auto" else int(workers[1]) if workers else 1
    return int(each[1]) * count


def warnings(users: int, generators: int, connections: int | None, host: HostLimits, who: str = "users") -> list[str]:
    """Messages about limits below the grid's largest number of users; `host` are the limits of a load generator.

    `who` has one connection each: users, or requests in flight.
    """
    found = []
    if connections is not None and connections < 2 * users:
        found.append(
            f"the balancer allows {connections} connections, but {users} {who} need up to {2 * users} (including "
            "those to the servers). Fix: raise nginx_lb_worker_connections."
        )
    each = -(-users // generators)
    if host.files is not None and host.files < each + 100:
        found.append(f"a load generator allows {host.files} open files, but {each} {who} need a connection each")
    if host.ports is not None and host.ports < each:
        found.append(f"a load generator has {host.ports} local ports, but {each} {who} need one each")
    return found


def burstable(hosts: list[tuple[str, str, str]]) -> list[str]:
    """Messages about burstable hosts without unlimited credits (rule E11); each host is (name, type, credits)."""
    return [
        f"{name}: {kind} is burstable: it slows down when its CPU credits run out, as if it were saturated. "
        "Fix: use another type, or set its credits to unlimited and study_cpu_credits: unlimited."
        for name, kind, mode in hosts
        if BURSTABLE.match(kind) and mode != "unlimited"
    ]
