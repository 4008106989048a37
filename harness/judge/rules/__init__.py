"""Evidence rules over recorded data. Pure: study, report and `check` use the same functions.

Each rule returns findings with figure, threshold, cause and next step. Severities: an *invalid* trial does not count,
a trial with a *warning* counts with a caveat, a *note* is for information only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.load import RATE, VUSERS
from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.judge.rules import arrivals, failover, failures, generator, machines, pace, series, servers, unavailable
from harness.judge.rules.failures import collapse
from harness.judge.rules.rule import Rule
from harness.records.findings import Finding, Kind, Severity
from harness.records.trial import Outcome

__all__ = ["RULES", "Rule", "collapse", "judge", "outcome_of"]

RULES = (
    Rule(
        id="E3",
        requirement="one row per second, CPU readings of every host",
        apply=(series.whole, series.readings, unavailable.of("E3")),
    ),
    Rule(
        id="E5",
        requirement="each user waits for a response or thinks",
        apply=(generator.closed_loop, unavailable.of("E5")),
        figure=("figures.littles_law_residual", "h"),
        load=VUSERS,
    ),
    Rule(
        id="E5",
        requirement="requests are sent on schedule and reach the balancer without queueing",
        apply=(arrivals.on_time,),
        load=RATE,
    ),
    Rule(
        id="E6",
        requirement="the load generator has spare CPU and is on time",
        apply=(generator.busy, generator.lateness),
        figure=("bottleneck.generator_cpu", "generator CPU"),
    ),
    Rule(
        id="E7",
        requirement="throughput is far below the ceiling of generator and balancer",
        apply=(generator.ceiling, unavailable.of("E7")),
        figure=("figures.of_ceiling", "of the ceiling"),
    ),
    Rule(
        id="E8",
        requirement="requests succeed and no server dies",
        apply=(failures.rows_ran_out, failures.errors, failures.logins, unavailable.of("E8")),
        figure=("error_rate", "errors"),
    ),
    Rule(
        id="E9",
        requirement="logs and kernel counters have no named event",
        apply=(failures.events, unavailable.of("E9")),
    ),
    Rule(
        id="E10",
        requirement="throughput is steady in the window (a cell is judged over its trials)",
        apply=(series.steady,),
        figure=("figures.drift", "drift"),
    ),
    Rule(
        id="E11",
        requirement="machines are quiet, processors identical",
        apply=(machines.noise, unavailable.of("E11")),
        figure=("figures.foreign_cpu", "foreign CPU"),
    ),
    Rule(
        id="E12",
        requirement="servers have equal shares, no retries, equal cost of a request",
        apply=(servers.balance, unavailable.of("E12")),
        where_free="servers have equal shares with round robin, no retries, equal cost of a request",
    ),
    Rule(
        id="E13",
        requirement="generator, balancer and servers count the same requests",
        apply=(servers.counters_agree, unavailable.of("E13")),
    ),
    Rule(
        id="E14", requirement="exactly the cell's servers responded", apply=(servers.served_by, unavailable.of("E14"))
    ),
    Rule(
        id="E23", requirement="paced servers have the CPU for their rate", apply=(pace.kept_rate, unavailable.of("E23"))
    ),
    Rule(
        id="E24",
        requirement="exactly the planned servers fail, at the planned time",
        apply=(failover.as_planned, unavailable.of("E24")),
    ),
)


def judge(seen: Observation, limits: Thresholds) -> list[Finding]:
    """Apply every rule, in the order of their numbers."""
    return [finding for rule in RULES for apply in rule.apply for finding in apply(seen, limits)]


def outcome_of(findings: Sequence[Finding], died: Mapping[str, object]) -> tuple[Outcome, str]:
    """Return the trial's outcome and, unless it is ok, its cause in words."""
    for severity, outcome in ((Severity.INVALID, Outcome.INVALID), (Severity.WARNING, Outcome.WARNING)):
        if (finding := deciding(findings, severity, died=bool(died))) is not None:
            cause = cause_of(finding, findings)
            return (Outcome.SERVER_DOWN if died and severity == Severity.INVALID else outcome), cause
    return Outcome.OK, ""


def cause_of(finding: Finding, findings: Sequence[Finding]) -> str:
    """Return the cause of an outcome in words; a machine that was not quiet comes before a late generator."""
    if finding.severity == Severity.INVALID and finding.rule in ("E5", "E6"):
        noisy = next((f for f in findings if f.rule == "E11" and f.severity == Severity.WARNING), None)
        if noisy is not None:
            return f"{noisy.cause_text}: {finding.cause_text}"
    return finding.cause_text


def deciding(findings: Sequence[Finding], severity: Severity, *, died: bool) -> Finding | None:
    """Return the finding of this severity that is the trial's cause; None without any.

    A server's death, a machine without spare CPU and rows that ran out also violate other rules, so they come first.
    """
    causes = ("E8", "E23") if died else ("E23",)
    ordered = sorted(findings, key=lambda finding: finding.rule not in causes and finding.kind is not Kind.NO_ROWS)
    return next((finding for finding in ordered if finding.severity == severity), None)
