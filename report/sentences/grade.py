"""The grade of the evidence, for page 1, Markdown and console. Pure."""

from __future__ import annotations

from harness.language import messages, tr
from harness.records.evidence_grade import EvidenceGrade
from report import phrases

MEANING = messages(
    {
        "A": "load generator, balancer and servers were counted and observed",
        "B": "some counters are missing",
        "C": "only the load generator was observed, so gains are those of the whole platform",
    }
)


def sentence(found: EvidenceGrade | None) -> str:
    """The grade, its meaning, and the missing evidence with the rules that lack it; empty without a valid trial."""
    if found is None:
        return ""
    text = f"{phrases.capitalised(in_short(found))}."
    if found.missing:
        text += tr(" Missing: {listed}.", listed=phrases.joined(list(found.missing)))
    if found.unavailable:
        text += tr(" Not available, or only in part: {rules}.", rules=", ".join(found.unavailable))
    return text


def in_short(found: EvidenceGrade) -> str:
    """The grade and its meaning, as part of a sentence."""
    return tr("grade {letter}: {meaning}", letter=found.letter, meaning=tr(MEANING[found.letter]))


def of_study(found: EvidenceGrade | None) -> str:
    """The rules of the whole study that are not available, with their reasons; empty without any."""
    return "; ".join(f"{rule}: {tr(why)}" for rule, why in found.of_study.items()) if found else ""
