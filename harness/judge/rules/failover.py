"""Verify that exactly the planned servers fail, at the planned time: rule E24."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.language import sentence
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
            why = failure.problems.get(server) or sentence("the load ended earlier")
            yield Finding.of(
                rule="E24",
                severity=Severity.INVALID,
                cause=sentence(
                    "{server} was not killed at second {at_s:.1f} as planned: {why}",
                    server=server,
                    at_s=failure.at_s,
                    why=why,
                ),
                next_step=sentence(
                    "repeat the trial; if this recurs, check the container engine or systemd of this server"
                ),
            )
        elif abs(at_s - failure.at_s) > limits.failure_late:
            yield Finding.of(
                rule="E24",
                severity=Severity.INVALID,
                cause=sentence(
                    "{server} was killed at second {at_s:.1f}, planned: {planned_s:.1f}",
                    server=server,
                    at_s=at_s,
                    planned_s=failure.at_s,
                ),
                next_step=sentence(
                    "check the container engine or systemd of this server for delays, and the hosts' clocks"
                ),
                figure=abs(at_s - failure.at_s),
                threshold=limits.failure_late,
            )
