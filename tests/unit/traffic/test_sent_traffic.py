"""Traffic as it is sent to the load generator: templates with the values of secrets, and names of files."""

import dataclasses
import json
from typing import Any

from harness.grid.dataset import Dataset
from harness.grid.request import Request
from harness.traffic.sent_traffic import SentTraffic
from tests.builders import grid, load
from tests.locust_image import load_spec

LOAD = load(
    request=Request(method="POST", path="/x?a=1", json={"a": [1]}, headers={"A": "b"}, expect_body="right"),
)
NOT_OF_A_LOGIN = ("name", "weight", "pause_s", "slow_after_s")
TRAFFIC = {
    "data": {"file": "rows.jsonl", "pick": "zipf(1.1)", "per": "user"},
    "login": {
        "request": {"method": "POST", "path": "/login", "form": {"user": "${row.user}", "word": "${secret.WORD}"}},
        "extract": {"token": {"json": "$.t"}},
    },
    "requests": [
        {
            "name": "predict",
            "weight": 9,
            "request": {
                "method": "POST",
                "path": "/p",
                "headers": {"authorization": "Bearer ${token}"},
                "json": {"n": "${row.n}", "w": ["a ${secret.WORD}", "$${x}"]},
            },
            "expect": {"status": [200, 201], "body": "label"},
        },
        {"name": "history", "request": {"path": "/h/${row.user}", "params": {"limit": 10, "tag": ["a", "b"]}}},
        {
            "name": "upload",
            "request": {
                "method": "PUT",
                "path": "/u",
                "multipart": [
                    {"name": "n", "value": 1},
                    {"name": "f", "file": "a/b.png"},
                    {"name": "g", "file": "${row.user}"},
                ],
                "follow_redirects": True,
            },
        },
        {"name": "raw", "request": {"method": "POST", "path": "/r", "file": "a/b.png"}},
        {
            "name": "text",
            "request": {"method": "POST", "path": "/t", "text": "${uuid}", "headers": {"content-type": "a/b"}},
        },
    ],
}


def sent(**more: Any) -> dict[str, Any]:
    """The wire of TRAFFIC, whose secret looks like a template."""
    written = grid(request=None, traffic=TRAFFIC, **more).with_traffic_secrets({"WORD": "${user}"})
    rows = ({"user": "a", "n": 1},)
    written = written.with_dataset(Dataset(rows=rows, files={"a/b.png": b"1", "a": b"2"}))
    wire: dict[str, Any] = json.loads(json.dumps(SentTraffic.of_grid(written).wire()))
    return wire


def test_the_image_reads_a_mix_with_every_kind_of_body() -> None:
    read = dataclasses.asdict(load_spec.TrafficSpec.read(sent()))
    login = {name: value for name, value in read["login"].items() if name not in NOT_OF_A_LOGIN}
    assert {**read, "login": login} == sent()


def test_the_short_form_is_a_mix_of_one_request() -> None:
    assert LOAD.wire()["traffic"] == {
        "kind": "requests",
        "requests": [
            {
                "name": "request",
                "weight": 1.0,
                "pause_s": 0.0,
                "slow_after_s": None,
                "method": "POST",
                "path": "/x?a=1",
                "params": [],
                "headers": {"Content-Type": "application/json", "A": "b"},
                "body": {"json": {"a": [1]}},
                "expect_status": [200],
                "expect_body": "right",
                "extract": {},
                "follow_redirects": False,
            }
        ],
        "login": None,
        "pick": "cycle",
        "zipf_s": 0.0,
        "per": "transaction",
        "data": "",
        "sessions": 0,
        "tls_verify": True,
        "tls_name": "",
        "tls_trusted": "",
    }


def test_secrets_are_values_on_the_wire_and_never_templates() -> None:
    wire = sent()
    assert wire["login"]["body"] == {"form": [["user", "${row.user}"], ["word", "$${user}"]]}
    predict, history, upload, raw, text = wire["requests"]
    assert predict["body"] == {"json": {"n": "${row.n}", "w": ["a $${user}", "$${x}"]}}
    assert history["params"] == [["limit", "10"], ["tag", "a"], ["tag", "b"]]
    assert upload["body"]["multipart"] == [
        {"name": "n", "value": "1"},
        {"name": "f", "file": "a/b.png", "filename": "b.png", "type": "image/png"},
        {"name": "g", "file": "${row.user}", "filename": "", "type": "application/octet-stream"},
    ]
    assert raw["body"] == {"file": "a/b.png", "type": "image/png"}
    assert text["headers"] == {"content-type": "a/b"}
    assert (wire["pick"], wire["zipf_s"], wire["per"]) == ("zipf", 1.1, "user")


def test_names_in_templates_have_no_blanks_on_the_wire() -> None:
    part = {"name": "f", "file": "${ row.file }", "type": "a/${ secret.WORD }"}
    request = {"path": "/${ user }", "headers": {"a": "$${ x }"}, "multipart": [part]}
    written = grid(request=None, traffic={"requests": [{"name": "a", "request": request}]})
    (found,) = SentTraffic.of_grid(written.with_traffic_secrets({"WORD": "b"})).wire()["requests"]
    assert (found["path"], found["headers"]["a"]) == ("/${user}", "$${ x }")
    (sent_part,) = found["body"]["multipart"]
    assert (sent_part["file"], sent_part["type"]) == ("${row.file}", "a/b")


def test_sessions_log_in_for_an_open_load_only() -> None:
    load_keys = {"factors": {"servers": [1], "rate": ["100/s"]}, "load": {"ramp_up": "2s", "duration": "12s"}}
    assert (sent()["sessions"], sent(**load_keys)["sessions"]) == (0, 100)


def test_a_stored_response_meets_every_expectation_of_a_mix() -> None:
    """The balancer gives one response with status 200 to all requests when the ceiling is measured."""
    written = grid(request=None, traffic=TRAFFIC).with_dataset(Dataset(rows=({"user": "a", "n": 1},)))
    stored = SentTraffic.of_grid(written).for_stored_response().wire()
    assert stored["login"] is None
    assert {(tuple(each["expect_status"]), each["expect_body"]) for each in stored["requests"]} == {((200,), None)}
    assert stored["requests"][0]["headers"]["authorization"] == "Bearer " + 36 * "x"
