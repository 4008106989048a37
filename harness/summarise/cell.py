"""One cell over its trials. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.judge import seconds, verdict
from harness.records.trial import Limit, Outcome, TrialRecord
from harness.summarise import blocks, intervals
from harness.summarise.intervals import Interval
from harness.words import percent


@dataclass(frozen=True)
class CellSummary:
    """One cell over its trials; `by_block` maps repeat → mean TPS of the usable ones."""

    cell: Levels
    trials: int
    usable: int
    tps: Interval | None
    tps_peak: float | None
    latency_ms: dict[str, float | None]
    error_rate: float | None
    outcome: Outcome
    cause: str
    verdict: Limit
    verdict_why: str
    next_limit: str
    of_users_bound: float | None
    by_block: dict[int, float]
    peaks: dict[int, float]
    next_step: str = ""  # what mends its cause
    drift: Interval | None = None  # second half of the window against the first (rule E10)
    lost_cause: str = ""  # why the first trial that does not count does not, where others do
    lost_next_step: str = ""

    @property
    def name(self) -> str:
        """Its levels in words that tell cells apart."""
        return ", ".join(f"{factor} {level}" for factor, level in self.cell.items())

    @property
    def why(self) -> str:
        """The reason of its verdict, or of its having none."""
        return self.verdict_why if self.usable or self.outcome == Outcome.SERVER_DOWN else self.cause

    @property
    def servers(self) -> int:
        return int(self.cell["servers"])

    @property
    def others(self) -> Levels:
        """Levels of every factor but `servers`."""
        return {name: level for name, level in self.cell.items() if name != "servers"}


def summarise(
    cell: Levels, records: Sequence[TrialRecord], histograms: Sequence[str], limits: Thresholds
) -> CellSummary:
    """Sum up one cell; `histograms` are those of the usable trials."""
    usable = [r for r in records if r.usable]
    drift = _drift(usable)
    drifting = _drifts(drift, usable, limits)
    if drifting:
        usable, histograms = [], []
    by_block = {r.repeat: float(r.tps_mean) for r in usable if r.tps_mean}
    limit, why = verdict.of_cell([r.limit for r in usable])
    same = [r for r in usable if r.limit == limit]
    bounds = [bound for r in usable if r.verdict and (bound := r.verdict.figures.get("of_users_bound"))]
    outcome, cause = (Outcome.REFUSED, drifting) if drifting else _outcome(records)
    if outcome == Outcome.SERVER_DOWN:
        why = next((r.verdict.why for r in records if r.verdict and r.cause == cause), "") or cause
    lost = next((r.cause for r in records if not r.usable), "") if usable else ""
    return CellSummary(
        cell=dict(cell),
        trials=len(records),
        usable=len(usable),
        tps=intervals.mean_interval(list(by_block.values())) if by_block else None,
        tps_peak=max((r.tps_peak for r in usable if r.tps_peak), default=None),
        latency_ms=seconds.percentiles_ms(seconds.merged(histograms), limits.percentile_p99_samples),
        error_rate=_mean([r.error_rate for r in usable if r.error_rate is not None]),
        outcome=outcome,
        cause=cause,
        verdict=limit if usable else Limit.UNKNOWN,
        verdict_why=why or (same[0].verdict.why if same and same[0].verdict else ""),
        next_limit=next((r.verdict.next_limit for r in same if r.verdict and r.verdict.next_limit), ""),
        of_users_bound=_mean(bounds),
        by_block=by_block,
        peaks={r.repeat: float(r.tps_peak) for r in usable if r.tps_peak},
        next_step="" if drifting else _mend(records, cause),
        drift=drift,
        lost_cause=lost,
        lost_next_step=_mend(records, lost),
    )


def _drift(usable: Sequence[TrialRecord]) -> Interval | None:
    """Rate of the window's second half against its first, with its interval over trials; None for none."""
    logs = [r.figures.drift for r in usable if r.figures and r.figures.drift is not None]
    if not logs:
        return None
    over = intervals.mean_interval(logs)
    ends = [None if end is None else math.exp(end) for end in (over.low, over.high)]
    return Interval(math.exp(over.value), *ends)


def _drifts(drift: Interval | None, usable: Sequence[TrialRecord], limits: Thresholds) -> str:
    """E10: why a cell that is not steady is refused; empty when it may count."""
    if drift is None or drift.low is None or drift.high is None:
        return ""
    if 1 - limits.drift <= drift.high and drift.low <= 1 + limits.drift:
        return ""
    return (
        f"not steady: from the first to the second half of the window throughput changed by "
        f"{percent(drift.value - 1, 1)} [{percent(drift.low - 1, 1)}, {percent(drift.high - 1, 1)}]; "
        f"{_settles(usable)}"
    )


def _settles(usable: Sequence[TrialRecord]) -> str:
    """By how much the window should begin later, by the trials' own cuts (MSER), where these tell."""
    cuts = sorted(r.figures.steady_from_s for r in usable if r.figures and r.figures.steady_from_s is not None)
    late = [
        r.figures.steady_from_s - r.window.from_s for r in usable if r.figures and r.figures.steady_from_s and r.window
    ]
    more = max(late, default=0)
    if not cuts or more <= 0:
        return "a longer ramp_up and duration let it settle"
    return f"its trials are steady from second {cuts[-1]} on: make ramp_up and duration {more:.0f} s longer"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _outcome(records: Sequence[TrialRecord]) -> tuple[Outcome, str]:
    """A cell is ok or degraded while trials are usable, else what most of its trials became."""
    if not records:
        return Outcome.MISSING, "no trial yet"
    usable = [r for r in records if r.usable]
    if usable:
        degraded = [r for r in usable if r.outcome == Outcome.DEGRADED]
        return (Outcome.DEGRADED, degraded[0].cause) if degraded else (Outcome.OK, "")
    most = Counter(r.outcome for r in records).most_common(1)[0][0]
    return most, next(r.cause for r in records if r.outcome == most)


def _mend(records: Sequence[TrialRecord], cause: str) -> str:
    """The next step of the finding that is a cell's cause, or that begins it; empty without one."""
    found = (f for r in records for f in r.findings if f.cause and cause.startswith(f.cause))
    return next((f.next_step for f in found), "")


def saturated(cells: Sequence[CellSummary]) -> blocks.Table:
    """Trials of the cells limited by `server`, whose noise is alike: by cell, then block."""
    return {cell.name: cell.by_block for cell in cells if cell.verdict == Limit.SERVER and cell.by_block}
