"""Write plain data as YAML that people like to read: block style, short values on one line, long ones wrapped. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.grid.yamlcore import CORE
from harness.words import HIDDEN

WIDTH = 118
_PLAIN = re.compile(r"[A-Za-z/$.][\w/.$:-]*(?: [\w/.-]+)*")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:ms|s|%)")
_CORE = re.compile("|".join(f"(?:{pattern})" for pattern, _ in CORE.values()))
_NOT_IN_QUOTES = re.compile("[\n\r\t\x85\u2028\u2029\ufeff]")


def scalar(value: object) -> str:
    """Return a scalar: plain if that is the same text, else in quotes."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    text = str(value)
    if _DURATION.fullmatch(text):
        return text
    if _PLAIN.fullmatch(text) and text.isascii() and not _CORE.fullmatch(text) and ": " not in f"{text} ":
        return text
    if HIDDEN.search(text) or _NOT_IN_QUOTES.search(text) or any(ord(letter) > 0xFFFF for letter in text):
        return json.dumps(text)
    if '"' in text or "\\" in text:
        return f"'{text.replace(chr(39), chr(39) * 2)}'"
    return f'"{text}"'


def flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    text = scalar(value)
    return f'"{text}"' if isinstance(value, str) and text == value and not re.fullmatch(r"[\w/.-]+", text) else text


def entry(key: str, value: Any, indent: int) -> list[str]:
    """Return the lines of `key: value`, indented by a number of blanks."""
    blanks, name = " " * indent, scalar(key)
    short = f"{blanks}{name}: {flow(value) if isinstance(value, Mapping | list | tuple) else scalar(value)}"
    if len(short) <= WIDTH or not isinstance(value, Mapping | list | tuple) or not value:
        return [short]
    if isinstance(value, Mapping):
        return [
            f"{blanks}{name}:",
            *(line for each in value.items() for line in entry(str(each[0]), each[1], indent + 2)),
        ]
    if all(not isinstance(each, Mapping | list | tuple) for each in value):
        return _wrapped(f"{blanks}{name}: [", [flow(each) for each in value])
    return [f"{blanks}{name}:", *(line for each in value for line in item(each, indent + 2))]


def item(value: Any, indent: int) -> list[str]:
    """Return the lines of `- value`."""
    blanks = " " * indent
    short = f"{blanks}- {flow(value)}"
    if len(short) <= WIDTH or not isinstance(value, Mapping | list | tuple) or not value:
        return [short]
    if isinstance(value, Mapping):
        lines = [line for each in value.items() for line in entry(str(each[0]), each[1], indent + 2)]
        return [f"{blanks}- {lines[0].lstrip()}", *lines[1:]]
    if all(not isinstance(each, Mapping | list | tuple) for each in value):
        return _wrapped(f"{blanks}- [", [flow(each) for each in value])
    lines = [line for each in value for line in item(each, indent + 2)]
    return [f"{blanks}- {lines[0].lstrip()}", *lines[1:]]


def _wrapped(head: str, texts: list[str]) -> list[str]:
    """Return a list of scalars over several lines, below its bracket."""
    lines, line = [], head
    blanks = " " * len(head)
    for place, text in enumerate(texts):
        end = "]" if place == len(texts) - 1 else ","
        if len(line) + len(text) + 2 > WIDTH and line.strip() and line != head:
            lines.append(line.rstrip())
            line = blanks
        line += text + end + ("" if end == "]" else " ")
    return [*lines, line.rstrip()]
