"""Values that users take from responses: by JSONPath, header or regular expression. No Locust here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import jsonpath
import patterns
from jsonpath.selectors import IndexSelector, NameSelector


class Received:
    """The parts of a response from which values are taken."""

    def __init__(self, headers: Mapping[str, Any], content: bytes) -> None:
        self.headers = headers
        self.content = content
        self._json: list[Any] = []

    @property
    def json(self) -> Any:
        """The parsed body; raises ValueError for another one."""
        if not self._json:
            self._json.append(json.loads(self.content))
        return self._json[0]


Take = Callable[[Received], Any]  # returns None, or raises, for no value


class Extraction:
    """All values that are taken from the responses to one request."""

    def __init__(self, spec: Mapping[str, Mapping[str, str]]) -> None:
        self._each = {name: _compiled(how) for name, how in spec.items()}

    def __bool__(self) -> bool:
        return bool(self._each)

    def take(self, received: Received, variables: dict[str, Any]) -> str:
        """Add the values to `variables`; return the kind of failure if one is missing, else an empty text."""
        taken = {}
        for name, take in self._each.items():
            try:
                value = take(received)
            except Exception:
                value = None  # a body that is no JSON, or a part of it with another type
            if value is None:
                return f"extract {name}"
            taken[name] = value
        variables.update(taken)
        return ""


def _compiled(how: Mapping[str, str]) -> Take:
    (kind, expression) = next(iter(how.items()))
    if kind == "json":
        return _by_jsonpath(expression)
    if kind == "header":
        return lambda received: _first(received.headers.get(expression))
    if kind == "regex":
        return _by_regex(expression)
    raise ValueError(f"extract (got {kind}). Allowed: json, header, regex.")


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _by_jsonpath(path: str) -> Take:
    """A singular query (RFC 9535, 2.3.5.1): names and indexes, so that at most one value is found."""
    try:
        compiled = jsonpath.compile(path, strict=True)
    except jsonpath.JSONPathError as error:
        raise ValueError(f"json: not a JSONPath (got {path}): {error}") from None
    if not isinstance(compiled, jsonpath.JSONPath) or not compiled.singular_query():
        raise ValueError(f"json: selects more than one value (got {path}). Allowed: names and indexes, as in $.a[0].b.")
    keys: list[str | int] = []
    for segment in compiled.segments:
        for selector in segment.selectors:
            if isinstance(selector, NameSelector):
                keys.append(selector.name)
            elif isinstance(selector, IndexSelector):
                keys.append(selector.index)

    def take(received: Received) -> Any:
        value = received.json
        for key in keys:
            if not isinstance(value, dict if isinstance(key, str) else list):
                return None
            value = value[key]
        return value

    return take


def _by_regex(expression: str) -> Take:
    pattern = patterns.compiled(expression)
    group = 1 if pattern.groups else 0

    def take(received: Received) -> Any:
        found = pattern.search(received.content)
        value = found[group] if found else None
        return value.decode(errors="replace") if value is not None else None

    return take
