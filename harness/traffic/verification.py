"""Verify before a trial that exactly the cell's servers answer, with the response that the grid expects."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy

import httpx

from harness.deploy import tls
from harness.deploy.inventory.hosts import Host, Url
from harness.errors import TrialFailed
from harness.grid import patterns
from harness.grid.cell import Cell
from harness.grid.request import Expect, HttpRequest
from harness.grid.traffic import TrafficRequest, of_request
from harness.judge import balancing
from harness.traffic import exchanges
from harness.traffic.load_generator import LoadSpec
from harness.traffic.patience import Patience
from harness.traffic.run_load import TrafficContext, settings_of

_ROUNDS = 2
_LEAST_TIMEOUT_S = 5.0
_MOST_PARALLEL = 32


def verify(context: TrafficContext, cell: Cell, servers: Sequence[Host], trial: str) -> float:
    """Check that exactly these servers answer through the balancer; return the unloaded response time R0 in s.

    R0 is the lower median over two rounds of one request for each server. If the balancing method does not rotate, more
    rounds follow until every server has answered. Raises TrialFailed with the servers that answered instead. A mix,
    steps, a login and templates are sent by the load generator's client: `exchanges.verify`. A script's requests are
    not known, so the health check is sent instead of them, and R0 is its response time.
    """
    sole = context.grid.sole_request
    if not context.grid.requests:
        sole = of_request(HttpRequest(path=context.grid.service.health), Expect())
    # Without a balancer only the load generator reaches the server.
    if sole is None or not sole.is_plain or not context.grid.balancer_of(cell.by_name).forwards:
        return exchanges.verify(context, cell, servers, trial)
    settings = settings_of(context, cell.by_name)
    method = balancing.of(settings.balancer, *settings.places)
    expected = {server.address for server in servers}
    timeout_s = max(_LEAST_TIMEOUT_S, context.grid.load.timeout)
    is_fixed = method.even or method.by_address  # further rounds would reach no other server
    patience = Patience(wait=context.wait)
    problem, timeouts = "none", 0
    wrong: _Unexpected | None = None
    with (
        context.connections.http(
            context.inventory.balancer, Url.SERVICE, tls=tls.is_on(settings), timeout=timeout_s
        ) as client,
        ThreadPoolExecutor(min(cell.servers, _MOST_PARALLEL)) as pool,
    ):
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # every request is one of a new user
        while True:  # at least once, on slow machines too
            answers: list[tuple[str, float]] = []
            again = False
            try:
                for rounds in itertools.count(1):
                    answers += pool.map(lambda _: _send(context, client, trial, sole), range(cell.servers))
                    reached = {server for server, _ in answers}
                    patience.took(max(took_s for _, took_s in answers))
                    if not reached <= expected:
                        break  # an old worker process of the balancer is still running
                    if rounds >= _ROUNDS and (is_fixed or reached == expected or patience.is_over()):
                        break
            except httpx.TimeoutException:
                timeouts += 1
                again = timeouts < _ROUNDS
                problem = f"no response within {timeout_s:g} s (load.timeout)"
            except httpx.HTTPError as error:
                problem = repr(error)
            except _Unexpected as error:
                problem, wrong = str(error), error
            else:
                wrong = None
                if reached == expected or (method.by_address and reached <= expected):
                    return statistics.median_low(took_s for _, took_s in answers)
                problem = "got " + ", ".join(sorted({server for server, _ in answers}))
            if patience.is_over() and not again:
                break
            patience.pause()
    why = _explained(context, cell, wrong) if wrong else ""
    raise TrialFailed(f"responses did not come from exactly {', '.join(sorted(expected))}: {problem}{why}")


class _Unexpected(Exception):
    """A response that the grid does not expect."""

    def __init__(self, problem: str, response: httpx.Response, body: bytes) -> None:
        super().__init__(problem)
        self.response = response
        self.text = body.decode(errors="replace")


def _explained(context: TrafficContext, cell: Cell, wrong: _Unexpected) -> str:
    """The known reason for an unexpected response, with a fix; begins with a period."""
    status = wrong.response.status_code
    logged = context.balancer_log() if status in (502, 503, 504) else ""
    balancer = context.grid.balancer_of(cell.by_name)
    why = balancer.own_response(status, wrong.response.headers.get("X-Study-Server", ""), wrong.text, logged)
    if not why and status in balancing.SESSION_STATUSES and cell.servers > 1:
        why = str(balancing.sessions_hint(cell.servers, balancer))
    return f". {why}" if why else ""


def _send(context: TrafficContext, client: httpx.Client, trial: str, sole: TrafficRequest) -> tuple[str, float]:
    """(server that answered, response time in s); raises _Unexpected for a response that the grid does not expect."""
    request = sole.request
    headers = {**request.all_headers, "X-Study-Trial": f"{trial}.verify"}
    began = time.perf_counter()
    prepared = client.build_request(request.method, request.target, content=request.body or None, headers=headers)
    response = client.send(prepared, stream=True)
    try:
        body = b"".join(response.iter_raw())  # the load generator's client decodes it: `require_usable`
    finally:
        response.close()
    took_s = time.perf_counter() - began
    if problem := _unexpected(sole, response, body):
        raise _Unexpected(f"{request.method} {request.path} returned {problem}", response, body)
    # Over SSH the measured time would include the network; the balancer's own time (whole ms) does not.
    own_s = context.connections.tunnels and response.headers.get("X-Study-Time")
    return response.headers.get("X-Study-Server", "an unknown server"), max(0.001, float(own_s)) if own_s else took_s


def _unexpected(sole: TrafficRequest, response: httpx.Response, body: bytes) -> str:
    """What the grid does not expect in a response; empty for an expected one. Redirects are not followed.

    An encoded body is not checked.
    """
    status = response.status_code
    if status not in sole.expect.status:
        if response.is_redirect and (place := response.headers.get("Location")):
            return (
                f"status {status}, a redirect to {place}. Fix: use that path, or add {status} to request.expect_status"
            )
        return f"status {status}"
    plain = "Content-Encoding" not in response.headers
    expected = sole.expect.body
    if expected and plain and not patterns.compiled(expected).search(body):
        begins = body.decode(errors="replace")[:80]
        return f"status {status}, but its body does not contain {expected!r} (it begins with {begins!r})"
    return ""


def require_usable(context: TrafficContext, spec: LoadSpec) -> None:
    """Let the load generator's client send each request once; raises TrialFailed if one is not a success.

    Clients differ in what they decode and accept, so the client of `verify` cannot replace this check.
    """
    found = context.load_generator.send_each(replace(spec, trial=f"{spec.trial}.verify"))
    if failed := exchanges.first_failed(context.grid, found):
        raise TrialFailed(failed.by_client(context.grid))
