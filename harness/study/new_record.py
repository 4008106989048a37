"""Create study.json of a new study."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from harness.records.study import Stopping, StudyRecord
from harness.study.config import StudyConfig


def new_record(config: StudyConfig, draw_seed: Callable[[], int]) -> StudyRecord:
    """Return study.json as it is before the preparation. The seed is the grid's, or a drawn one."""
    grid, rule, kind = config.grid, config.grid.repeats, config.inventory.kind
    terms = config.new_terms(draw_seed())
    return StudyRecord(
        name=grid.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        configuration=config.configuration,
        seed=terms.seed,
        predicted_idle=terms.predicted_idle,
        kind=kind,
        stopping=Stopping(min=rule.min, max=rule.max, until=None if rule.fixed else rule.target(kind)),
    )
