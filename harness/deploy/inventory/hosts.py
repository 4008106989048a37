"""The hosts of an inventory with the variables that a study needs, as Ansible resolves them."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import secrecy
from harness.deploy import private
from harness.errors import BadInput
from harness.records import files, secret_key
from harness.secrecy import Masks
from harness.words import short

GROUPS = ("load_balancers", "ml_servers", "load_generators")
MOST_FILES = 1000  # of one inventory
# What decides about variables, and which of them are refused; together they identify a description.
SOURCES = ("roles", "group_vars", "playbooks", "plugins", "service", "harness/deploy")
# Names of things on a machine, which say nothing about the topology.
NAMES = (
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


REACHED_BY = ("study_", "ansible_")


@dataclass(frozen=True)
class Host:
    """One host: its group and its variables.

    `groups` are those of the three that it is in, `names` the names of everything the inventory sets for it.
    """

    name: str
    group: str
    variables: dict[str, Any]
    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def need(self, variable: str) -> str:
        """A variable that the inventory must set; raises BadInput naming host and variable."""
        value = self.variables.get(variable)
        if not value:
            raise BadInput(f"host {self.name}: the inventory does not set {variable}")
        return str(value)

    @property
    def configuration(self) -> dict[str, Any]:
        """The variables that describe the topology, without names of things on a machine."""
        return {
            name: value
            for name, value in sorted(self.variables.items())
            if not name.endswith(NAMES) and name != "private_ip" and not name.startswith(("study_", "ansible_"))
        }


@dataclass(frozen=True)
class Inventory:
    """Balancer, servers and generators, in the inventory's order."""

    path: str
    hosts: tuple[Host, ...]

    def group(self, name: str) -> list[Host]:
        """Hosts of a group; raises BadInput when there is none."""
        found = [host for host in self.hosts if host.group == name]
        if not found:
            raise BadInput(f"inventory {self.path}: group {name} has no host; it needs at least one")
        return found

    @property
    def servers(self) -> list[Host]:
        return self.group("ml_servers")

    @property
    def balancer(self) -> Host:
        return self.group("load_balancers")[0]

    @property
    def generator(self) -> Host:
        return self.generators[0]

    @property
    def generators(self) -> list[Host]:
        """Hosts of the load generators; the first one leads."""
        return self.group("load_generators")

    @property
    def kind(self) -> str:
        """What the hosts are: "lab" (containers), "rehearsal" (machines that share one) or "hosts"."""
        default = "lab" if self.servers[0].variables.get("study_container_engine") == "local" else "hosts"
        return str(self.servers[0].variables.get("study_kind") or default)

    def address(self, server: Host) -> str:
        """host:port at which the balancer reaches a server."""
        return f"{server.need('private_ip')}:{server.variables.get('ml_server_port', 8080)}"


def from_descriptions(path: str, described: Iterable[tuple[str, dict[str, Any]]]) -> Inventory:
    """Build an inventory from what describe-inventory.yml printed.

    Items are (host, {group, position, variables}); hosts answer in any order, the inventory's is kept.
    """
    ordered = sorted(described, key=lambda item: (GROUPS.index(item[1]["group"]), int(item[1]["position"])))
    hosts = {
        name: Host(
            name,
            said["group"],
            masked(said["variables"], said.get("vaulted", ())),
            tuple(sorted(said["groups"], key=GROUPS.index)),
            tuple(said["names"]),
        )
        for name, said in ordered
    }
    return Inventory(path, tuple(hosts.values()))


def masked(variables: dict[str, Any], vaulted: Iterable[str]) -> dict[str, Any]:
    """A host's variables with masks for secrets, but for those by which it is reached."""
    masks = Masks(secret_key.read, vaulted)
    secrecy.remember(vaulted)
    return {
        name: value if name == "private_ip" or name.startswith(REACHED_BY) else masks.tree(value, name)
        for name, value in variables.items()
    }


def resolve_path(root: Path, inventory: str, beside: Path, where: str) -> Path:
    """An inventory's path, relative to the project or to a folder; BadInput, which says `where`, when there is none."""
    for base in (root, beside):
        path = base / inventory
        if not os.path.exists(path):  # noqa: PTH110 - it takes names that are too long for any file
            continue
        path = path.resolve()
        if not path.is_file() and not path.is_dir():
            raise BadInput(f"{where}: inventory {short(inventory)} is a device; give a file or a folder")
        if (
            root.resolve().is_relative_to(path)
            or sum(1 for _ in itertools.islice(below(path), MOST_FILES + 1)) > MOST_FILES
        ):
            raise BadInput(
                f"{where}: inventory {short(inventory)} holds more than an inventory (more than {MOST_FILES} files, or "
                "this project). Fix: give the folder or the file that has the hosts"
            )
        return path
    known = sorted(str(p.relative_to(root)) for p in (root / "inventory").iterdir() if p.is_dir())
    raise BadInput(f"{where}: there is no inventory {short(inventory)}; there are: {', '.join(known)}")


def below(path: Path) -> Iterator[Path]:
    """Everything below a folder, without links followed."""
    for folder, folders, names in os.walk(path):
        yield from (Path(folder) / name for name in (*folders, *names))


def sources_hash(root: Path, inventory: Path) -> str:
    """Identify everything a description depends on, so that it can be kept."""
    digest = hashlib.sha256(str(root).encode())
    beside = [inventory.parent / name for name in ("group_vars", "host_vars")] if inventory.is_file() else []
    for top in (inventory, *beside, *(root / name for name in SOURCES)):
        found = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for file in found:
            if "__pycache__" not in file.parts:
                digest.update(str(file).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def read_kept(file: Path, path: str) -> Inventory | None:
    """A description kept earlier, or None."""
    try:
        text = file.read_text(encoding="utf-8")
        if secrecy.MASK.search(text) and secrecy.foreign(text, Masks(secret_key.read).key_id):
            return None
        described = json.loads(text)
        return from_descriptions(path, [(name, said) for name, said in described])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(file: Path, inventory: Inventory) -> None:
    """Keep a description for the next start."""
    private.make(file.parent)
    described = [
        (
            host.name,
            {
                "group": host.group,
                "position": position,
                "variables": host.variables,
                "groups": host.groups,
                "names": host.names,
            },
        )
        for position, host in enumerate(inventory.hosts)
    ]
    files.replace(file, json.dumps(described, default=str).encode(), mode=0o600)
