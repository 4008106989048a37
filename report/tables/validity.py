"""Every rule, what it asks, how many trials passed it, and each violation in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.grid.load import VUSERS, factor_of
from harness.grid.thresholds import Thresholds
from harness.judge.balancing import Balancing
from harness.judge.rules import RULES, Rule, generator
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.summarise.summary import Summary
from report import format as text
from report.elements import Table


def table(trials: Mapping[str, TrialData], limits: Thresholds) -> Table:
    """One row a rule; what went wrong gets the room."""
    limits = generator.applied(limits, (row for data in trials.values() for row in data.samples))
    load = next((factor_of(data.record.cell) for data in trials.values()), VUSERS)
    judged = [data.record for data in trials.values() if data.record.outcome != Outcome.FAILED]
    turns = all(Balancing(**record.context.balancing).even for record in judged if record.context)
    rows = []
    for rule in (rule for rule in RULES if rule.load in ("", load)):
        asked = rule.asks if turns else rule.where_free or rule.asks
        counts = {"invalid": 0, "warning": 0, "note": 0}
        causes: dict[str, str] = {}
        for record in judged:
            mine = [finding for finding in record.findings if finding.rule == rule.id]
            for severity in counts:
                if any(finding.severity == severity for finding in mine):
                    counts[severity] += 1
                    break
            for finding in mine:
                causes.setdefault(finding.severity, finding.cause)
        hurt = counts["invalid"] + counts["warning"]
        told = "; ".join(
            f"{name} {text.count(counts[severity], 'trial')}, as in: {causes[severity]}"
            for severity, name in (("invalid", "invalidated"), ("warning", "marked"), ("note", "noted in"))
            if counts[severity]
        )
        passed = f"{len(judged) - hurt} of {len(judged)}"
        rows.append([rule.id, asked, _thresholds(rule, limits), passed, _worst(rule, judged), told or "nothing"])
    return Table(["rule", "what it asks", "thresholds", "passed", "worst seen", "what was found"], rows, (3,))


def _thresholds(rule: Rule, limits: Thresholds) -> str:
    written = limits.model_dump(mode="json")
    shown = [written[name] for name in rule.thresholds if not isinstance(written[name], bool | None)]
    return ", ".join(map(text.threshold, shown)) or "none"


def _worst(rule: Rule, records: Sequence[TrialRecord]) -> str:
    """The largest of a rule's figure over the trials."""
    if rule.figure is None:
        return ""
    where, what = rule.figure
    found = [abs(value) for record in records for value in _figures(record, where)]
    if where == "figures.drift":
        found = [abs(math.expm1(value)) for record in records for value in _figures(record, where)]
    return f"{text.percent(max(found), 1)} {what}" if found else ""


def _figures(record: TrialRecord, where: str) -> list[float]:
    """Numbers at section.name of a record, or at a name of its own."""
    section, _, name = where.partition(".")
    if section == "bottleneck":
        value: Any = record.bottleneck.figures.get(name) if record.bottleneck else None
    elif section == "figures":
        value = getattr(record.figures, name) if record.figures else None
    else:
        value = getattr(record, section)
    values = value.values() if isinstance(value, dict) else [value]
    return [float(v) for v in values if v is not None]


def speed_of(summary: Summary) -> str:
    """Rule E22: by how much it changed, and whether that mattered."""
    found, half = summary.machine_speed, summary.widest_half_width
    if found is None:
        return ""
    told = (
        f"CPU time per request was {found.span:.2f} times as much in the slowest trial ({found.slowest}) as in the "
        f"fastest ({found.fastest}), each against its cell"
    )
    if found.span <= summary.grid.evidence.speed_span:
        return told
    if found.follows is not None:
        told += f"; correlation with throughput {found.follows:.2f}".replace("-", "−")
    if half is None or summary.machine_speed_mattered:
        return told
    return f"{told}; it did not matter to the intervals, which are within ±{text.percent(half, 1)}"
