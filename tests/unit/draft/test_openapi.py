"""Requests from OpenAPI documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.draft import openapi
from harness.draft.found import FoundTraffic
from harness.draft.json_schema import Examples
from harness.draft.sources import ParsedDocument
from harness.errors import BadInput
from tests.drafts import loaded

SHOP: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "The Shop: v1", "version": "1"},
    "servers": [{"url": "https://{region}.shop.example/{base}", "variables": {"base": {"default": "v2"}}}],
    "security": [{"key": []}],
    "paths": {
        "/items/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 7}}],
            "get": {
                "operationId": "getItem",
                "summary": "One item",
                "parameters": [
                    {"name": "lang", "in": "query", "example": "ko", "schema": {"type": "string"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {
                        "name": "tag",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "array", "items": {"type": "string"}},
                    },
                    {"$ref": "#/components/parameters/Session"},
                    {"name": "X-Tenant", "in": "header", "required": True, "example": "acme"},
                ],
                "responses": {"200": {}, "404": {}},
            },
        },
        "/items": {
            "post": {
                "operationId": "addItem",
                "requestBody": {"$ref": "#/components/requestBodies/Item"},
                "responses": {"201": {}},
                "security": [],
            }
        },
        "/upload": {
            "post": {
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "properties": {
                                    "title": {"type": "string"},
                                    "file": {"type": "string", "format": "binary"},
                                }
                            }
                        }
                    }
                },
            }
        },
        "/xml": {"put": {"operationId": "putXml", "requestBody": {"content": {"application/xml": {}}}}},
        "/healthz": {"get": {"operationId": "health"}},
    },
    "components": {
        "parameters": {"Session": {"name": "sid", "in": "cookie", "required": True, "example": "secret-session-1"}},
        "requestBodies": {"Item": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}},
        "schemas": {
            "Item": {
                "type": "object",
                "required": ["name", "price", "password", "tags", "kind", "day"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "name": {"type": "string", "minLength": 10},
                    "price": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
                    "password": {"type": "string", "example": "hunter2!"},
                    "tags": {"type": "array", "minItems": 2, "items": {"enum": ["a", "b"]}},
                    "kind": {"oneOf": [{"type": "null"}, {"const": "book"}]},
                    "day": {"allOf": [{"type": "string"}, {"format": "date"}]},
                    "parent": {"$ref": "#/components/schemas/Item"},
                    "note": {"type": "string", "example": "costs ${x}"},
                },
            }
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
    },
}


def found(data: object, *names: str) -> FoundTraffic:
    return openapi.found_in(ParsedDocument("api.json", json.dumps(data)), names)


def test_without_a_choice_every_operation_that_only_reads_is_a_request_of_a_valid_grid(tmp_path: Path) -> None:
    traffic = found(SHOP)
    assert traffic.title == "the-shop-v1"
    (request,) = loaded(tmp_path, traffic).requests
    assert (request.name, request.request.path) == ("getItem", "/v2/items/7"), "health checks are no load"
    assert request.request.params == {"lang": "ko", "tag": ("example",)}, "optional parameters need an example"
    headers = {"X-Tenant": "acme", "Cookie": "${secret.COOKIE}", "X-Api-Key": "${secret.KEY}"}
    assert request.request.headers == headers
    assert any("addItem" in line for line in traffic.others)


def test_a_large_document_becomes_a_mix_of_a_readable_size() -> None:
    paths: dict[str, Any] = {f"/a{number}": {"get": {}} for number in range(100)}
    traffic = found({"openapi": "3.0.3", "paths": paths})
    assert len(traffic.requests) == openapi.MOST_REQUESTS
    assert "the first 30 of 100 operations" in traffic.notes[0]


def test_a_body_is_made_from_its_schema_without_its_secrets(tmp_path: Path) -> None:
    grid = loaded(tmp_path, found(SHOP, "addItem"))
    (request,) = grid.requests
    assert request.request.json_body == {
        "name": "examplexxx",
        "price": 1.0,
        "password": "${secret.PASSWORD}",
        "tags": ["a", "a"],
        "kind": "book",
        "day": "2024-01-31",
        "note": "costs $${x}",
    }
    assert request.expect.status == (201,)
    assert "hunter2" not in (tmp_path / "first.yaml").read_text(encoding="utf-8")
    assert not request.request.headers, "this operation needs no credentials"


def test_operations_are_chosen_by_id_by_its_begin_or_by_method_and_path(tmp_path: Path) -> None:
    traffic = found(SHOP, "POST /upload", "getIt")
    requests = loaded(tmp_path, traffic).requests
    assert [each.name for each in requests] == ["POST /upload", "getItem"]
    parts = requests[0].request.multipart
    assert parts is not None
    assert [(part.name, part.value, part.file) for part in parts] == [
        ("title", "example", None),
        ("file", None, "first-data/file.bin"),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("getItme",), "--operation: api.json has no operation 'getItme'. Fix: write 'getItem'"),
        (("putXml",), "api.json:1: application/xml: a body cannot be made without an example"),
    ],
)
def test_an_unusable_operation_is_an_error(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput, match="^" + message.replace(".", r"\.")):
        found(SHOP, *names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "swagger: '2.0'\npaths: {}\n",
            "api.yaml:1: got swagger 2.0. Allowed: an OpenAPI document of version 3.0 or 3.1",
        ),
        ("openapi: 3.0.0\ninfo: {}\npaths: {}\n", "api.yaml:3: paths: no operation"),
        (
            "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      parameters:\n        - {$ref: '#/none'}\n",
            "api.yaml:6: $ref: '#/none'",
        ),
        (
            "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      parameters:\n        - {$ref: 'b.yaml#/x'}\n",
            "api.yaml:6: $ref: got",
        ),
        (
            "openapi: 3.0.0\npaths:\n  /a: {post: {}}\n",
            "api.yaml:2: no operation only reads data. Fix: choose with --op",
        ),
        ("{\n1", "api.yaml:2: not JSON"),
        ("a: [\n", "api.yaml:"),
        ("", "api.yaml:1: got openapi: None"),
    ],
)
def test_an_unusable_document_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        openapi.found_in(ParsedDocument("api.yaml", text), ())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("schemas", "value"),
    [
        ({"A": {"$ref": "#/s/B"}, "B": {"type": "object", "properties": {"a": {"$ref": "#/s/A"}}}}, {}),
        ({"A": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/s/A"}}}}, None),
        ({"A": {"type": "array", "items": {"$ref": "#/s/A"}}}, []),
        ({"A": {"allOf": [{"$ref": "#/s/A"}, {"type": "object", "properties": {"n": {"const": 1}}}]}}, {"n": 1}),
        ({"A": {"anyOf": [{"$ref": "#/s/A"}, {"type": "boolean"}]}}, True),
        ({"A": {"type": ["null", "string"], "pattern": "^[a-z]{3}$"}}, "aaa"),
        ({"A": {"type": "string", "pattern": "^(a+)+$"}}, "example"),
        ({"A": {"type": "integer", "maximum": -5}}, -5),
        ({"A": True}, {}),
        (
            {"A": {"properties": {"a": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "b": {"nullable": True}}}},
            {"a": True},
        ),
    ],
)
def test_circular_and_unusual_schemas_have_an_example(schemas: dict[str, Any], value: object) -> None:
    assert Examples(ParsedDocument("a", json.dumps({"s": schemas}))).value({"$ref": "#/s/A"}, ()) == value


def test_a_reference_to_itself_is_an_error() -> None:
    document = ParsedDocument("a", json.dumps({"s": {"A": {"$ref": "#/s/B"}, "B": {"$ref": "#/s/A"}}}))
    with pytest.raises(BadInput, match="refers to itself"):
        Examples(document).value({"$ref": "#/s/A"}, ())
