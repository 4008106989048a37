"""What a role's variable may be beyond its type: numbers in their range, names, times and sizes. Pure.

Rules go by the end of a variable's name, so a new variable has one at once. The first that fits counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from harness.grid import http, units
from harness.words import short

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# https://pkg.go.dev/github.com/distribution/reference
_IMAGE = (
    rf"(?:(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,})?|sha256:[0-9a-f]{64}"
)
_NGINX_TIME = r"\d+(?:\.\d+)?(?:ms|[smhdwMy])?(?: +\d+(?:ms|[smhdwMy])?)*|(?:\d+(?:ms|[smhdwMy]))+"
# Of proxy_next_upstream, https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream
_NEXT = (
    "error timeout denied invalid_header http_500 http_502 http_503 http_504 http_403 http_404 http_429 non_idempotent "
    "off"
)
_RESTART = ("no", "on-failure", "unless-stopped", "always")


def _image(value: Any) -> str:
    """A number is no image: 1.40 would be 1.4."""
    fits = isinstance(value, str) and len(value) <= 512 and re.fullmatch(_IMAGE, value, re.ASCII)
    return "" if fits else "write an image's name, as in registry.example/team/app:1.4"


def _within(least: float, most: float, what: str) -> Callable[[Any], str]:
    def wrong(value: Any) -> str:
        number = float(value)
        return "" if least <= number <= most else f"{what} from {least:g} to {most:g}"

    return wrong


def _like(pattern: str, allowed: str, empty: bool = True) -> Callable[[Any], str]:
    sought = re.compile(pattern, re.ASCII)

    def wrong(value: Any) -> str:
        text = str(value)
        return "" if (not text and empty) or (len(text) <= 512 and sought.fullmatch(text)) else allowed

    return wrong


def _read(parse: Callable[[object], float]) -> Callable[[Any], str]:
    def wrong(value: Any) -> str:
        try:
            return "" if value in ("", None) or parse(value) > 0 else "write a number above 0 with its unit"
        except ValueError as error:
            return str(error).partition("; ")[2]

    return wrong


def _time_scaling(value: Any) -> str:
    return "" if value in ("", None, "auto") else _factor(value)


def _factor(value: Any) -> str:
    try:
        return "" if not isinstance(value, bool) and 1 <= float(value) <= 100 else "write a factor from 1 to 100"
    except (TypeError, ValueError):
        return "write auto, or a factor from 1 to 100, as in 2"


def _environment(value: Any) -> str:
    for name, content in value.items() if isinstance(value, dict) else ():
        if not isinstance(name, str) or not name or re.search(r"[=\0]", name):
            return f"{short(name)} cannot be the name of an environment variable"
        if not isinstance(content, str | int | float) or "\0" in str(content):
            return f"{name} is {short(content)}; write text, a number or a boolean"
    return ""


def _next_upstream(value: Any) -> str:
    words = str(value).split()
    return "" if words and set(words) <= set(_NEXT.split()) else f"allowed are words of: {_NEXT}"


_COUNT = _within(0, 1_000_000_000, "write a whole number")
_SOME = _within(1, 1_000_000_000, "write a whole number")
RULES: tuple[tuple[str, Callable[[Any], str]], ...] = (
    (r".*_local_image", lambda value: "" if value == "" else _image(value)),
    (r".*_image", _image),
    (r".*_port", _within(1, 65535, "write a port")),
    (r".*_cpus", _within(0, 10_000, "write a number of cores")),
    (r".*_cpu_period_us", _within(1000, 1_000_000, "write microseconds")),
    (r".*_(workers|processes|connections|nofile|pids|backlog)", _SOME),
    (r".*_(keepalive|max_fails|tries)", _COUNT),
    (r".*_cpuset", _like(r"\d{1,5}(?:-\d{1,5})?(?:,\d{1,5}(?:-\d{1,5})?)*", 'write CPUs as in "0-1"')),
    (r".*_(memory|size)", _like(r"(?i)\d{1,18}(?:\.\d{1,9})?[bkmgtp]?b?", "write a size as in 512m or 2g")),
    (r"nginx_lb_.*_timeout", _like(_NGINX_TIME, "write a time as nginx takes it, as in 30s", empty=False)),
    (r"nginx_lb_next_upstream", _next_upstream),
    (r".*_container", _like(r"[A-Za-z0-9][\w.-]*", "write letters, digits, dot, dash and underscore", empty=False)),
    (r"ml_server_user", _like(r"[\w.-]{1,64}(?::[\w.-]{1,64})?", 'write a user and a group, as in "10001:10001"')),
    (r".*_health", lambda value: http.wrong_path(str(value))),
    (r".*_restart_policy", lambda value: "" if value in _RESTART else f"allowed: {', '.join(_RESTART)}"),
    (r"ml_server_env", _environment),
    (r"ml_server_rate|lab_server_capacity", _read(units.per_second)),
    (r"ml_server_service_time|lab_service_time", _read(units.duration_s)),
    (r"ml_server_time_scaling", _factor),
    (r"lab_time_scaling", _time_scaling),
)
_COMPILED = tuple((re.compile(pattern), rule) for pattern, rule in RULES)
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def beyond_type(name: str, value: Any) -> str:
    """What is wrong with a value of the right type; empty where nothing is."""
    if isinstance(value, str) and re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        return f"{short(value)} is more than one line of text"
    rule = next((rule for pattern, rule in _COMPILED if pattern.fullmatch(name)), None)
    return rule(value) if rule else ""


def wrong_host(name: str) -> str:
    """Why a host cannot have this name, which stands in nginx's configuration and in names of files."""
    if HOST.fullmatch(name):
        return ""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "server-1"
    return (
        f"{short(name)} is no name of a host here. Allowed: letters, digits, dot, dash and underscore. "
        f"Fix: write {short(plain, bare=True)}, and its address as ansible_host"
    )
