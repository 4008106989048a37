"""A server that records every request that it gets, as one JSON line each.

`/login` sets a cookie and returns a token; `/redirect/STATUS` redirects to /landed; every other path returns its own
name. The query parameter `fail` answers with that status.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


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


class Recording:
    """The server; it answers after `delay_s`. Logins fail while `rejects_logins` is set."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.seen: list[Seen] = []
        self.url = ""
        self.delay_s = 0.0
        self.rejects_logins = False
        self.responses: dict[str, bytes] = {}  # path → whole response
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def run(self, listening: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(listening))
        self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    def of(self, trial: str) -> list[Seen]:
        """The requests of a trial, in the order of their arrival."""
        return [each for each in self.seen if each.trial == trial]

    async def _serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=8192, ssl=self._tls)
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listening.set()
        await self._over.wait()
        server.close()
        conversations = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                seen = Seen(at=time.monotonic(), method=method, target=target, headers=headers, body=body)
                self.seen.append(seen)
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(self._response(seen))
                await writer.drain()
        writer.close()

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


@contextlib.contextmanager
def recording(tls: ssl.SSLContext | None = None) -> Iterator[Recording]:
    """Run the server on a port of this machine, with `tls` by HTTPS."""
    server, listening = Recording(tls), threading.Event()
    thread = threading.Thread(target=server.run, args=(listening,), daemon=True)
    thread.start()
    listening.wait()
    try:
        yield server
    finally:
        server.close()
        thread.join()
