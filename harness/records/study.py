"""study.json: what a study is of."""

from __future__ import annotations

from typing import Any

from harness.grid.schema import Grid


def grid_of(study: dict[str, Any]) -> Grid:
    """The grid as the study plays it: as study.json keeps it, in slow motion where that was chosen."""
    return written_grid(study).slowed(float((study.get("slow_motion") or {}).get("factor", 1)))


def written_grid(study: dict[str, Any]) -> Grid:
    """The grid as study.json keeps it: with units, so that it reads back like a grid file."""
    return Grid.model_validate(study["configuration"]["grid"])
