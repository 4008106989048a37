"""One invocation of the command on a study, as `study.json` lists it under `runs`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from harness.records.study import Run


@dataclass
class Invocation:
    """An invocation in progress. The runner writes it after every trial, so a killed one is recorded too."""

    earlier: tuple[Run, ...]
    started_at: datetime
    moved: tuple[str, ...]
    measured: int = 0

    def runs(self) -> tuple[Run, ...]:
        """Return all invocations of the study, this one up to now."""
        duration_s = round((datetime.now(UTC) - self.started_at).total_seconds(), 1)
        started_at = self.started_at.isoformat(timespec="seconds")
        run = Run(started_at=started_at, duration_s=duration_s, measured=self.measured, moved=self.moved)
        return (*self.earlier, run)
