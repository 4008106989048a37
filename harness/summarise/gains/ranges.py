"""Gains over more than one step: from the smallest to the largest topology, and runs of alike steps. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.grid.server_types import ServersLevel
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains import gain, response_times
from harness.summarise.gains.gain import Gain, GainCategory
from harness.summarise.gains.response_times import ResponseTimeChange
from harness.words import servers

Key = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class GainRun:
    """Neighbouring steps of one load that show the same, or a single step; never empty.

    `response_times` compares the last topology with the first; None where their loads differ.
    """

    steps: tuple[Gain, ...]
    response_times: ResponseTimeChange | None

    @property
    def others(self) -> Levels:
        """Levels of every factor but `servers`, as in its steps."""
        return self.steps[0].others

    @property
    def category(self) -> GainCategory:
        """What each of its steps shows."""
        return self.steps[0].category

    @property
    def from_servers(self) -> ServersLevel:
        return self.steps[0].from_servers

    @property
    def to_servers(self) -> ServersLevel:
        return self.steps[-1].to_servers


def whole_ranges(gains: Sequence[Gain], cells: Sequence[CellSummary], limits: Thresholds) -> list[Gain]:
    """The gain from the smallest to the largest topology of each load with several steps, in their order.

    None with servers of several types, whose steps are not in one row.
    """
    known = _by_levels(cells)
    found = []
    for steps in _by_load(gains):
        if len(steps) > 1 and isinstance(steps[0].from_servers, int):
            ends = known[_key(steps[0].cells[0])], known[_key(steps[-1].cells[-1])]
            found.append(replace(gain.between(*ends, limits), others=steps[0].others))
    return found


def runs(gains: Sequence[Gain], cells: Sequence[CellSummary], limits: Thresholds) -> list[GainRun]:
    """All steps, grouped by load and then into neighbours of one category."""
    known = _by_levels(cells)
    found = []
    for steps in _by_load(gains):
        for _, members in itertools.groupby(steps, key=_run):
            alike = tuple(members)
            change = alike[0].response_times
            if len(alike) > 1:
                change = _between(known[_key(alike[0].cells[0])], known[_key(alike[-1].cells[-1])], limits)
            found.append(GainRun(alike, change))
    return found


def _run(step: Gain) -> tuple[GainCategory, str]:
    """What neighbouring steps of one run have in common; of servers of several types each is a run."""
    return step.category, "" if isinstance(step.from_servers, int) else step.step


def _between(first: CellSummary, last: CellSummary, limits: Thresholds) -> ResponseTimeChange | None:
    if not response_times.same_load(first, last) or first.fail_servers or last.fail_servers:
        return None
    names = (servers(first.topology), servers(last.topology))
    return response_times.between(first, last, names, limits)


def _by_load(gains: Sequence[Gain]) -> list[list[Gain]]:
    loads: dict[Key, list[Gain]] = {}
    for step in gains:
        loads.setdefault(_key(step.others), []).append(step)
    return list(loads.values())


def _by_levels(cells: Sequence[CellSummary]) -> Mapping[Key, CellSummary]:
    return {_key(cell.cell): cell for cell in cells}


def _key(levels: Levels) -> Key:
    return tuple(levels.items())
