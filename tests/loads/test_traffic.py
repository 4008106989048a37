"""Mixes, data, logins and bodies as real Locust processes send them, compared with the server's own record."""

from __future__ import annotations

import email
import email.policy
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from scipy import special

from tests.locust_environment import Generator, generator
from tests.recording import Recording, recording

CONFIDENCE = 0.999
TOKEN = {"token": {"json": "$.access_token"}}


def request(name: str = "request", path: str = "/", **more: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": name,
        "weight": 1.0,
        "pause_s": 0.0,
        "method": "GET",
        "path": path,
        "params": [],
        "headers": {},
        "body": None,
        "expect_status": [200],
        "expect_body": None,
        "extract": {},
        "follow_redirects": False,
    }
    return {**fields, **more}


def login(**more: Any) -> dict[str, Any]:
    fields = request(path="/login", method="POST", extract=TOKEN, **more)
    return {name: value for name, value in fields.items() if name not in ("name", "weight", "pause_s", "slow_after_s")}


def load(server: Recording, requests: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a closed loop of 6 users for 3 s; keyword arguments replace fields of the load or of its traffic."""
    traffic: dict[str, Any] = {
        "kind": "requests",
        "requests": requests,
        "login": None,
        "pick": "cycle",
        "zipf_s": 0.0,
        "per": "transaction",
        "data": "",
        "sessions": 0,
        "tls_verify": True,
    }
    fields: dict[str, Any] = {
        "trial": "t1",
        "url": server.url,
        "users": 6,
        "think_time_s": 0.1,
        "ramp_up_s": 0.5,
        "duration_s": 3.0,
        "timeout_s": 5.0,
        "window_from_s": 1.0,
        "keep_alive": True,
        "rate_per_s": None,
        "arrivals": "poisson",
        "in_flight": 1000,
        "seed": "7/users/1/6",
        "slow_after_s": None,
        "longest_s": 40.0,
    }
    traffic |= {name: value for name, value in more.items() if name in traffic}
    return {**fields, **{name: value for name, value in more.items() if name in fields}, "traffic": traffic}


@pytest.fixture(scope="module")
def target() -> Iterator[Recording]:
    with recording() as found:
        yield found


@pytest.fixture
def server(target: Recording) -> Recording:
    """The server without records of other tests."""
    target.seen.clear()
    target.responses.clear()
    target.delay_s, target.rejects_logins = 0.0, False
    return target


WORKERS = [pytest.param(2, id="two workers"), pytest.param(1, id="one worker", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=WORKERS)
def started(request: pytest.FixtureRequest, target: Recording) -> Iterator[Generator]:
    with generator(target.url, int(request.param)) as found:
        yield found


def bounds(count: int, share: float) -> tuple[int, int]:
    """The fewest and the most of `count` draws with this share, with a probability of `CONFIDENCE`."""
    tail = (1 - CONFIDENCE) / 2
    least = next(k for k in range(count + 1) if special.bdtr(k, count, share) >= tail)
    most = next(k for k in range(least, count + 1) if special.bdtrc(k, count, share) <= tail)
    return least, most


def lines(server: Recording, trial: str = "t1") -> dict[str, list[str]]:
    """The requests of each user, who is named in a header, in order."""
    found = defaultdict(list)
    for each in server.of(trial):
        found[each.headers["x-user"]].append(f"{each.method} {each.target} {each.body!r}")
    return found


def in_window(result: dict[str, Any], column: str) -> float:
    """The sum of a column over the window from second 1 to 3."""
    return float(sum(row[column] for row in result["samples"] if 1 <= row["t_s"] < 3))


USER = {"X-User": "${user}"}


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


def test_users_log_in_once_and_use_their_own_token_and_cookie(server: Recording, started: Generator) -> None:
    started.upload([{"name": f"user {n}", "password": "p&=?"} for n in range(8)], {})
    enter = login(body={"form": [["name", "${row.name}"], ["password", "${row.password}"]]}, headers=USER)
    mix = [request("a", "/a", headers={**USER, "Authorization": "Bearer ${token}"}), request("b", "/b", headers=USER)]
    result = started.run(load(server, mix, data="d", login=enter))
    logins = server.of("t1.login")
    assert sorted(each.headers["x-user"] for each in logins) == [str(number) for number in range(1, 7)]
    sent = {each.headers["x-user"]: parse_qsl(each.body.decode()) for each in logins}
    assert sent == {str(n + 1): [("name", f"user {n}"), ("password", "p&=?")] for n in range(6)}
    assert result["logins"] == {"completed": 6, "errors": {}}
    assert sum(row["requests"] for row in result["samples"]) == len(server.of("t1")), "logins are in no row"
    cookies, tokens = defaultdict(set), defaultdict(set)
    for each in server.of("t1"):
        cookies[each.headers["x-user"]].add(each.headers["cookie"])
        if each.path == "/a":
            tokens[each.headers["x-user"]].add(each.headers["authorization"].removeprefix("Bearer t"))
    assert {len(values) for values in (*cookies.values(), *tokens.values())} == {1}
    for user, values in tokens.items():
        assert cookies[user] == {f"session=s{next(iter(values))}"}
    assert len(set.union(*tokens.values())) == 6


def test_arrivals_of_an_open_load_use_logged_in_sessions_in_turn(server: Recording, started: Generator) -> None:
    spec = load(
        server,
        [request(headers={**USER, "Authorization": "${token}"}, path="/a")],
        login=login(headers=USER),
        sessions=5,
        users=0,
        rate_per_s=60.0,
        seed="7/arrivals/1/60",
    )
    result = started.run(spec)
    logins = server.of("t1.login")
    assert sorted(each.headers["x-user"] for each in logins) == ["1", "2", "3", "4", "5"]
    assert result["logins"] == {"completed": 5, "errors": {}}
    sent = server.of("t1")
    assert set(result["errors"]) <= {"not sent"}  # requests that are due just before the end, on a busy machine
    of_session = {(each.headers["x-user"], each.headers["authorization"], each.headers["cookie"]) for each in sent}
    assert len(of_session) == 5
    assert all(token[1:] == cookie.removeprefix("session=s") for _, token, cookie in of_session)
    counts = Counter(each.headers["x-user"] for each in sent)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_login_that_fails_is_repeated_after_a_think_time_and_floods_nobody(
    server: Recording, started: Generator
) -> None:
    """1,000 users with a think time of 2 s try 500 logins per second or fewer; nothing else is sent."""
    server.rejects_logins = True
    spec = load(
        server, [request(path="/a")], login=login(), users=1000, think_time_s=2.0, duration_s=5.0, ramp_up_s=2.0
    )
    result = started.run(spec)
    tried = len(server.of("t1.login"))
    assert len(server.seen) == tried
    assert result["logins"]["completed"] == 0
    assert result["logins"]["errors"].keys() == {"status 401"}
    assert 0 <= tried - result["logins"]["errors"]["status 401"] <= 1000
    assert 0 < tried <= 1000 * (1 + 5.0 / 1.0), "each user at most one in half a think time"
    assert sum(row["users_s"] for row in result["samples"]) == 0, "a user starts with its login"
    server.rejects_logins = False


def test_arrivals_without_a_login_fail_and_send_few_logins(server: Recording, started: Generator) -> None:
    server.rejects_logins = True
    spec = load(server, [request(path="/a")], login=login(), sessions=3, users=0, rate_per_s=200.0, think_time_s=0.0)
    result = started.run({**spec, "trial": "t2", "seed": "7/arrivals/1/200"})
    assert not server.of("t2")
    assert len(server.of("t2.login")) <= 3 * (1 + 3.0 / 0.5)
    assert result["errors"].keys() <= {"no data", "not sent"}
    assert sum(result["errors"].values()) == sum(row["offered"] for row in result["samples"])


def test_a_login_without_its_token_fails(server: Recording, started: Generator) -> None:
    wrong = {**login(), "extract": {"key": {"json": "$.key"}}}
    result = started.run(load(server, [request(path="/a")], login=wrong))
    assert not server.of("t1")
    assert result["logins"]["errors"].keys() == {"extract key"}


def test_the_steps_of_a_transaction_are_in_order_with_their_pauses(server: Recording, started: Generator) -> None:
    steps = [
        request("search", "/search", headers=USER, pause_s=0.2, extract={"id": {"json": "$.number"}}),
        request("open", "/open/${id}", headers=USER, pause_s=0.1),
        request("pay", "/pay", method="POST", body={"json": {"id": "${id}"}}, headers=USER),
    ]
    result = started.run(load(server, steps, kind="steps", think_time_s=0.3, ramp_up_s=0.2, duration_s=4.0))
    by_user = defaultdict(list)
    for each in server.of("t1"):
        by_user[each.headers["x-user"]].append(each)
    assert len(by_user) == 6
    gaps = defaultdict(list)
    for sent in by_user.values():
        for number, each in enumerate(sent):
            assert each.path.split("/")[1] == ("search", "open", "pay")[number % 3]
            if number:
                gaps[number % 3].append(each.at - sent[number - 1].at)
        for search, opened, paid in zip(sent[::3], sent[1::3], sent[2::3], strict=False):
            number = int(opened.path.removeprefix("/open/"))
            assert json.loads(paid.body) == {"id": number}
            assert search.at < opened.at < paid.at
    for place, mean_s in ((1, 0.2), (2, 0.1), (0, 0.3)):
        assert min(gaps[place]) >= 0.5 * mean_s - 0.01
    samples = result["samples"]
    assert sum(row["thinks"] for row in samples) == sum(row["completed"] for row in samples), "one after each request"
    assert sum(row["requests"] for row in samples) == len(server.of("t1"))
    steps_ = {name: counts["requests"] for name, counts in result["requests"].items()}
    assert steps_.keys() == {"search", "open", "pay"}
    transactions = result["transactions"]
    assert transactions["failed"] == 0
    assert 0 < transactions["requests"] <= steps_["search"]
    assert abs(transactions["completed"] - result["requests"]["pay"]["completed"]) == 0


def test_a_failed_step_ends_the_transaction_and_changes_no_later_choice(server: Recording, started: Generator) -> None:
    """The pauses and rows of the next transactions are those of users whose steps succeed."""
    started.upload([{"n": n} for n in range(9)], {})

    def steps(status: int) -> list[dict[str, Any]]:
        return [
            request("first", "/first/${row.n}", headers=USER, pause_s=0.05),
            request("second", "/second/${row.n}", headers=USER, pause_s=0.05, expect_status=[status]),
            request("third", "/third/${row.n}", headers=USER),
        ]

    spec = {"kind": "steps", "data": "d", "pick": "random", "think_time_s": 0.1}
    right = started.run(load(server, steps(200), trial="right", **spec))
    wrong = started.run(load(server, steps(201), trial="wrong", **spec))
    assert not any(each.path.startswith("/third") for each in server.of("wrong"))
    assert wrong["transactions"]["errors"] == {"status 200": wrong["transactions"]["failed"]}
    assert wrong["transactions"]["completed"] == 0 < wrong["transactions"]["failed"]
    assert sum(row["thinks"] for row in wrong["samples"]) == sum(
        row["completed"] + row["failed"] for row in wrong["samples"]
    )
    firsts = [
        {user: [line for line in sent if "/first/" in line] for user, sent in lines(server, trial).items()}
        for trial in ("right", "wrong")
    ]
    for user, sent in firsts[0].items():
        shorter = min(len(sent), len(firsts[1][user]))
        assert shorter >= 2
        assert sent[:shorter] == firsts[1][user][:shorter]
    assert all(wrong["sent"].get(group, digest) == digest for group, digest in right["sent"].items())
    assert {"1", "2"} <= right["sent"].keys() & wrong["sent"].keys()


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
