"""Extent of a study: number of blocks, loads to search, and limits. Frozen types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
    field_serializer,
    model_validator,
)

from harness.grid import load, units
from harness.grid.load import MOST_USERS, RATE
from harness.grid.types import GridPart, Share, WallClockDuration
from harness.words import short

MOST_REPEATS = 100
Money = Annotated[float, BeforeValidator(units.money_usd), PlainSerializer(lambda v: f"{v:.10g} USD", when_used="json")]


def _searched(value: object, info: ValidationInfo) -> object:
    """Parse a limit of a search: a number of users, or a rate in whole requests per second."""
    if info.data.get("factor") != RATE:
        return value
    found = load.read(RATE, value)
    if not isinstance(found, int):
        raise ValueError(f"got {short(value)}. Allowed: whole requests per second, as in 20/s")
    return found


Searched = Annotated[int, BeforeValidator(_searched), Field(ge=1, le=MOST_USERS, strict=True)]


class Search(GridPart):
    """Range of the search for each topology's limit: `from`, `to`, and the relative width of the final bracket.

    The loads are levels of `factor`: users, or whole requests per second.
    """

    factor: Literal["vusers", "rate"] = "vusers"
    least: Annotated[Searched, Field(alias="from")] = Field(description="smallest load: users, or a rate")
    most: Annotated[Searched, Field(alias="to")] = Field(description="largest load: users, or a rate")
    until: Share = Field(
        default=0.05, description="width of the bracket at which the search ends; at most 13 % around objectives"
    )

    @model_validator(mode="after")
    def _is_a_span(self) -> Search:
        if self.most <= self.least:
            raise ValueError(f"to ({self.most}) must be greater than from ({self.least})")
        if not 0.01 <= self.until <= 0.5:
            raise ValueError(f"until: got {self.until:.0%}. Allowed: from 1% to 50%")
        return self

    @field_serializer("least", "most", when_used="json")
    def _with_unit(self, value: int, _info: SerializationInfo) -> object:
        return load.written(self.factor, value)


class Repeats(GridPart):
    """Number of blocks (rule E16): at least `min`, then until every watched gain is within `until`, at most `max`.

    The default of `until` is ±10 % in a lab, which may share its machine, and ±5 % on hosts.
    """

    min: Annotated[int, Field(ge=1, le=MOST_REPEATS, strict=True)] = Field(description="fewest blocks")
    max: Annotated[int, Field(ge=1, le=MOST_REPEATS, strict=True)] = Field(description="most blocks")
    until: Share | None = Field(
        default=None, description="half width that ends the study, as in `±5%`; unset: 10 % in a lab, 5 % on hosts"
    )

    @model_validator(mode="after")
    def _is_a_span(self) -> Repeats:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) must be at least min ({self.min})")
        if self.max > self.min and self.min < 3:
            raise ValueError(f"min: got {self.min}. Allowed with a stopping rule: at least 3 blocks")
        if self.until is not None and not self.until:
            raise ValueError("until: got 0%. Allowed: above 0%, as in ±5%")
        return self

    @property
    def fixed(self) -> bool:
        """Whether the number of blocks is fixed."""
        return self.min == self.max

    def target(self, kind: str) -> float:
        """Return the target half width as a share; `kind` is the inventory's."""
        return self.until if self.until is not None else 0.05 if kind == "hosts" else 0.10


def as_repeats(value: object) -> object:
    """Parse a fixed number of blocks, or a stopping rule with `min`, `max` and `until`."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MOST_REPEATS:
            raise ValueError(f"got {value}. Allowed: a whole number from 1 to {MOST_REPEATS}")
        return {"min": value, "max": value}
    if not isinstance(value, dict | Repeats):
        raise ValueError(f"got {short(value)}. Allowed: a whole number, or {{min: 5, max: 12, until: ±5%}}")
    return value


def plain_repeats(value: Repeats) -> object:
    """Return the notation of a grid file."""
    rule = value.model_dump(mode="json", exclude_none=True)
    return value.min if value.fixed else rule


class Budget(GridPart):
    """Limits of a study; a plan beyond them is rejected before anything is deployed."""

    time: WallClockDuration | None = Field(
        default=None, description="longest duration; of a search that of its most trials"
    )
    cost: Money | None = Field(default=None, description="highest cost of rented hosts")
