"""Evidence rules over recorded data. Pure: the same functions serve the study, its report and its checker.

Each rule gives findings: what was seen, against which threshold, and what to do. Severities: a
*refused* trial counts for nothing, a *degraded* one counts and is marked, a *note* is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.judge.rules import failures, generator, machines, pace, series, servers
from harness.judge.rules.failures import collapse
from harness.records.findings import Finding

__all__ = ["collapse", "judge", "outcome_of"]

RULES = (
    series.whole,
    series.readings,
    generator.closed_loop,
    generator.busy,
    generator.ceiling,
    failures.errors,
    failures.events,
    series.steady,
    machines.noise,
    servers.balance,
    servers.counters_agree,
    servers.served_by,
    pace.kept,
)


def judge(seen: Observation, limits: Thresholds) -> list[Finding]:
    """Apply every rule, in the order of their numbers."""
    return [finding for rule in RULES for finding in rule(seen, limits)]


def outcome_of(findings: Sequence[Finding], died: Mapping[str, str]) -> tuple[str, str]:
    """The trial's outcome and, unless it is ok, its cause in words."""
    # What a death brings with it breaks other rules too, and so does a machine without CPU: these are the cause.
    causes = ("E8", "E23") if died else ("E23",)
    first = sorted(findings, key=lambda finding: finding.rule not in causes)
    machine = next((f.cause for f in findings if f.rule == "E11" and f.severity == "degrade"), "")
    for severity, outcome in (("refuse", "refused"), ("degrade", "degraded")):
        for finding in first:
            if finding.severity == severity:
                blamed = machine if severity == "refuse" and finding.rule in ("E5", "E6") else ""
                cause = f"{blamed}: {finding.cause}" if blamed else finding.cause
                return ("server_down" if died and severity == "refuse" else outcome), cause
    return "ok", ""
