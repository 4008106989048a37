"""What nginx would do to a grid's request before a server sees it, and what its own answers mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.grid.cell import expand
from harness.grid.request import Request
from harness.grid.schema import Grid

Where = tuple[str | int, ...]
BODY, FIELDS, RESPONSE = (
    "nginx_lb_client_max_body_size",
    "nginx_lb_large_client_header_buffers",
    "nginx_lb_proxy_buffer_size",
)
UNDERSCORES, INVALID = "nginx_lb_underscores_in_headers", "nginx_lb_ignore_invalid_headers"
# The role's defaults, by nginx_lb_settings.
DEFAULTS: dict[str, dict[str, Any]] = {
    "stock": {BODY: "1m", FIELDS: "4 8k", RESPONSE: "4k", UNDERSCORES: False, INVALID: True},
    "tuned": {BODY: "1g", FIELDS: "4 64k", RESPONSE: "32k", UNDERSCORES: True, INVALID: False},
}
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
OF_CLIENT = 300  # bytes of fields that the load generator adds itself, with room


def problems(grid: Grid, balancer: Mapping[str, Any]) -> list[tuple[Where, str]]:
    """What nginx would refuse or drop of the request in some cell: where in the grid, and what to do.

    `balancer` has the variables of the balancer's host.
    """
    found: dict[tuple[Where, str], None] = dict.fromkeys(_host(grid.request))
    for variables in {repr(cell.variables): cell.variables for cell in expand(grid)}.values():

        def value(name: str, mine: Mapping[str, Any] = variables) -> Any:
            return _in_force(name, mine, grid.vars, balancer)

        found |= dict.fromkeys(_refused(grid.request, value))
        found |= dict.fromkeys(_dropped(grid.request, value))
    return list(found)


def _in_force(name: str, *places: Mapping[str, Any]) -> Any:
    """A variable's value: as a cell, else the grid's `vars`, else the balancer's host has it, else the role's default.

    A host's value that is the default of its own settings follows where a grid changes the settings.
    """
    *asked, host = places
    for by in asked:
        if name in by:
            return by[name]
    settings = next((str(by["nginx_lb_settings"]) for by in asked if "nginx_lb_settings" in by), "")
    own = str(host.get("nginx_lb_settings", "tuned"))
    default = DEFAULTS.get(settings or own, DEFAULTS["tuned"])[name]
    if name not in host or (settings not in ("", own) and str(host[name]) == str(DEFAULTS.get(own, {}).get(name))):
        return default
    return host[name]


def size_of(text: object) -> int | None:
    """Bytes of a size in nginx's notation; None where it is none."""
    match = re.fullmatch(r"(\d+)([kmg]?)", str(text).strip().lower())
    return int(match[1]) * UNITS[match[2]] if match else None


def written_size(count: int) -> str:
    """A size in nginx's notation that holds so many bytes."""
    unit = "m" if count > UNITS["m"] else "k"
    return f"{-(-count // UNITS[unit])}{unit}"


def _refused(request: Request, value: Callable[[str], Any]) -> Iterator[tuple[Where, str]]:
    body, most = len(request.body.encode()), size_of(value(BODY))
    if most and body > most:
        yield (
            ("request", "json"),
            f"request.json: the body has {body:,} bytes, {BODY} is {value(BODY)}: nginx would answer 413 itself. "
            f"Fix: raise it under vars, as in {BODY}: {written_size(body)}",
        )
    number, _, each = str(value(FIELDS)).partition(" ")
    size, buffers = size_of(each), size_of(number)
    if not size or not buffers:
        return
    lines = {"path": len(f"{request.method} {request.path} HTTP/1.1\r\n")}
    lines |= {name: len(f"{name}: {text}\r\n".encode()) for name, text in request.all_headers.items()}
    longest = max(lines, key=lambda name: lines[name])
    needed = max(max(lines.values()), -(-(sum(lines.values()) + OF_CLIENT) // buffers))
    where: Where = ("request", "path") if longest == "path" else ("request", "headers", longest)
    if needed > size:
        yield (
            where,
            f"{'.'.join(map(str, where))}: the request's header has {sum(lines.values()):,} bytes, {FIELDS} is "
            f"{value(FIELDS)}: nginx would answer {414 if longest == 'path' else 400} itself. "
            f"Fix: raise it under vars, as in {FIELDS}: {number} {written_size(needed)}",
        )


def _host(request: Request) -> Iterator[tuple[Where, str]]:
    """Health checks send it, too, by nginx's configuration."""
    for name, text in request.headers.items():
        if name.lower() == "host" and not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", text):
            yield (
                ("request", "headers", name),
                f"request.headers.{name}: got {text!r}. "
                "Allowed: a host name, with a port or not, as in shop.example:8080",
            )


def _dropped(request: Request, value: Callable[[str], Any]) -> Iterator[tuple[Where, str]]:
    for name in request.headers:
        where = ("request", "headers", name)
        if re.search(r"[^A-Za-z0-9_-]", name):
            if _is_on(value(INVALID)):
                yield where, f"request.headers.{name}: nginx would drop this header. Fix: vars: {{{INVALID}: false}}"
        elif "_" in name and not _is_on(value(UNDERSCORES)) and _is_on(value(INVALID)):
            yield (
                where,
                f"request.headers.{name}: nginx would drop this header, as its name has an underscore. "
                f"Fix: vars: {{{UNDERSCORES}: true}}, or a hyphen",
            )


def _is_on(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")


def of_response(status: int, server: str, text: str, logged: str) -> str:
    """Why nginx answered itself, and what helps; empty for a server's response.

    `server` is the server that nginx names in the response, empty where it asked none; `text` is the body, `logged` the
    last lines of nginx's error log.
    """
    if not server and status == 413:
        return f"nginx answered itself: the request's body is larger than {BODY} allows. Fix: raise it under vars"
    if not server and (status in (414, 431) or (status == 400 and "Too Large" in text)):
        return f"nginx answered itself: the request's header is larger than {FIELDS} allows. Fix: raise it under vars"
    if not server and status == 400 and "<center>nginx" in text:
        return "nginx answered itself: it cannot read the request. Fix: look at request.headers and request.path"
    if status not in (502, 503, 504) or "<center>nginx" not in text:
        return ""
    if "upstream sent too big header" in logged:
        return (
            f"nginx answered itself: the header of the server's response is larger than {RESPONSE} allows. "
            "Fix: raise it under vars, as in 64k"
        )
    reasons = re.findall(r"\] \d+#\d+: \*\d+ (.*?)(?:, client:|$)", logged, re.M)
    return f"nginx answered itself{f': it logged {reasons[-1]!r}' if reasons else ''}"
