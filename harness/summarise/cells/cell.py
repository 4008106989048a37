"""The summary of one cell over its trials. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from harness.grid import server_types
from harness.grid.load import written
from harness.grid.server_types import ServersLevel
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.judge import bottleneck, failure_share, latency_stats, reasons, rules
from harness.judge.balancing import Balancing
from harness.judge.failure_share import Failing
from harness.language import ENGLISH, current, tr, use
from harness.records.findings import Finding, Severity
from harness.records.reasons import Reason, ReasonKind
from harness.records.trial import Component, Outcome, TrialRecord
from harness.summarise.cells import requests, slow_server, steadiness
from harness.summarise.cells.requests import ByRequest, CellRequests
from harness.summarise.cells.slow_server import SlowServer
from harness.summarise.statistics import block_model, intervals
from harness.summarise.statistics.intervals import Interval
from harness.words import percent


@dataclass(frozen=True)
class Lateness:
    """Trials whose generator was too late for the objective p95, and the p95 of the others, failures included."""

    trials: int
    punctual_p95_ms: float | None


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """One cell over its trials; `by_block` maps repeat → mean TPS of the usable trials."""

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
    next_step: str = ""  # the fix of its cause
    rule: str = ""  # the evidence rule of its cause
    drift: Interval | None = None  # second half of the window against the first (rule E10)
    unsteady: bool = False  # throughput was not steady, so no trial counts (rule E10)
    invalid_cause: str = ""  # the cause of its invalid trials, where others are usable
    invalid_next_step: str = ""
    invalid_rule: str = ""
    latency_with_failures_ms: dict[str, float | None] = field(default_factory=dict)  # failures at the timeout or more
    lateness: Lateness | None = None  # of the generator, where it was too late for the objective p95 (rule E6)
    waits_by_block: dict[int, dict[str, float | None]] = field(default_factory=dict)  # the same of each usable trial
    unloaded_by_block: dict[int, float] = field(default_factory=dict)  # R0 of each usable trial in ms
    latency_unsteady: str = ""  # how its latencies changed within the window, as a predicate (rule E10)
    slow_server: SlowServer | None = None  # a server that is slower than the others (rule E12)
    falls_behind: bool = False  # most trials served less than an open load offered, so no objective is met
    of_offered: float | None = None  # share of an open load's requests that was served
    failed_share: float | None = None  # share of failed requests in a cell that collapsed without a death (rule E8)
    requests: int = 0  # in the windows of its usable trials; 0 where they were not counted
    failed_requests: int = 0
    failing: Failing | None = None  # a large share of failed requests, though trials count (rule E8)
    bottleneck_kind: ReasonKind | None = None  # the most frequent reason of its bottleneck; None where trials disagree
    by_request: tuple[CellRequests, ...] = ()  # of each name; empty for one plain request
    transactions: CellRequests | None = None  # of steps only
    even_shares: bool = False  # each server got the same share of the requests, at any speed
    server_cpu: float | None = None  # mean CPU utilization of the busiest server (0–1)

    def most_requests(self, count: int) -> list[CellRequests]:
        """Its most frequent requests, `count` at most and in their order, and its transactions."""
        most = sorted(self.by_request, key=lambda each: -each.requests)[:count]
        return [*(each for each in self.by_request if each in most), *filter(None, [self.transactions])]

    @property
    def mix(self) -> dict[str, int]:
        """Name → requests in the windows of its usable trials (rule E25)."""
        return {each.name: each.requests for each in self.by_request}

    @property
    def rejections(self) -> str:
        """The rejected requests as a clause, if throughput shows no capacity because of them; else empty."""
        return self.failing.words if self.failing is not None and self.failing.rejects else ""

    @property
    def objective_p95_ms(self) -> float | None:
        """p95 in ms to compare with its objective: of the trials that count for it; None without any."""
        return self.lateness.punctual_p95_ms if self.lateness else self.latency_with_failures_ms.get("p95")

    @property
    def objective_p95_ms_by_name(self) -> dict[str, float | None]:
        """The same by the name of the request."""
        return {each.name: each.objective_p95_ms for each in self.by_request}

    @property
    def name(self) -> str:
        """Its levels in words, unique within the study."""
        return ", ".join(f"{factor} {written(factor, level)}" for factor, level in self.cell.items())

    @property
    def served(self) -> str:
        """The served share of the offered load, or of the users' maximum rate, in words."""
        if self.of_offered is not None:
            return tr("{of_offered} of the offered load", of_offered=percent(min(self.of_offered, 1.0)))
        return tr(
            "{of_users_bound} of the users’ maximum rate",
            of_users_bound=percent(self.of_users_bound) if self.of_users_bound else tr("all"),
        )

    @property
    def reason(self) -> str:
        """The reason of its bottleneck, or the reason why it has none."""
        return self.bottleneck_reason if self.usable or self.outcome == Outcome.SERVER_DOWN else self.cause

    @property
    def servers(self) -> int:
        return server_types.count(self.cell["servers"])

    @property
    def topology(self) -> ServersLevel:
        """The level of `servers`: their number, or their numbers by type as text."""
        return server_types.level_of(self.cell)

    @property
    def fail_servers(self) -> int:
        """The number of servers that are stopped in the middle of its trials."""
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
    by_request: Sequence[ByRequest] = (),
    types: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> CellSummary:
    """Summarise one cell: `histograms` are of usable trials, `failures` of their failures, `expected` are statuses.

    `by_request` has both by the name of the request. `types` are the grid's: type → its servers.
    """
    usable = [record for record in records if record.usable]
    slow = slow_server.slowest(usable, limits, types)  # also of an unsteady cell: its queue may be the reason
    change = steadiness.drift(usable)
    unsteady = steadiness.unsteady(change, usable, limits)
    if (collapsed := _collapsed(records, usable)) or unsteady:
        usable, histograms, failures, by_request = [], [], [], []
    by_block = {record.repeat: float(record.tps_mean) for record in usable if record.tps_mean}
    of_bound, of_offered = (_mean(_figures(usable, name)) for name in ("of_users_bound", "of_offered"))
    failing = failure_share.of_records(usable or records, expected, limits)
    is_unsteady = bool(unsteady) and not collapsed
    outcome, cause = _outcome(records, usable, unsteady if is_unsteady else "")
    limit, why = _bottleneck(usable, slow)
    why = _of_death(records, cause, failing) if outcome == Outcome.SERVER_DOWN else why
    invalid = _worst([record for record in records if not record.usable]) if usable else _Cause()
    return CellSummary(
        cell=dict(cell),
        trials=len(records),
        usable=len(usable),
        tps=intervals.mean_interval(list(by_block.values())) if by_block else None,
        tps_peak=max((record.tps_peak for record in usable if record.tps_peak), default=None),
        error_rate=_mean([record.error_rate for record in usable if record.error_rate is not None]),
        outcome=outcome,
        cause=_with_failures(cause.text, failing, cause.rule != "E8") if cause.text else "",
        bottleneck=limit if usable else Component.UNKNOWN,
        bottleneck_reason=_with_failures(why, failing, outcome != Outcome.SERVER_DOWN),
        next_bottleneck="" if limit.is_load or failing else bottleneck.next_bottleneck(of_bound, of_offered, limits),
        falls_behind=2 * sum(record.falls_behind for record in usable) > len(usable),
        of_offered=of_offered,
        of_users_bound=of_bound,
        by_block=by_block,
        peaks={record.repeat: float(record.tps_peak) for record in usable if record.tps_peak},
        next_step=cause.next_step,
        rule=cause.rule,
        drift=change,
        unsteady=is_unsteady,
        invalid_cause=invalid.text,
        invalid_next_step=invalid.next_step,
        invalid_rule=invalid.rule,
        slow_server=slow,
        failed_share=_failed_share(records) if collapsed and outcome == Outcome.INVALID else None,
        failing=failing,
        bottleneck_kind=_kind(usable, limit),
        **_servers(usable),
        **_latencies(usable, histograms, failures, limits),
        **_requests(usable, by_request, limits),
    )


def _servers(usable: Sequence[TrialRecord]) -> dict[str, Any]:
    """The CPU utilization of the busiest server, and whether each got the same share of the requests at any speed."""
    even = any(Balancing(**record.context.balancing).even for record in usable if record.context)
    return {"server_cpu": _mean(_figures(usable, "server_cpu")), "even_shares": even}


def _latencies(
    usable: Sequence[TrialRecord], histograms: Sequence[str], failures: Sequence[str], limits: Thresholds
) -> dict[str, Any]:
    """The latencies of these trials, whose histograms are in the same order."""
    served, waited = latency_stats.latencies_ms(histograms, failures, limits.percentile_p99_samples)
    return {
        "latency_ms": served,
        "latency_with_failures_ms": waited,
        "lateness": _lateness(usable, histograms, failures, limits),
        "waits_by_block": {each.repeat: each.latency_with_failures_ms or each.latency_ms for each in usable},
        "unloaded_by_block": {each.repeat: each.unloaded_ms for each in usable if each.unloaded_ms},
        "latency_unsteady": steadiness.unsteady_latency(steadiness.latency_drift(usable), limits),
    }


def _requests(usable: Sequence[TrialRecord], by_request: Sequence[ByRequest], limits: Thresholds) -> dict[str, Any]:
    """The requests in the windows of these trials, the failed ones among them, and both by name."""
    counted = [record.objective_counts for record in usable if record.objective_counts]
    return {
        "requests": sum(count.requests for count in counted),
        "failed_requests": sum(count.failed for count in counted),
        "by_request": requests.of_trials(usable, by_request, limits),
        "transactions": requests.transactions(usable, by_request, limits),
    }


def _lateness(
    usable: Sequence[TrialRecord], histograms: Sequence[str], failures: Sequence[str], limits: Thresholds
) -> Lateness | None:
    """The lateness of the generator in the usable trials, whose histograms these are; None if it was always on time."""
    late = [record.generator_late for record in usable]
    if not any(late):
        return None
    kept = [[each for each, skip in zip(group, late, strict=False) if not skip] for group in (histograms, failures)]
    p95_ms = latency_stats.latencies_ms(kept[0], kept[1], limits.percentile_p99_samples)[1].get("p95")
    return Lateness(sum(late), p95_ms)


def _falls_behind(usable: Sequence[TrialRecord]) -> bool:
    """Whether most trials served less than an open load offered."""
    return 2 * sum(record.falls_behind for record in usable) > len(usable)


def _bottleneck(usable: Sequence[TrialRecord], slow: SlowServer | None) -> tuple[Component, str]:
    """The bottleneck of the usable trials and its reason; where they differ in it, the reason is that."""
    limit, why = bottleneck.of_cell([record.component for record in usable])
    alike = [record for record in usable if record.component == limit]
    return limit, why or _why(alike, slow if limit == Component.SERVER else None)


def _of_death(records: Sequence[TrialRecord], cause: _Cause, failing: Failing | None) -> str:
    """The reason of the bottleneck of a trial in which a server died; a share of failed requests comes first."""
    found = next((r.bottleneck for r in records if r.bottleneck and r.outcome == Outcome.SERVER_DOWN), None)
    if found is None or not found.reason:
        return cause.text
    if current() is ENGLISH:
        return found.reason
    with use(ENGLISH):
        begins_with_failures = found.reason != reasons.sentence(found.basis, found.figures)
    return _with_failures(reasons.sentence(found.basis, found.figures), failing, begins_with_failures)


def _with_failures(text: str, failing: Failing | None, wanted: bool) -> str:
    """The share of failed requests comes first, unless the text already starts with it (rule E8)."""
    if failing is None or not wanted:
        return text
    return f"{failing.words}; {text}" if text else failing.words


def _figures(trials: Sequence[TrialRecord], name: str) -> list[float]:
    return [value for r in trials if r.bottleneck and (value := r.bottleneck.figures.get(name)) is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _why(same: Sequence[TrialRecord], slow: SlowServer | None) -> str:
    """The most frequent reason of the cell's bottleneck, with the means of its figures."""
    prefix = f"{slow.comparison}; " if slow else ""
    basis = _basis(same)
    if basis is None:
        return ""
    alike = [r for r in same if r.bottleneck and r.bottleneck.basis == basis]
    names = {name for r in alike if r.bottleneck for name in r.bottleneck.figures}
    return prefix + reasons.sentence(basis, {name: _mean(_figures(alike, name)) for name in names})


def _basis(same: Sequence[TrialRecord]) -> Reason | None:
    """The most frequent reason of these trials' bottlenecks; None without any."""
    found = Counter(r.bottleneck.basis for r in same if r.bottleneck)
    return found.most_common(1)[0][0] if found else None


def _kind(usable: Sequence[TrialRecord], limit: Component) -> ReasonKind | None:
    """The kind of reason of the cell's bottleneck; None where no trial has this bottleneck."""
    basis = _basis([record for record in usable if record.component == limit])
    return basis.kind if basis else None


def _collapsed(records: Sequence[TrialRecord], usable: Sequence[TrialRecord]) -> bool:
    """Whether more trials collapsed than are usable; then the usable trials are no baseline."""
    return sum(record.collapsed for record in records) > len(usable)


def _failed_share(records: Sequence[TrialRecord]) -> float | None:
    """Mean share of failed requests over the collapsed trials: in the window, or without one in the whole load."""
    shares = []
    for record in records:
        if not record.collapsed:
            continue
        counted = record.counters.generator if record.counters else None
        sent = counted.completed + counted.failed if counted else 0
        if record.error_rate is not None:
            shares.append(record.error_rate)
        elif counted and sent:
            shares.append(counted.failed / sent)
    return _mean(shares)


@dataclass(frozen=True)
class _Cause:
    """The cause of an outcome, its fix, and its evidence rule."""

    text: str = ""
    next_step: str = ""
    rule: str = ""


def _outcome(records: Sequence[TrialRecord], usable: Sequence[TrialRecord], unsteady: str) -> tuple[Outcome, _Cause]:
    """A cell is ok or has a warning while trials are usable, else it has the most frequent outcome of its trials."""
    if unsteady:
        return Outcome.INVALID, _Cause(unsteady, "", "E10")
    if not records:
        return Outcome.MISSING, _Cause(tr("no trial yet"))
    if usable:
        warned = [record for record in usable if record.outcome == Outcome.WARNING]
        return (Outcome.WARNING, _worst(warned, len(usable))) if warned else (Outcome.OK, _Cause())
    invalid = [record for record in records if not record.usable]
    most = Counter(record.outcome for record in invalid).most_common(1)[0][0] if invalid else Outcome.INVALID
    return most, _worst([record for record in invalid if record.outcome == most])


def _deciding(record: TrialRecord) -> Finding | None:
    """The finding that is the record's cause."""
    if record.outcome == Outcome.WARNING:
        return rules.deciding(record.findings, Severity.WARNING, died=False)
    died = record.outcome == Outcome.SERVER_DOWN
    if not died and record.outcome != Outcome.INVALID:
        return None
    return rules.deciding(record.findings, Severity.INVALID, died=died)


def _worst(alike: Sequence[TrialRecord], of: int = 0) -> _Cause:
    """The largest cause of the most frequent evidence rule; with the number of its trials among `of` usable ones."""
    causes: list[tuple[float, _Cause]] = []
    for record in alike:
        found = _deciding(record)
        size = abs(found.figure) if found and found.figure is not None else 0.0
        cause = _Cause(record.cause)
        if found is not None:
            cause = _Cause(rules.cause_of(found, record.findings), found.next_step_text, found.rule)
        causes.append((size, cause))
    if not causes:
        return _Cause()
    rule = Counter(cause.rule for _, cause in causes).most_common(1)[0][0]
    mine = [(size, cause) for size, cause in causes if cause.rule == rule]
    _, worst = max(mine, key=lambda one: one[0])
    count = (
        tr(
            " (in {mine} of {of} trials, the worst shown)" if len(mine) > 1 else " (in {mine} of {of} trials)",
            mine=len(mine),
            of=of,
        )
        if of > 1
        else ""
    )
    return replace(worst, text=worst.text + count)


def saturated(cells: Sequence[CellSummary]) -> block_model.Table:
    """Trials of the cells with a server bottleneck, which have similar noise: cell → block → TPS."""
    found = [cell for cell in cells if cell.bottleneck.is_topology and not cell.rejections]
    return {cell.name: cell.by_block for cell in found if cell.by_block}
