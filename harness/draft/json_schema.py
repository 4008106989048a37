"""Example values of JSON schemas, as OpenAPI 3.0 and 3.1 use them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from harness.draft.sources import ParsedDocument, mapping, sequence, shown
from harness.grid.yamldata import Path_

MOST_ITEMS = 1000
DEEPEST = 12  # schemas inside each other
MOST_VALUES = 5000
_MOST_REFERENCES = 32  # that only lead to another one
FORMATS = {
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1M",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/example",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "ZXhhbXBsZQ==",
}
_MISSING = object()  # no example without an endless value


class Examples:
    """Makes example values of a document's schemas; `guessed` are the names of values that match no pattern."""

    def __init__(self, document: ParsedDocument) -> None:
        self._document = document
        self._values = 0
        self.guessed: list[str] = []

    def resolve(self, node: Any, where: Path_) -> tuple[dict[str, Any], Path_]:
        """Return a mapping behind its references, and its place; keys next to a reference replace those behind it.

        Raises BadInput for a reference to another document, to nothing, or to itself.
        """
        found, extra = mapping(node), dict[str, Any]()
        for _ in range(_MOST_REFERENCES):
            if not isinstance(reference := found.get("$ref"), str):
                return {**found, **extra}, where
            extra = {**{key: each for key, each in found.items() if key != "$ref"}, **extra}
            found, where = self._target(reference, where)
        raise self._document.error(where, f"$ref: {shown(found.get('$ref'))} refers to itself")

    def _target(self, reference: str, where: Path_) -> tuple[dict[str, Any], Path_]:
        if not reference.startswith("#/"):
            words = (
                f"$ref: got {shown(reference)}. Allowed: a place in this document, as in #/components/schemas/Item. "
            )
            raise self._document.error(where, f"{words}Fix: bundle the document, as with 'redocly bundle'")
        value: Any = self._document.data
        path: list[str | int] = []
        for part in reference[2:].split("/"):
            key = re.sub(r"%([0-9A-Fa-f]{2})", lambda hexa: chr(int(hexa[1], 16)), part)
            key = key.replace("~1", "/").replace("~0", "~")
            inner = {str(k): v for k, v in enumerate(value)} if isinstance(value, list) else mapping(value)
            if key not in inner:
                raise self._document.error((*where, "$ref"), f"$ref: {shown(reference)} is not in the document")
            value = inner[key]
            path.append(int(key) if key.isdigit() and not isinstance(value, dict) else key)
        return mapping(value), tuple(path)

    def value(self, schema: Any, where: Path_, name: str = "") -> Any:
        """Return an example of a schema; None if every example is endless."""
        found = self._value(schema, where, name, ())
        return None if found is _MISSING else found

    def _value(self, schema: Any, where: Path_, name: str, above: tuple[Path_, ...]) -> Any:
        self._values += 1
        own, where = self.resolve(schema, where)
        if where in above or len(above) > DEEPEST or self._values > MOST_VALUES:
            return _MISSING
        given = _given(own)
        if given is not _MISSING:
            return given
        inside = (*above, where)
        if own.get("allOf"):
            own = self._merged(own, where, inside)
            if (given := _given(own)) is not _MISSING:
                return given
        for key in ("oneOf", "anyOf"):
            if options := sequence(own.get(key)):
                return self._first(options, (*where, key), name, inside)
        return self._of_type(own, where, name, inside)

    def _merged(self, own: dict[str, Any], where: Path_, above: tuple[Path_, ...]) -> dict[str, Any]:
        """Return a schema with those of its `allOf`."""
        merged: dict[str, Any] = {}
        parts = [self.resolve(each, (*where, "allOf", at)) for at, each in enumerate(sequence(own["allOf"]))]
        for part, place in [*parts, ({key: each for key, each in own.items() if key != "allOf"}, where)]:
            if place in above[:-1] or len(above) > DEEPEST:
                continue
            inner = self._merged(part, place, (*above, place)) if part.get("allOf") else part
            properties = {**mapping(merged.get("properties")), **mapping(inner.get("properties"))}
            required = [*sequence(merged.get("required")), *sequence(inner.get("required"))]
            merged = {**merged, **inner, "properties": properties, "required": required}
        return {key: each for key, each in merged.items() if each or key not in ("properties", "required")}

    def _first(self, options: list[Any], where: Path_, name: str, above: tuple[Path_, ...]) -> Any:
        """Return an example of the first option that has one and is not null."""
        for at, option in enumerate(options):
            found = self._value(option, (*where, at), name, above)
            if found is not _MISSING and found is not None:
                return found
        return None if any(mapping(each).get("type") == "null" for each in options) else _MISSING

    def _of_type(self, own: dict[str, Any], where: Path_, name: str, above: tuple[Path_, ...]) -> Any:
        kind = own.get("type")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        if kind == "object" or (kind is None and "properties" in own):
            return self._object(own, where, above)
        if kind == "array" or (kind is None and "items" in own):
            return self._array(own, where, name, above)
        if kind in ("integer", "number"):
            return number(own)
        if kind == "string":
            return self._text(own, name)
        return {"boolean": True, "null": None}.get(str(kind), {} if kind is None and not name else "example")

    def _object(self, own: dict[str, Any], where: Path_, above: tuple[Path_, ...]) -> Any:
        """Return an object with its required properties, and those with examples.

        Without any, it has all properties that may not be null. If all may be null, they are often alternatives, and
        the first one is taken.
        """
        properties, required = mapping(own.get("properties")), set(map(str, sequence(own.get("required"))))
        inner = {key: self.resolve(each, (*where, "properties", key))[0] for key, each in properties.items()}
        writable = {key: each for key, each in inner.items() if not each.get("readOnly")}
        wanted = [key for key, each in writable.items() if key in required or _given(each) is not _MISSING]
        if not required and not wanted:
            wanted = [key for key, each in writable.items() if not _may_be_null(each)] or list(writable)[:1]
        found: dict[str, Any] = {}
        for key in wanted:
            value = self._value(properties[key], (*where, "properties", key), key, above)
            if value is _MISSING and key in required:
                return _MISSING
            if value is not _MISSING:
                found[key] = value
        return found

    def _array(self, own: dict[str, Any], where: Path_, name: str, above: tuple[Path_, ...]) -> Any:
        size = own.get("minItems")
        wanted = min(MOST_ITEMS, max(1, size)) if isinstance(size, int) else 1
        value = self._value(own.get("items", {}), (*where, "items"), name, above)
        if value is _MISSING:
            return [] if not size else _MISSING
        return [value] * wanted

    def _text(self, own: dict[str, Any], name: str) -> str:
        text = FORMATS.get(str(own.get("format")), "example")
        least, most = own.get("minLength"), own.get("maxLength")
        if isinstance(least, int) and len(text) < least:
            text += "x" * (min(least, 10_000) - len(text))
        if isinstance(most, int) and len(text) > most:
            text = text[: max(0, most)]
        if isinstance(pattern := own.get("pattern"), str):
            size = min(least, 10_000) if isinstance(least, int) and least else 1
            most = most if isinstance(most, int) else 64
            candidates = [
                text,
                *(letter * length for length in range(size, min(size + 40, most + 1)) for letter in "a1A"),
            ]
            text = next((each for each in candidates if _matches(pattern, each)), text)
            if not _matches(pattern, text):
                self.guessed.append(name or pattern)
        return text


def _matches(pattern: str, text: str) -> bool:
    """Whether a text matches; unknown patterns may take exponential time, so only simple ones are tried."""
    if len(pattern) > 200 or re.search(r"[+*}]\)?[+*{]", pattern):
        return False
    try:
        return bool(re.search(pattern, text[:200]))
    except (re.error, RecursionError, OverflowError):
        return False


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    options = [*sequence(schema.get("anyOf")), *sequence(schema.get("oneOf"))]
    kinds = [schema.get("type"), *(mapping(each).get("type") for each in options)]
    return bool(schema.get("nullable")) or any(
        each == "null" or (isinstance(each, list) and "null" in each) for each in kinds
    )


def _given(schema: Mapping[str, Any]) -> Any:
    """Return the example that a schema gives itself."""
    if "example" in schema:
        return schema["example"]
    if examples := sequence(schema.get("examples")):
        return examples[0]
    for key in ("const", "default"):
        if key in schema and schema[key] is not None:
            return schema[key]
    options = sequence(schema.get("enum"))
    return next((each for each in options if each is not None), _MISSING)


def number(schema: Mapping[str, Any]) -> int | float:
    """Return a number within the limits of a schema."""
    is_whole = schema.get("type") != "number"
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf")
    unit: int | float = step if _is_number(step) and step > 0 else 1
    found: int | float = 1
    if _is_number(most):
        found = min(found, most - unit if below is True else most)
    if _is_number(below):
        found = min(found, below - unit)
    if _is_number(least):
        found = max(found, least + unit if above is True else least)
    if _is_number(above):
        found = max(found, above + unit)
    if _is_number(step) and step > 0:
        found = math.ceil(found / step) * step
    return math.ceil(found) if is_whole else found


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
