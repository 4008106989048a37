"""Check hosts that Ansible could read: each problem names what is wrong, what is allowed and what to do. Pure.

A problem has a host or group and a variable; harness/deploy/inventory/positions.py finds the lines.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.deploy.inventory import addresses
from harness.deploy.inventory.hosts import DEPENDENCIES, GROUPS, Host, Inventory, as_port, as_price
from harness.deploy.role_values import RoleValues
from harness.deploy.value_rules import wrong_host
from harness.secrecy import MASK
from harness.words import short

# Variables of Ansible and of this project's playbooks, which the defaults of no role contain.
WELL_KNOWN = frozenset((
    "private_ip", "ansible_host", "ansible_port", "ansible_user", "ansible_password", "ansible_connection",
    "ansible_become", "ansible_become_user", "ansible_become_method", "ansible_become_password",
    "ansible_python_interpreter", "ansible_private_key_file", "ansible_ssh_private_key_file",
    "ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args", "ansible_ssh_executable",
    "ansible_ssh_pipelining", "ansible_pipelining", "ansible_timeout", "ansible_ssh_host", "ansible_ssh_port",
    "ansible_ssh_user", "ansible_host_key_checking", "ansible_ssh_host_key_checking", "ansible_ssh_timeout",
    "ansible_ssh_retries", "ansible_remote_tmp", "ansible_shell_type", "ansible_sftp_extra_args",
    "ansible_scp_extra_args", "ansible_ssh_transfer_method", "ansible_become_exe", "ansible_become_flags",
    "study_kind", "study_container_engine", "study_container", "study_url", "study_target_url",
    "study_control_url", "study_load_generator_url", "study_ngrinder_url", "study_servers_in_order",
    "study_usd_per_hour", "study_instance_type", "study_cpu_credits", "images_distribution", "images_registry",
    "lab_server_capacity", "lab_service_time", "lab_time_scaling", "lab_container_cpus",
))  # fmt: skip
_REQUIRED = {
    "load_balancers": ("study_container", "study_url", "study_control_url", "study_target_url"),
    "ml_servers": ("study_container",),
    "load_generators": ("study_container", "study_load_generator_url"),
    DEPENDENCIES: ("study_container", "dependency_image"),
}
_CONNECTIONS = {"ssh": ("ssh", "smart", "ansible.builtin.ssh"), "local": ("local", "ansible.builtin.local")}
_OUT_OF_REACH = "none"  # instead of a container engine: an existing dependency that cannot be observed
# Variables of a server that decide its speed. Ports and names may differ between servers.
_SPEED = ("ml_server_", "study_instance_type")
_NOT_SPEED = ("ml_server_port", "ml_server_name")


@dataclass(frozen=True)
class Problem:
    """A message about a variable of a host or group; without a variable about the host or the group itself."""

    message: str
    host: str = ""
    variable: str = ""
    group: str = ""


def of(hosts: Inventory, known: frozenset[str], values: RoleValues | None = None) -> list[Problem]:
    """All problems. `known` are the names of all roles' variables; `values` checks values against the roles."""
    if ambiguous := list(_group_members(hosts.hosts)):
        return ambiguous
    found = [problem for host in hosts.hosts for problem in (*_host(host), *_misspelt(host, known | WELL_KNOWN))]
    found += [problem for host in hosts.hosts for problem in _name_and_values(host, values)]
    plain = ({"name": host.name, **host.variables} for host in hosts.hosts if host.is_managed)
    found += [Problem(message, host=name, variable="private_ip") for name, message in addresses.found(plain)]
    return [*found, *_shared_addresses(hosts.hosts)]


def missing_group(group: str, exists: bool, groups: tuple[str, ...] = GROUPS) -> str:
    """The message about a required group without hosts; `groups` are all required ones."""
    what = "no host" if exists else "missing"
    required = f"each of {', '.join(groups[:-1])} and {groups[-1]}" if len(groups) > 1 else groups[0]
    return f"group {group}: {what}. Allowed: at least one host in {required}. Fix: list hosts below 'hosts:'."


def _group_members(hosts: Iterable[Host]) -> Iterable[Problem]:
    """Hosts that are in several groups, and several balancers."""
    found = list(hosts)
    shared = [host for host in found if len(host.groups) > 1]
    for host in shared:
        yield Problem(
            f"{host.name}: in several groups ({', '.join(host.groups)}), so its load would disturb the measurement. "
            "Fix: keep it in one of them.",
            group=host.groups[-1],
        )
    balancers = [host.name for host in found if host.group == "load_balancers"]
    if len(balancers) > 1 and not shared:
        names = ", ".join(balancers)
        yield Problem(
            f"group load_balancers: several hosts (got {names}). Allowed: one. Fix: keep the one to measure.",
            group="load_balancers",
        )


def _name_and_values(host: Host, values: RoleValues | None) -> Iterable[Problem]:
    """A name that the balancer cannot use, and values of variables that the roles would reject."""
    if message := wrong_host(host.name):
        yield Problem(message, host.name)
    for name in host.names if values else ():
        value = host.variables.get(name)
        checked = values and (name in values.options or name.startswith("lab_")) and not name.endswith("_port")
        for inside, message in (
            values.wrong(name, value, templates=True) if values and checked and value is not None else ()
        ):
            place = "".join(f".{part}" for part in inside)
            got = "" if isinstance(value, dict | list) else f"got {short(value)}. "
            yield Problem(f"{name}{place}: {got}{message}", host.name, name)


def _host(host: Host) -> Iterable[Problem]:
    """Problems of one host, except those of its private address."""
    variables = host.variables
    engine = variables.get("study_container_engine")
    if engine == _OUT_OF_REACH and not host.is_managed:
        yield from _ports_and_price(host)
        return
    if engine not in _CONNECTIONS:
        got = f"unknown (got {engine!r})" if engine else "not set"
        yield Problem(
            f"study_container_engine: {got}. Allowed: ssh (a machine with a container engine), local (a container of "
            "this machine). Fix: copy the files in inventory/ec2/group_vars.",
            host.name, "study_container_engine",
        )  # fmt: skip
        return
    for name in _REQUIRED[host.group] if host.is_managed else ():
        if not variables.get(name):
            example = f"inventory/{'lab' if engine == 'local' else 'ec2'}/group_vars/{host.group}.yml"
            yield Problem(f"{name}: not set. Fix: set it as in {example}.", host.name, name)
    connection = variables.get("ansible_connection")
    if connection and connection not in _CONNECTIONS[engine]:
        yield Problem(
            f"ansible_connection: does not fit study_container_engine: {engine} (got {connection!r}). "
            f"Allowed: {_CONNECTIONS[engine][0]}." + (" Fix: remove it." if engine == "ssh" else ""),
            host.name, "ansible_connection",
        )  # fmt: skip
    yield from _ports_and_price(host)
    yield from _view(host)
    for name in ("ansible_host", "ansible_ssh_host"):
        address = variables.get(name)
        if address is not None and (message := _unusable_address(str(address))):
            yield Problem(f"{name}: {message}", host.name, name)
    if host.name.startswith("-"):
        yield Problem(f"name: {_unusable_address(host.name)}", host.name)


# Options of mysql, mariadb, redis-cli and psql that are followed by a password.
_PASSWORD = re.compile(r"-a$|-p(?!\d*$)|--pass")


def _view(host: Host) -> Iterable[Problem]:
    """Variables of a dependency's own view without the variables that it needs, and secrets in commands."""
    user, kind = "dependency_view_user", "dependency_kind"
    given = [name for name in host.names if name.startswith("dependency_view_") and host.variables.get(name)]
    if given and not host.variables.get(kind):
        yield Problem(f"{given[0]}: only valid with {kind}. Fix: set {kind}.", host.name, given[0])
    reset = host.variables.get("dependency_reset")
    if reset and MASK.search(str(reset)):  # the study runs it, and reads an inventory without its secrets
        yield Problem(
            "dependency_reset: contains a secret. Allowed: a command that reads it in the container. "
            "Fix: write [sh, -c, 'MYSQL_PWD=\"$MYSQL_ROOT_PASSWORD\" mysql …'].",
            host.name, "dependency_reset",
        )  # fmt: skip
    arguments = host.variables.get("dependency_view_arguments")
    words = [str(word) for word in arguments] if isinstance(arguments, list) else []
    if any(MASK.search(word) or _PASSWORD.match(word) for word in words):
        yield Problem(
            "dependency_view_arguments: contains a password, which the study would record. "
            "Fix: name it with dependency_view_credential.",
            host.name, "dependency_view_arguments",
        )  # fmt: skip
    if given and host.variables.get(kind) and not host.variables.get(user):
        yield Problem(f"{given[0]}: only valid with {user}. Fix: set {user}.", host.name, given[0])


def _ports_and_price(host: Host) -> Iterable[Problem]:
    for name, value in host.variables.items():
        if name.endswith("_port") and value not in (None, "") and as_port(value) is None:
            yield Problem(f"{name}: not a port (got {value!r}). Allowed: 1 to 65535.", host.name, name)
    price = host.variables.get("study_usd_per_hour")
    if price not in (None, "") and as_price(price) is None:
        message = f"study_usd_per_hour: not a price (got {price!r}). Allowed: a number of USD per hour, as in 0.10."
        yield Problem(message, host.name, "study_usd_per_hour")


def _unusable_address(address: str) -> str:
    """Why SSH cannot use an address; empty if it can."""
    got, example = f"(got {address!r})", "Fix: write an address, as in 203.0.113.10."
    if not address.strip():
        return f"empty. {example}"
    if address.startswith("-"):
        return f"begins with a dash, which ssh reads as an option {got}. {example}"
    if "@" in address:
        return f"contains a user {got}. Fix: set the user as ansible_user."
    if "/" in address:
        return f"contains a slash {got}. Fix: write the address without scheme and mask, as in 203.0.113.10."
    if re.fullmatch(r"[^:]+:\d+", address):
        return f"contains a port {got}. Fix: set the port as ansible_port."
    if not re.fullmatch(r"[\w.:%\[\]-]+", address):
        return f"neither an address nor the name of a host {got}. {example}"
    return ""


def _misspelt(host: Host, known: frozenset[str]) -> Iterable[Problem]:
    """Variables that nothing reads and whose names are close to a known one."""
    for name in host.names:
        if name in known or len(name) < 6:
            continue
        # A comparison with all known names would be slow.
        candidates = [other for other in known if abs(len(other) - len(name)) <= 3]
        close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.86)
        if close:
            yield Problem(f"{name}: unknown variable. Fix: write {close[0]}, or rename yours.", host.name, name)


def _shared_addresses(hosts: Iterable[Host]) -> Iterable[Problem]:
    """Machines with the same address and port for SSH."""
    owner: dict[tuple[str, str], str] = {}
    for host in hosts:
        address, port = host.variables.get("ansible_host"), host.variables.get("ansible_port")
        if not host.is_machine or not address:
            continue
        where = (str(address), str(port or 22))
        if where in owner and owner[where] != host.name:
            yield Problem(
                f"ansible_host: {where[0]} is also the address of {owner[where]}, so both names mean one machine. "
                "Fix: give each host an address of its own.",
                host.name, "ansible_host",
            )  # fmt: skip
        owner.setdefault(where, host.name)


def unequal(hosts: Inventory, types: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Servers whose variables differ from those of the first one of their type; `types` are the grid's."""
    type_of = {server: name for name, servers in types.items() for server in servers}
    found: list[Problem] = []
    firsts: dict[str, Host] = {}
    for server in (host for host in hosts.hosts if host.group == "ml_servers" and len(host.groups) < 2):
        kind = type_of.get(server.name, "")
        first = firsts.setdefault(kind, server)
        if not types or kind:  # a server without a type takes no part
            found += _differences(first, server, kind)
    return found


def _differences(first: Host, server: Host, kind: str) -> Iterable[Problem]:
    for name in sorted(set(first.variables) | set(server.variables)):
        mine, other = server.variables.get(name), first.variables.get(name)
        if mine == other or not name.startswith(_SPEED) or name.startswith(_NOT_SPEED):
            continue
        if name in server.configuration or name.startswith("study_"):
            what, fix = "Servers must be", "set it once, for the group, or name the types as server_types in the grid"
            if kind:
                what, fix = f"Servers of type {kind} must be", "set it once for all of them, or use another type"
            yield Problem(
                f"{name}: differs between servers (got {mine!r}, and {other!r} on {first.name}). {what} "
                f"identical, otherwise the gain reflects their differences. Fix: {fix}.",
                server.name, name,
            )  # fmt: skip
