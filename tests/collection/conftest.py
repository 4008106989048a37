"""The roles as a collection: built from this clone, installed and used outside it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from harness.deploy.container_engine import connect
from tests.integration.conftest import ROOT, build_images

BIN = Path(sys.executable).parent
GROUPS = ("balancer", "servers", "generators", "controller", "agents")  # of the examples
HERE = Path(__file__).parent
Done = subprocess.CompletedProcess[str]
NAME = f"scale-out-collection-{hashlib.sha1(str(ROOT).encode()).hexdigest()[:8]}"  # noqa: S324 - a name


def run(folder: Path, *command: str | Path, check: bool = True, **environment: str) -> Done:
    """Run a program of the environment in a folder outside this clone."""
    named = [str(BIN / command[0]), *map(str, command[1:])]
    variables = {**os.environ, "ANSIBLE_NOCOLOR": "1", **environment}
    done = subprocess.run(named, cwd=folder, capture_output=True, text=True, check=False, timeout=800, env=variables)
    assert done.returncode == 0 or not check, done.stdout[-5000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built collection."""
    out = tmp_path_factory.mktemp("built")
    run(ROOT, "ansible-galaxy", "collection", "build", "--output-path", out)
    return next(out.glob("scale_out-study-*.tar.gz"))


@dataclass(frozen=True)
class Elsewhere:
    """A folder outside this clone with the installed collection, and without roles, plugins and inventories."""

    folder: Path
    inventory: dict[str, dict[str, Any]] = field(default_factory=dict)

    def play(
        self, text: str, *arguments: str, check: bool = True, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook from its text, with extra variables."""
        (self.folder / "play.yml").write_text(text)
        hosts = {"all": {"children": {group: {"hosts": self.inventory} for group in GROUPS}}}
        (self.folder / "hosts.json").write_text(json.dumps(hosts))
        extra = ["-e", json.dumps(variables)] if variables else []
        return run(
            self.folder, "ansible-playbook", "-i", "hosts.json", "play.yml", *extra, *arguments, check=check,
            ANSIBLE_CONFIG=str(self.folder / "ansible.cfg"),
        )  # fmt: skip


@pytest.fixture
def there(elsewhere: Elsewhere) -> Elsewhere:
    """The example's host, which is this machine."""
    elsewhere.inventory["machine"] = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return elsewhere


@pytest.fixture(scope="session")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the installed collection. Installed offline, because its dependencies are installed already."""
    folder = tmp_path_factory.mktemp("installed")
    run(folder, "ansible-galaxy", "collection", "install", tarball, "-p", folder, "--no-deps", "--offline")
    return folder


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> Elsewhere:
    """An empty folder whose Ansible finds the installed collection."""
    settings = f"[defaults]\ncollections_path = {installed}\nhost_key_checking = false\n"
    (tmp_path / "ansible.cfg").write_text(settings)
    return Elsewhere(tmp_path)


@dataclass(frozen=True)
class Plain:
    """An image with the layout of the official nginx image, and servers that run it."""

    image: str
    engine: docker.DockerClient
    servers: list[dict[str, Any]]


def remove(engine: docker.DockerClient) -> None:
    for container in engine.containers.list(all=True, filters={"label": NAME}):
        container.remove(force=True, v=True)


def address(container: Container) -> str:
    container.reload()
    return str(next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"])


def variable(name: str) -> str:
    """A variable of the lab's balancer."""
    arguments = ["balancer", "-i", "inventory/lab", "-m", "ansible.builtin.debug", "-a", f"var={name}"]
    output = run(ROOT, "ansible", *arguments, "--playbook-dir", "playbooks").stdout
    return str(json.loads(output[output.index("{") :])[name])


@pytest.fixture(scope="session")
def plain() -> Iterator[Plain]:
    """Built from packages, because tests have no registry; standin/Dockerfile lists the differences."""
    build_images()
    base = variable("base_image_name")
    engine = connect()
    image = f"{NAME}/nginx:test"
    command = ["docker", "build", "--network", "host", "--build-arg", f"BASE_IMAGE={base}", "--tag", image]
    built = subprocess.run([*command, HERE / "standin"], capture_output=True, text=True, check=False, timeout=800)
    assert built.returncode == 0, built.stderr[-3000:]
    remove(engine)
    started = [engine.containers.run(image, name=f"{NAME}-server-{i}", labels={NAME: ""}, detach=True) for i in (1, 2)]
    servers = [{"name": f"server-{i}", "address": address(c), "port": 80} for i, c in enumerate(started, 1)]
    yield Plain(image, engine, servers)
    remove(engine)
    engine.images.remove(image)
    engine.close()


def answered_by(url: str, requests: int = 8) -> set[str]:
    """Return the servers that respond through a balancer; waits until the balancer accepts connections."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with httpx.Client(trust_env=False) as client:
                responses = [client.get(url, headers={"X-Study-Trial": "t"}) for _ in range(requests)]
            assert {response.status_code for response in responses} == {200}
            return {response.headers["X-Study-Server"] for response in responses}
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
