"""CellFailover over the trials of a cell, and what a cell that loses servers is kept out of (rule E24)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records.trial import TrialRecord
from harness.summarise import tables
from harness.summarise.cells.failover import CellFailover, Spread
from harness.summarise.gains.gain import SERVER_FAILURE, GainKind
from harness.summarise.summary import Summary, summarise_records
from tests.builders import grid, judged, record

BEFORE = {"from_s": 7, "to_s": 12, "tps": 200.0, "error_rate": 0.0, "mean_ms": 50.0}
AFTER = {"from_s": 14, "to_s": 22, "tps": 196.0, "error_rate": 0.0, "mean_ms": 60.0}


def loss(**more: Any) -> dict[str, Any]:
    """What one trial says of its loss; keyword arguments replace what a test is about."""
    base = {"servers": ["server-3"], "of": 3, "at_s": 12.0, "failed": 40, "failed_at_balancer": 40, "failing_s": 2.0}
    back = {"expected": 1.0, "recovery_s": 2.0, "latency_recovery_s": 3.0, "before": BEFORE, "after": AFTER}
    return {**base, **back, **more}


def trial(repeat: int, failing: int, servers: int = 3, **more: Any) -> TrialRecord:
    said = judged(record(servers, 400, repeat, 100.0 * servers), "unknown" if failing else "server")
    what = said.model_dump(mode="json")
    cell = {"servers": servers, "vusers": 400, "fail_servers": failing}
    return TrialRecord.model_validate({**what, "cell": cell, **more})


def summed(
    losses: list[dict[str, Any]], servers: tuple[int, ...] = (3,), losing: dict[str, Any] | None = None, **more: Any
) -> Summary:
    """A study of `servers` without and with one lost, whose losing trials say these things."""
    records = {}
    for count in servers:
        for repeat, said in enumerate(losses, 1):
            where = f"servers-{count}_vusers-400_fail_servers-"
            records[f"{where}0/r{repeat}"] = trial(repeat, 0, count)
            records[f"{where}1/r{repeat}"] = trial(repeat, 1, count, failover=said, **(losing or {}))
    factors = {"servers": list(servers), "vusers": [400], "fail_servers": [0, 1]}
    return summarise_records(grid(factors=factors, repeats=len(losses), **more), records)


def only(summary: Summary) -> CellFailover:
    (found,) = summary.failovers
    return found


def test_a_cells_losses_are_means_with_their_ends() -> None:
    slow = loss(failed=46, failed_at_balancer=45, recovery_s=4.0, after={**AFTER, "tps": 190.0})
    found = only(summed([loss(), slow, loss(failed=37)]))
    assert (found.failed_servers, found.servers, found.trials) == (1, 3, 3)
    assert found.failed == Spread(41, 37, 46)
    assert found.failed_at_balancer == Spread(125 / 3, 40, 45)
    assert found.recovery_s == Spread(8 / 3, 2, 4)
    assert found.left
    assert (found.left.least, found.left.most) == (0.95, 0.98)
    assert found.left.mean == pytest.approx(0.97)
    assert found.recovered == found.failing == found.latency_recovered == 3
    assert found.to_the_end == 0
    assert found.others == {"vusers": 400}


def test_trials_in_which_nothing_came_back_or_nothing_failed_are_counted_beside_the_others() -> None:
    never = loss(recovery_s=None, latency_recovery_s=None, failing_s=10.0)
    found = only(summed([loss(), never, loss(failed=0, failing_s=None)]))
    assert (found.trials, found.recovered, found.latency_recovered, found.failing, found.to_the_end) == (3, 2, 2, 2, 1)
    assert found.recovery_s == Spread(2, 2, 2)


def test_p95_is_told_over_the_trials_that_had_it_before() -> None:
    def over(before: float, recovery_s: float | None) -> dict[str, Any]:
        return loss(p95_recovery_s=recovery_s, before={**BEFORE, "over_p95": before}, after={**AFTER, "over_p95": 0.02})

    found = only(summed([over(0.05, 2.0), over(0.01, None), over(0.06, None)]))
    assert (found.in_p95, found.p95_recovered, found.p95_recovery_s) == (2, 1, Spread(2, 2, 2))
    assert found.over_p95 == Spread(0.02, 0.02, 0.02)
    assert only(summed([loss()])).over_p95 is None


def test_a_trial_that_is_refused_tells_nothing_but_one_that_gave_out_after_its_loss_does() -> None:
    assert only(summed([loss()], losing={"outcome": "invalid"})).trials == 0
    collapse = [{"rule": "E8", "severity": "invalid", "cause": "it gave out", "kind": "collapse"}]
    gave_out = {"outcome": "invalid", "findings": collapse}
    assert only(summed([loss(recovery_s=None)], losing=gave_out)).trials == 1


def test_a_cell_that_loses_servers_has_no_gain_and_says_why() -> None:
    summary = summed([loss(), loss(), loss()], servers=(2, 3))
    whole, lost = summary.gains
    assert whole.kind == GainKind.GAIN
    assert (lost.kind, lost.conclusion_text, lost.reason) == (GainKind.SERVER_FAILURE, "no gain", SERVER_FAILURE)
    assert lost.ratio is None
    assert lost.k == 0
    rows = tables.gains(summary)
    assert [row["gain"] is None for row in rows] == [False, True]
    wanted = summed([loss(), loss(), loss()], servers=(2, 3), objectives={"gain": {3: 1.2}})
    assert [one.name for one in wanted.objectives] == ["400 users: gain of 2 → 3 servers"]


def test_a_loss_is_no_factor_whose_effect_on_throughput_is_told() -> None:
    summary = summed([loss(), loss(), loss()])
    assert summary.factor_effects == []


def test_the_table_has_a_row_for_each_cell_that_loses_servers() -> None:
    (row,) = tables.failover(summed([loss(), loss(recovery_s=None)]))
    assert row["servers"] == 3
    assert row["fail_servers"] == 1
    assert (row["trials"], row["recovered"], row["recovery_s"]) == (2, 1, 2.0)
    assert row["failing_most_s"] == 2.0
    assert row["still_failing"] == 0.0
    (empty,) = tables.failover(summed([{}]))
    assert (empty["trials"], empty["failed"], empty["left"]) == (0, None, None)
