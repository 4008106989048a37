"""The comparison of two builds that ends when it is decided. Frozen types."""

from __future__ import annotations

from pydantic import Field, field_validator

from harness.grid.types import GridPart, Share

IMAGE = "ml_server_image"


class Gate(GridPart):
    """The question of a gate: is the second build slower than the first one by as much as the tolerance?"""

    tolerance: Share = Field(default=0.05, description="slowdown that is found; a smaller one may pass")

    @field_validator("tolerance")
    @classmethod
    def _is_a_slowdown(cls, tolerance: float) -> float:
        return cls.checked(tolerance)

    @staticmethod
    def checked(tolerance: float) -> float:
        """Return the tolerance; raises ValueError for one that no gate can have."""
        if not 0.001 <= tolerance <= 0.5:
            raise ValueError(f"got {tolerance * 100:.10g}%. Allowed: from 0.1% to 50%")
        return tolerance
