"""Ratios of response times between two cells under the same load. Pure.

Percentiles include the failures of each trial, at the timeout or more (`latency_with_failures_ms`), as users experience
them. The unit is the trial, as for throughput: ratios of percentiles are paired by block (rule E15).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.grid.load import level_of
from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains import mix, obstacle
from harness.summarise.gains.obstacle import Obstacle, ObstacleKind
from harness.summarise.statistics import conclusion, intervals
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval

PERCENTILES = ("p50", "p95")


@dataclass(frozen=True)
class ResponseTimeChange:
    """Percentiles of response times of the second cell relative to the first.

    `ratios` has those of `PERCENTILES` that both cells have in at least one block, without an interval below the blocks
    that rule E15 needs. `ends_ms` has both cells' percentiles over all trials: p50 of successes, p95 with failures.
    `obstacle` is what keeps the ratios from being statements.
    """

    ratios: dict[str, Interval] = field(default_factory=dict)
    ends_ms: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    obstacle: Obstacle | None = None

    def conclusion(self, percentile: str) -> Conclusion:
        """The conclusion of one percentile (rule E17): LOWER is a shorter response time."""
        ratio = self.ratios.get(percentile)
        if ratio is None:
            return Conclusion.NOT_MEASURED
        return Conclusion.NOT_MEASURABLE if self.obstacle else conclusion.of_change(ratio)


def same_load(first: CellSummary, second: CellSummary) -> bool:
    """Whether both cells were under the same load."""
    return level_of(first.cell) == level_of(second.cell)


def between(first: CellSummary, second: CellSummary, names: tuple[str, str], limits: Thresholds) -> ResponseTimeChange:
    """Compare over the blocks with both cells; `names` name the cells in obstacles.

    At the same load no bottleneck hides the change: also under a load that limits throughput responses may be faster.
    A generator at its limit adds its own delays to the response times, and another mix has other ones (rule E25).
    """
    ends_ms = {
        "p50": (first.latency_ms.get("p50"), second.latency_ms.get("p50")),
        "p95": (first.latency_with_failures_ms.get("p95"), second.latency_with_failures_ms.get("p95")),
    }
    found = _other_work(first, second, names, limits) or _obstacle((first, second), names)
    return ResponseTimeChange(_ratios(first, second, limits.interval_repeats), ends_ms, found)


def _other_work(first: CellSummary, second: CellSummary, names: tuple[str, str], limits: Thresholds) -> Obstacle | None:
    shift = mix.shift(first.mix, second.mix, limits.mix_held)
    if shift is None:
        return None
    return Obstacle(ObstacleKind.OTHER_WORK, shift.in_words(*(tr("with {name}", name=name) for name in names)))


def _ratios(first: CellSummary, second: CellSummary, least_pairs: int) -> dict[str, Interval]:
    found = {}
    for percentile in PERCENTILES:
        pairs = [
            (before, after)
            for block in sorted(first.waits_by_block.keys() & second.waits_by_block.keys())
            if (before := first.waits_by_block[block].get(percentile))
            and (after := second.waits_by_block[block].get(percentile))
        ]
        if pairs:
            found[percentile] = intervals.paired_ratio([a for a, _ in pairs], [b for _, b in pairs], least_pairs)
    return found


def _obstacle(cells: tuple[CellSummary, CellSummary], names: tuple[str, str]) -> Obstacle | None:
    for cell, name in zip(cells, names, strict=True):
        found = obstacle.unusable(cell, name) or obstacle.generator(cell, name)
        if found:
            return found
        if cell.latency_unsteady:
            text = tr(
                "the mean response time of {name} {latency_unsteady}", name=name, latency_unsteady=cell.latency_unsteady
            )
            return Obstacle(ObstacleKind.UNSTEADY_LATENCY, text)
    return None
