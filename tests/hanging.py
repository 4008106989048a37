"""A server that never answers a share of its requests: the share is the path, as in /0.06."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nright answer"


class Hanging:
    """The server; `requests` and `hung` count by path. Which requests hang is drawn in the order of their arrival."""

    def __init__(self) -> None:
        self.requests = Counter[str]()
        self.hung = Counter[str]()
        self.url = ""
        self._draw = random.Random(1)  # noqa: S311 - reproducible faults, no secret
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def run(self, listening: threading.Event) -> None:
        """Serve on a port of this machine until `close` is called."""
        self._loop.run_until_complete(self._serve(listening))
        self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    def forget(self) -> None:
        """Begin new counts and the same draws again; no load may run."""
        self.requests.clear()
        self.hung.clear()
        self._draw.seed(1)

    async def _serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=4096)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
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
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                self.requests[path] += 1
                if self._draw.random() < float(path.removeprefix("/")):
                    self.hung[path] += 1
                    await reader.read()  # until the client gives up
                    break
                writer.write(RESPONSE)
                await writer.drain()
        writer.close()


@contextlib.contextmanager
def hanging() -> Iterator[Hanging]:
    """Run the server on a port of this machine."""
    server, listening = Hanging(), threading.Event()
    thread = threading.Thread(target=server.run, args=(listening,), daemon=True)
    thread.start()
    listening.wait()
    try:
        yield server
    finally:
        server.close()
        thread.join()
