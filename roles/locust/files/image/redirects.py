"""Redirects that a request follows. No Locust here."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

MOST_HOPS = 5
STATUSES = frozenset({301, 302, 303, 307, 308})
_CONTENT = frozenset({"content-type", "content-length", "content-encoding", "content-language", "content-location"})
_PORTS = {"http": 80, "https": 443}


class Prepared(NamedTuple):
    """A request as it is sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


def followed(sent: Prepared, status: int, location: str) -> Prepared | None:
    """The request after a redirect; None for a response that is none, or that leads to another origin.

    303 changes the method to GET, and 301 and 302 change POST to GET, as all browsers do (RFC 9110, 15.4). A request
    whose method changes has no body.
    """
    if status not in STATUSES or not location:
        return None
    try:
        url = urljoin(sent.url, _ascii(location))
        if _origin(url) != _origin(sent.url):
            return None
    except ValueError:  # a location that is no URL
        return None
    url = url.partition("#")[0]
    if (status == 303 and sent.method != "HEAD") or (status in (301, 302) and sent.method == "POST"):
        headers = {name: value for name, value in sent.headers.items() if name.lower() not in _CONTENT}
        return Prepared("GET", url, headers, None)
    return sent._replace(url=url)


def _ascii(location: str) -> str:
    """A location whose bytes beyond ASCII are percent-encoded; the client reads each byte as one character."""
    return "".join(letter if letter.isascii() or ord(letter) > 255 else f"%{ord(letter):02X}" for letter in location)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
