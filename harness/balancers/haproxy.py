"""HAProxy: its settings, its limits, the events of its log, and the responses that it generates itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.balancers.balancer import (
    CLIENT_FIELDS,
    Balancer,
    Distribution,
    Event,
    Named,
    SizedRequest,
    ValueRule,
    Where,
    whole,
)
from harness.language import Sentence, messages, sentence

BUFFER = "haproxy_lb_buffer_bytes"
DEFAULTS: dict[str, Any] = {BUFFER: 65536}
REWRITE = 1024  # bytes of a buffer that HAProxy keeps for headers that it adds (tune.maxrewrite)

METHODS = {
    "round_robin": Distribution.EVEN,
    "least_conn": Distribution.BY_LOAD,
    "random_two": Distribution.BY_LOAD,
    "source": Distribution.BY_ADDRESS,
    "cookie": Distribution.BY_USER,
}
# roles/haproxy_lb/files/image/summarise_trial.py counts them, by the termination states of requests and by messages.
EVENTS = {
    "connection to a server failed": Event(fix="check the servers: one did not listen on its port", of_server=True),
    "connection to a server timed out": Event(
        fix="check the servers' network, or raise haproxy_lb_connect_timeout", of_server=True
    ),
    "no response from a server in time": Event(
        fix="{less} or more servers: one did not respond within haproxy_lb_response_timeout", of_server=True
    ),
    "a server closed the connection before its response": Event(
        fix="check the servers' logs: one ended before a response", of_server=True
    ),
    "a server closed the connection during its response": Event(
        fix="check the servers' logs: one ended during a response", of_server=True, cut_short=True
    ),
    "a server stopped during its response": Event(
        fix="check the servers' logs: one stopped during a response", of_server=True, cut_short=True
    ),
    "a request waited too long in the queue": Event(fix="{less} or more servers"),
    "requests waited in the queue": Event(fix="{less} or more servers"),
    "no resource for a connection to a server": Event(
        fix="keep connections to the servers (haproxy_lb_upstream_keepalive), or raise haproxy_lb_nofile",
        out_of_connections=True,
    ),
    "no server available": Event(fix="check the servers' health", of_server=True),
    "a server was removed": Event(fix="check the servers' health", of_server=True),
    "a server was added again": Event(fix="", of_server=True),
}
REMOVED_AT_ONCE = messages(
    "haproxy_lb_max_fails is {fails}: after 1 failed health check, {interval} apart, the balancer removes a server"
)
REMOVED = messages(
    "haproxy_lb_max_fails is {fails}: after {fails} failed health checks, {interval} apart, the balancer removes a "
    "server"
)
ONLY_REMOVED_AT_ONCE = messages(
    "haproxy_lb_max_fails is {fails}: after 1 failed health check, {interval} apart, the balancer removes a server, "
    "and then answers 503"
)
ONLY_REMOVED = messages(
    "haproxy_lb_max_fails is {fails}: after {fails} failed health checks, {interval} apart, the balancer removes a "
    "server, and then answers 503"
)
VALUE_RULES = (
    ValueRule(
        r"haproxy_lb_(?:.*_timeout|check_interval)", r"\d+(?:us|ms|[smhd])?", "a time in HAProxy's notation, as in 30s"
    ),
    ValueRule(r"haproxy_lb_tls_ciphers", r"[A-Za-z0-9:@=!+-]+", "ciphers in OpenSSL's notation"),
    ValueRule(r"haproxy_lb_threads", r"[1-9]|[12]\d|3[012]", "a whole number from 1 to 32"),
    ValueRule(r"haproxy_lb_retry_on", r"[a-z0-9-]+(?: [a-z0-9-]+)*", "words of retry-on, as in conn-failure 503"),
    ValueRule(BUFFER, r"1638[4-9]|163[9]\d|16[4-9]\d\d|1[7-9]\d{3}|[2-9]\d{4}|[1-9]\d{5,7}", "bytes, 16384 or more"),
)


class Haproxy(Balancer):
    """HAProxy in the container of role haproxy_lb."""

    def address_group(self, address: str) -> str:
        """Method source uses the whole address."""
        return address

    def duration(self, seconds: float) -> str:
        """As in 65s, or in 65500ms, because HAProxy accepts whole numbers only."""
        return f"{seconds:.0f}s" if seconds == round(seconds) else f"{seconds * 1000:.0f}ms"

    def settings(self, named: Named) -> dict[str, Any]:
        """The method, and how a failing server is handled."""
        retries = whole(named("haproxy_lb_retries"))
        return {
            "method": str(named("haproxy_lb_method") or "round_robin"),
            "max_fails": whole(named("haproxy_lb_max_fails")),
            "fail_timeout": str(named("haproxy_lb_check_interval") or "1s"),
            "next_upstream": str(named("haproxy_lb_retry_on") or ""),
            "next_upstream_tries": None if retries is None else retries + 1,
            "connect_timeout": str(named("haproxy_lb_connect_timeout") or ""),
        }

    def after_server_death(self, settings: Mapping[str, Any], servers: int) -> Sentence | None:
        """What haproxy_lb_max_fails means for the requests of a dead server; the same for any number of servers."""
        fails, interval = settings["max_fails"], settings["fail_timeout"]
        if fails is None:
            return None
        if fails == 0:
            return sentence("haproxy_lb_max_fails is 0: the balancer keeps sending requests to it")
        if servers == 1:
            return sentence(ONLY_REMOVED_AT_ONCE if fails == 1 else ONLY_REMOVED, fails=fails, interval=interval)
        return sentence(REMOVED_AT_ONCE if fails == 1 else REMOVED, fails=fails, interval=interval)

    def limit(self, name: str, of_grid: Sequence[Mapping[str, Any]], host: Mapping[str, Any]) -> Any:
        """A variable of the cell, the grid or the host, else the role's default."""
        return next((variables[name] for variables in (*of_grid, host) if name in variables), DEFAULTS[name])

    def request_problems(self, request: SizedRequest, limit: Named) -> Iterator[tuple[Where, str]]:
        """The whole header must fit into a buffer. Bodies have no limit, and no header is dropped."""
        most, size = int(limit(BUFFER)) - REWRITE, request.header_bytes + CLIENT_FIELDS
        where, named = request.place_of_longest_line()
        if size > most:
            needed = -(-(size + REWRITE) // 1024) * 1024
            yield (
                where,
                f"{named}: {request.header_bytes:,} bytes of header exceed {BUFFER} ({limit(BUFFER)}), so HAProxy "
                f"would respond with 400. Fix: raise it under vars, as in {BUFFER}: {needed}",
            )

    def own_response(self, status: int, server: str, text: str, logged: str) -> str:
        """By status, and by the page that it generates."""
        del logged  # has messages about servers only
        if server or not re.match(r"<html><body><h1>\d{3} ", text):
            return ""
        if status in (400, 414, 431):
            reason = f"it cannot parse it, or its header exceeds {BUFFER}"
            return f"HAProxy rejected the request: {reason}. Fix: check request.headers, or raise it under vars"
        if status == 502:
            reason = f"it cannot parse it, or its header exceeds {BUFFER}"
            return f"HAProxy rejected the server's response: {reason}. Fix: check the response, or raise it under vars"
        reasons = {503: "no server accepted a connection", 504: "no response in haproxy_lb_response_timeout"}
        return f"HAProxy generated this response{f': {reasons[status]}' if status in reasons else ''}"

    def max_connections(self, configuration: str, cores: int) -> int | None:
        """`maxconn` of the section global, which counts connections of clients only."""
        del cores
        found = re.search(r"^\s*maxconn\s+(\d+)\s*$", configuration, re.M)
        return int(found[1]) if found else None

    def version_in(self, output: str) -> str:
        """As in haproxy/2.6.12."""
        found = re.search(r"version (\d[\w.]*)", output)
        return f"haproxy/{found[1]}" if found else ""


HAPROXY = Haproxy(
    name="haproxy",
    shown="HAProxy",
    role="haproxy_lb",
    methods=METHODS,
    events=EVENTS,
    value_rules=VALUE_RULES,
    version=("haproxy", "-v"),
    configuration=("cat", "/etc/balancer/conf/haproxy.cfg"),
    configuration_source="haproxy.cfg",
    failed_server_stays=(
        "With haproxy_lb_max_fails: 0, HAProxy does not remove a failed server; set haproxy_lb_max_fails to 1 or more."
    ),
    connections_variable="haproxy_lb_max_connections",
    connections_per_user=1,
    address_unit="address",
    # The stored response is read at a start and must fit into a buffer.
    after_storing=("bash", "-c", "kill -USR2 1 && sleep 1"),
    largest_stored=DEFAULTS[BUFFER] - 4 * REWRITE,
)
