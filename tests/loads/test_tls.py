"""Real Locust processes that send a load over HTTPS, compared with the record of the server."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import self_signed
from tests.locust_environment import Generator, generator
from tests.recording import Recording, recording
from tests.wire_loads import load, login, request

USERS = 6


@dataclass(frozen=True)
class Secured:
    """A server with a certificate for shop.example; `names` are those in the requests for its connections, in order."""

    server: Recording
    certificate: Path
    names: list[str | None]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    certificate, key = self_signed(tmp_path_factory.mktemp("certificate"))
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with recording(context) as server:
        yield Secured(server, certificate, names)


@pytest.fixture(scope="module")
def locust(secured: Secured) -> Iterator[Generator]:
    with generator(secured.server.url.replace("https:", "http:")) as found:  # as the role sets it
        yield found


@pytest.fixture(autouse=True)
def forget(secured: Secured) -> None:
    secured.server.seen.clear()
    secured.names.clear()


def over_tls(secured: Secured, **traffic: Any) -> dict[str, Any]:
    """Return a load of GET requests to this server; keyword arguments add fields of its traffic."""
    message = load(secured.server, [request(headers={"Host": "shop.example"})], users=USERS)
    return {**message, "traffic": {**message["traffic"], **traffic}}


def test_a_load_over_https_is_counted_as_its_server_counts_it(secured: Secured, locust: Generator) -> None:
    result = locust.run(over_tls(secured, tls_verify=False, tls_name="shop.example", login=login()))
    assert result["errors"] == {}
    done = sum(sample["completed"] for sample in result["samples"])
    assert len(secured.server.of("t1")) == done > 2 * USERS, "a connection has several requests"
    assert len(secured.server.of("t1.login")) == USERS
    # Tickets of TLS 1.3 arrive after the handshake. They must not look like a connection that has ended.
    assert secured.names == ["shop.example"] * USERS, "one connection for each user"


def test_a_certificate_is_verified_against_trusted_ones_and_the_host_name(secured: Secured, locust: Generator) -> None:
    trusted = secured.certificate.read_text(encoding="ascii")
    rejected = "client SSLCertVerificationError"

    def error(**traffic: Any) -> str:
        [exchange] = locust.send_each(over_tls(secured, **traffic))
        return str(exchange["error"])

    assert error(tls_verify=False) == ""
    assert error(tls_verify=True, tls_name="shop.example") == rejected, "nobody trusts it"
    assert error(tls_verify=True, tls_trusted=trusted) == rejected, "it is not one for the address"
    assert error(tls_verify=True, tls_trusted=trusted, tls_name="other.example") == rejected
    assert error(tls_verify=True, tls_trusted=trusted, tls_name="shop.example") == ""
    assert len(secured.server.seen) == 2


def test_a_load_whose_certificate_is_rejected_sends_nothing(secured: Secured, locust: Generator) -> None:
    result = locust.run({**over_tls(secured, tls_verify=True, tls_name="shop.example"), "duration_s": 2.0})
    assert result["errors"].keys() == {"client SSLCertVerificationError"}
    assert not secured.server.seen
