"""Whether a cell's trials show that it meets the objectives of a load, or only suggest it. Pure.

p95 differs between equal trials, so the t interval of ln p95 over them decides, and not the p95 of all of them. The
Clopper-Pearson interval decides about failed requests: none of 75 failed is no evidence of at most 0.1 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.grid.objectives import Objectives
from harness.language import tr
from harness.summarise.capacity import counts
from harness.summarise.capacity.counts import Evidence
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval

CONFIDENCE = 0.975  # one-sided, as the ends of a 95 % interval have it


@dataclass(frozen=True, kw_only=True)
class ObjectiveEvidence:
    """Whether each objective is shown to be met, with what is missing, as a clause; empty where nothing is.

    `by_name` has the same pair for each request with an objective of its own.
    """

    p95: bool
    error_rate: bool
    p95_missing: str = ""
    error_rate_missing: str = ""
    by_name: Mapping[str, tuple[bool, str]] = field(default_factory=dict)

    @property
    def shown(self) -> bool:
        """Whether all objectives are shown to be met."""
        return self.p95 and self.error_rate and all(shown for shown, _ in self.by_name.values())


def of_cell(objectives: Objectives, cell: CellSummary) -> ObjectiveEvidence:
    """The evidence of a cell for its objectives; an objective that the grid does not have is met."""
    found = None if cell.lateness else p95_interval_ms(cell)
    p95, p95_missing = (True, "") if objectives.p95_s is None else _p95(objectives.p95_s, found)
    error_rate, error_rate_missing = _error_rate(objectives, cell)
    blocks = {each.name: each.p95_by_block.values() for each in cell.by_request}
    by_name = {
        name: _p95(p95_s, None if cell.lateness else _interval(blocks.get(name, ())))
        for name, p95_s in objectives.p95_of_names(blocks).items()
    }
    return ObjectiveEvidence(
        p95=p95,
        error_rate=error_rate,
        p95_missing=p95_missing,
        error_rate_missing=error_rate_missing,
        by_name=by_name,
    )


def p95_interval_ms(cell: CellSummary) -> Interval | None:
    """p95 in ms over the trials, with its 95 % interval; None without any, or with a p95 of 0."""
    return _interval(waits.get("p95") for waits in cell.waits_by_block.values())


def _interval(values: Iterable[float | None]) -> Interval | None:
    found = list(values)
    logs = [math.log(value) for value in found if value]
    if not logs or len(logs) < len(found):
        return None
    mean = intervals.mean_interval(logs)
    ends = (None if end is None else math.exp(end) for end in (mean.low, mean.high))
    return Interval(math.exp(mean.value), *ends)


def _p95(p95_s: float, found: Interval | None) -> tuple[bool, str]:
    limit_ms = p95_s * 1000
    if found is None or found.high is None or found.low is None:
        return False, ""
    if found.low <= limit_ms < found.high:
        return False, tr(
            "its 95 % interval over trials, {low:,.0f} to {high:,.0f} ms, includes the objective",
            low=found.low,
            high=found.high,
        )
    return found.high <= limit_ms, ""


def _error_rate(objectives: Objectives, cell: CellSummary) -> tuple[bool, str]:
    share = objectives.error_rate
    if share is None or not cell.requests:
        return objectives.error_rate_met(cell.error_rate), ""
    found = counts.evidence(cell.requests, cell.failed_requests, share, CONFIDENCE)
    if found is not Evidence.TOO_FEW or cell.failed_requests > share * cell.requests:
        return found is Evidence.MEETS, ""
    needed = counts.requests_needed(cell.failed_requests, share, CONFIDENCE)
    return False, "" if needed is None else tr(
        "too few requests: {requests:,} of {needed:,} needed to show it", requests=cell.requests, needed=needed
    )
