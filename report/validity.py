"""Every rule, what it asks, how many trials passed it, and each violation in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.results import TrialData
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
}


def table(trials: Mapping[str, TrialData]) -> Table:
    """One row a rule; what went wrong gets the room."""
    judged = [data.record for data in trials.values() if data.record.outcome != "failed"]
    rows = []
    for rule, asked in ASKED.items():
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
        rows.append([rule, asked, f"{len(judged) - hurt} of {len(judged)}", told])
    return Table(["rule", "what it asks", "passed", "what was found"], rows, (2,))
