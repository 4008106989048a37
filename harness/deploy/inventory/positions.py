"""Why Ansible cannot use an inventory, and at which line of which file.

Ansible itself reads the inventory again, only when something is wrong: harness/deploy/inventory/source_process.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.deploy import confined_process
from harness.deploy.inventory import checks, files
from harness.deploy.inventory.checks import Problem, missing_group
from harness.deploy.inventory.hosts import ALL_GROUPS, GROUPS, Host, Inventory
from harness.deploy.inventory.messages import (
    FIXES,
    UNREACHABLE,
    FileLine,
    Located,
    in_one_line,
    template_fix,
    undefined_variables,
)
from harness.deploy.role_values import RoleValues
from harness.errors import BadInput, CannotRun

LIMIT_S = 60.0  # for reading an inventory once


def environment(root: Path) -> dict[str, str]:
    """Environment variables for the process that reads an inventory: it continues after a file it cannot read."""
    settings = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "false", "ANSIBLE_FORCE_COLOR": "0"}
    return {**os.environ, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), **settings}


class Places:
    """What Ansible reads below a path: why it fails, and where each host, group and variable stands.

    `found` is the output of harness/deploy/inventory/source_process.py for the path; empty if it printed nothing.
    """

    def __init__(self, path: Path, found: dict[str, Any], groups: tuple[str, ...] = GROUPS) -> None:
        self.path = path
        self._found = found
        self._groups = groups

    @classmethod
    def read(cls, root: Path, path: Path, groups: tuple[str, ...] = GROUPS) -> Places:
        """Let Ansible read the path in a confined process; `groups` need a host.

        Raises BadInput if that exceeds its time or memory.
        """
        arguments = [str(root), str(path)]
        try:
            done = confined_process.run(
                "harness.deploy.inventory.source_process", arguments, root, environment(root), LIMIT_S
            )
        except subprocess.TimeoutExpired:
            raise BadInput(too_slow(path)) from None
        if confined_process.out_of_memory(done):
            raise BadInput(too_large(path))
        try:
            return cls(path, json.loads(done.stdout.splitlines()[-1]), groups)
        except (ValueError, IndexError):
            return cls(path, {}, groups)

    def unread(self) -> list[str]:
        """Why Ansible cannot read the inventory, one message each; raises CannotRun if the cause is not in a file."""
        found = [line for attempts in self._by_source().values() for line in self._source(attempts)]
        found += [line for reasons in self._found.get("broken", []) for line in self._broken(reasons)]
        return list(dict.fromkeys(found)) or self.empty_groups()

    def unusable(self, known: frozenset[str], values: RoleValues | None = None) -> list[str]:
        """`unread`, or else problems of what Ansible reads; `known` and `values` as in `checks.of`."""
        if unread := self.unread():
            return unread
        hosts = self._hosts()
        problems = [*checks.of(hosts, known, values), *checks.unequal(hosts, {})]
        reported = frozenset(problem.variable for problem in problems)
        return _in_order([*self._located(problems), *self._unresolved(reported)])

    def all(self, problems: Iterable[Problem]) -> list[str]:
        """Messages of problems with file and line; a problem that several hosts share is one message."""
        return _in_order(self._located(problems))

    def _located(self, problems: Iterable[Problem]) -> list[Located]:
        hosts: dict[tuple[FileLine, str], list[str]] = {}
        for problem in problems:
            hosts.setdefault((self.where(problem), problem.message), []).append(problem.host)
        return [
            Located(where, f"{', '.join(names)}{': ' if any(names) else ''}{message}")
            for (where, message), names in hosts.items()
        ]

    def where(self, problem: Problem) -> FileLine:
        """Return the place of a problem."""
        if problem.group:
            place = self._found.get("groups", {}).get(problem.group, {}).get("place", ["", 0])
            return self._place(place, problem.group)
        host = self._found.get("hosts", {}).get(problem.host, {})
        if where := host.get("variables", {}).get(problem.variable, {}).get("place", ["", 0])[0]:
            return self._place(host["variables"][problem.variable]["place"], problem.variable, where)
        return self._place(host.get("place", ["", 0]), problem.host)

    def _hosts(self) -> Inventory:
        """The hosts with those variables that Ansible can resolve."""
        found = []
        for name, host in self._found.get("hosts", {}).items():
            groups = tuple(g for g in ALL_GROUPS if name in self._found["groups"].get(g, {}).get("hosts", []))
            variables = {key: variable["value"] for key, variable in host["variables"].items() if not variable["why"]}
            variables = {key: value for key, value in variables.items() if value is not None}
            if groups and not host["variables"].get("private_ip", {}).get("why"):
                found.append(Host.parse(name, groups[0], variables, groups, tuple(host["variables"])))
        return Inventory(str(self.path), tuple(found))

    def _place(self, place: list[Any], name: str, file: str = "") -> FileLine:
        """The place that Ansible recorded, else the first line that contains the name."""
        if place[0] and place[1]:
            return FileLine(place[0], place[1])
        return files.first_line(self.path, name, file or place[0])

    def _by_source(self) -> dict[str, list[dict[str, Any]]]:
        """Failed attempts by source; folders only if no file failed."""
        found: dict[str, list[dict[str, Any]]] = {}
        for attempt in self._found.get("failed", []):
            found.setdefault(attempt["source"], []).append(attempt)
        files = [source for source in found if not Path(source).is_dir()]
        return {source: attempts for source, attempts in found.items() if source in files or not files}

    def _source(self, attempts: list[dict[str, Any]]) -> list[str]:
        source = Path(attempts[0]["source"])
        if source.is_dir():
            return [f"{source}: no file in it is an inventory. Fix: add a hosts.yml, as in inventory/ec2."]
        plugin = files.plugin_of(source)
        reasons = next((a["reasons"] for a in attempts if a["plugin"] == plugin), attempts[-1]["reasons"])
        if plugin == "ini":
            reasons = reasons[1:] or reasons  # the first one only reports that the file could not be read
        if not reasons:
            return [
                f"{source}:1: no plugin of Ansible reads this file. Allowed: an inventory in YAML (hosts.yml) or INI. "
                "Fix: rewrite the file or move it elsewhere."
            ]
        found = [self._message(source, plugin, reasons)]
        is_aws = plugin == "auto" and "aws_ec2" in source.read_text(encoding="utf-8")
        if is_aws and not files.line_of(source, "regions"):
            found.append(
                f"{source}:1: regions: not set, so the plugin would query every region of AWS. "
                "Fix: write 'regions: [eu-central-1]' with the region of your machines."
            )
        return found

    def _message(self, source: Path, plugin: str, reasons: list[dict[str, Any]]) -> str:
        message = in_one_line(reasons)
        line = max((reason["line"] for reason in reasons if reason["path"] in ("", str(source))), default=0)
        if plugin == "script":
            return _script_message(source, message, reasons[0]["help"])
        if plugin != "ini" and (yaml_error := files.yaml_error(source)):
            return f"{source}:{yaml_error}"
        if plugin == "auto":
            if re.search(UNREACHABLE, message):
                raise CannotRun(f"{source}: the plugin cannot reach its service: {message}")
            return self._plugin_message(source, message, line)
        if plugin == "ini":
            return (
                f"{source}:{line or 1}: not a valid inventory in INI: {message}. "
                "Allowed: '[group]', or a host followed by key=value."
            )
        if group := re.search(r'for "(\w+)" group', message):
            line = line or files.first_line(source, group[1], str(source)).line
        return f"{source}:{line or 1}: not a valid inventory: {message}. Fix: compare it with inventory/ec2/hosts.yml."

    def _plugin_message(self, source: Path, message: str, line: int) -> str:
        """A plugin's message about its configuration, with the line of the option that it names."""
        named = re.search(r"Config '(\w+)'|option '?(\w+)'?", message)
        option = next(filter(None, named.groups()), "") if named else ""
        where = FileLine(str(source), line) if line else files.first_line(source, option or "plugin", str(source))
        fix = next((fix for pattern, fix in FIXES if re.search(pattern, message)), "")
        return f"{where}: {message}. Fix: {fix or 'compare the file with inventory/ec2_dynamic/aws_ec2.yml'}."

    def _broken(self, reasons: list[dict[str, Any]]) -> list[str]:
        message = in_one_line(reasons)
        if "vault" in message.lower() or "decrypt" in message.lower():
            return [
                f"{self._innermost_place(reasons) or files.encrypted(self.path)}: encrypted, and the password is not "
                f"known ({message}). Fix: set ANSIBLE_VAULT_PASSWORD_FILE to the file that contains it."
            ]
        read = [file for file in files.files(self.path) if files.plugin_of(file) != "script"]
        found = [f"{file}:{problem}" for file in read if (problem := files.variables_error(file))]
        return found or [f"{self._innermost_place(reasons) or self.path}: cannot be read: {message}"]

    def _innermost_place(self, reasons: list[dict[str, Any]]) -> FileLine | None:
        """The place of the innermost reason that has one; None if none has."""
        return next((FileLine(r["path"], r["line"] or 1) for r in reversed(reasons) if r["path"]), None)

    def empty_groups(self) -> list[str]:
        """A message for each required group without hosts."""
        groups = self._found.get("groups", {})
        if not groups:
            return []
        empty = [name for name in self._groups if not groups.get(name, {}).get("hosts")]
        return [
            f"{self.where(Problem('', group=name))}: {missing_group(name, name in groups, self._groups)}"
            for name in empty
        ]

    def _unresolved(self, reported: frozenset[str]) -> list[Located]:
        """Variables whose templates Ansible cannot resolve, unless a variable in `reported` is the reason."""
        found: dict[tuple[FileLine, str], str] = {}
        fixes: dict[tuple[FileLine, str], str] = {}
        for host in self._found.get("hosts", {}).values():
            for name, variable in host["variables"].items():
                message = in_one_line(variable["why"][-1:])
                if not message or undefined_variables(message) & reported:
                    continue
                own = self._place(variable["place"], name)
                where = next((w for w in reversed(variable["why"]) if w["line"] and w["path"]), None)
                at = FileLine(where["path"], where["line"]) if where else own
                fixes[at, message] = template_fix(message, out_of_memory=variable["why"][-1]["out_of_memory"])
                if found.setdefault((at, message), name) != name and at == own:
                    found[at, message] = name  # instead of a variable that is built on it
        return [Located(key[0], f"{name}: {key[1]}. Fix: {fixes[key]}.") for key, name in found.items()]


def too_slow(path: Path) -> str:
    """The message about an inventory that takes longer than LIMIT_S to read."""
    source = (files.programs(path) or [path])[0]
    return (
        f"{source}:1: reading the inventory takes more than {LIMIT_S:.0f} s. "
        "Fix: run 'ansible-inventory -i' with it to see what it waits for."
    )


def too_large(path: Path) -> str:
    """The message about an inventory that needs too much memory to read."""
    source = (files.programs(path) or [path])[0]
    return (
        f"{source}:1: reading the inventory needs more than {confined_process.MEMORY // 2**30} GB of memory. "
        "Fix: look for a range of hosts or a template that is too large."
    )


def reject(root: Path, path: Path, problems: Iterable[Problem]) -> None:
    """Raise BadInput with every problem, each with file and line; return if there is none."""
    if found := list(problems):
        raise BadInput(*Places.read(root, path).all(found))


def _script_message(source: Path, message: str, stderr: str) -> str:
    printed = " ".join(stderr.split()).removeprefix("Standard error from inventory script: ")
    return (
        f"{source}:1: the program does not print an inventory: {message}"
        f"{f' (standard error: {printed})' if printed else ''}. Fix: '{source} --list' must print one JSON object and "
        "exit with 0. If the file is not a program, remove its permission to execute (chmod -x)."
    )


def _in_order(found: Iterable[Located]) -> list[str]:
    """Messages ordered by file and line."""
    return [str(one) for one in sorted(found, key=lambda each: each.place)]
