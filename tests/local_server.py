"""The base of servers for tests: an asyncio server in a thread, on a port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Self


class LocalServer(ABC):
    """A server that converses with each connection until it is closed; with `tls` by HTTPS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.url = ""
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    @abstractmethod
    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection; a client that leaves may raise."""

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Run the server in a thread of its own."""
        listening = threading.Event()
        thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        thread.start()
        listening.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    def _run(self, listening: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(listening))
        self._loop.close()

    async def _serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=8192, ssl=self._tls)
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listening.set()
        await self._over.wait()
        server.close()
        conversations = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.converse(reader, writer)
        writer.close()
