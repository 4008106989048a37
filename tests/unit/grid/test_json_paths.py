"""The value that a JSONPath names in a response."""

from __future__ import annotations

from typing import Any

import pytest

from harness.grid import json_paths

BODY = b'{"token": "t", "items": [{"id": 7}, {"id": 8}], "none": null, "0": "a key"}'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.token", "t"),
        ("$['items'][0].id", 7),
        ("$.items[-1].id", 8),
        ("$.items", [{"id": 7}, {"id": 8}]),
        ("$['0']", "a key"),
        ("$[0]", None),  # an object has no index
        ("$.items.id", None),  # a list has no names
        ("$.token[0]", None),  # nor has a text
        ("$.items[2]", None),
        ("$.none", None),
        ("$.missing.id", None),
    ],
)
def test_a_path_finds_at_most_one_value(path: str, value: Any) -> None:
    assert json_paths.found(BODY, json_paths.keys(path)) == value


@pytest.mark.parametrize("body", [b"", b"<p>", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_has_no_value(body: bytes) -> None:
    assert json_paths.found(body, ["a"]) is None
