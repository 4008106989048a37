"""Values and credentials of OpenAPI documents as a grid writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.draft.found import FoundRequest
from harness.draft.secret_references import can_be_key, variable_of
from harness.draft.sources import mapping, sequence
from harness.grid import http


def with_credential(request: FoundRequest, name: str, scheme: dict[str, Any]) -> FoundRequest:
    """Return a request with a reference to the credential of a security scheme."""
    reference = f"${{secret.{variable_of(name, 'CREDENTIAL')}}}"
    kind, where, key = scheme.get("type"), scheme.get("in"), str(scheme.get("name") or name)
    if kind == "apiKey" and not (can_be_key(key) if where == "query" else http.is_token(key)):
        return request  # of a damaged document
    if kind == "apiKey" and where == "query":
        return replace(request, params={**request.params, key: reference})
    if kind == "apiKey" and where == "cookie":
        cookies = "; ".join(filter(None, [request.headers.get("Cookie", ""), f"{key}={reference}"]))
        return replace(request, headers={**request.headers, "Cookie": cookies})
    if kind == "apiKey":
        return replace(request, headers={**request.headers, key: reference})
    if kind in ("http", "oauth2", "openIdConnect"):
        word = str(scheme.get("scheme", "bearer")).capitalize()
        return replace(request, headers={**request.headers, "Authorization": f"{word} {reference}"})
    return request


def has_example(parameter: dict[str, Any]) -> bool:
    """Whether a parameter or its schema has an example."""
    schema = mapping(parameter.get("schema"))
    return example_of(parameter) is not None or bool(schema.get("example") or sequence(schema.get("examples")))


def example_of(part: dict[str, Any]) -> Any:
    """Return the example of a parameter or a media type; None without one."""
    if part.get("example") is not None:
        return part["example"]
    for each in mapping(part.get("examples")).values():
        if mapping(each).get("value") is not None:
            return mapping(each)["value"]
    return None


def joined(value: Any) -> str:
    """Return a value as text in a path or a header: items are separated by commas."""
    if isinstance(value, list):
        return ",".join(map(joined, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else json.dumps(value) if isinstance(value, dict) else str(value)


def query(name: str, value: Any) -> dict[str, Any]:
    """Return a parameter of a query: an object has one parameter for each key."""
    if isinstance(value, dict):
        return {f"{name}[{key}]": joined(each) for key, each in value.items()}
    if isinstance(value, list):
        return {name: tuple(joined(each) for each in value)} if value else {}
    return {name: value if isinstance(value, int | float | str) else joined(value)}


def form_value(value: Any) -> Any:
    """Return a value of a form's field."""
    if isinstance(value, list) and all(not isinstance(each, list | dict) for each in value):
        return [joined(each) for each in value]
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def is_json(kind: str) -> bool:
    """Whether a content type is JSON."""
    return kind in ("application/json", "*/*", "application/*") or kind.endswith("+json")


def preference(kind: str) -> int:
    """Return the place of a content type in the order of preference; the smallest is best."""
    order = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    if kind in order:
        return order.index(kind) * 2
    return 1 if is_json(kind) else 7 if kind.startswith("text/") else 9


def documented_status(operation: Mapping[str, Any]) -> int | None:
    """Return the first documented status of a success; None without one."""
    codes = [code for code in mapping(operation.get("responses")) if re.fullmatch(r"[23]\d\d", code)]
    return int(min(codes)) if codes else None
