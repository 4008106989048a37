"""Every rule, what it asks, how many trials passed it, and each violation in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.grid.thresholds import Thresholds
from harness.judge.balancing import Balancing
from harness.records.trial import TrialData, TrialRecord
from harness.summarise import speed
from harness.summarise.summary import Summary
from report import format as text
from report.parts import Table

ASKED = {
    "E3": "one row for every second, CPU read on every host",
    "E5": "users are waiting or thinking, and nowhere else",
    "E6": "the generator has CPU to spare and is not late",
    "E7": "far below what generator and balancer reach alone",
    "E8": "requests succeed and servers live",
    "E9": "no event in logs and counters that has a name",
    "E10": "steady in the window (a cell is judged over its trials)",
    "E11": "machines quiet, processors alike",
    "E12": "equal shares, no retries, equal cost of a request",
    "E13": "generator, balancer and servers counted the same requests",
    "E14": "exactly the cell's servers answered",
    "E23": "paced servers had the CPU to keep their rate",
}


# Of E12, where the balancer's method need not give every server the same.
WITHOUT_TURNS = "equal shares where servers take turns, no retries, equal cost of a request"

# The figure of a trial that comes nearest to a rule's threshold, and what it is.
WORST: dict[str, tuple[str, str]] = {
    "E5": ("figures.little_gap", "h"),
    "E6": ("verdict.generator_cpu", "generator CPU"),
    "E7": ("figures.of_ceiling", "of the ceiling"),
    "E8": ("error_rate", "errors"),
    "E10": ("figures.drift", "drift"),
    "E11": ("figures.foreign_cpu", "foreign CPU"),
}


def table(trials: Mapping[str, TrialData], limits: Thresholds) -> Table:
    """One row a rule; what went wrong gets the room."""
    judged = [data.record for data in trials.values() if data.record.outcome != "failed"]
    turns = all(Balancing(**record.facts.get("balancing", {})).even for record in judged)
    rows = []
    for rule, asked in (ASKED if turns else {**ASKED, "E12": WITHOUT_TURNS}).items():
        counts = {"refuse": 0, "degrade": 0, "note": 0}
        causes: dict[str, str] = {}
        for record in judged:
            mine = [finding for finding in record.findings if finding["rule"] == rule]
            for severity in counts:
                if any(finding["severity"] == severity for finding in mine):
                    counts[severity] += 1
                    break
            for finding in mine:
                causes.setdefault(str(finding["severity"]), str(finding["cause"]))
        hurt = counts["refuse"] + counts["degrade"]
        told = "; ".join(
            f"{name} {text.count(counts[severity], 'trial')}, as in: {causes[severity]}"
            for severity, name in (("refuse", "refused"), ("degrade", "marked"), ("note", "noted in"))
            if counts[severity]
        )
        passed = f"{len(judged) - hurt} of {len(judged)}"
        rows.append([rule, asked, _thresholds(rule, limits), passed, _worst(rule, judged), told or "nothing"])
    return Table(["rule", "what it asks", "thresholds", "passed", "worst seen", "what was found"], rows, (3,))


def _thresholds(rule: str, limits: Thresholds) -> str:
    written = limits.model_dump(mode="json")
    names = [n for n, field in Thresholds.model_fields.items() if (field.description or "").startswith(f"{rule}:")]
    return ", ".join(text.threshold(written[n]) for n in names if not isinstance(written[n], bool | None)) or "none"


def _worst(rule: str, records: Sequence[TrialRecord]) -> str:
    """The largest of a rule's figure over the trials."""
    if rule not in WORST:
        return ""
    where, what = WORST[rule]
    found = [abs(value) for record in records for value in _figures(record, where)]
    return f"{text.percent(max(found), 1)} {what}" if found else ""


def _figures(record: TrialRecord, where: str) -> list[float]:
    section, _, name = where.partition(".")
    if not name:
        value: Any = getattr(record, section)
    else:
        value = (record.verdict.get("figures", {}) if section == "verdict" else record.figures).get(name)
    values = value.values() if isinstance(value, dict) else [value]
    return [float(v) for v in values if v is not None]


def speed_of(summary: Summary) -> str:
    """Rule E22: by how much it changed, and whether that mattered."""
    found, half = summary.speed, speed.widest(summary.gains, summary.cells)
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
    if half is None or speed.mattered(found, half, summary.grid.evidence):
        return told
    return f"{told}; it did not matter to the intervals, which are within ±{text.percent(half, 1)}"
