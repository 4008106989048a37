"""Frozen types for JSON on disk; they keep keys that a later version adds."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WrapSerializer

from harness.grid import load
from harness.grid.types import Levels


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


def _of_a_grid(levels: Levels) -> Levels:
    """Return the levels of a cell; raises ValueError for a missing factor, or a level that no grid can have."""
    if "servers" not in levels:
        raise ValueError("factor 'servers' is missing")
    load.factor_of(levels)
    for name in ("servers", "fail_servers", *load.LOAD_FACTORS):
        if name in levels:
            load.check_level(name, levels[name])
    return levels


CellLevels = Annotated[Levels, AfterValidator(_of_a_grid)]


def as_json(value: object) -> object:
    """Convert an object for `json.dumps`: a part as on disk, a dataclass by its fields, anything else as text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
