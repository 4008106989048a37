"""What the loss of servers cost, over the trials of a cell (rule E24). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.schema import P95
from harness.grid.types import Levels
from harness.records.failover import Failover
from harness.records.findings import Kind
from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary

WHOLE_S = 1.0  # a load that still fails in its last second does so to its end


@dataclass(frozen=True)
class Spread:
    """A mean over trials, with the least and the most of them."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True)
class Losses:
    """A cell's trials in which servers were lost.

    `trials` are those that tell it. `failing_s`, `recovery_s` and `latency_recovery_s` are over those in which
    something failed, throughput came back and latency did, whose numbers stand beside them; `to_the_end` is in how
    many requests failed until the load was over. `left` is throughput afterwards as a share of that before,
    `expected` what was expected of it, `still_failing` the failed share afterwards. `p95_ms` is over the whole
    window, the loss and what failed in it. `in_p95` are the trials in which p95 was within its objective before the
    loss, over which `p95_back`
    and `p95_recovery_s` are told; `over_p95` is the share that was over it or failed afterwards.
    """

    cell: Levels
    lost: int
    of: int
    trials: int
    failed: Spread | None = None
    failed_at_balancer: Spread | None = None
    failing: int = 0
    failing_s: Spread | None = None
    to_the_end: int = 0
    back: int = 0
    recovery_s: Spread | None = None
    expected: float | None = None
    left: Spread | None = None
    still_failing: Spread | None = None
    latency_back: int = 0
    latency_recovery_s: Spread | None = None
    in_p95: int = 0
    p95_back: int = 0
    p95_recovery_s: Spread | None = None
    before_ms: Spread | None = None
    after_ms: Spread | None = None
    p95_ms: float | None = None
    over_p95: Spread | None = None

    @property
    def others(self) -> Levels:
        """Levels of every factor but the number of servers, and of those that are lost."""
        return {name: level for name, level in self.cell.items() if name not in ("servers", "fail_servers")}


def of_cell(cell: CellSummary, records: Sequence[TrialRecord]) -> Losses:
    """Sum up a cell that loses servers, from all of its trials' records.

    One whose load gave out after the loss counts for nothing else, but tells what the loss did.
    """
    telling = [record for record in records if record.usable or any(f.kind == Kind.COLLAPSE for f in record.findings)]
    losses = [record.failover for record in telling if record.failover is not None]
    failing = [lost.failing_s for lost in losses if lost.failing_s is not None]
    back = [lost.recovery_s for lost in losses if lost.recovery_s is not None]
    in_p95 = [lost for lost in losses if lost.before.over_p95 is not None and lost.before.over_p95 <= P95]
    p95_back = [lost.p95_recovery_s for lost in losses if lost.p95_recovery_s is not None]
    latency_back = [lost.latency_recovery_s for lost in losses if lost.latency_recovery_s is not None]
    return Losses(
        cell=cell.cell,
        lost=cell.fail_servers,
        of=cell.servers,
        trials=len(losses),
        failed=_spread([lost.failed for lost in losses]),
        failed_at_balancer=_spread([lost.failed_at_balancer for lost in losses]),
        failing=len(failing),
        failing_s=_spread(failing),
        to_the_end=sum(map(_to_the_end, losses)),
        back=len(back),
        recovery_s=_spread(back),
        expected=sum(lost.expected for lost in losses) / len(losses) if losses else None,
        left=_spread([(lost.after.tps or 0.0) / lost.before.tps for lost in losses if lost.before.tps]),
        still_failing=_spread([lost.after.error_rate for lost in losses if lost.after.error_rate is not None]),
        latency_back=len(latency_back),
        latency_recovery_s=_spread(latency_back),
        in_p95=len(in_p95),
        p95_back=len(p95_back),
        p95_recovery_s=_spread(p95_back),
        before_ms=_spread([lost.before.mean_ms for lost in losses if lost.before.mean_ms is not None]),
        after_ms=_spread([lost.after.mean_ms for lost in losses if lost.after.mean_ms is not None]),
        p95_ms=cell.latency_with_failures_ms.get("p95"),
        over_p95=_spread([lost.after.over_p95 for lost in losses if lost.after.over_p95 is not None]),
    )


def _to_the_end(lost: Failover) -> bool:
    return lost.failing_s is not None and lost.at_s + lost.failing_s > lost.after.to_s - WHOLE_S


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(sum(values) / len(values), min(values), max(values)) if values else None
