"""What the role ml_server makes of a container that is not ready (roles/ml_server/files), without a container."""

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ANY = "0.0.0.0"  # noqa: S104 - an address that is read
FILE = Path(__file__).resolve().parents[3] / "roles" / "ml_server" / "files" / "wait_until_ready.py"
# As the kernel prints them: 127.0.0.1:8080, 0.0.0.0:9000, an established one, the engine's resolver; ::1 and ::.
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


def test_the_kernels_table_tells_where_a_container_listens(ready: ModuleType) -> None:
    found = ready.listening(TCP + TCP6)
    expected = {("127.0.0.1", 8080), (ANY, 9000), ("::1", 8081), ("::", 8082), ("127.0.0.1", 8083)}
    assert found == expected
    assert {address for address, _ in found if ready.is_inside(address)} == {"127.0.0.1", "::1"}
    assert ready.shown(found).startswith("127.0.0.1:8080, [::1]:8081, [::]:8082")


@pytest.mark.parametrize(
    ("sockets", "told"),
    [
        ({(ANY, 8080)}, ""),
        ({("::", 8080), ("127.0.0.1", 9000)}, ""),
        ({("172.17.0.2", 8080)}, ""),
        (set(), ""),
        ({("127.0.0.1", 8080)}, "listens on 127.0.0.1:8080 only, which nothing outside the container reaches"),
        ({("::1", 8080), (ANY, 9090)}, "listens on [::1]:8080 only"),
        ({("127.0.0.1", 5000)}, "listens on 127.0.0.1:5000 only"),
        ({(ANY, 9000)}, "not on port 8080. Fix: set ml_server_port (service.port of a grid) to 9000"),
    ],
)
def test_an_address_that_nothing_reaches_is_told_with_what_helps(
    ready: ModuleType, sockets: set[tuple[str, int]], told: str
) -> None:
    found = ready.wrong_address(frozenset(sockets), 8080)
    assert told in found
    assert bool(found) == bool(told)


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
def test_the_variable_that_helps_a_container_that_ended_is_named(
    ready: ModuleType, lines: list[str], code: int, variable: str
) -> None:
    assert ready.hint({"OOMKilled": False}, code, lines).startswith(variable)


def test_where_nothing_tells_what_helps_the_usual_variables_are_named(ready: ModuleType) -> None:
    assert ready.hint({"OOMKilled": False}, 0, ["bye"]) == ready.OF_ANY
    assert ready.hint({"OOMKilled": True}, 0, ["bye"]).startswith("ml_server_memory")


@pytest.mark.parametrize(
    ("change", "has_ended"),
    [
        ({}, False),
        ({"Running": False}, True),
        ({"Restarting": True}, True),
        ({"restarts": 3}, True),  # it runs, and ended since the last look
    ],
)
def test_a_restart_policy_hides_no_end(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], has_ended: bool
) -> None:
    said = {"logs": "one\n\x1b[31mtwo\x07\nthree\nfour\nfive\nsix", "events": "1\n3\n"}
    monkeypatch.setattr(ready, "engine", lambda what, *_: said[what])
    state = {"Running": True, "Restarting": False, "ExitCode": 3, **change}
    found = {"State": state, "RestartCount": state.pop("restarts", 2)}
    told = ready.ended("mine", found, 2)
    assert bool(told) == has_ended
    if has_ended:
        assert "ended with exit code 3" in told
        assert "Its last lines: two / three / four / five / six." in told
        assert "restarted" in told


def test_an_end_that_the_engine_has_forgotten_is_told_by_the_next(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine keeps 256 events, which other containers' checks fill within seconds."""
    said = {"events": [""] * 2, "logs": ["one"] * 2, "container": ["true false 0", "true false 0", "true true 3"]}
    monkeypatch.setattr(ready, "engine", lambda what, *_: said[what].pop(0))
    monkeypatch.setattr(ready.time, "sleep", lambda _: None)
    found = {"State": {"Running": True, "Restarting": False, "ExitCode": 0}, "RestartCount": 3}
    assert "ended with exit code 3 and was restarted 3 times" in ready.ended("mine", found, 2)
    said["container"] = ["true false 0"] * ready.LOOKS_FOR_AN_END
    assert "ended with an unknown exit code" in ready.ended("mine", found, 2)


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Host"] == "shop.example" else 400)
            self.end_headers()
            self.wfile.write(b"# HELP requests\n")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    listening = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield "127.0.0.1", listening.server_address[1]
    listening.shutdown()
    listening.server_close()


def test_a_health_check_names_the_host_that_the_application_allows(ready: ModuleType, server: tuple[str, int]) -> None:
    assert ready.ask(server, "/readyz", "shop.example", 5)[0] == 200
    assert ready.ask(server, "/readyz", "", 5)[0] == 400
    assert "ml_server_health_host" in ready.hopeless("mine", 8080, 400, frozenset(), "now")


def test_a_port_that_has_metrics_only_is_none_that_a_server_listens_on_by_mistake(
    ready: ModuleType, server: tuple[str, int]
) -> None:
    """Many servers open it before they load their model."""
    assert ready.has_metrics(frozenset({(ANY, server[1])}), [("127.0.0.1", 8080)])


@pytest.mark.parametrize(("status", "waits"), [(503, True), (429, True), (500, True), (404, False), (401, False)])
def test_a_status_that_more_time_may_change_is_waited_for(ready: ModuleType, status: int, waits: bool) -> None:
    assert bool(ready.hopeless("mine", 8080, status, frozenset({(ANY, 8080)}), "now")) != waits


def test_a_published_port_and_the_containers_own_address_are_tried(ready: ModuleType) -> None:
    published = {
        "8080/tcp": [{"HostIp": ANY, "HostPort": "80"}, {"HostIp": "::", "HostPort": "80"}],
        "1/tcp": None,
    }
    found = {"NetworkSettings": {"Ports": published, "Networks": {"mine": {"IPAddress": "10.0.0.5"}, "off": {}}}}
    assert ready.addresses(found, 8080) == [("127.0.0.1", 80), ("::1", 80), ("10.0.0.5", 8080)]
    assert ready.addresses({"NetworkSettings": {"Ports": {}, "Networks": None}}, 8080) == []
