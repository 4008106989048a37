"""Estimate the rest of a running study by the time that its own trials took. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

from harness.grid import load_generators
from harness.grid.cell import Cell
from harness.grid.load import LOAD_FACTORS
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.grid.types import Level
from harness.plan import order, predicted_idle
from harness.plan.order import PlannedTrial
from harness.records.study import StudyRecord
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath
from harness.summarise.search.search import state_of

REPORT_S = 6.0  # renders the report after the last trial


def of_study(study: StudyRecord, records: Mapping[str, TrialRecord]) -> float:
    """Estimate the time in seconds until the planned trials without a record are measured and reported.

    `records` are those of a running study by path. The rates of paced servers are those of its prediction of idle
    cells; without one they are not known.
    """
    grid, idle = study.scaled_grid, study.predicted_idle
    state = state_of(grid, records)
    cells = {cell.slug: cell for cell in [*state.cells, *(probe.cell for probe in state.probes)]}
    left = [TrialPath.parse(path) for path in study.plan if path not in records]
    planned = [PlannedTrial(cells[path.cell], path.repeat) for path in left if path.cell in cells]
    rates = predicted_idle.rates_of(idle).divided(study.factor) if idle else None
    return RemainingTime(grid, rates, records.values()).seconds(planned)


@dataclass(frozen=True)
class Change:
    """A change between two trials: the factors whose levels differ, and whether killed servers start again."""

    factors: frozenset[str]
    repairs: bool

    @classmethod
    def between(cls, before: Mapping[str, Level], after: Mapping[str, Level]) -> Change:
        """Return the change from one cell's levels to another's; a change of the load alone switches nothing."""
        names = {name for name in {*before, *after} - {*LOAD_FACTORS} if before.get(name) != after.get(name)}
        return cls(frozenset(names), bool(before.get("fail_servers")))


class RemainingTime:
    """Duration of the trials that are not measured yet, from the records of the measured ones.

    A load takes as long as the earlier loads of its cell, and a switch as long as earlier switches of the same factors.
    Loads that were not measured yet take the planned time, corrected by the mean difference of all others.
    `rates` are those of paced servers, None without pacing.
    """

    def __init__(self, grid: Grid, rates: ServerRates | None, records: Iterable[TrialRecord] = ()) -> None:
        self._grid = grid
        self._rates = rates
        self._last: Mapping[str, Level] | None = None
        self._loads: dict[Cell, list[float]] = defaultdict(list)
        self._differences: list[float] = []  # measured minus planned time of each load
        self._switches: dict[Change, list[float]] = defaultdict(list)
        for record in sorted(records, key=lambda each: (each.started_at, each.block_position)):
            self.add(record)

    def add(self, record: TrialRecord) -> None:
        """Add the last trial; one without a load only starts a new sequence of switches."""
        before, self._last = self._last, record.cell
        if record.load_s is None:
            self._last = None
            return
        cell = _sorted(record.cell)
        self._loads[cell].append(record.load_s)
        self._differences.append(record.load_s - self._planned_s(cell))
        if before is not None and record.overhead_s is not None:
            self._switches[Change.between(before, record.cell)].append(record.overhead_s)

    def seconds(self, trials: Sequence[PlannedTrial]) -> float:
        """Estimate the time in seconds from now until these trials are measured and reported; 0 without any."""
        total_s, before = REPORT_S if trials else 0.0, self._last
        load_s, switch_s = cache(self._load_s), cache(self._switch_s)  # a plan has thousands of trials of few cells
        for trial in trials:
            after = trial.cell.by_name
            total_s += load_s(trial.cell) + switch_s(Change.between(before or after, after))
            before = after
        return total_s

    def _load_s(self, cell: Cell) -> float:
        if found := self._loads.get(_sorted(cell.by_name)):
            return fmean(found)
        return self._planned_s(cell) + (fmean(self._differences) if self._differences else 0.0)

    def _planned_s(self, cell: Cell) -> float:
        return self._grid.load.duration + order.drain_s(self._grid, cell, self._rates)

    def _switch_s(self, change: Change) -> float:
        """Return the mean of equal changes, else of the shortest larger or the longest smaller one, else of all."""
        known = {each: fmean(all_s) for each, all_s in self._switches.items() if each.repairs == change.repairs}
        if change in known:
            return known[change]
        if not known:
            return self._unknown_s(change)
        larger = [took for each, took in known.items() if each.factors >= change.factors]
        smaller = [took for each, took in known.items() if each.factors <= change.factors]
        return min(larger) if larger else max(smaller) if smaller else fmean(known.values())

    def _unknown_s(self, change: Change) -> float:
        """Return the duration of a change of which none was measured with such a repair, or without one."""
        lead_s = load_generators.BY_NAME[self._grid.load_generator].lead_s
        others = [took for all_s in self._switches.values() for took in all_s]
        usual_s = fmean(others) if others else order.SWITCH_S + lead_s
        return usual_s + order.RECOVERY_S * change.repairs


def _sorted(levels: Mapping[str, Level]) -> Cell:
    """Return a cell whose levels are sorted by name, as records and plans order them differently."""
    return Cell(tuple(sorted(levels.items())))
