"""Parts of what is on disk, as frozen types that keep what a later version adds."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapSerializer

from harness.errors import BadInput


class Part(BaseModel):
    """Frozen; keys that this version does not know are kept and written again."""

    model_config = ConfigDict(frozen=True, extra="allow")


T = TypeVar("T")
P = TypeVar("P", bound=Part)
# A part that is {} on disk where there is none, as in the record of a trial that could not be carried out.
Maybe = Annotated[
    T | None,
    BeforeValidator(lambda said: said if said else None),
    WrapSerializer(lambda part, write: {} if part is None else write(part)),
]
Counts = dict[str, int]


def read_part(kind: type[P], what: str, file: object, said: dict[str, Any]) -> P:
    """A part as it is on disk; raises BadInput, which names `file`, where a key is missing or of another type."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{file}: not {what}: {where}: {first['msg']}") from None


def as_json(value: object) -> object:
    """What `json.dumps` takes for things that it does not know: parts as on disk, all else as text."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
