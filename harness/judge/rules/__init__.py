"""Evidence rules over recorded data. Pure: the same functions serve the study, its report and its checker.

Each rule gives findings: what was seen, against which threshold, and what to do. Severities: an
*invalid* trial counts for nothing, one with a *warning* counts and is marked, a *note* is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.load import RATE, VUSERS
from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.judge.rules import arrivals, failover, failures, generator, machines, pace, series, servers
from harness.judge.rules.failures import collapse
from harness.judge.rules.rule import Rule
from harness.records.findings import Finding, Severity
from harness.records.trial import Outcome

__all__ = ["RULES", "Rule", "collapse", "judge", "outcome_of"]

RULES = (
    Rule("E3", "one row for every second, CPU read on every host", (series.whole, series.readings)),
    Rule(
        "E5",
        "users are waiting or thinking, and nowhere else",
        (generator.closed_loop,),
        ("figures.littles_law_residual", "h"),
        load=VUSERS,
    ),
    Rule("E5", "requests leave when they are due, and go straight to the balancer", (arrivals.on_time,), load=RATE),
    Rule(
        "E6",
        "the generator has CPU to spare and is not late",
        (generator.busy,),
        ("bottleneck.generator_cpu", "generator CPU"),
    ),
    Rule(
        "E7",
        "far below what generator and balancer reach alone",
        (generator.ceiling,),
        ("figures.of_ceiling", "of the ceiling"),
    ),
    Rule("E8", "requests succeed and servers live", (failures.errors,), ("error_rate", "errors")),
    Rule("E9", "no event in logs and counters that has a name", (failures.events,)),
    Rule(
        "E10",
        "steady in the window (a cell is judged over its trials)",
        (series.steady,),
        ("figures.drift", "drift"),
    ),
    Rule("E11", "machines quiet, processors alike", (machines.noise,), ("figures.foreign_cpu", "foreign CPU")),
    Rule(
        "E12",
        "equal shares, no retries, equal cost of a request",
        (servers.balance,),
        where_free="equal shares where servers take turns, no retries, equal cost of a request",
    ),
    Rule("E13", "generator, balancer and servers counted the same requests", (servers.counters_agree,)),
    Rule("E14", "exactly the cell's servers answered", (servers.served_by,)),
    Rule("E23", "paced servers had the CPU to keep their rate", (pace.kept,)),
    Rule("E24", "what was to be lost was lost when it should be", (failover.happened,)),
)


def judge(seen: Observation, limits: Thresholds) -> list[Finding]:
    """Apply every rule, in the order of their numbers."""
    return [finding for rule in RULES for apply in rule.apply for finding in apply(seen, limits)]


def outcome_of(findings: Sequence[Finding], died: Mapping[str, object]) -> tuple[Outcome, str]:
    """The trial's outcome and, unless it is ok, its cause in words."""
    machine = next((f.cause for f in findings if f.rule == "E11" and f.severity == Severity.WARNING), "")
    for severity, outcome in ((Severity.INVALID, Outcome.INVALID), (Severity.WARNING, Outcome.WARNING)):
        if (finding := deciding(findings, severity, died=bool(died))) is not None:
            blamed = machine if severity == Severity.INVALID and finding.rule in ("E5", "E6") else ""
            cause = f"{blamed}: {finding.cause}" if blamed else finding.cause
            return (Outcome.SERVER_DOWN if died and severity == Severity.INVALID else outcome), cause
    return Outcome.OK, ""


def deciding(findings: Sequence[Finding], severity: Severity, *, died: bool) -> Finding | None:
    """The finding of this severity that is the trial's cause; None without any.

    A death of a server breaks other rules too, and so does a machine without CPU: these two come first.
    """
    causes = ("E8", "E23") if died else ("E23",)
    ordered = sorted(findings, key=lambda finding: finding.rule not in causes)
    return next((finding for finding in ordered if finding.severity == severity), None)
