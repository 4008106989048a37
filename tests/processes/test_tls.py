"""Real Locust processes that send a load over HTTPS, compared with the record of the server."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import self_signed
from tests.locust_environment import Generator, generator
from tests.processes.test_traffic import load, request

USERS = 6


class Secured:
    """A server with a self-signed certificate for shop.example, and a record of its connections and requests."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = self_signed(folder)
        self.names: list[str | None] = []  # in the requests for a connection, one for each connection
        self.requests = 0
        self._lock = threading.Lock()
        record = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                record.count()
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        # The handshake happens with the first read, in the thread of its connection.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"

    def count(self) -> None:
        with self._lock:
            self.requests += 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Secured]:
    found = Secured(tmp_path)
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


@contextmanager
def locust(server: Secured) -> Iterator[Generator]:
    with generator(server.url.replace("https:", "http:")) as found:  # as the role sets it
        yield found


def over_tls(server: Secured, **traffic: Any) -> dict[str, Any]:
    """Return a load of GET requests to this server; keyword arguments add fields of its traffic."""
    message = load(server, [request(headers={"Host": "shop.example"})], users=USERS)  # type: ignore[arg-type] # its URL
    return {**message, "traffic": {**message["traffic"], **traffic}}


def test_a_load_over_https_is_counted_as_its_server_counts_it(server: Secured) -> None:
    with locust(server) as generator_:
        result = generator_.run(over_tls(server, tls_verify=False, tls_name="shop.example"))
    assert result["errors"] == {}
    done = sum(sample["completed"] for sample in result["samples"])
    assert server.requests == done > 2 * USERS, "a connection has several requests"
    # Tickets of TLS 1.3 arrive after the handshake. They must not look like a connection that has ended.
    assert server.names == ["shop.example"] * USERS, "one connection for each user"


def test_a_certificate_is_verified_against_trusted_ones_and_the_host_name(server: Secured) -> None:
    trusted = server.certificate.read_text(encoding="ascii")
    rejected = "client SSLCertVerificationError"
    with locust(server) as generator_:

        def error(**traffic: Any) -> str:
            [exchange] = generator_.send_each(over_tls(server, **traffic))
            return str(exchange["error"])

        assert error(tls_verify=False) == ""
        assert error(tls_verify=True, tls_name="shop.example") == rejected, "nobody trusts it"
        assert error(tls_verify=True, tls_trusted=trusted) == rejected, "it is not one for the address"
        assert error(tls_verify=True, tls_trusted=trusted, tls_name="other.example") == rejected
        assert error(tls_verify=True, tls_trusted=trusted, tls_name="shop.example") == ""
    assert server.requests == 2
