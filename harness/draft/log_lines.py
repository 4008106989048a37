"""Read lines of access logs: the combined format of nginx and Apache, and JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The date in brackets, the request in quotes, the status. Fields before the date may have any content.
_COMBINED = re.compile(r'\[[^\]\[]{4,40}\] "([^"\\]*(?:\\.[^"\\]*)*)" (\d{3})(?:\s|$)')
_REQUEST = re.compile(r"([A-Za-z]{3,20}) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_ESCAPE = re.compile(r'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')
# Keys in logs of nginx, Apache, Caddy, Traefik, Envoy and cloud balancers, in lower case without punctuation.
_METHODS = ("requestmethod", "method", "httpmethod", "verb", "httprequestmethod")
_PATHS = (
    "requesturi",
    "requestpath",
    "uri",
    "path",
    "url",
    "requesturl",
    "target",
    "httptarget",
    "urlpath",
    "urloriginal",
)
_QUERIES = ("querystring", "query", "args", "urlquery")
_STATUSES = (
    "status",
    "statuscode",
    "responsestatus",
    "downstreamstatus",
    "responsecode",
    "httpstatus",
    "responsestatuscode",
)
_LINES = ("request", "requestline", "httprequest")
_NESTED = ("request", "response", "http", "url", "httprequest", "message", "log")


@dataclass(frozen=True)
class LoggedRequest:
    """Method, target as logged, and status of one request."""

    method: str
    target: str
    status: int


def parsed(line: str) -> LoggedRequest | None:
    """Return the request of a line; None for a line in another format."""
    if line.lstrip().startswith("{"):
        return _of_json(line)
    found = _COMBINED.search(line)
    return _of_request(_unescaped(found[1]), int(found[2])) if found else None


def _of_request(text: str, status: int) -> LoggedRequest | None:
    """Return a request line; one that is none, as of scanners, has the method "" and is known to be a log line."""
    found = _REQUEST.fullmatch(text)
    return LoggedRequest(found[1].upper(), found[2], status) if found else LoggedRequest("", text, status)


def _unescaped(text: str) -> str:
    r"""A text without the escapes of nginx and Apache: \x22, \" and \\."""
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
    try:
        return plain.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return plain


def _of_json(line: str) -> LoggedRequest | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    keys = _flat(data) if isinstance(data, dict) else {}
    status = next((_status(keys[key]) for key in _STATUSES if key in keys and _status(keys[key])), 0)
    method, path = _text(keys, _METHODS), _text(keys, _PATHS)
    if path and status:
        query = _text(keys, _QUERIES).lstrip("?")
        return LoggedRequest(
            (method or "GET").upper(), f"{path}?{query}" if query and "?" not in path else path, status
        )
    request = _text(keys, _LINES)
    return _of_request(request, status) if request and status else None


def _flat(data: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return keys in lower case without punctuation; nested ones by their own name and with their parent's."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = re.sub(r"[^a-z0-9]", "", str(key).lower())
        if isinstance(value, dict) and name in _NESTED and depth < 3:
            for inner, each in _flat(value, depth + 1).items():
                found.setdefault(name + inner, each)
                found.setdefault(inner, each)
        else:
            found[name] = value
    return found


def _text(keys: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((keys[name] for name in names if isinstance(keys.get(name), str) and keys[name]), "")


def _status(value: object) -> int:
    text = str(value)
    return int(text) if re.fullmatch(r"[1-5]\d\d", text) and not isinstance(value, bool) else 0
