"""Mutations of a YAML or INI text, drawn from a seed: of characters, tokens, lines, and the parsed structure."""

from __future__ import annotations

import random
import re
from typing import Any

import yaml

CHARACTERS = "\t\r\n :-[]{}\"'#&*!|>%@`,?\x00\x07\x1b\x85\u2028\ufeff…é한\U0001f600\\/0123456789eE.+~"
TOKENS = (
    *("null", "~", "true", "no", "on", "0", "-1", "1e3", "1e400", ".nan", ".inf", "0x1F", "01234", "12:30:00"),
    *("2024-01-01", "[]", "{}", "[[]]", "''", '"\\n"', "!!int x", "!!python/object:os.system {}", "!!set {a, b}"),
    *("!!binary aGk=", "&a", "*a", "<<: *a", "{{ 1 }}", "{{ lookup('env', 'HOME') }}", "{% for %}", "../../etc/passwd"),
    *("/dev/zero", "/dev/stdin", ".", "99999999999999999999", "1" * 5000, "x" * 5000, "100000000", "1_000", "5s"),
    *("5 s", "3m", "50%", "200/s", "-5s", "∞", "é", "servers", "vusers", "rate", "fail_servers", "from", "to", "until"),
    *("locust", "ngrinder", "a#b", "a b", "/predict?x={id}", "http://example.org/", "GET", "💥", "\\x41"),
    *("x[1:99999999]", "auto"),
)  # fmt: skip


def text(random_: random.Random, original: str) -> str:
    """Return a text with one to four mutations."""
    changed = original
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        kind = random_.choice((_character, _character, _token, _token, _token, _line, _structure, _structure))
        changed = kind(random_, changed)
    return changed


def _character(random_: random.Random, content: str) -> str:
    at = random_.randrange(len(content) + 1)
    letter = random_.choice(CHARACTERS)
    return random_.choice(
        (
            content[:at] + letter + content[at:],
            content[:at] + content[at + 1 :],
            content[:at] + letter + content[at + 1 :],
        )
    )


def _token(random_: random.Random, content: str) -> str:
    places = list(re.finditer(r"[\w./%-]+", content))
    if not places:
        return content + random_.choice(TOKENS)
    place = random_.choice(places)
    other = random_.choice((*TOKENS, random_.choice(places)[0]))
    return content[: place.start()] + other + content[place.end() :]


def _line(random_: random.Random, content: str) -> str:
    lines = content.splitlines() or [""]
    at, other = random_.randrange(len(lines)), random_.randrange(len(lines))
    kind = random_.choice(("gone", "twice", "moved", "indented", "cut", "joined"))
    line = lines.pop(at)
    if kind == "twice":
        lines[at:at] = [line, line]
    elif kind == "moved":
        lines.insert(other, line)
    elif kind == "indented":
        lines.insert(at, random_.choice((" ", "  ", "    ", "\t", "- ")) + line)
    elif kind == "cut":
        lines = lines[:at]
    elif kind == "joined":
        lines[at:at] = [line + (lines.pop(at) if at < len(lines) else "")]
    return "\n".join(lines) + "\n"


def _structure(random_: random.Random, content: str) -> str:
    """Change, move, double or nest one node of the parsed document; return other texts unchanged."""
    try:
        whole = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return content
    holders = list(_holders(whole))
    if not holders:
        return content
    holder = random_.choice(holders)
    key = random_.choice(list(holder) if isinstance(holder, dict) else list(range(len(holder))))
    other = random_.choice(holders)
    other_value = random_.choice(list(other.values()) if isinstance(other, dict) else other)
    kind = random_.choice(("gone", "plain", "swapped", "nested", "listed", "many", "renamed", "deep"))
    if kind == "gone":
        del holder[key]
    elif kind == "plain":
        holder[key] = random_.choice(
            (None, True, False, 0, -1, 1, 2.5, 10**30, "", "x", [], {}, [None], {"a": 1}, {1: 2})
        )
    elif kind == "swapped":
        holder[key] = yaml.safe_load(yaml.safe_dump(other_value))
    elif kind == "nested":
        holder[key] = {str(key): holder[key]}
    elif kind == "listed":
        holder[key] = [holder[key], holder[key]]
    elif kind == "many":
        holder[key] = list(range(1, random_.choice((50, 2000))))
    elif kind == "deep":
        for _ in range(random_.choice((30, 300))):
            holder[key] = [holder[key]]
    elif isinstance(holder, dict):
        holder[random_.choice((f"{key}s", str(key)[:-1], str(key).upper(), 7, None, True))] = holder.pop(key)
    try:
        return yaml.safe_dump(whole, allow_unicode=True, sort_keys=False)
    except (yaml.YAMLError, RecursionError, TypeError):
        return content


def _holders(node: Any) -> list[Any]:
    found = []
    below: list[Any] = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    if below:
        found.append(node)
    for child in below:
        found += _holders(child)
    return found
