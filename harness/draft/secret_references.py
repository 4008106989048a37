"""Replace secrets in found requests by `${secret.NAME}`, so that no file contains their values.

A value is a secret by its name (`harness/secrecy.py`), by its form (a JSON Web Token, a known prefix), or because it
equals one elsewhere in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.draft.found import FoundRequest
from harness.grid import http, templates
from harness.grid.templates import escaped
from harness.secrecy import Hidden, is_secret_name
from harness.words import short

_FORMS = (
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"  # JSON Web Token
    r"|(?:ghp|gho|ghs|glpat|xox[abpr]|sk|pk|rk)[_-][A-Za-z0-9_-]{16,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}"
)
SECRET_FORM = re.compile(rf"(?<![A-Za-z0-9]){_FORMS}")
_SCHEME = re.compile(r"(Bearer|Basic|Token|ApiKey|Digest|Negotiate)\s+(\S.*)", re.I | re.S)
_NAMED = re.compile(r"""(?P<head>(?P<name>[A-Za-z_][\w.-]{0,63})["']?\s*[:=]\s*["']?)(?P<value>[^"'&\s,;<>{}]+)""")
_ELEMENT = re.compile(r"(?P<head><(?P<name>[\w.:-]{1,64})(?:\s[^<>]*)?>)(?P<value>[^<>]+)(?=</)")
LONGEST_KEY = 150  # characters; YAML allows 1024 with escapes, as in \u0000
_SHORTEST = 6  # characters of a value that is searched in other texts


class References:
    """References by environment variable; `values` are variable → value, which only this process has."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def all(self, requests: Iterable[FoundRequest]) -> list[FoundRequest]:
        """Return requests as templates without secrets."""
        every = list(requests)
        for each in every:
            self._request(each)  # a value may occur before the name that makes it a secret
        return [self._request(each) for each in every]

    @property
    def names(self) -> tuple[str, ...]:
        """The environment variables."""
        return tuple(self.values)

    def reference(self, name: str, value: str) -> str:
        """Return the template of a secret; equal values share a variable."""
        variable = next((known for known, other in self.values.items() if other == value), "")
        if not variable:
            base = variable_of(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name))
            variable, number = base, 1
            while variable in self.values:
                number += 1
                variable = f"{base}_{number}"
            self.values[variable] = value
        return f"${{secret.{variable}}}"

    def _request(self, request: FoundRequest) -> FoundRequest:
        wrong = {name for name, _ in http.wrong_headers(request.headers)}
        body = self._tree(request.body, "") if request.body_kind in ("json", "form") else request.body
        if request.body_kind == "text":
            body = self.text(str(request.body))
        elif request.body_kind == "multipart":
            body = [self._part(part) for part in request.body]
        return replace(
            request,
            path=self._path(request.path),
            params={name: self._value(name, value) for name, value in request.params.items() if can_be_key(name)},
            headers={name: self._header(name, value) for name, value in request.headers.items() if name not in wrong},
            body=body,
            remarks=(*request.remarks, *self._left_out(request, wrong)),
        )

    @staticmethod
    def _left_out(request: FoundRequest, wrong: set[str]) -> list[str]:
        """Return remarks about names that a grid cannot contain."""
        bodies = (request.body,) if request.body_kind in ("json", "form") else ()
        names = [name for value in (request.params, *bodies) for _, name in templates.keys(value)]
        unusable = [*wrong, *(name for name in names if not can_be_key(name))]
        return [f"left out, as a grid cannot contain it: {short(name, 40)}" for name in unusable]

    def _path(self, path: str) -> str:
        """A path whose query, and segments after a name such as `token`, have no secrets."""
        plain, mark, query = path.partition("?")
        segments = plain.split("/")
        for place in range(1, len(segments)):
            follows = segments[place] and _WHOLE_NAMES.fullmatch(segments[place - 1])
            segments[place] = (
                self.reference(segments[place - 1], segments[place]) if follows else self.text(segments[place])
            )
        pairs = [part.partition("=") for part in query.split("&")]
        query = "&".join(f"{escaped(name)}{sign}{self._parameter(name, value)}" for name, sign, value in pairs)
        return "/".join(segments) + mark + query

    def _parameter(self, name: str, value: str) -> str:
        return self.reference(name, value) if value and is_secret_name(name) else self.text(value)

    def _header(self, name: str, value: str) -> str:
        if not is_secret_name(name) and not _SCHEME.fullmatch(value):
            return self.text(value)
        scheme = _SCHEME.fullmatch(value)
        if scheme:
            return f"{scheme[1]} {self.reference(name, scheme[2])}"
        return self.reference(name, value) if value else value

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(self._value(name, each) for each in value)
        return self._leaf(value, name, False)

    def _tree(self, value: Any, name: str, secret: bool = False) -> Any:
        """Plain data whose keys have no templates. Everything below a secret name is secret."""
        secret = secret or bool(name and is_secret_name(name))
        if isinstance(value, Mapping):
            return {key: self._tree(inner, str(key), secret) for key, inner in value.items() if can_be_key(str(key))}
        if isinstance(value, list | tuple):
            return [self._tree(each, name, secret) for each in value]
        return self._leaf(value, name, secret)

    def _leaf(self, value: Any, name: str, secret: bool) -> Any:
        if value is None or isinstance(value, bool) or value == "":
            return value
        if Hidden().tree(value, name, secret) != value:
            return self.reference(name or "secret", str(value))
        return self.text(value) if isinstance(value, str) else value

    def _part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(part)
        if "value" in found:
            found["value"] = self._leaf(str(found["value"]), str(found.get("name", "")), False)
        return found

    def text(self, text: str) -> str:
        """A text as a template without secrets."""
        known = sorted((value for value in self.values.values() if len(value) >= _SHORTEST), key=len, reverse=True)
        pattern = re.compile("|".join([*map(re.escape, known), SECRET_FORM.pattern]))
        parts, at = [], 0
        for start, end, name in sorted(
            [*_named(text), *((m.start(), m.end(), "token") for m in pattern.finditer(text))]
        ):
            if start >= at:
                parts += [escaped(text[at:start]), self.reference(name, text[start:end])]
                at = end
        return "".join([*parts, escaped(text[at:])])


_WHOLE_NAMES = re.compile(r"(?i)(?:[a-z]+[-_])*(?:tokens?|secrets?|passwords?|sessions?|api[-_]?keys?|reset|invites?)")


def variable_of(text: str, empty: str = "SECRET") -> str:
    """Return a text as the name of an environment variable; `empty` for one without letters and digits."""
    name = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_") or empty
    return f"SECRET_{name}" if name[0].isdigit() else name


def can_be_key(name: str) -> bool:
    """Whether a grid can contain a key: names have no templates, and YAML limits their length."""
    return "${" not in name and len(name) <= LONGEST_KEY


def _named(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, name) of each value that stands next to a secret name in a text."""
    return [
        (found.start("value"), found.end("value"), found["name"])
        for pattern in (_NAMED, _ELEMENT)
        for found in pattern.finditer(text)
        if is_secret_name(found["name"]) and found["value"].lower() not in ("true", "false", "null")
    ]
