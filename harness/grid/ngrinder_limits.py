"""Find parts of a grid's traffic that nGrinder cannot send. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.grid import ngrinder_script, templates
from harness.grid.references import LOGGED, NGRINDER
from harness.grid.schema import Grid
from harness.grid.templates import SECRET, Path_
from harness.grid.traffic_checks import Sent, sent
from harness.words import short

_WITH_BODY = ("POST", "PUT", "PATCH")
# Syntax of RE2 that Java reads differently, or not at all.
_RE2_ONLY = re.compile(r"\(\?P<|\(\?[imsU-]*U[imsU-]*[:)]|\[:\^?[a-z]+:\]|\\C")


def problems(grid: Grid) -> Iterator[tuple[Path_, str]]:
    """Yield (place, message) for everything in a grid's traffic that its load generator cannot send."""
    own = grid.traffic.script if grid.traffic is not None else None
    if grid.load_generator != NGRINDER:
        if own is not None:
            words = (
                f"traffic.script: only valid with load_generator: {NGRINDER}. Fix: use requests, steps or locustfile"
            )
            yield ("traffic", "script"), words
        return
    for place, words in ngrinder_script.wrong_files(grid.traffic.files if grid.traffic is not None else ()):
        yield ("traffic", "files", place), f"traffic.files.{place}: {words}"
    if grid.objectives.p95_by_name:
        words = "objectives.p95: nGrinder counts no requests by name. Allowed: one time, as in 200ms. Fix: use locust"
        yield ("objectives", "p95"), words
    for each in sent(grid):
        for where, words in (*_request(each), *_secrets(each), *_patterns(each, grid)):
            yield where, f"{'.'.join(map(str, where))}: {words}"


def _request(each: Sent) -> Iterator[tuple[Path_, str]]:
    request, at = each.request, each.at
    if request.method == "OPTIONS":
        words = "nGrinder's client has no OPTIONS. Allowed: GET, HEAD, POST, PUT, PATCH, DELETE. Fix: use locust"
        yield (*at, "method"), words
    elif request.body_kind and request.method not in _WITH_BODY:
        words = f"nGrinder's client sends no body with {request.method}. Fix: use POST, PUT or PATCH, or locust"
        yield (*at, request.body_kind), words
    if request.follow_redirects:
        words = "nGrinder's client follows no redirects. Fix: add each target as a step, or use locust"
        yield (*at, "follow_redirects"), words
    for name in request.headers:
        if name.lower() == "cookie" and each.where != ("request",):
            words = "the script keeps each user's cookies itself. Fix: remove it, or use locust"
            yield (*at, "headers", name), words


def _secrets(each: Sent) -> Iterator[tuple[Path_, str]]:
    """Find secrets in URLs."""
    in_url = ((*each.at, "path"), (*each.at, "params"))
    for where, text in each.texts():
        secret = next((name for name in templates.names(text) if name.startswith(SECRET)), "")
        if secret and where[: len(each.at) + 1] in in_url:
            yield where, f"${{{secret}}}: {LOGGED}"


def _patterns(each: Sent, grid: Grid) -> Iterator[tuple[Path_, str]]:
    """Find regular expressions that Java would read differently."""
    expected: dict[Path_, str | None]
    if each.where == ("request",):
        expected = {("request", "expect_body"): grid.request.expect_body if grid.request is not None else None}
    else:
        expected = {(*each.where, "expect", "body"): each.expect.body}
    expected |= {(*each.where, "extract", name, "regex"): way.regex for name, way in each.extract.items()}
    for where, pattern in expected.items():
        if pattern is not None and (found := _RE2_ONLY.search(pattern)):
            yield where, f"got {short(pattern)}: nGrinder's Java has no {short(found[0])}. Fix: use a plain group"
