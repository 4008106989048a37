"""How much a grid asks to measure: blocks, and loads to search. Frozen types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializationInfo,
    ValidationInfo,
    field_serializer,
    model_validator,
)

from harness.grid import load
from harness.grid.load import MOST_USERS, RATE
from harness.grid.types import Part, Share
from harness.words import short

MOST_REPEATS = 100


def _searched(value: object, info: ValidationInfo) -> object:
    """A load that is searched: a number of users, or a rate, which goes in whole requests per second."""
    if info.data.get("factor") != RATE:
        return value
    found = load.read(RATE, value)
    if not isinstance(found, int):
        raise ValueError(f"got {short(value)}; a search goes in whole requests per second, as in 20/s")
    return found


Searched = Annotated[int, BeforeValidator(_searched), Field(ge=1, le=MOST_USERS, strict=True)]


class Search(Part):
    """Loads to search for each topology's limit: from `from` to `to`, to `until` of itself.

    They are levels of `factor`: users, or whole requests per second.
    """

    factor: Literal["vusers", "rate"] = "vusers"
    least: Annotated[Searched, Field(alias="from")] = Field(description="smallest load: users, or a rate")
    most: Annotated[Searched, Field(alias="to")] = Field(description="largest load: users, or a rate")
    until: Share = Field(default=0.05, description="width of the bracket at which the search ends")

    @model_validator(mode="after")
    def _is_a_span(self) -> Search:
        if self.most <= self.least:
            raise ValueError(f"to is {self.most}, not above from {self.least}; write them the other way round")
        if not 0.01 <= self.until <= 0.5:
            raise ValueError(f"until is {self.until:.0%}; from 1% to 50%")
        return self

    @field_serializer("least", "most", when_used="json")
    def _with_unit(self, value: int, _info: SerializationInfo) -> object:
        return load.written(self.factor, value)


class Repeats(Part):
    """How many blocks (rule E16): from `min` to `max`, and no more once every watched gain is within `until`.

    Without `until` it is ±10 % in a lab, whose neighbours nobody knows, and ±5 % on hosts.
    """

    min: Annotated[int, Field(ge=1, le=MOST_REPEATS, strict=True)] = Field(description="fewest blocks")
    max: Annotated[int, Field(ge=1, le=MOST_REPEATS, strict=True)] = Field(description="most blocks")
    until: Share | None = Field(
        default=None, description="half width that ends the study, as in `±5%`; unset: 10 % in a lab, 5 % on hosts"
    )

    @model_validator(mode="after")
    def _is_a_span(self) -> Repeats:
        if self.max < self.min:
            raise ValueError(f"max is {self.max}, below min {self.min}; write them the other way round")
        if self.max > self.min and self.min < 3:
            raise ValueError(f"min is {self.min}; to stop by the interval it takes 3 blocks at least")
        if self.until is not None and not self.until:
            raise ValueError("until is 0%; write how narrow a gain should be, as in ±5%")
        return self

    @property
    def fixed(self) -> bool:
        """Whether the number is settled beforehand."""
        return self.min == self.max

    def target(self, kind: str) -> float:
        """The half width that is asked for, as a share; `kind` is the inventory's."""
        return self.until if self.until is not None else 0.05 if kind == "hosts" else 0.10


def as_repeats(value: object) -> object:
    """A bare number is that many; `min`, `max` and `until` are a rule."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MOST_REPEATS:
            raise ValueError(f"got {value}; whole numbers from 1 to {MOST_REPEATS} are allowed")
        return {"min": value, "max": value}
    if not isinstance(value, dict | Repeats):
        raise ValueError(f"got {short(value)}; write a whole number, or {{min: 5, max: 12, until: ±5%}}")
    return value


def plain_repeats(value: Repeats) -> object:
    """As it is written in a grid."""
    told = value.model_dump(mode="json", exclude_none=True)
    return value.min if value.fixed else told
