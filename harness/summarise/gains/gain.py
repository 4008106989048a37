"""Gains: throughput ratios of two topologies, with the conclusion that they support. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from harness.grid import server_types
from harness.grid.load import LOAD_FACTORS
from harness.grid.server_types import ServersLevel
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.language import tr
from harness.summarise.cells.cell import CellSummary, saturated
from harness.summarise.gains import clauses, linear, mix, obstacle, response_times, shared
from harness.summarise.gains.linear import LinearSpeedup, Singles
from harness.summarise.gains.obstacle import GainObstacle, ObstacleKind
from harness.summarise.gains.response_times import ResponseTimeChange
from harness.summarise.statistics import block_model, conclusion, intervals
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name, servers

MOST_BLOCKS = 1000
SATURATION = "saturation"  # in place of a load: each topology has its own


class GainKind(StrEnum):
    """The statement that a ratio makes (rule E18)."""

    GAIN = "gain"  # a statement about servers
    LOWER_BOUND = "lower bound"  # the servers deliver at least the low end of its interval
    IDLE = "load-limited"  # the smaller topology already serves the whole load
    NOT_MEASURABLE = "not measurable"  # something else limited the smaller topology
    SERVER_FAILURE = "server failure"  # none, as servers are stopped in the middle of its trials
    ONLY_LARGER = "only the larger"  # the smaller topology collapsed under this load, the larger one did not
    NONE = "none"


class GainCategory(StrEnum):
    """What a gain shows; neighbouring steps of one category are reported together."""

    ONLY_LARGER = "only the larger"
    NONE = "none"
    IDLE = "load-limited"
    NOT_MEASURABLE = "not measurable"
    LOWER = "lower"
    INDISTINCT = "not distinguishable from 1"
    BASELINE_SUSPECT = "baseline suspect"
    LOWER_BOUND = "lower bound"
    GAIN = "gain"


_BY_KIND = {
    GainKind.ONLY_LARGER: GainCategory.ONLY_LARGER,
    GainKind.NONE: GainCategory.NONE,
    GainKind.SERVER_FAILURE: GainCategory.NONE,
    GainKind.IDLE: GainCategory.IDLE,
    GainKind.NOT_MEASURABLE: GainCategory.NOT_MEASURABLE,
}
_BY_CONCLUSION = {
    Conclusion.LOWER: GainCategory.LOWER,
    Conclusion.INDISTINCT: GainCategory.INDISTINCT,
    Conclusion.SUPER_LINEAR: GainCategory.BASELINE_SUSPECT,
}


@dataclass(frozen=True, kw_only=True)
class Gain:
    """From one topology to a larger one at the same load; `ratio` is None without a throughput ratio.

    `paired` is the same ratio with the interval of this pair's differences alone; the interval of `ratio` may use the
    noise of other cells too. `simultaneous` has the interval that is simultaneous with those of all other statements.
    `indicative`: too few blocks support the conclusion. `remark` explains a gain that is a statement; `obstacle` is the
    reason why it is a bound or none. `response_times` is None where the loads of both cells differ. `shared`: the
    servers wait for a dependency that they share, so the servers themselves are not the bottleneck.
    """

    others: Levels
    from_servers: ServersLevel
    to_servers: ServersLevel
    ratio: Interval | None
    peak_ratio: float | None
    k: int
    kind: GainKind
    conclusion: Conclusion
    indicative: bool
    remark: str = ""
    obstacle: GainObstacle | None = None
    paired: Interval | None = None
    cells: tuple[Levels, ...] = ()  # the levels of both cells
    simultaneous: Interval | None = None
    response_times: ResponseTimeChange | None = None
    shared: bool = False
    linear: LinearSpeedup | None = None  # of servers of several types

    @property
    def step(self) -> str:
        """Both topologies: "1 → 2", or "2 small → 2 small + 1 large"."""
        return f"{self.from_servers} → {self.to_servers}"

    @property
    def load(self) -> str:
        """The load of both cells, in words."""
        return load_name(self.others)

    @property
    def baseline_suspect(self) -> bool:
        """Whether throughput grew by more than the ideal: the smaller topology delivered less than it can."""
        return self.conclusion is Conclusion.SUPER_LINEAR

    @property
    def reason(self) -> str:
        """The obstacle or the remark, as a clause; empty without both."""
        return self.obstacle.text if self.obstacle else self.remark

    @property
    def conclusion_text(self) -> str:
        """The conclusion as tables write it, as in "indicative: sub-linear"."""
        text = conclusion.in_words(self.conclusion, indicative=self.indicative)
        return tr("{text} (baseline suspect)", text=text) if self.baseline_suspect else text

    @property
    def category(self) -> GainCategory:
        """What it shows."""
        if self.ratio is None and self.kind is not GainKind.ONLY_LARGER:
            return GainCategory.NONE
        of_ratio = GainCategory.LOWER_BOUND if self.kind is GainKind.LOWER_BOUND else GainCategory.GAIN
        return _BY_KIND.get(self.kind) or _BY_CONCLUSION.get(self.conclusion, of_ratio)

    @property
    def minimum_detectable_gain(self) -> float | None:
        """The smallest gain, as a share, that studies like this one find with 80 % power (rule E20)."""
        return intervals.minimum_detectable_gain(self.ratio) if self.ratio else None

    @property
    def is_statement(self) -> bool:
        """Whether it is a statement about servers, also as a lower bound."""
        return self.kind in (GainKind.GAIN, GainKind.LOWER_BOUND)

    @property
    def step_ideal(self) -> float | None:
        """Linear speedup: n2/n1, or by the single servers of several types; None where those are not known."""
        if isinstance(self.from_servers, int) and isinstance(self.to_servers, int):
            return self.to_servers / self.from_servers
        return self.linear.ideal if self.linear else None

    @property
    def efficiency(self) -> float | None:
        """Gain / step ideal; of a lower bound that of its low end."""
        if self.ratio is None or not self.is_statement:
            return None
        if self.linear:
            measured = self.linear.efficiency
            return measured.low if self.kind is GainKind.LOWER_BOUND and measured.low else measured.value
        value = self.ratio.low if self.kind is GainKind.LOWER_BOUND and self.ratio.low else self.ratio.value
        return value / self.step_ideal if self.step_ideal else None

    @property
    def efficiency_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the efficiency; None of a lower bound and without an interval."""
        ratio = self.linear.efficiency if self.linear else self.ratio
        if ratio is None or self.kind is not GainKind.GAIN or ratio.low is None or ratio.high is None:
            return None
        if self.linear or self.step_ideal is None:
            return (ratio.low, ratio.high) if self.linear else None
        return ratio.low / self.step_ideal, ratio.high / self.step_ideal

    def blocks_for(self, half_width: float) -> int | None:
        """The number of blocks for an interval within ± `half_width` (a share), by this pair's own differences.

        The smallest k with t(k − 1)·s/√k ≤ ln(1 + half_width); None without an interval, or above 1000 blocks.
        """
        paired = self.paired
        if paired is None or paired.low is None or paired.high is None or paired.freedom is None:
            return None
        spread = math.log(paired.high / paired.low) / 2 * math.sqrt(self.k) / intervals.t_quantile(paired.freedom)
        for k in range(2, MOST_BLOCKS + 1):
            if intervals.t_quantile(k - 1) * spread / math.sqrt(k) <= math.log1p(half_width):
                return k
        return None


def all_gains(cells: Sequence[CellSummary], limits: Thresholds) -> list[Gain]:
    """Every step between neighbouring topologies at the same load, in the cells' order.

    With servers of several types, the steps to a topology are those from the largest ones that it contains.
    """
    loads: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        loads.setdefault(tuple(cell.others.items()), []).append(cell)
    table = saturated(cells)
    return [step for alike in loads.values() for step in _steps(alike, limits, table)]


def at_saturation(steps: Sequence[CellSummary], cells: Sequence[CellSummary], limits: Thresholds) -> list[Gain]:
    """Gains between topologies each under the load that saturates it; `steps` are those cells, by a search."""
    table = saturated(cells)
    alike: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in steps:
        rest = {name: level for name, level in cell.others.items() if name not in LOAD_FACTORS}
        alike.setdefault(tuple(rest.items()), []).append(cell)
    found = []
    for rest_items, same in alike.items():
        others = {"load": SATURATION, **dict(rest_items)}
        found += [replace(step, others=others) for step in _steps(same, limits, table)]
    return found


def _steps(alike: Sequence[CellSummary], limits: Thresholds, table: block_model.Table) -> list[Gain]:
    by_level, singles = {cell.topology: cell for cell in alike}, linear.singles_of(alike)
    pairs = ((by_level[a], by_level[b]) for a, b in server_types.neighbours(by_level))
    return [between(a, b, limits, table, singles) for a, b in pairs]


def between(
    smaller: CellSummary,
    larger: CellSummary,
    limits: Thresholds,
    table: block_model.Table | None = None,
    singles: Singles = MappingProxyType({}),
) -> Gain:
    """The gain of one step and its conclusion (rules E15, E17, E18).

    With few blocks its interval may use the noise of the cells in `table`. `singles` give servers of several types
    their linear speedup.
    """
    failure = bool(smaller.fail_servers or larger.fail_servers)
    common = [] if failure else sorted(smaller.by_block.keys() & larger.by_block.keys())
    ratio, paired = _ratios(smaller, larger, common, limits, table)
    kind, found_obstacle = _kind(smaller, larger, ratio, limits)
    if kind is GainKind.NONE:
        ratio = paired = None  # a ratio of requests that were not rejected, or of different work, is no gain
    ideal, speedup, unknown = _linear(smaller, larger, singles, limits)
    found = _conclusion(kind, ratio, ideal, limits, speedup)
    waits = kind is GainKind.GAIN and shared.dependency(smaller, larger, ratio, ideal, limits)
    names = (servers(smaller.topology), servers(larger.topology))
    times = response_times.between(smaller, larger, names, limits)
    return Gain(
        others=smaller.others,
        from_servers=smaller.topology,
        to_servers=larger.topology,
        ratio=ratio,
        peak_ratio=None if ratio is None else _peak_ratio(smaller, larger, common),
        k=len(common),
        kind=kind,
        conclusion=found,
        indicative=_concluded(kind, ratio) and len(common) < limits.statement_repeats,
        remark="" if found_obstacle else tr(shared.REMARK) if waits else clauses.remark(smaller, larger, unknown),
        obstacle=found_obstacle,
        paired=paired,
        cells=(smaller.cell, larger.cell),
        response_times=times if response_times.same_load(smaller, larger) and not failure else None,
        shared=waits,
        linear=speedup,
    )


def _linear(
    smaller: CellSummary, larger: CellSummary, singles: Singles, limits: Thresholds
) -> tuple[float | None, LinearSpeedup | None, str]:
    """The linear speedup: as a number; of servers of several types with the efficiency, or the reason for none."""
    if isinstance(smaller.topology, int):
        return larger.servers / smaller.servers, None, ""
    if not server_types.contains(larger.topology, smaller.topology):
        return None, None, ""
    found = linear.of_step(smaller, larger, singles, limits)
    return (None, None, found) if isinstance(found, str) else (found.ideal, found, "")


def _ratios(
    smaller: CellSummary,
    larger: CellSummary,
    common: Sequence[int],
    limits: Thresholds,
    table: block_model.Table | None,
) -> tuple[Interval | None, Interval | None]:
    """The ratio over these blocks, and the same with the interval of a paired t."""
    if not common:
        return None, None
    pairs = [smaller.by_block[block] for block in common], [larger.by_block[block] for block in common]
    paired = intervals.paired_ratio(*pairs, least_pairs=limits.interval_repeats)
    if not limits.interval_repeats <= len(common) < limits.statement_repeats:
        return paired, paired
    rest = block_model.rest_variance(table or {}, smaller.name, larger.name)
    return (paired if rest is None else intervals.moderated_ratio(*pairs, rest)), paired


def _peak_ratio(smaller: CellSummary, larger: CellSummary, common: Sequence[int]) -> float | None:
    blocks = [block for block in common if block in smaller.peaks and block in larger.peaks]
    if not blocks:
        return None
    return max(larger.peaks[block] for block in blocks) / max(smaller.peaks[block] for block in blocks)


def _concluded(kind: GainKind, ratio: Interval | None) -> bool:
    """Whether its interval supports a conclusion."""
    return kind in (GainKind.GAIN, GainKind.LOWER_BOUND) and ratio is not None and ratio.low is not None


def with_simultaneous(gains: Sequence[Gain]) -> list[Gain]:
    """The same gains, each statement among them with its simultaneous interval (rule E15)."""
    count = sum(_concluded(gain.kind, gain.ratio) for gain in gains)
    return [
        replace(gain, simultaneous=intervals.simultaneous(gain.ratio, count))
        if gain.ratio and _concluded(gain.kind, gain.ratio)
        else gain
        for gain in gains
    ]


def _kind(
    smaller: CellSummary, larger: CellSummary, ratio: Interval | None, limits: Thresholds
) -> tuple[GainKind, GainObstacle | None]:
    """Whether the ratio is a statement about servers (rule E18), and the obstacle where it is a bound or none."""
    if smaller.fail_servers or larger.fail_servers:
        return GainKind.SERVER_FAILURE, GainObstacle(ObstacleKind.SERVER_FAILURE, tr(clauses.SERVER_FAILURE))
    if reason := clauses.only_larger(smaller, larger):
        return GainKind.ONLY_LARGER, GainObstacle(ObstacleKind.ONLY_LARGER, reason, (smaller.topology,))
    if rejecting := [cell for cell in (smaller, larger) if cell.rejections]:
        sides = tuple(cell.topology for cell in rejecting)
        return GainKind.NONE, GainObstacle(ObstacleKind.REJECTIONS, clauses.rejections(rejecting), sides)
    for cell in (smaller, larger):
        if found := obstacle.unusable(cell, servers(cell.topology)):
            return GainKind.NONE, GainObstacle(found.kind, found.text, (cell.topology,))
    if found_shift := mix.shift(smaller.mix, larger.mix, limits.mix_held):
        text = found_shift.in_words(
            tr("with {servers}", servers=servers(smaller.topology)),
            tr("with {servers}", servers=servers(larger.topology)),
        )
        return GainKind.NONE, GainObstacle(ObstacleKind.OTHER_WORK, text)
    if ratio is None:
        return GainKind.NONE, GainObstacle(ObstacleKind.NO_COMMON_BLOCK, obstacle.no_common_block().text)
    if smaller.bottleneck.is_load:
        text = tr("load-limited: {serves}", serves=clauses.serves(smaller))
        return GainKind.IDLE, GainObstacle(ObstacleKind.LOAD_LIMITED, text, (smaller.topology,))
    if not smaller.bottleneck.is_topology:
        return GainKind.NOT_MEASURABLE, clauses.bottleneck(smaller)
    if larger.bottleneck.is_load:
        return GainKind.LOWER_BOUND, GainObstacle(ObstacleKind.LOAD_LIMITED, clauses.serves(larger), (larger.topology,))
    if not larger.bottleneck.is_topology:
        return GainKind.LOWER_BOUND, clauses.bottleneck(larger)
    return GainKind.GAIN, None


def _conclusion(
    kind: GainKind, ratio: Interval | None, ideal: float | None, limits: Thresholds, speedup: LinearSpeedup | None
) -> Conclusion:
    """The conclusion that rule E17 allows."""
    if kind in (GainKind.NONE, GainKind.ONLY_LARGER, GainKind.SERVER_FAILURE) or ratio is None:
        return Conclusion.NONE
    if kind in (GainKind.IDLE, GainKind.NOT_MEASURABLE):
        return Conclusion.NOT_MEASURABLE
    is_bound, efficiency = kind is GainKind.LOWER_BOUND, speedup.efficiency if speedup else None
    return conclusion.of_scaling(ratio, ideal, limits, lower_bound=is_bound, efficiency=efficiency)
