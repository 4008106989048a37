"""The progress of a running study. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from report import phrases

SHOWN = 6  # of the next trials


def sentences(study: StudyRecord, trials: Mapping[str, TrialData]) -> list[str]:
    """The number of measured trials, the remaining time by the trials so far, and the next trials."""
    left = [path for path in study.plan if path not in trials]
    took = [
        (data.record.load_s or 0.0) + (data.record.overhead_s or 0.0) for data in trials.values() if data.record.load_s
    ]
    first = f"{len(study.plan) - len(left)} of {phrases.count(len(study.plan), 'trial')} measured"
    if took:
        first += f", about {phrases.duration(sum(took) / len(took) * len(left))} left"
    if study.stopping and study.stopping.until is not None:
        first += "; more blocks follow while the gains are too imprecise"
    more = "" if len(left) <= SHOWN else f", and {len(left) - SHOWN} more"
    return [f"{first}.", f"Next: {', '.join(left[:SHOWN])}{more}."]
