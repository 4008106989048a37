"""Follow a running study by its events: its cells, the running trial, and the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from harness.grid.types import Level
from harness.plan.order import PlannedTrial
from harness.records.findings import Severity
from harness.records.trial import Outcome, TrialRecord
from harness.records.trial_path import TrialPath
from harness.study.events import Event, SampleTaken, Step, StepProgress, StudyStarted, TrialEnded, TrialStarted


@dataclass
class CellProgress:
    """The trials of one cell: path → record, None for a trial that is still to be measured.

    `levels` are empty while only the name is known.
    """

    name: str
    levels: Mapping[str, Level] = field(default_factory=dict)
    trials: dict[str, TrialRecord | None] = field(default_factory=dict)

    @property
    def measured(self) -> list[TrialRecord]:
        """The records of its trials, in the order of the plan."""
        return [record for record in self.trials.values() if record is not None]

    @property
    def throughput_per_s(self) -> float | None:
        """Mean throughput of its valid trials in req/s; None without one."""
        rates = [record.tps_mean for record in self.measured if record.usable and record.tps_mean is not None]
        return fmean(rates) if rates else None

    @property
    def bottleneck(self) -> str:
        """The most frequent bottleneck of its valid trials; empty without one."""
        found = [str(record.bottleneck.component) for record in self.measured if record.usable and record.bottleneck]
        return max(found, key=found.count, default="")

    @property
    def rules(self) -> list[str]:
        """The evidence rules with a finding in any of its trials, without notes."""
        found = (each for record in self.measured for each in record.findings if each.severity != Severity.NOTE)
        return sorted({each.rule for each in found}, key=lambda rule: (len(rule), rule))


@dataclass
class RunningTrial:
    """The load that runs: its path, its planned duration in seconds, and the throughput of each second so far."""

    path: str
    duration_s: float
    completed: list[float] = field(default_factory=list)
    failed: int = 0  # in the last second


class RunningStudy:
    """The state of a study, from its plan and its events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.name = self.activity = ""
        self.cells: dict[str, CellProgress] = {}
        self.recent: list[str] = []  # names of cells, the one with the last trial at the end
        self.trial: RunningTrial | None = None
        self.planned = 0
        self._left = Counter[int]()  # block → trials without a record
        self.is_over = False
        self.may_grow = False  # results may add trials to the plan
        self._remaining_s, self._remaining_at = 0.0, clock()
        self._activity_at = clock()

    def plan(self, trials: Iterable[PlannedTrial], records: Mapping[str, TrialRecord], may_grow: bool) -> None:
        """Set the planned trials, in the order of cells, and the records of trials that are measured already."""
        self.may_grow = may_grow
        for planned in trials:
            cell = self._cell(planned.path)
            cell.levels, cell.trials[planned.path] = planned.cell.by_name, records.get(planned.path)
            self._left[planned.repeat] += planned.path not in records

    def follow(self, event: Event) -> None:
        """Update the state by one event."""
        if isinstance(event, StudyStarted):
            self.name, self.planned = event.name, event.planned
            self._expect(event.estimate_s)
        elif isinstance(event, Step | StepProgress):
            is_over = isinstance(event, Step) and event.seconds is not None
            self.activity, self._activity_at = "preparing" if is_over else event.text, self._clock()
        elif isinstance(event, TrialStarted):
            cell = self._cell(event.trial)
            self._left[TrialPath.parse(event.trial).repeat] += event.trial not in cell.trials
            cell.trials.setdefault(event.trial, None)
            self.planned = event.planned  # the plan may grow during a study
            self.trial = RunningTrial(event.trial, event.duration_s)
        elif isinstance(event, SampleTaken) and self.trial is not None:
            self.trial.completed.append(event.sample.completed)
            self.trial.failed = event.sample.failed
        elif isinstance(event, TrialEnded):
            self._end(event)

    def end(self) -> None:
        """Leave no running trial and no activity, as the study has ended."""
        self.trial, self.activity, self.is_over = None, "", True

    def _end(self, event: TrialEnded) -> None:
        cell = self._cell(event.trial)
        self._left[TrialPath.parse(event.trial).repeat] -= cell.trials.get(event.trial, event.record) is None
        cell.levels, cell.trials[event.trial] = cell.levels or event.record.cell, event.record
        self.recent = [*(name for name in self.recent if name != cell.name), cell.name]
        self.trial = None
        self.activity, self._activity_at = "switching the topology", self._clock()
        self._expect(event.remaining_s)

    def _cell(self, path: str) -> CellProgress:
        name = TrialPath.parse(path).cell
        return self.cells.setdefault(name, CellProgress(name))

    def _expect(self, seconds: float) -> None:
        self._remaining_s, self._remaining_at = seconds, self._clock()

    @property
    def left_s(self) -> float:
        """The estimated time in seconds until the planned trials are measured."""
        return max(0.0, self._remaining_s - (self._clock() - self._remaining_at))

    @property
    def activity_s(self) -> float:
        """The time in seconds since the current activity started."""
        return self._clock() - self._activity_at

    @property
    def measured(self) -> int:
        """The number of trials with a record."""
        return sum(len(cell.measured) for cell in self.cells.values())

    def block_ended_by(self, path: str) -> int | None:
        """The block whose last trial this is; None within a block, for a probe, and at the end of the study."""
        block = TrialPath.parse(path).repeat
        return block if block and not self._left[block] and self._left.total() else None


def outcomes(records: Sequence[TrialRecord]) -> dict[str, int]:
    """Return outcome → number of trials, from the best to the worst, without outcomes that did not occur."""
    order = (Outcome.OK, Outcome.WARNING, Outcome.INVALID, Outcome.SERVER_DOWN, Outcome.FAILED)
    counts = {str(name): sum(record.outcome == name for record in records) for name in order}
    return {name: count for name, count in counts.items() if count}
