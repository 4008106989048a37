"""How response times changed from one topology to a larger one at the same load. Pure."""

from __future__ import annotations

from harness.grid.schema import Grid
from harness.language import tr
from harness.summarise.gains.response_times import ResponseTimeChange
from harness.summarise.statistics.conclusion import Conclusion
from report import format as text
from report import phrases

SMALLEST = 1.2  # ratio of response times, from which on a change is reported


def change(found: ResponseTimeChange | None, grid: Grid) -> str:
    """A clause: "the median response time fell from 36 to 7 ms"; with the p95 where an objective names it.

    Empty for a small change, one that rule E17 does not distinguish from none, response times that were not steady or
    with the generator as the bottleneck, and cells at different loads.
    """
    if found is None or found.obstacle:
        return ""
    clauses = [_clause(tr("median response time"), *found.ends_ms["p50"], found.conclusion("p50"))]
    if grid.objectives.p95_s is not None:  # compared with failures among the requests
        clauses.append(_clause("p95", *found.ends_ms["p95"], found.conclusion("p95")))
    return phrases.joined([clause for clause in clauses if clause])


def _clause(name: str, before: float | None, after: float | None, conclusion: Conclusion) -> str:
    if not before or not after or conclusion is Conclusion.INDISTINCT:
        return ""
    if max(before, after) < SMALLEST * min(before, after):
        return ""
    verb = tr("fell") if after < before else tr("rose")
    return tr(
        "the {name} {verb} from {before} to {after} ms",
        name=name,
        verb=verb,
        before=text.milliseconds(before),
        after=text.milliseconds(after),
    )
