"""How Ansible resolves an inventory, kept until something that it depends on changes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.deploy import confined_process
from harness.deploy.inventory import checks, files, hosts, positions, snapshot
from harness.deploy.inventory.checks import Problem
from harness.deploy.inventory.hosts import Inventory
from harness.deploy.role_values import RoleValues
from harness.errors import BadInput, DeployFailed


def known_variables(root: Path) -> frozenset[str]:
    """Names of all variables that something here reads: those of every role, and of the project for all."""
    names: set[str] = set()
    for file in [*root.glob("roles/*/defaults/main.yml"), *root.glob("group_vars/*.yml")]:
        names |= set(re.findall(r"^([a-z]\w*)\s*:", file.read_text(encoding="utf-8"), re.M))
    return frozenset(names)


def describe(root: Path, path: Path, name: str, usable: bool = True) -> Inventory:
    """The hosts of an inventory; raises as `find` does."""
    return find(root, path, name, usable)[0]


def find(
    root: Path, path: Path, name: str, usable: bool = True, tell: Callable[[str], None] = lambda _: None
) -> tuple[Inventory, Path | None]:
    """How Ansible resolves an inventory, and the folder of its answer where it had to ask somebody.

    What was resolved is kept until something that it depends on changes. Raises BadInput with everything that is
    wrong with it, each with its file and line; with `usable` false only where Ansible cannot read it. Raises CannotRun
    where what it asks does not answer. `tell` is called with a line before a program is run.
    """
    if unreadable := files.unreadable(path):
        raise BadInput(*unreadable)
    programs = files.programs(path)
    for program in programs:
        is_script = files.plugin_of(program) == "script"
        tell(f"runs {program}, a program of the inventory" if is_script else f"asks the inventory plugin of {program}")
    answer = snapshot.ask(root, path) if programs else None
    source = answer or path
    kept = root / ".state" / "inventory" / f"{hosts.sources_hash(root, source)}.json"
    found = hosts.read_kept(kept, name)
    if found is None:
        found = resolved(root, source, path, name)
        if usable:
            problems = checks.of(found, known_variables(root), RoleValues.read(root))
            positions.refuse(root, path, [*problems, *nowhere(found)])
            hosts.keep(kept, found)
    return found, answer


def resolved(root: Path, source: Path, path: Path, name: str) -> Inventory:
    """Have Ansible resolve `source`: the inventory at `path`, or what it answered. Raises as `find` does."""
    try:
        done = confined_process.run(
            "harness.deploy.inventory.resolve_process", [str(root), str(source)], root, os.environ, positions.LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise BadInput(positions.too_slow(path)) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"failed": " ".join(done.stderr.split())[-1000:] or f"ended with {done.returncode}"}
    if "failed" in answer:
        if confined_process.out_of_memory(done):
            raise BadInput(positions.too_large(path))
        if unusable := positions.Places.read(root, path).unusable(known_variables(root), RoleValues.read(root)):
            raise BadInput(*unusable)
        raise DeployFailed(answer["failed"])
    said = answer["hosts"]
    # Almost anything can be read as INI: its words are hosts then, in no group.
    doubtful = any(told["ungrouped"] for _, told in said) or {told["group"] for _, told in said} < set(hosts.GROUPS)
    if doubtful and (unread := positions.Places.read(root, path).unread()):
        raise BadInput(*unread)
    return hosts.from_descriptions(name, said)


def nowhere(hosts: Inventory) -> Iterator[Problem]:
    """Machines without an address, whose names this machine cannot resolve either."""
    for host in hosts.hosts:
        said = host.variables
        options = f"{said.get('ansible_ssh_common_args')} {said.get('ansible_ssh_extra_args')}"
        proxied = re.search(r"(?i)proxy|(^|\s)-[JF]", options)  # there a name means what it means to somebody else
        given = said.get("ansible_host") is not None or said.get("ansible_ssh_host")
        if said.get("study_container_engine") == "ssh" and not given and not proxied and not resolvable(host.name):
            yield Problem(
                f"ansible_host is missing, and {host.name!r} is no name that this machine can resolve; write the "
                "address at which SSH finds the host",
                host.name,
                "ansible_host",
            )


def resolvable(name: str) -> bool:
    """Whether SSH would find a host by its name alone: one of its configuration, or one that can be looked up."""
    done = subprocess.run(
        ["ssh", "-G", "--", name], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    if said.keys() & {"proxyjump", "proxycommand"}:
        return True
    try:
        socket.getaddrinfo(said.get("hostname", name), None)
    except OSError:
        return False
    return True
