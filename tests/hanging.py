"""A server that never answers a share of its requests: the share is the path, as in /0.06."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import AbstractContextManager

from tests.local_server import LocalServer

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nright answer"


class Hanging(LocalServer):
    """The server; `requests` and `hung` count by path. Which requests hang is drawn in the order of their arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = Counter[str]()
        self.hung = Counter[str]()
        self._draw = random.Random(1)  # noqa: S311 - reproducible faults, no secret

    def forget(self) -> None:
        """Begin new counts and the same draws again; no load may run."""
        self.requests.clear()
        self.hung.clear()
        self._draw.seed(1)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.requests[path] += 1
            if self._draw.random() < float(path.removeprefix("/")):
                self.hung[path] += 1
                await reader.read()  # until the client gives up
                break
            writer.write(RESPONSE)
            await writer.drain()


def hanging() -> AbstractContextManager[Hanging]:
    """Run the server on a port of this machine."""
    return Hanging().running()
