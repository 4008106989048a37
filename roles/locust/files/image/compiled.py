"""Requests of a load, compiled once, so that each of them costs little to prepare. No Locust here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import bodies
import patterns
import templates
from choices import EXHAUSTED, NONE, Choices, Rows
from extraction import Extraction
from load_spec import Dataset, LoadSpec, RequestSpec
from redirects import Prepared
from templates import NOTHING, ON_ROW, Context, NoData

TRIAL_HEADER = "X-Study-Trial"
# Kinds of failures of requests that are not sent.
NO_DATA, NO_ROWS = "no data", "no rows"
UNSENDABLE = "unsendable"  # with the header or the exception
_SENDABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # a header's value (RFC 9110, 5.5)
MOST_CACHED = 64 * 2**20  # bytes of one worker's prepared texts and bodies

T = TypeVar("T", str, bytes)


class Cache:
    """Bytes that may still be kept, over all requests of a load."""

    def __init__(self, size: int = MOST_CACHED) -> None:
        self.left = size


class Cached(Generic[T]):
    """A part of a request: constant, the same for each use of a row, or made for each request."""

    def __init__(self, scope: int, make: Callable[[Context], T], cache: Cache) -> None:
        self.constant = scope == NOTHING
        self._by_row = scope == ON_ROW
        self._make = make
        self._cache = cache
        self._kept: dict[int, T] = {}
        if self.constant:
            self._kept[NONE] = make(Context(None, 0, {}))

    def of(self, row: int, context: Context) -> T:
        if self.constant:
            return self._kept[NONE]
        if not self._by_row:
            return self._make(context)
        kept = self._kept.get(row)
        if kept is None:
            kept = self._make(context)
            if self._cache.left > 0:
                self._cache.left -= len(kept) + 100
                self._kept[row] = kept
        return kept


class Unsendable(ValueError):
    """A value, for example one of a response, that a header cannot have."""


def _header(name: str, template: templates.Template) -> Callable[[Context], str]:
    """Makes a header's value; raises Unsendable for one that could end the header."""

    def make(context: Context) -> str:
        value = template.text(context)
        if not _SENDABLE.fullmatch(value):
            raise Unsendable(f"header {name}")
        return value

    return make


class CompiledRequest:
    """One request: how it is made, and which responses are successes."""

    def __init__(self, spec: RequestSpec, load: LoadSpec, data: Dataset, trial_header: str, cache: Cache) -> None:
        trial = load.trial
        self.name = spec.name
        self.method = spec.method
        self.pause_s = spec.pause_s
        self.follow_redirects = spec.follow_redirects
        self.statuses = frozenset(spec.expect_status)
        self.pattern = patterns.compiled(spec.expect_body) if spec.expect_body else None
        self.extraction = Extraction(spec.extract)
        path = templates.of_path(spec.path, spec.params, trial)
        self._url = Cached(path.scope, lambda context: load.url + path.text(context), cache)
        body = bodies.compiled(spec.body, trial, data.files, load.seed)
        self._body = Cached(body.scope, body.bytes, cache) if body else None
        headers = {name: templates.of_text(value, trial) for name, value in spec.headers.items()}
        nothing = Context(None, 0, {})
        self._headers: dict[str, str] = {
            name: each.text(nothing) if each.scope == NOTHING else "" for name, each in headers.items()
        }
        self._changing = {
            name: Cached(each.scope, _header(name, each), cache)
            for name, each in headers.items()
            if each.scope != NOTHING
        }
        self._add_own_headers(body, trial_header, load.keep_alive)
        self.once: Prepared | None = None  # a request that is always the same
        if self._url.constant and not self._changing and (self._body is None or self._body.constant):
            self.once = self._prepared(NONE, nothing)

    def _add_own_headers(self, body: bodies.Body | None, trial_header: str, keep_alive: bool) -> None:
        own = {TRIAL_HEADER.lower()}
        if isinstance(body, bodies.MultipartBody):
            own.add("content-type")  # only the body knows its boundary
        for headers in (self._headers, self._changing):
            for name in [name for name in headers if name.lower() in own]:
                del headers[name]
        if body and not any(name.lower() == "content-type" for name in self._headers):
            self._headers = {"Content-Type": body.content_type, **self._headers}
        self._headers[TRIAL_HEADER] = trial_header
        if not keep_alive:
            self._headers["Connection"] = "close"

    def _prepared(self, row: int, context: Context) -> Prepared:
        headers = self._headers
        if self._changing:
            headers = {**headers, **{name: each.of(row, context) for name, each in self._changing.items()}}
        body = self._body.of(row, context) if self._body else None
        return Prepared(self.method, self._url.of(row, context), headers, body or None)

    def prepare(self, row: int, context: Context) -> Prepared | str:
        """The request, or the kind of failure if it cannot be made; never raises."""
        if row == EXHAUSTED:
            return NO_ROWS
        try:
            return self.once or self._prepared(row, context)
        except NoData:
            return NO_DATA
        except Unsendable as failure:
            return f"{UNSENDABLE} {failure}"
        except Exception as failure:
            return f"{UNSENDABLE} {type(failure).__name__}"


class Traffic:
    """All requests of one load with their choices; raises ValueError for a load that cannot be compiled."""

    def __init__(self, load: LoadSpec, data: Dataset) -> None:
        spec, cache = load.traffic, Cache()
        self.steps = spec.steps
        self.rows = data.rows
        self.requests = [CompiledRequest(each, load, data, load.trial, cache) for each in spec.requests]
        self.login = CompiledRequest(spec.login, load, data, f"{load.trial}.login", cache) if spec.login else None
        rows = Rows(count=len(data.rows), pick=spec.pick, zipf_s=spec.zipf_s, per_user=spec.per == "user")
        weights = [1.0] if spec.steps else [each.weight for each in spec.requests]
        self.choices = Choices(weights, rows, load.seed, load.users, spec.sessions)

    def row(self, index: int) -> dict[str, Any] | None:
        """The row with this index; None for none."""
        return self.rows[index] if index >= 0 else None
