"""Verify that exactly the planned servers fail, at the planned time: rule E24."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity


def as_planned(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E24: the servers of the cell's plan were killed at the planned second.

    Other deaths are findings of E8, which knows the plan.
    """
    failure = seen.server_failure
    if failure is None:
        return
    for server in failure.servers:
        at_s = seen.stopped.get(server)
        if at_s is None:
            why = failure.problems.get(server, "the load ended earlier")
            yield Finding(
                rule="E24",
                severity=Severity.INVALID,
                cause=f"{server} was not killed at second {failure.at_s:.1f} as planned: {why}",
                next_step="repeat the trial; if this recurs, check the container engine or systemd of this server",
            )
        elif abs(at_s - failure.at_s) > limits.failure_late:
            yield Finding(
                rule="E24",
                severity=Severity.INVALID,
                cause=f"{server} was killed at second {at_s:.1f}, planned: {failure.at_s:.1f}",
                next_step="check the container engine or systemd of this server for delays, and the hosts' clocks",
                figure=abs(at_s - failure.at_s),
                threshold=limits.failure_late,
            )
