"""A study's record as it begins, with all that is settled only once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from harness.records.study import Stopping, StudyRecord
from harness.study.config import Setting


def new_record(setting: Setting, draw_seed: Callable[[], int]) -> StudyRecord:
    """study.json before anything is prepared; its seed is the grid's, or else drawn."""
    grid, rule, kind = setting.grid, setting.grid.repeats, setting.inventory.kind
    terms = setting.terms_with(draw_seed())
    return StudyRecord(
        name=grid.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        configuration=setting.configuration,
        seed=terms.seed,
        order=terms.order,
        predicted_idle=terms.predicted_idle,
        kind=kind,
        stopping=Stopping(min=rule.min, max=rule.max, until=None if rule.fixed else rule.target(kind)),
    )
