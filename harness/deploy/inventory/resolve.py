"""Resolve an inventory with Ansible, and keep the result until something that it depends on changes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from harness import secrecy
from harness.deploy import confined_process, private
from harness.deploy.inventory import checks, files, hosts, positions, snapshot
from harness.deploy.inventory.checks import Problem
from harness.deploy.inventory.hosts import Inventory
from harness.deploy.role_values import RoleValues
from harness.errors import BadInput, DeployFailed
from harness.records import files as record_files

# What decides the variables and which of them are rejected: a kept result is identified by these folders.
SOURCES = ("roles", "group_vars", "playbooks", "plugins", "service", "harness/deploy")


def known_variables(root: Path) -> frozenset[str]:
    """Names of all variables that a role or a playbook of this project reads."""
    names: set[str] = set()
    for file in [*root.glob("roles/*/defaults/main.yml"), *root.glob("group_vars/*.yml")]:
        names |= set(re.findall(r"^([a-z]\w*)\s*:", file.read_text(encoding="utf-8"), re.M))
    return frozenset(names)


def describe(
    root: Path, path: Path, name: str, usable: bool = True, groups: tuple[str, ...] = hosts.GROUPS
) -> Inventory:
    """The hosts of an inventory; arguments and errors are those of `find`."""
    return find(root, path, name, usable, groups=groups)[0]


def find(
    root: Path,
    path: Path,
    name: str,
    usable: bool = True,
    notify: Callable[[str], None] = lambda _: None,
    groups: tuple[str, ...] = hosts.GROUPS,
    server_types: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[Inventory, Path | None]:
    """The hosts of an inventory, and the folder of its snapshot if it executes programs; None otherwise.

    Servers must be identical, or those of each type in `server_types` (type → names of its servers). Each of `groups`
    needs a host. Raises BadInput with every problem, each with file and line; with `usable` false only if Ansible
    cannot read the inventory. Raises CannotRun if a plugin cannot reach its service. `notify` gets one line before a
    program is run.
    """
    if unreadable := files.unreadable(path):
        raise BadInput(*unreadable)
    programs = files.programs(path)
    for program in programs:
        is_script = files.plugin_of(program) == "script"
        notify(f"executing {program}, a program of the inventory" if is_script else f"running the plugin of {program}")
    answer = snapshot.take(root, path) if programs else None
    source = answer or path
    kept = root / ".state" / "inventory" / f"{sources_hash(root, source)}.json"
    found = _read_kept(kept, name)
    if found is None:
        _need_writable(root / ".state")
        found = _resolved(root, source, path, name, groups)
        if usable:
            problems = checks.of(found, known_variables(root), RoleValues.read(root))
            unequal = checks.unequal(found, server_types)
            positions.reject(root, path, [*problems, *unequal, *_without_address(found)])
            _keep(kept, found)
    elif not {host.group for host in found.hosts} >= set(groups):  # kept for a study that needs fewer groups
        raise BadInput(*positions.Places.read(root, path, groups).empty_groups())
    elif usable:  # the kept hosts are checked, but for other types
        positions.reject(root, path, checks.unequal(found, server_types))
    return found, answer


def _need_writable(state: Path) -> None:
    """Raise CannotRun if the folder for Ansible's input and output cannot be written, as in a read-only clone."""
    with record_files.writing(state):
        private.make(state)
        if not os.access(state, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def sources_hash(root: Path, inventory: Path) -> str:
    """A hash of everything that a resolved inventory depends on."""
    digest = hashlib.sha256(str(root).encode())
    variables = [inventory.parent / name for name in files.VARIABLE_FOLDERS] if inventory.is_file() else []
    for top in (inventory, *variables, *(root / name for name in SOURCES)):
        found = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for file in found:
            if "__pycache__" not in file.parts:
                digest.update(str(file).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _resolved(root: Path, source: Path, path: Path, name: str, groups: tuple[str, ...]) -> Inventory:
    """Resolve `source`: the inventory at `path`, or its snapshot. Raises as `find` does."""
    try:
        done = confined_process.run(
            "harness.deploy.inventory.resolve_process", [str(root), str(source)], root, os.environ, positions.LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise BadInput(positions.too_slow(path)) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"failed": " ".join(done.stderr.split())[-1000:] or f"exit code {done.returncode}"}
    if "failed" in answer:
        if confined_process.out_of_memory(done):
            raise BadInput(positions.too_large(path))
        if unusable := positions.Places.read(root, path, groups).unusable(known_variables(root), RoleValues.read(root)):
            raise BadInput(*unusable)
        raise DeployFailed(answer["failed"])
    described = answer["hosts"]
    # Ansible can read almost any text as INI: its words become hosts outside all groups.
    is_doubtful = any(host["ungrouped"] for _, host in described)
    is_doubtful = is_doubtful or not {host["group"] for _, host in described} >= set(groups)
    if is_doubtful and (unread := positions.Places.read(root, path, groups).unread()):
        raise BadInput(*unread)
    return hosts.from_descriptions(name, described)


def _read_kept(file: Path, path: str) -> Inventory | None:
    """A kept result; None if there is none, or if an earlier version kept one with secrets."""
    try:
        text = file.read_text(encoding="utf-8")
        if secrecy.MASK.search(text):
            return None
        return hosts.from_descriptions(path, [(name, described) for name, described in json.loads(text)])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(file: Path, inventory: Inventory) -> None:
    """Keep a result without secrets. Those of any other are only known to a process that resolves it itself."""
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
    text = json.dumps(described, default=str)
    if not secrecy.MASK.search(text):
        record_files.replace(file, text.encode(), mode=0o600)


def _without_address(inventory: Inventory) -> Iterator[Problem]:
    """Machines without ansible_host whose names this machine cannot resolve."""
    for host in inventory.hosts:
        options = f"{host.ssh.common_args} {host.ssh.extra_args}"
        by_proxy = re.search(r"(?i)proxy|(^|\s)-[JF]", options)  # then another machine resolves the name
        given = host.variables.get("ansible_host") is not None or host.variables.get("ansible_ssh_host")
        if host.is_machine and not given and not by_proxy and not _is_resolvable(host.name):
            yield Problem(
                f"ansible_host: not set, and this machine cannot resolve the name {host.name!r}. "
                "Fix: set it to the address at which SSH finds the host.",
                host.name,
                "ansible_host",
            )


def _is_resolvable(name: str) -> bool:
    """Whether SSH finds a host by its name: by ssh's configuration or by name resolution."""
    done = subprocess.run(
        ["ssh", "-G", "--", name], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    options = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    if options.keys() & {"proxyjump", "proxycommand"}:
        return True
    try:
        socket.getaddrinfo(options.get("hostname", name), None)
    except OSError:
        return False
    return True
