"""What a factor other than servers and users does: its levels against its first one, all else equal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.schema import Grid
from harness.grid.types import Level, Levels
from harness.records.trial import Limit
from harness.summarise import intervals
from harness.summarise.cell import CellSummary
from harness.summarise.intervals import Interval

OWN = ("servers", "vusers")


@dataclass(frozen=True)
class Effect:
    """Throughput with `factor` at `level` over that with it at `base`, in cells that are alike else.

    `ratio` is None where one of the two has no usable trial; `why` says what keeps it from being a
    statement about the factor. `k` counts the blocks that hold both. `bound` is "at least" where the users asked for
    no more with `level`, "at most" where they did with `base`: the ratio of what both could have done lies beyond.
    """

    factor: str
    base: Level
    level: Level
    rest: Levels
    ratio: Interval | None
    k: int
    word: str
    why: str = ""
    bound: str = ""


def effects(grid: Grid, cells: Sequence[CellSummary]) -> list[Effect]:
    """Every such comparison, by factor, then in the cells' order; paired by block as gains are (rule E15)."""
    found = []
    for factor, levels in grid.factors.items():
        if factor in OWN or len(levels) < 2:
            continue
        base = levels[0]
        for cell in cells:
            if cell.cell[factor] == base:
                continue
            twin = next((c for c in cells if c.cell == {**cell.cell, factor: base}), None)
            if twin is not None:
                found.append(_between(factor, twin, cell, grid.evidence.interval_repeats))
    return found


def _between(factor: str, twin: CellSummary, cell: CellSummary, needs: int) -> Effect:
    common = sorted(twin.by_block.keys() & cell.by_block.keys())
    ratio = None
    if common:
        ratio = intervals.gain([twin.by_block[b] for b in common], [cell.by_block[b] for b in common], needs=needs)
    rest = {name: level for name, level in cell.cell.items() if name != factor}
    why = ""
    lost = next((c for c in (twin, cell) if not c.usable), None)
    if lost is not None:
        why = f"{factor} {lost.cell[factor]}: {lost.outcome.replace('_', ' ')} ({lost.cause})"
    elif ratio is None:
        why = "no block holds a usable trial of both"
    else:
        why = _not_its_doing(factor, twin, cell)
    bound = ""
    if not why and ratio is not None and Limit.USERS in (twin.verdict, cell.verdict):
        bound = "at most" if twin.verdict == Limit.USERS else "at least"
    word = _word(ratio, why, bound)
    return Effect(factor, twin.cell[factor], cell.cell[factor], rest, ratio, len(common), word, why, bound)


def _not_its_doing(factor: str, twin: CellSummary, cell: CellSummary) -> str:
    """Why a ratio says nothing about the factor (rule E18); empty where it does."""
    if twin.verdict == cell.verdict == Limit.USERS:
        return "these users ask for no more either way"
    for each in (twin, cell):
        if each.verdict in (Limit.GENERATOR, Limit.UNKNOWN):
            limit = "is not known" if each.verdict == Limit.UNKNOWN else "was the generator"
            return f"what limited {factor} {each.cell[factor]} {limit}"
    return ""


def _word(ratio: Interval | None, why: str, bound: str) -> str:
    """What the interval allows to say (rule E17); of a bound only what lies on its side."""
    if ratio is None:
        return "not measured"
    if why:
        return "not measurable at this load"
    if ratio.low is None or ratio.high is None:
        return "too few repeats"
    if (bound == "at least" and ratio.low <= 1) or (bound == "at most" and ratio.high >= 1):
        return "not measurable at this load"
    return "faster" if ratio.low > 1 else "slower" if ratio.high < 1 else "not told apart from 1"
