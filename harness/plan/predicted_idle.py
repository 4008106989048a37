"""Cells that take part in no statement are measured in a few blocks only, to hold the prediction against (rule E16).

Pure. Settled when a study begins, by the bounds of `harness.judge.prediction` and a capacity that is known beforehand:
a gain says nothing where the smaller topology already answers all that the load asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.cell import Cell, expand
from harness.grid.load import LOAD_FACTORS, RATE
from harness.grid.schema import Grid
from harness.grid.types import Level
from harness.judge import prediction
from harness.records.study import Resting
from harness.records.trial import TrialRecord
from harness.words import load_name, percent, servers


def settle(grid: Grid, capacity_per_s: float | None, unloaded_s: float, think_s: float) -> Resting | None:
    """The cells that rest, None where none does.

    `capacity_per_s` is what each server is held to, None where nobody knows; all three in real time. No cell rests
    where it might take part in something else: a search for limits, the effect of another factor, an objective for
    every cell; nor where every cell would, as then nothing is left that the time could go to.
    """
    limits, cells = grid.evidence, expand(grid)
    asks = unloaded_s + think_s if not grid.is_open else 1.0
    other_factors = len({tuple(sorted(cell.variables.items())) for cell in cells}) > 1 or any(
        cell.lose for cell in cells
    )
    every_cell = grid.objectives.p95 is not None or grid.objectives.error_rate is not None
    if not limits.resting or not capacity_per_s or grid.search is not None or other_factors or every_cell:
        return None
    if limits.resting_blocks >= grid.repeats.min or not limits.resting_blocks or not asks:
        return None

    def idle(cell: Cell) -> bool:
        """Whether one more server would find nothing to do, with room for the prediction to err."""
        asked = _asked(cell, unloaded_s, think_s)
        return cell.servers * capacity_per_s >= limits.resting_margin * asked

    resting = set()
    for steps in _by_load(cells):
        for cell, before, after in zip(steps, [None, *steps], [*steps[1:], None], strict=False):
            gains = [smaller for smaller, larger in ((before, cell), (cell, after)) if smaller and larger]
            if gains and all(idle(smaller) for smaller in gains):
                resting.add(cell)
    if not resting or len(resting) == len(cells):
        return None
    kept = tuple(cell.by_name for cell in cells if cell in resting)
    return Resting(blocks=limits.resting_blocks, cells=kept, capacity_per_s=capacity_per_s, unloaded_s=unloaded_s)


def _asked(cell: Cell, unloaded_s: float, think_s: float) -> float:
    """Most requests per second that the cell's load asks for, in real time."""
    return cell.rate if cell.load_factor == RATE else prediction.users_bound(cell.vusers, unloaded_s, think_s)


def _by_load(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells of each load, from the fewest servers to the most, as gains are taken between them."""
    loads: dict[tuple[tuple[str, Level], ...], list[Cell]] = {}
    for cell in cells:
        loads.setdefault(tuple(level for level in cell.levels if level[0] != "servers"), []).append(cell)
    return [sorted(alike, key=lambda cell: cell.servers) for alike in loads.values()]


def decided(resting: Resting | None, cells: Sequence[Cell], records: Mapping[str, TrialRecord]) -> Resting | None:
    """The same with `contradicted`, once all of the first blocks is recorded; what was decided stays.

    The prediction holds for a cell where each of its trials in these blocks, and each of the next smaller topology,
    counts and was limited by its load.
    """
    if resting is None or resting.contradicted is not None:
        return resting
    first = {cell: [f"{cell.slug}/r{block}" for block in range(1, resting.blocks + 1)] for cell in cells}
    if any(where not in records for wheres in first.values() for where in wheres):
        return resting

    def shown(cell: Cell) -> bool:
        return all(records[where].usable and records[where].limit.asks_no_more for where in first[cell])

    holds = set()
    for steps in _by_load(cells):
        holds |= {
            cell for smaller, cell in zip([steps[0], *steps], steps, strict=False) if shown(smaller) and shown(cell)
        }
    rest = cells_of(resting, cells)
    against = tuple(cell.by_name for cell in cells if cell in rest and cell not in holds)
    return resting.model_copy(update={"contradicted": against})


def cells_of(resting: Resting, cells: Sequence[Cell]) -> set[Cell]:
    """Those of the cells that it names."""
    named = {frozenset(levels.items()) for levels in resting.cells}
    return {cell for cell in cells if frozenset(cell.levels) in named}


def in_block(resting: Resting | None, cells: Sequence[Cell], number: int) -> list[Cell]:
    """The cells that block `number` holds, by what is decided."""
    if resting is None or number <= resting.blocks:
        return list(cells)
    awake = {frozenset(levels.items()) for levels in resting.contradicted or ()}
    rest = cells_of(resting, cells)
    return [cell for cell in cells if cell not in rest or frozenset(cell.levels) in awake]


def sentences(resting: Resting | None, grid: Grid, think_s: float) -> list[str]:
    """One for each load that has such cells: which, in how many blocks, by which prediction; `think_s` in real time."""
    if resting is None:
        return []
    told, cells = [], expand(grid)
    rest = cells_of(resting, cells)
    for steps in _by_load(cells):
        mine = [place for place, cell in enumerate(steps) if cell in rest]
        if not mine:
            continue
        # The rest of them have more servers still.
        first, enough, last = steps[mine[0]], steps[max(0, mine[0] - 1)], steps[mine[-1]]
        asked = _asked(first, resting.unloaded_s, think_s)
        most = "of the offered rate" if grid.is_open else "of the most that these users can ask for"
        share = percent(enough.servers * resting.capacity_per_s / asked)
        who = servers(first.servers) if len(mine) == 1 else f"{first.servers} to {servers(last.servers)}"
        told.append(
            f"{who} at {load_name({first.load_factor: first.load})}: {resting.blocks} blocks only, to hold the "
            f"prediction against: {servers(enough.servers)} can do {share} {most}, so what more "
            "servers do says nothing about servers"
        )
    return told


def outcome(resting: Resting | None) -> str:
    """Whether the prediction held, and which cells got all blocks as it did not; empty while nobody knows."""
    if resting is None or resting.contradicted is None:
        return ""
    found = [
        f"{servers(int(c['servers']))} at {load_name({name: c[name] for name in LOAD_FACTORS if name in c})}"
        for c in resting.contradicted
    ]
    if not found:
        return "the prediction held"
    return f"the prediction did not hold for {', '.join(found)}, measured in all blocks therefore"
