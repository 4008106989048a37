"""Parts of an inventory that Ansible would ignore without a message, or expand until memory is full. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

import yaml

from harness.grid.yamlcore import BadSyntax, NotYaml, compose

MOST_HOSTS = 10_000  # in one pattern such as server-[1:20]
LONGEST_PATTERN = 2000  # characters
_RESOLVER = yaml.resolver.Resolver()
_GROUP_KEYS = ("hosts", "vars", "children")
_RANGE = re.compile(r"\[(?:(\d*):(\d+)|([a-zA-Z]):([a-zA-Z]))(?::(\d+))?\]")


def problems(file: Path, text: str, kind: str) -> list[str]:
    """Messages about ignored keys of a YAML inventory, and about too large host ranges, nesting and aliases.

    `kind` is "yaml" or "ini".
    """
    if kind == "ini":
        lines = enumerate(text.splitlines(), 1)
        return [*_ranges(file, ((number, line.split()[0]) for number, line in lines if line.split()))]
    try:
        node = compose(text)
    except BadSyntax:
        return []  # Ansible describes it better
    except NotYaml as error:
        return [f"{file}:{error.line}: {error}"]  # Ansible has no limits
    found: list[str] = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _ignored_keys(file, str(key.value), value, found, set())
    return [*found, *_ranges(file, _host_names(node))]


def host_count(pattern: str) -> int:
    """Number of hosts that a pattern such as server-[01:20] stands for."""
    counts = []
    for least, most, first, last, step in _RANGE.findall(pattern):
        span = int(most[:18]) - int((least or "0")[:18]) if most else ord(last) - ord(first)
        counts.append(span // max(1, int((step or "1")[:18])) + 1)
    return prod(counts)


def _ranges(file: Path, names: Iterator[tuple[int, str]]) -> Iterator[str]:
    for line, name in names:
        if len(name) > LONGEST_PATTERN:  # Ansible takes a time that grows with its square
            words = f"a pattern of hosts with {len(name):,} characters. Allowed: at most {LONGEST_PATTERN:,}."
            yield f"{file}:{line}: {words}"
        elif host_count(name) > MOST_HOSTS:
            yield f"{file}:{line}: {name[:60]} stands for {host_count(name):,} hosts. Allowed: at most {MOST_HOSTS:,}."


def _host_names(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """(line, name) of each host in a YAML inventory."""
    visited: set[int] = set()
    pending = [node] if node is not None else []
    while pending:
        group = pending.pop()
        if id(group) in visited or not isinstance(group, yaml.MappingNode):
            continue
        visited.add(id(group))
        for key, value in group.value:
            if key.value == "hosts" and isinstance(value, yaml.ScalarNode):  # Ansible accepts a single host as text
                yield value.start_mark.line + 1, str(value.value)
            elif key.value == "hosts" and isinstance(value, yaml.MappingNode):
                yield from ((name.start_mark.line + 1, str(name.value)) for name, _ in value.value)
            elif key.value != "vars":
                pending.append(value)


def _ignored_keys(file: Path, group: str, node: yaml.Node, found: list[str], visited: set[int]) -> None:
    line = node.start_mark.line + 1
    if id(node) in visited:
        return
    visited.add(id(node))
    if not isinstance(node, yaml.MappingNode):
        if node.value not in ("", "null", "~"):
            found.append(f"{file}:{line}: group {group}: not a mapping. Fix: write 'hosts:' and the hosts below it.")
        return
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 1
        if name not in _GROUP_KEYS:
            found.append(
                f"{file}:{at}: group {group}: unknown key {name!r}. Allowed: {', '.join(_GROUP_KEYS)}. "
                "Fix: write hosts below 'hosts:' and groups below 'children:'."
            )
        elif name == "children" and isinstance(value, yaml.MappingNode):
            for child, inside in value.value:
                _ignored_keys(file, str(child.value), inside, found, visited)
        elif name == "vars":
            found += _untextual_names(file, f"group {group}", value)
        elif name == "hosts" and isinstance(value, yaml.MappingNode):
            for host, variables in value.value:
                found += _untextual_names(file, str(host.value), variables)


def _untextual_names(file: Path, of: str, variables: yaml.Node) -> Iterator[str]:
    """Messages about names of variables that YAML 1.1, which Ansible reads, takes as numbers or booleans."""
    for key, _ in variables.value if isinstance(variables, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and not key.style:
            tag = _RESOLVER.resolve(yaml.ScalarNode, key.value, (True, False))  # type: ignore[no-untyped-call] # of PyYAML
            if tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                yield (
                    f"{file}:{key.start_mark.line + 1}: {of}: the variable's name {key.value!r} is no text in YAML. "
                    "Allowed: letters, digits and underscores, beginning with a letter."
                )
