"""Every request of the traffic must be answered by exactly the cell's servers before a trial."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import TrialFailed
from harness.grid.cell import Cell
from harness.records import failure_kind
from harness.traffic import exchanges, patience, run_load, verification
from harness.traffic.load_generator import Exchange, LoadSpec
from tests.builders import grid

ADDRESSES = [f"10.0.0.{i}:8080" for i in (1, 2, 3)]
TRAFFIC: dict[str, Any] = {
    "login": {"request": {"path": "/login"}, "extract": {"token": {"header": "X-Token"}}},
    "requests": [
        {"name": "a", "weight": 3, "request": {"path": "/a", "headers": {"X-Token": "${token}"}}},
        {"name": "b", "request": {"path": "/b"}, "expect": {"body": "right"}},
    ],
}


class Generator:
    """Answers each call by `answer`, which gets the number of the call from 1 and the name of the request."""

    def __init__(self, answer: Callable[[int, str], Exchange]) -> None:
        self.specs: list[LoadSpec] = []
        self._answer = answer

    def send_each(self, load: LoadSpec) -> list[Exchange]:
        self.specs.append(load)
        names = [*(["login"] if load.traffic.login else []), *(each.name for each in load.traffic.requests)]
        return [self._answer(len(self.specs), name) for name in names]


def verify(
    answer: Callable[[int, str], Exchange], method: str = "round_robin", servers: int = 3, **keys: Any
) -> tuple[float, Generator]:
    hosts = [
        Host.parse("balancer", "load_balancers", {"nginx_lb_method": method, "study_target_url": "http://b"}),
        *(
            Host.parse(f"server-{i + 1}", "ml_servers", {"private_ip": address.split(":")[0], "ml_server_port": 8080})
            for i, address in enumerate(ADDRESSES)
        ),
    ]
    generator = Generator(answer)
    context = SimpleNamespace(
        grid=grid(request=None, traffic=keys.pop("traffic", TRAFFIC), **keys),
        inventory=Inventory("test", tuple(hosts)),
        load_generator=generator,
        balancer_log=lambda: "",
        wait=lambda _: None,
    )
    cell = Cell((("servers", servers), ("vusers", 100)))
    found = verification.verify(
        cast(run_load.TrafficContext, context), cell, context.inventory.servers[:servers], "trial"
    )
    return found, generator


def in_turn(addresses: list[str] = ADDRESSES) -> Callable[[int, str], Exchange]:
    turns = itertools.cycle(addresses)
    return lambda _call, name: Exchange(name=name, status=200, server=next(turns), took_s=0.01)


def problem(answer: Callable[[int, str], Exchange], monkeypatch: pytest.MonkeyPatch, **more: Any) -> str:
    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    with pytest.raises(TrialFailed) as failed:
        verify(answer, **more)
    return str(failed.value).partition("exactly ")[2].partition(": ")[2]


def test_r0_is_the_mean_of_lower_medians_weighted_by_the_mix() -> None:
    """The login does not count."""
    times = {"login": 9.0, "a": 0.010, "b": 0.050}
    turns = itertools.cycle(ADDRESSES)

    def answer(call: int, name: str) -> Exchange:
        return Exchange(name=name, status=200, server=next(turns), took_s=times[name] * (10 if call == 1 else 1))

    found, generator = verify(answer)
    assert found == pytest.approx((3 * 0.010 + 0.050) / 4)
    assert {(spec.trial, spec.users) for spec in generator.specs} == {("trial.verify", 1)}
    assert len(generator.specs) >= exchanges.ROUNDS


def test_steps_count_equally() -> None:
    steps = [{"name": name, "request": {"path": "/"}} for name in "ab"]
    turns = itertools.cycle(ADDRESSES)
    times = {"a": 0.010, "b": 0.050}
    found, _ = verify(
        lambda _call, name: Exchange(name=name, status=200, server=next(turns), took_s=times[name]),
        traffic={"steps": steps},
    )
    assert found == pytest.approx(0.030)


def test_calls_are_repeated_until_every_server_has_answered() -> None:
    """The user of a call stays at one server with the method cookie, and each call has a new user."""
    users = [ADDRESSES[0]] * 4 + ADDRESSES
    _, generator = verify(
        lambda call, name: Exchange(name=name, status=200, server=users[call - 1], took_s=0.01), "cookie"
    )
    assert len(generator.specs) == len(users)


def test_a_server_that_is_not_of_the_cell_or_never_answers_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem(in_turn([*ADDRESSES, "10.0.0.9:8080"]), monkeypatch).startswith("got 10.0.0.1:8080")
    assert "10.0.0.9" in problem(in_turn([*ADDRESSES, "10.0.0.9:8080"]), monkeypatch)
    assert problem(in_turn(ADDRESSES[:2]), monkeypatch, method="random_two") == "got 10.0.0.1:8080, 10.0.0.2:8080"
    assert verify(in_turn(ADDRESSES[:1]), method="ip_hash")[0] > 0


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        (
            "b",
            {"error": "body", "status": 200, "begins": "wrong"},
            "b: GET /b returned status 200, but its body does not contain 'right' (it begins with 'wrong')",
        ),
        (
            "login",
            {"error": "extract token", "status": 200, "begins": "canary"},
            "login: GET /login returned status 200, but no value for token: header 'X-Token' finds nothing in the "
            "response",
        ),
        (
            "a",
            {"error": "client ValueError"},
            "the load generator's client fails with a: GET /a: client ValueError: it cannot send this request, or "
            "cannot parse the header of the response. Fix: check both headers",
        ),
        (
            "a",
            {"error": "no data"},
            "the load generator's client fails with a: GET /a: no data: a value, column or file for it does not exist. "
            "Fix: check the rows and traffic.login",
        ),
        (
            "a",
            {"error": "unsendable header X"},
            "the load generator's client fails with a: GET /a: unsendable header X: a value has a line break, a "
            "control character or a character beyond Latin-1, which a header cannot have. Fix: extract another part "
            "of the response",
        ),
        (
            "a",
            {"error": "status 307", "status": 307, "location": "/a/?token=canary"},
            "a: GET /a returned status 307, a redirect to /a/. Fix: use that path, set follow_redirects: true, or add "
            "307 to its expect.status",
        ),
    ],
)
def test_a_failed_request_is_named_and_explained(
    monkeypatch: pytest.MonkeyPatch, name: str, fields: dict[str, Any], words: str
) -> None:
    turns = itertools.cycle(ADDRESSES)
    kind = failure_kind.parse(fields["error"])

    def answer(_call: int, sent: str) -> Exchange:
        server = next(turns)
        if sent == name:
            return Exchange(name=sent, server=server, **{**fields, "error": kind})
        return Exchange(name=sent, status=200, server=server, took_s=0.01)

    assert problem(answer, monkeypatch) == words


@pytest.mark.parametrize(
    ("status", "server", "begins", "hint"),
    [
        (401, ADDRESSES[0], "", "keeps sessions in its memory"),
        (413, "", "", "its body exceeds nginx_lb_client_max_body_size"),
        (414, "", "", "its header exceeds nginx_lb_large_client_header_buffers"),
        (502, "", "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>", "nginx generated"),
        (502, ADDRESSES[0], "<html><head><title>a page of the application</title>", ""),
    ],
)
def test_a_status_has_the_hints_of_a_single_request(
    monkeypatch: pytest.MonkeyPatch, status: int, server: str, begins: str, hint: str
) -> None:
    kind = failure_kind.with_status(status)
    found = problem(
        lambda _call, name: Exchange(name=name, error=kind, status=status, server=server, begins=begins), monkeypatch
    )
    before, _, after = found.partition(f"login: GET /login returned status {status}")
    assert not before
    assert hint in after
    assert bool(hint) == bool(after)


@pytest.mark.parametrize(("server", "most"), [(ADDRESSES[0], 2), ("", 20)])
def test_a_rejected_login_is_repeated_once_and_any_other_failure_rarely(server: str, most: int) -> None:
    """Many services lock an account after a few wrong passwords."""
    calls = []

    def answer(call: int, name: str) -> Exchange:
        calls.append(call)
        status = 403 if server else 502
        return Exchange(name=name, error=failure_kind.with_status(status), status=status, server=server)

    with pytest.raises(TrialFailed, match="login: GET /login returned status"):
        verify(answer)
    logins = len(set(calls))
    assert 2 <= logins <= most


def test_a_timeout_is_repeated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request to a server may take longer than any other."""
    timeout, turns = failure_kind.parse("timeout"), itertools.cycle(ADDRESSES)

    def answer(call: int, name: str) -> Exchange:
        if call == 1:
            return Exchange(name=name, error=timeout)
        return Exchange(name=name, status=200, server=next(turns), took_s=0.01)

    monkeypatch.setattr(patience, "WITHIN_S", 0.0)
    assert verify(answer)[0] > 0
    assert problem(lambda _call, name: Exchange(name=name, error=timeout), monkeypatch).endswith("raise load.timeout")


def test_a_plain_request_is_sent_by_the_studys_own_client() -> None:
    """Templates, files, redirects and values need the load generator's client."""
    plain = {"name": "a", "request": {"path": "/"}}

    def sole(**request: Any) -> bool:
        found = grid(request=None, traffic={"requests": [{**plain, "request": {"path": "/", **request}}]}).sole_request
        assert found
        return found.is_plain

    assert sole()
    assert sole(json={"a": 1}, params={"b": 2}, form=None)
    for more in ({"path": "/${user}"}, {"json": ["${uuid}"]}, {"file": "a"}, {"follow_redirects": True}):
        assert not sole(**more)


def test_a_script_whose_requests_all_fail_is_reported_with_their_kinds() -> None:
    failed = failure_kind.parse("script no label")
    half = [Exchange(name="one", status=200, server=ADDRESSES[0], took_s=0.01, error=each) for each in (failed, None)]
    exchanges.require_a_success(half)  # a script may expect some failures
    with pytest.raises(TrialFailed, match=r"every request of the script failed \(one: script no label\). Fix: try"):
        exchanges.require_a_success(half[:1])
