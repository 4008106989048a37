"""Cells and what is already measured → trials in order, and how long they will take. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.grid.cell import Cell
from harness.grid.schema import Grid

# Seconds between two loads: a switch of topology, its check, and collecting. Measured on the lab.
SWITCH_S = 2.0
# What comes before the first trial and after the last: deployment, the probe of the machine's speed, the generator's
# ceiling, the report.
FIXED_S = 50.0


@dataclass(frozen=True)
class PlannedTrial:
    """Repeat `repeat` (from 1 on) of a cell; block k holds repeat k of every cell.

    A `sentinel` repeats its block's first cell at the block's end, to be compared with it and with
    nothing else (rule E20).
    """

    cell: Cell
    repeat: int
    sentinel: bool = False

    @property
    def path(self) -> str:
        """Where its record lies, below `trials/`."""
        return f"{self.cell.slug}/r{self.repeat}{'-sentinel' if self.sentinel else ''}"


def order(cells: Sequence[Cell], repeat: int, seed: int) -> list[PlannedTrial]:
    """One randomised complete block (rule E15): each cell once, in an order of its own.

    The order of block k depends on the seed and k alone, so a resumed study keeps it.
    """
    block = list(cells)
    random.Random(f"{seed}/{repeat}").shuffle(block)  # noqa: S311 - a reproducible order, no secret
    return [PlannedTrial(cell, repeat) for cell in block]


def block(cells: Sequence[Cell], repeat: int, grid: Grid, kind: str) -> list[PlannedTrial]:
    """One block with its sentinel, where the study has one: by default on rented hosts (rule E20)."""
    found = order(cells, repeat, grid.seed)
    wanted = grid.evidence.sentinel if grid.evidence.sentinel is not None else kind == "hosts"
    return [*found, PlannedTrial(found[0].cell, repeat, sentinel=True)] if wanted and found else found


def remaining(trials: list[PlannedTrial], measured: Collection[str]) -> list[PlannedTrial]:
    """The trials whose record is not there yet, in order."""
    return [trial for trial in trials if trial.path not in measured]


def drain_s(grid: Grid, cell: Cell, capacity_per_s: float | None) -> float:
    """How long users need to finish their last request: the response time of a saturated topology.

    From Little's law for a closed loop, R = N / (m·µ) − Z; 0 when the capacity µ is not known.
    """
    if not capacity_per_s:
        return 0.0
    response_s = cell.vusers / (cell.servers * capacity_per_s) - grid.load.think_time
    return min(max(response_s, 0.0), grid.load.timeout)


def estimate_s(grid: Grid, trials: list[PlannedTrial], capacity_per_s: float | None) -> float:
    """Seconds that these trials will take, without what is fixed."""
    return sum(grid.load.duration + SWITCH_S + drain_s(grid, trial.cell, capacity_per_s) for trial in trials)
