"""References to secrets in a grid: `{env: TOKEN}` is the value of an environment variable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from harness import secrecy

Path_ = tuple[str | int, ...]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UPPER = re.compile(r"[A-Z_][A-Z0-9_]*")  # in a body, where {"env": "prod"} is data
PLACES = (("request", "headers"), ("request", "query"), ("request", "json"), ("vars",), ("traffic", "env"))


@dataclass
class Filled:
    """A grid's data with all references resolved, the secret values, and the problems as (path, message)."""

    data: Any
    secrets: set[str] = field(default_factory=set)
    problems: list[tuple[Path_, str]] = field(default_factory=list)


def fill(data: Any, environment: Mapping[str, str]) -> Filled:
    """Resolve every reference; `request.query` becomes part of the path."""
    filled = Filled(data)
    filled.data = _walk(data, (), filled, environment)
    request = filled.data.get("request") if isinstance(filled.data, dict) else None
    if isinstance(request, dict) and "query" in request:
        filled.data = {**filled.data, "request": _with_query(request, filled)}
    secrecy.remember({*filled.secrets, *(quote(value, safe="") for value in filled.secrets)})
    return filled


def _walk(value: Any, where: Path_, filled: Filled, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        if _is_reference(value, where):
            return _value(value, where, filled, environment)
        return {key: _walk(inner, (*where, key), filled, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, (*where, place), filled, environment) for place, inner in enumerate(value)]
    if isinstance(value, str) and secrecy.MASK.search(value):
        words = "a mask instead of a value. Fix: write the value, or a reference, as in {env: TOKEN}"
        filled.problems.append((where, f"{_named(where)}: {words}"))
    return value


def _is_reference(value: dict[Any, Any], where: Path_) -> bool:
    if not value.keys() <= {"env", "prefix"} or not isinstance(value.get("env"), str):
        return False
    place = next((place for place in PLACES if where[: len(place)] == place and len(where) > len(place) - 1), None)
    if place is None or (where == place and place[-1] != "json"):
        return False
    return place[-1] in ("headers", "query", "env") or bool(_UPPER.fullmatch(value["env"]))


def _value(reference: dict[str, Any], where: Path_, filled: Filled, environment: Mapping[str, str]) -> str:
    name, prefix = reference["env"], str(reference.get("prefix", ""))
    value = environment.get(name, "")
    if not _NAME.fullmatch(name):
        words = f"env: got {name!r}. Allowed: the name of an environment variable, as in {{env: TOKEN}}"
        filled.problems.append((where, f"{_named(where)}: {words}"))
    elif not value:
        state = "is empty" if name in environment else "is not set"
        words = f"the environment variable {name} {state}. Fix: export {name} with the secret, then run this again"
        filled.problems.append((where, f"{_named(where)}: {words}"))
    else:
        filled.secrets.add(value)
    return prefix + value


def _with_query(request: dict[str, Any], filled: Filled) -> dict[str, Any]:
    query, path = request["query"], str(request.get("path", ""))
    rest = {key: value for key, value in request.items() if key != "query"}
    pairs = list(query.items()) if isinstance(query, dict) else []
    if not pairs or any(isinstance(value, dict | list) or value is None for _, value in pairs):
        words = "Allowed: a mapping of names to texts or numbers, as in query: {lang: ko, token: {env: TOKEN}}"
        filled.problems.append((("request", "query"), f"request.query: {words}"))
        return rest
    encoded = "&".join(f"{quote(str(name), safe='')}={quote(_plain(value), safe='')}" for name, value in pairs)
    return {**rest, "path": f"{path}{'&' if '?' in path else '?'}{encoded}"}


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named(where: Path_) -> str:
    return ".".join(map(str, where))
