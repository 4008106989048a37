"""Effects of factors other than servers on capacities: levels relative to the first one, all else equal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.cell import OWN_FACTORS
from harness.grid.load import BALANCER
from harness.grid.schema import Grid
from harness.grid.thresholds import Thresholds
from harness.grid.types import Level, Levels
from harness.summarise.capacity import pairing
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import Bound
from harness.summarise.comparison import attribution, capacities
from harness.summarise.comparison.attribution import Attribution, RatioBound
from harness.summarise.comparison.factors import OF_SERVERS
from harness.summarise.comparison.machine_change import MachineChange
from harness.summarise.gains.obstacle import Obstacle, no_common_block
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval

SAME_MACHINES = MachineChange(None, reason="the levels are measured in the same blocks")


@dataclass(frozen=True, kw_only=True)
class CapacityEffect:
    """Capacity with `factor` at `level` relative to `base`, for topologies that are equal otherwise.

    `ratio` is None where nothing can be compared; with `bound` the true ratio lies beyond it, on that side. `obstacle`
    is what keeps it from being a statement. `k` counts the blocks with both, or the fewer blocks of a bound.
    """

    factor: str
    base: Level
    level: Level
    rest: Levels
    ratio: Interval | None
    k: int
    conclusion: Conclusion
    indicative: bool
    bound: RatioBound | None = None
    obstacle: Obstacle | None = None


def effects(grid: Grid, measured: Sequence[Capacity]) -> list[CapacityEffect]:
    """Every such comparison, by factor, then in the order of the capacities; paired by block (rule E15)."""
    found = []
    for factor, levels in grid.levels.items():
        if (factor in OWN_FACTORS and factor != BALANCER) or len(levels) < 2:
            continue
        for one in measured:
            if one.others[factor] == levels[0]:
                continue
            wanted = {**one.others, factor: levels[0]}
            twin = next((each for each in measured if (each.others, each.servers) == (wanted, one.servers)), None)
            if twin is not None:
                found.append(_between(factor, twin, one, grid.evidence))
    return found


def _between(factor: str, twin: Capacity, one: Capacity, limits: Thresholds) -> CapacityEffect:
    base, level = twin.others[factor], one.others[factor]
    names, pair = (f"{factor} {base}", f"{factor} {level}"), (twin, one)
    hiding = attribution.NOT_SERVERS if factor.startswith(OF_SERVERS) else attribution.LOAD_ALONE
    stated = capacities.attributed(pair, names, hiding, mix_held=limits.mix_held)
    common = sorted(twin.by_block.keys() & one.by_block.keys())
    exact = twin.bound == Bound.EXACT == one.bound
    ratio, bound, obstacle, conclusion = None, stated.bound, stated.obstacle, Conclusion.NOT_MEASURABLE
    k = len(common) if exact else min(twin.blocks, one.blocks)
    if exact and common:
        ratio = pairing.ratio(twin.crossing, one.crossing, common, limits.interval_repeats)
        conclusion = _conclusion(ratio, stated)
    elif exact:
        obstacle = obstacle or no_common_block()
    elif not obstacle:
        found = capacities.one_sided(pair, stated, SAME_MACHINES, names)
        ratio, bound, obstacle, conclusion = found.ratio, found.bound, found.obstacle, found.conclusion
    return CapacityEffect(
        factor=factor,
        base=base,
        level=level,
        rest={"servers": one.servers, **{name: each for name, each in one.others.items() if name != factor}},
        ratio=ratio,
        k=k,
        conclusion=conclusion,
        indicative=k < limits.statement_repeats,
        bound=bound,
        obstacle=obstacle,
    )


def _conclusion(ratio: Interval, stated: Attribution) -> Conclusion:
    """The conclusion that the interval supports (rule E17); with a bound only on its side."""
    if stated.obstacle:
        return Conclusion.NOT_MEASURABLE
    found = attribution.direction(ratio, stated.bound)
    return Conclusion.NOT_MEASURABLE if stated.bound and found is Conclusion.INDISTINCT else found
