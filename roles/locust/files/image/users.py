"""The users that a Locust worker plays: a closed loop whose every second is counted."""

from __future__ import annotations

import re
import select
import time
import zlib
from typing import Any

import brotli
import gevent
import gevent.event
import gevent.monkey
import geventhttpclient.client
from geventhttpclient.connectionpool import ConnectionPool
from locust import FastHttpUser, constant, task
from locust.env import Environment
from locust.exception import StopUser
from pacing import Clock, Draws, numbers
from recorder import Recorder

LONGEST_S = 3600.0
EVERY_STATUS = frozenset(range(100, 600))
UNDECODABLE = (ValueError, zlib.error, brotli.error)  # what the client raises for a body that arrived

poll = gevent.monkey.get_original("select", "poll")


def is_alive(_pool: ConnectionPool, connection: Any) -> bool:
    """Whether a kept connection may be used again: nothing is to be read from an idle one, not even its end."""
    if connection is None or connection.fileno() < 0:
        return False
    asked = poll()
    asked.register(connection.fileno(), select.POLLIN)
    return not asked.poll(0)


# geventhttpclient 2.6 asks select(), which knows no file above 1023: of more than about a thousand users the
# others would open a new connection for every request.
ConnectionPool._is_socket_alive = is_alive  # type: ignore[method-assign] # its own is what has to go
# It sends a GET up to three times where the connection ends without a response, and counts one: a failure would be
# hidden, and the server would get more requests than the load has.
geventhttpclient.client._may_retry_after_send_error = lambda _method: False


class Load:
    """The load of one trial as a worker plays it: the one at this place among those that take part."""

    def __init__(self, spec: dict[str, Any], worker: int = 0) -> None:
        self._clock = Clock(spec["t0"])
        self._seed: str = spec.get("seed", "")
        self._numbers = numbers(worker, len(spec.get("workers", [worker])))
        self.ramp_up_s: float = spec["ramp_up_s"]
        self.think_time_s: float = spec["think_time_s"]
        self.timeout_s: float = spec["timeout_s"]
        self.end = gevent.event.Event()  # set: no user sends again
        self.end_s = min(spec["duration_s"], LONGEST_S)
        self.method: str = spec["request"]["method"]
        self.url: str = spec["url"]
        self.body: bytes | None = spec["request"]["body"].encode() or None
        self.headers = {**spec["request"]["headers"], "X-Study-Trial": spec["trial"]}
        if not spec.get("keep_alive", True):
            self.headers["Connection"] = "close"
        self.statuses = frozenset(spec["request"]["expect_status"])
        pattern = spec["request"]["expect_body"]
        self.pattern = re.compile(pattern.encode()) if pattern else None
        self.recorder = self.recorder_of(spec)

    def recorder_of(self, spec: dict[str, Any]) -> Recorder:
        """What counts this load."""
        return Recorder(
            spec["window_from_s"], spec["window_to_s"], self.timeout_s, slow_after_s=spec.get("slow_after_s")
        )

    def now(self) -> float:
        """Seconds since t0."""
        return self._clock.now()

    def draws(self) -> Draws:
        """What the next user that starts here draws."""
        return Draws(self._seed, next(self._numbers))

    def settle(self) -> None:
        """Count what belongs to the seconds that are over, before they are handed over."""

    def close(self) -> None:
        """Let nothing more be sent: the load has ended."""

    def leave(self) -> None:
        """Give back what was used: all is answered, or given up."""


current: Load | None = None


def ask(load: Load, client: Any) -> str:
    """Send the load's request and wait for the whole response; returns the kind of failure, empty for a success.

    Nothing that goes wrong with one request escapes: a user whose exception did would skip its think time, and
    thousands of such users would flood the servers.
    """
    try:
        response = client.request(
            load.method, load.url, data=load.body, headers=load.headers, catch_response=True, name="load", stream=True
        )
    except Exception as failure:
        part(failure)
        return f"client {type(failure).__name__}"
    unread = read(response)
    error = error_of(response, load, unread)
    part(getattr(response, "error", None))
    return error


def read(response: Any) -> str:
    """Read the whole body; returns why it cannot be read, empty if it can.

    `incomplete`: it ended before its announced length or its last chunk, the connection was reset, or nothing arrived
    for the timeout. `encoding`: it arrived, and its content encoding is unknown or its bytes are damaged.
    """
    if not response.status_code:
        return ""
    try:
        response.content  # noqa: B018 - reading it keeps it
    except UNDECODABLE as failure:
        part(failure)
        unread = "encoding"
    except Exception as failure:
        part(failure)
        unread = "incomplete"
    else:
        return ""
    response.release()
    return unread


def error_of(response: Any, load: Load, unread: str) -> str:
    """Empty when the response is right, else the kind of failure; `unread` is why its body cannot be read."""
    if not response.status_code:
        failure = getattr(response, "error", None)
        text = f"{type(failure).__name__} {failure}".lower()
        if "timeout" in text or "timed out" in text:
            return "timeout"
        return "refused" if "refused" in text else "connection"
    if response.status_code not in load.statuses:
        return f"status {response.status_code}"
    if unread:
        return unread
    if load.pattern and not load.pattern.search(response.content or b""):
        return "body"
    return ""


def part(failure: BaseException | None) -> None:
    """Part a failure from the frames it passed, which hold it in turn.

    Some thousand of them take the garbage collector 0.1 s to find and to free.
    """
    while failure is not None:
        failure.__traceback__, failure = None, failure.__context__


class StudyUser(FastHttpUser):
    """Sends its next request after the last answer and a think time: a closed loop.

    One connection per user, kept alive between requests unless the load says otherwise.
    """

    host = "http://set-by-the-load"
    wait_time = constant(0)
    concurrency = 1
    max_redirects = 0  # a redirect is a response as any other: following it would measure another request
    max_retries = 0

    def __init__(self, environment: Environment) -> None:
        if current is not None:
            self.connection_timeout = self.network_timeout = current.timeout_s
        super().__init__(environment)
        # No status is an exception: they are judged here, and exceptions cost the more the more requests fail.
        self.client.client.valid_response_codes = EVERY_STATUS

    def on_start(self) -> None:
        """Wait for this user's place in the ramp-up.

        Then it has the rest of a think time left, as somebody who is met at any moment: users who all began with a
        request would ask for more than they do later, until a few think times have passed.
        """
        if current is None:
            raise StopUser
        self.load = current
        self.draws = self.load.draws()
        begin = self.draws.begin_s(self.load.ramp_up_s)
        self.started = False
        if self.load.end.wait(max(0.0, begin - self.load.now())):
            raise StopUser
        now = self.load.now()
        self.load.recorder.user_started(now)
        self.started = True
        rest_s = self.draws.rest_s(self.load.think_time_s)
        self.load.recorder.rests(now, rest_s)
        if self.load.end.wait(rest_s):
            raise StopUser

    def on_stop(self) -> None:
        if self.started:
            self.load.recorder.user_ended(self.load.now())
        # Left to the garbage collector it stays open for a minute: the next load then pays for its events.
        self.client.client.close()

    @task
    def step(self) -> None:
        """One request, one think time."""
        load = self.load
        if load.end.is_set():
            raise StopUser
        load.recorder.sent(load.now())
        began = time.perf_counter()
        error = ask(load, self.client)
        latency_s = time.perf_counter() - began
        now = load.now()
        load.recorder.answered(now, latency_s, error)
        think_s = self.draws.think_s(load.think_time_s)
        load.recorder.thinks(now, think_s)
        if load.end.wait(think_s):
            raise StopUser
