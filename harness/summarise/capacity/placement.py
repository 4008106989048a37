"""The loads at which blocks measure a capacity: around the crossing by the probes, or farther outward. Pure.

The flatter the share of late requests is over the load, the farther apart are the loads: the line through them must
rise by more than trials differ. Loads 7 % apart show no slope where pauses or a few expensive requests make most late.

Probes are single trials: a cold, stalled or lucky one may place the first block anywhere. If all blocks met the
objectives, or all missed them, the next loads move away from them, farther with every block, until the crossing lies
between two loads. So wrong probes cost blocks, but never leave a bound far from the truth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.grid.units import readable
from harness.summarise.capacity import by_objective, capacity, crossing
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound, Crossing

SPREAD = (0.93, 1.0, 1.07)  # the loads of blocks, relative to a crossing
BELOW = 0.97  # of the crossing of the probes: that of the typical trial, and over all trials more requests are late
WIDE_SPREAD = (0.86, 1.0, 1.14)  # the same, where trials turned out to differ by more than that
FAR = 1.15  # ratio of two loads: a crossing between farther ones is placed in their middle, not on a line through them
WIDE = 1.34  # ratio of two loads, around whose middle WIDE_SPREAD lies
QUARTERS = (0.25, 0.5, 0.75)  # of a wider bracket, in logarithms
RISE = 0.5  # probits from the middle load to the outer ones: flatter curves need loads farther apart
MOST_HALF = 0.37  # of ln(load), from the middle load to the outer ones: farther ones give no line (`near.MAX_GAP`)
WIDE_ENOUGH = 0.7  # of the wanted distance of loads: nearly as far apart are far enough
MOST_STEP = math.log(2)  # between two loads of a block


@dataclass(frozen=True)
class LoadSpan:
    """The range of a search; `whole` rounds loads to whole numbers, as for users, otherwise to three digits."""

    least: float
    most: float
    whole: bool = False

    def loads(self, loads: Sequence[float]) -> tuple[float, ...]:
        """Loads as a study writes them, none above the range."""
        return tuple(sorted({min(readable(load, whole=self.whole), self.most) for load in loads}))

    def around(self, middle: float, spread: Sequence[float] = SPREAD) -> tuple[float, ...]:
        """Loads around a crossing."""
        return self.loads([middle * factor for factor in spread])


def first(
    low: float | None, high: float | None, probes: Sequence[Count], allowed: Mapping[str, float], span: LoadSpan
) -> tuple[float, ...]:
    """The loads of the first block by the bracket of the probes; none without a probe.

    In a narrow bracket a line is fitted to the probes near it, else its middle by ratio is taken.
    """
    if low is None or high is None:
        end = high if low is None else low
        return () if end is None else span.around(end)
    middle = math.sqrt(low * high)
    if high <= FAR * low:
        near = [count for count in probes if low / FAR <= count.load <= high * FAR]
        fitted = _crossing(near, allowed).value
        middle = middle if fitted is None else min(max(fitted, low), high)
    return span.around(BELOW * middle)


def following(
    current: Sequence[float], blocks: Sequence[Count], allowed: Mapping[str, float], span: LoadSpan
) -> tuple[float, ...]:
    """The loads of the next block: the current ones, or others if the blocks do not enclose the crossing closely."""
    if not blocks or not current:
        return tuple(current)
    found = _crossing(blocks, allowed)
    spread, half = _spread(found.slope)
    at = found.value if found.bound != Bound.NONE else found.line_at
    least, most = min(count.load for count in blocks), max(count.load for count in blocks)
    if at is not None and least <= at <= most:
        now = math.log(max(current) / min(current)) / 2
        fits = WIDE_ENOUGH * half <= now <= max(half / WIDE_ENOUGH, math.log(WIDE) / 2)
        return tuple(current) if min(current) <= at <= max(current) and fits else span.around(at, spread)
    low, high = _sides(blocks, allowed)
    if low is None or high is None:
        return _outward([count.load for count in blocks], span, up=high is None)
    if half > math.log(WIDE) / 2:
        return span.around(math.sqrt(low * high), spread)
    if high <= WIDE * low:
        return span.around(math.sqrt(low * high), WIDE_SPREAD)
    return span.loads([low * (high / low) ** part for part in QUARTERS])


def _spread(slope: float | None) -> tuple[tuple[float, ...], float]:
    """The loads of a block relative to a crossing where the probit of the share has this slope, and ln of the last."""
    half = math.log(SPREAD[-1])
    if slope is not None and slope * half < RISE:
        half = min(RISE / max(slope, RISE / MOST_HALF), MOST_HALF)
        return (math.exp(-half), 1.0, math.exp(half)), half
    return SPREAD, half


def _outward(loads: Sequence[float], span: LoadSpan, *, up: bool) -> tuple[float, ...]:
    """The edge of the measured loads and two loads beyond it, each farther by the width of all measured ones."""
    lowest, highest = min(loads), max(loads)
    step = min(max(math.log(highest / lowest), math.log(FAR)), MOST_STEP)
    edge, way = (highest, 1) if up else (lowest, -1)
    least = min(span.least, lowest)
    moved = span.loads([max(edge * math.exp(way * step * many), least) for many in range(3)])
    return moved if len(moved) > 1 else span.around(edge)


def _sides(blocks: Sequence[Count], allowed: Mapping[str, float]) -> tuple[float | None, float | None]:
    """The loads next to the crossing: the place at which the fewest trials lie on the wrong side; None beyond all.

    Of equally good places, the one in the middle of the loads.
    """
    met = [(count.load, not by_objective.misses(count, allowed)) for count in blocks if count.requests]
    levels = sorted({load for load, _ in met})
    wrong = [sum(is_met != (levels.index(load) < place) for load, is_met in met) for place in range(len(levels) + 1)]
    centre = len(levels) / 2
    place = min(range(len(wrong)), key=lambda each: (wrong[each], abs(each - centre)))
    return (levels[place - 1] if place else None), (levels[place] if place < len(levels) else None)


def _crossing(trials: Sequence[Count], allowed: Mapping[str, float]) -> Crossing:
    """The first crossing of all objectives."""
    return capacity.first([crossing.crossing(name, share, trials) for name, share in allowed.items()])


def around_single_probes(
    probes: Sequence[Count], allowed: Mapping[str, float], *, whole: bool = False, spread: Sequence[float] = SPREAD
) -> tuple[float, ...]:
    """The loads of the first block in a study whose probes have no numbers; none without usable probes."""
    counted = [count for count in probes if count.requests]
    if not counted or not allowed:
        return ()
    found = _crossing(counted, allowed)
    probed = [count.load for count in counted]
    end = min(probed) if found.bound == Bound.BELOW else max(probed)
    middle = found.value if found.value is not None else end
    return tuple(sorted({readable(middle * factor, whole=whole) for factor in spread}))


def after_single_probes(
    current: Sequence[float],
    blocks: Sequence[Count],
    probes: Sequence[Count],
    allowed: Mapping[str, float],
    *,
    whole: bool = False,
) -> tuple[float, ...]:
    """The loads of the next block in such a study: wider, if all blocks lie on one side of the crossing."""
    if not blocks or _crossing(blocks, allowed).bound == Bound.EXACT:
        return tuple(current)
    return around_single_probes([*probes, *blocks], allowed, whole=whole, spread=WIDE_SPREAD)
