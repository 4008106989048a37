"""What is wrong with hosts that Ansible could read: each thing named, with what is allowed and what to do. Pure.

A problem knows its host or group and its variable; harness/deploy/inventory/positions.py finds the lines.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.deploy.inventory import addresses
from harness.deploy.inventory.hosts import GROUPS, Host, Inventory
from harness.deploy.inventory.known_names import WELL_KNOWN
from harness.deploy.role_values import RoleValues
from harness.deploy.value_rules import wrong_host
from harness.words import short

NEEDED = {
    "load_balancers": ("study_container", "study_url", "study_control_url", "study_target_url"),
    "ml_servers": ("study_container",),
    "load_generators": ("study_container", "study_load_generator_url"),
}
ENGINES = ("ssh", "local")
CONNECTIONS = {"ssh": ("ssh", "smart", "ansible.builtin.ssh"), "local": ("local", "ansible.builtin.local")}
# What of a server decides how fast it is; ports and addresses may differ from server to server.
SPEED = ("ml_server_", "study_instance_type")
NOT_SPEED = ("ml_server_port", "ml_server_name")


@dataclass(frozen=True)
class Problem:
    """Words about a host's or a group's variable; without a variable about the host or the group itself."""

    words: str
    host: str = ""
    variable: str = ""
    group: str = ""


def of(hosts: Inventory, known: frozenset[str], values: RoleValues | None = None) -> list[Problem]:
    """Everything that is wrong; `known` are the names of all roles' variables, `values` knows what they may be."""
    if mixed := list(groups(hosts.hosts)):
        return mixed
    found = [problem for host in hosts.hosts for problem in (*one(host), *misspelt(host, known | WELL_KNOWN))]
    found += [problem for host in hosts.hosts for problem in named_and_set(host, values)]
    told = ({"name": host.name, **host.variables} for host in hosts.hosts)
    found += [Problem(words, host=name, variable="private_ip") for name, words in addresses.found(told)]
    return [*found, *doubled(hosts.hosts), *unequal([host for host in hosts.hosts if host.group == "ml_servers"])]


def named_and_set(host: Host, values: RoleValues | None) -> Iterable[Problem]:
    """A name that nginx cannot take, and values of variables that the roles would refuse."""
    if words := wrong_host(host.name):
        yield Problem(words, host.name)
    for name in host.names if values else ():
        value = host.variables.get(name)
        checked = values and (name in values.options or name.startswith("lab_")) and not name.endswith("_port")
        for inside, words in (
            values.wrong(name, value, templates=True) if values and checked and value is not None else ()
        ):
            place = "".join(f".{part}" for part in inside)
            shown = "" if isinstance(value, dict | list) else f" is {short(value)}"
            yield Problem(f"{name}{place}{shown}{';' if shown else ':'} {words}", host.name, name)


def missing(group: str, there: bool) -> str:
    """Words about a group that the study needs and has no host in."""
    what = "has no host" if there else "is missing"
    return f"group {group} {what}; the groups {', '.join(GROUPS)} need at least one host each: list it under 'hosts:'"


def groups(hosts: Iterable[Host]) -> Iterable[Problem]:
    """A host that is in several groups, and a group that has too many."""
    found = list(hosts)
    shared = [host for host in found if len(host.groups) > 1]
    for host in shared:
        yield Problem(
            f"{host.name} is in the groups {' and '.join(host.groups)}; a host has one task, or it would measure "
            "itself. Leave it in one of them",
            group=host.groups[-1],
        )
    balancers = ", ".join(host.name for host in found if host.group == "load_balancers")
    if ", " in balancers and not shared:
        yield Problem(
            f"group load_balancers has several hosts ({balancers}); one is measured: leave one", group="load_balancers"
        )


def one(host: Host) -> Iterable[Problem]:
    """What is wrong with a host by itself, but for its private address."""
    said = host.variables
    engine = said.get("study_container_engine")
    if engine not in ENGINES:
        what = f"is {engine!r}" if engine else "is not set"
        yield Problem(
            f"study_container_engine {what}; allowed: ssh (a machine with an engine of its own), local (a container of "
            "this machine's engine). The files in inventory/ec2/group_vars set what the hosts need: copy them",
            host.name, "study_container_engine",
        )  # fmt: skip
        return
    for name in NEEDED[host.group]:
        if not said.get(name):
            like = "lab" if engine == "local" else "ec2"
            yield Problem(f"{name} is not set; inventory/{like}/group_vars/{host.group}.yml shows how", host.name, name)
    connection = said.get("ansible_connection")
    if connection and connection not in CONNECTIONS[engine]:
        yield Problem(
            f"ansible_connection is {connection!r}; allowed with study_container_engine: {engine} is "
            f"{CONNECTIONS[engine][0]}" + (", or leave it out" if engine == "ssh" else ""),
            host.name, "ansible_connection",
        )  # fmt: skip
    for name, value in said.items():
        if name.endswith("_port") and value not in (None, "") and not is_port(value):
            yield Problem(f"{name} is {value!r}; a port is a whole number from 1 to 65535", host.name, name)
    price = said.get("study_usd_per_hour")
    if price not in (None, "") and not is_price(price):
        words = f"study_usd_per_hour is {price!r}; a price is a number of USD an hour, as in 0.10"
        yield Problem(words, host.name, "study_usd_per_hour")
    for name in ("ansible_host", "ansible_ssh_host"):
        address = said.get(name)
        if address is not None and (wrong := unreachable(str(address))):
            yield Problem(f"{name} is {str(address)!r}, {wrong}", host.name, name)
    if host.name.startswith("-"):
        yield Problem(f"the host's name is {host.name!r}, {unreachable(host.name)}", host.name)


def is_port(value: Any) -> bool:
    """Whether a value is a port's number, as a number or as text."""
    return not isinstance(value, bool) and bool(re.fullmatch(r"\d{1,5}", str(value))) and 1 <= int(value) <= 65535


def is_price(value: Any) -> bool:
    """Whether a value is an amount of money, as a number or as text."""
    return not isinstance(value, bool) and bool(re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", str(value)))


def unreachable(address: str) -> str:
    """Why SSH cannot take an address; empty when it can."""
    if not address.strip():
        return "which is empty; write the address or name at which SSH finds the host"
    if address.startswith("-"):
        return "which begins with a dash: ssh takes that for an option. Write an address, as in 203.0.113.10"
    if "@" in address:
        return "with a user in it; the user is ansible_user"
    if "/" in address:
        return "which is no address; write it alone, as in 203.0.113.10, without a scheme or a mask"
    if re.fullmatch(r"[^:]+:\d+", address):
        return "with a port in it; the port is ansible_port"
    if not re.fullmatch(r"[\w.:%\[\]-]+", address):
        return "which is no address and no name of a host; write one as in 203.0.113.10"
    return ""


def misspelt(host: Host, known: frozenset[str]) -> Iterable[Problem]:
    """Variables that nothing reads and whose names are nearly one that something does."""
    for name in host.names:
        if name in known or len(name) < 6:
            continue
        close = difflib.get_close_matches(name, candidates(name, known), n=1, cutoff=0.86)
        if close:
            yield Problem(f"nothing reads {name!r}; did you mean {close[0]!r}?", host.name, name)


def candidates(name: str, known: frozenset[str]) -> list[str]:
    """Known names of nearly the same length: a comparison with all of them would be slow."""
    return [other for other in known if abs(len(other) - len(name)) <= 3]


def doubled(hosts: Iterable[Host]) -> Iterable[Problem]:
    """Hosts that SSH would find at one place."""
    owner: dict[tuple[str, str], str] = {}
    for host in hosts:
        said = host.variables
        if said.get("study_container_engine") != "ssh" or not said.get("ansible_host"):
            continue
        where = (str(said["ansible_host"]), str(said.get("ansible_port") or 22))
        if where in owner and owner[where] != host.name:
            yield Problem(
                f"ansible_host is {where[0]}, which is {owner[where]}'s too: both would be one machine. Give every "
                "host its own",
                host.name, "ansible_host",
            )  # fmt: skip
        owner.setdefault(where, host.name)


def unequal(servers: list[Host]) -> Iterable[Problem]:
    """Servers that are set up otherwise than the first one."""
    for server in servers[1:]:
        first = servers[0]
        for name in sorted(set(first.variables) | set(server.variables)):
            mine, other = server.variables.get(name), first.variables.get(name)
            if mine == other or not name.startswith(SPEED) or name.startswith(NOT_SPEED):
                continue
            if name in server.configuration or name.startswith("study_"):
                yield Problem(
                    f"{name} is {mine!r}, but {other!r} on {first.name}: servers that differ make no scale, a gain "
                    "would be theirs and not that of one more. Set it for the group, the same for all",
                    server.name, name,
                )  # fmt: skip
