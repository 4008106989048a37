"""The engine is the one that the docker command uses: DOCKER_HOST, then DOCKER_CONTEXT, then currentContext."""

import hashlib
import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from harness import docker_context
from harness.deploy import container_engine, readiness
from harness.errors import CannotRun


def context(home: Path, name: str, host: str = "", tls: bool = False, **endpoint: object) -> None:
    """Write a context as `docker context create` does."""
    meta = meta_of(home, name)
    meta.parent.mkdir(parents=True)
    fields = {"Host": host or f"unix:///{name}.sock", "SkipTLSVerify": False, **endpoint}
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": fields}}))
    if tls:
        (home / ".docker" / "contexts" / "tls" / meta.parent.name / "docker").mkdir(parents=True)


def meta_of(home: Path, name: str) -> Path:
    return home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"


def select(home: Path, name: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))


@pytest.mark.parametrize(
    ("environ", "current", "host"),
    [
        ({}, "", None),
        ({}, "default", None),
        ({}, "one", "unix:///one.sock"),
        ({"DOCKER_CONTEXT": "two"}, "one", "unix:///two.sock"),
        ({"DOCKER_CONTEXT": "default"}, "one", None),
        ({"DOCKER_CONTEXT": ""}, "one", "unix:///one.sock"),
        ({"DOCKER_HOST": "tcp://mine:2375", "DOCKER_CONTEXT": "two"}, "one", "tcp://mine:2375"),
        ({"DOCKER_HOST": "", "DOCKER_CONTEXT": "two"}, "one", "unix:///two.sock"),
        ({"DOCKER_HOST": "tcp://mine:2375", "DOCKER_CONTEXT": "gone"}, "gone", "tcp://mine:2375"),
    ],
)
def test_the_order_is_that_of_the_docker_command(
    environ: dict[str, str], current: str, host: str | None, tmp_path: Path
) -> None:
    context(tmp_path, "one")
    context(tmp_path, "two")
    if current:
        select(tmp_path, current)
    found = dict(environ)
    docker_context.settle(found, "linux", tmp_path, tmp_path / "none")
    assert (found.get("DOCKER_HOST") or None) == host


def test_the_configuration_may_be_elsewhere_and_may_be_damaged(tmp_path: Path) -> None:
    context(tmp_path, "one")
    select(tmp_path, "one")
    config = {"DOCKER_CONFIG": str(tmp_path / ".docker")}
    assert docker_context.variables(config, tmp_path / "nobody") == {"DOCKER_HOST": "unix:///one.sock"}
    (tmp_path / ".docker" / "config.json").write_text("{")  # the docker command warns, and uses the default one
    assert docker_context.variables(config, tmp_path / "nobody") == {}


def test_a_context_sets_its_certificates(tmp_path: Path) -> None:
    context(tmp_path, "verified", "tcp://a:2376", tls=True)
    context(tmp_path, "unverified", "tcp://b:2376", tls=True, SkipTLSVerify=True)
    verified = docker_context.variables({"DOCKER_CONTEXT": "verified"}, tmp_path)
    assert verified["DOCKER_TLS_VERIFY"] == "1"
    assert Path(verified["DOCKER_CERT_PATH"]).is_dir()
    assert "DOCKER_TLS_VERIFY" not in docker_context.variables({"DOCKER_CONTEXT": "unverified"}, tmp_path)


def test_on_a_mac_a_selected_context_takes_precedence_over_an_existing_socket(tmp_path: Path) -> None:
    context(tmp_path, "colima")
    select(tmp_path, "colima")
    (tmp_path / ".docker" / "run").mkdir()
    (tmp_path / ".docker" / "run" / "docker.sock").touch()
    found: dict[str, str] = {}
    docker_context.settle(found, "darwin", tmp_path, tmp_path / "none")
    assert found["DOCKER_HOST"] == "unix:///colima.sock"


class Engine(BaseHTTPRequestHandler):
    """A container engine that responds to a client's first request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"Version": "1.2.3-behind-a-context", "ApiVersion": "1.41", "NCPU": 7}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder with an engine in the context "proxy", which is not selected."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path must be short
        monkeypatch.setenv("HOME", folder)
        with socketserver.ThreadingUnixStreamServer(f"{folder}/engine.sock", Engine) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.01,)).start()
            context(Path(folder), "proxy", f"unix://{folder}/engine.sock")
            yield Path(folder)
            server.shutdown()


def test_the_study_and_doctor_use_the_selected_context(home: Path) -> None:
    select(home, "proxy")
    client = container_engine.connect()
    assert client.version()["Version"] == "1.2.3-behind-a-context"
    client.close()
    found = next(check.found for check in readiness.check_programs() if check.name == "Docker engine")
    assert found.startswith("1.2.3-behind-a-context, 7 cores")


def test_an_unusable_context_is_reported_with_its_fix(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message() -> str:
        with pytest.raises(CannotRun) as error:
            container_engine.connect()
        missing = next(check for check in readiness.check_programs() if check.name == "Docker engine")
        assert (missing.ok, missing.fix) == (False, str(error.value))
        return str(error.value)

    select(home, "gone")
    words = message()
    assert words.startswith(f"{home}/.docker/config.json: no such Docker context in {home}/.docker (got 'gone'). Fix: ")
    assert words.endswith("docker context use default.")
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert "(got 'other')" in message()
    context(home, "far", "ssh://me@far")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert (
        "container engines behind SSH are not supported (got ssh://me@far). Allowed: unix:// and tcp://. Fix: "
        in message()
    )
    meta_of(home, "far").write_text("{")
    assert "DOCKER_CONTEXT: cannot read the Docker context" in message()
