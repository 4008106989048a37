"""Failover over the trials of a cell, and comparisons that exclude a cell with failed servers (rule E24)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records.trial import TrialRecord
from harness.summarise import tables
from harness.summarise.cells.failover import CellFailover, Spread
from harness.summarise.gains.clauses import SERVER_FAILURE
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import Summary, summarise_records
from tests.builders import grid, judged, record

BEFORE = {"from_s": 7, "to_s": 12, "tps": 200.0, "error_rate": 0.0, "mean_ms": 50.0}
AFTER = {"from_s": 14, "to_s": 22, "tps": 196.0, "error_rate": 0.0, "mean_ms": 60.0}


def failover_keys(**more: Any) -> dict[str, Any]:
    """Return the failover of one trial; keyword arguments replace its keys."""
    base = {"servers": ["server-3"], "of": 3, "at_s": 12.0, "failed": 40, "failed_at_balancer": 40, "failing_s": 2.0}
    back = {"expected": 1.0, "recovery_s": 2.0, "latency_recovery_s": 3.0, "before": BEFORE, "after": AFTER}
    return {**base, **back, **more}


def trial(repeat: int, failing: int, servers: int = 3, **more: Any) -> TrialRecord:
    base = judged(record(servers, 400, repeat, 100.0 * servers), "unknown" if failing else "server")
    fields = base.model_dump(mode="json")
    cell = {"servers": servers, "vusers": 400, "fail_servers": failing}
    return TrialRecord.model_validate({**fields, "cell": cell, **more})


def summed(
    failovers: list[dict[str, Any]], servers: tuple[int, ...] = (3,), failing: dict[str, Any] | None = None, **more: Any
) -> Summary:
    """Return the summary of a study without and with one failed server.

    `failovers` are those of the trials with a failure, `failing` replaces other fields of their records.
    """
    records = {}
    for count in servers:
        for repeat, failover in enumerate(failovers, 1):
            where = f"servers-{count}_vusers-400_fail_servers-"
            records[f"{where}0/r{repeat}"] = trial(repeat, 0, count)
            records[f"{where}1/r{repeat}"] = trial(repeat, 1, count, failover=failover, **(failing or {}))
    factors = {"servers": list(servers), "vusers": [400], "fail_servers": [0, 1]}
    return summarise_records(grid(factors=factors, repeats=len(failovers), **more), records)


def only(summary: Summary) -> CellFailover:
    (found,) = summary.failovers
    return found


def test_a_cells_failover_has_means_with_their_extremes() -> None:
    slow = failover_keys(failed=46, failed_at_balancer=45, recovery_s=4.0, after={**AFTER, "tps": 190.0})
    found = only(summed([failover_keys(), slow, failover_keys(failed=37)]))
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


def test_trials_without_recovery_or_without_failures_are_counted_separately() -> None:
    never = failover_keys(recovery_s=None, latency_recovery_s=None, failing_s=10.0)
    found = only(summed([failover_keys(), never, failover_keys(failed=0, failing_s=None)]))
    assert (found.trials, found.recovered, found.latency_recovered, found.failing, found.to_the_end) == (3, 2, 2, 2, 1)
    assert found.recovery_s == Spread(2, 2, 2)


def test_p95_is_summarised_over_the_trials_that_met_it_before() -> None:
    def over(before: float, recovery_s: float | None) -> dict[str, Any]:
        return failover_keys(
            p95_recovery_s=recovery_s, before={**BEFORE, "over_p95": before}, after={**AFTER, "over_p95": 0.02}
        )

    found = only(summed([over(0.05, 2.0), over(0.01, None), over(0.06, None)]))
    assert (found.in_p95, found.p95_recovered, found.p95_recovery_s) == (2, 1, Spread(2, 2, 2))
    assert found.over_p95 == Spread(0.02, 0.02, 0.02)
    assert only(summed([failover_keys()])).over_p95 is None


def test_an_invalid_trial_does_not_count_unless_it_collapsed_after_its_server_failure() -> None:
    assert only(summed([failover_keys()], failing={"outcome": "invalid"})).trials == 0
    collapse = [{"rule": "E8", "severity": "invalid", "cause": "it collapsed", "kind": "collapse"}]
    collapsed = {"outcome": "invalid", "findings": collapse}
    assert only(summed([failover_keys(recovery_s=None)], failing=collapsed)).trials == 1


def test_a_cell_with_failed_servers_has_no_gain_and_a_reason() -> None:
    summary = summed([failover_keys(), failover_keys(), failover_keys()], servers=(2, 3))
    whole, failed = summary.gains
    assert whole.kind == GainKind.GAIN
    assert (failed.kind, failed.conclusion_text, failed.reason) == (GainKind.SERVER_FAILURE, "no gain", SERVER_FAILURE)
    assert failed.ratio is None
    assert failed.k == 0
    rows = tables.gains(summary)
    assert [row["gain"] is None for row in rows] == [False, True]
    wanted = summed([failover_keys(), failover_keys(), failover_keys()], servers=(2, 3), objectives={"gain": {3: 1.2}})
    assert [one.name for one in wanted.objectives] == ["400 users: gain of 2 → 3 servers"]


def test_a_server_failure_is_not_a_factor_with_an_effect_on_throughput() -> None:
    summary = summed([failover_keys(), failover_keys(), failover_keys()])
    assert summary.factor_effects == []


def test_the_table_has_a_row_for_each_cell_with_failed_servers() -> None:
    (row,) = tables.failover(summed([failover_keys(), failover_keys(recovery_s=None)]))
    assert row["servers"] == 3
    assert row["fail_servers"] == 1
    assert (row["trials"], row["recovered"], row["recovery_s"]) == (2, 1, 2.0)
    assert row["failing_most_s"] == 2.0
    assert row["still_failing"] == 0.0
    (empty,) = tables.failover(summed([{}]))
    assert (empty["trials"], empty["failed"], empty["left"]) == (0, None, None)
