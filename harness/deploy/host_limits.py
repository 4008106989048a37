"""Compare limits of hosts with the number of users, before a study starts. Pure.

A balancer has one connection for each user and up to one more for each request in flight. Each connection takes a file
on both sides, and a port on the load generator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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


@dataclass(frozen=True)
class BalancerConnections:
    """Connections that a balancer allows; `needed` for each user, and the variable that raises it."""

    allowed: int
    needed: int
    variable: str


def warnings(
    users: int, generators: int, balancers: Sequence[BalancerConnections], host: HostLimits, who: str = "users"
) -> list[str]:
    """Messages about limits below the grid's largest number of users; `host` are the limits of a load generator.

    `who` has one connection each: users, or requests in flight. `balancers` are those with known limits.
    """
    found = []
    for balancer in (each for each in balancers if each.allowed < each.needed * users):
        servers = " (including those to the servers)" if balancer.needed > 1 else ""
        found.append(
            f"the balancer allows {balancer.allowed:,} connections, but {users:,} {who} need up to "
            f"{balancer.needed * users:,}{servers}. Fix: raise {balancer.variable}."
        )
    each = -(-users // generators)
    if host.files is not None and host.files < each + 100:
        found.append(f"a load generator allows {host.files:,} open files, but {each:,} {who} need a connection each")
    if host.ports is not None and host.ports < each:
        found.append(f"a load generator has {host.ports:,} local ports, but {each:,} {who} need one each")
    return found


def burstable(hosts: list[tuple[str, str, str]]) -> list[str]:
    """Messages about burstable hosts without unlimited credits (rule E11); each host is (name, type, credits)."""
    return [
        f"{name}: {kind} is burstable: it slows down when its CPU credits run out, as if it were saturated. "
        "Fix: use another type, or set its credits to unlimited and study_cpu_credits: unlimited."
        for name, kind, mode in hosts
        if BURSTABLE.match(kind) and mode != "unlimited"
    ]
