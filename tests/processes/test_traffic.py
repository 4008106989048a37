"""Mixes, data, logins and bodies as real Locust processes send them, compared with the server's own record."""

from __future__ import annotations

import email
import email.policy
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from scipy import special

from tests.locust_environment import Generator, generator
from tests.recording import Recording, Seen, recording

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
    return {name: value for name, value in fields.items() if name not in ("name", "weight", "pause_s")}


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


@pytest.fixture
def server() -> Iterator[Recording]:
    with recording() as found:
        yield found


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def workers(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def bounds(count: int, share: float) -> tuple[int, int]:
    """The fewest and the most of `count` draws with this share, with a probability of `CONFIDENCE`."""
    tail = (1 - CONFIDENCE) / 2
    least = next(k for k in range(count + 1) if special.bdtr(k, count, share) >= tail)
    most = next(k for k in range(least, count + 1) if special.bdtrc(k, count, share) <= tail)
    return least, most


def test_the_fixed_request_is_sent(server: Recording) -> None:
    with generator(server.url) as started:
        result = started.run(load(server, [request(path="/x", method="POST", body={"json": {"a": [1, "é"]}})]))
    assert {(each.method, each.target, each.body, each.trial) for each in server.seen} == {
        ("POST", "/x", b'{"a":[1,"\\u00e9"]}', "t1")
    }
    assert sum(row["requests"] for row in result["samples"]) == len(server.seen)
    print(json.dumps(result, indent=1)[:3000])
