"""The load generator's handling of wrong responses, tested with a server that counts its requests."""

from __future__ import annotations

import json
from typing import Any

import docker
import pytest

from harness.deploy.inventory.hosts import Inventory
from harness.grid.request import Request
from tests.builders import load
from tests.hostile import RESPONSES, Hostile, hostile
from tests.integration.conftest import playbook

pytestmark = pytest.mark.concurrent
EACH = 3  # requests per path, two of them by one user: the second one needs a usable connection after the first
DRIVER = f"""
import json, sys, time
import locust
import users
from load_spec import LoadSpec
from locust.env import Environment
driver_input = json.loads(sys.argv[1])
found = {{}}
for path in driver_input["paths"]:
    load = driver_input["load"]
    spec = LoadSpec.read({{**load, "request": {{**load["request"], "path": path}}}})
    users.current = users.Load(spec, time.time())
    user = users.StudyUser(Environment())
    found[path] = [users.send(users.current, user.client) for _ in range({EACH - 1})]
    found[path].append(users.send_one(spec))  # the request before a load must find the same
print(json.dumps(found))
"""
EXPECTED = {
    "/good": "",
    "/gzip": "",
    **dict.fromkeys(("/short", "/chunk", "/chunks", "/reset", "/stall"), "incomplete"),
    **dict.fromkeys(("/zstd", "/x-gzip", "/empty-gzip", "/damaged-gzip", "/damaged-br"), "encoding"),
    "/307": "status 307",
    "/302": "status 302",
    **dict.fromkeys(("/garbage", "/nothing"), "connection"),
}


def kinds(lab: Inventory, engine: docker.DockerClient, server: Hostile, *paths: str, **more: Any) -> dict[str, str]:
    """Return the kind of failure of each path, which must be the same each time, with one request to the server."""
    server.requests.clear()
    request = Request(path="/", expect_body="right", **more)
    spec = load(
        url=server.url, users=1, ramp_up_s=0.0, duration_s=60.0, timeout_s=1.0, window_from_s=0.0, request=request
    )
    driver_input = {"paths": paths, "load": spec.wire()}
    command = ["python3", "-c", DRIVER, json.dumps(driver_input)]
    image = str(lab.generator.variables["locust_image"])
    output = engine.containers.run(image, command, network_mode="host", remove=True)
    found = json.loads(output.decode().splitlines()[-1])
    assert all(len(set(each)) == 1 for each in found.values()), found
    return {path: each[0] for path, each in found.items()}


@pytest.fixture(scope="module")
def image(lab: Inventory) -> Inventory:
    playbook("playbooks/build-images.yml")
    return lab


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_incomplete_or_unreadable_response_is_a_named_failure(
    image: Inventory, engine: docker.DockerClient, method: str
) -> None:
    """Also if the received part matches `expect_body`. The client must not retry a request."""
    with hostile() as server:
        assert kinds(image, engine, server, *RESPONSES, method=method) == EXPECTED
        assert server.requests == dict.fromkeys(RESPONSES, EACH)


def test_an_expected_redirect_is_a_success_and_is_not_followed(image: Inventory, engine: docker.DockerClient) -> None:
    with hostile() as server:
        assert set(kinds(image, engine, server, "/307", "/302", expect_status=(200, 302, 307)).values()) == {""}
        assert server.requests == {"/307": EACH, "/302": EACH}


def test_a_request_that_the_client_cannot_send_is_a_named_failure(
    image: Inventory, engine: docker.DockerClient
) -> None:
    with hostile() as server:
        assert kinds(image, engine, server, "/good", headers={"X-Name": "예측"}) == {"/good": "client ValueError"}
        assert not server.requests
