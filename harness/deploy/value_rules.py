"""Check values of role variables beyond their types: ranges of numbers, names, times and sizes. Pure.

A rule is chosen by the ending of a variable's name, so that it holds for new variables too. The first match applies.
Each rule returns a message with what is allowed, or an empty text for a valid value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from harness.balancers import registry
from harness.grid import http, units
from harness.words import short

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# https://pkg.go.dev/github.com/distribution/reference
_IMAGE = (
    rf"(?:(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,})?|sha256:[0-9a-f]{64}"
)
_RESTART = ("no", "on-failure", "unless-stopped", "always")


def _image(value: Any) -> str:
    """A number is not accepted: 1.40 would become 1.4."""
    fits = isinstance(value, str) and len(value) <= 512 and re.fullmatch(_IMAGE, value, re.ASCII)
    return "" if fits else "Allowed: an image's name, as in registry.example/team/app:1.4."


def _within(least: float, most: float, what: str) -> Callable[[Any], str]:
    def wrong(value: Any) -> str:
        return "" if least <= float(value) <= most else f"Allowed: {what} from {least:g} to {most:g}."

    return wrong


def _like(pattern: str, allowed: str, empty: bool = True) -> Callable[[Any], str]:
    compiled = re.compile(pattern, re.ASCII)

    def wrong(value: Any) -> str:
        text = str(value)
        return "" if (not text and empty) or (len(text) <= 512 and compiled.fullmatch(text)) else f"Allowed: {allowed}."

    return wrong


def _quantity(parse: Callable[[object], float], allowed: str) -> Callable[[Any], str]:
    def wrong(value: Any) -> str:
        try:
            is_valid = value in ("", None) or parse(value) > 0
        except ValueError:
            is_valid = False
        return "" if is_valid else f"Allowed: {allowed}."

    return wrong


def _time_scale(value: Any) -> str:
    if value in ("", None, "auto"):
        return ""
    return "Allowed: auto, or a factor from 1 to 100." if _factor(value) else ""


def _factor(value: Any) -> str:
    try:
        is_valid = not isinstance(value, bool) and 1 <= float(value) <= 100
    except (TypeError, ValueError):
        is_valid = False
    return "" if is_valid else "Allowed: a factor from 1 to 100."


def _environment(value: Any) -> str:
    for name, content in value.items() if isinstance(value, dict) else ():
        if not isinstance(name, str) or not name or re.search(r"[=\0]", name):
            return f"{short(name)} is not a valid name of an environment variable. Allowed: text without =."
        if not isinstance(content, str | int | float) or "\0" in str(content):
            return f"{name}: got {short(content)}. Allowed: text, a number or a boolean."
    return ""


_COUNT = _within(0, 1_000_000_000, "a whole number")
_SOME = _within(1, 1_000_000_000, "a whole number")
RULES: tuple[tuple[str, Callable[[Any], str]], ...] = (
    (r".*_local_image|dependency_image", lambda value: "" if value == "" else _image(value)),
    (r".*_image", _image),
    (r".*_port", _within(1, 65535, "a port")),
    (r".*_cpus", _within(0, 10_000, "a number of cores")),
    (r".*_cpu_period_us", _within(1000, 1_000_000, "microseconds")),
    (r"dependency_connections", _COUNT),
    (r".*_(workers|processes|connections|nofile|pids|backlog)", _SOME),
    (r".*_(keepalive|max_fails|tries)", _COUNT),
    (r".*_cpuset", _like(r"\d{1,5}(?:-\d{1,5})?(?:,\d{1,5}(?:-\d{1,5})?)*", 'CPUs, as in "0-1"')),
    (r".*_(memory|size)", _like(r"(?i)\d{1,18}(?:\.\d{1,9})?[bkmgtp]?b?", "a size, as in 512m or 2g")),
    *(
        (rule.names, _like(rule.values, rule.allowed, empty=False))
        for balancer in registry.BALANCERS
        for rule in balancer.value_rules
    ),
    (r".*_container", _like(r"[A-Za-z0-9][\w.-]*", "letters, digits, dot, dash and underscore", empty=False)),
    (
        r"(ml_server|dependency)_user",
        _like(r"[\w.-]{1,64}(?::[\w.-]{1,64})?", 'a user and a group, as in "10001:10001"'),
    ),
    (r"dependency_view_(user|database)", _like(r"[A-Za-z_][A-Za-z0-9_]{0,62}", "letters, digits and underscore")),
    (
        r"dependency_view_credential",
        _like(
            r"[A-Z_][A-Z0-9_]*|/[\w./@-]+", "the name of a variable of the container in capitals, or the path of a file"
        ),
    ),
    (r".*_health", lambda value: http.wrong_path(str(value))),
    (r"dependency_health_path", lambda value: http.wrong_path(str(value)) if value else ""),
    (r".*_restart_policy", lambda value: "" if value in _RESTART else f"Allowed: {', '.join(_RESTART)}."),
    (r"(ml_server|dependency)_env", _environment),
    (r"ngrinder_(controller_|agent_)?version", _like(r"\d[\w.-]{0,31}", 'a version, as in "3.5.9"', empty=False)),
    (r"ngrinder_(controller_)?war_url", _like(r"https?://\S+", "http:// or https://, and the address of a file")),
    (r"ngrinder_(controller_)?war_file", _like(r"/.*", "the absolute path of a file")),
    (r"ngrinder_(controller_)?war_sha256", _like(r"[0-9a-fA-F]{64}", "64 hexadecimal digits")),
    (r"ml_server_rate|lab_server_capacity", _quantity(units.per_second, "a rate per second above 0, as in 280/s")),
    (
        r"ml_server_service_time|lab_service_time",
        _quantity(units.duration_s, "a time above 0 with ms, s, m or h, as in 30s"),
    ),
    (r"ml_server_time_scaling", _factor),
    (r"lab_time_scaling", _time_scale),
)
_COMPILED = tuple((re.compile(pattern), rule) for pattern, rule in RULES)
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def beyond_type(name: str, value: Any) -> str:
    """The message about a value of the right type; empty for a valid one."""
    if isinstance(value, str) and re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        return "Allowed: one line of text."
    rule = next((rule for pattern, rule in _COMPILED if pattern.fullmatch(name)), None)
    return rule(value) if rule else ""


def wrong_host(name: str) -> str:
    """Why a name of a host is unusable in a balancer's configuration and in names of files; empty if it is not."""
    if HOST.fullmatch(name):
        return ""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "server-1"
    return (
        f"name: the balancer cannot use it (got {short(name)}). Allowed: letters, digits, dot, dash and underscore. "
        f"Fix: write {short(plain, bare=True)}, and its address as ansible_host."
    )
