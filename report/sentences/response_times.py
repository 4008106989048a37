"""How response times changed from one topology to a larger one at the same load. Pure."""

from __future__ import annotations

from harness.grid.load import level_of
from harness.grid.schema import Grid
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import response_times
from report import format as text
from report import phrases

SMALLEST = 1.2  # ratio of response times, from which on a change is reported


def change(before: CellSummary | None, after: CellSummary | None, grid: Grid) -> str:
    """A clause: "the median response time fell from 36 to 7 ms"; with the p95 where an objective names it.

    Empty for a small change, one that rule E17 does not distinguish from none, response times that were not steady or
    limited by the generator, and cells at different loads.
    """
    if before is None or after is None or level_of(before.cell) != level_of(after.cell):
        return ""
    found = response_times.between(before, after, ("", ""), grid.evidence.interval_repeats)
    if found.why:
        return ""
    p50 = before.latency_ms.get("p50"), after.latency_ms.get("p50")
    clauses = [_clause("median response time", *p50, found.word("p50"))]
    if grid.objectives.p95 is not None:  # compared with failures among the requests
        clauses.append(
            _clause(
                "p95",
                before.latency_with_failures_ms.get("p95"),
                after.latency_with_failures_ms.get("p95"),
                found.word("p95"),
            )
        )
    return phrases.joined([clause for clause in clauses if clause])


def _clause(name: str, before: float | None, after: float | None, word: str) -> str:
    if not before or not after or word == "not told apart from 1":
        return ""
    if max(before, after) < SMALLEST * min(before, after):
        return ""
    verb = "fell" if after < before else "rose"
    return f"the {name} {verb} from {text.milliseconds(before)} to {text.milliseconds(after)} ms"
