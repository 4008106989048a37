"""The wire format of a load: the load generator's image reads exactly the fields that the study sends."""

import dataclasses
import json

import pytest

from harness.grid.request import Request
from tests.builders import load
from tests.locust_image import load_spec

LOAD = load(
    duration_s=12.0,
    request=Request(method="POST", path="/x?a=1", json={"a": [1]}, headers={"A": "b"}, expect_body="right"),
    rate_per_s=7.5,
    seed="1/arrivals/2",
)


def test_the_image_reads_every_field_that_is_sent() -> None:
    received = load_spec.LoadSpec.read(json.loads(json.dumps(LOAD.wire())))
    assert dataclasses.asdict(received) == LOAD.wire()
    assert received.request_url == "http://10.0.0.1/x?a=1"
    assert received.request.headers == {"Content-Type": "application/json", "A": "b"}
    assert received.longest_s == LOAD.longest_s == 12 + 2 * 5 + 15


@pytest.mark.parametrize("change", [{"rate": 1}, {"request": {"method": "GET"}}])
def test_a_message_with_other_fields_is_rejected(change: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        load_spec.LoadSpec.read({**LOAD.wire(), **change})
