"""The hosts of an inventory, parsed once from the variables that Ansible resolves for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness import secrecy
from harness.balancers import registry
from harness.errors import BadInput
from harness.records import secret_key
from harness.secrecy import Masks

GROUPS = ("load_balancers", "ml_servers", "load_generators")  # each needs a host
OF_PLATFORM = ("load_generators",)  # the same for a study of a platform that the user already runs
DEPENDENCIES = "dependencies"  # databases, caches and APIs that the servers share; may be empty
ALL_GROUPS = (*GROUPS, DEPENDENCIES)
SERVER_PORT = 8080  # default of the roles
# Variables with these endings name things on a machine. They do not describe the topology.
_MACHINE_NAMES = (
    "_container",
    "_labels",
    "_networks",
    "_published_ports",
    "_folder",
    "_url",
    "_engine",
    "_log_driver",
    "_log_options",
)
_CONNECTION = ("study_", "ansible_")  # prefixes of variables by which a host is reached
_PLAIN = ("private_ip", *(balancer.variable("cookie") for balancer in registry.BALANCERS))  # names of cookies


class Url(StrEnum):
    """URLs of hosts. Each value is the inventory variable that holds the URL."""

    SERVICE = "study_url"  # the balancer, as this machine reaches it
    TARGET = "study_target_url"  # the balancer, as the load generators reach it
    CONTROL = "study_control_url"
    LOAD_GENERATOR = "study_load_generator_url"
    NGRINDER = "study_ngrinder_url"


@dataclass(frozen=True, kw_only=True)
class SshOptions:
    """Options of the SSH connection as the inventory sets them; None where it does not."""

    host: str | None = None
    port: str | None = None
    user: str | None = None
    key: str | None = None
    executable: str | None = None
    args: str | None = None
    common_args: str | None = None
    extra_args: str | None = None


# Option → Ansible's variables for it without "ansible_". If both are set, Ansible takes the last one.
_SSH_VARIABLES = {
    "host": ("host", "ssh_host"),
    "port": ("port", "ssh_port"),
    "user": ("user", "ssh_user"),
    "key": ("private_key_file", "ssh_private_key_file"),
    "executable": ("ssh_executable",),
    "args": ("ssh_args",),
    "common_args": ("ssh_common_args",),
    "extra_args": ("ssh_extra_args",),
}


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host of an inventory. Make it with `Host.parse`.

    `variables` are all variables in force; they identify the study and hold the values that the roles take. Every other
    field is parsed from them. A value that `checks` rejects is parsed as if it were not set. `groups` are the groups of
    `ALL_GROUPS` that contain the host. `names` are the names of all variables that the inventory sets for it.
    """

    name: str
    group: str
    variables: Mapping[str, Any]
    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    kind: str = "hosts"  # "lab" (a container of this machine), "rehearsal" or "hosts"
    is_machine: bool = False  # reached through SSH, with a container engine of its own
    engine_socket: str = "/var/run/docker.sock"  # of that container engine
    container: str = ""
    private_ip: str = ""
    port: int = SERVER_PORT  # at which a server listens
    ssh: SshOptions = SshOptions()
    urls: Mapping[Url, str]
    ngrinder_credentials: str = ""  # folder with the password of nGrinder's admin
    instance_type: str | None = None
    cpu_credits: str = ""  # "unlimited" for burstable instances that do not run out of them
    usd_per_hour: float | None = None
    end_command: str | None = None  # program on a rented machine that extends its lifetime
    is_managed: bool = True  # whether the deployment runs its container
    unit: str = ""  # systemd unit of a dependency outside a container

    @classmethod
    def parse(
        cls,
        name: str,
        group: str,
        variables: Mapping[str, Any],
        groups: tuple[str, ...] = (),
        names: tuple[str, ...] = (),
    ) -> Host:
        """A host with its typed fields parsed from `variables`; never raises."""
        text = {key: str(value) for key, value in variables.items() if value not in (None, "")}
        engine = text.get("study_container_engine")
        return cls(
            name=name,
            group=group,
            variables=variables,
            groups=groups,
            names=names,
            kind=text.get("study_kind") or ("lab" if engine == "local" else "hosts"),
            is_machine=engine == "ssh",
            engine_socket=text.get("docker_engine_socket") or cls.engine_socket,
            container=text.get("study_container", ""),
            private_ip=text.get("private_ip", ""),
            port=as_port(variables.get("ml_server_port")) or SERVER_PORT,
            ssh=_ssh_options(variables),
            urls={url: text[url] for url in Url if url in text},
            ngrinder_credentials=text.get("study_ngrinder_credentials", ""),
            instance_type=text.get("study_instance_type"),
            cpu_credits=text.get("study_cpu_credits", ""),
            usd_per_hour=as_price(variables.get("study_usd_per_hour")),
            end_command=text.get("study_end_command"),
            is_managed=text.get("dependency_managed", "true").lower() not in ("false", "no", "off", "0"),
            unit=text.get("dependency_unit", ""),
        )

    def with_variables(self, **changes: Any) -> Host:
        """The host with some variables replaced."""
        return Host.parse(self.name, self.group, {**self.variables, **changes}, self.groups, self.names)

    def url(self, url: Url, *, tls: bool = False) -> str:
        """One of the host's URLs, with `tls` for HTTPS; raises BadInput when the inventory does not set it."""
        if url not in self.urls:
            raise BadInput(f"host {self.name}: {url} is not set. Fix: set it in the inventory.")
        return over_tls(self.urls[url]) if tls else self.urls[url]

    def host_of(self, url: Url) -> str:
        """Host name or address in one of the host's URLs; empty without one."""
        return urlsplit(self.urls.get(url, "")).hostname or ""

    @property
    def is_observed(self) -> bool:
        """Whether its container or unit can be observed; only an existing dependency may be out of reach."""
        return self.is_managed or bool(self.container) or (self.is_machine and bool(self.unit))

    @property
    def address(self) -> str:
        """host:port at which the balancer reaches a server."""
        return f"{self.private_ip}:{self.port}"

    @property
    def configuration(self) -> dict[str, Any]:
        """The variables that describe the topology, without names of things on a machine."""
        return {
            name: value
            for name, value in sorted(self.variables.items())
            if not name.endswith(_MACHINE_NAMES) and name != "private_ip" and not name.startswith(_CONNECTION)
        }


@dataclass(frozen=True)
class Inventory:
    """Balancer, servers, load generators and dependencies, in the order of the inventory."""

    path: str
    hosts: tuple[Host, ...]

    def group(self, name: str) -> list[Host]:
        """Hosts of a group; raises BadInput when there is none."""
        found = [host for host in self.hosts if host.group == name]
        if not found:
            raise BadInput(f"{self.path}: group {name} has no host. Fix: add at least one host.")
        return found

    @property
    def servers(self) -> list[Host]:
        """Servers; empty for a platform that the user already runs."""
        return [host for host in self.hosts if host.group == "ml_servers"]

    def server(self, name: str) -> Host:
        """The server of this name; raises KeyError if there is none."""
        return {server.name: server for server in self.servers}[name]

    @property
    def balancer(self) -> Host:
        """The balancer; raises BadInput where a platform that the user already runs has its own."""
        return self.group("load_balancers")[0]

    @property
    def balancer_variables(self) -> Mapping[str, Any]:
        """Variables of the balancer's host; empty without one."""
        return next((host.variables for host in self.hosts if host.group == "load_balancers"), {})

    @property
    def generator(self) -> Host:
        """The first load generator, which leads the others."""
        return self.generators[0]

    @property
    def generators(self) -> list[Host]:
        return self.group("load_generators")

    @property
    def dependencies(self) -> list[Host]:
        """Hosts of databases, caches and APIs that the servers share; may be empty."""
        return [host for host in self.hosts if host.group == DEPENDENCIES]

    @property
    def observed(self) -> list[Host]:
        """All hosts except existing dependencies that are out of reach."""
        return [host for host in self.hosts if host.is_observed]

    @property
    def kind(self) -> str:
        """What the servers are: "lab" (containers), "rehearsal" (machines that share one machine) or "hosts".

        Without servers, what the load generators are.
        """
        return (self.servers or self.generators)[0].kind


def over_tls(url: str) -> str:
    """The HTTPS URL of the address and port of an HTTP URL, on which the balancer serves either."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return url
    return parts._replace(scheme="https", netloc=parts.netloc if parts.port else f"{parts.netloc}:80").geturl()


def as_port(value: Any) -> int | None:
    """The number of a port, given as a number or as text; None for anything else."""
    is_number = not isinstance(value, bool) and re.fullmatch(r"\d{1,5}", str(value))
    return int(value) if is_number and 1 <= int(value) <= 65535 else None


def as_price(value: Any) -> float | None:
    """An amount of money, given as a number or as text; None for anything else."""
    is_number = not isinstance(value, bool) and re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", str(value))
    return float(value) if is_number else None


def from_descriptions(path: str, described: Iterable[tuple[str, dict[str, Any]]]) -> Inventory:
    """Build an inventory from the output of describe-inventory.yml.

    Items are (host, {group, position, variables, groups, names}) in any order. Secrets in variables are masked.
    """
    ordered = sorted(described, key=lambda item: (ALL_GROUPS.index(item[1]["group"]), int(item[1]["position"])))
    hosts = {
        name: Host.parse(
            name,
            host["group"],
            _masked(host["variables"], host.get("vaulted", ())),
            tuple(sorted(host["groups"], key=ALL_GROUPS.index)),
            tuple(host["names"]),
        )
        for name, host in ordered
    }
    return Inventory(path, tuple(hosts.values()))


def changed_addresses(inventory: Inventory, folder: Path) -> list[str]:
    """Hosts whose addresses changed since the last call for `folder`, one line each; stores the current addresses."""
    file = folder / ".addresses.json"  # hidden, so that Ansible does not read it as an inventory
    now = {host.name: [host.private_ip, host.ssh.host or ""] for host in inventory.hosts}
    try:
        before: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    file.write_text(json.dumps(now, indent=1), encoding="utf-8")
    return [
        f"{name}: {' / '.join(before[name])} → {' / '.join(found)}"
        for name, found in now.items()
        if name in before and before[name] != found
    ]


def _ssh_options(variables: Mapping[str, Any]) -> SshOptions:
    found = {}
    for option, names in _SSH_VARIABLES.items():
        values = (variables.get(f"ansible_{name}") for name in reversed(names))
        found[option] = next((str(value) for value in values if value is not None), None)
    return SshOptions(**found)


def _masked(variables: dict[str, Any], vaulted: Iterable[str]) -> dict[str, Any]:
    """A host's variables with masks for secrets, except those by which the host is reached or that have none."""
    masks = Masks(secret_key.read, vaulted)
    secrecy.remember(vaulted)
    return {
        name: value if name in _PLAIN or name.startswith(_CONNECTION) else masks.tree(value, name)
        for name, value in variables.items()
    }
