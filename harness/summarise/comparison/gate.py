"""Whether the second of two builds is slower than the first one: pass, regression or undecided. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.grid.gate import IMAGE
from harness.grid.schema import Grid
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

    `ratio` is the throughput of the candidate relative to the baseline, over pairs of blocks. Its limits hold although
    the study looks at its data after every pair (`harness.summarise.statistics.sequential`), and are None below three
    pairs. `sides` are the
    baseline and the candidate. `most_blocks` is the largest number of blocks.
    """

    effect: FactorEffect
    sides: tuple[CellSummary, CellSummary]
    ratio: Interval | None
    tolerance: float
    most_blocks: int

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


def result(grid: Grid, effects: Sequence[FactorEffect], cells: Sequence[CellSummary]) -> GateResult | None:
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
    logs = intervals.log_ratios(first, second).tolist() if common else []
    pairs = sequential.of_pairs(dict(zip(common, logs, strict=True)))
    ratio = sequential.limits(pairs, grid.repeats.max // 2) if pairs else None
    return GateResult(
        effect=effect,
        sides=(baseline, candidate),
        ratio=ratio,
        tolerance=grid.gate.tolerance,
        most_blocks=grid.repeats.max,
    )
