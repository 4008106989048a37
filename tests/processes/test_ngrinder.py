"""nGrinder's client with its controller and agent as processes, compared with the log of a real server.

They are the stand-in, or the real ones from NGRINDER_WAR with the JDK 11 in NGRINDER_JDK.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.errors import LoadGeneratorFailed
from harness.grid.dataset import Dataset
from harness.grid.traffic import Traffic
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.ngrinder import client
from harness.traffic.ngrinder.client import NgrinderLoadGenerator
from harness.traffic.sent_traffic import SentTraffic
from tests.builders import load

STANDIN = Path(__file__).parents[1] / "ngrinder_standin"
JAVAC = shutil.which("javac")
JAVA_OPTIONS = "-Duser.language=en -Dfile.encoding=UTF-8"  # as in the units
REAL = os.environ.get("NGRINDER_WAR")
pytestmark = pytest.mark.skipif(not REAL and JAVAC is None, reason="the stand-in needs a JDK")
LATE_S = 2.6
ROWS = ({"user": "ann ö/&", "n": 1}, {"user": "bob", "n": 2.5}, {"user": "cy", "n": None})
LOGIN = {
    "request": {"method": "POST", "path": "/login", "form": {"user": "${row.user}"}},
    "extract": {"token": {"json": "$.list[0].token"}},
}


class Log(ThreadingHTTPServer):
    """A server that keeps every request.

    /short announces a longer body than it sends; /500 fails, /moved redirects. In a trial /shortens does as /short,
    /unchunked ends before its last chunk, /changes has another body, and /late takes LATE_S.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, trial: str) -> list[dict[str, Any]]:
        return [each for each in self.requests if each["headers"]["x-study-trial"] == trial]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Log

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = {"method": self.command, "path": self.path, "headers": headers, "body": body}
        self.server.requests.append({**seen, "connection": self.client_address})
        text = json.dumps({"label": "green", "list": [{"token": f"t/{body.decode(errors='replace')}"}]}).encode()
        status = next((code for path, code in (("/500", 500), ("/moved", 302)) if self.path.startswith(path)), 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/redirected")
        if self.path == "/login":
            self.send_header("Set-Cookie", f"sid={len(self.server.requests)}; Path=/")
        wrong = self.path if headers["x-study-trial"] != "validate" else ""
        if wrong == "/late":
            time.sleep(LATE_S)
        is_short = self.path == "/short" or wrong == "/shortens"
        if wrong == "/unchunked":
            self.send_header("Transfer-Encoding", "chunked")
            text = b"5\r\ngreen\r\n"
        else:
            text = b"other" if wrong == "/changes" else text
            self.send_header("Content-Length", str(len(text) + 50 * is_short))
        with suppress(ConnectionError):  # the client did not wait
            self.end_headers()
            self.wfile.write(text)
        self.close_connection = is_short or wrong == "/unchunked"

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of the base class

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    server = Log()
    yield server
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def process(command: Sequence[str | Path], log: Path, java: Path) -> Iterator[None]:
    """Run a program with all that it starts until the end of the block."""
    variables = {"JAVA_HOME": str(java), "PATH": f"{java}/bin:{os.environ['PATH']}", "JAVA_TOOL_OPTIONS": JAVA_OPTIONS}
    with (
        log.open("w", encoding="utf-8") as out,
        subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **variables}, start_new_session=True
        ) as started,
    ):
        try:
            yield
        finally:
            os.killpg(started.pid, signal.SIGTERM)


def agent(url: str, folder: Path) -> Path:
    """Return the program of the agent that a real controller hands out."""
    package = folder / "agent.tar"
    deadline = time.monotonic() + 300
    while True:
        try:
            package.write_bytes(httpx.get(f"{url}/agent/download", follow_redirects=True, timeout=60.0).content)
            break
        except httpx.HTTPError:
            assert time.monotonic() < deadline, (folder / "controller.log").read_text(encoding="utf-8")[-3000:]
            time.sleep(0.5)
    with tarfile.open(package) as found:
        found.extractall(folder, filter="data")
    return folder / "ngrinder-agent" / "run_agent.sh"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a controller with one agent."""
    folder = tmp_path_factory.mktemp("ngrinder")
    port, control = free_port(), free_port()
    home, url = folder / "home", f"http://127.0.0.1:{port}"
    jdk = Path(os.environ.get("NGRINDER_JDK", "/opt/jdk-11")) if REAL else Path(str(JAVAC)).resolve().parents[1]
    home.mkdir()
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    lines = ("host=127.0.0.1", "usage_report=false", "front_page_enabled=false", "ignore_too_low_tps=true")
    (home / "system.conf").write_text("".join(f"controller.{line}\n" for line in lines), encoding="utf-8")
    war = Path(REAL) if REAL else folder / "ngrinder-controller-3.5.9-p1.war"
    if not REAL:
        subprocess.run([STANDIN / "build.sh", jdk, war], check=True)
    java: list[str | Path] = [
        jdk / "bin" / "java",
        "-Xmx768m",
        f"-Djava.io.tmpdir={unpacked}",
        f"-Dngrinder.home={home}",
    ]
    local = ["-Dserver.address=127.0.0.1", "-Dhazelcast.local.localAddress=127.0.0.1"]
    ports = ["--port", str(port), "--controller-port", str(control)]
    with ExitStack() as running:
        log = folder / "controller.log"
        running.enter_context(process([*java, *local, "-jar", war, *ports], log, jdk))
        program: list[str | Path] = [agent(url, folder)] if REAL else [jdk / "bin" / "java", "-cp", war, "AgentMain"]
        joins: list[str | Path] = ["-ah", folder / "agent", "-hi", "a1", "-ch", "127.0.0.1", "-cp", str(control)]
        running.enter_context(process([*program, *joins], folder / "agent.log", jdk))
        yield url


@pytest.fixture
def load_generator(
    controller: str, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NgrinderLoadGenerator]:
    if not REAL:
        monkeypatch.setattr(client, "FIRST_LEAD_S", 9.0)
    (tmp_path / "admin").write_text("admin", encoding="utf-8")
    with httpx.Client(base_url=controller, timeout=20.0) as http, httpx.Client(base_url=log.url) as balancer:
        found = NgrinderLoadGenerator(http, balancer, tmp_path / "admin", ["a1"])
        deadline = time.monotonic() + 60
        while True:
            try:
                if found.ready():
                    break
            except LoadGeneratorFailed:
                pass
            assert time.monotonic() < deadline, "the controller is not ready"
            time.sleep(0.2)
        yield found


def spec(log: Log, trial: str, dataset: Dataset | None = None, **keys: Any) -> LoadSpec:
    traffic = Traffic.model_validate(keys)
    sent = SentTraffic(
        requests=traffic.all,
        has_steps=traffic.steps is not None,
        login=traffic.login,
        per=traffic.data.per if traffic.data else "transaction",
        dataset=dataset,
        groovy=traffic.script or "",
        groovy_files=traffic.files,
    )
    times = {"think_time_s": 0.2, "ramp_up_s": 0.5, "duration_s": 4.0, "timeout_s": 3.0}
    return load(trial=trial, url=log.url, users=6, traffic=sent, seed="seed 1", **times)


def run(load_generator: NgrinderLoadGenerator, found: LoadSpec) -> LoadResult:
    load_generator.start(found)
    over = False
    while not over:
        _, over = load_generator.samples(0)
        time.sleep(0.3)
    while not load_generator.ready():
        time.sleep(0.3)
    return load_generator.result()


MIX: dict[str, Any] = {
    "data": {"file": "rows.jsonl"},
    "login": LOGIN,
    "requests": [
        {
            "name": "predict",
            "weight": 3,
            "request": {
                "method": "POST",
                "path": "/predict/${row.user}",
                "headers": {"authorization": "Bearer ${token}", "X-User": "${user}"},
                "json": {"n": "${row.n}", "text": "é ${row.n}"},
            },
            "expect": {"body": "gr.en"},
        },
        {"name": "fails", "weight": 1, "request": {"path": "/500", "params": {"q": "${row.user}"}}},
    ],
}


def test_a_mix_sends_rows_logins_and_cookies_as_the_grid_describes(
    load_generator: NgrinderLoadGenerator, log: Log
) -> None:
    """Every request at the server has the row, the token and the cookie of its user; the counts agree."""
    mix = {**MIX, "requests": [*MIX["requests"][:1], {**MIX["requests"][1], "expect": {"status": 500}}]}
    found = spec(log, "mix", Dataset(rows=ROWS), **mix)
    result = run(load_generator, found)
    sent, logins = log.of("mix"), log.of("mix.login")
    assert result.totals == {"completed": len(sent), "failed": 0}
    assert len(logins) == found.users, "each user logs in once"
    users: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in sent:
        users[each["headers"]["cookie"]].append(each)
    assert len(users) == found.users
    for of_user in users.values():
        numbers = {each["headers"]["x-user"] for each in of_user if "x-user" in each["headers"]}
        assert len(numbers) <= 1, "a cookie belongs to one user"
        for place, each in enumerate(of_user if numbers else ()):
            user = int(next(iter(numbers))) - 1
            row = ROWS[(user + place * found.users) % len(ROWS)]
            quoted = {"ann ö/&": "ann%20%C3%B6%2F%26"}.get(str(row["user"]), str(row["user"]))
            if each["method"] == "GET":
                assert each["path"] == f"/500?q={quoted}"
                continue
            first = str(ROWS[user % len(ROWS)]["user"]).replace("ann ö/&", "ann+%C3%B6%2F%26")
            text = "null" if row["n"] is None else str(row["n"])
            assert each["path"] == f"/predict/{quoted}"
            assert each["body"] == f'{{"n":{text},"text":"\\u00e9 {text}"}}'.encode()
            assert each["headers"]["authorization"] == f"Bearer t/user={first}"


def test_a_second_topology_gets_the_same_requests(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    """The first transactions of each user are equal in two loads with one seed."""
    seen = []
    for trial in ("one", "two"):
        requests = [
            {
                "name": name,
                "weight": weight,
                "request": {"path": f"/{name}/${{row.user}}", "headers": {"X-User": "${user}"}},
            }
            for name, weight in (("a", 1), ("b", 2))
        ]
        run(load_generator, spec(log, trial, Dataset(rows=ROWS), data=MIX["data"], requests=requests))
        paths: dict[str, list[str]] = defaultdict(list)
        for each in log.of(trial):
            paths[each["headers"]["x-user"]].append(each["path"])
        seen.append(paths)
    one, two = seen
    assert one.keys() == two.keys()
    for user, sent in one.items():
        both = min(len(sent), len(two[user]))
        assert both >= 3
        assert sent[:both] == two[user][:both]
    names = Counter(path[1] for sent in one.values() for path in sent)
    assert names["a"]
    assert names["b"]


def test_a_transaction_ends_at_its_first_failed_step(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    steps = [
        {"name": "a", "request": {"path": "/a"}, "extract": {"label": {"regex": 'label": "(gr)'}}, "pause": "0.1s"},
        {"name": "b", "request": {"path": "/b/${label}"}},
        {"name": "c", "request": {"path": "/short"}},
        {"name": "d", "request": {"path": "/never"}},
    ]
    found = spec(log, "steps", steps=steps)
    with pytest.raises(LoadGeneratorFailed, match="validation of the script failed"):
        load_generator.start(found)
    sure = spec(log, "steps", steps=[*steps[:2], {"name": "c", "request": {"path": "/c"}}])
    result = run(load_generator, sure)
    by_path = Counter(each["path"] for each in log.of("steps"))
    assert by_path.keys() == {"/a", "/b/gr", "/c"}
    assert by_path["/a"] >= by_path["/b/gr"] >= by_path["/c"] >= by_path["/a"] - sure.users
    assert result.totals == {"completed": by_path.total(), "failed": 0}


def test_an_incomplete_body_is_a_failure(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    found = spec(log, "short", requests=[{"name": "a", "request": {"path": "/short"}}])
    with pytest.raises(LoadGeneratorFailed, match="validation of the script failed"):
        load_generator.start(found)


def test_bodies_that_become_incomplete_under_load_are_failures(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    """Each of them counts once and has its own kind; wrong bodies and expected statuses from 400 on do not have it."""
    requests: list[dict[str, Any]] = [
        {"name": "whole", "weight": 3, "request": {"path": "/whole"}},
        {"name": "rejects", "request": {"path": "/500"}, "expect": {"status": 500}},
        *({"name": name, "request": {"path": f"/{name}"}} for name in ("shortens", "unchunked", "changes")),
    ]
    requests[-1]["expect"] = {"body": "green"}
    result = run(load_generator, spec(log, "shortens", requests=requests))
    by_path = Counter(each["path"] for each in log.of("shortens"))
    assert len(by_path) == len(requests)
    incomplete, wrong = by_path["/shortens"] + by_path["/unchunked"], by_path["/changes"]
    assert result.totals == {"completed": by_path["/whole"] + by_path["/500"], "failed": incomplete + wrong}
    assert result.errors == {"incomplete": incomplete, "failed": wrong}
    completed = sum(row.completed for row in result.samples or ())
    assert completed <= result.totals["completed"], "no report of a kind is a success"


def test_connections_stay_open_through_think_times_longer_than_the_timeout(
    load_generator: NgrinderLoadGenerator, log: Log
) -> None:
    """nGrinder's client would close them after the timeout, and fail a request that begins in that moment."""
    found = spec(log, "thinks", requests=[{"name": "a", "request": {"path": "/a"}}])
    result = run(load_generator, replace(found, think_time_s=1.5, timeout_s=1.0, duration_s=6.0))
    sent = log.of("thinks")
    assert result.totals == {"completed": len(sent), "failed": 0}
    assert len({each["connection"] for each in sent}) <= found.users < len(sent)


def test_responses_after_the_timeout_are_failures(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    found = spec(log, "late", requests=[{"name": name, "request": {"path": f"/{name}"}} for name in ("whole", "late")])
    result = run(load_generator, replace(found, timeout_s=LATE_S - 0.6, duration_s=9.0))
    by_path = Counter(each["path"] for each in log.of("late"))
    assert result.totals == {"completed": by_path["/whole"], "failed": by_path["/late"]}
    assert by_path["/late"] > 0


def test_a_redirect_is_a_response_and_is_not_followed(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    requests = [{"name": "a", "request": {"path": "/moved"}, "expect": {"status": 302}}]
    result = run(load_generator, spec(log, "moved", requests=requests))
    assert {each["path"] for each in log.of("moved")} == {"/moved"}
    assert result.totals == {"completed": len(log.of("moved")), "failed": 0}
    with pytest.raises(LoadGeneratorFailed, match="validation of the script failed"):
        load_generator.start(spec(log, "unexpected", requests=[{"name": "a", "request": {"path": "/moved"}}]))


def test_a_script_of_the_user_gets_its_files(load_generator: NgrinderLoadGenerator, log: Log) -> None:
    text = 'class Mine { void step(request) { request.GET("/one")\n assert request.GET("/500").statusCode == 500 } }'
    files = {"s/mine.groovy": text.encode(), "d/rows.csv": bytes(range(256))}
    found = spec(log, "own", Dataset(files=files), script="s/mine.groovy", files=["d/rows.csv"])
    result = run(load_generator, found)
    assert {each["path"] for each in log.of("own")} == {"/one", "/500"}
    assert result.totals == {"completed": len(log.of("own")), "failed": 0}
    listed = load_generator._controller.json("GET", "/script/api/scale-out/resources")
    assert [each["fileName"] for each in listed] == ["rows.csv"]
    run(load_generator, replace(spec(log, "next", requests=[{"name": "a", "request": {"path": "/a"}}]), duration_s=2.0))
    assert load_generator._controller.json("GET", "/script/api/scale-out/resources") == [], "old files are removed"
