"""Check the traffic of a grid: templates, bodies, extractions and names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.grid import http, json_paths, templates
from harness.grid.request import Expect, HttpRequest
from harness.grid.schema import Grid
from harness.grid.templates import BUILT_IN, ROW, SECRET, Path_
from harness.grid.traffic import LOGIN, Extraction
from harness.words import nearest, short

Problem = tuple[Path_, str]
_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request of the traffic with its place in the grid, as in ("traffic", "requests", 0).

    `extracted` are the names that have a value before it is sent.
    """

    where: Path_
    request: HttpRequest
    extract: Mapping[str, Extraction]
    extracted: tuple[str, ...] = ()
    expect: Expect = field(default_factory=Expect)

    @property
    def at(self) -> Path_:
        """Place of the request's own keys."""
        return self.where if self.where == ("request",) else (*self.where, "request")

    def texts(self) -> Iterator[tuple[Path_, str]]:
        """Yield (place, text) for every text that may have templates."""
        request = self.request
        parts: dict[str, Any] = {
            "path": request.path,
            "params": request.params,
            "headers": request.headers,
            "json": request.json_body,
            "form": request.form,
            "text": request.text,
        }
        if request.file is not None:
            parts["file"] = {"path": request.file.path} if request.file.type else request.file.path
        if request.multipart is not None:
            parts["multipart"] = [part.model_dump(exclude_none=True) for part in request.multipart]
        for key, value in parts.items():
            yield from templates.texts(value, (*self.at, key))

    def names(self) -> Iterator[tuple[Path_, str]]:
        """Yield (place, name) for the names of parameters and fields, and for keys of JSON."""
        request = self.request
        for part, value in (("params", request.params), ("json", request.json_body), ("form", request.form)):
            yield from templates.keys(value, (*self.at, part))


def sent(grid: Grid) -> list[Sent]:
    """Return every request of a grid's traffic in order, the login first."""
    traffic = grid.traffic
    if traffic is None:
        return [Sent(where=("request",), request=each.request, extract={}) for each in grid.requests]
    found: list[Sent] = []
    known: tuple[str, ...] = ()
    if traffic.login is not None:
        login = traffic.login
        found.append(Sent(where=("traffic", LOGIN), request=login.request, extract=login.extract, expect=login.expect))
        known = tuple(login.extract)
    section = "steps" if grid.has_steps else "requests"
    for place, each in enumerate(traffic.all):
        where = ("traffic", section, place)
        found.append(Sent(where=where, request=each.request, extract=each.extract, extracted=known, expect=each.expect))
        if grid.has_steps:
            known = (*known, *each.extract)
    return found


def secrets(grid: Grid) -> dict[str, Path_]:
    """Return the name of each `${secret.NAME}` with the place of its first use."""
    found: dict[str, Path_] = {}
    env = grid.traffic.env if grid.traffic is not None else {}
    own = [(("traffic", "env", name), text) for name, text in env.items()]
    for texts in [own, *(each.texts() for each in sent(grid))]:
        for where, text in texts:
            for name in templates.names(text):
                if name.startswith(SECRET):
                    found.setdefault(name.removeprefix(SECRET), where)
    return found


@dataclass(frozen=True)
class TrafficChecker:
    """Checks of a grid's traffic.

    `columns` are those of its rows, None if they are not known. `replaced` are invalid parts of the traffic, of which
    nothing is known: data, login.
    """

    grid: Grid
    columns: tuple[str, ...] | None = None
    replaced: frozenset[str] = frozenset()

    @cached_property
    def every(self) -> list[Sent]:
        """Every request of the traffic."""
        return sent(self.grid)

    def all(self) -> Iterator[Problem]:
        """Yield all problems, in no order."""
        every = self.every
        used = frozenset(name for each in every for _, text in each.texts() for name in templates.names(text))
        for each in every:
            yield from self._request(each)
            yield from self._templates(each, every)
            yield from self._extractions(each, every, used)
            yield from self._patterns(each)
        yield from self._load()
        yield from self._unused_rows(every)
        yield from self._environment()

    def _environment(self) -> Iterator[Problem]:
        env = self.grid.traffic.env if self.grid.traffic is not None else {}
        for name, text in env.items():
            where = ("traffic", "env", name)
            wrong = [each for each in templates.names(text) if not each.startswith(SECRET)]
            if "\0" in text:
                yield where, f"{_named(where)}: got {short(text)}. Allowed: text without zero bytes"
            if templates.unclosed(text) or wrong:
                words = "Allowed: text, and ${secret.NAME}. Fix: write '$${' for the text '${'"
                yield where, f"{_named(where)}: got {short(text)}. {words}"
            elif each := next((each for each in templates.names(text) if self._wrong_secret(each)), ""):
                yield where, f"{_named(where)}: {self._wrong_secret(each)}"

    @staticmethod
    def _wrong_secret(name: str) -> str:
        """Return why `secret.NAME` cannot have a value; empty if it can."""
        if _SECRET_NAME.fullmatch(name.removeprefix(SECRET)):
            return ""
        shown = f"${{{short(name, bare=True)}}}"
        return f"{shown}: not a name. Allowed: letters, digits and underscores, as in TOKEN"

    def _load(self) -> Iterator[Problem]:
        grid = self.grid
        if grid.has_steps and grid.is_open:
            yield (
                ("traffic", "steps"),
                "traffic.steps: only valid with vusers. Fix: use vusers instead of rate, or requests instead of steps",
            )
        if grid.login is None:
            return
        if grid.login.sessions is not None and not grid.is_open:
            words = "traffic.login.sessions: only valid with rate, as each user logs in. Fix: remove it"
            yield ("traffic", LOGIN, "sessions"), words
        for place, each in enumerate(grid.requests):
            if each.name == LOGIN:
                where: Path_ = ("traffic", "steps" if grid.has_steps else "requests", place, "name")
                yield where, f"{_named(where)}: 'login' is the name of traffic.login. Fix: use another name"

    def _request(self, each: Sent) -> Iterator[Problem]:
        request, at = each.request, each.at
        if len(request.bodies) > 1:
            both = " and ".join(request.bodies)
            yield (*at, request.bodies[1]), f"{_named(at)}: {both} are set. Allowed: one body. Fix: keep one of them"
        path = templates.sample(request.path)
        if words := http.wrong_path(path) if not templates.unclosed(request.path) else "":
            yield (*at, "path"), f"{_named((*at, 'path'))}: {words}"
        values = {name: templates.sample(value) for name, value in request.headers.items()}
        for name, words in http.wrong_headers(values):
            yield (*at, "headers", name), f"{_named((*at, 'headers'))}: {words}"
        kind = (request.file.type if request.file else None) or ""
        if words := self._wrong_type(kind, allows_templates=False):
            yield (*at, "file", "type"), f"{_named((*at, 'file', 'type'))}: {words}"
        yield from self._set_by_multipart(each)
        for place, part in enumerate(request.multipart or ()):
            where = (*at, "multipart", place)
            if part.type is not None and (words := self._wrong_type(part.type)):
                yield (*where, "type"), f"{_named((*where, 'type'))}: {words}"
            if (part.value is None) == (part.file is None):
                yield (
                    where,
                    f"{_named(where)}: got {'both' if part.file else 'neither'}. Allowed: a value or a file",
                )
            elif part.file is None and (part.filename is not None or part.type is not None):
                yield where, f"{_named(where)}: filename and type are only valid with file. Fix: remove them"

    @staticmethod
    def _set_by_multipart(each: Sent) -> Iterator[Problem]:
        """Find a content type next to parts: it would lack the boundary that the load generator puts between them."""
        for name in each.request.headers if each.request.multipart is not None else ():
            if name.lower() == "content-type":
                where = (*each.at, "headers", name)
                words = "with multipart the load generator sets it, with its boundary. Fix: remove it"
                yield where, f"{_named(where)}: {words}"

    @staticmethod
    def _wrong_type(text: str, *, allows_templates: bool = True) -> str:
        """Return why a content type cannot be sent; empty for a valid one."""
        if "${" in text and not allows_templates:
            return f"got {short(text)}: it cannot have a template. Allowed: a content type, as in image/png"
        return http.wrong_value(templates.sample(text))

    @staticmethod
    def _patterns(each: Sent) -> Iterator[Problem]:
        """Find templates in regular expressions, which take them literally and never match."""
        patterns: dict[Path_, str | None] = {("expect", "body"): each.expect.body}
        patterns |= {("extract", name, "regex"): way.regex for name, way in each.extract.items()}
        for key, pattern in patterns.items():
            if pattern is not None and re.search(r"(?<!\\)\$\{", pattern):
                where = (*each.where, *key)
                words = "a regular expression cannot have a template. Fix: write \\$ for the character '$'"
                yield where, f"{_named(where)}: got {short(pattern)}: {words}"

    def _templates(self, each: Sent, every: list[Sent]) -> Iterator[Problem]:
        for where, key in each.names():
            if "${" in key:
                yield where, f"{_named(where)}: a name cannot have a template. Fix: use it in a value"
        seen: set[tuple[Path_, str]] = set()
        for where, text in each.texts():
            if templates.unclosed(text):
                words = f"got {short(text)}: '${{' is not closed. Fix: add '}}', or write '$${{' for the text '${{'"
                yield where, f"{_named(where)}: {words}"
            for name in templates.names(text):
                if (where, name) not in seen and (words := self._wrong_name(name, each, every)):
                    yield where, f"{_named(where)}: {words}"
                seen.add((where, name))

    def _wrong_name(self, name: str, each: Sent, every: list[Sent]) -> str:
        """Return why a template has no value; empty for one that has."""
        shown = f"${{{short(name, bare=True)}}}"
        if name.startswith(ROW):
            return self._wrong_column(name.removeprefix(ROW), shown)
        if name.startswith(SECRET):
            return self._wrong_secret(name)
        if name in BUILT_IN or name in each.extracted:
            return ""
        if owner := next((other for other in every if name in other.extract), None):
            return f"{shown}: {self._too_late(owner, each)}"
        if LOGIN in self.replaced:
            return ""
        own = [*each.extracted, *(f"{ROW}{column}" for column in self.columns or ()), *BUILT_IN]
        found = f"{shown}: unknown name{nearest(name, [*own, 'secret.NAME'])}"
        return found if "Fix:" in found else f"{found}. Fix: use one of them, or write '$${{' for the text '${{'"

    def _wrong_column(self, column: str, shown: str) -> str:
        if "data" in self.replaced:
            return ""
        if self.grid.traffic is None or self.grid.traffic.data is None:
            return f"{shown}: there are no rows. Fix: set traffic.data, as in {{file: data/rows.jsonl}}"
        if self.columns is None or column in self.columns:
            return ""
        source = short(self.grid.traffic.data.source, bare=True)
        columns = short(", ".join(self.columns), 200, bare=True)
        similar = nearest(column, list(self.columns))
        fix = similar if "Fix:" in similar else ""  # else it repeats the columns
        return f"{shown}: {source} has no column {short(column)}. Allowed: {columns}{fix}"

    def _too_late(self, owner: Sent, each: Sent) -> str:
        if owner.where == each.where:
            return "its value is read from the response to this request. Fix: use it in a later step"
        if self.grid.has_steps:
            return f"its value is read in the later step {self._name(owner)}. Fix: change the order of the steps"
        return (
            f"its value is read from {self._name(owner)}, and requests of a mix have no order. "
            "Fix: use steps, or read it in traffic.login"
        )

    @property
    def _lacks_requests(self) -> bool:
        """Whether requests are invalid, so that their templates are unknown."""
        return not self.replaced.isdisjoint(("requests", "steps", LOGIN))

    def _name(self, each: Sent) -> str:
        return short(self.grid.requests[int(each.where[2])].name) if len(each.where) > 2 else "login"

    def _extractions(self, each: Sent, every: list[Sent], used: frozenset[str]) -> Iterator[Problem]:
        for name, way in each.extract.items():
            where = (*each.where, "extract", name)
            shown = _named(where)
            if name in BUILT_IN:
                yield where, f"{shown}: {name} has a value of its own. Fix: use another name"
            elif name not in used and not self._lacks_requests:
                yield where, f"{shown}: never used. Fix: use it as ${{{name}}}, or remove it"
            if any(name in other.extract for other in every[: every.index(each)]):
                yield where, f"{shown}: an earlier request also extracts {name}. Fix: use another name"
            if way.json_path is not None and (words := json_paths.wrong(way.json_path)):
                yield (*where, "json"), f"{shown}.json: {words}"
            if way.header is not None and not http.is_token(way.header):
                yield (*where, "header"), f"{shown}.header: got {short(way.header)}. Allowed: the name of a header"

    def _unused_rows(self, every: list[Sent]) -> Iterator[Problem]:
        if self.grid.traffic is None or self.grid.traffic.data is None or self._lacks_requests:
            return
        if not any(f"${{{ROW}" in text.replace(" ", "") for each in every for _, text in each.texts()):
            yield ("traffic", "data"), "traffic.data: never used. Fix: use a column as ${row.COLUMN}, or remove it"


def _named(where: Path_) -> str:
    return ".".join(map(str, where))
