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
from harness.records.study import PredictedIdle
from harness.records.trial import TrialRecord
from harness.words import load_name, percent, servers


def settle(grid: Grid, capacity_per_s: float | None, unloaded_s: float, think_s: float) -> PredictedIdle | None:
    """The cells that rest, None where none does.

    `capacity_per_s` is what each server is held to, None where nobody knows; all three in real time. No cell rests
    where it might take part in something else: a search for limits, the effect of another factor, an objective for
    every cell; nor where every cell would, as then nothing is left that the time could go to.
    """
    limits, cells = grid.evidence, expand(grid)
    asks = unloaded_s + think_s if not grid.is_open else 1.0
    other_factors = len({tuple(sorted(cell.variables.items())) for cell in cells}) > 1 or any(
        cell.fail_servers for cell in cells
    )
    every_cell = grid.objectives.p95 is not None or grid.objectives.error_rate is not None
    if not limits.predicted_idle or not capacity_per_s or grid.search is not None or other_factors or every_cell:
        return None
    if limits.predicted_idle_blocks >= grid.repeats.min or not limits.predicted_idle_blocks or not asks:
        return None

    def idle(cell: Cell) -> bool:
        """Whether one more server would find nothing to do, with room for the prediction to err."""
        asked = _asked(cell, unloaded_s, think_s)
        return cell.servers * capacity_per_s >= limits.predicted_idle_margin * asked

    predicted = set()
    for steps in _by_load(cells):
        for cell, before, after in zip(steps, [None, *steps], [*steps[1:], None], strict=False):
            gains = [smaller for smaller, larger in ((before, cell), (cell, after)) if smaller and larger]
            if gains and all(idle(smaller) for smaller in gains):
                predicted.add(cell)
    if not predicted or len(predicted) == len(cells):
        return None
    kept = tuple(cell.by_name for cell in cells if cell in predicted)
    return PredictedIdle(
        blocks=limits.predicted_idle_blocks, cells=kept, capacity_per_s=capacity_per_s, unloaded_s=unloaded_s
    )


def _asked(cell: Cell, unloaded_s: float, think_s: float) -> float:
    """Most requests per second that the cell's load asks for, in real time."""
    return cell.rate if cell.load_factor == RATE else prediction.users_bound(cell.vusers, unloaded_s, think_s)


def _by_load(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells of each load, from the fewest servers to the most, as gains are taken between them."""
    loads: dict[tuple[tuple[str, Level], ...], list[Cell]] = {}
    for cell in cells:
        loads.setdefault(tuple(level for level in cell.levels if level[0] != "servers"), []).append(cell)
    return [sorted(alike, key=lambda cell: cell.servers) for alike in loads.values()]


def decided(
    predicted: PredictedIdle | None, cells: Sequence[Cell], records: Mapping[str, TrialRecord]
) -> PredictedIdle | None:
    """The same with `contradicted`, once all of the first blocks is recorded; what was decided stays.

    The prediction holds for a cell where each of its trials in these blocks, and each of the next smaller topology,
    counts and was limited by its load.
    """
    if predicted is None or predicted.contradicted is not None:
        return predicted
    first = {cell: [f"{cell.slug}/r{block}" for block in range(1, predicted.blocks + 1)] for cell in cells}
    if any(where not in records for wheres in first.values() for where in wheres):
        return predicted

    def shown(cell: Cell) -> bool:
        return all(records[where].usable and records[where].component.is_load for where in first[cell])

    holds = set()
    for steps in _by_load(cells):
        holds |= {
            cell for smaller, cell in zip([steps[0], *steps], steps, strict=False) if shown(smaller) and shown(cell)
        }
    rest = cells_of(predicted, cells)
    against = tuple(cell.by_name for cell in cells if cell in rest and cell not in holds)
    return predicted.model_copy(update={"contradicted": against})


def cells_of(predicted: PredictedIdle, cells: Sequence[Cell]) -> set[Cell]:
    """Those of the cells that it names."""
    named = {frozenset(levels.items()) for levels in predicted.cells}
    return {cell for cell in cells if frozenset(cell.levels) in named}


def in_block(predicted: PredictedIdle | None, cells: Sequence[Cell], number: int) -> list[Cell]:
    """The cells that block `number` holds, by what is decided."""
    if predicted is None or number <= predicted.blocks:
        return list(cells)
    awake = {frozenset(levels.items()) for levels in predicted.contradicted or ()}
    rest = cells_of(predicted, cells)
    return [cell for cell in cells if cell not in rest or frozenset(cell.levels) in awake]


def sentences(predicted: PredictedIdle | None, grid: Grid, think_s: float) -> list[str]:
    """One for each load that has such cells: which, in how many blocks, by which prediction; `think_s` in real time."""
    if predicted is None:
        return []
    told, cells = [], expand(grid)
    rest = cells_of(predicted, cells)
    for steps in _by_load(cells):
        mine = [place for place, cell in enumerate(steps) if cell in rest]
        if not mine:
            continue
        # The rest of them have more servers still.
        first, enough, last = steps[mine[0]], steps[max(0, mine[0] - 1)], steps[mine[-1]]
        asked = _asked(first, predicted.unloaded_s, think_s)
        most = "of the offered rate" if grid.is_open else "of the most that these users can ask for"
        share = percent(enough.servers * predicted.capacity_per_s / asked)
        who = servers(first.servers) if len(mine) == 1 else f"{first.servers} to {servers(last.servers)}"
        told.append(
            f"{who} at {load_name({first.load_factor: first.load})}: {predicted.blocks} blocks only, to hold the "
            f"prediction against: {servers(enough.servers)} can do {share} {most}, so what more "
            "servers do says nothing about servers"
        )
    return told


def outcome(predicted: PredictedIdle | None) -> str:
    """Whether the prediction held, and which cells got all blocks as it did not; empty while nobody knows."""
    if predicted is None or predicted.contradicted is None:
        return ""
    found = [
        f"{servers(int(c['servers']))} at {load_name({name: c[name] for name in LOAD_FACTORS if name in c})}"
        for c in predicted.contradicted
    ]
    if not found:
        return "the prediction held"
    return f"the prediction did not hold for {', '.join(found)}, measured in all blocks therefore"
