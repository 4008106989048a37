"""The role ml_server's report on a container that is not ready (roles/ml_server/files), without a container."""

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ANY = "0.0.0.0"  # noqa: S104 - the test only parses this address
FILE = Path(__file__).resolve().parents[3] / "roles" / "ml_server" / "files" / "wait_until_ready.py"
# The kernel's tables: 127.0.0.1:8080, 0.0.0.0:9000, an established connection, the engine's resolver; ::1 and ::.
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 020011AC:2328 010011AC:A0B0 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0B00007F:8E9D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1
"""
TCP6 = """  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A
   2: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A
"""


@pytest.fixture(scope="module")
def ready() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wait_until_ready", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_listening_sockets_are_read_from_the_kernels_tables(ready: ModuleType) -> None:
    found = ready.listening(TCP + TCP6)
    expected = {("127.0.0.1", 8080), (ANY, 9000), ("::1", 8081), ("::", 8082), ("127.0.0.1", 8083)}
    assert found == expected
    assert {address for address, _ in found if ready.is_inside(address)} == {"127.0.0.1", "::1"}
    assert ready.format_sockets(found).startswith("127.0.0.1:8080, [::1]:8081, [::]:8082")


@pytest.mark.parametrize(
    ("sockets", "report"),
    [
        ({(ANY, 8080)}, ""),
        ({("::", 8080), ("127.0.0.1", 9000)}, ""),
        ({("172.17.0.2", 8080)}, ""),
        (set(), ""),
        ({("127.0.0.1", 8080)}, "listens only on 127.0.0.1:8080, which nothing outside the container reaches"),
        ({("::1", 8080), (ANY, 9090)}, "listens only on [::1]:8080"),
        ({("127.0.0.1", 5000)}, "listens only on 127.0.0.1:5000"),
        ({(ANY, 9000)}, "not on port 8080. Fix: set ml_server_port (service.port of a grid) to 9000"),
    ],
)
def test_an_unreachable_address_is_reported_with_a_fix(
    ready: ModuleType, sockets: set[tuple[str, int]], report: str
) -> None:
    found = ready.address_problem(frozenset(sockets), 8080)
    assert report in found
    assert bool(found) == bool(report)


@pytest.mark.parametrize(
    ("lines", "code", "variable"),
    [
        (["KeyError: 'MODEL_PATH'"], 1, "ml_server_env"),
        (["FATAL: environment variable DATABASE_URL is not set"], 1, "ml_server_env"),
        (["chown: /data: Operation not permitted"], 1, "ml_server_capabilities"),
        (["setgid(101) failed (1: Operation not permitted)"], 1, "ml_server_capabilities"),
        (["bind() to 0.0.0.0:80 failed (13: Permission denied)"], 1, "ml_server_capabilities: [NET_BIND_SERVICE]"),
        (["[Errno 30] Read-only file system: '/app/cache'"], 1, "ml_server_tmpfs"),
        (["python3: can't open file '/srv/app.py': [Errno 2] No such file or directory"], 2, "ml_server_command"),
        ([], 127, "ml_server_command"),
        (["Killed"], 137, "ml_server_memory"),
    ],
)
def test_the_hint_for_an_ended_container_names_a_variable(
    ready: ModuleType, lines: list[str], code: int, variable: str
) -> None:
    assert ready.hint({"OOMKilled": False}, code, lines).startswith(variable)


def test_a_generic_hint_is_used_where_no_pattern_matches(ready: ModuleType) -> None:
    assert ready.hint({"OOMKilled": False}, 0, ["bye"]) == ready.GENERIC_HINT
    assert ready.hint({"OOMKilled": True}, 0, ["bye"]).startswith("ml_server_memory")


@pytest.mark.parametrize(
    ("change", "has_ended"),
    [
        ({}, False),
        ({"Running": False}, True),
        ({"Restarting": True}, True),
        ({"restarts": 3}, True),  # it runs, but has ended since the last check
    ],
)
def test_a_container_that_restarted_is_reported_as_ended(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], has_ended: bool
) -> None:
    outputs = {"logs": "one\n\x1b[31mtwo\x07\nthree\nfour\nfive\nsix", "events": "1\n3\n"}
    monkeypatch.setattr(ready, "run_docker", lambda command, *_: outputs[command])
    state = {"Running": True, "Restarting": False, "ExitCode": 3, **change}
    found = {"State": state, "RestartCount": state.pop("restarts", 2)}
    report = ready.exit_report("mine", found, 2)
    assert bool(report) == has_ended
    if has_ended:
        assert "ended with exit code 3" in report
        assert "Its last lines: two / three / four / five / six." in report
        assert "restarted" in report


def test_the_next_exit_code_is_used_if_the_engine_has_dropped_the_last_one(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine keeps 256 events, which health checks of other containers fill within seconds."""
    outputs = {"events": [""] * 2, "logs": ["one"] * 2, "container": ["true false 0", "true false 0", "true true 3"]}
    monkeypatch.setattr(ready, "run_docker", lambda command, *_: outputs[command].pop(0))
    monkeypatch.setattr(ready.time, "sleep", lambda _: None)
    found = {"State": {"Running": True, "Restarting": False, "ExitCode": 0}, "RestartCount": 3}
    assert "ended with exit code 3 and was restarted 3 times" in ready.exit_report("mine", found, 2)
    outputs["container"] = ["true false 0"] * ready.EXIT_CHECKS
    assert "ended with an unknown exit code" in ready.exit_report("mine", found, 2)


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Host"] == "shop.example" else 400)
            self.end_headers()
            self.wfile.write(b"# HELP requests\n")

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    listening = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield "127.0.0.1", listening.server_address[1]
    listening.shutdown()
    listening.server_close()


def test_a_health_check_sends_the_configured_host_header(ready: ModuleType, server: tuple[str, int]) -> None:
    assert ready.get_status(server, "/readyz", "shop.example", 5)[0] == 200
    assert ready.get_status(server, "/readyz", "", 5)[0] == 400
    assert "ml_server_health_host" in ready.permanent_problem("mine", 8080, 400, frozenset(), "now")


def test_a_metrics_port_is_recognised(ready: ModuleType, server: tuple[str, int]) -> None:
    """Many servers open their metrics port before they load their model, so it is not a wrong port."""
    assert ready.has_metrics(frozenset({(ANY, server[1])}), [("127.0.0.1", 8080)])


@pytest.mark.parametrize(("status", "waits"), [(503, True), (429, True), (500, True), (404, False), (401, False)])
def test_the_role_waits_on_a_status_that_may_change(ready: ModuleType, status: int, waits: bool) -> None:
    assert bool(ready.permanent_problem("mine", 8080, status, frozenset({(ANY, 8080)}), "now")) != waits


def test_the_published_port_and_the_containers_own_address_are_tried(ready: ModuleType) -> None:
    published = {
        "8080/tcp": [{"HostIp": ANY, "HostPort": "80"}, {"HostIp": "::", "HostPort": "80"}],
        "1/tcp": None,
    }
    found = {"NetworkSettings": {"Ports": published, "Networks": {"mine": {"IPAddress": "10.0.0.5"}, "off": {}}}}
    assert ready.addresses(found, 8080) == [("127.0.0.1", 80), ("::1", 80), ("10.0.0.5", 8080)]
    assert ready.addresses({"NetworkSettings": {"Ports": {}, "Networks": None}}, 8080) == []
