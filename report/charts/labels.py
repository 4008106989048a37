"""Names and positions of labels in charts, and remarks on what is left out. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.language import tr
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from harness.words import load_name

Rows = list[dict[str, Any]]


def load_of(data: TrialData) -> str:
    """The name of the load of a trial."""
    return load_name({name: level for name, level in data.record.cell.items() if name != "servers"})


def left_out(shown: Sequence[CellSummary], cells: Sequence[CellSummary]) -> str:
    """The remark that some cells are not drawn; empty where all are."""
    if len(shown) == len(cells):
        return ""
    return tr(
        " {shown} of {cells} cells are drawn, at even distances; the tables have all.",
        shown=len(shown),
        cells=len(cells),
    )


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """A height for each label, at least `gap` from every other and as near to its own as the others allow."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [0.0] * len(heights)
    lowest = -math.inf
    for i in order:
        placed[i] = max(heights[i], lowest)
        lowest = placed[i] + gap
    return placed
