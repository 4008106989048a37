"""A server that records every request that it gets, as one JSON line each.

`/login` sets a cookie and returns a token; `/redirect/STATUS` redirects to /landed; every other path returns its own
name. The query parameter `fail` answers with that status.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.local_server import LocalServer


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as the server received it."""

    at: float
    method: str
    target: str  # path with its query string
    headers: dict[str, str] = field(repr=False)  # by lowercase name
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def params(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def trial(self) -> str:
        return self.headers.get("x-study-trial", "")


class Recording(LocalServer):
    """The server; it answers after `delay_s`. Logins fail while `rejects_logins` is set."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.seen: list[Seen] = []
        self.delay_s = 0.0
        self.rejects_logins = False
        self.responses: dict[str, bytes] = {}  # path → whole response
        self._numbers = itertools.count(1)

    def of(self, trial: str) -> list[Seen]:
        """The requests of a trial, in the order of their arrival."""
        return [each for each in self.seen if each.trial == trial]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            seen = Seen(at=time.monotonic(), method=method, target=target, headers=headers, body=body)
            self.seen.append(seen)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            writer.write(self._response(seen))
            await writer.drain()

    def _response(self, seen: Seen) -> bytes:
        if seen.path in self.responses:
            return self.responses[seen.path]
        number = next(self._numbers)
        status, extra, body = "200 OK", "", f'{{"path": "{seen.path}", "number": {number}}}'
        if "fail" in dict(seen.params):
            status = f"{dict(seen.params)['fail']} Failed"
        if seen.path == "/login":
            extra = f"Set-Cookie: session=s{number}; Path=/\r\n"
            body = f'{{"access_token": "t{number}"}}'
            if self.rejects_logins:
                status, extra, body = "401 Unauthorized", "", "wrong password"
        if seen.path.startswith("/redirect/"):
            status, extra = f"{seen.path.rpartition('/')[2]} Moved", "Location: /landed\r\n"
        text = "" if seen.method == "HEAD" else body
        return f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{text}".encode()


def recording(tls: ssl.SSLContext | None = None) -> AbstractContextManager[Recording]:
    """Run the server on a port of this machine, with `tls` by HTTPS."""
    return Recording(tls).running()
