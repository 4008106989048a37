"""haproxy_lb with the image of its own folder, outside this clone, by the example of its README."""

import json
from typing import Any

import pytest

from tests.collection.conftest import NAME, Elsewhere, Plain, answered_by, variable
from tests.integration.conftest import ROOT, changed, playbook
from tests.role_readmes import example

pytestmark = [pytest.mark.concurrent, pytest.mark.long]
PORT = 20900 + int(NAME[-4:], 16) % 400
URL = f"http://127.0.0.1:{PORT}/"


@pytest.fixture
def variables(plain: Plain) -> dict[str, Any]:
    playbook("playbooks/build-images.yml", "-e", json.dumps({"study_balancer_roles": ["haproxy_lb"]}))
    return {
        "haproxy_lb_image": variable("study_haproxy_image"),
        "haproxy_lb_container": f"{NAME}-haproxy",
        "haproxy_lb_servers": plain.servers,
        "haproxy_lb_published_ports": [f"127.0.0.1:{PORT}:80", f"127.0.0.1:{PORT + 1}:8081"],
        "haproxy_lb_labels": {NAME: ""},
    }


def test_the_example_is_idempotent_and_is_removed(there: Elsewhere, plain: Plain, variables: dict[str, Any]) -> None:
    play = example(ROOT / "roles" / "haproxy_lb")
    assert changed(there.play(play, "--check", **variables).stdout) > 0
    assert changed(there.play(play, **variables).stdout) == 2  # the container, and its configuration
    assert changed(there.play(play, **variables).stdout) == 0
    assert changed(there.play(play, "--check", **variables).stdout) == 0
    assert answered_by(URL) == {f"{server['address']}:{server['port']}" for server in plain.servers}
    container = plain.engine.containers.get(variables["haproxy_lb_container"])
    config = container.attrs["HostConfig"]
    assert (config["ReadonlyRootfs"], config["CapDrop"]) == (True, ["ALL"])
    assert container.attrs["Config"]["User"] == "10002:10002"

    first = f"{plain.servers[0]['address']}:80"
    less = {**variables, "haproxy_lb_servers": plain.servers[:1]}
    assert changed(there.play(play, "--tags", "haproxy_lb_configure", **less).stdout) == 1
    assert answered_by(URL) == {first}
    rejected = there.play(play, check=False, **{**less, "haproxy_lb_connect_timeout": "never"})
    assert rejected.returncode != 0
    assert "HAProxy rejects the configuration and keeps the previous one" in rejected.stdout
    container.restart(timeout=2)
    assert answered_by(URL) == {first}, "HAProxy must keep the last configuration"

    deaf = [{"name": "deaf", "address": plain.servers[0]["address"], "port": 81}]
    soon = {**variables, "haproxy_lb_servers": deaf, "haproxy_lb_ready_within_s": 2}
    failed = there.play(play, "--tags", "haproxy_lb_configure,haproxy_lb_verify", check=False, **soon)
    assert failed.returncode != 0, "a server that does not respond must fail the play"
    assert "deaf: GET /: nothing listens at its address and port" in " ".join(failed.stdout.split())

    gone = {**variables, "haproxy_lb_state": "absent"}
    assert changed(there.play(play, **gone).stdout) == 1
    assert changed(there.play(play, **gone).stdout) == 0
    assert not plain.engine.containers.list(all=True, filters={"name": variables["haproxy_lb_container"]})
