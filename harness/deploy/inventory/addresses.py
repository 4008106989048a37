"""Check which addresses a balancer may use for its servers. Pure, and of the standard library alone.

Rented machines have a public address, whose ports the provider's firewall closes, and a private one for traffic between
them. With a public address in the balancer's configuration, no server answers and no program reports the reason.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

# RFC 1918, and RFC 6598 for inner networks of carriers and some clouds.
PRIVATE = tuple(
    ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
WHY_PRIVATE = (
    "The machines reach each other by private addresses, because the firewall closes every port of the public ones "
    "except SSH."
)
EXAMPLE = "Fix: set it to the host's private IPv4 address, as in 10.0.1.11."


def is_private(text: str) -> bool:
    """Whether an address belongs to a private network; raises ValueError for anything but an IPv4 address."""
    address = ipaddress.IPv4Address(text)
    return any(address in block for block in PRIVATE)


def problems(hosts: Iterable[Mapping[str, Any]]) -> list[str]:
    """`found` as one line for each host."""
    return [f"{name}: {problem}" for name, problem in found(hosts)]


def found(hosts: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(host's name, what is wrong with its private address) for each host with a problem.

    A host has `name`, `private_ip` and `ansible_host` (the address that SSH uses, which may be absent).
    """
    problems = []
    owner: dict[str, str] = {}
    for host in hosts:
        name, private = str(host["name"]), str(host.get("private_ip") or "")
        problem = wrong(private, str(host.get("ansible_host") or ""))
        if not problem and private in owner:
            problem = (
                f"private_ip: {private} is also the address of {owner[private]}, so one of them would get the traffic "
                "of both. Fix: give each host an address of its own."
            )
        if problem:
            problems.append((name, problem))
        owner.setdefault(private, name)
    return problems


def wrong(private: str, public: str) -> str:
    """Why a server cannot be reached at a private address; empty if it can. `public` is the address that SSH uses."""
    if not private:
        return f"private_ip: not set. {WHY_PRIVATE} {EXAMPLE}"
    try:
        address = ipaddress.ip_address(private)
    except ValueError:
        return f"private_ip: {_not_an_address(private)} (got {private!r}). {EXAMPLE}"
    if address.version == 6:
        return f"private_ip: an IPv6 address (got {private}). Allowed: IPv4. {EXAMPLE}"
    for kind, description in UNUSABLE.items():
        if getattr(address, kind):
            return f"private_ip: {description} (got {private}). {EXAMPLE}"
    if not is_private(private):
        same = ", the same as ansible_host" if private == public else ""
        return f"private_ip: a public address{same} (got {private}). {WHY_PRIVATE} {EXAMPLE}"
    return ""


# Addresses that other machines cannot reach, by the names in the standard library.
UNUSABLE = {
    "is_loopback": "a loopback address, which means the machine itself on every machine",
    "is_unspecified": "the unspecified address, which stands for all addresses of a machine",
    "is_link_local": "a link-local address, which a machine assigns to itself when no other is assigned",
    "is_multicast": "a multicast address, which belongs to no single host",
}


def _not_an_address(text: str) -> str:
    """What a text is instead of an IPv4 address."""
    for mark, description in ((":", "an address with a port"), ("/", "a network with its mask")):
        address, _, rest = text.partition(mark)
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            continue
        if rest.isdigit():
            return f"{description}, not an IPv4 address"
    return "not an IPv4 address"
