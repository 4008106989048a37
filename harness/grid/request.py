"""The request of a grid and its expected response. Frozen types."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import Field, field_validator

from harness.grid.types import GridPart
from harness.words import short


class Request(GridPart):
    """The request that is sent, and the expected response."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="GET", description="HTTP method")
    path: str = Field(description="path, with a slash in front")
    json_body: Any = Field(default=None, alias="json", description="body, sent as JSON")
    headers: dict[str, str] = Field(default={}, description="header → value")
    expect_status: tuple[int, ...] = Field(default=(200,), description="status codes of a success")
    expect_body: str | None = Field(default=None, description="regular expression that a success's body must match")

    @field_validator("path")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError(f"got {short(path)}. Allowed: a path that begins with a slash, as in /predict")
        return path

    @field_validator("expect_status", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, int | str) else value

    @field_validator("expect_status")
    @classmethod
    def _is_status(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or not all(100 <= status <= 599 for status in value):
            raise ValueError(f"got {short(list(value))}. Allowed: HTTP status codes from 100 to 599")
        return value

    @field_validator("expect_body")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"got {short(value)}: not a regular expression: {error}") from None
        return value

    @property
    def body(self) -> str:
        """The request's body as text; empty for none."""
        return "" if self.json_body is None else json.dumps(self.json_body, separators=(",", ":"), allow_nan=False)

    @property
    def all_headers(self) -> dict[str, str]:
        """Headers as sent."""
        kind = {} if self.json_body is None else {"Content-Type": "application/json"}
        return {**kind, **self.headers}
