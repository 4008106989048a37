"""Users of a Locust worker: a closed loop that is counted in every second."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import gevent.event
import tls
from choices import Choice
from compiled import CompiledRequest, Traffic
from digests import Chain, SentDigests, line
from gevent import GreenletExit
from load_spec import Dataset, LoadSpec
from locust import FastHttpUser, constant, task
from locust.exception import StopUser
from pacing import Clock, Draws, LoginWaits, numbers, wait_s
from recorder import Recorder
from sending import send
from sessions import Session

LONGEST_S = 3600.0
_EVERY_STATUS = frozenset(range(100, 600))


class Outcome(NamedTuple):
    """What became of a request: its kind of failure, empty for a success, and its latency in s."""

    error: str
    latency_s: float
    was_sent: bool


class Load:
    """One worker's part of a load, whose second 0 is at the Unix time `t0`.

    `worker` is the worker's index among all `workers` that take part. Raises ValueError for traffic that cannot be
    sent.
    """

    def __init__(
        self, spec: LoadSpec, t0: float, worker: int = 0, workers: int = 1, data: Dataset | None = None
    ) -> None:
        self.spec = spec
        self.traffic = Traffic(spec, data or Dataset())
        self.pauses_s = [each.pause_s for each in spec.traffic.requests] if spec.traffic.steps else []
        self.digests = SentDigests()
        self.now = Clock(t0).now  # seconds since t0
        self._numbers = numbers(worker, workers)
        self.end = gevent.event.Event()  # set: no user sends again
        self.end_s = min(spec.duration_s, LONGEST_S)
        window = spec.window_from_s, spec.duration_s
        is_open = spec.rate_per_s is not None
        self.recorder = Recorder(
            *window,
            spec.timeout_s,
            open_load=is_open,
            slow_after_s=spec.slow_after_s,
            slow_by_name={each.name: each.slow_after_s for each in spec.traffic.requests},
        )
        self.ssl_context = tls.context(spec.traffic) if spec.url.startswith("https:") else None

    def number(self) -> int:
        """The number of the next user that starts on this worker, from 0."""
        return next(self._numbers)

    def settle(self) -> None:
        """Count everything that belongs to past seconds, before they are reported."""

    def close(self) -> None:
        """Send no more requests: the load has ended."""

    def leave(self) -> None:
        """Release resources: every request is answered or aborted."""


current: Any = None  # the Load of this process, also one of script_users.py


class StudyUser(FastHttpUser):
    """A user of a closed loop: sends its next request after the last response and a think time.

    Each user has one connection, which is kept alive between requests unless the load disables that.
    """

    host = "http://set-by-the-load"
    wait_time = constant(0)
    concurrency = 1
    max_redirects = 0  # the client would follow redirects to other hosts; sending.py follows those of the load
    max_retries = 0

    def __init__(self, environment: Any) -> None:
        if current is not None:
            self.connection_timeout = self.network_timeout = current.spec.timeout_s
            if (context := current.ssl_context) is not None:
                self.insecure = not current.spec.traffic.tls_verify
                self.ssl_context_factory = lambda **_: context
        super().__init__(environment)
        if current is not None:
            self.client.client.clientpool.client_args["ssl_options"] = tls.options(current.spec.traffic)
        # No status raises: statuses are checked here, and exceptions would cost more CPU the more requests fail.
        self.client.client.valid_response_codes = _EVERY_STATUS

    def on_start(self) -> None:
        """Wait for this user's start in the ramp-up, log in, then wait for the residual of a think time in progress.

        If all users began with a request, their rate would be too high until a few think times have passed. A user ends
        here by GreenletExit, because Locust prints a traceback for StopUser.
        """
        self.started = False
        if current is None:
            raise GreenletExit
        self.load = load = current
        self.number = load.number()
        self.draws = Draws(load.spec.seed, self.number)
        self.session = Session(self.number)
        self.transactions = 0
        self.chain = Chain(load.digests)
        begin = self.draws.start_s(load.spec.ramp_up_s)
        if load.end.wait(max(0.0, begin - load.now())):
            raise GreenletExit
        self._log_in()
        now = load.now()
        load.recorder.user_started(now)
        self.started = True
        residual_s = self.draws.residual_s(load.spec.think_time_s, load.pauses_s)
        load.recorder.thinking(now, residual_s)
        if load.end.wait(residual_s):
            raise GreenletExit

    def _log_in(self) -> None:
        """Log in, after a failure again until it succeeds; a user counts as started after that."""
        load = self.load
        waits = LoginWaits(load.spec.seed, self.number, load.spec.think_time_s)
        while error := self.session.log_in(load.traffic, self.client):
            load.recorder.logins.count(error)
            if load.end.wait(waits.next_s()):
                raise GreenletExit
        if load.traffic.login is not None:
            load.recorder.logins.count("")

    def on_stop(self) -> None:
        if self.started:
            self.load.recorder.user_ended(self.load.now())
        # The garbage collector would close it only after a minute, and the next load would pay for its events.
        self.client.client.close()

    @task
    def step(self) -> None:
        """One transaction: each request with the pause or think time after it."""
        load = self.load
        if load.end.is_set():
            raise StopUser
        choice = load.traffic.choices.of_user(self.number, self.transactions)
        self.transactions += 1
        if load.traffic.steps:
            self._transaction(choice)
            return
        request = load.traffic.requests[choice.request]
        think_s = self.draws.think_s(load.spec.think_time_s)
        self.chain.transaction(line(request.name, choice.row, think_s))
        sent = self._send(request, choice.row)
        self._think(wait_s(think_s, was_sent=sent.was_sent))

    def _transaction(self, choice: Choice) -> None:
        """All steps in order; the first failed one ends the transaction.

        All pauses are drawn beforehand, so that a failure changes no later draw. The think time follows the last pause.
        """
        load, steps = self.load, self.load.traffic.requests
        waits = [self.draws.think_s(step.pause_s) for step in steps]
        waits[-1] += self.draws.think_s(load.spec.think_time_s)
        lines = [line(step.name, choice.row, drawn_s) for step, drawn_s in zip(steps, waits, strict=True)]
        self.chain.transaction(b"".join(lines))
        self.session.begin_transaction()
        since, total_s = load.now(), 0.0
        for number, step in enumerate(steps, 1):
            sent = self._send(step, choice.row)
            total_s += sent.latency_s
            if sent.error or number == len(steps):
                load.recorder.transaction(load.now(), since, sent.error, total_s)
                break
            self._think(waits[number - 1])
        self._think(wait_s(waits[-1], was_sent=sent.was_sent))

    def _send(self, request: CompiledRequest, row: int) -> Outcome:
        """Send one request and count it. It never raises."""
        load, session = self.load, self.session
        prepared = session.prepare(load.traffic, request, row)
        sent_at = load.now()
        load.recorder.sent(sent_at, name=request.name)
        began = time.perf_counter()
        if isinstance(prepared, str):
            found = Outcome(prepared, 0.0, was_sent=False)
        else:
            answer = send(self.client, prepared, request)
            latency_s = time.perf_counter() - began
            found = Outcome(session.keep(request, answer), latency_s, was_sent=answer.response is not None)
        load.recorder.answered(load.now(), sent_at, found.error, found.latency_s, request.name)
        return found

    def _think(self, duration_s: float) -> None:
        load = self.load
        load.recorder.thinks(load.now(), duration_s)
        if load.end.wait(duration_s):
            raise StopUser
