"""Parts of what is on disk, as frozen types that keep what a later version adds."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WrapSerializer


class Part(BaseModel):
    """Frozen; keys that this version does not know are kept and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")


T = TypeVar("T")
# A part that is {} on disk where there is none, as in the record of a trial that could not be carried out.
Maybe = Annotated[
    T | None,
    BeforeValidator(lambda said: said if said else None),
    WrapSerializer(lambda part, write: {} if part is None else write(part)),
]
Counts = dict[str, int]


def as_json(value: object) -> object:
    """What `json.dumps` takes for things that it does not know: parts as on disk, all else as text."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
