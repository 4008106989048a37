"""Check and apply JSONPaths (RFC 9535) that name one value. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from harness.words import short


def keys(text: str) -> list[str | int]:
    """Return the names and indexes of a JSONPath of one value, outermost first."""
    import jsonpath  # takes long to import, and few grids need it
    from jsonpath.selectors import IndexSelector, NameSelector

    path = jsonpath.JSONPathEnvironment(strict=True).compile(text)
    segments = path.segments if isinstance(path, jsonpath.JSONPath) else ()
    selectors = [selector for segment in segments for selector in segment.selectors]
    return [
        each.name if isinstance(each, NameSelector) else each.index
        for each in selectors
        if isinstance(each, NameSelector | IndexSelector)
    ]


def found(body: str | bytes, names: Iterable[str | int]) -> Any:
    """Return the value at names and indexes, outermost first, in a JSON text; None for none, and for another text."""
    try:
        value = json.loads(body)
        for name in names:
            if not isinstance(value, dict if isinstance(name, str) else list):
                return None
            value = _at(value, name)
    except (ValueError, KeyError, IndexError, RecursionError):
        return None
    return value


def _at(value: Any, name: Any) -> Any:
    return value[name]


def wrong(text: str) -> str:
    """Return why a text is not a JSONPath of one value; empty for a valid one."""
    import jsonpath  # takes long to import, and few grids need it

    allowed = "Allowed: a JSONPath of one value, as in $.access_token or $.items[0].id"
    if not text.startswith("$"):
        return f"got {short(text)}: not a JSONPath: it does not begin with $. {allowed}"
    try:
        path = jsonpath.JSONPathEnvironment(strict=True).compile(text)
    except (jsonpath.JSONPathError, RecursionError) as error:
        reason = error.args[0] if error.args else type(error).__name__
        return f"got {short(text)}: not a JSONPath: {reason}. {allowed}"
    if not isinstance(path, jsonpath.JSONPath) or not path.singular_query():
        return f"got {short(text)}: it may name several values. {allowed}"
    return ""
