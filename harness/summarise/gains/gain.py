"""Gains: throughput ratios of two topologies, with the conclusion that they support. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from harness.grid.load import LOAD_FACTORS
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.language import messages, tr
from harness.records.trial import Component, Outcome
from harness.summarise.cells.cell import CellSummary, saturated
from harness.summarise.gains import mix, obstacle, response_times, shared
from harness.summarise.gains.obstacle import GainObstacle, ObstacleKind
from harness.summarise.gains.response_times import ResponseTimeChange
from harness.summarise.statistics import block_model, conclusion, intervals
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name, percent, servers

MOST_BLOCKS = 1000


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
    from_servers: int
    to_servers: int
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
    def step_ideal(self) -> float:
        return self.to_servers / self.from_servers

    @property
    def efficiency(self) -> float | None:
        """Gain / step ideal; of a lower bound that of its low end."""
        if self.ratio is None or not self.is_statement:
            return None
        value = self.ratio.low if self.kind is GainKind.LOWER_BOUND and self.ratio.low else self.ratio.value
        return value / self.step_ideal

    @property
    def efficiency_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the efficiency; None of a lower bound and without an interval."""
        ratio = self.ratio
        if ratio is None or self.kind is not GainKind.GAIN or ratio.low is None or ratio.high is None:
            return None
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
    """Every step between neighbouring topologies at the same load, in the cells' order."""
    loads: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        loads.setdefault(tuple(cell.others.items()), []).append(cell)
    table = saturated(cells)
    found = []
    for alike in loads.values():
        steps = sorted(alike, key=lambda cell: cell.servers)
        found += [between(a, b, limits, table) for a, b in itertools.pairwise(steps)]
    return found


def at_saturation(steps: Sequence[CellSummary], cells: Sequence[CellSummary], limits: Thresholds) -> list[Gain]:
    """Gains between topologies each under the load that saturates it; `steps` are those cells, by a search."""
    table = saturated(cells)
    alike: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in steps:
        rest = {name: level for name, level in cell.others.items() if name not in LOAD_FACTORS}
        alike.setdefault(tuple(rest.items()), []).append(cell)
    found = []
    for rest_items, same in alike.items():
        ordered = sorted(same, key=lambda cell: cell.servers)
        others = {"load": "saturation", **dict(rest_items)}
        found += [replace(between(a, b, limits, table), others=others) for a, b in itertools.pairwise(ordered)]
    return found


def between(
    smaller: CellSummary, larger: CellSummary, limits: Thresholds, table: block_model.Table | None = None
) -> Gain:
    """The gain of one step and its conclusion (rules E15, E17, E18).

    With few blocks its interval may use the noise of the cells in `table`.
    """
    failure = bool(smaller.fail_servers or larger.fail_servers)
    common = [] if failure else sorted(smaller.by_block.keys() & larger.by_block.keys())
    ratio, paired = _ratios(smaller, larger, common, limits, table)
    kind, found_obstacle = _kind(smaller, larger, ratio, limits)
    if kind is GainKind.NONE:
        ratio = paired = None  # a ratio of requests that were not rejected, or of different work, is no gain
    found = _conclusion(kind, ratio, larger.servers / smaller.servers, limits)
    waits = kind is GainKind.GAIN and shared.dependency(smaller, larger, ratio, limits)
    names = (servers(smaller.servers), servers(larger.servers))
    times = response_times.between(smaller, larger, names, limits)
    return Gain(
        others=smaller.others,
        from_servers=smaller.servers,
        to_servers=larger.servers,
        ratio=ratio,
        peak_ratio=None if ratio is None else _peak_ratio(smaller, larger, common),
        k=len(common),
        kind=kind,
        conclusion=found,
        indicative=_concluded(kind, ratio) and len(common) < limits.statement_repeats,
        remark="" if found_obstacle else tr(shared.REMARK) if waits else _remark(smaller, larger),
        obstacle=found_obstacle,
        paired=paired,
        cells=(smaller.cell, larger.cell),
        response_times=times if response_times.same_load(smaller, larger) and not failure else None,
        shared=waits,
    )


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
        return GainKind.SERVER_FAILURE, GainObstacle(ObstacleKind.SERVER_FAILURE, tr(SERVER_FAILURE))
    if reason := _only_larger(smaller, larger):
        return GainKind.ONLY_LARGER, GainObstacle(ObstacleKind.ONLY_LARGER, reason, (smaller.servers,))
    if rejecting := [cell for cell in (smaller, larger) if cell.rejections]:
        sides = tuple(cell.servers for cell in rejecting)
        return GainKind.NONE, GainObstacle(ObstacleKind.REJECTIONS, _rejections(rejecting), sides)
    for cell in (smaller, larger):
        if found := obstacle.unusable(cell, servers(cell.servers)):
            return GainKind.NONE, GainObstacle(found.kind, found.text, (cell.servers,))
    if found_shift := mix.shift(smaller.mix, larger.mix, limits.mix_held):
        text = found_shift.in_words(
            tr("with {servers}", servers=servers(smaller.servers)),
            tr("with {servers}", servers=servers(larger.servers)),
        )
        return GainKind.NONE, GainObstacle(ObstacleKind.OTHER_WORK, text)
    if ratio is None:
        return GainKind.NONE, GainObstacle(ObstacleKind.NO_COMMON_BLOCK, obstacle.no_common_block().text)
    if smaller.bottleneck.is_load:
        text = tr("load-limited: {serves}", serves=_serves(smaller))
        return GainKind.IDLE, GainObstacle(ObstacleKind.LOAD_LIMITED, text, (smaller.servers,))
    if not smaller.bottleneck.is_topology:
        return GainKind.NOT_MEASURABLE, _bottleneck(smaller)
    if larger.bottleneck.is_load:
        return GainKind.LOWER_BOUND, GainObstacle(ObstacleKind.LOAD_LIMITED, _serves(larger), (larger.servers,))
    if not larger.bottleneck.is_topology:
        return GainKind.LOWER_BOUND, _bottleneck(larger)
    return GainKind.GAIN, None


def _remark(smaller: CellSummary, larger: CellSummary) -> str:
    """That it is one of a whole platform, a slower server and the next bottleneck, as a clause; empty without all."""
    slow = next((cell.slow_server.comparison for cell in (larger, smaller) if cell.slow_server), "")
    whole = tr(PLATFORM) if Component.PLATFORM in (smaller.bottleneck, larger.bottleneck) else ""
    following = (
        tr("next bottleneck: {next_bottleneck}", next_bottleneck=larger.next_bottleneck)
        if larger.next_bottleneck
        else ""
    )
    return "; ".join(reason for reason in (whole, slow, following) if reason)


PLATFORM = messages("a gain of the whole platform, whose components were not observed")
SERVER_FAILURE = messages("servers fail in mid-trial, so the mean throughput describes neither topology (rule E24)")


def _only_larger(smaller: CellSummary, larger: CellSummary) -> str:
    """The reason where only the larger topology served the load; empty for any other pair."""
    if not larger.usable or larger.failing:
        return ""
    served = tr("{servers} served the load", servers=servers(larger.servers))
    if smaller.outcome == Outcome.SERVER_DOWN:
        return tr(
            "{servers} went down, {served} ({cause})",
            servers=servers(smaller.servers),
            served=served,
            cause=smaller.cause,
        )
    if smaller.failed_share is None:
        return ""
    failed = tr(
        "{servers} failed {failed_share} of its requests"
        if smaller.servers == 1
        else "{servers} failed {failed_share} of their requests",
        servers=servers(smaller.servers),
        failed_share=percent(smaller.failed_share),
    )
    return f"{_rejections([smaller]) or failed}, {served}"


def _rejections(cells: Sequence[CellSummary]) -> str:
    """The cells that rejected requests, as a clause; empty for none."""
    return ", ".join(
        tr("with {servers} {rejections}", servers=servers(cell.servers), rejections=cell.rejections)
        for cell in cells
        if cell.rejections
    )


def _serves(cell: CellSummary) -> str:
    return tr(
        "{servers} serves {served}" if cell.servers == 1 else "{servers} serve {served}",
        servers=servers(cell.servers),
        served=cell.served,
    )


def _bottleneck(cell: CellSummary) -> GainObstacle:
    """The bottleneck of a cell that is not its servers."""
    kind, state = ObstacleKind.OTHER_BOTTLENECK, tr("was the {bottleneck}", bottleneck=cell.bottleneck)
    if cell.bottleneck == Component.UNKNOWN:
        kind, state = ObstacleKind.UNKNOWN_BOTTLENECK, tr("is unknown")
    text = tr(
        "the bottleneck of {servers} {state}: {bottleneck_reason}",
        servers=servers(cell.servers),
        state=state,
        bottleneck_reason=cell.bottleneck_reason,
    )
    return GainObstacle(kind, text, (cell.servers,))


def _conclusion(kind: GainKind, ratio: Interval | None, ideal: float, limits: Thresholds) -> Conclusion:
    """The conclusion that rule E17 allows."""
    if kind in (GainKind.NONE, GainKind.ONLY_LARGER, GainKind.SERVER_FAILURE) or ratio is None:
        return Conclusion.NONE
    if kind in (GainKind.IDLE, GainKind.NOT_MEASURABLE):
        return Conclusion.NOT_MEASURABLE
    return conclusion.of_scaling(ratio, ideal, limits, lower_bound=kind is GainKind.LOWER_BOUND)
