"""Loads as the study sends them to the load generator, for tests of its real processes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.recording import Recording

TOKEN = {"token": {"json": "$.access_token"}}
USER = {"X-User": "${user}"}


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


def lines(server: Recording, trial: str = "t1") -> dict[str, list[str]]:
    """The requests of each user, who is named in a header, in order."""
    found = defaultdict(list)
    for each in server.of(trial):
        found[each.headers["x-user"]].append(f"{each.method} {each.target} {each.body!r}")
    return found
