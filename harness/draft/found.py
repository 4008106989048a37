"""Requests found in a source, in the terms of a grid. Frozen types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from harness.grid.bodies import Values

LONGEST_NAME = 64
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True)
class FoundRequest:
    """One request; `body` is the value of the grid's key `body_kind` (json, form, multipart, file, text; "" for none).

    `status` is the recorded or documented status, None if unknown. `pattern` is the regular expression for a response's
    body, empty without one. `pause_s` is the recorded pause after it. `extract` is name → JSONPath in its response.
    """

    name: str
    method: str = "GET"
    path: str
    params: Values = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body_kind: str = ""
    body: Any = None
    weight: int = 1
    pause_s: float = 0.0
    status: int | None = None
    pattern: str = ""
    extract: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def as_grid(self) -> dict[str, Any]:
        """Return the request with the keys of a grid."""
        found: dict[str, Any] = {} if self.method == "GET" else {"method": self.method}
        found["path"] = self.path
        if self.params:
            found["params"] = {name: _plain(value) for name, value in self.params.items()}
        if self.headers:
            found["headers"] = dict(self.headers)
        if self.body_kind:
            found[self.body_kind] = self.body
        return found


@dataclass(frozen=True, kw_only=True)
class FoundTraffic:
    """The traffic of a source: `requests` of a mix or of `steps`, or a `script` with its user classes.

    `rows` are those of the data file, `files` are name → content of uploaded files; both belong next to the grid.
    `secrets` are the names of environment variables. `notes` are for the user, `others` for comments in the grid.
    """

    title: str
    requests: tuple[FoundRequest, ...] = ()
    is_steps: bool = False
    script: str = ""
    users: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def name_of(text: str) -> str:
    """Return a text as the name of a request: `GET /items/:id` for `GET /items/{id}`."""
    name = re.sub(r"\{([^{}]*)\}", r":\1", text)
    name = re.sub(r"[^A-Za-z0-9 ._/:-]+", "-", name).strip(" -._:")
    return name[:LONGEST_NAME].rstrip() or "request"


def with_own_names(requests: Sequence[FoundRequest]) -> tuple[FoundRequest, ...]:
    """Return requests whose names differ; a name that occurs again gets a number."""
    taken: set[str] = set()
    found = []
    for each in requests:
        name, number = each.name, 1
        while name in taken:
            number += 1
            ending = f" {number}"
            name = f"{each.name[: LONGEST_NAME - len(ending)]}{ending}"
        taken.add(name)
        found.append(replace(each, name=name))
    return tuple(found)


def study_name(text: str) -> str:
    """Return a text as the name of a study: letters, digits, dots, underscores and dashes."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._").lower()
    return name[:40].strip("-._") or "study"


def coded(text: str, more: str = "") -> str:
    """Return a path as it can be sent: other characters are percent-encoded, codes stay; `more` are allowed too."""
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text), safe=f"/%:@!$&'()*+,;=~-._{more}")


def count(number: int, noun: str, plural: str = "") -> str:
    """Format a number of things, as in "1 request" or "3 entries"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
