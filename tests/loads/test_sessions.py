"""Logins, sessions and steps as real Locust processes send them, compared with the server's own record.

A file of its own next to test_traffic.py, so that both run at the same time.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any
from urllib.parse import parse_qsl

from tests.locust_environment import Generator
from tests.recording import Recording
from tests.wire_loads import USER, lines, load, login, request


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
    more = {"users": 1000, "think_time_s": 2.0, "duration_s": 5.0, "ramp_up_s": 2.0}
    # With a name of its own, because its last logins may arrive during another test.
    result = started.run(load(server, [request(path="/a")], login=login(), trial="rejected", **more))
    tried = len(server.of("rejected.login"))
    assert {each.trial for each in server.seen} == {"rejected.login"}
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
