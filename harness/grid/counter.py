"""The counter by which a service of one's own counts its requests. Frozen types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from harness.grid.types import Part

Label = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RequestsMetric(Part):
    """A counter in Prometheus' text format; without `trial_label` the difference over each load counts."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_:][A-Za-z0-9_:]*$")]
    trial_label: Label | None = None
    status_label: Label = "status"
    labels: dict[str, str] = Field(default={}, description="labels that a sample must have to be counted")
    path: str = "/metrics"

    @field_validator("path")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/") or any(c.isspace() for c in path):
            raise ValueError(f"got {path!r}; write a path that begins with a slash, as in /metrics")
        return path
