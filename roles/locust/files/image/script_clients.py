"""The HTTP clients of your Locust script: Locust's sessions, counted by the study, with its timeout and its header.

The study's timeout is the longest one, requests are never sent again, and only the balancer receives them. A response
is complete when Locust returns it; one that the script streams ends with its header.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

import locust.clients
import locust.contrib.fasthttp
import locust.user.users
import requests.adapters
import script_users
from gevent import GreenletExit, getcurrent
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession, LocustUserAgent
from pacing import UNSENT_WAIT_S
from script_failures import OtherHost, OtherHostOfRequests, judged, kind_of, own_error
from script_places import ScriptFailed, place_of
from script_recorder import Call
from script_users import Presence
from urllib3.util import Retry

TRIAL, CONNECTION = "X-Study-Trial", "Connection"
_PORTS = {"http": 80, "https": 443}
_NO_RETRY = Retry(0, read=False)
target = ""  # of requests outside of a load; set when the script is imported


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _prepare(call: Call, url: str, headers: Any, rejection: type[Exception]) -> None:
    """Check and mark a request right before it is sent; each followed redirect as well.

    Raises `rejection` for a URL of another host.
    """
    load = script_users.current
    below = load.below if load is not None else f"{target}/"
    if not url.startswith(below) and _origin(url) != _origin(below):
        call.unsent = True
        raise rejection(f"not the balancer: {url}. Allowed: URLs below {below[:-1]}")
    headers[TRIAL] = call.trial
    if load is not None and not load.spec.keep_alive:
        headers[CONNECTION] = "close"


def _received(call: Call, response: Any) -> None:
    call.response = response
    load = script_users.current
    if call.counted and load is not None:
        load.recorder.statuses[str(response.status_code)] += 1


_adapter_send = requests.adapters.HTTPAdapter.send


def _send(adapter: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
    """Send through the library requests; only requests of a user's session are marked and counted."""
    call = getattr(getcurrent(), "study_call", None)
    if call is None:
        return _adapter_send(adapter, request, *args, **kwargs)
    _prepare(call, request.url, request.headers, OtherHostOfRequests)
    adapter.max_retries = _NO_RETRY
    response = _adapter_send(adapter, request, *args, **kwargs)
    _received(call, response)
    return response


class StudyUserAgent(LocustUserAgent):
    """Locust's agent of FastHttpUser; each request it sends is marked."""

    def _urlopen(self, request: Any) -> Any:
        call = getattr(getcurrent(), "study_call", None)
        if call is None:
            return super()._urlopen(request)
        _prepare(call, request.url, request.headers, OtherHost)
        response = super()._urlopen(request)
        _received(call, response)
        return response


def _check_owner(user: Any, greenlet: Any) -> None:
    """End the load for a request of a greenlet that a task has spawned: its user would be in two requests at once.

    Other requests outside of users, such as those of `test_start`, are sent and not counted.
    """
    load = script_users.current
    if load is None:
        return
    owner = getattr(user, "study_presence", None)
    if (owner is not None and owner.greenlet is not None) or load.began:
        place = place_of(sys._getframe(2), getattr(greenlet, "spawning_stack", None))
        load.reject("a request in a greenlet of its own (gevent.spawn or a pool)", place)
        raise GreenletExit


def _uncounted(name: str) -> Call:
    load = script_users.current
    return Call(0.0, name, f"{load.spec.trial if load is not None else 'script'}.setup", counted=False)


def _wait_if_unsent(presence: Presence, call: Call) -> None:
    """Let a user wait after two requests in a row to other hosts: one that never sleeps would do nothing else."""
    if call.unsent and presence.was_unsent and not presence.leaving:
        presence.sleep(UNSENT_WAIT_S, ref=True)
    presence.was_unsent = call.unsent


def _request(session: Any, send: Any, name: str, streams: bool, catches: bool) -> Any:
    """Send one request of a session and count it; `send` is Locust's own method."""
    greenlet = getcurrent()
    presence: Presence | None = getattr(greenlet, "study", None)
    if presence is None:
        _check_owner(session.user, greenlet)
        call = _uncounted(name)
    else:
        call = presence.begin(name)
    greenlet.study_call = call
    try:
        response = send()
    except BaseException as failure:
        if presence is not None:
            call.unsent |= call.response is None and isinstance(failure, ValueError)  # an invalid URL
            presence.end(call)
            presence.decide(call, "aborted" if isinstance(failure, GreenletExit) else kind_of(failure))
            _wait_if_unsent(presence, call)
        raise
    finally:
        greenlet.study_call = None
    if presence is None:
        return response
    if call.unsent or presence.was_unsent:
        _wait_if_unsent(presence, call)
    if call.decided or not call.counted:
        return response
    presence.end(call)
    presence.load.streams |= streams
    if catches:
        response.request_meta["response"].study_judged = call
        call.name, call.handle = str(response.request_meta["name"]), response
        presence.undecided.append(call)
    else:  # the session has an event of its own, which reports to nobody here
        presence.decide(call, own_error(response))
    return response


def on_request(response: Any = None, exception: Any = None, name: str = "", **_meta: Any) -> None:
    """Listen to Locust's event of a request: the script has judged its response."""
    greenlet = getcurrent()
    presence: Presence | None = getattr(greenlet, "study", None)
    if presence is None:
        return
    call = getattr(response, "study_judged", None)
    if call is None:
        call = getattr(greenlet, "study_call", None)  # while a request is sent
        if call is None or not call.counted:
            return  # an event that the script fires for something else
        presence.end(call)
    call.name = str(name)
    error = ""
    if exception is not None:
        by_script = getattr(call.handle, "_manual_result", None) is exception
        error = judged(exception) if by_script else kind_of(exception, getattr(response, "status_code", None))
    presence.decide(call, error)


def _left(leave: Any) -> Any:
    """Decide on a response whose `with` block another exception left: Locust reports nothing for it."""

    def exit_(response: Any, kind: Any, value: Any, trace: Any) -> Any:
        try:
            return leave(response, kind, value, trace)
        finally:
            presence = getattr(getcurrent(), "study", None)
            call = getattr(response.request_meta["response"], "study_judged", None)
            if presence is not None and call is not None and not call.decided:
                is_script = value is not None and not isinstance(value, GreenletExit)
                presence.decide(call, f"script {type(value).__name__}" if is_script else own_error(response))

    return exit_


class StudyHttpSession(HttpSession):
    """The client of HttpUser."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        load = script_users.current
        if load is not None:
            self.verify = load.spec.tls_verify

    def request(
        self, method: Any, url: Any, name: Any = None, catch_response: bool = False, *args: Any, **kw: Any
    ) -> Any:
        load = script_users.current
        if load is not None:
            kw["timeout"] = _bounded(kw.get("timeout"), load.spec.timeout_s)
        request = super().request

        def send() -> Any:
            return request(method, url, name, catch_response, *args, **kw)

        return _request(self, send, str(name or self.request_name or url), bool(kw.get("stream")), catch_response)


class StudyFastHttpSession(FastHttpSession):
    """The client of FastHttpUser."""

    def __init__(self, *args: Any, client_pool: Any = None, **kwargs: Any) -> None:
        if client_pool is not None:
            raise ScriptFailed("client_pool: users would wait for each other's connections. Fix: remove it")
        load = script_users.current
        if load is not None:
            for key in ("network_timeout", "connection_timeout"):
                kwargs[key] = min(kwargs.get(key) or load.spec.timeout_s, load.spec.timeout_s)
            if not load.spec.tls_verify:
                kwargs["insecure"] = True
        super().__init__(*args, **{**kwargs, "max_retries": 0})

    def request(
        self,
        method: Any,
        url: Any,
        name: Any = None,
        data: Any = None,
        catch_response: bool = False,
        stream: bool = False,
        *args: Any,
        **kw: Any,
    ) -> Any:
        request = super().request

        def send() -> Any:
            return request(method, url, name, data, catch_response, stream, *args, **kw)

        return _request(self, send, str(name or self.request_name or url), stream, catch_response)


def _bounded(timeout: Any, longest_s: float) -> Any:
    """A timeout of requests, in seconds or (connection, read), with the study's as the longest."""
    if isinstance(timeout, tuple):
        return tuple(_bounded(each, longest_s) for each in timeout)
    return longest_s if timeout is None else min(float(timeout), longest_s)


_PLACES = (
    (locust.clients, "HttpSession", StudyHttpSession, HttpSession),
    (locust.user.users, "HttpSession", StudyHttpSession, HttpSession),
    (locust.contrib.fasthttp, "FastHttpSession", StudyFastHttpSession, FastHttpSession),
    (locust.contrib.fasthttp, "LocustUserAgent", StudyUserAgent, LocustUserAgent),
)
_installed = False


def use(for_script: bool) -> None:
    """Give users the study's sessions, or Locust's own for loads without a script."""
    global _installed
    for module, name, ours, theirs in _PLACES:
        setattr(module, name, ours if for_script else theirs)
    if for_script and not _installed:
        _installed = True
        requests.adapters.HTTPAdapter.send = _send  # type: ignore[method-assign] # it replaces the library's method
        for managed in (locust.clients.ResponseContextManager, locust.contrib.fasthttp.ResponseContextManager):
            managed.__exit__ = _left(managed.__exit__)
