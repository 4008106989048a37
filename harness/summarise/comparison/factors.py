"""What a factor other than servers and load does: its levels against its first one, all else equal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.grid.cell import OWN_FACTORS
from harness.grid.schema import Grid
from harness.grid.types import Level, Levels
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import attribution, response_times
from harness.summarise.comparison.response_times import Waits
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval

METHOD = "nginx_lb_method"  # how the balancer chooses a server, which is told as such
IMAGE = "ml_server_image"  # builds of the service, which are told as such
OF_SERVERS = ("ml_server_", "lab_")  # what begins so changes servers, and shows only where these are the limit


@dataclass(frozen=True)
class Effect:
    """Throughput with `factor` at `level` over that with it at `base`, in cells that are alike else.

    `ratio` is None where one of the two has no usable trial; `why` says what keeps it from being a
    statement about the factor. `k` counts the blocks that hold both. `bound` is "at least" where the users asked for
    no more with `level`, "at most" where they did with `base`: the ratio of what both could have done lies beyond.
    `held` is the limit that makes it a bound. `waits` is what became of answer times, at the same load and servers.
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
    held: Component | None = None
    waits: Waits = field(default_factory=lambda: Waits({}))


def effects(grid: Grid, cells: Sequence[CellSummary]) -> list[Effect]:
    """Every such comparison, by factor, then in the cells' order; paired by block as gains are (rule E15)."""
    found = []
    for factor, levels in grid.factors.items():
        if factor in OWN_FACTORS or len(levels) < 2:
            continue
        base = levels[0]
        for cell in cells:
            if cell.cell[factor] == base or cell.fail_servers:  # what it does to a loss is told of the losses
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
    base, level = twin.cell[factor], cell.cell[factor]
    holding = attribution.BESIDE_SERVERS if factor.startswith(OF_SERVERS) else attribution.LOAD_ALONE
    names = (str(base), str(level)) if factor == METHOD else (f"{factor} {base}", f"{factor} {level}")
    said = attribution.attribute((twin, cell), names, holding)
    why = said.why or ("" if ratio else "no block holds a usable trial of both")
    word = _word(ratio, why, said.bound)
    waits = response_times.between(twin, cell, names, needs)
    return Effect(factor, base, level, rest, ratio, len(common), word, why, said.bound, said.held, waits)


def _word(ratio: Interval | None, why: str, bound: str) -> str:
    """What the interval allows to say (rule E17); of a bound only what lies on its side."""
    if ratio is None:
        return "not measured"
    if why:
        return attribution.NOT_MEASURABLE
    if ratio.low is None or ratio.high is None:
        return "too few repeats"
    return attribution.direction(ratio, bound) or (attribution.NOT_MEASURABLE if bound else "not told apart from 1")
