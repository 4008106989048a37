"""Users of a Locust worker: a closed loop that is counted in every second."""

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
from load_spec import LoadSpec
from locust import FastHttpUser, constant, task
from locust.env import Environment
from locust.exception import StopUser
from pacing import Clock, Draws, numbers
from recorder import Recorder

LONGEST_S = 3600.0
_EVERY_STATUS = frozenset(range(100, 600))
_UNDECODABLE = (ValueError, zlib.error, brotli.error)  # raised for a complete body that it cannot decode

_poll = gevent.monkey.get_original("select", "poll")


def _is_alive(_pool: ConnectionPool, connection: Any) -> bool:
    """Whether a kept connection can be reused: an idle connection has no data and no end to read."""
    if connection is None or connection.fileno() < 0:
        return False
    poller = _poll()
    poller.register(connection.fileno(), select.POLLIN)
    return not poller.poll(0)


# geventhttpclient 2.6 calls select(), which supports no file descriptor above 1023: from about a thousand users on, the
# others would open a new connection for every request.
ConnectionPool._is_socket_alive = _is_alive  # type: ignore[method-assign] # it replaces the library's method
# It sends a GET up to three times if the connection ends without a response, and counts one request. That would hide
# failures, and the server would get more requests than the load has.
geventhttpclient.client._may_retry_after_send_error = lambda _method: False


class Load:
    """One worker's part of a load, whose second 0 is at the Unix time `t0`.

    `worker` is the worker's index among all `workers` that take part.
    """

    def __init__(self, spec: LoadSpec, t0: float, worker: int = 0, workers: int = 1) -> None:
        self.spec = spec
        self._clock = Clock(t0)
        self._numbers = numbers(worker, workers)
        self.end = gevent.event.Event()  # set: no user sends again
        self.end_s = min(spec.duration_s, LONGEST_S)
        self.body = spec.request.body.encode() or None
        self.headers = {**spec.request.headers, "X-Study-Trial": spec.trial}
        if not spec.keep_alive:
            self.headers["Connection"] = "close"
        self.statuses = frozenset(spec.request.expect_status)
        pattern = spec.request.expect_body
        self.pattern = re.compile(pattern.encode()) if pattern else None
        window = spec.window_from_s, spec.duration_s
        is_open = spec.rate_per_s is not None
        self.recorder = Recorder(*window, spec.timeout_s, open_load=is_open, slow_after_s=spec.slow_after_s)

    def now(self) -> float:
        """Seconds since t0."""
        return self._clock.now()

    def draws(self) -> Draws:
        """The random draws of the next user that starts on this worker."""
        return Draws(self.spec.seed, next(self._numbers))

    def settle(self) -> None:
        """Count everything that belongs to past seconds, before they are reported."""

    def close(self) -> None:
        """Send no more requests: the load has ended."""

    def leave(self) -> None:
        """Release resources: every request is answered or aborted."""


current: Any = None  # the Load of this process, also one of script_users.py


def send(load: Load, client: Any) -> str:
    """Send the load's request and read the whole response; return the kind of failure, empty for a success.

    It never raises. A user that raises skips its think time, and thousands of such users would flood the servers.
    """
    try:
        response = client.request(
            load.spec.request.method,
            load.spec.request_url,
            data=load.body,
            headers=load.headers,
            catch_response=True,
            name="load",
            stream=True,
        )
    except Exception as failure:
        _detach(failure)
        return f"client {type(failure).__name__}"
    unread = _read(response)
    error = _error_of(response, load, unread)
    _detach(getattr(response, "error", None))
    return error


def send_one(spec: LoadSpec) -> str:
    """Send one request of a load as its users do, while no load runs; return the same as `send`."""
    global current
    current = Load(spec, time.time())
    user = StudyUser(Environment())
    try:
        return send(current, user.client)
    finally:
        user.client.client.close()
        current = None


def _read(response: Any) -> str:
    """Read the whole body; return why it cannot be read, empty if it can.

    `incomplete`: the body ended before its announced length or its last chunk, the connection was reset, or no data
    arrived within the timeout. `encoding`: the content encoding is unknown, or its data are damaged.
    """
    if not response.status_code:
        return ""
    try:
        response.content  # noqa: B018 - reading it keeps it
    except _UNDECODABLE as failure:
        _detach(failure)
        unread = "encoding"
    except Exception as failure:
        _detach(failure)
        unread = "incomplete"
    else:
        return ""
    response.release()
    return unread


def _error_of(response: Any, load: Load, unread: str) -> str:
    """The kind of failure, empty for a success; `unread` is why the body cannot be read."""
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


def _detach(failure: BaseException | None) -> None:
    """Remove the reference cycles between an exception and the frames it passed.

    The garbage collector needs 0.1 s to find and free some thousand of them.
    """
    while failure is not None:
        failure.__traceback__, failure = None, failure.__context__


class StudyUser(FastHttpUser):
    """A user of a closed loop: sends its next request after the last response and a think time.

    Each user has one connection, which is kept alive between requests unless the load disables that.
    """

    host = "http://set-by-the-load"
    wait_time = constant(0)
    concurrency = 1
    max_redirects = 0  # following a redirect would measure another request
    max_retries = 0

    def __init__(self, environment: Environment) -> None:
        if current is not None:
            self.connection_timeout = self.network_timeout = current.spec.timeout_s
        super().__init__(environment)
        # No status raises: statuses are checked here, and exceptions would cost more CPU the more requests fail.
        self.client.client.valid_response_codes = _EVERY_STATUS

    def on_start(self) -> None:
        """Wait for this user's start in the ramp-up, then for the residual of a think time in progress.

        If all users began with a request, their rate would be too high until a few think times have passed.
        """
        if current is None:
            raise StopUser
        self.load = current
        self.draws = self.load.draws()
        begin = self.draws.start_s(self.load.spec.ramp_up_s)
        self.started = False
        if self.load.end.wait(max(0.0, begin - self.load.now())):
            raise StopUser
        now = self.load.now()
        self.load.recorder.user_started(now)
        self.started = True
        residual_s = self.draws.residual_s(self.load.spec.think_time_s)
        self.load.recorder.thinking(now, residual_s)
        if self.load.end.wait(residual_s):
            raise StopUser

    def on_stop(self) -> None:
        if self.started:
            self.load.recorder.user_ended(self.load.now())
        # The garbage collector would close it only after a minute, and the next load would pay for its events.
        self.client.client.close()

    @task
    def step(self) -> None:
        """One request, one think time."""
        load = self.load
        if load.end.is_set():
            raise StopUser
        sent_at = load.now()
        load.recorder.sent(sent_at)
        began = time.perf_counter()
        error = send(load, self.client)
        latency_s = time.perf_counter() - began
        now = load.now()
        load.recorder.answered(now, sent_at, error, latency_s)
        think_s = self.draws.think_s(load.spec.think_time_s)
        load.recorder.thinks(now, think_s)
        if load.end.wait(think_s):
            raise StopUser
