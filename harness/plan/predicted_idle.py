"""Predicted-idle cells: measured in few blocks, because their result is known beforehand (rule E16). Pure.

The prediction uses a known capacity and the bounds of `harness.judge.prediction`. When the smaller topology serves the
whole load, another server is idle, and the gain shows nothing about servers. The first blocks verify the prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid import server_types
from harness.grid.cell import Cell
from harness.grid.cells import SearchedCells
from harness.grid.load import LOAD_FACTORS, RATE
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.grid.types import Level
from harness.judge import prediction
from harness.language import tr
from harness.records.study import PredictedIdle
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath
from harness.words import load_name, percent, servers


def predict(grid: Grid, rates: ServerRates | None, unloaded_s: float, think_s: float) -> PredictedIdle | None:
    """Return the predicted-idle cells of a study; None when it has none.

    `rates` are the known ones of servers, None when they are not known. All three values are nominal. A study with a
    search, another factor, a server failure or an objective for every cell has no predicted-idle cells: each cell has
    another purpose there. The same holds when all cells would be idle.
    """
    if isinstance(grid.cells, SearchedCells):
        return None
    thresholds, cells = grid.evidence, grid.cells.known
    has_bound = grid.is_open or unloaded_s + think_s > 0
    other_factors = len({tuple(sorted(cell.variables.items())) for cell in cells}) > 1 or any(
        cell.fail_servers for cell in cells
    )
    every_cell = grid.objectives.p95 is not None or grid.objectives.error_rate is not None
    if not thresholds.predicted_idle or not rates or other_factors or every_cell:
        return None
    if thresholds.predicted_idle_blocks >= grid.repeats.min or not thresholds.predicted_idle_blocks or not has_bound:
        return None

    def idle(cell: Cell) -> bool:
        """Whether another server would be idle, with a margin for the error of the prediction."""
        max_per_s = _max_rate_per_s(cell, unloaded_s, think_s)
        return rates.of(cell.servers_level) >= thresholds.predicted_idle_margin * max_per_s

    predicted = set()
    for steps in _by_load(cells):
        pairs = _compared(steps)
        for cell in steps:
            smaller = [one for one, other in pairs if cell in (one, other)]
            if smaller and all(map(idle, smaller)):
                predicted.add(cell)
    if not predicted or len(predicted) == len(cells):
        return None
    kept = tuple(cell.by_name for cell in cells if cell in predicted)
    return PredictedIdle(
        blocks=thresholds.predicted_idle_blocks,
        cells=kept,
        capacity_per_s=rates.one,
        rates_by_type=dict(rates.by_type),
        even_shares=rates.even,
        unloaded_s=unloaded_s,
    )


def _max_rate_per_s(cell: Cell, unloaded_s: float, think_s: float) -> float:
    """Return the largest nominal request rate of a cell's load."""
    return cell.rate if cell.load_factor == RATE else prediction.users_bound(cell.vusers, unloaded_s, think_s)


def rates_of(predicted: PredictedIdle) -> ServerRates:
    """Return the rates on which a recorded prediction is based."""
    return ServerRates(predicted.capacity_per_s, predicted.rates_by_type, predicted.even_shares)


def _compared(steps: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Return the pairs of cells of one load that the report compares, the smaller or the single one first."""
    by_level = {cell.servers_level: cell for cell in steps}
    pairs = [*server_types.neighbours(by_level), *server_types.alternatives(by_level)]
    return [(by_level[one], by_level[other]) for one, other in pairs]


def _by_load(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Group the cells by load, each group in ascending order of servers, as gains are computed."""
    loads: dict[tuple[tuple[str, Level], ...], list[Cell]] = {}
    for cell in cells:
        loads.setdefault(tuple(level for level in cell.levels if level[0] != "servers"), []).append(cell)
    return [sorted(alike, key=lambda cell: cell.servers) for alike in loads.values()]


def verified(
    predicted: PredictedIdle | None, cells: Sequence[Cell], records: Mapping[str, TrialRecord]
) -> PredictedIdle | None:
    """Return the prediction with `contradicted`, once the first blocks are complete; a result is never changed.

    The prediction holds for a cell when all its trials of these blocks are valid and load-limited, and so are those of
    the next smaller topology.
    """
    if predicted is None or predicted.contradicted is not None:
        return predicted
    blocks = range(1, predicted.blocks + 1)
    first = {cell: [str(TrialPath(cell=cell.slug, repeat=block)) for block in blocks] for cell in cells}
    if any(where not in records for wheres in first.values() for where in wheres):
        return predicted

    def load_limited(cell: Cell) -> bool:
        return all(records[where].usable and records[where].component.is_load for where in first[cell])

    holds = set()
    for steps in _by_load(cells):
        smaller: dict[Cell, list[Cell]] = {}
        for one, other in _compared(steps):
            smaller.setdefault(other, []).append(one)
        holds |= {cell for cell in steps if load_limited(cell) and all(map(load_limited, smaller.get(cell, ())))}
    idle = predicted_cells(predicted, cells)
    contradicted = tuple(cell.by_name for cell in cells if cell in idle and cell not in holds)
    return predicted.model_copy(update={"contradicted": contradicted})


def predicted_cells(predicted: PredictedIdle, cells: Sequence[Cell]) -> set[Cell]:
    """Return the cells that a prediction names."""
    named = {frozenset(levels.items()) for levels in predicted.cells}
    return {cell for cell in cells if frozenset(cell.levels) in named}


def in_block(predicted: PredictedIdle | None, cells: Sequence[Cell], number: int) -> list[Cell]:
    """Return the cells of block `number`: later blocks omit cells whose prediction is not contradicted."""
    if predicted is None or number <= predicted.blocks:
        return list(cells)
    measured_fully = {frozenset(levels.items()) for levels in predicted.contradicted or ()}
    idle = predicted_cells(predicted, cells)
    return [cell for cell in cells if cell not in idle or frozenset(cell.levels) in measured_fully]


def sentences(predicted: PredictedIdle | None, grid: Grid, nominal_think_s: float) -> list[str]:
    """Return one sentence per load with predicted-idle cells: which cells, how many blocks, which prediction."""
    if predicted is None:
        return []
    found, cells = [], grid.cells.known
    idle, rates = predicted_cells(predicted, cells), rates_of(predicted)
    for steps in _by_load(cells):
        positions = [position for position, cell in enumerate(steps) if cell in idle]
        if not positions:
            continue
        # All larger topologies of this load are idle too.
        first, sufficient, last = steps[positions[0]], steps[max(0, positions[0] - 1)], steps[positions[-1]]
        max_per_s = _max_rate_per_s(first, predicted.unloaded_s, nominal_think_s)
        maximum = tr("the offered rate") if grid.is_open else tr("the maximum rate of these users")
        if grid.server_types:
            shown = [steps[position] for position in positions]
            enough = {cell: [one for one, other in _compared(steps) if other == cell] or [cell] for cell in shown}
            sufficient = min(
                (one for cell in shown for one in enough[cell]), key=lambda one: rates.of(one.servers_level)
            )
        share = percent(rates.of(sufficient.servers_level) / max_per_s)
        topologies = servers(first.servers_level)
        if grid.server_types:
            topologies = ", ".join(servers(cell.servers_level) for cell in shown)
        elif len(positions) > 1:
            topologies = tr("{servers} to {servers_2}", servers=first.servers, servers_2=servers(last.servers))
        found.append(
            tr(
                "{topologies} at {load}: {blocks} blocks only, to verify the prediction of idle servers "
                "({servers} can serve {share} of {maximum})",
                topologies=topologies,
                load=load_name({first.load_factor: first.load}),
                blocks=predicted.blocks,
                servers=servers(sufficient.servers_level),
                share=share,
                maximum=maximum,
            )
        )
    return found


def outcome(predicted: PredictedIdle | None) -> str:
    """Return whether the prediction held, and which cells got all blocks otherwise; empty while it is not verified."""
    if predicted is None or predicted.contradicted is None:
        return ""
    loads = [{name: cell[name] for name in LOAD_FACTORS if name in cell} for cell in predicted.contradicted]
    found = [
        tr("{cell} at {load}", cell=servers(server_types.level_of(cell)), load=load_name(load))
        for cell, load in zip(predicted.contradicted, loads, strict=True)
    ]
    if not found:
        return tr("the prediction of idle cells held")
    return tr("the prediction of idle cells did not hold for {listed}: measured in all blocks", listed=", ".join(found))
