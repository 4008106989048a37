"""Kinds of failed requests of both HTTP clients of Locust, as the study counts them."""

from __future__ import annotations

import re
import socket
import zlib
from typing import Any

import brotli
import gevent
import requests.exceptions
import script_secrets
import urllib3.exceptions
from geventhttpclient.response import HTTPConnectionClosed
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.exception import CatchResponseError

OTHER_HOST = "other host"
_LONGEST_TEXT = 60
_TIMEOUTS = (TimeoutError, socket.timeout, gevent.Timeout, requests.exceptions.Timeout)
_UNDECODABLE = (requests.exceptions.ContentDecodingError, zlib.error, brotli.error)
_SHORTENED = (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.IncompleteRead)
_FOLDERS = re.compile(r"(?<=\s)/\S*/(?=[^/\s]+\.py:\d)")  # FastHttpUser.rest names files with their whole paths
_TIMED_OUT = re.compile(r"time(d )?out", re.IGNORECASE)


class OtherHost(OSError):
    """A request of FastHttpUser to another host than the balancer; it is not sent."""


class OtherHostOfRequests(requests.exceptions.RequestException):
    """The same of HttpUser: each client has its own type of failures that a task does not see as exceptions."""


def kind_of(failure: BaseException, status: int | None = None) -> str:
    """The kind of a failure that Locust reports; `status` is that of the response, if there is one."""
    if isinstance(failure, CatchResponseError):
        return f"script {_short(failure)}"
    if isinstance(failure, OtherHost | OtherHostOfRequests):
        return OTHER_HOST
    if isinstance(failure, LocustBadStatusCode | requests.exceptions.HTTPError) and status:
        return f"status {status}"
    chain: list[BaseException] = []
    while failure is not None and failure not in chain:
        chain.append(failure)
        failure = failure.__cause__ or failure.__context__ or getattr(failure, "original", None)  # type: ignore[assignment]
    if any(isinstance(each, _TIMEOUTS) for each in chain) or _TIMED_OUT.search(str(chain[0])):
        return "timeout"
    if any(isinstance(each, ConnectionRefusedError) for each in chain):
        return "refused"
    if any(isinstance(each, _UNDECODABLE) for each in chain):
        return "encoding"
    if isinstance(chain[0], ValueError) and not status:  # such as requests' InvalidURL, which is an OSError as well
        return _named(chain[0])
    if status or any(isinstance(each, _SHORTENED) for each in chain):
        return "incomplete" if isinstance(chain[0], OSError | HTTPConnectionClosed | _SHORTENED) else _named(chain[0])
    is_network = isinstance(chain[0], OSError | HTTPConnectionClosed | urllib3.exceptions.HTTPError)
    return "connection" if is_network else _named(chain[0])


def judged(failure: BaseException) -> str:
    """The kind of a failure that the script itself reports, with an exception or a text."""
    return f"script {_short(failure)}"


def own_error(response: Any) -> str:
    """The kind of failure of a response that nobody has judged; empty for a success."""
    failure = getattr(response, "error", None) or (getattr(response, "request_meta", None) or {}).get("exception")
    status = getattr(response, "status_code", 0) or 0
    if failure is not None:
        return kind_of(failure, status)
    return f"status {status}" if status >= 400 else ""


def _named(failure: BaseException) -> str:
    return f"client {type(failure).__name__}"


def _short(failure: BaseException) -> str:
    text = " ".join(str(failure).split()) or type(failure).__name__
    return script_secrets.without(_FOLDERS.sub("", text))[:_LONGEST_TEXT]
