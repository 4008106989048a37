"""Predict how nginx treats a grid's request, and explain responses that nginx generates itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.deploy.request_sizes import Sizes
from harness.grid import templates, traffic_checks
from harness.grid.schema import Grid
from harness.grid.traffic_checks import Sent

Where = tuple[str | int, ...]
BODY, FIELDS, RESPONSE = (
    "nginx_lb_client_max_body_size",
    "nginx_lb_large_client_header_buffers",
    "nginx_lb_proxy_buffer_size",
)
_UNDERSCORES, _INVALID = "nginx_lb_underscores_in_headers", "nginx_lb_ignore_invalid_headers"
# The role's defaults, by nginx_lb_settings.
DEFAULTS: dict[str, dict[str, Any]] = {
    "stock": {BODY: "1m", FIELDS: "4 8k", RESPONSE: "4k", _UNDERSCORES: False, _INVALID: True},
    "tuned": {BODY: "1g", FIELDS: "4 64k", RESPONSE: "32k", _UNDERSCORES: True, _INVALID: False},
}
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_CLIENT_FIELDS = 300  # bytes of header fields that the load generator adds, with a margin


def problems(grid: Grid, balancer: Mapping[str, Any]) -> list[tuple[Where, str]]:
    """(path in the grid, message) for each part of the request that nginx would reject or drop in some cell.

    `balancer` are the variables of the balancer's host.
    """
    every = traffic_checks.sent(grid)
    sizes = Sizes(dataset=grid.dataset, secrets=grid.traffic_secrets)
    # Computed once, as a grid may have many topologies and many rows.
    measured = [(each, sizes.body(each.request), sizes.lines(each.request)) for each in every]
    found: dict[tuple[Where, str], None] = dict.fromkeys(problem for each in every for problem in _host(each))
    for variables in {repr(each.variables): each.variables for each in grid.cells.topologies}.values():

        def value(name: str, mine: Mapping[str, Any] = variables) -> Any:
            return _in_force(name, mine, grid.vars, balancer)

        for each, body, lines in measured:
            found |= dict.fromkeys(_rejected(each, body, lines, value))
            found |= dict.fromkeys(_dropped(each, value))
    return list(found)


def _in_force(name: str, *places: Mapping[str, Any]) -> Any:
    """A variable's value: of the cell, else of the grid's `vars`, else of the balancer's host, else the role's default.

    If a grid changes nginx_lb_settings, a host's value that is the default of its own settings changes with it.
    """
    *of_grid, host = places
    for variables in of_grid:
        if name in variables:
            return variables[name]
    settings = next((str(each["nginx_lb_settings"]) for each in of_grid if "nginx_lb_settings" in each), "")
    own = str(host.get("nginx_lb_settings", "tuned"))
    default = DEFAULTS.get(settings or own, DEFAULTS["tuned"])[name]
    if name not in host or (settings not in ("", own) and str(host[name]) == str(DEFAULTS.get(own, {}).get(name))):
        return default
    return host[name]


def size_of(text: object) -> int | None:
    """Bytes of a size in nginx's notation; None for any other text."""
    match = re.fullmatch(r"(\d+)([kmg]?)", str(text).strip().lower())
    return int(match[1]) * _UNITS[match[2]] if match else None


def written_size(count: int) -> str:
    """The smallest size in nginx's notation, in whole units, of at least `count` bytes."""
    unit = "m" if count > _UNITS["m"] else "k"
    return f"{-(-count // _UNITS[unit])}{unit}"


def _rejected(
    sent: Sent, body: int, lines: Mapping[str, int], value: Callable[[str], Any]
) -> Iterator[tuple[Where, str]]:
    most = size_of(value(BODY))
    if most and body > most:
        at: Where = (*sent.at, sent.request.body_kind)
        yield (
            at,
            f"{_named(at)}: {body:,} bytes exceed {BODY} ({value(BODY)}), so nginx would respond with 413. "
            f"Fix: raise it under vars, as in {BODY}: {written_size(body)}",
        )
    number, _, each = str(value(FIELDS)).partition(" ")
    size, buffers = size_of(each), size_of(number)
    if not size or not buffers:
        return
    longest = max(lines, key=lambda name: lines[name])
    needed = max(max(lines.values()), -(-(sum(lines.values()) + _CLIENT_FIELDS) // buffers))
    where: Where = (*sent.at, "path") if longest == "path" else (*sent.at, "headers", longest)
    if needed > size:
        yield (
            where,
            f"{_named(where)}: {sum(lines.values()):,} bytes of header exceed {FIELDS} "
            f"({value(FIELDS)}), so nginx would respond with {414 if longest == 'path' else 400}. "
            f"Fix: raise it under vars, as in {FIELDS}: {number} {written_size(needed)}",
        )


def _named(where: Where) -> str:
    return ".".join(map(str, where))


def _host(sent: Sent) -> Iterator[tuple[Where, str]]:
    """The Host header, which nginx's configuration contains for health checks."""
    for name, text in sent.request.headers.items():
        if name.lower() == "host" and not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", templates.sample(text)):
            where = (*sent.at, "headers", name)
            yield (
                where,
                f"{_named(where)}: not a host name (got {text!r}). "
                "Allowed: a host name with or without a port, as in shop.example:8080.",
            )


def _dropped(sent: Sent, value: Callable[[str], Any]) -> Iterator[tuple[Where, str]]:
    for name in sent.request.headers:
        where = (*sent.at, "headers", name)
        if re.search(r"[^A-Za-z0-9_-]", name):
            if _is_on(value(_INVALID)):
                yield where, f"{_named(where)}: nginx would drop this header. Fix: vars: {{{_INVALID}: false}}"
        elif "_" in name and not _is_on(value(_UNDERSCORES)) and _is_on(value(_INVALID)):
            yield (
                where,
                f"{_named(where)}: nginx would drop this header, because its name has an underscore. "
                f"Fix: vars: {{{_UNDERSCORES}: true}}, or a hyphen",
            )


def _is_on(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")


def _is_own_page(text: str) -> bool:
    """Whether nginx generated a page, of which the beginning is enough."""
    return "<center>nginx" in text or bool(re.match(r"<html>\s*<head><title>\d{3} [\w -]+</title></head>", text))


def of_response(status: int, server: str, text: str, logged: str) -> str:
    """Why nginx generated a response itself, with a fix; empty for a server's response.

    `server` is the server that nginx names in the response, empty if it contacted none; `text` is the body, `logged`
    the last lines of nginx's error log.
    """
    if not server and status == 413:
        return f"nginx rejected the request: its body exceeds {BODY}. Fix: raise it under vars"
    if not server and (status in (414, 431) or (status == 400 and "Too Large" in text)):
        return f"nginx rejected the request: its header exceeds {FIELDS}. Fix: raise it under vars"
    if not server and status == 400 and _is_own_page(text):
        return "nginx rejected the request: it cannot parse it. Fix: check request.headers and request.path"
    if status not in (502, 503, 504) or not _is_own_page(text):
        return ""
    if "upstream sent too big header" in logged:
        return (
            f"nginx rejected the server's response: its header exceeds {RESPONSE}. Fix: raise it under vars, as in 64k"
        )
    reasons = re.findall(r"\] \d+#\d+: \*\d+ (.*?)(?:, client:|$)", logged, re.M)
    return f"nginx generated this response{f'; its log: {reasons[-1]!r}' if reasons else ''}"
