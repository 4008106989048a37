"""Which addresses a balancer may use for its servers. Pure, and of the standard library alone.

Rented machines have two: a public one, whose ports the provider's firewall closes, and a private one
for traffic among themselves. Writing the public one into the balancer's configuration is the mistake
that costs an afternoon: nothing answers, and nothing says why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

# RFC 1918 and, for carriers' and some clouds' inner networks, RFC 6598.
PRIVATE = tuple(
    ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
WHY_PRIVATE = (
    "Machines talk to each other by private addresses; the firewall closes every port of the public ones but SSH, so "
    "a balancer that is given a public address gets no answer."
)


def is_private(text: str) -> bool:
    """Whether an address belongs to a private network; raises ValueError for what is no IPv4 address."""
    address = ipaddress.IPv4Address(text)
    return any(address in block for block in PRIVATE)


def problems(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the hosts' addresses, one line each, naming the host and what to do.

    A host has `name`, `private_ip` and `ansible_host` (where SSH finds it; may be missing).
    """
    found = []
    owner: dict[str, str] = {}
    for host in hosts:
        name, private = str(host["name"]), str(host.get("private_ip") or "")
        public = str(host.get("ansible_host") or "")
        if not private:
            found.append(f"{name}: private_ip is missing. {WHY_PRIVATE} Set it to the host's private IPv4 address.")
            continue
        try:
            inside = is_private(private)
        except ValueError:
            found.append(f"{name}: private_ip is {private!r}, which is no IPv4 address; write one as in 10.0.1.11.")
            continue
        if not inside:
            same = " and the same as ansible_host" if private == public else ""
            found.append(
                f"{name}: private_ip is {private}, a public address{same}. {WHY_PRIVATE} "
                f"Set it to the host's private address."
            )
        elif private in owner:
            found.append(
                f"{name}: private_ip is {private}, which is {owner[private]}'s too. One of the two would get the "
                "traffic of both; give every host its own."
            )
        owner.setdefault(private, name)
    return found
