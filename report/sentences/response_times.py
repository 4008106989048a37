"""What another server does for those who wait, at the same load, in words. Pure."""

from __future__ import annotations

from harness.grid.load import level_of
from harness.grid.schema import Grid
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import response_times
from report import format as text

TELLING = 1.2  # times that answer times must differ to be told beside a step


def told(before: CellSummary | None, after: CellSummary | None, grid: Grid) -> str:
    """As in "the median answer time fell from 36 to 7 ms"; with the p95 where an objective names it.

    Empty where that is little, where trials do not tell it apart from nothing (rule E17), where it says nothing, as
    answer times were not steady or the generator was the limit, and between loads that are not the same.
    """
    if before is None or after is None or level_of(before.cell) != level_of(after.cell):
        return ""
    found = response_times.between(before, after, ("", ""), grid.evidence.interval_repeats)
    if found.why:
        return ""
    said = [_fell("median answer time", before.latency_ms.get("p50"), after.latency_ms.get("p50"), found.word("p50"))]
    if grid.objectives.p95 is not None:  # which is held against what failed, too
        said.append(
            _fell(
                "p95",
                before.latency_with_failures_ms.get("p95"),
                after.latency_with_failures_ms.get("p95"),
                found.word("p95"),
            )
        )
    return text.joined([one for one in said if one])


def _fell(what: str, before: float | None, after: float | None, word: str) -> str:
    if not before or not after or word == "not told apart from 1":
        return ""
    if max(before, after) < TELLING * min(before, after):
        return ""
    how = "fell" if after < before else "rose"
    return f"the {what} {how} from {text.milliseconds(before)} to {text.milliseconds(after)} ms"
