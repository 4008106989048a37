"""How long requests take on one side, over the other, at the same load. Pure.

What users wait is what they feel, so each trial's percentiles have its failures among them, at the timeout or more
(`latency_with_failures_ms`). Trials are the unit, as for throughput: ratios of percentiles are paired by block (rule
E15).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval

PERCENTILES = ("p50", "p95")


@dataclass(frozen=True)
class Waits:
    """Percentiles of answer times of the second side over the first's.

    `ratios` has those of `PERCENTILES` that both sides have in at least one block, without interval below the blocks
    that rule E15 asks for. `why` is what keeps them from being a statement, as a clause; empty where they are one.
    """

    ratios: dict[str, Interval]
    why: str = ""

    def word(self, percentile: str) -> str:
        """What its interval allows to say (rule E17): shorter, longer, or that nothing can be told."""
        ratio = self.ratios.get(percentile)
        if ratio is None:
            return "not measured"
        if self.why:
            return "not measurable"
        if ratio.low is None or ratio.high is None:
            return "too few repeats"
        return "shorter" if ratio.high < 1 else "longer" if ratio.low > 1 else "not told apart from 1"


def between(first: CellSummary, second: CellSummary, names: tuple[str, str], needs: int) -> Waits:
    """Ratios over the blocks that hold both; `names` are the sides' as a clause begins, `needs` as in `intervals.gain`.

    At the same load it needs no limit to speak: users who ask for no more may wait less for it. What the generator
    limited has its own delays among its times.
    """
    return Waits(_ratios(first, second, needs), _why((first, second), names))


def _ratios(first: CellSummary, second: CellSummary, needs: int) -> dict[str, Interval]:
    found = {}
    for percentile in PERCENTILES:
        pairs = [
            (before, after)
            for block in sorted(first.waits_by_block.keys() & second.waits_by_block.keys())
            if (before := first.waits_by_block[block].get(percentile))
            and (after := second.waits_by_block[block].get(percentile))
        ]
        if pairs:
            found[percentile] = intervals.gain([a for a, _ in pairs], [b for _, b in pairs], needs)
    return found


def _why(sides: tuple[CellSummary, CellSummary], names: tuple[str, str]) -> str:
    """What keeps answer times from telling the two sides apart; empty for nothing."""
    for cell, name in zip(sides, names, strict=True):
        if not cell.usable:
            return f"{name}: {cell.outcome.replace('_', ' ')} ({cell.cause})"
        if cell.bottleneck == Component.GENERATOR:
            return f"what limited {name} was the generator"
        if cell.latency_marked:
            return f"with {name} the mean answer time {cell.latency_marked}"
    return ""
