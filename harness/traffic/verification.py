"""Whether a cell's servers, and only they, answer a grid's request as it is expected, before they are measured."""

from __future__ import annotations

import itertools
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy

import httpx

from harness.deploy import nginx_limits
from harness.deploy.inventory.hosts import Url
from harness.errors import TrialFailed
from harness.grid.cell import Cell
from harness.grid.request import Request
from harness.judge import balancing
from harness.traffic.load_generator import LoadSpec
from harness.traffic.run_load import TrafficContext
from harness.words import SESSION_STATUSES, sessions_hint

VERIFY_WITHIN_S = 10.0
VERIFY_ROUNDS = 2
VERIFY_SLOW_ROUNDS = 4  # rounds of responses, as slow as they are, for which there is time beyond that
LEAST_PATIENCE_S = 5.0
MOST_AT_ONCE = 32


def verify(context: TrafficContext, cell: Cell, trial: str) -> float:
    """Check that exactly the cell's servers answer through the balancer.

    Returns the unloaded response time R0 in seconds: the lower median over two rounds, in each of which every
    server has one request. Where servers do not take turns, rounds follow until each has had one. Raises TrialFailed
    naming who answered instead.
    """
    method = balancing.of(cell.variables, context.grid.vars, context.inventory.balancer.variables)
    expected = {server.address for server in context.inventory.servers[: cell.servers]}
    patience_s = max(LEAST_PATIENCE_S, context.grid.load.timeout)
    ends = method.even or method.by_address  # further rounds would reach nobody else
    deadline = (began := time.monotonic()) + VERIFY_WITHIN_S
    problem, timeouts, slowest_s = "nobody", 0, 0.0
    wrong: _Unexpected | None = None
    with (
        context.connections.http(context.inventory.balancer, Url.SERVICE, timeout=patience_s) as client,
        ThreadPoolExecutor(min(cell.servers, MOST_AT_ONCE)) as pool,
    ):
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # every request is a new user's
        while True:  # asked at least once, however slow this machine is
            answers: list[tuple[str, float]] = []
            again = False
            try:
                for asked in itertools.count(1):
                    answers += pool.map(lambda _: _ask(context, client, trial), range(cell.servers))
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
            context.wait(0.01)
    why = _explained(context, cell, wrong) if wrong else ""
    raise TrialFailed(f"the balancer should serve from {', '.join(sorted(expected))}; it answers: {problem}{why}")


class _Unexpected(Exception):
    """A response that is not as the grid expects it."""

    def __init__(self, problem: str, response: httpx.Response, body: bytes) -> None:
        super().__init__(problem)
        self.response = response
        self.text = body.decode(errors="replace")


def _explained(context: TrafficContext, cell: Cell, wrong: _Unexpected) -> str:
    """Why a response is not as expected, where that is known, and what helps; begins with a semicolon."""
    status = wrong.response.status_code
    logged = context.balancer_log() if status in (502, 503, 504) else ""
    why = nginx_limits.of_response(status, wrong.response.headers.get("X-Study-Server", ""), wrong.text, logged)
    if not why and status in SESSION_STATUSES and cell.servers > 1:
        why = sessions_hint(cell.servers)
    return f"; {why}" if why else ""


def _ask(context: TrafficContext, client: httpx.Client, trial: str) -> tuple[str, float]:
    """Who answers a request, and after how many seconds; raises _Unexpected for an answer that is not expected."""
    request = context.grid.request
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
    near = context.connections.tunnels and answer.headers.get("X-Study-Time")
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


def require_usable(context: TrafficContext, spec: LoadSpec) -> None:
    """Have the load generator's own client send one request; raises TrialFailed when the response is no success.

    Clients differ in what they decode and accept, so that of `verify` cannot tell for it.
    """
    request = spec.request
    kind = context.load_generator.ask(replace(spec, trial=f"{spec.trial}.verify"))
    if kind:
        why = UNUSABLE.get(kind.split()[0], "").format(body=request.expect_body, timeout_s=spec.timeout_s)
        told = f"{kind}: {why}" if why else kind
        raise TrialFailed(f"the load generator's client fails with {request.method} {request.path}: {told}")
