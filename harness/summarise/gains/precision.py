"""What would make intervals narrower: more blocks, longer trials, or neither (rules E15 and E20). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain
from harness.summarise.statistics.block_model import BlockModel
from harness.summarise.statistics.intervals import t_quantile

MOST_BLOCKS = 1000


def between_share(
    model: BlockModel | None, cells: Sequence[CellSummary], records: Mapping[str, TrialRecord]
) -> float | None:
    """Share of a trial's variance that lies between trials, so that longer ones leave it as it is; None if unknown.

    The rest lies within them: with d = ln(second half / first half) of a window, the variance of ln of the whole
    window's mean is that of d divided by 4, where what happens in one half does not last into the other.
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


def blocks_for(gain: Gain, half: float) -> int | None:
    """How many blocks an interval within ± `half` (a share) would take, by the spread of this pair's own differences.

    The smallest k with t(k − 1)·s/√k ≤ ln(1 + half); None without an interval, or where no sensible number does.
    """
    paired = gain.paired
    if paired is None or paired.low is None or paired.high is None or paired.freedom is None:
        return None
    spread = math.log(paired.high / paired.low) / 2 * math.sqrt(gain.k) / t_quantile(paired.freedom)
    for k in range(2, MOST_BLOCKS + 1):
        if t_quantile(k - 1) * spread / math.sqrt(k) <= math.log1p(half):
            return k
    return None
