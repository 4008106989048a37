"""Terms of a study's plan: decided once at its start and recorded in study.json. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.study import PredictedIdle, StudyRecord

EARLIEST_STOP = 5  # blocks: as many as a statement needs


@dataclass(frozen=True)
class Terms:
    """The seed of the order of trials, the predicted-idle cells, and the first block that precision may end (E16)."""

    seed: int = 0
    predicted_idle: PredictedIdle | None = None
    earliest_stop: int = 1


def of_study(study: StudyRecord) -> Terms:
    """Return the terms of a recorded study."""
    return Terms(study.seed, study.predicted_idle, study.stopping.earliest if study.stopping else 1)
