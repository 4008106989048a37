"""Frozen types for JSON on disk; they keep keys that a later version adds."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WrapSerializer


class Part(BaseModel):
    """Base of all record types: frozen; unknown keys are kept and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")


T = TypeVar("T")
# An optional part that is {} on disk when absent, as in the record of a trial that could not be run.
Maybe = Annotated[
    T | None,
    BeforeValidator(lambda value: value if value else None),
    WrapSerializer(lambda part, write: {} if part is None else write(part)),
]
Counts = dict[str, int]


def as_json(value: object) -> object:
    """Convert an object for `json.dumps`: a part as on disk, anything else as text."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
