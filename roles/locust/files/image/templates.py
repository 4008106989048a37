r"""Texts with references, such as /users/${row.user}, compiled once for each load. No Locust here.

A reference is ${row.COLUMN}, ${user}, ${uuid}, ${trial}, or the name of an extracted value; $${ is a literal ${. A
value that is no text is inserted as JSON.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
ROW = "row."
# Values that a text depends on; a larger number includes the smaller ones.
NOTHING, ON_ROW, ON_ALL = range(3)

Convert = Callable[[Any], str]


class NoData(ValueError):
    """A row, a column, a file or an extracted value that a request needs does not exist."""


def random_uuid() -> str:
    """A random UUID (RFC 9562, version 4), in a fraction of the time of the standard library's."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Context:
    """The values of one request."""

    __slots__ = ("_uuid", "row", "user", "variables")

    def __init__(self, row: dict[str, Any] | None, user: int, variables: dict[str, Any]) -> None:
        self.row = row
        self.user = user  # from 1
        self.variables = variables  # extracted values
        self._uuid = ""

    @property
    def uuid(self) -> str:
        """One for each request, wherever it is used in it."""
        if not self._uuid:
            self._uuid = random_uuid()
        return self._uuid


# Compact JSON; raises ValueError for a value that is no JSON. json.dumps would make an encoder for each value.
dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def plain(value: Any) -> str:
    """A value as text."""
    return value if isinstance(value, str) else dumps(value)


def percent(value: Any) -> str:
    """A value in a path or a query string."""
    return quote(plain(value), safe="")


def form(value: Any) -> str:
    """A value in a form."""
    return quote_plus(plain(value))


def inside_json(value: Any) -> str:
    """A value in a JSON string, without its quotation marks."""
    return dumps(plain(value))[1:-1]


class Reference:
    """One reference and the conversion of its value."""

    __slots__ = ("convert", "name")

    def __init__(self, name: str, convert: Convert) -> None:
        self.name = name
        self.convert = convert

    @property
    def scope(self) -> int:
        return ON_ROW if self.name.startswith(ROW) else ON_ALL

    def text(self, context: Context) -> str:
        """The converted value; raises NoData if there is none."""
        name = self.name
        if name.startswith(ROW):
            if context.row is None or (column := name[len(ROW) :]) not in context.row:
                raise NoData(name)
            return self.convert(context.row[column])
        if name == "user":
            return self.convert(str(context.user))
        if name == "uuid":
            return self.convert(context.uuid)
        if name not in context.variables:
            raise NoData(name)
        return self.convert(context.variables[name])


Part = str | Reference


class Template:
    """A compiled text."""

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts: list[Part] = []
        for part in parts:
            if isinstance(part, str) and self._parts and isinstance(self._parts[-1], str):
                self._parts[-1] += part
            else:
                self._parts.append(part)
        self.scope = max((NOTHING if isinstance(part, str) else part.scope for part in self._parts), default=NOTHING)

    def text(self, context: Context) -> str:
        """The text with its values; raises NoData or ValueError."""
        return "".join([part if isinstance(part, str) else part.text(context) for part in self._parts])


def parsed(text: str, trial: str, convert: Convert, literal: Convert = plain) -> Iterator[Part]:
    """The parts of a text; `convert` applies to values, `literal` to the text between them."""
    end = 0
    for found in _REFERENCE.finditer(text):
        yield literal(text[end : found.start()])
        end = found.end()
        if found[1] is None:
            yield literal("${")
        elif found[1] == "trial":
            yield convert(trial)
        else:
            yield Reference(found[1], convert)
    yield literal(text[end:])


def of_text(text: str, trial: str) -> Template:
    """A header's value, or a text."""
    return Template(parsed(text, trial, plain))


def of_path(path: str, params: list[list[str]], trial: str) -> Template:
    """A path with its query string."""

    def parts() -> Iterator[Part]:
        yield from parsed(path, trial, percent)
        separator = "&" if "?" in path else "?"
        for name, value in params:
            yield separator
            yield from parsed(name, trial, percent, percent)
            yield "="
            yield from parsed(value, trial, percent, percent)
            separator = "&"

    return Template(parts())


def of_form(fields: list[list[str]], trial: str) -> Template:
    """The fields of a form."""

    def parts() -> Iterator[Part]:
        for number, (name, value) in enumerate(fields):
            yield "&" if number else ""
            yield from parsed(name, trial, form, form)
            yield "="
            yield from parsed(value, trial, form, form)

    return Template(parts())


def of_json(value: Any, trial: str) -> Template:
    """A JSON value as compact text.

    A string that is one reference to a column or an extracted value takes the value with its type. Keys are no
    templates.
    """
    return Template(_json_parts(value, trial))


def _json_parts(value: Any, trial: str) -> Iterator[Part]:
    if isinstance(value, str):
        parts = [part for part in parsed(value, trial, inside_json, inside_json) if part]
        only = parts[0] if len(parts) == 1 else ""
        if isinstance(only, Reference) and only.name not in ("user", "uuid"):
            yield Reference(only.name, dumps)
            return
        yield '"'
        yield from parts
        yield '"'
    elif isinstance(value, dict):
        for number, (key, each) in enumerate(value.items()):
            yield "," if number else "{"
            yield f"{dumps(key)}:"
            yield from _json_parts(each, trial)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield "," if number else "["
            yield from _json_parts(each, trial)
        yield "]" if value else "[]"
    else:
        yield dumps(value)
