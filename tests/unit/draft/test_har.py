"""Requests from recordings of a browser."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.draft import har
from harness.draft.found import FoundTraffic
from harness.errors import BadInput
from tests.drafts import loaded

TOKEN = "tok-0123456789abcdef"  # noqa: S105 - of a recording in this file
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4"


def entry(url: str, method: str = "GET", at: str = "", **more: Any) -> dict[str, Any]:
    """Return an entry; `headers`, `post`, `status`, `answer` (JSON) and `sets` (a cookie) describe the rest."""
    headers: Mapping[str, str] = more.get("headers", {})
    request = {"method": method, "url": url, "headers": [{"name": n, "value": v} for n, v in headers.items()]}
    response: dict[str, Any] = {"status": more.get("status", 200), "headers": []}
    if "sets" in more:
        response["headers"] = [{"name": "set-cookie", "value": f"{more['sets']}; HttpOnly"}]
    if "answer" in more:
        response["content"] = {"mimeType": "application/json", "text": json.dumps(more["answer"])}
    if "post" in more:
        request["postData"] = more["post"]
    extra: dict[str, Any] = {
        key: more[key] for key in ("_resourceType", "_fromCache", "_webSocketMessages") if key in more
    }
    return {"startedDateTime": at, "time": 100, "request": request, "response": response, **extra}


def found(folder: Path, *entries: object, **more: Any) -> FoundTraffic:
    file = folder / "recording.har"
    file.write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
    return har.found_in(str(file), **more)


SHOP = "https://shop.example"
SESSION = (
    entry(
        f"{SHOP}/login",
        "POST",
        "2026-01-01T10:00:00Z",
        post={"mimeType": "application/x-www-form-urlencoded", "text": "user=ann&password=open-sesame"},
        answer={"data": [{"access-token": TOKEN}]},
        sets="sid=1234567890",
    ),
    entry(
        f"{SHOP}/items?limit=10&q=a+b",
        "GET",
        "2026-01-01T10:00:02Z",
        headers={"Authorization": f"Bearer {TOKEN}", "Cookie": "sid=1234567890", ":path": "/x", "If-None-Match": "x"},
        status=304,
    ),
)


def test_a_session_becomes_steps_whose_token_is_extracted_from_the_login(tmp_path: Path) -> None:
    traffic = found(tmp_path, *SESSION)
    grid = loaded(tmp_path, traffic)
    login, items = grid.requests
    assert grid.has_steps
    assert (login.request.form, login.pause_s) == ({"user": "ann", "password": "${secret.PASSWORD}"}, 1.9)
    assert {name: way.wire() for name, way in login.extract.items()} == {"token": {"json": '$.data[0]["access-token"]'}}
    assert items.request.headers == {"Authorization": "Bearer ${token}"}, "users keep cookies, and set no conditions"
    assert items.request.params == {"limit": "10", "q": "a b"}
    assert items.expect.status == (200,), "without the condition"
    assert traffic.secrets == ("PASSWORD",)


def test_no_credential_reaches_the_grid(tmp_path: Path) -> None:
    secrets = [
        "sekret-cookie-1",
        "sekret-key-2",
        "sekret-query-3",
        "sekret-json-4",
        "sekret-field-5",
        JWT,
        "sekret-xml-6",
    ]
    cookie, key, query, inner, field, jwt, xml = secrets
    boundary = f'--b\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n{field}\r\n--b--\r\n'
    nested = {"user": {"credentials": [inner]}, "copy": f"see {key}", "max_tokens": 5}
    traffic = found(
        tmp_path,
        entry(f"{SHOP}/a?api_key={query}", headers={"Cookie": f"s={cookie}", "X-Api-Key": key}),
        entry(f"{SHOP}/b/{jwt}?x=1", "POST", post={"mimeType": "application/json", "text": json.dumps(nested)}),
        entry(f"{SHOP}/c", "POST", post={"mimeType": "multipart/form-data; boundary=b", "text": boundary}),
        entry(f"{SHOP}/d", "POST", post={"mimeType": "text/xml", "text": f"<a><password>{xml}</password></a>"}),
        entry(f"{SHOP}/reset/{query}x"),
        entry(f"https://me:{cookie}@shop.example/e", headers={"X-Trace": f"Bearer {key}"}),
    )
    grid = loaded(tmp_path, traffic)
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8") + "".join(traffic.notes)
    assert [secret for secret in secrets if secret in text] == []
    assert len(grid.requests) == 6
    body = grid.requests[1].request.json_body
    assert body["user"]["credentials"] == ["${secret.CREDENTIALS}"]
    assert body["copy"] == "see ${secret.X_API_KEY}"
    assert body["max_tokens"] == 5, "a count is no secret"
    assert grid.requests[1].name == "POST /b/:TOKEN"


def test_requests_that_only_read_become_a_mix_by_frequency(tmp_path: Path) -> None:
    traffic = found(tmp_path, *[entry(f"{SHOP}/a")] * 3, entry(f"{SHOP}/b"), entry("https://cdn.example/c"))
    grid = loaded(tmp_path, traffic)
    assert [(each.name, each.weight) for each in grid.requests] == [("GET /a", 3), ("GET /b", 1)]
    assert any("--host chooses another one of: cdn.example" in note for note in traffic.notes)
    others = found(tmp_path, entry(f"{SHOP}/a"), entry("https://cdn.example/c"), host="cdn.example", as_steps=True)
    assert [(each.name, others.is_steps) for each in others.requests] == [("GET /c", True)]
    with pytest.raises(BadInput, match=r"--host: got 'x.example'. Allowed: a host of"):
        found(tmp_path, entry(f"{SHOP}/a"), host="x.example")


def test_static_files_are_left_out_unless_there_is_nothing_else(tmp_path: Path) -> None:
    assets = [entry(f"{SHOP}/app.js"), entry(f"{SHOP}/logo", _resourceType="image")]
    assert [each.name for each in found(tmp_path, *assets, entry(f"{SHOP}/a")).requests] == ["GET /a"]
    assert len(found(tmp_path, *assets).requests) == 2


def test_odd_entries_are_left_out_and_counted(tmp_path: Path) -> None:
    odd = [
        entry("wss://shop.example/ws", status=101),
        entry("https://shop.example/ws", _resourceType="websocket"),
        entry("data:image/png;base64,AAAA"),
        entry("blob:https://shop.example/1"),
        entry("http://[broken/"),
        entry("https://shop.example:99999999/"),
        entry(f"{SHOP}/x", "CONNECT"),
        entry(f"{SHOP}/x", "OPTIONS", headers={"Access-Control-Request-Method": "PUT"}),
        entry(f"{SHOP}/x", status=0),
        entry(f"{SHOP}/x", status=500),
        entry(f"{SHOP}/x", _fromCache="disk"),
        None,
        {"request": [], "response": "x"},
        entry(f"{SHOP}//evil"),
    ]
    traffic = found(
        tmp_path, *odd, entry(f"{SHOP}/%zz/é?b=%zz&flag", headers={"bad name": "x", "X-A": "한", "X-B": "1"})
    )
    (request,) = loaded(tmp_path, traffic).requests
    assert request.request.headers == {"X-B": "1"}
    assert traffic.notes[0].startswith("left out of the recording: ")
    assert sum(int(number) for number in re.findall(r"(\d+) \(", traffic.notes[0])) == len(odd)


@pytest.mark.parametrize(
    ("post", "key", "value"),
    [
        ({"mimeType": "application/json", "text": "{broken"}, "text", "{broken"),
        ({"mimeType": "application/json", "text": '{"a": NaN}'}, "text", '{"a": NaN}'),
        ({"mimeType": "application/json", "text": '[{"env": "PROD"}]'}, "text", '[{"env": "PROD"}]'),  # no reference
        ({"mimeType": "application/json; charset=utf-8", "text": '{"a": [1]}'}, "json_body", {"a": [1]}),
        (
            {"mimeType": "application/json", "text": base64.b64encode(b'{"a":1}').decode(), "encoding": "base64"},
            "json_body",
            {"a": 1},
        ),
        ({"mimeType": "", "text": "plain ${x}"}, "text", "plain $${x}"),
        (
            {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "1"}]},
            "form",
            {"a": "1"},
        ),
        ({"mimeType": "application/x-www-form-urlencoded", "text": "a=1&a=2"}, "form", {"a": ("1", "2")}),
    ],
)
def test_a_body_keeps_its_kind(tmp_path: Path, post: dict[str, Any], key: str, value: object) -> None:
    (request,) = loaded(tmp_path, found(tmp_path, entry(f"{SHOP}/x", "POST", post=post))).requests
    assert getattr(request.request, key) == value


def test_binary_bodies_become_files_next_to_the_grid(tmp_path: Path) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    parts = head + b"\x89PNG\xff\r\n--b--\r\n"
    coded = {
        "mimeType": "multipart/form-data; boundary=b",
        "text": base64.b64encode(parts).decode(),
        "encoding": "base64",
    }
    raw = {"mimeType": "image/png", "text": base64.b64encode(b"\x89PNG\xff").decode(), "encoding": "base64"}
    hidden = {"mimeType": "x/y", "text": base64.b64encode(b"\xffpassword=x").decode(), "encoding": "base64"}
    traffic = found(
        tmp_path, *(entry(f"{SHOP}/{at}", "PUT", post=post) for at, post in enumerate((coded, raw, hidden)))
    )
    first, second = loaded(tmp_path, traffic).requests
    assert first.request.multipart is not None
    assert first.request.multipart[0].file == "first-data/body-0-0.png"
    assert second.request.file is not None
    assert second.request.file.path == "first-data/body-1.bin"
    assert (tmp_path / "first-data" / "body-1.bin").read_bytes() == b"\x89PNG\xff"
    assert any("a secret in a large or binary body" in note for note in traffic.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"log": {"entries": []}}', ":1: no usable request: the recording is empty"),
        ('{"log":\n{}}', ":1: not a HAR file"),
        ("[]", ":1: not a HAR file"),
        ('{"log": {"entries": [\n{"request"', ":2: not JSON"),
        ("", ":1: is empty"),
        ('{"a": ' + "[" * 5000, ":1: "),
    ],
)
def test_a_file_that_is_no_recording_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.har").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as error:
        har.found_in(str(tmp_path / "a.har"))
    assert message in str(error.value)
