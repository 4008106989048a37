"""Validate a document as a grid and find all problems: invalid values are replaced until none remains. Pure."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.grid import type_words
from harness.grid.load import LOAD_FACTORS, RATE, VUSERS
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.secrecy import is_secret_name
from harness.words import nearest, short

_ROUNDS = 8
_MOST_PROBLEMS = 100  # that are listed: the repair of each copies the data, and nobody reads more
_REQUEST = {"name": "request", "request": {"path": "/"}}
# Values that are valid in any grid, in place of invalid or missing ones.
_STAND_INS: dict[Path_, Any] = {
    ("name",): "name",
    ("factors",): {"servers": [1], VUSERS: [1]},
    ("factors", "servers"): [1],
    ("factors", VUSERS): [1],
    ("factors", RATE): ["1/s"],
    ("load",): {"duration": "1h"},
    ("load", "duration"): "1h",
    ("load", "think_time"): "1s",
    ("request",): {"path": "/"},
    ("request", "path"): "/",
    ("traffic",): {"requests": [_REQUEST]},
    ("traffic", "requests"): [_REQUEST],
    ("traffic", "steps"): [_REQUEST],
}
_MARKS = ("function-", "tuple[", "dict[", "constrained-", "[key]")
_MEMBERS = ("bool", "int", "float", "str", "levels", "search", "one time", "times by name")  # of a union of types


@dataclass
class Validated:
    """Result of a validation. `grid` is None if too much is invalid; `replaced` has the paths of replaced values."""

    grid: Grid | None = None
    problems: list[tuple[Path_, str]] = field(default_factory=list)
    replaced: set[Path_] = field(default_factory=set)

    def touched(self, path: Path_) -> bool:
        """Whether a path or one of its parents was replaced."""
        return any(path[: len(each)] == each for each in self.replaced)


def validate(data: dict[Any, Any]) -> Validated:
    """Validate a grid's data until all problems are found."""
    found = Validated()
    for _ in range(_ROUNDS):
        try:
            found.grid = Grid.model_validate(data)
        except ValidationError as error:
            places = [(_written(item["loc"], data), item) for item in error.errors()]
        else:
            break
        if len(places) > _MOST_PROBLEMS:
            text = f"grid: {len(places):,} problems, of which {_MOST_PROBLEMS} are listed"
            listed = [(where, item) for where, item in places[:_MOST_PROBLEMS] if not type_words.is_of_type(item)]
            found.problems += [((), text), *((where, _in_words(where, item)) for where, item in listed)]
            found.problems += _wrong_types(places[:_MOST_PROBLEMS])
            return found
        new = [(where, item) for where, item in places if not found.touched(where)]
        found.problems += [(where, _in_words(where, item)) for where, item in new if not type_words.is_of_type(item)]
        found.problems += _wrong_types(new)
        for where, item in places:
            data = _repaired(data, where, found, again=(where, item) not in new)
    return found


def _repaired(data: dict[Any, Any], where: Path_, found: Validated, again: bool) -> dict[Any, Any]:
    """Return the data without the value at a path, or with a valid value in its place."""
    if not where:
        return data
    factors = data.get("factors")
    stand_ins = dict(_STAND_INS)
    if isinstance(factors, dict) and RATE in factors:  # no think time there
        del stand_ins["load", "think_time"]
    else:
        stand_ins["load",] = {**stand_ins["load",], "think_time": "1s"}
    if "request" in data and where[0] == "traffic":
        del stand_ins["traffic",]
    where = where[:2] if len(where) > 1 and isinstance(data.get(where[0]), dict) and not again else where[:1]
    top, section = where[0], data.get(where[0])
    found.replaced.add(where)
    if top == "factors":
        # Cells could name levels that are replaced here.
        data = {name: value for name, value in data.items() if name not in ("exclude", "include")}
    if where == ("factors",) and isinstance(section, dict) and not again:
        factor = next((name for name in LOAD_FACTORS if name in section), VUSERS)
        kept = {name: levels for name, levels in section.items() if name not in LOAD_FACTORS}
        found.replaced |= {("factors", name) for name in ("servers", *LOAD_FACTORS)}
        if sum(name in section for name in LOAD_FACTORS) != 1:  # keys that depend on it are not checked then
            found.replaced |= {("load",), ("load_generator",)}
        return {**data, "factors": {"servers": [1], **kept, factor: section.get(factor, [1])}}
    if where == ("load",) and isinstance(section, dict) and not again:
        return {**data, "load": {**section, "duration": "1h", "ramp_up": "5s", "fail_at": "50%", "timeout": "10s"}}
    if len(where) == 1:
        rest = {name: value for name, value in data.items() if name != top}
        return {**rest, top: stand_ins[where]} if where in stand_ins else rest
    inner = {name: value for name, value in data[top].items() if name != where[1] and str(name) != where[1]}
    return {**data, top: {**inner, where[1]: stand_ins[where]} if where in stand_ins else inner}


def _written(loc: tuple[str | int, ...], data: dict[Any, Any]) -> Path_:
    """Return the path as written for pydantic's location: without marks of validators or union members."""
    found: list[str | int] = []
    here: Any = data
    for part in loc:
        there = (isinstance(here, dict) and part in here) or (isinstance(here, list) and part in range(len(here)))
        here = here[part] if there else None
        if there or not isinstance(part, str) or not (part.startswith(_MARKS) or part in _MEMBERS):
            found.append(part)
    return tuple(found)


def _wrong_types(places: list[tuple[Path_, Any]]) -> Iterator[tuple[Path_, str]]:
    """Yield one message for each value of a wrong type, however many types it could have."""
    by_path: dict[Path_, list[Any]] = {}
    for where, item in places:
        if type_words.is_of_type(item):
            by_path.setdefault(where, []).append(item)
    for where, items in by_path.items():
        value, name = items[0].get("input"), _name(where)
        fix = ". Fix: write it in quotes" if items[0]["type"] == "string_type" and _is_plain(value) else ""
        if value is None:
            yield (
                where,
                f"{name}: is empty. Allowed: {type_words.allowed(items)}. Fix: write a value, or remove the key",
            )
        else:
            yield where, f"{name}: got {_got(where, value)}. Allowed: {type_words.allowed(items)}{fix}"


def _is_plain(value: object) -> bool:
    return isinstance(value, int | float)


def _name(where: Path_) -> str:
    return short(".".join(map(str, where)), bare=True) or "grid"


def _got(where: Path_, value: object) -> str:
    """The value for a message; never one below the name of a secret."""
    return "[masked]" if any(is_secret_name(str(part)) for part in where) else short(value)


def _in_words(where: Path_, item: Any) -> str:
    name, kind, got = _name(where), item["type"], _got(where, item.get("input"))
    if kind in ("extra_forbidden", "invalid_key"):  # the latter is a number or null as a key
        section = _name(where[:-1])
        if where[0] == "traffic" and str(where[-1]).startswith("expect_"):
            key = str(where[-1]).removeprefix("expect_")
            return f"{section}: unknown key {short(where[-1])}. Fix: write expect: {{{key}: …}} next to request"
        return f"{section}: unknown key {short(where[-1])}" + nearest(str(item["loc"][-1]), _fields_at(where[:-1]))
    if kind == "missing":
        example = "grids/own-traffic.yaml" if where[0] == "traffic" else "grid.yaml"
        return f"{name}: missing. Fix: add it; {example} has an example"
    if kind == "value_error":
        words = item["ctx"]["error"]  # text if the message names the factor
        return f"{'factors' if where[:1] == ('factors',) and isinstance(words, str) else name}: {words}"
    if kind == "literal_error":
        return f"{name}: got {got}. Allowed: {item['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return f"{name}: got {got}. Allowed: at most 64 letters, digits, dots, dashes and underscores"
    if words := type_words.allowed([item]):
        return f"{name}: got {got}. Allowed: {words}"
    return f"{name}: {item['msg'][0].lower()}{item['msg'][1:]} (got {got})"


def _fields_at(path: Path_) -> list[str]:
    """Return the allowed keys at `path`."""
    model: type[BaseModel] = Grid
    is_named = False  # whether the next part is a name of the user's, as below extract
    for part in path:
        if is_named or isinstance(part, int):  # an int is of a list, whose items have one type
            is_named = False
            continue
        fields = {field_.alias or name: field_ for name, field_ in model.model_fields.items()}
        found = next(_models(fields[str(part)].annotation), None) if str(part) in fields else None
        if found is None:
            return []
        is_named = typing.get_origin(fields[str(part)].annotation) is dict
        model = found
    return [field_.alias or name for name, field_ in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the parts of a grid in a type such as `tuple[Step, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
