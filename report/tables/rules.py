"""The tables of the evidence rules: what each checked and found, and all thresholds. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.grid.load import VUSERS, factor_of
from harness.grid.thresholds import DECLARED, Thresholds, overridden
from harness.judge.balancing import Balancing
from harness.judge.rules import RULES, Rule, generator, unavailable
from harness.language import messages, tr
from harness.records.findings import Severity
from harness.records.series import Sample
from harness.records.trial import Outcome, TrialData, TrialRecord
from report import format as text
from report import phrases
from report.elements import Table

STATES = messages({Severity.INVALID: "invalid", Severity.WARNING: "warning", Severity.NOTE: "note"})


def rule_table(trials: Mapping[str, TrialData], limits: Thresholds) -> Table:
    """A row for each rule: its thresholds, how many trials passed, and its findings with an example."""
    limits = generator.applied(limits, (row for data in trials.values() for row in data.samples))
    load = next((factor_of(data.record.cell) for data in trials.values()), VUSERS)
    judged = [data.record for data in trials.values() if data.record.outcome != Outcome.FAILED]
    round_robin = all(Balancing(**record.context.balancing).even for record in judged if record.context)
    rows = [_rule_row(rule, judged, limits, round_robin=round_robin) for rule in RULES if rule.load in ("", load)]
    columns = messages(["rule", "requirement", "thresholds", "passed", "largest value", "findings", "example"])
    return Table(columns=columns, rows=rows, right=(3,))


def _rule_row(rule: Rule, judged: Sequence[TrialRecord], limits: Thresholds, *, round_robin: bool) -> list[str]:
    counts = dict.fromkeys(STATES, 0)
    examples: dict[str, str] = {}
    lacking = skipped = 0
    for record in judged:
        mine = [finding for finding in record.findings if finding.rule == rule.id]
        reason = record.context.unavailable.get(rule.id) if record.context else None
        lacking += reason is not None
        skipped += reason is not None and not _is_partly_judged(rule, record)
        own = [finding for finding in mine if reason is None or finding.cause != str(unavailable.cause(reason))]
        worst = next((severity for severity in STATES if any(f.severity == severity for f in own)), None)
        if worst is not None:
            counts[worst] += 1
        for finding in mine:
            examples.setdefault(finding.severity, finding.cause_text)
    applied = len(judged) - skipped
    violated = counts[Severity.INVALID] + counts[Severity.WARNING]
    findings = [f"{tr(state)}: {phrases.count(counts[s], 'trial')}" for s, state in STATES.items() if counts[s]]
    if lacking:
        findings.append(tr("not available: {trials}", trials=phrases.count(lacking, "trial")))
    return [
        rule.id,
        tr(rule.requirement if round_robin else rule.where_free or rule.requirement),
        _thresholds(rule, limits),
        tr("{judged} of {judged_2}", judged=applied - violated, judged_2=applied)
        if applied or not skipped
        else text.NOTHING,
        _largest(rule, judged),
        "; ".join(findings) or tr("none"),
        next((examples[severity] for severity in STATES if severity in examples), text.NOTHING),
    ]


def _is_partly_judged(rule: Rule, record: TrialRecord) -> bool:
    """Whether a rule that is not available in a trial judged the counters that there are."""
    return record.context is not None and rule.id in Balancing(**record.context.balancing).kind.partly


def _thresholds(rule: Rule, limits: Thresholds) -> str:
    written = limits.model_dump(mode="json")
    shown = [written[name] for name in rule.thresholds if not isinstance(written[name], bool | None)]
    return ", ".join(map(phrases.threshold, shown)) or tr("none")


def _largest(rule: Rule, records: Sequence[TrialRecord]) -> str:
    """The largest value of a rule's figure over the trials."""
    if rule.figure is None:
        return ""
    where, name = rule.figure
    found = [abs(value) for record in records for value in _figures(record, where)]
    if where == "figures.drift":
        found = [abs(math.expm1(value)) for record in records for value in _figures(record, where)]
    return f"{text.percent(max(found), 1)} {tr(name)}" if found else ""


def _figures(record: TrialRecord, where: str) -> list[float]:
    """The numbers at section.name of a record, or at a name of its own."""
    section, _, name = where.partition(".")
    if section == "bottleneck":
        value: Any = record.bottleneck.figures.get(name) if record.bottleneck else None
    elif section == "figures":
        value = getattr(record.figures, name) if record.figures else None
    else:
        value = getattr(record, section)
    values = value.values() if isinstance(value, dict) else [value]
    return [float(v) for v in values if v is not None]


def threshold_table(limits: Thresholds, is_open: bool = False, samples: Iterable[Sample] = ()) -> Table:
    """A row for each threshold, with a remark where the grid changed it; those of rates only where `is_open`.

    A threshold that is applied with another value to trials with these `samples` has both values.
    """
    changed, written = overridden(limits), limits.model_dump(mode="json")
    applied = generator.applied(limits, samples).model_dump(mode="json")
    rows = []
    for name, declared in DECLARED.items():
        description, value = tr(declared.meaning), written[name]
        if declared.rates_only and not is_open:
            continue
        if value is None or isinstance(value, bool):
            continue  # a switch, which the method reports
        if applied[name] != value:
            description += tr(
                " ({applied} here: thinking users are not counted)", applied=phrases.threshold(applied[name])
            )
        shown = phrases.threshold(value)
        rows.append(
            [
                declared.shown_rule,
                name,
                description,
                tr("{shown} (set in the grid)", shown=shown) if name in changed else shown,
            ]
        )
    return Table(columns=messages(["rule", "name", "description", "value"]), rows=rows, right=(3,))
