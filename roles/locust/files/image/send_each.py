"""Send each request of a load once, before the load: so that a mistake in the traffic is found in a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import users
from choices import EXHAUSTED
from compiled import CompiledRequest
from load_spec import Dataset, LoadSpec
from locust.env import Environment
from sending import Answer, send
from sessions import Session
from templates import form, inside_json, percent

BEGINNING = 80  # characters of a body that are returned
MASK = "***"
SHORTEST_NUMBER = 4  # digits of a number that may be a secret: shorter ones are in most texts


def send_each(spec: LoadSpec, data: Dataset) -> list[dict[str, Any]]:
    """Send the login and each request in order, as the first user does, without pauses, while no load runs.

    It ends after a failed login or step, because later requests need its values. Raises ValueError for a load that
    cannot be compiled.
    """
    users.current = load = users.Load(spec, time.time(), data=data)
    user = users.StudyUser(Environment())
    session, exchanges = Session(0), []
    try:
        traffic = load.traffic
        if traffic.login is not None:
            row = traffic.choices.row_of_login(0)
            exchanges.append(_exchange(load, user.client, session, traffic.login, row))
            if exchanges[-1]["error"]:
                return exchanges
            session.logged_in()
        session.begin_transaction()
        for number, request in enumerate(traffic.requests):
            row = traffic.choices.of_user(0, 0 if traffic.steps else number).row
            if row == EXHAUSTED:  # the first user does not send as many requests
                row = traffic.choices.row_of_login(0)
            exchanges.append(_exchange(load, user.client, session, request, row))
            if exchanges[-1]["error"] and traffic.steps:
                break
    finally:
        user.client.client.close()
        users.current = None
    return exchanges


def _exchange(load: Any, client: Any, session: Session, request: CompiledRequest, row: int) -> dict[str, Any]:
    prepared = session.prepare(load.traffic, request, row)
    began = time.perf_counter()
    answer = Answer(prepared) if isinstance(prepared, str) else send(client, prepared, request)
    took_s = time.perf_counter() - began
    error = session.keep(request, answer)
    is_login = request is load.traffic.login
    return {
        "name": request.name,
        "error": error,
        "status": getattr(answer.response, "status_code", 0) or 0,
        "server": answer.header("x-study-server"),
        "took_s": took_s,
        "time_s": _seconds(answer.header("x-study-time")),
        "location": _without(answer.header("location"), session.variables),
        # A login's response contains secrets, unless it was rejected.
        "begins": "" if is_login and not error.startswith("status ") else _beginning(answer, session.variables),
    }


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _beginning(answer: Answer, variables: dict[str, Any]) -> str:
    try:
        body = answer.response.content or b""
    except Exception:  # no response, or a body that cannot be read
        body = b""
    return _without(body.decode(errors="replace"), variables)[:BEGINNING]


def _without(text: str, variables: dict[str, Any]) -> str:
    """A text without extracted values, which may be secret."""
    shown = {each for value in variables.values() for each in _texts(value)}
    for each in sorted(shown, key=len, reverse=True):
        text = text.replace(each, MASK)
    return text


def _texts(value: Any) -> Iterator[str]:
    """A value, and those inside of it, as a response may show them: plain, in JSON and in a URL."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif isinstance(value, str):
        shown = value.encode(errors="replace").decode()  # half of a surrogate pair has no other form
        yield from {value, *(convert(shown) for convert in (percent, form, inside_json))} - {""}
    elif not isinstance(value, bool | None) and len(str(value)) >= SHORTEST_NUMBER:
        yield str(value)
