"""Brackets around the largest load that meets the objectives, and the next probe. Pure.

The load doubles until the objectives are missed, then the bracket is halved by ratio, as `until` is a share of the
load. A single probe may be cold or stalled, so no miss ends anything alone: the load is probed again, and a third time
if the two disagree. Misses below a load that met the objectives end nothing at all: caches may be cold there, or
processors slowed down. Loads that fall behind are different, as a cold start serves its requests late, but all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from harness.grid.units import readable

MOST_REPEATS = 8  # of probes of one topology, so that a noisy site cannot triple a search; most need two to five
TRIES = 3  # probes of one load at most
COVERED = 0.13  # share of its high end: the loads of blocks, 0.93 to 1.07 times its middle, cover such a bracket


@dataclass(frozen=True)
class Bracket:
    """Bounds of the searched load: above `low`, at most `high`; None if it lies beyond the range of the search."""

    low: float | None
    high: float | None


class ProbeResult(Enum):
    """The result of one probe under objectives."""

    MET = auto()
    MISSED = auto()  # all requests were served, too slowly
    BEHIND = auto()  # fewer requests were served than sent, or the servers collapsed
    UNCOUNTED = auto()  # invalid, or its load generator was late: shows nothing about the objectives

    @property
    def counts(self) -> bool:
        """Whether it shows that the objectives are met or missed."""
        return self is not ProbeResult.UNCOUNTED

    @property
    def ends(self) -> bool:
        """Whether larger loads are no use: they would fall behind as well, or not count either."""
        return self in (ProbeResult.BEHIND, ProbeResult.UNCOUNTED)


@dataclass(frozen=True)
class NextProbe:
    """A load to probe, and the number of this probe at the load, from 1."""

    load: float
    number: int


Results = Mapping[float, Sequence[ProbeResult]]  # load → its probes, in their order


def has_met(results: Sequence[ProbeResult]) -> bool:
    """Whether more than half of a load's probes met the objectives."""
    return 2 * sum(result == ProbeResult.MET for result in results) > len(results)


def bracket(results: Results) -> Bracket:
    """The smallest load that missed the objectives above one that met them, and the largest below it that met them.

    Where no load met them, `high` is the smallest load.
    """
    met = sorted(load for load, shown in results.items() if has_met(shown))
    missed = [load for load, shown in results.items() if not has_met(shown)]
    high = min((load for load in missed if not met or load > met[0]), default=None)
    return Bracket(max((load for load in met if high is None or load < high), default=None), high)


def doubled(least: int, most: int) -> list[int]:
    """The loads of the doubling, from `least` to `most`."""
    loads = [least]
    while loads[-1] < most:
        loads.append(min(2 * loads[-1], most))
    return loads


def can_repeat(probes: Mapping[Any, Sequence[object]], load: float) -> bool:
    """Whether another probe of a load is allowed, by the number of probes so far."""
    tried = [len(each) for each in probes.values()]
    return len(probes[load]) < TRIES and sum(tried) - len(tried) < MOST_REPEATS


def next_probe(least: float, most: float, until: float, results: Results, *, whole: bool) -> NextProbe | None:
    """The next probe, from `least` to `most`; None when the bracket is within `until` of its high end.

    `whole` rounds to whole numbers. The doubling ends at the first load that missed the objectives above one that met
    them, or at one that falls behind.
    """
    load, any_met = least, False
    while True:
        shown = results.get(load, ())
        if not shown:
            return NextProbe(load, 1)
        ends = any_met or 2 * sum(result.ends for result in shown) > len(shown)
        any_met = any_met or has_met(shown)
        if ends and not has_met(shown):
            if not _is_certain(shown) and can_repeat(results, load):
                return NextProbe(load, len(shown) + 1)
            break
        if load >= most:
            break
        load = min(2 * load, most)
    return narrowed(until, results, whole=whole)


def narrowed(until: float, results: Results, *, whole: bool) -> NextProbe | None:
    """The next probe that narrows the bracket; None when it is within `until` of its high end, or has one end only.

    Its high end is repeated last: a miss farther above does not matter then, and one that was wrong widens it again.
    """
    found = bracket(results)
    low, high = found.low, found.high
    if high is None:
        return None
    if low is not None and high - low > (max(1.0, until * high) if whole else until * high):
        middle = readable(math.sqrt(low * high), whole=whole)
        if low < middle < high and middle not in results:
            return NextProbe(middle, 1)
    repeats = not _is_certain(results[high]) and can_repeat(results, high)
    return NextProbe(high, len(results[high]) + 1) if repeats else None


def _is_certain(results: Sequence[ProbeResult]) -> bool:
    """Whether two probes missed the objectives, and more than met them."""
    met = sum(result == ProbeResult.MET for result in results)
    return len(results) - met >= 2 and len(results) > 2 * met
