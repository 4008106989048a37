"""The role dependency waits for a database, cache or API, and reports one that cannot become ready."""

import importlib.util
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[3] / "roles" / "dependency" / "files" / "wait_until_ready.py"


@pytest.fixture(scope="module")
def ready() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wait_for_dependency", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Api(BaseHTTPRequestHandler):
    """Returns 200 at /healthz and 503 elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_dependency_is_ready_when_its_port_or_its_path_answers(ready: ModuleType, port: int) -> None:
    assert ready.wait("", "127.0.0.1", port, "", [], 0.0) == (ready.READY, f"127.0.0.1:{port} is ready")
    assert ready.wait("", "127.0.0.1", port, "/healthz", [], 0.0)[0] == ready.READY
    outcome, line = ready.wait("", "127.0.0.1", port, "/", [], 0.0)
    assert outcome == ready.STARTING
    assert f"127.0.0.1:{port}: GET /: status 503" in line


def test_a_closed_port_is_named(ready: ModuleType) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        outcome, line = ready.wait("", "127.0.0.1", port, "", [], 0.0)
    assert outcome == ready.STARTING
    assert "Connection refused" in line


def test_a_health_command_runs_on_the_machine_of_a_dependency_outside_a_container(ready: ModuleType) -> None:
    assert ready.wait("", "db.example", 5432, "", ["true"], 0.0)[0] == ready.READY
    outcome, line = ready.wait("", "db.example", 5432, "", ["sh", "-c", "echo starting; exit 3"], 0.0)
    assert (outcome, line) == (ready.STARTING, "db.example:5432: sh exits with 3: starting")
    outcome, line = ready.wait("", "db.example", 5432, "", ["no-such-program"], 60.0)
    assert outcome == ready.FAILED
    assert line.endswith("Fix: correct dependency_health_command, or install its program in the image.")


@pytest.mark.parametrize(
    ("lines", "code", "variable"),
    [
        (["chown: changing ownership of '/data': Operation not permitted"], 1, "dependency_user"),
        (["error: database is uninitialized and superuser password is not specified"], 1, "dependency_env"),
        (["mkdir: cannot create directory '/run/x': Read-only file system"], 1, "dependency_tmpfs"),
        (["something else"], 2, "dependency_command"),
        ([], 137, "dependency_memory"),
    ],
)
def test_a_container_that_ended_is_reported_with_the_variable_that_helps(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch, lines: list[str], code: int, variable: str
) -> None:
    monkeypatch.setattr(ready, "last_lines", lambda _: lines)
    report = ready.exit_report("db", {"State": {"Running": False, "ExitCode": code}})
    assert f"container db ended with exit code {code}" in report
    assert variable in report.partition("Fix: ")[2]
    assert ready.exit_report("db", {"State": {"Running": True, "ExitCode": 0}}) == ""


def test_the_containers_own_address_is_used_without_another(ready: ModuleType) -> None:
    networks = {"lab": {"IPAddress": ""}, "other": {"IPAddress": "10.0.0.30"}}
    assert ready.own_address({"NetworkSettings": {"Networks": networks}}) == "10.0.0.30"
    assert ready.own_address({"NetworkSettings": {"Networks": None}}) == ""
