"""One call of the command on a study, as study.json has it under `runs`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from harness.records.study import Run


@dataclass
class Call:
    """One call of a study, entered into study.json while it runs, so that a killed one is there too."""

    before: tuple[Run, ...]
    began: datetime
    moved: tuple[str, ...]
    measured: int = 0

    def runs(self) -> tuple[Run, ...]:
        """All calls of the study, this one as far as it has come."""
        duration_s = round((datetime.now(UTC) - self.began).total_seconds(), 1)
        started_at = self.began.isoformat(timespec="seconds")
        run = Run(started_at=started_at, duration_s=duration_s, measured=self.measured, moved=self.moved)
        return (*self.before, run)
