"""Mixes, data and bodies as real Locust processes send them, compared with the server's own record."""

from __future__ import annotations

import email
import email.policy
import json
from collections import Counter
from typing import Any
from urllib.parse import unquote

import pytest
from scipy import special

from tests.locust_environment import Generator, generator
from tests.recording import Recording
from tests.wire_loads import USER, lines, load, login, request

CONFIDENCE = 0.999


def bounds(count: int, share: float) -> tuple[int, int]:
    """The fewest and the most of `count` draws with this share, with a probability of `CONFIDENCE`."""
    tail = (1 - CONFIDENCE) / 2
    least = next(k for k in range(count + 1) if special.bdtr(k, count, share) >= tail)
    most = next(k for k in range(least, count + 1) if special.bdtrc(k, count, share) <= tail)
    return least, most


def in_window(result: dict[str, Any], column: str) -> float:
    """The sum of a column over the window from second 1 to 3."""
    return float(sum(row[column] for row in result["samples"] if 1 <= row["t_s"] < 3))


def test_the_fixed_request_is_sent_and_counted(server: Recording, started: Generator) -> None:
    body = {"json": {"a": [1, "é"]}}
    result = started.run(load(server, [request(path="/x", method="POST", body=body)]))
    assert {(each.method, each.target, each.body, each.trial) for each in server.seen} == {
        ("POST", "/x", b'{"a":[1,"\\u00e9"]}', "t1")
    }
    assert sum(row["requests"] for row in result["samples"]) == len(server.seen)
    assert result["logins"] == {"completed": 0, "errors": {}}
    assert result["transactions"] is None
    assert in_window(result, "requests") == result["requests"]["request"]["requests"] > 0
    assert in_window(result, "completed") == result["requests"]["request"]["completed"]


def test_a_mix_has_its_weights_rows_and_types(server: Recording, started: Generator) -> None:
    rows: list[dict[str, Any]] = [{"n": n, "x": value} for n, value in enumerate(("a/b", 1.5, True, None, [1, "é"]))]
    started.upload(rows, {})
    json_ = {"n": "${row.n}", "x": "${row.x}", "text": "${row.x}!"}
    mix = [
        request("predict", "/predict/${row.n}", weight=9.0, method="POST", body={"json": json_}, headers=USER),
        request("history", "/history/${row.x}", params=[["q", "${row.x} ä"]], headers=USER),
    ]
    result = started.run(load(server, mix, data="d", think_time_s=0.02, users=12))
    assert {name: counts["failed"] for name, counts in result["requests"].items()} == {"predict": 0, "history": 0}
    predicted = [each for each in server.seen if each.method == "POST"]
    least, most = bounds(len(server.seen), 0.9)
    assert len(server.seen) > 50
    assert least <= len(predicted) <= most
    for each in predicted:
        received = json.loads(each.body)
        assert received["x"] == rows[received["n"]]["x"]
        assert type(received["x"]) is type(rows[received["n"]]["x"])
        assert each.path == f"/predict/{received['n']}"
    texts = {row["x"] if isinstance(row["x"], str) else json.dumps(row["x"], separators=(",", ":")) for row in rows}
    history = [each for each in server.seen if each.method == "GET"]
    assert {unquote(each.path.removeprefix("/history/")) for each in history} <= texts
    assert all(each.params == [("q", f"{unquote(each.path.removeprefix('/history/'))} ä")] for each in history)
    by_user = Counter(each.headers["x-user"] for each in server.seen)
    assert by_user.keys() == {str(number) for number in range(1, 13)}
    numbers = {int(each.headers["x-user"]): json.loads(each.body)["n"] for each in reversed(predicted)}
    assert len(set(numbers.values())) == 5, "users begin with different rows"


def test_two_topologies_get_the_same_requests_from_each_user(server: Recording, started: Generator) -> None:
    """A fast and a slow server with one seed, and another worker count; another seed differs."""
    started.upload([{"n": n} for n in range(11)], {})
    mix = [
        request("a", "/a/${row.n}", weight=2.0, headers=USER),
        request("b", "/b", method="POST", body={"form": [["n", "${row.n}"]]}, headers=USER),
    ]
    spec = load(server, mix, data="d", pick="random", duration_s=4.0)
    fast = started.run({**spec, "trial": "fast"})
    server.delay_s = 0.25
    slow = started.run({**spec, "trial": "slow"})
    other = started.run({**spec, "trial": "other", "seed": "8/users/1/6"})
    quick, late, foreign = (lines(server, trial) for trial in ("fast", "slow", "other"))
    assert len(quick) == len(late) == 6
    for user, sent in late.items():
        count = min(len(sent), len(quick[user]))
        assert count >= 2
        assert quick[user][:count] == sent[:count]
    assert any(foreign[user][:2] != late[user][:2] for user in late)
    for result, by_user in ((fast, quick), (slow, late)):
        least = min(map(len, by_user.values()))
        assert result["sent"].keys() == {group for group in ("1", "2", "4", "8", "16", "32") if int(group) <= least}
    common = fast["sent"].keys() & slow["sent"].keys()
    assert {"1", "2"} <= common
    assert all(fast["sent"][group] == slow["sent"][group] for group in common)
    assert not other["sent"].items() & fast["sent"].items()


def test_an_open_load_sends_the_same_arrivals_with_any_number_of_workers(server: Recording) -> None:
    mix = [request("a", "/a/${row.n}/${user}", weight=3.0), request("b", "/b/${row.n}/${user}")]
    results = []
    for count in (1, 2):
        with generator(server.url, count) as started:
            started.upload([{"n": n} for n in range(7)], {})
            spec = load(server, mix, data="d", trial=f"t{count}", rate_per_s=50.0, users=0, seed="7/arrivals/1/50")
            results.append(started.run({**spec, "duration_s": 4.0}))
            assert results[-1]["errors"].keys() <= {"not sent"}, "due at the very end"
    one, two = ({int(each.target.split("/")[3]): each.target for each in server.of(trial)} for trial in ("t1", "t2"))
    both = one.keys() & two.keys()
    assert {number: one[number] for number in both} == {number: two[number] for number in both}
    assert set(range(1, 129)) <= both, "each arrival is a user of its own"
    assert len(server.of("t1")) == len(one)
    assert {(int(user) - 1) % 7 == int(row) for _, _, row, user in (target.split("/") for target in one.values())} == {
        True
    }
    least, most = bounds(len(one), 0.75)
    assert least <= sum(target.startswith("/a/") for target in one.values()) <= most
    for result in results:
        assert {"1", "2", "4", "8", "16", "32", "64"} <= result["sent"].keys()
        offered = sum(row["offered"] for row in result["samples"] if 1 <= row["t_s"] < 4)
        assert sum(counts["requests"] for counts in result["requests"].values()) == offered
    assert all(results[1]["sent"].get(group, digest) == digest for group, digest in results[0]["sent"].items())


@pytest.mark.parametrize(
    "loop",
    [{"think_time_s": 0.0}, {"users": 0, "rate_per_s": 30.0, "seed": "7/arrivals/1/30"}],
    ids=["closed", "open"],
)
def test_once_repeats_no_row_and_then_fails_without_a_request(
    server: Recording, started: Generator, loop: dict[str, Any]
) -> None:
    """A user waits after a request that cannot be sent, also without a think time."""
    started.upload([{"n": n} for n in range(8)], {})
    spec = load(server, [request(path="/${row.n}")], data="d", pick="once", **loop)
    result = started.run(spec)
    sent = [each.target for each in server.seen]
    assert set(sent) <= {f"/{n}" for n in range(8)}
    assert len(set(sent)) == len(sent) >= 3  # a worker without CPU leaves its half of the rows
    failed = result["errors"]["no rows"]
    assert sum(row["requests"] for row in result["samples"]) == len(sent) + failed + result["errors"].get("not sent", 0)
    if spec["users"]:
        assert sum(row["thinks"] for row in result["samples"]) == len(sent) + failed
        assert failed <= spec["users"] * (1 + spec["duration_s"]), "one a second and user"
    assert result["sent"], "what was chosen is equal, whether it could be sent or not"


def test_uploads_arrive_byte_by_byte(server: Recording, started: Generator) -> None:
    files = {"img/a.png": bytes(range(256)) * 40, "img/b.png": b"\r\n--study\r\n\x00" * 9, "doc.txt": "ä".encode()}
    rows = [{"file": key, "name": key.rpartition("/")[2]} for key in files if key.startswith("img/")]
    started.upload(rows, files)
    parts = [
        {"name": "note", "value": "für ${row.name}"},
        {"name": "image", "file": "${row.file}", "filename": "${row.name}", "type": "image/png"},
        {"name": "doc", "file": "doc.txt", "filename": "doc.txt", "type": "text/plain"},
    ]
    mix = [
        request("form", "/form/${row.name}", method="POST", body={"multipart": parts}),
        request("raw", "/raw/${row.name}", method="PUT", body={"file": "${row.file}", "type": "image/png"}),
        request("text", "/text", method="PATCH", body={"text": "ü ${row.name}"}),
        request("head", "/head", method="HEAD"),
        request("options", "/options", method="OPTIONS"),
        request("delete", "/delete", method="DELETE"),
    ]
    result = started.run(load(server, mix, data="d", think_time_s=0.05))
    assert result["errors"] == {}
    assert {(each.path.split("/")[1], each.method) for each in server.seen} == {
        *{("form", "POST"), ("raw", "PUT"), ("text", "PATCH"), ("head", "HEAD"), ("options", "OPTIONS")},
        ("delete", "DELETE"),
    }
    for each in server.seen:
        name = each.path.rpartition("/")[2]
        if each.method == "PUT":
            assert each.body == files[f"img/{name}"]
            assert each.headers["content-type"] == "image/png"
        elif each.method == "PATCH":
            assert each.body.decode() in {"ü a.png", "ü b.png"}
        elif each.method == "POST":
            head = f"Content-Type: {each.headers['content-type']}\r\n\r\n".encode()
            message = email.message_from_bytes(head + each.body, policy=email.policy.HTTP)
            assert [part.get_payload(decode=True) for part in message.iter_parts()] == [
                *(f"für {name}".encode(), files[f"img/{name}"], files["doc.txt"])
            ]


def test_redirects_are_followed_within_the_origin(server: Recording, started: Generator) -> None:
    server.responses = {
        "/elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/x\r\nContent-Length: 0\r\n\r\n",
        "/loop": b"HTTP/1.1 307 Again\r\nLocation: /loop\r\nContent-Length: 3\r\n\r\nabc",
    }
    follow: dict[str, Any] = {"follow_redirects": True, "method": "POST", "body": {"text": "body"}}
    mix = [
        request("moved", "/redirect/302", expect_body="landed", **follow),
        request("kept", "/redirect/307", expect_body="landed", **follow),
        request("elsewhere", "/elsewhere", **follow),
        request("loop", "/loop", **follow),
        request("not followed", "/redirect/303", expect_status=[303]),
    ]
    result = started.run(load(server, mix))
    errors = {name: set(counts["errors"]) for name, counts in result["requests"].items()}
    assert errors == {
        **{"moved": set(), "kept": set(), "not followed": set()},
        **{"elsewhere": {"status 302"}, "loop": {"status 307"}},
    }
    counts = Counter((each.trial, each.method, each.path, each.body) for each in server.seen)
    sent = Counter(each.path for each in server.of("t1"))
    assert sum(sent.values()) == sum(row["requests"] for row in result["samples"]), "one of each request in the trial"
    assert counts["t1.redirect", "GET", "/landed", b""] == sent["/redirect/302"]
    assert counts["t1.redirect", "POST", "/landed", b"body"] == sent["/redirect/307"]
    assert counts["t1.redirect", "POST", "/loop", b"body"] == 5 * sent["/loop"]


@pytest.mark.parametrize("token", ["a/b é", 987654321, {"k": ["a/b é"]}], ids=["text", "number", "object"])
def test_an_exchange_shows_no_value_of_the_login(server: Recording, started: Generator, token: Any) -> None:
    """Neither plain, nor as a path, a form and JSON have it."""
    shown = "987654321" if isinstance(token, int) else "a/b é a%2Fb%20%C3%A9 a%2Fb+%C3%A9 a/b \\u00e9"
    for path, body in (("/login", json.dumps({"access_token": token})), ("/echo", shown)):
        encoded = body.encode()
        server.responses[path] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(encoded), encoded)
    spec = load(server, [request("echo", "/echo?${token}")], login=login())
    found = started.send_each(spec)
    assert [each["error"] for each in found] == ["", ""]
    assert set(found[1]["begins"].split()) == {"***"}


def test_each_request_is_sent_once_before_a_load(server: Recording, started: Generator) -> None:
    server.responses["/served"] = (
        b"HTTP/1.1 200 OK\r\nX-Study-Server: 10.0.0.5:80\r\nX-Study-Time: 0.012\r\nContent-Length: 100\r\n\r\n"
        + b"x" * 100
    )
    started.upload([{"n": n} for n in range(3)], {})
    mix = [
        request("served", "/served"),
        request("token", "/x/${row.n}", headers={**USER, "Authorization": "${token}"}),
        request("moved", "/redirect/302"),
        request("none", "/${row.other}"),
    ]
    spec = load(server, mix, data="d", login=login())
    found = started.send_each(spec)
    assert [each["name"] for each in found] == ["login", "served", "token", "moved", "none"]
    assert [each["error"] for each in found] == ["", "", "", "status 302", "no data"]
    assert [each["status"] for each in found] == [200, 200, 200, 302, 0]
    assert (found[1]["server"], found[1]["time_s"], found[1]["begins"]) == ("10.0.0.5:80", 0.012, "x" * 80)
    assert found[0]["begins"] == "", "it contains the token"
    assert found[2]["time_s"] is None
    assert found[3]["location"] == "/landed"
    assert all(each["took_s"] >= 0 for each in found)
    assert [each.trial for each in server.seen] == ["t1.login", "t1", "t1", "t1"]
    assert server.seen[2].path == "/x/0", "the first user's second row"
    assert server.seen[2].headers["x-user"] == "1"
    server.rejects_logins = True
    (rejected,) = started.send_each(spec)
    assert (rejected["error"], rejected["begins"]) == ("status 401", "wrong password")
    server.rejects_logins = False
    steps = [request("a", "/a?fail=500", pause_s=9.0), request("b", "/b")]
    (failed,) = started.send_each(load(server, steps, kind="steps"))
    assert failed["error"] == "status 500"


def test_unknown_data_and_wrong_traffic_are_rejected(server: Recording, started: Generator) -> None:
    for path in ("start", "send-each"):
        answer = started.call("POST", path, json=load(server, [request()], data="unknown"))
        assert (answer.status_code, answer.json()["unknown_data"]) == (409, True)
        for wrong in (
            load(server, [request(path="@127.0.0.2/")]),
            load(server, [request(extract={"a": {"json": "$.*"}})]),
            load(server, [request(body={"file": "missing", "type": ""})]),
            load(server, []),
        ):
            answer = started.call("POST", path, json=wrong)
            assert answer.status_code == 409
            assert "unknown_data" not in answer.json()
            assert answer.json()["error"]
    without = load(server, [request()], login=login(), users=0, rate_per_s=5.0)
    assert "sessions" in started.call("POST", "start", json=without).json()["error"]
    assert started.call("POST", "data", json={"digest": "x", "rows": "y", "files": {}}).status_code == 409
    assert not server.seen
    assert started.run(load(server, [request()], users=1, duration_s=1.0, ramp_up_s=0.0))["over"], "it still works"
