"""Terms of a study's plan: decided once at its start and recorded in study.json. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.study import PredictedIdle, StudyRecord


@dataclass(frozen=True)
class Terms:
    """The seed of the order of trials, and the predicted-idle cells (rule E16)."""

    seed: int = 0
    predicted_idle: PredictedIdle | None = None


def of_study(study: StudyRecord) -> Terms:
    """Return the terms of a recorded study."""
    return Terms(study.seed, study.predicted_idle)
