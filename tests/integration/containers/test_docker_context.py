"""The docker command, Ansible's modules and the study all use the engine of the selected Docker context."""

import contextlib
import hashlib
import json
import os
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import PLAYBOOK, ROOT, command

pytestmark = pytest.mark.concurrent

# A playbook that a user starts, with one module and one command.
PLAY = """
- hosts: localhost
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - community.docker.docker_host_info:
    - raw: docker version
"""


class Forwarder(socketserver.BaseRequestHandler):
    """Forwards one connection to the real engine."""

    server: "Proxy"

    def handle(self) -> None:
        self.server.connections += 1
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect("/var/run/docker.sock")
            back = threading.Thread(target=forward, args=(engine, self.request))
            back.start()
            forward(self.request, engine)
            back.join()


class Proxy(socketserver.ThreadingUnixStreamServer):
    """A proxy for the engine that counts connections."""

    connections = 0

    def used(self, *arguments: str, environ: dict[str, str]) -> tuple[int, str]:
        """Run a command; return its number of connections to this proxy, and its output."""
        before = self.connections
        done = subprocess.run(
            arguments, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=800
        )
        return self.connections - before, done.stdout + done.stderr


def forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(folder: Path) -> Iterator[Proxy]:
    with Proxy(f"{folder}/proxy.sock", Forwarder) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server
        server.shutdown()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A configuration of the docker command with the context "proxy", which is not selected."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # a socket's path must be short
        folder = Path(name)
        meta = folder / "contexts" / "meta" / hashlib.sha256(b"proxy").hexdigest() / "meta.json"
        meta.parent.mkdir(parents=True)
        endpoint = {"Host": f"unix://{folder}/proxy.sock", "SkipTLSVerify": False}
        meta.write_text(json.dumps({"Name": "proxy", "Metadata": {}, "Endpoints": {"docker": endpoint}}))
        (folder / "play.yml").write_text(PLAY)
        yield folder


def test_all_clients_use_the_selected_docker_context(folder: Path, proxy: Proxy) -> None:
    unselected = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    unselected |= {"DOCKER_CONFIG": str(folder), "ANSIBLE_LOCALHOST_WARNING": "0"}
    selected = {**unselected, "DOCKER_CONTEXT": "proxy"}
    by_hand = (PLAYBOOK, "-i", "localhost,", "-c", "local", str(folder / "play.yml"))
    alone, _ = proxy.used("docker", "version", environ=selected)
    played, printed = proxy.used(*by_hand, environ=selected)
    assert "failed=0" in printed, printed
    assert played > alone > 0, "the module must use this proxy"
    used, printed = proxy.used(*by_hand, environ={**unselected, "DOCKER_CONTEXT": "gone"})
    assert used == 0
    assert "ERROR: DOCKER_CONTEXT: no such Docker context" in printed
    assert "PLAY RECAP" not in printed
    (folder / "config.json").write_text(json.dumps({"currentContext": "proxy"}))
    used, printed = proxy.used(*command("doctor"), environ=unselected)
    assert used > 0
    assert f"at unix://{folder}/proxy.sock" in " ".join(printed.split())
