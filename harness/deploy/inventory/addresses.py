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
    return [f"{name}: {words}" for name, words in found(hosts)]


def found(hosts: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The same as pairs of a host's name and the words about it."""
    told = []
    owner: dict[str, str] = {}
    for host in hosts:
        name, private = str(host["name"]), str(host.get("private_ip") or "")
        words = wrong(private, str(host.get("ansible_host") or ""))
        if not words and private in owner:
            words = (
                f"private_ip is {private}, which is {owner[private]}'s too. One of the two would get the traffic of "
                "both; give every host its own."
            )
        if words:
            told.append((name, words))
        owner.setdefault(private, name)
    return told


def wrong(private: str, public: str) -> str:
    """Why servers cannot be reached at a private address; empty when they can. `public` is where SSH goes."""
    if not private:
        return f"private_ip is missing. {WHY_PRIVATE} Set it to the host's private IPv4 address."
    try:
        address = ipaddress.ip_address(private)
    except ValueError:
        return f"private_ip is {private!r}, which is {no_address(private)}; write one as in 10.0.1.11."
    if address.version == 6:
        return (
            f"private_ip is {private}, an IPv6 address; the balancer's configuration and the checks know IPv4 alone. "
            "Write the host's private IPv4 address, as in 10.0.1.11."
        )
    for kind, what in UNUSABLE.items():
        if getattr(address, kind):
            return f"private_ip is {private}, {what}. Set it to the host's private address, as in 10.0.1.11."
    if not is_private(private):
        same = " and the same as ansible_host" if private == public else ""
        return f"private_ip is {private}, a public address{same}. {WHY_PRIVATE} Set it to the host's private address."
    return ""


# Addresses that no other machine reaches, by what the standard library calls them.
UNUSABLE = {
    "is_loopback": "a loopback address, which on every machine means that machine itself",
    "is_unspecified": "which is no host's address but stands for all of them",
    "is_link_local": "a link-local address, which a machine gives itself where it was given none",
    "is_multicast": "a multicast address, which belongs to no host",
}


def no_address(text: str) -> str:
    """What a text is that is no address."""
    for mark, what in ((":", "an address with a port"), ("/", "a network with its mask")):
        address, _, rest = text.partition(mark)
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            continue
        if rest.isdigit():
            return f"{what} and no IPv4 address"
    return "no IPv4 address"
