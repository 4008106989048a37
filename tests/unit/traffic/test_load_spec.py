"""The wire format of a load: the load generator's image reads exactly the fields that the study sends."""

import dataclasses
import json
from typing import Any

import pytest

from harness.grid.request import Request
from harness.grid.schema import Grid
from harness.traffic.sent_traffic import SentTraffic
from tests.builders import grid, load
from tests.locust_image import load_spec

LOAD = load(
    duration_s=12.0,
    request=Request(method="POST", path="/x?a=1", json={"a": [1]}, headers={"A": "b"}, expect_body="right"),
    rate_per_s=7.5,
    seed="1/arrivals/2",
)
STEP = {"request": {"path": "/${row.x}", "params": {"n": 1}, "follow_redirects": True}, "pause": "1s"}
LOGIN = {"request": {"path": "/login"}, "extract": {"token": {"json": "$.token"}}}


def mix() -> Grid:
    traffic = {"login": LOGIN, "steps": [{"name": "a", **STEP}, {"name": "b", **STEP}]}
    return grid(request=None, traffic=traffic)


def as_sent(message: dict[str, Any]) -> dict[str, Any]:
    """A received load in the form in which it was sent: a login has neither name nor weight nor pause."""
    if message["traffic"]["login"]:
        for name in ("name", "weight", "pause_s", "slow_after_s"):
            del message["traffic"]["login"][name]
    return message


@pytest.mark.parametrize("traffic", [LOAD.traffic, SentTraffic.of_grid(mix())], ids=["one request", "steps"])
def test_the_image_reads_every_field_that_is_sent(traffic: SentTraffic) -> None:
    sent = dataclasses.replace(LOAD, traffic=traffic, rate_per_s=None).wire()
    received = load_spec.LoadSpec.read(json.loads(json.dumps(sent)))
    assert as_sent(dataclasses.asdict(received)) == json.loads(json.dumps(sent))
    assert received.longest_s == LOAD.longest_s == 12 + 2 * 5 + 15


def test_the_only_request_is_the_one_of_the_grid() -> None:
    (request,) = load_spec.LoadSpec.read(LOAD.wire()).traffic.requests
    assert (request.name, request.method, request.path, request.body) == (
        "request",
        "POST",
        "/x?a=1",
        {"json": {"a": [1]}},
    )
    assert request.headers == {"Content-Type": "application/json", "A": "b"}


@pytest.mark.parametrize("change", [{"rate": 1}, {"request": {"method": "GET"}}])
def test_a_message_with_other_fields_is_rejected(change: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        load_spec.LoadSpec.read({**LOAD.wire(), **change})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kind": "script"}, "kind"),
        ({"pick": "shuffle"}, "pick"),
        ({"per": "load"}, "per"),
        ({"requests": []}, "requests"),
        ({"kind": "steps"}, "closed loop"),
    ],
)
def test_traffic_with_other_values_is_rejected(change: dict[str, object], error: str) -> None:
    message = LOAD.wire()
    with pytest.raises(ValueError, match=error):
        load_spec.LoadSpec.read({**message, "traffic": {**message["traffic"], **change}})


def test_a_path_cannot_change_the_host() -> None:
    message = LOAD.wire()
    (request,) = message["traffic"]["requests"]
    request["path"] = "@other.example/x"
    assert load_spec.LoadSpec.read(LOAD.wire()).base_url == "http://10.0.0.1/"
    with pytest.raises(ValueError, match=r"^path of request\. Allowed: a path that begins with a slash\.$"):
        _ = load_spec.LoadSpec.read(message).base_url


@pytest.mark.parametrize(
    "change", [{"digest": ""}, {"rows": [1]}, {"files": {"a": 1}}, {"files": {"a": "no base64!"}}, {"rows": None}]
)
def test_data_that_cannot_be_read_are_rejected(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several messages
        load_spec.Dataset.read({"digest": "d", "rows": [], "files": {}, **change})
