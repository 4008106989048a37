"""What of a study's plan is settled once, when the study begins, and kept in study.json from then on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.study import Order, PredictedIdle, StudyRecord


@dataclass(frozen=True)
class Terms:
    """The seed of the order, how orders are made of it, and the cells that rest after a few blocks (rule E16)."""

    seed: int = 0
    order: Order = Order.BALANCED
    predicted_idle: PredictedIdle | None = None


def of(study: StudyRecord) -> Terms:
    """Those that a study began with."""
    return Terms(study.seed, study.order, study.predicted_idle)
