"""Compiled requests, values from responses, and redirects (roles/locust/files/image), without Locust."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.grid.request import Request
from tests.builders import load
from tests.locust_image import choices, compiled, extraction, load_spec, redirects, templates

EXTRACTED = {"inf": float("inf"), "surrogate": "\ud800", "broken": "a\r\nX: b", "korean": "\ud55c", "latin": "caf\xe9"}
ROWS = [{"x": f"value {number}", "n": number} for number in range(4)]


def spec(data: str = "d", **request: Any) -> Any:
    """The load of one request, whose fields of the wire are replaced."""
    message = load(request=Request(path="/")).wire()
    traffic = message["traffic"]
    traffic["requests"] = [{**traffic["requests"][0], **request}]
    return load_spec.LoadSpec.read({**message, "traffic": {**traffic, "data": data}})


def traffic(files: dict[str, bytes] | None = None, **request: Any) -> Any:
    return compiled.Traffic(spec(**request), load_spec.Dataset("d", ROWS, files or {}))


def prepared(of: Any, row: int = 0, **variables: Any) -> Any:
    return of.requests[0].prepare(row, templates.Context(of.row(row), 3, variables))


def test_a_plain_request_is_made_once() -> None:
    plain = traffic(method="POST", path="/x", body={"json": {"a": 1}}, headers={"A": "b"})
    assert plain.requests[0].once == (
        "POST",
        "http://10.0.0.1/x",
        {"Content-Type": "application/json", "A": "b", "X-Study-Trial": "t"},
        b'{"a":1}',
    )
    assert prepared(plain, 0) is prepared(plain, 3)


def test_parts_that_depend_on_the_row_are_made_once_for_each_row() -> None:
    of_row = traffic(
        path="/${row.n}",
        body={"json": {"a": "${row.x}"}},
        headers={"authorization": "Bearer ${token}", "B": "${row.n}"},
    )
    first, again, other = (prepared(of_row, row, token=token) for row, token in ((1, "t1"), (1, "t2"), (2, "t1")))
    assert first.body == b'{"a":"value 1"}'
    assert first.body is again.body
    assert first.url is again.url
    assert first.headers["authorization"] == "Bearer t1"
    assert again.headers["authorization"] == "Bearer t2"
    assert other.url == "http://10.0.0.1/2"
    assert other.headers["B"] == "2"


def test_the_cache_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled.Cache, "__init__", lambda self: setattr(self, "left", 150))
    of_row = traffic(path="/", body={"text": "${row.x}"})
    assert prepared(of_row, 0).body is prepared(of_row, 0).body
    assert prepared(of_row, 1).body is prepared(of_row, 1).body
    assert prepared(of_row, 3).body is not prepared(of_row, 3).body
    assert prepared(of_row, 3).body == b"value 3"


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        ({"path": "/${row.y}"}, "no data"),
        ({"path": "/${token}"}, "no data"),
        ({"body": {"file": "${row.x}", "type": ""}}, "no data"),
        ({"headers": {"A": "${row.x}"}}, ""),
        ({"headers": {"A": "Bearer ${broken}"}}, "unsendable header A"),
        ({"headers": {"Cookie": "a=${broken}"}}, "unsendable header Cookie"),
        ({"headers": {"A": "${korean}"}}, "unsendable header A"),
        ({"headers": {"A": "${latin}"}}, ""),
        ({"path": "/${broken}", "params": [["a", "${broken}"]]}, ""),
        ({"body": {"form": [["a", "${broken}"]]}}, ""),
        ({"body": {"json": "${inf}"}}, "unsendable ValueError"),
        ({"body": {"text": "${surrogate}"}}, "unsendable UnicodeEncodeError"),
    ],
)
def test_a_request_that_cannot_be_made_is_a_kind_of_failure(request_: dict[str, Any], kind: str) -> None:
    """And no exception, which would end a user's think time."""
    made = prepared(traffic(**request_), 0, **EXTRACTED)
    assert (made if isinstance(made, str) else "") == kind


def test_a_line_break_in_a_value_cannot_add_a_header() -> None:
    made = prepared(traffic(path="/${broken}?a=${broken}"), 0, **EXTRACTED)
    assert made.url == "http://10.0.0.1/a%0D%0AX%3A%20b?a=a%0D%0AX%3A%20b"


def test_without_rows_left_no_request_is_made() -> None:
    plain = traffic(path="/")
    assert plain.requests[0].prepare(choices.EXHAUSTED, templates.Context(None, 1, {})) == "no rows"


def test_a_load_that_can_never_be_sent_is_rejected_at_its_start() -> None:
    for wrong in (
        {"body": {"file": "missing.png", "type": ""}},
        {"extract": {"token": {"json": "$..token"}}},
        {"extract": {"token": {"regex": "("}}},
        {"extract": {"token": {"xpath": "/"}}},
        {"expect_body": "("},
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - several messages
            traffic(**wrong)


@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_own_headers_are_kept_except_those_of_the_study(name: str) -> None:
    own = {name: "text/csv", "x-study-trial": "mine", "Host": "a"}
    made = prepared(traffic(body={"text": "a"}, headers=own))
    assert made.headers == {name: "text/csv", "Host": "a", "X-Study-Trial": "t"}
    parts = {"multipart": [{"name": "a", "value": "b"}]}
    assert (
        prepared(traffic(body=parts, headers=own)).headers["Content-Type"].startswith("multipart/form-data; boundary=")
    )
    closing = load(request=Request(path="/"), keep_alive=False).wire()
    one = compiled.Traffic(load_spec.LoadSpec.read(closing), load_spec.Dataset())
    assert one.requests[0].once.headers == {"X-Study-Trial": "t", "Connection": "close"}


RESPONSE = {"access_token": "abc", "items": [{"id": 7}, {"id": None}], "a.b": {"": "x"}, "no": False}


@pytest.mark.parametrize(
    ("how", "value"),
    [
        ({"json": "$.access_token"}, "abc"),
        ({"json": "$.items[0].id"}, 7),
        ({"json": "$.items[-2]['id']"}, 7),
        ({"json": "$['a.b']['']"}, "x"),
        ({"json": "$.no"}, False),
        ({"json": "$.items"}, RESPONSE["items"]),
        ({"header": "x-id"}, "h1"),
        ({"regex": '"id": (\\d+)'}, "7"),
        ({"json": "$.items[1].id"}, None),
        ({"json": "$.items[9].id"}, None),
        ({"json": "$.access_token.x"}, None),
        ({"json": "$.access_token[0]"}, None),
        ({"json": "$.items.length"}, None),
        ({"header": "x-other"}, None),
        ({"regex": "(never)"}, None),
    ],
)
def test_values_are_taken_or_missing(how: dict[str, str], value: Any) -> None:
    class Headers(dict[str, Any]):
        """Names of headers have no case."""

        def get(self, name: str, default: Any = None) -> Any:
            return super().get(name.lower(), default)

    received = extraction.Received(Headers({"x-id": ["h1", "h2"]}), json.dumps(RESPONSE).encode())
    variables = {"found": "old"}
    error = extraction.Extraction({"found": how}).take(received, variables)
    assert error == ("extract found" if value is None else "")
    assert variables == {"found": "old" if value is None else value}


def test_a_body_that_is_no_json_lacks_the_value_and_keeps_no_other() -> None:
    variables: dict[str, Any] = {}
    each = extraction.Extraction({"whole": {"regex": "(.*)"}, "token": {"json": "$.token"}})
    assert each.take(extraction.Received({}, b"\xff<html>"), variables) == "extract token"
    assert variables == {}


SENT = redirects.Prepared("POST", "http://a:80/x/y?q=1", {"Content-Type": "text/plain", "A": "b"}, b"body")


@pytest.mark.parametrize(
    ("method", "status", "location", "then"),
    [
        ("POST", 301, "/z", ("GET", "http://a:80/z", {"A": "b"}, None)),
        ("POST", 302, "z?r=2#part", ("GET", "http://a:80/x/z?r=2", {"A": "b"}, None)),
        ("PUT", 302, "/z", ("PUT", "http://a:80/z", SENT.headers, b"body")),
        ("PUT", 303, "/z", ("GET", "http://a:80/z", {"A": "b"}, None)),
        ("HEAD", 303, "/z", ("HEAD", "http://a:80/z", SENT.headers, b"body")),
        ("POST", 307, "http://A/z", ("POST", "http://A/z", SENT.headers, b"body")),
        ("POST", 308, "//a:80/z", ("POST", "http://a:80/z", SENT.headers, b"body")),
        ("GET", 302, "/\xe9 %C3", ("GET", "http://a:80/%E9 %C3", SENT.headers, b"body")),
        ("GET", 302, "https://a/z", None),
        ("GET", 302, "http://a:81/z", None),
        ("GET", 302, "http://b/z", None),
        ("GET", 302, "//b/z", None),
        ("GET", 302, "http://[broken", None),
        ("GET", 302, "http://a:port/", None),
        ("GET", 302, "", None),
        ("GET", 304, "/z", None),
        ("GET", 200, "/z", None),
    ],
)
def test_a_redirect_of_the_same_origin_is_followed(
    method: str, status: int, location: str, then: tuple[Any, ...] | None
) -> None:
    assert redirects.followed(SENT._replace(method=method), status, location) == then


@pytest.mark.timeout(20)
@pytest.mark.parametrize("expression", [r"(a+)+$", r"(a|a)*b", r"(.*a){20}$"])
def test_no_regular_expression_takes_longer_than_the_text(expression: str) -> None:
    """Python's own module would need years for the first two, and all users of a process would wait."""
    body = b"a" * 100_000 + b"!"
    assert traffic(expect_body=expression).requests[0].pattern.search(body) is None
    taken: dict[str, Any] = {}
    assert extraction.Extraction({"x": {"regex": expression}}).take(extraction.Received({}, body), taken) == "extract x"


def test_an_expression_reads_utf_8_and_finds_its_group_in_a_body_of_any_bytes() -> None:
    taken: dict[str, Any] = {}
    body = b"\xff name=" + "m\u00fcller \ud55c!".encode()
    assert not extraction.Extraction({"x": {"regex": "name=(.[^!]*.)"}}).take(extraction.Received({}, body), taken)
    assert taken == {"x": "m\u00fcller \ud55c!"}
    assert traffic(expect_body="m.ller").requests[0].pattern.search(body)
