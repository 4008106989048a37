"""Quantities and parts of a grid as frozen types, parsed from a grid file and formatted like one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from harness.grid import units
from harness.words import short

# JSON has them with their unit, so that a stored grid is parsed like a grid file.
Share = Annotated[float, BeforeValidator(units.share), PlainSerializer(lambda v: f"{v * 100:.10g}%", when_used="json")]
WallClockDuration = Annotated[
    float, BeforeValidator(units.duration_s), PlainSerializer(lambda v: f"{v:.10g}s", when_used="json")
]
TIME_SCALED = "scaled"  # mark of the types whose values grow with the factor of time scaling
Duration = Annotated[WallClockDuration, TIME_SCALED]
Rate = Annotated[float, BeforeValidator(units.rate_per_s), PlainSerializer(lambda v: f"{v:.10g}/s", when_used="json")]
LARGEST = 2**53  # the largest whole number that every JSON reader keeps exactly
Count = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
WholeSeconds = Annotated[Count, TIME_SCALED]
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _switched(value: object) -> object:
    """Parse a boolean, also as a word of YAML 1.1."""
    if isinstance(value, str) and value.lower() in ("yes", "on", "no", "off"):
        return value.lower() in ("yes", "on")
    if not isinstance(value, bool):
        raise ValueError(f"got {short(value)}. Allowed: true or false")
    return value


Switch = Annotated[bool, BeforeValidator(_switched)]


Level = bool | int | float | str
Levels = dict[str, Level]  # factor → level


class GridPart(BaseModel):
    """Base of all parts: frozen, and unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Caching(BaseModel):
    """Base of frozen models with a `cached_property`: a changed copy computes it again.

    pydantic keeps cached values next to the fields, and copies both.
    """

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values of some fields, without cached values."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


Scalable = TypeVar("Scalable", bound=BaseModel)


def scale_durations(part: Scalable, factor: float) -> Scalable:
    """Multiply every value of type `Duration` or `WholeSeconds` by a factor, in nested parts too.

    `WholeSeconds` stay whole. A `WallClockDuration` keeps its value: time scaling does not change a budget or a
    tolerance of clocks.
    """
    changed: dict[str, object] = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            scaled: object = scale_durations(value, factor)
        elif isinstance(value, tuple) and any(isinstance(each, BaseModel) for each in value):
            scaled = tuple(scale_durations(each, factor) for each in value)
        elif value is None or not _is_time_scaled(field):
            continue
        elif isinstance(value, dict):
            scaled = {key: each * factor for key, each in value.items()}
        else:
            scaled = round(value * factor) if isinstance(value, int) else value * factor
        if scaled is not value:
            changed[name] = scaled
    return part.model_copy(update=changed) if changed else part


def _is_time_scaled(field: FieldInfo) -> bool:
    """Whether a field's type, or one alternative of its type, is marked as time-scaled."""
    return TIME_SCALED in field.metadata or _has_mark(field.annotation)


def _has_mark(annotation: Any) -> bool:
    """Whether a type has the mark: pydantic keeps that of `Duration | None` inside the union."""
    return TIME_SCALED in getattr(annotation, "__metadata__", ()) or any(map(_has_mark, get_args(annotation)))


def several(found: Iterable[tuple[tuple[str | int, ...], str]]) -> ValidationError:
    """Return one error for several problems, each (path in the grid, message) with its own line."""
    kinds = [(where, PydanticCustomError("value_error", "{error}", {"error": text})) for where, text in found]
    details = [InitErrorDetails(type=kind, loc=where, input=None) for where, kind in kinds]
    return ValidationError.from_exception_data("Grid", details)
