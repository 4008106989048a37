"""Describe what pydantic's checks of types and ranges allow, in the words of the messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_TYPES = {
    "string_type": "text",
    "string_unicode": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
# Template with the bound's key in the error's context.
_BOUNDS = {
    "greater_than": "above {gt:.16g}",
    "greater_than_equal": "at least {ge:.16g}",
    "less_than": "below {lt:.16g}",
    "less_than_equal": "at most {le:.16g}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} values",
    "too_long": "at most {max_length} values",
}


def is_of_type(item: Mapping[str, Any]) -> bool:
    """Whether an error of pydantic is a wrong type. Every member of a union of types reports its own."""
    return item["type"] in _TYPES


def allowed(items: Iterable[Mapping[str, Any]]) -> str:
    """The values that the checks behind pydantic's errors allow, as in "text or a number"; empty if unknown."""
    found: list[str] = []
    for item in items:
        bound = _BOUNDS.get(item["type"])
        found.append(bound.format(**item["ctx"]) if bound else _TYPES.get(item["type"], ""))
    if "a number" in found:
        found = [words for words in found if words != "a whole number"]
    several = list(dict.fromkeys(found))
    if not all(several):
        return ""
    return f"{', '.join(several[:-1])} or {several[-1]}" if len(several) > 1 else "".join(several)
