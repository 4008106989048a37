"""The service under test as a grid describes it. Frozen types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from harness.grid.counter import RequestsMetric
from harness.grid.types import GridPart
from harness.words import short


class Service(GridPart):
    """The service under test; without an image the one in service/."""

    image: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="image of the service; the one in `service/` if unset"
    )
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = Field(default=8080, description="port it listens on")
    health: str = Field(default="/readyz", description="path of its health check")
    requests_metric: RequestsMetric | None = Field(
        default=None, description="counter with its own count of requests (E13); `ml_requests_total` if unset"
    )

    @field_validator("health")
    @classmethod
    def _begins_with_slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError(f"got {short(path)}. Allowed: a path that begins with a slash, as in /readyz")
        return path
