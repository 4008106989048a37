"""Failover of a cell: failed requests and recovery after a server failure, over its trials (rule E24). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.grid.objectives import P95
from harness.grid.types import Levels
from harness.records.failover import Failover
from harness.records.findings import Kind
from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary

LAST_S = 1.0  # a load with a failure in its last second fails to its end


@dataclass(frozen=True)
class Spread:
    """A mean over trials, with the least and the most of them."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class CellFailover:
    """The trials of a cell with a server failure: `failed_servers` of `servers` were stopped.

    `trials` are those that count. Seconds are counted from the failure. `failing_s`, `recovery_s` and
    `latency_recovery_s` are over the trials in which requests failed, throughput recovered and latency did, counted as
    `failing`, `recovered` and `latency_recovered`; in `to_the_end` requests failed until the load's end. `left` is
    throughput after the failure as a share of that before, `expected` the share that may be expected, `still_failing`
    the share of failed requests afterwards. `p95_ms` is over the whole window, with failures. `in_p95` counts the
    trials whose p95 met its objective before the failure, to which `p95_recovered` and `p95_recovery_s` refer;
    `over_p95` is the share of requests over it or failed afterwards.
    """

    cell: Levels
    failed_servers: int
    servers: int
    trials: int
    failed: Spread | None = None
    failed_at_balancer: Spread | None = None
    failing: int = 0
    failing_s: Spread | None = None
    to_the_end: int = 0
    recovered: int = 0
    recovery_s: Spread | None = None
    expected: float | None = None
    left: Spread | None = None
    still_failing: Spread | None = None
    latency_recovered: int = 0
    latency_recovery_s: Spread | None = None
    in_p95: int = 0
    p95_recovered: int = 0
    p95_recovery_s: Spread | None = None
    before_ms: Spread | None = None
    after_ms: Spread | None = None
    p95_ms: float | None = None
    over_p95: Spread | None = None

    @property
    def others(self) -> Levels:
        """Levels of every factor but the number of servers and of failed servers."""
        return {name: level for name, level in self.cell.items() if name not in ("servers", "fail_servers")}


def of_cell(cell: CellSummary, records: Sequence[TrialRecord]) -> CellFailover:
    """Summarise a cell with a server failure, from the records of all of its trials.

    A trial that collapsed after the failure is invalid for everything else, but counts here.
    """
    counted = [r for r in records if r.usable or any(finding.kind == Kind.COLLAPSE for finding in r.findings)]
    found = [record.failover for record in counted if record.failover is not None]
    failing = _known(each.failing_s for each in found)
    recovery = _known(each.recovery_s for each in found)
    latency_recovery = _known(each.latency_recovery_s for each in found)
    p95_recovery = _known(each.p95_recovery_s for each in found)
    return CellFailover(
        cell=cell.cell,
        failed_servers=cell.fail_servers,
        servers=cell.servers,
        trials=len(found),
        failed=_spread([each.failed for each in found]),
        failed_at_balancer=_spread([each.failed_at_balancer for each in found]),
        failing=len(failing),
        failing_s=_spread(failing),
        to_the_end=sum(map(_to_the_end, found)),
        recovered=len(recovery),
        recovery_s=_spread(recovery),
        expected=sum(each.expected for each in found) / len(found) if found else None,
        left=_spread([(each.after.tps or 0.0) / each.before.tps for each in found if each.before.tps]),
        still_failing=_spread(_known(each.after.error_rate for each in found)),
        latency_recovered=len(latency_recovery),
        latency_recovery_s=_spread(latency_recovery),
        in_p95=sum(each.before.over_p95 is not None and each.before.over_p95 <= P95 for each in found),
        p95_recovered=len(p95_recovery),
        p95_recovery_s=_spread(p95_recovery),
        before_ms=_spread(_known(each.before.mean_ms for each in found)),
        after_ms=_spread(_known(each.after.mean_ms for each in found)),
        p95_ms=cell.latency_with_failures_ms.get("p95"),
        over_p95=_spread(_known(each.after.over_p95 for each in found)),
    )


def _to_the_end(failover: Failover) -> bool:
    return failover.failing_s is not None and failover.at_s + failover.failing_s > failover.after.to_s - LAST_S


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(sum(values) / len(values), min(values), max(values)) if values else None
