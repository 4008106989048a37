"""One request with Locust's HTTP client: send it, read the whole response, and name its failure."""

from __future__ import annotations

import select
import zlib
from typing import Any

import brotli
import gevent.monkey
import geventhttpclient.client
from compiled import TRIAL_HEADER, CompiledRequest
from extraction import Received
from geventhttpclient.connectionpool import ConnectionPool
from redirects import MOST_HOPS, Prepared, followed

_UNDECODABLE = (ValueError, zlib.error, brotli.error)  # raised for a complete body that it cannot decode

_poll = gevent.monkey.get_original("select", "poll")


def _is_alive(_pool: ConnectionPool, connection: Any) -> bool:
    """Whether a kept connection can be reused: an idle connection has no data and no end to read."""
    if connection is None or connection.fileno() < 0:
        return False
    poller = _poll()
    poller.register(connection.fileno(), select.POLLIN)
    return not poller.poll(0)


# geventhttpclient 2.6 calls select(), which supports no file descriptor above 1023: from about a thousand users on, the
# others would open a new connection for every request.
ConnectionPool._is_socket_alive = _is_alive  # type: ignore[method-assign] # it replaces the library's method
# It sends a GET up to three times if the connection ends without a response, and counts one request. That would hide
# failures, and the server would get more requests than the load has.
geventhttpclient.client._may_retry_after_send_error = lambda _method: False


class Answer:
    """The response to a request; `error` is the kind of failure, empty for a success.

    `response` is None for a request that the client cannot send.
    """

    __slots__ = ("error", "response")

    def __init__(self, error: str, response: Any = None) -> None:
        self.error = error
        self.response = response

    @property
    def received(self) -> Received:
        return Received(self.response.headers or {}, self.response.content or b"")

    def header(self, name: str) -> str:
        """A response header; empty if there is none."""
        headers = getattr(self.response, "headers", None) or {}
        value = headers.get(name, "")
        return value[0] if isinstance(value, list) else value


def send(client: Any, prepared: Prepared, request: CompiledRequest) -> Answer:
    """Send a request and read the whole response.

    It never raises. A user that raises skips its think time, and thousands of such users would flood the servers.
    """
    answer = _exchange(client, prepared, request)
    if request.follow_redirects:
        return _follow(client, prepared, request, answer)
    return answer


def _follow(client: Any, prepared: Prepared, request: CompiledRequest, answer: Answer) -> Answer:
    """Follow redirects; if there are too many or one leads to another origin, its response is the last one.

    Requests after the first one have a trial of their own, so that counters of the trial have one request each.
    """
    for _ in range(MOST_HOPS):
        if answer.response is None or answer.error in ("incomplete", "encoding"):
            break
        further = followed(prepared, answer.response.status_code, answer.header("location"))
        if further is None:
            break
        trial = prepared.headers[TRIAL_HEADER]
        if not trial.endswith((".login", ".redirect")):
            further = further._replace(headers={**further.headers, TRIAL_HEADER: f"{trial}.redirect"})
        prepared = further
        answer = _exchange(client, prepared, request)
    return answer


def _exchange(client: Any, prepared: Prepared, request: CompiledRequest) -> Answer:
    try:
        response = client.request(
            prepared.method,
            prepared.url,
            data=prepared.body,
            headers=prepared.headers,
            catch_response=True,
            name="load",
            stream=True,
        )
    except Exception as failure:
        _detach(failure)
        return Answer(f"client {type(failure).__name__}")
    unread = _read(response)
    error = _error_of(response, request, unread)
    _detach(getattr(response, "error", None))
    return Answer(error, response)


def _read(response: Any) -> str:
    """Read the whole body; return why it cannot be read, empty if it can.

    `incomplete`: the body ended before its announced length or its last chunk, the connection was reset, or no data
    arrived within the timeout. `encoding`: the content encoding is unknown, or its data are damaged.
    """
    if not response.status_code:
        return ""
    try:
        response.content  # noqa: B018 - reading it keeps it
    except _UNDECODABLE as failure:
        _detach(failure)
        unread = "encoding"
    except Exception as failure:
        _detach(failure)
        unread = "incomplete"
    else:
        return ""
    response.release()
    return unread


def _error_of(response: Any, request: CompiledRequest, unread: str) -> str:
    """The kind of failure, empty for a success; `unread` is why the body cannot be read."""
    if not response.status_code:
        failure = getattr(response, "error", None)
        text = f"{type(failure).__name__} {failure}".lower()
        if "timeout" in text or "timed out" in text:
            return "timeout"
        if "certificate" in text:
            return f"client {type(failure).__name__}"
        return "refused" if "refused" in text else "connection"
    if response.status_code not in request.statuses:
        return f"status {response.status_code}"
    if unread:
        return unread
    if request.pattern and not request.pattern.search(response.content or b""):
        return "body"
    return ""


def _detach(failure: BaseException | None) -> None:
    """Remove the reference cycles between an exception and the frames it passed.

    The garbage collector needs 0.1 s to find and free some thousand of them.
    """
    while failure is not None:
        failure.__traceback__, failure = None, failure.__context__
