"""How far a running study is: for the page that is read meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from report import format as text

SHOWN = 6  # trials to come


def told(study: StudyRecord, trials: Mapping[str, TrialData]) -> list[str]:
    """How many trials are measured, what remains by the time that trials took so far, and which come next."""
    left = [where for where in study.plan if where not in trials]
    took = [
        (data.record.load_s or 0.0) + (data.record.overhead_s or 0.0) for data in trials.values() if data.record.load_s
    ]
    said = f"{len(study.plan) - len(left)} of {text.count(len(study.plan), 'trial')} measured"
    if took:
        said += f", about {text.duration(sum(took) / len(took) * len(left))} left"
    if study.stopping and study.stopping.until is not None:
        said += "; more blocks follow if the gains are not narrow enough by then"
    more = "" if len(left) <= SHOWN else f", and {len(left) - SHOWN} more"
    return [f"{said}.", f"To come: {', '.join(left[:SHOWN])}{more}."]
