"""The comparison of two builds that ends when it is decided. Frozen types."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from harness.grid.types import GridPart, Share

IMAGE = "ml_server_image"


# Which build is first decides what the machine adds to a block. `drawn`: half of all blocks begin with each build.
# `pairs`, as in earlier versions: two neighbouring blocks have opposite orders, and which comes first is drawn.
GateOrder = Literal["drawn", "pairs"]


class Gate(GridPart):
    """The question of a gate: is the second build slower than the first one by as much as the tolerance?"""

    tolerance: Share = Field(default=0.05, description="slowdown that is found; a smaller one may pass")
    order: GateOrder = Field(
        default="pairs",
        description="order of both builds: `drawn` over all blocks, or `pairs` of opposite orders, which find less",
    )

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
