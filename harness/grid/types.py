"""Quantities and parts of a grid as frozen types, which read what people write and write it again."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from harness.grid import units

# As JSON they carry their unit again, so that a stored grid reads back like a grid file.
Share = Annotated[float, BeforeValidator(units.share), PlainSerializer(lambda v: f"{v * 100:.10g}%", when_used="json")]
Duration = Annotated[
    float, BeforeValidator(units.duration_s), PlainSerializer(lambda v: f"{v:.10g}s", when_used="json")
]
Rate = Annotated[float, BeforeValidator(units.rate_per_s), PlainSerializer(lambda v: f"{v:.10g}/s", when_used="json")]
Count = Annotated[int, Field(ge=0, strict=True)]
Ratio = Annotated[float, Field(gt=0)]


Level = bool | int | float | str
Levels = dict[str, Level]  # factor → level


class Part(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
