"""A topology's capacity under objectives, the largest load that meets them all, and what more servers add. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.summarise.capacity import crossing as crossings
from harness.summarise.capacity import probit_fit
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound, Crossing, crossing
from harness.summarise.gains.gain import GainKind, Words, of_interval
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name, readable
from harness.words import servers as named

WORDS = Words("less", "more", "super-linear")  # it is more or less, not faster; above the ideal it is no fault
SPREAD = (0.93, 1.0, 1.07)  # of the crossing that fits the probes: where blocks are measured
WIDE = (0.86, 1.0, 1.14)  # the same, where trials turned out to differ by more than that


@dataclass(frozen=True)
class Capacity:
    """One topology's largest load that meets all objectives, in requests per second or users by `factor`.

    `limited_by` is the objective that is missed first; empty where none is missed at the loads measured.
    """

    others: Levels
    servers: int
    factor: str
    crossing: Crossing
    blocks: int

    @property
    def name(self) -> str:
        """Its topology, in words."""
        return ", ".join(filter(None, (named(self.servers), load_name(self.others))))

    def wider_than(self, target: float) -> bool:
        """Whether it is an estimate whose interval's half width is more than this share; of a bound nobody waits."""
        if self.bound != Bound.EXACT or self.value is None:
            return False
        half = None if self.low is None or self.high is None else (self.high - self.low) / 2 / self.value
        return half is None or half > target

    @property
    def value(self) -> float | None:
        return self.crossing.value

    @property
    def low(self) -> float | None:
        return self.crossing.low

    @property
    def high(self) -> float | None:
        return self.crossing.high

    @property
    def bound(self) -> Bound:
        return self.crossing.bound

    @property
    def by_block(self) -> dict[int, float]:
        return self.crossing.by_block

    @property
    def requests(self) -> int:
        return self.crossing.requests

    @property
    def limited_by(self) -> str:
        return self.crossing.objective if self.bound in (Bound.EXACT, Bound.BELOW) else ""

    @property
    def why(self) -> str:
        return self.crossing.why


def of_topology(
    others: Levels, servers: int, factor: str, counts: Sequence[Count], wanted: Mapping[str, float]
) -> Capacity:
    """The capacity by its trials in blocks; `wanted` is objective → the share that may be over."""
    crossings = [crossing(name, share, counts) for name, share in wanted.items()]
    return Capacity(others, servers, factor, _first(crossings), len({count.block for count in counts}))


def _first(crossings: Sequence[Crossing]) -> Crossing:
    """The one that comes first as the load grows."""
    none = Crossing("", Bound.NONE, why="no objective for a load is set")
    for bound in (Bound.BELOW, Bound.EXACT):
        those = [each for each in crossings if each.bound == bound]
        if those:
            return min(those, key=lambda each: each.value or each.high or math.inf)
    unknown = [each for each in crossings if each.bound == Bound.NONE]
    return unknown[0] if unknown else min(crossings, key=lambda each: each.low or 0.0, default=none)


def loads_around(
    probes: Sequence[Count], wanted: Mapping[str, float], *, whole: bool = False, spread: Sequence[float] = SPREAD
) -> tuple[float, ...]:
    """The loads at which blocks are measured, by a search's single probes; none where no probe counts.

    Three around the crossing that fits the probes next to it. `whole` gives whole numbers, as users are; else three
    digits, which are enough and read well.
    """
    counted = [count for count in probes if count.requests]
    if not counted or not wanted:
        return ()
    first = _first([crossing(name, share, counted) for name, share in wanted.items()])
    tried = [count.load for count in counted]
    beside = min(tried) if first.bound == Bound.BELOW else max(tried)
    middle = first.value if first.value is not None else beside
    return tuple(sorted({readable(middle * factor, whole=whole) for factor in spread}))


def loads_next(
    current: Sequence[float],
    blocks: Sequence[Count],
    probes: Sequence[Count],
    wanted: Mapping[str, float],
    *,
    whole: bool = False,
) -> tuple[float, ...]:
    """The loads of the next block: the same, or others where all blocks together lie wholly beside the crossing.

    Single probes err by a trial's noise. Where it turns out that they did by more than the loads are apart, the rest
    of the blocks is measured around what all trials say, and wider, instead of giving a bound in the end.
    """
    first = _first([crossing(name, share, blocks) for name, share in wanted.items()])
    if not blocks or first.bound == Bound.EXACT:
        return tuple(current)
    return loads_around([*probes, *blocks], wanted, whole=whole, spread=WIDE)


def with_one_lost(capacities: Sequence[Capacity]) -> list[Capacity | None]:
    """What is left of each topology when it loses a server, N + 1: the one with one server fewer, where measured."""
    known = {(tuple(one.others.items()), one.servers): one for one in capacities}
    return [known.get((tuple(one.others.items()), one.servers - 1)) for one in capacities]


@dataclass(frozen=True)
class CapacityGain:
    """What the next larger topology adds to the capacity; `ratio` is None where there is none.

    Of a floor the ratio is its low end alone. `word` is what rule E17 allows to say. More than the step ideal is no
    fault of the baseline here: where more slots share a load, chance makes requests wait less.
    """

    others: Levels
    from_servers: int
    to_servers: int
    ratio: Interval | None
    k: int
    kind: GainKind
    word: str
    reason: str = ""

    @property
    def step_ideal(self) -> float:
        return self.to_servers / self.from_servers

    @property
    def efficiency(self) -> float | None:
        """Ratio / step ideal; of a floor at least that."""
        return self.ratio.value / self.step_ideal if self.ratio else None


def all_gains(capacities: Sequence[Capacity], limits: Thresholds) -> list[CapacityGain]:
    """Every step between neighbouring topologies that differ in nothing but their servers."""
    alike: dict[tuple[tuple[str, object], ...], list[Capacity]] = {}
    for capacity in capacities:
        alike.setdefault(tuple(capacity.others.items()), []).append(capacity)
    found = []
    for same in alike.values():
        steps = sorted(same, key=lambda capacity: capacity.servers)
        found += [between(a, b, limits) for a, b in itertools.pairwise(steps)]
    return found


def between(smaller: Capacity, larger: Capacity, limits: Thresholds) -> CapacityGain:
    """The gain of one step: paired over blocks as rule E15 has it, with what both slopes add to its error."""
    step = (smaller.others, smaller.servers, larger.servers)
    common = sorted(smaller.by_block.keys() & larger.by_block.keys())
    for capacity in (smaller, larger):
        if capacity.bound == Bound.NONE:
            return CapacityGain(*step, None, 0, GainKind.NONE, "no gain", f"{named(capacity.servers)}: {capacity.why}")
    if smaller.bound == Bound.EXACT == larger.bound:
        if not common:
            return CapacityGain(*step, None, 0, GainKind.NONE, "no gain", "no block holds trials of both")
        ratio = _paired(smaller, larger, common, max(limits.interval_repeats, crossings.FEWEST))
        word = of_interval(ratio, len(common), larger.servers / smaller.servers, limits, WORDS)
        return CapacityGain(*step, ratio, len(common), GainKind.GAIN, word)
    if smaller.high is None or larger.low is None:
        side = smaller if smaller.high is None else larger
        return CapacityGain(
            *step, None, 0, GainKind.NOT_MEASURABLE, "not measurable", f"{named(side.servers)}: {side.why}"
        )
    side = larger if larger.bound == Bound.AT_LEAST else smaller
    least = larger.low / smaller.high
    word = "at least" if least > 1 else "not told apart from 1"
    reason = f"{named(side.servers)}: {side.why}"
    return CapacityGain(*step, Interval(least, least), len(common), GainKind.FLOOR, word, reason)


def _paired(smaller: Capacity, larger: Capacity, common: Sequence[int], needs: int) -> Interval:
    logs = np.log([larger.by_block[block] / smaller.by_block[block] for block in common])
    mean, k = float(logs.mean()), len(common)
    if k < needs:
        return Interval(math.exp(mean))
    slopes = sum(side.crossing.slope_error**2 for side in (smaller, larger))
    half = probit_fit.half_width(float(logs.var(ddof=1)) / k, k, slopes)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), k - 1)
