"""Dependencies that do not become ready: real databases and the real role, in one play over hosts with a fault each."""

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
from harness.errors import DeployFailed
from tests.integration.conftest import ROOT
from tests.integration.containers.databases.image import databases_image

pytestmark = pytest.mark.concurrent
LABEL = "scale-out-test-dependency"
PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - role: dependency
"""
REDIS = ["redis-server", "--protected-mode", "no", "--save", ""]
MARIADB = {"dependency_port": 3306, "dependency_env": {"WATCHER_PASSWORD": "open-sesame"}}
OPEN = [*REDIS, "--bind", "0.0.0.0"]  # noqa: S104 - in a container
API = "from http.server import *; HTTPServer(('', 6379), BaseHTTPRequestHandler).serve_forever()"
Case = tuple[dict[str, Any], tuple[str, ...]]
# Each of these ends at once, whatever the limit.
ENDED: dict[str, Case] = {
    "option": (
        {**MARIADB, "dependency_command": ["start-mariadb", "--no-such-option"]},
        ("ended with exit code 2", "unknown option '--no-such-option'", "Fix: dependency_env sets"),
    ),
    "variable": (
        {"dependency_port": 3306, "dependency_command": ["start-mariadb"]},
        ("ended with exit code 2", "WATCHER_PASSWORD: parameter not set", "Fix: dependency_env sets its variables"),
    ),
    "folder": (
        {**MARIADB, "dependency_command": ["start-mariadb"], "dependency_read_only": True},
        ("Read-only file system", "Fix: dependency_tmpfs adds writable folders"),
    ),
    "inside": (
        {"dependency_command": [*REDIS, "--bind", "127.0.0.1"]},
        ("listens on port 6379 of 127.0.0.1 only", "--bind 0.0.0.0 for Redis", "Ready to accept connections"),
    ),
    "hidden": (
        {"dependency_command": [*REDIS, "--bind", "127.0.0.1"], "dependency_health_command": ["redis-cli", "ping"]},
        ("listens on port 6379 of 127.0.0.1 only",),
    ),
    "program": (
        {"dependency_command": OPEN, "dependency_health_command": ["valkey-cli", "ping"]},
        ("valkey-cli exits with", "Fix: correct dependency_health_command, or install its program in the image."),
    ),
}
LATE: dict[str, Case] = {
    "command": (
        {"dependency_command": OPEN, "dependency_health_command": ["redis-cli", "-e", "no-such-command"]},
        ("redis-cli exits with 1: ERR unknown command", "last line:", "Ready to accept connections"),
    ),
    "path": (
        {"dependency_command": ["python3", "-c", API], "dependency_health_path": "/healthz"},
        ("GET /healthz: status 501", "check dependency_port, dependency_health_path"),
    ),
    "port": (
        {"dependency_command": OPEN, "dependency_port": 6380},
        (":6380: [Errno 111] Connection refused", "Fix: raise dependency_ready_within_s"),
    ),
}


@pytest.fixture
def prepared(engine: docker.DockerClient, tmp_path: Path) -> Iterator[tuple[Ansible, Path]]:
    """A playbook of the role, and an inventory of hosts with faults, all on this machine."""
    common: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "dependency_image": databases_image(engine),
        "dependency_port": 6379,
        "dependency_published_ports": [],
        "dependency_labels": {LABEL: ""},
        "dependency_ready_within_s": 600,
    }
    hosts = {
        name: {**common, "dependency_container": f"{LABEL}-{name}", **variables}
        for name, (variables, _) in {**ENDED, **LATE}.items()
    }
    for name in LATE:
        hosts[name]["dependency_ready_within_s"] = 2
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "play.yml").write_text(PLAY)
    yield Ansible(ROOT, tmp_path / "hosts.json", tmp_path / "log"), tmp_path / "play.yml"
    for container in engine.containers.list(all=True, filters={"label": LABEL}):
        container.remove(force=True, v=True)


def test_a_dependency_that_is_not_ready_is_reported_with_its_cause_and_fix(prepared: tuple[Ansible, Path]) -> None:
    ansible, play = prepared
    with pytest.raises(DeployFailed) as failed:
        ansible.run(str(play))
    known = {**ENDED, **LATE}
    parts = re.split(rf"(?:; |: )({'|'.join(known)}): ", str(failed.value))
    messages = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert messages.keys() == known.keys(), str(failed.value)
    for name, (_, words) in known.items():
        assert [word for word in words if word not in messages[name]] == [], messages[name]
        assert ("not ready after 2" in messages[name]) is (name in LATE)
