"""Servers that do not become ready, with real containers and the real role: one play over hosts with one fault each."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.deploy.ansible import Ansible
from harness.deploy.inventory.hosts import Inventory
from harness.errors import DeployFailed
from tests.integration.conftest import ROOT, build_images

pytestmark = pytest.mark.concurrent
LABEL = "scale-out-test-readiness"
PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - role: ml_server
"""
SERVER = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Host"] == "shop.example" else 400)
        self.end_headers()
print("loading the model", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.2)
assert [os.environ.get(name) for name in ("WORKERS", "SHARE", "DEBUG")] in ([None] * 3, ["4", "0.5", "true"])
HTTPServer((sys.argv[2], int(sys.argv[3])), Answer).serve_forever()
"""


def python(program: str, *arguments: str) -> list[str]:
    return ["python3", "-u", "-c", program, *arguments]


Case = tuple[dict[str, Any], tuple[str, ...]]
ENDED: dict[str, Case] = {
    "variable": (
        {"ml_server_command": python("import os; print('starting'); os.environ['MODEL_PATH']")},
        ("ended with exit code 1", "KeyError: 'MODEL_PATH'", "ml_server_env"),
    ),
    "capability": (
        {"ml_server_command": python("import os; os.setgid(101)"), "ml_server_user": "0:0"},
        ("ended with exit code 1", "Operation not permitted", "ml_server_capabilities"),
    ),
    "file": (
        {"ml_server_command": ["python3", "/srv/no-such-file.py"]},
        ("ended with exit code 2", "No such file or directory", "ml_server_command"),
    ),
    "program": (
        {"ml_server_command": ["no-such-program"]},
        ("ended with exit code 127", "no-such-program", "ml_server_command"),
    ),
    "loop": (
        {"ml_server_command": ["sh", "-c", "echo one; sleep 1; exit 3"], "ml_server_restart_policy": "always"},
        ("ended with exit code 3", "was restarted", "Its last lines: one", "ml_server_restart_policy"),
    ),
    "inside": (
        {"ml_server_command": python(SERVER, "/", "127.0.0.1", "8080")},
        ("listens only on 127.0.0.1:8080", "0.0.0.0:8080", "Its last lines: loading the model"),
    ),
    "other": (
        {"ml_server_command": python(SERVER, "/", "0.0.0.0", "9000")},  # noqa: S104 - in a container
        ("listens on 0.0.0.0:9000 and not on port 8080", "ml_server_port"),
    ),
}
LONG: dict[str, Case] = {
    "slow": (
        {
            "ml_server_entrypoint": ["python3", "-u"],
            "ml_server_command": ["-c", SERVER, "/waited/for-it", "0.0.0.0", "8080"],  # noqa: S104 - as above
            "ml_server_env": {"WORKERS": 4, "SHARE": 0.5, "DEBUG": True},
            "ml_server_health_host": "shop.example",
        },
        ("waiting for slow: container", "connection refused", "last line: loading the model"),
    )
}


@pytest.fixture
def prepared(lab: Inventory, engine: docker.DockerClient, tmp_path: Path) -> Iterator[tuple[Ansible, Path]]:
    """A playbook of the role, and an inventory of hosts with faults, all on this machine."""
    build_images()
    image = str(lab.servers[0].variables["ml_server_image"])
    common: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ml_server_image": image,
        "ml_server_published_ports": [],
        "ml_server_labels": {LABEL: ""},
        "ml_server_ready_within_s": 600,
    }
    hosts = {
        name: {**common, "ml_server_container": f"{LABEL}-{name}", **variables}
        for name, (variables, _) in {**ENDED, **LONG}.items()
    }
    waited = tmp_path / "waited"
    waited.mkdir()
    waited.chmod(0o755)
    hosts["slow"]["ml_server_volumes"] = [f"{waited}:/waited:ro"]
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "play.yml").write_text(PLAY)
    yield Ansible(ROOT, tmp_path / "hosts.json", tmp_path / "log"), tmp_path / "play.yml"
    for container in engine.containers.list(all=True, filters={"label": LABEL}):
        container.remove(force=True)


def test_a_failed_server_is_reported_at_once_while_the_role_waits_for_a_slow_one(
    prepared: tuple[Ansible, Path],
) -> None:
    """The role does not wait for the limit, which is ten minutes here, but for the slow server until it is ready.

    That server loads until the role has reported that it waits for it, however fast this machine is.
    """
    ansible, play = prepared
    waited: list[str] = []

    def waiting(line: str) -> None:
        waited.append(line)
        if all(word in line for word in LONG["slow"][1]):
            (play.parent / "waited" / "for-it").touch()

    ansible.waiting = waiting
    with pytest.raises(DeployFailed) as failed:
        ansible.run(str(play))
    assert "not ready after" not in str(failed.value)
    parts = re.split(rf"(?:; |: )({'|'.join(ENDED)}): ", str(failed.value))
    messages = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert messages.keys() == ENDED.keys()
    for name, (_, words) in ENDED.items():
        assert [word for word in words if word not in messages[name]] == [], messages[name]
    assert "slow" not in str(failed.value)
    assert any(all(word in line for word in LONG["slow"][1]) for line in waited), waited
