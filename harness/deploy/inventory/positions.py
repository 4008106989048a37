"""Why Ansible cannot use an inventory, and on which line of which file that stands.

Ansible itself reads it again, only when something is wrong, in harness/deploy/inventory/source_process.py.
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
from harness.deploy.inventory.checks import Problem, missing
from harness.deploy.inventory.hosts import GROUPS, Host, Inventory
from harness.deploy.inventory.messages import ELSEWHERE, MENDS, in_one, todo
from harness.deploy.role_values import RoleValues
from harness.errors import BadInput, CannotRun

LIMIT_S = 60.0


def environment(root: Path) -> dict[str, str]:
    """Environment variables of the process that reads an inventory: it continues after a file it cannot read."""
    settings = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "false", "ANSIBLE_FORCE_COLOR": "0"}
    return {**os.environ, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), **settings}


class Places:
    """What Ansible reads below a path: why it cannot, and where each host, group and variable stands.

    `found` is what harness/deploy/inventory/source_process.py prints for the path; empty if it printed nothing.
    """

    def __init__(self, path: Path, found: dict[str, Any]) -> None:
        self.path = path
        self._found = found

    @classmethod
    def read(cls, root: Path, path: Path) -> Places:
        """Have Ansible read the path, in a process of its own. Raises BadInput if that exceeds LIMIT_S."""
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
            return cls(path, json.loads(done.stdout.splitlines()[-1]))
        except (ValueError, IndexError):
            return cls(path, {})

    def unread(self) -> list[str]:
        """Why Ansible cannot read the inventory, a line each; raises CannotRun for what no file can mend."""
        told = [line for attempts in self._by_source().values() for line in self._source(attempts)]
        told += [line for reasons in self._found.get("broken", []) for line in self._broken(reasons)]
        return list(dict.fromkeys(told)) or self._groups()

    def unusable(self, known: frozenset[str], values: RoleValues | None = None) -> list[str]:
        """The same, or why it cannot use what it reads; `known` and `values` as of `inventory_problems.of`."""
        if told := self.unread():
            return told
        problems = checks.of(self._hosts(), known, values)
        undefined = {f"'{problem.variable}' is undefined" for problem in problems}
        return sorted([*self.all(problems), *self._unresolved(undefined)], key=by_place)

    def all(self, problems: Iterable[Problem]) -> list[str]:
        """Problems with their places, one that several hosts share in one line."""
        hosts: dict[tuple[str, str], list[str]] = {}
        for problem in problems:
            hosts.setdefault((self.where(problem), problem.words), []).append(problem.host)
        told = (f"{where}: {', '.join(who)}{': ' if any(who) else ''}{words}" for (where, words), who in hosts.items())
        return sorted(told, key=by_place)

    def _hosts(self) -> Inventory:
        """The hosts with what the inventory sets for them, as far as it can be resolved."""
        found = []
        for name, host in self._found.get("hosts", {}).items():
            groups = tuple(g for g in GROUPS if name in self._found["groups"].get(g, {}).get("hosts", []))
            variables = {key: said["value"] for key, said in host["variables"].items() if not said["why"]}
            variables = {key: value for key, value in variables.items() if value is not None}
            if groups and not host["variables"].get("private_ip", {}).get("why"):
                found.append(Host(name, groups[0], variables, groups, tuple(host["variables"])))
        return Inventory(str(self.path), tuple(found))

    def where(self, problem: Problem) -> str:
        """file:line at which a problem stands."""
        if problem.group:
            place = self._found.get("groups", {}).get(problem.group, {}).get("place", ["", 0])
            return self._place(place, problem.group)
        host = self._found.get("hosts", {}).get(problem.host, {})
        if where := host.get("variables", {}).get(problem.variable, {}).get("place", ["", 0])[0]:
            return self._place(host["variables"][problem.variable]["place"], problem.variable, where)
        return self._place(host.get("place", ["", 0]), problem.host)

    def _place(self, place: list[Any], name: str, file: str = "") -> str:
        """file:line as Ansible noted it, else the first line of a file that writes the name."""
        if place[0] and place[1]:
            return f"{place[0]}:{place[1]}"
        return files.first_line(self.path, name, file or place[0])

    def _by_source(self) -> dict[str, list[dict[str, Any]]]:
        """Attempts of each source that could not be read; a folder only where no file in it could not be."""
        found: dict[str, list[dict[str, Any]]] = {}
        for attempt in self._found.get("failed", []):
            found.setdefault(attempt["source"], []).append(attempt)
        files = [source for source in found if not Path(source).is_dir()]
        return {source: attempts for source, attempts in found.items() if source in files or not files}

    def _source(self, attempts: list[dict[str, Any]]) -> list[str]:
        source = Path(attempts[0]["source"])
        if source.is_dir():
            return [f"{source}: no file in it is an inventory; hosts.yml is the usual one, as in inventory/ec2"]
        wanted = files.plugin_of(source)
        reasons = next((a["reasons"] for a in attempts if a["plugin"] == wanted), attempts[-1]["reasons"])
        if wanted == "ini":
            reasons = reasons[1:] or reasons  # the first only says that it could not be read
        if not reasons:
            return [
                f"{source}:1: Ansible has no way to read this file; write an inventory in YAML (hosts.yml), or in INI, "
                "or move it elsewhere"
            ]
        told = [self._words(source, wanted, reasons)]
        if (
            wanted == "auto"
            and "aws_ec2" in source.read_text(encoding="utf-8")
            and not files.written(source, "regions")
        ):
            told.append(
                f"{source}:1: no region is named, so every one of AWS's would be asked; write "
                "'regions: [eu-central-1]' with the region of your machines"
            )
        return told

    def _words(self, source: Path, plugin: str, reasons: list[dict[str, Any]]) -> str:
        words = in_one(reasons)
        line = max((reason["line"] for reason in reasons if reason["path"] in ("", str(source))), default=0)
        if plugin == "script":
            said = " ".join(reasons[0]["help"].split()).removeprefix("Standard error from inventory script: ")
            return (
                f"{source}:1: this program should print the inventory: {words}"
                + (f"; it said: {said}" if said else "") +
                f". Try it: {source} --list must end with 0 and print one JSON object. A file that is no program must "
                f"not be executable (chmod -x)"
            )  # fmt: skip
        if plugin != "ini" and (yaml_error := files.yaml_error(source)):
            return f"{source}:{yaml_error}"
        if plugin == "auto":
            if re.search(ELSEWHERE, words):
                raise CannotRun(f"{source}: the inventory could not be asked for: {words}")
            return self._plugin(source, words, line)
        if plugin == "ini":
            return (
                f"{source}:{line or 1}: not a valid inventory in INI: {words}; a line is '[group]', or a host with "
                "key=value behind it"
            )
        if group := re.search(r'for "(\w+)" group', words):
            line = line or int(files.first_line(source, group[1], str(source)).rpartition(":")[2])
        return f"{source}:{line or 1}: not a valid inventory: {words}; inventory/ec2/hosts.yml shows how one is written"

    def _plugin(self, source: Path, words: str, line: int) -> str:
        """A plugin's words about its configuration, with the line of the option that they name."""
        named = re.search(r"Config '(\w+)'|option '?(\w+)'?", words)
        option = next(filter(None, named.groups()), "") if named else ""
        where = files.first_line(source, option or "plugin", str(source)) if not line else f"{source}:{line}"
        mend = next((todo for pattern, todo in MENDS if re.search(pattern, words)), "")
        return f"{where}: {words}; {mend or 'inventory/ec2_dynamic/aws_ec2.yml shows how such a file is written'}"

    def _broken(self, reasons: list[dict[str, Any]]) -> list[str]:
        words = in_one(reasons)
        if "vault" in words.lower() or "decrypt" in words.lower():
            return [
                f"{self._named(reasons) or files.encrypted(self.path)}: this is encrypted, and its "
                f"password is not known ({words}); set ANSIBLE_VAULT_PASSWORD_FILE to the file that holds it"
            ]
        read = [file for file in files.files(self.path) if files.plugin_of(file) != "script"]
        found = [f"{file}:{told}" for file in read if (told := files.variables_error(file))]
        return found or [f"{self._named(reasons) or self.path}: cannot be read: {words}"]

    def _named(self, reasons: list[dict[str, Any]]) -> str:
        """file:line of the innermost reason that knows it; empty without one."""
        return next((f"{r['path']}:{r['line'] or 1}" for r in reversed(reasons) if r["path"]), "")

    def _groups(self) -> list[str]:
        groups = self._found.get("groups", {})
        if not groups:
            return []
        empty = [name for name in GROUPS if not groups.get(name, {}).get("hosts")]
        return [f"{self.where(Problem('', group=name))}: {missing(name, name in groups)}" for name in empty]

    def _unresolved(self, told: set[str]) -> list[str]:
        """Variables whose templates cannot be resolved; what only lacks something `told` is not told again."""
        found: dict[tuple[str, str], str] = {}
        for host in self._found.get("hosts", {}).values():
            for name, variable in host["variables"].items():
                words = in_one(variable["why"][-1:])
                if not words or any(other in words for other in told):
                    continue
                own = self._place(variable["place"], name)
                where = next((w for w in reversed(variable["why"]) if w["line"] and w["path"]), None)
                at = f"{where['path']}:{where['line']}" if where else own
                if found.setdefault((at, words), name) != name and at == own:
                    found[at, words] = name  # and not the one that is built on it
        return [f"{at}: {name}: {words}; {todo(words)}" for (at, words), name in found.items()]


def too_slow(path: Path) -> str:
    """Words about an inventory that does not answer."""
    asked = files.programs(path) or [path]
    return (
        f"{asked[0]}:1: the inventory does not answer within {LIMIT_S:.0f} s; "
        "see what 'ansible-inventory -i' with it waits for"
    )


def too_large(path: Path) -> str:
    """Words about an inventory that would take all memory."""
    asked = files.programs(path) or [path]
    return (
        f"{asked[0]}:1: reading the inventory needs more than {confined_process.MEMORY // 2**30} GB of memory; "
        "look for a range of hosts or a template that is too large"
    )


def refuse(root: Path, path: Path, problems: Iterable[Problem]) -> None:
    """Raise BadInput with every problem and its place; nothing without one."""
    if found := list(problems):
        raise BadInput(*Places.read(root, path).all(found))


def by_place(told: str) -> tuple[str, int]:
    """File and line that a message begins with."""
    file, _, rest = told.partition(":")
    return file, int(re.match(r"\d*", rest)[0] or 0)  # type: ignore[index] # it always matches
