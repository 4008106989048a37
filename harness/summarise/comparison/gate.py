"""Whether the second of two builds is slower than the first one: pass, regression or undecided. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.grid.amount import MOST_REPEATS
from harness.grid.gate import IMAGE
from harness.grid.schema import Grid
from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison.attribution import RatioBound
from harness.summarise.comparison.factors import FactorEffect
from harness.summarise.gains.obstacle import Obstacle, ObstacleKind
from harness.summarise.statistics import intervals, sequential
from harness.summarise.statistics.intervals import Interval


class GateConclusion(StrEnum):
    """The result of a gate."""

    PASS = "pass"  # noqa: S105 - a conclusion, no password
    REGRESSION = "regression"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """The comparison of two builds. `effect` has the builds and what keeps their ratio from being a statement.

    `ratio` is the throughput of the candidate relative to the baseline, over blocks, or over pairs of them. Its limits
    hold although the study looks at its data after every one (`harness.summarise.statistics.sequential`), and are None
    below six blocks. `sides` are the baseline and the candidate. `most_blocks` is the largest number of blocks.
    `blocks_needed` finds a slowdown by the tolerance in nine of ten gates with this noise; None if it is unknown or
    more than a study may have. `block_s` is the load of a block in seconds at full speed.
    """

    effect: FactorEffect
    sides: tuple[CellSummary, CellSummary]
    ratio: Interval | None
    tolerance: float
    most_blocks: int
    blocks_needed: int | None
    block_s: float

    @property
    def obstacle(self) -> Obstacle | None:
        """What keeps the ratio from being a statement; None without such an obstacle."""
        return self.effect.obstacle

    @property
    def conclusion(self) -> GateConclusion:
        """The conclusion after the blocks so far; with an obstacle there is none."""
        if self.obstacle or self.ratio is None:
            return GateConclusion.UNDECIDED
        return conclude(self.ratio, self.tolerance, self.effect.bound)

    @property
    def is_hopeless(self) -> bool:
        """Whether more blocks cannot decide, because of an obstacle that they would have, too."""
        kind = self.obstacle.kind if self.obstacle else None
        return kind not in (None, ObstacleKind.UNKNOWN_BOTTLENECK, ObstacleKind.NO_COMMON_BLOCK)


def conclude(ratio: Interval, tolerance: float, bound: RatioBound | None = None) -> GateConclusion:
    """PASS when a slowdown by the tolerance is excluded, else REGRESSION when a slowdown is shown.

    With a bound, the true ratio lies beyond the measured one, so only one of both can be shown.
    """
    if ratio.low is None or ratio.high is None:
        return GateConclusion.UNDECIDED
    if ratio.low > 1 - tolerance and bound is not RatioBound.AT_MOST:
        return GateConclusion.PASS
    if ratio.high < 1 and bound is not RatioBound.AT_LEAST:
        return GateConclusion.REGRESSION
    return GateConclusion.UNDECIDED


def result(
    grid: Grid, effects: Sequence[FactorEffect], cells: Sequence[CellSummary], records: Iterable[TrialRecord]
) -> GateResult | None:
    """Return the comparison of a grid with a gate; None without a gate."""
    effect = next((each for each in effects if each.factor == IMAGE), None)
    if grid.gate is None or effect is None:
        return None
    baseline, candidate = (
        next(cell for cell in cells if cell.cell == {**effect.rest, IMAGE: level})
        for level in (effect.base, effect.level)
    )
    common = sorted(baseline.by_block.keys() & candidate.by_block.keys())
    first, second = ([side.by_block[block] for block in common] for side in (baseline, candidate))
    by_block = dict(zip(common, intervals.log_ratios(first, second).tolist(), strict=True)) if common else {}
    ratio, deviation = None, None
    if grid.gate.order == "pairs":
        pairs = sequential.of_pairs(by_block)
        ratio = sequential.limits(pairs, grid.repeats.max // 2) if pairs else None
        deviation = math.sqrt(2) * statistics.stdev(pairs) if ratio and ratio.low else None
    elif by_block:
        before = _begins_with(records, candidate)
        logs, places = list(by_block.values()), [1 if block in before else -1 for block in by_block]
        ratio = sequential.limits_of_blocks(logs, places, grid.repeats.max)
        deviation = sequential.of_blocks(logs, places)[1]
    needed = None if deviation is None else sequential.blocks_needed(deviation, grid.gate.tolerance, MOST_REPEATS)
    return GateResult(
        effect=effect,
        sides=(baseline, candidate),
        ratio=ratio,
        tolerance=grid.gate.tolerance,
        most_blocks=grid.repeats.max,
        blocks_needed=needed,
        block_s=2 * grid.load.duration / grid.time_factor,
    )


def _begins_with(records: Iterable[TrialRecord], candidate: CellSummary) -> set[int]:
    """The blocks in which the candidate was measured before the baseline."""
    trials = sorted(
        (each for each in records if each.repeat and not each.control), key=lambda each: -each.block_position
    )
    first = {each.repeat: each.cell == candidate.cell for each in trials}
    return {block for block, is_candidate in first.items() if is_candidate}
