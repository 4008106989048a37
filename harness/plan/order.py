"""Cells and what is already measured → trials in order, and how long they will take. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.grid import load_generators
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.plan.terms import Terms
from harness.records.study import Order

AS_NEW = Terms()

# Seconds between two loads: a switch of topology, its check, and collecting. Measured on the lab.
SWITCH_S = 2.0
BRING_BACK_S = 8.0  # servers that were lost in a trial, until they are healthy again
# What comes before the first trial and after the last: deployment, the probe of the machine's speed, the generator's
# ceiling, the report.
FIXED_S = 50.0


@dataclass(frozen=True)
class PlannedTrial:
    """Repeat `repeat` (from 1 on) of a cell; block k holds repeat k of every cell.

    A `control` trial repeats its block's first cell at the block's end, to be compared with it and with
    nothing else (rule E20).
    """

    cell: Cell
    repeat: int
    control: bool = False

    @property
    def path(self) -> str:
        """Where its record lies, below `trials/`."""
        return f"{self.cell.slug}/r{self.repeat}{'-control' if self.control else ''}"


def order(cells: Sequence[Cell], repeat: int, seed: int) -> list[PlannedTrial]:
    """One complete block in a balanced order (rule E15): each cell once.

    Blocks are rows of Williams squares, with labels and an order of rows that are drawn: in as many blocks as there
    are cells, each cell stands at each place once, and in an even number of cells each follows each other once; in
    an odd number it does so twice in two squares, which are played one after the other. E. J. Williams, "Experimental
    Designs Balanced for the Estimation of Residual Effects of Treatments", Australian Journal of Scientific Research A
    2 (1949). The order depends on the cells, the seed and k alone, so a resumed study keeps it.
    """
    count = len(cells)
    if not count:
        return []
    squares = 1 if count % 2 == 0 else 2
    turn, row = divmod(repeat - 1, squares * count)
    labels, rows = _drawn(count, seed, turn)
    square, row = divmod(row, count)
    places = _row(count, rows[square][row])
    if square:
        places.reverse()
    return [PlannedTrial(cells[labels[place]], repeat) for place in places]


def _row(count: int, first: int) -> list[int]:
    """A row of the cyclic Williams square: first, first + 1, first − 1, first + 2 and so on, modulo `count`.

    Neighbours differ by 1, −2, 3 and so on: for an even number every difference once. For an odd one the square of
    the rows read backwards has those that are missing.
    """
    return [(first + ((place + 1) // 2 if place % 2 else -(place // 2))) % count for place in range(count)]


@lru_cache(maxsize=256)
def _drawn(count: int, seed: int, turn: int) -> tuple[list[int], list[list[int]]]:
    """Which cell is which label, and the order of the rows of each square, for one turn through the squares."""
    draw = random.Random(f"{seed}/balanced/{turn}")  # noqa: S311 - a reproducible order, no secret
    labels, first, second = list(range(count)), list(range(count)), list(range(count))
    for drawn in (labels, first, second):
        draw.shuffle(drawn)
    return labels, [first, second]


def shuffled(cells: Sequence[Cell], repeat: int, seed: int) -> list[PlannedTrial]:
    """A block as studies had it that began before orders were balanced: every block shuffled by itself."""
    block = list(cells)
    random.Random(f"{seed}/{repeat}").shuffle(block)  # noqa: S311 - a reproducible order, no secret
    return [PlannedTrial(cell, repeat) for cell in block]


def block(cells: Sequence[Cell], repeat: int, grid: Grid, kind: str, terms: Terms = AS_NEW) -> list[PlannedTrial]:
    """One block with its control trial, where the study has one: by default on rented hosts (rule E20)."""
    found = (shuffled if terms.order == Order.SHUFFLED else order)(cells, repeat, terms.seed)
    wanted = grid.evidence.control_trial if grid.evidence.control_trial is not None else kind == "hosts"
    return [*found, PlannedTrial(found[0].cell, repeat, control=True)] if wanted and found else found


def remaining(trials: list[PlannedTrial], measured: Collection[str]) -> list[PlannedTrial]:
    """The trials whose record is not there yet, in order."""
    return [trial for trial in trials if trial.path not in measured]


def drain_s(grid: Grid, cell: Cell, capacity_per_s: float | None) -> float:
    """How long the last requests need to be answered: the response time of a saturated topology.

    From Little's law for a closed loop, R = N / (m·µ) − Z; of an open load of λ, R = (λ / (m·µ) − 1)·T after T seconds.
    0 when the capacity µ is not known.
    """
    if not capacity_per_s:
        return 0.0
    if grid.is_open:
        over = grid.played_per_s(cell.rate) / (cell.servers * capacity_per_s) - 1
        return min(max(over, 0.0) * grid.load.duration, grid.load.timeout)
    response_s = cell.vusers / (cell.servers * capacity_per_s) - grid.load.think_time
    return min(max(response_s, 0.0), grid.load.timeout)


def estimate_s(grid: Grid, trials: list[PlannedTrial], capacity_per_s: float | None) -> float:
    """Seconds that these trials will take, without what is fixed."""
    each_s = grid.load.duration + SWITCH_S + load_generators.BY_NAME[grid.load_generator].lead_s
    bare_s = sum(each_s + drain_s(grid, trial.cell, capacity_per_s) for trial in trials)
    return bare_s + BRING_BACK_S * sum(trial.cell.fail_servers > 0 for trial in trials)
