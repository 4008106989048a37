"""Send a load's login and requests once, as its first user does, to see which servers answer and how fast.

nGrinder's own client reports neither, so the harness sends the bytes that the script would send. nGrinder's validation
of the script checks its own client.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

from harness.grid import json_paths, patterns
from harness.records import failure_kind
from harness.records.failure_kind import FailureCategory, FailureKind
from harness.traffic.load_generator import Exchange, LoadSpec
from harness.traffic.ngrinder import script, translation

BEGINS = 80  # characters
Value = str | list[str]  # a list has the JSON of a value that is no text


class NoData(Exception):
    """A value or a file that a request needs does not exist."""


def send_each(client: httpx.Client, load: LoadSpec) -> list[Exchange]:
    """Send the login, and each request once, in order; the first one that fails is the last one that is sent."""
    settings = script.settings(load)
    user = FirstUser(load, translation.rows(load.traffic.dataset.rows) if load.traffic.dataset else [])
    client.cookies.clear()
    found: list[Exchange] = []
    traffic = settings["traffic"]
    for sent, trial in (
        *([(traffic["login"], f"{load.trial}.login")] if traffic["login"] else []),
        *((request, load.trial) for request in traffic["requests"]),
    ):
        found.append(user.send(client, sent, trial))
        if found[-1].error is not None:
            break
    return found


class FirstUser:
    """The values of the first user: its row, and values from responses."""

    def __init__(self, load: LoadSpec, rows: Sequence[Mapping[str, Value]] = ()) -> None:
        self._load = load
        self._files = load.traffic.dataset.files if load.traffic.dataset else {}
        row = rows[0] if rows else {}
        self.known: dict[str, Value] = {
            "user": "1",
            "trial": load.trial,
            **{f"row.{name}": value for name, value in row.items()},
        }

    def joined(self, parts: Sequence[translation.Part]) -> bytes:
        """Join parts with this user's values; raises NoData for an unknown one."""
        return b"".join(part.encode() if isinstance(part, str) else self._part(part) for part in parts)

    def _part(self, part: list[Any]) -> bytes:
        kind, name = part
        if kind in ("file", "basename"):
            key = self.joined(name).decode()
            if key not in self._files:
                raise NoData(key)
            return self._files[key] if kind == "file" else _quoted(key.rpartition("/")[2]).encode()
        if name not in self.known:
            raise NoData(name)
        value = self.known[name]
        plain = value if isinstance(value, str) else value[0]
        if kind == "json" and isinstance(value, list):
            return plain.encode()
        return _CONVERSIONS[kind](plain).encode()

    def send(self, client: httpx.Client, sent: Mapping[str, Any], trial: str) -> Exchange:
        """Send one request of the script's settings, and keep the values that it reads from the response."""
        self.known["uuid"] = str(uuid.uuid4())
        began = time.perf_counter()
        try:
            headers = [(str(name).encode(), self.joined(parts)) for name, parts in sent["headers"]]
            request = client.build_request(
                sent["method"],
                self.joined(sent["target"]).decode(),
                headers=[*headers, (b"X-Study-Trial", trial.encode())],
                content=self.joined(sent["body"]) if sent["body"] is not None else None,
            )
            if not any(name.lower() == b"accept-encoding" for name, _ in headers):
                del request.headers["Accept-Encoding"]  # nGrinder's client decodes nothing
            response = client.send(request, stream=True)
            try:
                body = b"".join(response.iter_raw()).decode(errors="replace")
            finally:
                response.close()
        except (httpx.HTTPError, NoData) as error:
            return Exchange(name=sent["name"], error=_kind(error), took_s=time.perf_counter() - began)
        own_s = response.headers.get("X-Study-Time")
        return Exchange(
            name=sent["name"],
            error=self._error(sent, response, body),
            status=response.status_code,
            server=response.headers.get("X-Study-Server", ""),
            took_s=time.perf_counter() - began,
            time_s=float(own_s) if own_s else None,
            location=response.headers.get("Location", ""),
            begins=body[:BEGINS],
        )

    def _error(self, sent: Mapping[str, Any], response: httpx.Response, body: str) -> FailureKind | None:
        if response.status_code not in sent["expect_status"]:
            return failure_kind.with_status(response.status_code)
        if sent["expect_body"] is not None and not patterns.compiled(sent["expect_body"]).search(body.encode()):
            return FailureKind(FailureCategory.BODY)
        for name, way in sent["extract"]:
            value = _extracted(way, response, body)
            if value is None:
                return failure_kind.parse(f"extract {name}")
            self.known[name] = value
        return None


def _extracted(way: Mapping[str, Any], response: httpx.Response, body: str) -> Value | None:
    if "header" in way:
        header: str | None = response.headers.get(way["header"])
        return header
    if "regex" in way:
        pattern = patterns.compiled(way["regex"])
        found = pattern.search(body.encode())
        value: bytes | None = found[1 if pattern.groups else 0] if found else None
        return value.decode(errors="replace") if value is not None else None
    value = json_paths.found(body, way["keys"])
    return value if value is None or isinstance(value, str) else [json.dumps(value, separators=(",", ":"))]


def _kind(error: Exception) -> FailureKind:
    if isinstance(error, NoData):
        return failure_kind.parse("no data")
    if isinstance(error, httpx.TimeoutException):
        return FailureKind(FailureCategory.TIMEOUT)
    if isinstance(error, httpx.RemoteProtocolError):
        return FailureKind(FailureCategory.INCOMPLETE)
    if isinstance(error, httpx.NetworkError):
        return FailureKind(FailureCategory.CONNECTION)
    return FailureKind(FailureCategory.CLIENT, detail=type(error).__name__)


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


_CONVERSIONS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "in_json": lambda text: json.dumps(text)[1:-1],
    "json": json.dumps,
    "quoted": _quoted,
}
