"""Compares the record of a server failure with the balancer's own log."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from harness.records.trial import TrialData


def failed_rows(data: TrialData) -> dict[int, int]:
    """Return second → failed requests in it, by the balancer's log."""
    found = Counter[int]()
    for row in data.balancer:
        if row.status != "200":
            found[row.t_s] += row.requests
    return dict(found)


def agrees(trial: TrialData, server: str) -> None:
    """Assert that the record's figures of a stopped server equal the log's."""
    record, failover = trial.record, trial.record.failover
    assert record.outcome in ("ok", "warning"), record.cause
    assert record.context
    assert record.context.server_failure
    assert failover
    assert failover.servers == [server]
    assert failover.at_s == pytest.approx(record.context.server_failure.at_s, abs=1)
    assert not {"E8", "E14", "E24"} & {finding.rule for finding in record.findings}
    assert record.hosts[server].before.running, "it was not brought back before this trial"
    assert not record.hosts[server].after.running
    rows = failed_rows(trial)
    assert failover.failed == failover.failed_at_balancer == sum(rows.values())
    if rows:
        assert failover.failing_s is not None
        # The log has whole seconds of the balancer's clock.
        assert failover.at_s + failover.failing_s - 1 == pytest.approx(max(rows), abs=1)
    answered = {
        row.t_s
        for row in trial.balancer
        if row.server == record.context.expected_servers[server] and row.status == "200"
    }
    assert max(answered) <= failover.at_s + 1
    good = Counter[int]()
    for row in trial.balancer:
        good[row.t_s] += row.requests if row.status == "200" else 0
    assert failover.recovery_s is not None
    assert record.window
    # After the recovery time the log must also show full throughput, because the remaining servers can serve it. In an
    # open loop the due requests of these seconds are known; the mean before the failure would differ by chance.
    seconds = range(math.ceil(failover.at_s + failover.recovery_s + 1), int(record.window.to_s) - 1)
    due = sum(row.offered or 0 for row in trial.samples if row.t_s in seconds)
    assert sum(good[second] for second in seconds) >= 0.9 * (due or (failover.before.tps or 0) * len(seconds))
    assert failover.before.error_rate == 0
