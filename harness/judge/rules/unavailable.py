"""Report the rules that cannot be evaluated, or only in part, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.judge.rules.rule import Apply
from harness.records.findings import Finding, Severity


def cause(reason: str) -> str:
    """Return the cause of the finding that a rule is not available."""
    return f"not available: {reason}"


def of(rule: str) -> Apply:
    """Return a finding that a rule is not available in a trial."""

    def report(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
        if reason := seen.unavailable.get(rule):
            yield Finding(rule=rule, severity=Severity.NOTE, cause=cause(reason), next_step="")

    return report
