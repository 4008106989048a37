"""A grid's traffic, from its file through the study's client to real Locust processes and a server that records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import TrialFailed
from harness.grid.cell import Cell
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.study import traffic_secrets
from harness.traffic import patience, run_load, verification
from harness.traffic.data_files import DataReader
from harness.traffic.locust import LocustLoadGenerator
from tests.locust_environment import Generator, generator
from tests.recording import Recording, recording

ADDRESS = "10.0.0.1:8080"
CELL = Cell((("servers", 1), ("vusers", 4)))
TRAFFIC = """
name: own
factors: {servers: [1], vusers: [4]}
load: {think_time: 20ms, ramp_up: 500ms, duration: 6s}
traffic:
  data: {file: rows.csv}
  login:
    request: {method: POST, path: /login, form: {user: "${row.user}", password: "${secret.PASSWORD}"}}
    extract: {token: {json: $.access_token}}
  requests:
    - name: predict
      weight: 3
      request:
        method: POST
        path: /predict
        headers: {authorization: "Bearer ${token}"}
        json: {user: "${row.user}", word: "${secret.PASSWORD}"}
      expect: {status: 200, body: '"path": "/predict"'}
    - {name: history, request: {path: "/history/${row.user}", params: {limit: 10}}}
    - {name: upload, request: {method: PUT, path: /upload, multipart: [{name: f, file: data/a b.png}]}}
"""
SECRET = "a${user}&1"  # noqa: S105 - of this test alone


@pytest.fixture(scope="module")
def target() -> Iterator[Recording]:
    with recording() as started:
        yield started


@pytest.fixture
def server(target: Recording) -> Recording:
    """The server without records of other tests."""
    target.seen.clear()
    target.responses.clear()
    return target


@pytest.fixture(scope="module")
def master(target: Recording) -> Iterator[Generator]:
    with generator(target.url, workers=2) as started:
        yield started


def client(master: Generator) -> LocustLoadGenerator:
    return LocustLoadGenerator(master._client, master._token_file.read_text)


def read(folder: Path, server: Recording, text: str = TRAFFIC) -> tuple[Grid, Inventory]:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "a b.png").write_bytes(b"\x89PNG")
    (folder / "rows.csv").write_text("user\nann\nb/ob\n")
    (folder / "grid.yaml").write_text(text)
    found = load_grid(folder / "grid.yaml", frozenset(), data=DataReader(folder=folder))[0]
    hosts = Inventory(
        "test",
        (
            Host.parse("balancer", "load_balancers", {"study_target_url": server.url}),
            Host.parse("server-1", "ml_servers", {"private_ip": "10.0.0.1", "ml_server_port": 8080}),
            Host.parse("generator", "load_generators", {}),
        ),
    )
    filled, missing = traffic_secrets.fill(folder, folder, found, hosts, {"PASSWORD": SECRET})
    assert not missing
    return filled, hosts


def context(written: tuple[Grid, Inventory], client: LocustLoadGenerator) -> run_load.TrafficContext:
    found = SimpleNamespace(
        grid=written[0],
        inventory=written[1],
        load_generator=client,
        balancer_log=lambda: "",
        wait=lambda _: None,
        on_second=lambda _: None,
    )
    return cast(run_load.TrafficContext, found)


def test_a_mix_is_sent_as_the_grid_describes_it(tmp_path: Path, server: Recording, master: Generator) -> None:
    """The study uploads rows and files once, and its counts are those of the server."""
    traffic = context(read(tmp_path, server), client(master))
    spec = run_load.load_spec(traffic, 4, "verify")
    found = traffic.load_generator.send_each(spec)
    assert [(each.name, each.error, each.status) for each in found] == [
        ("login", None, 200),
        ("predict", None, 200),
        ("history", None, 200),
        ("upload", None, 200),
    ]
    login, predict, history, upload = server.seen
    assert login.trial == "verify.login"
    assert dict(httpx.QueryParams(login.body.decode())) == {"user": "ann", "password": SECRET}
    assert json.loads(predict.body)["word"] == SECRET
    assert predict.headers["authorization"].startswith("Bearer t")
    assert history.target in ("/history/ann?limit=10", "/history/b%2Fob?limit=10")
    assert b'filename="a b.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n' in upload.body

    _, result = run_load.run_load(traffic, run_load.load_spec(traffic, 4, "trial"), lambda _at: None)
    counted = Counter(each.path.split("/")[1] for each in server.of("trial"))
    assert counted.keys() == result.requests.keys() == {"predict", "history", "upload"}
    window = {name: counts.requests for name, counts in result.requests.items()}
    assert all(0 < window[name] <= counted[name] for name in window)
    assert result.logins.completed == len(server.of("trial.login")) == 4
    assert result.transactions is None
    assert result.sent["1"]
    assert all(counts.failed == 0 and counts.latencies for counts in result.requests.values())


def test_steps_are_counted_as_transactions(tmp_path: Path, server: Recording, master: Generator) -> None:
    steps = """
    - {name: list, request: {path: /list}, extract: {number: {regex: '"number": (\\d+)'}}, pause: 10ms}
    - {name: item, request: {path: "/item/${number}"}}
"""
    text = TRAFFIC.partition("traffic:")[0] + "traffic:\n  steps:" + steps
    traffic = context(read(tmp_path, server, text), client(master))
    _, result = run_load.run_load(traffic, run_load.load_spec(traffic, 4, "trial"), lambda _at: None)
    assert result.transactions
    assert 0 < result.transactions.completed <= result.requests["item"].completed <= len(server.of("trial"))
    assert not result.logins.completed


def test_each_verified_request_must_be_answered_by_the_cells_servers(
    tmp_path: Path, server: Recording, master: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure names its request. The response to a login is not printed."""
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    traffic = context(read(tmp_path, server), client(master))
    servers = traffic.inventory.servers

    def answer(path: str, status: str = "200 OK", body: str = '"path": "/predict"', more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nX-Study-Server: {ADDRESS}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        server.responses[path] = (head + body).encode()

    for path in ("/predict", "/history/ann", "/history/b%2Fob", "/upload"):
        answer(path)
    answer("/login", body='{"access_token": "canary"}')
    assert verification.verify(traffic, CELL, servers, "t") > 0
    assert {each.trial for each in server.seen} == {"t.verify", "t.verify.login"}

    def problem() -> str:
        with pytest.raises(TrialFailed) as failed:
            verification.verify(traffic, CELL, servers, "t")
        return str(failed.value).partition(f"{ADDRESS}: ")[2]

    answer("/predict", body="sorry")
    assert problem() == (
        'predict: POST /predict returned status 200, but its body does not contain \'"path": "/predict"\' '
        "(it begins with 'sorry')"
    )
    answer("/predict", status="302 Found", more="Location: /other\r\n")
    assert problem() == (
        "predict: POST /predict returned status 302, a redirect to /other. Fix: use that path, set follow_redirects: "
        "true, or add 302 to its expect.status"
    )
    answer("/login", body='{"token": "canary"}')
    assert problem() == (
        "login: POST /login returned status 200, but no value for token: json '$.access_token' finds nothing in the "
        "response"
    )
