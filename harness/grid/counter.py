"""The request counter of a user's own service. Frozen types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from harness.grid.types import GridPart

Label = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RequestsMetric(GridPart):
    """A counter in Prometheus' text format; without `trial_label`, the difference over each load counts."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_:][A-Za-z0-9_:]*$")] = Field(description="name of the sample")
    trial_label: Label | None = Field(
        default=None, description="label with the header `X-Study-Trial`; if unset the difference over each load counts"
    )
    status_label: Label = Field(default="status", description="label with the status: `200` or `2xx`")
    labels: dict[str, str] = Field(default={}, description="label → value that a sample must have to count")
    path: str = Field(default="/metrics", description="path of the metrics")

    @field_validator("path")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/") or any(c.isspace() for c in path):
            raise ValueError(f"got {path!r}. Allowed: a path that begins with a slash, as in /metrics")
        return path
