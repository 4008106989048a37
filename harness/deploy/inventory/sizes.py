"""What of an inventory's text Ansible would pass over without a word, or would need all memory for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

import yaml

from harness.grid.yamlcore import NotYaml, compose

OF_A_GROUP = ("hosts", "vars", "children")
MOST_HOSTS = 10_000  # in one pattern such as server-[1:20]
_RANGE = re.compile(r"\[(?:(\d*):(\d+)|([a-zA-Z]):([a-zA-Z]))(?::(\d+))?\]")


def problems(file: Path, text: str, kind: str) -> list[str]:
    """Keys of a YAML inventory that would be lost, ranges of hosts that are too large, nesting and aliases likewise.

    `kind` is "yaml" or "ini".
    """
    if kind == "ini":
        lines = enumerate(text.splitlines(), 1)
        return [*_ranges(file, ((number, line.split()[0]) for number, line in lines if line.split()))]
    try:
        node = compose(text)
    except NotYaml as error:
        # Ansible describes bad syntax better, but has no bounds.
        return [] if "not valid YAML" in str(error) else [f"{file}:{error.line}: {error}"]
    found: list[str] = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _lost_in(file, str(key.value), value, found, set())
    return [*found, *_ranges(file, _names(node))]


def hosts(pattern: str) -> int:
    """How many hosts a pattern such as server-[01:20] stands for."""
    counts = []
    for least, most, first, last, step in _RANGE.findall(pattern):
        span = int(most[:18]) - int((least or "0")[:18]) if most else ord(last) - ord(first)
        counts.append(span // max(1, int((step or "1")[:18])) + 1)
    return prod(counts)


def _ranges(file: Path, names: Iterator[tuple[int, str]]) -> Iterator[str]:
    for line, name in names:
        if hosts(name) > MOST_HOSTS:
            yield f"{file}:{line}: {name[:60]} stands for {hosts(name):,} hosts. Allowed: {MOST_HOSTS:,}"


def _names(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Names of hosts in a YAML inventory, each with its line."""
    seen: set[int] = set()
    waiting = [node] if node is not None else []
    while waiting:
        below = waiting.pop()
        if id(below) in seen or not isinstance(below, yaml.MappingNode):
            continue
        seen.add(id(below))
        for key, value in below.value:
            if key.value == "hosts" and isinstance(value, yaml.ScalarNode):  # Ansible takes one host so
                yield value.start_mark.line + 1, str(value.value)
            elif key.value == "hosts" and isinstance(value, yaml.MappingNode):
                yield from ((name.start_mark.line + 1, str(name.value)) for name, _ in value.value)
            elif key.value != "vars":
                waiting.append(value)


def _lost_in(file: Path, group: str, node: yaml.Node, found: list[str], seen: set[int]) -> None:
    line = node.start_mark.line + 1
    if id(node) in seen:
        return
    seen.add(id(node))
    if not isinstance(node, yaml.MappingNode):
        if node.value not in ("", "null", "~"):
            found.append(
                f"{file}:{line}: group {group} is no mapping; write 'hosts:' below it and the hosts below that"
            )
        return
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 1
        if name not in OF_A_GROUP:
            found.append(
                f"{file}:{at}: {name!r} is not known in group {group}; allowed: {', '.join(OF_A_GROUP)}. "
                "A host stands below 'hosts:', a group below 'children:'"
            )
        elif name == "children" and isinstance(value, yaml.MappingNode):
            for child, inside in value.value:
                _lost_in(file, str(child.value), inside, found, seen)
