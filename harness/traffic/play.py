"""Traffic of one trial: verify who answers, start the load, follow it to its end."""

from __future__ import annotations

import itertools
import re
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol

import httpx

from harness.deploy import nginx_limits
from harness.deploy.connections import Reach
from harness.deploy.inventory import Inventory
from harness.errors import EngineFailed, TrialFailed
from harness.grid.cell import Cell
from harness.grid.request import Request
from harness.grid.schema import Grid
from harness.judge import balancing, rules
from harness.records.series import Sample
from harness.traffic.engine import Engine, EngineResult, LoadSpec
from harness.words import SESSION_STATUSES, sessions_hint

VERIFY_WITHIN_S = 10.0
VERIFY_ROUNDS = 2
VERIFY_SLOW_ROUNDS = 4  # rounds of responses, as slow as they are, for which there is time beyond that
LEAST_PATIENCE_S = 5.0
MOST_AT_ONCE = 32


class Line(Protocol):
    """What traffic runs over: who plays it, against whom, and who looks on."""

    @property
    def grid(self) -> Grid: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def reach(self) -> Reach: ...
    def on_second(self, sample: Sample) -> None:
        """Called with each second of a load as soon as it is known."""

    def balancer_log(self) -> str:
        """The last lines of the balancer's error log."""

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted when the user asked to stop."""


@dataclass
class Collected:
    """What one load left behind."""

    started_at: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    stopped_s: int | None = None  # how many whole seconds there were when it was stopped early
    ended_at: float = 0.0


def verify(line: Line, cell: Cell, trial: str) -> float:
    """Check that exactly the cell's servers answer through the balancer.

    Returns the unloaded response time R0 in seconds: the lower median over two rounds, in each of which every
    server has one request. Where servers do not take turns, rounds follow until each has had one. Raises TrialFailed
    naming who answered instead.
    """
    method = balancing.of(cell.variables, line.grid.vars, line.inventory.balancer.variables)
    expected = {line.inventory.address(server) for server in line.inventory.servers[: cell.servers]}
    patience_s = max(LEAST_PATIENCE_S, line.grid.load.timeout)
    ends = method.even or method.by_address  # further rounds would reach nobody else
    deadline = (began := time.monotonic()) + VERIFY_WITHIN_S
    problem, timeouts, slowest_s = "nobody", 0, 0.0
    wrong: _Unexpected | None = None
    with (
        line.reach.http(line.inventory.balancer, "study_url", timeout=patience_s) as client,
        ThreadPoolExecutor(min(cell.servers, MOST_AT_ONCE)) as pool,
    ):
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # every request is a new user's
        while True:  # asked at least once, however slow this machine is
            answers: list[tuple[str, float]] = []
            again = False
            try:
                for asked in itertools.count(1):
                    answers += pool.map(lambda _: _ask(line, client, trial), range(cell.servers))
                    reached = {server for server, _ in answers}
                    slowest_s = max(slowest_s, *(took_s for _, took_s in answers))
                    deadline = began + VERIFY_WITHIN_S + VERIFY_SLOW_ROUNDS * slowest_s
                    if not reached <= expected:
                        break  # a worker process of the balancer that has not ended yet
                    if asked >= VERIFY_ROUNDS and (ends or reached == expected or time.monotonic() > deadline):
                        break
            except httpx.TimeoutException:
                timeouts += 1
                again = timeouts < VERIFY_ROUNDS
                problem = f"no response within {patience_s:g} s (load.timeout)"
            except httpx.HTTPError as error:
                problem = repr(error)
            except _Unexpected as error:
                problem, wrong = str(error), error
            else:
                wrong = None
                if reached == expected or (method.by_address and reached <= expected):
                    return statistics.median_low(took_s for _, took_s in answers)
                problem = ", ".join(sorted({server for server, _ in answers}))
            if time.monotonic() > deadline and not again:
                break
            line.wait(0.01)
    why = _explained(line, cell, wrong) if wrong else ""
    raise TrialFailed(f"the balancer should serve from {', '.join(sorted(expected))}; it answers: {problem}{why}")


class _Unexpected(Exception):
    """A response that is not as the grid expects it."""

    def __init__(self, problem: str, response: httpx.Response, body: bytes) -> None:
        super().__init__(problem)
        self.response = response
        self.text = body.decode(errors="replace")


def _explained(line: Line, cell: Cell, wrong: _Unexpected) -> str:
    """Why a response is not as expected, where that is known, and what helps; begins with a semicolon."""
    status = wrong.response.status_code
    logged = line.balancer_log() if status in (502, 503, 504) else ""
    why = nginx_limits.of_response(status, wrong.response.headers.get("X-Study-Server", ""), wrong.text, logged)
    if not why and status in SESSION_STATUSES and cell.servers > 1:
        why = sessions_hint(cell.servers)
    return f"; {why}" if why else ""


def _ask(line: Line, client: httpx.Client, trial: str) -> tuple[str, float]:
    """Who answers a request, and after how many seconds; raises _Unexpected for an answer that is not expected."""
    request = line.grid.request
    headers = {**request.all_headers, "X-Study-Trial": f"{trial}.verify"}
    began = time.perf_counter()
    sent = client.build_request(request.method, request.path, content=request.body or None, headers=headers)
    answer = client.send(sent, stream=True)
    try:
        body = b"".join(answer.iter_raw())  # the generator's own client decodes it: `require_usable`
    finally:
        answer.close()
    took_s = time.perf_counter() - began
    if problem := _unexpected(request, answer, body):
        raise _Unexpected(f"{request.method} {request.path} answered {problem}", answer, body)
    # Over SSH the way from here would count too; the balancer's own time (whole ms) does not.
    near = line.reach.tunnels and answer.headers.get("X-Study-Time")
    return answer.headers.get("X-Study-Server", "an unknown server"), max(0.001, float(near)) if near else took_s


def _unexpected(request: Request, answer: httpx.Response, body: bytes) -> str:
    """What is not as the grid expects it; empty for a right answer. Redirects are not followed.

    A body that is encoded is not looked at.
    """
    status = answer.status_code
    if status not in request.expect_status:
        if answer.is_redirect and (place := answer.headers.get("Location")):
            return f"{status} to {place}: use that path, or expect the status {status}"
        return f"status {status}"
    plain = "Content-Encoding" not in answer.headers
    if request.expect_body and plain and not re.search(request.expect_body.encode(), body):
        begins = body.decode(errors="replace")[:80]
        return f"status {status}, but its body does not hold {request.expect_body!r}; it begins {begins!r}"
    return ""


UNUSABLE = {
    "body": "its body does not hold {body!r}",
    "encoding": "its body cannot be decoded. Fix: request no Accept-Encoding, or only gzip, deflate and br",
    "incomplete": "its body ended before its announced length or its last chunk. Fix: look at the server's log",
    "timeout": "no response came within {timeout_s:g} s. Fix: raise load.timeout",
    "client": "it cannot send this request, or cannot read the header of the response. Fix: look at both headers",
}


def require_usable(line: Line, spec: LoadSpec) -> None:
    """Have the load generator's own client send one request; raises TrialFailed when the response is no success.

    Clients differ in what they decode and accept, so that of `verify` cannot tell for it.
    """
    request = spec.request
    kind = line.engine.ask(replace(spec, trial=f"{spec.trial}.verify"))
    if kind:
        why = UNUSABLE.get(kind.split()[0], "").format(body=request.expect_body, timeout_s=spec.timeout_s)
        told = f"{kind}: {why}" if why else kind
        raise TrialFailed(f"the load generator's client fails with {request.method} {request.path}: {told}")


def load_spec(line: Line, users: int, trial: str) -> LoadSpec:
    """The grid's load with a number of users."""
    load = line.grid.load
    return LoadSpec(
        trial=trial,
        url=line.inventory.balancer.need("study_target_url"),
        users=users,
        think_time_s=load.think_time,
        ramp_up_s=load.ramp_up,
        duration_s=load.duration,
        timeout_s=load.timeout,
        window_from_s=load.window_from_s,
        request=line.grid.request,
        keep_alive=load.keep_alive,
        slow_after_s=line.grid.objectives.p95,
    )


def open_spec(line: Line, rate: float, trial: str, seed: str) -> LoadSpec:
    """The grid's load at a rate as it is written; `seed` decides the moments at which requests leave."""
    load = line.grid.load
    return replace(
        load_spec(line, 0, trial),
        rate_per_s=line.grid.played_per_s(rate),
        arrivals=load.process,
        in_flight=load.most_in_flight,
        seed=seed,
    )


def wait_ready(line: Line, within_s: float = 30.0) -> None:
    """Wait until the engine may start a load; what an earlier process left running is stopped.

    Raises EngineFailed when it does not come to rest.
    """
    deadline = time.monotonic() + within_s
    asked = False
    while not line.engine.ready():
        if not asked:
            line.engine.stop()
            asked = True
        if time.monotonic() > deadline:
            raise EngineFailed(f"the traffic engine is not ready after {within_s:g} s; look at its container's log")
        line.wait(0.1)


def play(line: Line, spec: LoadSpec, on_start: Callable[[float], None]) -> tuple[Collected, EngineResult]:
    """Start the load, follow it second by second to its end, and stop it early when rule E8 says so.

    Raises EngineFailed when the engine fails, Interrupted (after stopping the load) on Ctrl-C.
    """
    wait_ready(line)
    got = Collected(started_at=line.engine.start(spec))
    on_start(got.started_at)
    # An engine whose users take their time to come says a second 0 that is yet to come.
    deadline = time.monotonic() + max(0.0, got.started_at - time.time()) + spec.longest_s
    over = False
    try:
        while not over:
            ending = got.stopped_s is not None or time.time() > got.started_at + spec.duration_s
            line.wait(0.03 if ending else 0.5)
            fresh, over = line.engine.samples(len(got.samples))
            for sample in fresh:
                got.samples.append(sample)
                line.on_second(sample)
            going = bool(fresh) and got.stopped_s is None and len(got.samples) <= spec.duration_s  # not in the drain
            if going and rules.collapse(got.samples, spec.window_from_s, spec.timeout_s, line.grid.evidence):
                got.stopped_s = len(got.samples)
                line.engine.stop()
            if time.monotonic() > deadline:
                raise EngineFailed(f"the load was not over {spec.longest_s:g} s after its start")
    except BaseException:
        line.engine.stop()
        raise
    got.ended_at = time.time()
    result = line.engine.result()
    if result.samples is not None:
        got.samples = result.samples
    return got, result
