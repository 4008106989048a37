"""Values and files in the bodies of requests. Frozen types."""

from __future__ import annotations

from collections.abc import Mapping
from mimetypes import MimeTypes
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from harness.grid.types import GridPart, several

Scalar = bool | int | float | str
BYTES = "application/octet-stream"
_KINDS = MimeTypes(filenames=())  # without the files of this machine, so that a grid means the same everywhere


def unset(value: object) -> bool:
    """Whether a key has no value. Such keys are left out of a stored grid, so that new keys change no old one."""
    return value is None or value is False or value == {}


def written(value: Scalar) -> str:
    """Return a scalar as text in a query or a form."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def pairs(values: Mapping[str, Scalar | tuple[Scalar, ...]] | None) -> list[tuple[str, str]]:
    """Return (name, value) in order; a name with several values has one pair for each."""
    several_ = [(name, value if isinstance(value, tuple) else (value,)) for name, value in (values or {}).items()]
    return [(name, written(each)) for name, value in several_ for each in value]


def some_values(values: object) -> object:
    """Return names with their values; raises ValidationError for a name without one, which would not be sent."""
    empty = [name for name, value in values.items() if value == []] if isinstance(values, dict) else []
    if empty:
        words = "got []. Allowed: at least one value. Fix: remove the key to send none"
        raise several(((name,), words) for name in empty)
    return values


def at_least_one(value: object) -> object:
    """Return a list; raises ValueError for an empty one. pydantic's own check also counts only valid items."""
    if isinstance(value, list) and not value:
        raise ValueError("got []. Allowed: at least one")
    return value


# Name → value, or several values.
Values = Annotated[dict[str, Scalar | tuple[Scalar, ...]], BeforeValidator(some_values)]


def content_type(path: str) -> str:
    """Return the content type of a file by its name; that of bytes for an unknown one."""
    return _KINDS.guess_type(path)[0] or BYTES


class Upload(GridPart):
    """A file that is sent as it is."""

    path: Annotated[str, Field(min_length=1)] = Field(description="path of the file, relative to the grid file")
    type: str | None = Field(default=None, description="its content type; by its name if unset")


def upload(value: object) -> object:
    """Parse the short form of a file, its path."""
    return {"path": value} if isinstance(value, str) else value


class FormPart(GridPart):
    """One part of a multipart body: a field with a `value`, or a `file`."""

    name: str = Field(description="name of the part")
    value: str | None = Field(default=None, description="value of a field", exclude_if=unset)
    file: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="path of a file, relative to the grid file", exclude_if=unset
    )
    filename: str | None = Field(
        default=None, description="name that the file is sent with; that of the file if unset", exclude_if=unset
    )
    type: str | None = Field(
        default=None, description="content type of the file; by its name if unset", exclude_if=unset
    )

    @field_validator("value", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return written(value) if isinstance(value, bool | int | float) else value
