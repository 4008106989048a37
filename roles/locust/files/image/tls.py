"""TLS of the users' connections. No Locust here."""

from __future__ import annotations

import ssl
from typing import Any

import certifi
import gevent.ssl
from load_spec import TrafficSpec


def context(traffic: TrafficSpec) -> ssl.SSLContext:
    """One for all users of a load: reading the certificate authorities takes 10 ms.

    It resumes no session, so each connection is a full handshake, as those of different users are.
    """
    found: ssl.SSLContext = gevent.ssl.create_default_context()
    found.load_verify_locations(certifi.where())  # the image may have none of its own
    if not traffic.tls_verify:
        found.check_hostname = False
        found.verify_mode = ssl.CERT_NONE
    elif traffic.tls_trusted:
        found.load_verify_locations(cadata=traffic.tls_trusted)
        found.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # also one that no authority signed
    return found


def options(traffic: TrafficSpec) -> dict[str, Any]:
    """Options of geventhttpclient: the host name that the client sends, and that the certificate must have."""
    return {"server_hostname": traffic.tls_name} if traffic.tls_name else {}
