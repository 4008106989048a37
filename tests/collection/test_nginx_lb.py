"""nginx_lb with a plain nginx image, outside this clone, by the example of its README."""

from typing import Any

import pytest

from tests.collection.conftest import NAME, Elsewhere, Plain, answered_by
from tests.integration.conftest import ROOT, changed
from tests.role_readmes import example

pytestmark = pytest.mark.concurrent
PORT = 20500 + int(NAME[-4:], 16) % 400
URL = f"http://127.0.0.1:{PORT}/"


@pytest.fixture
def variables(plain: Plain) -> dict[str, Any]:
    return {
        "nginx_lb_image": plain.image,
        "nginx_lb_pull": "never",
        "nginx_lb_container": f"{NAME}-balancer",
        "nginx_lb_servers": plain.servers,
        "nginx_lb_published_ports": [f"127.0.0.1:{PORT}:80", f"127.0.0.1:{PORT + 1}:8081"],
        "nginx_lb_labels": {NAME: ""},
    }


def test_the_example_serves_and_is_removed(there: Elsewhere, plain: Plain, variables: dict[str, Any]) -> None:
    play = example(ROOT / "roles" / "nginx_lb")
    assert changed(there.play(play, **variables).stdout) == 2  # the container, and its configuration
    assert changed(there.play(play, **variables).stdout) == 0
    assert answered_by(URL) == {f"{server['address']}:{server['port']}" for server in plain.servers}
    assert changed(there.play(play, **{**variables, "nginx_lb_state": "absent"}).stdout) == 1
    assert not plain.engine.containers.list(all=True, filters={"name": variables["nginx_lb_container"]})


@pytest.mark.long
def test_the_example_is_idempotent_and_is_removed(there: Elsewhere, plain: Plain, variables: dict[str, Any]) -> None:
    play = example(ROOT / "roles" / "nginx_lb")
    addresses = {f"{server['address']}:{server['port']}" for server in plain.servers}
    assert changed(there.play(play, "--check", **variables).stdout) > 0
    assert changed(there.play(play, **variables).stdout) == 2  # the container, and its configuration
    assert changed(there.play(play, **variables).stdout) == 0
    assert changed(there.play(play, "--check", **variables).stdout) == 0
    assert answered_by(URL) == addresses
    container = plain.engine.containers.get(variables["nginx_lb_container"])
    config = container.attrs["HostConfig"]
    assert (config["ReadonlyRootfs"], config["CapDrop"]) == (True, ["ALL"])
    assert container.attrs["Config"]["User"] == "101:101"
    assert container.exec_run(["sh", "-c", "command -v python3"]).exit_code != 0, "the official image has no Python"

    less = {**variables, "nginx_lb_servers": plain.servers[:1]}
    assert changed(there.play(play, "--tags", "nginx_lb_configure", **less).stdout) == 1
    assert answered_by(URL) == {f"{plain.servers[0]['address']}:80"}
    rejected = there.play(play, check=False, **{**less, "nginx_lb_fail_timeout": "never"})
    assert rejected.returncode != 0
    assert "nginx rejects the configuration and keeps the previous one" in rejected.stdout
    assert answered_by(URL) == {f"{plain.servers[0]['address']}:80"}

    container.restart(timeout=2)
    assert answered_by(URL) == {f"{plain.servers[0]['address']}:80"}, "nginx must keep the last configuration"
    deaf = {**variables, "nginx_lb_servers": [{"name": "deaf", "address": plain.servers[0]["address"], "port": 81}]}
    soon = {**deaf, "nginx_lb_ready_within_s": 2}
    failed = there.play(play, "--tags", "nginx_lb_configure,nginx_lb_verify", check=False, **soon)
    assert failed.returncode != 0, "a server that does not respond must fail the play"
    assert "deaf: GET /: nothing listens at its address and port" in " ".join(failed.stdout.split())

    gone = {**variables, "nginx_lb_state": "absent"}
    volumes = {mount["Name"] for mount in container.attrs["Mounts"] if mount["Type"] == "volume"}
    assert volumes
    assert changed(there.play(play, **gone).stdout) == 1
    assert changed(there.play(play, **gone).stdout) == 0
    assert not plain.engine.containers.list(all=True, filters={"name": variables["nginx_lb_container"]})
    assert not volumes & {volume.name for volume in plain.engine.volumes.list()}
