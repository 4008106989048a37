"""One cell over its trials. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.grid.load import written
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.judge import bottleneck, failure_share, window_stats
from harness.judge.failure_share import Failing
from harness.records.trial import Component, Outcome, TrialRecord
from harness.summarise.cells import slow_server as slow
from harness.summarise.cells import steadiness
from harness.summarise.cells.slow_server import Slower
from harness.summarise.statistics import block_model, intervals
from harness.summarise.statistics.intervals import Interval
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
    bottleneck: Component
    bottleneck_reason: str
    next_bottleneck: str
    of_users_bound: float | None
    by_block: dict[int, float]
    peaks: dict[int, float]
    next_step: str = ""  # what mends its cause
    drift: Interval | None = None  # second half of the window against the first (rule E10)
    lost_cause: str = ""  # why trials do not count where others do
    lost_next_step: str = ""
    latency_with_failures_ms: dict[str, float | None] = field(
        default_factory=dict
    )  # with what failed, at the timeout or more
    waits_by_block: dict[int, dict[str, float | None]] = field(default_factory=dict)  # the same of each usable trial
    latency_marked: str = ""  # why its latencies are no steady ones, as a clause (rule E10)
    slower: Slower | None = None  # a server that is slower than the others (rule E12)
    of_offered: float | None = None  # share of an open load's requests that was served
    failed: float | None = None  # share of requests in a cell that gave out though no server died (rule E8)
    failing: Failing | None = None  # the same where it is large, though trials count (rule E8)

    @property
    def rejections(self) -> str:
        """That so many requests were rejected with a status that its throughput shows no capacity; empty if not."""
        return self.failing.words if self.failing is not None and self.failing.rejects else ""

    @property
    def name(self) -> str:
        """Its levels in words that tell cells apart."""
        return ", ".join(f"{factor} {written(factor, level)}" for factor, level in self.cell.items())

    @property
    def asked(self) -> str:
        """How much of what its load asks for is answered, in words."""
        if self.of_offered is not None:
            return f"{percent(min(self.of_offered, 1.0))} of what was offered"
        return f"{percent(self.of_users_bound) if self.of_users_bound else 'all'} of what these users can ask for"

    @property
    def reason(self) -> str:
        """The reason of its bottleneck, or of its having none."""
        return self.bottleneck_reason if self.usable or self.outcome == Outcome.SERVER_DOWN else self.cause

    @property
    def servers(self) -> int:
        return int(self.cell["servers"])

    @property
    def fail_servers(self) -> int:
        """How many servers are stopped in the middle of its trials."""
        return int(self.cell.get("fail_servers", 0))

    @property
    def others(self) -> Levels:
        """Levels of every factor but `servers`."""
        return {name: level for name, level in self.cell.items() if name != "servers"}


def summarise(
    cell: Levels,
    records: Sequence[TrialRecord],
    histograms: Sequence[str],
    limits: Thresholds,
    failures: Sequence[str] = (),
    expected: Sequence[int] = (200,),
) -> CellSummary:
    """Sum up one cell; `histograms` are those of the usable trials, `failures` those of what failed in them.

    `expected` are the statuses of a success.
    """
    usable = [r for r in records if r.usable]
    slower = slow.named(usable, limits)  # in a cell that is not steady too: its queue may be why
    change = steadiness.drift(usable)
    unsteady = steadiness.unsteady(change, usable, limits)
    gave_out = _gave_out(records, usable)
    if unsteady or gave_out:
        usable, histograms, failures = [], [], []
    by_block = {r.repeat: float(r.tps_mean) for r in usable if r.tps_mean}
    limit, why = bottleneck.of_cell([r.component for r in usable])
    of_bound, of_offered = (_mean(_figures(usable, name)) for name in ("of_users_bound", "of_offered"))
    outcome, cause, next_step, rule = _outcome(records, usable)
    much = failure_share.of_records(usable or records, expected, limits)
    if unsteady and not gave_out:
        outcome, cause, next_step, rule = Outcome.INVALID, unsteady, "", "E10"
    if outcome == Outcome.SERVER_DOWN:
        why = next((r.bottleneck.reason for r in records if r.bottleneck and r.outcome == outcome), "") or cause
    lost, lost_next_step, _ = _worst([r for r in records if not r.usable]) if usable else ("", "", "")
    rising = steadiness.latency_drift(usable)
    why = why or _why([r for r in usable if r.component == limit], slower if limit == Component.SERVER else None)
    if much and outcome != Outcome.SERVER_DOWN:
        why = f"{much.words}; {why}" if why else much.words
    if much and cause and rule != "E8":  # whose words begin with it
        cause = f"{much.words}; {cause}"
    latency_ms, latency_with_failures_ms = window_stats.latencies_ms(
        histograms, failures, limits.percentile_p99_samples
    )
    return CellSummary(
        cell=dict(cell),
        trials=len(records),
        usable=len(usable),
        tps=intervals.mean_interval(list(by_block.values())) if by_block else None,
        tps_peak=max((r.tps_peak for r in usable if r.tps_peak), default=None),
        latency_ms=latency_ms,
        error_rate=_mean([r.error_rate for r in usable if r.error_rate is not None]),
        outcome=outcome,
        cause=cause,
        bottleneck=limit if usable else Component.UNKNOWN,
        bottleneck_reason=why,
        next_bottleneck="" if limit.is_load or much else bottleneck.next_bottleneck(of_bound, of_offered, limits),
        of_offered=of_offered,
        of_users_bound=of_bound,
        by_block=by_block,
        peaks={r.repeat: float(r.tps_peak) for r in usable if r.tps_peak},
        next_step=next_step,
        drift=change,
        lost_cause=lost,
        lost_next_step=lost_next_step,
        latency_with_failures_ms=latency_with_failures_ms,
        waits_by_block={r.repeat: r.latency_with_failures_ms or r.latency_ms for r in usable},
        latency_marked=steadiness.marked(rising, limits),
        slower=slower,
        failed=_failed(records) if gave_out and outcome == Outcome.INVALID else None,
        failing=much,
    )


def _figures(trials: Sequence[TrialRecord], name: str) -> list[float]:
    return [value for r in trials if r.bottleneck and (value := r.bottleneck.figures.get(name)) is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _why(same: Sequence[TrialRecord], slower: Slower | None) -> str:
    """The reason that most trials of the cell's bottleneck give, with the means of their figures."""
    said = f"{slower.words} as the others; " if slower else ""
    reasons = Counter((r.bottleneck.words or r.bottleneck.reason) for r in same if r.bottleneck)
    if not reasons:
        return ""
    words = reasons.most_common(1)[0][0]
    giving = [r for r in same if r.bottleneck and (r.bottleneck.words or r.bottleneck.reason) == words]
    names = {name for r in giving if r.bottleneck for name in r.bottleneck.figures}
    return said + bottleneck.told(words, {name: _mean(_figures(giving, name)) for name in names})


def _gave_out(records: Sequence[TrialRecord], usable: Sequence[TrialRecord]) -> bool:
    """Whether more trials than count gave out: those that did not are the lucky ones, and no baseline."""
    return sum(record.collapsed for record in records) > len(usable)


def _failed(records: Sequence[TrialRecord]) -> float | None:
    """Share of the requests that failed in trials that gave out, mean over them; of all where it was short."""
    shares = []
    for record in records:
        if not record.collapsed:
            continue
        counted = record.counters.generator if record.counters else None
        asked = counted.completed + counted.failed if counted else 0
        if record.error_rate is not None:
            shares.append(record.error_rate)
        elif counted and asked:
            shares.append(counted.failed / asked)
    return _mean(shares)


def _outcome(records: Sequence[TrialRecord], usable: Sequence[TrialRecord]) -> tuple[Outcome, str, str, str]:
    """A cell is ok or has a warning while trials are usable, else what most of them became; why, the fix, the rule."""
    if not records:
        return Outcome.MISSING, "no trial yet", "", ""
    if usable:
        warned = [r for r in usable if r.outcome == Outcome.WARNING]
        return (Outcome.WARNING, *_worst(warned, len(usable))) if warned else (Outcome.OK, "", "", "")
    lost = [r for r in records if not r.usable]
    most = Counter(r.outcome for r in lost).most_common(1)[0][0] if lost else Outcome.INVALID
    return (most, *_worst([r for r in lost if r.outcome == most]))


def _worst(alike: Sequence[TrialRecord], of: int = 0) -> tuple[str, str, str]:
    """The cause that most of these trials share, by its rule, where it is worst; what fixes it; and the rule.

    With `of` trials in all it says how many of them it is about.
    """
    told: list[tuple[str, float, str, str]] = []
    for record in alike:
        found = next((f for f in record.findings if f.cause and record.cause.endswith(f.cause)), None)
        size = abs(found.figure) if found and found.figure is not None else 0.0
        told.append((found.rule if found else "", size, record.cause, found.next_step if found else ""))
    if not told:
        return "", "", ""
    rule = Counter(one[0] for one in told).most_common(1)[0][0]
    mine = [one for one in told if one[0] == rule]
    _, _, cause, next_step = max(mine, key=lambda one: one[1])
    counted = f" (in {len(mine)} of {of} trials{', here the worst' if len(mine) > 1 else ''})" if of > 1 else ""
    return cause + counted, next_step, rule


def saturated(cells: Sequence[CellSummary]) -> block_model.Table:
    """Trials of the cells limited by `server`, whose noise is alike: by cell, then block."""
    showing = [cell for cell in cells if cell.bottleneck == Component.SERVER and not cell.rejections]
    return {cell.name: cell.by_block for cell in showing if cell.by_block}
