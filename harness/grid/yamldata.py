"""Convert a tree of YAML nodes to plain data with lines, and find every problem with its line. Pure.

Below `BODY` the rules of JSON apply too: keys are text, and there are no merge keys.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.grid.yamlcore import CORE, TAG
from harness.words import short

Path_ = tuple[str | int, ...]
BODY = ("request", "json")  # in the short form of traffic, and below traffic
LONGEST_NUMBER = 100  # characters
_KINDS = {"null": "null", "bool": "a boolean", "int": "a whole number", "float": "a number"}


@dataclass
class Reading:
    """Converts a tree to plain data, and records the line of every path and each problem."""

    lines: dict[Path_, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    empty: set[Path_] = field(default_factory=set)  # paths of values that are not written, as after "key:"
    unread: set[Path_] = field(default_factory=set)  # paths with a problem; their values are not those of the file

    def value(self, node: yaml.Node, path: Path_ = ()) -> Any:
        """Return plain data: text, numbers, booleans, None, lists and mappings."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag in (TAG + "map", "!"):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag in (TAG + "seq", "!"):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            if not node.value and node.tag == TAG + "null" and not _is_body(path):
                self.empty.add(path)
            return self._scalar(node, path)
        return self._tag(node, path)

    def _note(self, node: yaml.Node, path: Path_, words: str) -> Any:
        """Record a problem; the value becomes None."""
        name = ".".join(str(part) for part in path)
        self.unread.add(path)
        self.problems.append((node.start_mark.line + 1, f"{short(name, bare=True)}: {words}" if name else words))
        return None

    def _tag(self, node: yaml.Node, path: Path_) -> Any:
        tag = node.tag.replace(TAG, "!!")
        return self._note(node, path, f"the tag {short(tag, bare=True)} is not supported. Fix: write a plain value")

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._note(key, path, "a key must be text, not a list or a mapping")
                continue
            name, line = key.value, key.start_mark.line + 1
            if name in seen:
                self.problems.append((line, again(name, seen[name])))
            seen.setdefault(name, line)
            self.lines[(*path, name)] = line
            below = (*path, name)
            if name == "<<" and not key.style and not _is_body(path):
                merged = {**self._merged(value, path), **merged}
            else:
                found[self._key(key, below)] = self.value(value, below)
        return {**merged, **found}

    def _merged(self, node: yaml.Node, path: Path_) -> dict[Any, Any]:
        """Return the entries of a merge key; of several mappings the first wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[Any, Any] = {}
        for part in parts:
            if isinstance(part, yaml.MappingNode):
                found = {**self._mapping(part, path), **found}
            else:
                self._note(part, path, "'<<' needs a mapping, as in '<<: *name'")
        return found

    def _key(self, key: yaml.ScalarNode, path: Path_) -> Any:
        if not _is_body(path[:-1]):
            return self._scalar(key, path)
        if key.value == "<<" and not key.style:
            self._note(key, path, "JSON has no merge key. Fix: write the keys out, or '<<' in quotes for a key")
        elif key.tag != TAG + "str":
            quoted = short("'" + key.value + "'", bare=True)
            self._note(key, path, f"a key of JSON is text (got {short(key.value, bare=True)}). Fix: write {quoted}")
        return key.value

    def _scalar(self, node: yaml.ScalarNode, path: Path_) -> Any:
        kind, text = node.tag.removeprefix(TAG), node.value
        if kind in ("str", "!"):
            return self._text(node, path)
        if kind not in CORE:
            return self._tag(node, path)
        got = f"(got {short(text)})"
        if not re.fullmatch(CORE[kind][0], text):
            return self._note(node, path, f"{got[5:-1]} is not {_KINDS[kind]}, as its tag claims. Fix: remove the tag")
        if kind in ("null", "bool"):
            return None if kind == "null" else text.lower() == "true"
        if len(text) > LONGEST_NUMBER:
            return self._note(node, path, f"a number of {len(text)} digits. Allowed: {LONGEST_NUMBER}")
        if re.match(r"[-+]?0[0-9]", text):
            plain = re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", text)
            words = (
                f"a number with a leading zero is ambiguous {got}. Fix: write {plain}, or '{text}' in quotes for text"
            )
            return self._note(node, path, words)
        value = (int(text, 0) if text[1:2] in "ox" else int(text)) if kind == "int" else _float(text)
        if not math.isfinite(value):
            return self._note(node, path, f"a number must be finite {got}. Fix: write a number, or quote it as text")
        return value

    def _text(self, node: yaml.ScalarNode, path: Path_) -> Any:
        text: str = node.value
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            return self._note(node, path, f"half of a character's surrogate pair (got {short(text)})")


def _is_body(path: Path_) -> bool:
    """Whether a path is a request's JSON body, or below one."""
    if path[:1] == ("traffic",):
        return path[2:4] == BODY or path[3:5] == BODY
    return path[:2] == BODY


def _float(text: str) -> float:
    """Return a number; infinite for YAML's infinities and NaN."""
    return math.inf if text.lower().endswith(("f", "n")) else float(text)


def doubled(node: yaml.Node) -> list[tuple[int, str]]:
    """Return the duplicate keys of all mappings, each with its line."""
    found: list[tuple[int, str]] = []
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        first: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in first:
                found.append((line, again(name, first[name])))
            first.setdefault(name, line)
            waiting.append(value)
    return sorted(found)


def again(name: str, first: int) -> str:
    """Return the message about a duplicate key."""
    return f"duplicate key {short(name)} (first on line {first}). Fix: keep one of them"
