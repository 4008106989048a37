"""Gains between cells, with the words they have earned. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from harness.grid.load import LOAD_FACTORS
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.records.trial import Component, Outcome
from harness.summarise.cells.cell import CellSummary, saturated
from harness.summarise.statistics import block_model, intervals
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name, percent, servers


class GainKind(StrEnum):
    """What a ratio says (rule E18)."""

    GAIN = "gain"  # a statement about servers
    FLOOR = "floor"  # at least its interval's low end
    IDLE = "no more load"  # the smaller topology already answers all that the load asks for
    NOT_MEASURABLE = "not measurable"  # something else limited the smaller topology
    LOST = "lost"  # none is told, as servers are stopped in the middle of its trials
    CARRIED = "carried"  # the smaller topology gave out under this load, the larger one did not
    NONE = "none"  # there is none


@dataclass(frozen=True)
class Gain:
    """From one topology to the next larger one at the same load. `ratio` is None when there is none.

    `paired` is the same ratio with the interval of this pair's differences alone, where `ratio` knows the
    noise of other cells too; `jointly` has the interval that holds together with those of all other gains that
    say something. `word` is what rule E17 allows to say.
    """

    others: Levels
    from_servers: int
    to_servers: int
    ratio: Interval | None
    peak_ratio: float | None
    k: int
    kind: GainKind
    word: str
    reason: str
    paired: Interval | None = None
    cells: tuple[Levels, ...] = ()  # the two it is taken between
    jointly: Interval | None = None

    @property
    def load(self) -> str:
        """The load both were under, in words."""
        return load_name(self.others)

    @property
    def detectable(self) -> float | None:
        """The smallest gain, as a share, that 80 % of studies like this one would find (rule E20)."""
        return intervals.found_mostly(self.ratio) if self.ratio else None

    @property
    def efficiencies(self) -> tuple[float, float] | None:
        """The ends of its efficiency's interval; None of a floor, which is one, and without an interval."""
        ratio = self.ratio
        if ratio is None or self.kind != GainKind.GAIN or ratio.low is None or ratio.high is None:
            return None
        return ratio.low / self.step_ideal, ratio.high / self.step_ideal

    @property
    def speaks(self) -> bool:
        """Whether it is a statement about servers, be it a floor."""
        return self.kind in (GainKind.GAIN, GainKind.FLOOR)

    @property
    def step_ideal(self) -> float:
        return self.to_servers / self.from_servers

    @property
    def efficiency(self) -> float | None:
        """Gain / step ideal; of a floor its low end."""
        if self.ratio is None or not self.speaks:
            return None
        value = self.ratio.low if self.kind == GainKind.FLOOR and self.ratio.low else self.ratio.value
        return value / self.step_ideal


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


def between(
    smaller: CellSummary, larger: CellSummary, limits: Thresholds, table: block_model.Table | None = None
) -> Gain:
    """The gain of one step, and what may be said of it (rules E15, E17, E18).

    With few blocks its interval may learn from the noise of the cells in `table`.
    """
    losing = smaller.fail_servers or larger.fail_servers
    common = [] if losing else sorted(smaller.by_block.keys() & larger.by_block.keys())
    ratio = paired = None
    peak = None
    k = len(common)
    if common:
        pairs = [smaller.by_block[b] for b in common], [larger.by_block[b] for b in common]
        ratio = paired = intervals.gain(*pairs, needs=limits.interval_repeats)
        if limits.interval_repeats <= k < limits.statement_repeats:
            rest = block_model.rest_variance(table or {}, smaller.name, larger.name)
            ratio = ratio if rest is None else intervals.moderated_gain(*pairs, rest)
        peaks = [b for b in common if b in smaller.peaks and b in larger.peaks]
        if peaks:
            peak = max(larger.peaks[b] for b in peaks) / max(smaller.peaks[b] for b in peaks)
    kind, reason = _attribution(smaller, larger, ratio)
    if kind == GainKind.NONE:
        ratio = paired = peak = None  # a ratio of what was not rejected is no gain
    ideal = larger.servers / smaller.servers
    word = _word(kind, ratio, k, ideal, limits)
    ends = (smaller.cell, larger.cell)
    return Gain(smaller.others, smaller.servers, larger.servers, ratio, peak, k, kind, word, reason, paired, ends)


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


def together(gains: Sequence[Gain]) -> list[Gain]:
    """The same gains, each statement among them with the interval that holds jointly with the others' (rule E15)."""
    count = sum(map(_states, gains))
    return [
        replace(gain, jointly=intervals.jointly(gain.ratio, count)) if gain.ratio and _states(gain) else gain
        for gain in gains
    ]


def _states(gain: Gain) -> bool:
    """Whether its interval says something about servers."""
    return gain.speaks and gain.ratio is not None and gain.ratio.low is not None


def _attribution(smaller: CellSummary, larger: CellSummary, ratio: Interval | None) -> tuple[GainKind, str]:
    """Whether the ratio speaks about servers (rule E18), and why not."""
    if smaller.fail_servers or larger.fail_servers:
        return GainKind.LOST, LOST
    carried = larger.usable and not larger.failing
    if smaller.outcome == Outcome.SERVER_DOWN and carried:
        return GainKind.CARRIED, f"{servers(smaller.servers)} went down, {larger.servers} carried it ({smaller.cause})"
    if smaller.failed is not None and carried:
        their = "its" if smaller.servers == 1 else "their"
        told = f"{servers(smaller.servers)} failed {percent(smaller.failed)} of {their} requests"
        return GainKind.CARRIED, f"{_rejections([smaller]) or told}, {larger.servers} carried them"
    if rejections := _rejections([smaller, larger]):
        return GainKind.NONE, rejections
    for cell in (smaller, larger):
        if not cell.usable:
            return GainKind.NONE, f"{servers(cell.servers)}: {cell.outcome.replace('_', ' ')} ({cell.cause})"
    if ratio is None:
        return GainKind.NONE, "no block holds a usable trial of both"
    if smaller.bottleneck.is_load:
        return GainKind.IDLE, f"no more load: {_answer(smaller)} {smaller.asked}"
    if smaller.bottleneck != Component.SERVER:
        return GainKind.NOT_MEASURABLE, f"{limited(smaller)}: {smaller.bottleneck_reason}"
    if larger.bottleneck.is_load:
        return GainKind.FLOOR, f"{_answer(larger)} {larger.asked}"
    if larger.bottleneck != Component.SERVER:
        return GainKind.FLOOR, f"{limited(larger)}: {larger.bottleneck_reason}"
    uneven = next((f"{cell.slower.words} as the others" for cell in (larger, smaller) if cell.slower), "")
    following = f"next limit: {larger.next_bottleneck}" if larger.next_bottleneck else ""
    return GainKind.GAIN, "; ".join(said for said in (uneven, following) if said)


LOST = "a server is stopped in the middle of each trial, so its throughput over the window is no topology's (rule E24)"


def _rejections(cells: Sequence[CellSummary]) -> str:
    """Where requests were rejected, as a clause; empty for nowhere."""
    return ", ".join(f"with {servers(cell.servers)} {cell.rejections}" for cell in cells if cell.rejections)


def _answer(cell: CellSummary) -> str:
    return f"{servers(cell.servers)} {'answers' if cell.servers == 1 else 'answer'}"


def limited(cell: CellSummary) -> str:
    """What limited a cell, as a clause."""
    if cell.bottleneck == Component.UNKNOWN:
        return f"what limited {servers(cell.servers)} is not known"
    return f"{servers(cell.servers)} {'was' if cell.servers == 1 else 'were'} limited by {cell.bottleneck}"


def _word(kind: GainKind, ratio: Interval | None, k: int, ideal: float, limits: Thresholds) -> str:
    """The word that rule E17 allows; below five repeats it is indicative."""
    if kind in (GainKind.NONE, GainKind.CARRIED, GainKind.LOST) or ratio is None:
        return "no gain"
    if kind in (GainKind.IDLE, GainKind.NOT_MEASURABLE):
        return "not measurable at this load"
    return of_interval(ratio, k, ideal, limits, GAIN_WORDS, floor=kind == GainKind.FLOOR)


@dataclass(frozen=True)
class Words:
    """What an interval below 1, one above 1, and one above the ideal are called."""

    less: str
    more: str
    beyond: str


GAIN_WORDS = Words("slower", "faster", "baseline suspect")


def of_interval(ratio: Interval, k: int, ideal: float, limits: Thresholds, words: Words, *, floor: bool = False) -> str:
    """The word that an interval earns by rule E17; below five repeats it is indicative."""
    if ratio.low is None or ratio.high is None:
        return "too few repeats"
    if ratio.high < 1:
        word = words.less
    elif ratio.low <= 1:
        word = "not told apart from 1"
    elif floor:
        word = "at least"
    elif ratio.high < ideal * (1 - limits.ideal_least):
        word = "sub-linear"
    elif ratio.low > ideal * (1 + limits.ideal_least):
        word = words.beyond
    elif (ratio.high - ratio.low) / 2 <= limits.linear_width * ratio.value:
        word = "linear"
    else:
        word = words.more
    return f"indicative: {word}" if k < limits.statement_repeats else word
