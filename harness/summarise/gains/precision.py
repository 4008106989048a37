"""The share of the variance that longer trials do not reduce (rule E20). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics.block_model import BlockModel


def between_share(
    model: BlockModel | None, cells: Sequence[CellSummary], records: Mapping[str, TrialRecord]
) -> float | None:
    """Share of a trial's variance between trials, which longer trials do not reduce; None if unknown.

    The rest is within trials: with d = ln(second half / first half) of a window, the variance of ln of the whole
    window's mean is that of d divided by 4, if both halves are independent.
    """
    if model is None or not model.spread:
        return None
    names = {name for name, _ in model.residuals}
    known = [cell.cell for cell in cells if cell.name in names]
    drifts = [
        record.figures.drift
        for record in records.values()
        if record.usable and record.repeat and not record.control and record.cell in known
        if record.figures and record.figures.drift is not None
    ]
    if not drifts:
        return None
    within = sum(d * d for d in drifts) / len(drifts) / 4
    return max(0.0, 1 - within / model.spread**2)
