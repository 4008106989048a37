"""References to secrets in a grid: `{env: TOKEN}` is the value of an environment variable.

In the short form's headers, query and JSON body, in `vars` and in `traffic.env` a reference becomes its value.
Elsewhere in a request it becomes the template `${secret.TOKEN}`, which the load generator fills.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from harness import secrecy
from harness.grid import templates
from harness.words import short

Path_ = tuple[str | int, ...]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UPPER = re.compile(r"[A-Z_][A-Z0-9_]*")  # in a body, where {"env": "prod"} is data
PLACES = (("request", "headers"), ("request", "query"), ("request", "json"), ("vars",), ("traffic", "env"))
NGRINDER = "ngrinder"
LOGGED = (
    "a secret in a URL, which nGrinder's agents write to their logs. Fix: send it in a header or a body, or use locust"
)
_NAMED = ("headers", "params", "form", "json")  # parts of a request whose keys are names, not keys of the grid


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
        if filled.data.get("load_generator") == NGRINDER:
            filled.problems += [(where, f"{_named(where)}: {LOGGED}") for where in _in_query(data["request"]["query"])]
        filled.data = {**filled.data, "request": _with_query(request, filled)}
    secrecy.remember({*filled.secrets, *(quote(value, safe="") for value in filled.secrets)})
    return filled


def _walk(value: Any, where: Path_, filled: Filled, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        if _is_reference(value, where):
            return _value(value, where, filled, environment)
        if _is_template(value, where):
            return _template(value, where, filled, environment)
        return {key: _walk(inner, (*where, key), filled, environment) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, (*where, place), filled, environment) for place, inner in enumerate(value)]
    if isinstance(value, str) and secrecy.MASK.search(value):
        words = "a mask instead of a value. Fix: write the value, or a reference, as in {env: TOKEN}"
        filled.problems.append((where, f"{_named(where)}: {words}"))
    return value


def _in_query(query: Any) -> list[Path_]:
    """The places of the references in a query."""
    names = query if isinstance(query, dict) else {}
    return [("request", "query", name) for name, value in names.items() if isinstance(value, dict) and _has_form(value)]


def _has_form(value: dict[Any, Any]) -> bool:
    return value.keys() <= {"env", "prefix"} and isinstance(value.get("env"), str)


def _prefix(reference: dict[str, Any], where: Path_, filled: Filled) -> str:
    """The text in front of a reference's value; empty with a problem for one that is no text."""
    prefix = reference.get("prefix", "")
    if isinstance(prefix, str):
        return prefix
    words = f"prefix: got {short(prefix)}. Allowed: text, as in {{env: TOKEN, prefix: 'Bearer '}}"
    filled.problems.append((where, f"{_named(where)}: {words}"))
    return ""


def _is_in_json(value: dict[Any, Any]) -> bool:
    """Whether a mapping within a JSON body is a reference."""
    return _has_form(value) and bool(_UPPER.fullmatch(value["env"]))


def looks_like_reference(data: Any) -> bool:
    """Whether a JSON body contains a mapping that a grid reads as a reference, as in {"env": "PROD"}."""
    inner = [*data.values()] if isinstance(data, dict) else data if isinstance(data, list) else []
    return (isinstance(data, dict) and _is_in_json(data)) or any(looks_like_reference(each) for each in inner)


def _is_reference(value: dict[Any, Any], where: Path_) -> bool:
    if not _has_form(value):
        return False
    place = next((place for place in PLACES if where[: len(place)] == place and len(where) > len(place) - 1), None)
    if place is None or (where == place and place[-1] != "json"):
        return False
    return place[-1] in ("headers", "query", "env") or _is_in_json(value)


def _is_template(value: dict[Any, Any], where: Path_) -> bool:
    """Whether a mapping is a reference in a request, outside of the places of values."""
    inside = _inside_request(where)
    if not inside or not _has_form(value):
        return False
    if inside[0] == "json":
        return _is_in_json(value)
    return len(inside) > 1 or inside[0] not in _NAMED


def _inside_request(where: Path_) -> Path_:
    """The path inside a request, as in ("headers", "authorization"); empty for one outside of requests."""
    if where[:1] == ("request",):
        return where[1:]
    if where[:3] == ("traffic", "login", "request"):
        return where[3:]
    is_listed = where[:1] == ("traffic",) and where[1:2] in (("requests",), ("steps",)) and where[3:4] == ("request",)
    return where[4:] if is_listed else ()


def _template(reference: dict[str, Any], where: Path_, filled: Filled, environment: Mapping[str, str]) -> str:
    _value(reference, where, filled, environment)
    prefix = reference["prefix"] if isinstance(reference.get("prefix"), str) else ""  # others are reported
    name = reference["env"] if _NAME.fullmatch(reference["env"]) else "NAME"  # reported
    return f"{templates.escaped(prefix)}${{{templates.SECRET}{name}}}"


def _value(reference: dict[str, Any], where: Path_, filled: Filled, environment: Mapping[str, str]) -> str:
    name, prefix = reference["env"], _prefix(reference, where, filled)
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
