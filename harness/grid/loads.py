"""Which factor of a cell is its load. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid.types import Level

FACTORS = ("vusers", "rate")  # a grid has one of them


def factor_of(levels: Mapping[str, Level]) -> str | None:
    """The name of the factor that is the load; None of levels without one, as of gains at saturation."""
    return next((name for name in FACTORS if name in levels), None)


def level_of(levels: Mapping[str, Level]) -> float:
    """The load as a number: users, or requests per second; 0 of levels without one."""
    name = factor_of(levels)
    return float(levels[name]) if name else 0.0
