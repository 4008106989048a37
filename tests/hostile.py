"""A server with faulty responses of real servers: each path has one fault."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\n"
STALL_S = 2.5


def _reset(connection: socket.socket) -> None:
    """Send a reset when the connection is closed, instead of ending it regularly."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _encoded(encoding: bytes, body: bytes) -> bytes:
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body


# Path → bytes of the response; the connection is closed afterwards unless the path is in KEPT_ALIVE.
RESPONSES: dict[str, bytes] = {
    "/good": OK + b"Content-Length: 12\r\n\r\nright answer",
    "/gzip": _encoded(b"gzip", gzip.compress(b"right answer")),
    "/short": OK + b"Content-Length: 100\r\n\r\nright answer",
    "/chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\nright answer",
    "/chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nc\r\nright answer\r\n",
    "/reset": OK + b"Content-Length: 100\r\n\r\nright answer",
    "/stall": OK + b"Content-Length: 100\r\n\r\nright answer",
    "/zstd": _encoded(b"zstd", b"\x28\xb5\x2f\xfd right answer"),
    "/x-gzip": _encoded(b"x-gzip", gzip.compress(b"right answer")),
    "/empty-gzip": _encoded(b"gzip", b""),
    "/damaged-gzip": _encoded(b"gzip", gzip.compress(b"right answer")[:-12] + b"right answer"),
    "/damaged-br": _encoded(b"br", b"right answer"),
    "/307": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /good\r\nContent-Length: 12\r\n\r\nright answer",
    "/302": b"HTTP/1.1 302 Found\r\nLocation: http://[broken\r\nContent-Length: 12\r\n\r\nright answer",
    "/garbage": b"right answer\r\n\r\n",
    "/nothing": b"",
}
KEPT_ALIVE = {"/good", "/gzip", "/zstd", "/x-gzip", "/empty-gzip", "/damaged-gzip", "/damaged-br", "/307", "/302"}


class Hostile:
    """The server; `requests` counts by path."""

    def __init__(self) -> None:
        self.requests = Counter[str]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        """Accept connections until the socket is closed."""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _converse(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while head := self._head(connection):
                path = head.split(b" ", 2)[1].decode()
                self.requests[path] += 1
                connection.sendall(RESPONSES[path])
                if path == "/stall":
                    time.sleep(STALL_S)
                if path == "/reset":
                    time.sleep(0.05)  # the response arrives before the reset
                    _reset(connection)
                if path not in KEPT_ALIVE:
                    return

    @staticmethod
    def _head(connection: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = connection.recv(4096)
            if not more:
                return b""
            head += more
        return head


@contextlib.contextmanager
def hostile() -> Iterator[Hostile]:
    """Run the server on a port of this machine."""
    server = Hostile()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
