"""Responses must come from exactly a cell's servers, whatever its method; tested with a small HTTP server."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import TrialFailed
from harness.grid.cell import Cell
from harness.traffic import patience, run_load, verification
from tests.builders import grid

ADDRESSES = [f"10.0.0.{i}:8080" for i in (1, 2, 3)]


@contextmanager
def balancer(
    chosen: Callable[[], str],
    method: str,
    timeout_s: float = 10.0,
    status: int = 200,
    cookies: list[str] | None = None,
    received: Callable[[str | None], object] = lambda _trial: None,
) -> Iterator[run_load.TrafficContext]:
    """A context whose balancer names the server that `chosen` gives for each request; `received` gets its trial."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received(self.headers["X-Study-Trial"])
            if cookies is not None:
                cookies.append(self.headers.get("Cookie", ""))
            self.send_response(status)
            self.send_header("Set-Cookie", "study_server=one; Path=/")
            self.send_header("X-Study-Server", chosen())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    hosts = [
        Host.parse("balancer", "load_balancers", {"nginx_lb_method": method}),
        *(
            Host.parse(f"server-{i + 1}", "ml_servers", {"private_ip": address.split(":")[0], "ml_server_port": 8080})
            for i, address in enumerate(ADDRESSES)
        ),
    ]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"

    def client(*_: object, timeout: float, **_more: object) -> httpx.Client:
        return httpx.Client(base_url=url, timeout=timeout)

    connections = SimpleNamespace(tunnels=False, http=client)
    context = SimpleNamespace(
        grid=grid(request={"path": "/"}, load={"think_time": "1s", "duration": "20s", "timeout": f"{timeout_s}s"}),
        inventory=Inventory("test", tuple(hosts)),
        connections=connections,
        balancer_log=lambda: "",
        wait=lambda _: None,
    )
    try:
        yield cast(run_load.TrafficContext, context)
    finally:
        server.shutdown()
        server.server_close()


CELL = Cell((("servers", 3), ("vusers", 100)))


def test_requests_that_verify_a_topology_do_not_count_in_the_trial() -> None:
    """The balancer's log is summed up by this name."""
    servers, trials = itertools.cycle(ADDRESSES), list[str | None]()
    with balancer(lambda: next(servers), "round_robin", received=trials.append) as context:
        verification.verify(context, CELL, context.inventory.servers, "0001-r1")
    assert set(trials) == {"0001-r1.verify"}


@pytest.mark.parametrize("method", ["least_conn", "random_two"])
def test_rounds_follow_until_chance_has_reached_every_server(method: str) -> None:
    """Here the first two rounds reach one server alone."""
    first = itertools.chain([ADDRESSES[0]] * 6, iter(lambda: random.choice(ADDRESSES), None))  # noqa: S311 - no secret
    with balancer(lambda: next(first), method) as context:
        assert verification.verify(context, CELL, context.inventory.servers, "trial") > 0


def test_a_server_that_chance_never_reaches_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    two = itertools.cycle(ADDRESSES[:2])
    with balancer(lambda: next(two), "random_two") as context, pytest.raises(TrialFailed) as failed:
        verification.verify(context, CELL, context.inventory.servers, "trial")
    assert str(failed.value).endswith(": got 10.0.0.1:8080, 10.0.0.2:8080")


def test_an_unexpected_server_is_named_with_every_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    many = itertools.cycle([*ADDRESSES, "10.0.0.9:8080"])
    for method in ("round_robin", "random_two"):
        with balancer(lambda: next(many), method) as context, pytest.raises(TrialFailed, match=r"10\.0\.0\.9"):
            verification.verify(context, CELL, context.inventory.servers, "trial")


def test_every_request_is_a_new_users() -> None:
    """A cookie that names a server would bring all of them to that one."""
    cookies: list[str] = []
    turns = itertools.cycle(ADDRESSES)
    with balancer(lambda: next(turns), "cookie", cookies=cookies) as context:
        verification.verify(context, CELL, context.inventory.servers, "trial")
    assert set(cookies) == {""}


def test_one_address_reaches_one_server_where_that_is_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    with balancer(lambda: ADDRESSES[0], "ip_hash") as context:
        assert verification.verify(context, CELL, context.inventory.servers, "trial") > 0
    with balancer(lambda: "10.0.0.9:8080", "ip_hash") as context, pytest.raises(TrialFailed, match=r"10\.0\.0\.9"):
        verification.verify(context, CELL, context.inventory.servers, "trial")


@pytest.mark.parametrize(
    ("status", "server", "servers", "fix"),
    [
        (401, ADDRESSES[0], 2, "keeps sessions in its memory"),
        (403, ADDRESSES[0], 2, "nginx_lb_method: cookie"),
        (401, ADDRESSES[0], 1, ""),
        (413, "", 1, "nginx rejected the request: its body exceeds nginx_lb_client_max_body_size"),
        (413, ADDRESSES[0], 1, ""),
    ],
)
def test_an_unexpected_response_is_reported_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, status: int, server: str, servers: int, fix: str
) -> None:
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    with balancer(lambda: server, "round_robin", status=status) as context, pytest.raises(TrialFailed) as failed:
        verification.verify(
            context, Cell((("servers", servers), ("vusers", 1))), context.inventory.servers[:servers], "trial"
        )
    before, _, after = str(failed.value).partition(f"GET / returned status {status}")
    assert before
    assert fix in after
    assert bool(after) == bool(fix)


def test_slow_responses_leave_time_for_further_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rounds as above, without time in addition to that of the responses."""
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    monkeypatch.setattr(patience, "MORE_ROUNDS", 1000)
    first = itertools.chain([ADDRESSES[0]] * 6, itertools.cycle(ADDRESSES))

    def slowly() -> str:
        time.sleep(0.05)
        return next(first)

    with balancer(slowly, "random_two") as context:
        assert verification.verify(context, CELL, context.inventory.servers, "trial") >= 0.05


def test_a_response_may_take_as_long_as_users_wait_and_is_then_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_LEAST_TIMEOUT_S", 0.0)
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    received: list[int] = []

    def never() -> str:
        received.append(1)
        time.sleep(0.5)
        return ADDRESSES[0]

    with balancer(never, "round_robin", 0.1) as context, pytest.raises(TrialFailed) as failed:
        verification.verify(context, Cell((("servers", 1), ("vusers", 1))), context.inventory.servers[:1], "trial")
    assert str(failed.value).endswith("no response within 0.1 s (load.timeout)")
    assert len(received) == 2, "the first request to a server may take longer than any other"


@pytest.mark.parametrize(
    ("answer", "request_keys", "problem"),
    [
        (httpx.Response(200, text="label 0"), {"expect_body": "label"}, ""),
        (httpx.Response(307, headers={"Location": "/items/"}), {}, "a redirect to /items/. Fix: use that path"),
        (httpx.Response(307, headers={"Location": "/items/"}), {"expect_status": 307}, ""),
        (httpx.Response(302), {}, "status 302"),
        # Only the load generator's client can decide.
        (httpx.Response(200, headers={"Content-Encoding": "identity"}, text="?"), {"expect_body": "label"}, ""),
        (httpx.Response(429), {}, "status 429"),
        (
            httpx.Response(200, text="sorry"),
            {"expect_body": "label"},
            "its body does not contain 'label' (it begins with 'sorry')",
        ),
    ],
)
def test_an_unexpected_answer_is_explained(answer: httpx.Response, request_keys: dict[str, Any], problem: str) -> None:
    found = verification._unexpected(grid(request={"path": "/", **request_keys}).requests[0], answer, answer.content)
    assert found == problem or (problem and problem in found)


def test_time_scaling_divides_a_rate_by_its_factor() -> None:
    hosts = (Host.parse("balancer", "load_balancers", {"study_target_url": "http://balancer"}),)
    written = grid(
        factors={"servers": [1], "rate": ["100/s"]},
        load={"ramp_up": "2s", "duration": "12s", "arrivals": "constant", "in_flight": 50},
    )
    context = cast(run_load.TrafficContext, SimpleNamespace(grid=written.scaled(2), inventory=Inventory("test", hosts)))
    spec = run_load.open_spec(context, 100, "t", "7/arrivals/1")
    assert (spec.rate_per_s, spec.ramp_up_s, spec.duration_s, spec.window_from_s) == (50, 4, 24, 4)
    assert (spec.users, spec.think_time_s) == (0, 0)
    assert (spec.arrivals, spec.in_flight, spec.seed) == ("constant", 50, "7/arrivals/1")
