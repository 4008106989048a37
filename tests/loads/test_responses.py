"""The load generator's handling of wrong responses, tested with a server that counts its requests."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from harness.grid.request import Request
from tests.builders import load
from tests.hostile import RESPONSES, Hostile, hostile
from tests.locust_environment import locust_python
from tests.locust_image import IMAGE

EACH = 3  # requests per path, two of them by one user: the second one needs a usable connection after the first
DRIVER = f"""
import json, sys, time
import locust
import users
from load_spec import Dataset, LoadSpec
from locust.env import Environment
from send_each import send_each
from sending import send
driver_input = json.loads(sys.argv[1])
found = {{}}
for path in driver_input["paths"]:
    message = json.loads(json.dumps(driver_input["load"]))
    message["traffic"]["requests"][0]["path"] = path
    spec = LoadSpec.read(message)
    users.current = users.Load(spec, time.time())
    user = users.StudyUser(Environment())
    (request,) = users.current.traffic.requests
    found[path] = [send(user.client, request.once, request).error for _ in range({EACH - 1})]
    found[path] += [each["error"] for each in send_each(spec, Dataset())]  # before a load it must find the same
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


def kinds(server: Hostile, *paths: str, **more: Any) -> dict[str, str]:
    """Return the kind of failure of each path, which must be the same each time, with one request to the server."""
    server.requests.clear()
    request = Request(path="/", expect_body="right", **more)
    spec = load(
        url=server.url, users=1, ramp_up_s=0.0, duration_s=60.0, timeout_s=1.0, window_from_s=0.0, request=request
    )
    driver_input = json.dumps({"paths": paths, "load": spec.wire()})
    command = [locust_python(), "-c", DRIVER, driver_input]
    environ = {**os.environ, "PYTHONPATH": str(IMAGE), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(len(set(each)) == 1 for each in found.values()), found
    return {path: each[0] for path, each in found.items()}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_incomplete_or_unreadable_response_is_a_named_failure(method: str) -> None:
    """Also if the received part matches `expect_body`. The client must not retry a request."""
    with hostile() as server:
        assert kinds(server, *RESPONSES, method=method) == EXPECTED
        assert server.requests == dict.fromkeys(RESPONSES, EACH)


@pytest.mark.parametrize("follows", [False, True])
def test_an_expected_redirect_is_a_success(follows: bool) -> None:
    """/302 leads to a URL that is none, so it is never followed."""
    with hostile() as server:
        found = kinds(server, "/307", "/302", expect_status=(200, 302, 307), follow_redirects=follows)
        assert set(found.values()) == {""}
        assert server.requests == {"/307": EACH, "/302": EACH, **({"/good": EACH} if follows else {})}


def test_a_redirect_whose_target_fails_is_a_failure() -> None:
    with hostile() as server:
        assert kinds(server, "/307", expect_status=(201,), follow_redirects=True) == {"/307": "status 200"}


def test_a_request_that_the_client_cannot_send_is_a_named_failure() -> None:
    with hostile() as server:
        assert kinds(server, "/good", headers={"X-Name": "예측"}) == {"/good": "client ValueError"}
        assert not server.requests
