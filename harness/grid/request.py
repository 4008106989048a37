"""One request as a grid describes it, and its expected response. Frozen types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field, field_validator

from harness.grid import patterns
from harness.grid.bodies import FormPart, Upload, Values, at_least_one, pairs, unset, upload
from harness.grid.types import GridPart, Switch
from harness.words import short

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
BODIES = ("json", "form", "multipart", "file", "text")
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"


class HttpRequest(GridPart):
    """The request alone: method, path, headers, and at most one body."""

    method: Method = Field(default="GET", description="HTTP method")
    path: str = Field(description="path, with a slash in front")
    json_body: Any = Field(default=None, alias="json", description="body, sent as JSON")
    headers: dict[str, str] = Field(default={}, description="header → value")
    params: Values = Field(default={}, description="parameter of the query → value, or values", exclude_if=unset)
    form: Values | None = Field(
        default=None, description="body, sent as a form: field → value, or values", exclude_if=unset
    )
    multipart: Annotated[tuple[FormPart, ...], BeforeValidator(at_least_one)] | None = Field(
        default=None, description="body of several parts, see below", exclude_if=unset
    )
    file: Annotated[Upload, BeforeValidator(upload)] | None = Field(
        default=None,
        description="body, a file as it is: its path, or `{path: a.png, type: image/png}`",
        exclude_if=unset,
    )
    text: str | None = Field(default=None, description="body, sent as text", exclude_if=unset)
    follow_redirects: Switch = Field(
        default=False, description="whether redirects are followed; a followed one is one request", exclude_if=unset
    )

    @field_validator("path")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError(f"got {short(path)}. Allowed: a path that begins with a slash, as in /predict")
        return path

    @property
    def body_kind(self) -> str:
        """The key of the body; empty for none."""
        return next(iter(self.bodies), "")

    @property
    def bodies(self) -> list[str]:
        """The keys of all bodies that are set."""
        values = (self.json_body, self.form, self.multipart, self.file, self.text)
        return [key for key, value in zip(BODIES, values, strict=True) if value is not None]

    @property
    def body(self) -> str:
        """The body as text as it is sent without templates; empty for none, and for files."""
        if self.json_body is not None:
            return json.dumps(self.json_body, separators=(",", ":"), allow_nan=False)
        return urlencode(pairs(self.form)) if self.form is not None else self.text or ""

    @property
    def all_headers(self) -> dict[str, str]:
        """Headers as sent; the content type of files is set by the load generator's client."""
        kind = {"json": JSON, "form": FORM, "text": TEXT}.get(self.body_kind)
        own = {name.lower() for name in self.headers}
        return {**({"Content-Type": kind} if kind and "content-type" not in own else {}), **self.headers}

    @property
    def target(self) -> str:
        """Path and query as sent without templates."""
        if not self.params:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}{urlencode(pairs(self.params))}"

    def files(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield (path of the key, path of the file) for each file that is sent; both may have templates."""
        if self.file is not None:
            yield ("file",), self.file.path
        for place, part in enumerate(self.multipart or ()):
            if part.file is not None:
                yield ("multipart", place, "file"), part.file


Statuses = tuple[int, ...]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, int | str) else value


def check_statuses(value: Statuses) -> Statuses:
    """Return the statuses; raises ValueError for one that HTTP does not have."""
    if not value or not all(100 <= status <= 599 for status in value):
        raise ValueError(f"got {short(list(value))}. Allowed: HTTP status codes from 100 to 599")
    return value


def check_pattern(value: str | None) -> str | None:
    """Return a regular expression; raises ValueError for an invalid one."""
    patterns.compiled(value or "")
    return value


class Request(HttpRequest):
    """The request that is sent, and the expected response: the short form of traffic."""

    expect_status: tuple[int, ...] = Field(default=(200,), description="status codes of a success")
    expect_body: str | None = Field(default=None, description="regular expression that a success's body must match")

    _wraps_status = field_validator("expect_status", mode="before")(_one_or_many)
    _is_status = field_validator("expect_status")(check_statuses)
    _compiles = field_validator("expect_body")(check_pattern)


class Expect(GridPart):
    """The expected response."""

    status: tuple[int, ...] = Field(default=(200,), description="status codes of a success")
    body: str | None = Field(default=None, description="regular expression that a success's body must match")

    _wraps_status = field_validator("status", mode="before")(_one_or_many)
    _is_status = field_validator("status")(check_statuses)
    _compiles = field_validator("body")(check_pattern)
