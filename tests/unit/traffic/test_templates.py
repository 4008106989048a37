"""Texts and bodies with references (roles/locust/files/image), without Locust."""

from __future__ import annotations

import email
import email.policy
import json
import random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from harness.grid import templates as of_grid
from harness.grid.request import Request
from tests.locust_image import bodies, templates

HARD = ['a b+c/ü?&=#%41"\\', "", "..", "${user}", "$", "}{", "\r\nX-Evil: 1", "日本 🎉", "%", "a;b"]
TYPED: list[Any] = [1, 1.5, True, None, [1, "a"], {"k": "v"}, 10**30, "12"]


def context(row: dict[str, Any] | None = None, **variables: Any) -> Any:
    return templates.Context(row, 7, variables)


@pytest.mark.parametrize("value", HARD)
def test_a_value_in_a_path_or_its_query_arrives_unchanged(value: str) -> None:
    path = templates.of_path("/a/${row.x}/b?c=1", [["q ${row.x}", "<${row.x}>"], ["same", "1"], ["same", "2"]], "t")
    target = path.text(context({"x": value}))
    assert target.isascii()
    parts = urlsplit(target)
    assert [unquote(segment) for segment in parts.path.split("/")] == ["", "a", value, "b"]
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    assert pairs == [("c", "1"), (f"q {value}", f"<{value}>"), ("same", "1"), ("same", "2")]


@pytest.mark.parametrize("value", HARD)
def test_a_value_in_a_form_arrives_unchanged(value: str) -> None:
    body = templates.of_form([["a&b", "${row.x}=${row.x}"], ["${row.x}", "+ %"]], "t").text(context({"x": value}))
    assert parse_qsl(body, keep_blank_values=True) == [("a&b", f"{value}={value}"), (value, "+ %")]


@pytest.mark.parametrize("value", [*HARD, *TYPED])
def test_a_json_string_that_is_one_reference_takes_the_value_with_its_type(value: Any) -> None:
    tree = {"whole": "${row.x}", "in": ["a ${row.x} b", {"n": 1}], "token": "${token}", "empty": {}, "none": []}
    found = json.loads(templates.of_json(tree, "t").text(context({"x": value}, token=value)))
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    assert found == {"whole": value, "in": [f"a {text} b", {"n": 1}], "token": value, "empty": {}, "none": []}


def test_user_uuid_and_trial_are_text() -> None:
    tree = {"user": "${user}", "trial": "${trial}", "uuid": ["${uuid}", "a ${uuid}"]}
    template = templates.of_json(tree, "7/servers-1/r1")
    one, other = (json.loads(template.text(context())) for _ in range(2))
    assert (one["user"], one["trial"]) == ("7", "7/servers-1/r1")
    assert one["uuid"][1] == f"a {one['uuid'][0]}" != other["uuid"][1]
    assert len(one["uuid"][0]) == 36


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$${user}", "${user}"),
        ("$$${user}", "$${user}"),
        ("${user}$", "7$"),
        ("$user {user}", "$user {user}"),
        ("${row.a.b}${row.c d}", "12"),
    ],
)
def test_escapes_and_names_are_read_as_the_study_reads_them(text: str, expected: str) -> None:
    row = {"a.b": "1", "c d": "2"}
    assert templates.of_text(text, "t").text(context(row)) == expected
    values = {"user": "7", **{f"row.{name}": value for name, value in row.items()}}
    assert of_grid.with_values(text, values) == expected


def test_a_secret_that_looks_like_a_reference_is_sent_as_it_is() -> None:
    sent = of_grid.partly_filled("Bearer ${secret.TOKEN}", {"secret.TOKEN": "a${user}$${b}$"})
    assert templates.of_text(sent, "t").text(context()) == "Bearer a${user}$${b}$"


@pytest.mark.parametrize(
    "body", [{"image": [0.0, 1.5e-7, -1]}, "text", 1.0, [], {}, None, True, {"é": "ü\u2028", "$": "$x"}, [None, [{}]]]
)
def test_a_json_body_without_references_has_the_bytes_of_the_short_form(body: Any) -> None:
    plain = Request(method="POST", path="/", json=[body])
    assert templates.of_json([body], "t").text(context()) == plain.body


@pytest.mark.parametrize("seed", range(20))
def test_random_json_trees_arrive_as_they_are(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - no secret
    row = {name: draw.choice([*HARD, *TYPED]) for name in "abc"}

    def tree(depth: int) -> tuple[Any, Any]:
        """A template and the tree that it yields."""
        kind = draw.randrange(6 if depth else 3)
        name = draw.choice("abc")
        if kind == 0:
            return f"${{row.{name}}}", row[name]
        if kind == 1:
            text = row[name] if isinstance(row[name], str) else templates.dumps(row[name])
            return f"$${{{name}}} ${{row.{name}}}", f"${{{name}}} {text}"
        if kind == 2:
            value = draw.choice(TYPED)
            return value, value
        inner = [tree(depth - 1) for _ in range(draw.randrange(4))]
        if kind == 3:
            return [each for each, _ in inner], [each for _, each in inner]
        return {str(n): each for n, (each, _) in enumerate(inner)}, {str(n): each for n, (_, each) in enumerate(inner)}

    for _ in range(20):
        template, expected = tree(4)
        assert json.loads(templates.of_json(template, "t").text(context(row))) == expected


@pytest.mark.parametrize("text", ["${row.y}", "${token}", "${row.}", "${}"])
def test_a_value_that_does_not_exist_is_no_data(text: str) -> None:
    with pytest.raises(templates.NoData):
        templates.of_text(text, "t").text(context({"x": 1}))
    with pytest.raises(templates.NoData):
        templates.of_text(text, "t").text(context(None))


@pytest.mark.parametrize(
    ("text", "scope"),
    [("x", templates.NOTHING), ("${trial}", templates.NOTHING), ("${row.x}", templates.ON_ROW)]
    + [(f"${{row.x}}{name}", templates.ON_ALL) for name in ("${user}", "${uuid}", "${token}")],
)
def test_a_text_depends_on_what_it_refers_to(text: str, scope: int) -> None:
    for template in (
        templates.of_text(text, "t"),
        templates.of_json({"a": text}, "t"),
        templates.of_path(text, [], "t"),
    ):
        assert template.scope == scope


FILES = {"a.png": bytes(range(256)) * 3, "b.csv": b'--x\r\n"1",2\r\n', "": b""}


def multipart(parts: list[dict[str, Any]], **row: Any) -> list[tuple[Any, ...]]:
    """Return (name, filename, content type, content) of each part, as Python's own parser reads them."""
    body = bodies.compiled({"multipart": parts}, "t", FILES, "seed")
    content = body.bytes(context(row))
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + content, policy=email.policy.HTTP)
    assert message.is_multipart()
    assert not message.defects
    found: list[tuple[Any, ...]] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        found.append((name, part.get_filename(), part.get_content_type(), part.get_payload(decode=True)))
    return found


def test_multipart_fields_and_files_arrive_byte_by_byte() -> None:
    found = multipart(
        [
            {"name": "note", "value": "für ${row.name}\r\n--"},
            {"name": "image", "file": "${row.file}", "filename": "${row.name}", "type": ""},
            {"name": "table", "file": "b.csv", "filename": "b.csv", "type": "text/csv"},
        ],
        file="a.png",
        name="a.png",
    )
    assert found == [
        ("note", None, "text/plain", "für a.png\r\n--".encode()),
        ("image", "a.png", "image/png", FILES["a.png"]),
        ("table", "b.csv", "text/csv", FILES["b.csv"]),
    ]


def test_a_filename_cannot_add_a_header() -> None:
    parts = [{"name": "f", "file": "a.png", "filename": "${row.name}", "type": "image/png"}]
    assert multipart(parts, name='a"\r\nX-Evil: 1')[0][1] == "a%22%0D%0AX-Evil: 1"


def test_files_are_found_by_their_key_or_are_no_data() -> None:
    body = bodies.compiled({"file": "${row.file}", "type": "image/png"}, "t", FILES, "s")
    assert body.content_type == "image/png"
    assert body.bytes(context({"file": "a.png"})) is FILES["a.png"], "kept once"
    with pytest.raises(templates.NoData):
        body.bytes(context({"file": "c.png"}))
    with pytest.raises(templates.NoData):
        multipart([{"name": "f", "file": "c.png"}])


def test_another_kind_of_body_is_rejected() -> None:
    with pytest.raises(ValueError, match="Allowed: json, form, multipart, file, text"):
        bodies.compiled({"xml": "<a/>"}, "t", {}, "s")
