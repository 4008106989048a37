"""When a study has measured enough (rule E16). Pure, and settled before the first trial.

Every block holds all cells until the least number of blocks is there, but for those that rest after a few
(`harness.plan.predicted_idle`). From then on whole blocks of the watched cells are added until every watched gain is as
narrow as asked. The plan is a function of what is recorded, so an interrupted study goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.grid.amount import Repeats
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.plan import order, predicted_idle
from harness.plan.order import PlannedTrial
from harness.plan.terms import Terms
from harness.records.study import Decision
from harness.records.trial import TrialRecord
from harness.summarise.search import search
from harness.words import percent

if TYPE_CHECKING:
    from harness.summarise.capacity.capacity import Capacity
    from harness.summarise.gains.gain import Gain


def watched(gains: Sequence[Gain]) -> list[Gain]:
    """Gains that are statements about servers: nobody waits for floors, nor for pairs limited by users."""
    from harness.summarise.gains.gain import GainKind  # with numpy, as below

    return [gain for gain in gains if gain.kind == GainKind.GAIN]


def decide(
    rule: Repeats, target: float, blocks: int, gains: Sequence[Gain], capacities: Sequence[Capacity] = ()
) -> Decision:
    """After `blocks` whole blocks: is another one needed? `target` is the half width asked for, a share.

    Watched are gains, and capacities where a search measures them. The rule looks at how wide the intervals are, never
    at where they lie.
    """
    if rule.fixed:
        return Decision(go_on=False, why=f"the {blocks} blocks that were asked for are measured")
    halves = [(gain, gain.ratio.half_width if gain.ratio else None) for gain in watched(gains)]
    wide = [gain for gain, half in halves if half is None or half > target]
    names = tuple(f"{gain.from_servers} → {gain.to_servers} at {gain.load}" for gain in wide)
    names += tuple(f"capacity of {each.name}" for each in capacities if each.wider_than(target))
    if not names:
        what = "gain and capacity" if capacities else "gain"
        return Decision(go_on=False, why=f"every watched {what} is within ±{percent(target)} after {blocks} blocks")
    if blocks >= rule.max:
        why = f"{blocks} blocks, the most that were asked for, leave imprecise: {', '.join(names)}"
        return Decision(go_on=False, why=why, imprecise=names)
    return Decision(go_on=True, why=f"not yet within ±{percent(target)}: {', '.join(names)}")


def trials(
    grid: Grid, kind: str, records: Mapping[str, TrialRecord], terms: Terms = order.AS_NEW
) -> tuple[list[PlannedTrial], Decision | None]:
    """Every trial that is settled by what is recorded, in order, and the last decision; None before the first.

    `kind` is the inventory's; `records` are the study's, by path; `terms` are what it began with.
    """
    planned: list[PlannedTrial] = []
    if grid.search is not None:
        probes, found = search.planned(grid, records)
        planned += [PlannedTrial(cell, 0) for cell in probes]
        if not found:
            return planned, None
    cells, rule = search.cells(grid, records), grid.repeats
    rest = predicted_idle.decided(terms.predicted_idle, cells, records)
    for block in range(1, rule.min + 1):
        if search.moves(grid) and any(trial.path not in records for trial in planned):
            return planned, None  # which loads this block has is not settled before
        mine = search.in_block(grid, records, block)
        planned += order.block(predicted_idle.in_block(rest, mine, block), block, grid, kind, terms)
    for blocks in range(rule.min, rule.max + 1):
        if any(trial.path not in records for trial in planned):
            return planned, None
        from harness.summarise.summary import (
            summarise_records,  # numpy takes long to load, and a plan mostly ends before this
        )

        so_far = {where: record for where, record in records.items() if record.repeat <= blocks}
        summary = summarise_records(grid, so_far)
        capacities = summary.capacities if search.moves(grid) else []
        decision = decide(rule, rule.target(kind), blocks, summary.gains, capacities)
        if not decision.go_on:
            break
        more = _cells_of(cells, watched(summary.gains))
        if capacities:
            around = search.in_block(grid, so_far, blocks + 1)
            more += [cell for cell in around if cell not in more and any(_is_of(cell, each) for each in capacities)]
        planned += order.block(more, blocks + 1, grid, kind, terms)
    return planned, decision


def _is_of(cell: Cell, capacity: Capacity) -> bool:
    """Whether a cell measures a capacity that is watched: around the crossing of its topology."""
    return {**capacity.others, "servers": capacity.servers}.items() <= cell.by_name.items()


def _cells_of(cells: Sequence[Cell], gains: Sequence[Gain]) -> list[Cell]:
    """The cells that watched gains are taken between, in the grid's order."""
    wanted = [{**gain.others, "servers": servers} for gain in gains for servers in (gain.from_servers, gain.to_servers)]
    return [cell for cell in cells if cell.by_name in wanted]
