"""The grade of a study's evidence. A frozen type."""

from __future__ import annotations

from pydantic import Field

from harness.records.part import Part


class EvidenceGrade(Part):
    """Grade of the evidence: A (all counters), B (some) or C (the load generator's only).

    `unavailable` are the rules that lack counters, at least in part; `of_study` has the reasons of rules that judge
    no single trial.
    """

    letter: str
    missing: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    of_study: dict[str, str] = Field(default_factory=dict)
