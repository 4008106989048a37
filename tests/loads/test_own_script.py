"""Your Locust scripts in real Locust processes, compared with the server's own record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.records.series import Sample
from harness.traffic import sent_traffic
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.locust import LocustLoadGenerator
from harness.traffic.sent_traffic import SentScript, SentTraffic
from tests.locust_environment import generator
from tests.recording import Recording, recording

USERS, RAMP_UP_S, UNTIL_S = 12, 0.5, 4.0

EVERYTHING = """
import os, random, time
import gevent
from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, between, constant_throughput, events, tag, task
from helper import NAMES

started = []

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--shop", default="books")

@events.test_start.add_listener
def begin(environment, **_kwargs):
    started.append(environment.parsed_options.shop)

class Visit(SequentialTaskSet):
    @task
    def first(self):
        self.client.get("/first")

    @task
    def second(self):
        with self.client.get("/second?fail=404", catch_response=True, name="second") as response:
            if response.status_code == 404:
                response.success()

    @task
    class Inner(TaskSet):
        @task
        def third(self):
            self.client.post("/third", json={"a": 1})
            self.interrupt(reschedule=False)

class Shop(HttpUser):
    weight = 3
    wait_time = between(0.05, 0.15)
    tasks = [Visit]

    def on_start(self):
        assert started == ["books"] and os.environ["ACCOUNT"] == "canary" and NAMES
        assert self.client.post("/login").json()["access_token"]

    def on_stop(self):
        self.client.get("/goodbye")

class Api(FastHttpUser):
    fixed_count = 3
    concurrency = 1
    wait_time = constant_throughput(10)

    @tag("rest")
    @task(3)
    def rest_call(self):
        with self.rest("GET", f"/rest/{random.randint(1, 9)}", name="rest") as response:
            assert response.js["path"].startswith("/rest")

    @task
    def redirected(self):
        self.client.get("/redirect/302", name="redirected")

    @task
    def raises(self):
        with self.client.get("/raises", catch_response=True):
            raise ValueError("in the block")

    @task
    def never_judged(self):
        self.client.get("/never", catch_response=True)
        time.sleep(0.02)

    @task
    def wakes_early(self):
        with gevent.Timeout(0.05, False):
            gevent.sleep(5)

    @task
    def elsewhere(self):
        self.client.get("http://127.0.0.1:9/", name="elsewhere")

class Other(HttpUser):
    wait_time = lambda self: random.expovariate(10)

    @task
    def wrong(self):
        with self.client.rename_request("wrong"):
            with self.client.get("/wrong", catch_response=True) as response:
                response.failure("not what we want")
        self.client.get("/redirect/302", name="redirected")
        self.client.get("/missing?fail=500", name="missing")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Recording]:
    with recording() as running:
        running.delay_s = 0.01
        yield running


@pytest.fixture(scope="module")
def locust(server: Recording) -> Iterator[LocustLoadGenerator]:
    with generator(server.url, workers=2, may_raise=True) as running:
        yield LocustLoadGenerator(running._client, running._token_file.read_text)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_traffic, "SCRIPT_FOLDER", str(tmp_path))
    (tmp_path / "helper.py").write_text("NAMES = ['a']\n")


def spec(server: Recording, folder: Path, text: str, trial: str, **script: Any) -> LoadSpec:
    """Return a load of a script with this text."""
    (folder / "load.py").write_text(text)
    return LoadSpec(
        trial=trial,
        url=server.url,
        users=USERS,
        think_time_s=0.0,
        ramp_up_s=RAMP_UP_S,
        duration_s=UNTIL_S,
        timeout_s=3.0,
        window_from_s=1.0,
        traffic=SentTraffic(requests=(), script=SentScript(file="load.py", shown="tests", **script)),
        seed="7/users/1/12",
    )


def wait_ready(locust: LocustLoadGenerator) -> None:
    while not locust.ready():
        time.sleep(0.05)


def run(locust: LocustLoadGenerator, load: LoadSpec) -> LoadResult:
    """Run a load to its end."""
    wait_ready(locust)
    locust.start(load)
    while not locust.samples(0)[1]:
        time.sleep(0.1)
    result = locust.result()
    wait_ready(locust)
    return result


def rows(result: LoadResult) -> list[Sample]:
    assert result.samples is not None
    return result.samples


def test_everything_that_a_script_sends_is_counted_as_the_server_counts_it(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    load = spec(server, tmp_path, EVERYTHING, "all", env={"ACCOUNT": "canary"})
    result = run(locust, load)
    assert not result.script_problem
    seen = server.of("all")
    statuses = Counter(
        "302" if each.path.startswith("/redirect") else dict(each.params).get("fail", "200") for each in seen
    )
    assert result.statuses == statuses
    followed = sum(each.path == "/landed" for each in seen)
    elsewhere = result.errors["other host"]
    sent = sum(row.requests or 0 for row in rows(result))
    assert sent == sum(row.completed + row.failed for row in rows(result)) == len(seen) - followed + elsewhere
    window = {name: counts.requests for name, counts in result.requests.items()}
    assert set(window) >= {"/first", "second", "/third", "rest", "redirected", "wrong", "missing", "elsewhere"}
    assert not result.requests["second"].failed
    assert result.errors["script not what we want"] == sum(each.path == "/wrong" for each in seen)
    assert result.errors["script ValueError"] == sum(each.path == "/raises" for each in seen)
    assert result.errors["status 500"] == sum(each.path == "/missing" for each in seen)
    assert set(result.errors) == {"script not what we want", "script ValueError", "status 500", "other host"}
    # on_stop runs after the load, once for each user of its class, in no row.
    assert Counter(each.path for each in server.of("all.stop")) == {"/goodbye": 7}


def test_a_user_is_in_a_request_or_thinks(locust: LocustLoadGenerator, server: Recording, tmp_path: Path) -> None:
    text = """
import time
from locust import HttpUser, constant, task
class Slow(HttpUser):
    wait_time = constant(0.3)
    @task
    def both(self):
        self.client.get("/a")
        time.sleep(0.2)
        self.client.get("/b")
"""
    result = run(locust, spec(server, tmp_path, text, "law"))
    window = [row for row in rows(result) if row.t_s < 4 and row.users == pytest.approx(USERS, abs=0.01)]
    assert window, "not all users began"
    thinks, think_s = sum(row.thinks or 0 for row in window), sum(row.think_s or 0.0 for row in window)
    assert 0.15 < think_s / thinks < 0.35  # per request, so that N = X (R + Z) holds
    for row in window:
        # What is neither is lateness of this machine.
        assert 0 <= USERS - (row.in_flight or 0.0) - (row.thinking or 0.0) < USERS


def test_two_loads_with_one_seed_draw_the_same_although_a_load_changes_the_scripts_state(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    text = """
import random
from locust import FastHttpUser, between, task
accounts = list(range(6))
class Buyer(FastHttpUser):
    wait_time = between(0.2, 0.6)
    def on_start(self):
        self.account = accounts.pop() if accounts else "none"
        self.number = 0
    @task
    def buy(self):
        self.number += 1
        if self.number <= 3:
            self.client.get(f"/buy/{self.number}/{random.randint(0, 10**9)}?account={self.account != 'none'}")
"""
    for trial in ("draw1", "draw2"):
        run(locust, spec(server, tmp_path, text, trial))
    first, second = (Counter(each.target.partition("?")[0] for each in server.of(t)) for t in ("draw1", "draw2"))
    assert first == second
    assert len(first) == 3 * USERS
    accounts = [Counter(dict(each.params)["account"] for each in server.of(t)) for t in ("draw1", "draw2")]
    assert accounts[0]["True"] == accounts[1]["True"] > 0  # each load imports the script again


REJECTED = {
    "spawns": (
        "    def t(self):\n        gevent.joinall([gevent.spawn(self.client.get, '/x')])\n",
        ":7: a request in a",
    ),
    "quits": ("    def t(self):\n        self.client.get('/x'); self.environment.runner.quit()\n", ":7: runner.quit()"),
    "never": ("    def t(self):\n        gevent.sleep(0.1)\n", "load.py: no request in the whole load"),
    "starts": (
        "    def t(self): pass\n    def on_start(self):\n        raise KeyError('token')\n",
        ":8: KeyError: 'token'",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_script_that_cannot_be_measured_is_named_with_its_line(
    name: str, locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    body, problem = REJECTED[name]
    head = (
        "import gevent\nfrom locust import HttpUser, task, constant\n"
        "class A(HttpUser):\n    wait_time = constant(0.2)\n"
    )
    result = run(locust, spec(server, tmp_path, f"{head}    @task\n{body}", f"rejected-{name}"))
    assert result.script_problem.startswith("tests/load.py")
    assert problem in result.script_problem


WRONG = {
    "import": ("import no_such_module_of_ours\n", "tests/load.py:1: ModuleNotFoundError"),
    "helper": ("import broken\n", "tests/broken.py:2: ZeroDivisionError"),
    "no class": ("from locust import HttpUser\n", "tests/load.py: no user class"),
    "shape": (
        "from locust import HttpUser, LoadTestShape\nclass A(HttpUser): pass\n"
        "class Waves(LoadTestShape):\n    def tick(self): pass\n",
        "tests/load.py:3: Waves: a LoadTestShape",
    ),
    "start": (
        "from locust import HttpUser, events\n@events.init.add_listener\ndef i(environment, **k):\n"
        "    environment.runner.start(1, 1)\nclass A(HttpUser): pass\n",
        "tests/load.py:4: runner.start()",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_script_that_does_not_start_is_rejected_with_its_line(
    name: str, locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("a = 1\nb = a / 0\n")
    wait_ready(locust)
    with pytest.raises(BadInput) as raised:
        locust.start(spec(server, tmp_path, WRONG[name][0], "wrong"))
    assert str(raised.value).startswith(WRONG[name][1])


def test_the_first_tasks_are_tried_without_waiting(
    locust: LocustLoadGenerator, server: Recording, tmp_path: Path
) -> None:
    text = """
import time
from locust import HttpUser, constant, task
class A(HttpUser):
    wait_time = constant(600)
    def on_start(self):
        self.client.get("/login"); time.sleep(300)
    @task
    def t(self):
        self.client.get("/t?fail=404")
class B(A):
    weight = 1000
class Many(A):
    def on_start(self):
        for _ in range(100):
            self.client.get("/many")
"""
    wait_ready(locust)  # a user that never ends its first task sends 20 requests, and the others send all of theirs
    exchanges = locust.send_each(spec(server, tmp_path, text, "try"))
    expected = Counter({("/login", 200): 2 * USERS, ("/t?fail=404", 404): 2 * USERS, ("/many", 200): 20 * USERS})
    assert Counter((each.name, each.status) for each in exchanges) == expected
    assert Counter(each.target for each in server.of("try")) == {name: count for (name, _), count in expected.items()}
