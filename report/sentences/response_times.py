"""What another server does for those who wait, at the same load, in words. Pure."""

from __future__ import annotations

from harness.grid.schema import Grid
from harness.summarise.gains.response_times import ResponseTimeChange
from harness.summarise.statistics.conclusion import Conclusion
from report import format as text

TELLING = 1.2  # times that answer times must differ to be told beside a step


def told(found: ResponseTimeChange | None, grid: Grid) -> str:
    """As in "the median answer time fell from 36 to 7 ms"; with the p95 where an objective names it.

    Empty where that is little, where trials do not tell it apart from nothing (rule E17), where it says nothing, as
    answer times were not steady or the generator was the limit, and between loads that are not the same.
    """
    if found is None or found.obstacle:
        return ""
    said = [_fell("median answer time", *found.ends_ms["p50"], found.conclusion("p50"))]
    if grid.objectives.p95 is not None:  # which is held against what failed, too
        said.append(_fell("p95", *found.ends_ms["p95"], found.conclusion("p95")))
    return text.joined([one for one in said if one])


def _fell(what: str, before: float | None, after: float | None, conclusion: Conclusion) -> str:
    if not before or not after or conclusion is Conclusion.INDISTINCT:
        return ""
    if max(before, after) < TELLING * min(before, after):
        return ""
    how = "fell" if after < before else "rose"
    return f"the {what} {how} from {text.milliseconds(before)} to {text.milliseconds(after)} ms"
