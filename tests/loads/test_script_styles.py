"""Styles of Locust scripts that people write, in one load each, compared with the server's own record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import secrecy
from harness.traffic import sent_traffic
from harness.traffic.locust import LocustLoadGenerator
from tests.loads.test_own_script import rows, run, spec, wait_ready
from tests.locust_environment import generator
from tests.recording import Recording, recording

STYLES = r"""
import csv, gevent, time
import requests
from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, User
from locust import constant, constant_pacing, events, tag, task
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.exception import RescheduleTask, RescheduleTaskImmediately, ResponseError
from locust.runners import MasterRunner, WorkerRunner

NAMES = [row["name"] for row in csv.DictReader(open("names.csv", encoding="utf-8-sig"))]
messages = []

@events.request.add_listener
def listens(request_type, name, response_time, response_length, response, context, exception, url, **_more):
    raise RuntimeError("of a listener")

@events.init.add_listener
def sends_messages(environment, **_more):
    if not isinstance(environment.runner, MasterRunner):
        environment.runner.register_message("names", lambda msg, **_: messages.extend(msg.data))
    if environment.web_ui:
        environment.web_ui.app.add_url_rule("/mine", "mine", lambda: "x")

@events.test_start.add_listener
def starts(environment, **_more):
    if not isinstance(environment.runner, WorkerRunner):
        environment.runner.send_message("names", NAMES)

class Deep(TaskSet):
    wait_time = constant(0.03)
    @task
    def deep(self): self.client.get("/deep")
    @task
    def leave(self): self.interrupt()

def free(tasks): tasks.client.get("/free")

class Nested(SequentialTaskSet):
    tasks = [Deep, free]
    @task
    def last(self): self.client.get("/last"); self.interrupt(reschedule=False)

class Base(HttpUser):
    abstract = True
    wait_time = constant(0.1)
    host = "https://shop.example/path"
class Sets(Base): tasks = {Nested: 3, free: 1}
class Never(Base):
    weight = 0
    @task
    def never(self): self.client.get("/never")
class Absolute(Base):
    @task
    def absolute(self): self.client.get(self.host + "/absolute")
    @tag("other")
    @task
    def tagged(self): self.client.get("/never")

class Wrapped(HttpSession):
    def request(self, method, url, *args, **more):
        more.setdefault("headers", {})["X-Own"] = "1"
        return super().request(method, url, *args, **more)
class Wraps(Base):
    def __init__(self, environment):
        super().__init__(environment)
        self.client = Wrapped(base_url=self.host, request_event=environment.events.request, user=self)
    @task
    def wrapped(self): self.client.get("/wrapped")
class Bare(User):
    wait_time = constant(0.1)
    def __init__(self, environment):
        super().__init__(environment)
        self.client = FastHttpSession(base_url=self.host, request_event=environment.events.request, user=self)
    @task
    def bare(self): self.client.get("/bare")
    @task
    def other(self): self.environment.events.request.fire(
        request_type="x", name="other protocol", response_time=1, response_length=0, exception=None, context={})

class Waits(FastHttpUser):
    drawn = 0
    def wait_time(self):
        self.drawn += 0.01
        return self.drawn
    @task
    def waits(self): self.client.get("/waits"); self.wait()
class Paced(FastHttpUser):
    wait_time = constant_pacing(0.2)
    default_headers = {"X-Default": "d"}
    @task
    def paced(self):
        with self.rest("GET", "/rest") as response:
            assert response.js["nothing"]
class Raises(Base):
    turn = 0
    @task
    def raises(self):
        self.turn += 1
        self.client.get("/raises")
        if self.turn % 4:
            raise (RescheduleTask(), RescheduleTaskImmediately(), ValueError("of a task"))[self.turn % 4 - 1]
class Judges(Base):
    @task
    def judges(self):
        with self.client.get("/outer", catch_response=True) as outer:
            with self.client.get("/inner", catch_response=True) as inner:
                inner.failure("not this")
            outer.success()
        with self.client.get("/mine", catch_response=True):
            raise ResponseError("of the block")
        with self.client.get("/expected?fail=404", catch_response=True, name="expected") as response:
            try:
                response.raise_for_status()
            except requests.HTTPError:
                response.success()
class Sends(HttpUser):
    wait_time = constant(0.1)
    @task
    def sends(self):
        self.client.post("/body", files={"f": ("a.txt", b"abc")}, data={"x": "1"})
        self.client.get("/follows-not", allow_redirects=False); self.client.head("/head")
        self.client.options("/options"); self.client.request("PROPFIND", "/method"); self.client.delete("/delete")
        self.client.get("/empty")
class Streams(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def streams(self):
        with self.client.get("/stream", stream=True, catch_response=True) as response:
            assert response.stream.read()
class Stops(HttpUser):
    wait_time = constant(0.1)
    def on_stop(self): raise ValueError("of on_stop")
    @task
    def named(self): self.client.get("/named/" + NAMES[0], name="named"); assert messages == NAMES
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Recording]:
    with recording() as running:
        running.responses["/empty"] = b"HTTP/1.1 204 No Content\r\n\r\n"
        yield running


@pytest.fixture(scope="module")
def locust(server: Recording) -> Iterator[LocustLoadGenerator]:
    with generator(server.url, may_raise=True) as running:
        yield LocustLoadGenerator(running._client, running._token_file.read_text)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_traffic, "SCRIPT_FOLDER", str(tmp_path))
    (tmp_path / "names.csv").write_bytes(b"\xef\xbb\xbfname\nann\nbob\n")


def test_styles_of_scripts_are_counted_as_the_server_counts_them(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    result = run(locust, spec(server, tmp_path, STYLES, "styles", exclude_tags=("other",)))
    assert not result.script_problem
    seen = server.of("styles")
    sent = Counter("/" + each.path.split("/")[1] for each in seen)
    assert sent.keys() == {
        *(
            "/deep",
            "/free",
            "/last",
            "/absolute",
            "/wrapped",
            "/bare",
            "/waits",
            "/rest",
            "/raises",
            "/outer",
            "/inner",
        ),
        *("/mine", "/expected", "/body", "/follows-not", "/head", "/options", "/method", "/delete", "/empty"),
        *("/stream", "/named"),
    }
    assert sum(row.requests or 0 for row in rows(result)) == len(seen)
    assert sum(row.completed + row.failed for row in rows(result)) == len(seen)
    assert (result.statuses or {}).keys() == {"200", "204", "404"}
    assert sum((result.statuses or {}).values()) == len(seen)
    failed = {kind: count for kind, count in result.errors.items() if "KeyError" not in kind}
    assert failed == {"script not this": sent["/inner"], "script ResponseError": sent["/mine"]}
    (kind,) = result.errors.keys() - failed.keys()
    assert kind.startswith("script KeyError: 'nothing' at users.py:")  # no folder of this machine
    assert all("x-own" in each.headers for each in seen if each.path == "/wrapped")
    assert all("x-default" in each.headers for each in seen if each.path == "/rest")


def test_every_class_is_tried_before_a_load_whatever_the_others_do(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    """A class whose first task ends at once ends no other one. What a script streams is left to the script."""
    text = """
import requests
from locust import FastHttpUser, HttpUser, constant, task
class Computes(HttpUser):
    @task
    def nothing(self): pass
class Fails(HttpUser):
    wait_time = constant(0)
    @task
    def no_slash(self): self.client.get("first")
class Streams(HttpUser):
    @task
    def lines(self):
        with self.client.get("/streamed", stream=True, catch_response=True) as response:
            assert list(response.iter_lines())
class Stops(FastHttpUser):
    wait_time = constant(0.1)
    def on_stop(self): raise ValueError("of on_stop")
    @task
    def last(self): self.client.get("/last")
"""
    wait_ready(locust)
    exchanges = locust.send_each(spec(server, tmp_path, text, "tried"))
    kinds = {each.name: (each.status, str(each.error or "")) for each in exchanges}
    assert kinds == {"first": (0, "client InvalidURL"), "/streamed": (200, ""), "/last": (200, "")}
    assert {each.path for each in server.of("tried")} == {"/streamed", "/last"}


def test_a_user_with_invalid_urls_does_not_flood_the_load_generator(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    """Without a wait it would try thousands of times a second."""
    text = """
from locust import FastHttpUser, HttpUser, constant, task
class A(HttpUser):
    wait_time = constant(0)
    @task
    def no_slash(self): self.client.get("first")
class B(FastHttpUser):
    wait_time = constant(0)
    @task
    def no_slash(self): self.client.get("second")
"""
    result = run(locust, spec(server, tmp_path, text, "flood"))
    assert set(result.errors) == {"client InvalidURL", "client ValueError"}
    users, seconds = 12, 4
    assert sum(result.errors.values()) <= users * (seconds + 2)
    assert not server.of("flood")


def test_a_failure_far_from_the_script_is_named_with_the_line_of_its_cause(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    """Locust raises for an interrupt of a user's own task, where no frame of the script is left."""
    text = """
from locust import HttpUser, constant, task
class A(HttpUser):
    wait_time = constant(0.1)
    @task
    def leave(self):
        self.client.get("/x")
        self._taskset_instance.interrupt(reschedule=False)
"""
    result = run(locust, spec(server, tmp_path, text, "interrupts"))
    assert result.script_problem.startswith("tests/load.py:8: locust.exception.RescheduleTask")


def test_no_name_and_no_failure_of_a_script_has_its_secrets(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    """A script puts them into URLs, which are the names of requests, and into failures. What is no secret stays."""
    text = """
import os
from urllib.parse import quote
from locust import HttpUser, constant, task
SECRET = os.environ["KEY"]
class A(HttpUser):
    wait_time = constant(0.1)
    def on_start(self):
        if self.environment.host.endswith("/"): raise KeyError(SECRET)
    @task
    def t(self):
        self.client.get(f"/{os.environ['PLAIN']}?key={SECRET}")
        self.client.get(f"/{'long' * 21}?key={quote(SECRET)}")
        with self.client.get("/failed", catch_response=True) as response:
            response.failure("x" * 50 + SECRET)
    @task
    def shown(self):
        self.client.get("/echo", name="echo")
"""
    secret = "canary/secret value"  # noqa: S105 - of this test alone
    server.responses["/echo"] = f"HTTP/1.1 500 Failed\r\nContent-Length: 19\r\n\r\n{secret}".encode()
    secrecy.remember([secret])
    wait_ready(locust)
    load = spec(server, tmp_path, text, "canary", env={"KEY": secret, "PLAIN": "plain"})
    exchanges = locust.send_each(load)
    result = run(locust, load)
    assert sum(secret in each.target or "canary/secret" in each.target for each in server.of("canary")) > 0
    assert result.requests.keys() == {"/plain?key=***", f"/{'long' * 21}?key=***", "/failed", "echo"}
    assert "script " + "x" * 50 + "***" in result.errors
    assert "canary" not in f"{result} {exchanges}"
    failing = text.replace('self.environment.host.endswith("/")', "True")
    failed = run(locust, spec(server, tmp_path, failing, "raises", env={"KEY": secret, "PLAIN": "plain"}))
    assert failed.script_problem == "tests/load.py:9: KeyError: '***'"
