"""nginx: its settings, its limits, the events of its log, and the responses that it generates itself. Pure."""

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

BODY, FIELDS, RESPONSE = (
    "nginx_lb_client_max_body_size",
    "nginx_lb_large_client_header_buffers",
    "nginx_lb_proxy_buffer_size",
)
_UNDERSCORES, _INVALID = "nginx_lb_underscores_in_headers", "nginx_lb_ignore_invalid_headers"
TEMPLATE = "nginx_lb_template"
# The role's defaults, by nginx_lb_settings.
DEFAULTS: dict[str, dict[str, Any]] = {
    "stock": {BODY: "1m", FIELDS: "4 8k", RESPONSE: "4k", _UNDERSCORES: False, _INVALID: True},
    "tuned": {BODY: "1g", FIELDS: "4 64k", RESPONSE: "32k", _UNDERSCORES: True, _INVALID: False},
}
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_TIME = r"\d+(?:\.\d+)?(?:ms|[smhdwMy])?(?: +\d+(?:ms|[smhdwMy])?)*|(?:\d+(?:ms|[smhdwMy]))+"
# Of proxy_next_upstream, https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream
_NEXT = (
    "error timeout denied invalid_header http_500 http_502 http_503 http_504 http_403 http_404 http_429 non_idempotent "
    "off"
)
_ANY_NEXT = f"(?:{_NEXT.replace(' ', '|')})"

METHODS = {
    "round_robin": Distribution.EVEN,
    "least_conn": Distribution.BY_LOAD,
    "random_two": Distribution.BY_LOAD,
    "ip_hash": Distribution.BY_ADDRESS,
    "cookie": Distribution.BY_USER,
}
# Messages of its error log; roles/nginx_lb/files/image/summarise_trial.py counts them.
EVENTS = {
    "worker_connections are not enough": Event(
        fix="raise nginx_lb_worker_connections or use nginx_lb_settings: tuned", out_of_connections=True
    ),
    "Too many open files": Event(fix="raise nginx_lb_nofile", out_of_connections=True),
    "Cannot assign requested address": Event(
        fix="keep upstream connections: nginx_lb_upstream_keepalive", out_of_connections=True
    ),
    "no live upstreams": Event(fix="check the servers' health", of_server=True),
    "upstream prematurely closed connection": Event(
        fix="check the servers' logs: one ended during a response", of_server=True, cut_short=True
    ),
    "upstream server temporarily disabled": Event(fix="", of_server=True),
    "upstream timed out": Event(
        fix="{less} or more servers: one did not respond within nginx's timeout", of_server=True
    ),
    "Connection refused": Event(fix="check the servers: one did not listen on its port", of_server=True),
}
REMOVED_AT_ONCE = messages(
    "nginx_lb_max_fails is {fails}: after 1 failure within {timeout} the balancer removes a server for {timeout}, then "
    "tries it again"
)
REMOVED = messages(
    "nginx_lb_max_fails is {fails}: after {fails} failures within {timeout} the balancer removes a server for "
    "{timeout}, then tries it again"
)
VALUE_RULES = (
    ValueRule(r"nginx_lb_.*_timeout", _TIME, "a time in nginx's notation, as in 30s"),
    ValueRule(
        r"nginx_lb_tls_protocols", r"TLSv1(?:\.[123])?(?: +TLSv1(?:\.[123])?)*", "versions, as in TLSv1.2 TLSv1.3"
    ),
    ValueRule(r"nginx_lb_tls_ciphers", r"[A-Za-z0-9:@=!+-]+", "ciphers in OpenSSL's notation"),
    ValueRule(r"nginx_lb_next_upstream", rf"\s*{_ANY_NEXT}(?:\s+{_ANY_NEXT})*\s*", f"words of {_NEXT}"),
)


class Nginx(Balancer):
    """nginx in the container of role nginx_lb."""

    def address_group(self, address: str) -> str:
        """ip_hash uses the first three bytes of an address."""
        return address.rpartition(".")[0]

    def duration(self, seconds: float) -> str:
        """As in 65s."""
        return f"{seconds:g}s"

    def settings(self, named: Named) -> dict[str, Any]:
        """The method, and how a failing server is handled; a template of the user's own has its own settings."""
        if named(TEMPLATE):
            return {"method": TEMPLATE}
        return {
            "method": str(named("nginx_lb_method") or "round_robin"),
            "max_fails": whole(named("nginx_lb_max_fails")),
            "fail_timeout": str(named("nginx_lb_fail_timeout") or "10s"),
            "next_upstream": str(named("nginx_lb_next_upstream") or ""),
            "next_upstream_tries": whole(named("nginx_lb_next_upstream_tries")),
            "next_upstream_timeout": _text(named("nginx_lb_next_upstream_timeout")),
            "connect_timeout": _text(named("nginx_lb_connect_timeout")),
        }

    def after_server_death(self, settings: Mapping[str, Any], servers: int) -> Sentence | None:
        """What nginx_lb_max_fails means for the requests of a dead server."""
        fails, timeout = settings["max_fails"], settings["fail_timeout"]
        if fails is None:
            return None
        if fails == 0:
            return sentence("nginx_lb_max_fails is 0: the balancer keeps sending requests to it")
        if servers == 1:
            return sentence(
                "nginx_lb_max_fails is {fails}, but nginx never removes the only server of a group", fails=fails
            )
        return sentence(REMOVED_AT_ONCE if fails == 1 else REMOVED, fails=fails, timeout=timeout)

    def limit(self, name: str, of_grid: Sequence[Mapping[str, Any]], host: Mapping[str, Any]) -> Any:
        """If a grid changes nginx_lb_settings, a host's default of its own settings changes with it."""
        for variables in of_grid:
            if name in variables:
                return variables[name]
        settings = next((str(each["nginx_lb_settings"]) for each in of_grid if "nginx_lb_settings" in each), "")
        own = str(host.get("nginx_lb_settings", "tuned"))
        default = DEFAULTS.get(settings or own, DEFAULTS["tuned"])[name]
        if name not in host or (settings not in ("", own) and str(host[name]) == str(DEFAULTS.get(own, {}).get(name))):
            return default
        return host[name]

    def request_problems(self, request: SizedRequest, limit: Named) -> Iterator[tuple[Where, str]]:
        """Bodies and headers above its limits, and headers that it drops."""
        yield from _rejected(request, limit)
        yield from _dropped(request, limit)

    def own_response(self, status: int, server: str, text: str, logged: str) -> str:
        """By status, by the page that it generates, and by its error log."""
        if not server and status == 413:
            return f"nginx rejected the request: its body exceeds {BODY}. Fix: raise it under vars"
        if not server and (status in (414, 431) or (status == 400 and "Too Large" in text)):
            return f"nginx rejected the request: its header exceeds {FIELDS}. Fix: raise it under vars"
        if not server and status == 400 and _is_own_page(text):
            return "nginx rejected the request: it cannot parse it. Fix: check request.headers and request.path"
        if status not in (502, 503, 504) or not _is_own_page(text):
            return ""
        if "upstream sent too big header" in logged:
            reason = f"its header exceeds {RESPONSE}. Fix: raise it under vars, as in 64k"
            return f"nginx rejected the server's response: {reason}"
        reasons = re.findall(r"\] \d+#\d+: \*\d+ (.*?)(?:, client:|$)", logged, re.M)
        return f"nginx generated this response{f'; its log: {reasons[-1]!r}' if reasons else ''}"

    def max_connections(self, configuration: str, cores: int) -> int | None:
        """Connections of a worker × workers, in the output of `nginx -T`."""
        each = re.search(r"^\s*worker_connections\s+(\d+);", configuration, re.M)
        workers = re.search(r"^\s*worker_processes\s+(\w+);", configuration, re.M)
        if each is None:
            return None
        count = cores if workers is not None and workers[1] == "auto" else int(workers[1]) if workers else 1
        return int(each[1]) * count

    def version_in(self, output: str) -> str:
        """As in nginx/1.26."""
        return output.replace("nginx version: ", "")


NGINX = Nginx(
    name="nginx",
    shown="nginx",
    role="nginx_lb",
    methods=METHODS,
    events=EVENTS,
    value_rules=VALUE_RULES,
    version=("nginx", "-v"),
    configuration=("nginx", "-T", "-q", "-c", "/etc/balancer/conf/nginx.conf"),
    configuration_source="nginx -T",
    failed_server_stays=(
        "With nginx_lb_max_fails: 0, nginx does not remove a failed server; set nginx_lb_max_fails to 1 or more."
    ),
    connections_variable="nginx_lb_worker_connections",
    connections_per_user=2,  # and those to the servers
    address_unit="network",
)


def size_of(text: object) -> int | None:
    """Bytes of a size in nginx's notation; None for any other text."""
    match = re.fullmatch(r"(\d+)([kmg]?)", str(text).strip().lower())
    return int(match[1]) * _UNITS[match[2]] if match else None


def written_size(count: int) -> str:
    """The smallest size in nginx's notation, in whole units, of at least `count` bytes."""
    unit = "m" if count > _UNITS["m"] else "k"
    return f"{-(-count // _UNITS[unit])}{unit}"


def _rejected(request: SizedRequest, limit: Named) -> Iterator[tuple[Where, str]]:
    most = size_of(limit(BODY))
    if most and request.body > most:
        at, named = request.place(request.body_kind)
        yield (
            at,
            f"{named}: {request.body:,} bytes exceed {BODY} ({limit(BODY)}), so nginx would respond with 413. "
            f"Fix: raise it under vars, as in {BODY}: {written_size(request.body)}",
        )
    number, _, each = str(limit(FIELDS)).partition(" ")
    size, buffers = size_of(each), size_of(number)
    if not size or not buffers:
        return
    longest = request.longest_line
    needed = max(request.lines[longest], -(-(request.header_bytes + CLIENT_FIELDS) // buffers))
    where, named = request.place_of_longest_line()
    if needed > size:
        yield (
            where,
            f"{named}: {request.header_bytes:,} bytes of header exceed {FIELDS} "
            f"({limit(FIELDS)}), so nginx would respond with {414 if longest == 'path' else 400}. "
            f"Fix: raise it under vars, as in {FIELDS}: {number} {written_size(needed)}",
        )


def _dropped(request: SizedRequest, limit: Named) -> Iterator[tuple[Where, str]]:
    for name in request.headers:
        where, named = request.place("headers", name)
        if re.search(r"[^A-Za-z0-9_-]", name):
            if _is_on(limit(_INVALID)):
                yield where, f"{named}: nginx would drop this header. Fix: vars: {{{_INVALID}: false}}"
        elif "_" in name and not _is_on(limit(_UNDERSCORES)) and _is_on(limit(_INVALID)):
            yield (
                where,
                f"{named}: nginx would drop this header, because its name has an underscore. "
                f"Fix: vars: {{{_UNDERSCORES}: true}}, or a hyphen",
            )


def _is_on(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")


def _is_own_page(text: str) -> bool:
    """Whether nginx generated a page, of which the beginning is enough."""
    return "<center>nginx" in text or bool(re.match(r"<html>\s*<head><title>\d{3} [\w -]+</title></head>", text))


def _text(value: object) -> str:
    return "" if value is None else str(value)
