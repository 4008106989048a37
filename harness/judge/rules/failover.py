"""Was what should be lost, and nothing else, lost when it should be? Rule E24."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity


def happened(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E24: exactly the servers that the cell asks for were stopped, and when it asks for it.

    Who else died is told by E8, which knows of those that were to be stopped.
    """
    loss = seen.server_failure
    if loss is None:
        return
    for server in loss.servers:
        at_s = seen.stopped.get(server)
        if at_s is None:
            why = loss.problems.get(server, "the load was over before")
            yield Finding(
                "E24",
                Severity.INVALID,
                f"{server} should have been stopped at second {loss.at_s:.1f}: {why}",
                "repeat the trial; where it happens again, look at the engine that runs this server",
            )
        elif abs(at_s - loss.at_s) > limits.failure_late:
            yield Finding(
                "E24",
                Severity.INVALID,
                f"{server} was stopped at second {at_s:.1f}, not at {loss.at_s:.1f} as the grid asks",
                "look at what keeps this server's engine from stopping it at once, and at the hosts' clocks",
                abs(at_s - loss.at_s),
                limits.failure_late,
            )
