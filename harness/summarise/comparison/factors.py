"""Effects of factors other than servers and load: their levels relative to the first one, all else equal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from harness.balancers import registry
from harness.grid.cell import OWN_FACTORS
from harness.grid.load import BALANCER
from harness.grid.schema import Grid
from harness.grid.thresholds import Thresholds
from harness.grid.types import Level, Levels
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import attribution
from harness.summarise.comparison.attribution import Attribution, RatioBound
from harness.summarise.gains import response_times
from harness.summarise.gains.obstacle import Obstacle, no_common_block
from harness.summarise.gains.response_times import ResponseTimeChange
from harness.summarise.statistics import conclusion, intervals
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name

OF_SERVERS = ("ml_server_", "lab_")  # prefixes of the factors that change servers


class FactorKind(Enum):
    """The factors whose effects have sentences of their own."""

    BALANCING_METHOD = auto()
    IMAGE = auto()  # builds of the service
    TLS = auto()
    BALANCER = auto()
    OTHER = auto()


def kind_of(factor: str) -> FactorKind:
    """Return the kind of a factor, by its name."""
    if registry.is_variable(factor, "method"):
        return FactorKind.BALANCING_METHOD
    if registry.is_variable(factor, "tls"):
        return FactorKind.TLS
    if factor == BALANCER:
        return FactorKind.BALANCER
    return FactorKind.IMAGE if factor == "ml_server_image" else FactorKind.OTHER


@dataclass(frozen=True, kw_only=True)
class FactorEffect:
    """Throughput with `factor` at `level` relative to `base`, in cells that are equal otherwise.

    `ratio` is None where a side has no usable trial; `obstacle` is what keeps it from being a statement about the
    factor. `k` counts the blocks with both. With `bound` the ratio of both capacities lies beyond the measured one, as
    `hidden_by` was the bottleneck of one side (see `hidden_level`). `equivalent`: the whole interval lies within the
    margin of rule E21. `response_times` compares both at the same load and servers, `unloaded`
    compares the response times without load (R0).
    """

    factor: str
    kind: FactorKind
    base: Level
    level: Level
    rest: Levels
    ratio: Interval | None
    k: int
    conclusion: Conclusion
    indicative: bool
    equivalent: bool
    obstacle: Obstacle | None
    bound: RatioBound | None
    hidden_by: Component | None
    response_times: ResponseTimeChange
    unloaded: Interval | None = None

    @property
    def hidden_level(self) -> Level:
        """The level whose capacity is hidden, where there is a bound."""
        return self.base if self.bound is RatioBound.AT_MOST else self.level

    @property
    def hidden_by_text(self) -> str:
        """How the bottleneck hides the capacity of that level, as a clause; empty without a bound."""
        return attribution.hidden_in_words(self.hidden_by) if self.hidden_by else ""


def effects(grid: Grid, cells: Sequence[CellSummary]) -> list[FactorEffect]:
    """Every such comparison, by factor, then in the cells' order; paired by block as gains are (rule E15)."""
    found = []
    for factor, levels in grid.levels.items():
        if (factor in OWN_FACTORS and factor != BALANCER) or len(levels) < 2:
            continue
        base = levels[0]
        for cell in cells:
            if cell.cell[factor] == base or cell.fail_servers:  # effects on a server failure are reported with it
                continue
            twin = next((other for other in cells if other.cell == {**cell.cell, factor: base}), None)
            if twin is not None:
                found.append(_between(factor, twin, cell, grid.evidence))
    return found


def _between(factor: str, twin: CellSummary, cell: CellSummary, limits: Thresholds) -> FactorEffect:
    needed, common = limits.interval_repeats, sorted(twin.by_block.keys() & cell.by_block.keys())
    ratio = None
    if common:
        pairs = [twin.by_block[block] for block in common], [cell.by_block[block] for block in common]
        ratio = intervals.paired_ratio(*pairs, least_pairs=needed)
    base, level, kind = twin.cell[factor], cell.cell[factor], kind_of(factor)
    hiding = attribution.NOT_SERVERS if factor.startswith(OF_SERVERS) else attribution.LOAD_ALONE
    names = _names(factor, kind, base), _names(factor, kind, level)
    found = attribution.attribute((twin, cell), names, hiding, mix_held=limits.mix_held)
    obstacle = found.obstacle or (None if ratio else no_common_block())
    return FactorEffect(
        factor=factor,
        kind=kind,
        base=base,
        level=level,
        rest={name: level for name, level in cell.cell.items() if name != factor},
        ratio=ratio,
        k=len(common),
        conclusion=_conclusion(ratio, obstacle, found),
        indicative=len(common) < limits.statement_repeats,
        equivalent=conclusion.within(ratio, limits.same_within),
        obstacle=obstacle,
        bound=found.bound,
        hidden_by=found.hidden_by,
        response_times=response_times.between(twin, cell, names, limits),
        unloaded=_unloaded(twin, cell, limits.interval_repeats),
    )


def _unloaded(twin: CellSummary, cell: CellSummary, needed: int) -> Interval | None:
    """The ratio of the response times without load, paired by block; None without a common block."""
    common = sorted(twin.unloaded_by_block.keys() & cell.unloaded_by_block.keys())
    if not common:
        return None
    sides = [[each.unloaded_by_block[block] for block in common] for each in (twin, cell)]
    return intervals.paired_ratio(sides[0], sides[1], least_pairs=needed)


def _names(factor: str, kind: FactorKind, level: Level) -> str:
    """The name of a level in sentences."""
    if kind is FactorKind.TLS:
        return load_name({factor: level})
    if kind is FactorKind.BALANCER:
        return registry.BY_NAME[str(level)].shown
    return str(level) if kind is FactorKind.BALANCING_METHOD else f"{factor} {level}"


def _conclusion(ratio: Interval | None, obstacle: Obstacle | None, found: Attribution) -> Conclusion:
    """The conclusion that the interval supports (rule E17); with a bound only on its side."""
    if ratio is None:
        return Conclusion.NOT_MEASURED
    if obstacle:
        return Conclusion.NOT_MEASURABLE
    direction = attribution.direction(ratio, found.bound)
    hidden = found.bound is not None and direction is Conclusion.INDISTINCT
    return Conclusion.NOT_MEASURABLE if hidden else direction
